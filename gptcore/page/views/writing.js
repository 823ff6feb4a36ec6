// What `StreamingGenerator` shows: a text as far as it is written.

class Writing {
  static mostShown = 20000; // characters: of a longer text only the end is shown

  // text: the whole; prompt: its beginning; count: of new tokens; ended: by the end-of-text token; lastPiece: what was
  // added last; drawn: the last token, { id, label }, null if there is none yet.
  constructor({ text, prompt, count, maxLength, state, tokensPerSecond, ended, error, candidates, lastPiece, drawn }) {
    Object.assign(this, { text, prompt, count, maxLength, state, tokensPerSecond, ended, error, candidates, lastPiece, drawn });
  }

  get caption() {
    if (this.state === "ready") return t("Start lets it go on; below are the candidates for the first token.");
    if (this.state === "failed") return t("It cannot go on: {problem}", { problem: sentence(this.error) });
    if (this.state === "finished") return this.ended ? t("The story is over: the model drew the end of the text.") : t("There is no more room.");
    if (this.state === "stopped") return t("Stopped. The text so far is kept; Start begins again from the beginning.");
    const last = this.drawn === null
      ? t("Below are the candidates for the first token.")
      : t("The bars are the chances from which the last token was drawn.");
    return `${t("It is writing.")} ${last}`;
  }

  // The text, or if it is very long, its end, and the chances of its last token, for the page.
  shown() {
    const all = [...this.text.slice(this.prompt.length)];
    const isLong = all.length > Writing.mostShown;
    const added = isLong ? all.slice(-Writing.mostShown).join("") : all.join("");
    const middle = added.endsWith(this.lastPiece) ? added.slice(0, added.length - this.lastPiece.length) : added;
    return {
      parts: [isLong ? "… " : this.prompt, middle, added.slice(middle.length)],
      count: this.count,
      most: this.maxLength,
      pace: this.count ? this.tokensPerSecond : null,
      state: this.state,
      candidates: this.candidates?.rowsShown() ?? null,
      drawn: this.drawn,
    };
  }
}
