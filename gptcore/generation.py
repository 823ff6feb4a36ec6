"""The loop: read the text, choose one token, write it down, begin again."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from gptcore.fast.cuda_graph import play_graph, static_generate
from gptcore.fast.decoding import can_decode, decoder, draw_next, read_prompt
from gptcore.model import GPTModel, KVCache, check_model, check_token_ids, evaluating, resolve_device
from gptcore.sampling import Distribution, check_settings, draw, next_token_distribution
from gptcore.tokenizer import is_known, stream_decode


@dataclass(frozen=True, eq=False)
class Step:
    """One token of a growing text: what could have come, the luck, and what came."""

    position: int  # the place of the new token in the text, counted from 0
    distribution: Distribution  # its tensors have the shape (vocab_size,)
    uniform: float  # the random number in [0, 1) that chose
    token_id: int


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
    allowed: Tensor | None = None,
    use_cache: bool = True,
) -> Iterator[Step]:
    """Yield one `Step` for each new token after token_ids, (T,) or (1, T).

    A step is yielded and forgotten: at GPT-2's vocabulary it holds 650 kB. To look back later, keep the token ids and
    the uniforms, and compute the one distribution again.

    The settings are those of `next_token_distribution`. The same `seed` gives the same tokens, with and without the
    cache of keys and values (`use_cache`) and in `generate`, as far as rounding allows; None is new luck each time.
    The text ends after `eos_token_id`, if that is given. `allowed`, bool (vocab_size,), keeps all other tokens from
    being drawn.

    Past the context length the model sees the last `context_length` tokens, exactly as if it had been given only those.
    Their positions change with every step, so that the cache is of no use there and each token costs a reading of
    them all.

    Raises TypeError or ValueError, before any work, if an argument is not as said here.
    """
    token_ids = _check(model, token_ids, max_new_tokens, eos_token_id, allowed)
    check_settings(temperature, top_k, top_p, min_p)
    if token_ids.shape[0] != 1:
        raise ValueError(f"token_ids must be one text, (T,) or (1, T), got {tuple(token_ids.shape)}: see generate")
    luck = _Luck(seed, 1)
    next_logits = _reader(model, token_ids, max_new_tokens, allowed, use_cache)

    def steps(token_ids: Tensor) -> Iterator[Step]:
        for _ in range(max_new_tokens):
            with evaluating(model):  # not around the yield: the caller's own work is none of ours
                logits = next_logits(token_ids)[0]
            distribution = next_token_distribution(logits, temperature, top_k, top_p, min_p)
            uniform = luck.next()
            new = draw(distribution, uniform[0])
            yield Step(token_ids.shape[1], distribution, uniform.item(), int(new))
            if new == eos_token_id:
                return
            token_ids = torch.cat([token_ids, new.to(token_ids).view(1, 1)], dim=1)

    return steps(token_ids)


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
    allowed: Tensor | None = None,
    use_cache: bool = True,
    cuda_graph: bool = False,
) -> Tensor:
    """token_ids (B, T) with n ≤ max_new_tokens new ones: (B, T + n). The tokens are those of `generate_steps`.

    The arguments are the same. `seed` may be one number for each row; a single number gives row 0 that number and the
    other rows numbers mixed from it. A row is then the same alone and in a batch. A row that has reached `eos_token_id`
    is filled up with it while others go on. One prompt for many texts, `prompt.repeat(30, 1)`, is read only once.

    With `cuda_graph` a model on CUDA writes with one recorded step, played for every token: the same tokens as far as
    rounding allows, and no word between GPU and Python on the way. The text must fit into the context, and
    `eos_token_id` is looked for at the end.

    Raises TypeError or ValueError, before any work, if an argument is not as said here.
    """
    token_ids = _check(model, token_ids, max_new_tokens, eos_token_id, allowed)
    check_settings(temperature, top_k, top_p, min_p)
    uniforms = _Luck(seed, token_ids.shape[0]).ahead(max_new_tokens).to(token_ids.device)  # (B, n)
    if cuda_graph:
        if model.device.type != "cuda" or not can_decode(model) or allowed is not None or not use_cache:
            raise ValueError(
                f"cuda_graph must be False unless a plain GPTModel is on CUDA, with its cache and with no `allowed`, "
                f"got a {type(model).__name__} on {model.device}"
            )
        with evaluating(model):
            settings = temperature, top_k, top_p, min_p, eos_token_id
            return static_generate(model, token_ids, uniforms, *settings, play_graph)
    next_logits = _reader(model, token_ids, max_new_tokens, allowed, use_cache)
    finished = torch.zeros(token_ids.shape[0], dtype=torch.bool, device=token_ids.device)
    with evaluating(model):
        for i in range(max_new_tokens):
            logits = next_logits(token_ids)
            new = draw_next(logits, uniforms[:, i], temperature, top_k, top_p, min_p).to(token_ids)  # (B,)
            if eos_token_id is not None:
                new = torch.where(finished, eos_token_id, new)
                finished = new == eos_token_id
            token_ids = torch.cat([token_ids, new[:, None]], dim=1)
            if eos_token_id is not None and finished.all():
                break
    return token_ids


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
) -> str:
    """The whole text, `prompt` included: the pieces of `stream_text`, which says what the arguments are, joined.

    >>> generate_text(model, "Once upon a time", tokenizer, max_length=50, temperature=0.7, top_k=10)
    """
    return "".join(
        stream_text(
            model,
            prompt,
            tokenizer,
            max_length,
            temperature,
            top_k,
            top_p,
            min_p,
            seed,
            device=device,
            known_only=known_only,
        )
    )


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
) -> Iterator[str]:
    """Yield the text piece by piece as it is made: first `prompt`, then what each new token adds to it.

    A piece never ends in half a character. The text ends after `max_length` new tokens, or at the tokenizer's
    end-of-text token, which is not shown. An empty prompt starts from that token. `tokenizer` is one of ours or of
    `transformers`, or any object with `encode` and `decode`. Token ids that it does not have are shown as `<id
    40321>`; with `known_only=True` they are not drawn. The model runs where it is; `device` moves it first ("auto":
    to CUDA where there is one).

    Raises TypeError or ValueError, before any work, if an argument is not as said here.
    """
    prompt_ids, steps = text_steps(
        model,
        prompt,
        tokenizer,
        max_length,
        temperature,
        top_k,
        top_p,
        min_p,
        seed,
        device=device,
        known_only=known_only,
    )
    new_ids = (step.token_id for step in steps if step.token_id != getattr(tokenizer, "eos_token_id", None))
    pieces = stream_decode(tokenizer, chain(prompt_ids, new_ids))
    first = "".join(islice(pieces, len(prompt_ids)))
    return filter(None, chain([first], pieces))


def text_steps(
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
) -> tuple[list[int], Iterator[Step]]:
    """The token ids of `prompt`, and the steps that go on from there; the arguments are those of `stream_text`."""
    check_model(model)
    if not (hasattr(tokenizer, "encode") and hasattr(tokenizer, "decode")):
        raise TypeError(f"tokenizer must have encode and decode, got {type(tokenizer).__name__}")
    if not isinstance(prompt, str):
        raise TypeError(f"prompt must be a text, got {type(prompt).__name__}")
    if any("\ud800" <= character <= "\udfff" for character in prompt):
        raise ValueError(f"prompt must be text that UTF-8 can hold, without surrogates, got {prompt!r}")
    check_count("max_length", max_length)
    check_settings(temperature, top_k, top_p, min_p)
    eos_token_id = getattr(tokenizer, "eos_token_id", None)
    prompt_ids = list(tokenizer.encode(prompt)) if prompt else []
    if not prompt_ids and eos_token_id is None:
        raise ValueError(f"prompt must not be empty, since this tokenizer has no end-of-text token, got {prompt!r}")
    if device is not None:
        model.to(resolve_device(device))
    steps = generate_steps(
        model,
        torch.tensor(prompt_ids or [eos_token_id], device=model.device),
        max_length,
        temperature,
        top_k,
        top_p,
        min_p,
        seed,
        eos_token_id,
        allowed=known_tokens(model, tokenizer) if known_only else None,
    )
    return prompt_ids, steps


def known_tokens(model: GPTModel, tokenizer: Any) -> Tensor:
    """bool (vocab_size,), on the model's device: which of the model's token ids the tokenizer has."""
    return torch.tensor([is_known(tokenizer, i) for i in range(model.config.vocab_size)], device=model.device)


class _Luck:
    """One uniform number in [0, 1) per row and step, drawn on the CPU, so that it is the same everywhere."""

    def __init__(self, seed: int | Sequence[int] | None, rows: int):
        self.generators = []
        for row_seed in _row_seeds(seed, rows):
            generator = torch.Generator()
            generator.seed() if row_seed is None else generator.manual_seed(row_seed)
            self.generators.append(generator)

    def next(self) -> Tensor:
        """float64 (rows,)"""
        return self.ahead(1)[:, 0]

    def ahead(self, count: int) -> Tensor:
        """float64 (rows, count): the numbers of the next `count` steps, the same as if drawn one by one."""
        return torch.stack([torch.rand(count, generator=g, dtype=torch.float64) for g in self.generators])


def _row_seeds(seed: int | Sequence[int] | None, rows: int) -> list[int | None]:
    if seed is None:
        return [None] * rows
    if isinstance(seed, Integral) and not isinstance(seed, bool):
        return [_in_range(seed)] + [_mix(seed, row) for row in range(1, rows)]
    if not isinstance(seed, Sequence) or isinstance(seed, str):
        raise TypeError(f"seed must be a whole number, one for each row, or None, got {seed!r}")
    if len(seed) != rows:
        raise ValueError(f"seed must be one number, or one for each of the {rows} rows, got {len(seed)}")
    return [_row_seeds(number, 1)[0] for number in seed]


def _in_range(seed: int) -> int:
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed must be from 0 to 2**63 - 1, got {seed}")
    return int(seed)


def _mix(seed: int, row: int) -> int:
    """A number that looks random but depends on `seed` and `row` alone, so that neighbouring seeds share no row."""
    digest = hashlib.blake2b(f"{seed} {row}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def _reader(
    model: GPTModel, token_ids: Tensor, max_new_tokens: int, allowed: Tensor | None, use_cache: bool
) -> Callable[[Tensor], Tensor]:
    """A function from a text that grows, (B, T), to the logits (B, vocab_size) of its next token.

    They are -inf for tokens that are not `allowed`.
    """
    (B, T), context_length = token_ids.shape, model.config.context_length
    kv_cache = KVCache(model.config, B, T + max_new_tokens, model.device, model.dtype) if use_cache else None
    one_more = decoder(model, kv_cache) if use_cache and can_decode(model) else None

    def next_logits(token_ids: Tensor) -> Tensor:
        length = token_ids.shape[1]
        if one_more and len(kv_cache) + 1 == length <= context_length:
            logits = one_more(token_ids[:, -1:])
        elif one_more and len(kv_cache) == 0 and length <= context_length:
            logits = read_prompt(model, token_ids, kv_cache)
        else:
            if kv_cache is None or length > context_length:
                hidden = model.hidden_states(token_ids[:, -context_length:])
            else:
                hidden = model.hidden_states(token_ids[:, len(kv_cache) :], kv_cache)
            logits = model.head(hidden[:, -1])  # only the last position: the head is the largest matrix
        return logits if allowed is None else logits.where(allowed, -torch.inf)

    return next_logits


def _check(model, token_ids, max_new_tokens, eos_token_id, allowed) -> Tensor:
    """token_ids as (B, T), after all arguments but the settings and the seed were checked."""
    check_model(model)
    if isinstance(token_ids, Tensor) and token_ids.ndim == 1:
        token_ids = token_ids[None]
    check_token_ids(model, token_ids)
    check_count("max_new_tokens", max_new_tokens)
    if eos_token_id is not None:
        check_count("eos_token_id", eos_token_id)
    if allowed is not None:
        _check_allowed(model, allowed)
    return token_ids


def _check_allowed(model: GPTModel, allowed: Any) -> None:
    if not isinstance(allowed, Tensor):
        raise TypeError(f"allowed must be a torch tensor, got {type(allowed).__name__}")
    wanted = f"allowed must be a bool tensor of shape ({model.config.vocab_size},) on {model.device}"
    if allowed.dtype != torch.bool or allowed.shape != (model.config.vocab_size,):
        raise ValueError(f"{wanted}, got {allowed.dtype} {tuple(allowed.shape)}")
    if allowed.device != model.device:
        raise ValueError(f"{wanted}, got one on {allowed.device}")
    if not allowed.any():
        raise ValueError("allowed must be True for at least one token, got False for all")


def check_count(name: str, value: object) -> None:
    """Raise TypeError or ValueError, naming the argument, unless `value` is a whole number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if value < 0:
        raise ValueError(f"{name} must be 0 or more, got {value}")
