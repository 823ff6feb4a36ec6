// How Python writes numbers and texts: a sentence on a page is, letter by letter, the one in a notebook.

// "1 token", "1,000 tokens"
function counted(count, what) {
  const [one, several] = COUNTED[what];
  return t(count === 1 ? one : several, { n: grouped(count) });
}

const COUNTED = {
  byte: [N_("{n} byte"), N_("{n} bytes")],
  character: [N_("{n} character"), N_("{n} characters")],
  other: [N_("{n} other"), N_("{n} others")],
  token: [N_("{n} token"), N_("{n} tokens")],
};

// The label of the bar for the `count` tokens that have no bar of their own.
const othersLabel = (count) => (count ? counted(count, "other") : t("no others"));

// Python counts characters, JavaScript the halves of those beyond U+FFFF: "🦊".length is 2.
const lengthOf = (text) => (/[\ud800-\udfff]/.test(text) ? [...text].length : text.length);

// text[start:end] as Python cuts it.
const sliceOf = (text, start, end) =>
  /[\ud800-\udfff]/.test(text) ? [...text].slice(start, end).join("") : text.slice(start, end);

// `text`, or if it has more than `length` characters, its beginning.
const shortened = (text, length) => (lengthOf(text) <= length ? text : `${sliceOf(text, 0, length - 1)}…`);

// `text` with the letters put together that come in parts, such as jamo; any other text stays as it is.
function composed(text) {
  const whole = text.normalize("NFC");
  return lengthOf(whole) < lengthOf(text) ? whole : text;
}

// Half a character, as a keyboard may send, becomes a "?".
const wholeCharacters = (text) => text.replace(/\p{Surrogate}/gu, "?");

const byteLength = (text) => new TextEncoder().encode(text).length;

// ---------------------------------------------------------------------------------------------------- numbers

// `${value:,.2f}` of Python: so many decimals, and commas.
function fixed(value, digits) {
  if (!Number.isFinite(value)) return generalFormat(value);
  const [whole, rest] = (Math.abs(value) < 1e21 ? decimals(value, digits) : String(BigInt(value))).split(".");
  return groupedInteger(whole) + (rest ? `.${rest}` : "");
}

// `${value:g}` of Python: six digits, without zeros at the end.
function generalFormat(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value < 0 ? "-inf" : "inf";
  const [digits, power] = value.toExponential(5).split("e");
  const isPlain = -4 <= power && power < 6;
  const text = isPlain ? decimals(value, 5 - power) : digits;
  return (text.includes(".") ? text.replace(/\.?0+$/, "") : text) + (isPlain ? "" : `e${twoDigits(power)}`);
}

// A float as Python writes it: 1.0, 1e-05, 1e+16.
function floatRepr(value) {
  if (!Number.isFinite(value)) return generalFormat(value);
  const [digits, power] = value.toExponential().split("e");
  if (power < -4 || power >= 16) return `${digits}e${twoDigits(power)}`;
  const text = power < 0 ? value.toFixed(-power + Math.max(0, digits.replace(/[-.]/g, "").length - 1)) : String(value);
  return text.includes(".") ? text : `${text}.0`;
}

const twoDigits = (power) => `${power[0]}${power.slice(1).padStart(2, "0")}`;

// A setting that is a number: "2,000" or "0.5".
const numberText = (value) => (isInteger(value) ? groupedInteger(value) : generalFormat(value));

// A whole number of any size with its commas: a seed may be a BigInt.
const groupedInteger = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");

// ---------------------------------------------------------------------------------------------------- values

// A value as Python's `repr` writes what the page has sent as JSON.
function pythonRepr(value) {
  if (value == null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return isInteger(value) ? String(value) : floatRepr(value);
  if (typeof value === "string") return textRepr(value);
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([key, thing]) => `${textRepr(key)}: ${pythonRepr(thing)}`).join(", ")}}`;
  }
  return String(value);
}

function textRepr(text) {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const letters = [...text].map((letter) => {
    if (letter === mark || letter === "\\") return `\\${letter}`;
    return SHORT[letter] ?? (isPrintable(letter) ? letter : escaped(letter.codePointAt(0)));
  });
  return mark + letters.join("") + mark;
}

const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

// Whether Python shows a character as it is.
const isPrintable = (letter) => letter === " " || !/[\p{C}\p{Z}]/u.test(letter);

function escaped(code) {
  const [sign, width] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
  return `\\${sign}${code.toString(16).padStart(width, "0")}`;
}

const LONGEST_GIVEN = 80; // characters of a value in a message

// `value` as a message shows it: its `repr` on one line, and cut if it is long.
const given = (value) => sliceOf(shortRepr(value).replace(/ +/g, " "), 0, 2 * LONGEST_GIVEN);

// As Python's reprlib does it: six items of a list, four of a dictionary, and both ends of a text.
function shortRepr(value, level = 6) {
  if (typeof value === "string") return cutRepr(textRepr(sliceOf(value, 0, LONGEST_GIVEN)), value);
  if (Array.isArray(value)) return `[${shortItems(value, 6, level, (item) => shortRepr(item, level - 1))}]`;
  if (value !== null && typeof value === "object") {
    const keys = Object.keys(value).sort();
    return `{${shortItems(keys, 4, level, (key) => `${shortRepr(key, level - 1)}: ${shortRepr(value[key], level - 1)}`)}}`;
  }
  return cutRepr(pythonRepr(value));
}

function shortItems(items, most, level, said) {
  if (level <= 0 && items.length) return "...";
  return [...items.slice(0, most).map(said), ...(items.length > most ? ["..."] : [])].join(", ");
}

// A long `repr`, with its middle left out.
function cutRepr(repr, text = null) {
  if (lengthOf(repr) <= LONGEST_GIVEN) return repr;
  const [left, right] = [38, 39]; // and three points between them
  const said = text === null ? repr : textRepr(sliceOf(text, 0, left) + sliceOf(text, lengthOf(text) - right));
  return `${sliceOf(said, 0, left)}...${sliceOf(said, lengthOf(said) - right)}`;
}

// ---------------------------------------------------------------------------------------------------- texts

// Format characters that change how letters look, and hide nothing: joiners of emoji, signs above Arabic numbers.
const FORMATTING = /[\n\t\u200c\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]/u;
// Kept whole: the ends of Windows' lines, and flags such as that of Wales.
const WHOLE = /(\r\n|\u{1f3f4}[\u{e0030}-\u{e007a}]{3,6}\u{e007f})/u;
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

// `text` as running text: control and bidirectional characters become <U+202E>, all others stay as they are.
function printable(text) {
  if (!HIDDEN.test(text)) return text;
  const parts = text.split(WHOLE); // those that are kept whole have odd places
  return parts.map((part, i) => (i % 2 ? part : [...part].map(printableLetter).join(""))).join("");
}

const printableLetter = (letter) => (HIDDEN.test(letter) && !FORMATTING.test(letter) ? codeName(letter) : letter);

const codeName = (letter) => `<U+${letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}>`;

// `text` as a label shows it, with a sign for each character that is invisible or that labels use as a sign. A byte that
// is not text on its own comes as half a character, U+DC80 to U+DCFF.
function visible(text) {
  const letters = [...text];
  return letters.map((letter, i) => visibleLetter(letter, letters.slice(i + 1, i + 4).join(""))).join("");
}

const SIGNS = { " ": "␣", "\n": "⏎", "\t": "⇥" };
const INVISIBLE = /[\p{C}\p{Z}\p{M}\u115f\u1160\u2800\u3164\uffa0\ufffd␣⏎⇥]/u; // some letters leave no ink

function visibleLetter(letter, rest) {
  if (letter in SIGNS) return SIGNS[letter];
  const code = letter.codePointAt(0);
  if (0xdc80 <= code && code <= 0xdcff) return `<0x${(code - 0xdc00).toString(16).toUpperCase()}>`;
  const isName = letter === "<" && /^(0x|U\+|id )/.test(rest); // of a byte, a character or an id
  return isName || INVISIBLE.test(letter) ? codeName(letter) : letter;
}

// What is wrong, without its full stop: the first line of the error's message.
function sentence(error) {
  const said = (String(error.message).split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/)[0] ?? "").replace(/[. ]+$/, "");
  return shortened(said || error.name, 300);
}
