// AttentionView: a text with an arc to every token that the chosen token looks at, and a small map of each head to
// choose it by.

const MOST_ARCS = 40;
const LEAST_WEIGHT = 0.005; // of an arc

// The way from a token to one before it: an arc above their line, where there is so much `room`, a curve between two
// lines, or a loop to itself.
function arc(from, to, room) {
  const middle = (element) => element.offsetLeft + element.offsetWidth / 2;
  const [x1, x2, y1] = [middle(from), middle(to), from.offsetTop];
  const curve = (...points) => `M${points[0]}C${points.slice(1).join(" ")}`;
  if (from === to) return curve(`${x1 - 6},${y1}`, `${x1 - 20},${y1 - 24}`, `${x1 + 20},${y1 - 24}`, `${x1 + 6},${y1}`);
  if (Math.abs(to.offsetTop - y1) < from.offsetHeight / 2) {
    const top = y1 - Math.min(1.2 * room, 12 + 0.3 * Math.abs(x1 - x2));
    return curve(`${x1},${y1}`, `${x1},${top}`, `${x2},${top}`, `${x2},${y1}`);
  }
  const y2 = to.offsetTop + to.offsetHeight;
  const bend = Math.max(14, (y1 - y2) / 2);
  return curve(`${x1},${y1}`, `${x1},${y1 - bend}`, `${x2},${y2 + bend}`, `${x2},${y2}`);
}

// The text with its arcs: `show(labels, shown)`, `light(position)` lifts the arc to a token, `point(position)` shows
// where another head looks.
function attendedText(go) {
  const tokens = tokenButtons(t("The tokens of the text: the chosen one looks at those before it"), go);
  const lines = h("g");
  const pointer = h("path", { class: "gc-arc-preview" });
  const before = h("p", { class: "gc-left-out" });
  const content = h("div", { class: "gc-attended" }, h("svg", { "aria-hidden": "true" }, lines, pointer), tokens.el);
  const el = h("div", { class: "gc-text gc-scroll", tabindex: "-1" }, before, content);
  const room = () => tokens.el.offsetTop; // above the first line
  let now = { weights: [] };
  const draw = () => {
    const from = tokens.at(now.position);
    const seen = from ? now.weights.map((weight, i) => ({ weight, i })).filter(({ weight }) => weight >= LEAST_WEIGHT) : [];
    seen.sort((one, other) => other.weight - one.weight);
    // Arcs are kept by their rank, so that the widest one glides to the token that is looked at most.
    keyed(lines, seen.slice(0, MOST_ARCS).map((arc, rank) => ({ ...arc, rank })), ({ rank }) => rank,
      () => h("path", { class: "gc-arc" }),
      (path, { weight, i }) => {
        path.target = i;
        put(path, { d: arc(from, tokens.at(i), room()), style: { "--weight": weight } });
      });
  };
  const look = (labels, { weights, position }) => (i) => {
    const share = weights[i] == null ? t("comes later") : t("gets {share}", { share: percent(weights[i]) });
    const known = { label: labels[i], n: i, share };
    return {
      class: i === position ? "gc-from" : weights[i] == null ? "gc-later" : "",
      style: { "--weight": weights[i] ?? 0 },
      "aria-label": i === position ? t("{label}, position {n}: looks from here, {share}", known) : t("{label}, position {n}: {share}", known),
    };
  };
  return {
    el,
    draw,
    content,
    position: (target) => [...tokens.el.children].indexOf(target.closest("button")),
    show(labels, shown) {
      put(before, { text: shown.left_out ? t("… {n} tokens before", { n: grouped(shown.left_out) }) : "" });
      put(content, { class: `gc-attended ${howMany(labels)}` });
      tokens.show(labels, shown.position, look(labels, shown));
      const moved = shown.position !== now.position;
      now = shown;
      if (moved) reveal(el, tokens.at(shown.position));
      draw();
    },
    settle() {
      reveal(el, tokens.at(now.position ?? -1));
      draw();
    },
    light: (position) => [...lines.children].forEach((path) => path.classList.toggle("gc-lit", path.target === position)),
    point(position) {
      const [from, to] = [now.position, position].map((i) => tokens.at(i ?? -1));
      put(pointer, { d: from && to ? arc(from, to, room()) : null });
    },
  };
}

// A small map of each head, a layer to a row: `show(maps, shown, name)`, where name(layer, head) says what it does.
function headMaps(go) {
  const el = h("div", { class: "gc-heads gc-scroll", role: "radiogroup", "aria-label": t("Heads, a layer to a row") });
  arrowKeys(el, { wraps: false });
  let drawn = null;
  const make = ({ layer, head }) => {
    if (layer == null || head == null) return h("span", { class: "gc-heads-name", "aria-hidden": "true" }, String(layer ?? head ?? ""));
    const element = h("button", { type: "button", role: "radio", class: "gc-map", onclick: () => go(layer, head) }, h("canvas"), h("i"));
    element.place = [layer, head];
    return element;
  };
  const paint = (canvas, size, bytes, start) => {
    put(canvas, { width: size, height: size });
    const image = canvas.getContext("2d").createImageData(size, size);
    for (let row = 0, at = start; row < size; row += 1) {
      for (let column = 0; column <= row; column += 1, at += 1) image.data[4 * (row * size + column) + 3] = bytes[at];
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  };
  return {
    el,
    show(maps, shown, tokens, name) {
      const { size, values } = maps;
      const [layers, heads] = [shown.heads.weights.length, shown.heads.weights[0].length];
      const bytes = values === drawn ? null : Uint8Array.from(atob(values), (letter) => letter.charCodeAt(0));
      drawn = values;
      put(el, { style: { "--heads": heads, "--rows": layers } });
      const range = (count) => [...Array(count).keys()];
      const cells = [{}, ...range(heads).map((head) => ({ head })),
        ...range(layers).flatMap((layer) => [{ layer }, ...range(heads).map((head) => ({ layer, head }))])];
      keyed(el, cells, ({ layer, head }) => `${layer} ${head}`, make, (element, { layer, head }) => {
        if (!element.place) return;
        const isChosen = layer === shown.layer && head === shown.head;
        if (bytes) paint(element.firstChild, size, bytes, ((layer * heads + head) * size * (size + 1)) / 2);
        put(element, { "aria-checked": String(isChosen), tabindex: isChosen ? 0 : -1, "aria-label": name(layer, head),
          style: { "--at": (shown.position + 0.5) / tokens } });
      });
      reveal(el, el.querySelector('[aria-checked="true"]'));
    },
  };
}

export default {
  render({ model, el }) {
    const text = attendedText((i) => set(model, "position", i));
    const heads = headMaps((layer, head) => ask(model, "choose", layer, head));
    const labels = () => model.get("offers").position?.labels ?? [];
    const place = (i) => t("{label} (position {n})", { label: labels()[i], n: i });
    const strongest = bars({ act: ({ id }) => set(model, "position", id), label: t("The tokens that are looked at most"),
      tip: ({ id, prob }) => t("Go to {place}, which gets {share}", { place: place(id), share: percent(prob) }),
      title: ({ id }) => place(id) });
    const hint = h("p", { class: "gc-peek" });
    const title = h("p", { class: "gc-title" });
    const note = h("p", { class: "gc-peek" });
    const play = player(t("Token by token"), (isFirst) => {
      const [next, last] = [model.get("shown").position + 1, labels().length - 1];
      if (!isFirst && !(next <= last)) return false;
      set(model, "position", next <= last ? next : 0);
    }, 800);
    frame({ model, el }, N_("attention view"), ["layers"], {
      top: [field(model, "text", t("Text"))],
      left: [text.el, h("div", { class: "gc-buttons" }, play.el, hint)],
      right: [heads.el, note, title, strongest.el],
    });

    const name = (layer, head) => {
      const { positions, weights } = model.get("shown").heads;
      return t("Layer {layer}, head {head}: looks most at {place}, {share}",
        { layer, head, place: place(positions[layer][head]), share: percent(weights[layer][head]) });
    };
    const show = () => {
      const shown = model.get("shown");
      const isEmpty = !shown.weights;
      text.show(isEmpty ? [] : labels(), isEmpty ? { weights: [] } : shown);
      play.el.disabled = labels().length < 2;
      tell();
      for (const part of [heads.el, note, title, strongest.el]) part.style.visibility = isEmpty ? "hidden" : "visible";
      if (isEmpty) return; // what was there keeps its room
      const { maps } = model.get("offers").head;
      heads.show(maps, shown, labels().length, name);
      strongest.show(shown.rows.map((row) => (row.id == null ? row : { ...row, label: t("{label} at {n}", { label: row.label, n: row.id }) })));
      put(title, { text: t("Where {label} looks: layer {layer}, head {head}", { ...shown, label: labels()[shown.position] }) });
      const tokens = labels().length / maps.size;
      put(note, { text: tokens > 1
        ? t("Layers down, heads across. Each square: the largest of about {n} × {n} weights.", { n: Math.round(tokens) })
        : t("Layers down, heads across. In a map, the tokens down look at those across.") });
    };
    const tell = (said = t("Wider arc: more attention. Dotted: comes later, cannot be seen.")) => put(hint, { text: said });

    // What the pointer or the focus is on is shown before it is chosen.
    const leave = () => {
      text.light(null);
      text.point(null);
      tell();
    };
    const peek = (box, act) => {
      for (const kind of ["pointerover", "focusin"]) box.addEventListener(kind, (event) => act(event.target));
      for (const kind of ["pointerleave", "focusout"]) box.addEventListener(kind, leave);
    };
    const peekAt = (i) => {
      const share = model.get("shown").weights?.[i];
      text.light(i);
      if (labels()[i] != null) {
        tell(share == null ? t("{place} comes later", { place: place(i) }) : t("{place} gets {share}", { place: place(i), share: percent(share) }));
      }
    };
    peek(text.content, (target) => peekAt(text.position(target)));
    peek(strongest.el, (target) => peekAt(model.get("shown").rows?.find(({ id }) => strongest.row(id)?.contains(target))?.id));
    peek(heads.el, (target) => {
      const [layer, head] = target.closest("button")?.place ?? [];
      if (layer == null) return;
      text.point(model.get("shown").heads.positions[layer][head]);
      tell(name(layer, head));
    });

    following(model, ["shown"], show);
    const size = watched(text.content, text.settle, text.draw);
    document.addEventListener("gc-preferences", text.settle);
    return () => {
      play.stop();
      size.disconnect();
      document.removeEventListener("gc-preferences", text.settle);
    };
  },
};
