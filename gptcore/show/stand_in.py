"""The picture of a widget, shown in its place by a page that has ipywidgets but cannot get anywidget's front end."""

import html

import ipywidgets

# A page that cannot draw a widget draws an icon of a broken file.
_STYLE = """
.gptcore-view > .gptcore-stand-in, .gptcore-view .jupyter-widgets-error-widget { display: none; }
.gptcore-view:has(.jupyter-widgets-error-widget) > .gptcore-stand-in { display: block; }
"""


def with_stand_in(view: ipywidgets.DOMWidget, png: str, words: str) -> ipywidgets.Box:
    """`view`, with a picture (in base64, described by `words`) that is seen only where `view` cannot be drawn."""
    picture = f'<img src="data:image/png;base64,{png}" alt="{html.escape(words)}" style="max-width: 100%">'
    stand_in = ipywidgets.HTML(f"<style>{_STYLE}</style>{picture}")
    stand_in.add_class("gptcore-stand-in")
    box = ipywidgets.Box([stand_in, view], layout=ipywidgets.Layout(display="contents"))
    box.add_class("gptcore-view")
    return box
