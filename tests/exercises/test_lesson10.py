import math
from fractions import Fraction

import numpy
import pytest
import torch

from gptcore import KVCache, costs, generate
from gptcore.exercises import lesson10
from gptcore.model import evaluating

# Exercise 1


@pytest.mark.parametrize(
    "answer",
    [
        lambda config, tokens, size: 2 * config.n_layers * tokens * config.emb_dim * size,
        lambda config, tokens, size: sum(
            2 * config.n_heads * config.head_dim * size for _ in range(config.n_layers) for _ in range(tokens)
        ),
        lambda config, tokens, size: KVCache(config, 1, tokens, dtype=torch.float32).keys.nbytes * 2 * size // 4,
        lambda config, tokens, size: torch.tensor(2.0 * config["n_layers"] * tokens * config["emb_dim"] * size),
        lambda config, tokens, size: costs.cache_bytes(config, tokens) * size // 4,
        lambda config, tokens, size: math.prod((2, config.n_layers, tokens, config.emb_dim, size)),
        lambda config, tokens, size: numpy.prod([2, config.n_layers, tokens, config.n_heads, config.head_dim, size]),
        lambda config, tokens, size: config.n_layers * tokens * config.emb_dim * size << 1,
        lambda config, tokens, size: torch.empty(2, config.n_layers, tokens, config.emb_dim).numel() * size,
    ],
)
def test_cache_size_right(says, answer):
    assert says(lesson10.check_cache_size, answer).startswith("Right")


def right_size(config, tokens, size):
    return 2 * config.n_layers * tokens * config.emb_dim * size


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda c, n, b: right_size(c, n, b) // 2, "keys and there are values"),
        (lambda c, n, b: right_size(c, n, 1), "counts the values"),
        (lambda c, n, b: right_size(c, n, b) * 8, "in bits"),
        (lambda c, n, b: right_size(c, n, b) // c.n_layers, "one layer"),
        (lambda c, n, b: 2 * c.n_layers * n * c.head_dim * b, "one head"),
        (lambda c, n, b: 2 * c.n_layers * n * c.n_heads * c.emb_dim * b, "does not count again"),
        (lambda c, n, b: right_size(c, 1, b), "one token"),
        (lambda c, n, b: right_size(c, n * n, b), "not squared"),
        (lambda c, n, b: right_size(c, c.context_length, b), "This text is shorter"),
        (lambda c, n, b: 3 * c.n_layers * n * c.emb_dim * b, "Queries are not kept"),
        (lambda c, n, b: right_size(c, n, b) / 1e6, "megabytes"),
        (lambda c, n, b: 5, "Multiply"),
        (lambda c, n, b: right_size(c, n, b) / 4, "Multiply"),  # is no count of values, though it was with 4 bytes
        (lambda c, n, b: 2 * c.n_layers * c.n_heads * n * b, "Multiply"),
        (lambda c, n, b: right_size(c, n, 2), "Multiply"),  # nor have the values been forgotten
        (lambda c, n, b: c.n_layers * n * c.emb_dim, "Multiply"),
        (lambda c, n, b: right_size(c, n + 1, b), "Multiply"),
        (lambda c, n, b: right_size(c, n - 1, b), "Multiply"),
        (lambda c, n, b: 2 * c.n_layers * n * c.vocab_size * b, "Multiply"),
        (lambda c, n, b: right_size(c, n, b) / 1024, "Multiply"),
        (lambda c, n, b: 2 * c.emb_dim * b, "Multiply"),
        (lambda c, n, b: str(right_size(c, n, b)), "got '3360'"),
        (lambda c, n, b: 3360, "Use config.n_layers"),
        (lambda c, n, b: 2 * c.n_layers * n * c.emb_dim * 4, "given another model"),
        (lambda c, n, b: c.layers * n, "no attribute 'layers'"),
    ],
)
def test_cache_size_wrong(says, answer, hint):
    assert hint in says(lesson10.check_cache_size, answer)


# Exercise 2


def by_length(model, token_ids, count):
    cache = KVCache(model.config)
    with torch.no_grad():
        for _ in range(count):
            new = model(token_ids[:, len(cache) :], cache)[:, -1].argmax(-1, keepdim=True)
            token_ids = torch.cat([token_ids, new], dim=1)
    return token_ids


def prompt_first(model, token_ids, count):
    cache = KVCache(model.config, max_length=token_ids.shape[1] + count)
    with evaluating(model):
        logits = model(token_ids, cache)
        for _ in range(count):
            new = logits[0, -1].argmax().view(1, 1)
            token_ids = torch.cat([token_ids, new], dim=1)
            logits = model(new, cache)  # the last one is read for nothing
    return token_ids


def one_at_a_time(model, token_ids, count):
    cache, ids = KVCache(model.config), token_ids[0].tolist()
    for position in range(len(ids) + count - 1):
        scores = model(torch.tensor([[ids[position]]]), cache)[0, -1]
        if position == len(ids) - 1:
            ids.append(int(scores.argmax()))
    return ids


def only_the_new(model, token_ids, count):
    cache, ids, new = KVCache(model.config), token_ids.tolist()[0], token_ids
    for _ in range(count):
        ids.append(int(model(new, cache)[0, -1].argmax()))
        new = torch.tensor([[ids[-1]]])
    return torch.tensor([ids])


def by_topk(model, token_ids, count):
    cache = KVCache(model.config, 1, token_ids.shape[1] + count)
    while len(cache) < cache.max_length - 1:
        scores = model(token_ids[:, len(cache) :], cache)[:, -1]
        token_ids = torch.cat((token_ids, scores.topk(1).indices), -1)
    return token_ids


def by_stacking(model, token_ids, count):
    cache, ids = KVCache(model.config), list(token_ids[0])
    for _ in range(count):
        ids.append(model(torch.stack(ids[len(cache) :])[None], cache)[0][-1].softmax(-1).argmax())
    return torch.stack(ids)


def read_between(model, token_ids, count):
    cache = KVCache(model.config)
    scores = model(token_ids, cache)
    for step in range(count):
        new = scores[:, -1:].argmax(-1)
        token_ids = torch.hstack((token_ids, new))
        if step < count - 1:
            scores = model(new, cache)
    return token_ids


def by_generate(model, token_ids, count):
    return generate(model, token_ids, count, temperature=0)


@pytest.mark.parametrize(
    "answer",
    [by_length, prompt_first, one_at_a_time, only_the_new, by_topk, by_stacking, read_between, by_generate],
)
def test_cached_loop_right(says, answer):
    assert says(lesson10.check_cached_loop, answer).startswith("Right: the same tokens")


def put_behind(token_ids, new):
    return torch.cat([token_ids, new], dim=1)


def loop(reads, cache_of=None, first=None, last=-1, choose=torch.argmax, back=lambda ids, prompt: ids, join=put_behind):
    """A loop that shows the model `reads(token_ids, cache)`."""

    def answer(model, token_ids, count):
        cache, prompt = KVCache(model.config), token_ids
        for step in range(count):
            if cache_of is not None:
                cache = cache_of(model)
            seen = first(token_ids) if first and step == 0 else reads(token_ids, cache)
            new = choose(model(seen, cache)[0, last]).view(1, 1)
            token_ids = join(token_ids, new)
        return back(token_ids, prompt)

    return answer


def new_ones(token_ids, cache):
    return token_ids[:, len(cache) :]


def whole(token_ids, cache):
    return token_ids


def last_one(token_ids, cache):
    return token_ids[:, -1:]


def too_small(model, token_ids, count):
    cache = KVCache(model.config, max_length=token_ids.shape[1] + count)
    for _ in range(count):
        token_ids = torch.cat([token_ids, model(token_ids, cache)[:, -1].argmax(-1, keepdim=True)], dim=1)
    return token_ids


def endless(model, token_ids, count):
    while True:
        model(token_ids)


def luck(scores):
    return torch.multinomial(scores.softmax(-1) * 0 + 1 / 40, 1)


def in_place(model, token_ids, count):
    result = by_length(model, token_ids, count)
    token_ids[:] = 0
    return result


def prompt_read_twice(model, token_ids, count):
    cache = KVCache(model.config)
    model(token_ids, cache)
    for _ in range(count):
        token_ids = torch.cat([token_ids, model(token_ids[:, -1:], cache)[:, -1].argmax(-1, keepdim=True)], dim=1)
    return token_ids


def nothing_added(model, token_ids, count):
    cache = KVCache(model.config)
    for _ in range(count):
        new = model(token_ids[:, len(cache) :], cache)[:, -1].argmax(-1, keepdim=True)
    return torch.cat([token_ids, new], dim=1)


def cache_not_passed(model, token_ids, count):
    KVCache(model.config)
    for _ in range(count):
        token_ids = torch.cat([token_ids, model(token_ids)[:, -1].argmax(-1, keepdim=True)], dim=1)
    return token_ids


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (prompt_read_twice, "Read the prompt into the cache, then"),
        (nothing_added, "No token was left to read"),
        (cache_not_passed, "Make one KVCache before the loop"),
        (lambda model, ids, n: by_length(model, ids, n + 1), "Read the prompt into the cache, then"),
        (lambda model, ids, n: by_length(model, ids, n - 1), "Read the prompt into the cache, then"),
        (lambda model, ids, n: by_length(model, ids, 1), "Read the prompt into the cache, then"),
        (lambda model, ids, n: by_length(model, ids, n).flip(1), "Read the prompt into the cache, then"),
        (lambda model, ids, n: ids, "0 tokens read"),
        (lambda model, ids, n: by_generate(model, ids, n)[0, 3:].tolist(), "prompt is lost"),
        (lambda model, ids, n: KVCache(model), "config must be a GPTConfig or a mapping, got GPTModel"),
        (lambda model, ids, n: model(ids, KVCache(model.config))[:, -1].max(-1).values, "Return the prompt"),
        (
            lambda model, ids, n: generate(model, ids, n, temperature=0, use_cache=False),
            "25 tokens read",
        ),
        (loop(new_ones, cache_of=lambda model: KVCache(model.config)), "Make one KVCache before the loop"),
        (loop(whole), "on top of what the cache already holds"),
        (too_small, "on top of what the cache already holds"),
        (loop(last_one), "given the whole prompt"),
        (loop(last_one, cache_of=lambda model: KVCache(model.config), first=lambda ids: ids), "nothing before it"),
        (loop(new_ones, last=0), "first position"),
        (loop(new_ones, choose=torch.argmin), "argmax, not argmin"),
        (loop(new_ones, choose=luck), "with no luck"),
        (loop(new_ones, back=lambda ids, prompt: ids[:, prompt.shape[1] :]), "prompt is lost"),
        (loop(new_ones, back=lambda ids, prompt: ids[:, :-1]), "Return the prompt and the new tokens"),
        (loop(new_ones, join=lambda ids, new: torch.cat([new, ids], dim=1)), "in front of the prompt"),
        (loop(new_ones, choose=lambda scores: scores.argmax() * 0), "Read the prompt into the cache"),
        (lambda model, ids, n: torch.cat([ids, torch.zeros(1, n, dtype=torch.int64)], 1), "0 tokens read"),
        (endless, "the loop never ends"),
        (in_place, "changed what it was given"),
        (loop(new_ones, join=lambda ids, new: torch.cat([ids, new[0, 0]], dim=1)), "A new token must be (1, 1)"),
        (loop(new_ones, join=lambda ids, new: torch.cat([ids, new[0]], dim=1)), "A new token must be (1, 1)"),
        (loop(new_ones, join=lambda ids, new: torch.cat([ids, new])), "with dim=1"),
        (lambda model, ids, n: torch.full((1, 8), torch.nan), "got ([nan, "),
        (lambda model, ids, n: [torch.inf] * 8, "got ([inf, "),
    ],
)
def test_cached_loop_wrong(says, answer, hint):
    assert hint in says(lesson10.check_cached_loop, answer)


# Exercise 3


def with_torch(row):
    scale = row.abs().max() / 127
    return (row / scale).round().to(torch.int8), scale


def with_lists(row):
    scale = max(abs(weight) for weight in row.tolist()) / 127
    return torch.tensor([round(weight / scale) for weight in row.tolist()], dtype=torch.int8), scale


def in_float64(row):
    scale = torch.maximum(row.max(), -row.min()).double() / 127
    return [torch.clamp(torch.round(row / scale), -127, 127).char(), scale.item()]


def with_numpy(row):
    row = row.numpy()
    scale = numpy.abs(row).max() / 127
    return torch.tensor(numpy.rint(row / scale).astype(numpy.int8)), scale


def with_torch_quantized(row):
    scale = float(row.abs().max() / 127)
    return torch.quantize_per_tensor(row, scale, 0, torch.qint8).int_repr(), scale


@pytest.mark.parametrize(
    "answer",
    [
        with_torch,
        with_lists,
        in_float64,
        with_numpy,
        with_torch_quantized,
        lambda row: (torch.round(row * 127 / row.abs().max()).char(), row.abs().max() / 127),
        lambda row: ((row / with_torch(row)[1] + 0.5).floor().to(torch.int8), with_torch(row)[1]),
        lambda row: [with_torch(row)[0], with_torch(row)[1][None]],
    ],
)
def test_quantize_row_right(says, answer):
    assert says(lesson10.check_quantize_row, answer).startswith("Right: one byte for each weight. The largest error")


def scaled_by(scale_of, whole=torch.round):
    def answer(row):
        scale = scale_of(row)
        return whole(row / scale).to(torch.int8), scale

    return answer


def size(row):
    return row.abs().max()


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (scaled_by(lambda row: row.max() / 127), "2.54, not 1.213"),
        (scaled_by(lambda row: size(row) / 128), "ends at 127"),
        (scaled_by(lambda row: size(row) / 255), "not by 255"),
        (scaled_by(lambda row: size(row) / 256), "255 or 256"),
        (scaled_by(lambda row: (row.max() - row.min()) / 255), "Here 0 stays 0"),
        (scaled_by(size), "the largest size itself"),
        (scaled_by(lambda row: size(row) / 100), "The scale is row.abs().max() / 127"),
        (lambda row: ((row * 127 / size(row)).round().to(torch.int8), 127 / size(row)), "the inverse of the scale"),
        (scaled_by(lambda row: size(row) / 127, torch.trunc), "were cut off"),
        (scaled_by(lambda row: size(row) / 127, torch.floor), "were cut off"),
        (lambda row: (row * 127 / size(row), size(row) / 127), "no integers yet"),
        (lambda row: ((row * 127 / size(row)).round(), size(row) / 127), "more than one byte"),
        (lambda row: ((row * 127 / size(row)).round().tolist(), size(row) / 127), "Return them as a tensor"),
        (
            lambda row: ((row * 127 / size(row)).round().numpy().astype("int8"), size(row) / 127),
            "Return them as a tensor",
        ),
        (lambda row: ((row * 127 / size(row)).round().to(torch.uint8), size(row) / 127), "do not fit into torch.uint8"),
        (scaled_by(lambda row: -row.min() / 127), "whatever its sign"),
        (scaled_by(lambda row: size(row) / 127, torch.ceil), "Divide the row by the scale, and round"),
        (scaled_by(lambda row: 0.01), "The scale is row.abs().max() / 127"),
        (scaled_by(lambda row: row.mean() / 127), "The scale is row.abs().max() / 127"),
        (scaled_by(lambda row: row.std() / 127), "The scale is row.abs().max() / 127"),
        (scaled_by(lambda row: row.abs().sum() / 127), "The scale is row.abs().max() / 127"),
        (scaled_by(lambda row: size(row) / 7), "The scale is row.abs().max() / 127"),
        (lambda row: (with_torch(row)[0], size(row)), "The scale is row.abs().max() / 127"),
        (lambda row: (with_torch(row)[0], 1 / 127), "The scale is row.abs().max() / 127"),
        (lambda row: ((row * size(row) / 127).round().to(torch.int8), size(row) / 127), "Divide the row by the scale"),
        (lambda row: (row.to(torch.int8), 1.0), "Divide the row by the scale"),
        (lambda row: (with_torch(row)[0][None], size(row) / 127), "Divide the row by the scale"),
        (lambda row: (torch.tensor([25, -127, 61, 1, 0], dtype=torch.int8), 0.02), "given row [-0.5, 2.54"),
        (
            lambda row: (with_torch(row)[0], with_torch(row)[1] * (1 if row[0] > 0 else 2)),
            "given row [-0.5, 2.54",
        ),
        (lambda row: (with_torch(row)[0] * with_torch(row)[1], with_torch(row)[1]), "rebuilt"),
        (lambda row: with_torch(row)[::-1], "The scale came first"),
        (lambda row: with_torch(row)[0], "Return two things"),
        (lambda row: (with_torch(row)[0].abs(), with_torch(row)[1]), "Divide the row by the scale"),
        (lambda row: (with_torch(row)[0], row), "Divide the row by the scale"),
        (lambda row: (row.div_(size(row) / 127).round().to(torch.int8), size(row) / 127), "changed what it was given"),
    ],
)
def test_quantize_row_wrong(says, answer, hint):
    assert hint in says(lesson10.check_quantize_row, answer)


# Exercise 4


def test_limit(says):
    for answer in (
        *(16, 16.05, 50e9 / (1_557_611_200 * 2), torch.tensor(16.0), 15.8, 16.3),
        *(Fraction(50 * 10**9, 2 * 1_557_611_200), numpy.float64(16.05), torch.tensor([16.1])),
    ):
        assert says(lesson10.check_limit, answer).startswith("Right: 3.1 GB")
    for answer, hint in [
        (..., "replace the dots"),
        (None, "replace the dots"),
        ("fast", "you gave 'fast'"),
        (8.03, "float32"),
        (32.1, "one byte"),
        (2.0, "16 bits"),
        (128.4, "nothing to multiply"),
        (0.0623, "number of seconds"),
        (62.3, "milliseconds"),
        (1.6e-8, "50,000,000,000"),
        (3_115_222_400, "How often in a second"),
        (1000, "by the bytes to read"),
        (64.2, "by the bytes to read"),  # near the milliseconds, and something else
        (15, "by the bytes to read"),
        (17, "by the bytes to read"),
        (0, "by the bytes to read"),
        (-16, "by the bytes to read"),
        (3.1, "by the bytes to read"),
        (1_557_611_200, "by the bytes to read"),
        (math.inf, "by the bytes to read"),
        ("16", "you gave '16'"),
        ([16], "you gave [16]"),
        (True, "you gave True"),
        (float("nan"), "by the bytes to read"),
    ]:
        assert hint in says(lesson10.check_limit, answer)
