"""`FutureTree`: the likeliest ways on from a text, as a tree with true chances beside the model's, and a dart on it."""

import math
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gptcore.checks import as_float, check_integer, given, is_integer
from gptcore.language import N_, Marked, _
from gptcore.model import GPTModel, check_model
from gptcore.sampling import Sampling
from gptcore.seeds import Uniforms
from gptcore.show.band import band
from gptcore.show.charts import HEIGHT, SMALL, WIDTH, after, chart, drawable, say, say_rows, styled
from gptcore.show.front import Control
from gptcore.show.futures import Branch, Futures, chances, futures, thrown
from gptcore.show.live import LiveView
from gptcore.show.plots import PERCENTS, plot_bars, plot_pairs
from gptcore.show.settings import Setting, Shown, TextSetting, check_any_seed, check_sampling
from gptcore.show.style import CHOSEN, KEPT, percent, shortened
from gptcore.show.ways import Reader, Way
from gptcore.text_generation import text_steps
from gptcore.tokenizer import check_tokenizer, decode

OPENING = Marked(N_("Once upon a time there"), {})
MOST_WIDTH, MOST_DEPTH = 12, 6
LETTERS = 56  # for the labels of one way in a chart


def check_count(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless `value` is an integer of at least 1."""
    check_integer(name, value, least=1)


def check_uniform(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless `value` is a number in [0, 1), or None."""
    if value is not None and not 0 <= as_float(name, value) < 1:
        rule = _("{name} must be at least 0 and below 1, or None for no dart, got {value}")
        raise ValueError(rule.format(name=name, value=given(value)))


class FutureTree(LiveView):
    """The likeliest ways on from a text: each token a branch, each way with the product of the chances of its tokens.

    >>> tree = FutureTree(model, tokenizer, "Once upon a time there", width=3, depth=2)
    >>> [(way.spelling, percent(way.path_prob), percent(way.true_prob)) for way in tree.ways]
    [('␣was␣a', '43.7%', '44.3%'), ('␣lived␣in', '21.3%', '21.1%'), ('␣lived␣by', '15.0%', '13.9%')]

    The `width` likeliest ways of `depth` tokens are found for certain (see `gptcore.show.ways`), and greedy's is shown
    too. Where a story of `gptcore.stories` begins as the text does, each way has its true chance beside the model's.
    `throw()` lets a dart fall on the ends of all branches, the next one of `seed`, or set `uniform`; `hit` is what it
    hits. `choose(way)` writes the tokens of a way, `take()` those that the dart hit, `back()` takes them away again.
    `root`, `ways`, `greedy`, `token_ids` and `text` are those of the `Futures` that are shown.
    """

    prompt, seed, uniform = TextSetting(), Setting(check_any_seed), Setting(check_uniform)
    width, depth = Setting(check_count, most=MOST_WIDTH), Setting(check_count, most=MOST_DEPTH)
    temperature, top_k = Setting(check_sampling), Setting(check_sampling)
    root, greedy, hit, true_hit = (Shown() for _ in range(4))
    ways, token_ids, text = Shown(empty=[]), Shown(empty=[]), Shown(empty="")
    front, hands = "future_tree", ("throw", "choose", "take", "back")
    _remembered = "record", "_chosen", "_reader", "_luck", "_darts"

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        prompt: str = OPENING,
        width: int = 6,
        depth: int = 4,
        temperature: float = 1.0,
        top_k: int | None = None,
        uniform: float | None = None,
        seed: int | None = 1,
    ):
        check_model(model)
        check_tokenizer(tokenizer)
        self.model, self.tokenizer = model, tokenizer
        self._chosen: tuple[Way, ...] = ()
        self._darts = 0  # how many of the seed's have fallen
        self._open(
            prompt=Control(""),
            width=Control(1, min=1, max=MOST_WIDTH, step=1),
            depth=Control(1, min=1, max=MOST_DEPTH, step=1),
            temperature=Control(1.0, min=0, max=2, step=0.05),
            **{name: Control() for name in ("top_k", "uniform", "seed")},
        )
        sampling = {"temperature": temperature, "top_k": top_k}
        self.change(prompt=prompt, width=width, depth=depth, **sampling, uniform=uniform, seed=seed)

    def throw(self) -> None:
        """Let the next dart fall."""
        if self.record is not None and not self.record.is_over:
            self._darts += 1
            self.change(uniform=next(self._luck))

    def choose(self, way: Sequence[int]) -> None:
        """Write the tokens of `way`. Raises TypeError or ValueError unless they are token ids of the model."""
        if not isinstance(way, (list, tuple)) or not way or not all(map(is_integer, way)):
            raise TypeError(_("way must be several token ids, got {value}").format(value=given(way)))
        last = self.model.config.vocab_size - 1
        if not all(0 <= token_id <= last for token_id in way):
            rule = _("way must be several token ids from 0 to {last}, got {value}")
            raise ValueError(rule.format(last=last, value=given(way)))
        if self.record is not None and not self.record.is_over:
            self._go(*self._chosen, tuple(map(int, way)))

    def take(self) -> None:
        """Write the tokens that the dart has hit."""
        if self.hit is not None:
            self.choose(self.hit.way)

    def back(self) -> None:
        """Take away the tokens that were written last."""
        if self.record is not None and self._chosen:
            self._go(*self._chosen[:-1])

    def _go(self, *chosen: Way) -> None:
        """Show what may follow the prompt and the tokens of all `chosen` ways; the dart is gone."""
        self._begin(chosen)
        self._put(uniform=None)
        self.record = self._grown()
        self._show()

    def _begin(self, chosen: tuple[Way, ...] = ()) -> None:
        prompt_ids, _steps = text_steps(self.model, self.prompt, self.tokenizer)
        self._chosen = chosen
        self._reader = Reader(self.model, self.tokenizer, prompt_ids + [i for way in chosen for i in way])

    def _grown(self) -> Futures:
        token_ids = self._reader.token_ids
        is_over = bool(token_ids) and token_ids[-1] in self._reader.ends  # the end itself is not shown
        text = decode(self.tokenizer, token_ids[:-1] if is_over else token_ids)
        return futures(self._reader, text, self._sampling, self.width, self.depth, self.uniform)

    @property
    def _sampling(self) -> Sampling:
        return Sampling(self.temperature, self.top_k)

    def _update(self, names: Collection[str]) -> None:
        self._try(partial(self._updated, set(names)))
        self._show()

    def _updated(self, names: set[str]) -> Futures:
        if self.record is None or "prompt" in names:
            self._begin()
        if self.record is None or "seed" in names:
            self._luck, self._darts = iter(Uniforms(self.seed)), 0
        if names == {"uniform"} and self.uniform is not None and not self.record.is_over:
            return thrown(self.record, self.uniform, self._reader, self._sampling)
        return self._grown()

    def picture(self) -> Figure:
        rows = 0 if self.record is None else len(self.ways)
        height, titles = max(2.6, min(HEIGHT, 1.4 + 0.36 * rows)), [after(self.text, 40)]
        figure, (left, right) = chart(WIDTH, height, columns=2, titles=titles, width_ratios=[2.3, 1])
        if rows:
            plot_branches(left, self.record)
            plot_ends(right, self.record)
        else:
            left.set_axis_off()
            right.set_axis_off()
            say(left, self.caption)
        return figure

    def _shown(self) -> dict[str, Any]:
        record = self.record
        if record is None:
            return {}
        branches, prompt = list(record.root)[1:], decode(self.tokenizer, self.token_ids[: self._prompt_length])
        place = {id(branch): i for i, branch in enumerate(branches)}
        parents = {place[id(child)]: place.get(id(branch), -1) for branch in record.root for child in branch.branches}
        hit = record.hit
        return {
            "parts": [prompt, self.text[len(prompt) :]],
            "branches": [branch_shown(branch, parents[i]) for i, branch in enumerate(branches)],
            "uniform": record.uniform,
            "hit": None if hit is None else place[id(hit.branch)],
            "hitLabel": None if hit is None else hit.label,
            "trueHit": None if record.true_hit is None else place[id(record.true_hit)],
            "start": [token_id for way in self._chosen for token_id in way],
        }

    @property
    def _prompt_length(self) -> int:
        return len(self.token_ids) - sum(map(len, self._chosen))

    def _given(self) -> dict[str, Any]:
        """The ways that were written, and the darts that fell before them or after, are done again."""
        did, thrown = [["choose", [list(way)]] for way in self._chosen], [["throw", []]] * self._darts
        if self.uniform is not None:
            did = did + thrown
        elif did:
            did = thrown + did
        return super()._given() | {"did": did}

    def _band(self) -> dict[str, Any]:
        if self.record is None:
            return {}
        known = () if self.record.is_over else (self.tokenizer, self._reader.distribution((), self._sampling))
        drawn = {} if self.hit is None else {"uniform": self.uniform, "token_id": self.hit.way[0]}
        return band(self.text, self.token_ids, self.model, *known, **drawn)


def branch_shown(branch: Branch, parent: int) -> dict[str, Any]:
    """A branch for the page, with the place of the one that it parts from; -1 for the text itself."""
    return {
        "parent": parent,
        "way": branch.way,
        "label": branch.label,
        "spelling": branch.spelling,
        "prob": branch.prob,
        "path": branch.path_prob,
        "true": branch.true_prob,
        "others": branch.is_others,
        "greedy": branch.is_greedy,
    }


@styled
def plot_branches(ax: Axes, record: Futures) -> None:
    """The tree on `ax`, its edges as wide as their ways are likely, greedy's solid, what the dart hits in orange."""
    rows = {id(way): row for row, way in enumerate(way for way in record.leaves if not way.is_others)}
    lit = record.hit.branch.way if record.hit is not None else ()
    depth = max(len(way.way) for way in record.ways)

    def place(branch: Branch) -> tuple[int, float]:
        shown = [place(child)[1] for child in branch.branches if not child.is_others]
        return len(branch.way), rows[id(branch)] if id(branch) in rows else (shown[0] + shown[-1]) / 2

    for branch in record.root:
        for child in (child for child in branch.branches if not child.is_others):
            color = CHOSEN if lit[: len(child.way)] == child.way else KEPT
            plot_edge(ax, place(branch), place(child), child, color)
            label = f"{shortened(child.label, LETTERS // max(3, depth))}\n{percent(child.prob)}"
            box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": color}
            style = {"ha": "center", "va": "center", "fontsize": SMALL, "linespacing": 1}
            ax.text(*place(child), drawable(label), bbox=box, **style, zorder=4)
    ax.plot(*place(record.root), "o", color=KEPT, ms=9, zorder=3)
    ax.set(xlim=(-0.15, depth + 0.6), ylim=(len(rows) + 0.5, -0.7))
    ax.set_axis_off()
    say_rows(ax, _("ways"), [way.spelling for way in record.ways], [chances(way) for way in record.ways])


def plot_edge(ax: Axes, start: tuple[int, float], end: tuple[int, float], child: Branch, color: str) -> None:
    """A curve between two places on `ax`, as wide as the way to `child` is likely."""
    steps = [i / 24 for i in range(25)]
    x = [start[0] + step * (end[0] - start[0]) for step in steps]
    y = [start[1] + (1 - math.cos(math.pi * step)) / 2 * (end[1] - start[1]) for step in steps]
    ax.plot(x, y, color=color, lw=1 + 14 * child.path_prob, ls="-" if child.is_greedy else (0, (4, 1)), alpha=0.55)


@styled
def plot_ends(ax: Axes, record: Futures) -> None:
    """The chances of the ways, in the order of the tree, and of all others together: they add up to 1."""
    ways = [leaf for leaf in record.leaves if not leaf.is_others]
    labels, xlabel = [""] * len(ways) + [_("others")], _("chance of the whole way")
    probs = [*(way.path_prob for way in ways), record.others[0]]
    if record.knows_truth:
        pairs = {_("truth"): [*(way.true_prob for way in ways), record.others[1]], _("model"): probs}
        texts = {name: [percent(prob) for prob in values] for name, values in pairs.items()}
        plot_pairs(ax, labels, pairs, texts, xlabel=xlabel)
    else:
        plot_bars(ax, labels, probs, list(map(percent, probs)), xlabel=xlabel)
    ax.set(**PERCENTS | {"xticks": [0, 0.5, 1], "xticklabels": ["0%", "50%", "100%"]})
    ax.set(yticks=[len(ways)], yticklabels=labels[-1:], ylim=(len(ways) + 0.5, -0.7))
