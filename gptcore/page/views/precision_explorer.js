// PrecisionExplorer: how few bits the weights of a model can do with, and how many of them may share a scale.

const FULL_FORMAT = new Format(FLOAT32, null);
const TEXT_SETTINGS = ["prompt", "seed", "temperature", "top_k", "max_length"];

// A model in one format beside itself in float32.
class Precision {
  // here: what was measured; points: all that were measured so far; entropy: how uncertain the float32 model is; written:
  // the texts of the float32 model and of this one, with the same random numbers.
  constructor(values) {
    Object.assign(this, values); // here, points, entropy, positions, fullSize, written, row
  }

  // The index of the first new token that differs; null if both texts are the same.
  get firstDifference() {
    return firstDifference(...this.written.map(({ tokenIds }) => tokenIds));
  }

  get caption() {
    const { here, entropy, positions, firstDifference: index } = this;
    return t(
      "{name}: {kl} nats per token from float32, whose own uncertainty is {entropy}. The likeliest token is the same " +
        "at {same} of {count} positions. {text}",
      {
        name: here.form.name, kl: natsText(here.kl), entropy: decimals(entropy, 2), same: here.unchanged, count: positions,
        text: index === null ? t("The texts are the same.") : t("The first token that differs is new token {number}.", { number: index + 1 }),
      },
    );
  }

  shown() {
    const { here, written, firstDifference: index } = this;
    return {
      here: pointShown(here),
      points: this.points.map(pointShown),
      count: FORMATS.length,
      entropy: this.entropy,
      positions: this.positions,
      fullSize: this.fullSize,
      sizes: [bytesText(here.size), bytesText(this.fullSize)],
      kl: natsText(here.kl),
      texts: written.map((text) => textParts(text, index)),
      row: this.row,
    };
  }
}

const pointShown = ({ form, size, bitsPerWeight: x, kl, unchanged: same }) =>
  ({ bits: form.bits, grouping: form.grouping, name: form.name, x, kl, said: natsText(kl), size, same });

// A text as what is the same in both, the first token that differs, and what comes after it.
function textParts(text, index) {
  if (index === null) return [text.whole, "", ""];
  const [before, here, after] = [[0, index], [index, index + 1], [index + 1]].map((ends) => text.pieces.slice(...ends).join(""));
  return [text.prompt + before, here, after];
}

// Two digits of a divergence, without a power of ten: "0.000012".
const natsText = (nats) => (nats ? fixed(nats, Math.max(2, 1 - Math.floor(Math.log10(nats)))) : "0");

class PrecisionExplorer extends LiveView {
  static front = "precision_explorer";
  static hands = ["go_to", "measure_next", "other_luck"];
  static remembered = ["record", "expected", "measured", "written"];
  static settings = {
    bits: setting(checkBits), grouping: setting(checkGrouping),
    text: textSetting(), prompt: textSetting(), seed: setting((name, value) => checkSeed(name, value)),
    temperature: setting(checkSampling), top_k: setting(checkSampling), max_length: setting(checkLength, { most: MOST_LENGTH }),
  };

  constructor(context, page) {
    super(context, page);
    const others = ["text", "prompt", "seed", "temperature", "top_k", "max_length"];
    Object.assign(this, { expected: null, measured: new Map(), written: new Map(), coarse: null });
    this.open({
      bits: { value: 8, options: PRECISION_BITS.map((bits) => [String(bits), bits]) },
      grouping: { value: "row", options: GROUPINGS.map((grouping) => [String(grouping), grouping]) },
      ...Object.fromEntries(others.map((name) => [name, {}])),
    });
    this.change(this.saved());
    this.redo();
  }

  // Look at another format; without a `grouping` at that of floats.
  go_to(bits, grouping) {
    this.change({ bits, ...(grouping == null ? {} : { grouping }) });
  }

  // Measure one more format, the text aside, unless all are.
  measure_next() {
    const next = FORMATS.find((form) => !this.measured.has(form.key));
    if (!next) return;
    this.measure(next);
    this.update([]);
  }

  // The next seed.
  other_luck() {
    this.seed = nextSeed(this.seed);
  }

  // The model in a format; the last one is kept.
  inFormat(form) {
    if (form.bits === FLOAT32) return this.model;
    if (this.coarse?.form.key !== form.key) this.coarse = { form, model: coarseModel(this.model, form) };
    return this.coarse.model;
  }

  measure(form) {
    if (!this.measured.has(form.key)) {
      const found = measured(this.model, this.expected, form, this.inFormat(form));
      this.measured = new Map([...this.measured, [form.key, found]]);
    }
    return this.measured.get(form.key);
  }

  write(form) {
    if (!this.written.has(form.key)) {
      const sampling = new Sampling({ temperature: this.temperature, top_k: this.top_k });
      const text = writeText(this.inFormat(form), this.tokenizer, this.prompt, this.max_length, sampling, this.seed);
      this.written = new Map([...this.written, [form.key, text]]);
    }
    return this.written.get(form.key);
  }

  update(names) {
    this.tryTo(() => this.explored(names));
    this.show();
  }

  explored(names) {
    if (names.includes("text")) [this.expected, this.measured] = [new Beliefs(this.model, this.tokenIds()), new Map()];
    if (names.some((name) => TEXT_SETTINGS.includes(name))) {
      this.written = new Map();
      const [prompt, notice] = fitting(this.prompt, [this.model], this.tokenizer, this.max_length);
      if (notice) {
        this.put({ prompt });
        this.notice = notice;
      }
    }
    const form = new Format(this.bits, this.grouping);
    const [full, here] = [this.measure(FULL_FORMAT), this.measure(form)];
    return new Precision({
      here,
      points: FORMATS.map(({ key }) => this.measured.get(key)).filter(Boolean),
      entropy: this.expected.entropy,
      positions: this.expected.tokenIds.length,
      fullSize: full.size,
      written: [this.write(FULL_FORMAT), this.write(form)],
      row: firstRow(this.model, this.inFormat(form), form),
    });
  }

  tokenIds() {
    const encoded = this.tokenizer.encode(this.text);
    const tokenIds = encoded.length ? encoded : startIds(this.model, this.tokenizer, "text");
    return tokenIds.slice(0, Math.min(COMPARED, this.model.config.context_length));
  }

  shown() {
    return this.record === null ? {} : this.record.shown();
  }

  band() {
    return this.record === null ? {} : band(this.prompt, this.record.written[0].promptIds, this.model);
  }
}

views.PrecisionExplorer = PrecisionExplorer;
