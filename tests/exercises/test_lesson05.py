"""Right answers pass however they are written, and wrong ones get their hints; `test_tables` tries every listed one."""

import pytest
import torch

from gptcore import GPTConfig, GPTModel, draw, generate, next_token_distribution
from gptcore.exercises import lesson05
from gptcore.model import evaluating


def read(model, seen):
    return next_token_distribution(model(torch.as_tensor(seen)[None])[0, -1])


def grow(model, token_ids, uniforms, eos_token_id, last=None):
    model.eval()
    for uniform in uniforms:
        new = draw(read(model, token_ids[-(last or model.config.context_length) :]), uniform)
        token_ids = torch.cat([token_ids, new[None]])
        if new == eos_token_id:
            break
    return token_ids


# Right -------------------------------------------------------------------------------------------------------------


def as_a_list(model, token_ids, uniforms, eos_token_id):
    model.eval()
    ids = token_ids.tolist()
    for uniform in uniforms:
        seen = torch.tensor([ids[-model.config.context_length :]])
        ids += [int(draw(next_token_distribution(model(seen)[0, -1]), uniform))]
        if ids[-1] == eos_token_id:
            return ids
    return ids


def as_a_batch(model, token_ids, uniforms, eos_token_id):
    ids = token_ids[None]
    with evaluating(model):
        for uniform in uniforms:
            logits = model(ids[:, -model.config.context_length :])[:, -1]
            cdf = logits.double().softmax(-1).cumsum(-1)
            new = torch.searchsorted(cdf, torch.tensor([[uniform]], dtype=torch.float64) * cdf[:, -1:], right=True)
            ids = torch.cat([ids, new], dim=1)
            if new.item() == eos_token_id:
                break
    return ids


@pytest.mark.parametrize("loop", [grow, as_a_list, as_a_batch])
def test_right_loops(says, loop):
    assert says(lesson05.check_loop, loop).startswith("Right: ")


# Wrong -------------------------------------------------------------------------------------------------------------


def told_stub(model, token_ids, uniforms, eos_token_id):
    """Grow a text."""


def without_return(*arguments):
    grow(*arguments)


def nothing_added(model, ids, uniforms, eos):
    for uniform in uniforms:
        torch.cat([ids, draw(read(model, ids), uniform)[None]])
    return ids


def return_in_the_loop(model, ids, uniforms, eos):
    return grow(model, ids, uniforms[:1], eos)


def own_luck(model, ids, uniforms, eos):
    return grow(model, ids, torch.rand(len(uniforms)).tolist(), eos)


def multinomial(model, ids, uniforms, eos):
    for _ in uniforms:
        ids = torch.cat([ids, read(model, ids[-8:]).probs.multinomial(1)])
    return ids


def reads_the_prompt_only(model, ids, uniforms, eos):
    chances = read(model, ids)
    return torch.cat([ids, torch.stack([draw(chances, uniform) for uniform in uniforms])])


def crash_past_the_context(model, ids, uniforms, eos):
    for uniform in uniforms:
        ids = torch.cat([ids, draw(read(model, ids), uniform)[None]])
        if ids[-1] == eos:
            break
    return ids


def first_window(model, ids, uniforms, eos):
    for uniform in uniforms:
        ids = torch.cat([ids, draw(read(model, ids[: model.config.context_length]), uniform)[None]])
        if ids[-1] == eos:
            break
    return ids


def window_kept_alone(model, ids, uniforms, eos):
    return grow(model, ids, uniforms, eos)[-model.config.context_length :]


def stops_when_full(model, ids, uniforms, eos):
    return grow(model, ids, uniforms[: model.config.context_length - len(ids)], eos)


def window_too_small(model, ids, uniforms, eos):
    return grow(model, ids, uniforms, eos, last=model.config.context_length - 1)


def train_mode(model, ids, uniforms, eos):
    for uniform in uniforms:
        ids = torch.cat([ids, draw(read(model, ids[-model.config.context_length :]), uniform)[None]])
        if ids[-1] == eos:
            break
    return ids


def no_batch(model, ids, uniforms, eos):
    return model(ids)


def no_brackets(model, ids, uniforms, eos):
    return torch.cat([ids, draw(read(model, ids), uniforms[0])])


def endless(model, ids, uniforms, eos):
    while ids[-1] != -2:
        ids = torch.cat([ids, draw(read(model, ids[-8:]), uniforms[0])[None]])


def yields(model, ids, uniforms, eos):
    yield from grow(model, ids, uniforms, eos).tolist()[:2]
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("loop", "hint"),
    [
        (told_stub, "returns nothing so far"),
        (without_return, "end with return"),
        (nothing_added, "Nothing was added"),
        (return_in_the_loop, "return inside the loop"),
        (own_luck, "no other luck"),
        (multinomial, "no other luck"),
        (reads_the_prompt_only, "shown the prompt every time"),
        (crash_past_the_context, "token_ids[-model.config.context_length:]"),
        (first_window, "The last ones count"),
        (window_kept_alone, "The beginning is lost"),
        (stops_when_full, "may be longer than the window"),
        (window_too_small, "exactly the last 8"),
        (train_mode, "model.eval()"),
        (no_batch, "token_ids[None]"),
        (no_brackets, "new[None]"),
        (endless, "never ends"),
        (yields, "got a generator"),
    ],
)
def test_wrong_loops_are_told_apart(says, loop, hint):
    assert hint in says(lesson05.check_loop, loop)


def test_a_check_leaves_luck_and_gradients_as_they_were(says):
    torch.manual_seed(7)
    right = torch.rand(1)
    torch.manual_seed(7)
    says(lesson05.check_loop, grow)
    assert torch.rand(1) == right and torch.is_grad_enabled()


# Surprise ----------------------------------------------------------------------------------------------------------


def chances_of(model, ids):
    return model(ids[None])[0].softmax(-1)[:-1].gather(-1, ids[1:, None]).squeeze(-1)


def one_by_one(model, token_ids):
    total = 0.0
    for position in range(1, len(token_ids)):
        total -= read(model, token_ids[:position]).probs[token_ids[position]].log().item()
    return total


def as_cross_entropy(model, token_ids):
    return torch.nn.functional.cross_entropy(model(token_ids[None])[0, :-1], token_ids[1:], reduction="sum")


def as_a_sum(model, token_ids):
    return -chances_of(model, token_ids).log().sum()


@pytest.mark.parametrize("surprise", [one_by_one, as_cross_entropy, as_a_sum])
def test_right_surprises(says, surprise):
    assert says(lesson05.check_surprise, surprise).startswith("Right: ")


def same_place(model, ids):
    return -model(ids[None])[0].log_softmax(-1).gather(-1, ids[:, None]).sum()


@pytest.mark.parametrize(
    ("surprise", "hint"),
    [
        (lambda model, ids: -chances_of(model, ids).log().mean(), "the mean"),
        (lambda model, ids: chances_of(model, ids).prod(), "chance of the whole text"),
        (lambda model, ids: model(ids), "stopped with ValueError"),
        (lambda model, ids: 1.0, "Row t of the model's output"),
        (same_place, "row t belongs to token t + 1"),
    ],
)
def test_wrong_surprises_are_told_apart(says, surprise, hint):
    assert hint in says(lesson05.check_surprise, surprise)


# A seed ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sharp_model(tokenizer):
    torch.manual_seed(0)
    model = GPTModel(GPTConfig(vocab_size=len(tokenizer), context_length=64, emb_dim=16, n_heads=2, n_layers=1)).eval()
    with torch.no_grad():
        model.token_embedding.weight.mul_(30)
    return model


def test_a_seed_is_tried(says, sharp_model, tokenizer):
    prompt = torch.tensor([tokenizer.encode("Once upon a time")])

    def same(seed):
        cold, hot = (generate(sharp_model, prompt, 10, t, 10, seed=seed) for t in (0.7, 1.0))
        return torch.equal(cold, hot)

    verdicts = {same(seed): seed for seed in range(40)}
    line = {verdict: says(check_with(sharp_model, tokenizer), seed) for verdict, seed in verdicts.items()}
    assert line[True].startswith("Right: ")
    assert line[False].startswith(f"Not yet: given {verdicts[False]}, expected the same 10, got the same ")


@pytest.mark.parametrize("seed", [..., None, 1.5, True, "7", -1, 2**63])
def test_what_is_no_seed(says, seed, sharp_model, tokenizer):
    assert says(check_with(sharp_model, tokenizer), seed).startswith("Not yet: ")


def check_with(model, tokenizer):
    return lambda seed: lesson05.check_seed(seed, model, tokenizer)
