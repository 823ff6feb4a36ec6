// GenerationStepper: the loop by hand. The dart falls, the piece that it hits lights up, and its token flies into the text.

const SCENE = 1300; // milliseconds for one token, where nothing hurries
const MOST_AT_ONCE = 5; // tokens of one request of auto-play, however long the page was away

const isBusy = (model) => model.get("asked").some(([number]) => number > model.get("done"));
const nats = (surprise) => (surprise == null ? "∞" : decimals(Math.max(0, surprise), 1));

// Ask with the latest of several values, as soon as all answers are here.
function latest(model, name) {
  let wanted = null;
  const send = () => {
    if (wanted === null || isBusy(model)) return;
    ask(model, name, wanted);
    wanted = null;
  };
  following(model, ["done"], send);
  return (value) => {
    wanted = value;
    send();
  };
}

// Auto-play: one request at a time, the next after its answer, and with it as many tokens as are due.
function autoplay(model) {
  let timer = null;
  let due = 0;
  const interval = () => (1000 * pace()) / model.get("settings").speed;
  const tick = () => {
    const now = performance.now();
    const count = Math.min(MOST_AT_ONCE, 1 + Math.floor((now - due) / interval()));
    due = Math.max(due + count * interval(), now);
    if (!isBusy(model)) ask(model, "forward", count); // another view of this widget in the page may have asked
  };
  following(model, ["settings", "done"], () => {
    clearTimeout(timer);
    const now = performance.now();
    due = model.get("settings").playing ? Math.min(due || now, now + interval()) : 0;
    if (due && !isBusy(model)) timer = setTimeout(tick, due - now);
  });
  return () => clearTimeout(timer);
}

// The text, token by token: `show(shown)`. A token that was written is a button that calls go(its position).
function tape(go) {
  const [told, tokens] = [h("span"), h("span")];
  const end = h("span", { class: "gc-caret", "aria-hidden": "true" });
  const el = h("div", { class: "gc-text gc-tape", role: "group", "aria-label": t("The text, token by token") }, told, tokens, end);
  const chip = (tag, properties) => h(tag, properties, h("span", { class: "gc-space" }), h("span"));
  const spell = (element, label) => {
    const [, space, rest] = /^(␣*)(.*)$/s.exec(label);
    [space, rest].forEach((text, i) => put(element.children[i], { text }));
  };
  const make = () => {
    const element = chip("button", { type: "button", tabindex: "-1", onclick: () => go(element.token.at) });
    return element;
  };
  const update = (element, token) => {
    element.token = token;
    spell(element, token.label);
    const values = { label: token.label, prob: percent(token.prob), nats: nats(token.surprise) };
    const told = token.mine
      ? t("{label}, which you wrote: chance {prob}, surprise {nats} nats. Go there.", values)
      : t("{label}: chance {prob}, surprise {nats} nats. Go there.", values);
    const kinds = { "gc-mine": token.mine, "gc-later": token.isLater, "gc-here": token.isHere, "gc-landing": token.isLanding };
    const kind = Object.keys(kinds).filter((name) => kinds[name]);
    put(element, { class: ["gc-token", ...kind].join(" "), "aria-label": told, style: { "--prob": token.prob } });
  };
  const reach = roving(tokens);
  const show = (shown, isLanding = false) => {
    const labels = shown.isCut ? ["… ", ...shown.prompt] : shown.prompt;
    keyed(told, labels.map((label, i) => ({ label, i })), ({ i }) => i, () => chip("span", { class: "gc-told" }),
      (element, { label }) => spell(element, label));
    const { start, position } = shown;
    const written = shown.tape.map((token, i) => ({ ...token, at: start + i, isLater: start + i >= position, isHere: start + i === position,
      isLanding: isLanding && start + i === position - 1 }));
    keyed(tokens, written, ({ at }) => at, make, update);
    put(end, { text: start + shown.tape.length < shown.length ? " …" : "", hidden: position < shown.length && start + shown.tape.length === shown.length });
    end.classList.toggle("gc-here", position === shown.length);
    put(el, { tabindex: written.length ? null : 0 });
    const here = tokens.children[position - start] ?? end;
    reach(tokens.children[Math.min(position - start, written.length - 1)]);
    const [box, place] = [el.getBoundingClientRect(), here.getBoundingClientRect()];
    if (place.bottom > box.bottom - 6) el.scrollTop += place.bottom - box.bottom + 6;
    if (place.top < box.top) el.scrollTop -= box.top - place.top + 6;
  };
  return { el, show, at: (position) => [...tokens.children].find((element) => element.token.at === position) ?? null };
}

// Where on the tape one is, as a slider.
function place(model) {
  const id = newName();
  const input = h("input", { id, type: "range", min: 0 });
  const output = h("output", { for: id, "aria-live": "off" });
  const seek = latest(model, "go_to");
  const write = () => {
    const said = t("{n} of {count}", { n: input.value, count: input.max });
    put(output, { text: said });
    put(input, { "aria-valuetext": said, style: { "--share": input.value / (Number(input.max) || 1) } });
  };
  input.addEventListener("input", () => {
    write();
    seek(Number(input.value));
  });
  following(model, ["shown", "done"], () => {
    const { position, length } = model.get("shown");
    if (isBusy(model) && document.activeElement === input) return;
    put(input, { max: length, disabled: length === 0 });
    input.value = position;
    write();
  });
  return h("div", { class: "gc-slider" }, h("label", { for: id }, t("Position")), input, output);
}

// The surprise at the text, and at what the dart would have written in its places, on one scale.
function sums() {
  const rows = [t("this text"), t("the dart alone")].map((label, i) => {
    const [bar, number] = [h("i"), h("span", { class: "gc-number" })];
    const el = h("div", { class: `gc-row${i ? " gc-of-dart" : ""}` }, h("span", {}, label), h("span", { class: "gc-track" }, bar), number);
    return { el, bar, number };
  });
  const end = h("span");
  const axis = h("div", { class: "gc-row gc-axis", "aria-hidden": "true" }, h("span"), h("span", {}, h("span", {}, "0"), end), h("span"));
  const el = h("div", { class: "gc-sums", role: "group", "aria-label": t("Surprise so far, in nats") },
    h("b", {}, t("Surprise so far, in nats")), rows.map((row) => row.el), axis);
  const show = (values) => {
    const most = Math.max(10, ...values.map((value) => value ?? 0));
    const unit = 10 ** Math.floor(Math.log10(most));
    const scale = [1, 2, 5, 10].map((times) => times * unit).find((step) => step >= most);
    put(end, { text: grouped(scale) });
    rows.forEach(({ bar, number }, i) => {
      put(number, { text: nats(values[i]) });
      put(bar, { style: { "--share": (values[i] ?? scale) / scale } });
    });
  };
  return { el, show };
}

export default {
  render({ model, el }) {
    const setting = (name) => model.get("settings")[name];
    const choose = ({ id }) => ask(model, "choose", id);
    const chances = (row) => ({ label: row.label, prob: percent(row.prob), nats: nats(row.surprise) });
    const candidates = bars({ act: choose, label: t("Candidates for the next token"),
      tip: (row) => [t("Write {label}: chance {prob}, surprise {nats} nats.", chances(row)), row.note].filter(Boolean).join(" ") });
    const dart = dartStrip({ act: choose,
      tip: (piece) => t("Write {label}: chance {prob}.", { label: piece.label, prob: percent(piece.right - piece.left) }) });
    const text = tape((position) => ask(model, "go_to", position));
    const total = sums();

    const back = button(t("Back"), () => ask(model, "back"), { icon: "←" });
    const forward = button(t("Forward"), () => ask(model, "forward"), { icon: "→", primary: true });
    const play = button(t("Play"), () => set(model, "playing", !setting("playing")), { icon: "▶" });
    const reset = button(t("Reset"), () => ask(model, "reset"), { icon: "↺", title: t("Begin again with the same luck") });
    const rest = t("The bar under a token is the chance that it had. Dashed: written by you. ▼ the dart, ✓ written here.");
    const hint = h("p", { class: "gc-hint" }, rest);

    const root = frame({ model, el }, N_("generation stepper"), ["tokens", "probabilities", "dart", "next"], {
      left: [field(model, "prompt", t("Text")), text.el, hint, h("div", { class: "gc-buttons" }, back, forward, play, reset), place(model),
        slider(model, "speed", t("Speed"), { said: (n) => t("{n} tokens/s", { n }) })],
      right: [candidates.el, dart.el, total.el],
      late: true,
    });

    // What a hand or the focus is on is said below the text, and a token's bar and its piece of the strip belong together.
    const preview = ({ target }) => {
      const touched = target.closest?.(".gc-token, .gc-row, .gc-piece");
      put(hint, { text: touched?.getAttribute("aria-label") ?? rest });
      for (const lit of root.querySelectorAll(".gc-touched")) lit.classList.remove("gc-touched");
      const id = candidates.id(touched) ?? touched?.piece?.id;
      for (const lit of [candidates.row(id), dart.piece(id)]) lit?.classList.add("gc-touched");
    };
    for (const event of ["pointerover", "focusin"]) root.addEventListener(event, preview);
    root.addEventListener("pointerleave", () => preview({ target: root }));

    const settle = (shown) => {
      root.tell(shown);
      text.show(shown);
      total.show(shown.sums);
      candidates.el.style.visibility = shown.candidates ? "visible" : "hidden";
      dart.show(shown.dart);
      if (!shown.candidates) return void dart.light(null);
      const isAlone = shown.candidates.every(({ id }) => id !== shown.dart.id);
      candidates.show(shown.candidates.map((row) => {
        const [isAimed, isWritten] = [row.id === shown.dart.id || (isAlone && row.id == null), row.id != null && row.id === shown.written];
        const note = [isAimed && t("The dart falls here."), isWritten && t("Written here before.")].filter(Boolean).join(" ");
        return { ...row, kind: isAimed ? "gc-aimed" : "", mark: `${isAimed ? "▼" : ""}${isWritten ? "✓" : ""}` || null, note };
      }));
      dart.aim(shown.dart.uniform, shown.dart.id);
    };
    const reel = film();
    // How the token that was written at `old` came into the text; `share` of the time that there is.
    const write = (old, shown, written, share) => reel.play(async (wait, isHurried) => {
      const part = (ms) => wait(ms * share);
      const isDart = written.id === old.dart.id;
      const values = { label: written.label, prob: percent(written.prob), uniform: uniformText(old.dart.uniform) };
      const caption = isDart ? t("The dart at {uniform} hits “{label}” (chance {prob}).", values) : t("“{label}” (chance {prob}) is written by hand.", values);
      root.tell({ ...old, caption });
      if (!isHurried() && isDart) dart.fall(old.dart.uniform, { ms: 450 * share });
      await part(isDart ? 450 : 0);
      const [piece, row] = [dart.light(written.id), candidates.row(written.id)];
      row?.classList.add("gc-chosen");
      await part(350);
      if (!isHurried()) {
        text.show(shown, true);
        const from = isDart && piece ? (piece.textContent ? piece.firstElementChild : piece) : row?.firstElementChild ?? piece;
        fly(root, written.label, from, text.at(old.position), 500 * share);
      }
      await part(500);
      settle(shown);
    });
    let before = {};
    const show = () => {
      const [shown, old] = [model.get("shown"), before];
      before = shown;
      [back.disabled, forward.disabled, play.disabled] = [shown.position === 0, !shown.candidates, !shown.candidates];
      for (const one of [back, forward]) if (one.disabled && document.activeElement === one) reset.focus();
      const written = shown.position === old.position + 1 && old.dart ? shown.tape[old.position - shown.start] : null;
      const share = setting("playing") ? Math.min(1, 850 / setting("speed") / SCENE) : 1;
      if (written && share > 0.1) write(old, shown, written, share);
      else reel.play(async () => settle(shown));
    };
    following(model, ["settings"], () => {
      const isPlaying = setting("playing");
      play.querySelectorAll("span").forEach((span, i) => put(span, { text: isPlaying ? ["❚❚", t("Pause")][i] : ["▶", t("Play")][i] }));
      put(root.querySelector(".gc-caption"), { "aria-live": isPlaying ? "off" : "polite" });
      put(root, { style: { "--glide": `calc(${isPlaying ? Math.min(260, 500 / setting("speed")) : 260}ms * var(--pace, 1))` } });
    });
    following(model, ["shown"], show);
    return autoplay(model);
  },
};
