// StreamingGenerator: a text that grows by itself, beside the chances of the token that was written last.

export default {
  render({ model, el }) {
    const [prompt, middle, last] = ["gc-told", "gc-new", "gc-new gc-last"].map((kind) => h("span", { class: kind }));
    const story = h("div", { class: "gc-text", tabindex: "0", role: "group", "aria-label": t("The text") }, prompt, middle, last);
    const bar = h("i");
    const progress = h("div", { class: "gc-track", role: "progressbar", "aria-label": t("Tokens written"), "aria-valuemin": 0 }, bar);
    const [count, speed] = [h("span"), h("span", { class: "gc-number" })];
    const title = h("b");
    const candidates = bars({ label: t("Chances of the last token") });
    const dart = dartStrip();

    const start = button(t("Start"), () => ask(model, "start"), { icon: "▶", primary: true });
    const stop = button(t("Stop"), () => ask(model, "stop"), { icon: "■", title: t("Stop before the next token") });
    const text = field(model, "prompt", t("Text"));
    frame({ model, el }, N_("streaming generator"), ["probabilities", "dart", "next"], {
      top: [h("div", { class: "gc-line" }, text, start, stop,
        slider(model, "speed", t("Tokens/s, at most")))],
      left: [story, h("div", { class: "gc-progress" }, progress, count, speed)],
      right: [title, candidates.el, dart.el],
    });

    // A button that is pressed is out of use then: the focus goes to the other one.
    const use = (button, isUsable, other) => {
      const hadFocus = document.activeElement === button;
      button.disabled = !isUsable;
      if (hadFocus && !isUsable) other.focus();
    };
    following(model, ["shown"], () => {
      const shown = model.get("shown");
      const isRunning = shown.state === "running";
      const wasAtEnd = story.scrollHeight - story.scrollTop - story.clientHeight < 40;
      [prompt, middle, last].forEach((span, i) => put(span, { text: shown.parts[i] }));
      if (wasAtEnd) story.scrollTop = story.scrollHeight;
      put(bar, { style: { "--share": Math.min(1, shown.count / Math.max(1, shown.most)) } });
      put(progress, { "aria-valuemax": shown.most, "aria-valuenow": shown.count });
      put(count, { text: t("{n} of at most {most} tokens", { n: grouped(shown.count), most: grouped(shown.most) }) });
      put(speed, { text: shown.pace ? t("{n} tokens per second", { n: decimals(shown.pace, 1) }) : "" });
      put(title, { text: shown.drawn ? t("Chances from which {label} was drawn", { label: shorter(shown.drawn.label) }) : t("Candidates for the first token") });
      const rows = shown.candidates ?? [];
      const isAlone = rows.every(({ id }) => id !== shown.drawn?.id);
      candidates.show(rows.map((row) => ({ ...row, kind: shown.drawn && (row.id === shown.drawn.id || (isAlone && row.id == null)) ? "gc-aimed" : "" })));
      title.style.visibility = rows.length ? "visible" : "hidden";
      dart.show(shown.dart);
      dart.fall(shown.dart?.uniform, { ms: 0 });
      dart.light(shown.drawn?.id, "gc-aimed");
      if (isRunning) stop.disabled = false;
      use(start, !isRunning, stop);
      use(stop, isRunning, start);
      text.querySelector("input").disabled = isRunning;
    });
  },
};
