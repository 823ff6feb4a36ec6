// Prediction: a question to answer before the next cell does, with a sentence for each answer.

class Prediction extends LiveView {
  static front = "prediction";
  static settings = { choice: setting() };

  // `page.given` has the question, its options, [option, what is said to someone who chooses it] each, and the right one.
  constructor(context, page) {
    super(context, page);
    const { question, options, right } = page.given;
    this.record = this.answered({ question, options, right, choice: null });
    this.open({ choice: { options: options.map(([option]) => [option, option]) } });
    const { choice = null } = this.saved();
    if (choice === null) this.show();
    else this.change({ choice });
  }

  // The question with a choice.
  answered(record) {
    const said = record.options.find(([option]) => option === record.choice)?.[1] ?? "";
    const isRight = record.choice === record.right;
    const verdict = isRight ? t("Right.") : t("Not quite.");
    return { ...record, isRight, caption: record.choice === null ? "" : `${verdict} ${said}` };
  }

  checked(settings) {
    const checked = super.checked(settings);
    const options = this.record.options.map(([option]) => option);
    for (const choice of Object.values(checked)) {
      if (options.includes(choice)) continue;
      const values = { names: options.map(pythonRepr).join(", "), value: given(choice) };
      throw new Error(t("choice must be one of {names}, got {value}", values));
    }
    return checked;
  }

  update() {
    this.tryTo(() => this.answered({ ...this.record, choice: this.choice }));
    this.show();
  }

  shown() {
    const { question, options, choice, isRight } = this.record;
    const chosen = options.findIndex(([option]) => option === choice);
    return { question, chosen: choice === null ? null : chosen, is_right: isRight };
  }
}

views.Prediction = Prediction;
