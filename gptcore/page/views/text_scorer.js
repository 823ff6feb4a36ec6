// TextScorer: how likely a model held each token of a text, and where the text surprised it.

const AT_ONCE = 50; // milliseconds: a text that takes longer is read a little at a time, so that the page stays awake

class TextScorer extends LiveView {
  static front = "text_scorer";
  static hands = ["replace"];
  static remembered = ["record", "scored"];
  static settings = { text: textSetting(), position: setting(checkLength) };

  constructor(context, page) {
    super(context, page);
    this.scored = null; // null if the text cannot be read
    this.reading = null; // the steps that are left of a text that is being read
    this.reader = new TextReader(this.model);
    this.vocabulary = new Vocabulary(this.tokenizer);
    this.open({ text: { value: "" }, position: { value: 0 } });
    this.change(this.saved());
    this.redo();
  }

  // Put `tokenId` in the place of the token at `position`, and score the text again: its tokens may be others.
  replace(tokenId) {
    checkInteger("token_id", tokenId, 0);
    if (this.scored === null) return;
    const { vocab_size: size } = this.model.config;
    if (tokenId >= size) {
      throw new Error(t("token_id must be below {size}, got {value}", { size: grouped(size), value: given(tokenId) }));
    }
    const { tokenIds } = this.scored.tokens;
    tokenIds[this.position] = tokenId;
    this.before = this.position;
    this.change({ text: this.tokenizer.decode(tokenIds) });
  }

  update(names) {
    if (names.includes("text")) this.begin(names.includes("position"));
    else if (this.scored !== null) this.tryTo(() => this.look());
    this.show();
  }

  // Read the text: at once, or if that takes long, a little at a time.
  begin(hasPosition) {
    Object.assign(this, { scored: null, reading: null });
    this.tryTo(() => {
      const tokens = readTokens(this.vocabulary, this.text);
      const count = tokens.tokens.length;
      if (count < 2) throw new Error(t("text must have at least two tokens, so that there is one to predict, got {count}", { count }));
      this.reading = this.reader.score(tokens);
      return null;
    });
    this.record = null;
    if (this.reading !== null) this.readOn(this.reading, hasPosition);
  }

  readOn(reading, hasPosition) {
    const end = performance.now() + AT_ONCE;
    while (performance.now() < end) {
      const { done, value } = reading.next();
      if (done) return this.finish(value, hasPosition);
    }
    setTimeout(() => {
      if (reading !== this.reading) return; // a newer text is read
      this.readOn(reading, hasPosition);
      if (this.reading === null) this.show();
    });
  }

  finish(scored, hasPosition) {
    Object.assign(this, { scored, reading: null });
    const { before = null } = this;
    this.before = null;
    if (before !== null && before < scored.scores.length) this.put({ position: before });
    else if (!hasPosition) this.put({ position: Math.max(1, scored.mostSurprising.start) });
    this.tryTo(() => this.look());
    this.whenRead?.();
  }

  // When the text has been read.
  settled() {
    return this.reading && new Promise((done) => (this.whenRead = done));
  }

  look() {
    const last = this.scored.scores.length - 1;
    if (this.position > last) {
      throw new Error(t("position must be from 0 to {last}, got {value}", { last, value: given(this.position) }));
    }
    return lookAt(this.model, this.tokenizer, this.scored, this.position);
  }

  // While a text is being read, what was shown before stays.
  show() {
    if (this.reading === null) super.show();
    else this.view.tell({ ...this.view.get("shown"), caption: this.caption }, this.controls);
  }

  shown() {
    return this.record === null ? {} : this.record.shown();
  }

  band() {
    if (this.record === null) return {};
    const { distribution } = this.record;
    const { tokenIds } = this.scored.tokens;
    return band(this.text, tokenIds, this.model, ...(distribution ? [this.tokenizer, distribution] : []));
  }

  get caption() {
    return this.reading === null ? super.caption : "…";
  }
}

views.TextScorer = TextScorer;
