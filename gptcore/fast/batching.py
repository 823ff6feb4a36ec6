"""Texts of unequal length that grow together: each gets the tokens that it would get alone.

No time goes into padding. Each prompt is read by itself, together only with those of its own length; from then on one
reading of the weights serves all texts. Their keys and values lie in one cache that ends at the same place for all: a
shorter text begins further to the right, and a mask hides what is left of it. A text that has ended leaves the batch.
So does a text that has outgrown the context: it is read again for each token, as it would be alone.
"""

import math
from collections import deque
from collections.abc import Callable, Collection, Iterator

import torch
from torch import Tensor

from gptcore.fast.decoding import decoder, draw_next, read_prompt
from gptcore.model import GPTModel, KVCache, evaluating
from gptcore.sampling import Sampling


class Batch:
    """Texts that grow by a token each whenever one of them is asked for its next.

    `prompts` are token ids; `uniforms` yields the random numbers of the next token of each, (B,); `process` changes the
    scores of one text, its token ids (1, T) and logits (1, vocab_size).
    """

    def __init__(
        self,
        model: GPTModel,
        prompts: list[list[int]],
        max_new_tokens: int,
        uniforms: Iterator[Tensor],
        sampling: Sampling,
        ends: Collection[int],
        process: Callable[[Tensor, Tensor], Tensor] | None,
    ):
        self.model, self.uniforms, self.sampling, self.ends, self.process = model, uniforms, sampling, ends, process
        self.texts = [list(prompt) for prompt in prompts]
        self.left = max_new_tokens
        self.growing = list(range(len(prompts))) if max_new_tokens > 0 else []
        self.waiting: list[deque[int]] = [deque() for _ in prompts]  # tokens that nobody has asked for yet
        self.cache: SharedCache | None = None

    def new_ids(self, row: int) -> Iterator[int]:
        """The new tokens of one text. Closing this iterator ends the text."""
        try:
            while self.waiting[row] or row in self.growing:
                if not self.waiting[row]:
                    self._grow()
                yield self.waiting[row].popleft()
        finally:
            if row in self.growing:
                self.growing.remove(row)

    def _grow(self) -> None:
        """One more token for each text that has not ended."""
        device = self.model.device
        with evaluating(self.model):
            rows, logits = self._next_logits()
            if self.process is not None:
                texts = [torch.tensor([self.texts[row]], device=device) for row in rows]
                logits = torch.cat([self.process(text, logits[i : i + 1]) for i, text in enumerate(texts)])
            drawn = draw_next(logits, next(self.uniforms)[rows], self.sampling).tolist()
        for row, token_id in zip(rows, drawn, strict=True):
            self.texts[row].append(token_id)
            self.waiting[row].append(token_id)
        self.left -= 1
        self.growing = [row for row in self.growing if self.left and self.texts[row][-1] not in self.ends]

    def _next_logits(self) -> tuple[list[int], Tensor]:
        """The rows that grow, in some order, and their logits (rows, vocab_size)."""
        size = self.model.config.context_length
        inside = [row for row in self.growing if len(self.texts[row]) <= size]
        outside = [row for row in self.growing if len(self.texts[row]) > size]
        logits = []
        if inside and self.cache is None:
            self.cache = SharedCache(self.model, {row: self.texts[row] for row in inside}, self.left)
            logits.append(self.cache.logits)
        elif inside:
            logits.append(self.cache.next_logits({row: self.texts[row][-1] for row in inside}))
        if outside:
            windows = torch.tensor([self.texts[row][-size:] for row in outside], device=self.model.device)
            logits.append(self.model.head(self.model.hidden_states(windows)[:, -1]))
        return inside + outside, torch.cat(logits)


class SharedCache:
    """Keys and values of texts of unequal length, {row: token ids}, none longer than the context.

    `logits` (rows, vocab_size) are those after the prompts. `room` is how many tokens will follow at most.
    """

    def __init__(self, model: GPTModel, texts: dict[int, list[int]], room: int):
        self.model, self.rows = model, list(texts)
        lengths = [len(text) for text in texts.values()]
        longest = max(lengths)
        self.pads = torch.tensor([longest - length for length in lengths], device=model.device)
        self.end = longest + room  # of the longest text, if the context allows it
        kv_cache = KVCache(model.config, len(lengths), self.end, model.device, model.dtype)
        kv_cache.keys[..., :longest, :] = kv_cache.values[..., :longest, :] = 0  # masked values must still be finite
        logits: dict[int, Tensor] = {}
        for length in set(lengths):
            same = [i for i, other in enumerate(lengths) if other == length]
            once = KVCache(model.config, len(same), length, model.device, model.dtype)
            token_ids = torch.tensor([texts[self.rows[i]] for i in same], device=model.device)
            logits.update(zip(same, read_prompt(model, token_ids, once), strict=True))
            kv_cache.keys[:, same, :, longest - length : longest] = once.keys
            kv_cache.values[:, same, :, longest - length : longest] = once.values
        self.logits = torch.stack([logits[i] for i in range(len(lengths))])
        kv_cache.length = longest
        self._continue_with(kv_cache)

    def next_logits(self, new_ids: dict[int, int]) -> Tensor:
        """Logits (rows, vocab_size) after one more token of each row; rows that are not given have left for good."""
        if len(new_ids) < len(self.rows):
            self._keep([self.rows.index(row) for row in new_ids])
        self.rows = list(new_ids)
        return self.one_more(torch.tensor(list(new_ids.values()), device=self.model.device)[:, None])

    def _keep(self, places: list[int]) -> None:
        """Keep the rows at these places, without columns that none of them needs."""
        old, pads = self.kv_cache, self.pads[places]
        first = int(pads.min())
        self.pads, self.end = pads - first, self.end - first
        kv_cache = KVCache(self.model.config, len(places), self.end, self.model.device, self.model.dtype)
        kv_cache.length = old.length - first
        kv_cache.keys[..., : kv_cache.length, :] = old.keys[:, places, :, first : old.length]
        kv_cache.values[..., : kv_cache.length, :] = old.values[:, places, :, first : old.length]
        self._continue_with(kv_cache)

    def _continue_with(self, kv_cache: KVCache) -> None:
        self.kv_cache = kv_cache
        if not self.pads.any():
            self.one_more = decoder(self.model, kv_cache)
            return
        hidden = torch.arange(kv_cache.max_length, device=self.model.device) < self.pads[:, None]
        mask = torch.zeros_like(hidden, dtype=self.model.dtype).masked_fill_(hidden, -math.inf)
        self.one_more = decoder(self.model, kv_cache, self.pads, mask[:, None, None])
