// Prediction: a question with its options as buttons; the sentence for the one that is chosen slides in below.

export default {
  render({ model, el }) {
    const id = newName();
    const question = h("p", { class: "gc-question", id });
    const options = h("div", { class: "gc-options", role: "group", "aria-labelledby": id });
    const root = frame({ model, el }, N_("prediction"), [], { left: [question, options] });
    const caption = root.querySelector(".gc-caption");
    put(caption, { "data-hint": t("Choose before you go on.") });

    options.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const option = options.children[LETTERS.indexOf(event.key.toUpperCase())];
      option?.focus();
      option?.click();
    });
    const make = ({ letter, text, value }) =>
      h("button", { type: "button", class: "gc-option", onclick: () => set(model, "choice", value) },
        h("b", {}, letter), h("span", {}, text));

    let before = "";
    following(model, ["shown"], () => {
      const shown = model.get("shown");
      put(question, { text: shown.question });
      const rows = model.get("offers").choice.options.map(([text, value], i) => ({ text, value, letter: LETTERS[i] }));
      keyed(options, rows, (row) => row.letter, make, (element, { letter }) =>
        put(element, { "aria-pressed": String(letter === LETTERS[shown.chosen]) }));
      root.classList.toggle("gc-is-right", shown.chosen != null && shown.is_right);
      root.classList.toggle("gc-is-wrong", shown.chosen != null && !shown.is_right);
      if (shown.caption !== before && !isStill()) {
        const steps = [{ transform: "translateY(-14px)", opacity: 0 }, { transform: "none", opacity: 1 }];
        caption.animate(steps, { duration: 320 * pace(), easing: "ease-out" });
      }
      before = shown.caption;
    });
  },
};

const LETTERS = [..."ABCDE"];
