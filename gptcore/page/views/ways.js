// The likeliest ways on from a text, found for certain: as `ways.py` has it.
//
// Beam search finds some ways first. Then every beginning that is likelier than the last of them is read on, the likeliest
// first, until none is left: a way is never likelier than its beginning. A way is a list of token ids that follow the text.

const MOST_READ = 200; // beginnings that are read for one tree: on a flat distribution there are too many to read them all
const MOST_READ_WHOLE = 25; // past the context, where each reads what lies before it again
const TOGETHER = 16; // beginnings that are read at once

const keyOf = (way) => way.join(" ");

// What a model and the source of the stories say after each way on from a text; nothing is asked twice.
class WaysReader {
  // Of `before`, the reader of a text that begins alike, the beginning is not read again.
  constructor(model, tokenizer, tokenIds, before = null) {
    Object.assign(this, { model, tokenizer, tokenIds, before });
    this.ends = tokenizer.endTokenIds;
    this.start = tokenIds.length ? tokenIds : startIds(model, tokenizer);
    this.beginnings = new Map(); // by how many tokens of the text the model does not see
    this.logits = new Map();
    this.truths = new Map();
    this.distributions = new Map();
  }

  // What the token after `way` is drawn from.
  distribution(way, sampling) {
    const key = `${sampling.temperature} ${sampling.top_k} ${keyOf(way)}`;
    this.read([way]);
    if (!this.distributions.has(key)) this.distributions.set(key, sampling.distribution(this.logits.get(keyOf(way))));
    return this.distributions.get(key);
  }

  // Let the model read all `ways`, those of one length at once.
  read(ways) {
    const missing = ways.filter((way) => !this.logits.has(keyOf(way)));
    const { vocab_size: size } = this.model.config;
    for (const length of new Set(missing.map((way) => way.length))) {
      const group = missing.filter((way) => way.length === length);
      const logits = this.model.head.forward(this.states(group, length)); // (ways, vocab_size)
      group.forEach((way, i) => this.logits.set(keyOf(way), logits.slice(i * size, (i + 1) * size)));
    }
  }

  // Whether the text and `length` tokens more fit into the context.
  fits(length) {
    return this.start.length + length <= this.model.config.context_length;
  }

  // The states (ways, C) after `ways` of one length.
  states(ways, length) {
    const beginning = this.beginning(length);
    return length ? readBranches(this.model, beginning, ways) : beginning.last;
  }

  // The text as it has been read before ways of `length` tokens; past the context the model sees only its end.
  beginning(length) {
    const hidden = Math.max(0, this.start.length + length - this.model.config.context_length);
    if (!this.beginnings.has(hidden)) this.beginnings.set(hidden, this.readBeginning(hidden));
    return this.beginnings.get(hidden);
  }

  readBeginning(hidden) {
    const tokenIds = this.start.slice(hidden);
    const cache = new KVCache(this.model.config);
    const known = this.before?.beginnings.get(hidden);
    if (known) {
      const same = tokenIds.findIndex((tokenId, i) => tokenId !== known.tokenIds[i]);
      cache.length = Math.min(same < 0 ? tokenIds.length : same, tokenIds.length - 1); // the last one is read for its state
      known.cache.keys.forEach((keys, layer) => cache.keys[layer].set(keys));
      known.cache.values.forEach((values, layer) => cache.values[layer].set(values));
    }
    if (hidden === 0) this.before = null;
    const last = this.model.hiddenStates(tokenIds.slice(cache.length), cache).slice(-this.model.config.emb_dim);
    return { tokenIds, cache, last, rows: new Map() };
  }

  // Map of token id → probability after `way` where the text is a story of the source; empty where none begins so.
  truth(way) {
    const key = keyOf(way);
    if (!this.truths.has(key)) this.truths.set(key, this.toldTruth(way));
    return this.truths.get(key);
  }

  toldTruth(way) {
    try {
      return stories.nextToken([...this.tokenIds, ...way], this.tokenizer);
    } catch {
      return new Map(); // a token that the tokenizer lacks
    }
  }
}

// The states (ways, C) after `ways` of one length that all follow `beginning`: their last tokens as one batch. Keys and
// values of each token of a way are kept in its `rows`, so that longer ways need not read it again.
function readBranches(model, beginning, ways) {
  const { cache, tokenIds, rows } = beginning;
  const C = model.config.emb_dim, position = tokenIds.length + ways[0].length - 1;
  const parents = new Map(ways.map((way) => [keyOf(way.slice(0, -1)), way.slice(0, -1)]));
  const missing = [...parents].filter(([key, way]) => way.length && !rows.has(key)).map(([, way]) => way);
  if (missing.length) readBranches(model, beginning, missing);
  const weights = new Float64Array(position + 1);
  let x = new Float32Array(ways.length * C); // (ways, C)
  ways.forEach((way, i) => x.set(model.embedded(way.slice(-1), position), i * C));
  for (const way of ways) rows.set(keyOf(way), { keys: [], values: [] });
  model.blocks.forEach((block, layer) => {
    const qkv = block.attention.qkv.forward(block.attentionNorm.forward(x)); // (ways, 3C)
    const mixed = new Float32Array(ways.length * C);
    ways.forEach((way, i) => {
      const row = rows.get(keyOf(way));
      row.keys[layer] = qkv.slice((3 * i + 1) * C, (3 * i + 2) * C);
      row.values[layer] = qkv.slice((3 * i + 2) * C, (3 * i + 3) * C);
      for (let length = 1; length <= way.length; length++) {
        const { keys, values } = rows.get(keyOf(way.slice(0, length)));
        cache.keys[layer].set(keys[layer], (tokenIds.length + length - 1) * C);
        cache.values[layer].set(values[layer], (tokenIds.length + length - 1) * C);
      }
      for (let head = 0; head < block.attention.nHeads; head++) {
        block.attention._share(qkv, i, cache.keys[layer], head, position + 1, weights);
        block.attention._gather(weights, cache.values[layer], head, position + 1, mixed, i);
      }
    });
    x = added(x, block.attention.outProj.forward(mixed));
    x = added(x, block.feedForward.forward(block.feedForwardNorm.forward(x)));
  });
  return model.finalNorm.forward(x);
}

// The `width` likeliest ways on of `depth` tokens, or fewer where the text ends earlier, and greedy's. They are found once
// all of `steps` are done, a reading each.
class WaysSearch {
  constructor(reader, sampling, width, depth) {
    Object.assign(this, { reader, sampling, width, depth });
    this.open = new Map([["", { way: [], prob: 1 }]]); // beginnings that have not been read
    this.done = new Map();
    this.readCount = 0;
    this.greedy = [];
  }

  *steps() {
    yield* this.beam();
    this.isExact = yield* this.certify();
  }

  // The likeliest ways, the likeliest first, and then greedy's if it is none of them.
  get ways() {
    const found = likeliestOf([...this.done.values()], this.width).map(({ way }) => way);
    const isFound = found.some((way) => keyOf(way) === keyOf(this.greedy));
    return isFound ? found : [...found, this.greedy];
  }

  *beam() {
    for (let length = 0; length < this.depth; length++) {
      const open = [...this.open.values()].filter(({ way }) => way.length === length);
      const beam = new Map(likeliestOf(open, this.width).map((beginning) => [keyOf(beginning.way), beginning]));
      const greedy = keyOf(this.greedy);
      if (this.open.has(greedy)) beam.set(greedy, this.open.get(greedy));
      this.readOn([...beam.values()]);
      yield;
    }
  }

  // Read every beginning that could still lead to a likelier way; false if there are too many.
  *certify() {
    const most = this.reader.fits(this.depth) ? MOST_READ : MOST_READ_WHOLE;
    while (true) {
      const least = this.least();
      const better = [...this.open.values()].filter(({ prob }) => prob > least);
      if (!better.length) return true;
      if (this.readCount >= most) return false;
      this.readOn(likeliestOf(better, TOGETHER), least);
      yield;
    }
  }

  // What a way must exceed to be one of the likeliest.
  least() {
    if (this.done.size < this.width) return 0;
    return likeliestOf([...this.done.values()], this.width).at(-1).prob;
  }

  // What is not likelier than `least` need not be kept: that never sinks.
  readOn(beginnings, least = 0) {
    this.reader.read(beginnings.map(({ way }) => way));
    this.readCount += beginnings.length;
    for (const { way, prob } of beginnings) {
      const key = keyOf(way);
      const { probs } = this.reader.distribution(way, this.sampling);
      this.open.delete(key);
      // Of the last tokens no more are needed; of others no more can be read.
      const found = largestOf(probs, way.length + 1 === this.depth ? this.width : MOST_READ);
      for (const tokenId of found.filter((tokenId) => prob * probs[tokenId] > least)) {
        const longer = [...way, tokenId];
        const isDone = longer.length === this.depth || this.reader.ends.includes(tokenId);
        (isDone ? this.done : this.open).set(keyOf(longer), { way: longer, prob: prob * probs[tokenId] });
      }
      if (key === keyOf(this.greedy)) this.greedy = [...way, found[0]];
    }
  }
}

// The `count` likeliest of `things`, the likeliest first, equal ones in their order.
function likeliestOf(things, count) {
  return things.length === 0 ? [] : largestOf(Float64Array.from(things, ({ prob }) => prob), count).map((i) => things[i]);
}

// The places of the `count` largest of an array of numbers, the largest first, equal ones in their order.
function largestOf(numbers, count) {
  const least = numbers.slice().sort()[Math.max(0, numbers.length - count)];
  const found = [];
  numbers.forEach((number, i) => number >= least && found.push(i));
  return found.sort((a, b) => numbers[b] - numbers[a] || a - b).slice(0, count);
}
