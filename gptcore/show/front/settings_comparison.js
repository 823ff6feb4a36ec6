// SettingsComparison: two settings on the same luck, and the token at which their texts part.

export default {
  render({ model, el }) {
    const look = (i) => ask(model, "look", i);
    const sides = ["A", "B"].map((name, i) => {
      const heading = h("h3");
      const text = story(t("Text {name}, token by token", { name }), look);
      const dart = dartStrip();
      const sliders = ["temperature", "top_k"].map((setting) =>
        slider(model, `${setting}_${name.toLowerCase()}`, setting === "top_k" ? t("Top-k") : t("Temperature"), { calm: true }));
      return { name, i, heading, text, dart, el: h("div", { class: "gc-side" }, heading, sliders, text.el, dart.el) };
    });
    const what = h("p", { class: "gc-key" });
    const luck = h("span", { class: "gc-detail" });
    frame({ model, el }, N_("settings comparison"), ["probabilities", "dart", "next"], {
      top: [field(model, "prompt", t("Text"))],
      left: [
        h("div", { class: "gc-sides" }, sides.map((side) => side.el)),
        h("div", { class: "gc-buttons" }, button(t("Other luck"), () => ask(model, "other_luck"), { icon: "↺", title: t("The next seed") }), luck),
        what,
      ],
    });
    following(model, ["shown", "settings"], () => {
      const shown = model.get("shown");
      put(luck, { text: t("seed {seed}", { seed: model.get("settings").seed }) });
      if (!shown.sides) return;
      const { parting, position, writing } = shown;
      for (const side of sides) {
        const { about, prompt, pieces, same, dart } = shown.sides[side.i];
        put(side.heading, { text: `${side.name}: ${about}` });
        side.text.show(prompt, pieces, writing ? null : position, (i) =>
          i === parting ? "gc-first" : same[i] === false ? "gc-differs" : "");
        side.dart.show(dart);
        if (dart) {
          side.dart.fall(dart.uniform);
          side.dart.light(dart.id);
        }
      }
      const place = t("New token {n}: one dart, at the same place on two bars.", { n: position + 1 });
      const same = t("Nothing differs."), framed = t("Framed: the first token that differs; dotted: other tokens after it.");
      put(what, { text: writing ? "" : parting === null ? `${same} ${place}` : `${place} ${framed}` });
    });
  },
};
