"""`checked`: a function that says in a sentence which of its arguments is not what its signature asks for."""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import wraps
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from gptcore.checks import given, is_integer
from gptcore.language import N_, _

_WORDS = {
    float: N_("a number"),
    int: N_("an integer"),
    bool: N_("True or False"),
    str: N_("a text (str)"),
    NoneType: N_("None"),
}
_SEVERAL = {float: N_("several numbers"), int: N_("several integers"), str: N_("several texts (str)")}


def checked(function: Callable) -> Callable:
    """`function`, which now raises TypeError for an argument that does not fit its annotation."""
    signature = inspect.signature(function)
    asked = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    open_ended = {name for name, p in signature.parameters.items() if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}

    @wraps(function)
    def checked_function(*arguments: Any, **named: Any) -> Any:
        for name, value in signature.bind(*arguments, **named).arguments.items():
            if name not in open_ended and not fits(value, asked[name]):
                raise TypeError(
                    _("{name} must be {what}, got {value}").format(
                        name=name, what=in_words(asked[name]), value=given(value)
                    )
                )
        return function(*arguments, **named)

    return checked_function


def fits(value: Any, annotation: Any) -> bool:
    """Whether `value` is what `annotation` says: a number may be of any library, and a sequence an array."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation in (Any, inspect.Parameter.empty):
        return True
    if annotation is float:
        return _is_number_of_any_make(value)
    if annotation is int:
        return is_integer(value)
    if origin is None:
        return (
            not isinstance(annotation, type) or annotation is inspect.Parameter.empty or isinstance(value, annotation)
        )
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            fits(key, parts[0]) and fits(item, parts[1]) for key, item in value.items()
        )
    if origin in (Sequence, Collection, Iterable):
        read_once = not hasattr(value, "__len__")
        if not _is_several(value) or (read_once and origin is not Iterable):
            return False
        return read_once or all(fits(item, parts[0]) for item in value)
    if origin is tuple:
        return isinstance(value, tuple) and len(value) == len(parts) and all(map(fits, value, parts))
    if origin is UnionType:
        return any(fits(value, part) for part in parts)
    return isinstance(value, origin)


def in_words(annotation: Any) -> str:
    """What `annotation` asks for."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is None:
        known = _WORDS.get(annotation)
        return _(known) if known else _("of the class {name}").format(name=annotation.__name__)
    if origin is Mapping:
        said = (
            _("a dictionary with {what} for each name")
            if parts[0] is str
            else _("a dictionary with {what} for each key")
        )
        return said.format(what=in_words(parts[1]))
    if origin in (Sequence, Collection, Iterable):
        return _(_SEVERAL[parts[0]]) if parts[0] in _SEVERAL else _("several of them")
    if origin is tuple:
        return _("a tuple of {count}").format(count=len(parts))
    if origin is UnionType:
        return _(" or ").join(map(in_words, parts))
    return _("a {name}").format(name=origin.__name__)


def _is_several(value: Any) -> bool:
    if isinstance(value, (str, bytes)):
        return False
    try:
        iter(value)  # what is a single number in an array only looks as if it could
    except TypeError:
        return False
    return True


def _is_number_of_any_make(value: Any) -> bool:
    if isinstance(value, (str, bytes, bool)):
        return False
    try:
        float(value)
    except Exception:
        return False
    return True
