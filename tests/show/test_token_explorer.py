import base64
import json
import re
import time
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from tokenizers import pre_tokenizers, trainers

from gptcore import GPT2Tokenizer, Tokenizer, load_tokenizer, stories, token_label
from gptcore.show.token_explorer import (
    BLOCK,
    HUES,
    LINE,
    MOST_CHIPS,
    STEP,
    Chips,
    KnownTokens,
    Piece,
    TokenExplorer,
    Tokens,
    plot_tokens,
)
from gptcore.tokenizer import byte_level_bpe

OLD_DAYS = "옛날 옛적에"


@pytest.fixture(scope="module")
def bundled():
    return load_tokenizer()


@pytest.fixture
def byte_tokenizer():
    """The 256 bytes and nothing learned, as an English tokenizer reads Korean."""
    backend = byte_level_bpe()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend.train_from_iterator(
        ["Once upon a time"], trainers.BpeTrainer(vocab_size=256, initial_alphabet=alphabet, show_progress=False)
    )
    return Tokenizer(backend)


@pytest.fixture
def explorer(bundled, byte_tokenizer):
    return TokenExplorer({"bilingual": bundled, "English only": byte_tokenizer}, text=OLD_DAYS)


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


def html_of(explorer):
    return "".join(chips.html for chips in explorer._chips.values())


def only(explorer):
    [tokens] = explorer.tokens.values()
    return tokens


def test_two_tokenizers_read_the_same_text(explorer, bundled, byte_tokenizer):
    assert explorer.token_ids == {
        "bilingual": bundled.encode(OLD_DAYS),
        "English only": byte_tokenizer.encode(OLD_DAYS),
    }
    assert explorer.labels["bilingual"] == ["옛날", "␣옛적에"]
    assert len(explorer.token_ids["English only"]) == 16
    html = html_of(explorer)
    assert html.index("bilingual: 2 tokens") < html.index(
        "English only: 16 tokens, 15 of them only part of a character"
    )


def test_the_chips_follow_the_text(explorer):
    explorer._text.value = "the the"  # as the browser sets it
    assert explorer.text == "the the"
    assert explorer.labels["bilingual"] == ["t", "he", "␣the"]
    explorer.text = " fox"
    assert explorer.labels["bilingual"] == ["␣fox"]
    assert explorer._text.continuous_update


def test_one_tokenizer_needs_no_name(bundled):
    explorer = TokenExplorer(bundled, text="Once upon a time")
    assert explorer.token_ids == {"tokenizer": bundled.encode("Once upon a time")}
    assert explorer.reading == "16 characters in 16 bytes. 4 tokens."


def test_the_sentence_counts_characters_bytes_and_tokens(explorer):
    assert explorer.reading == "6 characters in 16 bytes. Bilingual: 2 tokens; English only: 16 tokens."
    explorer.text = "a"
    assert explorer.reading == "1 character in 1 byte. Bilingual: 1 token; English only: 1 token."
    explorer.text = "옛"
    assert explorer.tokens["bilingual"].describe() == "2 tokens, each only part of a character"
    explorer.text = "time "
    assert "ends in a space" in explorer.reading
    explorer.text = ""
    assert explorer.reading.startswith("No text, no tokens") and explorer.token_ids["bilingual"] == []


def test_bytes_stand_under_the_syllable_that_they_make(explorer):
    page = Page(html_of(explorer))
    made = [label.split(",")[0] for label in page.brackets]
    assert made == list(OLD_DAYS.replace(" ", ""))
    assert all("made of 3 tokens" in label for label in page.brackets)
    assert ("<0xEC>, id 168", True, "bytes ec") in {(label, part, title) for label, _, part, title in page.chips}


def pieces_of(*token_ids, tokenizer):
    return [tuple(piece) for piece in Tokens.of(list(token_ids), KnownTokens(tokenizer)).pieces]


def test_broken_characters_stay_alone(bundled):
    [a], lead, end = bundled.encode("a"), 168, 246  # <0xEC>, <0x98>
    assert pieces_of(lead, end, 249, tokenizer=bundled) == [(0, 3, "옛")]
    assert pieces_of(lead, a, tokenizer=bundled) == [(0, 1, None), (1, 2, None)]
    assert pieces_of(lead, end, tokenizer=bundled) == [(0, 1, None), (1, 2, None)]
    assert pieces_of(end, a, end, tokenizer=bundled) == [(0, 1, None), (1, 2, None), (2, 3, None)]
    assert pieces_of(lead, lead, end, 249, a, tokenizer=bundled) == [(0, 1, None), (1, 4, "옛"), (4, 5, None)]
    assert pieces_of(tokenizer=bundled) == []


# "b", and the bytes of "옛", "é" and "🦊", one token each
some_bytes = st.lists(st.sampled_from([65, 168, 246, 249, 127, 102, 172, 253, 99, 232]), max_size=9)


@given(some_bytes, some_bytes, some_bytes)
def test_what_is_known_of_the_text_before_changes_nothing(bundled, start, before, after):
    known = KnownTokens(bundled)
    earlier = Tokens.of(start + before, known)
    assert Tokens.of(start + after, known, earlier) == Tokens.of(start + after, known)


def test_a_token_may_end_in_the_middle_of_a_character(bundled):
    assert bundled.encode("호")[0] == bundled.encode("호랑이")[0]
    two = TokenExplorer(bundled, text="옛")
    assert [tuple(piece) for piece in only(two).pieces] == [(0, 2, "옛")]
    assert only(two).labels == ["<0xEC><0x98>", "<0x9B>"]


@pytest.mark.parametrize("text", ["🦊", "café", "👩‍👩‍👧‍👦", "é́", "a\n\tb", "\u3000", "שלום", "<|endoftext|>"])
def test_the_pieces_cover_all_tokens_and_spell_the_text(explorer, text):
    explorer.text = text
    for name, tokens in explorer.tokens.items():
        edges = [0, *(piece.stop for piece in tokens.pieces)]
        assert [piece.start for piece in tokens.pieces] == edges[:-1] and edges[-1] == len(tokens.token_ids)
        decoded = "".join(
            explorer.tokenizers[name].decode(tokens.token_ids[piece.start : piece.stop]) for piece in tokens.pieces
        )
        assert decoded == text


def test_every_bundled_token_is_a_chip_of_its_own(bundled):
    known = KnownTokens(bundled)
    shown = Chips("all", known)
    seen = []
    for first in range(0, len(bundled), MOST_CHIPS):
        token_ids = list(range(first, min(first + MOST_CHIPS, len(bundled))))
        shown.show(Tokens.of(token_ids, known))
        page = Page(shown.html)
        assert page.tags == {"div", "span", "small"} or page.tags == {"div", "span", "small", "b"}
        seen += [label for label, *_ in page.chips]
        assert all(left[1] != right[1] for left, right in zip(page.chips, page.chips[1:], strict=False))
    assert seen == [f"{token_label(bundled, i)}, id {i}" for i in range(len(bundled))]
    assert len(set(seen)) == 3072


def test_neighbours_differ_in_colour_under_brackets_too(explorer):
    explorer.text = "a옛b날 tortoise " * 5
    for name, tokens in explorer.tokens.items():
        hues = [hue for _, hue, *_ in Page(explorer._chips[name].html).chips]
        assert len(hues) == len(tokens.token_ids)
        assert all(left != right for left, right in zip(hues, hues[1:], strict=False))
        assert set(hues) == {f"gptcore-hue{i}" for i in range(len(HUES))}


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&amp;", "\" onmouseover='x'", "$x$ $$"]
)
def test_nothing_that_is_typed_is_read_as_html(explorer, bundled, text):
    explorer.text = text
    evil = TokenExplorer({text: SimpleNamespace(encode=lambda _: [7], decode=lambda _: text)}, text=text)
    for shown in (explorer, evil):
        page = Page(html_of(shown) + shown._status.value)
        assert page.tags <= {"div", "span", "small", "b"}
        assert page.attributes <= {"class", "role", "aria-label", "aria-live", "title", "tabindex", "style"}
    assert Page(html_of(evil)).chips[0][0] == f"{token_label(evil.tokenizers[text], 7)}, id 7"
    explorer.picture().canvas.draw()
    evil.picture().canvas.draw()


def test_half_a_character_from_the_keyboard_breaks_nothing(explorer):
    explorer.text = "a\ud83d"
    assert explorer.labels["bilingual"] == ["a", "?"]
    assert "2 characters" in explorer._status.value


def test_what_a_tokenizer_cannot_read_becomes_a_sentence(bundled):
    explorer = TokenExplorer({"letters": Tokenizer.of_characters("a fox"), "bilingual": bundled}, text="Once")
    assert explorer.token_ids["letters"] == [] and explorer.labels["bilingual"] == ["Once"]
    problem = "this cannot be read: text must hold only the 5 characters that the tokenizer knows"
    assert f"letters: {problem}" in explorer._chips["letters"].html and problem in explorer.reading
    assert problem in explorer.describe()
    explorer.picture()
    explorer.text = "a fox"
    assert explorer.labels["letters"] == ["a", "␣", "f", "o", "x"] and "cannot" not in explorer.reading


def test_a_tokenizer_of_transformers_and_ids_that_it_lacks(tokenizer_folder, tokenizer):
    explorer = TokenExplorer(GPT2Tokenizer.from_pretrained(tokenizer_folder), text=OLD_DAYS)
    assert explorer.token_ids["tokenizer"] == tokenizer.encode(OLD_DAYS)
    known = KnownTokens(tokenizer)
    assert Tokens.of([99_999], known).labels == ["<id 99999>"]


def test_gpt2_makes_fifteen_tokens_none_of_which_is_text(gpt2_folder):
    explorer = TokenExplorer(load_tokenizer(gpt2_folder), text=OLD_DAYS)
    expected = [168, 246, 249, 167, 224, 254, 23821, 246, 249, 168, 254, 223, 168, 245, 238]
    assert explorer.token_ids["tokenizer"] == expected
    assert only(explorer).describe() == "15 tokens, each only part of a character"
    assert [piece.text for piece in only(explorer).pieces] == ["옛", "날", " 옛", "적", "에"]


def test_a_long_text_is_counted_in_full_and_its_end_is_drawn(bundled):
    explorer = TokenExplorer(bundled, text="a b " * 2000)
    count = len(explorer.token_ids["tokenizer"])
    page = Page(html_of(explorer))
    assert count > 3 * MOST_CHIPS and MOST_CHIPS - STEP < len(page.chips) <= MOST_CHIPS
    assert f"{count - len(page.chips):,} more before these" in html_of(explorer)
    assert page.chips[-1][0] == f"{only(explorer).labels[-1]}, id {only(explorer).token_ids[-1]}"


@pytest.mark.parametrize("words", [3, 30, 3010])
def test_a_key_at_the_end_changes_only_the_last_chips(bundled, words):
    explorer = TokenExplorer(bundled, text=" fox" * words)
    changed = []
    for block in explorer._chips["tokenizer"]._blocks:
        block.observe(changed.append, names="value")
    explorer.text += "!"
    explorer.text += "!"
    assert len(changed) == 2
    assert Page(html_of(explorer)).chips[-1][0].startswith("!")


def test_chips_go_when_the_text_goes(explorer):
    explorer.text = OLD_DAYS * 100
    assert explorer._chips["English only"].html.count('role="listitem"') > MOST_CHIPS
    explorer.text = ""
    assert [chips.html.count("span") for chips in explorer._chips.values()] == [0, 0]
    assert "more before" not in html_of(explorer)


def test_a_character_that_crosses_two_blocks_is_shown_once(byte_tokenizer):
    for letters in range(BLOCK - 3, BLOCK + 1):
        page = Page(html_of(TokenExplorer(byte_tokenizer, text="a" * letters + "옛")))
        assert len(page.chips) == letters + 3 and len(page.brackets) == 1


def test_nothing_fits_of_a_character_without_end():
    shown = Chips("odd", KnownTokens(SimpleNamespace(decode=lambda token_ids: "x")))
    count = 2 * MOST_CHIPS
    shown.show(Tokens([1] * count, ["x"] * count, [Piece(0, count, "x")], count))
    assert f"{count:,} more before these" in shown.html and not Page(shown.html).chips


@pytest.mark.parametrize("language", ["en", "ko"])
def test_typing_in_a_long_text_is_fluent(explorer, language):
    """At 2,000 characters; the processor's own time, since other programs may run beside the test."""
    text = " ".join(stories.sample(language, seed) for seed in range(12))[:2000]
    assert len(text) == 2000
    times = []
    for length in range(1970, 2001):
        started = time.process_time()
        explorer.text = text[:length]
        times.append(time.process_time() - started)
    assert sorted(times)[len(times) // 2] < 0.020


def test_the_chart_shows_the_same_chips(explorer):
    figure = explorer.picture()
    for ax, tokens in zip(figure.axes, explorer.tokens.values(), strict=True):
        written = [text.get_text() for text in ax.texts]
        assert sum(isinstance(patch, FancyBboxPatch) for patch in ax.patches) == len(tokens.token_ids)
        assert [text for text in written if text in tokens.labels] == tokens.labels
    assert [text.get_text() for text in figure.axes[1].texts if text.get_text() in OLD_DAYS] == list("옛날옛적에")
    assert figure.axes[0].get_title(loc="left") == "bilingual: 2 tokens"


@pytest.mark.parametrize("text", ["", "$5 and $6 $$", "호랑이 🦊 שלום", "_x \\frac", "word " * 500])
def test_the_chart_is_drawn_without_a_warning(explorer, recwarn, text):
    explorer.text = text
    explorer.picture().canvas.draw()
    assert not recwarn.list


def test_no_chip_of_the_chart_leaves_its_line(explorer):
    explorer.text = OLD_DAYS * 5
    ax = Figure().subplots()
    plot_tokens(ax, explorer.tokens["English only"])
    assert max(patch.get_x() + patch.get_width() for patch in ax.patches) <= ax.get_xlim()[1]
    assert any(re.fullmatch("… and [0-9]+ more", text.get_text()) for text in ax.texts) is False
    explorer.text = OLD_DAYS * 20
    plot_tokens(ax := Figure().subplots(), explorer.tokens["English only"])
    assert any(re.fullmatch("… and [0-9]+ more", text.get_text()) for text in ax.texts)


def test_the_longest_tokens_of_gpt2_stay_on_their_line(gpt2_folder):
    tokenizer = load_tokenizer(gpt2_folder)
    ax = Figure().subplots()
    tokens = Tokens.of([39172, 45706, 16529], KnownTokens(tokenizer))
    assert len(tokens.labels[0]) == 128
    plot_tokens(ax, tokens)
    assert all(chip.get_x() + chip.get_width() <= LINE for chip in ax.patches)
    assert len({text.get_text() for text in ax.texts}) == 6  # three labels and three ids


def test_a_notebook_gets_the_live_view_a_picture_and_a_line(explorer):
    bundle = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == explorer.describe()
    assert explorer.describe().startswith(
        "TokenExplorer: '옛날 옛적에' becomes 2 tokens (bilingual): 옛날 459, ␣옛적에 463 "
        "and 16 tokens (English only): <0xEC> 168, <0x98> 246"
    )
    json.dumps(bundle)


def test_a_screen_reader_finds_lists_and_names(explorer):
    html = html_of(explorer)
    assert html.count('role="list"') == 2 + 5  # two lists of tokens, five syllables in pieces
    assert 'aria-label="tokens of bilingual, 1 to 2"' in html
    for name, chips in explorer._chips.items():
        inner, *_ = chips.box.children
        assert f'tabindex="0" role="group" aria-label="Tokens of {name}; ' in inner.children[-1].value
    assert 'role="status"' in explorer._status.value
    assert explorer._text.description == "Text"
