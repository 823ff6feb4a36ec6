"""Self-checks as tables: what is right, on which cases, and the usual mistakes, each beside its hint.

    check_double = Exercise(  # function(row (n,)) → each value twice (n,)
        right="each value is doubled.",
        reference=lambda row: 2 * row,
        cases=[case(tensor([1.0, 3.0])), case(tensor([0.5, -2.0]), given="a row with a negative value")],
        edges=[case(tensor([]), why="An empty row stays empty.")],
        mistakes=[
            ("That is the square. Twice is 2 * row.", lambda row: row**2),
            ("That is the sum. Double each value.", lambda row: 2 * row.sum(), lambda row: row.sum()),
        ],
        reminder="Multiply each value by 2.",
    )
    check_answer = Value(right="6 × 7.", reference=42, mistakes=[("13 is the sum.", 13)], reminder="Multiply.")

`check_double(double)` prints one line, `Right: …` or `Not yet: …`, and never raises. The `cases` are judged together,
the `edges` one by one, each only if everything before it is right. A mistake is what a learner might have written. Its
hint is a diagnosis: it is given only if the answer returns what the mistake returns on every case so far; raising the
same type of exception counts as returning the same. (A mistake that raises on every case belongs in `errors`, which
knows exceptions by their text.) Otherwise the line says what went in, what was expected and what came out, followed by
the case's `why` or the exercise's `reminder`, which hold whatever the learner wrote.

A sentence of a table stands in `N_(…)`, and is said in the language of the interface when it is printed. A value is
filled in by `N_("{n} darts", n=5)`; a sentence is never put together from pieces. `given` is a noun phrase in Korean,
since “을(를) 주면” follows it.
"""

import copy
import inspect
import itertools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import torch
from torch import Tensor, nn

from gptcore.checks import is_number
from gptcore.exercises import share
from gptcore.exercises.outcomes import difference, named, same, show
from gptcore.language import N_, _, english, language

ENOUGH = 200  # calls of a model: no exercise needs as many

TENSOR_ERRORS = {  # part of an exception → what helps, in every exercise
    "return_types": N_("`.max(-1)` returns two tensors, the values and the indices: take .values or .indices."),
    "size of tensor a": N_(
        "The shapes do not fit: one value per row is a column, made with keepdim=True or [:, None]."
    ),
    "one element tensors": N_("math works on one number at a time. For a whole tensor write x.exp() or x.log()."),
    '"dim"': N_("Say along which axis: dim=-1, the last one."),
    "softmax() received an invalid": N_("Say along which axis: dim=-1, the last one."),  # the same in PyTorch 2.6
    "zero-dimensional tensor": N_("torch.cat joins rows: make the one token a row with new[None]."),
    "(batch, tokens)": N_("The model reads a batch of texts: keep the first axis, or make one with token_ids[None]."),
}


@dataclass(frozen=True)
class Case:
    """Arguments for the learner's function; `given` puts them into words, `why` explains what is expected."""

    arguments: tuple[Any, ...]
    given: str
    why: str


def case(*arguments: Any, given: str = "", why: str = "") -> Case:
    """A case; without `given`, its arguments are shown under the names that the reference gives them."""
    return Case(arguments, given, why)


class _NotYet(Exception):
    """What is wrong, in a sentence for the learner."""


class _Endless(BaseException):  # so that no `except Exception` of the learner's stops it
    """A model was called far more often than any answer needs."""


@dataclass(frozen=True, kw_only=True, repr=False)
class _Check:
    right: str
    reference: Any
    mistakes: Sequence[tuple[Any, ...]] = ()  # (hint, mistake, other ways to write the same mistake …)
    reminder: str = ""
    name: str = ""  # of one that is made anew for each answer: the function that makes it, "lesson05.check_seed"

    def __call__(self, answer: Any = None) -> None:
        """Print whether `answer` is right, and if not, why."""
        try:
            problem = self._problem(answer)
        except _NotYet as found:
            problem = str(found)
        except Exception as error:  # nothing that a learner writes may end in a traceback from here
            problem = _("this answer could not be read, {error}.").format(error=named(error))
        if problem is None:
            share.note(self)
            line = _("Right: {right}").format(right=_(self.right))
        else:
            line = _("Not yet: {problem}").format(problem=problem)
        print(" ".join(part.strip() for part in line.splitlines()))  # one line; 'a  b' keeps its two spaces

    def _problem(self, answer: Any) -> str | None:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True, repr=False)
class Value(_Check):
    """An exercise whose answer is a value. `what` names it; `observe(value)` is compared with the reference."""

    what: str = N_("a number")
    tolerance: float = 1e-6  # relative
    observe: Callable[[Any], Any] | None = None

    def _problem(self, answer: Any) -> str | None:
        if answer is None or answer is Ellipsis:
            return _("replace the dots by {what}.").format(what=_(self.what))
        if (isinstance(answer, Tensor) and answer.numel() == 1) or getattr(answer, "shape", None) == ():
            answer = answer.item()  # NumPy's arrays and numbers as well
        if is_number(self.reference) and not is_number(answer):
            sentence = _("the answer is {what}, and you gave {answer}.")
            return sentence.format(what=_(self.what), answer=show(answer))
        for hint, *mistakes in self.mistakes:
            if any(self._equal(answer, mistake) for mistake in mistakes):
                return _(hint)
        reminder = _(self.reminder)
        if self.observe is None:
            if self._equal(answer, self.reference):
                return None
            return _("you gave {answer}. {reminder}").format(answer=show(answer), reminder=reminder)
        try:
            found = self.observe(answer)
        except (TypeError, ValueError) as error:
            return f"{error}."
        if found == self.reference:
            return None
        wanted, found = (_(value) if isinstance(value, str) else value for value in (self.reference, found))
        between = _("expected {expected}, got {found}").format(expected=wanted, found=found)
        return _("given {given}, {between}. {hint}").format(given=show(answer), between=between, hint=reminder)

    def _equal(self, answer: Any, other: Any) -> bool:
        if is_number(answer) and is_number(other):
            return math.isclose(answer, other, rel_tol=self.tolerance)
        return answer == other


@dataclass(frozen=True, kw_only=True, repr=False)
class Exercise(_Check):
    """An exercise whose answer is a function. What is compared is what `observe(function, *arguments)` returns."""

    cases: Sequence[Case]
    edges: Sequence[Case] = ()
    tolerance: float = 1e-4  # absolute, and relative
    errors: Mapping[str, str] = field(default_factory=dict)  # part of an exception → what helps
    luck: str = N_("Use what the function is given, and nothing random.")
    observe: Callable[..., Any] = lambda function, *arguments: function(*arguments)

    def _problem(self, answer: Any) -> str | None:
        if not callable(answer):
            sentence = _("the check needs the function itself, without brackets after its name, and got {answer}.")
            return sentence.format(answer=show(answer))
        seen: list[tuple[Case, Any]] = []
        for level in (self.cases, *([edge] for edge in self.edges)):
            asked = [(case, self._ask(answer, case)) for case in level]
            seen += asked
            for case, found in asked:
                expected = self._ask(self.reference, case)
                if not same(found, expected, self.tolerance):
                    return self._explain(answer, case, expected, seen)
        return None

    def _ask(self, function: Callable[..., Any], case: Case, seed: int = 0) -> Any:
        """What `function` does with copies of the arguments: what it returns (None for a stub) or its exception."""
        copies = [_copy(argument) for argument in case.arguments]
        try:
            with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
                warnings.simplefilter("ignore")
                torch.default_generator.manual_seed(seed)  # so that a mistake meets the same dropout as the answer
                found = self.observe(function, *copies)
        except NotImplementedError:
            return None
        except (Exception, _Endless) as error:
            return error.with_traceback(None)
        if any(_changed(new, old) for new, old in zip(copies, case.arguments, strict=True)):
            sentence = _(
                "given {given}, your function changed what it was given, and its caller still needs that. "
                "Build the answer in something new: x = x / 2, not x /= 2."
            )
            raise _NotYet(sentence.format(given=self._words(case)))
        return None if found is Ellipsis else found

    def _explain(self, answer: Callable[..., Any], case: Case, expected: Any, seen: list[tuple[Case, Any]]) -> str:
        """What is wrong with what was found on this case, the first wrong one of those seen."""
        given, why, reminder = self._words(case), _(case.why), _(self.reminder)
        found = next(found for other, found in seen if other is case)
        if all(found is None for _, found in seen):
            return _("your function returns nothing so far. Replace the dots, and end with return.")
        diagnosis = self._diagnosis(seen)
        if found is None:
            sentence = _("given {given}, your function returned nothing: every way through it ends with return. {hint}")
            return sentence.format(given=given, hint=diagnosis or why)
        if isinstance(found, _Endless):
            sentence = _("given {given}, your function called the model {count} times: the loop never ends. {hint}")
            return sentence.format(given=given, count=ENOUGH, hint=why or reminder)
        if isinstance(found, Exception):
            hint = diagnosis or self._error_hint(answer, case, found) or why
            return _("given {given}, your function stopped with {error}. {hint}").format(
                given=given, error=named(found), hint=hint
            )
        if not diagnosis:
            for seed in (1, 2, 3):
                again = self._ask(answer, case, seed)
                if not same(again, found, self.tolerance) and show(again) != show(found):
                    sentence = _("given {given}, your function gives {found}, and asked again {again}. {hint}")
                    return sentence.format(given=given, found=show(found), again=show(again), hint=_(self.luck))
        between = difference(expected, found)
        return _("given {given}, {between}. {hint}").format(
            given=given, between=between, hint=diagnosis or why or reminder
        )

    def _diagnosis(self, seen: list[tuple[Case, Any]]) -> str:
        """The hint for the mistake that gives the same as the answer on all cases, or ""."""
        for hint, *mistakes in self.mistakes:
            for mistake in mistakes:
                if all(same(found, self._ask(mistake, case), self.tolerance) for case, found in seen):
                    return _(hint)
        return ""

    def _error_hint(self, answer: Callable[..., Any], case: Case, error: Exception) -> str:
        """What helps against an exception, which is known by its English words."""
        if language() != "en":
            with english():
                error = self._ask(answer, case)
        text = f"{type(error).__name__}: {error}"
        return next((_(hint) for part, hint in {**self.errors, **TENSOR_ERRORS}.items() if part in text), "")

    def _words(self, case: Case) -> str:
        names = inspect.signature(self.reference).parameters
        words = [f"{name} {show(value)}" for name, value in zip(names, case.arguments, strict=True)]
        return _(case.given) or _(" and ").join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def require(check: Callable[..., None], *answer: Any) -> None:
    """Raise AssertionError with the line that `check` prints, unless it says that the answer is right.

    It is for a machine that grades; a learner reads the line.
    """
    with redirect_stdout(StringIO()) as said:
        check(*answer)
    if not said.getvalue().startswith(_("Right: {right}").partition("{")[0]):
        raise AssertionError(said.getvalue().strip())


def _copy(argument: Any) -> Any:
    """A copy that a learner's function may change; a model counts how often it is called."""
    if isinstance(argument, nn.Module):
        argument, calls = copy.deepcopy(argument), itertools.count(1)

        def count(*arguments: Any) -> None:
            if next(calls) > ENOUGH:
                raise _Endless

        argument.register_forward_pre_hook(count)
        return argument
    return copy.deepcopy(argument) if isinstance(argument, Tensor | list | dict) else argument


def _changed(new: Any, old: Any) -> bool:
    if isinstance(old, Tensor):
        return new.shape != old.shape or not torch.equal(torch.nan_to_num(new), torch.nan_to_num(old))
    return isinstance(old, list | dict) and new != old
