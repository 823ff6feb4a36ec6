import pytest

from gptcore.show.prompts import LEAST_ROOM, fitting


@pytest.mark.parametrize("text", ["Once upon a time ", "옛날 옛적에 ", "🦊\u202e"])
def test_as_much_of_the_end_as_fits_the_context(model_of_noise, tokenizer, text):
    model = model_of_noise(context_length=120)
    prompt, notice = fitting(text * 300, [model], tokenizer, max_length=20)
    tokens = len(tokenizer.encode(prompt))
    assert (text * 300).endswith(prompt) and 90 <= tokens <= 100
    longer = (text * 300)[-len(prompt) - 1 :]
    assert len(tokenizer.encode(longer)) > 100 or tokens < 100
    assert notice.startswith(f"Here prompt was cut to its last {len(prompt):,} of {len(text * 300):,} characters")


def test_what_fits_stays_and_so_does_what_is_short(model_of_noise, tokenizer):
    models = [model_of_noise(context_length=120), model_of_noise(context_length=12)]
    assert fitting("Once upon a time", models[:1], tokenizer, 20) == ("Once upon a time", "")
    assert fitting("a" * (LEAST_ROOM - 1), models, tokenizer, 40) == ("a" * (LEAST_ROOM - 1), "")
    assert fitting("", models, tokenizer, 40) == ("", "")
