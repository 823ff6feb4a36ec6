// Story: a tale in type made for reading, and on request the surprise at each token as its shade.

const DARKEST = 6; // nats

export default {
  render({ model, el }) {
    const type = h("div", { class: "gc-tale-type" }); // in columns, of any height, inside a page that scrolls
    const page = h("article", { class: "gc-tale-page", tabindex: "0" }, type);
    const said = h("p", { class: "gc-tale-said" });
    const scale = h("span", { class: "gc-tale-scale", "aria-hidden": "true" }, [0, 2, 4, 6].map((nats) =>
      h("i", { style: { "--heat": nats / DARKEST } }, nats === DARKEST ? t("{n} nats", { n: nats }) : String(nats))));
    const another = button(t("Another story"), () => ask(model, "another"), { icon: "↻", primary: true });
    const languages = h("div", { class: "gc-buttons", role: "group", "aria-label": t("Language") });
    frame({ model, el }, N_("tale"), ["text", "next"], {
      top: [h("div", { class: "gc-buttons gc-tale-hands" }, another, languages, toggle(model, "shaded", t("Show the surprise")))],
      left: [page, h("div", { class: "gc-tale-foot" }, said, scale)],
    });

    const isShaded = () => model.get("settings").shaded === true;
    // The token under the pointer, or that to which the arrow keys have led.
    let near = null;
    const say = (piece) => {
      near?.classList.remove("gc-near");
      near = isShaded() ? piece : null;
      near?.classList.add("gc-near");
      const [text, nats, count] = near?.piece ?? [];
      const values = { text: shorter(text?.trim() ?? "", 30), nats: decimals(nats ?? 0, 1), prob: percent(Math.exp(-(nats ?? 0))), n: count };
      const sentence = !near ? (isShaded() ? t("Point at a piece of the text: how surprised was the model?") : "")
        : nats == null ? t("“{text}” was given.", values)
        : count > 1 ? t("“{text}”, {n} tokens: {nats} nats, a chance of {prob}", values) : t("“{text}”: {nats} nats, a chance of {prob}", values);
      put(said, { text: sentence });
    };
    page.addEventListener("pointerover", (event) => say(event.target.piece ? event.target : null));
    page.addEventListener("pointerleave", () => say(null));
    page.addEventListener("blur", () => say(null));
    page.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step || !isShaded()) return;
      event.preventDefault();
      const pieces = [...page.querySelectorAll("span")];
      const place = near ? pieces.indexOf(near) + step : step > 0 ? 0 : pieces.length - 1;
      if (pieces[place]) say(pieces[place]);
      near?.scrollIntoView({ block: "nearest" });
    });

    const span = (piece) => {
      const [text, nats] = piece;
      const word = text.trimStart() || text; // the space before a word has no shade: it may stand at the end of a line
      const span = h("span", { class: nats == null ? "gc-told" : "", style: { "--heat": Math.min(1, (nats ?? 0) / DARKEST) } }, word);
      span.piece = piece;
      return [text.slice(0, text.length - word.length), span];
    };
    const write = (element, { key, pieces, end }) => {
      if (element.written === key) return;
      element.replaceChildren(...pieces.flatMap(span), ...(end ? [h("b", { "aria-hidden": "true" }, end)] : []));
      element.written = key;
    };
    // A tale may come while it is written: what is there already stays.
    let [before, number] = ["", 0];
    const show = () => {
      const { paragraphs = [], ended, writing = false, language = "en", openings = [] } = model.get("shown");
      const now = paragraphs.flat().map(([text]) => text).join("").replace(/\s/g, "");
      if (!now.startsWith(before) || before === "") {
        number += 1;
        page.scrollTop = 0;
      }
      before = now;
      const end = (i) => (writing || i < paragraphs.length - 1 ? "" : ended ? " ❦" : " …");
      const items = paragraphs.map((pieces, i) => ({ i, pieces, end: end(i), key: JSON.stringify([pieces, end(i)]) }));
      keyed(type, items, ({ i }) => `${number} ${i}`, ({ i }) => h("p", { style: { "--i": writing ? 0 : i } }), write);
      page.classList.toggle("gc-writing", writing);
      put(page, { lang: language, "aria-label": t("The story") });
      keyed(languages, openings, ([name]) => name, ([name, opening]) => button(name, () => set(model, "prompt", opening)), (element, [, opening]) =>
        put(element, { "aria-pressed": String(model.get("settings").prompt === opening) }));
      page.classList.toggle("gc-shaded", isShaded());
      scale.classList.toggle("gc-away", !isShaded());
      say(null);
    };
    following(model, ["shown", "settings"], show);
  },
};
