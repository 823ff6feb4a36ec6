"""Self-checks of lesson 05, the loop."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, tensor

from gptcore.checks import is_integer
from gptcore.exercises.checking import Exercise, Value, case
from gptcore.exercises.models import random_model
from gptcore.generation import generate
from gptcore.language import N_, _
from gptcore.model import GPTModel, evaluating
from gptcore.sampling import draw, next_token_distribution

CONTEXT, OTHER_CONTEXT = 8, 5
PROMPT = [3, 1, 4]
# Darts that tell the usual mistakes apart on the model below.
UNIFORMS = torch.rand(30, generator=torch.Generator().manual_seed(5), dtype=torch.float64).tolist()

Loop = Callable[[GPTModel, Tensor, list[float], int], Any]


def _model(context_length: int = CONTEXT) -> GPTModel:
    shape = {"emb_dim": 24, "n_heads": 2, "n_layers": 2, "drop_rate": 0.5}
    return random_model(1, 0.3, vocab_size=40, context_length=context_length, **shape)


MODEL = _model()


# Exercise 1: the loop -----------------------------------------------------------------------------------------------


def _loop(
    *,
    row: int = -1,
    seen: Callable[[list[int], int], list[int]] = lambda ids, most: ids[-most:],
    pick: Callable[..., Any] = draw,
    settings: dict[str, Any] = {},  # noqa: B006  (it is only read)
    ends: bool = True,
    keeps_end: bool = True,
    minds_the_prompt: str = "",  # "before" or "after" a new token: it ends at an end token anywhere in the text
    front: bool = False,
    quiet: bool = True,
) -> Loop:
    """The loop as it should be, or with a mistake."""

    def loop(model: GPTModel, token_ids: Tensor, uniforms: list[float], eos_token_id: int) -> list[int]:
        ids = token_ids.tolist()
        with evaluating(model) if quiet else torch.no_grad():
            for uniform in uniforms:
                if minds_the_prompt == "before" and eos_token_id in ids:
                    break
                logits = model(tensor([seen(ids, model.config.context_length)]))[0, row]
                new = int(pick(next_token_distribution(logits, **settings), uniform))
                end = new == eos_token_id or (minds_the_prompt == "after" and eos_token_id in ids)
                if keeps_end or not end:
                    ids = [new, *ids] if front else [*ids, new]
                if ends and end:
                    break
        return ids

    return loop


def _ids(found: Any) -> Any:
    """Token ids as a list, whether they are a tensor (T,), (1, T) or a list; everything else as it is."""
    try:
        values = found.flatten().tolist() if isinstance(found, Tensor) else [int(i) for i in found]
        return [int(value) for value in values] if values == [int(value) for value in values] else found
    except Exception:  # whatever it is, it is no token ids
        return found


_right = _loop()
_END = _right(MODEL, tensor(PROMPT), UNIFORMS[:5], -1)[len(PROMPT) + 2]
_SECOND_TALE = [8, _END, 2, _END]  # a prompt in which two tales have ended

_SETTINGS = [{"temperature": 0.7, "top_k": 10}, {"temperature": 0.7}, {"temperature": 0.5}, {"top_k": 3}, {"top_k": 10}]

# function(model, token_ids (T,), uniforms, eos_token_id) → token_ids and one new token for each uniform, or fewer, if
# eos_token_id came
check_loop = Exercise(
    right=N_("your loop grows the same text as gptcore's, ends where it should, and minds the window."),
    reference=_right,
    observe=lambda function, *arguments: _ids(function(*arguments)),
    cases=[
        case(MODEL, tensor(PROMPT), UNIFORMS[:1], -1, given=N_("the prompt {prompt} and one dart", prompt=PROMPT)),
        case(MODEL, tensor(PROMPT), UNIFORMS[:5], -1, given=N_("the prompt {prompt} and 5 darts", prompt=PROMPT)),
        case(
            MODEL,
            tensor(PROMPT),
            UNIFORMS[:5],
            _END,
            given=N_("the prompt {prompt}, 5 darts and eos_token_id={end}", prompt=PROMPT, end=_END),
        ),
    ],
    edges=[
        case(
            MODEL,
            tensor(PROMPT),
            UNIFORMS[:20],
            -1,
            given=N_(
                "20 darts, with which the text outgrows the {count} tokens that this model can read", count=CONTEXT
            ),
            why=N_(
                "Each step should read exactly the last {count}, token_ids[-model.config.context_length:], and the "
                "whole text is returned.",
                count=CONTEXT,
            ),
        ),
        case(
            _model(OTHER_CONTEXT),
            tensor(PROMPT),
            UNIFORMS[:12],
            -1,
            given=N_("another model, which can read {count} tokens, and 12 darts", count=OTHER_CONTEXT),
            why=N_("Each model has its own window: model.config.context_length."),
        ),
        case(
            MODEL,
            tensor(_SECOND_TALE),
            UNIFORMS[:5],
            _END,
            given=N_("the prompt {prompt}, 5 darts and eos_token_id={end}", prompt=_SECOND_TALE, end=_END),
            why=N_("A new token that is eos_token_id ends the text. One that is in the prompt already does not."),
        ),
        case(
            _model().train(),
            tensor(PROMPT),
            UNIFORMS[:5],
            -1,
            given=N_("a model that comes straight from training and 5 darts"),
            why=N_("Such a model switches off parts of itself at random (dropout): begin with model.eval()."),
        ),
    ],
    mistakes=[
        (
            N_("The prompt is lost: put each new token behind all that was there, with torch.cat."),
            lambda m, ids, u, eos: _right(m, ids, u, eos)[len(ids) :],
        ),
        (
            N_("The new token is in front: a text grows at its end, so token_ids comes first in torch.cat."),
            _loop(front=True),
        ),
        (
            N_("Nothing was added: does the line with torch.cat give its result back to token_ids?"),
            lambda m, ids, u, eos: ids,
        ),
        (N_("It read the scores of the first position; the next token is in the last row, [0, -1]."), _loop(row=0)),
        (
            N_("It takes the likeliest token; the dart should choose: gptcore.draw."),
            _loop(pick=lambda distribution, uniform: distribution.probs.argmax()),
        ),
        (
            N_("The model was shown the last token alone; it should read the whole text."),
            _loop(seen=lambda ids, most: ids[-1:]),
        ),
        (
            N_("It ends after one token: is the return inside the loop?"),
            lambda m, ids, u, eos: _right(m, ids, u[:1], eos),
        ),
        (
            N_("One dart was used for all steps; each step takes the next number of uniforms."),
            lambda m, ids, u, eos: _right(m, ids, u[:1] * len(u), eos),
            lambda m, ids, u, eos: _right(m, ids, u[-1:] * len(u), eos),
        ),
        (N_("The darts were used from the last to the first."), lambda m, ids, u, eos: _right(m, ids, u[::-1], eos)),
        (
            N_("The model was shown the prompt every time; each new token must be read, too."),
            _loop(seen=lambda ids, most: ids[: len(PROMPT)]),
            _loop(seen=lambda ids, most: ids[: len(PROMPT)], ends=False),
        ),
        (N_("It goes on after the end: leave the loop when the new token is eos_token_id."), _loop(ends=False)),
        (
            N_("The token that ends the text belongs to the text: append it, then leave the loop."),
            _loop(keeps_end=False),
        ),
        (
            N_("The model was shown more than it can read: show it token_ids[-model.config.context_length:]."),
            _loop(seen=lambda ids, most: ids),
        ),
        (
            N_("It went on reading the first ones. The last ones count: token_ids[-model.config.context_length:]."),
            _loop(seen=lambda ids, most: ids[:most]),
        ),
        (
            N_("The beginning is lost. Cut only what the model reads, and keep the whole text."),
            lambda m, ids, u, eos: _right(m, ids, u, eos)[-m.config.context_length :],
        ),
        (
            N_("It ended when the window was full. The text may be longer than the window."),
            lambda m, ids, u, eos: _right(m, ids, u[: m.config.context_length - len(ids)], eos),
        ),
        (
            N_(
                "It shows every model the last {count} tokens. How many fit is written in model.config.context_length.",
                count=CONTEXT,
            ),
            _loop(seen=lambda ids, most: ids[-CONTEXT:]),
        ),
        (
            N_("It ended at an end token of the prompt. Look only at the new token: new == eos_token_id."),
            _loop(minds_the_prompt="before"),
            _loop(minds_the_prompt="after"),
        ),
        (
            N_("The first dart was not thrown: the first new token takes uniforms[0]."),
            lambda m, ids, u, eos: _right(m, ids, u[1:], eos),
        ),
        (
            N_("The last dart was not thrown: one new token for each of uniforms."),
            lambda m, ids, u, eos: _right(m, ids, u[:-1], eos),
        ),
        (N_("No settings are wanted: no top_k, and temperature 1."), *(_loop(settings=x) for x in _SETTINGS)),
        (
            N_("Parts of the model are still switched off at random (dropout). Begin with model.eval()."),
            _loop(quiet=False),
        ),
    ],
    errors={
        "no attribute 'probs'": N_(
            "gptcore.draw(distribution, uniform) takes what next_token_distribution gave, then a dart."
        )
    },
    reminder=N_(
        "In each step, for each dart: the scores are model(token_ids[None])[0, -1], the chances "
        "gptcore.next_token_distribution(scores), the token gptcore.draw(chances, uniform)."
    ),
    luck=N_("Use the numbers in uniforms, and no other luck."),
)


# Exercise 2: the surprise -------------------------------------------------------------------------------------------


def _log_probs(model: GPTModel, ids: Tensor, dim: int = -1) -> Tensor:
    """(T, vocab_size)"""
    with evaluating(model):
        return model(ids[None])[0].double().log_softmax(dim)


def _surprises(model: GPTModel, ids: Tensor, dim: int = -1) -> Tensor:
    """(T - 1,): −ln of the chance of each token but the first."""
    return -_log_probs(model, ids, dim)[:-1].gather(-1, ids[1:, None]).squeeze(-1)


def _same_row(model: GPTModel, ids: Tensor) -> Tensor:
    """(T,): −ln of the chance of each token, looked up in the row that has read it already."""
    return -_log_probs(model, ids).gather(-1, ids[:, None]).squeeze(-1)


# function(model, token_ids (T,)) → the sum of −ln of the chance of each token but the first, in nats
check_surprise = Exercise(
    right=N_("that is the total surprise in nats, each token against the row before it."),
    reference=lambda m, ids: _surprises(m, ids).sum(),
    tolerance=1e-3,
    cases=[
        case(MODEL, tensor([3, 1, 4, 1, 5, 9]), given=N_("the text [3, 1, 4, 1, 5, 9]")),
        case(MODEL, tensor([2, 7, 1, 8]), given=N_("the text [2, 7, 1, 8]")),
    ],
    mistakes=[
        (N_("The sign: ln p is negative, and a surprise is -ln p."), lambda m, ids: -_surprises(m, ids).sum()),
        (
            N_("This is in bits, with the logarithm to base 2; nats need the natural one, .log()."),
            lambda m, ids: _surprises(m, ids).sum() / math.log(2),
        ),
        (
            N_("This has the logarithm to base 10; nats need the natural one, .log()."),
            lambda m, ids: _surprises(m, ids).sum() / math.log(10),
        ),
        (N_("This is the mean of the surprises; the total is their sum."), lambda m, ids: _surprises(m, ids).mean()),
        (N_("This adds the chances up; add -ln of each chance."), lambda m, ids: (-_surprises(m, ids)).exp().sum()),
        (
            N_("This is the chance of the whole text; its surprise is -ln of it."),
            lambda m, ids: (-_surprises(m, ids)).exp().prod(),
        ),
        (
            N_("This is the surprise at the last token alone; add up those of all."),
            lambda m, ids: _surprises(m, ids)[-1],
        ),
        (N_("One number is asked for: add them up."), _surprises),
        (
            N_("Each row scores the token that comes *next*: row t belongs to token t + 1."),
            lambda m, ids: _same_row(m, ids).sum(),
            lambda m, ids: _same_row(m, ids)[1:].sum(),
            lambda m, ids: _same_row(m, ids)[:-1].sum(),
        ),
        (
            N_("These are scores, not chances: softmax comes first."),
            lambda m, ids: -m(ids[None])[0, :-1].gather(-1, ids[1:, None]).sum(),
        ),
        (
            N_("The softmax ran over the positions; it runs over the vocabulary, dim=-1."),
            lambda m, ids: _surprises(m, ids, dim=0).sum(),
        ),
    ],
    reminder=N_("Row t of the model's output gives the chance of token t + 1; add up -ln of these."),
)


# Exercise 3: a seed -------------------------------------------------------------------------------------------------


def check_seed(seed: Any, model: GPTModel, tokenizer: Any, prompt: str = "옛날 옛적에", count: int = 20) -> None:
    """Print whether with `seed` temperatures 0.7 and 1.0, top-k 10, write the same first `count` tokens."""

    def in_common(seed: Any) -> str:
        if not is_integer(seed) or not 0 <= seed < 2**63:
            sentence = _("a seed is an integer of at least 0 and below 2**63, and this is {seed}")
            raise ValueError(sentence.format(seed=repr(seed)))
        token_ids = tensor([tokenizer.encode(prompt)], device=model.device)
        cold, hot = (
            generate(model, token_ids, count, t, 10, seed=int(seed))[0, token_ids.shape[1] :] for t in (0.7, 1.0)
        )
        return N_("the same {count}", count=int((cold == hot).cumprod(0).sum()))

    Value(
        name="lesson05.check_seed",
        right=N_("with this luck both temperatures write the same first {count} tokens.", count=count),
        what=N_("a seed, such as 7"),
        reference=N_("the same {count}", count=count),
        observe=in_common,
        reminder=N_("A seed is no measure of anything, so nearby seeds are no better: try many, in a loop."),
    )(seed)


# Exercise 4: a repetition penalty -----------------------------------------------------------------------------------


def _penalised(token_ids: Tensor, logits: Tensor, penalty: float) -> Tensor:
    from transformers import RepetitionPenaltyLogitsProcessor  # slow to import, so only when it is needed

    return RepetitionPenaltyLogitsProcessor(penalty)(token_ids, logits)


def _written(token_ids: Tensor, logits: Tensor) -> Tensor:
    """bool (B, vocab_size): which tokens each text holds."""
    return torch.zeros_like(logits, dtype=torch.bool).scatter(1, token_ids, True)


def _changing(change: Callable[[Tensor, float], Tensor], last: int = 0) -> Callable[..., Tensor]:
    """The scores of the tokens of the text, or of its last few, changed in some way."""
    return lambda ids, logits, penalty: torch.where(_written(ids[:, -last:], logits), change(logits, penalty), logits)


def _divided(logits: Tensor, penalty: float) -> Tensor:
    """The penalty as it should be, on all scores."""
    return torch.where(logits > 0, logits / penalty, logits * penalty)


def _each_time(token_ids: Tensor, logits: Tensor, penalty: float) -> Tensor:
    times = torch.zeros_like(logits).scatter_add(1, token_ids, torch.ones_like(token_ids, dtype=logits.dtype))
    return torch.where(logits > 0, logits / penalty**times, logits * penalty**times)


def _on_a_copy(function: Callable[..., Any], token_ids: Tensor, logits: Tensor, *more: Any) -> Any:
    return function(token_ids, logits.clone(), *more)  # a processor may write into the logits


_SCORES = tensor([[3.0, -1.0, 0.5, 2.0, -4.0]])

# function(token_ids (B, T), logits (B, vocab_size), penalty) → logits (B, vocab_size)
check_penalty = Exercise(
    right=N_("these are the scores that transformers' own RepetitionPenaltyLogitsProcessor gives."),
    reference=_penalised,
    observe=_on_a_copy,
    cases=[
        case(tensor([[0, 2]]), _SCORES, 2.0),
        case(tensor([[4, 3]]), _SCORES, 2.0),
        case(tensor([[3, 1, 3, 3]]), _SCORES, 1.5),
    ],
    edges=[
        case(
            tensor([[0, 1], [3, 4]]),
            _SCORES.repeat(2, 1),
            2.0,
            why=N_("Each row of scores belongs to one text: row 0 to token_ids[0], row 1 to token_ids[1]."),
        ),
        case(
            tensor([[2, 0]]),
            tensor([[1.0, 2.0, -torch.inf, 0.0]]),
            1.2,
            why=N_("A banned token, with a score of -inf, stays banned."),
        ),
        case(tensor([[0, 1, 4]]), _SCORES, 1.0, why=N_("A penalty of 1 changes nothing.")),
        case(tensor([[0, 1, 4]]), _SCORES, 0.5, why=N_("Below 1 the same rule makes repetition likelier.")),
    ],
    mistakes=[
        (N_("The scores came back as they were."), lambda ids, logits, penalty: logits),
        (
            N_(
                "A negative score that is divided comes nearer to 0, so its token becomes likelier. Multiply it "
                "instead."
            ),
            _changing(lambda logits, penalty: logits / penalty),
        ),
        (
            N_("It is the other way round: divide the positive scores, multiply the negative ones."),
            _changing(lambda logits, penalty: torch.where(logits > 0, logits * penalty, logits / penalty)),
        ),
        (
            N_("A positive score that is multiplied makes its token likelier. Divide it instead."),
            _changing(lambda logits, penalty: logits * penalty),
        ),
        (
            N_("This subtracts the penalty. Here positive scores are divided by it, and negative ones multiplied."),
            _changing(lambda logits, penalty: logits - penalty),
        ),
        (
            N_("This bans every token of the text. The penalty only makes them less likely."),
            _changing(lambda logits, penalty: logits - torch.inf),
        ),
        (N_("A token pays once, however often the text holds it."), _each_time),
        (
            N_("All tokens have paid; only those that the text holds should."),
            lambda ids, logits, penalty: _divided(logits, penalty),
        ),
        (
            N_("The tokens that the text does not hold have paid; those that it holds should."),
            lambda ids, logits, penalty: torch.where(_written(ids, logits), logits, _divided(logits, penalty)),
        ),
        (N_("Only the last token has paid; every token of the text should."), _changing(_divided, last=1)),
        (
            N_("This divides chances. Divide the scores, and leave the softmax to the sampler."),
            _changing(lambda logits, penalty: logits.softmax(-1) / penalty),
            lambda ids, logits, penalty: _changing(lambda x, p: x / p)(ids, logits.softmax(-1), penalty),
        ),
        (
            N_("These are the scores of the text's tokens alone. Put them back among all the others, with scatter."),
            lambda ids, logits, penalty: _penalised(ids, logits, penalty).gather(1, ids),
        ),
        (
            N_("Every row has paid for the first text. Row 1 belongs to token_ids[1]."),
            lambda ids, logits, penalty: _penalised(ids[:1].expand_as(ids), logits, penalty),
        ),
        (
            N_("Every row has paid for all the texts. Each row pays for its own."),
            lambda ids, logits, penalty: _penalised(ids.reshape(1, -1).expand(len(ids), -1), logits, penalty),
        ),
    ],
    reminder=N_("For each token that the text holds: divide a positive score, multiply a negative one."),
)


# Exercise 5: a banned word ------------------------------------------------------------------------------------------


def _banned(token_ids: Tensor, logits: Tensor, word: list[int]) -> Tensor:
    from transformers import NoBadWordsLogitsProcessor

    return NoBadWordsLogitsProcessor([word])(token_ids, logits)


def _set(logits: Tensor, rows: Any, tokens: Any, score: float = -torch.inf) -> Tensor:
    """`score` for `tokens` of the rows for which `rows`, bool (B,), is True; a token may be a list."""
    changed = logits.clone()
    changed[:, tokens] = score
    return torch.where(torch.as_tensor(rows).reshape(-1, 1), changed, logits)


def _ends_with(token_ids: Tensor, part: list[int]) -> Tensor:
    """bool (B,)"""
    return tensor([row[len(row) - len(part) :] == part for row in token_ids.tolist()])


def _holds(token_ids: Tensor, part: list[int]) -> Tensor:
    """bool (B,): does the text have `part` anywhere?"""
    rows = token_ids.tolist()
    return tensor([any(row[i : i + len(part)] == part for i in range(len(row) - len(part) + 1)) for row in rows])


# function(token_ids (B, T), logits (B, vocab_size), word, a list of token ids) → logits (B, vocab_size)
check_banned_word = Exercise(
    right=N_("these are the scores that transformers' own NoBadWordsLogitsProcessor gives."),
    reference=_banned,
    observe=_on_a_copy,
    cases=[
        case(tensor([[0, 3]]), _SCORES, [2]),
        case(tensor([[2, 4, 1]]), _SCORES, [4, 1, 3]),
        case(tensor([[4, 1, 0]]), _SCORES, [4, 1, 3]),
        case(tensor([[0, 2, 1]]), _SCORES, [4, 1, 3]),
        case(tensor([[4, 2, 1]]), _SCORES, [4, 1, 3]),
        case(tensor([[4, 1, 3]]), _SCORES, [4, 1, 3]),
    ],
    edges=[
        case(tensor([[0]]), _SCORES, [4, 0, 3], why=N_("A text shorter than the word's beginning cannot end with it.")),
        case(tensor([[1, 1, 0]]), _SCORES, [1, 0, 1], why=N_("The last token of the word may be one of its first.")),
        case(
            tensor([[4, 2], [2, 4], [0, 3]]),
            _SCORES.repeat(3, 1),
            [4, 3],
            why=N_("Each row of scores belongs to one text, row 0 to token_ids[0]: look at each text."),
        ),
    ],
    mistakes=[
        (N_("The scores came back as they were."), lambda ids, logits, word: logits),
        (
            N_(
                "All tokens of the word are banned, and with them every other word that has one of them. "
                "Ban the last one, and only after the others."
            ),
            lambda ids, logits, word: _set(logits, True, word),
        ),
        (
            N_("The last token is banned everywhere, and other words may need it. Ban it only after the others."),
            lambda ids, logits, word: _set(logits, True, word[-1]),
        ),
        (
            N_("The first token is banned, and other words begin with it, too. Ban the last one, after the others."),
            lambda ids, logits, word: _set(logits, True, word[0]),
        ),
        (
            N_("All tokens of the word are banned after its beginning. Only the last one would finish it."),
            lambda ids, logits, word: _set(logits, _ends_with(ids, word[:-1]), word),
        ),
        (
            N_("The word's beginning counts only at the end of the text, not anywhere in it."),
            lambda ids, logits, word: _set(logits, _holds(ids, word[:-1]), word[-1]),
        ),
        (
            N_(
                "Only the last token of the text was looked at; it should end with all tokens of the word but the last."
            ),
            lambda ids, logits, word: _set(logits, _ends_with(ids, word[-2:-1]), word[-1]),
        ),
        (
            N_("It waits until the word is written. Then it is too late: look for the word without its last token."),
            lambda ids, logits, word: _set(logits, _ends_with(ids, word), word[-1]),
            lambda ids, logits, word: _set(logits, _ends_with(ids, word), word),
            lambda ids, logits, word: _set(logits, _holds(ids, word), word[-1]),
        ),
        (
            N_("A score of 0 is no ban: a token with it still has a chance. The score becomes -inf."),
            lambda ids, logits, word: _set(logits, _ends_with(ids, word[:-1]), word[-1], 0.0),
        ),
        (
            N_("A very low score is not quite the rule: make it -inf, and the chance is exactly 0 at any temperature."),
            *(
                lambda ids, logits, word, low=low: _set(logits, _ends_with(ids, word[:-1]), word[-1], low)
                for low in (
                    -1e9,
                    -1e10,
                    -1e8,
                    -1e6,
                    -1e5,
                    -1e4,
                    -9999.0,
                    -1000.0,
                    -999.0,
                    -100.0,
                    -3.4028234663852886e38,
                )
            ),
        ),
        (
            N_("All other tokens are banned, and the word's last one is left. It should be the other way round."),
            lambda ids, logits, word: torch.where(
                _banned(ids, logits, word) == logits,
                torch.where(_ends_with(ids, word[:-1])[:, None], -torch.inf, logits),
                logits,
            ),
        ),
        (
            N_("The score of the last token has become +inf, which no softmax can use. A ban is -inf."),
            lambda ids, logits, word: _set(logits, _ends_with(ids, word[:-1]), word[-1], torch.inf),
        ),
        (
            N_("A word of one token is always banned; there is no beginning to wait for."),
            lambda ids, logits, word: logits if len(word) == 1 else _banned(ids, logits, word),
        ),
        (
            N_("Only the first text was looked at, for all rows."),
            lambda ids, logits, word: _set(logits, _ends_with(ids[:1], word[:-1]), word[-1]),
        ),
        (
            N_("One text that ends with the word's beginning made all rows banned."),
            lambda ids, logits, word: _set(logits, _ends_with(ids, word[:-1]).any(), word[-1]),
        ),
    ],
    errors={"unhashable": N_("Compare lists with ==: token_ids[0].tolist()[-n:] == word[:-1].")},
    reminder=N_(
        "If the text ends with all tokens of the word but the last, the score of the last becomes -inf. "
        "Otherwise nothing changes."
    ),
)
