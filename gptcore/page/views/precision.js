// What fewer bits per weight cost: the weights rounded, the bytes that they would take, and how far a model moves.
//
// The weights stay floats, only coarser ones. `precision.py` says where the ideas come from. A matrix is a Linear, or the
// token embedding: { weight, inFeatures }.

const [FLOAT32, BFLOAT16] = [32, 16]; // bits of weights that are no whole numbers, and so have no scale
const PRECISION_BITS = [FLOAT32, BFLOAT16, 8, 6, 4, 3, 2];
const GROUPINGS = ["matrix", "row", 64, 32]; // the weights that share a scale: all, those of a row, or so many in a row
const SCALE_BITS = 32; // a scale is a float32
const COMPARED = 100; // positions at which two models are compared
const SHOWN_WEIGHTS = 32; // that are drawn: they share a scale in each of GROUPINGS
const TINY = 2 ** -126; // the smallest normal float32

// How weights are kept: bits for each, and which of them share a scale; null for floats, which have none.
class Format {
  constructor(bits, grouping) {
    this.bits = bits;
    this.grouping = bits >= BFLOAT16 ? null : grouping;
  }

  get key() {
    return `${this.bits} ${this.grouping}`;
  }

  get name() {
    const { bits, grouping: count } = this;
    if (count === null) return { [FLOAT32]: "float32", [BFLOAT16]: "bfloat16" }[bits];
    if (count === "matrix") return t("{bits} bits, a scale for each matrix", { bits });
    if (count === "row") return t("{bits} bits, a scale for each row", { bits });
    return t("{bits} bits, a scale for each {count} weights", { bits, count });
  }
}

const FORMATS = [...new Map(GROUPINGS.flatMap((grouping) =>
  PRECISION_BITS.map((bits) => new Format(bits, grouping))).map((form) => [form.key, form])).values()];

// What a model expects at each of T positions of a text.
class Beliefs {
  constructor(model, tokenIds) {
    this.tokenIds = tokenIds;
    this.size = model.config.vocab_size;
    this.logProbs = logSoftmax(model.forward(tokenIds), this.size); // (T, vocab_size)
  }

  // How uncertain the model is, in nats per token.
  get entropy() {
    let sum = 0;
    for (const logProb of this.logProbs) sum -= Math.exp(logProb) * logProb;
    return sum / this.tokenIds.length;
  }

  // How far `found` is from this, in nats per token.
  divergence(found) {
    let sum = 0;
    for (let i = 0; i < this.logProbs.length; i += 1) {
      sum += Math.exp(this.logProbs[i]) * (this.logProbs[i] - found.logProbs[i]);
    }
    return Math.max(0, sum / this.tokenIds.length);
  }

  // At how many positions the likeliest token is the same.
  agreement(found) {
    return this.tokenIds.filter((_, position) => this.likeliest(position) === found.likeliest(position)).length;
  }

  likeliest(position) {
    const row = this.logProbs.subarray(position * this.size, (position + 1) * this.size);
    let best = 0;
    for (let i = 1; i < row.length; i += 1) if (row[i] > row[best]) best = i;
    return best;
  }
}

// The logarithms of the softmax of each row of logits (T, size), in float64.
function logSoftmax(logits, size) {
  const found = new Float64Array(logits.length);
  for (let row = 0; row < logits.length; row += size) {
    let [most, total] = [-Infinity, 0];
    for (let i = row; i < row + size; i += 1) most = Math.max(most, logits[i]);
    for (let i = row; i < row + size; i += 1) total += Math.exp(logits[i] - most);
    const log = most + Math.log(total);
    for (let i = row; i < row + size; i += 1) found[i] = logits[i] - log;
  }
  return found;
}

// How far `coarse`, the float32 `model` in a format, is from what that one expects.
function measured(model, expected, form, coarse) {
  const found = new Beliefs(coarse, expected.tokenIds);
  return {
    form,
    size: storedBytes(model, form),
    bitsPerWeight: bitsPerWeight(model, form),
    kl: expected.divergence(found),
    unchanged: expected.agreement(found),
  };
}

// A copy of `model` with its matrices rounded; token embedding and output head are among them.
function coarseModel(model, form) {
  const other = (values) => (form.bits === BFLOAT16 ? values.map(asBfloat16) : values); // then it has 16 bits, too
  const linear = (layer) => new Linear(rounded(layer, form), other(layer.bias), layer.inFeatures);
  const norm = ({ weight, bias, epsilon }) => new LayerNorm(other(weight), other(bias), epsilon);
  const block = ({ attentionNorm, attention, feedForwardNorm, feedForward }) => new TransformerBlock(
    norm(attentionNorm), new CausalSelfAttention(model.config, linear(attention.qkv), linear(attention.outProj)),
    norm(feedForwardNorm), new FeedForward(linear(feedForward.upProj), linear(feedForward.downProj)));
  const head = linear(model.head);
  const coarse = Object.create(GPTModel.prototype);
  coarse.config = model.config;
  coarse.blocks = model.blocks.map(block);
  coarse.finalNorm = norm(model.finalNorm);
  coarse.head = head;
  coarse.tokenEmbedding = isTied(model) ? head.weight : rounded(tokenMatrix(model), form);
  coarse.positionEmbedding = other(model.positionEmbedding);
  coarse._lastLogits = reader(coarse);
  return coarse;
}

const isTied = (model) => model.head.weight === model.tokenEmbedding;

const tokenMatrix = (model) => ({ weight: model.tokenEmbedding, inFeatures: model.config.emb_dim });

// Every matrix that a token is multiplied by, and the token embedding, once each; positions are not among them.
function matrices(model) {
  const inBlocks = model.blocks.flatMap(({ attention, feedForward }) =>
    [attention.qkv, attention.outProj, feedForward.upProj, feedForward.downProj]);
  return [...inBlocks, model.head, ...(isTied(model) ? [] : [tokenMatrix(model)])];
}

// A matrix as near as the format comes to it, in float32.
function rounded(matrix, form) {
  const { weight } = matrix;
  if (form.bits === FLOAT32) return weight;
  if (form.bits === BFLOAT16) return weight.map(asBfloat16);
  const found = new Float32Array(weight.length);
  const most = 2 ** (form.bits - 1) - 1;
  for (const [start, end] of groups(matrix, form.grouping)) {
    const scale = scaleOf(weight, start, end, most);
    const divisor = Math.max(scale, TINY);
    for (let i = start; i < end; i += 1) found[i] = toEven(Math.fround(weight[i] / divisor)) * scale;
  }
  return found;
}

// [start, end] of the weights that share a scale.
function* groups({ weight, inFeatures }, grouping) {
  if (grouping === "matrix") return yield [0, weight.length];
  const size = grouping === "row" ? inFeatures : Math.min(grouping, inFeatures);
  for (let row = 0; row < weight.length; row += inFeatures) {
    for (let i = 0; i < inFeatures; i += size) yield [row + i, row + Math.min(i + size, inFeatures)];
  }
}

// Two weights of a group are a whole number of scales apart, and the largest of them is `most`.
function scaleOf(weight, start, end, most) {
  let largest = 0;
  for (let i = start; i < end; i += 1) largest = Math.max(largest, Math.abs(weight[i]));
  return Math.fround(largest / most);
}

// The nearest whole number; what lies in the middle goes to the even one.
function toEven(value) {
  const near = Math.round(value);
  return near - value === 0.5 && near % 2 ? near - 1 : near;
}

const bfloat16Value = new Float32Array(1);
const bfloat16Bits = new Uint32Array(bfloat16Value.buffer);

// `value` with the first 16 of its 32 bits, rounded to the nearest.
function asBfloat16(value) {
  bfloat16Value[0] = value;
  const bits = bfloat16Bits[0];
  bfloat16Bits[0] = (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000;
  return bfloat16Value[0];
}

const inAll = (values) => values.reduce((sum, value) => sum + value, 0);

// How many weights are in matrices.
const inMatrices = (model) => inAll(matrices(model).map(({ weight }) => weight.length));

// Bytes of all weights: those of matrices and their scales in the format, all others in float32.
function storedBytes(model, form) {
  if (form.bits === BFLOAT16) return weightBytes(model.config, "bfloat16");
  const packed = inAll(matrices(model).map(({ weight }) => Math.ceil((form.bits * weight.length) / 8)));
  return packed + 4 * (scaleCount(model, form) + numParameters(model.config) - inMatrices(model));
}

// Bits for each weight of a matrix, with its share of a scale.
const bitsPerWeight = (model, form) => form.bits + (SCALE_BITS * scaleCount(model, form)) / inMatrices(model);

function scaleCount(model, { grouping }) {
  if (grouping === null) return 0;
  return inAll(matrices(model).map(({ weight, inFeatures }) => {
    if (grouping === "matrix") return 1;
    return (weight.length / inFeatures) * (grouping === "row" ? 1 : Math.ceil(inFeatures / Math.min(grouping, inFeatures)));
  }));
}

// The first weights of the first matrix, before and after; null stands for the scale of floats.
function firstRow(model, coarse, form) {
  const [one, other] = [model, coarse].map((whole) => matrices(whole)[0]);
  const { grouping, bits } = form;
  const [[start, end]] = grouping === null ? [[0, 0]] : groups(one, grouping);
  return {
    weights: Array.from(one.weight.subarray(0, Math.min(SHOWN_WEIGHTS, one.inFeatures))),
    rounded: Array.from(other.weight.subarray(0, Math.min(SHOWN_WEIGHTS, one.inFeatures))),
    scale: grouping === null ? null : scaleOf(one.weight, start, end, 2 ** (bits - 1) - 1),
  };
}

function checkBits(name, value) {
  if (PRECISION_BITS.includes(value)) return;
  const names = PRECISION_BITS.join(", ");
  throw new Error(t("{name} must be one of {names}, got {value}", { name, names, value: given(value) }));
}

function checkGrouping(name, value) {
  if (GROUPINGS.includes(value)) return;
  const names = GROUPINGS.map(pythonRepr).join(", ");
  throw new Error(t("{name} must be one of {names}, got {value}", { name, names, value: given(value) }));
}
