import math
from itertools import product

import pytest
import torch

from gptcore import GPTConfig, GPTModel, stories
from gptcore.sampling import Sampling
from gptcore.show import ways
from gptcore.show.ways import Reader, Search

VOCAB = 6


class Letters:
    """A tokenizer of six letters, the last of which ends a text."""

    eos_token_id = VOCAB - 1

    def encode(self, text):
        return ["abcde.".index(letter) for letter in text]

    def decode(self, token_ids):
        return "".join("abcde."[token_id] for token_id in token_ids)


def small_model(seed, context_length=8):
    torch.manual_seed(seed)
    model = GPTModel(GPTConfig(VOCAB, context_length, emb_dim=8, n_heads=2, n_layers=2, drop_rate=0.5))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return model


def every_way(model, text, depth, sampling):
    """{way: probability} of all ways on, each token read by itself: the oracle."""
    model.eval()

    def probs(token_ids):
        with torch.no_grad():
            logits = model(torch.tensor([token_ids[-model.config.context_length :]]))[0, -1]
        return sampling.distribution(logits).probs.tolist()

    found = {(): 1.0}
    for _ in range(depth):
        longer = {}
        for way, prob in found.items():
            if way[-1:] == (VOCAB - 1,):
                longer[way] = prob
                continue
            for token_id, p in enumerate(probs([*text, *way])):
                if p:
                    longer[(*way, token_id)] = prob * p
        found = longer
    return found


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(0.5), Sampling(2.0, top_k=3), Sampling(0)])
@pytest.mark.parametrize("width", [1, 3, 7])
@pytest.mark.parametrize("text", [[0, 2], [3, 3, 1, 0, 2, 4, 1]], ids=["fits", "past the context"])
def test_the_ways_are_the_likeliest_of_all(sampling, width, text):
    for seed in range(4):
        model = small_model(seed)
        search = Search(Reader(model, Letters(), text), sampling, width, depth=3)
        every = every_way(model, text, 3, sampling)
        assert search.is_exact and sum(every.values()) == pytest.approx(1)
        likeliest = sorted(every.values(), reverse=True)[:width]
        assert list(search.ways.values())[: len(likeliest)] == pytest.approx(likeliest, abs=1e-6)
        for way, prob in search.ways.items():
            assert prob == pytest.approx(every[way], abs=1e-6)


def test_greedy_takes_the_likeliest_token_each_time_and_is_always_among_the_ways():
    found = set()
    for seed in range(8):
        search = Search(Reader(small_model(seed), Letters(), [0]), Sampling(), 1, 3)
        (greedy,) = every_way(small_model(seed), [0], 3, Sampling(0))
        assert search.greedy == greedy and greedy in search.ways
        found.add(len(search.ways))
    assert found == {1, 2}  # it is the likeliest way with some of the models, and with some it is not


def test_what_beam_search_misses_is_found(monkeypatch):
    def total(certify, seed):
        with monkeypatch.context() as patch:
            if not certify:
                patch.setattr(Search, "_certify", lambda search: False)
            search = Search(Reader(small_model(seed), Letters(), [1]), Sampling(), 2, 4)
        return sum(sorted(search.ways.values(), reverse=True)[:2])

    totals = [(total(False, seed), total(True, seed)) for seed in range(12)]
    assert all(beam <= best for beam, best in totals) and any(beam < best for beam, best in totals)


def test_too_many_to_read_is_said(monkeypatch):
    monkeypatch.setattr(ways, "MOST_READ", 8)
    torch.manual_seed(0)
    model = GPTModel(GPTConfig(40, 8, emb_dim=8, n_heads=2, n_layers=1))
    search = Search(Reader(model, Letters(), [1]), Sampling(), 3, 3)
    assert not search.is_exact and len(search.ways) >= 3


def test_a_way_is_read_once(monkeypatch):
    model, read = small_model(0), []
    reader = Reader(model, Letters(), [1, 2])
    states = model.hidden_states
    monkeypatch.setattr(model, "hidden_states", lambda ids, *cache: read.append(len(ids)) or states(ids, *cache))
    Search(reader, Sampling(), 3, 3)
    before = sum(read)
    Search(reader, Sampling(), 2, 3)
    assert sum(read) == before
    for way in product(range(VOCAB - 1), repeat=2):
        reader.distribution(way, Sampling())
    assert sum(read) - before < (VOCAB - 1) ** 2


def test_the_model_keeps_its_mode():
    model = small_model(0).train()
    Search(Reader(model, Letters(), [1]), Sampling(), 2, 2)
    assert model.training


def truth_of(reader, way):
    prob = 1.0
    for length, token_id in enumerate(way):
        prob *= reader.truth(way[:length]).get(token_id, 0.0)
    return prob


def by_words(prefix, way, tokenizer):
    """The chance that a story goes on with the tokens of `way`: the sum over all words that begin so."""
    total = 0.0
    for word, p in stories.next_word(prefix).items():
        tokens = tuple(tokenizer.encode(word))
        if len(tokens) >= len(way):
            total += p * (tokens[: len(way)] == way)
        elif way[: len(tokens)] == tokens:
            total += p * by_words(prefix + word, way[len(tokens) :], tokenizer)
    return total


@pytest.mark.parametrize("text", ["Once upon a time there", "옛날 옛적에"])
def test_the_truth_of_a_way_is_the_sum_over_all_words_that_begin_so(tokenizer, model, text):
    reader = Reader(model, tokenizer, tokenizer.encode(text))
    level, seen = {(): 1.0}, 0
    for length in range(3):  # a word has several tokens, and a way ends within one
        level = {(*way, i): p * q for way, p in level.items() for i, q in reader.truth(way).items()}
        assert sum(level.values()) == pytest.approx(1)
        for way, prob in list(level.items())[:20]:
            assert prob == pytest.approx(by_words(text, way, tokenizer)), length
            seen += 1
    assert seen >= 10
    assert truth_of(reader, (tokenizer.encode("!")[0],)) == 0


def test_the_truth_of_a_whole_story_is_its_score(tokenizer, model):
    story = min((stories.sample("en", seed) for seed in range(40)), key=len)
    way = (*tokenizer.encode(story), tokenizer.eos_token_id)
    prob = truth_of(Reader(model, tokenizer, []), way)
    assert math.log(prob) == pytest.approx(stories.score(story) - math.log(2))  # either language


def test_what_no_story_says_has_no_truth(tokenizer, model):
    assert Reader(model, tokenizer, tokenizer.encode("Hello")).truth(()) == {}
    assert Reader(model, Letters(), [0]).truth(()) == {}


def test_of_equally_likely_tokens_greedy_takes_the_first():
    model = small_model(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    search = Search(Reader(model, Letters(), [1]), Sampling(), 1, 3)
    assert search.greedy == (0, 0, 0) and search.ways[search.greedy] == pytest.approx((1 / VOCAB) ** 3)
