// gptcore in a second language: a GPT-2 to read, and a sampler that shows every stage of its choice.
//
// One classic script without a dependency: what `model.py`, `sampling.py`, `tokenizer.py`, `text_stream.py`, `seeds.py`,
// `generation.py` and `recording.py` do, in their order, with their names (in camelCase; keys and settings keep theirs).
// Python stays the only truth: the tests compare every number and every text with it. Float32Array stands where gptcore
// has float32; sums and the sampler are in JavaScript's own numbers, float64.
//
// T is the number of new tokens, S the number of tokens that attention can see, and C is `emb_dim`. There is one text, so
// no batch, and a tensor (T, C) is one flat array, row after row.
//
//   const model = GPTModel.load(config, buffer), tokenizer = new Tokenizer(vocab, merges);
//   generateText(model, "Once upon a time", tokenizer, 12, { seed: 1 });
//
// What `numbers.js` has: given(value), how an error shows a value, and visible(text), how a label shows a text.

// ---------------------------------------------------------------------------------------------------- checks

function checkInteger(name, value, least = -Infinity, hint = "") {
  if (!isInteger(value)) throw new Error(`${name} must be an integer${hint}, got ${given(value)}`);
  if (value < least) throw new Error(`${name} must be at least ${least}${hint}, got ${given(value)}`);
}

// Whether `value` is an integer for Python, which reads a number of JSON from 1e21 on as a float; a seed may be a BigInt.
const isInteger = (value) => typeof value === "bigint" || (Number.isInteger(value) && Math.abs(value) < 1e21);

const isNumber = (value) => typeof value === "bigint" || typeof value === "number";

function checkText(name, text) {
  if (typeof text !== "string") throw new Error(`${name} must be a str, got ${typeName(text)}`);
  if (/\p{Surrogate}/u.test(text)) {
    throw new Error(`${name} must be text that UTF-8 can hold, without surrogates, got ${given(text)}`);
  }
}

// Python's name for the type of a value that a page can send.
function typeName(value) {
  if (value === null || value === undefined) return "NoneType";
  if (Array.isArray(value)) return "list";
  if (isNumber(value)) return isInteger(value) ? "int" : "float";
  return { boolean: "bool", string: "str" }[typeof value] ?? "dict";
}

// ---------------------------------------------------------------------------------------------------- the weights

// The tensors of a safetensors file, {name: {shape, data}}: 8 bytes say how long the JSON header is, then it follows, and
// then the float32 values, which are not copied.
function readSafetensors(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    if (dtype !== "F32") throw new Error(`${name} must be float32, got ${dtype}`);
    const [start, end] = offsets.map((offset) => 8 + length + offset);
    const data = start % 4 ? new Float32Array(buffer.slice(start, end)) : new Float32Array(buffer, start, (end - start) / 4);
    tensors[name] = { shape, data };
  }
  return tensors;
}

// A config with gptcore's names, from the names in a Hugging Face `config.json`.
function asConfig(json) {
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

// ---------------------------------------------------------------------------------------------------- the model

// The keys and values of all layers for the tokens read so far, so that no token is read twice.
class KVCache {
  constructor(config) {
    const { n_layers, context_length, emb_dim } = config;
    this.maxLength = context_length;
    this.keys = Array.from({ length: n_layers }, () => new Float32Array(context_length * emb_dim)); // (S, C) per layer
    this.values = Array.from({ length: n_layers }, () => new Float32Array(context_length * emb_dim));
    this.length = 0;
  }
}

// x (T, in) → x · weightᵀ + bias (T, out), with a weight (out, in) as in `nn.Linear`.
class Linear {
  constructor(weight, bias, inFeatures) {
    this.weight = weight;
    this.bias = bias ?? new Float32Array(weight.length / inFeatures);
    this.inFeatures = inFeatures;
    this.outFeatures = weight.length / inFeatures;
  }

  forward(x) {
    const T = x.length / this.inFeatures;
    const y = new Float32Array(T * this.outFeatures); // (T, out)
    let t = 0;
    for (; t + 4 <= T; t += 4) this._fourRows(x, y, t);
    for (; t < T; t++) this._oneRow(x, y, t);
    return y;
  }

  // Four outputs at once: a value of x that was fetched is used four times.
  _oneRow(x, y, t) {
    const { weight, bias, inFeatures: n, outFeatures } = this;
    const row = t * n;
    for (let o = 0; o < outFeatures; o += 4) {
      const w = o * n;
      let a = bias[o], b = bias[o + 1], c = bias[o + 2], d = bias[o + 3];
      for (let i = 0; i < n; i++) {
        const value = x[row + i];
        a += value * weight[w + i];
        b += value * weight[w + n + i];
        c += value * weight[w + 2 * n + i];
        d += value * weight[w + 3 * n + i];
      }
      y.set([a, b, c, d], t * outFeatures + o);
    }
  }

  // Four rows by two outputs at once: a prompt is read in half the time.
  _fourRows(x, y, t) {
    const { weight, bias, inFeatures: n, outFeatures } = this;
    const row0 = t * n, row1 = row0 + n, row2 = row1 + n, row3 = row2 + n;
    for (let o = 0; o < outFeatures; o += 2) {
      const w = o * n;
      let a = bias[o], b = a, c = a, d = a, e = bias[o + 1], f = e, g = e, h = e;
      for (let i = 0; i < n; i++) {
        const u = weight[w + i], v = weight[w + n + i];
        const x0 = x[row0 + i], x1 = x[row1 + i], x2 = x[row2 + i], x3 = x[row3 + i];
        a += x0 * u;
        b += x1 * u;
        c += x2 * u;
        d += x3 * u;
        e += x0 * v;
        f += x1 * v;
        g += x2 * v;
        h += x3 * v;
      }
      const at = t * outFeatures + o;
      y[at] = a;
      y[at + 1] = e;
      y[at + outFeatures] = b;
      y[at + outFeatures + 1] = f;
      y[at + 2 * outFeatures] = c;
      y[at + 2 * outFeatures + 1] = g;
      y[at + 3 * outFeatures] = d;
      y[at + 3 * outFeatures + 1] = h;
    }
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

// Every token gathers information from itself and the tokens before it (Vaswani et al. 2017, section 3.2).
class CausalSelfAttention {
  constructor(config, qkv, outProj) {
    this.nHeads = config.n_heads;
    this.qkv = qkv;
    this.outProj = outProj;
  }

  // x (T, C) → (T, C). `seen` (n_heads, T, S), if there is one, receives the weights, and heads that are `ablated` gather
  // nothing.
  forward(x, layer, kvCache, seen = null, ablated = []) {
    const C = this.outProj.inFeatures, T = x.length / C, start = kvCache.length;
    const qkv = this.qkv.forward(x); // (T, 3C)
    const keys = kvCache.keys[layer], values = kvCache.values[layer]; // (S, C)
    for (let t = 0; t < T; t++) {
      keys.set(qkv.subarray(t * 3 * C + C, t * 3 * C + 2 * C), (start + t) * C);
      values.set(qkv.subarray(t * 3 * C + 2 * C, (t + 1) * 3 * C), (start + t) * C);
    }
    const mixed = new Float32Array(T * C);
    const weights = new Float64Array(start + T);
    for (let head = 0; head < this.nHeads; head++) {
      for (let t = 0; t < T; t++) {
        const S = start + t + 1; // a token sees itself and what is before it
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

  // What one position and head gathers: the values of S tokens, mixed by its weights.
  _gather(weights, values, head, S, mixed, t) {
    const C = this.outProj.inFeatures, headDim = C / this.nHeads, at = t * C + head * headDim;
    for (let i = 0; i < headDim; i++) {
      let sum = 0;
      for (let s = 0; s < S; s++) sum += weights[s] * values[s * C + head * headDim + i];
      mixed[at + i] = sum;
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

// GPT-2's activation, its approximation by tanh (Hendrycks & Gimpel 2016), in place. (1 + tanh(z)) / 2 is 1 / (1 + exp(-2z)),
// which takes a sixth of the time.
function gelu(x) {
  const slope = Math.sqrt(8 / Math.PI);
  for (let i = 0; i < x.length; i++) {
    const value = x[i];
    x[i] = value / (1 + Math.exp(-slope * (value + 0.044715 * value * value * value)));
  }
  return x;
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
      const attention = new CausalSelfAttention(config, linear(`h.${i}.attn.c_attn`, C), linear(`h.${i}.attn.c_proj`, C));
      const feedForward = new FeedForward(linear(`h.${i}.mlp.c_fc`, C), linear(`h.${i}.mlp.c_proj`, hidden));
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
    kvCache ??= new KVCache(this.config);
    checkTokenIds(this, tokenIds, kvCache);
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

// A weight (in, out) as (out, in).
function transposed(weight, inFeatures) {
  const outFeatures = weight.length / inFeatures;
  const turned = new Float32Array(weight.length);
  for (let i = 0; i < inFeatures; i++) {
    for (let o = 0; o < outFeatures; o++) turned[o * inFeatures + i] = weight[i * outFeatures + o];
  }
  return turned;
}

function checkTokenIds(model, tokenIds, kvCache) {
  const { vocab_size: vocabSize } = model.config;
  const wrong = tokenIds.find((tokenId) => !isInteger(tokenId) || tokenId < 0 || tokenId >= vocabSize);
  if (wrong !== undefined) {
    throw new Error(`token_ids must be from 0 to ${vocabSize - 1}, the model's vocabulary, got ${wrong}`);
  }
  if (!tokenIds.length) throw new Error("token_ids must have the shape (batch, tokens), neither empty, got (1, 0)");
  const total = kvCache.length + tokenIds.length;
  if (total > kvCache.maxLength) {
    throw new Error(`token_ids must fit into the ${kvCache.maxLength} tokens that the context holds, got ${total}`);
  }
}

// A function from a text to the logits (vocab_size) of its next token. It remembers the text that it read last, and of the
// next one reads only what comes after their common beginning. Past the context length every position changes with each
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

  // {stage: the share of the softmax over all scaled logits that it removed}. With that of the kept tokens they sum to 1.
  get removedMass() {
    const mass = new Float64Array(1 + SAMPLING_STAGES.length);
    softmax(Float64Array.from(this.scaledLogits)).forEach((prob, i) => (mass[this.removedBy[i]] += prob));
    return Object.fromEntries(SAMPLING_STAGES.map((stage, i) => [stage, mass[i + 1]]));
  }

  // The right end of each token on a bar of all probabilities, in vocabulary order.
  get cdf() {
    let sum = 0;
    return (this._cdf ??= Float64Array.from(this.probs, (prob) => (sum += prob)));
  }
}

// How the next token is chosen from its logits; the settings are checked when they are put together.
class Sampling {
  constructor({ temperature = 1, top_k = null, top_p = null, min_p = null } = {}) {
    if (!isNumber(temperature)) throw new Error(`temperature must be a number, got ${given(temperature)}`);
    if (!(temperature >= 0 && temperature < Infinity)) {
      const allowed = "0 (always the likeliest token) or above and finite";
      throw new Error(`temperature must be ${allowed}, got ${given(temperature)}`);
    }
    if (top_k !== null) checkInteger("top_k", top_k, 1, ", or None to keep every token");
    checkShare("top_p", top_p, "above 0 and at most 1");
    checkShare("min_p", min_p, "from 0 to 1");
    Object.assign(this, { temperature, top_k, top_p, min_p });
  }

  // Turn logits (vocab_size) into a Distribution; each stage sees what the ones before it kept.
  distribution(logits) {
    const largest = checkedLargest(logits);
    const removedBy = Int8Array.from(logits, (logit) => (logit === -Infinity ? MASKED : 0));

    if (this.temperature === 0) {
      const first = logits.indexOf(largest);
      remove(removedBy, (i) => i !== first, TEMPERATURE);
      return new Distribution(logits, logits, removedBy, new Float32Array(logits.length).fill(1, first, first + 1));
    }

    const scaled = Float64Array.from(logits, (logit) => (logit - largest) / this.temperature); // at most 0
    if (this.top_k !== null && this.top_k < logits.length) {
      // Temperature does not change the order, so the unrounded logits decide.
      remove(removedBy, not(topKMask(logits, this.top_k)), TOP_K);
    }
    if (this.top_p !== null && this.top_p < 1) remove(removedBy, not(topPMask(scaled, removedBy, this.top_p)), TOP_P);
    if (this.min_p) {
      const least = Math.log(this.min_p);
      remove(removedBy, (i) => scaled[i] < least, MIN_P); // the largest, 0, is kept
    }
    const probs = softmax(scaled.map((value, i) => (removedBy[i] === 0 ? value : -Infinity)));
    return new Distribution(logits, Float32Array.from(scaled), removedBy, Float32Array.from(probs));
  }
}

// Turn logits (vocab_size) into the probabilities of the next token, with every stage on record.
const nextTokenDistribution = (logits, settings = {}) => new Sampling(settings).distribution(logits);

// The token id on which a uniform number in [0, 1) falls: the probabilities lie end to end, in vocabulary order, on a bar
// of length 1, and `uniform` is a dart thrown at it. A removed token has no length and is never hit.
function draw(distribution, uniform) {
  if (!isNumber(uniform)) throw new Error(`uniform must be a number, got ${given(uniform)}`);
  if (!(uniform >= 0 && uniform < 1)) throw new Error(`uniform must be at least 0 and below 1, got ${given(uniform)}`);
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
  const rule = `${name} must be `;
  if (!isNumber(value)) throw new Error(`${rule}a number ${allowed}, or None to turn it off, got ${given(value)}`);
  if (!(value >= 0 && value <= 1) || (name === "top_p" && value === 0)) {
    throw new Error(`${rule}${allowed}, or None to turn it off, got ${given(value)}`);
  }
}

// The largest logit: it is not finite if, and only if, the row has no softmax.
function checkedLargest(logits) {
  let largest = -Infinity;
  for (const logit of logits) largest = Math.max(largest, logit); // NaN wins
  if (Number.isFinite(largest)) return largest;
  const what = { Infinity: "+inf", "-Infinity": "nothing but -inf" }[largest] ?? "NaN";
  throw new Error(`each row of logits must have a finite largest value, got a row with ${what}`);
}

// Write `stage` down for each token that is cut and was still kept.
function remove(removedBy, isCut, stage) {
  for (let i = 0; i < removedBy.length; i++) if (removedBy[i] === 0 && isCut(i)) removedBy[i] = stage;
}

const not = (mask) => (i) => !mask[i];

// 1 for exactly `count` values: all above the kth, and the first of those equal to it.
function exactly(values, kth, count) {
  let room = count;
  for (const value of values) room -= value > kth;
  return Uint8Array.from(values, (value) => value > kth || (value === kth && room-- > 0));
}

// 1 for exactly k tokens.
function topKMask(logits, k) {
  return exactly(logits, logits.slice().sort()[logits.length - k], k);
}

// 1 for each kept token that has less than p of the probability before it, the likeliest token first.
function topPMask(scaled, removedBy, p) {
  const kept = scaled.map((value, i) => (removedBy[i] === 0 ? value : -Infinity));
  const ordered = scaled.filter((_, i) => removedBy[i] === 0).sort().reverse();
  const probs = softmax(ordered);
  let count = 0;
  for (let before = 0; count < probs.length && before < p; count++) before += probs[count];
  return exactly(kept, ordered[count - 1], count);
}

// Whatever the scores, positive shares that sum to 1; float64.
function softmax(scores) {
  let largest = -Infinity, total = 0;
  for (const score of scores) largest = Math.max(largest, score);
  const shares = scores.map((score) => Math.exp(score - largest));
  for (const share of shares) total += share;
  return shares.map((share) => share / total);
}

// ---------------------------------------------------------------------------------------------------- luck

// Uniform numbers in [0, 1) from a seed, those of `torch.rand(dtype=torch.float64)`: the Mersenne Twister MT19937
// (Matsumoto & Nishimura 1998) of the seed's low 32 bits. `seed` is a number, a BigInt from 2**53 on, or null for new luck
// each time.
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

  // 53 of the 64 bits of two outputs.
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
  if (!isInteger(seed)) throw new Error(`seed must be an integer, one for each row, or None, got ${given(seed)}`);
  const whole = BigInt(seed);
  if (whole < 0n || whole >= 2n ** 63n) throw new Error(`seed must be from 0 to 2**63 - 1, got ${given(whole)}`);
  return whole;
}

// ---------------------------------------------------------------------------------------------------- the tokenizer

const END_OF_TEXT = "<|endoftext|>";

// GPT-2's words: a contraction; letters, digits or signs, each with a space before them; or white space.
const WORDS_OF_GPT2 =
  /'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

// The characters that stand for the 256 bytes in GPT-2's vocabulary: visible bytes for themselves, the others follow U+0100.
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
    this.words = new Map();
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
    return (text.match(WORDS_OF_GPT2) ?? []).flatMap((word) => {
      if (!this.words.has(word)) this.words.set(word, this._encodeWord(word));
      return this.words.get(word);
    });
  }

  // The bytes of a word are merged in the order of the merges, the first pair of the list first, all that are there.
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
  if (!tokenizer.isKnown(tokenId)) throw new Error(`token_id must be one that the tokenizer has, got ${tokenId}`);
  return Uint8Array.from(tokenizer.tokens.get(tokenId), (character) => BYTE_ALPHABET.get(character));
}

// How one token is shown to a person: "␣the", "⏎", or `<0xEC>` for a byte that is not text on its own. Different ids have
// different labels, and every character of a label is visible.
function tokenLabel(tokenizer, tokenId) {
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

const unknownLabel = (tokenId) => `<id ${tokenId}>`;

// The character whose bytes begin at `start`, or null if there is none.
function characterAt(bytes, start) {
  const first = bytes[start], length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return decoder.decode(bytes.subarray(start, start + length));
  } catch {
    return null;
  }
}

// The beginning of a character at the end of some bytes, each written as the character of its number. A beginning that
// no text has, that of half a surrogate pair, counts too, as it does in Python.
const INCOMPLETE =
  /(?:[\xc2-\xdf]|\xe0[\xa0-\xbf]?|[\xe1-\xef][\x80-\xbf]?|\xf0(?:[\x90-\xbf][\x80-\xbf]?)?|[\xf1-\xf3][\x80-\xbf]{0,2}|\xf4(?:[\x80-\x8f][\x80-\xbf]?)?)$/;

// Joins tokens that are pieces of UTF-8; holds back the bytes of an incomplete character.
class ByteReader {
  constructor(tokenizer) {
    this.tokenizer = tokenizer;
    this.held = [];
  }

  read(tokenIds) {
    const bytes = [...this.held, ...tokenIds.flatMap((tokenId) => [...tokenBytes(this.tokenizer, tokenId)])];
    const count = String.fromCharCode(...bytes.slice(-3)).match(INCOMPLETE)?.[0].length ?? 0;
    this.held = bytes.splice(bytes.length - count);
    return decodeUtf8(bytes);
  }

  finish(cut = false) {
    const text = cut ? "" : decodeUtf8(this.held);
    this.held = [];
    return text;
  }
}

const decodeUtf8 = (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));

// One piece of text for each token, and one for the end; joined, they are the text of all `tokenIds`.
//
// The tokens of `start` come before them, as a single first piece. If the bytes of a character are spread over several
// tokens, it comes whole with the last of them, and the pieces before it are "". With `cut`, a character that is
// incomplete at the end is left out; otherwise it becomes U+FFFD, as do bytes that are not UTF-8.
function* streamDecode(tokenizer, tokenIds, { start = null, cut = false } = {}) {
  const reader = new ByteReader(tokenizer);
  const piece = (tokenId) =>
    tokenizer.isKnown(tokenId) ? reader.read([tokenId]) : reader.finish() + unknownLabel(tokenId);
  if (start !== null) {
    const allKnown = start.every((tokenId) => tokenizer.isKnown(tokenId));
    yield allKnown ? reader.read(start) : start.map(piece).join("");
  }
  for (const tokenId of tokenIds) yield piece(tokenId);
  yield reader.finish(cut);
}

// ---------------------------------------------------------------------------------------------------- the loop

// One step, {position, distribution, uniform, tokenId}, for each new token after `tokenIds`: read the text, choose one
// token, write it down, begin again. The same seed gives the same tokens as in Python. The text ends after `eosTokenId`,
// one or several. What is wrong with an argument is said before any work.
function generateSteps(model, tokenIds, maxNewTokens, { seed = null, eosTokenId = [], ...settings } = {}) {
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

// The whole text, `prompt` included. It ends after `maxLength` new tokens, or at the end-of-text token, which is not shown,
// or before the first of the strings `stop` in what is new.
function generateText(model, prompt, tokenizer, maxLength = 50, { seed = null, stop = [], ...settings } = {}) {
  const sampling = new Sampling({ top_k: 10, ...settings });
  const [promptIds, steps] = textSteps(model, prompt, tokenizer, maxLength, sampling, seed);
  const pieces = streamDecode(tokenizer, newIds(steps, tokenizer.endTokenIds), { start: promptIds, cut: true });
  const first = pieces.next().value;
  return first + [...beforeStop(pieces, [stop].flat())].join("");
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
  throw new Error(`${name} must not be empty, since this tokenizer has no end-of-text token of the model's, got ''`);
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
  // attention[layer][head] (T, T): row t is how position t shares out its attention. residuals (n_layers + 1 of (T, C)):
  // the stream after the embedding, and after each block.
  constructor(model, tokenIds, attention, residuals) {
    Object.assign(this, { model, tokenIds, attention, residuals });
  }

  // (T, vocab_size), computed when they are asked for.
  get logits() {
    return (this._logits ??= lensLogits(this.model, this.residuals.at(-1)));
  }
}

// What `model` does while it reads. `ablated` names heads, [layer, head], that gather nothing.
function record(model, tokenIds, { ablated = [] } = {}) {
  const { n_heads: nHeads } = model.config, T = tokenIds.length;
  const kvCache = new KVCache(model.config);
  checkTokenIds(model, tokenIds, kvCache);
  let x = model.embedded(tokenIds);
  const attention = [], residuals = [x];
  model.blocks.forEach((block, layer) => {
    const seen = new Float32Array(nHeads * T * T);
    const heads = ablated.filter(([ablatedLayer]) => ablatedLayer === layer).map(([, head]) => head);
    x = block.forward(x, layer, kvCache, seen, heads);
    attention.push(Array.from({ length: nHeads }, (_, head) => seen.subarray(head * T * T, (head + 1) * T * T)));
    residuals.push(x);
  });
  return new Recording(model, tokenIds, attention, residuals);
}

// The logits (…, vocab_size) that the head would compute if `residuals` (…, C) were the last: the logit lens
// (nostalgebraist 2020, "interpreting GPT: the logit lens").
function lensLogits(model, residuals) {
  return model.head.forward(model.finalNorm.forward(residuals));
}
