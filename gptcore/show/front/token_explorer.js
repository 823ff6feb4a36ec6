// TokenExplorer: type, and see the tokens that a model would read, for one tokenizer or for several.

// The chips of one tokenizer: `show(box)`. about(token) is called for the chip that is looked at, and with null.
function chips(about, choose) {
  const heading = h("h3", { class: "gc-tokens-name" });
  const more = h("p", { class: "gc-tokens-more" });
  const list = h("div", { class: "gc-chips" });
  const el = h("div", { class: "gc-chips-box", role: "group" }, more, list);
  let count = null;
  const chip = (token, number) => h("button", {
    type: "button", class: `gc-chip gc-hue${number % 4}${token[3] ? "" : " gc-part"}`, tabindex: "-1",
    "aria-label": t("{label}, id {id}", { label: token[1], id: token[0] }), "data-id": token[0],
    onclick: () => choose(token[0]), onfocus: () => about(token), onpointerenter: () => about(token), onpointerleave: () => about(null),
  }, h("span", {}, token[1]), h("small", { class: "gc-detail" }, String(token[0])));
  const make = ({ start, text, tokens }) => {
    const made = tokens.map((token, i) => chip(token, start + i));
    if (text === null) return made[0];
    const name = t("{text}, made of {n} tokens", { text, n: tokens.length });
    return h("span", { class: "gc-joined", role: "group", "aria-label": name }, h("b", {}, text), h("span", {}, made));
  };
  const reach = roving(el);
  el.addEventListener("focusin", ({ target }) => reveal(el, target));
  return {
    el: h("div", { class: "gc-tokenizer" }, heading, el),
    show(box) {
      const total = box.hidden + box.pieces.reduce((sum, { tokens }) => sum + tokens.length, 0);
      const isLonger = count !== null && total > count;
      count = total;
      put(heading, { text: `${box.name}: ${box.heading}` });
      put(el, { "aria-label": t("Tokens of {name}", { name: box.name }) });
      put(more, { text: box.hidden ? t("{n} more before these …", { n: grouped(box.hidden) }) : "" });
      const key = ({ start, text, tokens }) => `${start} ${text} ${tokens.map(([id]) => id)}`;
      keyed(list, box.pieces, key, make, () => {});
      reach([...el.querySelectorAll("button")].at(-1)); // the tab key comes to the end, too
      if (isLonger) el.scrollTop = el.scrollHeight; // where one types
    },
  };
}

export default {
  render({ model, el }) {
    const detail = h("p", { class: "gc-about" });
    let chosen = null;
    const told = ([id, label, hex, isText]) => {
      const bytes = t("bytes {hex}", { hex });
      if (isText) return t("{label} is token {id}: {bytes}", { label, id, bytes });
      return t("{label} is token {id}, only part of a character: {bytes}", { label, id, bytes });
    };
    const about = (token) => put(detail, {
      text: token === null ? t("Touch a token to see its bytes, and where else it stands.") : told(token),
    });
    const choose = (id) => {
      chosen = id === chosen ? null : id;
      mark();
    };
    const boxes = model.get("shown").boxes.map(() => chips(about, choose));
    const root = frame({ model, el }, N_("token explorer"), ["text", "tokens"], {
      top: [field(model, "text", t("Text"), { lines: 2, live: true })],
      left: [h("div", { class: "gc-tokenizers", style: { "--count": boxes.length } }, boxes.map((box) => box.el)), detail],
    });
    const mark = () => {
      for (const chip of root.querySelectorAll(".gc-chip")) {
        chip.classList.toggle("gc-same", chosen !== null && Number(chip.dataset.id) === chosen);
      }
    };
    about(null);
    following(model, ["shown"], () => {
      model.get("shown").boxes?.forEach((box, i) => boxes[i].show(box));
      if (chosen !== null) mark();
    });
  },
};
