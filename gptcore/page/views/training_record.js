// What `TrainingMonitor` shows: a training as far as it has come, as a record. Losses are in nats per token.

const [MOST_POINTS, MOST_SAMPLES] = [200, 40]; // on the page: of more, some are left out

class Training {
  // start: the loss of a model to which all tokens are alike; floor: the lowest loss to expect on fresh texts, or null;
  // losses and valLosses: [step, loss] each; samples: [step, text] each; bestStep: the one whose weights the model has in
  // the end, bestValLoss the loss at it.
  constructor(values) {
    const nothing = { state: "ready", step: 0, seconds: 0, tokensPerSecond: 0, losses: [], valLosses: [], samples: [] };
    Object.assign(this, nothing, { bestStep: null, bestValLoss: null }, values);
  }

  // The training at a report of `fit`, so many seconds after it began.
  after(step, loss, valLoss, tokensPerSecond, seconds) {
    const losses = [...this.losses, [step, loss]];
    const valLosses = valLoss === null ? this.valLosses : [...this.valLosses, [step, valLoss]];
    return new Training({ ...this, step, seconds, tokensPerSecond, losses, valLosses });
  }

  withSample(step, text) {
    return new Training({ ...this, samples: [...this.samples, [step, text]] });
  }

  // The training at its end; where the best step is not told, it is the best of those that were reported.
  ended(state, [bestStep, bestValLoss] = this.best ?? [null, null]) {
    return new Training({ ...this, state, bestStep, bestValLoss });
  }

  get isRunning() {
    return this.state === "running";
  }

  // The time that the remaining steps need at the pace so far.
  get secondsLeft() {
    return this.step ? (this.seconds / this.step) * (this.maxSteps - this.step) : Infinity;
  }

  get caption() {
    const step = this.bestStep === null ? "" : grouped(this.bestStep);
    const more = step && t(" The model has the weights of step {step}, the best on the validation text.", { step });
    const count = grouped(this.step);
    return {
      ready: () => t("Nothing has been learned yet."),
      running: () => t("It is learning. Stop ends it early; what was best so far is kept."),
      finished: () => t("Finished.{more}", { more }),
      stopped: () => t("Stopped by hand after {count} steps.{more}", { count, more }),
      interrupted: () => t("The kernel was interrupted after {count} steps.{more}", { count, more }),
      patience: () => t("Stopped early, because the validation loss no longer fell.{more}", { more }),
    }[this.state]();
  }

  // The step whose validation loss is the lowest so far, and that loss; or null.
  get best() {
    if (this.bestStep !== null) {
      return [this.bestStep, this.valLosses.find(([step]) => step === this.bestStep)?.[1] ?? this.bestValLoss];
    }
    return this.valLosses.reduce((best, point) => (best === null || point[1] < best[1] ? point : best), null);
  }

  // The step whose weights the model has: that of the best one in the end, and otherwise the last.
  get modelStep() {
    return this.bestStep ?? this.step;
  }

  // The curves in a sentence.
  get summary() {
    const [training, validation] = this.numbers;
    const values = { step: grouped(this.step), most: grouped(this.maxSteps), at: grouped(this.modelStep), training, validation };
    return [
      t("Step {step} of {most}. At step {at}: training loss {training}, validation loss {validation} nats per token", values),
      this.best ? t("; best: {what}", { what: bestText(this.best) }) : "",
      this.floor === null ? "" : t("; the floor is {floor}", { floor: decimals(this.floor, 2) }),
    ].join("");
  }

  // How both losses of the step whose weights the model has are written, how far above the floor, and the pace.
  get numbers() {
    const known = this.modelStep === this.bestStep ? this.best : null;
    return [
      ...this.lossesText(lastUpTo(this.losses, this.modelStep), known ?? lastUpTo(this.valLosses, this.modelStep)),
      this.step ? fixed(this.tokensPerSecond, 0) : "–",
      this.isRunning && this.step ? clock(this.secondsLeft) : "–",
    ];
  }

  lossesText(loss, valLoss) {
    const over = this.floor !== null && valLoss ? signedPercent(valLoss[1] / this.floor - 1) : "–";
    return [...[loss, valLoss].map((point) => (point ? decimals(point[1], 2) : "–")), over];
  }

  // Each step at which something was measured or written: both losses, and how the last ones are written.
  get points() {
    const [losses, valLosses] = [new Map(this.losses), new Map(this.valLosses)];
    const steps = new Set([...losses.keys(), ...valLosses.keys(), ...this.samples.map(([step]) => step)]);
    let [loss, valLoss] = [null, null];
    const points = [...steps].sort((one, other) => one - other).map((step) => {
      if (losses.has(step)) loss = [step, losses.get(step)];
      if (valLosses.has(step)) valLoss = [step, valLosses.get(step)];
      const known = { loss: losses.get(step) ?? null, val: valLosses.get(step) ?? null, of: valLoss && valLoss[0] };
      return { step, said: this.lossesText(loss, valLoss), ...known };
    });
    return thinned(points, MOST_POINTS, this.modelStep);
  }

  // The curves, the numbers and what the model wrote, for the page.
  shown() {
    const texts = this.samples.map(([step, text]) => ({ step, text }));
    const [low, high] = this.limits;
    const best = this.best && { step: this.best[0], loss: this.best[1], text: bestText(this.best) };
    return {
      state: this.state, step: this.step, most: this.maxSteps, at: this.modelStep, points: this.points, best,
      numbers: this.numbers, samples: [...texts.slice(0, 1), ...thinned(texts.slice(1), MOST_SAMPLES)], low, high,
      ticks: this.ticks, levels: this.levels, summary: this.summary,
    };
  }

  // The lowest and the highest loss on the axis, which moves only if a loss would leave it.
  get limits() {
    const losses = [...this.losses, ...this.valLosses].map(([, loss]) => loss);
    const low = Math.min(this.floor || this.start / 8, ...losses);
    return [2 ** (Math.floor(2 * Math.log2(low) - 0.1) / 2), 1.15 * Math.max(this.start, ...losses)];
  }

  // The powers of two between the limits: every line of the axis is twice the one below.
  get ticks() {
    const [low, high] = this.limits.map(Math.log2);
    const powers = [];
    for (let power = Math.ceil(low); power <= Math.floor(high); power += 1) powers.push(2 ** power);
    return powers;
  }

  // The losses that the curves are held against, each with its label.
  get levels() {
    const { start, floor } = this;
    const levels = [{ name: "start", loss: start, label: t("all tokens alike: {loss}", { loss: decimals(start, 2) }) }];
    if (floor === null) return levels;
    return [...levels, { name: "floor", loss: floor, label: t("the floor: {loss}", { loss: decimals(floor, 2) }) }];
  }
}

// About `most` of the `things`, evenly; those at `step` and the last one stay.
function thinned(things, most, step = null) {
  const every = Math.ceil(things.length / most);
  return things.filter((thing, i) => (things.length - 1 - i) % every === 0 || (step && thing.step === step));
}

// The last point of a curve up to `step`.
const lastUpTo = (curve, step) => curve.findLast(([place]) => place <= step);

const bestText = ([step, loss]) => t("step {step}, {loss}", { step: grouped(step), loss: decimals(loss, 2) });

// "1:05"
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds) % 60).padStart(2, "0")}`;

// "+35%"
const signedPercent = (share) => `${share < 0 ? "-" : "+"}${decimals(100 * Math.abs(share), 0)}%`;
