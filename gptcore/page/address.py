"""The link to the state of a widget, equal to the one that a page writes for it (`address.js`).

    https://example.org/gptcore/widgets.html#at=next-token-1&prompt=Once+upon+a+time&seed=5&temperature=0.7&top_k=

Where the pages are says the environment variable `GPTCORE_PAGE`; without it there are no links.
"""

import os
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import groupby
from typing import Any
from urllib.parse import urlencode, urlsplit

from gptcore.language import _

VARIABLE = "GPTCORE_PAGE"
ALL_WIDGETS = "widgets.html"  # the page with one widget of each kind
EPHEMERAL = {"playing"}  # settings that are no part of a state


def base() -> str | None:
    """The address of the folder with the pages, with a "/" at its end; None if there is none.

    Raises ValueError if `GPTCORE_PAGE` is set to something else than an address.
    """
    address = os.environ.get(VARIABLE, "").strip()
    if not address:
        return None
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https", "file") or not (parts.netloc or parts.scheme == "file"):
        message = _("{variable} must be the address of a folder with pages, such as {example}, got {value}")
        raise ValueError(message.format(variable=VARIABLE, example="https://example.org/gptcore/", value=repr(address)))
    folder = parts.path.removesuffix("/").removesuffix("/index.html")
    return f"{parts.scheme}://{parts.netloc}{folder}/"


def link(kind: str, settings: Mapping[str, Any], did: Iterable[tuple[str, list]] = ()) -> str | None:
    """The link to a widget of the class `kind` at these settings, after `did` was done; None without `base()`."""
    folder = base()
    return None if folder is None else f"{folder}{ALL_WIDGETS}#{fragment(widget_id(kind), settings, did)}"


def widget_id(kind: str, number: int = 1) -> str:
    """How a page calls its widgets of this class: "next-token-1"."""
    return f"{re.sub(r'(?<=[a-z])(?=[A-Z])', '-', kind).lower()}-{number}"


def fragment(at: str, settings: Mapping[str, Any], did: Iterable[tuple[str, list]] = ()) -> str:
    """What stands after the "#": the id of a widget, its settings, and what was done after them.

    >>> fragment("next-token-1", {"prompt": "The fox", "seed": 5, "top_k": None}, [["add_token", []]] * 3)
    'at=next-token-1&prompt=The+fox&seed=5&top_k=&did=add_token*3'
    """
    pairs = [("at", at), *((name, _text(value)) for name, value in settings.items() if name not in EPHEMERAL)]
    calls = ["-".join([name, *map(_argument, given)]) for name, given in did]
    if calls:
        counted = [(call, len(list(same))) for call, same in groupby(calls)]
        pairs.append(("did", ".".join(call if count == 1 else f"{call}*{count}" for call, count in counted)))
    return urlencode(pairs, safe="*").replace("~", "%7E")  # as browsers do


def _argument(value: Any) -> str:
    """An integer, or a list of them, where a comma follows each."""
    return ("".join(f"{item}," for item in value) or ",") if isinstance(value, (list, tuple)) else str(value)


def _text(value: Any) -> str:
    """A value as JavaScript writes it; None is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _number(value)
    return str(value).encode(errors="replace").decode()


def _number(value: float) -> str:
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    if 1e-6 <= abs(value) < 1e21:
        return f"{Decimal(repr(value)):f}"
    return re.sub(r"e([-+])0", r"e\1", repr(value))
