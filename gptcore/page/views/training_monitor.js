// TrainingMonitor: a training that was recorded, since a page cannot train; it says so.

const PLAYED = 12; // seconds in which a recording is played, however long the training took

class TrainingMonitor extends LiveView {
  static front = "training_monitor";
  static hands = ["play", "stop"];
  static settings = {
    floor: setting(checkFloor), prompt: textSetting(), seed: setting(checkAnySeed), sample_length: setting(checkLength),
    temperature: setting(checkSampling), top_k: setting(checkSampling),
  };

  // `page.recording` is the training: see `trainings.py`.
  constructor(context, page) {
    super(context, page);
    this.open(Object.fromEntries(["floor", "prompt", "sample_length", "temperature", "top_k", "seed"].map((name) => [name, {}])));
    this.put(this.checked(this.saved()));
    this.recording = page.recording;
    this.speed = Math.ceil(this.recording.seconds / PLAYED);
    this.record = new Training({ maxSteps: 0, start: Math.log(page.given.config.vocab_size), floor: this.floor });
    this.show();
  }

  get caption() {
    const values = { time: clock(this.recording.seconds), count: this.speed };
    const about = this.speed === 1
      ? t("This page cannot train: it plays the recording of a training that took {time} minutes.", values)
      : t("This page cannot train: it plays the recording of a training that took {time} minutes, {count} times as fast.", values);
    return `${super.caption} ${about}`;
  }

  // Play the recording from its beginning.
  play() {
    if (this.record.isRunning) return;
    const { start, floor } = this.record;
    this.record = new Training({ maxSteps: this.recording.max_steps, start, floor, state: "running" });
    this.show();
    this.playing = this.playAll();
  }

  // Stop it after the report that was shown last.
  stop() {
    if (!this.record.isRunning) return;
    this.record = this.record.ended("stopped");
    this.show();
  }

  async playAll() {
    const began = performance.now();
    const number = (this.plays = (this.plays ?? 0) + 1);
    for (const event of this.recording.events) {
      const [kind, , , , , seconds] = event;
      const wait = kind === "report" ? began + (1000 * seconds) / this.speed - performance.now() : 0;
      if (wait > 0) await new Promise((done) => setTimeout(done, wait));
      if (!this.record.isRunning || this.plays !== number) return; // it was stopped, and perhaps began again
      this.hear(event);
    }
    const { state, best_step: step, best_val_loss: loss } = this.recording.end;
    this.record = this.record.ended(state, [step, loss]);
    this.show();
  }

  // A report, or a text that the model wrote.
  hear([kind, ...values]) {
    this.record = kind === "report" ? this.record.after(...values) : this.record.withSample(...values);
    this.show();
  }

  update(names) {
    if (names.includes("floor") && !this.record.isRunning) this.record = new Training({ ...this.record, floor: this.floor });
    this.show();
  }

  shown() {
    return { ...this.record.shown(), stopping: false, recording: true };
  }

  band() {
    const { n_layers: layers, vocab_size: logits } = this.page.given.config;
    return { characters: lengthOf(this.prompt), layers, logits };
  }
}

views.TrainingMonitor = TrainingMonitor;
