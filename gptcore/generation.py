"""The loop: read the text, choose one token, write it down, begin again."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor

from gptcore.checks import check_integer, check_text
from gptcore.fast.cores import threads_for
from gptcore.fast.cuda_graph import graph_generate
from gptcore.fast.decoding import draw_next, reader
from gptcore.model import GPTModel, check_model, check_token_ids, evaluating, resolve_device
from gptcore.sampling import Distribution, Sampling, draw, next_token_distribution
from gptcore.seeds import Uniforms
from gptcore.stopping import before_stop, stop_strings
from gptcore.tokenizer import check_tokenizer, encode, end_token_ids, is_known, stream_decode

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
    eos_token_id: int | None = None,
    logits_processor: LogitsProcessor | None = None,
) -> Iterator[Step]:
    """The loop with nothing to make it fast: one `Step` for each uniform number, after token_ids (T,).

    `use_cache=False` runs this function. Every faster way gives the same tokens, as far as rounding allows.
    """
    for uniform in uniforms:
        window = token_ids[-model.config.context_length :]
        with evaluating(model):
            logits = model(window[None])[:, -1]  # (1, vocab_size), after the last token
        logits = _processed(logits_processor, token_ids[None], logits)
        distribution = next_token_distribution(logits[0], **vars(sampling))
        token_id = draw(distribution, uniform)
        yield Step(len(token_ids), distribution, uniform, int(token_id))
        if token_id == eos_token_id:
            return
        token_ids = torch.cat([token_ids, token_id[None].to(token_ids)])


def generate_steps(
    model: GPTModel,
    token_ids: Tensor,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    seed: int | None = None,
    eos_token_id: int | None = None,
    *,
    logits_processor: LogitsProcessor | None = None,
    use_cache: bool = True,
) -> Iterator[Step]:
    """Yield one `Step` for each new token after token_ids, (T,) or (1, T).

    A step is yielded and forgotten: at GPT-2's vocabulary it holds 650 kB. To look back later, keep the token ids and
    the uniforms, and compute the one distribution again.

    The settings are those of `Sampling`. The same `seed` gives the same tokens, with and without the cache of keys and
    values (`use_cache`) and in `generate`, as far as rounding allows; None is new luck each time. The text ends after
    `eos_token_id`, if that is given. `logits_processor(token_ids, logits)`, given the text so far (1, T) and the scores
    (1, vocab_size), returns the scores that are sampled; those of `transformers` fit.

    Past the context length the model sees the last `context_length` tokens, exactly as if it had been given only those.
    Their positions change with every token, so there the cache does not help: each token re-reads them all.

    Raises TypeError or ValueError, before any work, if an argument is not as described here.
    """
    token_ids = _check(model, token_ids, max_new_tokens, eos_token_id, logits_processor)
    if token_ids.shape[0] != 1:
        raise ValueError(f"token_ids must be one text, (T,) or (1, T), got {tuple(token_ids.shape)}: see generate")
    sampling, uniforms = Sampling(temperature, top_k, top_p, min_p), islice(Uniforms(seed), max_new_tokens)
    if not use_cache:
        return reference_steps(model, token_ids[0], uniforms, sampling, eos_token_id, logits_processor)
    next_logits = reader(model, 1, token_ids.shape[1] + max_new_tokens)

    def cached_steps(token_ids: Tensor) -> Iterator[Step]:
        for uniform in uniforms:
            with evaluating(model):  # not around the yield, where it would hold for the caller too
                logits = next_logits(token_ids)  # (1, vocab_size)
            logits = _processed(logits_processor, token_ids, logits)
            with threads_for(logits):
                distribution = sampling.distribution(logits[0])
                token_id = draw(distribution, uniform)
            yield Step(token_ids.shape[1], distribution, uniform, int(token_id))
            if token_id == eos_token_id:
                return
            token_ids = torch.cat([token_ids, token_id.to(token_ids).view(1, 1)], dim=1)

    return cached_steps(token_ids)


def generate(
    model: GPTModel,
    token_ids: Tensor,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    seed: int | Sequence[int] | None = None,
    eos_token_id: int | None = None,
    *,
    logits_processor: LogitsProcessor | None = None,
    use_cache: bool = True,
    cuda_graph: bool = False,
) -> Tensor:
    """token_ids (B, T) with n ≤ max_new_tokens new ones: (B, T + n). The tokens are those of `generate_steps`.

    The arguments are the same. `seed` may be one integer for each row; a single integer gives row 0 that seed and the
    other rows seeds mixed from it, so a row is the same alone and in a batch. A row that has reached `eos_token_id` is
    filled up with it while others continue. One prompt for many texts, `prompt.repeat(30, 1)`, is read only once.

    With `cuda_graph` a model on CUDA captures one step and replays it for every token: the same tokens as far as
    rounding allows, with no traffic between GPU and Python per token. The text must fit into the context, and
    `eos_token_id` is looked for at the end.

    Raises TypeError or ValueError, before any work, if an argument is not as described here.
    """
    token_ids = _check(model, token_ids, max_new_tokens, eos_token_id, logits_processor)
    sampling = Sampling(temperature, top_k, top_p, min_p)
    uniforms = Uniforms(seed, len(token_ids)).ahead(max_new_tokens)  # (B, n)
    if not use_cache and not cuda_graph:
        return _reference_generate(model, token_ids, uniforms, sampling, eos_token_id, logits_processor)
    uniforms = uniforms.to(token_ids.device)
    with evaluating(model):
        if cuda_graph:
            plain = use_cache and logits_processor is None
            return graph_generate(model, token_ids, uniforms, sampling, eos_token_id, plain)
        next_logits = reader(model, len(token_ids), token_ids.shape[1] + max_new_tokens)
        finished = torch.zeros(len(token_ids), dtype=torch.bool, device=token_ids.device)
        for i in range(max_new_tokens):
            logits = _processed(logits_processor, token_ids, next_logits(token_ids))  # (B, vocab_size)
            new = draw_next(logits, uniforms[:, i], sampling).to(token_ids)  # (B,)
            if eos_token_id is not None:
                new = torch.where(finished, eos_token_id, new)
                finished = new == eos_token_id
            token_ids = torch.cat([token_ids, new[:, None]], dim=1)
            if eos_token_id is not None and finished.all():
                break
    return token_ids


def _reference_generate(
    model: GPTModel,
    token_ids: Tensor,
    uniforms: Tensor,
    sampling: Sampling,
    eos_token_id: int | None,
    logits_processor: LogitsProcessor | None,
) -> Tensor:
    """`reference_steps` for each row, (B, T + n); a row that ends early is filled up with `eos_token_id`."""
    rows = []
    for row, row_uniforms in zip(token_ids, uniforms.tolist(), strict=True):
        steps = reference_steps(model, row, row_uniforms, sampling, eos_token_id, logits_processor)
        rows.append(torch.cat([row, row.new_tensor([step.token_id for step in steps])]))
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=eos_token_id or 0)


def generate_text(
    model: GPTModel,
    prompt: str,
    tokenizer: Any,
    max_length: int = 50,
    temperature: float = 1.0,
    top_k: int | None = 10,
    top_p: float | None = None,
    min_p: float | None = None,
    seed: int | None = None,
    *,
    device: str | None = None,
    known_only: bool = False,
    logits_processor: LogitsProcessor | None = None,
    stop: str | Sequence[str] = (),
) -> str:
    """The whole text, `prompt` included: the pieces of `stream_text`, which describes the arguments, joined.

    >>> generate_text(model, "Once upon a time", tokenizer, max_length=12, temperature=0.7, top_k=10, seed=1)
    'Once upon a time, when the world was quieter, a brave girl named'
    """
    settings = temperature, top_k, top_p, min_p, seed
    more = {"device": device, "known_only": known_only, "logits_processor": logits_processor, "stop": stop}
    return "".join(stream_text(model, prompt, tokenizer, max_length, *settings, **more))


def stream_text(
    model: GPTModel,
    prompt: str,
    tokenizer: Any,
    max_length: int = 50,
    temperature: float = 1.0,
    top_k: int | None = 10,
    top_p: float | None = None,
    min_p: float | None = None,
    seed: int | None = None,
    *,
    device: str | None = None,
    known_only: bool = False,
    logits_processor: LogitsProcessor | None = None,
    stop: str | Sequence[str] = (),
) -> Iterator[str]:
    """Yield the text piece by piece as it is made: first `prompt`, then what each new token adds to it.

    A piece never ends in half a character, and one that is incomplete where the text ends is left out. The text ends
    after `max_length` new tokens, or at the tokenizer's end-of-text token, which is not shown. An empty prompt starts
    from that token. `tokenizer` is one of ours or of `transformers`, or any object with `encode` and `decode`. Token
    ids that it lacks are shown as `<id 40321>`; with `known_only=True` they are not drawn. The model runs where it is;
    `device` moves it first ("auto": to CUDA where there is a GPU). `logits_processor` is that of `generate_steps`. The
    text also ends before the first `stop`, a string or several, that appears in what is new.

    Raises TypeError or ValueError, before any work, if an argument is not as described here.
    """
    stop, sampling = stop_strings(stop), Sampling(temperature, top_k, top_p, min_p)
    more = {"device": device, "known_only": known_only, "logits_processor": logits_processor}
    prompt_ids, steps = text_steps(model, prompt, tokenizer, max_length, sampling, seed, **more)
    new_ids = (step.token_id for step in steps if step.token_id not in end_token_ids(tokenizer))
    pieces = stream_decode(tokenizer, new_ids, start=prompt_ids, cut=True)
    return filter(None, chain([next(pieces)], before_stop(pieces, stop)))


def text_steps(
    model: GPTModel,
    prompt: str,
    tokenizer: Any,
    max_length: int = 50,
    sampling: Sampling = Sampling(top_k=10),  # noqa: B008  (it is frozen)
    seed: int | None = None,
    *,
    device: str | None = None,
    known_only: bool = False,
    logits_processor: LogitsProcessor | None = None,
) -> tuple[list[int], Iterator[Step]]:
    """The token ids of `prompt`, and the steps that continue it; the arguments are those of `stream_text`."""
    check_model(model)
    check_tokenizer(tokenizer)
    check_text("prompt", prompt)
    check_integer("max_length", max_length, least=0)
    eos_token_id = next(iter(end_token_ids(tokenizer)), None)
    prompt_ids = encode(tokenizer, prompt) if prompt else []
    if not prompt_ids and eos_token_id is None:
        raise ValueError(f"prompt must not be empty, since this tokenizer has no end-of-text token, got {prompt!r}")
    if device is not None:
        model.to(resolve_device(device))
    token_ids = torch.tensor(prompt_ids or [eos_token_id], device=model.device)
    if known_only:
        logits_processor = _known_only(model, tokenizer, logits_processor)
    settings = vars(sampling) | {"seed": seed, "eos_token_id": eos_token_id, "logits_processor": logits_processor}
    return prompt_ids, generate_steps(model, token_ids, max_length, **settings)


def _known_only(model: GPTModel, tokenizer: Any, logits_processor: LogitsProcessor | None) -> LogitsProcessor:
    """`logits_processor`, and then -inf for every token id of the model that the tokenizer lacks."""
    known = torch.tensor([is_known(tokenizer, i) for i in range(model.config.vocab_size)], device=model.device)

    def process(token_ids: Tensor, logits: Tensor) -> Tensor:
        return _processed(logits_processor, token_ids, logits).where(known, -torch.inf)

    return process


def _processed(logits_processor: LogitsProcessor | None, token_ids: Tensor, logits: Tensor) -> Tensor:
    """What `logits_processor` makes of a copy of logits (B, vocab_size), so that it may write into them."""
    if logits_processor is None:
        return logits
    processed = logits_processor(token_ids, logits.clone())
    if not isinstance(processed, Tensor) or processed.shape != logits.shape:
        given = tuple(processed.shape) if isinstance(processed, Tensor) else type(processed).__name__
        raise TypeError(f"logits_processor must return logits of the shape {tuple(logits.shape)}, got {given}")
    return processed


def _check(model: Any, token_ids: Any, max_new_tokens: Any, eos_token_id: Any, logits_processor: Any) -> Tensor:
    """token_ids as (B, T), once all arguments but the settings and the seed are checked."""
    check_model(model)
    if isinstance(token_ids, Tensor) and token_ids.ndim == 1:
        token_ids = token_ids[None]
    check_token_ids(model, token_ids)
    check_integer("max_new_tokens", max_new_tokens, least=0)
    if eos_token_id is not None:
        check_integer("eos_token_id", eos_token_id, least=0)
    if logits_processor is not None and not callable(logits_processor):
        raise TypeError(f"logits_processor must be a function of (token_ids, logits), got {logits_processor!r}")
    return token_ids
