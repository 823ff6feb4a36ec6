import pytest
import torch

from gptcore import GPTConfig, GPTModel, Sampling, draw, token_label
from gptcore.show.tape import is_written, look, write


@pytest.fixture
def start(tokenizer):
    """start(tape, position): a place of a tape after "Once upon", where the dart falls at 0.5."""
    torch.manual_seed(0)
    model = GPTModel(GPTConfig(vocab_size=len(tokenizer), context_length=12, emb_dim=16, n_heads=2, n_layers=1))
    ids = tokenizer.encode("Once upon")
    return lambda tape=(), position=0: look(model, tokenizer, ids, tape, position, 0.5, Sampling(0.7, 5), 3)


def test_a_place_has_the_token_that_the_dart_hits(start, tokenizer):
    place = start()
    assert place.drawn_id == draw(place.distribution, 0.5) == place.dart.token_id
    assert place.candidates.token_ids == place.distribution.probs.topk(5).indices.tolist()
    assert place.token_ids == place.prompt_ids == tokenizer.encode("Once upon")
    assert place.caption.startswith(f"The dart falls on “{token_label(tokenizer, place.drawn_id)}” (chance ")
    assert place.describe().startswith("0 new tokens, may go on with ")


def test_what_is_written_by_hand_is_surprising_before_all_settings(start, tokenizer):
    place = start()
    chosen = place.distribution.logits.argmin().item()  # which top-k cut
    written = write(place, chosen, tokenizer)
    token = written.replayed
    assert place.tape == () and written.tape == (token,) and token.by_hand  # a record does not change
    surprise = -place.distribution.logits.double().log_softmax(-1)
    assert (token.prob, token.surprise) == (0, pytest.approx(surprise[chosen].item()))
    assert token.drawn_surprise == pytest.approx(surprise[place.drawn_id].item())
    assert written.caption.startswith(f"You wrote “{token.label}” (chance 0.0%) here.")
    later = start(written.tape, 1)
    assert (later.surprise, later.model_surprise) == (token.surprise, token.drawn_surprise)
    assert later.token_ids == [*place.prompt_ids, chosen] and later.replayed is None
    assert later.shown()["tape"] == [token.shown()] and token.shown()["mine"] is True
    assert later.shown()["sums"] == [token.surprise, token.drawn_surprise]


def test_a_place_where_something_was_written_keeps_what_comes_after(start, tokenizer):
    tape = write(start(), start().drawn_id, tokenizer).tape
    tape = write(start(tape, 1), start(tape, 1).drawn_id, tokenizer).tape
    first = start(tape, 0)
    assert len(first.tape) == 2 and first.replayed is tape[0] and not tape[0].by_hand
    assert "It was written here before" in first.caption and is_written(first, first.drawn_id)
    assert first.shown()["written"] == first.drawn_id == first.shown()["dart"]["id"]


def test_a_full_tape_and_an_ended_text_are_over(start, tokenizer):
    tape = ()
    for position in range(3):
        tape = write(start(tape, position), 5, tokenizer).tape
    full = start(tape, 3)
    assert full.is_over and not full.has_ended and full.caption == "The tape is full." and full.drawn_id is None
    ended = start(write(start(), tokenizer.eos_token_id, tokenizer).tape, 1)
    assert ended.is_over and ended.has_ended and ended.describe() == "1 new token, is over"
    assert ended.shown()["candidates"] is None and ended.shown()["dart"] is None
