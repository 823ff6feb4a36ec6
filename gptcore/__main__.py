"""A GPT in the terminal: python -m gptcore "Once upon a time"."""

import argparse
import os
import sys
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from random import randrange
from typing import Any

from gptcore.checkpoint import load
from gptcore.checks import check_integer
from gptcore.command_line import Parser, exit_code, say
from gptcore.generation import Step
from gptcore.language import _
from gptcore.letters import composed_notice
from gptcore.page import address
from gptcore.printable import printable
from gptcore.sampling import Sampling
from gptcore.text_generation import stream_text, text_steps
from gptcore.tokenizer import end_token_ids, stream_decode, token_label

CANDIDATES, LABEL_WIDTH, BAR_WIDTH = 5, 16, 30


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m gptcore",
        description=_("Continue a text, token by token."),
        epilog=_(
            'examples: python -m gptcore "Once upon a time" --seed 7    '
            'echo "옛날 옛적에" | python -m gptcore - --steps'
        ),
    )
    add = parser.add_argument
    add("prompt", nargs="?", default=_("Once upon a time"), help=_('the beginning; "-" reads standard input'))
    add("--model", default="storyteller", help=_("the bundled model, a folder, or a Hugging Face name"))
    add("--max-new-tokens", type=int, default=200, help=_("the most to write (default: %(default)s)"))
    add("--temperature", type=float, default=0.7, help=_("0: always the likeliest (default: %(default)s)"))
    add("--top-k", type=int, help=_("keep the k likeliest tokens (default: 10, if no --top-p is given)"))
    add("--top-p", type=float, help=_("keep the likeliest tokens that together reach this probability"))
    add("--seed", type=int, help=_("the same seed writes the same text (default: a new one each time)"))
    add("--device", default="auto", help=_('"cpu", "cuda" or "mps" (default: CUDA if there is one)'))
    add("--steps", action="store_true", help=_("show the five likeliest candidates for each token"))
    return parser


def main() -> int:
    return exit_code("gptcore", _write)


def _write() -> None:
    warnings.showwarning = _say
    arguments = _completed(_parser().parse_args())
    is_terminal = sys.stdout.isatty()  # on which an escape sequence would act
    for piece in _pieces(arguments):
        print(printable(piece) if is_terminal else piece, end="", flush=True)
    print()
    if arguments.is_linked:
        sys.stdout.flush()
        say("gptcore", _link(arguments))


def _say(warning: Any, *_more: Any) -> None:
    say("gptcore", warning)


def _completed(arguments: argparse.Namespace) -> argparse.Namespace:
    """The arguments, with the prompt that is read, and with what holds where none was given."""
    given = _read_prompt() if arguments.prompt == "-" else _as_utf8(arguments.prompt)
    arguments.prompt, notice = composed_notice("prompt", given)
    if notice:
        say("gptcore", notice)
    if arguments.top_k is None and arguments.top_p is None:
        arguments.top_k = 10
    check_integer("max_new_tokens", arguments.max_new_tokens, least=0)
    arguments.is_linked = address.base() is not None and arguments.model == "storyteller"
    if arguments.is_linked and arguments.seed is None:
        arguments.seed = randrange(2**31)  # a text without a seed has no link
    return arguments


def _link(arguments: argparse.Namespace) -> str:
    """The link to a page that shows this very text."""
    settings = {name: getattr(arguments, name) for name in ("prompt", "seed", "temperature", "top_k")}
    if arguments.steps or arguments.top_p is not None:
        more = {"top_p": arguments.top_p, "max_new_tokens": arguments.max_new_tokens}
        return address.link("GenerationStepper", settings | more)
    return address.link("Story", settings | {"max_length": arguments.max_new_tokens})


def _pieces(arguments: argparse.Namespace) -> Iterator[str]:
    sampling = Sampling(arguments.temperature, arguments.top_k, arguments.top_p)
    with redirect_stdout(sys.stderr):  # messages about a download are not part of the text
        model, tokenizer = load(arguments.model, arguments.device)
    job = model, arguments.prompt, tokenizer, arguments.max_new_tokens
    if not arguments.steps:
        yield from stream_text(*job, **vars(sampling), seed=arguments.seed)
        return
    prompt_ids, steps = text_steps(*job, sampling, arguments.seed)
    new_ids = []
    for step in steps:
        yield _chart(step, tokenizer)
        if step.token_id not in end_token_ids(tokenizer):
            new_ids.append(step.token_id)
    yield "\n"
    yield from stream_decode(tokenizer, new_ids, start=prompt_ids, cut=True)


def _chart(step: Step, tokenizer: Any) -> str:
    """The likeliest candidates of a step as bars of text; the drawn one is marked, and added if missing."""
    probs = step.distribution.probs
    shown = probs.topk(min(CANDIDATES, int(step.distribution.kept_count))).indices.tolist()
    if step.token_id not in shown:
        shown.append(step.token_id)
    block = "█" if _as_written("█") == "█" else "#"
    labels = [_as_written(token_label(tokenizer, token_id)) for token_id in shown]
    width = max(LABEL_WIDTH, *map(_columns, labels))
    lines = [_("token {number}").format(number=step.position + 1)]
    for token_id, label in zip(shown, labels, strict=True):
        bar = (block * round(BAR_WIDTH * probs[token_id].item())).ljust(BAR_WIDTH)
        mark = _("  <- drawn") if token_id == step.token_id else ""
        lines.append(f"  {label}{' ' * (width - _columns(label))} {bar} {probs[token_id]:6.1%}{mark}")
    return "\n".join(lines) + "\n"


def _columns(text: str) -> int:
    """How many columns `text` takes in a terminal: a Hangul syllable takes two."""
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in text)


def _as_written(text: str) -> str:
    """`text` as standard output writes it, with \\uXXXX for what its encoding lacks."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _as_utf8(argument: str) -> str:
    """`argument`, decoded as UTF-8 if the terminal's own encoding could not decode it."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        with suppress(UnicodeDecodeError):
            return os.fsencode(argument).decode("utf-8")
    return argument


def _read_prompt() -> str:
    """The text on standard input, in UTF-8 or else in the terminal's own encoding."""
    if sys.stdin is None:
        raise ValueError(_('prompt "-" reads standard input, which is closed'))
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        with suppress(UnicodeDecodeError):
            return data.decode(sys.stdin.encoding).rstrip("\r\n")
        wrong = error.object[error.start]
        said = _("prompt from standard input must be UTF-8 text, got byte {value}")
        raise ValueError(said.format(value=f"{wrong:#04x}")) from None


if __name__ == "__main__":
    sys.exit(main())
