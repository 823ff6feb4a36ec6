"""Long work in steps, for who has something else to do in between: a notebook that hears a button."""

from collections.abc import Callable, Generator
from functools import wraps
from typing import ParamSpec, TypeAlias, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Steps: TypeAlias = Generator[None, None, Result]  # yields after each step, and returns the result


def finished(steps: Steps[Result]) -> Result:
    """Take all the steps: the result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def by_steps(work: Callable[Arguments, Steps[Result]]) -> Callable[Arguments, Result]:
    """Make an ordinary function of one that yields after each step. As `.steps` it is still there as it was."""

    @wraps(work)
    def whole(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return finished(work(*args, **kwargs))

    whole.steps = work
    return whole
