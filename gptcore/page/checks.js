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
