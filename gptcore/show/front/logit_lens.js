// LogitLens: what the model would answer after each of its layers, in a table whose cells open, and how its final answer
// rises through them.

const NARROW = 400; // pixels: a phone's width
const ROOM = { names: 107, rise: 143, cell: 70 };
const LESS_ROOM = { names: 92, rise: 83, cell: 58 };
const MANY = 8; // rows: so many have a line each

const layerName = (row) => (row ? t("layer {n}", { n: row - 1 }) : t("embedding"));
const afterLayer = (row) => (row ? t("After layer {n}", { n: row - 1 }) : t("After the embedding"));

// The positions of `window` for which there is room, with `position` in the middle where that is possible.
function fitting(window, position, width) {
  const { names, rise, cell } = width < NARROW ? LESS_ROOM : ROOM;
  const room = Math.floor((width - names - rise) / cell);
  const count = Math.min(window.length, Math.max(2, room));
  const start = Math.min(Math.max(0, window.indexOf(position) - Math.floor(count / 2)), window.length - count);
  return window.slice(start, start + count);
}

// The table, the last layer on top: `show(shown, labels, width)`; open(row, position) is called for a cell.
function lensTable(open, name) {
  const head = h("tr");
  const body = h("tbody");
  const answer = h("span");
  const [least, most] = [h("span"), h("span", {}, "1")];
  const el = h("table", { class: "gc-lens" }, h("thead", {}, head), body);
  arrowKeys(el, { wraps: false });

  const heading = (item) => {
    if (item === "names") return h("td");
    if (item === "rise") return h("th", { scope: "col", class: "gc-lens-rise" }, answer, h("small", { class: "gc-axis" }, least, most));
    return h("th", { scope: "col" }, h("span", { class: "gc-label" }), h("small"));
  };
  const cell = ({ kind }) => {
    if (kind === "name") return h("th", { scope: "row" }, h("span"), h("small"));
    if (kind === "rise") return h("td", { class: "gc-lens-rise" }, h("span", { class: "gc-lane" }, h("b")), h("small"));
    const button = h("button", { type: "button", onclick: () => open(...button.place) }, h("span", { class: "gc-label" }), h("small"));
    return h("td", {}, button);
  };
  const update = (element, { kind, row, rows, rise, at, found, isOpen }) => {
    const [first, second] = element.children;
    if (kind === "name") {
      put(first, { text: layerName(row) });
      put(second, { text: row === rows - 1 ? t("the output") : "" });
    } else if (kind === "rise") {
      put(first.firstChild, { style: { "--share": rise.height } });
      const said = t("rank {rank} · {prob}", { rank: grouped(rise.rank), prob: percent(rise.prob) });
      put(second, { text: rows > MANY ? grouped(rise.rank) : said });
      put(element, { title: said });
    } else {
      first.place = [row, at];
      put(first, { class: found.is_answer ? "gc-answer" : "", style: { "--prob": found.prob }, tabindex: isOpen ? 0 : -1,
        "aria-pressed": String(isOpen), "aria-label": name(row, at, found) });
      put(first.firstChild, { text: found.label });
      put(first.lastChild, { text: percent(found.prob) });
    }
  };
  return {
    el,
    show(shown, labels, width) {
      const visible = fitting(shown.window, shown.position, width);
      const rows = shown.table.length;
      put(el, { class: ["gc-lens", rows > MANY && "gc-many", width < NARROW && "gc-narrow"].filter(Boolean).join(" ") });
      put(answer, { text: t("rank of {answer}", { answer: shorter(shown.answer, 12) }) });
      put(least, { text: grouped(shown.vocab_size) });
      keyed(head, ["names", ...visible, "rise"], String, heading, (element, at) => {
        if (typeof at === "string") return;
        put(element, { class: at === shown.position ? "gc-here" : "" });
        put(element.firstChild, { text: labels[at], title: labels[at] });
        put(element.lastChild, { text: String(at) });
      });
      const lines = shown.table.map((found, row) => ({ found, row })).reverse();
      keyed(body, lines, ({ row }) => row, () => h("tr"), (line, { found, row }) => {
        const cells = visible.map((at) => ({ kind: at, at, found: found[at - shown.window[0]],
          isOpen: row === shown.row && at === shown.position }));
        keyed(line, [{ kind: "name" }, ...cells, { kind: "rise", rise: shown.rise[row] }].map((item) => ({ ...item, row, rows })),
          ({ kind }) => kind, cell, update);
      });
    },
  };
}

export default {
  render({ model, el }) {
    const labels = () => model.get("offers").position?.labels ?? [];
    const place = (i) => t("{label} (position {n})", { label: labels()[i], n: i });
    const tokens = tokenButtons(t("The tokens of the text: choose the one that is read last"), (i) => set(model, "position", i));
    const before = h("p", { class: "gc-left-out" });
    const text = h("div", { class: "gc-text gc-scroll", tabindex: "-1" }, before, tokens.el);
    const name = (row, at, { label, prob, is_answer: isAnswer }) => {
      const known = { after: afterLayer(row), place: place(at), label, prob: percent(prob) };
      return isAnswer ? t("{after}, {place}: {label}, {prob}, the final answer", known) : t("{after}, {place}: {label}, {prob}", known);
    };
    const table = lensTable((row, at) => ask(model, "open", row, at), name);
    const box = h("div", { class: "gc-scroll gc-lens-box" }, table.el);
    const after = h("span");
    const title = h("p", { class: "gc-title gc-spread" }, after, h("small", {}, t("logit · probability")));
    const candidates = bars({ label: t("The likeliest tokens of the open cell"),
      value: ({ logit, prob }) => (logit == null ? percent(prob) : `${score(logit)} · ${percent(prob)}`) });
    const hint = h("p", { class: "gc-peek" });
    const play = player(t("Layer by layer"), (isFirst) => {
      const { row, rise = [] } = model.get("shown");
      const next = isFirst ? 0 : row + 1;
      return next < rise.length ? set(model, "row", next) : false;
    }, 900);
    frame({ model, el }, N_("logit lens"), ["layers", "logits"], {
      top: [field(model, "text", t("Text"))],
      left: [text, h("div", { class: "gc-buttons" }, play.el, hint)],
      right: [box, title, candidates.el],
    });

    const tell = (said = t("Framed in the table: already the final answer.")) => put(hint, { text: said });
    const draw = () => {
      const shown = model.get("shown");
      if (shown.table) table.show(shown, labels(), box.clientWidth);
    };
    let last = null;
    const show = () => {
      const shown = model.get("shown");
      const isEmpty = !shown.table;
      put(before, { text: shown.left_out ? t("… {n} tokens before", { n: grouped(shown.left_out) }) : "" });
      put(text, { class: `gc-text gc-scroll ${howMany(labels())}` });
      tokens.show(labels(), shown.position, (i) => ({ "aria-label": t("{label}, position {n}", { label: labels()[i], n: i }) }));
      if (shown.position !== last) reveal(text, tokens.at(shown.position));
      last = shown.position;
      for (const part of [box, title, candidates.el]) part.style.visibility = isEmpty ? "hidden" : "visible";
      play.el.disabled = isEmpty;
      tell();
      if (isEmpty) return; // what was there keeps its room
      draw();
      reveal(box, box.querySelector('[aria-pressed="true"]'));
      candidates.show(shown.candidates);
      const isLast = shown.row === shown.table.length - 1;
      put(after, { text: isLast ? t("{after}: the model's own output", { after: afterLayer(shown.row) }) : afterLayer(shown.row) });
    };
    const peek = (target) => tell(target.closest("button")?.getAttribute("aria-label") ?? undefined);
    for (const one of [tokens.el, table.el]) {
      for (const kind of ["pointerover", "focusin"]) one.addEventListener(kind, (event) => peek(event.target));
      for (const kind of ["pointerleave", "focusout"]) one.addEventListener(kind, () => tell());
    }
    following(model, ["shown"], show);
    const settle = () => {
      reveal(text, tokens.at(last ?? -1));
      draw();
    };
    const size = watched(box, settle, draw);
    document.addEventListener("gc-preferences", settle);
    return () => {
      play.stop();
      size.disconnect();
      document.removeEventListener("gc-preferences", settle);
    };
  },
};
