import math

import numpy
import pytest
import torch
import torch.nn.functional as F

import gptcore
from gptcore.exercises import lesson11


def test_megabytes(says):
    count = 354_823_168
    for answer in (
        *(1419, 4 * count / 1e6, torch.tensor(1419.3), 1420),
        *(32 * count / 8 / 1e6, numpy.float64(1419.3), torch.tensor([1419.29])),
    ):
        assert says(lesson11.check_megabytes, answer).startswith("Right: 354,823,168 parameters of 4 bytes are")
    for answer, hint in [
        (..., "replace the dots"),
        (None, "replace the dots"),
        ("much", "you gave 'much'"),
        (count / 1e6, "one byte per parameter"),
        (count, "number of parameters"),
        (2 * count / 1e6, "2 bytes per parameter"),
        (32 * count / 1e6, "counts bits"),
        (4 * count, "number of bytes"),
        (1.419, "in gigabytes"),
        (4 * count / 2**20, "divides by 1,048,576"),
        (4 * (count + 50257 * 1024) / 1e6, "head was counted apart"),
        (4 * 124_439_808 / 1e6, "GPT-2 small"),
        (1520, "causal masks"),
        (3, "you gave 3"),
        (1400, "Multiply the number of parameters"),
        (0, "Multiply the number of parameters"),
        (-1419, "Multiply the number of parameters"),
        (2838, "Multiply the number of parameters"),
        (548, "Multiply the number of parameters"),
        (1.4, "Multiply the number of parameters"),
        (4 * count / 1e3, "Multiply the number of parameters"),
        (math.nan, "Multiply the number of parameters"),
        ("1419", "you gave '1419'"),
        ([1419], "you gave [1419]"),
        (True, "you gave True"),
    ]:
        assert hint in says(lesson11.check_megabytes, answer)


def surprises(model, tokenizer, text, before=True):
    ids = torch.tensor(([tokenizer.eos_token_id] if before else []) + tokenizer.encode(text))
    scores = model(ids[None])[0]
    return [-math.log(row.softmax(-1)[new]) for row, new in zip(scores[:-1], ids[1:], strict=True)]


def by_loop(model, tokenizer, text):
    return sum(surprises(model, tokenizer, text)) / len(text.encode())


def by_gather(model, tokenizer, text):
    ids = torch.tensor([[tokenizer.eos_token_id] + tokenizer.encode(text)])
    log_probs = model(ids).log_softmax(-1)[0, :-1]
    return -log_probs.gather(1, ids[0, 1:, None]).sum() / len(text.encode("utf-8"))


def by_evaluate(model, tokenizer, text):
    ids = [tokenizer.eos_token_id, *tokenizer.encode(text)]
    found = gptcore.evaluate(model, [ids])
    return found.loss * found.tokens / len(bytes(text, "utf-8"))


def by_cross_entropy(model, tokenizer, text):
    ids = tokenizer.encode(text)
    scores = model(torch.tensor([[tokenizer.eos_token_id, *ids]]))[0, :-1]
    return F.cross_entropy(scores, torch.tensor(ids), reduction="sum") / len(text.encode())


@pytest.mark.parametrize(
    "function",
    [
        by_loop,
        by_gather,
        by_evaluate,
        by_cross_entropy,
        lambda m, t, x: float(numpy.mean(surprises(m, t, x)) * len(t.encode(x)) / len(x.encode())),
        lambda m, t, x: numpy.sum(surprises(m, t, x)) / len(bytearray(x, "utf8")),
        lambda m, t, x: sum(nats / len(x.encode()) for nats in surprises(m, t, x)),
        lambda m, t, x: -math.log(math.prod(math.exp(-nats) for nats in surprises(m, t, x))) / len(x.encode()),
        lambda m, t, x: gptcore.evaluate(m, [t.encode("<|endoftext|>" + x)]).loss * len(t.encode(x)) / len(x.encode()),
    ],
)
def test_per_byte_in_many_ways(says, function):
    assert says(lesson11.check_per_byte, function).startswith("Right")


def ending_after(model, tokenizer, ids, text):
    found = gptcore.evaluate(model, [[*ids, tokenizer.eos_token_id]])
    return found.loss * found.tokens / len(text.encode())


@pytest.mark.parametrize(
    ("mistake", "hint"),
    [
        (lambda m, t, x: sum(surprises(m, t, x)), "surprise at the whole text"),
        (lambda m, t, x: sum(surprises(m, t, x)) / len(surprises(m, t, x)), "per token"),
        (lambda m, t, x: sum(surprises(m, t, x)) / len(x), "per character"),
        (lambda m, t, x: by_loop(m, t, x) / math.log(2), "in bits"),
        (lambda m, t, x: -by_loop(m, t, x), "The sign is wrong"),
        (lambda m, t, x: sum(surprises(m, t, x, False)) / len(x.encode()), "first token does not count"),
        (lambda m, t, x: sum(surprises(m, t, x, False)) / (len(x.encode()) - 1), "first token does not count"),
        (lambda m, t, x: sum(surprises(m, t, x, False)), "without the first token"),
        (lambda m, t, x: gptcore.evaluate(m, [t.encode(x)]).loss, "eos_token_id, and divide"),
        (
            lambda m, t, x: sum(surprises(m, t, x, False)) / len(t.encode(x)),
            "eos_token_id, and divide",
        ),
        (
            lambda m, t, x: gptcore.evaluate(m, [[t.eos_token_id, *t.encode(x)]]).loss / len(x.encode()),
            "Divide the sum",
        ),
        (lambda m, t, x: ending_after(m, t, t.encode(x), x), "should stand before it"),
        (lambda m, t, x: ending_after(m, t, [t.eos_token_id, *t.encode(x)], x), "was counted"),
        (lambda m, t, x: torch.tensor(surprises(m, t, x)), "one number is expected"),
        (lambda m, t, x: 0.123, "Add up −ln"),
        (lambda m, t, x: math.exp(by_loop(m, t, x)), "Add up −ln"),
        (lambda m, t, x: 1 / by_loop(m, t, x), "Add up −ln"),
        (lambda m, t, x: max(surprises(m, t, x)), "Add up −ln"),
        (lambda m, t, x: sum(surprises(m, t, x)) / len(x.split()), "Add up −ln"),
        (lambda m, t, x: sum(surprises(m, t, x)) / (len(x.encode()) + 1), "Add up −ln"),
        (lambda m, t, x: sum(surprises(m, t, x)) / len(x.encode("utf-16")), "Add up −ln"),
        (lambda m, t, x: sum(surprises(m, t, x)[1:]) / len(x.encode()), "Add up −ln"),
        (lambda m, t, x: sum(math.exp(-nats) for nats in surprises(m, t, x)) / len(x.encode()), "Add up −ln"),
        (lambda m, t, x: by_loop(m, t, x) / math.log(10), "Add up −ln"),
        (lambda m, t, x: sum(surprises(m, t, x, False)) / len(x), "Add up −ln"),
        (lambda m, t, x: gptcore.evaluate(m, [[t.eos_token_id, *t.encode(x)]]), "got Evaluation("),
        (lambda m, t, x: m(t.encode(x)), "must be a torch tensor"),
    ],
)
def test_each_mistake_per_byte_has_its_hint(says, mistake, hint):
    line = says(lesson11.check_per_byte, mistake)
    assert line.startswith("Not yet") and hint in line


def of_ending(model, tokenizer, beginning, ending):
    """The surprises at the tokens of the ending."""
    new = tokenizer.encode(ending)
    ids = torch.tensor(tokenizer.encode(beginning) + new)
    with torch.no_grad():
        rows = model(ids[None])[0].log_softmax(-1)[-len(new) - 1 : -1]
    return [-row[token_id].item() for row, token_id in zip(rows, new, strict=True)]


def by_sum(model, tokenizer, beginning, endings):
    return min(endings, key=lambda ending: sum(of_ending(model, tokenizer, beginning, ending)))


def by_product(model, tokenizer, beginning, endings):
    def prob(ending):
        return math.prod(math.exp(-s) for s in of_ending(model, tokenizer, beginning, ending))

    return max(endings, key=prob)


def by_whole_text(model, tokenizer, beginning, endings):
    totals = []
    for ending in endings:
        ids = tokenizer.encode(beginning + ending)
        found = gptcore.evaluate(model, [ids])
        totals.append(found.loss * found.tokens)
    return endings[totals.index(min(totals))]


def after_the_end_token(model, tokenizer, beginning, endings):
    return by_whole_text(model, tokenizer, "<|endoftext|>" + beginning, endings)


def by_cross_entropy_of(model, tokenizer, beginning, endings):
    def surprise(ending):
        before, new = tokenizer.encode(beginning), tokenizer.encode(ending)
        scores = model(torch.tensor([before + new]))[0, len(before) - 1 : -1]
        return F.cross_entropy(scores, torch.tensor(new), reduction="sum").item()

    return min(endings, key=surprise)


def by_index(model, tokenizer, beginning, endings):
    sums = torch.tensor([sum(of_ending(model, tokenizer, beginning, ending)) for ending in endings])
    return endings[int(sums.argmin())]


def by_sorting(model, tokenizer, beginning, endings):
    return sorted(endings, key=lambda ending: numpy.sum(of_ending(model, tokenizer, beginning, ending)))[0]


def by_dictionary(model, tokenizer, beginning, endings):
    log_probs = {ending: -sum(of_ending(model, tokenizer, beginning, ending)) for ending in endings}
    return max(log_probs, key=log_probs.get)


def by_comparing(model, tokenizer, beginning, endings):
    best, least = None, math.inf
    for ending in endings:
        nats = sum(of_ending(model, tokenizer, beginning, ending))
        if nats < least:
            best, least = ending, nats
    return best


@pytest.mark.parametrize(
    "function",
    [
        *(by_sum, by_product, by_whole_text, after_the_end_token),
        *(by_cross_entropy_of, by_index, by_sorting, by_dictionary, by_comparing),
    ],
)
def test_likelier_in_many_ways(says, function):
    assert says(lesson11.check_likelier, function).startswith("Right")


def test_the_likeliest_ending_wins_by_far_more_than_rounding():
    for case in lesson11.check_likelier.cases:
        model, tokenizer, beginning, endings = case.arguments
        for start in (beginning, "<|endoftext|>" + beginning):
            least, second, _ = sorted(sum(of_ending(model, tokenizer, start, ending)) for ending in endings)
            assert second - least > 0.5, endings


@pytest.mark.parametrize("place", range(3))
def test_a_place_is_not_the_likeliest_ending_too_often(place):
    chosen = [by_sum(*case.arguments) == case.arguments[-1][place] for case in lesson11.check_likelier.cases]
    assert 0 < sum(chosen) <= len(chosen) / 2


def choosing(measure):
    return lambda m, t, beginning, endings: min(endings, key=lambda e: measure(of_ending(m, t, beginning, e)))


def per_byte_of_whole(model, tokenizer, beginning, endings):
    def per_byte(ending):
        found = gptcore.evaluate(model, [tokenizer.encode(beginning + ending)])
        return found.loss * found.tokens / len((beginning + ending).encode())

    return min(endings, key=per_byte)


def by_wrong_rows(model, tokenizer, beginning, endings):
    def wrong(ending):
        new = tokenizer.encode(ending)
        rows = model(torch.tensor([tokenizer.encode(beginning) + new]))[0].log_softmax(-1)[-len(new) :]
        return -sum(row[token_id].item() for row, token_id in zip(rows, new, strict=True))

    return min(endings, key=wrong)


@pytest.mark.parametrize(
    ("mistake", "hint"),
    [
        (choosing(lambda s: -sum(s)), "not the greatest"),
        (choosing(lambda s: sum(s) / len(s)), "mean per token decided"),
        (choosing(lambda s: s[0]), "first token of the ending decided"),
        (choosing(lambda s: s[-1]), "last token of the ending decided"),
        (choosing(lambda s: -sum(math.exp(-x) for x in s)), "added, or averaged"),
        (by_wrong_rows, "belongs to the row before"),
        (lambda m, t, b, endings: by_whole_text(m, t, "<|endoftext|>", endings), "without the beginning"),
        (lambda m, t, b, es: min(es, key=lambda e: gptcore.evaluate(m, [t.encode(b + e)]).loss), "loss * tokens"),
        (
            lambda m, t, b, es: min(es, key=lambda e: sum(of_ending(m, t, b, e)) / len(e.encode())),
            "per byte or character",
        ),
        (lambda m, t, b, endings: per_byte_of_whole(m, t, b, endings), "per byte or character"),
        (lambda m, t, b, endings: max(endings, key=len), "longest"),
        (lambda m, t, b, endings: min(endings, key=len), "shortest"),
        (lambda m, t, b, endings: min(endings, key=lambda e: len(t.encode(e))), "fewest tokens"),
        (lambda m, t, b, endings: numpy.argmin([len(e) for e in endings]), "return that ending itself"),
        (lambda m, t, b, endings: endings.index(by_sum(m, t, b, endings)), "not i."),
        (lambda m, t, b, endings: b + by_sum(m, t, b, endings), "return that ending itself"),
        (lambda m, t, b, endings: True, "return that ending itself"),
        (lambda m, t, b, endings: endings[1], "The smallest sum wins"),
        (lambda m, t, b, endings: endings[0], "The smallest sum wins"),
        (lambda m, t, b, endings: endings, "The smallest sum wins"),
        (lambda m, t, b, endings: sorted(endings)[0], "The smallest sum wins"),
        (lambda m, t, b, endings: b, "The smallest sum wins"),
        (lambda m, t, b, endings: by_sum(m, t, b, endings).strip(), "The smallest sum wins"),
        (lambda m, t, b, endings: min(sum(of_ending(m, t, b, e)) for e in endings), "The smallest sum wins"),
        (choosing(max), "The smallest sum wins"),
        (choosing(min), "The smallest sum wins"),
        (choosing(lambda s: sum(s[:-1])), "The smallest sum wins"),
        (choosing(lambda s: sum(math.exp(-x) for x in s)), "The smallest sum wins"),
        (choosing(lambda s: -sum(math.exp(-x) for x in s) / len(s)), "added, or averaged"),
        (
            lambda m, t, b, endings: min(endings, key=lambda e: sum(of_ending(m, t, b, e)) / len(e.split())),
            "The smallest sum wins",
        ),
    ],
)
def test_each_mistake_in_choosing_an_ending_has_its_hint(says, mistake, hint):
    line = says(lesson11.check_likelier, mistake)
    assert line.startswith("Not yet") and hint in line


def skips_the_first(model, tokenizer, beginning, endings):
    def surprise(ending):
        before, new = tokenizer.encode(beginning), tokenizer.encode(ending)
        with torch.no_grad():
            log_probs = model(torch.tensor([before + new]))[0].log_softmax(-1)
        return -sum(log_probs[len(before) - 1 + i, new[i]].item() for i in range(1, len(new)))

    return min(endings, key=surprise)


def sums_logits(model, tokenizer, beginning, endings):
    def score(ending):
        before, new = tokenizer.encode(beginning), tokenizer.encode(ending)
        logits = gptcore.record(model, torch.tensor(before + new)).logits
        return sum(logits[len(before) - 1 + i, new[i]].item() for i in range(len(new)))

    return max(endings, key=score)


@pytest.mark.parametrize(("mistake", "hint"), [(skips_the_first, "was left out"), (sums_logits, "log_softmax first")])
def test_an_ending_judged_in_part_or_by_scores_is_diagnosed(says, mistake, hint):
    assert hint in says(lesson11.check_likelier, mistake)
