"""Texts as widgets keep them: token ids and random numbers, from which any distribution can be computed again."""

from dataclasses import dataclass
from typing import Any

import torch

from gptcore.generation import Step, generate_steps
from gptcore.model import GPTModel
from gptcore.sampling import Distribution, Sampling
from gptcore.text_generation import start_ids, text_steps
from gptcore.tokenizer import stream_decode


@dataclass(frozen=True)
class Text:
    """A text of a model without its distributions: at GPT-2's vocabulary each of them takes 650 kB."""

    prompt_ids: list[int]
    token_ids: list[int]  # the new ones
    uniforms: list[float]  # the random numbers that chose them
    prompt: str  # as far as it can be decoded: its last bytes may be read with the first new token
    pieces: list[str]  # what each new token adds to it, as `stream_decode` yields it, and what is left at the end

    @property
    def whole(self) -> str:
        """The prompt and what was written."""
        return self.prompt + "".join(self.pieces)


def write_text(
    model: GPTModel, tokenizer: Any, prompt: str, max_length: int, sampling: Sampling, seed: int | None
) -> Text:
    """The text of `gptcore.generate_text` with these settings."""
    prompt_ids, steps = text_steps(model, prompt, tokenizer, max_length, sampling, seed)
    drawn = [(step.token_id, step.uniform) for step in steps]
    token_ids = [token_id for token_id, _ in drawn]
    first, *pieces = stream_decode(tokenizer, token_ids, start=prompt_ids, cut=True)
    return Text(prompt_ids, token_ids, [uniform for _, uniform in drawn], first, pieces)


def distribution_after(
    model: GPTModel, tokenizer: Any, prompt_ids: list[int], new_ids: list[int], sampling: Sampling
) -> Distribution:
    """What the token after a prompt and its continuation is drawn from; an empty prompt is the end-of-text token."""
    token_ids = torch.tensor((prompt_ids or start_ids(model, tokenizer)) + new_ids, device=model.device)
    return next(generate_steps(model, token_ids, 1, **vars(sampling))).distribution


def step_again(model: GPTModel, tokenizer: Any, text: Text, index: int, sampling: Sampling) -> Step:
    """The step that chose the new token at `index`, computed again."""
    distribution = distribution_after(model, tokenizer, text.prompt_ids, text.token_ids[:index], sampling)
    position = max(1, len(text.prompt_ids)) + index
    return Step(position, distribution, text.uniforms[index], text.token_ids[index])
