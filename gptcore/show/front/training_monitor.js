// TrainingMonitor: both losses while a model learns, what it writes, and the step whose weights it has.

const [LEFT, RIGHT, TOP, BOTTOM] = [42, 492, 24, 286]; // the axes, in the chart's own units

// The curves: show(shown) draws them, look(point) points at a step; near(event) is the share of the axis that was touched.
function curves() {
  const clip = newName();
  const [gridLines, levels, marks, points] = [h("g"), h("g"), h("g"), h("g")];
  const edge = h("rect", { x: LEFT - 6, y: 0, width: RIGHT - LEFT + 12, height: 320 });
  const [training, validation] = ["training", "validation"].map((kind) => h("polyline", { class: `gc-train-line gc-train-${kind}` }));
  const lines = h("g", { class: "gc-train-lines" }, training, validation);
  const pen = h("circle", { r: 4, class: "gc-train-pen" });
  const cross = h("line", { y1: TOP, y2: BOTTOM, class: "gc-train-cross" });
  const rings = [0, 1].map((i) => h("circle", { r: 6, class: `gc-train-ring gc-train-ring-${i}` }));
  const bestName = h("text", { class: "gc-train-best-name" });
  const best = h("g", { class: "gc-train-best" }, h("circle", { r: 10 }), bestName);
  const steps = ["start", "middle", "end"].map((anchor) => h("text", { y: BOTTOM + 28, "text-anchor": anchor }));
  const el = h("svg", { viewBox: "0 0 500 320", class: "gc-train-chart", "aria-hidden": "true" },
    h("defs", {}, h("clipPath", { id: clip }, edge)), gridLines, levels,
    h("text", { x: 0, y: 12 }, t("nats per token")), h("text", { x: LEFT + 0.72 * (RIGHT - LEFT), y: BOTTOM + 28 }, t("step")),
    steps, marks, h("g", { "clip-path": `url(#${clip})` }, lines), points, pen, cross, rings, best);
  const move = (element, x, y = 0) => put(element, { style: { transform: `translate(${x.toFixed(2)}px, ${y.toFixed(2)}px)` } });
  const see = (element, isSeen) => (element.style.visibility = isSeen ? "visible" : "hidden");
  let [atStep, atLoss, size] = [];
  const show = ({ points: all, best: found, samples, low, high, most, ticks, levels: known, state }) => {
    const span = Math.log2(high / low);
    atStep = (step) => LEFT + ((RIGHT - LEFT) * step) / Math.max(1, most);
    atLoss = (loss) => TOP + ((BOTTOM - TOP) * Math.log2(high / loss)) / span;
    // The lines are drawn once in powers of two; where the axis changes they glide, with the points.
    const scale = (BOTTOM - TOP) / span;
    put(lines, { style: { transform: `translateY(${TOP + scale * Math.log2(high)}px) scaleY(${scale / 100})` } });
    const line = (name) => all.filter((point) => point[name] != null)
      .map((point) => `${atStep(point.step).toFixed(2)},${(-100 * Math.log2(point[name])).toFixed(1)}`).join(" ");
    put(training, { points: line("loss") });
    put(validation, { points: line("val") });
    const last = all.findLast(({ loss }) => loss != null);
    see(pen, last && state === "running");
    if (last) move(pen, atStep(last.step), atLoss(last.loss));
    // A new training begins with an empty chart; then the curve is drawn on to its newest point.
    const share = last ? (atStep(last.step) + 8 - LEFT + 6) / (RIGHT - LEFT + 12) : 0;
    edge.style.transition = share < (size ?? 0) ? "none" : "";
    put(edge, { style: { transform: `scaleX(${(size = share)})` } });
    keyed(gridLines, ticks, String, () => h("g", {}, h("line", { x1: LEFT, x2: RIGHT, class: "gc-grid" }), h("text", { x: LEFT - 7, y: 5, "text-anchor": "end" })),
      (tick, loss) => (move(tick, 0, atLoss(loss)), put(tick.lastChild, { text: String(loss) })));
    keyed(levels, known, ({ name }) => name, ({ name }) => h("g", { class: `gc-train-${name}` }, h("line", { x1: LEFT, x2: RIGHT }),
      h("text", name === "start" ? { x: RIGHT, y: -5, "text-anchor": "end" } : { x: LEFT + 5, y: -5 })),
      (level, { loss, label }) => (move(level, 0, atLoss(loss)), put(level.lastChild, { text: label })));
    keyed(points, all.filter(({ val }) => val != null), ({ step }) => step, () => h("g", {}, h("circle", { r: 3.5, class: "gc-train-point" })),
      (point, { step, val }) => move(point, atStep(step), atLoss(val)));
    keyed(marks, samples.map((sample, i) => ({ ...sample, i })), ({ i }) => i, () => h("path", { d: "M0 0l5 8h-10z", class: "gc-train-mark" }),
      (mark, { step }) => move(mark, atStep(step), BOTTOM + 3));
    [0, Math.floor(most / 2), most].forEach((step, i) => put(steps[i], { x: atStep(step), text: i && step === 0 || (i === 1 && step === most) ? "" : grouped(step) }));
    see(best, found);
    if (!found) return;
    const isRight = atStep(found.step) > (LEFT + RIGHT) / 2;
    move(best, atStep(found.step), atLoss(found.loss));
    put(bestName, { y: atLoss(found.loss) < 70 ? 26 : -16, x: isRight ? 8 : -8, "text-anchor": isRight ? "end" : "start",
      text: state === "running" ? t("best so far: {what}", { what: found.text }) : t("best: {what}", { what: found.text }) });
  };
  return {
    el,
    show,
    look(point) {
      see(cross, point);
      rings.forEach((ring, i) => {
        const loss = point?.[["loss", "val"][i]];
        see(ring, loss != null);
        if (loss != null) move(ring, atStep(point.step), atLoss(loss));
      });
      if (point) move(cross, atStep(point.step));
    },
    near(event) {
      const { left, width } = el.getBoundingClientRect();
      return (((event.clientX - left) * 500) / width - LEFT) / (RIGHT - LEFT);
    },
  };
}

export default {
  render({ model, el }) {
    const chart = curves();
    const box = h("div", { class: "gc-train-box", role: "slider", tabindex: "0" }, chart.el);
    const stop = button(t("Stop"), () => ask(model, "stop"), { icon: "■", title: t("Stop and keep the best weights so far") });
    const play = button(t("Play"), () => ask(model, "play"), { icon: "▶", title: t("Play the recording of this training") });
    const bar = h("i");
    const progress = h("div", { class: "gc-track", role: "progressbar", "aria-label": t("Steps done"), "aria-valuemin": 0 }, bar);
    const [count, speed, left] = [h("span"), h("span", { class: "gc-number" }), h("span", { class: "gc-number" })];
    const heading = h("h3");
    const back = button(t("Back"), () => pin(null), { icon: "↩", title: t("To the step whose weights the model has") });
    const key = (kind) => h("svg", { viewBox: "0 0 30 12", width: 30, height: 12, "aria-hidden": "true" },
      h("line", { x1: 1, x2: 29, y1: 6, y2: 6, class: `gc-train-line gc-train-${kind}` }), kind === "validation" && h("circle", { cx: 15, cy: 6, r: 4, class: "gc-train-point" }));
    const names = [h("span", {}, key("training"), t("training loss")), h("span", {}, key("validation"), h("span")), h("span", {}, t("above the floor"))];
    const values = names.map(() => h("strong"));
    const when = h("p", { class: "gc-key" });
    const text = h("div", { class: "gc-text", tabindex: "0", role: "group", "aria-label": t("What the model writes") });
    frame({ model, el }, N_("training monitor"), ["layers", "logits"], {
      top: [h("div", { class: "gc-line" }, stop, play, progress, count, speed, left)],
      left: [box, h("p", { class: "gc-key" }, t("Touch the curves or press the arrow keys to see a step. ▲ text"))],
      right: [h("div", { class: "gc-train-step" }, heading, back), h("div", { class: "gc-train-numbers" }, names.map((name, i) => h("div", {}, name, values[i]))), when, text],
    });

    // The step that is looked at: one under the pointer, one that was chosen, or that whose weights the model has.
    let [hovered, pinned] = [null, null];
    const nearest = (step) => model.get("shown").points.reduce((best, point) =>
      best === null || Math.abs(point.step - step) < Math.abs(best.step - step) ? point : best, null);
    const pin = (step) => {
      if (step === null && document.activeElement === back) box.focus({ preventScroll: true });
      [hovered, pinned] = [null, step];
      look();
    };
    const touched = (event) => chart.near(event) * model.get("shown").most;
    box.addEventListener("pointermove", (event) => {
      if (event.buttons) return pin(nearest(touched(event))?.step ?? null);
      hovered = touched(event);
      look();
    });
    box.addEventListener("pointerleave", () => ((hovered = null), look()));
    box.addEventListener("pointerdown", (event) => pin(nearest(touched(event))?.step ?? null));
    box.addEventListener("keydown", (event) => {
      const { points } = model.get("shown");
      const here = points.findIndex(({ step }) => step === seen()?.step);
      const to = { ArrowLeft: here - 1, ArrowDown: here - 1, ArrowRight: here + 1, ArrowUp: here + 1, Home: 0, End: points.length - 1 }[event.key];
      if (event.key === "Escape") pin(null);
      if (to === undefined || !points.length) return;
      event.preventDefault();
      pin(points[Math.min(points.length - 1, Math.max(0, to))].step);
    });

    const seen = () => nearest(hovered ?? pinned ?? model.get("shown").at);
    function look() {
      const shown = model.get("shown");
      const point = seen();
      const isModels = point?.step === shown.at;
      chart.look(point);
      const n = grouped(point?.step ?? 0);
      put(heading, { text: !isModels ? t("Step {n}", { n }) : shown.state === "running" ? t("Step {n}, the newest", { n }) : t("Step {n}: the model's weights", { n }) });
      const said = isModels || !point ? shown.numbers : point.said;
      values.forEach((value, i) => put(value, { text: said[i] }));
      const isOlder = point?.of != null && point.of !== point.step;
      put(names[1].lastChild, { text: isOlder ? t("validation, step {n}", { n: grouped(point.of) }) : t("validation loss") });
      back.style.display = pinned === null || isModels ? "none" : "";
      const sample = shown.samples.reduce((best, one) => (one.step <= (point?.step ?? 0) && one.step >= (best?.step ?? 0) ? one : best), null);
      put(when, { text: sample ? t("After {n} steps it writes", { n: grouped(sample.step) }) : t("What the model writes while it learns appears here.") });
      put(text, { text: sample?.text ?? "" });
      put(box, { "aria-label": t("Losses, step by step. {summary}", shown), "aria-valuemin": 0, "aria-valuemax": shown.most, "aria-valuenow": point?.step ?? 0,
        "aria-valuetext": t("step {n}: training loss {training}, validation loss {validation}", { n, training: said[0], validation: said[1] }) });
    }

    let before = 0;
    following(model, ["shown"], () => {
      const shown = model.get("shown");
      if (!shown.points) return;
      if (shown.step < before) pinned = null; // a new training
      before = shown.step;
      chart.show(shown);
      const isUsable = shown.state === "running" && !shown.stopping;
      // A page has a recording to play; a notebook trains.
      const isHidden = { play: !shown.recording || isUsable, stop: shown.recording && !isUsable };
      const had = [play, stop].includes(document.activeElement);
      play.style.display = isHidden.play ? "none" : "";
      stop.style.display = isHidden.stop ? "none" : "";
      stop.disabled = !isUsable;
      if (had) (isUsable ? stop : shown.recording ? play : box).focus({ preventScroll: true });
      put(bar, { style: { "--share": shown.step / Math.max(1, shown.most) } });
      put(progress, { "aria-valuemax": Math.max(1, shown.most), "aria-valuenow": shown.step });
      put(count, { text: t("step {n} of {most}", { n: grouped(shown.step), most: grouped(shown.most) }) });
      put(speed, { text: t("{n} tokens per second", { n: shown.numbers[3] }) });
      put(left, { text: shown.state === "running" ? t("{n} left", { n: shown.numbers[4] }) : "" });
      look();
    });
  },
};
