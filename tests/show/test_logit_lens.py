import base64
import math

import pytest
import torch

from gptcore import Tokenizer, lens_logits, next_token_distribution, record
from gptcore.show import LogitLens
from gptcore.show.logit_lens import CANDIDATES, WINDOW, height, likeliest, ranks_of, read_lens, rise_at, row_name
from gptcore.tokenizer import token_label

TEXT = "Once upon a time there was a queen"


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def model(request, model_of_noise):
    return model_of_noise(tie_embeddings=request.param)


@pytest.fixture
def lens(model, tokenizer):
    return read_lens(model, tokenizer, TEXT)


@pytest.fixture
def widget(model, tokenizer):
    return LogitLens(model, tokenizer, TEXT)


def test_the_last_row_is_the_models_own_distribution(lens, model, tokenizer):
    token_ids = tokenizer.encode(TEXT)
    assert model.training
    with torch.no_grad():
        logits = model.eval()(torch.tensor([token_ids]))[0]
    for position in range(len(token_ids)):
        probs = next_token_distribution(logits[position]).probs
        answer_id = int(probs.argmax())
        cell, rise = lens.table[-1][position], rise_at(lens, position)
        assert rise.answer == cell.label == token_label(tokenizer, answer_id) and cell.is_answer
        assert cell.prob == pytest.approx(probs.max().item(), abs=1e-5)
        assert rise.ranks[-1] == 1 and rise.probs[-1] == pytest.approx(cell.prob, abs=1e-5)


def test_every_row_is_the_head_over_that_layers_stream(lens, model, tokenizer):
    logits = lens_logits(model, record(model, torch.tensor(tokenizer.encode(TEXT))).residuals)
    rise, answer_id = rise_at(lens, 3), int(logits[-1, 3].argmax())
    assert len(lens.table) == len(rise.ranks) == len(rise.probs) == 4
    for row in range(4):
        probs = logits[row, 3].softmax(-1)
        top_id = int(probs.argmax())
        expected = token_label(tokenizer, top_id), pytest.approx(probs.max().item()), top_id == answer_id
        assert lens.table[row][3] == expected
        assert rise.probs[row] == pytest.approx(probs[answer_id].item(), abs=1e-6)
        order = logits[row, 3].argsort(descending=True, stable=True).tolist()
        assert rise.ranks[row] == order.index(answer_id) + 1


def test_equal_logits_are_ranked_by_id(model_of_noise, tokenizer):
    assert ranks_of(torch.tensor([[1.0, 3.0, 1.0, 1.0]]), torch.tensor([3])).tolist() == [4]
    model = model_of_noise(tie_embeddings=False)
    with torch.no_grad():
        model.head.weight[:] = 0.0
    widget = LogitLens(model, tokenizer, "a")
    assert widget.answer == token_label(tokenizer, 0) and widget.ranks == [1, 1, 1, 1]


def test_the_caption_says_after_which_layer_the_answer_leads_for_good(lens):
    rise = rise_at(lens, 1)
    first = next(row for row in range(4) if set(rise.ranks[row:]) == {1})
    assert rise.leads_from == first
    assert f"the model answers “{rise.answer}”, chance" in rise.caption
    assert f"it had rank {rise.ranks[0]:,} of {lens.vocab_size:,}; " in rise.caption
    assert rise.caption.endswith(f"leads for good after {row_name(first)}.")
    assert row_name(0) == "the embedding" and row_name(3) == "layer 2"


def test_the_window_holds_the_position_and_never_changes_its_size(model, tokenizer):
    lens, short = (read_lens(model, tokenizer, text) for text in ("the fox and the queen and the golden key " * 2, "a"))
    for position in range(len(lens.labels)):
        window = rise_at(lens, position).window
        assert position in window and len(window) == min(WINDOW, len(lens.labels))
        assert window[0] >= 0 and window[-1] < len(lens.labels)
    assert rise_at(short, 0).window == range(1)


def test_the_bars_grow_with_the_logarithm_of_the_rank():
    assert height(1, 100) == 1 and height(100, 100) == pytest.approx(0) and height(10, 100) == pytest.approx(0.5)
    assert height(1, 1) == 1 and math.isfinite(height(1, 2))


def test_the_likeliest_tokens_of_a_cell(widget, model, tokenizer):
    logits = lens_logits(model, record(model, torch.tensor(tokenizer.encode(TEXT))).residuals)
    for row, position in [(0, 2), (3, 5)]:
        widget.open(row, position)
        assert (widget.row, widget.position) == (row, position)
        own, probs = logits[row, position], logits[row, position].softmax(-1)
        expected = own.topk(CANDIDATES).indices.tolist()
        assert [candidate.token_id for candidate in widget.candidates] == expected
        for token_id, label, logit, prob in widget.candidates:
            assert label == token_label(tokenizer, token_id) and prob == pytest.approx(probs[token_id].item(), abs=1e-6)
            assert logit == pytest.approx(own[token_id].item(), abs=1e-5)
        assert widget.candidates[0].label == widget.table[row][position].label
        assert sum(row["prob"] for row in widget.view.shown["candidates"]) == pytest.approx(1, abs=1e-5)
        others = widget.view.shown["candidates"][-1]["label"]
        assert others == f"{model.config.vocab_size - CANDIDATES:,} others"


def test_equal_tokens_of_a_cell_are_in_the_order_of_their_ids():
    logits = torch.zeros(2, 100)
    logits[1, [90, 7]], logits[1, 50] = 1.0, 2.0
    first, second = likeliest(logits).tolist()
    assert first[0] == 0 and first == sorted(first) and second[:3] == [50, 7, 90]
    assert likeliest(torch.tensor([[1.0, 3.0, 3.0]])).tolist() == [[1, 2, 0]]


def test_the_page_gets_the_window_and_the_rise(widget, lens):
    widget.open(1, 2)
    rise, shown = rise_at(lens, 2, 1), widget.view.shown
    assert (widget.answer, widget.ranks, widget.probs) == (rise.answer, rise.ranks, rise.probs)
    assert widget.table == lens.table and (shown["position"], shown["row"]) == (2, 1)
    assert shown["window"] == list(rise.window) and shown["answer"] == rise.answer
    for row, cells in enumerate(shown["table"]):
        assert [tuple(cell.values()) for cell in cells] == [lens.table[row][position] for position in rise.window]
    assert [(row["rank"], row["prob"]) for row in shown["rise"]] == [*zip(rise.ranks, rise.probs, strict=True)]
    assert [row["height"] for row in shown["rise"]] == [height(rank, lens.vocab_size) for rank in rise.ranks]


def test_nothing_is_shown_of_a_text_that_cannot_be_read(model_of_noise):
    widget = LogitLens(model_of_noise(vocab_size=3), Tokenizer.of_characters("abc"), "")  # there is no end of text
    assert widget.table == widget.ranks == widget.probs == widget.candidates == [] and widget.answer is None


def test_the_open_row_stays_and_the_last_is_the_models_output(model, tokenizer, move, press):
    widget = LogitLens(model, tokenizer, TEXT)
    assert widget.row == 3 and widget.candidates[0].label == widget.answer
    press(widget, "open", 1, 4)
    move(widget, position=2)
    assert (widget.row, widget.position) == (1, 2)
    move(widget, text="a queen")
    assert widget.row == 1
    for place in ((4, 0), (0, 99), (None, 0), ("x",)):
        press(widget, "open", *place)
        assert widget.problem and (widget.row, widget.position) == (1, len(widget.labels) - 1)
    assert LogitLens(model, tokenizer, TEXT, row=0, position=1).candidates[0].label == widget.recorded.label(
        int(lens_logits(model, record(model, torch.tensor(tokenizer.encode(TEXT))).residuals[0, 1]).argmax())
    )


def test_one_token_and_one_layer(model_of_noise, tokenizer, move):
    widget = LogitLens(model_of_noise(n_layers=1, n_heads=1), tokenizer, "a", position=0)
    move(widget, position=1)
    assert len(widget.ranks) == 2 and "got 1" in widget.caption and "position 0" in widget.caption
    widget.picture()


def test_the_line_the_picture_and_the_view(widget):
    widget.position = 2
    ranks = " → ".join(f"{rank:,}" for rank in widget.ranks)
    after = f"after {widget.labels[2]} (position 2)"
    assert widget.describe() == f"LogitLens: {after} the answer {widget.answer} rises: rank {ranks}"
    bundle = widget._repr_mimebundle_()[0]
    assert bundle["text/plain"] == widget.describe()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    line = widget.picture().axes[1].lines[0]
    assert list(line.get_xdata()) == widget.ranks and list(line.get_ydata()) == [0, 1, 2, 3]


def test_a_label_of_bytes_stays_in_its_cell_on_paper(model, tokenizer, monkeypatch):
    for module in ("logit_lens", "recorded"):
        monkeypatch.setattr(f"gptcore.show.{module}.token_label", lambda tokenizer, token_id: "<0xEB><0xA9><0x94>")
    figure = LogitLens(model, tokenizer, f"{TEXT} and a king").picture()
    figure.draw_without_rendering()
    ax = figure.axes[0]
    (left, _), (right, _) = ax.transData.transform([(0, 0), (1, 0)])
    assert len(ax.get_xticks()) == WINDOW
    assert max(text.get_window_extent().width for text in ax.texts) < right - left
