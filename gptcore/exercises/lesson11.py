"""Self-checks of lesson 11, the real GPT-2."""

import math
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from gptcore.checkpoint import load_tokenizer
from gptcore.config import GPT_CONFIG_355M, GPTConfig
from gptcore.exercises.by_hand import NotYet, as_number, as_tensor, ask, brief, one_line
from gptcore.model import GPTModel, evaluating
from gptcore.tokenizer import Tokenizer

ENGLISH, KOREAN = "Once upon a time there was a quiet fox.", "옛날 옛적에 작은 여우가 살았어요."
BEGINNING = "Once upon a time there lived"
ENDINGS = (  # so many, and such, that each of the mistakes below chooses others
    [" on a hill", " a king", " an old"],
    [" one", " an owl", " a brave little tortoise"],
    [" in the wood", " a shy hedgehog", " a wolf"],
    [" in the wood", " by the sea", " a wolf"],
    [" on a hill", " a goat", " a prince who could sing"],
    [" a miller and his cat", " some bees", " a prince who could sing"],
    [" some bees", " by the sea", " on a hill"],
)


@one_line
def check_megabytes(answer: Any) -> str:
    """How many megabytes (millions of bytes) are the weights of GPT-2 medium at 4 bytes each?"""
    number = as_number(answer, "a number")
    parameters = _parameters(GPT_CONFIG_355M)
    right = 4 * parameters / 1e6
    if math.isclose(number, right, abs_tol=1):
        return f"{parameters:,} numbers of 4 bytes are {right:,.0f} MB."
    twice = parameters + GPT_CONFIG_355M.vocab_size * GPT_CONFIG_355M.emb_dim
    hints = {
        parameters / 1e6: "that is one byte per parameter. A float32 takes 4.",
        parameters: "that is the number of parameters. Each takes 4 bytes, and a megabyte is a million bytes.",
        2 * parameters / 1e6: "that is 2 bytes per parameter, as in bfloat16. A float32 takes 4.",
        32 * parameters / 1e6: "that is 32 per parameter, which counts bits. 8 bits are a byte.",
        4 * parameters: "that is the number of bytes. A megabyte is a million of them.",
        4 * parameters / 1e9: "that is in gigabytes. A gigabyte has 1,000 megabytes.",
        4 * parameters / 2**20: "that divides by 1,048,576. Downloads are counted in millions of bytes.",
        4 * twice / 1e6: "the head was counted apart, but it is the token embedding itself (tie_embeddings).",
        4 * (parameters + 24 * 1024**2) / 1e6: "that is the file on the hub, which holds the causal masks, too.",
        4 * _parameters(GPTConfig()) / 1e6: "that is GPT-2 small. The medium one is gptcore.GPT_CONFIG_355M.",
    }
    for wrong, hint in hints.items():
        if math.isclose(number, wrong, rel_tol=0.002):
            raise NotYet(hint)
    raise NotYet(f"you gave {number:,g}. Multiply the number of parameters by 4 bytes, and divide by a million.")


@one_line
def check_per_byte(function: Any) -> str:
    """`function(model, tokenizer, text)` → the surprise at the text in nats per byte, read from the end token on."""
    model, tokenizer = _small_model()
    for text in (ENGLISH, KOREAN):
        given = f"{text!r}"
        result = _one_number(ask(function, model, tokenizer, text, given=given), given)
        ids = tokenizer.encode(text)
        surprises = _surprises(model, [tokenizer.eos_token_id], ids)
        total, size = surprises.sum().item(), len(text.encode())
        if math.isclose(result, total / size, rel_tol=1e-3):
            continue
        inside = _surprises(model, ids[:1], ids[1:]).sum().item()  # read from its own first token on
        end = tokenizer.eos_token_id
        ended = _surprises(model, ids[:1], [*ids[1:], end]).sum().item()
        both = _surprises(model, [end], [*ids, end]).sum().item()
        hints = {
            total: "that is the surprise at the whole text. Divide it by the number of bytes, len(text.encode()).",
            total / len(surprises): "that is per token, which depends on the tokenizer. Divide by len(text.encode()).",
            total
            / len(surprises)
            / size: "the mean per token was divided by the bytes. Divide the sum over all tokens instead.",
            total / len(text): "that is per character. In UTF-8 a Hangul syllable takes 3 bytes: len(text.encode()).",
            total / size / math.log(2): "that is in bits. For nats, take the natural logarithm.",
            -total / size: "the sign: ln p is negative, and a surprise is −ln p.",
            inside / size: "the first token does not count yet. Let the text begin after tokenizer.eos_token_id.",
            inside / (size - 1): "the first token does not count yet. Let the text begin after tokenizer.eos_token_id.",
            ended / size: "the end token stands behind the text. Let the text begin after it: it comes first.",
            both / size: "an end token stands behind the text, too, and the surprise at it was counted.",
            inside: "that is the surprise without the first token, and not yet divided by len(text.encode()).",
            inside / len(surprises): "begin with tokenizer.eos_token_id, and divide by len(text.encode()).",
            inside / (len(surprises) - 1): "begin with tokenizer.eos_token_id, and divide by len(text.encode()).",
        }
        for wrong, hint in hints.items():
            if math.isclose(result, wrong, rel_tol=1e-3):
                raise NotYet(f"given {given}: {hint}")
        raise NotYet(
            f"given {given}, expected {total / size:.3f}, got {result:.3f}. Add up −ln of the chance of each token, "
            "the first one after the end token, and divide by the number of bytes."
        )
    return "nats per byte, a measure that does not ask how a tokenizer cuts a text."


@one_line
def check_likelier(function: Any) -> str:
    """`function(model, tokenizer, beginning, endings)` → the ending that is the likeliest after the beginning."""
    model, tokenizer = _small_model()
    right, given = _choices(model, tokenizer, lambda surprises: surprises.sum()), []
    for endings in ENDINGS:
        what = f"{BEGINNING!r} and {endings}"
        chosen = ask(function, model, tokenizer, BEGINNING, list(endings), given=what)
        if isinstance(chosen, Tensor) and chosen.numel() == 1:
            chosen = chosen.item()
        if isinstance(chosen, Integral) and not isinstance(chosen, bool) and 0 <= chosen < len(endings):
            raise NotYet(f"given {what}, you returned {chosen}, its place. Return the ending itself: endings[i].")
        if not isinstance(chosen, str) or chosen not in endings:
            raise NotYet(f"given {what}, one of the three endings was expected, got {brief(chosen)}.")
        given.append(chosen)
    if given == right:
        return "the chances of its tokens, multiplied, choose the ending."
    for hint, measure in _MISTAKES.items():
        if given == _choices(model, tokenizer, measure):
            raise NotYet(hint)
    for hint, of_text in _MISTAKES_WITH_TEXTS.items():
        if given == [min(endings, key=lambda e, f=of_text: f(model, tokenizer, e)) for endings in ENDINGS]:
            raise NotYet(hint)
    wrong = next(i for i, (mine, expected) in enumerate(zip(given, right, strict=True)) if mine != expected)
    raise NotYet(
        f"given {BEGINNING!r} and {ENDINGS[wrong]}, expected {right[wrong]!r}, got {given[wrong]!r}. Read beginning "
        "and ending together, and add up −ln of the chances of the tokens of the ending alone: the smallest sum wins."
    )


_MISTAKES: dict[str, Callable[[Tensor], Tensor]] = {
    "the ending with the greatest surprise was chosen. The likeliest has the smallest.": lambda s: -s.sum(),
    "the mean per token decided. The chance of a whole ending is a product: add up all surprises.": lambda s: s.mean(),
    "the first token of the ending decided. An ending is likely if all of its tokens are.": lambda s: s[0],
    "the last token of the ending decided. An ending is likely if all of its tokens are.": lambda s: s[-1],
    "the chances were added. Chances of things that must all happen are multiplied.": lambda s: -(-s).exp().sum(),
}


def _shifted(model: GPTModel, tokenizer: Tokenizer, ending: str) -> float:
    """The sum of someone who looks each token up in the row that has read it already."""
    new = tokenizer.encode(ending)
    with evaluating(model):
        log_probs = model(torch.tensor([tokenizer.encode(BEGINNING) + new]))[0].double().log_softmax(-1)
    return -log_probs[-len(new) :].gather(-1, torch.tensor(new)[:, None]).sum().item()


def _alone(model: GPTModel, tokenizer: Tokenizer, ending: str) -> float:
    """The surprise at an ending that is read without the beginning."""
    return _surprises(model, [tokenizer.eos_token_id], tokenizer.encode(ending)).sum().item()


def _whole(model: GPTModel, tokenizer: Tokenizer, ending: str) -> Tensor:
    """The surprises at beginning and ending together."""
    first, *others = tokenizer.encode(BEGINNING + ending)
    return _surprises(model, [first], others)


_MISTAKES_WITH_TEXTS: dict[str, Callable[[GPTModel, Tokenizer, str], float]] = {
    "row t of the scores is about token t + 1: the first token of the ending belongs to the row before.": _shifted,
    "the endings were read without the beginning. Each token is judged after all that stands before it.": _alone,
    "the mean per token of the whole text decided, as evaluate gives it. The longer ending spreads the surprise at "
    "the beginning: take the sum, loss * tokens.": lambda m, t, e: _whole(m, t, e).mean().item(),
    "the surprise per byte decided. That compares models; for endings, add up all surprises.": lambda m, t, e: (
        _surprises(m, t.encode(BEGINNING), t.encode(e)).sum().item() / len(e.encode())
    ),
    "the surprise per byte of the whole text decided. That compares models; for endings, add up all surprises.": (
        lambda m, t, e: _whole(m, t, e).sum().item() / len((BEGINNING + e).encode())
    ),
    "the longest ending was chosen.": lambda m, t, e: -len(e),
    "the shortest ending was chosen.": lambda m, t, e: len(e),
    "the ending with the fewest tokens was chosen.": lambda m, t, e: len(t.encode(e)),
}


def _choices(model: GPTModel, tokenizer: Tokenizer, measure: Callable[[Tensor], Tensor]) -> list[str]:
    """The ending with the smallest measure of its tokens' surprises, for each of the questions."""
    beginning = tokenizer.encode(BEGINNING)

    def best(endings: Sequence[str]) -> str:
        return min(endings, key=lambda ending: measure(_surprises(model, beginning, tokenizer.encode(ending))).item())

    return [best(endings) for endings in ENDINGS]


def _surprises(model: GPTModel, before: list[int], token_ids: list[int]) -> Tensor:
    """−ln of the chance of each of `token_ids` (n,) after those before it, in nats."""
    ids = torch.tensor(before + token_ids)
    with evaluating(model):
        log_probs = model(ids[None])[0].double().log_softmax(-1)
    return -log_probs[:-1].gather(-1, ids[1:, None]).squeeze(-1)[len(before) - 1 :]


def _small_model() -> tuple[GPTModel, Tokenizer]:
    """A model that knows nothing but has opinions, with the bundled tokenizer; the learner's own luck stays."""
    tokenizer = load_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        model = GPTModel(GPTConfig(vocab_size=len(tokenizer), context_length=64, emb_dim=24, n_heads=2, n_layers=1))
    with torch.no_grad():
        model.token_embedding.weight.mul_(12)
    return model.eval(), tokenizer


def _parameters(config: GPTConfig) -> int:
    with torch.device("meta"):
        return GPTModel(config).num_parameters()


def _one_number(result: Any, given: str) -> float:
    tensor = as_tensor(result, given)
    if tensor.numel() != 1:
        raise NotYet(f"given {given}, one number was expected, got {tensor.numel()} of them: add them up.")
    return tensor.item()
