// GenerationStepper: the loop by hand, one token forward or back at a time, with the dart that chooses.

class GenerationStepper extends LiveView {
  static fastest = 100; // tokens per second that can be asked for
  static mostTokens = 100000; // on a tape
  static front = "generation_stepper";
  static hands = ["forward", "back", "go_to", "choose", "reset"];
  static settings = {
    prompt: textSetting(), playing: setting(checkBool),
    speed: setting((name, value) => checkInteger(name, value, 1), { most: this.fastest }),
    temperature: setting(checkSampling), top_k: setting(checkSampling), top_p: setting(checkSampling),
    min_p: setting(checkSampling), seed: setting(checkAnySeed),
    max_new_tokens: setting(checkLength, { most: this.mostTokens }),
  };
  static remembered = ["record", "uniforms", "sampling", "luck"];

  constructor(context, page) {
    super(context, page);
    this.open({
      prompt: { value: "" }, playing: { value: false }, speed: { value: 4, min: 1, max: 60, step: 1 },
      temperature: { value: 1 }, top_k: {}, top_p: {}, min_p: {}, seed: { value: 1 }, max_new_tokens: { value: 400 },
    });
    this.put(this.checked(this.saved()));
    this.reset();
    this.redo();
  }

  // The prompt and what has been written up to here, without the token that ends it.
  get text() {
    const { tokenIds, hasEnded } = this.record;
    return this.tokenizer.decode(hasEnded ? tokenIds.slice(0, -1) : tokenIds);
  }

  // `count` tokens forward: what was written here before, or else what the dart hits.
  forward(count = 1) {
    checkInteger("count", count, 0);
    this.advance(count, this.record);
  }

  advance(count, record) {
    const { playing } = this;
    this.put({ playing: false }); // if something goes wrong, it pauses
    for (let left = Math.min(Number(count), GenerationStepper.mostTokens); left > 0 && !record.isOver; left -= 1) {
      if (record.replayed === null) record = writeOnTape(record, record.dart.tokenId, this.tokenizer);
      record = this.look(record.promptIds, record.tape, record.position + 1);
    }
    this.record = record;
    this.put({ playing: playing && !record.isOver });
    this.show();
  }

  // One token back; the tape keeps what comes after.
  back() {
    this.go_to(Math.max(0, this.record.position - 1));
  }

  // To any position of the tape: the number of new tokens before it; auto-play pauses there.
  go_to(position) {
    checkInteger("position", position, 0);
    const { promptIds, tape } = this.record;
    if (position > tape.length) {
      const values = { last: tape.length, value: given(position) };
      throw new Error(t("position must be from 0 to {last}, the length of the tape, got {value}", values));
    }
    this.record = this.look(promptIds, tape, position);
    this.put({ playing: false });
    this.show();
  }

  // Write a token of your own here. What came after on the tape is forgotten, unless it is the same token.
  choose(tokenId) {
    checkInteger("token_id", tokenId, 0);
    const last = this.model.config.vocab_size - 1;
    if (tokenId > last) throw new Error(t("token_id must be from 0 to {last}, got {value}", { last, value: given(tokenId) }));
    const { record } = this;
    if (record.isOver) return;
    const isWritten = record.replayed?.tokenId === tokenId;
    this.advance(1, isWritten ? record : writeOnTape(record, tokenId, this.tokenizer));
  }

  // Begin again from the prompt, with the same luck.
  reset() {
    this.safely([], () => this.restart());
  }

  restart() {
    this.tryTo(() => this.begin());
    if (this.record === null) return;
    this.put({ playing: false });
    this.show();
  }

  begin() {
    const { temperature, top_k, top_p, min_p } = this;
    const sampling = new Sampling({ temperature, top_k, top_p, min_p });
    const promptIds = this.tokenizer.encode(this.prompt);
    Object.assign(this, { sampling, luck: new Uniforms(this.seed), uniforms: [] });
    return this.look(promptIds, [], 0);
  }

  look(promptIds, tape, position) {
    while (this.uniforms.length <= position) this.uniforms.push(this.luck.next()); // each position has one of its own
    const place = [promptIds, tape, position, this.uniforms[position]];
    return lookAtTape(this.model, this.tokenizer, ...place, this.sampling, this.max_new_tokens);
  }

  update(names) {
    if (names.includes("prompt")) return this.restart();
    this.put({ playing: this.playing && !this.record.isOver });
    this.show();
  }

  // The tape is written again, token by token.
  did() {
    const { tape = [], position } = this.record ?? {};
    return tape.length ? [...tape.map(({ tokenId }) => ["choose", [tokenId]]), ["go_to", [position]]] : [];
  }

  shown() {
    return this.record === null ? {} : this.record.shown();
  }

  band() {
    if (this.record === null) return {};
    const { isOver, distribution, dart, tokenIds } = this.record;
    const drawn = isOver ? [] : [this.tokenizer, distribution, dart.uniform, dart.tokenId];
    return band(this.text, tokenIds, this.model, ...drawn);
  }
}

views.GenerationStepper = GenerationStepper;
