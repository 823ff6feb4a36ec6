// gptcore in a second language: a GPT-2 to read, and a sampler that shows every stage of its choice.
//
// One classic script that loads nothing: what `model.py`, `sampling.py`, `seeds.py`, `tokenizer.py`, `text_stream.py`,
// `generation.py`, `text_generation.py` and `recording.py` do, in this order and with their names (in camelCase, but
// settings and the keys of a config keep theirs). Python stays the only truth: tests compare texts, tokens and numbers
// with it. Float32Array stands where gptcore has float32; sums and the sampler are in JavaScript's numbers, float64.
//
// In the comments, T is the number of new tokens, S the number of tokens that attention can see, and C is `emb_dim`.
// There is one text and so no batch. A tensor (T, C) is one flat array, row after row.
//
//   const model = GPTModel.load(config, buffer), tokenizer = new Tokenizer(vocab, merges);
//   generateText(model, "Once upon a time", tokenizer, 12, { temperature: 0.7, seed: 1 });
//
// `checks.js` has what a wrong argument ends in, and `numbers.js` how Python writes a value and a label.

// ---------------------------------------------------------------------------------------------------- nn in PyTorch

// x (T, in) → x · weightᵀ + bias (T, out), with a weight (out, in) as in `nn.Linear`.
class Linear {
  constructor(weight, bias, inFeatures) {
    this.inFeatures = inFeatures;
    this.outFeatures = weight.length / inFeatures;
    this.weight = weight;
    this.bias = bias ?? new Float32Array(this.outFeatures);
  }

  forward(x) {
    const { inFeatures, outFeatures } = this, T = x.length / inFeatures;
    const y = new Float32Array(T * outFeatures); // (T, out)
    // A number that was fetched is used for several products: a processor waits for memory more than it multiplies.
    const rows = T - (T % 4), columns = outFeatures - (outFeatures % 4);
    for (let t = 0; t < rows; t += 4) for (let o = 0; o < columns; o += 2) this._fourRows(x, y, t, o);
    for (let t = rows; t < T; t++) for (let o = 0; o < columns; o += 4) this._oneRow(x, y, t, o);
    for (let t = 0; t < T; t++) for (let o = columns; o < outFeatures; o++) this._one(x, y, t, o);
    return y;
  }

  // y[t][o], the product as it is defined.
  _one(x, y, t, o) {
    const { weight, bias, inFeatures, outFeatures } = this;
    let sum = bias[o];
    for (let i = 0; i < inFeatures; i++) sum += x[t * inFeatures + i] * weight[o * inFeatures + i];
    y[t * outFeatures + o] = sum;
  }

  // y[t][o] and the three outputs after it.
  _oneRow(x, y, t, o) {
    const { weight, bias, inFeatures, outFeatures } = this;
    const row = t * inFeatures, w0 = o * inFeatures, w1 = w0 + inFeatures, w2 = w1 + inFeatures, w3 = w2 + inFeatures;
    let y0 = bias[o], y1 = bias[o + 1], y2 = bias[o + 2], y3 = bias[o + 3];
    for (let i = 0; i < inFeatures; i++) {
      const value = x[row + i];
      y0 += value * weight[w0 + i];
      y1 += value * weight[w1 + i];
      y2 += value * weight[w2 + i];
      y3 += value * weight[w3 + i];
    }
    const at = t * outFeatures + o;
    y[at] = y0;
    y[at + 1] = y1;
    y[at + 2] = y2;
    y[at + 3] = y3;
  }

  // y[t][o] and the output after it, of this and the three rows below.
  _fourRows(x, y, t, o) {
    const { weight, bias, inFeatures, outFeatures } = this;
    const x0 = t * inFeatures, x1 = x0 + inFeatures, x2 = x1 + inFeatures, x3 = x2 + inFeatures;
    const w0 = o * inFeatures, w1 = w0 + inFeatures;
    let a0 = bias[o], b0 = a0, c0 = a0, d0 = a0, a1 = bias[o + 1], b1 = a1, c1 = a1, d1 = a1;
    for (let i = 0; i < inFeatures; i++) {
      const u = weight[w0 + i], v = weight[w1 + i];
      const a = x[x0 + i], b = x[x1 + i], c = x[x2 + i], d = x[x3 + i];
      a0 += a * u;
      a1 += a * v;
      b0 += b * u;
      b1 += b * v;
      c0 += c * u;
      c1 += c * v;
      d0 += d * u;
      d1 += d * v;
    }
    const y0 = t * outFeatures + o, y1 = y0 + outFeatures, y2 = y1 + outFeatures, y3 = y2 + outFeatures;
    (y[y0] = a0), (y[y0 + 1] = a1);
    (y[y1] = b0), (y[y1 + 1] = b1);
    (y[y2] = c0), (y[y2 + 1] = c1);
    (y[y3] = d0), (y[y3 + 1] = d1);
  }
}

class LayerNorm {
  constructor(weight, bias, epsilon) {
    Object.assign(this, { weight, bias, epsilon });
  }

  // Each row of x (T, C) gets the mean 0 and the variance 1, and is then scaled and shifted by what was learned.
  forward(x) {
    const { weight, bias, epsilon } = this;
    const C = weight.length;
    const y = new Float32Array(x.length); // (T, C)
    for (let row = 0; row < x.length; row += C) {
      let mean = 0, variance = 0;
      for (let i = 0; i < C; i++) mean += x[row + i];
      mean /= C;
      for (let i = 0; i < C; i++) variance += (x[row + i] - mean) ** 2;
      const scale = 1 / Math.sqrt(variance / C + epsilon);
      for (let i = 0; i < C; i++) y[row + i] = (x[row + i] - mean) * scale * weight[i] + bias[i];
    }
    return y;
  }
}

// GPT-2's activation, in place (Hendrycks & Gimpel 2016): 0.5 · x · (1 + tanh(u)) is x · sigmoid(2u), which is quicker.
function gelu(x) {
  const slope = 2 * Math.sqrt(2 / Math.PI);
  for (let i = 0; i < x.length; i++) {
    const value = x[i];
    x[i] = value / (1 + Math.exp(-slope * (value + 0.044715 * value * value * value)));
  }
  return x;
}

// ---------------------------------------------------------------------------------------------------- the model

// The keys and values of all layers for the tokens read so far, so that no token is read twice.
class KVCache {
  constructor(config) {
    const { n_layers: nLayers, context_length: contextLength, emb_dim: C } = config;
    const empty = () => Array.from({ length: nLayers }, () => new Float32Array(contextLength * C)); // (S, C) per layer
    this.keys = empty();
    this.values = empty();
    this.embDim = C;
    this.length = 0; // tokens that it holds; it grows once the model has extended every layer
  }

  // Store new keys and values of a layer, which follow the queries in qkv (T, 3C); return all of them, (S, C) each.
  extend(layer, qkv) {
    const C = this.embDim, keys = this.keys[layer], values = this.values[layer];
    for (let row = 0, at = this.length * C; row < qkv.length; row += 3 * C, at += C) {
      keys.set(qkv.subarray(row + C, row + 2 * C), at);
      values.set(qkv.subarray(row + 2 * C, row + 3 * C), at);
    }
    return [keys, values];
  }
}

// Every token gathers information from itself and the tokens before it (Vaswani et al. 2017, section 3.2).
class CausalSelfAttention {
  constructor(config, qkv, outProj) {
    this.nHeads = config.n_heads;
    this.qkv = qkv;
    this.outProj = outProj;
  }

  // x (T, C) → (T, C). `seen` (n_heads, T, S), if it is given, receives the weights; `ablated` heads gather nothing.
  forward(x, layer, kvCache, seen = null, ablated = []) {
    const C = this.outProj.inFeatures, T = x.length / C, start = kvCache.length;
    const qkv = this.qkv.forward(x); // (T, 3C): the query, the key and the value of each token
    const [keys, values] = kvCache.extend(layer, qkv); // (S, C)
    const mixed = new Float32Array(T * C), weights = new Float64Array(start + T);
    for (let head = 0; head < this.nHeads; head++) {
      for (let t = 0; t < T; t++) {
        const S = start + t + 1; // a token sees itself and the tokens before it
        this._share(qkv, t, keys, head, S, weights);
        if (seen) seen.set(weights.subarray(0, S), (head * T + t) * (start + T));
        if (!ablated.includes(head)) this._gather(weights, values, head, S, mixed, t);
      }
    }
    return this.outProj.forward(mixed);
  }

  // softmax(q · kᵀ / √head_dim) of one position and head: how it shares out its attention among S tokens.
  _share(qkv, t, keys, head, S, weights) {
    const C = this.outProj.inFeatures, headDim = C / this.nHeads, scale = 1 / Math.sqrt(headDim);
    const query = t * 3 * C + head * headDim;
    let largest = -Infinity;
    for (let s = 0; s < S; s++) {
      const key = s * C + head * headDim;
      let score = 0;
      for (let i = 0; i < headDim; i++) score += qkv[query + i] * keys[key + i];
      weights[s] = score * scale;
      if (weights[s] > largest) largest = weights[s];
    }
    let total = 0;
    for (let s = 0; s < S; s++) total += weights[s] = Math.exp(weights[s] - largest);
    for (let s = 0; s < S; s++) weights[s] /= total;
  }

  // What one position and head gathers: the values of S tokens, mixed by its weights. Four sums at a time are quickest.
  _gather(weights, values, head, S, mixed, t) {
    const C = this.outProj.inFeatures, headDim = C / this.nHeads, at = t * C + head * headDim;
    for (let i = 0; i < headDim; i += 4) {
      let a = 0, b = 0, c = 0, d = 0;
      for (let s = 0, value = head * headDim + i; s < S; s++, value += C) {
        const weight = weights[s];
        a += weight * values[value];
        b += weight * values[value + 1];
        c += weight * values[value + 2];
        d += weight * values[value + 3];
      }
      const sums = [a, b, c, d];
      for (let j = 0; j < 4 && i + j < headDim; j++) mixed[at + i + j] = sums[j];
    }
  }
}

// Each token by itself: project up, bend, project down (Vaswani et al. 2017, section 3.3).
class FeedForward {
  constructor(upProj, downProj) {
    this.upProj = upProj;
    this.downProj = downProj;
  }

  forward(x) {
    return this.downProj.forward(gelu(this.upProj.forward(x)));
  }
}

// Attention, then feed-forward: each reads a normalised copy of the stream and adds its result to the stream.
class TransformerBlock {
  constructor(attentionNorm, attention, feedForwardNorm, feedForward) {
    Object.assign(this, { attentionNorm, attention, feedForwardNorm, feedForward });
  }

  forward(x, layer, kvCache, seen, ablated) {
    x = added(x, this.attention.forward(this.attentionNorm.forward(x), layer, kvCache, seen, ablated));
    return added(x, this.feedForward.forward(this.feedForwardNorm.forward(x)));
  }
}

const added = (x, y) => x.map((value, i) => value + y[i]);

// A GPT-2: `model.forward(tokenIds)` turns T token ids into logits (T, vocab_size).
class GPTModel {
  // `weights` are those of readSafetensors, with Hugging Face's names; the matrices of a block are stored (in, out).
  constructor(config, weights) {
    const tensor = (name) => (weights[`transformer.${name}`] ?? weights[name])?.data;
    const { emb_dim: C, hidden_dim: hidden, layer_norm_epsilon: epsilon } = config;
    const norm = (name) => new LayerNorm(tensor(`${name}.weight`), tensor(`${name}.bias`), epsilon);
    const linear = (name, inFeatures) =>
      new Linear(transposed(tensor(`${name}.weight`), inFeatures), tensor(`${name}.bias`), inFeatures);
    this.config = config;
    this.tokenEmbedding = tensor("wte.weight"); // (vocab_size, C)
    this.positionEmbedding = tensor("wpe.weight"); // (context_length, C)
    this.blocks = Array.from({ length: config.n_layers }, (_, i) => {
      const qkv = linear(`h.${i}.attn.c_attn`, C), outProj = linear(`h.${i}.attn.c_proj`, C);
      const upProj = linear(`h.${i}.mlp.c_fc`, C), downProj = linear(`h.${i}.mlp.c_proj`, hidden);
      const attention = new CausalSelfAttention(config, qkv, outProj), feedForward = new FeedForward(upProj, downProj);
      return new TransformerBlock(norm(`h.${i}.ln_1`), attention, norm(`h.${i}.ln_2`), feedForward);
    });
    this.finalNorm = norm("ln_f");
    this.head = new Linear(tensor("lm_head.weight") ?? this.tokenEmbedding, null, C);
    this._lastLogits = reader(this);
  }

  // The model of a folder's two files: `config.json`, parsed, and `model.safetensors`, an ArrayBuffer.
  static load(configJson, safetensorsBuffer) {
    return new GPTModel(asConfig(configJson), readSafetensors(safetensorsBuffer));
  }

  // Logits (T, vocab_size) for T token ids; with a cache, T counts only the new tokens.
  forward(tokenIds, kvCache = null) {
    return this.head.forward(this.hiddenStates(tokenIds, kvCache));
  }

  // What the head reads, (T, C): the stream after the last block, normalised.
  hiddenStates(tokenIds, kvCache = null) {
    checkTokenIds(this, tokenIds);
    kvCache ??= new KVCache(this.config);
    checkContext(this, tokenIds, kvCache);
    let x = this.embedded(tokenIds, kvCache.length); // (T, C)
    this.blocks.forEach((block, layer) => (x = block.forward(x, layer, kvCache)));
    kvCache.length += tokenIds.length;
    return this.finalNorm.forward(x);
  }

  // Token and position embeddings, added: (T, C).
  embedded(tokenIds, start = 0) {
    const C = this.config.emb_dim;
    const x = new Float32Array(tokenIds.length * C);
    tokenIds.forEach((tokenId, t) => {
      for (let i = 0; i < C; i++) {
        x[t * C + i] = this.tokenEmbedding[tokenId * C + i] + this.positionEmbedding[(start + t) * C + i];
      }
    });
    return x;
  }

  // The logits (vocab_size) of the token that comes next. Of a longer text the last `context_length` tokens are read,
  // and of those only what differs from the text before. Do not change the array: it may be given again.
  lastLogits(tokenIds) {
    return this._lastLogits(tokenIds);
  }
}

// Python's tensors have the shape (batch, tokens), and so have its sentences.
function checkTokenIds(model, tokenIds) {
  const largest = model.config.vocab_size - 1;
  if (!tokenIds.length) {
    throw new Error(t("token_ids must have the shape (batch, tokens), neither empty, got {shape}", { shape: "(1, 0)" }));
  }
  const low = Math.min(...tokenIds), high = Math.max(...tokenIds);
  if (low < 0 || high > largest) {
    const values = { last: largest, value: low < 0 ? low : high };
    throw new Error(t("token_ids must be from 0 to {last}, the model's vocabulary, got {value}", values));
  }
}

function checkContext(model, tokenIds, kvCache) {
  const limit = model.config.context_length, total = kvCache.length + tokenIds.length;
  if (total <= limit) return;
  throw new Error(t("token_ids must fit into the {limit} tokens that the context holds, got {total}", { limit, total }));
}

// ---------------------------------------------------------------------------------------------------- the weights

// The tensors of a safetensors file, {name: {shape, data}}. 8 bytes tell the length of the JSON that follows, which
// says where each tensor is in the rest; the values are not copied.
function readSafetensors(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const { __metadata__, ...header } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const read = ({ dtype, shape, data_offsets: [start, end] }) => {
    if (dtype !== "F32") throw new Error(`weights must be float32, got ${dtype}`);
    return { shape, data: new Float32Array(buffer, 8 + length + start, (end - start) / 4) };
  };
  return Object.fromEntries(Object.entries(header).map(([name, tensor]) => [name, read(tensor)]));
}

// A config with gptcore's names, from the names in a Hugging Face `config.json`.
function asConfig(json) {
  const { activation_function: activation } = json;
  if (activation !== "gelu_new") throw new Error(`activation_function must be gelu_new, got ${activation}`);
  return {
    vocab_size: json.vocab_size,
    context_length: json.n_positions,
    emb_dim: json.n_embd,
    n_heads: json.n_head,
    n_layers: json.n_layer,
    drop_rate: json.resid_pdrop,
    qkv_bias: json.qkv_bias,
    tie_embeddings: json.tie_word_embeddings,
    hidden_dim: json.n_inner ?? 4 * json.n_embd,
    activation: "gelu_tanh",
    layer_norm_epsilon: json.layer_norm_epsilon,
  };
}

// A weight (in, out) as (out, in).
function transposed(weight, inFeatures) {
  const outFeatures = weight.length / inFeatures;
  const turned = new Float32Array(weight.length);
  for (let i = 0; i < inFeatures; i++) {
    for (let o = 0; o < outFeatures; o++) turned[o * inFeatures + i] = weight[i * outFeatures + o];
  }
  return turned;
}

// ---------------------------------------------------------------------------------------------------- the sampler

// What can remove a token, in this order; `removedBy` holds 1 + the index here, or 0 for a kept token. (`STAGES` in
// Python; on a page that name is taken by the map of the machine.)
const SAMPLING_STAGES = ["masked", "temperature", "top_k", "top_p", "min_p"];
const [MASKED, TEMPERATURE, TOP_K, TOP_P, MIN_P] = [1, 2, 3, 4, 5];

// How likely each token is to be next, and why. All arrays have the length vocab_size.
class Distribution {
  // logits: what the model computed. scaledLogits: (logits - their maximum) / temperature; at temperature 0 the logits.
  // removedBy: 0 where the token is kept. probs: softmax of the scaled logits that were kept; 0 elsewhere.
  constructor(logits, scaledLogits, removedBy, probs) {
    Object.assign(this, { logits, scaledLogits, removedBy, probs });
  }

  // Did no stage remove token i? It can be drawn, unless its probability rounds to 0.
  kept(i) {
    return this.removedBy[i] === 0;
  }

  get keptCount() {
    return this.removedBy.reduce((count, stage) => count + (stage === 0), 0);
  }

  // In nats: the choice is as uncertain as one among exp(entropy) equally likely tokens.
  get entropy() {
    return this.probs.reduce((sum, prob) => (prob > 0 ? sum - prob * Math.log(prob) : sum), 0);
  }

  // {stage: the share of the softmax over all scaled logits that it removed}. With what is kept they sum to 1.
  get removedMass() {
    const mass = new Float64Array(1 + SAMPLING_STAGES.length);
    softmax(new Float64Array(this.scaledLogits)).forEach((prob, i) => (mass[this.removedBy[i]] += prob));
    return Object.fromEntries(SAMPLING_STAGES.map((stage, i) => [stage, mass[i + 1]]));
  }

  // The right end of each token on a bar of all probabilities, in vocabulary order.
  get cdf() {
    let sum = 0;
    return (this._cdf ??= new Float64Array(this.probs).map((prob) => (sum += prob)));
  }
}

// How the next token is chosen from its logits; the settings are checked when they are put together.
class Sampling {
  constructor({ temperature = 1, top_k = null, top_p = null, min_p = null } = {}) {
    asFloat("temperature", temperature);
    if (!(temperature >= 0 && temperature < Infinity)) {
      const values = { value: given(temperature) };
      throw new Error(t("temperature must be 0 (always the likeliest token) or above and finite, got {value}", values));
    }
    if (top_k !== null) checkInteger("top_k", top_k, 1, t(", or None to keep every token"));
    checkShare("top_p", top_p, t("above 0 and at most 1"));
    checkShare("min_p", min_p, t("from 0 to 1"));
    Object.assign(this, { temperature, top_k, top_p, min_p });
  }

  // Turn logits (vocab_size) into a Distribution; each stage sees what the ones before it kept.
  distribution(logits) {
    const largest = checkedLargest(logits);
    const removedBy = new Int8Array(logits.length);
    remove(removedBy, (i) => logits[i] === -Infinity, MASKED);

    if (this.temperature === 0) {
      const first = logits.indexOf(largest);
      remove(removedBy, (i) => i !== first, TEMPERATURE);
      return new Distribution(logits, logits, removedBy, new Float32Array(logits.length).fill(1, first, first + 1));
    }

    const scaled = new Float64Array(logits).map((logit) => (logit - largest) / this.temperature); // at most 0
    if (this.top_k !== null && this.top_k < logits.length) {
      // Temperature does not change the order, so the unrounded logits decide.
      const kept = topKMask(logits, this.top_k);
      remove(removedBy, (i) => !kept[i], TOP_K);
    }
    if (this.top_p !== null && this.top_p < 1) {
      const kept = topPMask(masked(scaled, removedBy), this.top_p);
      remove(removedBy, (i) => !kept[i], TOP_P);
    }
    if (this.min_p) {
      const least = Math.log(this.min_p);
      remove(removedBy, (i) => scaled[i] < least, MIN_P); // the largest, 0, is kept
    }
    const probs = softmax(masked(scaled, removedBy));
    return new Distribution(logits, new Float32Array(scaled), removedBy, new Float32Array(probs));
  }
}

// Turn logits (vocab_size) into the probabilities of the next token, with every stage on record.
const nextTokenDistribution = (logits, settings = {}) => new Sampling(settings).distribution(logits);

// The token id on which a uniform number in [0, 1) falls: inverse-transform sampling. The probabilities lie end to end,
// in vocabulary order, on a bar of length 1, and `uniform` is a dart thrown at it. A removed token has no length and is
// never hit.
function draw(distribution, uniform) {
  asFloat("uniform", uniform);
  if (!(uniform >= 0 && uniform < 1)) {
    throw new Error(t("uniform must be at least 0 and below 1, got {value}", { value: given(uniform) }));
  }
  const cdf = distribution.cdf;
  const dart = uniform * cdf[cdf.length - 1]; // rounding makes the bar a hair shorter or longer than 1
  let low = 0, high = cdf.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cdf[middle] > dart) high = middle;
    else low = middle + 1;
  }
  return low;
}

function checkShare(name, value, allowed) {
  if (value === null) return;
  const values = { name, allowed, value: given(value) };
  if (!isNumber(value)) {
    throw new Error(t("{name} must be a number {allowed}, or None to turn it off, got {value}", values));
  }
  const isShare = 0 <= value && value <= 1 && !(name === "top_p" && value === 0);
  if (!isShare) throw new Error(t("{name} must be {allowed}, or None to turn it off, got {value}", values));
}

// The largest logit: it is not finite if, and only if, the row has no softmax.
function checkedLargest(logits) {
  let largest = -Infinity;
  for (const logit of logits) largest = Math.max(largest, logit); // NaN wins
  if (Number.isFinite(largest)) return largest;
  const what = { Infinity: "+inf", "-Infinity": t("nothing but -inf") }[largest] ?? "NaN";
  throw new Error(t("each row of logits must have a finite largest value, got a row with {what}", { what }));
}

// Write `stage` down for each token that is cut and was still kept.
function remove(removedBy, isCut, stage) {
  for (let i = 0; i < removedBy.length; i++) if (removedBy[i] === 0 && isCut(i)) removedBy[i] = stage;
}

// `values`, with -Infinity for each token that was removed.
const masked = (values, removedBy) => values.map((value, i) => (removedBy[i] === 0 ? value : -Infinity));

// True for exactly `count` values: all above the kth, and the first of those equal to it.
function exactly(values, kth, count) {
  let room = count;
  for (const value of values) if (value > kth) room--;
  return Array.from(values, (value) => value > kth || (value === kth && room-- > 0));
}

// True for exactly k tokens.
function topKMask(logits, k) {
  return exactly(logits, logits.slice().sort()[logits.length - k], k);
}

// True for each kept token that has less than p of the probability before it, the likeliest token first.
function topPMask(scaled, p) {
  const ordered = scaled.filter((value) => value > -Infinity).sort().reverse();
  const probs = softmax(ordered);
  let count = 0;
  for (let before = 0; count < probs.length && before < p; count++) before += probs[count];
  return exactly(scaled, ordered[count - 1], count);
}

// Positive shares that sum to 1, the larger the score the larger.
function softmax(scores) {
  let largest = -Infinity, total = 0;
  for (const score of scores) largest = Math.max(largest, score);
  const shares = scores.map((score) => Math.exp(score - largest));
  for (const share of shares) total += share;
  return shares.map((share) => share / total);
}

// ---------------------------------------------------------------------------------------------------- luck

// Uniform numbers in [0, 1) from a seed, those of `torch.rand(dtype=torch.float64)`. They come from the Mersenne
// Twister MT19937 (Matsumoto & Nishimura 1998) and the seed's low 32 bits. `seed` is a number, a BigInt where a number
// would lose digits, or null for new luck each time.
class Uniforms {
  constructor(seed) {
    this.state = new Uint32Array(624);
    this.state[0] = seed === null ? Math.random() * 2 ** 32 : Number(checkedSeed(seed) & 0xffffffffn);
    for (let i = 1; i < 624; i++) {
      const last = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(last, 1812433253) + i;
    }
    this.used = 624;
  }

  // The next number: 53 of the 64 bits of two outputs.
  next() {
    const high = this._bits(), low = this._bits();
    return ((high & 0x1fffff) * 2 ** 32 + low) / 2 ** 53;
  }

  *[Symbol.iterator]() {
    while (true) yield this.next();
  }

  _bits() {
    if (this.used === 624) this._twist();
    let bits = this.state[this.used++];
    bits ^= bits >>> 11;
    bits ^= (bits << 7) & 0x9d2c5680;
    bits ^= (bits << 15) & 0xefc60000;
    return (bits ^ (bits >>> 18)) >>> 0;
  }

  _twist() {
    const { state } = this;
    for (let i = 0; i < 624; i++) {
      const joined = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
      state[i] = state[(i + 397) % 624] ^ (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
    }
    this.used = 0;
  }
}

function checkedSeed(seed) {
  const values = { value: given(seed) };
  if (!isInteger(seed)) throw new Error(t("seed must be an integer, one for each row, or None, got {value}", values));
  const whole = BigInt(seed);
  if (whole < 0n || whole >= 2n ** 63n) throw new Error(t("seed must be from 0 to 2**63 - 1, got {value}", values));
  return whole;
}

// ---------------------------------------------------------------------------------------------------- the tokenizer

const END_OF_TEXT = "<|endoftext|>";

// GPT-2's words: a contraction; letters, digits or signs, perhaps with a space before them; or white space. (A letter
// that is newer than the Unicode tables of the browser, or of gptcore's library, is a sign there.)
const WORDS_OF_GPT2 = new RegExp(
  String.raw`'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    .replaceAll(String.raw`\s`, String.raw`\p{White_Space}`) // JavaScript's own \s differs at U+0085 and U+FEFF
    .replaceAll(String.raw`\S`, String.raw`\P{White_Space}`),
  "gu",
);

// The characters that stand for the 256 bytes in GPT-2's vocabulary: visible bytes stand for themselves, the others
// follow U+0100.
const BYTE_CHARACTERS = (() => {
  let hidden = 0;
  const isShown = (byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isShown(byte) ? byte : 256 + hidden++));
})();
const BYTE_ALPHABET = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

// Byte-level byte-pair encoding (Radford et al. 2019, section 2.2): `encode` gives token ids, `decode` gives text.
class Tokenizer {
  // `vocab` is the object of a vocab.json, `merges` the text of a merges.txt.
  constructor(vocab, merges, eosToken = END_OF_TEXT) {
    this.vocab = new Map(Object.entries(vocab));
    this.tokens = new Map(Object.entries(vocab).map(([token, tokenId]) => [tokenId, token]));
    const pairs = merges.split(/\r?\n/).filter((line) => line && !line.startsWith("#version"));
    this.ranks = new Map(pairs.map((pair, rank) => [pair, rank]));
    this.eosToken = this.vocab.has(eosToken) ? eosToken : null;
    this.eosTokenId = this.vocab.get(eosToken) ?? null;
  }

  get length() {
    return this.vocab.size;
  }

  get endTokenIds() {
    return this.eosTokenId === null ? [] : [this.eosTokenId];
  }

  // The token ids of `text`. The name of the end-of-text token becomes this one token.
  encode(text) {
    checkText("text", text);
    const parts = this.eosToken === null ? [text] : text.split(this.eosToken);
    return parts.flatMap((part, i) => [...(i ? this.endTokenIds : []), ...this._encodePart(part)]);
  }

  _encodePart(text) {
    const words = text.match(WORDS_OF_GPT2) ?? [];
    const known = new Map(words.map((word) => [word, null])); // a long text has each of its words many times
    for (const word of known.keys()) known.set(word, this._encodeWord(word));
    return words.flatMap((word) => known.get(word));
  }

  // A word begins as bytes. Of its pairs, the one that comes first in the merges is joined, until none is left there.
  _encodeWord(word) {
    let parts = Array.from(new TextEncoder().encode(word), (byte) => BYTE_CHARACTERS[byte]);
    while (true) {
      const ranks = parts.slice(1).map((part, i) => this.ranks.get(`${parts[i]} ${part}`) ?? Infinity);
      const best = ranks.reduce((one, other) => Math.min(one, other), Infinity);
      if (best === Infinity) return parts.map((part) => this.vocab.get(part));
      const merged = [];
      for (let i = 0; i < parts.length; i++) merged.push(ranks[i] === best ? parts[i] + parts[++i] : parts[i]);
      parts = merged;
    }
  }

  // The text of token ids; bytes that are not valid UTF-8 become U+FFFD, an id that is not there becomes `<id 40321>`.
  decode(tokenIds) {
    return [...streamDecode(this, [], { start: tokenIds })].join("");
  }

  isKnown(tokenId) {
    return this.tokens.has(tokenId);
  }
}

// The bytes that a token stands for.
function tokenBytes(tokenizer, tokenId) {
  checkTokenId(tokenId);
  if (!tokenizer.isKnown(tokenId)) {
    throw new Error(t("token_id must be one that the tokenizer has, got {token_id}", { token_id: tokenId }));
  }
  return Uint8Array.from(tokenizer.tokens.get(tokenId), (character) => BYTE_ALPHABET.get(character));
}

// How one token is shown to a person: "␣the", "⏎", or `<0xEC>` for a byte that is not text on its own. Different ids
// have different labels, every character of a label is visible, and an id that is not there is `<id 40321>`.
function tokenLabel(tokenizer, tokenId) {
  checkTokenId(tokenId);
  if (!tokenizer.isKnown(tokenId)) return unknownLabel(tokenId);
  const bytes = tokenBytes(tokenizer, tokenId);
  let text = "";
  for (let i = 0; i < bytes.length; ) {
    const character = characterAt(bytes, i);
    // A byte that is not valid UTF-8 becomes a lone surrogate, which no text contains.
    text += character ?? String.fromCharCode(0xdc00 + bytes[i]);
    i += character === null ? 1 : new TextEncoder().encode(character).length;
  }
  return visible(text);
}

function checkTokenId(tokenId) {
  if (!isInteger(tokenId)) throw new Error(t("token_id must be an integer, got {value}", { value: given(tokenId) }));
}

const unknownLabel = (tokenId) => `<id ${tokenId}>`;

// The character whose bytes begin at `start`, or null if there is none.
function characterAt(bytes, start) {
  const first = bytes[start], length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  try {
    return utf8Decoder({ fatal: true }).decode(bytes.subarray(start, start + length));
  } catch {
    return null;
  }
}

// Joins tokens that are pieces of UTF-8; holds back the bytes of an incomplete character.
class ByteReader {
  constructor(tokenizer) {
    this.tokenizer = tokenizer;
    this.held = [];
  }

  read(tokenIds) {
    const bytes = [...this.held, ...tokenIds.flatMap((tokenId) => [...tokenBytes(this.tokenizer, tokenId)])];
    this.held = bytes.splice(bytes.length - incomplete(bytes));
    return decodeUtf8(bytes);
  }

  finish(cut = false) {
    const text = cut ? "" : decodeUtf8(this.held);
    this.held = [];
    return text;
  }
}

// How many bytes at the end are the beginning of a character that is not complete.
function incomplete(bytes) {
  for (let count = Math.min(3, bytes.length); count > 0; count--) {
    const end = Uint8Array.from(bytes.slice(-count));
    const isSurrogate = count === 2 && end[0] === 0xed && (end[1] & 0xe0) === 0xa0; // Python waits for its end, too
    if (isSurrogate || utf8Decoder().decode(end, { stream: true }) === "") return count;
  }
  return 0;
}

const decodeUtf8 = (bytes) => utf8Decoder().decode(Uint8Array.from(bytes));

// Of bytes that are not text U+FFFD is made. A byte order mark is a character like others.
const utf8Decoder = (settings = {}) => new TextDecoder("utf-8", { ignoreBOM: true, ...settings });

// One piece of text for each token, and one for the end; joined, they are the text of all `tokenIds`.
//
// The tokens of `start` come before them, as a single first piece. If the bytes of a character are spread over several
// tokens, it comes whole with the last of them, and the pieces before it are "". With `cut`, a character that is
// incomplete at the end is left out; otherwise it becomes U+FFFD, as do bytes that are not UTF-8.
function* streamDecode(tokenizer, tokenIds, { start = null, cut = false } = {}) {
  const bytes = new ByteReader(tokenizer);
  const piece = (tokenId) =>
    tokenizer.isKnown(tokenId) ? bytes.read([tokenId]) : bytes.finish() + unknownLabel(tokenId);
  if (start !== null) {
    const allKnown = start.every((tokenId) => tokenizer.isKnown(tokenId));
    yield allKnown ? bytes.read(start) : start.map(piece).join("");
  }
  for (const tokenId of tokenIds) yield piece(tokenId);
  yield bytes.finish(cut);
}

// ---------------------------------------------------------------------------------------------------- the loop

// A function from a growing text to the logits (vocab_size) of its next token. It remembers the text that it read last,
// and reads only what comes after their common beginning. Past the context length every position changes with each
// token, so it reads the whole window there.
function reader(model) {
  let kvCache = null, known = [], logits = null;
  return (tokenIds) => {
    const window = tokenIds.slice(-model.config.context_length);
    let same = 0;
    while (same < window.length && window[same] === known[same]) same++;
    if (same === window.length && same === known.length && logits) return logits;
    kvCache ??= new KVCache(model.config);
    kvCache.length = Math.min(same, window.length - 1); // the last token is read again if need be: for its logits
    known = [];
    const hidden = model.hiddenStates(window.slice(kvCache.length), kvCache);
    known = window;
    return (logits = model.head.forward(hidden.slice(-model.config.emb_dim))); // of the last position alone
  };
}

// One step, {position, distribution, uniform, tokenId}, for each new token after `tokenIds`: read the text, choose one
// token, write it down, begin again. The settings are those of `Sampling`, and the same seed gives the same tokens as
// in Python. The text ends after `eosTokenId`, one or several. A wrong argument is refused before any work.
function generateSteps(model, tokenIds, maxNewTokens, { seed = null, eosTokenId = [], ...settings } = {}) {
  checkTokenIds(model, tokenIds);
  checkInteger("max_new_tokens", maxNewTokens, 0);
  const sampling = new Sampling(settings), uniforms = new Uniforms(seed);
  return cachedSteps(model, [...tokenIds], maxNewTokens, uniforms, sampling, [eosTokenId ?? []].flat());
}

function* cachedSteps(model, tokenIds, maxNewTokens, uniforms, sampling, ends) {
  const nextLogits = reader(model);
  for (let count = 0; count < maxNewTokens; count++) {
    const distribution = sampling.distribution(nextLogits(tokenIds));
    const uniform = uniforms.next();
    const tokenId = draw(distribution, uniform);
    yield { position: tokenIds.length, distribution, uniform, tokenId };
    if (ends.includes(tokenId)) return;
    tokenIds = [...tokenIds, tokenId];
  }
}

// The whole text, `prompt` included. It ends after `maxLength` new tokens, at the end-of-text token, which is not
// shown, or before the first of `stop`, a string or several, in what is new. The settings are those of `Sampling`.
function generateText(model, prompt, tokenizer, maxLength = 50, { seed = null, stop = [], ...settings } = {}) {
  const ends = stopStrings(stop), sampling = new Sampling({ top_k: 10, ...settings });
  const [promptIds, steps] = textSteps(model, prompt, tokenizer, maxLength, sampling, seed);
  const pieces = streamDecode(tokenizer, newIds(steps, tokenizer.endTokenIds), { start: promptIds, cut: true });
  const first = pieces.next().value;
  return first + [...beforeStop(pieces, ends)].join("");
}

// The token ids of `prompt`, and the steps that continue it.
function textSteps(model, prompt, tokenizer, maxLength = 50, sampling = new Sampling({ top_k: 10 }), seed = null) {
  checkText("prompt", prompt);
  checkInteger("max_length", maxLength, 0);
  const promptIds = tokenizer.encode(prompt);
  const tokenIds = promptIds.length ? promptIds : startIds(model, tokenizer);
  const settings = { ...sampling, seed, eosTokenId: tokenizer.endTokenIds };
  return [promptIds, generateSteps(model, tokenIds, maxLength, settings)];
}

// What an empty text starts from: the first end-of-text token that the model has.
function startIds(model, tokenizer, name = "prompt") {
  const tokenId = tokenizer.endTokenIds.find((tokenId) => tokenId < model.config.vocab_size);
  if (tokenId !== undefined) return [tokenId];
  const said = N_("{name} must not be empty, since this tokenizer has no end-of-text token of the model's, got ''");
  throw new Error(t(said, { name }));
}

// What the token after a prompt and its continuation is drawn from.
function distributionAfter(model, tokenizer, promptIds, newIds, sampling) {
  const start = promptIds.length ? promptIds : startIds(model, tokenizer);
  return sampling.distribution(model.lastLogits([...start, ...newIds]));
}

// The new token ids before the end of the text.
function* newIds(steps, ends) {
  for (const { tokenId } of steps) if (!ends.includes(tokenId)) yield tokenId;
}

function stopStrings(stop) {
  const strings = typeof stop === "string" ? [stop] : stop;
  const isFull = (string) => typeof string === "string" && string !== "";
  if (Array.isArray(strings) && strings.every(isFull)) return strings;
  throw new Error(t("stop must be a string or several, none of them empty, got {value}", { value: given(stop) }));
}

// `pieces` up to the first string of `stop`; what may be the beginning of one is held back until it is known.
function* beforeStop(pieces, stop) {
  let held = "";
  for (const piece of pieces) {
    held += piece;
    const found = stop.map((string) => held.indexOf(string)).filter((at) => at >= 0);
    if (found.length) {
      yield held.slice(0, Math.min(...found));
      return;
    }
    let keep = Math.min(held.length, Math.max(0, ...stop.map((string) => string.length)));
    while (keep && !stop.some((string) => string.startsWith(held.slice(held.length - keep)))) keep--;
    yield held.slice(0, held.length - keep);
    held = held.slice(held.length - keep);
  }
  yield held;
}

// ---------------------------------------------------------------------------------------------------- recording

// One forward pass over T tokens, on record.
class Recording {
  // attention[layer][head] (T, T): row t is how position t shares out its attention; it sums to 1.
  // residuals, n_layers + 1 of (T, C): the stream after the embedding, and after each block.
  constructor(model, tokenIds, attention, residuals) {
    Object.assign(this, { model, tokenIds, attention, residuals });
  }

  // (T, vocab_size), computed when they are asked for.
  get logits() {
    return (this._logits ??= lensLogits(this.model, this.residuals.at(-1)));
  }
}

// What `model` does while it reads. `ablated` names heads, [layer, head], whose output is replaced by zeros, to see
// what the others can do without them.
function record(model, tokenIds, { ablated = [] } = {}) {
  checkRecorded(model, tokenIds, ablated);
  const { n_heads: nHeads } = model.config, T = tokenIds.length;
  const kvCache = new KVCache(model.config);
  let x = model.embedded(tokenIds); // (T, C)
  const attention = [], residuals = [x];
  model.blocks.forEach((block, layer) => {
    const seen = new Float32Array(nHeads * T * T); // (n_heads, T, T)
    const heads = ablated.filter(([ablatedLayer]) => ablatedLayer === layer).map(([, head]) => head);
    x = block.forward(x, layer, kvCache, seen, heads);
    attention.push(Array.from({ length: nHeads }, (_, head) => seen.subarray(head * T * T, (head + 1) * T * T)));
    residuals.push(x);
  });
  return new Recording(model, tokenIds, attention, residuals);
}

function checkRecorded(model, tokenIds, ablated) {
  const { n_layers: layers, n_heads: perLayer, context_length: limit } = model.config;
  checkTokenIds(model, tokenIds);
  if (tokenIds.length > limit) {
    const values = { limit, count: tokenIds.length };
    throw new Error(t("token_ids must be at most {limit}, the context length, got {count}", values));
  }
  const isPair = (head) => Array.isArray(head) && head.length === 2 && head.every(isInteger);
  if (!Array.isArray(ablated) || !ablated.every(isPair)) {
    const values = { value: given(ablated) };
    throw new Error(t("ablated must be a list of heads, each a pair of integers (layer, head), got {value}", values));
  }
  for (const [layer, head] of ablated) {
    if (!(0 <= layer && layer < layers && 0 <= head && head < perLayer)) {
      const values = { last_layer: layers - 1, last_head: perLayer - 1, layer, head };
      const said = N_("ablated must name heads from (0, 0) to ({last_layer}, {last_head}), got ({layer}, {head})");
      throw new Error(t(said, values));
    }
  }
}

// The logits (…, vocab_size) that the head would compute if `residuals` (…, C) were the last: the logit lens
// (nostalgebraist 2020, "interpreting GPT: the logit lens").
function lensLogits(model, residuals) {
  return model.head.forward(model.finalNorm.forward(residuals));
}
