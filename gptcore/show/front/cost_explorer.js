// CostExplorer: what models of several sizes need. A model that is touched shows how its numbers come about.

// Factors of a product, each with its name below it: product([[number, name], ...]).
const sign = (text) => h("span", { class: "gc-times" }, text);
const product = (factors, between = "×") => factors.flatMap(([number, name], i) => [
  i > 0 && sign(between), h("span", { class: "gc-factor" }, h("b", {}, number), h("small", {}, name)),
]);

export default {
  render({ model, el }) {
    const head = h("div", { class: "gc-cost gc-cost-head", "aria-hidden": "true" }, h("span"));
    const rows = h("div", { class: "gc-costs", role: "group", "aria-label": t("The models, from which one is chosen") });
    const formula = h("div", { class: "gc-formulas", role: "group" });
    arrowKeys(rows);

    frame({ model, el }, N_("cost explorer"), ["layers", "logits"], {
      top: [h("div", { class: "gc-cost-controls" },
        slider(model, "tokens", t("Tokens")), slider(model, "batch_size", t("Texts at once")),
        slider(model, "bandwidth", t("Memory reads")), choices(model, "dtype", t("Weights"), (_, text) => text))],
      left: [head, rows, formula],
    });

    // A lane has a dot where the value lies: on a logarithmic axis a length would mean nothing.
    const makeLane = () => h("span", { class: "gc-cost-lane" }, h("b", {}, h("span")));
    const showLane = (lane, { share, beyond, text }) => {
      const kind = [share > 0.5 && "gc-before", beyond && "gc-beyond"].filter(Boolean).join(" ");
      put(lane.firstChild, { style: { "--share": share }, class: kind, title: beyond ? t("{text}, beyond the axis", { text }) : null });
      put(lane.firstChild.firstChild, { text });
    };
    const showHead = ({ name, marks }) => h("span", {}, h("b", {}, name), h("span", { class: "gc-cost-axis" },
      marks.map(([share, text]) => h("small", { style: { "--share": share } }, text))));

    const bytesEach = (bytes) => (Number.isInteger(bytes) ? String(bytes) : decimals(bytes, 3));
    const formulas = (n, [weights, cache, seconds]) => [
      [t("Weights"), product([[grouped(n.parameters), t("parameters")], [bytesEach(n.bytes), Number.isInteger(n.bytes) ? t("bytes each") : t("bytes each on average, with the scales")]]), weights],
      [t("KV cache"), product([["2", t("key, value")], [grouped(n.layers), n.layers === 1 ? t("layer") : t("layers")],
        [grouped(n.texts), n.texts === 1 ? t("text") : t("texts")], [grouped(n.tokens), n.tokens === 1 ? t("token") : t("tokens")], [grouped(n.width), t("width")], [grouped(n.cache_bytes), t("bytes each")]]), cache],
      [t("Least time"), [sign("("), ...product([[n.weights_read, t("weights that are read")], [n.cache_read, t("cache")]], "+"), sign(") ÷"),
        ...product([[n.bandwidth, t("memory reads")]])], seconds],
    ];

    following(model, ["shown"], () => {
      const { lanes, models, here, formula: numbers } = model.get("shown");
      if (!models) return;
      if (head.children.length === 1) head.append(...lanes.map(showHead));
      keyed(rows, models.map((one, i) => ({ ...one, i })), ({ i }) => i,
        ({ i }) => h("button", { type: "button", class: "gc-cost", onclick: () => ask(model, "look", i) },
          h("span", { class: "gc-cost-name" }), lanes.map(makeLane)),
        (row, { name, lanes: places, i }) => {
          put(row.firstChild, { text: name });
          put(row, { "aria-pressed": String(i === here), tabindex: i === here ? 0 : -1,
            "aria-label": `${name}: ${places.map(({ text }, lane) => `${lanes[lane].name} ${text}`).join(", ")}` });
          places.forEach((place, lane) => showLane(row.children[lane + 1], place));
        });
      const { name, lanes: places } = models[here];
      put(formula, { "aria-label": t("How the numbers of {name} come about", { name }) });
      formula.replaceChildren(h("p", { class: "gc-formula-name" }, t("How the numbers of {name} come about", { name })),
        ...formulas(numbers, places.map(({ text }) => text)).map(([what, factors, result]) =>
          h("p", { class: "gc-formula" }, h("span", {}, what), h("span", {}, factors), sign("="), h("b", {}, result))));
    });
  },
};
