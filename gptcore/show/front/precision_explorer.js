// PrecisionExplorer: how few bits the weights can do with, how many may share a scale, and what the model then writes.

const GROUPS = ["matrix", "row", 64, 32];
const [LEFT, RIGHT, TOP, BOTTOM] = [62, 492, 30, 246]; // the axes of the chart, in its own units
const LOWEST = -6; // powers of ten; less, and 0 too, is drawn at the lower end
const HIGHEST = 1.2;
const atBits = (bits) => LEFT + ((RIGHT - LEFT) * Math.log2(bits / 1.8)) / Math.log2(40 / 1.8);
const atNats = (nats) => {
  const power = Math.min(HIGHEST, Math.max(LOWEST, Math.log10(nats || 1e-9)));
  return BOTTOM - ((BOTTOM - TOP) * (power - LOWEST)) / (HIGHEST - LOWEST);
};
const MARKS = { // a mark and its colour for each grouping, around (0, 0)
  matrix: "M-5,0A5,5 0 1,0 5,0A5,5 0 1,0 -5,0Z", row: "M-5,-5H5V5H-5Z", 64: "M0,-6.5L6,4.5H-6Z", 32: "M0,-6.5L6.5,0L0,6.5L-6.5,0Z",
  null: "M0,-7L2,-2L7,-2L3,1.5L4.5,7L0,3.5L-4.5,7L-3,1.5L-7,-2L-2,-2Z",
};

const mark = (grouping) => h("svg", { viewBox: "-9 -9 18 18", width: 18, height: 18, "aria-hidden": "true" },
  h("path", { d: MARKS[grouping], class: `gc-pe-mark gc-pe-mark-${grouping}` }));

// The chart of all that was measured: show(shown); go(point) is called with a point that was chosen.
function curves(go) {
  const lines = h("g");
  const points = h("g");
  const ringText = h("text", { class: "gc-pe-ring-text", y: -10 });
  const ring = h("g", { class: "gc-pe-ring" }, h("circle", { r: 12 }), ringText);
  const edge = h("line", { x1: LEFT, x2: RIGHT, class: "gc-pe-edge" });
  const edgeName = h("text", { x: RIGHT, "text-anchor": "end" });
  const tip = h("p", { class: "gc-pe-tip", "aria-hidden": "true" });
  const ticks = [2, 3, 4, 6, 8, 16, 32].map((bits) => [
    h("line", { x1: atBits(bits), x2: atBits(bits), y1: TOP, y2: BOTTOM, class: "gc-pe-grid" }),
    h("text", { x: atBits(bits), y: BOTTOM + 20, "text-anchor": "middle" }, String(bits)),
  ]);
  const powers = [-6, -5, -4, -3, -2, -1, 0, 1].map((power) => {
    const y = atNats(10 ** power);
    return [h("line", { x1: LEFT, x2: RIGHT, y1: y, y2: y, class: "gc-pe-grid" }),
      h("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, power === LOWEST ? "0" : (10 ** power).toFixed(Math.max(0, -power)))];
  });
  const picture = h("svg", { viewBox: "0 0 500 290", class: "gc-pe-chart", role: "group",
    "aria-label": t("Divergence from float32 in nats per token, over the bits per weight") },
    ticks.flat(), powers.flat(), h("text", { x: (LEFT + RIGHT) / 2, y: BOTTOM + 39, "text-anchor": "middle" },
      t("bits per weight, with its share of the scales")), h("text", { x: 0, y: 12 }, t("nats per token")),
    edge, edgeName, lines, ring, points);
  const about = ({ name, said, x }) => t("{name}: {nats} nats, {bits} bits with the scales", { name, nats: said, bits: decimals(x, 1) });
  const say = (point) => put(tip, { text: point ? about(point) : "" });
  const make = (first) => {
    const element = h("g", { role: "button", tabindex: "0", class: "gc-pe-point", onfocus: () => say(element.point), onblur: () => say(null),
      onkeydown: (event) => [" ", "Enter"].includes(event.key) && (event.preventDefault(), go(element.point)) },
      h("circle", { r: 13, class: "gc-pe-target" }), h("path", { d: MARKS[first.grouping], class: `gc-pe-mark gc-pe-mark-${first.grouping}` }),
      first.grouping === null && h("text", { y: -13, "text-anchor": "middle" }, first.name));
    return element;
  };
  // Points lie close together, so a hand touches the nearest one.
  const nearest = ({ clientX, clientY }) => {
    const away = (element) => {
      const { left, top, width, height } = element.children[1].getBoundingClientRect();
      return Math.hypot(left + width / 2 - clientX, top + height / 2 - clientY);
    };
    const found = [...points.children].sort((a, b) => away(a) - away(b))[0];
    return found && away(found) < 20 ? found : null;
  };
  const hover = (element) => {
    for (const point of points.children) point.classList.toggle("gc-pe-near", point === element);
    picture.classList.toggle("gc-pe-touching", element !== null);
    say(element?.point);
  };
  picture.addEventListener("pointermove", (event) => hover(nearest(event)));
  picture.addEventListener("pointerleave", () => hover(null));
  picture.addEventListener("click", (event) => nearest(event) && go(nearest(event).point));
  const move = (element, { x, kl }) => put(element, { style: { transform: `translate(${atBits(x).toFixed(1)}px, ${atNats(kl).toFixed(1)}px)` } });
  return {
    el: picture,
    tip,
    show({ here, points: found, entropy }) {
      const name = ({ bits, grouping }) => `${bits} ${grouping}`;
      keyed(points, found, name, make, (element, point) => {
        element.point = point;
        move(element, point);
        put(element, { "aria-label": about(point), "aria-pressed": String(name(point) === name(here)) });
      });
      const groups = GROUPS.map((grouping) => [grouping, found.filter((point) => point.grouping === grouping).sort((a, b) => a.x - b.x)]);
      keyed(lines, groups, ([grouping]) => grouping, ([grouping]) => h("polyline", { class: `gc-pe-curve gc-pe-curve-${grouping}` }),
        (line, [, run]) => put(line, { points: run.map(({ x, kl }) => `${atBits(x).toFixed(1)},${atNats(kl).toFixed(1)}`).join(" ") }));
      move(ring, here);
      const isRight = here.x > 12;
      put(ringText, { text: t("{n} nats", { n: here.said }), x: here.grouping === null ? 14 : isRight ? -15 : 15, y: here.grouping === null ? -30 : -8, "text-anchor": isRight ? "end" : "start" });
      put(edge, { y1: atNats(entropy), y2: atNats(entropy) });
      put(edgeName, { y: atNats(entropy) - 6, text: t("the model's own uncertainty: {n}", { n: decimals(entropy, 2) }) });
    },
  };
}

// Some weights on a line of numbers, and below each the value that it is rounded to.
function weightsLine() {
  const grid = h("g");
  const moves = h("g");
  const el = h("svg", { viewBox: "0 0 400 84", class: "gc-pe-weights", role: "img" }, grid, moves,
    h("text", { x: 0, y: 12 }, t("weights")), h("text", { x: 0, y: 80 }, t("rounded")));
  const show = ({ here, row }) => {
    const largest = 1.08 * Math.max(...row.weights.map(Math.abs)) || 1;
    const at = (value) => Math.min(397, Math.max(66, 232 + (145 * value) / largest));
    const count = row.scale ? Math.floor((1.1 * largest) / row.scale) : 0;
    const steps = row.scale && count <= 32 ? [...Array(2 * count + 1)].map((_, i) => i - count) : [];
    keyed(grid, steps, String, () => h("line", { x1: 0, x2: 0, y1: 4, y2: 80, class: "gc-pe-grid" }),
      (line, step) => put(line, { style: { transform: `translateX(${at(step * row.scale).toFixed(1)}px)` } }));
    keyed(moves, row.weights.map((weight, i) => ({ weight, i })), ({ i }) => i,
      ({ weight }) => h("g", {}, h("circle", { r: 3, cx: at(weight), cy: 12 }), h("line", { y1: 12, y2: 72 }), h("circle", { r: 3.4, cy: 72, class: "gc-pe-to" })),
      (move, { weight, i }) => {
        const to = at(row.rounded[i]);
        put(move.children[1], { x1: at(weight), x2: to });
        put(move.children[2], { style: { transform: `translateX(${to.toFixed(1)}px)` } });
      });
    const values = new Set(row.rounded.map((value) => value.toPrecision(6))).size;
    put(el, { "aria-label": t("{n} weights of the model, {name}: they become {values} different values", { n: row.weights.length, name: here.name, values }) });
  };
  return { el, show };
}

// A text in which the first token that differs is framed.
function writtenText(name) {
  const spans = ["", "gc-pe-first-other", "gc-pe-after"].map((kind) => h("span", { class: kind }));
  const head = h("p", {}, name);
  const el = h("div", {}, head, h("div", { class: "gc-text", tabindex: "0", role: "group", "aria-label": name }, spans));
  return { el, show: (name, parts) => {
    put(head, { text: name });
    const gap = /^\s*/.exec(parts[1])[0];
    [parts[0] + gap, parts[1].slice(gap.length), parts[2]].forEach((part, i) => put(spans[i], { text: part }));
  } };
}

export default {
  render({ model, el }) {
    const go = ({ bits, grouping }) => (stop(), ask(model, "go_to", bits, grouping));
    const chart = curves(go);
    const weights = weightsLine();
    const [full, here] = [writtenText("float32"), writtenText("")];
    const size = h("i");
    const sizeText = h("span", { class: "gc-number" });

    // One question at a time: the next is asked when the one before is answered.
    let isPlaying = null;
    let timer = null;
    const label = (which, icon, text) => which.querySelectorAll("span").forEach((span, i) => put(span, { text: [icon, text][i] }));
    const names = { fewer: t("Fewer and fewer bits"), all: t("Measure all") };
    const fewer = button(names.fewer, () => (isPlaying ? stop() : play("fewer")), { icon: "▶", title: t("From 32 bits down to 2, with this grouping") });
    const all = button(names.all, () => (isPlaying ? stop() : play("all")), { icon: "✦", title: t("Every number of bits with every grouping") });
    function stop() {
      clearTimeout(timer);
      isPlaying = null;
      label(fewer, "▶", names.fewer);
      label(all, "✦", names.all);
      all.disabled = isComplete();
    }
    const isComplete = () => model.get("shown").points?.length >= model.get("shown").count;
    function play(what) {
      isPlaying = what;
      label(what === "fewer" ? fewer : all, "❚❚", t("Pause"));
      if (what === "fewer") set(model, "bits", 32);
      tick();
    }
    function tick() {
      timer = setTimeout(() => {
        const isAnswered = model.get("asked").every(([number]) => number <= model.get("done"));
        if (isAnswered && !step()) stop();
        else tick();
      }, isPlaying === "fewer" ? 1300 * pace() : 60);
    }
    // Ask for what comes next; false if nothing does.
    function step() {
      const { points, count } = model.get("shown");
      if (isPlaying === "all") return points.length < count && (ask(model, "measure_next"), true);
      const bits = model.get("offers").bits.options.map(([, value]) => value);
      const next = bits[bits.indexOf(model.get("settings").bits) + 1];
      return next !== undefined && (set(model, "bits", next), true);
    }

    const said = { 32: "float32", 16: "bfloat16" };
    const groupName = { matrix: t("matrix"), row: t("row") };
    frame({ model, el }, N_("precision explorer"), ["layers", "logits", "probabilities"], {
      left: [
        choices(model, "bits", t("Bits"), (value) => said[value] ?? String(value)),
        choices(model, "grouping", t("Weights that share a scale"), (value) => groupName[value] ?? String(value), mark),
        h("div", { class: "gc-buttons" }, fewer, all),
        weights.el,
        h("div", { class: "gc-pe-size" }, h("span", {}, t("Bytes")), h("span", { class: "gc-track" }, size), sizeText),
        h("div", { class: "gc-pe-text gc-detail" }, field(model, "prompt", t("Text")),
          button(t("Other luck"), () => (stop(), ask(model, "other_luck")), { icon: "↺", title: t("The next seed, for both texts") })),
      ],
      right: [chart.el, h("div", { class: "gc-pe-under" }, chart.tip)],
      bottom: [h("div", { class: "gc-pe-two" }, full.el, here.el)],
    });

    following(model, ["shown"], () => {
      const shown = model.get("shown");
      if (!shown.here) return;
      chart.show(shown);
      weights.show(shown);
      put(size, { style: { "--share": shown.here.size / shown.fullSize } });
      put(sizeText, { text: t("{size} of {full}", { size: shown.sizes[0], full: shown.sizes[1] }) });
      full.show("float32", shown.texts[0]);
      here.show(shown.here.name, shown.texts[1]);
      all.disabled = isComplete() && isPlaying === null;
    });
    return stop;
  },
};
