"""Self-checks of lesson 10, faster."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, tensor

from gptcore.config import GPT_CONFIG_1558M, GPTConfig
from gptcore.costs import num_parameters
from gptcore.exercises.checking import Exercise, Value, case
from gptcore.exercises.models import random_model
from gptcore.exercises.outcomes import flat
from gptcore.generation import generate
from gptcore.language import N_, _
from gptcore.model import GPTModel, KVCache

# Exercise 1: the bytes of a cache -----------------------------------------------------------------------------------


def _bytes(config: GPTConfig, tokens: int, bytes_per_value: int) -> int:
    return 2 * config.n_layers * tokens * config.emb_dim * bytes_per_value


# function(config, tokens, bytes_per_value) → the bytes of all keys and values of one text
check_cache_size = Exercise(
    right=N_("two for keys and values, times layers, tokens, emb_dim, and the bytes of a value."),
    reference=_bytes,
    cases=[
        case(
            *(GPTConfig(vocab_size=50, context_length=100, emb_dim=20, n_heads=5, n_layers=3), 7, 4),
            given=N_("3 layers, 5 heads, emb_dim 20 and 7 tokens of 4 bytes per value"),
        ),
        case(
            *(GPTConfig(vocab_size=50, context_length=64, emb_dim=32, n_heads=2, n_layers=2), 40, 2),
            given=N_("another model, with 2 layers, 2 heads, emb_dim 32 and 40 tokens of 2 bytes per value"),
            why=N_("Use config.n_layers, config.emb_dim and the arguments."),
        ),
    ],
    mistakes=[
        (N_("There are keys and there are values: twice as much."), lambda c, n, size: _bytes(c, n, size) / 2),
        (N_("That counts the values. Each takes bytes_per_value bytes."), lambda c, n, size: _bytes(c, n, 1)),
        (
            N_("That is in bits. A byte has 8 of them, and bytes are asked for."),
            lambda c, n, size: 8 * _bytes(c, n, size),
        ),
        (N_("That is one layer of them."), lambda c, n, size: _bytes(c, n, size) / c.n_layers),
        (N_("That is one head. All heads together: emb_dim."), lambda c, n, size: _bytes(c, n, size) / c.n_heads),
        (
            N_("The heads share the emb_dim values of a token: their number does not count again."),
            lambda config, tokens, size: config.n_heads * _bytes(config, tokens, size),
        ),
        (N_("That is one token. Each has its keys and values."), lambda c, n, size: _bytes(c, 1, size)),
        (N_("Each token has its keys and values once: it is not squared."), lambda c, n, size: _bytes(c, n * n, size)),
        (N_("That is a full context. This text is shorter."), lambda c, n, size: _bytes(c, c.context_length, size)),
        (N_("Queries are not kept: a token asks once and is done."), lambda c, n, size: _bytes(c, n, size) * 3 / 2),
        (N_("That is in megabytes. Bytes are asked for."), lambda c, n, size: _bytes(c, n, size) / 1e6),
    ],
    reminder=N_("Multiply: keys and values, layers, tokens, emb_dim, bytes per value."),
)


# Exercise 2: a loop that reads each token once ----------------------------------------------------------------------


def _counted(function: Callable[..., Any], model: GPTModel, token_ids: Tensor, max_new_tokens: int) -> Any:
    """The token ids in one row, and how many tokens the model read for them; anything but numbers as it is."""
    reads: list[int] = []
    model.blocks[0].register_forward_pre_hook(lambda block, arguments: reads.append(arguments[0].shape[1]))
    found, enough = flat(function(model, token_ids, max_new_tokens)), token_ids.shape[1] + max_new_tokens
    once = 0 < sum(reads) <= enough
    how = _("each token read once") if once else _("{count} tokens read").format(count=sum(reads))
    return (found, how) if isinstance(found, Tensor) else found


def _loop(
    unread: Callable[[Tensor, KVCache], Tensor] = lambda ids, cache: ids[:, len(cache) :],
    *,
    row: int = -1,
    pick: Callable[[Tensor], Tensor] = torch.argmax,
    join: Callable[[Tensor, Tensor], Tensor] = lambda ids, new: torch.cat([ids, new], dim=1),
    cached: bool = True,
) -> Callable[[GPTModel, Tensor, int], Tensor]:
    """The greedy loop as it should be, or with a mistake."""

    def loop(model: GPTModel, token_ids: Tensor, max_new_tokens: int) -> Tensor:
        cache = KVCache(model.config)
        with torch.no_grad():
            for _ in range(max_new_tokens):
                logits = model(unread(token_ids, cache), cache if cached else None)
                token_ids = join(token_ids, pick(logits[0, row]).view(1, 1))
        return token_ids

    return loop


_right = _loop()
_PROMPT = tensor([[3, 1, 4]])
_MODEL = random_model(4, vocab_size=40, context_length=64, emb_dim=24, n_heads=2, n_layers=2, drop_rate=0)
_AGAIN = N_(
    "The whole text was read again, on top of what the cache already holds, and so at wrong positions. Show the model "
    "only what is new: token_ids[:, len(cache):]."
)
_SHAPES = N_("A new token must be (1, 1), as argmax(-1, keepdim=True) makes it, and be joined to (1, T) with dim=1.")

# function(model, token_ids (1, T), max_new_tokens) → (1, T + max_new_tokens), greedy, each token read once
check_cached_loop = Exercise(
    right=N_("the same tokens as without a cache, and the model read each of them once."),
    reference=_right,
    observe=_counted,
    cases=[case(_MODEL, _PROMPT, 5, given=N_("a small model, token_ids [[3, 1, 4]] and max_new_tokens 5"))],
    mistakes=[
        (
            N_(
                "Make one KVCache before the loop, and show the model only what that does not hold yet: "
                "model(token_ids[:, len(cache):], cache)."
            ),
            lambda model, ids, n: generate(model, ids, n, temperature=0, use_cache=False),
        ),
        (_AGAIN, _loop(lambda ids, cache: ids)),
        (N_("The cache begins empty: first it must be given the whole prompt."), _loop(lambda ids, cache: ids[:, -1:])),
        (
            N_("From the second token on, the model saw one token and nothing before it. Pass one cache each time."),
            _loop(lambda ids, cache: ids if ids.shape == _PROMPT.shape else ids[:, -1:], cached=False),
        ),
        (
            N_("That takes the scores of the first position. The next token is in the last, logits[:, -1]."),
            _loop(row=0),
        ),
        (N_("That takes the least likely token: argmax, not argmin."), _loop(pick=torch.argmin)),
        (
            N_("The prompt is lost: put each new token behind all that was there, with torch.cat."),
            lambda model, ids, n: _right(model, ids, n)[:, ids.shape[1] :],
        ),
        (
            N_("The new token is in front of the prompt: token_ids comes first in torch.cat."),
            _loop(join=lambda ids, new: torch.cat([new, ids], dim=1)),
        ),
    ],
    errors={
        "the cache holds": _AGAIN,
        "got (1, 0)": N_(
            "No token was left to read: put each new token behind token_ids before the model reads again."
        ),
        "cannot be concatenated": _SHAPES,
        "same number of dimensions": _SHAPES,
        "must match except in dimension": _SHAPES,
    },
    reminder=N_(
        "Read the prompt into the cache, then one token at a time; the likeliest is logits[0, -1].argmax(). "
        "Return the prompt and the new tokens."
    ),
    luck=N_("Take the likeliest token, argmax, with no luck."),
)


# Exercise 3: a row in integers --------------------------------------------------------------------------------------


def _typed(function: Callable[[Tensor], Any], row: Tensor) -> Any:
    """The integers, the scale, and the type of the integers; anything but a pair as it is."""
    found = function(row)
    if not isinstance(found, tuple | list) or len(found) != 2:
        return found
    return *found, str(found[0].dtype) if isinstance(found[0], Tensor) else type(found[0]).__name__


def _size(row: Tensor) -> Tensor:
    return row.abs().max()


def _row(
    integers: Callable[[Tensor], Any] = lambda steps: steps.round().to(torch.int8),
    scale: Callable[[Tensor], Tensor] = lambda row: _size(row) / 127,
) -> Callable[[Tensor], tuple[Any, Tensor]]:
    """`integers(row / scale)` and the scale."""
    return lambda row: (integers(row / scale(row)), scale(row))


_quantized = _row()
_ROW = tensor([0.5, -2.54, 1.213, 0.027, 0.0])  # rounded up and down

# function(row (n,)) → (integers (n,) as int8, scale), so that integers * scale is nearly the row
check_quantize_row = Exercise(
    right=N_("one byte for each weight. The largest error here is 0.007; it can never be above half the scale, 0.01."),
    reference=_quantized,
    observe=_typed,
    cases=[case(_ROW)],
    edges=[case(-_ROW)],
    mistakes=[
        (N_("The largest size is 2.54, not 1.213: row.abs().max()."), _row(scale=lambda row: row.max() / 127)),
        (N_("The largest size counts, whatever its sign: row.abs().max()."), _row(scale=lambda row: -row.min() / 127)),
        (N_("With 128 the largest would be 128, and int8 ends at 127."), _row(scale=lambda row: _size(row) / 128)),
        (
            N_("Integers from -127 to 127 are on both sides of 0: divide the largest by 127, not by 255 or 256."),
            _row(scale=lambda row: _size(row) / 255),
            _row(scale=lambda row: _size(row) / 256),
        ),
        (N_("That is the inverse of the scale."), lambda row: (_quantized(row)[0], 127 / _size(row))),
        (N_("That scale is the largest size itself. It should become 127: divide by that."), _row(scale=_size)),
        (
            N_("That scale is the span divided by 255. Here 0 stays 0, so the largest size counts."),
            _row(scale=lambda row: (row.max() - row.min()) / 255),
        ),
        (N_("The scale came first. Return the integers first, then the scale."), lambda row: _quantized(row)[::-1]),
        (N_("Return two things, the integers and the scale."), lambda row: _quantized(row)[0]),
        (N_("These are the weights, rebuilt. Return the integers."), _row(lambda steps: steps.round() * 0.02)),
        (N_("These are no integers yet: round them."), _row(lambda steps: steps)),
        (
            N_("The digits after the point were cut off: call .round() before .to(torch.int8)."),
            _row(lambda steps: steps.to(torch.int8)),
            _row(lambda steps: steps.floor().to(torch.int8)),
        ),
        (N_("Values below 0 do not fit into torch.uint8."), _row(lambda steps: steps.round().to(torch.uint8))),
        (
            N_("The integers are right. Return them as a tensor: torch.tensor(integers, dtype=torch.int8)."),
            _row(lambda steps: steps.round().tolist()),
            _row(lambda steps: steps.round().numpy()),
        ),
        (
            N_("The integers are right, but each takes more than one byte. Keep them as .to(torch.int8)."),
            *(_row(lambda x, to=to: x.round().to(to)) for to in (torch.float, torch.short, torch.int, torch.long)),
        ),
    ],
    reminder=N_("The scale is row.abs().max() / 127. Divide the row by the scale, and round."),
)


# Exercise 4: the limit ----------------------------------------------------------------------------------------------

_READ = 2 * num_parameters(GPT_CONFIG_1558M)  # bytes for each token
_LIMIT = 50e9 / _READ

# How many tokens per second can GPT-2 1.5B write at most, in bfloat16, where memory gives 50 GB per second?
check_limit = Value(
    right=N_(
        "3.1 GB are read for each token, {count} times a second, however fast the CPU computes.", count=round(_LIMIT)
    ),
    what=N_("a number of tokens per second"),
    reference=_LIMIT,
    tolerance=0.02,
    mistakes=[
        (N_("That is float32, 4 bytes for a parameter. bfloat16 takes 2."), _LIMIT / 2),
        (N_("That is one byte for a parameter, as in int8. bfloat16 takes 2."), _LIMIT * 2),
        (N_("The 16 bits of bfloat16 are 2 bytes; the bandwidth is in bytes, too."), _LIMIT / 8),
        (N_("Both are in bytes already: there is nothing to multiply by 8."), _LIMIT * 8),
        (N_("That is the number of seconds for a token. How many tokens is it in a second?"), 1 / _LIMIT),
        (N_("That is the number of milliseconds for a token. How many tokens is it in a second?"), 1000 / _LIMIT),
        (N_("50 GB are 50,000,000,000 bytes."), _LIMIT / 1e9),
        (N_("That is the number of bytes to read for a token. How often in a second can they be read?"), _READ),
    ],
    reminder=N_("Divide the bytes per second by the bytes to read for a token."),
)
