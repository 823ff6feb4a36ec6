// The likeliest next tokens as bars, with one bar for all others, so that what is shown adds up to 100%.

// The places of the `count` largest of `values`, the largest first, equal ones in their order.
function largest(values, count) {
  const found = [];
  for (let i = 0; i < values.length; i += 1) {
    if (found.length === count && !(values[i] > values[found[count - 1]])) continue;
    let place = found.length;
    while (place > 0 && values[i] > values[found[place - 1]]) place -= 1;
    found.splice(place, 0, i);
    if (found.length > count) found.pop();
  }
  return found;
}

class Candidates {
  // The `count` likeliest tokens that can be drawn, or as many as there are.
  static of(distribution, tokenizer, count = 5) {
    const candidates = new Candidates();
    // By score, since probabilities that round to the same number, or to 0, have no order.
    const scores = distribution.logits.map((score, id) => (distribution.kept(id) ? score : -Infinity));
    candidates.tokenIds = largest(scores, Math.min(count, distribution.keptCount));
    candidates.labels = candidates.tokenIds.map((id) => tokenLabel(tokenizer, id));
    candidates.probs = candidates.tokenIds.map((id) => distribution.probs[id]);
    candidates.othersCount = distribution.keptCount - candidates.probs.length;
    const others = Math.max(0, 1 - candidates.probs.reduce((sum, prob) => sum + prob, 0));
    candidates.others = candidates.othersCount ? others : 0;
    return candidates;
  }

  get othersLabel() {
    return othersLabel(this.othersCount);
  }

  // Each bar for the page, that of all others last.
  rowsShown() {
    const rows = this.tokenIds.map((id, i) => ({ id, label: this.labels[i], prob: this.probs[i] }));
    return [...rows, { id: null, label: this.othersLabel, prob: this.others }];
  }
}
