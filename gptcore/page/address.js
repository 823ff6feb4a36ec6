// The state of a widget as the part of an address after "#", equal to what `gptcore/page/address.py` writes:
// at=next-token-1&prompt=Once+upon+a+time&seed=5&temperature=0.7&top_k=&did=add_token*3.choose-17
//
// An empty value is None or an empty text. `did` holds what was done after the settings were set. No DOM.

const MOST_DONE = 500; // a link may ask for more than a phone could do

// `settings` and `did` of the widget `at`, or without `at` of the only one on the page.
function addressOf(at, settings, did = []) {
  const known = Object.entries(settings).filter(([name]) => name !== "playing");
  const pairs = known.map(([name, value]) => [name, value === null ? "" : String(value)]);
  const done = did.length ? [["did", didText(did)]] : [];
  return new URLSearchParams([...(at === null ? [] : [["at", at]]), ...pairs, ...done]).toString();
}

// {at, settings, did} of what stands after "#", with settings as texts; null if that names no setting.
function readAddress(hash) {
  const { at = null, did = "", ...settings } = Object.fromEntries(new URLSearchParams(hash.replace(/^#/, "")));
  if (!hash.includes("=") && at === null) return null;
  return { at, settings, did: readDid(did) };
}

// [name, arguments] of each call; the same one several times in a row is written once.
function didText(did) {
  const calls = [];
  for (const call of did.map(([name, values]) => [name, ...values.map(argumentText)].join("-"))) {
    if (calls.at(-1)?.call === call) calls.at(-1).count++;
    else calls.push({ call, count: 1 });
  }
  return calls.map(({ call, count }) => (count > 1 ? `${call}*${count}` : call)).join(".");
}

// An integer, or a list of them, where a comma follows each.
const argumentText = (value) => (Array.isArray(value) ? value.map((item) => `${item},`).join("") || "," : String(value));

function readDid(text) {
  const found = [];
  for (const [, name, values, count] of text.matchAll(/([a-z_]+)((?:-[\d,]+)*)(?:\*(\d+))?/g)) {
    const call = [name, values.split("-").slice(1).map(readArgument)];
    for (let i = 0; i < Number(count ?? 1) && found.length < MOST_DONE; i++) found.push(call);
  }
  return found;
}

const readArgument = (text) => (text.includes(",") ? text.split(",").filter(Boolean).map(Number) : Number(text));

// The value of a setting of `view` from its text in an address. Whatever it is, the setting's own check follows.
function settingValue(view, name, text) {
  const control = Object.hasOwn(view.controls, name) ? view.controls[name] : null;
  if (!control || view.constructor.settings[name]?.check === checkText) return text;
  if ((control.options ?? []).some(([, value]) => control.toPage(value) === text)) return text;
  if (text === "") return null;
  if (text === "true" || text === "false") return text === "true";
  if (/^-?\d+$/.test(text)) return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text);
  return /^-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : text;
}
