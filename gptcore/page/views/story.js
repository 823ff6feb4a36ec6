// Story: a tale in type made for reading, told token by token, with the model's surprise at each of them.

const OPENINGS = [["English", "Once upon a time"], ["한국어", "옛날 옛적에"]]; // how the tales of the two languages begin
const MOST_TALE = 400; // tokens
const MOST_SENTENCES = 3; // of a paragraph in which nobody speaks
const SLICE = 24; // milliseconds of telling, and then the page has its turn

// What Python takes for white space.
const WHITE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const BETWEEN_SENTENCES = new RegExp(`(?:(?<=[.!?])|(?<=[.!?]["”]))[${WHITE}]+(?![a-z])`, "g");
const [WHITE_START, WHITE_END] = [new RegExp(`^[${WHITE}]+`), new RegExp(`[${WHITE}]+$`)];
const withoutStart = (text) => text.replace(WHITE_START, "");
const withoutEnd = (text) => text.replace(WHITE_END, "");
const stripped = (text) => withoutEnd(withoutStart(text));

// A text that a model has written, as far as it is told. A piece is {text, surprise, count}: what a token adds, or several
// that only make a character together; the surprise of its tokens, in nats, is null in the prompt, which was given.
class Tale {
  constructor(promptIds) {
    Object.assign(this, { promptIds, newIds: [], pieces: [], hasEnded: false, isTold: false });
  }

  get text() {
    return this.pieces.map(({ text }) => text).join("");
  }

  // The new piece with the largest surprise, the first of them.
  get mostSurprising() {
    const added = this.pieces.filter(({ surprise }) => surprise !== null);
    return added.reduce((most, piece) => (most === null || piece.surprise > most.surprise ? piece : most), null);
  }

  // The pieces of each paragraph, with no white space at its ends.
  get paragraphs() {
    const starts = paragraphStarts(this.text);
    const groups = [];
    let [place, number] = [0, 0];
    for (const piece of this.pieces) {
      // A piece begins with the space before its word, and so a paragraph begins with the second letter of it.
      const letter = place + piece.text.length - withoutStart(piece.text).length;
      while (number < starts.length && letter >= starts[number]) number += 1;
      (groups[number] ??= []).push(piece);
      place += piece.text.length;
    }
    return groups.map(withoutWhite).filter((pieces) => pieces.length);
  }

  get caption() {
    if (!this.isTold) return t("It is writing.");
    const size = t("{tokens} in all, of which the model wrote {new}.", {
      tokens: counted(this.promptIds.length + this.newIds.length, "token"), new: grouped(this.newIds.length),
    });
    const most = this.mostSurprising;
    if (most === null) return size;
    const values = { text: stripped(most.text), nats: decimals(most.surprise, 1) };
    return `${size} ${t("It was surprised most at “{text}”, by {nats} nats.", values)}`;
  }
}

// `pieces` without white space before the first word and after the last.
function withoutWhite(pieces) {
  const isWord = ({ text }) => stripped(text) !== "";
  const [first, last] = [pieces.findIndex(isWord), pieces.findLastIndex(isWord)];
  return pieces.slice(first, last + 1).map((piece, i) => {
    const text = i === 0 ? withoutStart(piece.text) : piece.text;
    return { ...piece, text: i === last - first ? withoutEnd(text) : text };
  });
}

// Where paragraphs begin in `text` after the first.
//
// They are those of the text. One without any is divided as a book would: someone who speaks begins a new paragraph, and
// so does the teller when they have spoken, and after every third sentence.
function paragraphStarts(text) {
  const endsOf = (pattern) => Array.from(text.matchAll(pattern), (match) => match.index + match[0].length);
  if (stripped(text).includes("\n")) return endsOf(/\n+/g);
  const [starts, ends] = [[], endsOf(BETWEEN_SENTENCES)];
  let [count, wasSpoken] = [0, false];
  [0, ...ends].forEach((start, i) => {
    const speaks = /^["“]/.test(withoutStart(text.slice(start, ends[i])));
    const begins = (speaks && !wasSpoken) || (wasSpoken && !speaks && count > 1) || count >= MOST_SENTENCES;
    if (start && begins) {
      starts.push(start);
      count = 0;
    }
    [count, wasSpoken] = [count + 1, speaks];
  });
  return starts;
}

// The text of `generateText` with these settings, and the model's surprise at each of its tokens: that of the model
// itself, -ln p before all settings. Yields the tale after each token, as far as it is told.
function* tell(model, tokenizer, prompt, maxLength, sampling, seed) {
  const [promptIds, steps] = textSteps(model, prompt, tokenizer, maxLength, sampling, seed);
  const tale = new Tale(promptIds);
  const surprises = [];
  const texts = streamDecode(tokenizer, told(tale, steps, tokenizer, surprises), { start: promptIds, cut: true });
  const first = texts.next().value;
  if (first) tale.pieces.push({ text: first, surprise: null, count: promptIds.length });
  yield tale;
  let [nats, count] = [0, 0]; // of the tokens before a text: they are the first bytes of its character
  for (const text of texts) {
    if (!surprises.length) break; // what is left at the end
    [nats, count] = [nats + surprises.shift(), count + 1];
    if (text) {
      tale.pieces.push({ text, surprise: nats, count });
      [nats, count] = [0, 0];
    }
    yield tale;
  }
  tale.isTold = true;
  yield tale;
}

// The new token ids, with what is known of each written down.
function* told(tale, steps, tokenizer, surprises) {
  for (const { tokenId, distribution } of steps) {
    if (tokenizer.endTokenIds.includes(tokenId)) {
      tale.hasEnded = true;
      return;
    }
    tale.newIds.push(tokenId);
    surprises.push(surpriseAt(distribution.logits, tokenId));
    yield tokenId;
  }
}

// -ln p of one token, p from the softmax of `logits`.
function surpriseAt(logits, tokenId) {
  let [most, sum] = [-Infinity, 0];
  for (const logit of logits) most = Math.max(most, logit);
  for (const logit of logits) sum += Math.exp(logit - most);
  return Math.log(sum) + most - logits[tokenId];
}

class Story extends LiveView {
  static front = "story";
  static hands = ["another"];
  static settings = {
    prompt: textSetting(), seed: setting(checkAnySeed), shaded: setting(checkBool),
    temperature: setting(checkSampling), top_k: setting(checkSampling), max_length: setting(checkLength, { most: MOST_TALE }),
  };

  constructor(context, page) {
    super(context, page);
    this.telling = null; // what goes on with the tale; null when it is told
    this.open({ prompt: { value: "" }, shaded: { value: false }, seed: {}, temperature: {}, top_k: {}, max_length: {} });
    this.change(this.saved());
  }

  // Another story: the one of the next `seed`.
  another() {
    this.seed = nextSeed(this.seed);
  }

  update(names) {
    if (this.record === null || names.some((name) => name !== "shaded")) this.tryTo(() => this.begin());
    this.show();
  }

  begin() {
    const { model, tokenizer, prompt, max_length: maxLength, temperature, top_k, seed } = this;
    const telling = tell(model, tokenizer, prompt, maxLength, new Sampling({ temperature, top_k }), seed);
    const tale = telling.next().value;
    this.telling = telling;
    this.later(telling);
    return tale;
  }

  later(telling) {
    this.told = new Promise((resolve) => setTimeout(() => resolve(this.goOn(telling)), 0));
  }

  // Tell for a moment, show it, and go on later; unless another tale has begun.
  goOn(telling) {
    if (this.telling !== telling) return;
    const start = performance.now();
    while (this.telling && performance.now() - start < SLICE) if (telling.next().done) this.telling = null;
    if (this.telling) this.later(telling);
    this.show();
  }

  // When the tale is told.
  async settled() {
    while (this.telling !== null) await this.told;
  }

  shown() {
    if (this.record === null) return {};
    const { paragraphs, hasEnded, isTold, text } = this.record;
    return {
      paragraphs: paragraphs.map((pieces) => pieces.map((piece) => [piece.text, piece.surprise, piece.count])),
      ended: hasEnded,
      language: /[가-힣]/.test(text) ? "ko" : "en",
      openings: OPENINGS,
      ...(isTold ? {} : { writing: true }),
    };
  }

  band() {
    if (this.record === null) return {};
    const { text, promptIds, newIds } = this.record;
    return band(text, [...promptIds, ...newIds], this.model);
  }
}

views.Story = Story;
