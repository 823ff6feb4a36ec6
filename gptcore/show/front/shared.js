// What the front ends of all widgets share. Python puts this file before that of a widget, and a page does the same.
//
// `model` is the state: get(name), set(name, value), on("change:name", callback), save_changes(). It holds `shown`
// (what is drawn), `settings` (the value of each control), `offers` (what can be chosen), `asked` and `done`.
// Every text goes to the page as text, never as markup.

// The sentences of another language; English needs none.
const WORDS = globalThis.gptcoreWords ?? {}, LANGUAGE = globalThis.gptcoreLanguage ?? "en";

// Marks a sentence for translators where `t` says it later.
const N_ = (sentence) => sentence;

// A sentence of the interface, with what stands in {braces} filled in.
function t(sentence, values = {}) {
  const said = (WORDS[sentence] ?? sentence).replace(/\{(\w+)\}/g, (_, name) => values[name]);
  return sentence in WORDS ? withParticles(said) : said;
}

// Korean particles, as in particles.py: of 은(는), or (으)로, the form that the end of the word before it asks for.
function withParticles(text) {
  return text.replace(/은\(는\)|이\(가\)|을\(를\)|과\(와\)|아\(야\)|이에요\(예요\)|이어야\(여야\)|\(으\)로|\(이\)/g, (pair, at) => {
    const final = finalConsonant(text.slice(0, at));
    if (pair === "(으)로") return final && final !== "ㄹ" ? "으로" : "로";
    if (pair === "(이)") return final ? "이" : "";
    const [closed, open] = pair.slice(0, -1).split("(");
    return final ? closed : open;
  });
}

// The consonant in which the last word of `text` ends when it is spoken in Korean, or "".
function finalConsonant(text) {
  const spoken = text.replace(/[^0-9A-Za-z가-힣%]+$/, "");
  const last = spoken.at(-1) ?? "%";
  if (last === "%") return "";
  if (last >= "가") {
    const final = (last.charCodeAt(0) - 0xac00) % 28;
    return final === 8 ? "ㄹ" : final ? "ㅇ" : "";
  }
  if (last <= "9") {
    const digits = spoken.match(/[0-9,.]+$/)[0];
    const isRound = !digits.includes(".") && /[1-9](0|[0,]*0)$/.test(digits); // 십, 백, 천
    return isRound ? "ㅇ" : ["ㅇ", "ㄹ", "", "ㅁ", "", "", "ㄱ", "ㄹ", "ㄹ", ""][last];
  }
  const word = spoken.match(/[A-Za-z]+$/)[0].toLowerCase();
  if (word.length === 1) return { l: "ㄹ", r: "ㄹ", m: "ㅁ", n: "ㄴ" }[word] ?? "";
  if (word.endsWith("l")) return "ㄹ";
  if (word === "nat") return ""; // 나트
  return /([mn]|ng|[^aeiou][aeiou][bckpt])$/.test(word) ? "ㅇ" : "";
}

// ---------------------------------------------------------------------------------------------------- elements

// An element: h("button", { class: "big", onclick: act }, "Text", child). What is null or false is left out.
function h(tag, properties = {}, ...children) {
  const element = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  put(element, properties);
  // Where these have the focus, JupyterLab would take Enter and the arrow keys for itself.
  if (TOUCHED.has(tag) || properties.tabindex != null) element.setAttribute("data-lm-suppress-shortcuts", "true");
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

const TOUCHED = new Set(["button", "input", "select", "textarea"]);
const SVG = new Set(["svg", "g", "path", "line", "circle", "rect", "text", "polyline", "title", "defs", "marker", "clipPath"]);

// Set attributes and handlers; `text` is the text inside, `style` an object, whose names may be CSS variables.
function put(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (name === "text") {
      if (element.textContent !== value) element.textContent = value;
    } else if (name === "style") {
      for (const [key, what] of Object.entries(value)) element.style.setProperty(key, what);
    } else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value == null || value === false) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? "" : value);
  }
  return element;
}

// One element for each item inside `parent`: kept while its key stays, so that what changes can glide.
// make(item) makes an element, update(element, item) brings it up to date.
function keyed(parent, items, key, make, update) {
  const old = (parent.gptcoreKeyed ??= new Map());
  const now = new Map();
  const names = items.map(key);
  // What goes, goes first: an element that has to be moved would lose the focus.
  const stays = new Set(names);
  for (const [name, element] of old) if (!stays.has(name)) element.remove();
  let place = parent.firstElementChild;
  for (const [i, item] of items.entries()) {
    const name = names[i];
    const element = old.get(name) ?? make(item);
    now.set(name, element);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
    update(element, item);
  }
  parent.gptcoreKeyed = now;
}

let lastName = 0;
const newName = () => `gc-${++lastName}-${Math.random().toString(36).slice(2, 8)}`;

// ---------------------------------------------------------------------------------------------------- numbers

// A number with one decimal, as Python rounds it: what lies exactly in the middle goes to the even neighbour.
function decimals(value, digits) {
  const scaled = value * 10 ** digits;
  const isMiddle = Math.abs(scaled % 1) === 0.5 && Number.isInteger(value * 2 ** (digits + 1));
  if (!isMiddle) return value.toFixed(digits);
  const even = 2 * Math.round(scaled / 2);
  return (even / 10 ** digits).toFixed(digits);
}

// A probability for people: what is possible is never shown as 0, nor what is uncertain as 100.
function percent(prob) {
  if (prob > 0 && prob < 0.0005) return "<0.1%";
  if (prob >= 0.9995 && prob < 1) return ">99.9%";
  return `${decimals(prob * 100, 1)}%`;
}

const grouped = (count) => String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");

// A logit for people, with a real minus sign; null is minus infinity.
function score(value) {
  if (value == null) return "−∞";
  const text = Math.abs(value) < 100 ? decimals(value, 2) : grouped(value);
  return text === "-0.00" ? "0.00" : text.replace("-", "−");
}

// The random number of a dart, never rounded up to 1.
const uniformText = (uniform) => (Math.floor(uniform * 10000) / 10000).toFixed(4);

// The columns that a text takes: Hangul and its like take two.
const columns = (text) => [...text].reduce((sum, letter) => sum + (/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]/.test(letter) ? 2 : 1), 0);

// Write a token's label; one that is wider than `room` columns is set smaller, in two lines.
const named = (element, label, room) =>
  put(element, { text: label, class: columns(label) > room ? "gc-label gc-long" : "gc-label" });

const shorter = (text, length = 22) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

// ---------------------------------------------------------------------------------------------------- asking

// What a hand did, in one growing list, so that nothing is lost on the way; of several values the last one wins.
function question(model, kind, name, value) {
  const open = model.get("asked").filter(([number]) => number > model.get("done"));
  const others = kind === "set" ? open.filter((other) => other[1] !== "set" || other[2] !== name) : open;
  const number = Math.max(model.get("done"), ...open.map(([number]) => number)) + 1;
  model.set("asked", [...others, [number, kind, name, value]]);
  model.save_changes();
}

const ask = (model, name, ...values) => question(model, "do", name, values);
const set = (model, name, value) => question(model, "set", name, value);

// Whether a value that was set is still on its way: then the control must not jump back.
const isOpen = (model, name) =>
  model.get("asked").some(([number, kind, other]) => number > model.get("done") && kind === "set" && other === name);

// Call `follow` now, and whenever one of `names` changes.
function following(model, names, follow) {
  for (const name of names) model.on(`change:${name}`, follow);
  follow();
}

// Keep a control on the setting's value: show(value).
function bound(model, name, show) {
  following(model, ["settings", "done"], () => {
    if (!isOpen(model, name)) show(model.get("settings")[name] ?? null);
  });
}

// ---------------------------------------------------------------------------------------------------- controls

function button(label, act, { icon = "", title = null, primary = false } = {}) {
  return h(
    "button",
    { type: "button", class: primary ? "gc-button gc-primary" : "gc-button", title, onclick: act },
    icon && h("span", { "aria-hidden": "true", class: "gc-icon" }, icon),
    h("span", {}, label),
  );
}

// A field for a text. It is sent on Enter and when the focus leaves it, or at every key if it is `live`.
function field(model, name, label, { lines = 1, live = false } = {}) {
  const id = newName();
  const input = lines > 1 ? h("textarea", { id, rows: lines }) : h("input", { id, type: "text" });
  put(input, { spellcheck: "false", autocomplete: "off" });
  const send = () => input.value !== model.get("settings")[name] && set(model, name, input.value);
  input.addEventListener(live ? "input" : "change", send);
  if (lines === 1) input.addEventListener("keydown", (event) => event.key === "Enter" && !event.isComposing && send());
  bound(model, name, (value) => {
    if (input.value !== value && !(live && document.activeElement === input)) input.value = value ?? "";
  });
  return h("div", { class: "gc-field" }, h("label", { for: id }, label), input);
}

// A slider over the options of a setting, or between its ends; what it stands for is written and said.
// `calm` sends the value only when it is let go.
function slider(model, name, label, { calm = false, said = String } = {}) {
  const id = newName();
  const input = h("input", { id, type: "range" });
  const output = h("output", { for: id });
  const offered = () => model.get("offers")[name] ?? {};
  const value = () => (offered().options ? offered().options[input.value][1] : Number(input.value));
  const text = () => (offered().options ? offered().options[input.value][0] : said(Number(input.value)));
  const write = () => {
    output.textContent = text();
    put(input, { "aria-valuetext": text() });
    put(input, { style: { "--share": (input.value - input.min) / (input.max - input.min || 1) } });
  };
  input.addEventListener("input", () => {
    write();
    if (!calm) set(model, name, value());
  });
  if (calm) input.addEventListener("change", () => set(model, name, value()));
  following(model, ["offers", "settings", "done"], () => {
    const { options, min = 0, max = 1, step = 1 } = offered();
    if (isOpen(model, name)) return;
    put(input, options ? { min: 0, max: Math.max(1, options.length - 1), step: 1 } : { min, max, step });
    const now = model.get("settings")[name] ?? null;
    input.value = options ? Math.max(0, options.findIndex(([, option]) => option === now)) : now;
    if (!options || options.length) write();
  });
  return h("div", { class: "gc-slider" }, h("label", { for: id }, label), input, output);
}

// A list of options of which one is chosen.
function pick(model, name, label) {
  const id = newName();
  const select = h("select", { id, onchange: () => set(model, name, model.get("offers")[name].options[select.value][1]) });
  following(model, ["offers", "settings", "done"], () => {
    const options = model.get("offers")[name]?.options ?? [];
    keyed(select, options.map(([text], i) => ({ text, i })), ({ text, i }) => `${i} ${text}`,
      ({ text, i }) => h("option", { value: i }, text), () => {});
    if (!isOpen(model, name)) select.value = options.findIndex(([, value]) => value === model.get("settings")[name]);
  });
  return h("div", { class: "gc-pick" }, h("label", { for: id }, label), select);
}

// A row of options of which one is chosen, as radio buttons: choices(model, name, label, said), said(value) is the text.
function choices(model, name, label, said, extra = () => null) {
  const group = newName();
  const list = h("div", { class: "gc-choices", role: "radiogroup", "aria-label": label });
  following(model, ["offers", "settings", "done"], () => {
    const options = model.get("offers")[name]?.options ?? [];
    const make = ([text, value]) => {
      const input = h("input", { type: "radio", name: group, onchange: () => set(model, name, value) });
      return h("label", {}, input, extra(value), h("span", {}, said(value, text)));
    };
    keyed(list, options, ([text]) => text, make, (element, [, value]) => {
      if (!isOpen(model, name)) element.querySelector("input").checked = value === model.get("settings")[name];
    });
  });
  return h("div", { class: "gc-choice" }, h("span", { class: "gc-choice-name" }, label), list);
}

// A switch.
function toggle(model, name, label) {
  const input = h("input", { type: "checkbox", onchange: () => set(model, name, input.checked) });
  bound(model, name, (value) => (input.checked = value === true));
  return h("label", { class: "gc-toggle" }, input, h("span", {}, label));
}

// A button that calls step(isFirst) at once and then every `ms`, until it is pressed again or step() says false.
function player(label, step, ms) {
  let timer = null;
  const el = button(label, () => (timer ? stop() : start()), { icon: "▶" });
  const [icon, text] = el.querySelectorAll("span");
  const write = (isPlaying) => {
    put(icon, { text: isPlaying ? "❚❚" : "▶" });
    put(text, { text: isPlaying ? t("Pause") : label });
  };
  const stop = () => {
    clearTimeout(timer);
    timer = null;
    write(false);
  };
  const next = (isFirst) => {
    if (step(isFirst) === false) return stop();
    timer = setTimeout(next, ms * pace(), false);
  };
  const start = () => {
    write(true);
    next(true);
  };
  return { el, stop };
}

// ---------------------------------------------------------------------------------------------------- keys and places

// The arrow keys in `box` go from one of its buttons to another: left and right in their order, up and down by where
// they are on the page, Home and End to the ends; in a grid, which never `wraps`, not beyond the end of a line. What
// they reach is pressed, unless `presses` is false. Which button the tab key reaches is the caller's to say.
function arrowKeys(box, { wraps = true, presses = true } = {}) {
  box.addEventListener("keydown", (event) => {
    const from = event.target.closest("button");
    if (!from || event.ctrlKey || event.metaKey || event.altKey) return;
    const buttons = [...box.querySelectorAll("button:not(:disabled)")];
    const i = buttons.indexOf(from);
    const beside = (other) => (wraps || (other && Math.abs(topOf(other) - topOf(from)) < from.offsetHeight / 2) ? other : null);
    const ways = {
      ArrowLeft: () => beside(buttons[i - 1]), ArrowRight: () => beside(buttons[i + 1]),
      ArrowUp: () => below(buttons, from, -1), ArrowDown: () => below(buttons, from, 1),
      Home: () => buttons[0], End: () => buttons.at(-1),
    };
    if (!(event.key in ways)) return;
    event.preventDefault();
    const to = ways[event.key]();
    if (!to) return;
    to.focus({ preventScroll: presses });
    if (presses) to.click();
  });
}

// The same where nothing is pressed, and the tab key comes back to the button that was left. Where the focus is
// elsewhere, reach(button) says which one the tab key reaches.
function roving(parent) {
  const mark = (chosen) => {
    for (const one of parent.querySelectorAll("button")) put(one, { tabindex: one === chosen ? 0 : -1 });
  };
  parent.addEventListener("focusin", (event) => mark(event.target));
  arrowKeys(parent, { presses: false });
  return (button) => parent.contains(document.activeElement) || mark(button ?? parent.querySelector("button"));
}

const topOf = (element) => element.getBoundingClientRect().top;

// The button next to `from` on the line below, or above if `sign` is -1.
function below(buttons, from, sign) {
  const here = from.getBoundingClientRect();
  const middle = (rect) => rect.left + rect.width / 2;
  let [best, least] = [null, Infinity];
  for (const other of buttons) {
    const rect = other.getBoundingClientRect();
    const down = sign * (rect.top - here.top);
    const far = 1000 * down + Math.abs(middle(rect) - middle(here));
    if (down > here.height / 2 && far < least) [best, least] = [other, far];
  }
  return best;
}

// Scroll `box`, and nothing around it, until `element` inside it can be seen.
function reveal(box, element) {
  if (!element) return;
  const [frame, rect] = [box.getBoundingClientRect(), element.getBoundingClientRect()];
  const room = Math.min(40, frame.height / 4);
  if (rect.top < frame.top + room) box.scrollTop -= frame.top + room - rect.top;
  else if (rect.bottom > frame.bottom - room / 2) box.scrollTop += rect.bottom - frame.bottom + room / 2;
}

// Call settle() when `element` gets its room on the page, which may be after it was made, and draw() when that changes.
function watched(element, settle, draw) {
  let hadRoom = false;
  const observer = new ResizeObserver(() => {
    const hasRoom = element.offsetWidth > 0;
    if (hasRoom && !hadRoom) settle();
    else draw();
    hadRoom = hasRoom;
  });
  observer.observe(element);
  return observer;
}

// A class for a text by its length: a short one has room for large type.
const howMany = (labels) => (labels.length > 120 ? "gc-many" : labels.length > 50 ? "gc-some" : labels.length > 16 ? "" : "gc-few");

// The tokens of a text as buttons: `show(labels, chosen, look)`, where look(i) gives the attributes of each, and go(i) is
// called for the one that is pressed.
function tokenButtons(label, go) {
  const el = h("div", { class: "gc-tokens", role: "group", "aria-label": label });
  arrowKeys(el);
  return {
    el,
    at: (i) => el.children[i] ?? null,
    show: (labels, chosen, look) => keyed(el, labels.map((label, i) => ({ label, i })), ({ i }) => i,
      ({ i }) => h("button", { type: "button", onclick: () => go(i) }),
      (element, { label, i }) => put(element, { text: label, tabindex: i === chosen ? 0 : -1,
        "aria-current": i === chosen && "true", ...look(i) })),
  };
}

// ---------------------------------------------------------------------------------------------------- motion

const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const pace = () => (preferences.slow ? 4 : 1);

// A sequence of pictures. `play(scene)` runs scene(wait), where wait(ms) pauses; a newer scene hurries the one before
// it to its end, and of several that wait the last one is played.
function film() {
  let hurry = () => {};
  let playing = Promise.resolve();
  let latest = 0;
  return {
    play(scene) {
      const number = ++latest;
      hurry();
      playing = playing.then(async () => {
        if (number !== latest) return;
        let isHurried = false;
        const wait = (ms) =>
          isHurried || isStill() || number !== latest
            ? Promise.resolve()
            : new Promise((done) => {
                const timer = setTimeout(done, ms * pace());
                hurry = () => {
                  isHurried = true;
                  clearTimeout(timer);
                  done();
                };
              });
        await scene(wait, () => isHurried || isStill() || number !== latest);
      });
      return playing;
    },
  };
}

// Let a copy of `text` fly from one element to another, for `ms`.
function fly(root, text, from, to, ms) {
  if (isStill() || !from || !to) return;
  const [home, start, end] = [root, from, to].map((element) => element.getBoundingClientRect());
  const copy = h("span", { class: "gc-flying", "aria-hidden": "true" }, text);
  put(copy, { style: { left: `${start.left - home.left}px`, top: `${start.top - home.top}px` } });
  root.append(copy);
  const [x, y] = [end.left - start.left, end.top - start.top];
  const steps = [
    { transform: "translate(0, 0) scale(1)", opacity: 1 },
    { transform: `translate(${x / 2}px, ${y / 2 - 30}px) scale(1.15)`, opacity: 1, offset: 0.5 },
    { transform: `translate(${x}px, ${y}px) scale(1)`, opacity: 0.9 },
  ];
  copy.animate(steps, { duration: ms * pace(), easing: "ease-in-out" }).finished.finally(() => copy.remove());
}

// ---------------------------------------------------------------------------------------------------- preferences

// What holds for all widgets of a page: large type without seeds and ids, and slow motion.
const preferences = (globalThis.gptcorePreferences ??= remembered());

function remembered() {
  try {
    return JSON.parse(localStorage.getItem("gptcore") ?? "{}");
  } catch {
    return {};
  }
}

// Call follow() now, and whenever a preference changes. The page keeps no hold on `element`: a widget that was removed is
// forgotten, and one that is out of the page for a while follows all the same.
function preferring(element, follow) {
  element.gptcoreFollow = follow;
  followers.add(new WeakRef(element));
  follow();
}

const followers = new Set();

document.addEventListener("gc-preferences", () => {
  for (const reference of followers) {
    const element = reference.deref();
    if (element) element.gptcoreFollow();
    else followers.delete(reference);
  }
});

function preference(name, label, title) {
  const input = h("input", { type: "checkbox", role: "switch" });
  input.addEventListener("change", () => {
    preferences[name] = input.checked;
    try {
      localStorage.setItem("gptcore", JSON.stringify(preferences));
    } catch {} // a page that may remember nothing
    document.dispatchEvent(new Event("gc-preferences"));
  });
  preferring(input, () => (input.checked = preferences[name] === true));
  return h("label", { class: "gc-toggle gc-preference", title }, input, h("span", {}, label));
}

// ---------------------------------------------------------------------------------------------------- the frame

// The map of the machine: the stages, and what they hold for this prompt.
const STAGES = [
  ["text", N_("text"), ({ characters }) => characters != null && t("{n} characters", { n: grouped(characters) })],
  ["tokens", N_("tokens"), ({ tokens }) => tokens != null && grouped(tokens)],
  ["layers", N_("layers"), ({ layers }) => layers != null && grouped(layers)],
  ["logits", N_("logits"), ({ logits }) => logits != null && grouped(logits)],
  ["probabilities", N_("probabilities"), ({ likeliest, prob }) => prob != null && `${shorter(likeliest, 9)} ${percent(prob)}`],
  ["dart", N_("dart"), ({ uniform }) => uniform != null && uniformText(uniform)],
  ["next", N_("next token"), ({ next }) => next != null && shorter(next, 9)],
];

function machineMap(lit) {
  const numbers = STAGES.map(() => h("small"));
  const cells = STAGES.map(([name, label], i) => {
    const isLit = lit.includes(name);
    return h("li", { class: isLit ? "gc-lit" : "", "aria-current": isLit && "step" }, h("b", {}, t(label)), numbers[i]);
  });
  return {
    el: h("ol", { class: "gc-band", "aria-label": t("The way from a text to its next token") }, cells),
    show: (known) => STAGES.forEach(([, , value], i) => put(numbers[i], { text: value(known) || " " })),
  };
}

// A widget inside `el`, called `name` for those who do not see it: the map with the stages in `lit`, the parts below it, and the caption. `left` and `right` stand
// side by side where there is room. Map and caption follow the state at once, or if they come `late`, root.tell(shown).
function frame({ model, el }, name, lit, { top = [], left = [], right = [], bottom = [], late = false }) {
  const caption = h("p", { role: "status", "aria-live": "polite", class: "gc-caption" });
  const map = lit.length ? machineMap(lit) : null;
  const link = h("a", { class: "gc-link", target: "_blank", rel: "noopener noreferrer", hidden: true,
    title: t("This very state as a page, for everyone who has the link") }, t("Link"));
  const columns = h(
    "div",
    { class: "gc-columns" },
    h("div", { class: "gc-left" }, left),
    right.length > 0 && h("div", { class: "gc-right" }, right),
  );
  const root = h(
    "section",
    { class: `gc gc-${name.replaceAll(" ", "-")}`, lang: LANGUAGE, "aria-label": t(name) },
    h(
      "div",
      { class: "gc-head" },
      map?.el,
      h("div", { class: "gc-preferences" }, link,
        preference("slow", t("Slow"), t("Slow motion")),
        preference("projector", t("Projector"), t("Larger type, without seeds and ids"))),
    ),
    top,
    columns,
    bottom,
    caption,
  );
  root.tell = (shown) => {
    put(caption, { text: shown.caption ?? "" });
    map?.show(shown.band ?? {});
    put(link, { href: shown.link, hidden: !shown.link });
  };
  if (!late) following(model, ["shown"], () => root.tell(model.get("shown")));
  // Out of the widget, to what holds it: in a notebook its cell, from where the keys go on to the next one.
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) el.closest("[tabindex]")?.focus();
  });
  const look = () => {
    root.classList.toggle("gc-projector", preferences.projector === true);
    put(root, { style: { "--pace": pace() } });
  };
  preferring(root, look);
  el.append(root);
  return root;
}

// ---------------------------------------------------------------------------------------------------- pictures

const idTitle = (row) => `${row.label} · id ${row.id}`;

// Rows of label, bar and value: `show(rows)` with { id, label, prob, kind, note }. The bars glide; a row that can be
// touched is a button that calls act(row). `scale` is what a full bar stands for, `value` what is written.
function bars({ act = null, tip = null, label, value = (row) => percent(row.prob), title = idTitle } = {}) {
  const list = h("div", { class: "gc-bars", role: "group", "aria-label": label });
  const rows = new Map();
  const make = (row) => {
    const canTouch = act !== null && row.id != null;
    const parts = {
      label: h("span", { class: "gc-label" }),
      bar: h("i"),
      number: h("span", { class: "gc-number" }),
    };
    const element = h(canTouch ? "button" : "div", canTouch ? { type: "button", onclick: () => act(rows.get(element)) } : {},
      parts.label, h("span", { class: "gc-track" }, parts.bar), parts.number);
    element.parts = parts;
    return element;
  };
  const update = (element, row) => {
    rows.set(element, row);
    const { label, bar, number } = element.parts;
    named(label, row.label, 13);
    put(label, { "data-mark": row.mark });
    put(number, { text: value(row) });
    put(bar, { style: { "--share": row.share ?? row.prob } });
    const kind = `gc-row ${row.id == null ? "gc-others" : ""} ${row.kind ?? ""}`;
    put(element, { class: kind, "aria-label": act && row.id != null ? (tip?.(row) ?? null) : null,
      title: row.id == null ? null : title(row) });
  };
  return {
    el: list,
    // Bars are kept by their place, so that they glide from the old length to the new one.
    show: (shown) => keyed(list, shown.map((row, i) => ({ ...row, i })),
      (row) => `${row.i}${row.id == null ? " others" : ""}`, make, update),
    row: (id) => [...rows].find(([element, row]) => id != null && row.id === id && element.isConnected)?.[0] ?? null,
    id: (element) => rows.get(element)?.id ?? null,
  };
}

// A text whose new pieces can be touched: `show(prompt, pieces, chosen, kind)`, where kind(i) is the class of each piece;
// go(i) is called for the one that is pressed.
function story(label, go) {
  const prompt = h("span");
  const pieces = h("span", { class: "gc-pieces", role: "group", "aria-label": label });
  const el = h("div", { class: "gc-text gc-story" }, prompt, pieces);
  arrowKeys(pieces);
  return {
    el,
    show(beginning, texts, chosen, kind) {
      put(prompt, { text: beginning });
      keyed(pieces, texts.map((text, i) => ({ text, i })), ({ i }) => i,
        ({ i }) => h("button", { type: "button", onclick: () => go(i) }),
        (element, { text, i }) => put(element, { text, class: kind(i), tabindex: i === chosen ? 0 : -1,
          // A token that is only part of a character adds no text.
          "aria-label": text.trim() ? null : t("token {n}", { n: i + 1 }), "aria-current": i === chosen && "true" }));
    },
  };
}

// The bar of length 1, and the dart that falls on it: `show(dart)` draws the pieces, `aim(uniform, id)` holds the dart above
// the piece that it will hit, `fall(uniform)` lets it fall, `light(id)` marks the piece that was hit. A piece that can be
// touched is a button that calls act(piece).
function dartStrip({ act = null, tip = null } = {}) {
  const pieces = h("div", { class: "gc-dart-pieces" });
  const reach = roving(pieces);
  const pointer = h("span", { class: "gc-dart-pointer", "aria-hidden": "true" },
    h("svg", { viewBox: "0 0 18 36", width: 18, height: 36 },
      h("path", { d: "M9 6 2 0v9l5 5v8H5.5L9 36l3.5-14H11v-8l5-5V0z" })));
  const number = h("span", { class: "gc-dart-number" });
  const hit = h("span", { class: "gc-dart-hit" });
  const el = h("div", { class: "gc-dart", role: "group" },
    h("div", { class: "gc-dart-air" }, pointer, number), pieces,
    h("div", { class: "gc-dart-axis", "aria-hidden": "true" },
      h("span", {}, "0"), h("span", {}, t("chances, in the order of the vocabulary")), h("span", {}, "1")),
    h("div", { class: "gc-dart-name" }, hit));
  const make = (piece) => {
    const canTouch = act !== null && piece.id != null;
    return h(canTouch ? "button" : "span", canTouch ? { type: "button", onclick: () => act(piece) } : {},
      h("span", {}));
  };
  const update = (element, piece) => {
    const width = piece.right - piece.left;
    const label = shorter(piece.label);
    put(element, {
      class: piece.id == null ? "gc-piece gc-piece-others" : "gc-piece",
      title: `${label} ${percent(width)}`,
      "aria-label": act !== null && piece.id != null ? (tip?.(piece) ?? `${label} ${percent(width)}`) : null,
      style: { "--left": piece.left, "--width": width },
    });
    put(element.firstChild, { text: width * 60 > label.length + 1 ? label : "" });
    element.piece = piece;
  };
  const place = (uniform) => {
    pointer.classList.toggle("gc-away", uniform == null);
    put(number, { text: uniform == null ? "" : uniformText(uniform) });
    for (const element of [pointer, number]) put(element, { style: { "--at": uniform ?? 0 } });
    number.classList.toggle("gc-before", uniform > 0.8);
  };
  const light = (id, kind = "gc-hit") => {
    for (const element of pieces.children) {
      element.classList.remove("gc-hit", "gc-aimed");
      element.classList.toggle(kind, id != null && element.piece.id === id);
    }
    const found = [...pieces.children].find((element) => id != null && element.piece.id === id);
    if (!found) return put(hit, { text: "" });
    const { left, right, label } = found.piece;
    const middle = (left + right) / 2;
    put(hit, { text: `${shorter(label)} · ${percent(right - left)}`,
      style: { "--at": middle, "--shift": `${-100 * Math.min(1, Math.max(0, middle))}%` } });
    return found;
  };
  return {
    el,
    show(dart) {
      el.style.visibility = dart ? "visible" : "hidden";
      if (!dart) return;
      put(el, { "aria-label": dart.about });
      keyed(pieces, dart.pieces, (piece) => piece.id ?? `others ${piece.left}`, make, update);
      reach();
    },
    aim(uniform, id) {
      place(uniform);
      pointer.classList.add("gc-aiming");
      light(id, "gc-aimed");
    },
    fall(uniform, { ms = 350 } = {}) {
      place(uniform);
      const wasAiming = pointer.classList.contains("gc-aiming");
      pointer.classList.remove("gc-aiming");
      if (uniform == null || !ms || isStill()) return;
      const start = wasAiming
        ? [{ transform: "translate(-50%, -8px)", easing: "ease-out" }, { transform: "translate(-50%, -22px)", offset: 0.4 }]
        : [{ transform: "translate(-50%, -70px)", opacity: 0 }];
      start.at(-1).easing = "cubic-bezier(.6, 0, 1, .7)";
      const shake = [0, 7, -5, 0].map((angle, i) => ({ transform: `translate(-50%, 0) rotate(${angle}deg)`, offset: 0.7 + i / 10 }));
      pointer.animate([...start, ...shake], { duration: ms * pace() });
    },
    light,
    piece: (id) => [...pieces.children].find((element) => id != null && element.piece.id === id) ?? null,
  };
}
