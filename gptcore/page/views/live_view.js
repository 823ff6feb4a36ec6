// What all views share. A view is the part of a widget that Python plays in a notebook: settings that are checked, a
// record of what is shown, and a sentence for whatever goes wrong.

const views = {}; // the classes, by the names of the widgets
const fronts = {}; // what draws them

const MOST_TEXT = 5000; // characters: of a longer text a model would see no more than the end

// ---------------------------------------------------------------------------------------------------- settings

// A setting of a view. `check(name, value)` throws for a value that is not allowed. `text` writes a value that a control
// with a choice does not offer yet. A number above `most` is cut to it, and a text of more characters to its end.
class Setting {
  constructor(check = () => {}, { text = numberText, most = null } = {}) {
    Object.assign(this, { check, text, most });
  }

  // [`value` or as much of it as there is room for, a sentence that says so].
  allowed(name, value) {
    const [text, notice] = typeof value === "string" ? this.cut(name, value) : [value, ""];
    this.check(name, text); // a text is cut first, because the check reads all of it
    if (this.most && isNumber(value) && value > this.most) {
      const said = t("Here {name} was cut to {most}, the most that is possible.", { name, most: grouped(this.most) });
      return [this.most, said];
    }
    return [text, notice];
  }

  cut(name, text) {
    const length = this.most ? lengthOf(text) : 0;
    if (!this.most || length <= this.most) return [text, ""];
    const counts = { name, most: grouped(this.most), length: grouped(length) };
    return [sliceOf(text, -this.most), t("Here {name} was cut to its last {most} of {length} characters.", counts)];
  }

  // Set a control, which may not have offered `value` before.
  put(control, value) {
    if (control.options) this.offer(control, value);
    else if (control.max !== undefined && value > control.max) control.max = value;
    control.value = value;
  }

  offer(control, value) {
    if (control.options.some(([, known]) => known === value)) return;
    const off = control.options.filter(([, known]) => known === null);
    const values = [...control.options.filter(([, known]) => known !== null), [this.text(value), value]];
    values.sort(([, one], [, other]) => (one < other ? -1 : one > other ? 1 : 0));
    control.options = control.options[0][1] === null ? [...off, ...values] : [...values, ...off];
  }
}

// A setting that chooses one of several things by its number, counted from 0; `count(view)` tells how many there are.
class Index extends Setting {
  constructor(count) {
    super();
    this.count = count;
  }

  checkRange(view, name, value) {
    const count = this.count(view);
    if (!count) throw new Error(view.problem); // there is nothing to choose from
    if (isInteger(value) && 0 <= value && value < count) return;
    throw new Error(`${name} must be an integer from 0 to ${Math.max(0, count - 1)}, got ${given(value)}`);
  }
}

const setting = (check, options) => new Setting(check, options);
const textSetting = (most = MOST_TEXT) => new Setting(checkText, { most });
const indexSetting = (count) => new Index(count);

// ---------------------------------------------------------------------------------------------------- controls

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

// ---------------------------------------------------------------------------------------------------- views

// `context` has the models and the tokenizers of the page by their names; `page` is what the saved widget says of itself.
class LiveView {
  static front = ""; // the name of what draws it
  static hands = []; // the methods that the page may call
  static settings = {};
  static remembered = ["record"]; // what is put back if something goes wrong

  constructor(context, page) {
    Object.assign(this, { context, page, controls: {}, record: null, problem: null, notice: "" });
    this.model = context.models[page.model];
    this.tokenizer = context.tokenizers[page.tokenizer];
    this.view = new Front((kind, name, value) => this.heard(kind, name, value));
  }

  // Make a control for each setting; each is a property of the view, too.
  open(controls) {
    for (const [name, { value = null, ...offer }] of Object.entries(controls)) {
      this.controls[name] = new Control(value, offer);
      Object.defineProperty(this, name, {
        get: () => this.controls[name].value,
        set: (value) => this.change({ [name]: value }),
      });
    }
  }

  // The settings of the saved widget, or those called `names`: what a constructor has to change.
  saved(names = Object.keys(this.controls), settings = this.page.settings ?? {}) {
    const isLarge = (name, value) => name === "seed" && /^\d+$/.test(value); // a seed that no number of JavaScript holds
    const known = names.filter((name) => name in settings).map((name) => {
      const value = this.controls[name].fromPage(settings[name]);
      return [name, typeof value === "string" && isLarge(name, value) ? BigInt(value) : value];
    });
    return Object.fromEntries(known);
  }

  // What was done with the saved widget is done again.
  redo() {
    for (const [name, values] of this.page.did ?? []) this.heard("do", name, values);
  }

  // What has to be done after the settings were set to come to where the view is now: [method, arguments] each.
  did() {
    return [];
  }

  // A hand on the page set a control, or pressed a button.
  heard(kind, name, value) {
    if (kind === "set") {
      this.change({ [name]: Object.hasOwn(this.controls, name) ? this.controls[name].fromPage(value) : value });
    } else if (this.constructor.hands.includes(name)) {
      this.safely([], () => this[name](...value));
    }
  }

  // Change several settings at once. If one of them is not allowed, nothing changes, and `problem` says why.
  change(settings) {
    const names = Object.keys(settings);
    this.safely(names.filter((name) => Object.hasOwn(this.controls, name)), () => {
      this.put(this.checked(settings));
      this.update(names);
    });
  }

  checked(settings) {
    const known = Object.keys(this.controls).filter((name) => name in this.constructor.settings);
    const unknown = Object.keys(settings).filter((name) => !known.includes(name)).sort();
    if (unknown.length) throw new Error(`settings are ${known.join(", ")}, got ${unknown.join(", ")}`);
    const allowed = Object.entries(settings).map(([name, value]) => [name, ...this.setting(name).allowed(name, value)]);
    this.notice = allowed.map(([, , notice]) => notice).filter(Boolean).join(" ");
    return Object.fromEntries(allowed);
  }

  setting(name) {
    return this.constructor.settings[name];
  }

  // Set controls without an update.
  put(settings) {
    for (const [name, value] of Object.entries(settings)) this.setting(name).put(this.controls[name], value);
  }

  // Whatever goes wrong in act() becomes `problem`, and all is as it was before, the controls called `names` too.
  safely(names, act) {
    const said = this.problem || this.notice;
    const putBack = [];
    for (const name of this.constructor.remembered) putBack.push(remembering(this, name));
    const putControlsBack = names.flatMap((name) => {
      const control = this.controls[name];
      return ["options", "max", "value"].filter((trait) => trait in control).map((trait) => remembering(control, trait));
    });
    if (this.hasRecord) Object.assign(this, { problem: null, notice: "" });
    try {
      act();
    } catch (error) {
      this.problem = sentence(error);
      putBack.forEach((put) => put());
    }
    if (this.problem && this.hasRecord) [...putBack, ...putControlsBack].forEach((put) => put());
    if (said || this.problem || this.notice) this.showOrSay();
  }

  showOrSay() {
    try {
      this.show();
    } catch (error) {
      this.problem ||= sentence(error);
      const caption = t("Not changed: {problem}.", { problem: this.problem });
      this.view.tell({ ...this.view.get("shown"), caption }, this.controls);
    }
  }

  // Bring everything up to date after the settings called `names` have changed.
  update(names) {
    throw new Error(`${this.constructor.name} must say how it is updated`);
  }

  // Compute the record again. What goes wrong becomes `problem`, and the record stays as it is.
  tryTo(compute) {
    try {
      this.record = compute();
      this.problem = null;
    } catch (error) {
      this.problem = sentence(error);
    }
  }

  show() {
    this.view.tell({ ...this.shown(), band: this.band(), caption: this.caption }, this.controls);
  }

  // What the page draws: numbers and texts.
  shown() {
    return {};
  }

  // The numbers of the map above the widget: see `band`.
  band() {
    return {};
  }

  get hasRecord() {
    return this.record !== null;
  }

  // What can be seen, in words.
  get caption() {
    const { record, problem, notice } = this;
    let said;
    if (record === null) said = t("There is nothing to show: {problem}.", { problem });
    else if (problem) said = `${t("Not changed: {problem}.", { problem })} ${record.caption}`;
    else said = record.caption;
    return printable(notice ? `${said.replace(/\.+$/, "")}. ${notice}` : said);
  }
}

// A function that puts `name` of `thing` back to what it is now.
function remembering(thing, name) {
  const value = thing[name] ?? null;
  return () => (thing[name] = value);
}

// The numbers of the map of the machine; what is not known yet is left out.
function band(text, tokenIds, model, tokenizer = null, distribution = null, uniform = null, tokenId = null) {
  const { n_layers: layers, vocab_size: logits } = model.config;
  const numbers = { characters: lengthOf(text), tokens: tokenIds.length, layers, logits };
  if (distribution !== null) {
    const { probs } = distribution;
    const likeliest = probs.reduce((best, prob, id) => (prob > probs[best] ? id : best), 0);
    Object.assign(numbers, { likeliest: tokenLabel(tokenizer, likeliest), prob: probs[likeliest] });
  }
  if (uniform !== null) numbers.uniform = uniform;
  if (tokenId !== null) numbers.next = tokenLabel(tokenizer, tokenId);
  return numbers;
}
