"""Self-checks of lesson 09, faster."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gptcore.config import GPT_CONFIG_1558M, GPTConfig
from gptcore.costs import cache_bytes, num_parameters
from gptcore.exercises.by_hand import NotYet, as_number, as_tensor, ask, brief, close, one_line
from gptcore.model import GPTModel, KVCache, evaluating

PROMPT = [3, 1, 4]
NEW = 5  # tokens
ENOUGH = 200  # readings of the model: a loop that is right needs far fewer


# Exercise 1: the bytes of a cache ------------------------------------------------------------------------------------


@one_line
def check_cache_size(function: Any) -> str:
    """`function(config, tokens, bytes_per_number)` → the bytes of all keys and values of one text."""
    config = GPTConfig(vocab_size=50, context_length=100, emb_dim=20, n_heads=5, n_layers=3)
    tokens, size = 7, 4
    given = "3 layers, 5 heads, emb_dim 20 and 7 tokens of 4 bytes per number"
    answer = _number(ask(function, config, tokens, size, given=given), given)
    right = cache_bytes(config, tokens)
    hints = (
        (right / 2, "There are keys and there are values: twice as much."),
        (right / size, "That counts the numbers. Each takes bytes_per_number bytes."),
        (right * 8, "That is in bits. A byte has 8 of them, and bytes are asked for."),
        (right / config.n_layers, "That is one layer. Each layer has keys and values of its own."),
        (right / config.n_heads, "That is one head. All heads together have emb_dim numbers per token."),
        (right * config.n_heads, "The heads share the emb_dim numbers of a token: their number does not count again."),
        (right / tokens, "That is one token. Each token of the text has its keys and values."),
        (right * tokens, "Each token has its keys and values once, so that tokens counts once, not squared."),
        (right / tokens * 100, "That is a full context of 100 tokens. The text has only 7."),
        (right * 3 / 2, "Queries need no place: a token asks once and is done. Only keys and values are kept."),
        (right / 1e6, "That is in megabytes. Bytes are asked for."),
    )
    for value, hint in hints:
        if math.isclose(answer, value, rel_tol=1e-6):
            raise NotYet(f"given {given}, expected {right:,} bytes, got {answer:,.5g}. {hint}")
    if answer != right:
        raise NotYet(
            f"given {given}, expected {right:,} bytes, got {answer:,.5g}. Multiply: keys and values, layers, tokens, "
            "emb_dim, bytes per number."
        )
    half, given = GPTConfig(vocab_size=50, context_length=64, emb_dim=32, n_heads=2, n_layers=2), "another model"
    if _number(ask(function, half, 40, 2, given=given), given) != cache_bytes(half, 40, dtype=torch.bfloat16):
        raise NotYet("right for one model, but not for another: use config.n_layers, config.emb_dim and the arguments.")
    return "two for keys and values, times layers, tokens, emb_dim, and the bytes of a number."


def _number(result: Any, given: str) -> float:
    tensor = as_tensor(result, given)
    if tensor.numel() != 1:
        raise NotYet(f"given {given}, expected one number, got {brief(result)}.")
    return tensor.item()


# Exercise 2: the loop with a cache -----------------------------------------------------------------------------------


@one_line
def check_cached_loop(function: Any) -> str:
    """`function(model, token_ids (1, T), max_new_tokens)` → (1, T + max_new_tokens), greedy, each token read once."""
    model = _small_model()
    right = _grow(model)
    answer, reads = _answer(function, model)
    total = sum(reads)
    if answer == right:
        if total > len(PROMPT) + NEW:
            raise NotYet(
                f"the tokens are right, but the model read {total} tokens to write {NEW} after {len(PROMPT)}. "
                f"{_waste_hint(reads)}"
            )
        return f"the same tokens, and the model read {total}, not {_read_without_cache()}."
    given = f"after {PROMPT}, {NEW} new tokens should give {right}, and yours gave {answer}"
    if answer == right[len(PROMPT) :]:
        raise NotYet(f"{given}. The prompt is lost: put each new token behind all that was there, with torch.cat.")
    if len(answer) != len(right):
        raise NotYet(f"{given}. There should be the prompt, and {NEW} new tokens behind it.")
    if answer[: len(PROMPT)] != PROMPT:
        raise NotYet(f"{given}. The prompt itself has changed: token_ids comes first in torch.cat, the new token last.")
    if not any(reads):
        raise NotYet(f"{given}. The model was never asked.")
    if _answer(function, model)[0] != answer:
        raise NotYet(f"{given}; asked again, it gives something else. Take the likeliest token, argmax, with no luck.")
    raise NotYet(f"{given}. {_token_hint(model, answer, reads)}")


def _waste_hint(reads: list[int]) -> str:
    if reads[: len(PROMPT)] == [1] * len(PROMPT):
        return "Read each token once, and no token that is not in the text."
    return (
        "Make one KVCache before the loop, and show the model only what that does not hold yet: "
        "model(token_ids[:, len(cache):], cache)."
    )


def _token_hint(model: GPTModel, answer: list[int], reads: list[int]) -> str:
    """What is wrong with a loop whose answers have the right length and the wrong tokens."""
    if reads[:2] == [len(PROMPT), len(PROMPT) + 1]:
        return _AGAIN
    if reads[0] == 1 and sum(reads) < len(PROMPT) + NEW - 1:
        return "The first reading was of one token. The cache begins empty: first it must be given the whole prompt."
    mistakes = (
        ({"forget": True}, "From the second token on, the model saw one token and nothing before it. "
         "Make one cache, before the loop, and pass it each time."),
        ({"row": 0}, "It took the scores of the first position; the next token is in the last row, logits[:, -1]."),
        ({"least": True}, "It took the least likely token: argmax, not argmin."),
    )  # fmt: skip
    for mistake, hint in mistakes:
        if answer == _grow(model, **mistake):
            return hint
    return "Read the prompt into the cache, then one token at a time; the likeliest token is logits[0, -1].argmax()."


_AGAIN = (
    "The whole text was read again, on top of what the cache already holds, and so at wrong positions. "
    "Show the model only what is new: token_ids[:, len(cache):]."
)


# What torch.cat says of a new token of another shape.
_CANNOT_JOIN = ("cannot be concatenated", "same number of dimensions", "must match except in dimension")
_SHAPES = "A new token must be (1, 1), as argmax(-1, keepdim=True) makes it, and be joined to (1, T) with dim=1."


def _answer(function: Callable, model: GPTModel) -> tuple[list[int], list[int]]:
    """The token ids that a learner's loop gives back, and how many tokens the model read each time."""
    reads: list[int] = []

    def count(block: Any, arguments: tuple[Tensor, ...]) -> None:
        reads.append(arguments[0].shape[1])
        if len(reads) > ENOUGH:
            raise RuntimeError(f"the model was asked {ENOUGH} times, to write {NEW} tokens")

    hook = model.blocks[0].register_forward_pre_hook(count)
    given = f"a prompt of {len(PROMPT)} tokens, and {NEW} to write"
    try:
        result = ask(function, model, torch.tensor([PROMPT]), NEW, given=given)
    except NotYet as problem:
        if any(words in str(problem) for words in _CANNOT_JOIN):
            raise NotYet(f"{problem.args[0].rstrip('.')}. {_SHAPES}") from None
        if reads[:2] == [len(PROMPT), len(PROMPT) + 1]:
            raise NotYet(f"{problem} {_AGAIN}") from None
        raise
    finally:
        hook.remove()
    answer = as_tensor(result, given).flatten()
    if not answer.isfinite().all():
        raise NotYet(f"given {given}, token ids were expected, and your function returned {brief(answer)}.")
    return [int(i) for i in answer.tolist()], reads


def _grow(model: GPTModel, row: int = -1, forget: bool = False, least: bool = False) -> list[int]:
    """The prompt and new tokens as they should be, or with a mistake."""
    ids, cache = list(PROMPT), KVCache(model.config)
    with evaluating(model):
        for _ in range(NEW):
            new = ids[len(cache) :]
            scores = model(torch.tensor([new]), None if forget else cache)[0, row]
            cache.length = len(ids)
            ids.append(int(scores.argmin() if least else scores.argmax()))
    return ids


def _read_without_cache() -> int:
    return sum(len(PROMPT) + step for step in range(NEW))


def _small_model() -> GPTModel:
    """A model that knows nothing, but is moved by every token that it reads; the learner's luck stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        model = GPTModel(GPTConfig(vocab_size=40, context_length=64, emb_dim=24, n_heads=2, n_layers=2, drop_rate=0))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(12)
    return model.eval()


# Exercise 3: a row in whole numbers ----------------------------------------------------------------------------------


@one_line
def check_quantize_row(function: Any) -> str:
    """`function(row (n,))` → (whole numbers (n,) as int8, scale), so that numbers * scale is nearly the row."""
    row = torch.tensor([0.5, -2.54, 1.213, 0.033, 0.0])
    given = "the row [0.5, -2.54, 1.213, 0.033, 0]"
    result = ask(function, row, given=given)
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise NotYet(f"given {given}, expected two things, the whole numbers and the scale, got {brief(result)}.")
    numbers, scale = result
    if as_tensor(numbers, given).numel() == 1 < as_tensor(scale, given).numel():
        raise NotYet("the scale came first. Return the whole numbers first, then the scale.")
    _check_scale(_number(scale, given), row)
    dtype = numbers.dtype if isinstance(numbers, Tensor) else None
    numbers, scaled = as_tensor(numbers, given), row.double() / (2.54 / 127)
    right = scaled.round()
    if close(numbers, right * 2.54 / 127):
        raise NotYet("these are the weights, rebuilt. Return the whole numbers themselves, before they are multiplied.")
    if close(numbers, scaled):
        raise NotYet(f"these are not whole yet: {brief(numbers)}. Round them.")
    if close(numbers, scaled.trunc()) or close(numbers, scaled.floor()):
        raise NotYet(
            f"expected {brief(right)}, got {brief(numbers)}. What stands behind the point was cut off: call .round() "
            "before .to(torch.int8), and no error is above half a scale."
        )
    if dtype == torch.uint8:
        raise NotYet("torch.uint8 has no room for numbers below 0: it is torch.int8 that goes from -128 to 127.")
    if not close(numbers, right):
        raise NotYet(f"expected {brief(right)}, got {brief(numbers)}. Divide the row by the scale, and round.")
    if dtype is None:
        raise NotYet("the numbers are right. Return them as a tensor: torch.tensor(numbers, dtype=torch.int8).")
    if dtype != torch.int8:
        raise NotYet("the numbers are right, but each takes more than one byte. Keep them as .to(torch.int8).")
    given = "the same row with all signs turned"
    turned = ask(function, -row, given=given)
    if not isinstance(turned, tuple | list) or len(turned) != 2:
        raise NotYet(f"given {given}, expected two things, the whole numbers and the scale, got {brief(turned)}.")
    numbers = as_tensor(turned[0], given)
    if not close(numbers, 0 - right):
        raise NotYet(f"right for one row. Given {given}, {brief(0 - right)} is expected, got {brief(numbers)}.")
    if not math.isclose(_number(turned[1], given), 2.54 / 127, rel_tol=1e-4):
        raise NotYet(f"right for one row. Given {given}, the scale is the same: it comes from row.abs().max().")
    error = (right * 2.54 / 127 - row.double()).abs().max().item()
    return (
        f"one byte for each weight. The largest error here is {error:.3f}; it can never be above half the scale, 0.01."
    )


def _check_scale(scale: float, row: Tensor) -> None:
    largest = row.abs().max().item()
    hints = (
        (row.max().item() / 127, "That is from the largest number, 1.213. The largest size is 2.54: row.abs().max()."),
        (largest / 128, "With a scale of largest / 128 the largest would be 128, and int8 ends at 127."),
        (largest / 255, "Whole numbers from -127 to 127 are on both sides of 0: divide the largest by 127, not 255."),
        (largest / 256, "Whole numbers from -127 to 127 are on both sides of 0: divide the largest by 127, not 256."),
        (127 / largest, "That is its inverse: the scale is what a whole number is multiplied by, to come back."),
        (largest, "That is the largest size itself. It should become 127: divide by that."),
        ((row.max() - row.min()).item() / 255, "That is the span by 255. Here 0 stays 0, so the largest size counts."),
    )
    for value, hint in hints:
        if math.isclose(scale, value, rel_tol=1e-4):
            raise NotYet(f"expected a scale of {largest / 127:.4f}, got {scale:.4f}. {hint}")
    if not math.isclose(scale, largest / 127, rel_tol=1e-4):
        raise NotYet(
            f"expected a scale of {largest / 127:.4f}, got {scale:.4f}. The largest size, row.abs().max(), "
            "should become 127."
        )


# Exercise 4: the limit -----------------------------------------------------------------------------------------------


@one_line
def check_limit(answer: Any) -> str:
    """How many tokens per second can GPT-2 1.5B write at most, in bfloat16, where memory gives 50 GB per second?"""
    number = as_number(answer, "a number of tokens per second")
    parameters, bandwidth = num_parameters(GPT_CONFIG_1558M), 50e9
    right = bandwidth / (2 * parameters)
    hints = (
        (right / 2, "That is float32, 4 bytes for a parameter. bfloat16 takes 2."),
        (right * 2, "That is one byte for a parameter, as in int8. bfloat16 takes 2."),
        (right / 8, "bfloat16 is 16 bits, and they are 2 bytes; the bandwidth is in bytes, too."),
        (right * 8, "Both are in bytes already: there is nothing to multiply by 8."),
        (1 / right, "That is the number of seconds for a token. How many tokens is it in a second?"),
        (1000 / right, "That is the number of milliseconds for a token. How many tokens is it in a second?"),
        (right / 1e9, "50 GB are 50,000,000,000 bytes."),
        (2 * parameters, "That is the number of bytes to read for a token. How often in a second can they be read?"),
    )
    if not math.isclose(number, right, rel_tol=0.03):
        hint = next((hint for value, hint in hints if math.isclose(number, value, rel_tol=0.03)), None)
        raise NotYet(hint or f"you gave {number:,.4g}. Bytes per second, divided by the bytes to read for a token.")
    return f"3.1 GB are read for each token, {right:.0f} times a second, however fast the processor computes."
