import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gptcore.exercises import lesson09


def scores_of(q, k):
    return q @ k.T / q.shape[-1] ** 0.5


def masked(scores, value=-math.inf):
    return scores.masked_fill(torch.ones_like(scores).triu(1) > 0, value)


def by_loop(q, k):
    weights = torch.zeros(len(q), len(q))
    for i in range(len(q)):
        weights[i, : i + 1] = torch.stack([q[i] @ k[j] for j in range(i + 1)]).div(math.sqrt(q.shape[1])).softmax(0)
    return weights


def by_adding(q, k):
    return (scores_of(q, k) + torch.full((len(q), len(q)), -math.inf).triu(1)).softmax(dim=1)


def by_rows(q, k):
    rows = [(q[i] @ k[: i + 1].T / q.shape[1] ** 0.5).softmax(-1) for i in range(len(q))]
    return [torch.cat([row, torch.zeros(len(q) - len(row))]) for row in rows]


def in_numpy(q, k):
    scores = q.numpy() @ k.numpy().T / np.sqrt(q.shape[1])
    scores = np.where(np.tril(np.ones_like(scores)) > 0, scores, -np.inf)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def in_python(q, k):
    weights = []
    for i, query in enumerate(q.tolist()):
        scores = [
            sum(a * b for a, b in zip(query, key, strict=True)) / len(query) ** 0.5 for key in k[: i + 1].tolist()
        ]
        powers = [math.exp(score - max(scores)) for score in scores]
        weights.append([power / sum(powers) for power in powers] + [0.0] * (len(q) - i - 1))
    return weights


def own_scores_in_place(q, k):
    scores = torch.einsum("id,jd->ij", q, k) / math.sqrt(k.size(1))
    scores[torch.triu_indices(len(q), len(q), 1).unbind()] = -math.inf
    return scores.softmax(1)


@pytest.mark.parametrize(
    "answer",
    [
        in_numpy,
        in_python,
        own_scores_in_place,
        lambda q, k: F.scaled_dot_product_attention(q, k, torch.eye(len(q)), is_causal=True),
        lambda q, k: masked((q / q.shape[1] ** 0.25) @ (k / k.shape[1] ** 0.25).T).softmax(-1),
        lambda q, k: torch.where(torch.ones(len(q), len(q)).tril() > 0, scores_of(q, k), -math.inf).softmax(-1),
        lambda q, k: masked(scores_of(q, k)).log_softmax(-1).exp(),
        lambda q, k: (scores_of(q, k) + torch.ones(len(q), len(q)).tril().log()).softmax(-1),
        lambda q, k: masked(scores_of(q, k)).softmax(-1),
        lambda q, k: masked(scores_of(q, k), -1e9).softmax(-1),
        by_loop,
        by_adding,
        by_rows,
    ],
)
def test_attention_right(says, answer):
    assert says(lesson09.check_attention, answer).startswith("Right")


def mask_in_place(q, k):
    q /= 2
    return masked(scores_of(q, k)).softmax(-1)


def shared(powers):
    return powers / powers.sum(-1, keepdim=True)


def own_exp(q, k):
    return shared(scores_of(q, k).exp().tril())


def less_the_largest(scores, largest):
    return shared((scores - largest).exp().tril())


NO_DIAGNOSIS = "The scores are queries @ keys.T"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda q, k: masked(q @ k.T).softmax(-1), "not scaled"),
        (lambda q, k: masked(q @ k.T / q.shape[-1]).softmax(-1), "square root of d"),
        (lambda q, k: scores_of(q, k).softmax(-1), "sees those after it"),
        (lambda q, k: (q @ k.T).softmax(-1), "Neither the mask nor"),
        (lambda q, k: scores_of(q, k).softmax(-1).tril(), "mask came after the softmax"),
        (lambda q, k: scores_of(q, k).tril().softmax(-1), "a score like any other"),
        (lambda q, k: masked(scores_of(q, k)).softmax(0), "columns add up to 1"),
        (lambda q, k: scores_of(q, k).softmax(0), "softmax over the columns, without a mask"),
        (lambda q, k: masked(scores_of(q, k).T).T.softmax(-1), "wrong way round"),
        (lambda q, k: masked(scores_of(k, q)).softmax(-1), "changed places"),
        (lambda q, k: masked(scores_of(q, k)), "These are the scores"),
        (lambda q, k: scores_of(q, k).tril(), "These are the scores"),
        (lambda q, k: scores_of(q.T, k.T), "shape should be (3, 3), and it is (5, 5)"),
        (lambda q, k: masked(scores_of(q, k)).fill_diagonal_(-math.inf).softmax(-1), "The first row is NaN"),
        (lambda q, k: torch.ones(3, 3), "The scores are queries @ keys.T"),
        (own_exp, "overflows, and ∞/∞ is NaN"),
        (mask_in_place, "changed what it was given"),
        (lambda q, k: masked(scores_of(q, k), -50.0).softmax(-1), "if the mask is -math.inf"),
        (lambda q, k: masked(q @ k.T / 2**0.5).softmax(-1), "for lists of two values"),
        (lambda q, k: masked(q @ k.T / len(q) ** 0.5).softmax(-1), "root of the number of tokens"),
        (lambda q, k: masked(q @ k.T).softmax(-1) / q.shape[-1] ** 0.5, "came after the softmax"),
        (lambda q, k: (scores_of(q, k) + torch.ones(3, 3).triu(1) * -math.inf).softmax(-1), "0 · −∞ is NaN"),
        (lambda q, k: scores_of(q, k).masked_fill(torch.ones(4, 4).triu(1) > 0, -1), "as large as the scores"),
        (lambda q, k: q @ k, "stopped with RuntimeError"),
        (
            lambda q, k: less_the_largest(scores_of(q, k), scores_of(q, k).amax(-1, keepdim=True)),
            "belongs to a later token",
        ),
        (lambda q, k: less_the_largest(scores_of(q, k), scores_of(q, k).max()), "needs its own largest score"),
        (
            lambda q, k: less_the_largest(masked(scores_of(q, k)), scores_of(q, k).tril().max()),
            "needs its own largest score",
        ),
        (lambda q, k: shared(masked(scores_of(q, k)).exp()), "overflows, and ∞/∞ is NaN"),
        (lambda q, k: masked(scores_of(q, k)).log_softmax(-1), NO_DIAGNOSIS),
        (lambda q, k: masked(scores_of(q, k)).sigmoid(), NO_DIAGNOSIS),
        (lambda q, k: masked(scores_of(q, k)).exp(), NO_DIAGNOSIS),
        (lambda q, k: masked(scores_of(q, k)).softmax(-1)[-1], "the shape should be (3, 3), and it is (3,)"),
        (lambda q, k: masked(scores_of(q, k)).softmax(-1).argmax(-1), "the shape should be (3, 3), and it is (3,)"),
        (lambda q, k: masked(scores_of(q, k), 0.0).softmax(-1), "a score like any other"),
        (lambda q, k: masked(q @ k.T * q.shape[-1] ** 0.5).softmax(-1), NO_DIAGNOSIS),
        (lambda q, k: masked(scores_of(q, k)).softmax(-1) @ k, "the shape should be (3, 3), and it is (3, 5)"),
        (lambda q, k: shared(scores_of(q, k).tril()), NO_DIAGNOSIS),
        (lambda q, k: masked(scores_of(q, q)).softmax(-1), NO_DIAGNOSIS),
        (lambda q, k: shared(torch.ones(3, 3).tril()), NO_DIAGNOSIS),
        (lambda q, k: masked(F.cosine_similarity(q[:, None], k[None], dim=-1)).softmax(-1), NO_DIAGNOSIS),
        (lambda q, k: masked(scores_of(q, k)).softmax(-1).round(decimals=2), NO_DIAGNOSIS),
        (lambda q, k: masked(scores_of(q, k)).softmax(-1).T, NO_DIAGNOSIS),
        (lambda q, k: masked(q @ k / 2).softmax(-1), "stopped with RuntimeError"),
    ],
)
def test_attention_wrong(says, answer, hint):
    assert hint in says(lesson09.check_attention, answer)


def lens_by_hand(model, residual):
    norm = model.final_norm
    x = (residual - residual.mean()) / (residual.var(unbiased=False) + norm.eps).sqrt()
    scores = model.head.weight @ (x * norm.weight + norm.bias)
    return (scores - scores.max()).exp() / (scores - scores.max()).exp().sum()


@pytest.mark.parametrize(
    "answer",
    [
        lambda model, x: model.head(model.final_norm(x)).softmax(-1),
        lambda model, x: torch.softmax(model.head(model.final_norm(x[None]))[0], dim=0).tolist(),
        lens_by_hand,
        lambda model, x: F.softmax(F.linear(model.final_norm(x), model.head.weight), -1),
        lambda model, x: model.head(model.final_norm(x)).log_softmax(-1).exp(),
        lambda model, x: (model.head.weight @ model.final_norm(x)).softmax(0).detach().numpy(),
        lambda model, x: torch.stack([model.head(model.final_norm(x))]).softmax(-1).squeeze(0),
        lambda model, x: model.head(
            F.layer_norm(x, x.shape, model.final_norm.weight, model.final_norm.bias, model.final_norm.eps)
        ).softmax(-1),
    ],
)
def test_lens_right(says, answer):
    assert says(lesson09.check_lens, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda m, x: m.head(x).softmax(-1), "final norm is missing: the head"),
        (lambda m, x: m.head(x), "final norm is missing, and the softmax"),
        (lambda m, x: m.head(m.final_norm(x)), "These are the scores"),
        (lambda m, x: m.head(torch.nn.functional.layer_norm(x, (8,))).softmax(-1), "weights that it learned"),
        (lambda m, x: (m.token_embedding.weight @ m.final_norm(x)).softmax(-1), "reads with the embedding"),
        (lambda m, x: m.head(m.final_norm(m.final_norm(x))).softmax(-1), "applied twice"),
        (lambda m, x: m.head(m.final_norm(x)).argmax(), "the shape should be (7,)"),
        (lambda m, x: m.final_norm(x), "the shape should be (7,), and it is (8,)"),
        (lambda m, x: m.head(m.final_norm(x))[None].softmax(0)[0], "Norm, head, softmax"),
        (lambda m, x: m.head(m.final_norm(x)).log_softmax(-1), "Norm, head, softmax"),
        (lambda m, x: m.head(m.final_norm(x)).sigmoid(), "Norm, head, softmax"),
        (lambda m, x: m.head(m.final_norm(x)).exp(), "Norm, head, softmax"),
        (lambda m, x: m.head(m.final_norm(x).softmax(-1)), "Norm, head, softmax"),
        (lambda m, x: m.head(m.final_norm(x)).softmax(-1).softmax(-1), "Norm, head, softmax"),
        (lambda m, x: m.final_norm(m.head(x)).softmax(-1), "stopped with RuntimeError"),
        (lambda m, x: m.head(m.final_norm(x)).softmax(-1)[None], "the shape should be (7,), and it is (1, 7)"),
        (lambda m, x: m.head(m.blocks[0].attention_norm(x)).softmax(-1), "Norm, head, softmax"),
        (lambda m, x: m.head(x - x.mean()).softmax(-1), "Norm, head, softmax"),
        (lambda m, x: (m.token_embedding.weight @ x).softmax(-1), "Norm, head, softmax"),
        (lambda m, x: m.head(m.final_norm(x)).softmax(-1).topk(3), "Norm, head, softmax"),
        (lambda m, x: m(x), "stopped with TypeError: token_ids must be integers"),
    ],
)
def test_lens_wrong(says, answer, hint):
    assert hint in says(lesson09.check_lens, answer)


def counted(logits, i):
    return int((logits > logits[i]).sum() + (logits[:i] == logits[i]).sum()) + 1


@pytest.mark.parametrize(
    "answer",
    [
        counted,
        lambda x, i: torch.tensor(x.argsort(descending=True, stable=True).tolist().index(i) + 1),
        lambda x, i: 1 + sorted(range(len(x)), key=lambda j: (-x[j].item(), j)).index(i),
        lambda x, i: np.lexsort((np.arange(len(x)), -x.numpy())).tolist().index(i) + 1,
        lambda x, i: sum(x[j] > x[i] or (x[j] == x[i] and j < i) for j in range(len(x))) + 1,
        lambda x, i: int(((x > x[i]) | ((x == x[i]) & (torch.arange(len(x)) < i))).sum()) + 1,
        lambda x, i: (x.sort(descending=True, stable=True).indices == i).nonzero() + 1,
        lambda x, i: float((x[:i] >= x[i]).sum() + (x[i:] > x[i]).sum() + 1),
    ],
)
def test_rank_right(says, answer):
    assert says(lesson09.check_rank, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x, i: counted(x, i) - 1, "Ranks begin at 1: nobody"),
        (lambda x, i: int((x < x[i]).sum()) + 1, "lowest score got rank 1"),
        (lambda x, i: int((x > x[i]).sum()) + 1, "all got rank 2"),
        (lambda x, i: int((x >= x[i]).sum()), "all got rank 4"),
        (lambda x, i: int((x > x[i]).sum()), "begin at 1, and of equal scores"),
        (lambda x, i: len(x) - x.argsort(stable=True).tolist().index(i), "higher id went first"),
        (lambda x, i: x.argsort(descending=True, stable=True)[i], "You look for the rank"),
        (lambda x, i: x.argsort(descending=True), "one number"),
        (lambda x, i: 3, "expected 1, got 3"),
        (lambda x, i: math.nan, "expected 1, got nan"),
        (lambda x, i: (x > x[i]).sum() + ((x == x[i]).sum() + 1) / 2, "shared a mean rank"),
        (lambda x, i: (x > x[i]).sum() + (x == x[i]).sum() / 2 + 1, "got 1.5. Half of the equal scores"),
        (lambda x, i: 1.5, "got 1.5. Count the higher scores"),
        (lambda x, i: (x >= x[i]).sum() + 1, "Count the higher scores"),
        (lambda x, i: counted(x, i) + 1, "expected 1, got 2. Count the higher scores"),
        (lambda x, i: len(x) - counted(x, i) + 1, "Count the higher scores"),
        (lambda x, i: x.argsort().tolist().index(i) + 1, "expected 1, got 7. Count"),
        (lambda x, i: x.argsort(descending=True, stable=True).tolist().index(i), "Ranks begin at 1: nobody"),
        (lambda x, i: x.unique().flip(0).tolist().index(x[i].item()) + 1, "Count the higher scores"),
        (lambda x, i: sorted(x.tolist(), reverse=True).index(x[i].item()) + 1, "all got rank 2"),
        (lambda x, i: sorted(x.tolist()).index(x[i].item()) + 1, "lowest score got rank 1"),
        (lambda x, i: (x[i:] >= x[i]).sum() + (x[:i] > x[i]).sum(), "higher id went first"),
        (lambda x, i: (x[:i] > x[i]).sum() + 1, "Count the higher scores"),
        (lambda x, i: i + 1, "Count the higher scores"),
        (lambda x, i: (x > i).sum() + 1, "Count the higher scores"),
        (lambda x, i: x.softmax(-1)[i], "Count the higher scores"),
        (lambda x, i: str(counted(x, i)), "Count the higher scores"),
    ],
)
def test_rank_wrong(says, answer, hint):
    assert hint in says(lesson09.check_rank, answer)


ROW_AND_COLUMN = "The token that looks is the row"


def head_by_loop(attention, position, target):
    best = None
    for layer in range(attention.shape[0]):
        for head in range(attention.shape[1]):
            weight = attention[layer, head, position, target]
            if best is None or weight > best[0]:
                best = weight, (layer, head)
    return best[1]


@pytest.mark.parametrize(
    "answer",
    [
        lambda a, p, t: divmod(int(a[:, :, p, t].argmax()), a.shape[1]),
        lambda a, p, t: torch.stack(torch.unravel_index(a[:, :, p, t].argmax(), a.shape[:2])),
        lambda a, p, t: (a[:, :, p, t] == a[:, :, p, t].max()).nonzero().tolist(),
        head_by_loop,
        lambda a, p, t: np.unravel_index(a[:, :, p, t].numpy().argmax(), a.shape[:2]),
        lambda a, p, t: max(np.ndindex(*a.shape[:2]), key=lambda head: a[head][p, t]),
        lambda a, p, t: (a[:, :, p, t].amax(1).argmax(), a[:, :, p, t].amax(0).argmax()),
        lambda a, p, t: [a[:, :, p, t].argmax() // a.shape[1], a[:, :, p, t].argmax() % a.shape[1]],
        lambda a, p, t: np.array(divmod(a[..., p, t].flatten().topk(1).indices.item(), len(a[0]))),
    ],
)
def test_strongest_head_right(says, answer):
    assert says(lesson09.check_strongest_head, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda a, p, t: a[:, :, p, t].argmax(), "one list of all heads"),
        (lambda a, p, t: divmod(int(a[:, :, p, t].argmax()), 4)[::-1], "head, then layer"),
        (lambda a, p, t: [n + 1 for n in divmod(int(a[:, :, p, t].argmax()), 4)], "counted from 0"),
        (lambda a, p, t: (2, int(a[-1, :, p, t].argmax())), "best of the last layer"),
        (lambda a, p, t: divmod(int(a[:, :, t, p].argmax()), 4), "from target to position"),
        (lambda a, p, t: divmod(int(a.argmax()), 4), "all of `attention` is searched"),
        (lambda a, p, t: divmod(int(a[:, :, p].amax(-1).argmax()), 4), "looks elsewhere"),
        (lambda a, p, t: (1, 3), "the same weights, position 5"),
        (lambda a, p, t: (0, 0, 0), "the shape should be (2,)"),
        (lambda a, p, t: a[:, :, p, t].max(), "the shape should be (2,)"),
        (lambda a, p, t: (1, 0), "expected [1, 3], got [1, 0]"),
        (lambda a, p, t: divmod(int(a[:, :, p, t].argmax()), a.shape[0]), "divided by the number of layers"),
        (lambda a, p, t: divmod(int(a[:, :, p, t].argmax()), a.shape[-1]), ROW_AND_COLUMN),
        (lambda a, p, t: divmod(int(a[:, :, p, t].T.argmax()), len(a)), "head, then layer"),
        (lambda a, p, t: divmod(int(a[:, :, p, t].argmax()) + 1, 4), ROW_AND_COLUMN),
        (lambda a, p, t: divmod(int(a[:, :, p, t].argmin()), 4), ROW_AND_COLUMN),
        (lambda a, p, t: divmod(int(a[:, :, :, t].amax(-1).argmax()), 4), ROW_AND_COLUMN),
        (lambda a, p, t: divmod(int(a[:, :, :, t].sum(-1).argmax()), 4), ROW_AND_COLUMN),
        (lambda a, p, t: divmod(int(a[:, :, p - 1, t].argmax()), 4), ROW_AND_COLUMN),
        (lambda a, p, t: (0, int(a[0, :, p, t].argmax())), ROW_AND_COLUMN),
        (lambda a, p, t: (int(a[:, 0, p, t].argmax()), 0), ROW_AND_COLUMN),
        (lambda a, p, t: (a[:, :, p, t].sum(1).argmax(), a[:, :, p, t].sum(0).argmax()), ROW_AND_COLUMN),
        (lambda a, p, t: a[:, :, p, t].argmax(-1), "the shape should be (2,), and it is (3,)"),
        (lambda a, p, t: a[p, t].argmax(), "stopped with IndexError"),
        (lambda a, p, t: str(divmod(int(a[:, :, p, t].argmax()), 4)), "got '(1, 3)'"),
    ],
)
def test_strongest_head_wrong(says, answer, hint):
    assert hint in says(lesson09.check_strongest_head, answer)
