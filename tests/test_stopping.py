import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptcore import generate_text, load, stream_text
from gptcore.stopping import before_stop, stop_strings


@given(st.text("ab", max_size=12), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3), st.data())
def test_a_stream_ends_where_the_whole_text_would(text, stop, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    pieces = [text[i:j] for i, j in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    expected = text[: min([text.index(string) for string in stop if string in text], default=len(text))]
    assert "".join(before_stop(pieces, stop)) == expected


def test_nothing_is_read_past_the_stop():
    def pieces():
        yield from ["Once", " upon", " a time."]
        raise AssertionError("read on")

    assert "".join(before_stop(pieces(), [" a"])) == "Once upon"


def test_only_what_may_be_a_beginning_is_held_back():
    stream = before_stop(iter(["one", " t", "wo", " th", "ree"]), [" three"])
    assert list(stream) == ["one", "", " two", "", ""]


@pytest.mark.parametrize("stop", ["", ["a", ""], 3, None, ["a", 3], {"a": 1}])
def test_what_is_no_stop_string_is_refused_before_any_work(stop):
    with pytest.raises(TypeError, match="stop must be a string or several, none of them empty, got"):
        stop_strings(stop)
    with pytest.raises(TypeError, match="stop must be"):
        stream_text(None, "Once", None, stop=stop)


def test_a_text_ends_before_its_stop_and_the_prompt_is_not_searched():
    model, tokenizer = load(device="cpu")
    whole = generate_text(model, "Once upon a time", tokenizer, 60, seed=1)
    for stop in (".", [", "], [whole[40:46], whole[34:43]]):  # one that begins sooner and ends within the other
        text = generate_text(model, "Once upon a time", tokenizer, 60, seed=1, stop=stop)
        first = min(whole.index(string, 16) for string in ([stop] if isinstance(stop, str) else stop))
        assert text == whole[:first]
    assert "upon a" not in whole[16:]
    assert generate_text(model, "Once upon a time", tokenizer, 60, seed=1, stop="upon a") == whole
