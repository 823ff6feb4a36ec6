"""Right answers pass however they are written, and wrong ones get their hints; `test_tables` tries every listed one."""

import itertools
import math

import numpy as np
import pytest
import torch
from transformers import NoBadWordsLogitsProcessor, RepetitionPenaltyLogitsProcessor

from gptcore import GPTConfig, GPTModel, draw, generate, load, next_token_distribution
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


def by_recursion(model, token_ids, uniforms, eos_token_id):
    model.eval()
    if not uniforms:
        return token_ids
    new = draw(read(model, token_ids[-model.config.context_length :]), uniforms[0])
    token_ids = torch.cat([token_ids, new.view(1)])
    return token_ids if new == eos_token_id else by_recursion(model, token_ids, uniforms[1:], eos_token_id)


def with_a_while(model, token_ids, uniforms, eos_token_id):
    model.train(False)
    most, i, ended = model.config.context_length, 0, False
    while i < len(uniforms) and not ended:
        new = draw(read(model, token_ids[max(0, len(token_ids) - most) :]), uniforms[i]).item()
        token_ids = torch.tensor([*token_ids.tolist(), new])
        i, ended = i + 1, new == eos_token_id
    return token_ids


def in_plain_python(model, token_ids, uniforms, eos_token_id):
    """The dart by hand, with running sums, and a tuple at the end."""
    model.eval()
    text = tuple(token_ids.tolist())
    for uniform in uniforms:
        probs = read(model, list(text[-model.config.context_length :])).probs.double().tolist()
        ends = list(itertools.accumulate(probs))
        text += (next(i for i, end in enumerate(ends) if uniform * ends[-1] < end),)
        if text[-1] == eos_token_id:
            break
    return text


def into_a_full_tensor(model, token_ids, uniforms, eos_token_id):
    model.eval()
    n = len(token_ids)
    ids = torch.cat([token_ids, torch.zeros(len(uniforms), dtype=torch.long)])
    for uniform in uniforms:
        ids[n] = draw(read(model, ids[max(0, n - model.config.context_length) : n]), uniform)
        n += 1
        if ids[n - 1] == eos_token_id:
            break
    return ids[:n]


def in_numpy(model, token_ids, uniforms, eos_token_id):
    model.eval()
    ids = token_ids.numpy()
    for uniform in uniforms:
        with torch.no_grad():
            logits = model(torch.from_numpy(ids[-model.config.context_length :])[None])[0, -1].double().numpy()
        cdf = np.cumsum(np.exp(logits - logits.max()))
        ids = np.append(ids, np.searchsorted(cdf, uniform * cdf[-1], side="right"))
        if ids[-1] == eos_token_id:
            break
    return ids


LOOPS = [grow, as_a_list, as_a_batch, by_recursion, with_a_while, in_plain_python, into_a_full_tensor, in_numpy]


@pytest.mark.parametrize("loop", LOOPS)
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


def hard_coded(model, ids, uniforms, eos):
    return grow(model, ids, uniforms, eos, last=8)


def too_wide(model, ids, uniforms, eos):
    return grow(model, ids, uniforms, eos, last=256)


def looks_for_the_end_anywhere(model, ids, uniforms, eos):
    model.eval()
    for uniform in uniforms:
        if eos in ids.tolist():
            return ids
        ids = torch.cat([ids, draw(read(model, ids[-model.config.context_length :]), uniform)[None]])
    return ids


def looks_at_the_last_before_writing(model, ids, uniforms, eos):
    model.eval()
    for uniform in uniforms:
        if ids[-1] == eos:
            break
        ids = torch.cat([ids, draw(read(model, ids[-model.config.context_length :]), uniform)[None]])
    return ids


def looks_anywhere_after_writing(model, ids, uniforms, eos):
    model.eval()
    for uniform in uniforms:
        ids = torch.cat([ids, draw(read(model, ids[-model.config.context_length :]), uniform)[None]])
        if (ids == eos).any():
            break
    return ids


def one_dart_late(model, ids, uniforms, eos):
    return grow(model, ids, uniforms[1:], eos)


def one_dart_less(model, ids, uniforms, eos):
    return grow(model, ids, uniforms[:-1], eos)


def written_twice(model, ids, uniforms, eos):
    for uniform in uniforms:
        new = draw(read(model, ids[-8:]), uniform)[None]
        ids = torch.cat([ids, new, new])
    return ids


def reads_backwards(model, ids, uniforms, eos):
    for uniform in uniforms:
        ids = torch.cat([ids, draw(read(model, ids[-8:].flip(0)), uniform)[None]])
    return ids


def with_settings(model, ids, uniforms, eos):
    for uniform in uniforms:
        cut = next_token_distribution(model(ids[None, -8:])[0, -1], temperature=0.7, top_k=10)
        ids = torch.cat([ids, draw(cut, uniform)[None]])
        if ids[-1] == eos:
            break
    return ids


def prompt_is_cut(model, ids, uniforms, eos):
    return grow(model, ids[-2:], uniforms, eos)


def ends_with_a_text(model, ids, uniforms, eos):
    return " ".join(map(str, grow(model, ids, uniforms, eos).tolist()))


def chances_for_tokens(model, ids, uniforms, eos):
    return read(model, ids[-8:]).probs


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
        (hard_coded, "It shows every model the last 8 tokens"),
        (too_wide, "token_ids[-model.config.context_length:]"),
        (looks_for_the_end_anywhere, "an end token of the prompt"),
        (looks_at_the_last_before_writing, "an end token of the prompt"),
        (looks_anywhere_after_writing, "an end token of the prompt"),
        (one_dart_late, "The first dart was not thrown"),
        (one_dart_less, "The last dart was not thrown"),
        (written_twice, "In each step, for each dart"),
        (reads_backwards, "In each step, for each dart"),
        (with_settings, "No settings are wanted"),
        (prompt_is_cut, "In each step, for each dart"),
        (ends_with_a_text, "In each step, for each dart"),
        (chances_for_tokens, "In each step, for each dart"),
    ],
)
def test_wrong_loops_are_told_apart(says, loop, hint):
    assert hint in says(lesson05.check_loop, loop)


def test_the_case_with_an_end_token_in_the_prompt_has_several_new_tokens_and_an_end():
    arguments = next(edge.arguments for edge in lesson05.check_loop.edges if "eos_token_id" in edge.given)
    _, prompt, uniforms, eos_token_id = arguments
    new = grow(*arguments)[len(prompt) :].tolist()
    assert eos_token_id in prompt and 1 < len(new) < len(uniforms) and new[-1] == eos_token_id


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


def by_hand(model, token_ids):
    """With exp and log of single numbers."""
    model.eval()
    total = 0.0
    for row, token_id in zip(model(token_ids[None])[0, :-1].tolist(), token_ids[1:].tolist(), strict=True):
        top = max(row)
        total += math.log(sum(math.exp(score - top) for score in row)) + top - row[token_id]
    return total


def through_numpy(model, token_ids):
    with torch.no_grad():
        scores = model(token_ids[None]).numpy()[0, :-1].astype(np.float64)
    log_probs = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    return -log_probs[np.arange(len(scores)), token_ids[1:].numpy()].sum()


def as_a_mean_times_n(model, token_ids):
    mean = torch.nn.functional.cross_entropy(model(token_ids[None])[0, :-1], token_ids[1:])
    return mean * (len(token_ids) - 1)


def by_indexing(model, token_ids):
    rows = model(token_ids[None]).log_softmax(-1)[0]
    return -rows[range(len(token_ids) - 1), token_ids[1:]].sum()


def with_logsumexp(model, token_ids):
    rows, right = model(token_ids[None])[0, :-1], token_ids[1:, None]
    return (rows.logsumexp(-1) - rows.gather(-1, right)[:, 0]).sum().item()


SURPRISES = [
    one_by_one,
    as_cross_entropy,
    as_a_sum,
    by_hand,
    through_numpy,
    as_a_mean_times_n,
    by_indexing,
    with_logsumexp,
]


@pytest.mark.parametrize("surprise", SURPRISES)
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
        (lambda model, ids: chances_of(model, ids).log().sum(), "The sign"),
        (lambda model, ids: -chances_of(model, ids).log2().sum(), "in bits"),
        (lambda model, ids: -chances_of(model, ids).log10().sum(), "base 10"),
        (lambda model, ids: -chances_of(model, ids).log(), "One number is asked for"),
        (lambda model, ids: -chances_of(model, ids).sum().log(), "Row t of the model's output"),
        (lambda model, ids: (1 - chances_of(model, ids)).sum(), "Row t of the model's output"),
        (lambda model, ids: -chances_of(model, ids).log()[-1], "the last token alone"),
        (lambda model, ids: -chances_of(model, ids).log()[1:].sum(), "Row t of the model's output"),
        (lambda model, ids: -chances_of(model, ids).log()[:-1].sum(), "Row t of the model's output"),
        (lambda model, ids: -model(ids[None])[0, :-1].gather(-1, ids[1:, None]).sum(), "scores, not chances"),
        (lambda model, ids: chances_of(model, ids).log().sum().exp(), "chance of the whole text"),
        (lambda model, ids: (-chances_of(model, ids).log().mean()).exp(), "Row t of the model's output"),
        (lambda model, ids: torch.special.entr(model(ids[None])[0].softmax(-1)).sum(), "Row t of the model's output"),
        (lambda model, ids: as_cross_entropy(model, ids.flip(0)), "Row t of the model's output"),
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
    prompt = torch.tensor([tokenizer.encode("옛날 옛적에")])

    def same(seed):
        cold, hot = (generate(sharp_model, prompt, 20, t, 10, seed=seed) for t in (0.7, 1.0))
        return torch.equal(cold, hot)

    verdicts = {same(seed): seed for seed in range(40)}
    line = {verdict: says(check_with(sharp_model, tokenizer), seed) for verdict, seed in verdicts.items()}
    assert line[True].startswith("Right: ")
    assert line[False].startswith(f"Not yet: given {verdicts[False]}, expected the same 20, got the same ")
    for right in (np.int64(verdicts[True]), torch.tensor(verdicts[True]), torch.tensor([verdicts[True]])):
        assert says(check_with(sharp_model, tokenizer), right).startswith("Right: ")


@pytest.mark.parametrize("seed", [..., None, 1.5, True, "7", -1, 2**63, [7], (7,), {7}, 7j, 1e3, range(9), math.inf])
def test_what_is_no_seed(says, seed, sharp_model, tokenizer):
    assert says(check_with(sharp_model, tokenizer), seed).startswith("Not yet: ")


def check_with(model, tokenizer):
    return lambda seed: lesson05.check_seed(seed, model, tokenizer)


def test_the_lesson_does_not_show_the_seed(says):
    """Seed 5, whose first twelve tokens agree in the lesson, is not the answer."""
    model, tokenizer = load()
    assert says(check_with(model, tokenizer), 5).startswith("Not yet: given 5, expected the same 20")
    assert says(check_with(model, tokenizer), 9).startswith("Right: ")


# A repetition penalty ----------------------------------------------------------------------------------------------


def transformers_penalty(token_ids, logits, penalty):
    return RepetitionPenaltyLogitsProcessor(penalty)(token_ids, logits)


def penalty_in_loops(token_ids, logits, penalty):
    rows = logits.tolist()
    for row, text in zip(rows, token_ids.tolist(), strict=True):
        for token_id in set(text):
            row[token_id] = row[token_id] / penalty if row[token_id] > 0 else row[token_id] * penalty
    return torch.tensor(rows)


def penalty_in_place(token_ids, logits, penalty):
    for row, text in zip(logits, token_ids, strict=True):
        for token_id in text.unique():
            row[token_id] = row[token_id] / penalty if row[token_id] >= 0 else row[token_id] * penalty
    return logits


def penalty_by_mask(token_ids, logits, penalty):
    written = torch.nn.functional.one_hot(token_ids, logits.shape[-1]).sum(1) > 0
    return torch.where(written, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def penalty_by_factor(token_ids, logits, penalty):
    power = torch.zeros_like(logits).scatter(1, token_ids, 1.0) * -logits.nan_to_num().sign()
    return logits * penalty**power


def penalty_in_numpy(token_ids, logits, penalty):
    scores = logits.numpy().copy()
    for b, text in enumerate(token_ids.numpy()):
        ids = np.unique(text)
        scores[b, ids] = np.where(scores[b, ids] > 0, scores[b, ids] / penalty, scores[b, ids] * penalty)
    return scores


PENALTIES = [
    transformers_penalty,
    penalty_in_loops,
    penalty_in_place,
    penalty_by_mask,
    penalty_by_factor,
    penalty_in_numpy,
]


@pytest.mark.parametrize("penalise", PENALTIES)
def test_right_penalties(says, penalise):
    assert says(lesson05.check_penalty, penalise).startswith("Right: ")


def penalty_every_time(token_ids, logits, penalty):
    for row, text in zip(logits, token_ids, strict=True):
        for token_id in text:
            row[token_id] = row[token_id] / penalty if row[token_id] > 0 else row[token_id] * penalty
    return logits


def written_into(change):
    """`change(scores, penalty)` for the scores of each token of the text."""

    def penalise(token_ids, logits, penalty):
        return logits.scatter(1, token_ids, change(logits.gather(1, token_ids), penalty))

    return penalise


def of_the_first_row(token_ids, logits, penalty):
    ids = token_ids[0].unique()
    scores = logits[:, ids]
    logits[:, ids] = torch.where(scores > 0, scores / penalty, scores * penalty)
    return logits


REMINDER = "For each token that the text holds"


@pytest.mark.parametrize(
    ("penalise", "hint"),
    [
        (lambda ids, logits, penalty: None, "returns nothing so far"),
        (lambda ids, logits, penalty: logits, "came back as they were"),
        (written_into(lambda scores, penalty: scores / penalty), "Multiply it instead"),
        (written_into(lambda scores, penalty: scores * penalty), "Divide it instead"),
        (written_into(lambda scores, penalty: scores - penalty), "This subtracts the penalty"),
        (written_into(lambda scores, penalty: torch.full_like(scores, -torch.inf)), "This bans every token"),
        (written_into(lambda scores, penalty: scores.abs() / penalty), REMINDER),
        (written_into(lambda scores, penalty: scores - scores.abs() / penalty), REMINDER),
        (written_into(lambda scores, penalty: torch.zeros_like(scores)), REMINDER),
        (penalty_every_time, "pays once"),
        (
            lambda ids, logits, penalty: torch.where(logits > 0, logits / penalty, logits * penalty),
            "All tokens have paid",
        ),
        (lambda ids, logits, penalty: transformers_penalty(ids[:, -1:], logits, penalty), "Only the last token"),
        (lambda ids, logits, penalty: transformers_penalty(ids[:, :1], logits, penalty), REMINDER),
        (lambda ids, logits, penalty: transformers_penalty(ids, logits, penalty)[0], "the shape should be (1, 5)"),
        (lambda ids, logits, penalty: transformers_penalty(ids, logits, 1.2), REMINDER),
        (lambda ids, logits, penalty: transformers_penalty(ids, logits.softmax(-1), penalty), "This divides chances"),
        (lambda ids, logits, penalty: transformers_penalty(ids, logits, penalty).softmax(-1), REMINDER),
        (of_the_first_row, "Every row has paid for the first text"),
        (lambda ids, logits, penalty: logits[ids], "stopped with IndexError"),
    ],
)
def test_wrong_penalties_are_told_apart(says, penalise, hint):
    line = says(lesson05.check_penalty, penalise)
    assert line.startswith("Not yet: ") and hint in line


# A banned word -----------------------------------------------------------------------------------------------------


def transformers_ban(token_ids, logits, word):
    return NoBadWordsLogitsProcessor([word])(token_ids, logits)


def ban_in_loops(token_ids, logits, word):
    rows = logits.tolist()
    for row, text in zip(rows, token_ids.tolist(), strict=True):
        if len(text) >= len(word) - 1 and text[len(text) - len(word) + 1 :] == word[:-1]:
            row[word[-1]] = -math.inf
    return torch.tensor(rows)


def ban_in_place(token_ids, logits, word):
    *beginning, last = word
    for b, text in enumerate(token_ids):
        if not beginning or text[-len(beginning) :].tolist() == beginning:
            logits[b, last] = float("-inf")
    return logits


def ban_by_mask(token_ids, logits, word):
    n = len(word) - 1
    if n > token_ids.shape[1]:
        return logits
    ends = (token_ids[:, token_ids.shape[1] - n :] == torch.tensor(word[:-1], dtype=torch.long)).all(1)
    last = torch.arange(logits.shape[1]) == word[-1]
    return logits.masked_fill(ends[:, None] & last, -torch.inf)


def ban_in_numpy(token_ids, logits, word):
    scores = logits.numpy().copy()
    for b, text in enumerate(token_ids.numpy()):
        if np.array_equal(text[max(0, len(text) - len(word) + 1) :], word[:-1]):
            scores[b, word[-1]] = -np.inf
    return scores


def ban_as_text(token_ids, logits, word):
    *beginning, last = (f" {token_id} " for token_id in word)
    bias = torch.zeros_like(logits)
    for b, text in enumerate(token_ids.tolist()):
        if "".join(f" {token_id} " for token_id in text).endswith("".join(beginning)):
            bias[b, int(last)] = -torch.inf
    return logits + bias


BANS = [transformers_ban, ban_in_loops, ban_in_place, ban_by_mask, ban_in_numpy, ban_as_text]


@pytest.mark.parametrize("ban", BANS)
def test_right_bans(says, ban):
    assert says(lesson05.check_banned_word, ban).startswith("Right: ")


def ban_if(wanted, score=-math.inf):
    """The last token of the word gets `score` in each row for which `wanted(text, word)` holds."""

    def ban(token_ids, logits, word):
        for row, text in zip(logits, token_ids.tolist(), strict=True):
            if wanted(text, word):
                row[word[-1]] = score
        return logits

    return ban


def ends(text, word):
    return text[len(text) - len(word) + 1 :] == word[:-1]


def ban_everything(token_ids, logits, word):
    logits[:, word] = -torch.inf
    return logits


def ban_the_first(token_ids, logits, word):
    logits[:, word[0]] = -torch.inf
    return logits


def ban_for_the_first_text(token_ids, logits, word):
    if ends(token_ids[0].tolist(), word):
        logits[:, word[-1]] = -torch.inf
    return logits


def ban_for_any_text(token_ids, logits, word):
    if any(ends(text, word) for text in token_ids.tolist()):
        logits[:, word[-1]] = -torch.inf
    return logits


def ban_by_minus_n(token_ids, logits, word):
    """With a word of one token the slice [-0:] is the whole text."""
    return ban_if(lambda text, word: text[-len(word[:-1]) :] == word[:-1])(token_ids, logits, word)


REMINDER_OF_THE_BAN = "If the text ends with all tokens of the word but the last"


@pytest.mark.parametrize(
    ("ban", "hint"),
    [
        (lambda ids, logits, word: ..., "returns nothing so far"),
        (lambda ids, logits, word: logits, "came back as they were"),
        (ban_everything, "All tokens of the word are banned, and with them"),
        (ban_if(lambda text, word: True), "The last token is banned everywhere"),
        (ban_the_first, "The first token is banned"),
        (ban_if(lambda text, word: set(word[:-1]) <= set(text)), REMINDER_OF_THE_BAN),
        (ban_if(lambda text, word: str(word[:-1])[1:-1] in str(text)), "not anywhere in it"),
        (ban_if(lambda text, word: text[-1:] == word[-2:-1] or len(word) == 1), "Only the last token of the text"),
        (ban_if(lambda text, word: text[-len(word) :] == word), "It waits until the word is written"),
        (ban_if(ends, 0.0), "A score of 0 is no ban"),
        (ban_if(ends, -1e9), "make it -inf"),
        (ban_if(ends, -50.0), REMINDER_OF_THE_BAN),
        (ban_if(ends, math.inf), "A ban is -inf"),
        (ban_if(ends, math.nan), REMINDER_OF_THE_BAN),
        (ban_by_minus_n, "A word of one token is always banned"),
        (ban_for_the_first_text, "Only the first text was looked at"),
        (ban_for_any_text, "One text that ends with the word's beginning"),
        (lambda ids, logits, word: transformers_ban(ids, logits, word).softmax(-1), REMINDER_OF_THE_BAN),
        (lambda ids, logits, word: transformers_ban(ids, logits, word[::-1]), REMINDER_OF_THE_BAN),
        (lambda ids, logits, word: transformers_ban(ids, logits, word)[0], "the shape should be (1, 5)"),
        (lambda ids, logits, word: logits[word], "stopped with IndexError"),
    ],
)
def test_wrong_bans_are_told_apart(says, ban, hint):
    line = says(lesson05.check_banned_word, ban)
    assert line.startswith("Not yet: ") and hint in line


def test_what_is_right_writes_what_transformers_writes():
    """In the loop, on the storyteller, token for token."""
    model, tokenizer = load()
    prompts = torch.tensor([tokenizer.encode("Once upon a time")] * 3)
    wizard = tokenizer.encode(" wizard")
    for mine, other in (
        (lambda ids, x: penalty_in_loops(ids, x, 1.5), RepetitionPenaltyLogitsProcessor(1.5)),
        (lambda ids, x: ban_in_loops(ids, x, wizard), NoBadWordsLogitsProcessor([wizard])),
    ):
        a, b = (generate(model, prompts, 40, 0.7, 10, seed=5, logits_processor=p) for p in (mine, other))
        assert torch.equal(a, b)
