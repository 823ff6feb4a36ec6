import pytest
import torch
from matplotlib.figure import Figure

import gptcore
from gptcore import next_token_distribution, stories
from gptcore.show import Candidates, plot_candidates
from gptcore.show.style import LONGEST, columns, short_label
from gptcore.tokenizer import token_label


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
    assert candidates.others == 0
    assert candidates.others_label == "no others"


def test_candidates_with_the_same_probability_stand_in_the_order_of_their_scores(tokenizer):
    assert five_of(tokenizer, temperature=1e300).token_ids == [1, 5, 3, 6, 0]
    cold = five_of(tokenizer, temperature=1e-3, top_k=4)
    assert cold.token_ids == [1, 5, 3, 6] and cold.probs == [1, 0, 0, 0]


def test_the_bars_of_the_chart_are_the_probabilities(tokenizer):
    candidates = five_of(tokenizer)
    ax = Figure().subplots()
    plot_candidates(ax, candidates)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([*candidates.probs, candidates.others])
    assert [label.get_text() for label in ax.get_yticklabels()] == [*candidates.labels, candidates.others_label]


def test_the_bars_of_the_page_are_the_probabilities(tokenizer):
    candidates = five_of(tokenizer)
    rows = candidates.rows_shown()
    assert [(row["label"], row["prob"]) for row in rows] == candidates.rows()
    assert [row["id"] for row in rows] == [*candidates.token_ids, None]


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


def test_no_two_tokens_of_gpt2_have_the_same_label(gpt2_folder):
    tokenizer = gptcore.load_tokenizer(gpt2_folder)
    labels = [short_label(token_label(tokenizer, i), i) for i in range(len(tokenizer))]
    assert len(set(labels)) == len(labels) and max(map(columns, labels)) <= LONGEST


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


def test_candidates_of_a_real_prefix_are_the_exact_ones(tokenizer):
    """Belief and truth can be shown by the same chart."""
    chances = stories.next_token("Once upon a time", tokenizer)
    logits = torch.full((len(tokenizer),), -torch.inf)
    for token_id, p in chances.items():
        logits[token_id] = torch.tensor(p).log()
    candidates = Candidates.of(next_token_distribution(logits), tokenizer)
    assert dict(zip(candidates.token_ids, candidates.probs, strict=True)) == pytest.approx(chances)
