// SettingsComparison: two settings on the same luck, and the token at which their texts part.

// Two texts from one prompt and the same random numbers, drawn with two settings.
class SettingsRecord {
  // `steps` are those of each text at `position`, or else its last; none if there are no new tokens, and null while the
  // texts grow.
  constructor(tokenizer, samplings, written, position = 0, steps = null) {
    Object.assign(this, { samplings, written, position, steps, isWritten: steps !== null });
    this.darts = (steps ?? []).map(({ distribution, uniform }) => Dart.of(distribution, uniform, tokenizer));
  }

  get tokenIds() {
    return this.written.map(({ tokenIds }) => tokenIds);
  }

  // The index of the first new token that differs; null if both texts are the same.
  get firstDifference() {
    const [a, b] = this.tokenIds;
    const length = this.isWritten ? Infinity : Math.min(a.length, b.length); // what both have come to
    return firstDifference(a.slice(0, length), b.slice(0, length));
  }

  // How many new tokens are the same at the same position.
  get agreement() {
    const [a, b] = this.tokenIds;
    return a.filter((tokenId, i) => tokenId === b[i]).length;
  }

  get caption() {
    if (!this.isWritten) return t("It is writing.");
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
      const same = tokenIds.map((tokenId, place) => other[place] === tokenId || (!this.isWritten && place >= other.length));
      return { about: samplingText(this.samplings[i]), prompt, pieces, same, dart: this.darts[i]?.shown() ?? null };
    });
    const writing = this.isWritten ? {} : { writing: true };
    return { sides, parting: this.firstDifference, position: this.position, ...writing };
  }
}

// The first index at which two lists differ, or the last one of the longer list.
const parting = (first, second) => firstDifference(first, second) ?? Math.max(first.length, second.length) - 1;

class SettingsComparison extends Comparison {
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
    const topKs = [...[1, 2, 3, 5, 10, 20, 50, 100].map((k) => [grouped(k), k]), [t("all"), null]];
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

  // Look at the new token at `position`, counted from 0: while the texts grow, as soon as they are written.
  look(position) {
    checkInteger("position", position, 0);
    if (this.writing) {
      this.wanted = position;
      return;
    }
    const last = Math.max(...this.record.tokenIds.map(({ length }) => length)) - 1;
    if (position > last) {
      throw new Error(t("position must be at most {last}, got {value}", { last, value: groupedInteger(position) }));
    }
    this.record = this.lookAt(position);
    this.show();
  }

  // The same texts, and what both settings chose their new token at `position` from, computed again.
  lookAt(position) {
    const { samplings, written } = this.record;
    const steps = written.flatMap((text, i) => {
      const index = Math.min(position, text.tokenIds.length - 1);
      return index < 0 ? [] : [stepAgain(this.model, this.tokenizer, text, index, samplings[i])];
    });
    return new SettingsRecord(this.tokenizer, samplings, written, position, steps);
  }

  // Write a text with each of two settings.
  begin() {
    const { samplings } = this;
    this.wanted = null; // the token that a hand wants to look at
    return new SettingsRecord(this.tokenizer, samplings, super.begin(samplings.map((sampling) => [this.model, sampling])));
  }

  // Look at the token at which they part.
  finished() {
    const { tokenIds } = this.record;
    const last = Math.max(...tokenIds.map(({ length }) => length)) - 1;
    return this.lookAt(this.wanted === null || this.wanted > last ? parting(...tokenIds) : this.wanted);
  }

  // The token that a hand has chosen to look at.
  did() {
    if (this.record === null) return [];
    const { isWritten, position, tokenIds } = this.record;
    const chosen = isWritten && position !== parting(...tokenIds) ? position : this.wanted;
    return chosen === null ? [] : [["look", [chosen]]];
  }

  shown() {
    return this.record === null ? {} : this.record.shown();
  }

  band() {
    if (this.record === null || !this.record.steps?.length) return {};
    const { steps: [step], written: [{ promptIds }] } = this.record;
    return band(this.prompt, promptIds, this.model, this.tokenizer, step.distribution, step.uniform, step.tokenId);
  }
}

views.SettingsComparison = SettingsComparison;
