"""`Prediction`: a question to answer before the next cell does, with a sentence for each answer."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gptcore.checks import check_text, given
from gptcore.language import _
from gptcore.printable import printable
from gptcore.show.charts import WIDTH, chart, drawable, say, styled
from gptcore.show.front import Control
from gptcore.show.live import LiveView
from gptcore.show.settings import Setting, Shown
from gptcore.show.style import columns

LETTERS = "ABCDE"
LONGEST = 500  # characters of each text
PER_LINE = 75  # columns of a picture


@dataclass(frozen=True)
class Question:
    """A question with its options, and the one that was chosen."""

    question: str
    options: dict[str, str]  # option: what is said to someone who chooses it
    right: str
    choice: str | None = None

    @property
    def said(self) -> str:
        """The sentence for the choice; nothing before there is one."""
        return "" if self.choice is None else self.options[self.choice]

    @property
    def is_right(self) -> bool:
        return self.choice == self.right

    @property
    def rows(self) -> list[str]:
        """The options with their letters."""
        return [f"{letter}  {option}" for letter, option in zip(LETTERS, self.options, strict=False)]

    @property
    def caption(self) -> str:
        if self.choice is None:
            return ""
        return f"{_('Right.') if self.is_right else _('Not quite.')} {self.said}"

    def describe(self) -> str:
        """The question and its options, whatever was chosen: a saved page gives nothing away."""
        return " ".join(" · ".join([self.question, *self.rows]).split())


@styled
def plot_question(ax: Axes, question: Question) -> None:
    """The question on `ax`, with its options below; nothing shows which of them is right."""
    ax.set_axis_off()
    for row, line in enumerate(_lines(question)):
        ax.text(0, -row, line, va="center")
    ax.set(xlim=(0, 1), ylim=(-row - 0.5, 0.5))
    say(ax, " ".join(_lines(question)))


def _lines(question: Question) -> list[str]:
    lines = _wrapped(question.question)
    for row in question.rows:
        first, *more = _wrapped(row)
        lines += [f"    {first}", *(f"         {line}" for line in more)]
    return lines


def _wrapped(text: str) -> list[str]:
    text = drawable(text)
    return wrap(text, PER_LINE * len(text) // columns(text))  # Hangul is twice as wide


class Prediction(LiveView):
    """A question to answer before the next cell does: each option has a sentence for someone who chooses it.

    >>> prediction = Prediction(
    ...     "At temperature 2, the likeliest token becomes …",
    ...     {
    ...         "likelier": "Dividing by 2 brings the scores closer together, so the likeliest loses.",
    ...         "rarer": "The scores come closer together, so the others gain what the likeliest loses.",
    ...     },
    ...     right="rarer",
    ... )
    >>> prediction.choice = "likelier"
    >>> prediction.caption
    'Not quite. Dividing by 2 brings the scores closer together, so the likeliest loses.'

    There are two to five `options`, shown in their order. `choice` is None at first, and then any of them, in turn:
    `said` is its sentence, and `is_right` whether it is `right`. Whatever else is chosen changes nothing, and `problem`
    says why.

    Raises TypeError or ValueError unless each text has 1 to 500 characters, and `right` is one of the options.
    """

    front = "prediction"
    choice = Setting()
    said, is_right = Shown(), Shown()

    def __init__(self, question: str, options: Mapping[str, str], right: str):
        _check_line("question", question)
        _check_options(options)
        if not isinstance(right, str) or right not in options:
            raise ValueError(_("right must be one of the options, got {value}").format(value=given(right)))
        self.record = Question(question, dict(options), right)
        self._open(choice=Control(options=[(printable(option), option) for option in options]))
        self._show()

    def picture(self) -> Figure:
        """The question and its options, for paper."""
        figure, ax = chart(WIDTH, 0.27 * len(_lines(self.record)))
        plot_question(ax, self.record)
        return figure

    def _checked(self, settings: dict[str, Any]) -> dict[str, Any]:
        settings = super()._checked(settings)
        for choice in settings.values():
            if not isinstance(choice, str) or choice not in self.record.options:
                allowed = ", ".join(map(repr, self.record.options))
                raise ValueError(
                    _("choice must be one of {names}, got {value}").format(names=allowed, value=given(choice))
                )
        return settings

    def _update(self, names: Collection[str]) -> None:
        self._try(lambda: replace(self.record, choice=self.choice))
        self._show()

    def _shown(self) -> dict[str, Any]:
        record = self.record
        chosen = None if record.choice is None else list(record.options).index(record.choice)
        return {"question": record.question, "chosen": chosen, "is_right": record.is_right}

    def _given(self) -> dict[str, Any]:
        record = self.record
        return super()._given() | {
            "given": {"question": record.question, "options": list(record.options.items()), "right": record.right}
        }


def _check_line(name: str, text: Any) -> None:
    """Raise TypeError or ValueError unless `text` can be asked, or said."""
    check_text(name, text)
    if not text.strip() or len(text) > LONGEST:
        raise ValueError(
            _("{name} must be a text of 1 to {most} characters, got {value}").format(
                name=name, most=LONGEST, value=given(text)
            )
        )


def _check_options(options: Any) -> None:
    if not isinstance(options, Mapping):
        raise TypeError(
            _("options must be a dictionary from each option to its sentence, got {value}").format(value=given(options))
        )
    if not 2 <= len(options) <= len(LETTERS):
        raise ValueError(_("options must be two to five, got {count}").format(count=len(options)))
    for option, said in options.items():
        _check_line(_("each of options"), option)
        _check_line(_("the sentence for {option} in options").format(option=given(option)), said)
