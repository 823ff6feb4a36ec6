// Texts as widgets keep them: token ids and random numbers, from which any distribution can be computed again.

// A text of a model without its distributions, which would fill the memory.
class Text {
  constructor(promptIds, tokenIds, uniforms, prompt, pieces) {
    this.promptIds = promptIds;
    this.tokenIds = tokenIds; // the new ones
    this.uniforms = uniforms; // the random numbers that chose them
    this.prompt = prompt; // as far as it can be decoded: its last bytes may be read with the first new token
    this.pieces = pieces; // what each new token adds to it, as `streamDecode` yields it, and what is left at the end
  }

  // The prompt and what was written.
  get whole() {
    return this.prompt + this.pieces.join("");
  }
}

// The text of `generateText` with these settings, as it grows: before its first token, after each, and at its end.
function* growing(model, tokenizer, prompt, maxLength, sampling, seed) {
  const [promptIds, steps] = textSteps(model, prompt, tokenizer, maxLength, sampling, seed);
  const text = new Text(promptIds, [], [], "", []);
  const pieces = streamDecode(tokenizer, takenDown(text, steps), { start: promptIds, cut: true });
  text.prompt = pieces.next().value;
  yield text;
  for (const piece of pieces) {
    text.pieces.push(piece);
    yield text;
  }
}

function* takenDown(text, steps) {
  for (const { tokenId, uniform } of steps) {
    text.tokenIds.push(tokenId);
    text.uniforms.push(uniform);
    yield tokenId;
  }
}

// The same text, whole.
function writeText(...settings) {
  return [...growing(...settings)].at(-1);
}

// The step that chose the new token at `index`, computed again.
function stepAgain(model, tokenizer, text, index, sampling) {
  const distribution = distributionAfter(model, tokenizer, text.promptIds, text.tokenIds.slice(0, index), sampling);
  const position = Math.max(1, text.promptIds.length) + index;
  return { position, distribution, uniform: text.uniforms[index], tokenId: text.tokenIds[index] };
}

const LEAST_ROOM = 64; // tokens: a prompt of so many is read whole, however short the context is

// `prompt`, or as much of its end as leaves room for the new tokens in the context, and a sentence that says so.
//
// Past the context a model re-reads all that it sees for each token, and nobody waits that long for a slider.
function fitting(prompt, models, tokenizer, maxLength) {
  const length = lengthOf(prompt);
  const room = Math.max(LEAST_ROOM, Math.min(...models.map(({ config }) => config.context_length)) - maxLength);
  const count = (characters) => tokenizer.encode(sliceOf(prompt, -characters)).length;
  if (4 * length <= room || count(length) <= room) return [prompt, ""]; // a character is 4 bytes at most
  let [low, high] = [0, length - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (room < count(middle + 1)) high = middle;
    else low = middle + 1;
  }
  const fits = Math.max(1, low);
  const values = { count: grouped(fits), total: grouped(length) };
  const said = t("Here prompt was cut to its last {count} of {total} characters, so that the text fits the context.", values);
  return [sliceOf(prompt, -fits), said];
}

// "temperature 0.7, top-k 10"
function samplingText({ temperature, top_k: topK, top_p: topP, min_p: minP }) {
  const said = [
    t("temperature {value}", { value: generalFormat(temperature) }),
    t("top-k {value}", { value: topK === null ? t("all") : topK }),
  ];
  if (topP) said.push(t("top-p {value}", { value: generalFormat(topP) }));
  if (minP) said.push(t("min-p {value}", { value: generalFormat(minP) }));
  return said.join(", ");
}

// The first index at which two lists differ; where one ends, if it is the beginning of the other.
function firstDifference(first, second) {
  const index = first.findIndex((tokenId, i) => tokenId !== second[i]);
  if (index >= 0) return index;
  return first.length === second.length ? null : first.length;
}
