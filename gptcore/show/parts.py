"""The parts that views are made of: fields, sliders, buttons and pieces of HTML, in one style."""

from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets

from gptcore.show.settings import OFF
from gptcore.show.style import stylesheet

WIDE = {"width": "auto"}


def framed(*parts: ipywidgets.Widget, width: int = 820) -> ipywidgets.VBox:
    """The parts of a widget one below the other, in its style, at most `width` pixels wide."""
    return ipywidgets.VBox([ipywidgets.HTML(stylesheet()), *parts], layout={"max_width": f"{width}px", "width": "100%"})


def side_by_side(*parts: ipywidgets.Widget) -> ipywidgets.HBox:
    """Parts in one line, or in more where there is no room."""
    return ipywidgets.HBox(parts, layout={"flex_flow": "row wrap", "align_items": "center"})


def html() -> ipywidgets.HTML:
    """A part that is written as HTML."""
    return ipywidgets.HTML(layout=WIDE)


def text_field(name: str, text: str = "") -> ipywidgets.Text:
    """A field for a text; its value changes on Enter, or when the field loses the focus."""
    return ipywidgets.Text(text, description=name, continuous_update=False, layout=WIDE)


def choice_slider(
    name: str, options: list[tuple[str, Any]], label_width: str, value: Any = None
) -> ipywidgets.SelectionSlider:
    """A slider over (text, value) options, two sliders to a line; it stands on `value`, or on the first option."""
    layout, style = {"flex": "1 1 45%", "min_width": "300px"}, {"description_width": label_width}
    value = options[0][1] if value is None else value
    return ipywidgets.SelectionSlider(options=options, value=value, description=name, layout=layout, style=style)


def temperature_slider(name: str, label_width: str) -> ipywidgets.FloatSlider:
    """A slider from 0 to 2 whose value changes when it is let go."""
    return ipywidgets.FloatSlider(1.0, min=0, max=2, step=0.05, description=name, **_calm(label_width))


def top_k_slider(name: str, top_ks: Iterable[int], label_width: str) -> ipywidgets.SelectionSlider:
    """A slider over `top_ks` and no cut at all, whose value changes when it is let go."""
    options = [*((f"{k:,}", k) for k in top_ks), ("all", OFF)]
    return ipywidgets.SelectionSlider(options=options, description=name, **_calm(label_width))


def _calm(label_width: str) -> dict[str, Any]:
    style, layout = {"description_width": label_width}, {"width": "370px"}
    return {"continuous_update": False, "style": style, "layout": layout}


def button(name: str, action: Callable[[], None], icon: str, tooltip: str = "", **style: Any) -> ipywidgets.Button:
    """A button that calls `action`."""
    if tooltip:  # where there is none, ipywidgets 7 and 8 say so in different ways
        style["tooltip"] = tooltip
    made = ipywidgets.Button(description=name, icon=icon, **style)
    made.on_click(lambda _: action())
    return made
