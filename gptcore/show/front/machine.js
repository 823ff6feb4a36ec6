// Machine: the whole way from a text to its next token; each stage opens, down to single rows of numbers.

const NAMES = ["text", "tokens", "layers", "logits", "probabilities", "dart", "next"];

// What happens at each stage, in a sentence.
const SAID = {
  text: ({ letters, hiddenLetters }) => t("A text is characters, and a character is one to four bytes. {n} characters here.", { n: grouped(letters.length + hiddenLetters) }),
  tokens: ({ tokens }) => t("The tokenizer cuts the text into {n} tokens that it knows by their numbers, the ids.", { n: grouped(tokens.length) }),
  layers: ({ rows, size }) => t("Each token becomes a row of {n} numbers. Each of {layers} layers looks back at the other tokens, and changes the row. This is the row of the last token; touch one to read its numbers.", { n: grouped(size), layers: rows.length - 1 }),
  logits: ({ size }) => t("The last row, brought to one scale, is multiplied with the row of each token of the vocabulary, number by number. The sum of the {n} products is that token’s score, its logit.", { n: grouped(size) }),
  probabilities: () => t("The softmax turns the scores into chances that sum to 100%: a token with a higher score has a better chance."),
  dart: () => t("All chances lie end to end on a bar of length 1. A random number from 0 to 1 is the dart: what it hits is the next token."),
  next: ({ dart }) => t("“{label}” is written at the end of the text, and the whole machine begins again.", { label: nameOf(dart) }),
};

const nameOf = (dart) => dart.pieces.find(({ id }) => id === dart.id).label;
const signed = (value) => value.toFixed(2).replace("-", "−");

// A row of numbers as cells, blue above 0 and orange below, with its name, what the head would say of it, and the numbers.
function numberRow(choose) {
  const [name, guess] = [h("span", { class: "gc-row-name" }), h("span", { class: "gc-guess" })];
  const cells = h("span", { class: "gc-cells", "aria-hidden": "true" });
  const el = h("button", { type: "button", class: "gc-numbers", onclick: () => choose() }, name, cells, guess);
  return {
    el,
    show(label, numbers, said, isOpen) {
      put(name, { text: label });
      put(guess, { text: said });
      put(el, { "aria-pressed": isOpen, "aria-label": t("{name}; the head would say {said}", { name: label, said }) });
      const most = Math.max(1e-9, ...numbers.map(Math.abs));
      keyed(cells, numbers.map((value, i) => ({ value, i })), ({ i }) => i, () => h("i"), (cell, { value }) =>
        put(cell, { class: value < 0 ? "gc-minus" : "", style: { "--size": Math.abs(value) / most } }));
    },
  };
}

// The panels of the stages: { name: { el, show(shown) } }.
function panels(model) {
  const letters = h("div", { class: "gc-letters" });
  const tokens = h("div", { class: "gc-letters" });
  const card = (top, bottom) => h("span", { class: "gc-card" }, h("b", {}, top), h("small", {}, bottom));
  const cards = (list, items) => keyed(list, items.map(([top, bottom], i) => ({ top, bottom, i })),
    ({ top, bottom, i }) => `${i} ${top} ${bottom}`, ({ top, bottom }) => card(top, bottom), () => {});

  let chosen = 0;
  const list = h("div", { class: "gc-number-rows" });
  const numbers = h("p", { class: "gc-number-list", tabindex: "0", role: "group", "aria-label": t("The numbers of the row") });
  const looked = bars({ label: t("Where this layer looks"), value: ({ prob }) => percent(prob), title: ({ label }) => label });
  const lookedName = h("h3");
  const layerRows = [];
  const layers = (shown) => {
    keyed(list, shown.rows.map((row, i) => ({ row, i })), ({ i }) => i,
      ({ i }) => (layerRows[i] = numberRow(() => { chosen = i; layers(model.get("shown")); })).el,
      (element, { row, i }) => layerRows[i].show(i === 0 ? t("embedding") : t("after layer {i}", { i: i - 1 }), row,
        `${shorter(shown.guesses[i][0], 12)} ${percent(shown.guesses[i][1])}`, i === chosen));
    chosen = Math.min(chosen, shown.rows.length - 1);
    const more = shown.size > shown.rows[chosen].length ? " …" : "";
    put(numbers, { text: shown.rows[chosen].map(signed).join("  ") + more });
    put(lookedName, { text: chosen === 0 ? t("The row of a token and its place, before it has looked anywhere") : t("Where layer {i} looks back, all heads together", { i: chosen - 1 }) });
    const weights = chosen === 0 ? [] : shown.reads[chosen - 1].map((prob, i) => ({ id: null, label: shown.tokens[i][1], prob, place: i }));
    looked.show(weights.sort((a, b) => b.prob - a.prob).slice(0, 4));
  };

  const products = h("div", { class: "gc-products" });
  const scores = h("div", { class: "gc-bars", role: "list", "aria-label": t("The largest logits") });
  const logits = (shown) => {
    const most = 6;
    const terms = shown.lastRow.slice(0, most).map((value, i) => ({ value, other: shown.embedding[i], i }));
    const line = (name, values, sign) => h("div", { class: "gc-product" }, h("span", {}, name), values.map((value) => h("span", {}, signed(value))), h("span", {}, sign));
    products.replaceChildren(
      line(t("last row"), terms.map(({ value }) => value), "…"),
      line(t("row of {label}", { label: shorter(nameOf(shown.dart), 10) }), terms.map(({ other }) => other), "…"),
      line(t("products"), terms.map(({ value, other }) => value * other), "…"),
      h("p", {}, t("The sum of all {n} products is its logit:", { n: grouped(shown.size) }), " ", h("b", {}, score(shown.logit))));
    const rows = shown.candidates.filter(({ id }) => id !== null);
    const [high, low] = [Math.max(...rows.map(({ logit }) => logit)), Math.min(...rows.map(({ logit }) => logit))];
    keyed(scores, rows.map((row, i) => ({ ...row, i })), ({ i }) => i,
      () => h("div", { class: "gc-row", role: "listitem" }, h("span"), h("span", { class: "gc-lane" }, h("b")), h("span", { class: "gc-number" })),
      (element, row) => {
        const [label, lane, number] = element.children;
        named(label, row.label, 13);
        put(lane.firstChild, { style: { "--share": high > low ? (row.logit - low) / (high - low) : 1 } });
        put(number, { text: score(row.logit) });
      });
  };

  const chances = bars({ label: t("The likeliest next tokens") });
  const dart = dartStrip();
  const whole = h("p", { class: "gc-text" }, h("span"), h("span", { class: "gc-new gc-last" }));
  const two = (...parts) => h("div", { class: "gc-two" }, parts);
  const panel = (...parts) => h("div", { class: "gc-stage" }, parts);
  return {
    text: { el: panel(letters), show: (shown) => cards(letters, shown.letters) },
    tokens: { el: panel(tokens), show: (shown) => cards(tokens, shown.tokens.slice(-40).map(([id, label]) => [label, String(id)])) },
    layers: { el: panel(list, two(h("div", {}, numbers), h("div", {}, lookedName, looked.el))), show: layers },
    logits: { el: panel(two(products, scores)), show: logits },
    probabilities: { el: panel(chances.el), show: (shown) => chances.show(shown.candidates) },
    dart: { el: panel(dart.el), show: (shown) => { dart.show(shown.dart); dart.fall(shown.dart.uniform); dart.light(shown.dart.id); } },
    next: {
      el: panel(whole),
      show: (shown) => [shown.text, nameOf(shown.dart)].forEach((text, i) => put(whole.children[i], { text: i === 1 ? text.replaceAll("␣", " ") : text })),
    },
  };
}

export default {
  render({ model, el }) {
    const all = panels(model);
    let open = NAMES.includes(model.get("shown").stage) ? model.get("shown").stage : "text";
    const said = h("p", { class: "gc-said" });
    const body = h("div", { class: "gc-stages", role: "tabpanel" }, NAMES.map((name) => all[name].el));
    const play = player(t("Run the machine"), (isFirst) => step(isFirst), 2000);
    const write = button(t("Write the token"), () => { ask(model, "write"); go("text"); }, { icon: "+", primary: true });
    const root = frame({ model, el }, N_("machine"), NAMES, {
      top: [field(model, "prompt", t("Text"))],
      left: [said, body],
      bottom: [h("div", { class: "gc-buttons" }, play.el, write,
        button(t("Other luck"), () => ask(model, "other_luck"), { icon: "↺", title: t("The next seed") }), slider(model, "temperature", t("Temperature")))],
    });

    // The band is the row of tabs.
    const tabs = [...root.querySelectorAll(".gc-band li")].map((cell, i) => {
      const tab = h("button", { type: "button", class: "gc-tab", onclick: () => { play.stop(); go(NAMES[i]); } });
      tab.append(...cell.childNodes);
      cell.append(tab);
      return { cell, tab };
    });
    const draw = () => {
      const shown = model.get("shown");
      const isEmpty = !shown.tokens;
      write.disabled = play.el.disabled = isEmpty;
      body.style.visibility = isEmpty ? "hidden" : "visible";
      tabs.forEach(({ cell, tab }, i) => {
        cell.classList.toggle("gc-lit", NAMES[i] === open);
        put(cell, { "aria-current": false });
        put(tab, { "aria-pressed": NAMES[i] === open });
      });
      for (const name of NAMES) all[name].el.classList.toggle("gc-closed", name !== open);
      put(said, { text: isEmpty ? "" : SAID[open](shown) });
      if (!isEmpty) all[open].show(shown);
    };
    function go(name) {
      open = name;
      draw();
      const panel = all[name].el;
      if (!isStill()) panel.animate([{ opacity: 0, transform: "translateX(24px)" }, { opacity: 1, transform: "none" }], { duration: 260 * pace(), easing: "ease-out" });
    }
    // The token passes from stage to stage; after the last one it is written, and the next one sets out.
    function step(isFirst) {
      if (!model.get("shown").tokens) return false;
      const at = NAMES.indexOf(open);
      if (isFirst) return void go("text");
      if (at === NAMES.length - 1) {
        ask(model, "write");
        return void go("text");
      }
      fly(root, "●", tabs[at].tab, tabs[at + 1].tab, 420);
      go(NAMES[at + 1]);
    }
    following(model, ["shown", "settings"], draw);
    return play.stop;
  },
};
