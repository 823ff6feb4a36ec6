// FutureTree: the likeliest ways on from a text, as a tree with true chances beside the model's, and a dart on it.

const [MOST_WIDTH, MOST_DEPTH] = [12, 6];

const checkCount = (name, value) => checkInteger(name, value, 1);

function checkUniform(name, value) {
  if (value === null) return;
  const number = asFloat(name, value);
  if (0 <= number && number < 1) return;
  throw new Error(t("{name} must be at least 0 and below 1, or None for no dart, got {value}", { name, value: given(value) }));
}

class FutureTree extends LiveView {
  static front = "future_tree";
  static hands = ["throw", "choose", "take", "back"];
  static remembered = ["record", "chosen", "reader", "luck", "darts"];
  static settings = {
    prompt: textSetting(), seed: setting(checkAnySeed), uniform: setting(checkUniform),
    width: setting(checkCount, { most: MOST_WIDTH }), depth: setting(checkCount, { most: MOST_DEPTH }),
    temperature: setting(checkSampling), top_k: setting(checkSampling),
  };

  constructor(context, page) {
    super(context, page);
    this.open({
      prompt: { value: "" },
      width: { value: 1, min: 1, max: MOST_WIDTH, step: 1 },
      depth: { value: 1, min: 1, max: MOST_DEPTH, step: 1 },
      temperature: { value: 1, min: 0, max: 2, step: 0.05 },
      top_k: {}, uniform: {}, seed: {},
    });
    Object.assign(this, { chosen: [], darts: 0, work: new Work(this) }); // how many of the seed's darts have fallen
    this.change(this.saved());
    this.redo();
  }

  // Let the next dart fall.
  throw() {
    this.work.hurry();
    if (!this.isOpen) return;
    this.darts += 1;
    this.change({ uniform: this.luck.next() });
  }

  // Write the tokens of `way`.
  choose(way) {
    const value = given(way), last = this.model.config.vocab_size - 1;
    if (!Array.isArray(way) || !way.length || !way.every(isInteger)) {
      throw new Error(t("way must be several token ids, got {value}", { value }));
    }
    if (!way.every((tokenId) => 0 <= tokenId && tokenId <= last)) {
      throw new Error(t("way must be several token ids from 0 to {last}, got {value}", { last, value }));
    }
    this.work.hurry();
    if (this.isOpen) this.go([...this.chosen, way]);
  }

  // Write the tokens that the dart has hit.
  take() {
    this.work.hurry();
    if (this.record?.hit) this.choose(this.record.hit.way);
  }

  // Take away the tokens that were written last.
  back() {
    this.work.hurry();
    if (this.record !== null && this.chosen.length) this.go(this.chosen.slice(0, -1));
  }

  // Whether the text can go on.
  get isOpen() {
    return this.record !== null && !this.record.isOver;
  }

  // The ways that were written, and the darts that fell before them or after.
  did() {
    const chosen = this.chosen.map((way) => ["choose", [way]]);
    const thrown = Array(this.darts).fill(["throw", []]);
    if (this.uniform !== null) return [...chosen, ...thrown];
    return chosen.length ? [...thrown, ...chosen] : [];
  }

  // Show what may follow the prompt and the tokens of all `chosen` ways; the dart is gone.
  go(chosen) {
    this.begin(chosen);
    this.put({ uniform: null });
    this.grow();
    this.show();
  }

  begin(chosen = []) {
    const promptIds = this.tokenizer.encode(this.prompt);
    const reader = new WaysReader(this.model, this.tokenizer, [...promptIds, ...chosen.flat()], this.reader);
    Object.assign(this, { chosen, reader });
  }

  // Make the record: at once, or if that takes long, while what was shown before stays.
  grow() {
    const { reader, sampling, uniform } = this;
    const { tokenIds, ends } = reader;
    const isOver = ends.includes(tokenIds.at(-1)); // the end itself is not shown
    const text = this.tokenizer.decode(isOver ? tokenIds.slice(0, -1) : tokenIds);
    this.work.start(futures(reader, text, sampling, this.width, this.depth), (found) => {
      this.record = uniform === null || isOver ? found : thrownAt(found, uniform, reader, sampling);
    });
  }

  get sampling() {
    return new Sampling({ temperature: this.temperature, top_k: this.top_k });
  }

  update(names) {
    this.tryTo(() => this.updated(names));
    this.show();
  }

  updated(names) {
    if (this.record === null || names.includes("prompt")) this.begin();
    if (this.record === null || names.includes("seed")) Object.assign(this, { luck: new Uniforms(this.seed), darts: 0 });
    if (names.join() === "uniform") this.work.hurry();
    if (names.join() === "uniform" && this.uniform !== null && this.isOpen) {
      return thrownAt(this.record, this.uniform, this.reader, this.sampling);
    }
    this.grow();
    return this.record;
  }

  // When the tree has grown.
  settled() {
    return this.work.settled();
  }

  show() {
    if (this.work.isOpen) this.work.show();
    else super.show();
  }

  get caption() {
    return this.work.isOpen && !this.problem ? "…" : super.caption;
  }

  shown() {
    const { record } = this;
    if (record === null) return {};
    const branches = everyBranch(record.root).slice(1);
    const prompt = this.tokenizer.decode(record.tokenIds.slice(0, record.tokenIds.length - this.chosen.flat().length));
    const parents = new Map(branches.flatMap((branch, i) => branch.branches.map((child) => [child, i])));
    return {
      parts: [prompt, sliceOf(record.text, lengthOf(prompt))],
      branches: branches.map((branch) => branchShown(branch, parents.get(branch) ?? -1)),
      uniform: record.uniform,
      hit: record.hit && branches.indexOf(record.hit.branch),
      hitLabel: record.hit && record.hit.label,
      trueHit: record.trueHit && branches.indexOf(record.trueHit),
      start: this.chosen.flat(),
    };
  }

  band() {
    const { record, reader } = this;
    if (record === null) return {};
    const known = record.isOver ? [null, null] : [this.tokenizer, reader.distribution([], this.sampling)];
    const drawn = record.hit ? [this.uniform, record.hit.way[0]] : [];
    return band(record.text, record.tokenIds, this.model, ...known, ...drawn);
  }
}

// A branch for the page, with the place of the one that it parts from; -1 for the text itself.
function branchShown({ way, label, spelling, prob, pathProb, trueProb, isOthers, isGreedy }, parent) {
  return { parent, way, label, spelling, prob, path: pathProb, true: trueProb, others: isOthers, greedy: isGreedy };
}

views.FutureTree = FutureTree;
