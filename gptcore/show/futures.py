"""A text and its likeliest ways on, as a tree whose probabilities are exact products, and a dart on its ends."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import torch

from gptcore.language import _
from gptcore.sampling import Sampling
from gptcore.show.style import others_label, percent
from gptcore.show.ways import Reader, Search, Way
from gptcore.tokenizer import token_bytes, token_label, visible

BELOW_ONE = math.nextafter(1, 0)


@dataclass(frozen=True, eq=False)
class Branch:
    """A way on from a text, or all the ways from one place that are not shown."""

    way: Way  # for others, that to the place where they part
    label: str  # of its last token; of others, how many they are
    spelling: str  # of the whole way
    prob: float  # of its last token, after those before it
    path_prob: float  # of the whole way: the product of those of its tokens
    true_prob: float | None  # of the whole way in the source; None if no story of it begins as the text does
    is_others: bool = False
    is_greedy: bool = False  # whether each of its tokens is the likeliest
    branches: tuple["Branch", ...] = ()  # the likeliest first, the others last

    def __iter__(self) -> Iterator["Branch"]:
        """This branch and all that part from it, from top to bottom."""
        yield self
        for branch in self.branches:
            yield from branch


@dataclass(frozen=True, eq=False)
class Hit:
    """What a dart hits on a bar of length 1 on which the ends of all branches lie end to end, from top to bottom."""

    branch: Branch
    way: Way  # that of the branch; among others, it goes on with the one token that is hit
    label: str
    spelling: str


@dataclass(frozen=True, eq=False)
class Futures:
    """A text and its likeliest ways on: what is shown adds up to 1."""

    token_ids: list[int]
    text: str
    root: Branch
    is_exact: bool  # whether no way is likelier than those shown; otherwise too many had to be read
    uniform: float | None = None  # where the dart falls, in [0, 1)
    hit: Hit | None = None
    true_hit: Branch | None = None  # what the same dart hits where all ends are as wide as they truly are

    @property
    def is_over(self) -> bool:
        return not self.root.branches

    @property
    def leaves(self) -> list[Branch]:
        """The ends of all branches, from top to bottom."""
        return [branch for branch in self.root if branch is not self.root and not branch.branches]

    @property
    def ways(self) -> list[Branch]:
        """The ends of the ways shown, the likeliest first."""
        ways = [leaf for leaf in self.leaves if not leaf.is_others]
        return sorted(ways, key=lambda leaf: leaf.path_prob, reverse=True)

    @property
    def greedy(self) -> Branch | None:
        """The way that takes the likeliest token each time; None if the text is over."""
        return next((leaf for leaf in self.leaves if leaf.is_greedy), None)

    @property
    def knows_truth(self) -> bool:
        return self.root.true_prob is not None

    @property
    def others(self) -> tuple[float, float | None]:
        """The probability of all ways that are not shown: the model's, and the true one."""
        others = [leaf for leaf in self.leaves if leaf.is_others]
        true_prob = sum(leaf.true_prob for leaf in others) if self.knows_truth else None
        return sum(leaf.path_prob for leaf in others), true_prob

    @property
    def caption(self) -> str:
        if self.is_over:
            return _("This token ends the text. Go back to choose otherwise.")
        best, greedy = self.ways[0], self.greedy
        said = [_("Likeliest: {way}, {chances};").format(way=best.spelling, chances=chances(best))]
        found = {"way": greedy.spelling, "chance": percent(greedy.path_prob)}
        said.append(_("greedy finds it.") if best is greedy else _("greedy takes {way}, {chance}.").format(**found))
        if self.hit is not None:
            said.append(_("The dart at {uniform} hits {way}.").format(uniform=self.uniform_text, way=self.hit.spelling))
        if not self.is_exact:
            said.append(_("There are too many ways to read them all: another may be likelier."))
        return " ".join(said)

    @property
    def uniform_text(self) -> str:
        """Where the dart falls, never rounded up to 1."""
        return f"{math.floor(self.uniform * 10_000) / 10_000:.4f}"

    def describe(self) -> str:
        """The ways in one line of text."""
        if self.is_over:
            return _("{text} is over").format(text=repr(self.text))
        ways = " · ".join(_described(way) for way in self.ways)
        found = {"text": repr(self.text), "ways": ways, "others": _chances(*self.others)}
        said = _("{text} may go on with {ways} · others {others}").format(**found)
        if self.hit is None:
            return said
        return said + _("; the dart at {uniform} hits {way}").format(uniform=self.uniform_text, way=self.hit.spelling)


def chances(branch: Branch) -> str:
    """The probability of a way, and the true one beside it."""
    return _chances(branch.path_prob, branch.true_prob)


def _chances(prob: float, true_prob: float | None) -> str:
    if true_prob is None:
        return percent(prob)
    return _("{prob} (true {true_prob})").format(prob=percent(prob), true_prob=percent(true_prob))


def _described(way: Branch) -> str:
    found = {"way": way.spelling, "chances": chances(way)}
    return _("{way} {chances}, greedy").format(**found) if way.is_greedy else f"{way.spelling} {chances(way)}"


def futures(
    reader: Reader, text: str, sampling: Sampling, width: int, depth: int, uniform: float | None = None
) -> Futures:
    """The `width` likeliest ways on of `depth` tokens, and greedy's, as a tree, with a dart at `uniform`.

    A text that has reached its end has no ways on.
    """
    if reader.token_ids and reader.token_ids[-1] in reader.ends:
        return Futures(reader.token_ids, text, Branch((), "", "", 1.0, 1.0, None), is_exact=True)
    search = Search(reader, sampling, width, depth)
    root = Branch((), "", "", 1.0, 1.0, 1.0 if reader.truth(()) else None, is_greedy=True)
    root = _grown(root, list(search.ways), reader, sampling)
    found = Futures(reader.token_ids, text, root, search.is_exact)
    return found if uniform is None else thrown(found, uniform, reader, sampling)


def _grown(branch: Branch, ways: list[Way], reader: Reader, sampling: Sampling) -> Branch:
    """`branch` with all that parts from it on `ways`, each of which begins as it does."""
    place = len(branch.way)
    if ways == [branch.way]:
        return branch
    distribution = reader.distribution(branch.way, sampling)
    truth = reader.truth(branch.way) if branch.true_prob else {}
    greedy, token_ids = distribution.probs.argmax().item(), list(dict.fromkeys(way[place] for way in ways))
    branches = []
    for token_id in sorted(token_ids, key=lambda token_id: -distribution.probs[token_id].item()):
        prob = distribution.probs[token_id].item()
        true_prob = None if branch.true_prob is None else branch.true_prob * truth.get(token_id, 0.0)
        way, is_greedy = (*branch.way, token_id), branch.is_greedy and token_id == greedy
        names = token_label(reader.tokenizer, token_id), spelled(reader.tokenizer, way)
        grown = Branch(way, *names, prob, branch.path_prob * prob, true_prob, False, is_greedy)
        branches.append(_grown(grown, [way for way in ways if way[place] == token_id], reader, sampling))
    shown = torch.tensor(token_ids, device=distribution.probs.device)
    rest = distribution.probs.double().index_fill(0, shown, 0).sum().item()
    others = _others(branch, branches, rest, int(distribution.kept_count))
    return replace(branch, branches=(*branches, *others))


def _others(branch: Branch, branches: list[Branch], prob: float, count: int) -> list[Branch]:
    """What is left of `branch` beside `branches`: `prob` in the model, which may take `count` in all, or in truth."""
    true_prob = branch.true_prob
    if true_prob is not None:
        true_prob = max(0.0, true_prob - sum(other.true_prob for other in branches))
        true_prob = 0.0 if true_prob < 1e-12 else true_prob  # rounding
    if not prob and not true_prob:
        return []
    label = others_label(count - len(branches))
    return [Branch(branch.way, label, f"{branch.spelling} …", prob, branch.path_prob * prob, true_prob, is_others=True)]


def spelled(tokenizer: Any, way: Way) -> str:
    """The tokens of `way` as one label, in which the bytes of a character are joined if it is whole."""
    try:
        return visible(b"".join(token_bytes(tokenizer, token_id) for token_id in way).decode())
    except ValueError:  # half a character, or a token that the tokenizer lacks
        return "".join(token_label(tokenizer, token_id) for token_id in way)


def thrown(futures: Futures, uniform: float, reader: Reader, sampling: Sampling) -> Futures:
    """`futures` with a dart at `uniform`."""
    leaf, rest = _hit(futures.leaves, [leaf.path_prob for leaf in futures.leaves], uniform)
    hit, true_hit = Hit(leaf, leaf.way, leaf.label, leaf.spelling), None
    if leaf.is_others:  # the dart falls on one of them, which lie in the order of the vocabulary
        parent = next(branch for branch in futures.root if leaf in branch.branches)
        probs = reader.distribution(leaf.way, sampling).probs.double()
        probs[[branch.way[-1] for branch in parent.branches if not branch.is_others]] = 0.0
        token_id, _rest = _hit(range(len(probs)), probs.tolist(), rest)
        way = (*leaf.way, token_id)
        hit = Hit(leaf, way, token_label(reader.tokenizer, token_id), spelled(reader.tokenizer, way))
    if futures.knows_truth:
        true_hit, _rest = _hit(futures.leaves, [leaf.true_prob for leaf in futures.leaves], uniform)
    return replace(futures, uniform=uniform, hit=hit, true_hit=true_hit)


def _hit(things: Sequence[Any], widths: Sequence[float], uniform: float) -> tuple[Any, float]:
    """The one of `things`, end to end on a bar, that a dart hits, and where on it the dart falls, in [0, 1)."""
    ends = list(accumulate(widths))
    place = uniform * ends[-1]
    i = min(bisect_right(ends, place), max(i for i, width in enumerate(widths) if width))
    return things[i], min(max(0.0, (place - (ends[i] - widths[i])) / widths[i]), BELOW_ONE)
