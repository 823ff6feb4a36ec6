// AttentionView: where a token looks, head by head, while the model reads a text.

const STRONGEST = 5; // how many positions have a row of their own
const MAP_SIZE = 48; // squares on each side of a small map, at most
const MOST_SQUARES = 30_000; // of all small maps on a page together

// A text as a model has read it, with what all heads did.
class AttendedText extends RecordedText {
  get heads() {
    return this.recording.attention.flat(); // (n_layers * n_heads) of (T, T)
  }

  // The small maps: their `size`, and of each head the lower half, row by row, as bytes in base64.
  //
  // A byte is 255 times the square root of a weight; in a long text a square stands for several tokens each way.
  get maps() {
    return (this._maps ??= this.drawnMaps());
  }

  drawnMaps() {
    const { heads, labels } = this;
    const size = mapSize(heads.length, labels.length);
    const bytes = heads.flatMap((weights) => Array.from(smallMap(weights, labels.length, size), (weight) =>
      String.fromCharCode(Math.round(255 * Math.sqrt(weight)))));
    return { size, values: btoa(bytes.join("")) };
  }

  // The largest weight of `position` in each head, and whose it is.
  most(position) {
    const T = this.labels.length;
    const rows = this.recording.attention.map((heads) => heads.map((weights) => weights.subarray(position * T, position * T + T)));
    const positions = rows.map((heads) => heads.map((row) => row.indexOf(Math.max(...row))));
    return { weights: rows.map((heads, layer) => heads.map((row, head) => row[positions[layer][head]])), positions };
  }
}

// The squares on each side of the small map of each of so many `heads` on a page.
function mapSize(heads, tokens) {
  const room = Math.floor((Math.floor(Math.sqrt(1 + 8 * Math.floor(MOST_SQUARES / heads))) - 1) / 2);
  return Math.max(1, Math.min(tokens, MAP_SIZE, room));
}

// The lower half of the weights (T, T) as `size` rows; a square shows the largest of those it stands for.
function smallMap(weights, T, size) {
  const map = new Float32Array((size * (size + 1)) / 2);
  const [from, to] = [0, 1].map((end) => Array.from({ length: size }, (_, i) => (end ? Math.ceil : Math.floor)(((i + end) * T) / size)));
  for (let row = 0, at = 0; row < size; row += 1) {
    for (let column = 0; column <= row; column += 1, at += 1) {
      for (let t = from[row]; t < to[row]; t += 1) {
        for (let s = from[column]; s < to[column]; s += 1) if (weights[t * T + s] > map[at]) map[at] = weights[t * T + s];
      }
    }
  }
  return map;
}

// How one head of one layer shares the attention of the token at `position` among the tokens up to it.
class HeadAttention {
  constructor(text, layer, head, position) {
    Object.assign(this, { text, layer, head, position });
    const T = text.labels.length;
    this.weights = Array.from(text.recording.attention[layer][head].subarray(position * T, position * T + position + 1));
  }

  // The positions of the tokens that get most of it, the strongest first, equal ones in order.
  get strongest() {
    return largest(this.weights, STRONGEST);
  }

  // The strongest, and all others together, so that the bars add up to 1.
  get rows() {
    const rows = this.strongest.map((id) => ({ id, label: this.text.labels[id], prob: this.weights[id] }));
    const count = this.weights.length - rows.length;
    const rest = count ? Math.max(0, 1 - rows.reduce((sum, { prob }) => sum + prob, 0)) : 0;
    return [...rows, { id: null, label: othersLabel(count), prob: rest }];
  }

  get caption() {
    const [target] = this.strongest;
    return t("In layer {layer}, head {head}, {token} gives most of its attention, {share}, to {target}.{more}", {
      layer: this.layer,
      head: this.head,
      token: this.text.quoted(this.position),
      share: percent(this.weights[target]),
      target: target === this.position ? t("itself") : this.text.quoted(target),
      more: this.text.warning,
    });
  }
}

class AttentionView extends RecordedTextView {
  static front = "attention_view";
  static hands = ["choose"];
  static settings = {
    ...RecordedTextView.settings,
    layer: indexSetting((view) => view.model.config.n_layers), head: indexSetting((view) => view.model.config.n_heads),
  };

  constructor(context, page) {
    super(context, page, { layer: { value: 0 }, head: { value: 0 } });
  }

  // Show another head.
  choose(layer, head) {
    this.change({ layer, head });
  }

  readText(text) {
    const { recording, labels, leftOut } = recordText(this.model, this.tokenizer, text);
    return new AttendedText(recording, labels, leftOut);
  }

  computeRecord() {
    return new HeadAttention(this.recorded, this.layer, this.head, this.position);
  }

  // Offer the maps too, which a page needs once for each text.
  show() {
    this.controls.head.maps = this.recorded === null ? null : this.recorded.maps;
    super.show();
  }

  shown() {
    if (this.record === null) return {};
    const { layer, head, position, record } = this;
    return {
      layer, head, position,
      weights: record.weights.map((weight) => Number(weight.toPrecision(6))),
      rows: record.rows,
      heads: this.recorded.most(position),
      left_out: this.recorded.leftOut,
    };
  }
}

views.AttentionView = AttentionView;
