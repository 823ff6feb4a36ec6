import base64
import math
from html.parser import HTMLParser

import pytest
import torch

from gptcore import GPTConfig, GPTModel, lens_logits, next_token_distribution, record
from gptcore.show import LogitLens
from gptcore.show.logit_lens import WINDOW, Lens, height, row_name
from gptcore.tokenizer import token_label

TEXT = "Once upon a time there was a queen"


def make_model(tokenizer, **settings):
    torch.manual_seed(0)
    config = {"context_length": 40, "emb_dim": 16, "n_heads": 4, "n_layers": 3, "drop_rate": 0.5}
    model = GPTModel(GPTConfig(vocab_size=len(tokenizer), **(config | settings)))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def model(request, tokenizer):
    return make_model(tokenizer, tie_embeddings=request.param)


@pytest.fixture
def lens(model, tokenizer):
    return LogitLens(model, tokenizer, TEXT)


def tags(html):
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append(tag)
    parser.feed(html)
    return found


def test_the_last_row_is_the_models_own_distribution(lens, model, tokenizer):
    token_ids = tokenizer.encode(TEXT)
    assert model.training
    with torch.no_grad():
        logits = model.eval()(torch.tensor([token_ids]))[0]
    for place in range(len(token_ids)):
        probs = next_token_distribution(logits[place]).probs
        label, chance = lens.table[-1][place]
        assert label == token_label(tokenizer, int(probs.argmax()))
        assert chance == pytest.approx(probs.max().item(), abs=1e-5)
        lens.position = place
        assert lens.answer_id == int(probs.argmax()) and lens.answer == label
        assert lens.ranks[-1] == 1 and lens.chances[-1] == pytest.approx(chance, abs=1e-5)


def test_every_row_is_the_head_over_that_layers_stream(lens, model, tokenizer):
    recording = record(model, torch.tensor(tokenizer.encode(TEXT)))
    logits = lens_logits(model, recording.residuals)
    lens.position = 3
    assert len(lens.table) == len(lens.ranks) == 4
    for row in range(4):
        probs = logits[row, 3].softmax(-1)
        assert lens.table[row][3] == (token_label(tokenizer, int(probs.argmax())), pytest.approx(probs.max().item()))
        assert lens.chances[row] == pytest.approx(probs[lens.answer_id].item(), abs=1e-6)
        order = logits[row, 3].argsort(descending=True, stable=True).tolist()
        assert lens.ranks[row] == order.index(lens.answer_id) + 1


def test_equal_scores_are_ranked_by_id(tokenizer):
    model = make_model(tokenizer, tie_embeddings=False)
    with torch.no_grad():
        model.head.weight[:] = 0.0
    lens = LogitLens(model, tokenizer, "a")
    assert lens.answer_id == 0 and lens.ranks == [1, 1, 1, 1]
    ranks = Lens._row(torch.tensor([[1.0, 3.0, 1.0, 1.0]]), torch.tensor([3]))[3]
    assert ranks.tolist() == [4]


def test_the_window_holds_the_position_and_never_changes_its_size(lens):
    lens.text = "the fox and the queen and the golden key " * 2
    heights = set()
    for position in range(len(lens.labels)):
        lens.position = position
        assert position in lens.window and len(lens.window) == min(WINDOW, len(lens.labels))
        assert lens.window[0] >= 0 and lens.window[-1] < len(lens.labels)
        heights.add((tags(lens._table.value).count("tr"), lens._rise.value.count("gptcore-row")))
    lens.text = "a"
    assert lens.window == range(1)
    heights.add((tags(lens._table.value).count("tr"), lens._rise.value.count("gptcore-row")))
    lens.text = ""
    heights.add((tags(lens._table.value).count("tr"), lens._rise.value.count("gptcore-row")))
    assert heights == {(WINDOW + 1, 4)}


def test_the_controls_are_the_attributes(lens):
    lens._place.value = 2
    assert lens.position == 2 and "(place 2)" in lens._message.value
    lens._text.value = "a golden key"
    assert lens.text == "a golden key" and lens.position == len(lens.labels) - 1


def test_the_model_is_called_for_a_new_text_only(lens, monkeypatch):
    calls = []
    forward = lens.model.token_embedding.forward
    monkeypatch.setattr(lens.model.token_embedding, "forward", lambda ids: calls.append(ids) or forward(ids))
    lens.position = 0
    assert calls == []
    lens.text = "a queen"
    assert len(calls) == 1


def test_the_sentence_says_from_where_the_answer_leads_for_good(lens):
    lens.position = 1
    ranks = lens.ranks
    first = next(row for row in range(4) if set(ranks[row:]) == {1})
    assert f"the model answers “{lens.answer}”, chance" in lens.reading
    assert f"leads for good {row_name(first, 4)}" in lens.reading
    assert f"rank {ranks[0]:,} of" in lens.reading
    assert row_name(0, 4) == "after the embedding" and row_name(3, 4) == "after layer 2"


@pytest.mark.parametrize("position", [-1, 99, 1.5, True, None, "two"])
def test_a_position_that_is_not_allowed_changes_nothing_and_is_explained(lens, position):
    before = lens.position
    lens.position = position
    assert f"got {position!r}" in lens.problem and "Not changed" in lens.reading and lens.position == before
    lens.position = 0
    assert lens.problem is None


@pytest.mark.parametrize(
    ("text", "words"), [("", "at least one token"), ("\ud800", "without surrogates")], ids=["empty", "surrogate"]
)
def test_a_text_that_cannot_be_read_leaves_a_sentence(lens, text, words):
    lens.text = text
    assert words in lens.reading and lens.table == lens.ranks == lens.chances == [] and lens.answer is None
    assert lens.describe().startswith("LogitLens: text must")
    lens._place.value = 1  # a browser can move what is on the screen
    lens.picture()
    lens.text = TEXT
    assert lens.problem is None and len(lens.table) == 4


def test_a_text_that_is_none_changes_nothing(lens):
    lens.text = None
    assert "text must be a text, got None" in lens.reading and lens.text == TEXT and lens.ranks


def test_past_the_context_the_last_tokens_are_read(lens, tokenizer):
    lens.text = "the fox and the queen " * 20
    assert lens.left_out == len(tokenizer.encode(lens.text)) - 40 > 0
    assert len(lens.labels) == 40 and "sees only its last 40 tokens" in lens.reading


def test_nothing_in_a_text_is_html(lens):
    lens.text = '<script>alert(1)</script><img src=x onerror=alert(1)> & "x" $$'
    for html in (lens._table.value, lens._rise.value, lens._message.value):
        assert not set(tags(html)) & {"script", "img"}
    lens.picture()


def test_the_bars_grow_with_the_logarithm_of_the_rank():
    assert height(1, 100) == 1 and height(100, 100) == pytest.approx(0) and height(10, 100) == pytest.approx(0.5)
    assert height(1, 1) == 1 and math.isfinite(height(1, 2))


def test_one_token_and_one_layer(tokenizer):
    lens = LogitLens(make_model(tokenizer, n_layers=1, n_heads=1), tokenizer, "a", position=0)
    assert len(lens.ranks) == 2 and lens._place.disabled
    lens._place.value = 1  # disabled, but a slider's range needs two ends
    assert len(lens.ranks) == 2 and "place 0" in lens.reading
    lens.picture()


def test_the_line_the_picture_and_the_view(lens):
    lens.position = 2
    ranks = " → ".join(f"{rank:,}" for rank in lens.ranks)
    assert (
        lens.describe() == f"LogitLens: after {lens.labels[2]} (place 2) the answer {lens.answer} rises: rank {ranks}"
    )
    bundle = lens._repr_mimebundle_()
    assert bundle["text/plain"] == lens.describe()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    line = lens.picture().axes[1].lines[0]
    assert list(line.get_xdata()) == lens.ranks and list(line.get_ydata()) == [0, 1, 2, 3]


def test_a_label_of_bytes_stays_in_its_cell_on_paper(model, tokenizer, monkeypatch):
    monkeypatch.setattr("gptcore.show.logit_lens.token_label", lambda tokenizer, token_id: "<0xEB><0xA9><0x94>")
    figure = LogitLens(model, tokenizer, f"{TEXT} and a king").picture()
    figure.draw_without_rendering()
    ax = figure.axes[0]
    (left, _), (right, _) = ax.transData.transform([(0, 0), (1, 0)])
    assert len(ax.get_xticks()) == WINDOW
    assert max(text.get_window_extent().width for text in ax.texts) < right - left
