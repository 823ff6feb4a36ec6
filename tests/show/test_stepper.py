import base64
import gc
import math

import pytest
import torch

from gptcore import Distribution, generate, next_token_distribution, token_label
from gptcore.show.stepper import GenerationStepper
from gptcore.show.tape import AFTER, BEFORE


@pytest.fixture
def stepper(model, tokenizer):
    return GenerationStepper(model, tokenizer, "Once upon", seed=3)


@pytest.fixture
def ending(model):
    with torch.no_grad():  # a model that is sure that everything is over
        model.final_norm.weight.zero_()
        model.final_norm.bias.copy_(model.token_embedding.weight[0] * 1e4)
    return model


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.7, "top_k": 5}, {"top_p": 0.8}, {"min_p": 0.1}])
def test_left_to_the_dart_it_writes_what_generate_writes_past_the_context_too(model, tokenizer, settings, press):
    stepper = GenerationStepper(model, tokenizer, "Once upon", seed=3, **settings)
    for _ in range(30):
        press(stepper, "forward")
    prompt = torch.tensor([tokenizer.encode("Once upon")])
    assert stepper.token_ids == generate(model, prompt, 30, seed=3, **settings)[0].tolist()
    assert model.training  # dropout is off while reading, and on again


def test_without_a_prompt_it_reads_the_end_of_a_text_first_as_generate_does(model, tokenizer):
    with torch.no_grad():
        model.token_embedding.weight.mul_(20)  # what was read matters
    stepper = GenerationStepper(model, tokenizer, "", seed=2)
    for _ in range(12):
        stepper.forward()
    begin = torch.tensor([[tokenizer.eos_token_id]])
    assert stepper.token_ids == generate(model, begin, 12, seed=2)[0, 1:].tolist()


def test_back_and_forward_again_gives_the_same_tokens(stepper, press):
    for _ in range(8):
        stepper.forward()
    ids, tape = stepper.token_ids, stepper.tape
    for _ in range(5):
        press(stepper, "back")
    assert stepper.position == 3 and stepper.tape == tape and stepper.token_ids == ids[:-5]
    for _ in range(5):
        stepper.forward()
    assert stepper.token_ids == ids and stepper.tape == tape
    for _ in range(20):
        press(stepper, "back")
    assert stepper.position == 0 == stepper.view.shown["position"] and stepper.problem is None


def records():
    gc.collect()
    return sum(type(thing) is Distribution for thing in gc.get_objects())


def test_the_record_is_computed_again_and_no_old_one_is_kept(stepper):
    before = records()
    stepper.forward()
    first = stepper.distribution.probs.clone()
    for _ in range(5):
        stepper.forward()
    assert records() == before
    stepper.go_to(1)
    assert torch.equal(stepper.distribution.probs, first)


def test_the_distribution_is_the_models(stepper, model):
    stepper.forward()
    model.eval()
    logits = model(torch.tensor([stepper.token_ids]))[0, -1]
    assert torch.allclose(stepper.distribution.probs, next_token_distribution(logits).probs, atol=1e-6)


def test_surprise_is_minus_ln_p_before_all_settings(model, tokenizer):
    stepper = GenerationStepper(model, tokenizer, "Once", seed=3, temperature=0.5, top_k=3)
    right = 0.0
    for _ in range(4):
        right -= stepper.distribution.logits.double().log_softmax(-1)[stepper.drawn_id].item()
        stepper.forward()
    assert stepper.surprise == stepper.model_surprise == pytest.approx(right)
    drawn = stepper.drawn_id
    other = next(token_id for token_id in stepper.candidates.token_ids if token_id != drawn)
    logs = -stepper.distribution.logits.double().log_softmax(-1)
    stepper.choose(other)
    assert stepper.surprise == pytest.approx(right + logs[other].item())
    assert stepper.model_surprise == pytest.approx(right + logs[drawn].item())
    assert stepper.view.shown["sums"] == [stepper.surprise, stepper.model_surprise]


def test_a_bar_writes_its_token_and_what_came_after_is_forgotten(stepper, shown, press):
    for _ in range(4):
        stepper.forward()
    stepper.go_to(2)
    rows = stepper.view.shown["candidates"]
    chosen, drawn = next(row["id"] for row in rows if row["id"] != stepper.tape[2].token_id), stepper.drawn_id
    press(stepper, "choose", chosen)
    assert len(stepper.tape) == stepper.position == 3
    assert (stepper.tape[2].token_id, stepper.tape[2].drawn_id) == (chosen, drawn)
    assert [token["mine"] for token in stepper.view.shown["tape"]][2:] == [True]
    stepper.back()
    assert f"You wrote “{token_label(stepper.tokenizer, chosen)}” (chance " in shown(stepper)
    stepper.forward()
    assert stepper.token_ids[-1] == chosen


def test_choosing_the_same_token_again_keeps_the_tape(stepper):
    for _ in range(4):
        stepper.forward()
    stepper.go_to(1)
    stepper.choose(stepper.tape[1].token_id)
    assert (stepper.position, len(stepper.tape)) == (2, 4)


def test_a_hand_goes_to_any_place(stepper, shown, press):
    stepper.forward(6)
    assert (stepper.view.shown["position"], stepper.view.shown["length"]) == (6, 6)
    press(stepper, "go_to", 2)
    assert stepper.position == 2 == stepper.view.shown["position"] and len(stepper.tape) == 6
    assert [token["id"] for token in stepper.view.shown["tape"]] == [token.token_id for token in stepper.tape]
    assert stepper.view.shown["written"] == stepper.tape[2].token_id
    press(stepper, "go_to", 7)
    assert "Not changed: position must be from 0 to 6" in shown(stepper) and stepper.position == 2
    press(stepper, "forward", "x")
    assert "Not changed: count must be an integer" in shown(stepper) and stepper.position == 2
    with pytest.raises(ValueError, match="position must be from 0 to 6"):
        stepper.go_to(7)
    with pytest.raises(ValueError, match="token_id must be from 0"):
        stepper.choose(stepper.model.config.vocab_size)
    for wrong in (-1, 0.5, True, " queen"):  # a word is not a token id
        with pytest.raises((TypeError, ValueError), match="token_id must be (an integer|at least 0), got"):
            stepper.choose(wrong)
        with pytest.raises((TypeError, ValueError), match="position must be (an integer|at least 0), got"):
            stepper.go_to(wrong)
    assert (stepper.position, len(stepper.tape)) == (2, 6)


def test_auto_play(stepper, move, press):
    """The page asks for the tokens; what it is to do stands in the settings."""
    move(stepper, playing=True)
    assert stepper.playing and stepper.view.settings["playing"] is True
    press(stepper, "forward", 3)
    assert stepper.position == 3 and stepper.view.settings["playing"] is True
    press(stepper, "go_to", 1)  # a hand on the slider
    assert not stepper.playing and stepper.view.settings["playing"] is False
    stepper.speed = 10
    assert stepper.view.settings["speed"] == 10 and stepper.view.offers["speed"]["max"] == 60
    stepper.speed = 90
    assert stepper.view.offers["speed"]["max"] == 90


def test_reset_has_the_same_luck_and_another_seed_another(stepper, press):
    def told():
        for _ in range(6):
            stepper.forward()
        return stepper.token_ids

    first = told()
    stepper.playing = True
    press(stepper, "reset")
    assert stepper.position == 0 and stepper.tape == () and not stepper.playing
    assert told() == first
    stepper.seed = 4
    stepper.reset()
    assert told() != first
    stepper.seed = None
    stepper.reset()
    told()


def test_the_end_of_the_text(ending, tokenizer, shown):
    stepper = GenerationStepper(ending, tokenizer, "Once upon")
    stepper.playing = True
    stepper.forward(5)
    assert stepper.is_over and not stepper.playing
    stepper.playing = True  # there is nothing to play
    assert not stepper.playing and stepper.view.settings["playing"] is False
    assert stepper.view.shown["candidates"] is None and stepper.view.shown["dart"] is None
    assert stepper.text == "Once upon" and stepper.candidates is None and stepper.drawn_id is None
    assert "ends the text" in stepper.caption in shown(stepper)
    assert "is over" in stepper.describe()
    stepper.forward()
    stepper.choose(3)
    stepper.picture()
    assert stepper.position == 1
    stepper.back()
    assert not stepper.is_over and stepper.candidates is not None


def test_a_full_tape(model, tokenizer):
    stepper = GenerationStepper(model, tokenizer, "Once", max_new_tokens=2)
    for _ in range(5):
        stepper.forward()
    assert stepper.position == 2 and "tape is full" in stepper.caption


def test_a_long_tape_shows_what_is_near(model, tokenizer):
    stepper = GenerationStepper(model, tokenizer, "Once", top_k=20)
    stepper.forward(200)
    shown = stepper.view.shown
    assert (shown["start"], len(shown["tape"]), shown["prompt"], shown["isCut"]) == (50, BEFORE, [], True)
    stepper.go_to(10)
    shown = stepper.view.shown
    assert (shown["start"], len(shown["tape"]), shown["isCut"]) == (0, 10 + AFTER, False)
    assert shown["prompt"] == [token_label(tokenizer, token_id) for token_id in tokenizer.encode("Once")]


def test_a_long_prompt_shows_its_end(model, tokenizer):
    stepper = GenerationStepper(model, tokenizer, "Once " * 50)
    assert not stepper.view.shown["isCut"]
    stepper.prompt = "Once " * 400
    assert stepper.view.shown["isCut"] and len(stepper.view.shown["prompt"]) == BEFORE


def test_the_page_gets_the_numbers_that_choose(stepper):
    for _ in range(3):
        stepper.forward()
        shown, logits = stepper.view.shown, stepper.distribution.logits
        rows = shown["candidates"]
        assert [(row["label"], row["prob"]) for row in rows] == stepper.candidates.rows()
        assert [row["surprise"] for row in rows[:-1]] == pytest.approx(
            (-logits.double().log_softmax(-1))[stepper.candidates.token_ids].tolist()
        )
        assert shown["dart"]["id"] == stepper.drawn_id and shown["dart"]["uniform"] == stepper.uniforms[-1]
        assert shown["band"]["tokens"] == len(stepper.token_ids)
        assert shown["band"]["next"] == token_label(stepper.tokenizer, stepper.drawn_id)


def test_any_prompt_is_shown_as_text(stepper, move):
    stepper.forward()
    move(stepper, prompt="<img src=x onerror=alert(1)> $x$ 옛날")
    assert stepper.position == 0 and stepper.text == "<img src=x onerror=alert(1)> $x$ 옛날"
    assert stepper.view.settings["prompt"] == stepper.prompt
    stepper.prompt = ""
    stepper.forward()
    assert len(stepper.token_ids) == 1


def test_a_prompt_that_cannot_be_read_is_a_sentence(stepper, shown):
    stepper.tokenizer = type("NoEnd", (), {"encode": lambda self, text: [], "decode": str, "eos_token_id": None})()
    stepper.prompt = ""
    assert "Not changed: prompt must not be empty" in shown(stepper) and stepper.prompt_ids
    with pytest.raises(ValueError, match="prompt must not be empty"):
        GenerationStepper(stepper.model, stepper.tokenizer, "")


def test_temperature_zero_has_one_candidate(model, tokenizer):
    stepper = GenerationStepper(model, tokenizer, "Once", temperature=0)
    assert len(stepper.view.shown["candidates"]) == 2  # with that of all others
    stepper.forward()
    assert stepper.tape[0].prob == 1


def test_a_notebook_gets_the_live_view_a_picture_and_a_line(stepper):
    bundle = stepper._repr_mimebundle_()[0]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"].startswith("GenerationStepper: 'Once upon', 0 new tokens, may go on with ")


def test_any_object_that_encodes_and_decodes_is_a_tokenizer(model):
    class Letters:
        def encode(self, text):
            return [ord(letter) for letter in text]

        def decode(self, token_ids):
            return "".join(map(chr, token_ids))

    stepper = GenerationStepper(model, Letters(), "ab", seed=3)
    for _ in range(3):
        stepper.forward()
    assert stepper.text.startswith("ab") and len(stepper.text) == 5 and stepper.describe()


@pytest.mark.parametrize(
    ("name", "value"),
    [("top_p", 0), ("temperature", -1), ("top_k", "x"), ("seed", -1), ("speed", 0), ("speed", math.nan), ("speed", -4)],
)
def test_after_a_setting_that_is_not_allowed_every_button_answers(stepper, press, shown, name, value):
    before = getattr(stepper, name)
    setattr(stepper, name, value)
    assert getattr(stepper, name) == before and f"Not changed: {name} must be" in shown(stepper)
    for button in ("forward", "forward", "back", "reset", "forward"):
        press(stepper, button)
    assert len(stepper.tape) == 1 and "Not changed" not in shown(stepper) and stepper.problem is None


def test_auto_play_pauses_where_something_goes_wrong_and_says_why(stepper, shown, press, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(type(stepper.model), "hidden_states", lambda *arguments: 1 / 0)
        stepper.playing = True
        press(stepper, "forward")
        assert not stepper.playing and stepper.view.settings["playing"] is False
        assert "Not changed: ZeroDivisionError" in shown(stepper)
    stepper.forward()
    assert len(stepper.tape) == 1


def test_too_fast_and_too_long_is_cut(stepper, shown):
    stepper.speed = 10**9
    assert stepper.speed == 100 and "speed was cut to 100" in shown(stepper)
    stepper.max_new_tokens = 10**9
    assert stepper.max_new_tokens == 100_000 and "max_new_tokens was cut to 100,000" in shown(stepper)
    stepper.prompt = "a " * 500_000
    assert len(stepper.prompt) == 5_000 and "cut to its last 5,000 of 1,000,000 characters" in shown(stepper)
