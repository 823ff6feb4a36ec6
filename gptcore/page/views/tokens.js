// What tokenizers make of a text: its tokens, and the neighbours that only become text together.
//
// The tokenizers of a page give every text back, so that nothing is said here of one that changes or cannot read it.

// The tokens of a tokenizer by their ids, each made when it is first asked for.
class Vocabulary {
  constructor(tokenizer) {
    this.tokenizer = tokenizer;
    this.tokens = new Map();
  }

  // What there is to know about a token, whatever the text. `isText`: whether its bytes are text on their own;
  // `continues`: whether they begin in the middle of a character.
  token(tokenId) {
    if (!this.tokens.has(tokenId)) {
      const [label, data] = [tokenLabel(this.tokenizer, tokenId), tokenBytes(this.tokenizer, tokenId)];
      const continues = data[0] >= 0x80 && data[0] < 0xc0;
      this.tokens.set(tokenId, { tokenId, label, data, isText: asText(data) !== null, continues });
    }
    return this.tokens.get(tokenId);
  }
}

// Bytes as text, or null if they are none.
function asText(data) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return null;
  }
}

const hexOf = (data) => Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join(" ");

// What one tokenizer makes of a text.
class Tokens {
  constructor(tokens) {
    this.tokens = tokens;
  }

  get tokenIds() {
    return this.tokens.map(({ tokenId }) => tokenId);
  }

  get labels() {
    return this.tokens.map(({ label }) => label);
  }

  get size() {
    return counted(this.tokens.length, "token");
  }

  // The number of tokens, and how many of them are no text on their own.
  get heading() {
    const parts = this.tokens.filter(({ isText }) => !isText).length;
    const values = { tokens: this.size, n: grouped(parts) };
    if (!parts) return this.size;
    if (parts < this.tokens.length) return t("{tokens}, {n} of them only part of a character", values);
    if (parts > 1) return t("{tokens}, each only part of a character", values);
    return t("{tokens}, and it is only part of a character", values);
  }

  // The tokens that are text on their own, and the neighbours that only become text together: {start, tokens, text},
  // where text is null for a single token. Those that begin before the token at `first` are left out.
  pieces(first = 0) {
    const { tokens } = this;
    let start = first;
    while (0 < start && start < tokens.length && tokens[start].continues) start -= 1; // to the beginning of a character
    const found = [];
    for (let end; start < tokens.length; start = end) {
      end = start + 1;
      while (end < tokens.length && tokens[end].continues) end += 1;
      found.push(...joined(start, tokens.slice(start, end)));
    }
    return found.filter((piece) => piece.start >= first);
  }
}

// One piece if `tokens` are text together, else one for each of them.
function joined(start, tokens) {
  const text = tokens.length > 1 ? asText(Uint8Array.from(tokens.flatMap(({ data }) => [...data]))) : null;
  if (text === null) return tokens.map((token, i) => ({ start: start + i, tokens: [token], text: null }));
  return [{ start, tokens, text }];
}

function readTokens(vocabulary, text) {
  const tokenIds = text ? vocabulary.tokenizer.encode(text) : [];
  return new Tokens(tokenIds.map((tokenId) => vocabulary.token(tokenId)));
}
