"""Whether a chart can be read: in a light theme and in a dark one, on a projector, by everyone."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

WIDTH, HEIGHT = 848, 560  # pixels: the column of a notebook, and a projector's page
SMALLEST = 13  # pixels
INVERTED = 0.9333  # as in front/style.css


def faults(figure: Figure) -> list[str]:
    """What is wrong with a chart: its size, texts that are small, cut off, pale, or one over the other."""
    figure.draw_without_rendering()
    width, height = figure.get_size_inches() * figure.dpi
    found = [] if width <= WIDTH and height <= HEIGHT else [f"{width:.0f} × {height:.0f} pixels"]
    texts = list(_texts(figure))
    for text in texts:
        box, name = text.get_window_extent(), text.get_text()
        if text.get_fontsize() * figure.dpi / 72 < SMALLEST:
            found.append(f"{name!r} is small")
        if box.x0 < -2 or box.y0 < -2 or box.x1 > width + 2 or box.y1 > height + 2:
            found.append(f"{name!r} is cut off")
        color = to_rgb(text.get_color())
        if color != (1, 1, 1) and min(contrast(color, (1, 1, 1)), contrast(dark(color), dark((1, 1, 1)))) < 4.5:
            found.append(f"{name!r} is pale")
    boxes = [text.get_window_extent() for text in texts]
    for i, one in enumerate(boxes):
        for j in range(i):
            across = min(one.x1, boxes[j].x1) - max(one.x0, boxes[j].x0)
            down = min(one.y1, boxes[j].y1) - max(one.y0, boxes[j].y0)
            if across > 2 and down > 4:  # the box of a line is higher than its letters
                found.append(f"{texts[i].get_text()!r} is over {texts[j].get_text()!r}")
    return found


def _texts(figure: Figure) -> Iterator[Text]:
    """All texts that are to be seen."""
    shown = [text for ax in figure.axes for text in _texts_of(ax)]
    ticks = {id(label) for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for label in axis.findobj(Text)}
    inside = {id(text) for ax in figure.axes for text in ax.findobj(Text)}
    shown += [text for text in figure.findobj(Text) if id(text) not in inside | ticks]
    for text in shown:
        if text.get_visible() and text.get_text().strip():
            yield text


def _texts_of(ax: Axes) -> Iterator[Text]:
    yield from (text for text in ax.findobj(Text) if text.axes is ax and text in ax.texts)
    yield from (getattr(ax, name) for name in ("title", "_left_title", "_right_title"))
    if ax.get_legend() is not None:
        yield from ax.get_legend().get_texts()
    if not ax.axison:
        return
    for axis in (ax.xaxis, ax.yaxis):
        yield axis.label
        low, high = sorted(axis.get_view_interval())
        for place, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False):
            if low <= place <= high:
                yield label


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """The contrast of two colours as WCAG defines it, from 1 to 21."""
    dim, bright = sorted(map(_luminance, (one, other)))
    return (bright + 0.05) / (dim + 0.05)


def _luminance(color: tuple[float, ...]) -> float:
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in color]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def dark(color: tuple[float, ...]) -> tuple[float, ...]:
    """A colour of a chart as a page in a dark theme shows it: `invert(0.9333) hue-rotate(180deg)` of CSS."""
    inverted = [INVERTED * (1 - part) + (1 - INVERTED) * part for part in color]
    turned = 2 * np.array([[0.213, 0.715, 0.072]] * 3) - np.eye(3)
    return tuple(np.clip(turned @ inverted, 0, 1))
