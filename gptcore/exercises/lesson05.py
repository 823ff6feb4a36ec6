"""The self-checks of lesson 05, "How does a text grow?". Each prints one line and never raises.

A wrong loop is recognised by what it gives back: the usual mistakes are made here, too, and the answers compared.
"""

import math
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from gptcore.config import GPTConfig
from gptcore.exercises.by_hand import error_hint, named
from gptcore.generation import generate
from gptcore.model import GPTModel, evaluating
from gptcore.sampling import draw, next_token_distribution

CONTEXT = 8
PROMPT = [3, 1, 4]
# Darts that tell the usual mistakes apart on the model below.
UNIFORMS = torch.rand(30, generator=torch.Generator().manual_seed(5), dtype=torch.float64).tolist()
ENOUGH = 500  # readings of the model: a loop that is right needs far fewer


class _Endless(Exception):
    pass


# Exercise 1: the loop ----------------------------------------------------------------------------------------------


def check_loop(function: Callable[[GPTModel, Tensor, list[float], int], Tensor]) -> None:
    """Print whether `function(model, token_ids, uniforms, eos_token_id)` grows a text as it should.

    It gives back token_ids (T,) and one new token for each uniform number, or fewer if eos_token_id came.
    """
    _report("my_loop", function, _loop_problem)


def _loop_problem(function: Callable) -> str | None:
    model = _small_model()
    for uniforms, eos, problem in (
        (UNIFORMS[:1], -1, _one_token_problem),
        (UNIFORMS[:5], -1, _short_problem),
        (UNIFORMS[:5], None, _end_problem),
        (UNIFORMS[:20], -1, _long_problem),
        (UNIFORMS[:5], -1, _dropout_problem),
    ):
        right = _grow(model, uniforms)
        if eos is None:  # the third new token is the one that ends the text
            eos = right[len(PROMPT) + 2]
            right = _grow(model, uniforms, eos)
        found = problem(function, model, uniforms, eos, right)
        if found:
            return found
    return None


def _one_token_problem(function, model, uniforms, eos, right) -> str | None:
    answer, problem = _answer(function, model, uniforms, eos)
    if problem:
        return problem
    if answer == right:
        return None
    new, old = right[-1], right[:-1]
    given = f"with the prompt {old} and one dart it gave {answer}, not {right}"
    if answer == [new]:
        return f"{given}. The prompt is lost: put the new token behind all that was there, with torch.cat."
    if answer == [new, *old]:
        return f"{given}. The new token is in front: a text grows at its end, so token_ids comes first in torch.cat."
    if answer == old:
        return f"{given}. Nothing was added: does the line with torch.cat give its result back to token_ids?"
    if len(answer) != len(right):
        return f"{given}. There should be one new token for each dart, behind the prompt."
    if answer[:-1] != old:
        return f"{given}. The prompt itself has changed; it should stay as it was, and the new token come last."
    return _own_luck(function, model, uniforms, eos) or f"{given}. {_token_hint(model, answer, uniforms)}"


def _own_luck(function, model, uniforms, eos) -> str | None:
    answers = {str(_answer(function, model, uniforms, eos)[0]) for _ in range(5)}
    if len(answers) == 1:
        return None
    return (
        f"the same darts gave {' and then '.join(sorted(answers)[:2])}. Use the numbers in uniforms, and no other luck."
    )


def _token_hint(model: GPTModel, answer: list[int], uniforms: list[float]) -> str:
    """What is wrong with a loop whose answers have the right length and the wrong tokens."""
    length = len(uniforms)
    mistakes = (
        ({"row": 0}, "It read the scores of the first position; the next token is in the last row, [0, -1]."),
        ({"argmax": True}, "It takes the likeliest token; the dart should choose: gptcore.draw."),
        ({"window": 1}, "The model was shown the last token alone; it should read the whole text."),
    )
    for mistake, hint in mistakes:
        if answer == _grow(model, uniforms, **mistake)[: len(PROMPT) + length]:
            return hint
    return (
        "The scores are model(token_ids[None])[0, -1], the chances gptcore.next_token_distribution(scores), "
        "the token gptcore.draw(chances, uniform)."
    )


def _short_problem(function, model, uniforms, eos, right) -> str | None:
    answer, problem = _answer(function, model, uniforms, eos)
    if problem or answer == right:
        return problem
    given = f"with {len(uniforms)} darts it gave {answer}, not {right}"
    if problem := _own_luck(function, model, uniforms, eos):
        return problem
    if answer == right[: len(PROMPT) + 1]:
        return f"{given}. It ends after one token: is the return inside the loop?"
    if answer == _grow(model, uniforms[:1] * len(uniforms)) or answer == _grow(model, uniforms[-1:] * len(uniforms)):
        return f"{given}. One dart was used for all steps; each step takes the next number of uniforms."
    if answer == _grow(model, uniforms[::-1]):
        return f"{given}. The darts were used from the last to the first."
    if answer == _grow(model, uniforms, read_once=True):
        return f"{given}. The model was shown the prompt every time; each new token must be read, too."
    if answer == right[len(PROMPT) :]:
        return f"{given}. The prompt is lost: put each new token behind all that was there."
    if len(answer) != len(right):
        return f"{given}. There should be one new token for each dart, behind the prompt."
    return f"{given}. {_token_hint(model, answer, uniforms)}"


def _end_problem(function, model, uniforms, eos, right) -> str | None:
    answer, problem = _answer(function, model, uniforms, eos)
    if problem or answer == right:
        return problem
    given = f"with eos_token_id={eos} it gave {answer}, not {right}"
    if answer == _grow(model, uniforms):
        return f"{given}. It goes on after the end: leave the loop when the new token is eos_token_id."
    if answer == right[:-1]:
        return f"{given}. The token that ends the text belongs to the text: append it, then leave the loop."
    return f"{given}. The loop should end right after the new token that equals eos_token_id."


def _long_problem(function, model, uniforms, eos, right) -> str | None:
    asked = f"with {len(uniforms)} darts the text outgrows the {CONTEXT} tokens that this model can read"
    try:
        answer = _ids(_call(function, model, uniforms, eos))
    except _Endless:
        return f"{asked}, and then the loop never ended. It should take one step for each dart."
    except Exception as error:
        return (
            f"{asked}, and then it stopped with {named(error)}. "
            "Show the model no more than the last ones: token_ids[-model.config.context_length:]."
        )
    if answer == right:
        return None
    if answer == _grow(model, uniforms, window=CONTEXT, first_ones=True):
        return f"{asked}; it went on reading the first ones. The last ones count: token_ids[-context_length:]."
    if answer == right[-len(answer or [0]) :]:
        return f"{asked}; the beginning is lost. Cut only what the model reads, and keep the whole text."
    if answer is not None and len(answer) < len(right):
        return f"{asked}; it gave back {len(answer)} tokens, not {len(right)}. The text may be longer than the window."
    return f"{asked}; from then on the tokens differ. Each step should read exactly the last {CONTEXT}."


def _dropout_problem(function, model, uniforms, eos, right) -> str | None:
    model.train()
    with torch.random.fork_rng(devices=[]):  # what dropout leaves out is the same each time
        torch.manual_seed(3)
        answer, problem = _answer(function, model, uniforms, eos)
    model.eval()
    if problem or answer == right:
        return problem
    return (
        "a model that comes straight from training still switches off parts of itself at random (dropout), "
        "and the tokens differ. Begin with model.eval()."
    )


def _grow(
    model: GPTModel,
    uniforms: Sequence[float],
    eos: int | None = None,
    *,
    row: int = -1,
    argmax: bool = False,
    window: int = CONTEXT,
    first_ones: bool = False,
    read_once: bool = False,
) -> list[int]:
    """The loop as it should be, or with a mistake."""
    ids = list(PROMPT)
    for uniform in uniforms:
        seen = PROMPT if read_once else ids[:window] if first_ones else ids[-window:]
        with evaluating(model):
            distribution = next_token_distribution(model(torch.tensor([seen]))[0, row])
        new = int(distribution.probs.argmax() if argmax else draw(distribution, uniform))
        ids.append(new)
        if new == eos:
            break
    return ids


def _small_model() -> GPTModel:
    """A model that knows nothing, but is moved by every token that it reads."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = GPTModel(
            GPTConfig(vocab_size=40, context_length=CONTEXT, emb_dim=24, n_heads=2, n_layers=2, drop_rate=0.5)
        )
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(12)
    return model.eval()


def _answer(
    function: Callable, model: GPTModel, uniforms: list[float], eos: int
) -> tuple[list[int] | None, str | None]:
    """What a learner's loop gives back, as a list, or what is wrong with that."""
    try:
        given = _call(function, model, uniforms, eos)
    except _Endless:
        return None, "the loop never ends. It should take one step for each number in uniforms."
    except Exception as error:
        return None, f"it stopped with {named(error)}. {error_hint(error)}"
    if given is None or given is ...:
        return None, f"it gave back {'nothing' if given is None else '...'}. End with: return token_ids"
    ids = _ids(given)
    if ids is None:
        return (
            None,
            f"it gave back a {type(given).__name__}; expected are token ids, a tensor such as tensor({PROMPT}).",
        )
    return ids, None


def _call(function: Callable, model: GPTModel, uniforms: list[float], eos: int) -> Any:
    readings = 0

    def count(*_: Any) -> None:
        nonlocal readings
        readings += 1
        if readings > ENOUGH:
            raise _Endless

    hook = model.register_forward_pre_hook(count)
    was_training = model.training
    try:
        return function(model, torch.tensor(PROMPT), list(uniforms), eos)
    finally:
        hook.remove()
        model.train(was_training)


def _ids(given: Any) -> list[int] | None:
    """Token ids as a list, whether they are a tensor (T,), (1, T) or a list; None if they are no token ids."""
    try:
        tensor = given if isinstance(given, Tensor) else torch.tensor([int(i) for i in given])
    except Exception:  # whatever it was, it was no token ids
        return None
    if tensor.is_floating_point() and not torch.equal(tensor, tensor.round()):
        return None
    return [int(i) for i in tensor.flatten().tolist()]


# Exercise 2: the surprise ------------------------------------------------------------------------------------------


def check_surprise(function: Callable[[GPTModel, Tensor], float]) -> None:
    """Print whether `function(model, token_ids)` is the sum of -ln p of each token but the first, in nats."""
    _report("surprise", function, _surprise_problem)


def _surprise_problem(function: Callable) -> str | None:
    model, ids = _small_model(), torch.tensor([3, 1, 4, 1, 5, 9])
    with evaluating(model):
        log_probs = model(ids[None])[0].double().log_softmax(-1)
    one_by_one = -log_probs[:-1].gather(-1, ids[1:, None]).squeeze(-1)
    right = one_by_one.sum().item()
    try:
        given = function(model, ids.clone())
    except Exception as error:
        return f"it stopped with {named(error)}. {error_hint(error)}"
    if given is None or given is ...:
        return "it gave back nothing. End with: return total"
    try:
        given = float(given.detach() if isinstance(given, Tensor) else given)
    except (TypeError, ValueError, RuntimeError):
        return f"it gave back a {type(given).__name__}; expected is one number, such as {right:.2f}."
    if math.isclose(given, right, rel_tol=1e-3):
        return None
    same_place = -log_probs.gather(-1, ids[:, None]).squeeze(-1)
    scores = model(ids[None])[0].detach().double()
    usual = (
        (-right, "The sign: ln p is negative, and a surprise is -ln p."),
        (right / math.log(2), "This is in bits, with the logarithm to base 2; nats need the natural one, .log()."),
        (right / math.log(10), "This has the logarithm to base 10; nats need the natural one, .log()."),
        (right / (len(ids) - 1), "This is the mean of the surprises; the total is their sum."),
        ((-one_by_one).exp().sum().item(), "This adds the chances up; add -ln of each chance."),
        ((-one_by_one).sum().exp().item(), "This is the chance of the whole text; its surprise is -ln of it."),
        (one_by_one[-1].item(), "This is the surprise at the last token alone; add up those of all."),
        (same_place.sum().item(), "Each row scores the token that comes *next*: row t belongs to token t + 1."),
        (same_place[1:].sum().item(), "Each row scores the token that comes *next*: row t belongs to token t + 1."),
        (same_place[:-1].sum().item(), "Each row scores the token that comes *next*: row t belongs to token t + 1."),
        (-scores[:-1].gather(-1, ids[1:, None]).sum().item(), "These are scores, not chances: softmax comes first."),
        (_over_positions(scores, ids), "The softmax ran over the positions; it runs over the vocabulary, dim=-1."),
    )
    for value, hint in usual:
        if math.isclose(given, value, rel_tol=1e-3):
            return f"for the text {ids.tolist()} it gave {given:.2f}, not {right:.2f}. {hint}"
    return (
        f"for the text {ids.tolist()} it gave {given:.2f}, not {right:.2f}. "
        "Row t of the model's output gives the chance of token t + 1; add up -ln of these."
    )


def _over_positions(scores: Tensor, ids: Tensor) -> float:
    return -scores.log_softmax(0)[:-1].gather(-1, ids[1:, None]).sum().item()


# Exercise 3: a seed ------------------------------------------------------------------------------------------------


def check_seed(seed: int, model: GPTModel, tokenizer: Any, count: int = 10) -> None:
    """Print whether with `seed` temperatures 0.7 and 1.0, top-k 10, write the same first `count` tokens."""
    _report("my_seed", seed, lambda seed: _seed_problem(seed, model, tokenizer, count), is_function=False)


def _seed_problem(seed: Any, model: GPTModel, tokenizer: Any, count: int) -> str | None:
    if isinstance(seed, bool) or not isinstance(seed, Integral):
        return f"a seed is a whole number, such as 7, and this is {seed!r}."
    if not 0 <= seed < 2**63:
        return f"a seed is a whole number of at least 0 and below 2**63, and this is {seed}."
    prompt = torch.tensor([tokenizer.encode("Once upon a time")], device=model.device)
    cold, hot = (generate(model, prompt, count, t, 10, seed=seed)[0, prompt.shape[1] :] for t in (0.7, 1.0))
    if torch.equal(cold, hot):
        return None
    first = (cold != hot).nonzero()[0].item() + 1
    return (
        f"with seed {seed} new token {first} differs already; the first {count} should be the same. "
        "A seed is no measure of anything, so nearby seeds are no better: try many, in a loop."
    )


# What all checks share ---------------------------------------------------------------------------------------------


def _report(name: str, given: Any, problem_of: Callable[[Any], str | None], is_function: bool = True) -> None:
    """Print the one line. A mistake of the learner's is a sentence, never an error."""
    if given is None or given is ...:
        problem = f"{name} is still empty. Write your answer in place of the three dots, and run the cell again."
    elif is_function and not callable(given):
        problem = f"this is the result of {name}; the check wants the function itself, without brackets behind it."
    elif is_function and _is_stub(given):
        problem = f"{name} is still empty. Write your lines in place of the three dots, and run the cell again."
    else:
        try:
            problem = problem_of(given)
        except Exception as error:  # nothing that a learner writes may end in a traceback from here
            problem = f"the check could not be finished: {named(error)}."
    print("Right: " + _PRAISE[name] if problem is None else "Not yet: " + " ".join(problem.split()))


def _is_stub(function: Callable) -> bool:
    """Whether a function has nothing but `...` or `pass` (and perhaps a docstring) in it."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_code not in (_stub.__code__.co_code, _told_stub.__code__.co_code):
        return False
    return all(constant in (None, ..., function.__doc__) for constant in code.co_consts)


def _stub() -> None: ...


def _told_stub() -> None:
    """A stub that says what it will do."""


_PRAISE = {
    "my_loop": "your loop grows the same text as gptcore's, ends where it should, and minds the window.",
    "surprise": "that is the total surprise in nats, each token against the row before it.",
    "my_seed": "with this luck both temperatures write the same first tokens.",
}
