// A model that has read nothing: the numbers that PyTorch gives to `GPTModel(config)` after `torch.manual_seed(seed)`.
//
// Up to rounding, which also differs between processors: the logarithm, the sine and the cosine of float32.

// The weights, with the names that `GPTModel` knows.
function untrained(config, seed) {
  const { vocab_size: V, context_length: T, emb_dim: C, hidden_dim: hidden, n_layers: layers } = config;
  const luck = new Uniforms(seed);
  // PyTorch's layers draw numbers of their own when they are made, which `_init_weights` then replaces.
  const madeFirst = [V * C, T * C, layers * (3 * C * C + 3 * C + C * C + C + C * hidden + hidden + hidden * C + C), V * C];
  for (let count = madeFirst.reduce((sum, size) => sum + size); count > 0; count--) luck._bits();

  const weights = {};
  const norm = (name) => {
    weights[`${name}.weight`] = { data: new Float32Array(C).fill(1) };
    weights[`${name}.bias`] = { data: new Float32Array(C) };
  };
  const linear = (name, inFeatures, outFeatures, std) => {
    const drawn = normal(luck, outFeatures * inFeatures, std); // (out, in)
    weights[`${name}.weight`] = { data: transposed(drawn, outFeatures) }; // (in, out), as a file has it
    weights[`${name}.bias`] = { data: new Float32Array(outFeatures) };
  };
  const added = 0.02 / Math.sqrt(2 * layers); // the more layers add to the stream, the less each adds
  weights["wte.weight"] = { data: normal(luck, V * C, 0.02) };
  weights["wpe.weight"] = { data: normal(luck, T * C, 0.02) };
  for (let i = 0; i < layers; i++) {
    norm(`h.${i}.ln_1`);
    linear(`h.${i}.attn.c_attn`, C, 3 * C, 0.02);
    linear(`h.${i}.attn.c_proj`, C, C, added);
    norm(`h.${i}.ln_2`);
    linear(`h.${i}.mlp.c_fc`, C, hidden, 0.02);
    linear(`h.${i}.mlp.c_proj`, hidden, C, added);
  }
  norm("ln_f");
  return new GPTModel(config, weights);
}

// `count` numbers, a multiple of 16, from N(0, std): in every 16 the first 8 uniform numbers become lengths and the last 8
// angles (Box & Muller 1958).
function normal(luck, count, std) {
  const f = Math.fround, turn = f(2 * Math.PI), scale = f(std);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = (luck._bits() & 0xffffff) / 2 ** 24;
  for (let i = 0; i < count; i += i % 16 === 7 ? 9 : 1) {
    const length = f(Math.sqrt(f(-2 * f(Math.log(f(1 - values[i]))))));
    const angle = f(turn * values[i + 8]);
    values[i] = f(f(length * f(Math.cos(angle))) * scale);
    values[i + 8] = f(f(length * f(Math.sin(angle))) * scale);
  }
  return values;
}
