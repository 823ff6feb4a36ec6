// What all views share. A view is the part of a widget that Python plays in a notebook: settings that are checked, a
// record of what is shown, and a sentence for whatever goes wrong.

const views = {}; // the classes, by the names of the widgets
const fronts = {}; // what draws them

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
    if (unknown.length) {
      throw new Error(t("settings are {names}, got {other}", { names: known.join(", "), other: unknown.join(", ") }));
    }
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
