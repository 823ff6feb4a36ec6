"""Settings of widgets: plain attributes that are checked, each the value of a control."""

from collections.abc import Callable, Mapping
from typing import Any

from gptcore.checks import check_integer, check_text, given, is_integer, is_number
from gptcore.language import N_, Marked, _
from gptcore.letters import composed_notice
from gptcore.sampling import Sampling
from gptcore.seeds import LIMIT, Uniforms

# Where a caller gives no text: the first words of the tales, in the language that is set.
OPENING = Marked(N_("Once upon a time"), {})

MOST_TEXT = 5_000  # characters: of a longer text a model would see no more than the end

LARGEST_LOSS = 1e30  # nats per token: more is no number, also where it has 32 bits
MOST_LENGTH = 100  # new tokens of a text that is written before anything is shown


class Setting:
    """A plain attribute of a widget that is the value of a control; setting it moves the control.

    `check(name, value)` raises TypeError or ValueError for a value that is not allowed. `text` writes a value that a
    control with a choice does not offer yet. A number above `most` is cut to it, and a text of more characters to its
    end: the widget answers at once, and says so.
    """

    def __init__(
        self,
        check: Callable[[str, Any], None] = lambda name, value: None,
        text: Callable[[Any], str] = lambda value: f"{value:,}" if isinstance(value, int) else f"{float(value):g}",
        most: int | None = None,
    ):
        self.check, self.text, self.most = check, text, most

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, widget: Any, owner: type | None = None) -> Any:
        if widget is None:
            return self
        return widget.controls[self.name].value

    def __set__(self, widget: Any, value: Any) -> None:
        widget.change(**{self.name: value})

    def allowed(self, value: Any) -> tuple[Any, str]:
        """`value`, or as much of it as there is room for and a sentence that says so.

        Raises TypeError or ValueError if it is not allowed.
        """
        # A text is cut first, because the check reads all of it.
        text, notice = self.cut(value) if isinstance(value, str) else (value, "")
        self.check(self.name, text)
        if self.most and is_number(value) and value > self.most:
            notice = _("Here {name} was cut to {most}, the most that is possible.")
            return self.most, notice.format(name=self.name, most=f"{self.most:,}")
        if is_number(text):  # Python's, whoever made it
            return int(text) if is_integer(text) else float(text), ""
        return text, notice

    def cut(self, text: str) -> tuple[str, str]:
        """`text`, or its end and a sentence that says so."""
        if not self.most or len(text) <= self.most:
            return text, ""
        notice = _("Here {name} was cut to its last {most} of {length} characters.")
        counts = {"most": f"{self.most:,}", "length": f"{len(text):,}"}
        return text[-self.most :], notice.format(name=self.name, **counts)

    def put(self, control: Any, value: Any) -> None:
        """Set the control, which may not have offered `value` before."""
        if hasattr(control, "options"):
            self._offer(control, value)
        elif hasattr(control, "max"):
            control.max = max(control.max, value)
        control.value = value

    def _offer(self, control: Any, value: Any) -> None:
        if value in [known for _, known in control.options]:
            return
        off = [option for option in control.options if option[1] is None]
        values = [option for option in control.options if option[1] is not None] + [(self.text(value), value)]
        values.sort(key=lambda option: option[1])
        control.options = off + values if control.options[0] in off else values + off


class TextSetting(Setting):
    """The text that a widget works on. Letters in parts (NFD) are put together, unless it is taken `as_is`."""

    def __init__(self, most: int = MOST_TEXT, as_is: bool = False):
        super().__init__(check_text, most=most)
        self.as_is = as_is

    def allowed(self, value: Any) -> tuple[Any, str]:
        text, cut = super().allowed(str(_(value)) if isinstance(value, Marked) else value)
        whole, put_together = (text, "") if self.as_is else composed_notice(self.name, text)
        return whole, " ".join(filter(None, (cut, put_together)))


class Shown:
    """A plain attribute of a widget that its record has by the same name; `empty` if there is no record."""

    def __init__(self, empty: Any = None):
        self.empty = empty

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, widget: Any, owner: type | None = None) -> Any:
        if widget is None:
            return self
        return self.empty if widget.record is None else getattr(widget.record, self.name)

    def __set__(self, widget: Any, value: Any) -> None:
        raise AttributeError(_("{name} can only be read").format(name=self.name))


def check_sampling(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless `value` is allowed for a setting of the sampler."""
    Sampling(**{name: value})


def next_seed(seed: int | None) -> int | None:
    """Other luck: the seed after `seed`."""
    return None if seed is None else (seed + 1) % LIMIT


def check_floor(name: str, value: Any) -> None:
    """Raise ValueError unless `value` is a loss above 0, or None."""
    if value is not None and not (is_number(value) and 0 < value < LARGEST_LOSS):
        raise ValueError(
            _("{name} must be a loss above 0 in nats per token, or None, got {value}").format(
                name=name, value=given(value)
            )
        )


def check_named(name: str, value: Any) -> None:
    """Raise TypeError unless `value` is a mapping whose keys are names."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TypeError(
            _("{name} must be a dictionary with names as keys, got {value}").format(name=name, value=given(value))
        )


def check_length(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless `value` is an integer of at least 0."""
    check_integer(name, value, least=0)


def check_seed(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless `value` is an integer from 0 to 2**63 - 1."""
    check_integer(name, value, least=0)
    Uniforms(value)


def check_any_seed(name: str, value: Any) -> None:
    """The same, but None, for new luck each time, is allowed too."""
    if value is not None:
        check_integer(name, value, least=0, hint=_(", or None for new luck each time"))
        Uniforms(value)
