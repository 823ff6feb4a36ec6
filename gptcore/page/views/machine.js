// Machine: the whole way from a text to its next token, stage by stage, down to single rows of numbers.

const MOST_NUMBERS = 192; // of a row that are shown
const MOST_LETTERS = 60; // of the text whose bytes are shown
const CANDIDATES = 8;

// How a model reads the last token of a text. What comes before it is remembered, so that one more token costs one token.
class LastToken {
  constructor(model, tokenizer) {
    Object.assign(this, { model, tokenizer, kvCache: new KVCache(model.config), known: [], reading: null });
  }

  // The `Reading` of at most `context_length` tokens.
  read(tokenIds) {
    const { model, kvCache, known } = this;
    const last = tokenIds.length - 1;
    let same = 0;
    while (same < tokenIds.length && tokenIds[same] === known[same]) same += 1;
    if (this.reading && same === tokenIds.length && same === known.length) return this.reading;
    Object.assign(this, { known: [], reading: null });
    kvCache.length = Math.min(same, last);
    if (kvCache.length < last) model.hiddenStates(tokenIds.slice(kvCache.length, last), kvCache);
    let x = model.embedded(tokenIds.slice(last), last); // (1, C)
    const [stream, attention] = [[x], []];
    model.blocks.forEach((block, layer) => {
      const seen = new Float32Array(model.config.n_heads * tokenIds.length); // (n_heads, T)
      x = block.forward(x, layer, kvCache, seen);
      stream.push(x);
      attention.push(seen);
    });
    kvCache.length += 1;
    const reading = new Reading(model, this.tokenizer, stream, attention, tokenIds.length);
    Object.assign(this, { known: tokenIds, reading });
    return reading;
  }
}

// What no setting of the sampler changes: the stream at the last position after the embedding and after each block,
// n_layers + 1 rows (C,), and how each block shares out its attention, n_layers of (n_heads, T).
class Reading {
  constructor(model, tokenizer, stream, attention, T) {
    const logits = stream.map((row) => lensLogits(model, row)); // what the head would make of each row
    this.rows = stream;
    this.guesses = logits.map((scores) => guess(tokenizer, scores));
    this.reads = attention.map((weights) => meanOfHeads(weights, T));
    this.lastRow = model.finalNorm.forward(stream.at(-1));
    this.logits = logits.at(-1);
  }
}

// One token's way through the machine: what each stage makes of it.
class Passage {
  constructor(lastToken, tokenIds, sampling, uniform) {
    const { model, tokenizer } = lastToken;
    const seen = tokenIds.slice(-model.config.context_length);
    Object.assign(this, lastToken.read(seen)); // rows, guesses, reads, lastRow, logits
    this.text = tokenizer.decode(tokenIds);
    const labels = seen.map((id) => tokenLabel(tokenizer, id));
    this.read = new RecordedText({ tokenIds: seen }, labels, tokenIds.length - seen.length);
    this.distribution = sampling.distribution(this.logits);
    this.dart = Dart.of(this.distribution, uniform, tokenizer);
    const [C, id] = [model.config.emb_dim, this.dart.tokenId];
    this.embedding = model.head.weight.subarray(id * C, (id + 1) * C); // the head's row for the token that the dart hits
    this.candidates = Candidates.of(this.distribution, tokenizer, CANDIDATES);
    this.hasEnded = false; // the token that was written last was the end of the text
  }

  get caption() {
    const said = t("{tokens} in, {logits} logits out; the dart at {uniform} hits “{label}”, which has a chance of {chance}.", {
      tokens: counted(this.read.labels.length, "token"), logits: grouped(this.distribution.probs.length),
      uniform: uniformText(this.dart.uniform), label: this.dart.label, chance: percent(this.dart.prob),
    });
    const ended = this.hasEnded ? [t("The dart hit the end of the text: the story is over.")] : [];
    return [...ended, said].join(" ") + this.read.warning;
  }

  // Every stage for the page.
  shown() {
    const text = [...this.text];
    const letters = text.slice(-MOST_LETTERS);
    const { logits } = this.distribution;
    const { labels, recording } = this.read;
    return {
      text: this.text,
      letters: letters.map((letter) => [letter, hexOf(new TextEncoder().encode(letter))]),
      hiddenLetters: text.length - letters.length,
      tokens: recording.tokenIds.map((id, i) => [id, labels[i]]),
      size: this.lastRow.length,
      rows: this.rows.map((row) => short(row)),
      guesses: this.guesses,
      reads: this.reads.map((weights) => short(weights, weights.length)),
      lastRow: short(this.lastRow),
      embedding: short(this.embedding),
      logit: logits[this.dart.tokenId],
      candidates: this.candidates.rowsShown().map((row) => ({ ...row, logit: row.id === null ? null : logits[row.id] })),
      dart: this.dart.shown(),
    };
  }
}

// [the likeliest token of `logits`, its probability]
function guess(tokenizer, logits) {
  const [id] = largest(logits, 1);
  return [tokenLabel(tokenizer, id), softmax(Float64Array.from(logits))[id]];
}

// The mean (T,) over all heads of weights (n_heads, T).
function meanOfHeads(weights, T) {
  const means = new Float64Array(T);
  weights.forEach((weight, i) => (means[i % T] += weight / (weights.length / T)));
  return means;
}

// The first numbers, with as many digits as can be read.
const short = (numbers, most = MOST_NUMBERS) => Array.from(numbers.slice(0, most), (number) => Number(decimals(number, 3)));

class Machine extends LiveView {
  static front = "machine";
  static hands = ["write", "other_luck"];
  static remembered = ["record", "tokenIds", "written"];
  static settings = {
    prompt: textSetting(), seed: setting(checkSeed), temperature: setting(checkSampling), top_k: setting(checkSampling),
  };

  constructor(context, page) {
    super(context, page);
    Object.assign(this, { lastToken: new LastToken(this.model, this.tokenizer), tokenIds: [], written: 0 });
    this.open({
      prompt: { value: "" },
      temperature: { value: 1, min: 0, max: 2, step: 0.05 },
      top_k: { options: [...[1, 2, 5, 10, 50].map((k) => [String(k), k]), [t("off"), null]] },
      seed: { value: 1 },
    });
    this.change(this.saved());
    this.redo();
  }

  // Append the token that the dart hit, or `tokenIds`, and send the longer text through the machine.
  write(...tokenIds) {
    const { vocab_size: size } = this.model.config;
    for (const tokenId of tokenIds) {
      checkInteger("token_id", tokenId, 0);
      if (tokenId >= size) {
        const values = { size: grouped(size), value: groupedInteger(tokenId) };
        throw new Error(t("token_id must be below {size}, got {value}", values));
      }
    }
    if (this.record === null) return;
    const written = tokenIds.length ? tokenIds : [this.record.dart.tokenId];
    const end = written.findIndex((tokenId) => this.tokenizer.endTokenIds.includes(tokenId));
    const newIds = end < 0 ? written : written.slice(0, end);
    if (newIds.length) this.tryTo(() => this.pass([...this.tokenIds, ...newIds], this.written + newIds.length));
    if (end >= 0) this.record.hasEnded = true;
    this.show();
  }

  // What was written is written again, whatever the settings were when it was drawn.
  did() {
    const newIds = this.tokenIds.slice(this.tokenIds.length - this.written);
    if (this.record?.hasEnded) newIds.push(this.tokenizer.endTokenIds[0]);
    return newIds.length ? [["write", newIds]] : [];
  }

  // The next seed.
  other_luck() {
    this.seed = nextSeed(this.seed);
  }

  update(names) {
    const begins = names.includes("prompt") || names.includes("seed") || this.record === null;
    this.tryTo(() => (begins ? this.begin() : this.pass(this.tokenIds, this.written)));
    this.show();
  }

  begin() {
    const tokenIds = this.tokenizer.encode(this.prompt);
    return this.pass(tokenIds.length ? tokenIds : startIds(this.model, this.tokenizer), 0);
  }

  // Send the text through, with the random number of the token after `written` new ones.
  pass(tokenIds, written) {
    const { temperature, top_k } = this;
    const luck = new Uniforms(this.seed);
    for (let i = 0; i < written; i += 1) luck.next();
    const passage = new Passage(this.lastToken, tokenIds, new Sampling({ temperature, top_k }), luck.next());
    Object.assign(this, { tokenIds, written });
    return passage;
  }

  shown() {
    return this.record === null ? {} : this.record.shown();
  }

  band() {
    if (this.record === null) return {};
    const { text, distribution, dart } = this.record;
    return band(text, this.tokenIds, this.model, this.tokenizer, distribution, dart.uniform, dart.tokenId);
  }
}

views.Machine = Machine;
