// Three panels side by side, logit → scaled → probability: the same token in the same row, from one record.

const STAGE_NAMES = {
  masked: t("impossible"), temperature: t("temperature 0"), top_k: t("top-k"), top_p: t("top-p"), min_p: t("min-p"),
};
const LONGEST_LABEL = 28; // columns: a longer label is cut short

// A label for a row: a very long one is cut short and ends in its id, so that no two are the same.
const shortLabel = (label, tokenId) =>
  columns(label) <= LONGEST_LABEL ? label : `${sliceOf(label, 0, LONGEST_LABEL / 2)}… id ${tokenId}`;

// The likeliest tokens of a distribution, in an order that no setting changes, and all others together.
class Panels {
  // The tokens of `labels`, a Map from `rowLabels`; `counts` says how often each token was drawn, null if none was.
  static of(distribution, labels, temperature, counts = null, lastId = null) {
    const { probs, logits, scaledLogits, removedBy, removedMass } = distribution;
    const panels = Object.assign(new Panels(), { labels, temperature, lastId, keptCount: distribution.keptCount });
    const ids = (panels.tokenIds = [...labels.keys()]);
    panels.logits = ids.map((id) => logits[id]);
    panels.scaledLogits = ids.map((id) => scaledLogits[id]);
    panels.probs = ids.map((id) => probs[id]);
    panels.cutBy = ids.map((id) => (removedBy[id] ? STAGE_NAMES[SAMPLING_STAGES[removedBy[id] - 1]] : ""));
    panels.othersCount = probs.length - ids.length;
    panels.othersKept = panels.keptCount - panels.cutBy.filter((cut) => !cut).length;
    panels.others = panels.othersKept === 0 ? 0 : Math.max(0, 1 - sumOf(panels.probs));
    panels.removed = SAMPLING_STAGES.map((stage, i) => {
      const count = removedBy.reduce((sum, code) => sum + (code === i + 1), 0);
      return { name: STAGE_NAMES[stage], mass: removedMass[stage], count };
    }).filter(({ count }) => count);
    panels.keptMass = Math.max(0, 1 - sumOf(Object.values(removedMass)));
    panels.counts = counts === null ? ids.map(() => 0) : ids.map((id) => counts[id]);
    panels.draws = counts === null ? 0 : sumOf(counts);
    return panels;
  }

  // The ends of the logit axis, a little beyond every logit that has a row: no setting moves them.
  get axis() {
    const finite = this.logits.filter((logit) => logit > -Infinity);
    const [low, high] = [Math.min(...finite), Math.max(...finite)];
    const margin = 0.05 * (high - low) || 0.5;
    return [low - margin, high + margin];
  }

  // The panels for the page, the row of all others last.
  shown(log = false) {
    const rows = this.tokenIds.map((id, i) => ({
      id, label: shortLabel(this.labels.get(id), id), logit: this.logits[i], scaled: this.scaledLogits[i],
      prob: this.probs[i], cut: this.cutBy[i], count: this.counts[i], isDrawn: id === this.lastId,
    }));
    return {
      rows: [...rows, this.othersRow()],
      axis: this.axis,
      temperature: this.temperature,
      log,
      draws: this.draws,
      removed: this.removed,
      keptMass: this.keptMass,
      keptCount: this.keptCount,
    };
  }

  othersRow() {
    const isCut = !this.othersKept && this.othersCount > 0;
    return {
      id: null, label: othersLabel(this.othersCount), logit: this.logits.at(-1), scaled: null,
      prob: this.others, cut: isCut ? t("every stage") : "", count: this.draws - sumOf(this.counts),
      isDrawn: this.lastId !== null && !this.labels.has(this.lastId),
    };
  }
}

const sumOf = (numbers) => numbers.reduce((sum, number) => sum + number, 0);

// Map {token id: label} of the tokens with the largest logits, the largest first, equal ones by id.
function rowLabels(logits, tokenizer, rows) {
  const ids = largest(logits, Math.min(rows, logits.length));
  return new Map(ids.map((id) => [id, tokenLabel(tokenizer, id)]));
}
