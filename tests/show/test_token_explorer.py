import base64
import json
import re
import unicodedata
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from gptcore import Tokenizer, load_tokenizer, token_label
from gptcore.show.token_explorer import LINE, MOST_CHIPS, TokenExplorer, plot_tokens, shown_tokens
from gptcore.show.tokens import Token, Tokens, Vocabulary, read_tokens

OLD_DAYS = "옛날 옛적에"


@pytest.fixture(scope="module")
def bundled():
    return load_tokenizer()


@pytest.fixture
def explorer(bundled, bytes_only):
    return TokenExplorer({"bilingual": bundled, "English only": bytes_only}, text=OLD_DAYS)


class Box:
    """What the page shows of one tokenizer: chips as (id, label, bytes, whether it is text), and their brackets."""

    def __init__(self, shown):
        self.heading, self.hidden, self.pieces = shown["heading"], shown["hidden"], shown["pieces"]
        self.chips = [tuple(token) for piece in self.pieces for token in piece["tokens"]]
        self.brackets = {piece["text"]: len(piece["tokens"]) for piece in self.pieces if piece["text"] is not None}


def boxes(explorer):
    return [Box(shown) for shown in explorer.view.shown["boxes"]]


def only(explorer):
    [tokens] = explorer.tokens.values()
    return tokens


def test_two_tokenizers_read_the_same_text(explorer, bundled, bytes_only):
    assert explorer.token_ids == {"bilingual": bundled.encode(OLD_DAYS), "English only": bytes_only.encode(OLD_DAYS)}
    assert explorer.labels["bilingual"] == ["옛날", "␣옛적에"]
    shown = [(box["name"], box["heading"]) for box in explorer.view.shown["boxes"]]
    second = "English only", "16 tokens, 15 of them only part of a character"
    assert shown == [("bilingual", "2 tokens"), second] and explorer.view.shown["caption"] == explorer.caption


def test_the_chips_follow_the_text(explorer, move):
    move(explorer, text="the the")
    assert explorer.text == "the the"
    assert explorer.labels["bilingual"] == ["t", "he", "␣the"]
    explorer.text = " fox"
    assert explorer.labels["bilingual"] == ["␣fox"] == [label for _, label, *_ in boxes(explorer)[0].chips]


def test_one_tokenizer_needs_no_name(bundled):
    explorer = TokenExplorer(bundled, text="Once upon a time")
    assert explorer.token_ids == {"tokenizer": bundled.encode("Once upon a time")}
    assert explorer.caption == "16 characters in 16 bytes. 4 tokens."


def test_a_text_that_is_none_changes_nothing(explorer):
    explorer.text = None
    assert explorer.text == OLD_DAYS and explorer.caption.startswith("Not changed: text must be a str, got NoneType.")
    explorer.text = "a"
    assert explorer.problem is None


def test_brackets_hold_the_bytes_of_a_syllable(explorer):
    _, box = boxes(explorer)
    assert box.brackets == dict.fromkeys(OLD_DAYS.replace(" ", ""), 3)
    assert (168, "<0xEC>", "ec", False) in box.chips


def test_every_bundled_token_is_a_chip_of_its_own(bundled):
    vocabulary, seen = Vocabulary(bundled), []
    for first in range(0, len(bundled), MOST_CHIPS):
        tokens = Tokens([vocabulary[i] for i in range(first, min(first + MOST_CHIPS, len(bundled)))])
        seen += Box(shown_tokens("all", tokens)).chips
    assert [(token_id, label) for token_id, label, *_ in seen] == [
        (i, token_label(bundled, i)) for i in range(len(bundled))
    ]
    assert len({label for _, label, *_ in seen}) == 3072


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "&amp;", "\" onmouseover='x'", "$x$ $$"])
def test_any_text_has_chips_and_a_picture(explorer, text):
    explorer.text = text
    tokenizer = SimpleNamespace(encode=lambda _: [7], decode=lambda _: text)
    odd = TokenExplorer({text: tokenizer}, text=text)
    for widget in (explorer, odd):
        widget.picture().canvas.draw()
    assert boxes(odd)[0].chips[0][:2] == (7, token_label(tokenizer, 7))


def test_half_a_character_from_the_keyboard_breaks_nothing(explorer, move, shown):
    move(explorer, text="a\ud83d")
    assert explorer.labels["bilingual"] == ["a", "?"]
    assert "2 characters" in shown(explorer)


def test_what_a_tokenizer_cannot_read_becomes_a_sentence(bundled):
    explorer = TokenExplorer({"letters": Tokenizer.of_characters("a fox"), "bilingual": bundled}, text="Once")
    assert explorer.token_ids["letters"] == [] and explorer.labels["bilingual"] == ["Once"]
    problem = "this cannot be read: text must have only the 5 characters that the tokenizer knows"
    assert boxes(explorer)[0].heading.startswith(problem) and problem in explorer.caption
    assert problem in explorer.describe()
    explorer.picture()
    explorer.text = "a fox"
    assert explorer.labels["letters"] == ["a", "␣", "f", "o", "x"] and "cannot" not in explorer.caption


def test_a_long_text_is_counted_in_full_and_its_end_is_drawn(bundled):
    explorer = TokenExplorer(bundled, text="a b " * 2000)
    count, [box] = len(only(explorer).tokens), boxes(explorer)
    assert count > 3 * MOST_CHIPS and len(box.chips) == MOST_CHIPS and box.hidden == count - MOST_CHIPS
    assert box.chips[-1][:2] == (only(explorer).token_ids[-1], only(explorer).labels[-1])


def test_chips_go_when_the_text_goes(explorer):
    explorer.text = OLD_DAYS * 100
    assert len(boxes(explorer)[1].chips) > MOST_CHIPS - 3 and boxes(explorer)[1].hidden
    explorer.text = ""
    assert [(box.chips, box.hidden) for box in boxes(explorer)] == [([], 0), ([], 0)]


def test_a_character_is_shown_whole_or_not_at_all(bytes_only):
    for letters in range(MOST_CHIPS - 3, MOST_CHIPS):
        [box] = boxes(TokenExplorer(bytes_only, text="옛" + "a" * letters))
        assert box.hidden in (0, 3) and len(box.chips) == letters + 3 - box.hidden


def test_of_neighbours_that_never_end_nothing_fits():
    first, middle, last = b"\xec", b"\x98\x9b\xec", b"\x98\x9b"
    count = 2 * MOST_CHIPS
    tokens = [Token(1, "x", data, False, data != first) for data in [first, *[middle] * (count - 2), last]]
    box = Box(shown_tokens("odd", Tokens(tokens)))
    assert box.hidden == count and not box.chips


def test_the_chart_shows_the_same_chips(explorer):
    figure = explorer.picture()
    for ax, tokens in zip(figure.axes, explorer.tokens.values(), strict=True):
        written = [text.get_text() for text in ax.texts]
        assert sum(isinstance(patch, FancyBboxPatch) for patch in ax.patches) == len(tokens.tokens)
        assert [text for text in written if text in tokens.labels] == tokens.labels
    assert [text.get_text() for text in figure.axes[1].texts if text.get_text() in OLD_DAYS] == list("옛날옛적에")
    assert figure.axes[0].get_title(loc="left") == "bilingual: 2 tokens"


@pytest.mark.parametrize("text", ["", "$5 and $6 $$", "호랑이 🦊 שלום", "_x \\frac", "word " * 500])
def test_the_chart_is_drawn_without_a_warning(explorer, recwarn, text):
    explorer.text = text
    explorer.picture().canvas.draw()
    assert not recwarn.list


def test_no_chip_of_the_chart_leaves_its_line(bytes_only):
    vocabulary = Vocabulary(bytes_only)
    for repeats, more in ((5, False), (20, True)):
        ax = Figure().subplots()
        plot_tokens(ax, read_tokens(vocabulary, OLD_DAYS * repeats))
        assert max(patch.get_x() + patch.get_width() for patch in ax.patches) <= ax.get_xlim()[1]
        assert any(re.fullmatch("… and [0-9]+ more", text.get_text()) for text in ax.texts) is more


def test_the_longest_tokens_of_gpt2_stay_on_their_line(gpt2_folder):
    vocabulary, ax = Vocabulary(load_tokenizer(gpt2_folder)), Figure().subplots()
    tokens = Tokens([vocabulary[token_id] for token_id in (39172, 45706, 16529)])
    assert len(tokens.labels[0]) == 128
    plot_tokens(ax, tokens)
    assert all(chip.get_x() + chip.get_width() <= LINE for chip in ax.patches)
    assert len({text.get_text() for text in ax.texts}) == 6  # three labels and three ids


def test_a_notebook_gets_the_live_view_a_picture_and_a_line(explorer):
    bundle = explorer._repr_mimebundle_()[0]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == explorer.describe()
    assert explorer.describe().startswith(
        "TokenExplorer: '옛날 옛적에' becomes 2 tokens (bilingual): 옛날 463, ␣옛적에 467 "
        "and 16 tokens (English only): <0xEC> 168, <0x98> 246"
    )
    json.dumps(bundle)


def test_what_a_page_needs_are_its_tokenizers(bundled, bytes_only):
    letters = Tokenizer.of_characters("Once upon a time")
    given = TokenExplorer({"b": bundled, "a": bytes_only, "letters": letters})._given()
    (first, which), (second, brought), (third, unknown) = given["given"]["tokenizers"]
    assert (first, which, second, third, unknown) == ("b", "storyteller", "a", "letters", None)
    assert len(brought["tokens"].split()) == 256 and brought["merges"] == ""
    assert given["tokenizer"] is None and "tokenizer" not in TokenExplorer(bundled)._given()


def test_a_text_that_is_lost_is_said_beside_its_tokens():
    known = Tokenizer.of_characters("a fox")
    losing = SimpleNamespace(
        encode=lambda text: known.encode("".join(c for c in text if c in "a fox")), decode=known.decode
    )
    explorer = TokenExplorer({"letters": losing}, text="a 🦊 fox")
    assert "the tokenizer changes the text: 'a 🦊 fox' becomes 'a  fox'" in explorer.caption
    assert boxes(explorer)[0].heading == "6 tokens of a changed text"
    explorer.text = "a fox"
    assert explorer.caption == "5 characters in 5 bytes. 5 tokens."


@pytest.mark.parametrize(
    ("wrong", "error"),
    [(None, TypeError), ("gpt2", TypeError), ({"a": None}, TypeError), ({}, ValueError), ({5: 5}, ValueError)],
)
def test_tokenizers_have_names_and_can_encode_and_decode(wrong, error):
    with pytest.raises(error, match="^tokenizers? must "):
        TokenExplorer(wrong)


def test_letters_in_parts_are_shown_for_what_they_are(explorer):
    explorer.text = parts = unicodedata.normalize("NFD", "옛날")
    assert explorer.text == parts and len(parts) == 6
    box = boxes(explorer)[0]
    assert box.brackets == dict.fromkeys(parts, 3)  # each jamo a character of its own, in three tokens
    said = "Its letters come in parts (NFD): put together (NFC) they are 2 characters in 6 bytes."
    assert explorer.caption.startswith("6 characters in 18 bytes. ") and said in explorer.caption
    explorer.text = "옛날"
    assert "NFD" not in explorer.caption
