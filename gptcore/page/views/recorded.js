// What AttentionView and LogitLens share, and Machine in part: a text that a model has read, and a position in it.

// A text as a model has read it: its recording, the labels of the T tokens that the model has read, and how many tokens
// before those did not fit into the context.
class RecordedText {
  constructor(recording, labels, leftOut) {
    Object.assign(this, { recording, labels, leftOut });
  }

  // A sentence to add to a caption if the model has not read all of the text.
  get warning() {
    if (!this.leftOut) return "";
    return t(" The text is long: the model sees only its last {count} tokens.", { count: grouped(this.labels.length) });
  }

  name(position) {
    return t("{label} (position {n})", { label: this.labels[position], n: position });
  }

  // The same for a sentence, where a full stop may be a token.
  quoted(position) {
    return t("“{label}” (position {n})", { label: this.labels[position], n: position });
  }
}

// How `model` reads `text`, or its last `context_length` tokens; an empty text starts from the end of text.
function recordText(model, tokenizer, text) {
  checkText("text", text);
  const encoded = tokenizer.encode(text);
  const tokenIds = encoded.length ? encoded : startIds(model, tokenizer, "text");
  const seen = tokenIds.slice(-model.config.context_length);
  const labels = seen.map((tokenId) => tokenLabel(tokenizer, tokenId));
  return new RecordedText(record(model, seen), labels, tokenIds.length - seen.length);
}

// A view of a text and a position in it; a new text puts `position` on its last token. `readText` is what is computed
// once for each text, `computeRecord` what is shown of it at the settings.
class RecordedTextView extends LiveView {
  static settings = { text: textSetting(), position: indexSetting((view) => view.labels.length) };
  static remembered = ["record", "recorded"];

  constructor(context, page, controls = {}) {
    super(context, page);
    this.recorded = null; // null if the text cannot be read
    super.open({ text: { value: "" }, position: { value: 0 }, ...controls }); // a view may have a hand called `open`
    const { text, ...settings } = this.saved();
    this.change({ text });
    const others = Object.entries(settings).filter(([, value]) => value !== null);
    if (this.recorded !== null && others.length) this.change(Object.fromEntries(others));
    this.redo();
  }

  // Of the tokens that the model has read.
  get labels() {
    return this.recorded === null ? [] : this.recorded.labels;
  }

  // How many tokens before those did not fit into the context.
  get leftOut() {
    return this.recorded === null ? 0 : this.recorded.leftOut;
  }

  // The settings, once all are checked, but for a position in a text that has not been read yet.
  checked(settings) {
    const checked = super.checked(settings);
    for (const [name, value] of Object.entries(checked)) {
      const isLater = name === "position" && "text" in settings;
      if (this.setting(name) instanceof Index && !isLater) this.setting(name).checkRange(this, name, value);
    }
    return checked;
  }

  update(names) {
    if (names.includes("text")) {
      this.record = this.recorded = null;
      this.tryTo(() => this.read());
      if (this.recorded !== null && names.includes("position")) {
        this.setting("position").checkRange(this, "position", this.position);
      } else this.put({ position: Math.max(0, this.labels.length - 1) });
    }
    if (this.recorded !== null) this.tryTo(() => this.computeRecord());
    this.show();
  }

  read() {
    this.recorded = this.readText(this.text);
    return null;
  }

  readText(text) {
    return recordText(this.model, this.tokenizer, text);
  }

  // Offer the tokens, which a page needs once for each text, and draw the record.
  show() {
    this.controls.position.labels = this.labels.map(printable);
    super.show();
  }

  band() {
    if (this.recorded === null) return {};
    const { tokenIds, residuals } = this.recorded.recording;
    const last = residuals.at(-1).slice(-this.model.config.emb_dim);
    this.recorded.next ??= nextTokenDistribution(lensLogits(this.model, last)); // of the last position alone
    return band(this.text, tokenIds, this.model, this.tokenizer, this.recorded.next);
  }
}
