import pytest
import torch

from gptcore.sampling import Distribution, Sampling, draw
from gptcore.show.futures import futures, thrown
from gptcore.show.ways import Reader


@pytest.fixture
def grown(model_of_noise, tokenizer):
    """grown(text, **settings): the futures of a text, and its reader."""
    model = model_of_noise(n_layers=1)

    def make(text="Once upon a time there", sampling=Sampling(), width=4, depth=3, uniform=None):  # noqa: B008
        reader = Reader(model, tokenizer, tokenizer.encode(text))
        return futures(reader, text, sampling, width, depth, uniform), reader

    return make


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(1.5, 5), Sampling(0)])
def test_what_is_shown_adds_up_to_one(grown, sampling):
    tree, _ = grown(sampling=sampling)
    assert sum(leaf.path_prob for leaf in tree.leaves) == pytest.approx(1)
    assert sum(leaf.true_prob for leaf in tree.leaves) == pytest.approx(1)
    assert sum(way.path_prob for way in tree.ways) + tree.others[0] == pytest.approx(1)
    for branch in tree.root:
        if branch.branches:
            assert sum(b.path_prob for b in branch.branches) == pytest.approx(branch.path_prob)
            assert sum(b.true_prob for b in branch.branches) == pytest.approx(branch.true_prob)
            probs = [b.prob for b in branch.branches if not b.is_others]
            assert probs == sorted(probs, reverse=True)


def test_a_way_has_the_product_of_the_chances_of_its_tokens(grown):
    tree, reader = grown(sampling=Sampling(0.7))
    assert len(tree.ways) >= 4
    for way in tree.ways:
        prob = true_prob = 1.0
        for place, token_id in enumerate(way.way):
            prob *= reader.distribution(way.way[:place], Sampling(0.7)).probs[token_id].item()
            true_prob *= reader.truth(way.way[:place]).get(token_id, 0.0) if true_prob else 0.0
        assert way.path_prob == pytest.approx(prob) and way.true_prob == pytest.approx(true_prob)


def test_the_greedy_way_is_marked_from_its_first_token(grown):
    tree, reader = grown()
    token_ids = ()
    for branch in [b for b in tree.root if b.is_greedy][1:]:
        assert branch.way[:-1] == token_ids
        assert branch.way[-1] == reader.distribution(token_ids, Sampling()).probs.argmax()
        token_ids = branch.way
    assert tree.greedy.way == token_ids and len(token_ids) == 3


def test_a_dart_hits_each_end_as_often_as_its_chance_says(grown):
    count = 400
    darts = [(i + 0.5) / count for i in range(count)]
    tree, reader = grown()
    hits = [thrown(tree, uniform, reader, Sampling()) for uniform in darts]
    for leaf in tree.leaves:
        same = [hit for hit in hits if hit.hit.branch is leaf]
        assert len(same) / count == pytest.approx(leaf.path_prob, abs=1.01 / count)
        true = [hit for hit in hits if hit.true_hit is leaf]
        assert len(true) / count == pytest.approx(leaf.true_prob, abs=1.01 / count)


def test_among_the_others_a_dart_hits_one_token_in_the_order_of_the_vocabulary(grown):
    tree, reader = grown(depth=1, width=2, uniform=0.99)
    assert tree.hit.branch.is_others and len(tree.hit.way) == 1
    probs = reader.distribution((), Sampling()).probs.double()
    shown = [way.way[0] for way in tree.ways]
    rest = probs.clone()
    rest[shown] = 0
    start = sum(way.path_prob for way in tree.ways)
    expected = draw(Distribution(rest, rest, (rest == 0).to(torch.int8), rest), (0.99 - start) / (1 - start))
    assert tree.hit.way == (int(expected),) and tree.hit.way[0] not in shown


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-53])
def test_the_ends_of_the_bar_are_hit(grown, uniform):
    tree, _ = grown(uniform=uniform)
    possible = [leaf for leaf in tree.leaves if leaf.path_prob]
    assert tree.hit.branch is possible[-1 if uniform else 0]
    possible = [leaf for leaf in tree.leaves if leaf.true_prob]
    assert tree.true_hit is possible[-1 if uniform else 0]
    assert tree.uniform_text == ("0.9999" if uniform else "0.0000")


def test_where_no_story_begins_so_there_is_no_truth(grown):
    tree, _ = grown("Hello", uniform=0.5)
    assert not tree.knows_truth and tree.others[1] is None and tree.true_hit is None
    assert all(branch.true_prob is None for branch in tree.root)
    assert "true" not in tree.describe()


def test_what_the_model_cannot_take_may_be_true(grown):
    tree, _ = grown(sampling=Sampling(top_k=1))
    (way,) = tree.ways
    assert way.path_prob == 1 and tree.others[0] == 0 and tree.others[1] == pytest.approx(1 - way.true_prob)


def test_an_end_token_ends_a_way(model_of_noise, tokenizer):
    model = model_of_noise(n_layers=1)
    with torch.no_grad():  # a model that is sure that everything is over
        model.final_norm.weight.zero_()
        model.final_norm.bias.copy_(model.token_embedding.weight[tokenizer.eos_token_id] * 1e4)
    tree = futures(Reader(model, tokenizer, [5]), "", Sampling(), 3, 4)
    assert [way.way for way in tree.ways] == [(tokenizer.eos_token_id,)]
    over = futures(Reader(model, tokenizer, [5, tokenizer.eos_token_id]), "a", Sampling(), 3, 4, 0.5)
    assert over.is_over and over.ways == [] and over.hit is None and over.greedy is None
    assert over.describe() == "'a' is over" and "ends the text" in over.caption


def test_it_says_what_can_be_seen(grown):
    tree, _ = grown(width=2, depth=2, uniform=0.0)
    best, way = tree.ways[0], tree.hit.branch
    assert f"Likeliest: {best.spelling}, " in tree.caption
    assert f"The dart at 0.0000 hits {way.spelling}." in tree.caption
    assert tree.describe().startswith("'Once upon a time there' may go on with ") and ", greedy" in tree.describe()


@pytest.mark.parametrize("temperature", [1e-3, 1e-2, 0.05])
def test_others_that_have_rounded_to_nothing_are_not_hit(grown, temperature):
    tree, _ = grown(sampling=Sampling(temperature), width=1, depth=2, uniform=1 - 2**-53)
    assert tree.hit.branch.path_prob > 0 and not (tree.hit.branch.is_others and tree.others[0] < 1e-30)
