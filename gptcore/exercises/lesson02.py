"""Self-checks of lesson 02, from tokens to logits."""

from typing import Any

import torch

from gptcore.config import GPTConfig
from gptcore.exercises.by_hand import NotYet, as_number, as_tensor, ask, brief, close, one_line
from gptcore.model import GPTModel, evaluating


@one_line
def check_how_many(answer: Any) -> str:
    """How many logits does GPT-2, with 50,257 tokens and 768 numbers for each, give for a text of 10 tokens?"""
    number = as_number(answer, "a number")
    if number == 502_570:
        return "10 positions with 50,257 scores each are 502,570 numbers, and only the last 50,257 are the prediction."
    hints = {
        50_257: "50,257 are the scores at one position. The model gives them at each of the 10.",
        7_680: "7,680 = 10 × 768 is what goes into the head. Out comes one number per token of the vocabulary.",
        10: "10 is the number of positions. At each of them there is one score per token of the vocabulary.",
        38_597_376: "50,257 × 768 are the weights of the head. How many scores do they make at 10 positions?",
    }
    raise NotYet(hints.get(number, f"you gave {number:,g}. Count the positions, and the scores at each of them."))


@one_line
def check_best_tokens(function: Any) -> str:
    """`function(logits (B, T, vocab_size))` → ids (B, T): the token with the highest score at every position."""
    logits = torch.tensor([[[1.0, 4, 2, 0, 3], [5, 1, 0, 2, 6], [0, 1, 9, 3, 2]]])
    given = "logits of shape (1, 3, 5)"
    result = as_tensor(ask(function, logits, given=given), given)
    expected = torch.tensor([[1, 4, 2]])
    if close(result, expected):
        two = torch.cat([logits, logits.roll(1, -1)])
        given = "logits of two texts at once, shape (2, 3, 5),"
        if not close(as_tensor(ask(function, two, given=given), given), two.argmax(-1)):
            raise NotYet("right for one text, but not for two at once: look along the last axis, dim=-1.")
        return "one id for each position, found along the last axis, the vocabulary."
    if result.ndim == 2 and result.shape == (1, 5):
        raise NotYet(
            f"{given} gave 5 answers, one per token: that looked along the positions. The scores of one position lie "
            "along the last axis, dim=-1."
        )
    if result.shape == (3, 5):
        raise NotYet(
            f"{given} gave shape (3, 5): that looked along the texts. The vocabulary is the last axis, dim=-1."
        )
    if result.numel() == 1 and result.item() == expected[0, -1]:
        raise NotYet(f"{given} gave one id, that of the last position. Every position makes a guess: keep them all.")
    if result.numel() == 1:
        raise NotYet(f"{given} gave one number: argmax without dim looks at all 15 as one long list. Say dim=-1.")
    if close(result, logits.amax(-1)):
        raise NotYet("these are the highest scores themselves, and we look for their ids, the places: argmax, not max.")
    if close(result, logits.argmin(-1)):
        raise NotYet("these are the ids of the lowest scores: argmax, not argmin.")
    if result.numel() == 3 and close(result.flatten(), expected.flatten()):
        raise NotYet(
            f"the ids are right and the shape is not: expected (1, 3), one row per text, got {tuple(result.shape)}."
        )
    raise NotYet(f"given {given}, expected [[1, 4, 2]], got {brief(result)}. Look for argmax along the last axis.")


@one_line
def check_next_logits(function: Any) -> str:
    """`function(model, token_ids (1, T))` → (vocab_size,): the scores for the token that comes next."""
    model, token_ids = _noisy_model(), torch.tensor([[3, 1, 4, 1]])
    given = "a model of 7 tokens and a text of 4"
    with evaluating(model):
        logits = model(token_ids)[0]  # (4, 7)
    result = ask(function, model, token_ids, given=given)
    again = as_tensor(ask(function, model.train(), token_ids, given=given), given)
    result = as_tensor(result, given)
    if result.shape == logits[-1].shape and result.shape == again.shape and not close(result, again):
        raise NotYet(
            "asked the same twice, your function gave two answers: dropout, the noise of training, is on. Call "
            "model.eval() before the model reads."
        )
    if close(result, logits[-1]):
        return "the last row, with dropout off: these scores choose the next token."
    if result.shape in (logits.shape, (1, *logits.shape)):
        raise NotYet(
            f"that is one row for each of the 4 positions, shape {tuple(result.shape)}. Only one of them speaks about "
            "the next token: [0, -1]."
        )
    if result.shape == (1, 7) and close(result[0], logits[-1]):
        raise NotYet("the numbers are right. Expected is the shape (7,), yours is (1, 7): take text 0, [0, -1].")
    if close(result, logits[0]):
        raise NotYet("that is the first row, the guess after one token. The last row, [0, -1], has read them all.")
    if close(result, logits[-1].softmax(-1)):
        raise NotYet("these are chances already. Return the scores as they come out of the model, without softmax.")
    if close(result, logits[-1].log_softmax(-1)):
        raise NotYet("these are logarithms of chances. Return the scores as they come out of the model.")
    with evaluating(model):
        if close(result, model(token_ids[:, -1:])[0, -1]):
            raise NotYet("the model was shown the last token alone. Give it the whole text, and take the last row.")
    if result.numel() == 1:
        raise NotYet("that is one number. Expected are the scores of all 7 tokens, without choosing one.")
    if result.shape in ((4,), (1, 4)):
        raise NotYet(
            f"that is one number per position, shape {tuple(result.shape)}. Expected is one per token, shape (7,)."
        )
    if any(close(result, row) for row in logits):
        raise NotYet("that is the row of another position. The last one, [0, -1], has read the whole text.")
    raise NotYet(f"expected {brief(logits[-1])}, got {brief(result)}. Is it the last row, and was model.eval() called?")


@one_line
def check_same_chances(function: Any) -> str:
    """`function(a, b)` → bool: do two rows of logits (vocab_size,) give the same chances?"""
    a, long = torch.tensor([2.0, 0.5, -1.0]), torch.linspace(-1, 1, 50)
    cases = [
        (a, a, True, "the same scores twice"),
        (a, a + 3, True, "scores and the same scores + 3"),
        (a, a - 100, True, "scores and the same scores − 100"),
        (a, a * 2, False, "scores and their doubles"),
        (a, a.flip(0), False, "scores and the same scores in another order"),
        (a, a + torch.tensor([0.0, 0.0, 1.0]), False, "scores of which one alone was raised"),
        (long, long + 0.1, True, "50 scores and the same scores + 0.1"),
    ]
    hints = {
        1: "Adding one number to all scores changes no chance: compare the differences, as in a - a.max().",
        2: "Adding one number to all scores changes no chance, and nor does taking one away.",
        3: "The order is the same, but the differences are not, and they make the chances.",
        4: "The chances went to other tokens: compare place by place.",
        5: "The winner is the same, but its lead over the third is smaller: compare all differences.",
        6: "Computers round: compare with torch.allclose, not with ==.",
    }
    for i, (left, right, expected, given) in enumerate(cases):
        result = ask(function, left, right, given=given)
        try:
            says = bool(result)
        except (RuntimeError, ValueError):
            raise NotYet("your function returns many answers, one per token. Expected is one: True or False.") from None
        if says != expected:
            raise NotYet(f"given {given}, expected {expected}, got {says}. {hints.get(i, 'They are equal.')}")
    return "only the differences between the scores count."


def _noisy_model() -> GPTModel:
    """A model that knows nothing, in training mode, with strong dropout; the learner's own luck stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GPTModel(GPTConfig(7, context_length=8, emb_dim=8, n_heads=2, n_layers=1, drop_rate=0.5))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    return model.train()
