// CostExplorer: what models of several sizes need, and how fast they can be at best.

const COST_DTYPES = ["float32", "bfloat16", "int8"];
const COST_TOKENS = [1, 16, 64, 128, 256, 512, 1024];
const COST_BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64];
const COST_BANDWIDTHS = [5, 10, 20, 50, 100, 200, 400, 1000, 2000, 4000].map((number) => number * 1e9); // bytes per second
const MOST_COST_TEXTS = 1_000_000;
const COST_NAME = 40; // characters of a name in a sentence, at most

// What models of several sizes need at one setting; `position` is that of the model that is looked at.
class Costs {
  constructor(configs, settings, position) {
    const { tokens, batch_size: batchSize, dtype, bandwidth } = settings;
    Object.assign(this, { tokens, batchSize, dtype, bandwidth, position });
    this.models = configs.map(([name, config]) => {
      const size = [config, Math.min(tokens, config.context_length), batchSize, dtype];
      const [weights, cache, read] = [weightBytes(config, dtype), cacheBytes(...size), bytesReadPerStep(...size)];
      return { name, tokens: size[1], weights, cache, read, seconds: secondsPerToken(...size, bandwidth), config };
    });
  }

  // The model that is looked at.
  get here() {
    return this.models.at(this.position);
  }

  get caption() {
    const { here, batchSize } = this;
    const step = t("{name}: a step reads {size}, of which the cache is {share}, and so takes at least {time}.", {
      name: shortened(here.name, COST_NAME),
      size: bytesText(here.read),
      share: `${decimals((100 * here.cache) / here.read, 0)}%`,
      time: secondsText(here.seconds),
    });
    const pace = { each: threeDigits(1 / here.seconds), all: threeDigits(batchSize / here.seconds), count: batchSize };
    const together = batchSize > 1
      ? t("That is at most {each} tokens per second for each text, and {all} for all {count} together.", pace)
      : t("That is at most {each} tokens per second for each text.", pace);
    const short = this.models.filter(({ tokens }) => tokens < this.tokens).map(({ name }) => shortened(name, COST_NAME));
    const shorter = t("({names}: texts as long as its context, which is shorter.)", { names: short.join(", ") });
    return [step, together, ...(short.length ? [shorter] : [])].join(" ");
  }

  // The axes, where each model lies on them, and how the numbers of one come about.
  shown() {
    const lanes = Object.entries(COST_LANES);
    return {
      lanes: lanes.map(([, [name, axis]]) => ({ name, marks: axis.marks })),
      models: this.models.map((cost) => ({ name: cost.name, lanes: lanes.map(([field, [, axis]]) => axis.place(cost[field])) })),
      here: this.models.indexOf(this.here),
      formula: this.formula,
    };
  }

  // The factors and the sums of the numbers of the model that is looked at.
  get formula() {
    const { here, dtype } = this;
    const parameters = numParameters(here.config);
    return {
      parameters,
      bytes: here.weights / parameters, // a mean, if the weights are int8
      layers: here.config.n_layers,
      texts: this.batchSize,
      tokens: here.tokens,
      width: here.config.emb_dim,
      cache_bytes: cacheItemBytes(dtype),
      weights_read: bytesText(here.read - here.cache),
      cache_read: bytesText(here.cache),
      bandwidth: speedText(this.bandwidth),
    };
  }
}

const speedText = (bandwidth) => `${bytesText(bandwidth)}/s`;

// A logarithmic axis from one power of ten to another, on which a length means nothing. It holds still while a slider moves.
class LogAxis {
  constructor(low, high, text) {
    Object.assign(this, { low, high, text });
  }

  // Where `value` lies, from 0 to 1; what lies beyond an end is drawn there.
  share(value) {
    return value > 0 ? Math.min(1, Math.max(0, (Math.log10(value) - this.low) / (this.high - this.low))) : 0;
  }

  // Where `value` lies, whether that is beyond the axis, and how it is written.
  place(value) {
    const isWithin = 10 ** this.low <= value && value <= 10 ** this.high;
    return { share: this.share(value), beyond: !isWithin, text: this.text(value) };
  }

  // [share, text] of every second power of ten.
  get marks() {
    const marks = [];
    for (let power = this.low; power < this.high; power += 2) marks.push([this.share(10 ** power), this.text(10 ** power)]);
    return marks;
  }
}

const MEMORY_AXIS = new LogAxis(4, 11, bytesText); // 10 kB to 100 GB
const TIME_AXIS = new LogAxis(-6, 1, secondsText); // 1 µs to 10 s
const COST_LANES = { // what a lane shows: its heading and its axis
  weights: [t("Weights"), MEMORY_AXIS],
  cache: [t("KV cache"), MEMORY_AXIS],
  seconds: [t("Least time for a token"), TIME_AXIS],
};

function checkCostDtype(name, value) {
  if (COST_DTYPES.includes(value)) return;
  const names = COST_DTYPES.map((dtype) => `torch.${dtype}`).join(", ");
  throw new Error(t("{name} must be one of {names}, got {value}", { name, names, value: given(value) }));
}

class CostExplorer extends LiveView {
  static front = "cost_explorer";
  static hands = ["look"];
  static settings = {
    tokens: setting(), batch_size: setting(undefined, { most: MOST_COST_TEXTS }),
    dtype: setting(checkCostDtype), bandwidth: setting(undefined, { text: speedText }),
  };

  constructor(context, page) {
    super(context, page);
    this.configs = page.given.configs;
    this.longest = this.configs.map(([, config]) => config).reduce((one, other) => (other.context_length > one.context_length ? other : one));
    const longest = this.longest.context_length;
    const counts = [...COST_TOKENS.filter((count) => count < longest), longest];
    this.open({
      tokens: { value: counts[0], options: counts.map((count) => [grouped(count), count]) },
      batch_size: { value: 1, options: COST_BATCH_SIZES.map((size) => [String(size), size]) },
      dtype: { value: "float32", options: COST_DTYPES.map((dtype) => [dtype, dtype]) },
      bandwidth: { value: COST_BANDWIDTHS[0], options: COST_BANDWIDTHS.map((speed) => [speedText(speed), speed]) },
    });
    this.update([]); // so that there is something to show if a setting is not allowed
    this.change(this.saved());
    this.redo();
  }

  get values() {
    return Object.fromEntries(Object.keys(this.controls).map((name) => [name, this[name]]));
  }

  checked(settings) {
    const checked = super.checked(settings);
    const { tokens, batch_size: batchSize, dtype, bandwidth } = { ...this.values, ...checked };
    secondsPerToken(this.longest, tokens, batchSize, dtype, bandwidth);
    return checked;
  }

  // Look at the model at `position`.
  look(position) {
    checkInteger("position", position, 0);
    const last = this.record.models.length - 1;
    if (position > last) throw new Error(t("position must be at most {last}, got {value}", { last, value: given(position) }));
    this.record = new Costs(this.configs, this.values, position);
    this.show();
  }

  update() {
    const position = this.record?.position ?? -1;
    this.tryTo(() => new Costs(this.configs, this.values, position));
    this.show();
  }

  shown() {
    return this.record.shown();
  }

  band() {
    const { tokens, config } = this.record.here;
    return { tokens, layers: config.n_layers, logits: config.vocab_size };
  }
}

views.CostExplorer = CostExplorer;
