import base64
import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from gptcore import Tokenizer, load_tokenizer, token_label
from gptcore.show.token_explorer import BLOCK, HUES, LINE, MOST_CHIPS, STEP, Chips, TokenExplorer, plot_tokens
from gptcore.show.tokens import Token, Tokens, Vocabulary, read_tokens

OLD_DAYS = "옛날 옛적에"


@pytest.fixture(scope="module")
def bundled():
    return load_tokenizer()


@pytest.fixture
def explorer(bundled, bytes_only):
    return TokenExplorer({"bilingual": bundled, "English only": bytes_only}, text=OLD_DAYS)


@pytest.fixture
def page_of(shown):
    """page_of(widget): the chips and brackets that it shows."""
    return lambda widget: Page(shown(widget))


class Page(HTMLParser):
    """The chips and brackets of a page, in order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.chips, self.brackets, self.attributes = set(), [], [], set()
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        found = dict(attributes)
        kinds = (found.get("class") or "").split()
        if "gptcore-chip" in kinds:
            hue = next(kind for kind in kinds if kind.startswith("gptcore-hue"))
            self.chips.append((found["aria-label"], hue, "gptcore-part" in kinds, found["title"]))
        if "gptcore-joined" in kinds:
            self.brackets.append(found["aria-label"])


def only(explorer):
    [tokens] = explorer.tokens.values()
    return tokens


def test_two_tokenizers_read_the_same_text(explorer, bundled, bytes_only, shown):
    assert explorer.token_ids == {"bilingual": bundled.encode(OLD_DAYS), "English only": bytes_only.encode(OLD_DAYS)}
    assert explorer.labels["bilingual"] == ["옛날", "␣옛적에"]
    html = shown(explorer)
    second = "English only: 16 tokens, 15 of them only part of a character"
    assert explorer.caption in html and html.index("bilingual: 2 tokens<") < html.index(second)


def test_the_chips_follow_the_text(explorer, control, page_of):
    control(explorer, "Text").value = "the the"  # as the browser sets it
    assert explorer.text == "the the"
    assert explorer.labels["bilingual"] == ["t", "he", "␣the"]
    explorer.text = " fox"
    assert explorer.labels["bilingual"] == ["␣fox"] and "␣fox, id" in page_of(explorer).chips[0][0]
    assert control(explorer, "Text").continuous_update


def test_one_tokenizer_needs_no_name(bundled):
    explorer = TokenExplorer(bundled, text="Once upon a time")
    assert explorer.token_ids == {"tokenizer": bundled.encode("Once upon a time")}
    assert explorer.caption == "16 characters in 16 bytes. 4 tokens."


def test_a_text_that_is_none_changes_nothing(explorer):
    explorer.text = None
    assert explorer.text == OLD_DAYS and explorer.caption.startswith("Not changed: text must be a str, got NoneType.")
    explorer.text = "a"
    assert explorer.problem is None


def test_brackets_hold_the_bytes_of_a_syllable(explorer, page_of):
    page = page_of(explorer)
    assert [label.split(",")[0] for label in page.brackets] == list(OLD_DAYS.replace(" ", ""))
    assert all("made of 3 tokens" in label for label in page.brackets)
    assert ("<0xEC>, id 168", True, "bytes ec") in {(label, part, title) for label, _, part, title in page.chips}


def test_every_bundled_token_is_a_chip_of_its_own(bundled, page_of):
    vocabulary, chips, seen = Vocabulary(bundled), Chips("all"), []
    for first in range(0, len(bundled), MOST_CHIPS):
        chips.show(Tokens([vocabulary[i] for i in range(first, min(first + MOST_CHIPS, len(bundled)))]))
        page = page_of(chips)
        assert {"div", "span", "small"} <= page.tags <= {"div", "span", "small", "b"}
        seen += [label for label, *_ in page.chips]
        assert all(left[1] != right[1] for left, right in pairwise(page.chips))
    assert seen == [f"{token_label(bundled, i)}, id {i}" for i in range(len(bundled))]
    assert len(set(seen)) == 3072


def test_neighbours_differ_in_colour_under_brackets_too(bundled, bytes_only, page_of):
    for tokenizer in (bundled, bytes_only):
        explorer = TokenExplorer(tokenizer, text="a옛b날 tortoise " * 5)
        hues = [hue for _, hue, *_ in page_of(explorer).chips]
        assert len(hues) == len(only(explorer).tokens)
        assert all(left != right for left, right in pairwise(hues))
        assert set(hues) == {f"gptcore-hue{i}" for i in range(len(HUES))}


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&amp;", "\" onmouseover='x'", "$x$ $$"]
)
def test_nothing_that_is_typed_is_read_as_html(explorer, page_of, text):
    explorer.text = text
    tokenizer = SimpleNamespace(encode=lambda _: [7], decode=lambda _: text)
    evil = TokenExplorer({text: tokenizer}, text=text)
    for widget in (explorer, evil):
        page = page_of(widget)
        assert page.tags <= {"div", "span", "small", "b"}
        assert page.attributes <= {"class", "role", "aria-label", "aria-live", "title", "tabindex", "style"}
        widget.picture().canvas.draw()
    assert page_of(evil).chips[0][0] == f"{token_label(tokenizer, 7)}, id 7"


def test_half_a_character_from_the_keyboard_breaks_nothing(explorer, control, shown):
    control(explorer, "Text").value = "a\ud83d"
    assert explorer.labels["bilingual"] == ["a", "?"]
    assert "2 characters" in shown(explorer)


def test_what_a_tokenizer_cannot_read_becomes_a_sentence(bundled, shown):
    explorer = TokenExplorer({"letters": Tokenizer.of_characters("a fox"), "bilingual": bundled}, text="Once")
    assert explorer.token_ids["letters"] == [] and explorer.labels["bilingual"] == ["Once"]
    problem = "this cannot be read: text must have only the 5 characters that the tokenizer knows"
    assert f"letters: {problem}" in shown(explorer) and problem in explorer.caption
    assert problem in explorer.describe()
    explorer.picture()
    explorer.text = "a fox"
    assert explorer.labels["letters"] == ["a", "␣", "f", "o", "x"] and "cannot" not in explorer.caption


def test_a_long_text_is_counted_in_full_and_its_end_is_drawn(bundled, page_of, shown):
    explorer = TokenExplorer(bundled, text="a b " * 2000)
    count, page = len(only(explorer).tokens), page_of(explorer)
    assert count > 3 * MOST_CHIPS and MOST_CHIPS - STEP < len(page.chips) <= MOST_CHIPS
    assert f"{count - len(page.chips):,} more before these" in shown(explorer)
    assert page.chips[-1][0] == f"{only(explorer).labels[-1]}, id {only(explorer).token_ids[-1]}"


@pytest.mark.parametrize("words", [3, 30, 3010])
def test_a_key_at_the_end_changes_only_the_last_chips(bundled, page_of, words):
    vocabulary, chips, changed = Vocabulary(bundled), Chips("bilingual"), []
    chips.show(read_tokens(vocabulary, " fox" * words))
    for block in chips.blocks:
        block.observe(changed.append, names="value")
    for end in ("!", "!!"):
        chips.show(read_tokens(vocabulary, " fox" * words + end))
    assert len(changed) == 2
    assert page_of(chips).chips[-1][0].startswith("!")


def test_chips_go_when_the_text_goes(explorer, page_of, shown):
    explorer.text = OLD_DAYS * 100
    assert len(page_of(explorer).chips) > MOST_CHIPS and "more before" in shown(explorer)
    explorer.text = ""
    assert page_of(explorer).chips == [] and "more before" not in shown(explorer)


def test_a_character_that_crosses_two_blocks_is_shown_once(bytes_only, page_of):
    for letters in range(BLOCK - 3, BLOCK + 1):
        page = page_of(TokenExplorer(bytes_only, text="a" * letters + "옛"))
        assert len(page.chips) == letters + 3 and len(page.brackets) == 1


def test_of_neighbours_that_never_end_nothing_fits(page_of, shown):
    first, middle, last = b"\xec", b"\x98\x9b\xec", b"\x98\x9b"
    count = 2 * MOST_CHIPS
    chips = Chips("odd")
    chips.show(
        Tokens([Token(1, "x", data, False, data != first) for data in [first, *[middle] * (count - 2), last]]),
    )
    assert f"{count:,} more before these" in shown(chips) and not page_of(chips).chips


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
        "TokenExplorer: '옛날 옛적에' becomes 2 tokens (bilingual): 옛날 459, ␣옛적에 463 "
        "and 16 tokens (English only): <0xEC> 168, <0x98> 246"
    )
    json.dumps(bundle)


def test_a_screen_reader_finds_lists_and_names(explorer, control, shown):
    html = shown(explorer)
    assert html.count('role="list"') == 2 + 5  # two lists of tokens, five syllables in pieces
    assert 'aria-label="tokens of bilingual, 1 to 2"' in html
    for name in ("bilingual", "English only"):
        assert f'tabindex="0" role="group" aria-label="Tokens of {name}; ' in html
    assert 'role="status"' in html
    assert control(explorer, "Text")


def test_a_text_that_is_lost_is_said_beside_its_tokens(shown):
    known = Tokenizer.of_characters("a fox")
    losing = SimpleNamespace(
        encode=lambda text: known.encode("".join(c for c in text if c in "a fox")), decode=known.decode
    )
    explorer = TokenExplorer({"letters": losing}, text="a 🦊 fox")
    assert "the tokenizer changes the text: 'a 🦊 fox' becomes 'a  fox'" in explorer.caption
    assert "letters: 6 tokens of a changed text" in shown(explorer)
    explorer.text = "a fox"
    assert explorer.caption == "5 characters in 5 bytes. 5 tokens."


@pytest.mark.parametrize(
    ("wrong", "error"),
    [(None, TypeError), ("gpt2", TypeError), ({"a": None}, TypeError), ({}, ValueError), ({5: 5}, ValueError)],
)
def test_tokenizers_have_names_and_can_encode_and_decode(wrong, error):
    with pytest.raises(error, match="^tokenizers? must "):
        TokenExplorer(wrong)
