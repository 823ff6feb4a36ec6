// StreamingGenerator: a text that grows by itself, and can be stopped.
//
// The loop runs in slices, so that the page stays free: a few tokens, and then whatever the hand did in the meantime.

class StreamingGenerator extends LiveView {
  static refresh = 60; // milliseconds between two pictures: more often than eyes can follow
  static slice = 30; // milliseconds of work at a time
  static behind = 500; // milliseconds that a slow machine may make up for
  static fastest = 50; // tokens per second, where there is a limit
  static front = "streaming_generator";
  static hands = ["start", "stop"];
  static settings = {
    prompt: textSetting(), seed: setting(checkAnySeed), max_length: setting(checkLength, { most: 100000 }),
    speed: setting((name, value) => value === null || checkInteger(name, value, 1, t(", or None for no limit")), { most: this.fastest }),
    temperature: setting(checkSampling), top_k: setting(checkSampling), top_p: setting(checkSampling),
    min_p: setting(checkSampling),
  };
  static remembered = []; // the loop may be at work on all of it

  constructor(context, page) {
    super(context, page);
    const speeds = Array.from({ length: StreamingGenerator.fastest }, (_, i) => [String(i + 1), i + 1]);
    this.open({
      prompt: { value: "" }, speed: { options: [...speeds, [t("no limit"), null]] }, max_length: { value: 200 },
      temperature: { value: 1 }, top_k: {}, top_p: {}, min_p: {}, seed: {},
    });
    this.put(this.checked(this.saved()));
    this.tryBegin();
  }

  // What is shown now.
  get record() {
    const { text, beginning: prompt, newIds, max_length: maxLength, state, tokensPerSecond, ended, error, distribution, piece, last } = this;
    const candidates = distribution && Candidates.of(distribution, this.tokenizer);
    const drawn = last && { id: last.tokenId, label: tokenLabel(this.tokenizer, last.tokenId) };
    return new Writing({ text, prompt, count: newIds.length, maxLength, state, tokensPerSecond, ended, error, candidates, lastPiece: piece, drawn });
  }

  set record(_) {} // it is made anew each time

  get hasRecord() {
    return true;
  }

  // Begin to write, from the prompt. Does nothing while a text is being written.
  start() {
    if (this.state === "running") return;
    this.tryBegin();
    if (this.state === "failed") return;
    this.state = "running";
    this.began = this.due = this.drawnAt = performance.now();
    this.show();
    this.later();
  }

  // Stop before the next token.
  stop() {
    if (this.state === "running") this.finish("stopped");
  }

  // Start again from the prompt alone, and compute what the first token will be drawn from.
  begin() {
    const { model, tokenizer, temperature, top_k, top_p, min_p, max_length: most } = this;
    const sampling = new Sampling({ temperature, top_k, top_p, min_p });
    const [promptIds, steps] = textSteps(model, this.prompt, tokenizer, most, sampling, this.seed);
    this.distribution = distributionAfter(model, tokenizer, promptIds, [], sampling);
    this.pieces = streamDecode(tokenizer, this.taken(steps), { start: promptIds, cut: true });
    this.told = this.pieces.next().value; // its last character may come with the first new token
    this.beginning = this.text = tokenizer.decode(promptIds); // the prompt, and what has been written
    Object.assign(this, { promptIds, most, newIds: [], last: null, piece: "", ended: false, tokensPerSecond: 0 });
  }

  // Back to the prompt, if the prompt and the settings can be used; if not, say what is wrong.
  tryBegin() {
    Object.assign(this, { state: "ready", error: null, problem: null });
    try {
      this.begin();
    } catch (error) {
      Object.assign(this, { state: "failed", error, distribution: null, last: null });
    }
    this.show();
  }

  // The new token ids, each as it is written.
  *taken(steps) {
    for (const step of steps) {
      Object.assign(this, { distribution: step.distribution, last: step });
      this.ended = this.tokenizer.endTokenIds.includes(step.tokenId);
      if (this.ended) return;
      this.newIds.push(step.tokenId);
      yield step.tokenId;
    }
  }

  // Write the next token when its time has come.
  later() {
    const now = performance.now();
    this.due = Math.max(this.due, now - StreamingGenerator.behind) + (this.speed ? 1000 / this.speed : 0);
    this.timer = setTimeout(() => this.write(), Math.max(0, this.due - now));
  }

  // One token, or where there is no limit, as many as one slice holds.
  write() {
    const began = performance.now();
    try {
      do {
        if (!this.writeToken()) return this.finish("finished");
      } while (this.speed === null && performance.now() - began < StreamingGenerator.slice);
      this.showText();
    } catch (error) {
      this.error = error;
      return this.finish("failed");
    }
    this.later();
  }

  // Whether there is room for another one.
  writeToken() {
    const count = this.newIds.length;
    const piece = this.pieces.next().value;
    this.told += piece;
    Object.assign(this, { text: this.told, piece: piece || this.piece });
    this.tokensPerSecond = (1000 * this.newIds.length) / Math.max(performance.now() - this.began, 1e-6);
    return count < this.newIds.length && this.newIds.length < this.most;
  }

  finish(state) {
    clearTimeout(this.timer);
    this.state = state;
    this.showOrSay();
  }

  update(names) {
    const isBefore = ["ready", "failed"].includes(this.state) && names.some((name) => name !== "speed");
    if (this.state !== "running" && (names.includes("prompt") || isBefore)) this.tryBegin();
    this.show();
  }

  // Show what changes with every token; the controls are as they were.
  showText() {
    const now = performance.now();
    if (now - this.drawnAt < StreamingGenerator.refresh) return;
    this.drawnAt = now;
    this.view.draw({ ...this.shown(), band: this.band(), caption: this.caption });
  }

  shown() {
    const { distribution, last, tokenizer } = this;
    return { ...this.record.shown(), dart: last && Dart.of(distribution, last.uniform, tokenizer).shown() };
  }

  band() {
    const { text, promptIds, newIds, distribution, last } = this;
    const drawn = last ? [last.uniform, last.tokenId] : [];
    const known = distribution ? [this.tokenizer, distribution, ...drawn] : [];
    return band(text, [...promptIds, ...newIds], this.model, ...known);
  }
}

views.StreamingGenerator = StreamingGenerator;
