// TextScorer: how likely a model held each token of a text, and where the text surprised it.

class TextScorer extends LiveView {
  static front = "text_scorer";
  static hands = ["replace"];
  static remembered = ["record", "scored"];
  static settings = { text: textSetting(), position: setting(checkLength) };

  constructor(context, page) {
    super(context, page);
    this.scored = null; // null if the text cannot be read
    this.work = new Work(this);
    this.reader = new TextReader(this.model);
    this.vocabulary = new Vocabulary(this.tokenizer);
    this.open({ text: { value: "" }, position: { value: 0 } });
    this.change(this.saved());
    this.redo();
  }

  // Put `tokenId` in the place of the token at `position`, and score the text again: its tokens may be others.
  replace(tokenId) {
    checkInteger("token_id", tokenId, 0);
    this.work.hurry();
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

  // Read the text: at once, or if that takes long, while what was shown before stays.
  begin(hasPosition) {
    this.work.stop();
    this.scored = null;
    let steps = null;
    this.tryTo(() => {
      const tokens = readTokens(this.vocabulary, this.text);
      const count = tokens.tokens.length;
      if (count < 2) throw new Error(t("text must have at least two tokens, so that there is one to predict, got {count}", { count }));
      steps = this.reader.score(tokens);
      return null;
    });
    this.record = null;
    if (steps !== null) this.work.start(steps, (scored) => this.finish(scored, hasPosition));
  }

  finish(scored, hasPosition) {
    this.scored = scored;
    const { before = null } = this;
    this.before = null;
    if (before !== null && before < scored.scores.length) this.put({ position: before });
    else if (!hasPosition) this.put({ position: Math.max(1, scored.mostSurprising.start) });
    this.tryTo(() => this.look());
  }

  // When the text has been read.
  settled() {
    return this.work.settled();
  }

  look() {
    const last = this.scored.scores.length - 1;
    if (this.position > last) {
      throw new Error(t("position must be from 0 to {last}, got {value}", { last, value: given(this.position) }));
    }
    return lookAt(this.model, this.tokenizer, this.scored, this.position);
  }

  show() {
    if (this.work.isOpen) this.work.show();
    else super.show();
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
    return this.work.isOpen && !this.problem ? "…" : super.caption;
  }
}

views.TextScorer = TextScorer;
