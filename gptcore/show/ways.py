"""The likeliest ways on from a text, found for certain.

Beam search finds some ways first. Then every beginning that is likelier than the last of them is read on, the likeliest
first (Dijkstra 1959, with -ln p as length), until none is left: a way is never likelier than its beginning.
"""

from heapq import nlargest
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from gptcore import stories
from gptcore.fast.cores import on_one_core
from gptcore.model import GPTModel, KVCache, evaluating
from gptcore.sampling import Distribution, Sampling
from gptcore.tokenizer import end_token_ids

Way = tuple[int, ...]  # token ids that follow the text
MOST_READ = 200  # beginnings that are read for one tree: on a flat distribution there are too many to read them all
MOST_READ_WHOLE = 25  # past the context, where each reads all that the model sees
TOGETHER = 16  # beginnings that are read at once


class Reader:
    """What a model and the source of the stories say after each way on from a text; nothing is asked twice."""

    def __init__(self, model: GPTModel, tokenizer: Any, token_ids: list[int]):
        self.model, self.tokenizer, self.token_ids = model, tokenizer, token_ids
        self.ends = end_token_ids(tokenizer)
        self._start = token_ids or self.ends[:1]
        self._cache: KVCache | None = None  # the keys and values of the text
        self._logits: dict[Way, Tensor] = {}
        self._truths: dict[Way, dict[int, float]] = {}

    def distribution(self, way: Way, sampling: Sampling) -> Distribution:
        """What the token after `way` is drawn from; its tensors have the shape (vocab_size,)."""
        self.read([way])
        logits = self._logits[way]
        return on_one_core(logits, sampling.distribution, logits)

    def read(self, ways: list[Way]) -> None:
        """Let the model read all `ways`, those of one length at once."""
        missing = sorted(set(ways) - self._logits.keys(), key=lambda way: (len(way), way))
        for length, group in groupby(missing, key=len):
            group = list(group)
            with evaluating(self.model):
                states = self._states(group, length)  # (ways, emb_dim)
                self._logits.update(zip(group, self.model.head(states), strict=True))

    def _states(self, ways: list[Way], length: int) -> Tensor:
        room, device = self.model.config.context_length, self.model.device
        if not length or not self.fits(length):  # past the context it sees the end of the text
            windows = [[*self._start, *way][-room:] for way in ways]
            return self.model.hidden_states(torch.tensor(windows, device=device))[:, -1]
        cache = self._extended(len(ways), len(self._start) + length)
        return self.model.hidden_states(torch.tensor(ways, device=device), cache)[:, -1]

    def fits(self, length: int) -> bool:
        """Whether the text and `length` tokens more fit into the context."""
        return len(self._start) + length <= self.model.config.context_length

    def _extended(self, batch_size: int, max_length: int) -> KVCache:
        """A cache that holds the text in each of its rows."""
        model, text = self.model, torch.tensor([self._start], device=self.model.device)
        if self._cache is None:
            cache = KVCache(model.config, 1, text.shape[1], model.device, model.dtype)
            model.hidden_states(text, cache)
            self._cache = cache
        cache = KVCache(model.config, batch_size, max_length, model.device, model.dtype)
        cache.length = text.shape[1]
        cache.keys[..., : cache.length, :] = self._cache.keys
        cache.values[..., : cache.length, :] = self._cache.values
        return cache

    def truth(self, way: Way) -> dict[int, float]:
        """{token_id: probability} after `way` where the text is a story of the source; {} where none begins so."""
        if way not in self._truths:
            try:
                self._truths[way] = stories.next_token([*self.token_ids, *way], self.tokenizer)
            except (TypeError, ValueError):  # a tokenizer that cannot spell the stories
                self._truths[way] = {}
        return self._truths[way]


class Search:
    """The `width` likeliest ways on of `depth` tokens, or fewer where one of `ends` comes earlier, and greedy's."""

    def __init__(self, reader: Reader, sampling: Sampling, width: int, depth: int):
        self.reader, self.sampling, self.width, self.depth = reader, sampling, width, depth
        self.open: dict[Way, float] = {(): 1.0}  # beginnings that have not been read, and their probabilities
        self.done: dict[Way, float] = {}
        self.read_count, self.greedy = 0, ()
        self._beam()
        self.is_exact = self._certify()

    @property
    def ways(self) -> dict[Way, float]:
        """The likeliest ways, the likeliest first, and then greedy's if it is none of them."""
        found = nlargest(self.width, self.done, key=self.done.get)
        return {way: self.done[way] for way in dict.fromkeys([*found, self.greedy])}

    def _beam(self) -> None:
        for length in range(self.depth):
            beam = nlargest(self.width, (way for way in self.open if len(way) == length), key=self.open.get)
            self._read_on(list(dict.fromkeys(beam + [self.greedy] * (self.greedy in self.open))))

    def _certify(self) -> bool:
        """Read every beginning that could still lead to a likelier way; False if there are too many."""
        most = MOST_READ if self.reader.fits(self.depth) else MOST_READ_WHOLE
        while better := self._better():
            if self.read_count >= most:
                return False
            self._read_on(nlargest(TOGETHER, better, key=self.open.get))
        return True

    def _better(self) -> list[Way]:
        least = nlargest(self.width, self.done.values())[-1] if len(self.done) >= self.width else 0.0
        return [way for way, prob in self.open.items() if prob > least]

    def _read_on(self, ways: list[Way]) -> None:
        self.reader.read(ways)
        self.read_count += len(ways)
        for way in ways:
            prob, probs = self.open.pop(way), self.reader.distribution(way, self.sampling).probs
            # Of the last tokens no more are needed; of others no more can be read.
            count = self.width if len(way) + 1 == self.depth else MOST_READ
            top = probs.topk(min(count, len(probs)))
            first = probs.argmax().item()  # of several that are equally likely, the top need not hold it
            found = {first: probs[first].item()} | dict(zip(top.indices.tolist(), top.values.tolist(), strict=True))
            for token_id, p in found.items():
                if p:
                    longer = (*way, token_id)
                    is_done = len(longer) == self.depth or token_id in self.reader.ends
                    (self.done if is_done else self.open)[longer] = prob * p
            if way == self.greedy:
                self.greedy = (*way, first)
