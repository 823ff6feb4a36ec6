"""One look for all widgets and charts, in JupyterLab's light and dark theme."""

import unicodedata
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

from matplotlib import font_manager

# Blue and orange that colour-blind eyes tell apart (Okabe & Ito 2008); lighter ones where the background is dark.
KEPT, KEPT_DARK = "#0072B2", "#56B4E9"
CHOSEN, CHOSEN_DARK = "#B84E00", "#FFA64D"
OTHERS = "#9A9A9A"
LONGEST = 28  # columns: a label that is longer is cut short in a chart, and in a row of HTML

# ipywidgets' own arrow is black, in the dark theme too.
ARROW = (
    "url(\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'>"
    "<path d='M5 7l4 4 4-4' fill='none' stroke='%23e0e0e0' stroke-width='2'/></svg>\")"
)

CSS = f"""<style>
.gptcore {{ --gptcore-kept: {KEPT}; --gptcore-chosen: {CHOSEN}; --gptcore-others: {OTHERS};
  color: var(--jp-ui-font-color1, #212121); font-family: var(--jp-ui-font-family, system-ui, sans-serif);
  font-size: 14px; line-height: 1.6; }}
[data-jp-theme-light="false"] .gptcore, body.vscode-dark .gptcore {{
  --gptcore-kept: {KEPT_DARK}; --gptcore-chosen: {CHOSEN_DARK}; }}
[data-jp-theme-light="false"] .widget-dropdown {{ --jp-widgets-dropdown-arrow: {ARROW}; }}
.gptcore-text {{ border: 1px solid var(--jp-border-color2, #bdbdbd); border-radius: 4px; padding: 8px 12px;
  min-height: 7.5em; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 16px; line-height: 1.5; }}
.gptcore-new {{ color: var(--gptcore-kept); }}
.gptcore-last {{ border-bottom: 2px solid var(--gptcore-chosen); font-weight: 600; }}
.gptcore-row {{ display: grid; grid-template-columns: 9.5em 1fr 4.5em; gap: 8px; align-items: center; height: 26px;
  contain: size; contain-intrinsic-width: 300px; }}
.gptcore-label {{ font-family: var(--jp-code-font-family, monospace); text-align: right; white-space: pre;
  overflow: hidden; text-overflow: ellipsis; }}
.gptcore-label.gptcore-long {{ font-size: 11px; line-height: 12px; white-space: pre-wrap;
  overflow-wrap: anywhere; max-height: 24px; }}
.gptcore-track {{ background: var(--jp-layout-color2, #eeeeee); height: 16px; border-radius: 2px; }}
.gptcore-bar {{ background: var(--gptcore-kept); height: 100%; border-radius: 2px; min-width: 1px; }}
.gptcore-others .gptcore-bar {{ background: repeating-linear-gradient(-45deg, var(--gptcore-others) 0 3px,
  transparent 3px 6px); outline: 1px solid var(--gptcore-others); outline-offset: -1px; }}
.gptcore-others .gptcore-label {{ font-style: italic; font-family: inherit; }}
.gptcore-number {{ text-align: right; font-variant-numeric: tabular-nums; }}
</style>"""


@cache
def fonts() -> list[str]:
    """Font families for charts: matplotlib's own, and one for Hangul, which that has not.

    The font file comes with the package koreanize-matplotlib, whose code is not run: it does not start on Python 3.12.
    """
    families = ["DejaVu Sans"]
    package = find_spec("koreanize_matplotlib")
    if package is not None:
        file = Path(package.submodule_search_locations[0]) / "fonts" / "NanumGothic.ttf"
        font_manager.fontManager.addfont(file)
        families.append(font_manager.FontProperties(fname=file).get_name())
    return families


def drawable(text: str) -> str:
    """`text` with the code, as in <U+1F98A>, of every character that none of the `fonts` can draw."""
    return "".join(c if ord(c) in _glyphs() else f"<U+{ord(c):04X}>" for c in text)


@lru_cache(maxsize=4096)  # the labels of a widget stay the same while a slider moves
def columns(text: str) -> int:
    """The width of a text in columns of Latin letters; Hangul and its like take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def short_label(label: str, token_id: int) -> str:
    """A label for a row: a very long one is cut short and named by its id, so that it differs from all others still."""
    return label if columns(label) <= LONGEST else f"{label[: LONGEST // 2]}… id {token_id}"


def label_class(label: str, room: int) -> str:
    """The class of a label in a row of HTML: what has no `room` in one line, in columns, is set smaller, in two."""
    return "gptcore-label gptcore-long" if columns(label) > room else "gptcore-label"


def ending(text: str, room: int) -> str:
    """`text`, or if it has no `room`, in columns, its end: for the title of a chart."""
    if columns(text) <= room:
        return text
    end = text[-room:]
    while columns(end) >= room:
        end = end[1:]
    return f"…{end}"


@cache
def _glyphs() -> frozenset[int]:
    files = [font_manager.findfont(family) for family in fonts()]
    return frozenset().union(*(font_manager.get_font(file).get_charmap() for file in files))


def percent(probability: float) -> str:
    """A probability for people: "71.6%". What is possible is never shown as 0, nor what is uncertain as 100."""
    if 0 < probability < 0.0005:
        return "<0.1%"
    if 0.9995 <= probability < 1:
        return ">99.9%"
    return f"{probability:.1%}"
