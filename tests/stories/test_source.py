import math
from collections import Counter
from random import Random

import pytest
from scipy.stats import chisquare

from gptcore.stories import english
from gptcore.stories.source import END, Options, Reader, Teller, next_words, score_words, split_words

TASTES = Options({" sweet": "cake", " salty": "soup"}, tilt=1)  # 2/3, 1/3


def small_program(choose):
    choose("I like")
    what = choose(TASTES)
    choose(" things,")
    choose((" mostly", " only"))
    choose(" " + what)
    choose(".")


def test_a_small_source_is_as_counted_by_hand():
    words = split_words("I like salty things, only soup.")
    assert score_words(small_program, words) == pytest.approx(math.log(1 / 3 * 1 / 3))
    assert next_words(small_program, split_words("I like")) == pytest.approx({" sweet": 2 / 3, " salty": 1 / 3})
    assert next_words(small_program, split_words("I like sweet things, mostly")) == {" cake": 1}
    assert next_words(small_program, words) == {END: 1}
    assert next_words(small_program, split_words("I like sour")) == {}
    assert score_words(small_program, split_words("I like salty things, only cake.")) == -math.inf


def test_options_that_begin_alike_are_told_word_by_word():
    options = Options({" a red fox": 1, " a hen": 2, " a red cow": 3}, tilt=0)
    assert options.next_words() == {" a": 1}
    results = Counter()
    for seed in range(3000):
        teller = Teller(Random(seed))
        results[teller(options), teller.text] += 1
    assert set(results) == {(1, " a red fox"), (2, " a hen"), (3, " a red cow")}
    assert chisquare(list(results.values())).pvalue > 1e-4
    assert next_words(lambda choose: choose(options), [" a"]) == pytest.approx({" red": 2 / 3, " hen": 1 / 3})
    assert score_words(lambda choose: choose(options), [" a", " red", " cow"]) == pytest.approx(math.log(1 / 3))


@pytest.mark.parametrize("options", [[], [""], {}, [" red", " red fox"]])
def test_options_that_cannot_be_told_apart_are_refused(options):
    with pytest.raises(ValueError, match="option"):
        Options(options)


def test_the_likelier_options_come_first():
    assert Options([" a", " b", " c"], tilt=1).probs == pytest.approx([6 / 11, 3 / 11, 2 / 11])
    assert Options([" a", " b"], tilt=0).probs == [0.5, 0.5]


def test_a_reader_follows_what_a_teller_told():
    teller = Teller(Random(1))
    english.tell(teller)
    reader = Reader(split_words(teller.text))
    english.tell(reader)
    assert reader.log_prob == pytest.approx(teller.log_prob)
