// NextToken: a text that grows by one token per click, beside the candidates for the next one and their dart.

export default {
  render({ model, el }) {
    const story = h("div", { class: "gc-text", tabindex: "0", role: "group", "aria-label": t("The text") });
    const [prompt, middle, last] = ["gc-told", "gc-new", "gc-new gc-last"].map((kind) =>
      h("span", { class: kind }));
    story.append(prompt, middle, last);
    const choose = (row) => ask(model, "choose", row.id);
    const candidates = bars({ act: choose, label: t("Candidates for the next token"),
      tip: (row) => t("Write {label}, which has a chance of {prob}", { label: row.label, prob: percent(row.prob) }) });
    const dart = dartStrip({ act: choose });

    const isOver = () => !model.get("shown").candidates;
    const add = button(t("Add a token"), () => ask(model, "add_token"), { icon: "+", primary: true });
    const play = player(t("Play"), () => (isOver() ? false : ask(model, "add_token")), 1600);
    const fresh = button(t("New story"), () => ask(model, "new_story"), { icon: "↺", title: t("Begin again with other luck") });
    const root = frame({ model, el }, N_("next token"), ["probabilities", "dart", "next"], {
      left: [field(model, "prompt", t("Text")), story, h("div", { class: "gc-buttons" }, add, play.el, fresh)],
      right: [candidates.el, dart.el],
      late: true,
    });

    const write = ({ parts = ["", "", ""] }) => {
      [prompt, middle, last].forEach((span, i) => put(span, { text: parts[i] }));
      story.scrollTop = story.scrollHeight;
    };
    const settle = (shown) => {
      root.tell(shown);
      write(shown);
      candidates.show(shown.candidates ?? []);
      dart.show(shown.dart);
      dart.fall(null);
      dart.light(null);
      add.disabled = play.el.disabled = !shown.candidates;
    };
    const reel = film();
    let before = {};
    const show = () => {
      const [shown, old] = [model.get("shown"), before];
      before = shown;
      if (!shown.drawn || shown.count !== old.count + 1) return void reel.play(async () => settle(shown));
      const { uniform, id } = shown.drawn;
      reel.play(async (wait, isHurried) => {
        if (!isHurried()) {
          const byHand = id !== old.dart.id;
          if (!byHand) dart.fall(uniform);
          await wait(byHand ? 0 : 380);
          const piece = dart.light(id);
          candidates.row(id)?.classList.add("gc-chosen");
          await wait(450);
          if (!isHurried()) fly(root, shown.parts[2], candidates.row(id) ?? piece, last, 420);
          await wait(420);
        }
        settle(shown);
      });
    };
    following(model, ["shown"], show);
    return play.stop;
  },
};
