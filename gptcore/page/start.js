// A page comes to life: every <div class="gptcore-widget" id="next-token-1"> holds a picture and the state that the widget
// was saved with, and gets the widget itself when it comes near the screen. The picture stays until the widget is drawn,
// and for good, with a sentence below it, if anything goes wrong.
//
// #gptcore-page holds {models: {name: {config, weights}}, tokenizers: {name: {vocab, merges, eos_token}}}; files are
// addresses, or "#id" of an element that holds the file in base64.

const NEAR = "800px"; // from the screen: a widget is there before its reader is
const LONG = 1500; // milliseconds: who waits longer is told why
const MOST_WORK = 3000; // milliseconds: a link may ask for more than a phone can do
const CALM = 400; // milliseconds: browsers stop pages that write their address too often

// ---------------------------------------------------------------------------------------------------- files

async function readFile(address) {
  if (address.startsWith("#")) return bytesOf(document.getElementById(address.slice(1)));
  const response = await fetch(address);
  if (!response.ok) throw new Error(t("the server answered {status} for {address}", { status: response.status, address }));
  return response.arrayBuffer();
}

// What an element holds in base64. The text is several megabytes: it goes once it has been read.
function bytesOf(element) {
  const text = atob(element.textContent.trim());
  element.remove();
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

const readText = async (address) => new TextDecoder().decode(await readFile(address));

async function loadTokenizers(known) {
  const load = async ({ vocab, merges, eos_token: eosToken }) =>
    new Tokenizer(JSON.parse(await readText(vocab)), await readText(merges), eosToken);
  return loadAll(known, load);
}

const loadModels = (known) =>
  loadAll(known, async ({ config, weights }) => GPTModel.load(config, await readFile(weights)));

async function loadAll(known, load) {
  const entries = Object.entries(known ?? {}).map(async ([name, files]) => [name, await load(files)]);
  return Object.fromEntries(await Promise.all(entries));
}

// ---------------------------------------------------------------------------------------------------- a widget

// A widget on the page: its place, the state that it was saved with, and once it is near, its view.
class Place {
  constructor(el, files) {
    Object.assign(this, { el, files, at: el.id, view: null, leave: null, wasTouched: false });
    this.saved = JSON.parse(el.querySelector("script[type='application/json']").textContent, exact);
  }

  // Make the widget, at the settings of `asked` where there are some. Only the first call makes it.
  wake(asked = null) {
    this.asked = asked ?? this.asked;
    this.awake ??= this.live().catch((error) => this.fail(error));
    return this.awake;
  }

  async live() {
    const patience = setTimeout(() => this.say(t("The model is being loaded. This picture comes alive when it is here.")), LONG);
    const context = await this.context().finally(() => clearTimeout(patience));
    await turn(); // one widget at a time: the page goes on answering in between
    this.make(context);
    if (!("band" in this.view.view.get("shown"))) await this.view.settled?.(); // there is nothing to see yet
    await painted();
    this.swap();
  }

  // A widget without a model need not wait for one.
  async context() {
    const needsModel = ["model", "models"].some((name) => name in this.saved || name in (this.saved.given ?? {}));
    return { tokenizers: await this.files.tokenizers, models: needsModel ? await this.files.models : {} };
  }

  make(context) {
    this.known = context;
    const asked = this.asked;
    const isWhole = asked && Object.keys(this.saved.settings ?? {}).every((name) => name in asked.settings || name === "playing");
    const isNew = isWhole || asked?.did.length > 0; // what was done with the saved widget is no part of that state
    this.view = new views[this.saved.widget](context, isNew ? { ...this.saved, did: [] } : this.saved);
    if (asked) this.apply(asked);
    this.el.gptcoreView = this.view; // for whoever looks from the console
    this.stage = h("div", { class: "gptcore-stage" });
    put(this.stage, { style: { position: "absolute", visibility: "hidden", left: "0", right: "0" } });
    put(this.el, { style: { position: "relative" } });
    this.el.append(this.stage);
    this.leave = fronts[this.view.constructor.front].render({ model: this.view.view, el: this.stage });
    this.share = shareButton(() => this.link());
    const root = this.stage.querySelector(".gc");
    root.append(this.share.el);
    const number = Number(this.at.match(/\d+$/)); // of several of its kind: each landmark has a name of its own
    if (number > 1) put(root, { "aria-label": `${root.getAttribute("aria-label")} ${number}` });
    this.view.view.on("change:done", () => this.touched());
  }

  // The settings of an address, and what was done after them: what is wrong there becomes the widget's own sentence.
  apply({ settings, did }) {
    const { view } = this;
    const values = Object.entries(settings).map(([name, text]) => [name, settingValue(view, name, text)]);
    if (values.length) view.change(Object.fromEntries(values));
    const end = performance.now() + MOST_WORK;
    for (const [name, given] of did) if (performance.now() < end) view.heard("do", name, given);
  }

  // The widget takes the place of its picture. What one reads stays where it is, whatever the heights are.
  swap() {
    const before = this.el.getBoundingClientRect();
    this.note?.remove();
    this.el.classList.add("is-live"); // its picture stays for paper
    for (const name of ["position", "visibility", "left", "right"]) this.stage.style.removeProperty(name);
    const grown = this.el.getBoundingClientRect().height - before.height;
    if (aim) aim.scrollIntoView({ behavior: "instant" });
    else if (before.bottom < 0 && !CSS.supports("overflow-anchor", "auto")) scrollBy({ top: grown, behavior: "instant" });
  }

  // A later address. Settings alone glide to their new values; what was done before or after them begins anew.
  follow(asked) {
    if (!this.view) return this.wake(asked);
    const saved = Object.entries(this.saved.settings ?? {});
    const whole = Object.fromEntries(saved.map(([name, value]) => [name, value === null ? "" : String(value)]));
    if (!asked.did.length && !this.did().length) return this.apply({ did: [], settings: { ...whole, ...asked.settings } });
    this.view.stop?.(); // one that writes by itself
    this.leave?.();
    this.stage.remove();
    this.asked = asked;
    this.make(this.known);
    this.swap();
  }

  // A hand has changed the state: some time later, when the hand rests, the address says so.
  touched() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.share.follow();
      tellAddress(this.fragment());
    }, CALM);
  }

  did() {
    return this.view.did();
  }

  fragment() {
    const isOnly = document.querySelectorAll(".gptcore-widget").length === 1;
    return addressOf(isOnly ? null : this.at, this.view.view.get("settings"), this.did());
  }

  link() {
    return `${location.href.split("#")[0]}#${this.fragment()}`;
  }

  fail(error) {
    console.warn(error);
    this.stage?.remove();
    const words = t("This is a picture of the widget: it could not be brought to life, because {problem}.", { problem: sentence(error) });
    this.say(words);
  }

  // Say something below the picture.
  say(words) {
    this.note ??= this.el.appendChild(h("p", { class: "gptcore-note", role: "status" }));
    put(this.note, { text: words });
  }
}

// A seed may have more digits than a number of JavaScript: it stays a text.
const exact = (name, value, { source = "" } = {}) =>
  typeof value === "number" && /^\d{16,}$/.test(source) && !Number.isSafeInteger(value) ? source : value;

const turn = () => new Promise((done) => setTimeout(done));
const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

// ---------------------------------------------------------------------------------------------------- the address

// The address of this page that this page has written: it is known, and nothing follows from it.
let written = location.hash;

function tellAddress(fragment) {
  try {
    history.replaceState(history.state, "", `#${fragment}`);
  } catch {} // a page in a frame, or one that was written too often
  written = location.hash;
}

// What an address has brought to the top of the screen stays there, whatever grows above it, until a hand moves the page.
let aim = null;
for (const name of ["wheel", "touchstart", "pointerdown", "keydown"]) {
  addEventListener(name, () => (aim = null), { passive: true, capture: true });
}

// Bring the widget that an address names to its state, and to the screen.
function followAddress(places) {
  const asked = document.getElementById(decoded(location.hash.slice(1))) ? null : readAddress(location.hash);
  if (!asked) return;
  const names = Object.keys(asked.settings);
  const fits = ({ saved }) => names.every((name) => name in (saved.settings ?? {}));
  const found = asked.at === null ? places.find(fits) ?? places[0] : places.find(({ at }) => at === asked.at);
  if (!found) return note(places, t("No widget on this page is called “{at}”.", { at: shorter(asked.at, 40) }));
  found.follow(asked);
  if (places.length > 1 || asked.at !== null) {
    aim = found.el;
    aim.scrollIntoView({ behavior: "instant" });
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function note(places, text) {
  document.querySelector(".gptcore-note.is-of-page")?.remove();
  places[0].el.before(h("p", { class: "gptcore-note is-of-page", role: "status" }, text));
}

// ---------------------------------------------------------------------------------------------------- the page

function startPage() {
  const { models, tokenizers } = JSON.parse(document.getElementById("gptcore-page")?.textContent ?? "{}");
  const files = { models: loadModels(models), tokenizers: loadTokenizers(tokenizers) };
  for (const promise of Object.values(files)) promise.catch(() => {}); // each widget that needs them says what is wrong
  const places = [...document.querySelectorAll(".gptcore-widget")].map((el) => new Place(el, files));
  if (!places.length) return;
  const near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      places.find(({ el }) => el === target).wake();
    }
  }, { rootMargin: NEAR });
  followAddress(places);
  for (const { el } of places) near.observe(el);
  addEventListener("hashchange", () => location.hash === written || followAddress(places));
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startPage);
else startPage();
