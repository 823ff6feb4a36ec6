"""Sizes and times as people read them: three digits and a unit."""

from gptcore.language import _


def bytes_text(size: float) -> str:
    """Bytes with a unit of thousands.

    >>> bytes_text(497_759_232)
    '498 MB'
    """
    return _with_unit(size, ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes")))


def seconds_text(seconds: float) -> str:
    """A time in seconds or a smaller unit.

    >>> seconds_text(0.02488)
    '24.9 ms'
    """
    return _with_unit(seconds, ((1, "s"), (1e-3, "ms"), (1e-6, "µs")))


def three_digits(value: float) -> str:
    """`value` rounded to three digits, or to a whole number from 100 on."""
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _with_unit(value: float, units: tuple[tuple[float, str], ...]) -> str:
    """`value` in the first of `units` in which it is at least 1 when rounded, or else in the last."""
    size, unit = next((unit for unit in units if value >= 0.9995 * unit[0]), units[-1])
    return _("{n} bytes").format(n=three_digits(value)) if unit == "bytes" else f"{three_digits(value / size)} {unit}"
