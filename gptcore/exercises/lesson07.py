"""Self-checks of lesson 07, training and evaluating."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gptcore.exercises.by_hand import NotYet, as_tensor, ask, brief, close, one_line


@one_line
def check_loss(function: Any) -> str:
    """`function(logits (T, vocab_size), token_ids (T,))` → number: the mean surprise at every token but the first."""
    luck = torch.Generator().manual_seed(7)
    logits, token_ids = 2 * torch.randn(5, 6, generator=luck), torch.tensor([2, 0, 5, 5, 1])
    given = "the logits (5, 6) of a text of 5 tokens"
    result = _number(ask(function, logits, token_ids, given=given), given)
    log_probs = logits.log_softmax(-1)
    told = log_probs[:-1].gather(-1, token_ids[1:, None])[:, 0]  # (T - 1,)
    right = -told.mean()
    if close(result, right):
        large, two = torch.tensor([[1000.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), torch.tensor([0, 1])
        again = _number(_ask_again(function, large, two, given="logits up to 1,000"), "logits up to 1,000")
        if not close(again, torch.tensor(1000.0)):
            raise NotYet(
                "right for small logits. A logit of 1,000 is too much for exp, and a chance of 0 for log: log_softmax, "
                "or F.cross_entropy, is careful about both."
            )
        return "each row is judged by the token that follows, and the mean is in nats per token."
    softmax_twice = -log_probs[:-1].exp().log_softmax(-1).gather(-1, token_ids[1:, None]).mean()
    back = -log_probs[1:].gather(-1, token_ids[:-1, None]).mean()
    same = -log_probs.gather(-1, token_ids[:, None])[:, 0]
    round_about = -log_probs.gather(-1, token_ids.roll(-1)[:, None]).mean()
    hints: list[tuple[Tensor, str]] = [
        (-told.sum(), "that is the sum of the surprises, and it grows with the text. Take the mean, nats per token."),
        (-right, "that is the mean log of the chances, below 0. A surprise is minus the log."),
        (same.mean(), "that judges each row by the token it has just read. Row t speaks about token t + 1."),
        (same[:-1].mean(), "that judges each row by the token it has just read. Row t speaks about token t + 1."),
        (same[1:].mean(), "that judges each row by the token it has just read. Row t speaks about token t + 1."),
        (back, "that is shifted to the wrong side: logits[:-1] belong to token_ids[1:]."),
        (round_about, "the last row was judged by the first token. Nothing follows the last row: leave it out."),
        (softmax_twice, "that is softmax twice. F.cross_entropy wants logits, for it does the softmax itself."),
        (right / math.log(2), "that is in bits, log to the base 2. In nats it is the natural logarithm."),
        (-told.sum() / 5, "that divides by 5, and only 4 tokens were foretold: nothing foretells the first."),
        (-told.exp().mean().log(), "that is the log of the mean chance. Take the mean of the logs."),
        (told.exp().mean(), "that is the mean chance. The surprise is minus its log, token by token."),
    ]
    for wrong, hint in hints:
        if close(result, wrong):
            raise NotYet(hint)
    raise NotYet(
        f"given {given}, expected {brief(right[None])}, got {brief(result[None])}. Begin with log_softmax(-1)."
    )


@one_line
def check_learning_rate(function: Any) -> str:
    """`function(step, warmup_steps, max_steps, highest)` → number: a straight rise, then half a cosine down to 0."""
    warmup, most, highest = 10, 110, 0.004
    rates: dict[int, float] = {}
    for step in (1, 5, 10, 35, 60, 110):
        given = f"step {step} of {most} with {warmup} of warm-up"
        rate = (_ask_again if rates else ask)(function, step, warmup, most, highest, given=given)
        rates[step] = float(_number(rate, given))
        if math.isnan(rates[step]):
            raise NotYet(f"given {given}, the rate is no number. Is something divided by 0 there?")
    if all(_near(rate, _rate(step, warmup, most) * highest) for step, rate in rates.items()):
        other = _number(_ask_again(function, 30, 20, 40, 2.0, given="step 30 of 40 with 20 of warm-up"), "step 30")
        if not _near(float(other), 1.0):
            raise NotYet(
                "right for one set of numbers. Given (30, 20, 40, 2.0), half of the way down, 1.0 is expected."
            )
        return "first steps are careful, and the last ones are small enough to settle what was learned."
    if all(_near(rate, _rate(step, warmup, most)) for step, rate in rates.items()):
        raise NotYet("the shape is right, from 0 to 1 and back. Multiply it by `highest`.")
    if rates[5] > 0.9 * highest:
        raise NotYet(
            f"at step 5 of a warm-up of 10, half of the highest rate is expected, {highest / 2:g}, got {rates[5]:g}. "
            "While step <= warmup_steps, return highest * step / warmup_steps."
        )
    if _near(rates[1], 0):
        raise NotYet("at step 1 the rate is 0, so that nothing would be learned. Is it // where / is meant?")
    if not _near(rates[5], highest / 2):
        raise NotYet(f"at step 5 of a warm-up of 10, {highest / 2:g} is expected, got {rates[5]:g}.")
    if _near(rates[60], highest) and _near(rates[110], highest):
        raise NotYet("the warm-up is right. After it the rate stays where it is, and it should fall.")
    if _near(rates[60], highest) and _near(rates[110], 0):
        raise NotYet("the way down begins at twice the highest rate: (1 + cos) goes from 2 to 0, so halve it.")
    if rates[60] > highest:
        raise NotYet("the warm-up is right, and then the rate goes on rising. Is there a case for step > warmup_steps?")
    if rates[110] < -highest / 10:
        raise NotYet("the rate falls below 0, and the model would unlearn. (1 + cos) / 2 lies between 1 and 0.")
    if _near(rates[60], highest * (1 + math.cos(math.pi * 60 / 110)) / 2):
        raise NotYet(
            "the way down is counted from step 0, so that the rate jumps where the warm-up ends. It begins there: "
            "way = (step - warmup_steps) / (max_steps - warmup_steps)."
        )
    if _near(rates[60], highest * (1 + math.cos(math.pi * 50 / 110)) / 2):
        raise NotYet("the way down takes max_steps - warmup_steps steps, so that it ends at 0 with the last of them.")
    if _near(rates[60], highest / 2) and _near(rates[110], 0):
        raise NotYet(
            f"it begins and ends well, and falls in another way: a quarter of the way down, at step 35, "
            f"{highest * _rate(35, warmup, most):.5f} is expected, got {rates[35]:.5f}. It is half a cosine."
        )
    if _near(rates[110], highest) or rates[60] > 0.99 * highest:
        raise NotYet("the rate hardly falls. math.cos counts in radians: the whole way is math.pi.")
    if _near(rates[110], highest / 10):
        raise NotYet("the last rate is a tenth of the highest. Here half a cosine is asked for that ends at 0.")
    if _near(rates[60], highest * (1 + math.cos(180 * 0.5)) / 2):
        raise NotYet("math.cos counts in radians, not in degrees: the whole way is math.pi, not 180.")
    raise NotYet(
        f"at step 60, half of the way down, {highest / 2:g} is expected, and 0 at step 110; "
        f"got {rates[60]:g} and {rates[110]:g}."
    )


@one_line
def check_stopping_place(function: Any) -> str:
    """`function(val_losses, patience)` → the place in the list at which training ends: its last one, if it goes on."""
    cases = [
        ([3.0, 2.0, 1.5, 1.6, 1.7, 1.8, 1.9], 2, 4, "the best was at place 2, and places 3 and 4 were no better"),
        ([3.0, 2.0, 2.5, 2.4, 2.3, 2.2], 3, 4, "falling again is not enough: it is compared with the best so far"),
        ([3.0, 2.0, 2.1, 1.9, 2.0, 1.8, 1.7], 2, 6, "a new best begins the count again"),
        ([3.0, 2.0, 2.0, 2.0, 2.0, 2.0], 3, 4, "the same as the best is no gain"),
        ([3.0, 2.0, 1.0], 1, 2, "it always fell, so training goes on to the end"),
        ([1.0, 2.0, 0.5], 1, 1, "with a patience of 1, the first loss that is no better ends it"),
    ]
    for i, (losses, patience, expected, why) in enumerate(cases):
        given = f"{losses} and a patience of {patience}"
        answer = (_ask_again if i else ask)(function, list(losses), patience, given=given)
        place = _number(answer, given)
        if float(place) == expected:
            continue
        hint = f"given {given}, the answer is {expected}, for {why}; got {float(place):g}."
        best = losses.index(min(losses))
        if place == best and best != expected:
            raise NotYet(f"{hint} That is the place of the best loss. We look for the place at which training ends.")
        if close(place, torch.tensor(losses[expected])) and float(place) != expected:
            raise NotYet(f"{hint} That is the loss itself, and its place in the list is asked for.")
        if float(place) == expected + 1:
            raise NotYet(f"{hint} One too many: places count from 0, and the last of `patience` such losses ends it.")
        raise NotYet(hint)
    return "patience is counted from the best loss so far, and every new best begins the count again."


@one_line
def check_kl(function: Any) -> str:
    """`function(truth (vocab_size,), belief (vocab_size,))` → number: the KL divergence from truth to belief, nats."""
    truth, belief = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.25, 0.25, 0.5])
    given = f"truth {brief(truth)} and belief {brief(belief)}"
    result = _number(ask(function, truth, belief, given=given), given)
    right = (truth * (truth / belief).log()).sum()
    hints = [
        (
            (belief * (belief / truth).log()).sum(),
            "that is the other direction, from belief to truth. The weights are the truth's chances: what comes often "
            "counts often.",
        ),
        (-right, "the sign is turned: it is log(truth / belief), and the sum is never below 0."),
        (right / 3, "that is the mean over the vocabulary. The truth's chances are the weights already: take the sum."),
        (right / math.log(2), "that is in bits. In nats it is the natural logarithm."),
        (
            -(truth * belief.log()).sum(),
            "that is the cross-entropy, the surprise of a believer. Take away the entropy of the truth, which nobody "
            "can avoid.",
        ),
        ((truth / belief).log().sum(), "every token counts alike there. Weigh each by the truth's chance."),
        ((truth - belief).abs().sum() / 2, "that is how much chance lies in the wrong place. KL weighs logs."),
        ((truth - belief).abs().sum(), "that is how much chance lies in the wrong place. KL weighs logs."),
        (F.kl_div(belief, truth, reduction="sum"), "F.kl_div wants the log of the belief: belief.log()."),
    ]
    if not close(result, right):
        for wrong, hint in hints:
            if close(result, wrong):
                raise NotYet(hint)
        raise NotYet(f"given {given}, expected {brief(right[None])}, got {brief(result[None])}.")
    given = "a truth that has a chance of 0"
    zero = torch.tensor([0.5, 0.5, 0.0])
    with_zero = _number(_ask_again(function, zero, belief, given=given), given)
    expected = math.log(0.5 / 0.25)  # twice half of it
    if bool(with_zero.isnan()):
        raise NotYet(
            "right, until the truth has a chance of 0: 0 · log 0 is no number to a computer. Such a token never comes "
            "and counts nothing: add up only where truth > 0."
        )
    if not close(with_zero, torch.tensor(expected)):
        raise NotYet(f"given {given}, {expected:.4f} is expected, got {brief(with_zero[None])}: it counts nothing.")
    given = "a belief that has a chance of 0 where the truth has one"
    never = _number(_ask_again(function, belief, zero, given=given), given)
    if bool(never.isnan()):
        raise NotYet(
            f"given {given}, truth / belief divides by 0, and Python stops at that, as at the log of 0. Return "
            "math.inf: who holds for impossible what does happen is infinitely surprised."
        )
    if not math.isinf(float(never)):
        raise NotYet(
            f"given {given}, the divergence has no bound: inf is expected, got {brief(never[None])}. Who holds for "
            "impossible what does happen is infinitely surprised."
        )
    return "it is what the believer's surprise has in excess of the truth's own, and 0 only if they agree."


def _ask_again(function: Callable[..., Any], *arguments: Any, given: str) -> Any:
    """`ask` a function that has answered before: NaN where Python, unlike torch, raises at a log or a division of 0."""
    missing = object()

    def run(*copies: Any) -> Any:
        try:
            answer = function(*copies)
        except ZeroDivisionError:
            return math.nan
        except ValueError as error:
            if "math domain" in str(error) or "positive" in str(error):  # math.log(0), as several Pythons say it
                return math.nan
            raise
        return missing if answer is None else answer

    result = ask(run, *arguments, given=given)
    if result is missing:
        raise NotYet(f"given {given}, your function returns nothing. Each way through it must end with a return.")
    return result


def _rate(step: int, warmup: int, most: int) -> float:
    return step / warmup if step <= warmup else (1 + math.cos(math.pi * (step - warmup) / (most - warmup))) / 2


def _near(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-7)


def _number(result: Any, given: str) -> Tensor:
    """A single number, as a tensor with no axes."""
    tensor = as_tensor(result, given)
    if tensor.numel() != 1:
        raise NotYet(f"given {given}, one number is expected, got {tensor.numel()}: {brief(tensor)}.")
    return tensor.reshape(())
