// Checks of what a page was given, by a hand or in its address. Each says the sentence that Python says, in its language.

function checkInteger(name, value, least = -Infinity, hint = "") {
  const values = { name, least, hint, value: given(value) };
  if (!isInteger(value)) throw new Error(t("{name} must be an integer{hint}, got {value}", values));
  if (value < least) throw new Error(t("{name} must be at least {least}{hint}, got {value}", values));
}

// Whether `value` is an integer for Python, to which a JSON number from 1e21 on is a float; a seed may be a BigInt.
const isInteger = (value) => typeof value === "bigint" || (Number.isInteger(value) && Math.abs(value) < 1e21);

const isNumber = (value) => typeof value === "bigint" || typeof value === "number";

function checkText(name, text) {
  if (typeof text !== "string") throw new Error(t("{name} must be a str, got {kind}", { name, kind: typeName(text) }));
  if (/\p{Surrogate}/u.test(text)) {
    const values = { name, value: given(text) };
    throw new Error(t("{name} must be text that UTF-8 can hold, without surrogates, got {value}", values));
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
  if (typeof value !== "boolean") throw new Error(t("{name} must be True or False, got {value}", { name, value: given(value) }));
}

// `value`, once it is a number.
function asFloat(name, value) {
  if (!isNumber(value)) throw new Error(t("{name} must be a number, got {value}", { name, value: given(value) }));
  return Number(value);
}
