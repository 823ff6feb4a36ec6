// ModelComparison: several models, one prompt and the same luck.

// What several models make of one prompt with the same random numbers. `written` and `steps` have an entry for each; while
// the texts grow there are no steps yet.
class ModelsRecord {
  constructor(tokenizer, sampling, seed, written, position, steps = written.map(() => null)) {
    Object.assign(this, { sampling, seed, written, position, steps });
    this.darts = steps.map((step) => step && Dart.of(step.distribution, step.uniform, tokenizer));
  }

  get caption() {
    return t("{settings}, seed {seed}", { settings: samplingText(this.sampling), seed: this.seed });
  }

  // One model for the page: its loss, its text, and the dart on the bar of the token that is looked at.
  shown(i, name, loss) {
    const { prompt, pieces, tokenIds } = this.written[i];
    const shown = { name, loss, prompt, pieces, position: Math.min(this.position, tokenIds.length - 1) };
    if (this.steps[i] === null) return shown;
    return { ...shown, choices: Math.exp(this.steps[i].distribution.entropy), dart: this.darts[i].shown() };
  }
}

class ModelComparison extends Comparison {
  static front = "model_comparison";
  static hands = ["look", "other_luck"];
  static settings = {
    prompt: textSetting(), seed: setting(checkSeed), max_length: setting(checkLength, { most: MOST_LENGTH }),
    temperature: setting(checkSampling), top_k: setting(checkSampling),
  };

  // `page.given` has the models, [the name that they have here, their name on the page] each, their losses, and the floor.
  constructor(context, page) {
    super(context, page);
    const { models, losses, floor } = page.given;
    this.names = models.map(([name]) => name);
    this.models = models.map(([, known]) => knownModel(context, known));
    Object.assign(this, { losses, floor });
    const topKs = [...[1, 2, 5, 10, 50, 200].map((k) => [grouped(k), k]), [t("all"), null]];
    this.open({
      prompt: { value: "" }, temperature: { value: 1, min: 0, max: 2, step: 0.05 }, top_k: { options: topKs },
      seed: { value: 1 }, max_length: { value: 1 },
    });
    this.change(this.saved());
    this.redo();
  }

  // Look at another token.
  look(position) {
    const last = Math.max(1, this.max_length) - 1;
    if (!(isInteger(position) && 0 <= position && position <= last)) {
      throw new Error(t("position must be an integer from 0 to {last}, got {value}", { last, value: given(position) }));
    }
    const { sampling, seed, written } = this.record;
    this.record = new ModelsRecord(this.tokenizer, sampling, seed, written, Number(position));
    if (this.writing === null) this.record = this.finished();
    this.show();
  }

  // The same texts, and what each model chose its new token from, computed again.
  finished() {
    const { sampling, seed, written, position } = this.record;
    const steps = written.map((text, i) => {
      const index = Math.min(position, text.tokenIds.length - 1);
      return index < 0 ? null : stepAgain(this.models[i], this.tokenizer, text, index, sampling);
    });
    return new ModelsRecord(this.tokenizer, sampling, seed, written, position, steps);
  }

  // Let each model write its text.
  begin() {
    const { temperature, top_k, seed, max_length: maxLength } = this;
    const sampling = new Sampling({ temperature, top_k });
    const position = Math.min(this.record?.position ?? 0, Math.max(1, maxLength) - 1);
    const written = super.begin(this.models.map((model) => [model, sampling]));
    return new ModelsRecord(this.tokenizer, sampling, seed, written, position);
  }

  // The token that a hand has chosen to look at.
  did() {
    return this.record?.position ? [["look", [this.record.position]]] : [];
  }

  shown() {
    if (this.record === null) return {};
    const models = this.names.map((name, i) => this.record.shown(i, name, this.losses[name] ?? null));
    const losses = Object.values(this.losses);
    const writing = this.writing === null ? {} : { writing: true };
    return { models, largest: losses.length ? Math.max(...losses) : null, floor: this.floor, ...writing };
  }

  band() {
    if (this.record === null) return {};
    const step = this.record.steps.at(-1);
    const known = step === null ? [] : [this.tokenizer, step.distribution, step.uniform, step.tokenId];
    return band(this.prompt, this.record.written.at(-1).promptIds, this.models.at(-1), ...known);
  }
}

// A model of the page; one that has read nothing needs no file.
function knownModel({ models }, name) {
  if (name === "untrained" && models.storyteller) models.untrained ??= untrained(models.storyteller.config, 0);
  if (models[name]) return models[name];
  throw new Error(`the page has no model called ${name}`);
}

views.ModelComparison = ModelComparison;
