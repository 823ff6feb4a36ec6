// Work that takes long, such as reading a long text, is done a little at a time, so that the page stays awake.

const AT_ONCE = 50; // milliseconds

// The work of a view, of which the newest alone is done: `steps` is a generator, and finish(value) gets what it returns.
class Work {
  constructor(view) {
    Object.assign(this, { view, steps: null, waiting: [] });
  }

  get isOpen() {
    return this.steps !== null;
  }

  // What does not take long is finished when this returns; after the rest, the view is shown again.
  start(steps, finish) {
    Object.assign(this, { steps, finish });
    try {
      this.go(performance.now() + AT_ONCE);
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  go(end) {
    const { steps } = this;
    do {
      const { done, value } = steps.next();
      if (!done) continue;
      this.stop();
      return this.finish(value);
    } while (performance.now() < end);
    setTimeout(() => steps === this.steps && this.goOn(performance.now() + AT_ONCE));
  }

  goOn(end) {
    try {
      this.go(end);
    } catch (error) {
      this.stop();
      this.view.problem = sentence(error);
    }
    if (!this.isOpen) this.view.show();
  }

  // Do now what is left.
  hurry() {
    if (this.isOpen) this.goOn(Infinity);
  }

  stop() {
    this.steps = null;
    for (const call of this.waiting.splice(0)) setTimeout(call);
  }

  // When nothing is left to be done.
  settled() {
    return this.isOpen ? new Promise((call) => this.waiting.push(call)) : null;
  }

  // Before that, what was shown stays.
  show() {
    const { view, controls, caption } = this.view;
    view.tell({ ...view.get("shown"), caption }, controls);
  }
}
