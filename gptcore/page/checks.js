// Checks of what a page was given, by a hand or in its address. Each says the sentence that Python says.

function checkInteger(name, value, least = -Infinity, hint = "") {
  if (!isInteger(value)) throw new Error(`${name} must be an integer${hint}, got ${given(value)}`);
  if (value < least) throw new Error(`${name} must be at least ${least}${hint}, got ${given(value)}`);
}

// Whether `value` is an integer for Python, to which a JSON number from 1e21 on is a float; a seed may be a BigInt.
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

function checkBool(name, value) {
  if (typeof value !== "boolean") throw new Error(`${name} must be True or False, got ${given(value)}`);
}

// `value`, once it is a number.
function asFloat(name, value) {
  if (!isNumber(value)) throw new Error(`${name} must be a number, got ${given(value)}`);
  return Number(value);
}

// ---------------------------------------------------------------------------------------------------- settings

const SEED_LIMIT = 2n ** 63n; // seeds are below it
const LARGEST_LOSS = 1e30; // nats per token
const MOST_LENGTH = 100; // new tokens of a text that is written before anything is shown

// Whether `value` is allowed for a setting of the sampler.
const checkSampling = (name, value) => void new Sampling({ [name]: value });

const checkLength = (name, value) => checkInteger(name, value, 0);

function checkSeed(name, value, hint = "") {
  checkInteger(name, value, 0, hint);
  if (!(value < SEED_LIMIT)) throw new Error(`seed must be from 0 to 2**63 - 1, got ${given(value)}`);
}

// The same, but null, for new luck each time, is allowed too.
function checkAnySeed(name, value) {
  if (value !== null) checkSeed(name, value, ", or None for new luck each time");
}

// Other luck: the seed after `seed`.
function nextSeed(seed) {
  if (seed === null) return null;
  const next = (BigInt(seed) + 1n) % SEED_LIMIT;
  return next <= Number.MAX_SAFE_INTEGER ? Number(next) : next;
}

// Whether `value` is a loss above 0, or null.
function checkFloor(name, value) {
  if (value !== null && !(isNumber(value) && 0 < value && value < LARGEST_LOSS)) {
    throw new Error(`${name} must be a loss above 0 in nats per token, or None, got ${given(value)}`);
  }
}
