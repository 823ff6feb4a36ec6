// What stands between a view and what draws it: controls, the state that is drawn, and what a hand asks.

// What a hand can set: a `value`, and what is offered for it: `options`, [text, value] each, or `min`, `max` and `step`.
class Control {
  constructor(value = null, offer = {}) {
    Object.assign(this, offer, { value });
  }

  offer() {
    const { value, ...offered } = this;
    if (this.options) offered.options = this.options.map(([text, known]) => [printable(text), this.toPage(known)]);
    return offered;
  }

  // A value that JSON does not know is known by its text.
  toPage(value) {
    if (value === null || typeof value !== "object") return value;
    return (this.options ?? []).find(([, known]) => known === value)?.[0] ?? pythonRepr(value);
  }

  fromPage(value) {
    const sent = typeof value === "string" ? wholeCharacters(value) : value;
    const found = (this.options ?? []).find(([, known]) => this.toPage(known) === sent);
    return found ? found[1] : sent;
  }
}

// `value` without infinite numbers; unless it is `raw`, characters that hide become visible.
function toPage(value, raw = false) {
  if (typeof value === "string") return raw ? wholeCharacters(value) : printable(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value, (thing) => toPage(thing, raw));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, thing]) => [name, toPage(thing, raw)]));
}

const isQuestion = (asked) =>
  Array.isArray(asked) && asked.length === 4 && Number.isInteger(asked[0]) && ["set", "do"].includes(asked[1]);

// What a front end gets as `model`, and the questions that it asks.
class Front {
  constructor(heard) {
    this.heard = heard;
    this.state = { shown: {}, settings: {}, offers: {}, asked: [], done: 0 };
    this.callbacks = {};
    this.answered = 0;
    this.isAnswering = false;
  }

  get(name) {
    return this.state[name];
  }

  set(name, value) {
    this.state[name] = value;
  }

  on(event, callback) {
    (this.callbacks[event] ??= new Set()).add(callback);
  }

  off(event, callback) {
    this.callbacks[event]?.delete(callback);
  }

  // Answer what was asked, after the page has done what it is at.
  save_changes() {
    queueMicrotask(() => this.answer());
  }

  answer() {
    if (this.isAnswering) return;
    this.isAnswering = true;
    try {
      for (let next; (next = this.nextQuestion()); ) {
        const [number, kind, name, value] = next;
        this.answered = number;
        this.heard(kind, name, value === undefined ? null : JSON.parse(JSON.stringify(value))); // as Python hears it
      }
    } finally {
      this.isAnswering = false;
    }
    this.change({ done: this.answered });
  }

  nextQuestion() {
    const open = this.state.asked.filter((question) => isQuestion(question) && question[0] > this.answered);
    return open.sort(([one], [other]) => one - other)[0];
  }

  tell(shown, controls) {
    const entries = Object.entries(controls);
    const offers = entries.map(([name, control]) => [name, control.offer()]);
    this.change({
      shown: toPage(shown),
      done: this.answered,
      settings: Object.fromEntries(entries.map(([name, control]) => [name, toPage(control.toPage(control.value), true)])),
      offers: Object.fromEntries(offers.filter(([, offered]) => Object.keys(offered).length)),
    });
  }

  draw(shown) {
    this.change({ shown: toPage(shown) });
  }

  // Set all of `values`, and then tell what has changed.
  change(values) {
    const written = (value) => JSON.stringify(value, (_, thing) => (typeof thing === "bigint" ? String(thing) : thing));
    const changed = Object.keys(values).filter((name) => written(values[name]) !== written(this.state[name]));
    for (const name of changed) this.state[name] = values[name];
    for (const name of changed) for (const callback of [...(this.callbacks[`change:${name}`] ?? [])]) callback();
  }
}
