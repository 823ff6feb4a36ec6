// A text and its likeliest ways on, as a tree whose probabilities are exact products, and a dart on its ends: `futures.py`.
//
// A branch is a way on from a text, or all the ways from one place that are not shown: its `way`, the `label` of its last
// token, the `spelling` of the whole way, `prob` of its last token after those before it, and `pathProb` and `trueProb` of
// the whole way, in the model and in the source; null if no story begins as the text does.

const BELOW_ONE = 1 - 2 ** -53;
const ROOT = { way: [], label: "", spelling: "", prob: 1, pathProb: 1, trueProb: null, isOthers: false, isGreedy: false, branches: [] };

// A text and its likeliest ways on: what is shown adds up to 1.
class Futures {
  constructor(parts) {
    Object.assign(this, { isExact: true, uniform: null, hit: null, trueHit: null }, parts);
  }

  get isOver() {
    return !this.root.branches.length;
  }

  // The ends of all branches, from top to bottom.
  get leaves() {
    return everyBranch(this.root).filter((branch) => branch !== this.root && !branch.branches.length);
  }

  // The ends of the ways shown, the likeliest first.
  get ways() {
    return this.leaves.filter(({ isOthers }) => !isOthers).sort((a, b) => b.pathProb - a.pathProb);
  }

  // The way that takes the likeliest token each time.
  get greedy() {
    return this.leaves.find(({ isGreedy }) => isGreedy) ?? null;
  }

  get caption() {
    if (this.isOver) return t("This token ends the text. Go back to choose otherwise.");
    const [best] = this.ways, { greedy } = this;
    const said = [t("Likeliest: {way}, {chances};", { way: best.spelling, chances: chancesOf(best) })];
    if (best === greedy) said.push(t("greedy finds it."));
    else said.push(t("greedy takes {way}, {chance}.", { way: greedy.spelling, chance: percent(greedy.pathProb) }));
    if (this.hit) {
      const found = { uniform: uniformText(this.uniform), way: this.hit.spelling };
      said.push(t("The dart at {uniform} hits {way}.", found));
    }
    if (!this.isExact) said.push(t("There are too many ways to read them all: another may be likelier."));
    return said.join(" ");
  }
}

// A branch and all that part from it, from top to bottom.
const everyBranch = (branch) => [branch, ...branch.branches.flatMap(everyBranch)];

// The probability of a way, and the true one beside it.
function chancesOf({ pathProb, trueProb }) {
  if (trueProb === null) return percent(pathProb);
  return t("{prob} (true {true_prob})", { prob: percent(pathProb), true_prob: percent(trueProb) });
}

// The `width` likeliest ways on of `depth` tokens, and greedy's, as a tree, step by step: it yields after every reading, so
// that a page can draw in between. A text that has reached its end has no ways on.
function* futures(reader, text, sampling, width, depth) {
  const { tokenIds } = reader;
  if (reader.ends.includes(tokenIds.at(-1))) return new Futures({ tokenIds, text, root: ROOT });
  const search = new WaysSearch(reader, sampling, width, depth);
  yield* search.steps();
  const root = { ...ROOT, trueProb: reader.truth([]).size ? 1 : null, isGreedy: true };
  const grown = grownBranch(root, search.ways, reader, sampling);
  return new Futures({ tokenIds, text, root: grown, isExact: search.isExact });
}

// `branch` with all that parts from it on `ways`, each of which begins as it does.
function grownBranch(branch, ways, reader, sampling) {
  const place = branch.way.length;
  if (ways.length === 1 && ways[0].length === place) return branch;
  const distribution = reader.distribution(branch.way, sampling);
  const { probs } = distribution;
  const truth = branch.trueProb ? reader.truth(branch.way) : new Map();
  const [greedy] = largestOf(probs, 1);
  const tokenIds = [...new Set(ways.map((way) => way[place]))].sort((a, b) => probs[b] - probs[a]);
  const branches = tokenIds.map((tokenId) => {
    const way = [...branch.way, tokenId];
    const grown = {
      way,
      label: tokenLabel(reader.tokenizer, tokenId),
      spelling: spelledWay(reader.tokenizer, way),
      prob: probs[tokenId],
      pathProb: branch.pathProb * probs[tokenId],
      trueProb: branch.trueProb === null ? null : branch.trueProb * (truth.get(tokenId) ?? 0),
      isOthers: false,
      isGreedy: branch.isGreedy && tokenId === greedy,
      branches: [],
    };
    return grownBranch(grown, ways.filter((other) => other[place] === tokenId), reader, sampling);
  });
  const shown = new Set(tokenIds);
  const rest = probs.reduce((sum, prob, tokenId) => (shown.has(tokenId) ? sum : sum + prob), 0);
  return { ...branch, branches: [...branches, ...othersOf(branch, branches, rest, distribution.keptCount)] };
}

// What is left of `branch` beside `branches`: `prob` in the model, which may take `count` in all, or in truth.
function othersOf(branch, branches, prob, count) {
  let { trueProb } = branch;
  if (trueProb !== null) {
    trueProb = Math.max(0, trueProb - branches.reduce((sum, other) => sum + other.trueProb, 0));
    if (trueProb < 1e-12) trueProb = 0; // rounding
  }
  if (!prob && !trueProb) return [];
  const label = othersLabel(count - branches.length);
  const others = { way: branch.way, label, spelling: `${branch.spelling} …`, prob, pathProb: branch.pathProb * prob, trueProb };
  return [{ ...others, isOthers: true, isGreedy: false, branches: [] }];
}

// The tokens of `way` as one label, in which the bytes of a character are joined if it is whole.
function spelledWay(tokenizer, way) {
  try {
    const bytes = way.flatMap((tokenId) => [...tokenBytes(tokenizer, tokenId)]);
    return visible(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes)));
  } catch {
    return way.map((tokenId) => tokenLabel(tokenizer, tokenId)).join(""); // half a character, or an unknown token
  }
}

// `futures` with a dart at `uniform`.
function thrownAt(found, uniform, reader, sampling) {
  const { leaves } = found;
  const [leaf, rest] = dartHit(leaves, leaves.map(({ pathProb }) => pathProb), uniform);
  let hit = { branch: leaf, way: leaf.way, label: leaf.label, spelling: leaf.spelling };
  if (leaf.isOthers) {
    // The dart falls on one of them, which lie in the order of the vocabulary.
    const parent = everyBranch(found.root).find(({ branches }) => branches.includes(leaf));
    const probs = Float64Array.from(reader.distribution(leaf.way, sampling).probs);
    for (const branch of parent.branches) if (!branch.isOthers) probs[branch.way.at(-1)] = 0;
    const [tokenId] = dartHit([...probs.keys()], probs, rest);
    const way = [...leaf.way, tokenId];
    hit = { branch: leaf, way, label: tokenLabel(reader.tokenizer, tokenId), spelling: spelledWay(reader.tokenizer, way) };
  }
  const knowsTruth = found.root.trueProb !== null;
  const trueHit = knowsTruth ? dartHit(leaves, leaves.map(({ trueProb }) => trueProb), uniform)[0] : null;
  return new Futures({ ...found, uniform, hit, trueHit });
}

// The one of `things`, end to end on a bar, that a dart hits, and where on it the dart falls, in [0, 1).
function dartHit(things, widths, uniform) {
  let end = 0;
  const ends = Array.from(widths, (width) => (end += width));
  const place = uniform * end;
  const last = ends.length - 1 - [...widths].reverse().findIndex((width) => width > 0);
  const first = ends.findIndex((one) => one > place);
  const i = Math.min(first < 0 ? ends.length : first, last);
  return [things[i], Math.min(Math.max(0, (place - (ends[i] - widths[i])) / widths[i]), BELOW_ONE)];
}
