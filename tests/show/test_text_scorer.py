import base64
import json
import math

import pytest
import torch

from gptcore import GPTConfig, GPTModel, next_token_distribution
from gptcore.show import Candidates
from gptcore.show.charts import chart
from gptcore.show.scored_place import LINE, MOST_LINES, number_text, piece_lines, plot_surprise
from gptcore.show.style import percent
from gptcore.show.text_scorer import TextScorer
from gptcore.tokenizer import token_label

TEXT = "Once upon a time there was a queen"


@pytest.fixture
def model(model_of_noise):
    return model_of_noise()


@pytest.fixture
def scorer(model, tokenizer):
    return TextScorer(model, tokenizer, TEXT)


def test_its_attributes_are_the_scores_of_the_text(scorer):
    scored = scorer.scored
    assert scorer.labels == scored.labels and scorer.scores == scored.scores
    for values in (scorer.probs, scorer.ranks, scorer.surprises):
        assert values[0] is None and None not in values[1:] and len(values) == len(scorer.labels)
    assert scorer.total == math.fsum(scorer.surprises[1:]) and scorer.loss == scored.evaluation.loss
    assert scorer.perplexity == scored.evaluation.perplexity


def test_a_new_text_is_looked_at_where_it_surprised_most(scorer):
    assert scorer.surprises[scorer.position] == max(scorer.surprises[1:])
    scorer.text = "the fox"
    assert scorer.surprises[scorer.position] == max(scorer.surprises[1:])


def test_the_candidates_are_those_of_the_distribution_before_the_token(scorer, model, tokenizer):
    token_ids = tokenizer.encode(TEXT)
    for position in range(1, len(token_ids)):
        scorer.position = position
        with torch.no_grad():
            logits = model.eval()(torch.tensor([token_ids[:position]]))[0, -1]
        expected = Candidates.of(next_token_distribution(logits), tokenizer)
        assert scorer.candidates.token_ids == expected.token_ids
        assert scorer.candidates.probs == pytest.approx(expected.probs, rel=1e-3)
        rows = scorer.record.expected()
        assert sum(prob for _, prob in rows) == pytest.approx(1)
        label, prob = rows[scorer.record.came]
        assert label == token_label(tokenizer, token_ids[position]) and prob == pytest.approx(scorer.probs[position])
        assert sum(row == label for row, _ in rows) == 1
        others = rows[-1][0].split()[0]
        assert len(rows) - 1 + (0 if others == "no" else int(others)) == model.config.vocab_size


def test_the_first_token_is_not_predicted(scorer):
    scorer.position = 0
    assert scorer.candidates is None and scorer.problem is None
    assert "nothing comes before it, so it is not predicted" in scorer.caption
    assert len(scorer.picture().axes) == 1


def test_the_caption_says_what_there_is_to_know_of_the_token(scorer):
    scorer.position = 2
    prob, rank, surprise = scorer.scores[2]
    assert (
        f"“{scorer.labels[2]}” (position 2): chance {percent(prob)}, rank {rank} of 340, {surprise:.1f} nats."
        in scorer.caption
    )


def test_a_syllable_is_whole_and_its_bytes_are_named_only_where_they_are_looked_at(bytes_only):
    torch.manual_seed(0)
    model = GPTModel(GPTConfig(vocab_size=256, context_length=40, emb_dim=8, n_heads=2, n_layers=1))
    scorer = TextScorer(model, bytes_only, "a 용")
    assert "most surprising: 용 (position 2)" in scorer.describe() and scorer.position == 2
    whole = f"{sum(scorer.surprises[2:]):.1f} nats in all"
    assert "“<0xEC>” (position 2)" in scorer.caption and f"It is part of “용”, {whole}" in scorer.caption
    text, expected = scorer.picture().axes
    assert [written.get_text() for written in text.texts][::2] == ["a", "␣", "용"]
    assert expected.get_title("left") == "What was expected in the place of <0xEC>, token 1 of 3 of “용”"


def test_a_piece_is_as_dark_as_its_surprise(scorer):
    figure, ax = chart(9, 3)
    plot_surprise(ax, scorer.record)
    fills = [patch for patch in ax.patches if patch.get_linewidth() == 0]
    scored = scorer.scored
    shares = [scored.share(scored.surprise_of(piece)) for piece in scored.pieces]
    assert [fill.get_alpha() for fill in fills] == pytest.approx([0.75 * share for share in shares])
    numbers = [text.get_text() for text in ax.texts][1::2]
    assert numbers == ["–", *(f"{surprise:.1f}" for surprise in scorer.surprises[1:])]


def test_a_long_text_has_as_many_lines_as_a_chart_has_room_for(model, tokenizer):
    scorer = TextScorer(model, tokenizer, f"{TEXT} and a fox. " * 20)
    lines = piece_lines(scorer.scored.pieces)
    assert len(lines) > MOST_LINES and sum(map(len, lines)) == len(scorer.scored.pieces)
    hidden = len(scorer.labels) - lines[MOST_LINES - 1][-1].stop
    figure = scorer.picture()
    assert figure.axes[0].texts[-1].get_text() == f"… and {hidden} more tokens"
    assert max(patch.get_x() + patch.get_width() for patch in figure.axes[0].patches) <= LINE + 1


def test_labels_fit_into_their_boxes(model, tokenizer):
    figure = TextScorer(model, tokenizer, f"{TEXT} 옛날 옛적에 뷁 $x$ WWW").picture()
    figure.draw_without_rendering()
    ax = figure.axes[0]
    boxes = [patch.get_window_extent() for patch in ax.patches if patch.get_linewidth() == 0]
    for box, text in zip(boxes, ax.texts[::2], strict=True):
        assert text.get_window_extent().width <= box.width, text.get_text()


def test_what_cannot_be_scored_is_said_and_the_next_text_is_scored(scorer):
    before = scorer.describe()
    scorer.text = ""
    assert scorer.caption.startswith("There is nothing to show: text must have at least two tokens")
    assert scorer.scores == scorer.probs == scorer.labels == [] and scorer.total is scorer.perplexity is None
    assert scorer.picture().axes
    scorer.text = TEXT
    assert scorer.describe() == before and scorer.problem is None


def test_the_line_and_the_picture(scorer):
    most = scorer.position
    assert scorer.describe() == (
        f"TextScorer: {len(scorer.labels) - 1} predicted tokens, {scorer.total:.1f} nats, perplexity "
        f"{scorer.perplexity:.1f}; most surprising: {scorer.labels[most]} (position {most}), "
        f"{scorer.surprises[most]:.1f} nats"
    )
    bundle = scorer._repr_mimebundle_()[0]
    assert bundle["text/plain"] == scorer.describe()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")


def test_a_perplexity_stays_readable():
    assert [number_text(value) for value in (1.0, 12_345.67, 3e30, float("inf"))] == [
        "1.0",
        "12,345.7",
        "3.0e+30",
        "inf",
    ]


def test_a_hand_on_the_page_chooses_a_token_and_writes_another_text(scorer, move):
    move(scorer, position=3)
    assert scorer.position == scorer.view.shown["position"] == 3
    assert scorer.view.shown["label"] == scorer.labels[3]
    move(scorer, text="the fox")
    assert "".join(piece for piece, *_ in scorer.view.shown["pieces"]) == "the fox"
    assert scorer.view.settings["text"] == "the fox"
    move(scorer, position=99)
    assert "Not changed: position must be from 0 to" in scorer.caption and scorer.position < 99


def test_another_token_can_be_put_in_the_place_of_one(scorer, press, tokenizer):
    scorer.text = "the fox and the queen"
    scorer.position = place = scorer.labels.index("␣fox")
    press(scorer, "replace", tokenizer.encode(" the")[0])
    assert scorer.text == "the the and the queen" and scorer.position == place
    press(scorer, "replace", 10**6)
    assert scorer.text == "the the and the queen" and "token_id must be below" in scorer.problem


def test_the_page_gets_each_piece_with_surprise_and_rank_and_the_bars_that_add_up(scorer):
    scorer.position = 2
    shown = scorer.view.shown
    assert "".join(piece for piece, *_ in shown["pieces"]) == TEXT
    scores = [score for _, *scores in shown["pieces"] for score in scores]
    assert scores == [None, *([round(score.surprise, 4), score.rank] for score in scorer.scores[1:])]
    assert sum(row["prob"] for row in shown["expected"]) == pytest.approx(1)
    assert [row.get("came", False) for row in shown["expected"]].count(True) == 1


def test_the_page_gets_a_syllable_whole_and_little_of_a_long_text(bytes_only, model, tokenizer):
    torch.manual_seed(0)
    small = GPTModel(GPTConfig(vocab_size=256, context_length=40, emb_dim=8, n_heads=2, n_layers=1))
    shown = TextScorer(small, bytes_only, "a 용\u202e").view.shown
    assert [piece for piece, *_ in shown["pieces"]] == ["a", " ", "용", "<U+202E>"]
    scorer = TextScorer(model, tokenizer, "the fox and the queen 용 " * 230)
    assert len(scorer.text) == 5_000 and len(json.dumps(scorer.view.shown)) < 90_000
