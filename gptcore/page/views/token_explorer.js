// TokenExplorer: type, and see the tokens that a model would read, for one tokenizer or for several.

const MOST_TYPED = 20_000; // characters: more would not be read between two keys
const MOST_CHIPS = 300; // of a longer text only the last ones are drawn: there one types

// A text, and what each of several tokenizers makes of it; `tokens` is a Map by the names of the tokenizers.
class TokenizedText {
  constructor(text, tokens) {
    Object.assign(this, { text, tokens });
  }

  get caption() {
    if (!this.text) return t("No text, no tokens. Type something.");
    const found = [...this.tokens].map(([name, tokens]) => `${this.prefix(name)}${tokens.size}`).join("; ");
    const size = t("{characters} in {bytes}.", sizes(this.text));
    const whole = composed(this.text);
    const put = () => t("Its letters come in parts (NFD): put together (NFC) they are {characters} in {bytes}.", sizes(whole));
    const parts = whole === this.text ? [] : [put()];
    const end = this.text.endsWith(" ") ? [t("The text ends in a space, which is an unusual place to go on from.")] : [];
    return [size, `${sliceOf(found, 0, 1).toUpperCase()}${sliceOf(found, 1)}.`, ...parts, ...end].join(" ");
  }

  // The name of a tokenizer before what is said of it, if there are several.
  prefix(name) {
    return this.tokens.size > 1 ? `${name}: ` : "";
  }
}

const sizes = (text) => ({
  characters: counted(lengthOf(text), "character"), bytes: counted(byteLength(text), "byte"),
});

// What each of the tokenizers makes of `text`; half a character, which UTF-8 cannot hold, becomes a "?".
function tokenize(text, vocabularies) {
  const whole = wholeCharacters(text);
  return new TokenizedText(whole, new Map([...vocabularies].map(([name, words]) => [name, readTokens(words, whole)])));
}

// What the page shows of one tokenizer: of a long text the last tokens, since there one types.
function shownTokens(name, tokens) {
  const count = tokens.tokens.length;
  const pieces = tokens.pieces(Math.max(0, count - MOST_CHIPS));
  return {
    name,
    heading: tokens.heading,
    hidden: pieces.length ? pieces[0].start : count,
    pieces: pieces.map(({ start, text, tokens }) => ({
      start,
      text: text === null ? null : visible(text),
      tokens: tokens.map(({ tokenId, label, data, isText }) => [tokenId, label, hexOf(data), isText]),
    })),
  };
}

// The tokenizer that the page knows by its name, or that the widget has brought with it.
function tokenizerOf(context, which) {
  if (typeof which === "string") return context.tokenizers[which];
  return new Tokenizer(Object.fromEntries(which.tokens.split(" ").map((token, id) => [token, id])), which.merges, null);
}

class TokenExplorer extends LiveView {
  static front = "token_explorer";
  static settings = { text: textSetting(MOST_TYPED, true) };

  constructor(context, page) {
    super(context, page);
    const known = page.given.tokenizers.map(([name, which]) => [name, new Vocabulary(tokenizerOf(context, which))]);
    this.vocabularies = new Map(known);
    this.open({ text: { value: "" } });
    this.update();
    this.change(this.saved());
  }

  update() {
    this.record = tokenize(this.text, this.vocabularies);
    this.problem = null;
    this.show();
  }

  shown() {
    return { boxes: [...this.record.tokens].map(([name, tokens]) => shownTokens(name, tokens)) };
  }

  band() {
    const [first] = this.record.tokens.values();
    return { characters: lengthOf(this.text), tokens: first.tokens.length };
  }
}

views.TokenExplorer = TokenExplorer;
