import base64
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

import gptcore
from gptcore import GPTConfig, GPTModel, next_token_distribution, stories
from gptcore.show import Candidates, NextToken, plot_candidates
from gptcore.show.candidates import candidates_html
from gptcore.show.style import LONGEST, columns, drawable, ending, fonts, percent, short_label
from gptcore.tokenizer import token_label

ROOT = Path(__file__).parents[2]


@pytest.fixture
def model(tokenizer):
    torch.manual_seed(0)
    return GPTModel(
        GPTConfig(vocab_size=len(tokenizer), context_length=12, emb_dim=16, n_heads=2, n_layers=2, drop_rate=0.5)
    )


@pytest.fixture
def widget(model, tokenizer):
    return NextToken(model, tokenizer, "Once upon", seed=3)


def five_of(tokenizer, **settings):
    logits = torch.zeros(len(tokenizer))
    logits[:7] = torch.tensor([3.0, 7, 1, 5, 2, 6, 4])
    return Candidates.of(next_token_distribution(logits, **settings), tokenizer)


def test_candidates_are_the_likeliest_and_add_up_to_one(tokenizer):
    candidates = five_of(tokenizer)
    assert candidates.token_ids == [1, 5, 3, 6, 0]
    assert sum(candidates.probs) + candidates.others == pytest.approx(1)
    assert candidates.others_count == len(tokenizer) - 5


def test_candidates_that_cannot_be_drawn_are_not_shown(tokenizer):
    candidates = five_of(tokenizer, top_k=2)
    assert candidates.token_ids == [1, 5]
    assert candidates.others == pytest.approx(0, abs=1e-6)
    assert candidates.others_label == "no others"


def test_the_bars_of_the_chart_are_the_probabilities(tokenizer):
    candidates = five_of(tokenizer)
    ax = Figure().subplots()
    plot_candidates(ax, candidates)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([*candidates.probs, candidates.others])
    assert [label.get_text() for label in ax.get_yticklabels()] == [*candidates.labels, candidates.others_label]


class Bars(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.widths, self.text = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        style = dict(attributes).get("style") or ""
        if style.startswith("width:"):
            self.widths.append(float(style.removeprefix("width:").rstrip("%")) / 100)

    def handle_data(self, data):
        self.text.append(data)


def test_the_bars_of_the_page_are_the_probabilities(tokenizer):
    candidates = five_of(tokenizer)
    bars = Bars(candidates_html(candidates))
    assert bars.widths == pytest.approx([*candidates.probs, candidates.others], abs=1e-4)


@pytest.mark.parametrize("label", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&amp;", '"', "$x$"])
def test_no_label_is_read_as_html(label):
    candidates = Candidates([1], [label], [0.5], 0.5, 3)
    bars = Bars(candidates_html(candidates))
    assert set(bars.tags) == {"div", "span"}
    assert label in bars.text


@pytest.mark.parametrize("label", ["$$", "$100 and 50% of $200", "$5 and $6", "_x", "\\frac"])
def test_no_label_is_read_as_mathematics(label):
    figure = Figure()
    plot_candidates(figure.subplots(), Candidates([1], [label], [0.5], 0.5, 3))
    figure.canvas.draw()


def test_hangul_is_drawn_without_a_warning(recwarn):
    figure = Figure()
    plot_candidates(figure.subplots(), Candidates([1], ["␣나무꾼은"], [0.5], 0.5, 3))
    figure.canvas.draw()
    assert not recwarn.list


def test_every_token_of_gpt2_is_only_text_in_a_page(gpt2_folder):
    tokenizer = gptcore.load_tokenizer(gpt2_folder)
    labels = [short_label(token_label(tokenizer, i), i) for i in range(len(tokenizer))]
    assert len(set(labels)) == len(labels) and max(map(columns, labels)) <= LONGEST
    for i in range(0, len(labels), 500):
        ids = list(range(i, min(i + 500, len(labels))))
        some = [token_label(tokenizer, i) for i in ids]
        bars = Bars(candidates_html(Candidates(ids, some, [0.0] * len(some), 1.0, 3)))
        assert set(bars.tags) == {"div", "span"}
        assert bars.text[:-2:2] == labels[i : i + 500]


def test_the_longest_tokens_of_gpt2_leave_room_for_their_bars(gpt2_folder, recwarn):
    tokenizer = gptcore.load_tokenizer(gpt2_folder)
    labels = {i: token_label(tokenizer, i) for i in range(len(tokenizer))}
    longest = sorted(labels, key=lambda i: columns(labels[i]))[-5:]
    assert min(columns(labels[i]) for i in longest) >= 64
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    ax = figure.subplots()
    plot_candidates(ax, Candidates(longest, [labels[i] for i in longest], [0.1] * 5, 0.5, 3))
    figure.canvas.draw()
    assert ax.get_position().width > 0.6
    assert [str(warning.message) for warning in recwarn.list] == []


@pytest.mark.parametrize(("text", "shown"), [("a fox", "a fox"), ("a fox here", "…here"), ("호랑이", "…랑이")])
def test_of_a_long_text_a_title_shows_the_end(text, shown):
    assert ending(text, 5) == shown


def test_every_token_of_gpt2_can_be_drawn_without_a_warning(gpt2_folder, recwarn):
    tokenizer = gptcore.load_tokenizer(gpt2_folder)
    labels = [drawable(token_label(tokenizer, i)) for i in range(len(tokenizer))]
    for i in range(0, len(labels), 1000):
        figure = Figure()
        figure.text(0, 0, "\n".join(labels[i : i + 1000]), parse_math=False, fontfamily=fonts())
        figure.canvas.draw()
    assert [str(warning.message) for warning in recwarn.list] == []


@pytest.mark.parametrize(("text", "drawn"), [("␣나무꾼 fox", "␣나무꾼 fox"), ("🦊", "<U+1F98A>")])
def test_what_no_font_can_draw_is_named(text, drawn):
    assert drawable(text) == drawn


def test_the_page_keeps_its_height():
    few, many = (Candidates(list(range(n)), ["x"] * n, [0.1] * n, 0.5, 9) for n in (1, 5))
    assert candidates_html(few).count("gptcore-row") == candidates_html(many).count("gptcore-row") == 6


@pytest.mark.parametrize(
    ("probability", "text"),
    [(0, "0.0%"), (1e-9, "<0.1%"), (0.716, "71.6%"), (0.9999, ">99.9%"), (1, "100.0%"), (0.001, "0.1%")],
)
def test_percent_is_honest_at_the_ends(probability, text):
    assert percent(probability) == text


def test_a_click_adds_the_token_that_was_drawn(widget):
    for _ in range(3):
        step, before = widget.step, list(widget.token_ids)
        widget._add.click()
        assert widget.token_ids == [*before, step.token_id]
        assert widget.last is step
        assert widget.step.position == step.position + 1


def test_the_widget_shows_the_distribution_that_chooses(widget, tokenizer):
    assert widget.candidates == Candidates.of(widget.step.distribution, tokenizer)
    assert widget._bars.value == candidates_html(widget.candidates)


def test_the_same_seed_tells_the_same_story_and_a_new_story_another(model, tokenizer):
    def told(widget):
        for _ in range(6):
            widget.add_token()
        return widget.text

    widget = NextToken(model, tokenizer, "Once", seed=3)
    first = told(widget)
    assert told(NextToken(model, tokenizer, "Once", seed=3)) == first
    widget._new.click()
    assert widget.text == "Once"
    assert told(widget) == told(NextToken(model, tokenizer, "Once", seed=4)) != first


def test_another_beginning_begins_again(widget):
    widget.add_token()
    widget._prompt.value = "옛날"
    assert widget.text == "옛날" == widget.prompt
    assert widget.last is None


def test_an_empty_beginning_starts_from_the_end_of_text(widget):
    widget.prompt = ""
    assert widget.text == ""
    widget.add_token()
    assert len(widget.token_ids) == 1


def test_the_story_ends_at_the_end_of_text(model, tokenizer):
    with torch.no_grad():  # a model that is sure that everything is over
        model.final_norm.weight.zero_()
        model.final_norm.bias.copy_(model.token_embedding.weight[tokenizer.eos_token_id] * 1e4)
    widget = NextToken(model, tokenizer, "Once upon")
    widget.add_token()
    assert widget.text == "Once upon"
    assert widget.step is None and widget._add.disabled and widget.candidates is None
    assert "story is over" in widget._message.value
    widget.add_token()  # does nothing
    assert widget.describe() == "NextToken: 'Once upon' is over"
    widget.picture()
    widget.new_story()
    assert not widget._add.disabled


def test_the_text_of_a_prompt_is_never_read_as_html(widget):
    widget.prompt = "<img src=x onerror=alert(1)>"
    assert "<img" not in widget._text.value
    assert "&lt;img" in widget._text.value


@pytest.mark.parametrize("prompt", ["$$", "$5 and $6", "\\frac{1}{2} $", "fox " * 500, "x" * 2000, "🦊" * 300, "\n\n"])
def test_any_prompt_has_a_picture_without_a_warning(widget, recwarn, prompt):
    widget.prompt = prompt
    png = base64.b64decode(widget._repr_mimebundle_()["image/png"])
    assert int.from_bytes(png[16:20], "big") < 1000  # pixels wide
    assert [str(warning.message) for warning in recwarn.list] == []


def test_a_beginning_that_cannot_be_read_becomes_a_sentence():
    letters = gptcore.Tokenizer.of_characters("a fox")
    model = GPTModel(
        GPTConfig(vocab_size=len(letters), context_length=12, emb_dim=16, n_heads=2, n_layers=1, drop_rate=0.0)
    )
    widget = NextToken(model, letters, "a fox")
    widget.add_token()
    widget._prompt.value = "Once"
    assert "There is nothing to show: text must hold only the 5 characters" in widget._message.value
    assert widget.text == "" and widget.candidates is None and widget._add.disabled
    assert widget.describe().startswith("NextToken: text must hold only")
    widget.add_token()  # does nothing
    widget._new.click()
    widget.picture()
    widget._prompt.value = ""
    assert widget.problem.startswith("prompt must not be empty")
    widget._prompt.value = "fox"
    assert widget.problem is None and widget.text == "fox" and not widget._add.disabled


def test_a_notebook_gets_the_live_view_a_picture_and_a_line(widget):
    bundle = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == widget.describe()
    assert widget.describe().startswith("NextToken: 'Once upon' may go on with ")
    json.dumps(bundle)


def test_preflight_says_what_is_wrong_and_what_to_do(capsys, monkeypatch):
    from gptcore.show import preflight as function
    from gptcore.show.preflight import _missing, _short_of_memory

    function()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["Python", "widgets", "charts", "memory", "runs"]
    assert "outside of a notebook" in lines[1]
    assert "%pip install nothing_like_it" in _missing("nothing_like_it")
    assert _missing("json") is None
    assert "0.2 GB" in _short_of_memory(200_000_000) and "shut down" in _short_of_memory(200_000_000)
    assert _short_of_memory(2_000_000_000) is None


@pytest.mark.parametrize("module", ["ipywidgets", "matplotlib", "psutil"])
def test_the_first_lesson_says_what_is_missing_before_it_needs_it(module):
    lesson = json.loads((ROOT / "notebooks" / "00_start_here.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in lesson["cells"] if cell["cell_type"] == "code"]
    cell = next(cell for cell in cells if "preflight()" in cell)
    code = f"import sys; sys.modules[{module!r}] = None\n{cell}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert f"{module} is missing: run  %pip install {module}" in done.stdout, done.stderr


def test_candidates_of_a_real_prefix_are_the_exact_ones(tokenizer):
    """Belief and truth can be shown by the same chart."""
    chances = stories.next_token("Once upon a time", tokenizer)
    logits = torch.full((len(tokenizer),), -torch.inf)
    for token_id, p in chances.items():
        logits[token_id] = torch.tensor(p).log()
    candidates = Candidates.of(next_token_distribution(logits), tokenizer)
    assert dict(zip(candidates.token_ids, candidates.probs, strict=True)) == pytest.approx(chances)
