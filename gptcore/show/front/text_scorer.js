// TextScorer: a text, each piece the darker the more it surprised the model, and what was expected in its place.

const nats = (value) => t("{n} nats", { n: value < 1000 ? decimals(value, 1) : grouped(value) });

// The pieces with their first position and their surprise, which is that of their tokens together.
function placed(pieces) {
  let start = 0;
  return pieces.map(([text, ...scores]) => {
    const surprise = scores.reduce((sum, one) => sum + (one?.[0] ?? 0), 0);
    const piece = { start, text, scores, surprise, stop: start + scores.length };
    start = piece.stop;
    return piece;
  });
}

// What there is to know of a piece, in one line.
function about({ start, text, scores, surprise }, { size }) {
  const label = `“${text}”`;
  if (scores.length > 1) {
    return t("{label} · {n} tokens together: chance {prob} · {nats}",
      { label, n: scores.length, prob: percent(Math.exp(-surprise)), nats: nats(surprise) });
  }
  if (start === 0) return t("{label} · nothing comes before it", { label });
  return t("{label} · chance {prob} · rank {rank} of {size} · {nats}",
    { label, prob: percent(Math.exp(-surprise)), rank: grouped(scores[0][1]), size: grouped(size), nats: nats(surprise) });
}

// The text as pieces that can be chosen: show(shown), and choose(position) is called with the position of a piece.
function scoredText(choose) {
  const list = h("div", { class: "gc-text gc-ts-scored", role: "listbox", "aria-label": t("The text; the arrow keys go from token to token") });
  const tip = h("p", { class: "gc-ts-tip", "aria-hidden": "true" });
  let now = {};
  const say = (piece) => put(tip, { text: piece ? about(piece, now) : "" });
  const chosen = () => [...list.children].find(({ piece }) => now.position < piece.stop);
  const go = (element) => {
    if (!element) return;
    element.focus({ preventScroll: true });
    choose(element.piece.start);
  };
  const make = () => {
    const element = h("span", { role: "option", tabindex: "-1", onclick: () => go(element), onfocus: () => say(element.piece),
      onmouseenter: () => say(element.piece), onmouseleave: () => say(null), onblur: () => say(null) }, h("span"), h("b"));
    return element;
  };
  const update = (element, piece) => {
    element.piece = piece;
    const isChosen = now.position >= piece.start && now.position < piece.stop;
    const gap = /^ +(?=\S)/.exec(piece.text)?.[0] ?? ""; // it is not coloured, because a line may end there
    put(element.firstChild, { text: gap });
    put(element.lastChild, { text: piece.text.slice(gap.length) });
    put(element, { tabindex: isChosen ? "0" : "-1", "aria-selected": String(isChosen), "aria-label": about(piece, now),
      class: piece.stop === 1 ? "gc-ts-first" : "", style: { "--share": Math.min(1, piece.surprise / now.guess).toFixed(3) } });
  };
  // The piece on the next line, or the one before, that is nearest to `element`.
  const onLine = (element, direction) => {
    const { left, top } = element.getBoundingClientRect();
    const others = [...list.children].map((one) => [one, one.getBoundingClientRect()]);
    const tops = others.map(([, box]) => box.top).filter((one) => (one - top) * direction > 4);
    const line = direction > 0 ? Math.min(...tops) : Math.max(...tops);
    const near = others.filter(([, box]) => Math.abs(box.top - line) < 4);
    return near.sort(([, a], [, b]) => Math.abs(a.left - left) - Math.abs(b.left - left))[0]?.[0];
  };
  list.addEventListener("keydown", (event) => {
    const element = document.activeElement;
    const next = {
      ArrowRight: () => element.nextElementSibling, ArrowLeft: () => element.previousElementSibling,
      ArrowDown: () => onLine(element, 1), ArrowUp: () => onLine(element, -1),
      Home: () => list.firstElementChild, End: () => list.lastElementChild,
    }[event.key];
    if (!next || !element.piece) return;
    event.preventDefault();
    go(next());
  });
  return {
    el: list,
    tip,
    show(shown) {
      now = shown;
      const pieces = placed(shown.pieces ?? []);
      keyed(list, pieces, ({ start }) => start, make, update);
      const element = chosen();
      say(null);
      if (!element) return;
      const [top, bottom] = [element.offsetTop, element.offsetTop + element.offsetHeight];
      if (top < list.scrollTop || bottom > list.scrollTop + list.clientHeight) list.scrollTop = top - list.clientHeight / 2;
    },
  };
}

export default {
  render({ model, el }) {
    const go = (position) => position !== model.get("settings").position && set(model, "position", position);
    const text = scoredText((position) => (reading.stop(), go(position)));
    const numbers = [N_("all together"), N_("per token"), N_("perplexity")].map((name) => [h("span", {}, t(name)), h("strong")]);
    const place = h("p", { class: "gc-ts-place" });
    const parts = h("div", { class: "gc-ts-parts", role: "group", "aria-label": t("The tokens of this piece") });
    const expected = bars({ act: (row) => (reading.stop(), ask(model, "replace", row.id)), label: t("What was expected here"),
      tip: (row) => t("Put {label} here, which had a chance of {prob}", { label: row.label, prob: percent(row.prob) }) });
    const empty = h("p", { class: "gc-ts-nothing" });

    const last = () => (model.get("shown").pieces ?? []).reduce((sum, piece) => sum + piece.length - 1, 0) - 1;
    // From token to token, and again from the first one that is predicted.
    const step = (isFirst) => {
      const next = model.get("settings").position + 1;
      if (next <= last()) set(model, "position", next);
      else if (isFirst) set(model, "position", 1);
      else return false;
    };
    const reading = player(t("Read along"), step, 900);

    const scale = h("div", { class: "gc-ts-scale", "aria-hidden": "true" }, h("span", {}, "0"), h("i"), h("span"));
    frame({ model, el }, N_("text scorer"), ["tokens", "probabilities"], {
      left: [field(model, "text", t("Text"), { lines: 2, live: true }), text.el,
        h("div", { class: "gc-buttons" }, reading.el, scale, text.tip), h("div", { class: "gc-ts-numbers" }, numbers.map((pair) => h("div", {}, pair)))],
      right: [place, parts, expected.el, empty],
    });

    following(model, ["shown"], () => {
      const shown = model.get("shown");
      const isEmpty = !shown.pieces;
      text.show(shown);
      reading.el.disabled = isEmpty;
      if (isEmpty) reading.stop();
      const values = isEmpty ? ["–", "–", "–"] : [nats(shown.total), t("{n} nats", { n: decimals(shown.loss, 2) }), shown.perplexity];
      numbers.forEach(([, value], i) => put(value, { text: values[i] }));
      put(scale.lastChild, { text: isEmpty ? "" : t("{nats}: a guess among {size}", { nats: nats(shown.guess), size: grouped(shown.size) }) });
      put(place, { text: isEmpty ? "" : shown.whole
        ? t("Token {n} of {count} of “{whole}”", { n: shown.parts.indexOf(shown.label) + 1, count: shown.parts.length, whole: shown.whole })
        : t("Expected in the place of “{label}”", { label: shown.label }) });
      keyed(parts, (shown.parts ?? []).map((name, i) => ({ name, i })), ({ i }) => i,
        ({ i }) => h("button", { type: "button", class: "gc-ts-byte", onclick: () => go(first() + i) }),
        (chip, { name, i }) => put(chip, { text: name, "aria-pressed": String(first() + i === model.get("shown").position) }));
      const rows = shown.expected ?? [];
      expected.show(rows.map((row) => ({ ...row, kind: row.came ? "gc-chosen" : "" })));
      put(empty, { text: isEmpty || rows.length ? "" : t("Nothing comes before the first token: it is not predicted.") });
    });
    // The first position of the piece that is looked at.
    function first() {
      const { pieces, position } = model.get("shown");
      return placed(pieces).find(({ stop }) => position < stop).start;
    }
    return () => reading.stop();
  },
};
