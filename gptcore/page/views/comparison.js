// What the comparisons share: texts with the same luck, which grow side by side, one token of each in turn.

class Comparison extends LiveView {
  static slice = 24; // milliseconds of writing, and then the page has its turn
  writing = null; // what goes on with the texts; null when they are written

  // The next seed.
  other_luck() {
    this.seed = nextSeed(this.seed);
  }

  update() {
    this.tryTo(() => this.begin());
    if (this.record !== null) this.show();
  }

  // Begin to write: the record of texts that have no new token yet. `writers` are [model, sampling] of each text.
  begin(writers) {
    const { tokenizer, seed, max_length: maxLength } = this;
    const [prompt, notice] = fitting(this.prompt, writers.map(([model]) => model), tokenizer, maxLength);
    if (notice) {
      this.put({ prompt });
      this.notice = notice;
    }
    const texts = writers.map(([model, sampling]) => growing(model, tokenizer, prompt, maxLength, sampling, seed));
    const written = texts.map((text) => text.next().value);
    this.writing = inTurn(texts);
    this.later(this.writing);
    return written;
  }

  later(writing) {
    this.turn = new Promise((resolve) => setTimeout(() => resolve(this.goOn(writing))));
  }

  // Write for a moment, show it, and go on later; unless other texts have begun.
  goOn(writing) {
    if (this.writing !== writing) return;
    this.tryTo(() => this.written(writing));
    if (this.problem) this.writing = null;
    if (this.writing) this.later(writing);
    this.show();
  }

  // The record after a slice.
  written(writing) {
    const end = performance.now() + Comparison.slice;
    do {
      if (!writing.next().done) continue;
      this.writing = null;
      return this.finished();
    } while (performance.now() < end);
    return this.record;
  }

  // When the texts are written.
  async settled() {
    while (this.writing !== null) await this.turn;
  }
}

// One token of each text in turn, until all have come to their end.
function* inTurn(texts) {
  for (let open = texts; open.length; ) {
    const longer = [];
    for (const text of open) {
      if (!text.next().done) longer.push(text);
      yield;
    }
    open = longer;
  }
}
