// The draw as a dart: the probabilities end to end on a bar of length 1, and the token that a random number hits.

const VISIBLE = 0.008; // a narrower token is shown together with its narrow neighbours
const MOST_ALONE = 40; // at most so many tokens are shown by themselves

class Dart {
  // The tokens that can be drawn, end to end in the order of the vocabulary, and the one that a dart hits.
  static of(distribution, uniform, tokenizer) {
    const dart = new Dart();
    dart.uniform = uniform;
    dart.tokenId = draw(distribution, uniform);
    dart.segments = segments(distribution, dart.tokenId, tokenizer);
    dart.label = tokenLabel(tokenizer, dart.tokenId);
    dart.prob = distribution.probs[dart.tokenId];
    return dart;
  }

  get hit() {
    return this.segments.find(({ tokenId }) => tokenId === this.tokenId);
  }

  // The bar and the dart for the page.
  shown() {
    const pieces = this.segments.map(({ tokenId, left, right, label }) => ({ id: tokenId, left, right, label }));
    return { pieces, uniform: this.uniform, id: this.tokenId, about: this.describe() };
  }

  describe() {
    const tokens = counted(this.segments.reduce((sum, { count }) => sum + count, 0), "token");
    return t("A bar of length 1 that holds {tokens} in the order of the vocabulary: the dart at {uniform} hits {label}, id {id}, which has a chance of {chance}.", {
      tokens, uniform: uniformText(this.uniform), label: this.label, id: this.tokenId, chance: percent(this.prob),
    });
  }
}

// The bar in pieces: one token, or `count` neighbours that are too narrow to be seen.
function segments(distribution, hit, tokenizer) {
  const { ids, left, right } = bar(distribution);
  const isAlone = seenAlone(ids, left, right, hit);
  const found = [];
  for (let start = 0, end; start < ids.length; start = end) {
    end = start + 1;
    while (!isAlone[start] && end < ids.length && !isAlone[end]) end += 1;
    const tokenId = isAlone[start] ? ids[start] : null;
    const label = tokenId === null ? othersLabel(end - start) : tokenLabel(tokenizer, tokenId);
    found.push({ left: left[start], right: right[end - 1], count: end - start, tokenId, label });
  }
  return found;
}

// The tokens that no stage removed, and where each begins and ends on the ruler of `draw`.
function bar(distribution) {
  const [ids, right] = [[], []];
  let sum = 0;
  for (let id = 0; id < distribution.probs.length; id += 1) {
    sum += distribution.probs[id];
    if (!distribution.kept(id)) continue;
    ids.push(id);
    right.push(sum);
  }
  for (let i = 0; i < right.length; i += 1) right[i] /= sum;
  return { ids, left: [0, ...right.slice(0, -1)], right }; // what was removed between two neighbours has no length
}

function seenAlone(ids, left, right, hit) {
  const widths = ids.map((_, i) => right[i] - left[i]);
  let isAlone = widths.map((width) => width >= VISIBLE);
  if (isAlone.filter(Boolean).length > MOST_ALONE) {
    const least = [...widths].sort((a, b) => b - a)[MOST_ALONE - 1];
    let count = 0;
    isAlone = isAlone.map((alone, i) => alone && widths[i] >= least && (count += 1) <= MOST_ALONE);
  }
  return isAlone.map((alone, i) => alone || ids[i] === hit);
}
