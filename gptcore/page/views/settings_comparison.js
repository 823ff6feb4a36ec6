// SettingsComparison: two settings on the same luck, and the token at which their texts part.

// Two texts from one prompt and the same random numbers, drawn with two settings.
class SettingsRecord {
  // `steps` are those of each text at `position`, or else its last; none if there are no new tokens.
  constructor(tokenizer, samplings, written, position, steps) {
    Object.assign(this, { samplings, written, position, steps });
    this.darts = steps.map(({ distribution, uniform }) => Dart.of(distribution, uniform, tokenizer));
  }

  get tokenIds() {
    return this.written.map(({ tokenIds }) => tokenIds);
  }

  // The index of the first new token that differs; null if both texts are the same.
  get firstDifference() {
    return firstDifference(...this.tokenIds);
  }

  // How many new tokens are the same at the same position.
  get agreement() {
    const [a, b] = this.tokenIds;
    return a.filter((tokenId, i) => tokenId === b[i]).length;
  }

  get caption() {
    const most = Math.max(...this.tokenIds.map(({ length }) => length));
    const first = this.firstDifference;
    if (first === null) return t("The texts are the same, all {most} new tokens.", { most });
    const counts = { n: first + 1, same: this.agreement, most };
    return t("The first token that differs is new token {n}; in all, {same} of {most} positions have the same token.", counts);
  }

  // Both texts and darts for the page.
  shown() {
    const sides = this.written.map(({ prompt, pieces, tokenIds }, i) => {
      const other = this.written[1 - i].tokenIds;
      const same = tokenIds.map((tokenId, place) => other[place] === tokenId);
      return { about: samplingText(this.samplings[i]), prompt, pieces, same, dart: this.darts[i]?.shown() ?? null };
    });
    return { sides, parting: this.firstDifference, position: this.position };
  }
}

// The first index at which two lists differ, or the last one of the longer list.
const parting = (first, second) => firstDifference(first, second) ?? Math.max(first.length, second.length) - 1;

class SettingsComparison extends LiveView {
  static front = "settings_comparison";
  static hands = ["look", "other_luck"];
  static settings = {
    prompt: textSetting(), seed: setting(checkSeed), max_length: setting(checkLength, { most: MOST_LENGTH }),
    temperature_a: setting((_, value) => checkSampling("temperature", value)),
    temperature_b: setting((_, value) => checkSampling("temperature", value)),
    top_k_a: setting((_, value) => checkSampling("top_k", value)),
    top_k_b: setting((_, value) => checkSampling("top_k", value)),
  };

  constructor(context, page) {
    super(context, page);
    const heat = { value: 1, min: 0, max: 2, step: 0.05 };
    const topKs = [...[1, 2, 3, 5, 10, 20, 50, 100].map((k) => [grouped(k), k]), ["all", null]];
    this.open({
      prompt: { value: "" }, seed: { value: 1 }, max_length: { value: 40 },
      temperature_a: heat, temperature_b: heat, top_k_a: { options: topKs }, top_k_b: { options: topKs },
    });
    this.fixed = page.given?.fixed ?? [{}, {}]; // top_p and min_p, which have no control
    this.change(this.saved());
    this.redo();
  }

  get samplings() {
    const { temperature_a, top_k_a, temperature_b, top_k_b } = this;
    const sliders = [{ temperature: temperature_a, top_k: top_k_a }, { temperature: temperature_b, top_k: top_k_b }];
    return sliders.map((settings, i) => new Sampling({ ...settings, ...this.fixed[i] }));
  }

  // Look at the new token at `position`, counted from 0.
  look(position) {
    checkInteger("position", position, 0);
    const { samplings, written, tokenIds } = this.record;
    const last = Math.max(...tokenIds.map(({ length }) => length)) - 1;
    if (position > last) {
      throw new Error(t("position must be at most {last}, got {value}", { last, value: groupedInteger(position) }));
    }
    this.record = this.lookAt(samplings, written, position);
    this.show();
  }

  // The same texts, and what both settings chose their new token at `position` from, computed again.
  lookAt(samplings, written, position) {
    const steps = written.flatMap((text, i) => {
      const index = Math.min(position, text.tokenIds.length - 1);
      return index < 0 ? [] : [stepAgain(this.model, this.tokenizer, text, index, samplings[i])];
    });
    return new SettingsRecord(this.tokenizer, samplings, written, position, steps);
  }

  // The next seed.
  other_luck() {
    this.seed = nextSeed(this.seed);
  }

  update() {
    this.tryTo(() => this.compare());
    if (this.record !== null) this.show();
  }

  // Write a text with each of two settings, and look at the token at which they part.
  compare() {
    const [prompt, notice] = fitting(this.prompt, [this.model], this.tokenizer, this.max_length);
    if (notice) {
      this.put({ prompt });
      this.notice = notice;
    }
    const { model, tokenizer, samplings, seed, max_length: maxLength } = this;
    const written = samplings.map((sampling) => writeText(model, tokenizer, prompt, maxLength, sampling, seed));
    return this.lookAt(samplings, written, parting(...written.map(({ tokenIds }) => tokenIds)));
  }

  // The token that a hand has chosen to look at.
  did() {
    if (this.record === null || this.record.position === parting(...this.record.tokenIds)) return [];
    return [["look", [this.record.position]]];
  }

  shown() {
    return this.record === null ? {} : this.record.shown();
  }

  band() {
    if (this.record === null || !this.record.steps.length) return {};
    const { steps: [step], written: [{ promptIds }] } = this.record;
    return band(this.prompt, promptIds, this.model, this.tokenizer, step.distribution, step.uniform, step.tokenId);
  }
}

views.SettingsComparison = SettingsComparison;
