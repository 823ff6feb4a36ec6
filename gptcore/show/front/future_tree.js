// FutureTree: the likeliest ways on from a text as a tree of buttons, and a dart that falls on the ends of its branches.

const SEEN = 0.01; // ways that are together less likely have no branch of their own, only a place on the bar
const TREE = 0.79; // of the width, before the chances of the ends

// The branches with their place in the drawing: `top` in pixels, `left` and `width` as shares, `inner` from where the
// edge comes. Rows are lower where there are many.
function laidOut({ branches, start }) {
  const nodes = branches.map((branch, i) => ({ ...branch, i, key: [...start, ...branch.way, branch.others ? "…" : ""].join(" "),
    depth: branch.way.length + (branch.others ? 1 : 0), children: [] }));
  for (const node of nodes) nodes[node.parent]?.children.push(node);
  for (const node of nodes) node.isEnd = !node.children.length;
  const isCompact = nodes.filter((node) => node.isEnd && !node.others).length > 7;
  const depth = Math.max(1, ...nodes.map((node) => (node.others ? 0 : node.depth)));
  const step = TREE / depth;
  let height = 4;
  const place = (node) => {
    node.children.forEach(place);
    const solid = node.children.filter((child) => !child.others);
    node.height = node.others ? 20 : isCompact ? 25 : preferences.projector ? 40 : 35;
    node.left = (node.depth - 1 + 0.32) * step;
    node.width = 0.68 * step;
    if (solid.length) {
      node.top = (solid[0].top + solid.at(-1).top) / 2;
      below(node.children, solid);
    } else if (node.isEnd && !node.others) {
      node.top = height + node.height / 2;
      height += node.height + 2;
    }
  };
  // What is left over stands below the last of its siblings: at the ends in a row, elsewhere where there is room.
  const below = (children, solid) => {
    const others = children.at(-1);
    if (!others.others || !isSeen(others)) return;
    const last = solid.at(-1);
    others.isWide = last.isEnd || isCompact;
    others.height = others.isWide ? 18 : 30;
    others.top = last.top + last.height / 2 + others.height / 2 + 2;
    height = Math.max(height, others.top + others.height / 2 + 2);
  };
  const roots = nodes.filter((node) => node.parent < 0);
  roots.forEach(place);
  const solid = roots.filter((node) => !node.others);
  if (solid.length) below(roots, solid);
  const top = solid.length ? (solid[0].top + solid.at(-1).top) / 2 : 0;
  for (const node of nodes) {
    const from = nodes[node.parent];
    node.from = from ? { x: from.left + from.width, y: from.top } : { x: 0.012, y: top };
  }
  return { nodes, height: height + 4, top, depth, isCompact };
}

const isSeen = (node) => !node.others || Math.max(node.path, node.true ?? 0) >= SEEN;

// The nodes from the text to `node`.
function wayTo(nodes, node) {
  const way = [];
  for (let one = node; one; one = nodes[one.parent]) way.unshift(one);
  return way;
}

// Two bars of length 1 on which the ends lie end to end, as wide as in the model and as they truly are, and one dart.
function endsStrip({ act, near }) {
  const pointer = h("span", { class: "gc-dart-pointer gc-away", "aria-hidden": "true" }, "▼");
  const number = h("span", { class: "gc-dart-number" });
  const bars = ["path", "true"].map((name) => ({ name, pieces: h("div", { class: "gc-dart-pieces" }) }));
  const line = h("i", { class: "gc-ends-line gc-away" });
  const rows = bars.map(({ name, pieces }) =>
    h("div", { class: `gc-ends-row gc-ends-${name}` }, h("span", {}, name === "path" ? t("model") : t("truth")), pieces));
  const el = h("div", { class: "gc-dart gc-ends", role: "group" },
    h("div", { class: "gc-dart-air" }, pointer, number, line), rows,
    h("div", { class: "gc-dart-axis", "aria-hidden": "true" },
      h("span", {}, "0"), h("span", {}, t("the chances of all ways, from top to bottom")), h("span", {}, "1")));
  const make = (piece) => h(piece.others ? "span" : "button", {
    ...(piece.others ? {} : { type: "button", tabindex: "-1", onclick: (event) => act(event.currentTarget.piece) }),
    onpointerenter: (event) => near(event.currentTarget.piece), onpointerleave: () => near(null) }, h("span", {}));
  const update = (element, piece) => {
    element.piece = piece;
    put(element, { class: `gc-piece ${piece.others ? "gc-piece-others" : ""}`, style: { "--left": piece.start, "--width": piece.share },
      title: `${piece.name} ${percent(piece.share)}` });
    const room = Math.floor(piece.share * 84) - 2;
    const isShown = room > (piece.others ? piece.name.length : 3);
    put(element.firstChild, { text: isShown ? shorter(piece.name, room) : "" });
  };
  return {
    el,
    show(nodes) {
      const ends = nodes.filter((node) => node.isEnd);
      put(el, { "aria-label": t("{n} ways end to end on a bar of length 1", { n: ends.length }) });
      for (const { name, pieces } of bars) {
        const isKnown = ends.some((node) => node[name] != null);
        rows[bars.findIndex((bar) => bar.name === name)].classList.toggle("gc-away", !isKnown);
        let start = 0;
        const placed = ends.map((node) => {
          const piece = { ...node, start, share: node[name] ?? 0, name: node.others ? t("others") : node.spelling };
          start += piece.share;
          return piece;
        });
        keyed(pieces, placed.filter(({ share }) => share > 0), ({ key }) => key, make, update);
      }
    },
    fall(uniform, isQuick) {
      for (const element of [pointer, line]) element.classList.toggle("gc-away", uniform == null);
      put(number, { text: uniform == null ? "" : uniformText(uniform) });
      if (uniform == null) return;
      for (const element of [pointer, number, line]) put(element, { style: { "--at": uniform } });
      number.classList.toggle("gc-before", uniform > 0.8);
      if (isQuick || isStill()) return;
      const timing = { duration: 380 * pace(), easing: "cubic-bezier(.5, 0, .9, .6)" };
      pointer.animate([{ transform: "translate(-50%, -80px)", opacity: 0 }, { transform: "translate(-50%, 0)", opacity: 1 }], timing);
      line.animate([{ transform: "scaleY(0)" }, { transform: "scaleY(1)" }], { ...timing, duration: timing.duration * 1.4 });
    },
    light(...keys) {
      bars.forEach(({ pieces }, i) => {
        for (const element of pieces.children) element.classList.toggle("gc-hit", element.piece.key === keys[i]);
      });
    },
  };
}

// The tree: `show(tree)` draws it, `light(nodes)` marks a way, `near(node)` previews one.
function branchTree({ act, near }) {
  const [edges, dots] = [h("g"), h("g")];
  const svg = h("svg", { preserveAspectRatio: "none", "aria-hidden": "true" }, edges, dots);
  const buttons = h("div", { class: "gc-tree-nodes" });
  const root = h("i", { class: "gc-tree-root" });
  const sheet = h("div", { class: "gc-tree-sheet" }, svg, root, buttons);
  const el = h("div", { class: "gc-tree", role: "group", "aria-label": t("The likeliest ways on, each token a button") }, sheet);
  const elementOf = (key) => buttons.gptcoreKeyed?.get(key) ?? null;

  const make = (node) => {
    const parts = { label: h("b"), prob: h("small") };
    const hands = { onpointerenter: () => near(element.node), onpointerleave: () => near(null),
      onfocus: () => near(element.node), onblur: () => near(null) };
    const element = node.others
      ? h("span", { onpointerenter: hands.onpointerenter, onpointerleave: hands.onpointerleave }, parts.label, " ", parts.prob)
      : h("button", { type: "button", onclick: () => act(element.node), onkeydown: (event) => step(event, element.node), ...hands }, parts.label, " ", parts.prob);
    element.parts = parts;
    return element;
  };
  const update = (element, node) => {
    element.node = node;
    put(element.parts.label, { text: node.others ? node.name ?? t("others") : node.label });
    put(element.parts.prob, { text: percent(node.others ? node.path : node.prob) });
    put(element, { style: { "--left": node.left, "--width": node.width, "--top": `${node.top}px`, "--height": `${node.height}px` } });
    if (node.others) return void put(element, { class: node.isWide ? "gc-tree-others gc-wide" : "gc-tree-others", title: node.label });
    const values = { label: node.label, prob: percent(node.prob), path: percent(node.path), true: percent(node.true ?? 0) };
    put(element, { class: node.greedy ? "gc-tree-node gc-greedy" : "gc-tree-node", title: `${node.label} · id ${node.way.at(-1)}`,
      "aria-label": node.true == null ? t("Write up to {label}: chance {prob}, of the whole way {path}", values)
        : t("Write up to {label}: chance {prob}, of the whole way {path}, truly {true}", values) });
  };
  const edge = (element, node) => {
    const [x1, y1, x2, y2] = [node.from.x * 1000, node.from.y, node.left * 1000, node.top];
    const middle = (x1 + x2) / 2;
    put(element, { d: `M ${x1} ${y1} C ${middle} ${y1}, ${middle} ${y2}, ${x2} ${y2}`, class: node.others ? "gc-edge gc-edge-others" : "gc-edge",
      style: { "stroke-width": `${Math.max(1.5, 24 * node.path)}px` } });
    element.node = node;
  };
  let nodes = [];
  // One of the tokens can be reached by Tab, the others from there by the arrows.
  const reach = (node) => {
    for (const element of buttons.querySelectorAll("button")) put(element, { tabindex: element.node.key === node?.key ? "0" : "-1" });
  };
  const step = (event, node) => {
    const column = nodes.filter((other) => !other.others && other.depth === node.depth);
    const place = column.findIndex((other) => other.key === node.key);
    const to = { ArrowRight: node.children.find((child) => !child.others), ArrowLeft: nodes[node.parent],
      ArrowDown: column[place + 1], ArrowUp: column[place - 1] }[event.key];
    if (!to) return;
    event.preventDefault();
    reach(to);
    elementOf(to.key).focus();
  };
  return {
    el,
    sheet,
    element: elementOf,
    show(tree) {
      nodes = tree.nodes;
      const seen = nodes.filter(isSeen);
      put(sheet, { style: { height: `${tree.height}px`, "--depth": tree.depth } });
      el.classList.toggle("gc-compact", tree.isCompact);
      put(svg, { viewBox: `0 0 1000 ${tree.height}` });
      put(root, { style: { "--top": `${tree.top}px` } });
      keyed(edges, seen, ({ key }) => key, () => h("path", { "vector-effect": "non-scaling-stroke" }), edge);
      keyed(buttons, seen, ({ key }) => key, make, update);
      const focused = seen.find(({ key }) => elementOf(key) === document.activeElement);
      reach(focused ?? seen[0]);
    },
    light(way, kind = "gc-lit") {
      const keys = new Set(way.map(({ key }) => key));
      for (const element of [...edges.children, ...buttons.children]) element.classList.toggle(kind, keys.has(element.node.key));
      if (kind !== "gc-lit" || !way.length) return;
      const { top, left, width } = way.at(-1);
      el.scrollTop = Math.max(0, top - el.clientHeight / 2);
      el.scrollLeft = Math.max(0, (left + width / 2) * sheet.offsetWidth - el.clientWidth / 2);
    },
  };
}

export default {
  render({ model, el }) {
    const [prompt, grown] = ["gc-told", "gc-new"].map((kind) => h("span", { class: kind }));
    const mark = h("span", { class: "gc-tree-here", "aria-hidden": "true" }, "▸");
    const story = h("div", { class: "gc-text", tabindex: "0", role: "group", "aria-label": t("The text") }, prompt, grown, mark);
    const sum = h("p", { class: "gc-tree-sum" });
    const choose = (node) => ask(model, "choose", node.way);
    let tree = { nodes: [] };
    let lit = null; // the end that the dart has hit
    const near = (node) => {
      const way = node ? wayTo(tree.nodes, tree.nodes[node.i]) : [];
      branches.light(way, "gc-near");
      say(node ? tree.nodes[node.i] : lit);
    };
    const branches = branchTree({ act: choose, near });
    const strip = endsStrip({ act: choose, near });
    const [ends, legend] = [h("div", { class: "gc-tree-ends" }), h("p", { class: "gc-tree-legend" },
      h("span", {}, h("i", { class: "gc-swatch" }), t("model")), h("span", {}, h("i", { class: "gc-swatch gc-swatch-true" }), t("truth")))];
    branches.sheet.append(ends);

    const say = (node) => {
      if (!node) return put(sum, { text: tree.nodes.length ? t("Point at a token: the chance of a way is the product of those of its tokens.") : "" });
      const way = wayTo(tree.nodes, node);
      const factors = way.map(({ label, name, prob }) => `${name ?? label} ${percent(prob)}`).join(" × ");
      const total = way.length > 1 ? ` = ${percent(node.path)}` : "";
      put(sum, { text: `${factors}${total}${node.true == null ? "" : ` · ${t("truly {true}", { true: percent(node.true) })}`}` });
      put(sum, { title: sum.textContent });
    };

    const throwing = button(t("Throw a dart"), () => ask(model, "throw"), { icon: "▼", primary: true });
    const taking = button(t("Go there"), () => ask(model, "take"), { icon: "→", title: t("Write the tokens that the dart has hit") });
    const going = h("button", { type: "button", class: "gc-button", "aria-label": t("Back"), onclick: () => ask(model, "back"),
      title: t("Take away the tokens that were written last") }, "←");
    const root = frame({ model, el }, N_("future tree"), ["probabilities", "dart", "next"], {
      top: [field(model, "prompt", t("Text"))],
      left: [story, slider(model, "width", t("Ways")), slider(model, "depth", t("Tokens")),
        slider(model, "temperature", t("Temperature"), { said: (value) => String(Number(value.toFixed(2))) }),
        h("div", { class: "gc-buttons" }, throwing, taking, going)],
      right: [legend, branches.el],
      bottom: [sum, strip.el],
    });

    const endRow = () => {
      const parts = ["path", "true"].map((name) => ({ name, bar: h("i"), number: h("span") }));
      const element = h("div", { class: "gc-tree-end", role: "img" }, parts.map(({ name, bar, number }) =>
        h("span", { class: `gc-tree-chance gc-tree-${name}` }, h("span", { class: "gc-track" }, bar), number)));
      element.parts = parts;
      return element;
    };
    const drawEnds = ({ nodes, isCompact }) => {
      const leaves = nodes.filter((node) => node.isEnd && !node.others);
      const most = Math.max(1e-9, ...leaves.flatMap((node) => [node.path, node.true ?? 0]));
      keyed(ends, leaves, ({ key }) => key, endRow, (element, node) => {
        put(element, { style: { "--top": `${node.top}px`, "--height": `${node.height}px` },
          "aria-label": `${node.spelling}: ${percent(node.path)}${node.true == null ? "" : `, ${t("truly {true}", { true: percent(node.true) })}`}` });
        for (const { name, bar, number } of element.parts) {
          element.classList.toggle("gc-no-truth", node.true == null);
          put(bar, { style: { "--share": (node[name] ?? 0) / most } });
          put(number, { text: node[name] == null ? "" : percent(node[name]) });
        }
      });
    };
    const settle = (shown) => {
      tree = shown.branches ? laidOut(shown) : { nodes: [], height: 40, top: 20, depth: 1 };
      const { nodes } = tree;
      lit = nodes[shown.hit] ?? null;
      if (lit?.others) lit.name = `${t("others")} ▸ ${shown.hitLabel}`;
      put(prompt, { text: shown.parts?.[0] ?? "" });
      put(grown, { text: shown.parts?.[1] ?? "" });
      story.scrollTop = story.scrollHeight;
      branches.show(tree);
      drawEnds(tree);
      strip.show(nodes);
      legend.classList.toggle("gc-no-truth", !nodes.length || nodes[0].true == null);
      throwing.disabled = !nodes.length;
      going.disabled = !shown.start?.length;
    };
    const light = (shown, way) => {
      strip.light(nodeKey(shown.hit), nodeKey(shown.trueHit));
      branches.light(way);
    };
    const nodeKey = (i) => tree.nodes[i]?.key;
    const finish = (shown) => {
      strip.fall(shown.uniform, true);
      light(shown, lit ? wayTo(tree.nodes, lit) : []);
      taking.disabled = !lit;
      say(lit);
    };

    const reel = film();
    let before = {};
    const show = () => {
      const [shown, old] = [model.get("shown"), before];
      before = shown;
      const isThrow = shown.uniform != null && shown.uniform !== old.uniform && old.branches;
      const isGrowth = old.start && shown.start?.length > old.start.length && shown.parts[0] === old.parts[0];
      reel.play(async (wait, isHurried) => {
        if (isGrowth && !isHurried()) {
          const from = branches.element([...shown.start, ""].join(" "));
          if (from) fly(root, shown.parts[1].slice(old.parts[1].length), from, mark, 420);
        }
        settle(shown);
        if (isThrow && !isHurried()) {
          light({}, []);
          strip.fall(shown.uniform);
          await wait(560);
          const way = wayTo(tree.nodes, lit);
          strip.light(nodeKey(shown.hit), nodeKey(shown.trueHit));
          for (let n = 1; n <= way.length; n += 1) {
            branches.light(way.slice(0, n));
            await wait(170);
          }
        }
        finish(shown);
      });
    };
    following(model, ["shown"], show);
    const again = () => reel.play(async () => {
      settle(model.get("shown"));
      finish(model.get("shown"));
    });
    document.addEventListener("gc-preferences", again); // larger type needs higher rows
    return () => document.removeEventListener("gc-preferences", again);
  },
};
