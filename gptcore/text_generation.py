"""The loop with text on both ends: a prompt goes in, and the text that goes on from it comes out, piece by piece."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from gptcore.checks import check_bool, check_integer, check_text
from gptcore.generation import LogitsProcessor, Step, check_arguments, new_token_ids, processed, steps_of_each
from gptcore.language import _
from gptcore.model import GPTModel, check_model, resolve_device
from gptcore.prompts import move_model
from gptcore.sampling import Sampling
from gptcore.seeds import Uniforms
from gptcore.stopping import before_stop, stop_strings
from gptcore.tokenizer import check_tokenizer, encode, end_token_ids, is_known, stream_decode


def generate_text(
    model: GPTModel,
    prompt: str | Sequence[str],
    tokenizer: Any,
    max_length: int = 50,
    temperature: float = 1.0,
    top_k: int | None = 10,
    top_p: float | None = None,
    min_p: float | None = None,
    seed: int | Sequence[int] | None = None,
    *,
    device: str | None = None,
    known_only: bool = False,
    logits_processor: LogitsProcessor | None = None,
    stop: str | Sequence[str] = (),
) -> str | list[str]:
    """The whole text, `prompt` included: the pieces of `stream_text`, which describes the arguments, joined.

    A list of prompts gives the list of their texts, which grow together: each is what its prompt would give alone. For
    `seed`, see `generate`.

    >>> generate_text(model, "Once upon a time", tokenizer, max_length=12, temperature=0.7, top_k=10, seed=1)
    'Once upon a time, when the world was quieter, a brave girl named'
    """
    more = {"device": device, "known_only": known_only, "logits_processor": logits_processor}
    if not isinstance(prompt, (list, tuple)):
        settings = temperature, top_k, top_p, min_p, seed
        return "".join(stream_text(model, prompt, tokenizer, max_length, *settings, **more, stop=stop))
    stop, sampling = stop_strings(stop), Sampling(temperature, top_k, top_p, min_p)
    uniforms = Uniforms(seed, len(prompt))
    prompt_ids, rows, process = _prepare(model, prompt, tokenizer, max_length, **more)
    new_ids = new_token_ids(model, rows, max_length, uniforms, sampling, end_token_ids(tokenizer), process)
    return _joined([_pieces(tokenizer, *ids, stop) for ids in zip(prompt_ids, new_ids, strict=True)], new_ids)


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
    from that token, or the first of several that the model has. `tokenizer` is one of ours or of `transformers`, or any
    object with `encode` and `decode`. Token ids that it lacks are shown as `<id 40321>`; with `known_only=True` they
    are not drawn. The model runs where it is; `device` moves it first ("auto": to CUDA where there is a GPU).
    `logits_processor` is that of `generate_steps`. The text also ends before the first `stop`, a string or several,
    that appears in what is new.

    Raises TypeError or ValueError, before any work, if an argument is not as described here.
    """
    stop, sampling = stop_strings(stop), Sampling(temperature, top_k, top_p, min_p)
    more = {"device": device, "known_only": known_only, "logits_processor": logits_processor}
    prompt_ids, steps = text_steps(model, prompt, tokenizer, max_length, sampling, seed, **more)
    return filter(None, _pieces(tokenizer, prompt_ids, (step.token_id for step in steps), stop))


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
    check_text("prompt", prompt)
    uniforms = Uniforms(seed)
    more = {"device": device, "known_only": known_only, "logits_processor": logits_processor}
    (prompt_ids,), rows, process = _prepare(model, [prompt], tokenizer, max_length, **more)
    ends = end_token_ids(tokenizer)
    return prompt_ids, steps_of_each(model, rows, max_length, uniforms, sampling, ends, process, use_cache=True)[0]


def _pieces(tokenizer: Any, prompt_ids: list[int], new_ids: Iterable[int], stop: list[str]) -> Iterator[str]:
    """The text of a prompt, and what each new token adds to it."""
    ends = end_token_ids(tokenizer)
    pieces = stream_decode(tokenizer, (i for i in new_ids if i not in ends), start=prompt_ids, cut=True)
    return chain([next(pieces)], before_stop(pieces, stop))


def _joined(streams: list[Iterator[str]], new_ids: list[Iterator[int]]) -> list[str]:
    """The whole texts, each stream read by one piece at a time; those that have ended take no new tokens."""
    texts, reading = [""] * len(streams), list(range(len(streams)))
    while reading:
        for row in list(reading):
            piece = next(streams[row], None)
            if piece is None:
                reading.remove(row)
                new_ids[row].close()
            else:
                texts[row] += piece
    return texts


def _prepare(
    model: GPTModel,
    prompts: Sequence[str],
    tokenizer: Any,
    max_length: int,
    device: str | None,
    known_only: bool,
    logits_processor: LogitsProcessor | None,
) -> tuple[list[list[int]], list[list[int]], LogitsProcessor | None]:
    """The token ids of each prompt, what the model starts from, and what changes its scores.

    The arguments are checked, and then the model is moved.
    """
    check_model(model)
    check_tokenizer(tokenizer)
    check_integer("max_length", max_length, least=0)
    check_bool("known_only", known_only)
    if not prompts:
        raise ValueError(_("prompt must be a str or several, got an empty list"))
    for i, prompt in enumerate(prompts):
        check_text(f"prompt[{i}]", prompt)
    target = None if device is None else resolve_device(device)
    prompt_ids = [encode(tokenizer, prompt) if prompt else [] for prompt in prompts]
    rows = [ids or start_ids(model, tokenizer) for ids in prompt_ids]
    rows = check_arguments(model, rows, None, max_length, None, logits_processor)[0]
    if target is not None:
        move_model(model, target)
    return prompt_ids, rows, _known_only(model, tokenizer, logits_processor) if known_only else logits_processor


def start_ids(model: GPTModel, tokenizer: Any, name: str = "prompt") -> list[int]:
    """What an empty prompt starts from: the tokenizer's first end-of-text token that the model has.

    Raises ValueError, which calls the prompt `name`, if there is none.
    """
    for token_id in end_token_ids(tokenizer):
        if token_id < model.config.vocab_size:
            return [token_id]
    raise ValueError(
        _("{name} must not be empty, since this tokenizer has no end-of-text token of the model's, got ''").format(
            name=name
        )
    )


def _known_only(model: GPTModel, tokenizer: Any, logits_processor: LogitsProcessor | None) -> LogitsProcessor:
    """`logits_processor`, and then -inf for every token id of the model that the tokenizer lacks."""
    known = torch.tensor([is_known(tokenizer, i) for i in range(model.config.vocab_size)], device=model.device)

    def process(token_ids: Tensor, logits: Tensor) -> Tensor:
        return processed(logits_processor, token_ids, logits).where(known, -torch.inf)

    return process
