// DistributionExplorer: logit → scaled → probability of the next token, with every setting of the sampler to move.

const FLOOR = 6; // the logarithmic axis goes from 10⁻⁶ to 1
const onAxis = (prob, log) => (log ? (prob > 0 ? Math.max(0, 1 + Math.log10(prob) / FLOOR) : 0) : prob);

// A count as a narrow column has room for it: "9,999", "71.2k", "712k".
function inShort(count) {
  if (count < 9999.5) return grouped(count);
  if (count < 99950) return `${(count / 1e3).toFixed(1)}k`;
  return count < 999500 ? `${(count / 1e3).toFixed(0)}k` : `${(count / 1e6).toFixed(0)}M`;
}

// How many of `draws` were expected, with one decimal where it matters.
function expected(prob, draws) {
  const count = draws * prob;
  return count > 0 && count < 99.95 ? count.toFixed(1) : inShort(count);
}

// The three panels: `show(panels)` with rows of { id, label, logit, scaled, prob, cut, count }.
function panels() {
  const lane = () => h("div", { class: "gc-lane" });
  const list = h("div", { role: "list", "aria-label": t("Tokens with their logit, scaled logit and probability") });
  const details = [...Array(3)].map(() => h("small"));
  const heads = [t("logit"), t("→ scaled"), t("→ probability")].map((name, i) => h("span", {}, name, details[i]));
  const ends = [...Array(6)].map(() => h("span"));
  const axis = h("div", { class: "gc-trio gc-panels-axis", "aria-hidden": "true" },
    h("span"), h("span", {}, ends[0], ends[1]), h("span"), h("span", {}, ends[2], ends[3]), h("span"), h("span", {}, ends[4], ends[5]));
  const el = h("div", { class: "gc-panels" }, h("div", { class: "gc-trio gc-panels-head" }, h("span"), heads), list, axis);

  const make = () => {
    const parts = {
      label: h("span", { class: "gc-label" }), logit: h("b"), logitText: h("span", { class: "gc-number" }), scaled: h("b"),
      scaledText: h("span", { class: "gc-number" }), prob: h("i"), mark: h("u"), cut: h("em"), probText: h("span", { class: "gc-number" }),
      count: h("span", { class: "gc-number gc-count" }),
    };
    const [first, second, third] = [lane(), lane(), lane()];
    first.append(parts.logit);
    second.append(parts.scaled);
    third.append(parts.prob, parts.mark, parts.cut);
    const row = h("div", { role: "listitem" }, parts.label, first, parts.logitText, second, parts.scaledText, third, parts.probText, parts.count);
    row.parts = parts;
    return row;
  };
  const at = (dot, value, low, high) =>
    put(dot, { hidden: value == null || value < low - 1e-6,
      style: { "--share": value == null ? 0 : Math.min(1, Math.max(0, (value - low) / (high - low))) } });
  const update = (row, { shown, token }) => {
    const { label, logit, logitText, scaled, scaledText, prob, mark, cut, probText, count } = row.parts;
    const [low, high] = shown.axis;
    const others = token.id == null;
    const wasCut = row.classList.contains("gc-cut");
    put(row, { class: `gc-trio${token.cut ? " gc-cut" : ""}${others ? " gc-others" : ""}${token.isDrawn ? " gc-drawn" : ""}` });
    if (token.cut && !wasCut && row.isSeen && !isStill()) row.classList.add("gc-falling");
    row.isSeen = true;
    named(label, token.label, 10);
    put(label, { title: others ? null : `${token.label} · id ${token.id}` });
    at(logit, others ? null : token.logit, low, high);
    put(logitText, { text: others ? (token.logit == null ? "" : `≤ ${score(token.logit)}`) : score(token.logit) });
    const isScaled = shown.temperature > 0 && !others;
    at(scaled, isScaled ? token.scaled : null, low - high, 0);
    put(scaledText, { text: others ? "" : isScaled ? score(token.scaled) : "–" });
    put(prob, { hidden: token.prob === 0, style: { "--share": onAxis(token.prob, shown.log) } });
    put(mark, { hidden: !token.count, style: { "--share": onAxis(token.count / (shown.draws || 1), shown.log) } });
    put(cut, { text: token.cut ? others ? t("all of them cut") : t("cut by {stage}", { stage: token.cut }) : "" });
    put(probText, { text: percent(token.prob) });
    put(count, { hidden: !shown.draws, text: shown.draws ? `${inShort(token.count)} / ${expected(token.prob, shown.draws)}` : "" });
  };
  const show = (shown) => {
    el.classList.toggle("gc-counted", shown.draws > 0);
    const scaling = shown.temperature > 0
      ? t("(logit − largest) ÷\u00a0{temperature}", { temperature: shown.temperature })
      : t("greedy: the largest");
    const drawn = shown.draws ? t("and drawn / expected of {n} draws", { n: grouped(shown.draws) }) : t("softmax of what is kept");
    [t("the model’s score"), scaling, drawn].forEach((text, i) => put(details[i], { text }));
    const [low, high] = shown.axis;
    const names = [score(low), score(high), score(low - high), "0", shown.log ? "0.0001%" : "0%", "100%"];
    ends.forEach((end, i) => put(end, { text: names[i] }));
    keyed(list, shown.rows.map((token) => ({ shown, token })), ({ token }) => token.id ?? "others", make, update);
  };
  return { el, show };
}

// The same panels as they were before the stage number `stage` of `removed` cut: what was cut later is still there.
function before(shown, stage) {
  const gone = shown.removed.slice(0, stage);
  const left = 1 - gone.reduce((sum, { mass }) => sum + mass, 0);
  const top = shown.rows[0];
  const isGone = ({ cut }) => gone.some(({ name }) => name === cut);
  const first = ({ scaled, prob }) => (prob > 0 ? prob * shown.keptMass : top.prob * shown.keptMass * Math.exp((scaled ?? -Infinity) - top.scaled));
  const rows = shown.rows.slice(0, -1).map((token) =>
    isGone(token) ? token : { ...token, cut: "", prob: Math.min(1, first(token) / left) });
  const rest = Math.max(0, 1 - rows.reduce((sum, { prob }) => sum + prob, 0));
  return { ...shown, draws: 0, rows: [...rows, { ...shown.rows.at(-1), cut: rest > 1e-6 ? "" : shown.rows.at(-1).cut, prob: rest > 1e-6 ? rest : 0 }] };
}

export default {
  render({ model, el }) {
    const drawing = panels();
    const mass = h("div", { class: "gc-mass", role: "img" });
    const legend = h("p", { class: "gc-legend" });
    const draws = [1, 100, 1000].map((count) =>
      put(button(grouped(count), () => ask(model, "draw", count)), { "aria-label": t("Draw {n}", { n: grouped(count) }) }));
    const stages = button(t("Stage by stage"), () => play(), { icon: "▶", title: t("Watch each setting cut what it cuts, one after the other") });
    frame({ model, el }, N_("distribution explorer"), ["logits", "probabilities"], {
      top: [h("div", { class: "gc-top-line" }, field(model, "prompt", t("Text")), pick(model, "rows", t("Rows")), toggle(model, "log", t("Logarithmic")))],
      left: [
        ...[["temperature", N_("Temperature")], ["top_k", N_("Top-k")], ["top_p", N_("Top-p")], ["min_p", N_("Min-p")]].map(([name, label]) => slider(model, name, t(label))),
        h("div", { class: "gc-draws" }, h("span", { "aria-hidden": "true" }, t("Draw")), draws),
        h("div", { class: "gc-buttons" }, stages, button(t("Reset"), () => ask(model, "reset"), { icon: "↺" })),
      ],
      right: [drawing.el, mass, legend],
    });
    const reel = film();
    const draw = (shown) => {
      drawing.show(shown);
      const pieces = [{ name: "kept", mass: shown.keptMass, count: shown.keptCount }, ...shown.removed];
      keyed(mass, pieces, ({ name }) => name, () => h("i"), (piece, { mass }) => put(piece, { style: { "--share": mass } }));
      const cut = shown.removed.map(({ name, mass, count }) => t("{stage} cuts {n} with {mass}", { stage: name, n: grouped(count), mass: percent(mass) }));
      put(legend, { text: [t("Kept: {n} with {mass}", { n: grouped(shown.keptCount), mass: percent(shown.keptMass) }), ...cut].join(" · ") });
      put(mass, { "aria-label": legend.textContent });
    };
    const show = () => {
      const shown = model.get("shown");
      const isEmpty = !shown.rows;
      for (const one of [...draws, stages]) one.disabled = isEmpty;
      stages.disabled ||= !shown.removed?.length || shown.temperature === 0;
      drawing.el.style.visibility = mass.style.visibility = legend.style.visibility = isEmpty ? "hidden" : "visible";
      if (!isEmpty) reel.play(async () => draw(shown));
    };
    const play = () => {
      const shown = model.get("shown");
      reel.play(async (wait) => {
        for (let stage = 0; stage < shown.removed.length; stage += 1) {
          draw(before(shown, stage));
          put(legend, { text: t("Now {stage} cuts {n}.", { stage: shown.removed[stage].name, n: grouped(shown.removed[stage].count) }) });
          await wait(1100);
        }
        draw(model.get("shown"));
      });
    };
    following(model, ["shown"], show);
  },
};
