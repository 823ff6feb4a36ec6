// NextToken: a text that grows by one token per click, with the candidates for the next one.

// A text, the token that was added to it last, and the candidates for the next one.
class Growth {
  constructor(tokenizer, promptIds, newIds, { last = null, step = null } = {}) {
    Object.assign(this, { promptIds, newIds, last, step });
    this.parts = partsOf(tokenizer, promptIds, newIds);
    this.lastLabel = last === null ? "" : tokenLabel(tokenizer, last.tokenId);
    this.candidates = step === null ? null : Candidates.of(step.distribution, tokenizer);
    this.hasEnded = last !== null && tokenizer.endTokenIds.includes(last.tokenId);
  }

  get text() {
    return this.parts.join("");
  }

  get tokenIds() {
    return [...this.promptIds, ...this.newIds];
  }

  get caption() {
    if (this.last === null) {
      return t("What comes next? Here is what the model believes. The button draws a token; a bar writes its own.");
    }
    const chance = percent(this.last.distribution.probs[this.last.tokenId]);
    if (this.step !== null) {
      return t("Written: “{label}”, which had a chance of {chance}. What comes next?", { label: this.lastLabel, chance });
    }
    if (this.hasEnded) {
      return t("Written: the end of the text, which had a chance of {chance}. The story is over.", { chance });
    }
    return t("There is no more room: the text is as long as what the model can look back on.");
  }
}

// Of a text: the prompt, what follows, and the last token.
function partsOf(tokenizer, promptIds, newIds) {
  const [prompt, text] = [tokenizer.decode(promptIds), tokenizer.decode([...promptIds, ...newIds])];
  const before = tokenizer.decode([...promptIds, ...newIds.slice(0, -1)]);
  const [start, end] = [lengthOf(prompt), lengthOf(before)];
  return [prompt, sliceOf(text, start, end), sliceOf(text, end)];
}

class NextToken extends LiveView {
  static front = "next_token";
  static hands = ["add_token", "choose", "new_story"];
  static settings = {
    prompt: textSetting(), seed: setting(checkAnySeed),
    temperature: setting(checkSampling), top_k: setting(checkSampling),
  };

  constructor(context, page) {
    super(context, page);
    this.open({ prompt: { value: "" }, seed: {}, temperature: { value: 1 }, top_k: {} });
    this.change(this.saved());
    this.redo();
  }

  get step() {
    return this.record === null ? null : this.record.step;
  }

  // Draw one of the candidates, and look ahead to the next ones.
  add_token() {
    if (this.step !== null) this.add(this.step);
  }

  // Write `tokenId` instead of drawing one.
  choose(tokenId) {
    checkInteger("token_id", tokenId, 0);
    if (this.step === null) return;
    const { vocab_size: size } = this.model.config;
    if (tokenId >= size) {
      const values = { size: grouped(size), value: groupedInteger(tokenId) };
      throw new Error(t("token_id must be below {size}, got {value}", values));
    }
    this.add({ ...this.step, tokenId });
  }

  // Write the token of `step`.
  add(step) {
    const { promptIds } = this.record;
    const newIds = [...this.record.newIds, step.tokenId];
    if (this.tokenizer.endTokenIds.includes(step.tokenId)) {
      this.record = new Growth(this.tokenizer, promptIds, this.record.newIds, { last: step });
    } else {
      const next = this.nextStep(promptIds, newIds);
      this.record = new Growth(this.tokenizer, promptIds, newIds, { last: step, step: next });
    }
    this.show();
  }

  // The step after a prompt and `newIds`; null if there is no more room.
  nextStep(promptIds, newIds) {
    const count = newIds.length;
    if (count >= this.model.config.context_length) return null;
    while (this.drawn.length <= count) this.drawn.push(this.luck.next());
    const distribution = distributionAfter(this.model, this.tokenizer, promptIds, newIds, this.sampling);
    const uniform = this.drawn[count];
    return { position: promptIds.length + count, distribution, uniform, tokenId: draw(distribution, uniform) };
  }

  // Begin again with other luck.
  new_story() {
    this.seed = nextSeed(this.seed);
  }

  update(names) {
    if (this.record === null || names.includes("prompt") || names.includes("seed")) {
      this.record = null;
      this.tryTo(() => this.begin());
    }
    this.show();
  }

  begin() {
    this.sampling = new Sampling({ temperature: this.temperature, top_k: this.top_k });
    [this.luck, this.drawn] = [new Uniforms(this.seed), []];
    const promptIds = this.tokenizer.encode(this.prompt);
    return new Growth(this.tokenizer, promptIds, [], { step: this.nextStep(promptIds, []) });
  }

  // What was written is chosen again, token by token.
  did() {
    if (this.record === null || this.record.last === null) return [];
    const { newIds, last, hasEnded } = this.record;
    return [...newIds, ...(hasEnded ? [last.tokenId] : [])].map((tokenId) => ["choose", [tokenId]]);
  }

  shown() {
    if (this.record === null) return {};
    const { step, last, parts, candidates, newIds, hasEnded } = this.record;
    return {
      parts,
      candidates: step && candidates.rowsShown(),
      dart: step && Dart.of(step.distribution, step.uniform, this.tokenizer).shown(),
      drawn: last && { uniform: last.uniform, id: last.tokenId },
      count: newIds.length + hasEnded,
    };
  }

  band() {
    if (this.record === null) return {};
    const { step, text, tokenIds } = this.record;
    return band(text, tokenIds, this.model, ...(step ? [this.tokenizer, step.distribution] : []));
  }
}

views.NextToken = NextToken;
