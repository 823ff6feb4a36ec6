// A scored text, and what the model expected at one place of it: `scored_place.py`.

const EXPECTED = 5; // candidates

class ScoredPlace {
  constructor(scored, position, distribution = null, candidates = null) {
    Object.assign(this, { scored, position, distribution, candidates });
    this.token = scored.tokens.tokens[position];
    this.score = scored.scores[position];
    this.piece = scored.pieces.find(({ start, tokens }) => position < start + tokens.length);
  }

  get caption() {
    return `${this.here()}${this.scored.warning}`;
  }

  here() {
    const { score, piece, position, scored } = this;
    const token = `“${this.token.label}”`;
    if (score === null) return t("{token} is the first token: nothing comes before it, so it is not predicted.", { token });
    const said = t("{token} (position {position}): chance {prob}, rank {rank} of {size}, {surprise} nats.", {
      token, position, prob: percent(score.prob), rank: grouped(score.rank), size: grouped(scored.vocabSize),
      surprise: decimals(score.surprise, 1),
    });
    if (piece.text === null) return said;
    const whole = { text: visible(piece.text), surprise: decimals(scored.surpriseOf(piece), 1) };
    return `${said} ${t("It is part of “{text}”, {surprise} nats in all.", whole)}`;
  }

  // The likeliest tokens, the one that came, and all others together, for the page.
  expectedShown() {
    const { candidates, token, score } = this;
    const rows = candidates.tokenIds.map((id, i) => ({ label: candidates.labels[i], prob: candidates.probs[i], id }));
    let { others, othersCount } = candidates;
    if (!candidates.tokenIds.includes(token.tokenId)) {
      rows.push({ label: token.label, prob: score.prob, id: token.tokenId });
      [others, othersCount] = [Math.max(0, others - score.prob), Math.max(0, othersCount - 1)];
    }
    const shown = rows.map((row) => ({ ...row, came: row.id === token.tokenId }));
    return [...shown, { label: othersLabel(othersCount), prob: others }];
  }

  // What the page draws: each piece as its text and the surprise and rank of its tokens, and the place.
  shown() {
    const { scored, piece, score } = this;
    return {
      pieces: scored.pieces.map((one) => [pieceText(one), ...one.tokens.map((_, i) => numbersOf(scored.scores[one.start + i]))]),
      position: this.position,
      guess: Math.log(scored.vocabSize),
      size: scored.vocabSize,
      total: scored.total,
      loss: scored.loss,
      perplexity: perplexityText(Math.exp(scored.loss)),
      label: this.token.label,
      score: score && [score.prob, score.rank, score.surprise],
      parts: piece.tokens.length > 1 ? piece.tokens.map(({ label }) => label) : [],
      whole: piece.text === null ? null : visible(piece.text),
      expected: this.candidates && this.expectedShown(),
    };
  }
}

// What the model expected at `position`, computed from its state there.
function lookAt(model, tokenizer, scored, position) {
  if (position === 0) return new ScoredPlace(scored, position);
  const C = model.config.emb_dim;
  const distribution = nextTokenDistribution(model.head.forward(scored.states.slice((position - 1) * C, position * C)));
  return new ScoredPlace(scored, position, distribution, Candidates.of(distribution, tokenizer, EXPECTED));
}

// A perplexity: one decimal, or a power of ten where it would be too long to read.
function perplexityText(value) {
  if (!(value < 1e6)) return value.toExponential(1).replace(/e\+(\d)$/, "e+0$1");
  const [whole, rest] = decimals(value, 1).split(".");
  return `${grouped(whole)}.${rest}`;
}

// A piece as it is read; bytes that are no text as their label.
const pieceText = ({ text, tokens: [token] }) => text ?? (token.isText ? asText(token.data) : token.label);

const numbersOf = (score) => score && [Number(score.surprise.toFixed(4)), score.rank];
