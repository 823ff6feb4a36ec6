"""The loop: read the text, choose one token, write it down, begin again."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from sys import maxsize
from typing import Any

import torch
from torch import Tensor

from gptcore.checks import check_bool, check_integer, given
from gptcore.fast.batching import Batch
from gptcore.fast.cores import on_one_core
from gptcore.fast.cuda_graph import graph_generate
from gptcore.fast.decoding import can_decode, draw_next, reader
from gptcore.language import _
from gptcore.model import GPTModel, evaluating
from gptcore.prompts import Rows, prompt_rows, with_new
from gptcore.sampling import DTYPES, Distribution, Sampling, draw, next_token_distribution
from gptcore.seeds import Uniforms
from gptcore.stopping import check_ends

# Changes the scores before they are sampled, as in `transformers`: token_ids (B, T), logits (B, vocab_size) → logits.
LogitsProcessor = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Step:
    """One token of a growing text: what it was chosen from, the luck, and what it is."""

    position: int  # of the new token in the text, counted from 0
    distribution: Distribution  # its tensors have the shape (vocab_size,)
    uniform: float  # the random number in [0, 1) that chose
    token_id: int


def reference_steps(
    model: GPTModel,
    token_ids: Tensor,
    uniforms: Iterable[float],
    sampling: Sampling,
    ends: Collection[int] = (),
    logits_processor: LogitsProcessor | None = None,
) -> Iterator[Step]:
    """The loop with nothing to make it fast: one `Step` for each uniform number, after token_ids (T,).

    `use_cache=False` runs this function. Every faster way gives the same tokens, as far as rounding allows.
    """
    for uniform in uniforms:
        window = token_ids[-model.config.context_length :]
        with evaluating(model):
            logits = model(window[None])[:, -1]  # (1, vocab_size), after the last token
        logits = processed(logits_processor, token_ids[None], logits)
        distribution = next_token_distribution(logits[0], **vars(sampling))
        token_id = draw(distribution, uniform)
        yield Step(len(token_ids), distribution, uniform, int(token_id))
        if token_id in ends:
            return
        token_ids = torch.cat([token_ids, token_id[None].to(token_ids)])


def cached_steps(
    model: GPTModel,
    token_ids: Tensor,
    uniforms: Iterable[float],
    sampling: Sampling,
    ends: Collection[int] = (),
    logits_processor: LogitsProcessor | None = None,
    max_length: int = maxsize,
) -> Iterator[Step]:
    """The steps of `reference_steps`, with a cache of keys and values for a text of at most `max_length` tokens."""
    token_ids, next_logits = token_ids[None], reader(model, 1, max_length)
    for uniform in uniforms:
        with evaluating(model):  # not around the yield, where it would hold for the caller too
            logits = next_logits(token_ids)  # (1, vocab_size)
        logits = processed(logits_processor, token_ids, logits)
        distribution = on_one_core(logits, sampling.distribution, logits[0])
        token_id = draw(distribution, uniform)
        yield Step(token_ids.shape[1], distribution, uniform, int(token_id))
        if token_id in ends:
            return
        token_ids = torch.cat([token_ids, token_id.to(token_ids).view(1, 1)], dim=1)


def generate_steps(
    model: GPTModel,
    token_ids: Tensor,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    seed: int | None = None,
    eos_token_id: int | Collection[int] | None = None,
    *,
    logits_processor: LogitsProcessor | None = None,
    use_cache: bool = True,
) -> Iterator[Step]:
    """Yield one `Step` for each new token after token_ids, (T,) or (1, T).

    A step is yielded and forgotten: at GPT-2's vocabulary it holds 650 kB. To look back later, keep the token ids and
    the uniforms, and compute the one distribution again.

    The settings are those of `Sampling`. The same `seed` gives the same tokens, with and without the cache of keys and
    values (`use_cache`) and in `generate`, as far as rounding allows; None is new luck each time. The text ends after
    `eos_token_id`, or the first of several, if given. `logits_processor(token_ids, logits)`, given the text so far
    (1, T) and the scores (1, vocab_size), returns the scores that are sampled; those of `transformers` fit.

    Past the context length the model sees the last `context_length` tokens, exactly as if it had been given only those.
    Their positions change with every token, so there the cache does not help: each token re-reads them all.

    Raises TypeError or ValueError, before any work, if an argument is not as described here.
    """
    rows, ends = check_arguments(model, token_ids, None, max_new_tokens, eos_token_id, logits_processor, use_cache)
    if len(rows) != 1:
        shape = tuple(rows.shape) if isinstance(rows, Tensor) else _("a list of {count}").format(count=len(rows))
        raise ValueError(_("token_ids must be one text, (T,) or (1, T), got {shape}: see generate").format(shape=shape))
    sampling, uniforms = Sampling(temperature, top_k, top_p, min_p), Uniforms(seed)
    return steps_of_each(model, rows, max_new_tokens, uniforms, sampling, ends, logits_processor, use_cache)[0]


def generate(
    model: GPTModel,
    token_ids: Rows,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    seed: int | Sequence[int] | None = None,
    eos_token_id: int | Collection[int] | None = None,
    *,
    attention_mask: Tensor | None = None,
    logits_processor: LogitsProcessor | None = None,
    use_cache: bool = True,
    cuda_graph: bool = False,
) -> Tensor | list[Tensor]:
    """token_ids (B, T) with n ≤ max_new_tokens new ones: (B, T + n). The tokens are those of `generate_steps`.

    The arguments are the same. `seed` may be one integer for each row; a single integer gives row 0 that seed and the
    other rows seeds mixed from it, so a row is the same alone and in a batch. A row that has reached an end token is
    filled up with it while others continue. One prompt for many texts, `prompt.repeat(30, 1)`, is read only once.

    Prompts of unequal length are a list of tensors (T,) or of lists of integers, and the result is a list of tensors
    (T + n,): each text as it would be alone. Or they are padded on the left, as `transformers` has it: then
    `attention_mask` (B, T) is 1 for a token and 0 for padding, which stays where it is and is not read, wherever it is.

    With `cuda_graph` a model on CUDA captures one step and replays it for every token: the same tokens as far as
    rounding allows, with no traffic between GPU and Python per token. The prompts must have one length, the text must
    fit into the context, and `eos_token_id` is looked for at the end.

    Raises TypeError or ValueError, before any work, if an argument is not as described here.
    """
    check_bool("cuda_graph", cuda_graph)
    rows, ends = check_arguments(
        model, token_ids, attention_mask, max_new_tokens, eos_token_id, logits_processor, use_cache
    )
    sampling, uniforms = Sampling(temperature, top_k, top_p, min_p), Uniforms(seed, len(rows))
    is_list = not isinstance(rows, Tensor)
    if not cuda_graph and (is_list or not use_cache):
        job = model, rows, max_new_tokens, uniforms, sampling, ends, logits_processor, use_cache
        return with_new(token_ids, [list(ids) for ids in new_token_ids(*job)], model.device)
    ends = [token_id for token_id in ends if token_id < model.config.vocab_size]  # int32 could not hold all others
    with evaluating(model):
        if cuda_graph:
            plain = use_cache and logits_processor is None and not is_list
            return graph_generate(model, rows, max_new_tokens, uniforms, sampling, ends, plain)
        next_logits = reader(model, len(rows), rows.shape[1] + max_new_tokens)
        finished = torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
        for uniform in uniforms.each(max_new_tokens, rows.device):  # (B,)
            logits = processed(logits_processor, rows, next_logits(rows))  # (B, vocab_size)
            new = draw_next(logits, uniform, sampling).to(rows)  # (B,)
            if ends:
                new = torch.where(finished, rows[:, -1], new)
                finished = torch.isin(new, torch.tensor(ends).to(new))
            rows = torch.cat([rows, new[:, None]], dim=1)
            if ends and finished.all():
                break
    return rows


def new_token_ids(
    model: GPTModel,
    rows: Tensor | list[list[int]],
    max_new_tokens: int,
    uniforms: Uniforms,
    sampling: Sampling,
    ends: list[int],
    logits_processor: LogitsProcessor | None,
    use_cache: bool = True,
) -> list[Iterator[int]]:
    """The new token ids of each prompt; to close one of the iterators ends its text."""
    if not use_cache or not can_decode(model):
        texts = steps_of_each(model, rows, max_new_tokens, uniforms, sampling, ends, logits_processor, use_cache)
        return [(step.token_id for step in steps) for steps in texts]
    process = None if logits_processor is None else partial(processed, logits_processor)
    luck = uniforms.each(max_new_tokens, model.device)
    batch = Batch(model, rows, max_new_tokens, luck, sampling, ends, process)
    return [batch.new_ids(row) for row in range(len(rows))]


def steps_of_each(
    model: GPTModel,
    rows: Tensor | list[list[int]],
    max_new_tokens: int,
    uniforms: Uniforms,
    sampling: Sampling,
    ends: list[int],
    logits_processor: LogitsProcessor | None,
    use_cache: bool,
) -> list[Iterator[Step]]:
    """The steps of each prompt by itself."""
    found = []
    for i, row in enumerate(rows):
        luck = islice(uniforms.of_row(i), min(max_new_tokens, maxsize))
        job = model, torch.as_tensor(row, device=model.device), luck, sampling, ends, logits_processor
        found.append(cached_steps(*job, len(row) + max_new_tokens) if use_cache else reference_steps(*job))
    return found


def processed(logits_processor: LogitsProcessor | None, token_ids: Tensor, logits: Tensor) -> Tensor:
    """What `logits_processor` makes of logits (B, vocab_size); it gets copies, so that it may write into them."""
    if logits_processor is None:
        return logits
    made = logits_processor(token_ids.clone(), logits.clone())
    if not isinstance(made, Tensor) or made.shape != logits.shape:
        found = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
        raise TypeError(
            _("logits_processor must return logits of the shape {shape}, got {found}").format(
                shape=tuple(logits.shape), found=found
            )
        )
    if made.dtype not in DTYPES:
        raise TypeError(
            _("logits_processor must return floating-point logits, as it was given, got {dtype}").format(
                dtype=made.dtype
            )
        )
    return made


def check_arguments(
    model: Any,
    token_ids: Any,
    attention_mask: Any,
    max_new_tokens: Any,
    eos_token_id: Any,
    logits_processor: Any,
    use_cache: Any = True,
) -> tuple[Tensor | list[list[int]], list[int]]:
    """The prompts, and the tokens that end a text, once all arguments but the settings and the seed are checked."""
    rows = prompt_rows(model, token_ids, attention_mask)
    check_integer("max_new_tokens", max_new_tokens, least=0)
    check_bool("use_cache", use_cache)
    if logits_processor is not None and not callable(logits_processor):
        raise TypeError(
            _("logits_processor must be a function of (token_ids, logits), got {value}").format(
                value=given(logits_processor)
            )
        )
    return rows, check_ends(eos_token_id)
