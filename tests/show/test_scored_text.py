import math

import pytest
import torch

from gptcore import GPTConfig, GPTModel, evaluate
from gptcore.show.scored_text import score_text, windows
from gptcore.tokenizer import token_label

TEXT = "Once upon a time there was a queen"


@pytest.fixture
def model(model_of_noise):
    return model_of_noise()


def test_probability_rank_and_surprise_are_those_of_the_models_own_distribution(model, tokenizer):
    scored, token_ids = score_text(model, tokenizer, TEXT), tokenizer.encode(TEXT)
    assert scored.scores[0] is None and len(scored.scores) == len(token_ids)
    assert scored.labels == [token_label(tokenizer, token_id) for token_id in token_ids]
    for position in range(1, len(token_ids)):
        with torch.no_grad():
            logits = model.eval()(torch.tensor([token_ids[:position]]))[0, -1]
        prob = logits.softmax(-1)[token_ids[position]].item()
        order = logits.argsort(descending=True, stable=True).tolist()
        score = scored.scores[position]
        assert score.prob == pytest.approx(prob, rel=1e-3)
        assert score.surprise == pytest.approx(-math.log(prob), abs=1e-3)
        assert score.rank == 1 + order.index(token_ids[position])


def test_the_sum_and_the_perplexity_are_those_of_evaluate(model, tokenizer):
    longest = "a" * (model.config.context_length + 1)
    for text in (TEXT, longest):
        token_ids = torch.tensor([tokenizer.encode(text)])
        scored, expected = score_text(model, tokenizer, text), evaluate(model, list(token_ids))
        assert scored.evaluation.tokens == expected.tokens == token_ids.shape[1] - 1
        assert scored.evaluation.loss == pytest.approx(expected.loss, rel=1e-4)
        assert scored.evaluation.perplexity == pytest.approx(math.exp(scored.total / expected.tokens))
        assert not scored.warning


def test_every_token_is_predicted_once_and_from_half_a_context_at_least():
    for size in (1, 2, 3, 8):
        for count in range(2, 40):
            predicted = []
            for start, first, stop in windows(count, size):
                assert 0 < stop - 1 - start <= size and first < stop
                assert start == 0 or first - start > size // 2
                predicted += range(first, stop)
            assert predicted == list(range(1, count))


def test_a_text_longer_than_the_context_is_read_in_windows_that_overlap(model, tokenizer):
    text = f"{TEXT} and the fox found a golden key, and the fox said: where is the door?"
    scored, token_ids = score_text(model, tokenizer, text), tokenizer.encode(text)
    assert len(token_ids) > 41 and "longer than the context of 40 tokens" in scored.warning
    assert "from at least 21 before it" in scored.warning
    with torch.no_grad():
        logits = model.eval()(torch.tensor([token_ids[20:-1]]))[0]  # the second of the windows
    for position in range(41, len(token_ids)):
        expected = logits[position - 21].log_softmax(-1)[token_ids[position]].item()
        assert scored.scores[position].surprise == pytest.approx(-expected, abs=1e-3)


def test_a_syllable_of_several_tokens_is_one_piece_with_the_sum_of_their_surprises(bytes_only):
    torch.manual_seed(0)
    model = GPTModel(GPTConfig(vocab_size=256, context_length=40, emb_dim=8, n_heads=2, n_layers=1))
    scored = score_text(model, bytes_only, "용 a")
    assert [(piece.start, piece.stop, piece.text) for piece in scored.pieces] == [
        (0, 3, "용"),
        (3, 4, None),
        (4, 5, None),
    ]
    of = [score.surprise for score in scored.scores[1:]]
    assert scored.surprise_of(scored.pieces[0]) == pytest.approx(of[0] + of[1])  # its first byte is not predicted
    assert sum(map(scored.surprise_of, scored.pieces)) == pytest.approx(scored.total)
    assert scored.most_surprising is scored.pieces[0]


def test_the_scale_ends_at_the_surprise_of_a_guess_among_all_tokens(model, tokenizer):
    scored = score_text(model, tokenizer, TEXT)
    guess = math.log(len(tokenizer))
    assert [scored.share(nats) for nats in (0, guess / 2, guess, 99)] == pytest.approx([0, 0.5, 1, 1])


def test_the_model_stays_as_it_was(model, tokenizer):
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first, second = score_text(model, tokenizer, TEXT), score_text(model, tokenizer, TEXT)
    assert first.scores == second.scores  # without dropout
    assert model.training and torch.is_grad_enabled() and not first.states.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class Lossy:
    """A tokenizer that has no token for "x"."""

    def __init__(self, tokenizer):
        self.encode = lambda text: tokenizer.encode(text.replace("x", ""))
        self.decode = tokenizer.decode


def test_a_tokenizer_that_changes_the_text_says_so(model, tokenizer):
    assert score_text(model, Lossy(tokenizer), "the fox").warning.startswith(" The tokenizer changes the text: ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "text must have at least two tokens, so that there is one to predict, got 0"),
        ("a", "text must have at least two tokens, so that there is one to predict, got 1"),
        ("\ud800", "text must be text that UTF-8 can hold"),
        (b"the fox", "text must be a str, got bytes"),
    ],
)
def test_what_cannot_be_scored_is_said_in_a_sentence(model, tokenizer, text, problem):
    with pytest.raises((TypeError, ValueError), match=problem):
        score_text(model, tokenizer, text)


def test_a_model_without_some_of_the_tokens_and_one_that_is_broken(model_of_noise, tokenizer):
    with pytest.raises(ValueError, match="token_ids must be from 0 to 9"):
        score_text(model_of_noise(vocab_size=10), tokenizer, TEXT)
    broken = model_of_noise()
    torch.nn.init.constant_(broken.final_norm.weight, math.nan)
    with pytest.raises(ValueError, match="model must give finite scores"):
        score_text(broken, tokenizer, TEXT)
