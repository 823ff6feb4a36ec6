// What a GPT costs, counted from its config alone: parameters to keep, bytes to read. `costs.py` explains the formulas.

// How the weights can be kept, and the bytes of each. In int8 outputs and groups have scales; all else is float32.
const DTYPE_BYTES = { float32: 4, bfloat16: 2, float16: 2, int8: 1 };
const INT8_GROUP = 192; // weights in a group, at most

// How many values are learned; a head that shares the embedding counts once.
const numParameters = (config) =>
  linearWeights(config) + (config.tie_embeddings ? 0 : config.vocab_size * config.emb_dim) + vectorWeights(config) + positionWeights(config);

// Bytes of memory that the weights take.
function weightBytes(config, dtype) {
  if (dtype !== "int8") return numParameters(config) * DTYPE_BYTES[dtype];
  const ownEmbedding = config.tie_embeddings ? 0 : int8Bytes(config.vocab_size, config.emb_dim);
  return sumOfMatrices(config, int8Bytes) + ownEmbedding + 4 * (vectorWeights(config) + positionWeights(config));
}

// Bytes of memory that the keys and values of `batchSize` texts take, each of `tokens` tokens.
function cacheBytes(config, tokens, batchSize, dtype) {
  checkSize(config, tokens, batchSize);
  const keysAndValues = 2;
  return keysAndValues * config.n_layers * batchSize * tokens * config.emb_dim * cacheItemBytes(dtype);
}

const cacheItemBytes = (dtype) => DTYPE_BYTES[dtype === "int8" ? "float32" : dtype];

// Bytes of weights and cache that are read to give each of `batchSize` texts its next token.
function bytesReadPerStep(config, tokens, batchSize, dtype) {
  checkSize(config, tokens, batchSize);
  let weights;
  if (dtype === "int8") {
    const row = (1 + 4 + 4) * config.emb_dim + 4; // the embedding of a token and its scales, that of its position
    weights = sumOfMatrices(config, int8Bytes) + 4 * vectorWeights(config) + batchSize * row;
  } else {
    const row = 2 * config.emb_dim;
    weights = (linearWeights(config) + vectorWeights(config) + batchSize * row) * DTYPE_BYTES[dtype];
  }
  return weights + cacheBytes(config, tokens, batchSize, dtype);
}

// The least time for a new token of each text when memory delivers `bandwidth` bytes per second.
function secondsPerToken(config, tokens, batchSize, dtype, bandwidth) {
  asFloat("bandwidth", bandwidth);
  if (!(0 < bandwidth && bandwidth < Infinity)) {
    const values = { value: given(bandwidth) };
    throw new Error(t("bandwidth must be above 0 bytes per second, and finite, got {value}", values));
  }
  return bytesReadPerStep(config, tokens, batchSize, dtype) / Number(bandwidth);
}

// size(outputs, inputs) of every linear layer, the head too, summed.
function sumOfMatrices(config, size) {
  const { emb_dim: C, hidden_dim: hidden } = config;
  const block = size(3 * C, C) + size(C, C) + size(hidden, C) + size(C, hidden);
  return config.n_layers * block + size(config.vocab_size, C);
}

const linearWeights = (config) => sumOfMatrices(config, (outputs, inputs) => outputs * inputs);

// The bytes that keep a matrix in int8: the outputs are divided evenly among the groups, and padded to a multiple of 8.
function int8Bytes(outputs, inputs) {
  const groups = Math.ceil(outputs / INT8_GROUP);
  return groups * inputs * (8 * Math.ceil(outputs / (8 * groups)) + 8) + 4 * outputs; // a scale for each output
}

// How many values the biases and the norms have.
function vectorWeights({ emb_dim: C, hidden_dim: hidden, n_layers: layers, qkv_bias: hasBias }) {
  const biases = (hasBias ? 3 * C : 0) + C + hidden + C;
  const norms = 2 * 2 * C;
  return layers * (biases + norms) + 2 * C;
}

const positionWeights = (config) => config.context_length * config.emb_dim;

function checkSize(config, tokens, batchSize) {
  checkInteger("tokens", tokens, 0);
  checkInteger("batch_size", batchSize, 1);
  const { context_length } = config;
  if (tokens <= context_length) return;
  const values = { context_length, value: given(tokens) };
  throw new Error(t("tokens must be at most {context_length}, the context length, got {value}", values));
}

// ---------------------------------------------------------------------------------------------------- units

// Bytes with a unit of thousands: "498 MB".
const bytesText = (size) => withUnit(size, [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "bytes"]]);

// A time in seconds or a smaller unit: "24.9 ms".
const secondsText = (seconds) => withUnit(seconds, [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]]);

// `value` rounded to three digits, or to a whole number from 100 on.
function threeDigits(value) {
  const text = fixed(value, value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}

// `value` in the first of `units` in which it is at least 1 when rounded, or else in the last.
function withUnit(value, units) {
  const [size, unit] = units.find(([size]) => value >= 0.9995 * size) ?? units.at(-1);
  if (unit === "bytes") return t("{n} bytes", { n: threeDigits(value) });
  return `${threeDigits(value / size)} ${unit}`;
}
