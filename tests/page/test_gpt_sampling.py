"""The sampler and the random numbers of gpt.js give what gptcore's give."""

import math
import random
from itertools import islice
from typing import Any

import pytest
import torch

from gptcore import STAGES, Sampling, draw
from gptcore.seeds import Uniforms

DISTRIBUTIONS = """
(jobs) => jobs.map(([row, settings, darts]) => {
  const logits = Float32Array.from(row, (logit) => logit ?? -Infinity);
  const found = new Sampling(settings).distribution(logits);
  const { removedBy, probs, scaledLogits, keptCount, entropy, removedMass } = found;
  const arrays = [removedBy, probs, scaledLogits].map((array) => [...array]);
  return [...arrays, keptCount, entropy, removedMass, darts.map((dart) => draw(found, dart))];
})
"""


def hard_row(luck: random.Random) -> list[float]:
    """Logits with ties, masked tokens, a single one left, huge values, a long tail, or none of these."""
    size = luck.choice([1, 2, 3, 8, 40, 200])
    kind = luck.randrange(6)
    if kind == 0:
        row = [luck.choice([0.0, -0.0, 1.0, 1.5]) for _ in range(size)]
    elif kind == 1:
        row = [2.5] * size
    elif kind == 2:
        row = [luck.choice([-1, 1]) * 10 ** luck.uniform(-40, 38) for _ in range(size)]
    else:
        row = [round(luck.gauss(0, 4), luck.choice([0, 1, 9])) for _ in range(size)]
    masked = luck.choice([0, 0, 0.3, 1])
    row = [-math.inf if luck.random() < masked else logit for logit in row]
    row[luck.randrange(size)] = luck.choice([0.0, 3.0, 7.25])  # one at least is left
    return torch.tensor(row).tolist()


def hard_settings(luck: random.Random) -> dict[str, Any]:
    return {
        "temperature": luck.choice([0, 5e-324, 1e-30, 0.01, 0.3, 0.7, 1, 1, 2, 20, 1e6, 1e308, luck.uniform(0.1, 3)]),
        "top_k": luck.choice([None, None, 1, 2, 5, luck.randrange(1, 50), 10**6]),
        "top_p": luck.choice([None, None, 1e-12, 0.25, 0.5, 0.9, 0.95, 1 - 1e-12, 1, luck.random() or 1]),
        "min_p": luck.choice([None, None, 0, 1e-300, 0.02, 0.1, 0.5, 1, luck.random()]),
    }


def hard_darts(luck: random.Random) -> list[float]:
    return [0.0, 1 - 2**-53, luck.randrange(8) / 8, *(luck.random() for _ in range(4))]


def check_alike(bench: Any, jobs: list[tuple[list[float], dict[str, Any], list[float]]]) -> None:
    sent = [[[None if logit == -math.inf else logit for logit in row], *more] for row, *more in jobs]
    for (row, settings, darts), found in zip(jobs, bench.ask(DISTRIBUTIONS, sent), strict=True):
        removed_by, probs, scaled, kept_count, entropy, removed_mass, drawn = found
        told = Sampling(**settings).distribution(torch.tensor(row))
        assert removed_by == told.removed_by.tolist(), (row, settings)
        assert drawn == draw(told, torch.tensor(darts, dtype=torch.float64)).tolist(), (row, settings, darts)
        assert torch.allclose(torch.tensor(probs, dtype=torch.float32), told.probs, rtol=1e-6, atol=1e-12)
        assert [-math.inf if value is None else float(value) for value in scaled] == told.scaled_logits.tolist()
        assert kept_count == told.kept_count
        assert entropy == pytest.approx(told.entropy.item(), rel=1e-6, abs=1e-9)
        mass = {stage: share.item() for stage, share in told.removed_mass.items()}
        assert removed_mass == pytest.approx(mass, rel=1e-9, abs=1e-15)


def test_hard_rows_lose_the_same_tokens_to_the_same_stages_and_darts_hit_the_same(bench):
    luck = random.Random(1)
    check_alike(bench, [(hard_row(luck), hard_settings(luck), hard_darts(luck)) for _ in range(4000)])


def test_so_do_rows_of_the_bundled_model(bench, told):
    model, tokenizer = told
    token_ids = torch.tensor([tokenizer.encode("Once upon a time, in a cave, a fox cried. 옛날 옛적에 토끼가")])
    with torch.inference_mode():
        rows = model(token_ids)[0].tolist()
    luck = random.Random(2)
    check_alike(bench, [(row, hard_settings(luck), hard_darts(luck)) for row in rows for _ in range(4)])


def test_stages_have_the_names_and_the_order_of_python(bench):
    assert bench.ask("() => SAMPLING_STAGES") == list(STAGES)


def test_random_numbers_are_those_of_torch_bit_for_bit(bench):
    luck = random.Random(3)
    seeds = [0, 1, 2, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**53 - 1, 2**53, 2**53 + 1, 2**62, 2**63 - 1]
    seeds += [luck.randrange(2 ** luck.randrange(1, 64)) for _ in range(50)]
    found = bench.ask(
        """(seeds) => seeds.map((digits) => {
          const uniforms = new Uniforms(digits.length > 15 ? BigInt(digits) : Number(digits));
          return Array.from({ length: 700 }, () => uniforms.next());
        })""",
        [str(seed) for seed in seeds],
    )
    for seed, numbers in zip(seeds, found, strict=True):
        assert numbers == list(islice(Uniforms(seed), 700)), seed


def test_no_seed_is_new_luck_each_time(bench):
    found = bench.ask("() => [1, 2].map(() => [...Array(50)].map(() => new Uniforms(null).next()))")
    numbers = sum(found, [])
    assert len(set(numbers)) == 100 and all(0 <= number < 1 for number in numbers)


def test_random_numbers_can_be_read_one_by_one(bench):
    code = "() => { const each = new Uniforms(5)[Symbol.iterator](); return [each.next().value, each.next().value]; }"
    assert bench.ask(code) == list(islice(Uniforms(5), 2))


WRONG = [
    {"temperature": "warm"},
    {"temperature": None},
    {"temperature": True},
    {"temperature": -0.5},
    {"temperature": -1e-7},
    {"temperature": [1]},
    {"top_k": 0},
    {"top_k": -3},
    {"top_k": 2.5},
    {"top_k": "ten"},
    {"top_k": False},
    {"top_k": 1e300},
    {"top_p": 0},
    {"top_p": -0.1},
    {"top_p": 1.5},
    {"top_p": "all"},
    {"top_p": True},
    {"min_p": -0.01},
    {"min_p": 7},
    {"min_p": "half"},
    {"min_p": {"a": [1, 2]}},
    {"temperature": 0.5, "top_k": 5, "top_p": 2},
]


def said_in_python(compute: Any) -> str:
    with pytest.raises((TypeError, ValueError)) as error:
        compute()
    return str(error.value)


SAID = "try {{ {code}; return 'nothing'; }} catch (error) {{ return error.message; }}"


def said_on_the_page(bench: Any, code: str, argument: Any = None) -> str:
    return bench.evaluate(f"(argument) => {{ {SAID.format(code=code)} }}", argument)


@pytest.mark.parametrize("settings", WRONG)
def test_a_wrong_setting_ends_in_the_sentence_of_python(bench, settings):
    told = said_in_python(lambda: Sampling(**settings))
    assert said_on_the_page(bench, "new Sampling(argument)", settings) == told


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["temperature", "top_p", "min_p"])
def test_so_does_one_that_is_no_finite_number(bench, name, value):
    assert said_on_the_page(bench, "new Sampling(argument)", {name: value}) == said_in_python(
        lambda: Sampling(**{name: value})
    )


@pytest.mark.parametrize("row", [[1.0, math.nan], [math.inf, 0.0], [-math.inf, -math.inf]])
@pytest.mark.parametrize("temperature", [0, 1])
def test_so_does_a_row_without_probabilities(bench, row, temperature):
    sampling = Sampling(temperature)
    told = said_in_python(lambda: sampling.distribution(torch.tensor(row)))
    code = "new Sampling({ temperature: argument[1] }).distribution(Float32Array.from(argument[0]))"
    assert said_on_the_page(bench, code, [row, temperature]) == told


@pytest.mark.parametrize("uniform", [1, -0.25, math.nan, 1.5, "half", None])
def test_so_does_a_dart_beside_the_bar(bench, uniform):
    told = said_in_python(lambda: draw(Sampling().distribution(torch.zeros(3)), uniform))
    assert said_on_the_page(bench, "draw(nextTokenDistribution(new Float32Array(3)), argument)", uniform) == told


@pytest.mark.parametrize("seed", [-1, 1.5, "5", True, 1e300])
def test_so_does_a_wrong_seed(bench, seed):
    assert said_on_the_page(bench, "new Uniforms(argument)", seed) == said_in_python(lambda: Uniforms(seed))


def test_so_does_a_seed_of_more_bits(bench):
    assert said_on_the_page(bench, "new Uniforms(2n ** 63n)") == said_in_python(lambda: Uniforms(2**63))
