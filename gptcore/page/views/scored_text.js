// How likely a model held each token of a text: `scored_text.py`.

const TOKENS_AT_ONCE = 16; // tokens that are read, and positions whose logits are computed, before a page may draw again

// A text of N tokens as a model has read it. Nothing comes before the first, so that it is not predicted.
// scores: {prob, rank, surprise} of each token, null for the first. states (N - 1, C): what the head has read to predict
// each of the others.
class ScoredText {
  constructor(tokens, scores, states, config) {
    Object.assign(this, { tokens, scores, states });
    [this.contextLength, this.vocabSize] = [config.context_length, config.vocab_size];
    this.pieces = tokens.pieces();
    this.mostSurprising = this.pieces.reduce((most, piece) => (this.surpriseOf(piece) > this.surpriseOf(most) ? piece : most));
  }

  // The surprise of the whole text, in nats.
  get total() {
    return this.scores.slice(1).reduce((sum, { surprise }) => sum + surprise, 0);
  }

  // The mean surprise, in nats per token.
  get loss() {
    return this.total / (this.scores.length - 1);
  }

  // The surprise of a piece: that of its tokens, added up, as their probabilities multiply.
  surpriseOf({ start, tokens }) {
    return this.scores.slice(Math.max(1, start), start + tokens.length).reduce((sum, { surprise }) => sum + surprise, 0);
  }

  // What there is to say of how the text was read.
  get warning() {
    const size = this.contextLength;
    if (this.scores.length <= size + 1) return "";
    const said = t(
      "The text is longer than the context of {size} tokens: each of its later tokens is predicted from at least {least} before it.",
      { size: grouped(size), least: grouped(size - stride(size) + 1) },
    );
    return ` ${said}`;
  }
}

// How far the window moves in a text that is longer than the context: half of it.
const stride = (contextLength) => Math.max(1, Math.floor(contextLength / 2));

// [start, first, stop] of each reading of a text: it begins at `start`, and predicts the tokens from `first` on.
function windowsOf(count, contextLength) {
  const found = [];
  for (let start = 0, stop = 1; stop < count; start += stride(contextLength)) {
    const first = stop;
    stop = Math.min(count, start + contextLength + 1);
    found.push([start, first, stop]);
  }
  return found;
}

// Reads texts and notes how likely each token was. Of a text that begins as the one before, only the rest is read.
class TextReader {
  constructor(model) {
    this.model = model;
    this.windows = new Map(); // by their start: {tokenIds, states, cache}
  }

  // The ScoredText. It yields after every few tokens, so that a page can draw in between.
  *score(tokens) {
    const { config } = this.model, C = config.emb_dim, { tokenIds } = tokens;
    const states = new Float32Array((tokenIds.length - 1) * C); // (N - 1, C)
    const scores = [null];
    for (const [start, first, stop] of windowsOf(tokenIds.length, config.context_length)) {
      const read = yield* this.read(start, tokenIds.slice(start, stop - 1));
      states.set(read.states.subarray((first - 1 - start) * C), (first - 1) * C);
      if (stop < tokenIds.length) read.cache = null; // only the last window grows, and a cache takes much memory
      for (let at = first; at < stop; at += TOKENS_AT_ONCE) {
        const ids = tokenIds.slice(at, Math.min(stop, at + TOKENS_AT_ONCE));
        scores.push(...this.scores(states.subarray((at - 1) * C, (at - 1 + ids.length) * C), ids));
        yield;
      }
    }
    return new ScoredText(tokens, scores, states, config);
  }

  // The window from `start` on, of `tokenIds`; what it has in common with the one before need not be read.
  *read(start, tokenIds) {
    const C = this.model.config.emb_dim;
    const known = this.windows.get(start) ?? { tokenIds: [], states: new Float32Array(0), cache: null };
    this.windows.delete(start); // it is incomplete while it is read
    let same = tokenIds.findIndex((tokenId, i) => tokenId !== known.tokenIds[i]);
    if (same < 0) same = tokenIds.length;
    else if (!known.cache) same = 0;
    const states = new Float32Array(tokenIds.length * C);
    states.set(known.states.subarray(0, same * C));
    const cache = known.cache ?? (same < tokenIds.length ? new KVCache(this.model.config) : null);
    for (let at = same; at < tokenIds.length; at += TOKENS_AT_ONCE) {
      cache.length = at;
      states.set(this.model.hiddenStates(tokenIds.slice(at, at + TOKENS_AT_ONCE), cache), at * C);
      yield;
    }
    const read = { tokenIds, states, cache };
    this.windows.set(start, read);
    return read;
  }

  // The scores of `tokenIds` (T), each predicted from its row of `states` (T, C).
  scores(states, tokenIds) {
    const { vocab_size: size } = this.model.config;
    const logits = this.model.head.forward(states); // (T, vocab_size)
    return tokenIds.map((tokenId, i) => scoreOf(logits.subarray(i * size, (i + 1) * size), tokenId));
  }
}

// How likely `logits` make a token, its rank, 1 for the likeliest and equal ones by id, and its surprise in nats.
function scoreOf(logits, tokenId) {
  const own = logits[tokenId];
  let [rank, total, largest] = [1, 0, -Infinity];
  for (let id = 0; id < logits.length; id++) {
    if (logits[id] > own || (logits[id] === own && id < tokenId)) rank += 1;
    if (logits[id] > largest) largest = logits[id];
  }
  for (let id = 0; id < logits.length; id++) total += Math.exp(logits[id] - largest);
  const surprise = Math.max(0, Math.log(total) + largest - own);
  return { prob: Math.exp(-surprise), rank, surprise };
}
