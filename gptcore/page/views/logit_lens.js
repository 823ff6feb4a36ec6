// LogitLens: what the model would say after each of its layers, and how its final answer rises.

const LENS_WINDOW = 9; // how many positions the table shows at once
const LENS_CANDIDATES = 5; // tokens of a cell that is open

// What the head reads from the stream: row 0 after the embedding, the last row the model's output. A position is read when
// it is first looked at, since a page shows few of them at once.
class Lens extends RecordedText {
  constructor({ recording, labels, leftOut }, tokenizer) {
    super(recording, labels, leftOut);
    Object.assign(this, { model: recording.model, tokenizer, known: new Map() });
  }

  get vocabSize() {
    return this.model.config.vocab_size;
  }

  // The rows of `position`, each with its likeliest tokens, and the rank and the chance of the answer, which is the
  // likeliest token of the last.
  at(position) {
    if (!this.known.has(position)) this.known.set(position, this.readAt(position));
    return this.known.get(position);
  }

  readAt(position) {
    const { emb_dim: C } = this.model.config;
    const { residuals } = this.recording;
    const stream = new Float32Array(residuals.length * C); // (rows, C)
    residuals.forEach((residual, row) => stream.set(residual.subarray(position * C, position * C + C), row * C));
    const logits = lensLogits(this.model, stream); // (rows, vocab_size)
    const rows = residuals.map((_, row) => logits.subarray(row * this.vocabSize, (row + 1) * this.vocabSize));
    const [answerId] = largest(rows.at(-1), 1);
    return { answer: tokenLabel(this.tokenizer, answerId), rows: rows.map((scores) => this.readRow(scores, answerId)) };
  }

  readRow(scores, answerId) {
    const probs = Float32Array.from(softmax(Float64Array.from(scores)));
    const candidates = largest(scores, LENS_CANDIDATES).map((id) =>
      ({ id, label: tokenLabel(this.tokenizer, id), logit: scores[id], prob: probs[id] }));
    const [{ id, label, prob }] = candidates;
    return { candidates, rank: rankOf(scores, answerId), prob: probs[answerId], cell: { label, prob, is_answer: id === answerId } };
  }
}

// The rank of a token among all `scores`: 1 is the likeliest, equal ones by id.
function rankOf(scores, tokenId) {
  const own = scores[tokenId];
  return 1 + scores.reduce((count, score, id) => count + (score > own || (score === own && id < tokenId)), 0);
}

// How the model's answer after the token at `position` rises from row to row, and the table around it.
class Rise {
  constructor(lens, position, row) {
    Object.assign(this, { lens, position, row, ...lens.at(position) }); // the answer, and its rows
  }

  get candidates() {
    return this.rows[this.row].candidates;
  }

  // The first row from which on the answer is always the likeliest token.
  get leadsFrom() {
    return this.rows.findLastIndex(({ rank }) => rank !== 1) + 1;
  }

  // The positions that the table shows, with `position` in the middle where that is possible.
  get window() {
    const tokens = this.lens.labels.length;
    const count = Math.min(LENS_WINDOW, tokens);
    const start = Math.min(Math.max(0, this.position - Math.floor(LENS_WINDOW / 2)), tokens - count);
    return Array.from({ length: count }, (_, i) => start + i);
  }

  get caption() {
    return t(
      "After {token} the model answers “{answer}”, chance {chance}. After the embedding it had rank {rank} of {count}; " +
        "it leads for good after {place}.{more}",
      {
        token: this.lens.quoted(this.position),
        answer: this.answer,
        chance: percent(this.rows.at(-1).prob),
        rank: grouped(this.rows[0].rank),
        count: grouped(this.lens.vocabSize),
        place: rowName(this.leadsFrom),
        more: this.lens.warning,
      },
    );
  }
}

// What comes before a row of the lens: layers are counted from 0, so row 1 comes after layer 0.
const rowName = (row) => (row ? t("layer {n}", { n: row - 1 }) : t("the embedding"));

// How far up a rank is among `size`, from 0 (the last) to 1 (the first), on a logarithmic axis.
const rankHeight = (rank, size) => (size === 1 ? 1 : 1 - Math.log(rank) / Math.log(size));

class LogitLens extends RecordedTextView {
  static front = "logit_lens";
  static hands = ["open"];
  static settings = { ...RecordedTextView.settings, row: indexSetting((lens) => lens.model.config.n_layers + 1) };

  constructor(context, page) {
    super(context, page, { row: { value: context.models[page.model].config.n_layers } });
  }

  // Open another cell of the table.
  open(row, position) {
    this.change({ row, position });
  }

  readText(text) {
    return new Lens(recordText(this.model, this.tokenizer, text), this.tokenizer);
  }

  computeRecord() {
    return new Rise(this.recorded, this.position, this.row);
  }

  shown() {
    if (this.record === null) return {};
    const { position, row, record, recorded } = this;
    const { candidates, window, rows, answer } = record;
    const size = recorded.vocabSize;
    const rest = Math.max(0, 1 - candidates.reduce((sum, { prob }) => sum + prob, 0));
    return {
      position, row, window,
      table: rows.map((_, i) => window.map((place) => recorded.at(place).rows[i].cell)),
      rise: rows.map(({ rank, prob }) => ({ rank, prob, height: rankHeight(rank, size) })),
      answer,
      candidates: [...candidates, { id: null, label: othersLabel(size - candidates.length), prob: rest }],
      vocab_size: size,
      left_out: recorded.leftOut,
    };
  }
}

views.LogitLens = LogitLens;
