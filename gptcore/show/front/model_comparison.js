// ModelComparison: several models, one prompt and the same luck.

// One model: its loss, its text, and the dart on the bar of the token that is looked at.
function modelRow(name, look) {
  const loss = h("span", { class: "gc-loss", role: "img" }, h("i"), h("s"));
  const said = h("span", { class: "gc-number" });
  const text = story(t("Text of {name}, token by token", { name }), look);
  const dart = dartStrip();
  const choices = h("p", { class: "gc-key" });
  const el = h("div", { class: "gc-model" },
    h("div", { class: "gc-side" }, h("div", { class: "gc-model-head" }, h("h3", {}, name), loss, said), text.el),
    h("div", { class: "gc-side" }, dart.el, choices));
  return {
    el,
    show({ loss: nats, prompt, pieces, position, choices: count, dart: shown }, { largest, floor, writing }) {
      loss.style.visibility = said.style.visibility = nats == null ? "hidden" : "visible";
      if (nats != null) {
        const known = [t("loss {loss}", { loss: decimals(nats, 2) })];
        if (floor != null) known.push(t("floor {floor}", { floor: decimals(floor, 2) }));
        const words = known.join(", ");
        put(said, { text: words });
        put(loss, { "aria-label": t("{words} nats per token", { words }), style: { "--share": nats / largest, "--floor": (floor ?? 0) / largest } });
        put(loss.lastChild, { hidden: floor == null, title: t("The lowest that can be expected") });
      }
      text.show(prompt, pieces, position, () => "");
      dart.show(shown);
      if (!shown) return put(choices, { text: writing ? t("It is writing.") : t("Nothing is written.") });
      dart.fall(shown.uniform);
      dart.light(shown.id);
      put(choices, { text: t("New token {n}: as if choosing among {choices}", { n: position + 1, choices: count < 99.95 ? decimals(count, 1) : grouped(count) }) });
    },
  };
}

export default {
  render({ model, el }) {
    const rows = new Map();
    const list = h("div", { class: "gc-models" });
    const luck = h("span", { class: "gc-detail" });
    frame({ model, el }, N_("model comparison"), ["layers", "probabilities", "dart"], {
      top: [
        field(model, "prompt", t("Text")),
        h("div", { class: "gc-model-controls" },
          slider(model, "temperature", t("Temperature"), { calm: true }), slider(model, "top_k", t("Top-k"), { calm: true }),
          h("div", { class: "gc-buttons" }, button(t("Other luck"), () => ask(model, "other_luck"), { icon: "↺", title: t("The next seed") }), luck)),
      ],
      left: [list],
    });
    const make = ({ name }) => {
      rows.set(name, modelRow(name, (i) => ask(model, "look", i)));
      return rows.get(name).el;
    };
    following(model, ["shown", "settings"], () => {
      const shown = model.get("shown");
      put(luck, { text: t("seed {seed}", { seed: model.get("settings").seed }) });
      keyed(list, shown.models ?? [], ({ name }) => name, make, (element, one) => rows.get(one.name).show(one, shown));
    });
  },
};
