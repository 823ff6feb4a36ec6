// DistributionExplorer: logit → scaled → probability of the next token, with every setting of the sampler to move.

const TEMPERATURES = [...Array.from({ length: 41 }, (_, i) => i / 20), 2.5, 3, 4, 5, 7, 10, 20, 50, 100];
const TOP_KS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 200, 300, 500, 1000, 2000, 5000, 10_000, 20_000];
const TOP_PS = [...Array.from({ length: 19 }, (_, i) => (i + 1) / 20), 0.97, 0.99, 0.999];
const MIN_PS = [0.001, 0.002, 0.005, 0.01, 0.02, ...Array.from({ length: 20 }, (_, i) => (i + 1) / 20)];
const MOST_ROWS = 50;
const MOST_DRAWS = 1_000_000; // at once

// The distribution after a prompt, and what was drawn from it.
class Exploration {
  constructor({ prompt, sampling, distribution, labels, counts, limit, lastId = null, drawnLabel = "" }) {
    Object.assign(this, { prompt, sampling, distribution, labels, counts, limit, lastId, drawnLabel });
    this.draws = sumOf(counts);
    this.panels = Panels.of(distribution, labels, sampling.temperature, this.draws ? counts : null, lastId);
  }

  get caption() {
    const nats = this.distribution.entropy;
    const said = t("Entropy: {nats} nats, as if choosing among {choices} equally likely tokens.", {
      nats: decimals(nats, 2), choices: groupedDecimals(Math.exp(nats), 1),
    });
    const sentences = [this.settingsCaption(), said, this.drawsCaption()];
    if (this.prompt.endsWith(" ")) {
      sentences.push(t("The prompt ends in a space, which is an unusual place to go on from."));
    }
    if (this.limit !== null) {
      sentences.push(t("The prompt is long: the model sees only its last {limit} tokens.", { limit: grouped(this.limit) }));
    }
    return sentences.join(" ");
  }

  settingsCaption() {
    const [[likeliest, label]] = this.labels;
    const { temperature } = this.sampling;
    if (temperature === 0) {
      return t("Temperature 0 is greedy: the likeliest token, {label}, is taken every time.", { label });
    }
    const { probs } = this.distribution;
    const possible = probs.reduce((count, prob) => count + (prob > 0), 0);
    const rounded = this.panels.keptCount - possible; // in float32 their chance is exactly 0
    const values = {
      temperature: generalFormat(Number(temperature)), n: grouped(possible), all: grouped(probs.length),
      rounded: grouped(rounded), label, chance: percent(probs[likeliest]),
    };
    return rounded === 0
      ? t("At temperature {temperature}, {n} of {all} tokens can be drawn; the likeliest is {label} with {chance}.", values)
      : t("At temperature {temperature}, {n} of {all} tokens can be drawn ({rounded} more round to 0); the likeliest is {label} with {chance}.", values);
  }

  drawsCaption() {
    if (!this.draws) return t("Nothing is drawn yet.");
    const label = this.drawnLabel;
    const prob = this.distribution.probs[this.drawnId];
    if (this.lastId !== null) return t("Drawn: {label}, which had a chance of {chance}.", { label, chance: percent(prob) });
    return t("Of {draws} draws, {label} came {n} times; {expected} were expected.", {
      draws: grouped(this.draws), label, n: grouped(this.counts[this.drawnId]),
      expected: groupedDecimals(this.draws * prob, 1),
    });
  }

  // The token that was drawn, or if there were several draws, the most frequent one.
  get drawnId() {
    return this.lastId ?? largest(this.counts, 1)[0];
  }
}

// A number with so many decimals, and commas in front of them.
const groupedDecimals = (value, digits) => decimals(value, digits).replace(/\B(?=(\d{3})+\.)/g, ",");

// The same distribution after a draw for each of `uniforms`.
function drawMore(record, uniforms, tokenizer) {
  const tokenIds = uniforms.map((uniform) => draw(record.distribution, uniform));
  const counts = record.counts.slice();
  for (const tokenId of tokenIds) counts[tokenId] += 1;
  const more = new Exploration({ ...record, counts, lastId: tokenIds.length === 1 ? tokenIds[0] : null });
  more.drawnLabel = tokenLabel(tokenizer, more.drawnId);
  return more;
}

function checkRows(name, value) {
  checkInteger(name, value, 1);
  if (value > MOST_ROWS) throw new Error(t("{name} must be at most {most}, got {value}", { name, most: MOST_ROWS, value }));
}

class DistributionExplorer extends LiveView {
  static front = "distribution_explorer";
  static hands = ["draw", "reset"];
  static remembered = ["record", "tokenIds", "logits", "labels", "luck"];
  static settings = {
    prompt: textSetting(), log: setting(checkBool), rows: setting(checkRows), seed: setting(checkSeed),
    temperature: setting(checkSampling), top_k: setting(checkSampling),
    top_p: setting(checkSampling), min_p: setting(checkSampling),
  };

  constructor(context, page) {
    super(context, page);
    Object.assign(this, { tokenIds: [], logits: null, labels: null, luck: null });
    this.makeControls(this.tokenizer.length);
    this.start = this.saved(undefined, page.given?.start);
    this.reset();
    this.change(this.saved());
    this.redo();
  }

  // Draw `count` tokens from the distribution, at most a million, and count them with those drawn before.
  draw(count = 1) {
    checkLength("count", count);
    if (this.record === null) return;
    const cut = t("Here count was cut to {most}, the most at once.", { most: grouped(MOST_DRAWS) });
    Object.assign(this, { problem: null, notice: count > MOST_DRAWS ? cut : "" });
    const uniforms = Array.from({ length: Math.min(count, MOST_DRAWS) }, () => this.luck.next());
    this.record = drawMore(this.record, uniforms, this.tokenizer);
    this.show();
  }

  // Back to how it began: the prompt, the settings, the luck; nothing drawn.
  reset() {
    this.change(this.start);
  }

  update(names) {
    if (names.includes("prompt") || this.logits === null) this.read();
    if (this.logits !== null) {
      const isSame = this.labels !== null && !names.includes("rows") && !names.includes("prompt");
      this.labels = isSame ? this.labels : rowLabels(this.logits, this.tokenizer, this.rows);
      const isLook = names.every((name) => name === "log" || name === "rows"); // which change no number
      const relabelled = () => new Exploration({ ...this.record, labels: this.labels });
      this.tryTo(isLook && this.record !== null ? relabelled : () => this.explored());
    }
    this.show();
  }

  // The logits after the prompt, if that can be read.
  read() {
    this.record = this.logits = null;
    try {
      this.tokenIds = this.tokenizer.encode(this.prompt);
      const start = this.tokenIds.length ? this.tokenIds : startIds(this.model, this.tokenizer);
      this.logits = this.model.lastLogits(start);
    } catch (error) {
      this.problem = sentence(error);
    }
  }

  // The record with nothing drawn.
  explored() {
    const { prompt, labels, temperature, top_k, top_p, min_p } = this;
    this.luck = new Uniforms(this.seed);
    const sampling = new Sampling({ temperature, top_k, top_p, min_p });
    const { context_length: length } = this.model.config;
    return new Exploration({
      prompt, sampling, labels, distribution: sampling.distribution(this.logits),
      counts: new Float64Array(this.logits.length), limit: this.tokenIds.length > length ? length : null,
    });
  }

  // The draws, of which all but a single last one are as one.
  did() {
    if (this.record === null) return [];
    const last = this.record.lastId === null ? 0 : 1;
    const others = this.record.draws - last;
    const millions = new Array(Math.floor(others / MOST_DRAWS)).fill(MOST_DRAWS);
    return [...millions, others % MOST_DRAWS, last].filter(Boolean).map((count) => ["draw", [count]]);
  }

  makeControls(vocabSize) {
    const options = (values) => values.map((value) => [numberText(value), value]);
    const off = [t("off"), null];
    this.open({
      prompt: { value: "" },
      temperature: { value: 1, options: options(TEMPERATURES) },
      top_k: { options: [...options(TOP_KS.filter((k) => k < vocabSize)), off] },
      top_p: { options: [...options(TOP_PS), off] },
      min_p: { options: [off, ...options(MIN_PS)] },
      log: { value: false },
      rows: { value: 10, options: options([5, 10, 15, 20]) },
      seed: { value: 1 },
    });
  }

  shown() {
    return this.record === null ? {} : this.record.panels.shown(this.log);
  }

  band() {
    if (this.record === null) return {};
    return band(this.prompt, this.tokenIds, this.model, this.tokenizer, this.record.distribution);
  }
}

views.DistributionExplorer = DistributionExplorer;
