"""Make the bundled model from scratch, or measure it: `python -m gptcore.storyteller make`, or `measure`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from string import Template

import torch

from gptcore import GPTConfig, GPTModel, generate, load, load_tokenizer, save, stories
from gptcore.checks import check_integer
from gptcore.command_line import Parser, exit_code
from gptcore.files import write_text
from gptcore.hub import STORYTELLER
from gptcore.language import _
from gptcore.model import resolve_device
from gptcore.tokenizer import END_OF_TEXT, Tokenizer, byte_level_bpe
from gptcore.tokenizer_files import save_tokenizer
from gptcore.training import Progress, evaluate, fit

PROMPTS = {"en": "Once upon a time", "ko": "옛날 옛적에"}

# Seeds of stories: the tokenizers and the training start at 0; these are held out from both.
HELD_OUT, VALIDATION = 1_000_000_000, 2_000_000_000
TRAINING_STORIES = 10_000_000  # more than training reads, so that a story is repeated only by chance
TOKENIZER_STORIES = 20_000
HELD_OUT_STORIES, TOLD_STORIES = 1000, 200  # per language, for the measurement
EVAL_INTERVAL = 500  # training steps between checkpoints

VOCAB_SIZE, ENGLISH_VOCAB_SIZE = 3072, 1024
SHAPE = {"context_length": 256, "emb_dim": 192, "n_heads": 6, "n_layers": 4, "drop_rate": 0.0}


class Tales(Sequence):
    """Stories as documents of token ids, told when they are asked for; the `languages` alternate."""

    def __init__(self, tokenizer: Tokenizer, count: int, first_seed: int = 0, languages: Sequence[str] = ("en", "ko")):
        self.tokenizer, self.count, self.first_seed, self.languages = tokenizer, count, first_seed, languages

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> list[int]:
        if not 0 <= i < self.count:
            raise IndexError(i)
        return [*self.tokenizer.encode(self.text(i)), self.tokenizer.eos_token_id]

    def text(self, i: int) -> str:
        return stories.sample(self.languages[i % len(self.languages)], self.first_seed + i)


def make_tokenizer(vocab_size: int, languages: Sequence[str]) -> Tokenizer:
    """A byte-level BPE in GPT-2's format: 256 bytes, the most frequent merges in the stories, and end of text."""
    from tokenizers import pre_tokenizers, trainers

    backend = byte_level_bpe()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1,  # the last one is the end-of-text token, as in GPT-2
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(
        (stories.sample(language, seed) for seed in range(TOKENIZER_STORIES) for language in languages), trainer
    )
    backend.add_special_tokens([END_OF_TEXT])
    return Tokenizer(backend)


def make(folder: Path, device: str, max_steps: int, batch_size: int) -> None:
    """Write tokenizers, model and card to `folder`, continuing from the checkpoint if it holds one."""
    found, checkpoint = resolve_device(device), folder / "training.safetensors"
    if not checkpoint.is_file():
        write_tokenizer(folder, VOCAB_SIZE, ("en", "ko"))
        write_tokenizer(folder / "english_tokenizer", ENGLISH_VOCAB_SIZE, ("en",))
    tokenizer = load_tokenizer(folder)
    torch.manual_seed(0)
    model = GPTModel(GPTConfig(vocab_size=len(tokenizer), **SHAPE)).to(found)
    train(model, tokenizer, max_steps, batch_size, checkpoint)
    save(folder, model.cpu(), tokenizer)
    write_text(folder / "README.md", card(model, measure(folder, device), max_steps, batch_size))
    checkpoint.unlink()


def write_tokenizer(folder: Path, vocab_size: int, languages: Sequence[str]) -> None:
    said = _("tokenizer of {count} tokens → {folder}")
    print(said.format(count=f"{vocab_size:,}", folder=folder), flush=True)
    save_tokenizer(folder, make_tokenizer(vocab_size, languages))


def train(model: GPTModel, tokenizer: Tokenizer, max_steps: int, batch_size: int, checkpoint: Path) -> None:
    """Train `model` on the tales; raises KeyboardInterrupt if the training was interrupted."""
    said = _("training {count} parameters on {device}")
    print(said.format(count=f"{model.num_parameters():,}", device=model.device), flush=True)
    history = fit(
        model,
        Tales(tokenizer, TRAINING_STORIES),
        Tales(tokenizer, 128, VALIDATION),
        max_steps=max_steps,
        batch_size=batch_size,
        learning_rate=2e-3,
        min_learning_rate=2e-5,
        warmup_steps=200,
        weight_decay=0.01,
        eval_interval=EVAL_INTERVAL,
        seed=0,
        on_progress=print_progress,
        checkpoint=checkpoint,
        autocast=torch.bfloat16,
    )
    if history.stopped_by == "interrupt":
        raise KeyboardInterrupt  # the checkpoint stays, and so does the model in the folder


def print_progress(progress: Progress) -> None:
    parts = [
        _("step {step} of {most}").format(step=f"{progress.step:,}", most=f"{progress.max_steps:,}"),
        _("loss {loss}").format(loss=f"{progress.loss:.4f}"),
        "" if progress.val_loss is None else _("held out {loss}").format(loss=f"{progress.val_loss:.4f}"),
        _("{n} tokens/s").format(n=f"{progress.tokens_per_second:,.0f}"),
        _("{n} minutes left").format(n=f"{progress.seconds_left / 60:.0f}"),
    ]
    print("  ".join(filter(None, parts)), flush=True)


def measure(folder: Path, device: str) -> str:
    """A table with one row per language: loss, entropy of the source, and how many stories end and are possible."""
    model, tokenizer = load(folder, device)
    rows = [
        "| language | loss | entropy of the source | above it | ended | ended and possible |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    held_out, told = HELD_OUT_STORIES, TOLD_STORIES
    for language, prompt in PROMPTS.items():
        tales = Tales(tokenizer, held_out, HELD_OUT, [language])
        loss = evaluate(model, tales)
        entropy = -sum(stories.score(tales.text(i)) for i in range(held_out)) / loss.tokens
        texts = tell(model, tokenizer, prompt, told)
        ended = [text for text in texts if text is not None]
        possible = [text for text in ended if stories.score(text) > -torch.inf]
        rows.append(
            f"| {language} | {loss.loss:.4f} | {entropy:.4f} | {loss.loss / entropy - 1:.1%} "
            f"| {len(ended)} of {told} | {len(possible)} of {told} |"
        )
    return "\n".join(rows)


def tell(model: GPTModel, tokenizer: Tokenizer, prompt: str, count: int) -> list[str | None]:
    """`count` stories at temperature 0.7 and top_k 10; None for a story that does not end within the context."""
    prompt_ids = torch.tensor([tokenizer.encode(prompt)] * count, device=model.device)
    room = model.config.context_length - prompt_ids.shape[1]
    eos = tokenizer.eos_token_id
    texts: list[str | None] = []
    for row in generate(model, prompt_ids, room, temperature=0.7, top_k=10, seed=0, eos_token_id=eos).tolist():
        texts.append(tokenizer.decode(row[: row.index(eos)]) if eos in row else None)
    return texts


def card(model: GPTModel, table: str, max_steps: int, batch_size: int) -> str:
    """The model card, with the measurements."""
    config = model.config
    return CARD.substitute(
        table=table,
        parameters=f"{model.num_parameters():,}",
        shape=f"{config.n_layers} layers, {config.n_heads} heads, {config.emb_dim} wide",
        seen=f"{max_steps * batch_size * config.context_length:,}",
        steps=f"{max_steps:,}",
        batch_size=batch_size,
        context_length=config.context_length,
        held_out=f"{HELD_OUT_STORIES:,}",
        told=TOLD_STORIES,
    )


CARD = Template("""\
# Storyteller

The model that comes with gptcore: a GPT-2 of $parameters parameters ($shape) that tells fairy tales in English and
Korean, and knows nothing else. With it a lesson needs no network, and the model's probabilities can be compared with
the true ones.

**Training data.** Tales told by the programs in `gptcore/stories`, and no other text: $seen tokens, half English and
half Korean, with hardly any tale seen twice. `gptcore.stories` computes the probability of every word of a tale, so
the lowest loss that a model can expect is known: the entropy of the source.

**Quality.** The loss is in nats per token, on $held_out held-out tales per language, each read from its start and
with its end counted. The last two columns count, among $told tales per language told at temperature 0.7 and top_k 10,
those that come to an end, and those that the source could have told, word for word.

$table

**Limits.** It answers no questions and has no opinions; outside its tales it babbles. Its people and animals are
invented.

**How to make it.** `python -m gptcore.storyteller make` makes the tokenizers and the model from scratch: $steps steps
of $batch_size rows of $context_length tokens, AdamW, bfloat16 autocast, seed 0. With two CPU threads it
takes the better part of an hour. `python -m gptcore.storyteller measure` prints the table. On a different CPU the
weights differ slightly. `english_tokenizer` is a smaller tokenizer, trained on the English tales alone, for the lessons
about tokens.

MIT licence, like the rest of gptcore.
""")


def main() -> None:
    parser = Parser(
        prog="python -m gptcore.storyteller",
        description=_("Make the bundled model from scratch, or measure it."),
        epilog=_(
            "make writes the tokenizers, trains the model, measures it and writes its card; after an interruption it "
            "continues from its last checkpoint. measure measures the model and prints the card's table."
        ),
    )
    add = parser.add_argument
    add("command", choices=["make", "measure"])
    add("--folder", type=Path, default=STORYTELLER, help=_("the model's folder (default: in the package)"))
    add("--device", default="auto", help=_('"auto", "cpu", "cuda" (default: auto)'))
    add("--steps", type=int, default=9000, help=_("training steps (default: %(default)s)"))
    add("--batch-size", type=int, default=16, help=_("rows of 256 tokens per step (default: %(default)s)"))
    arguments = parser.parse_args()
    try:
        check_integer("--steps", arguments.steps, least=1)
        check_integer("--batch-size", arguments.batch_size, least=1)
        if arguments.command == "make":
            make(arguments.folder, arguments.device, arguments.steps, arguments.batch_size)
        else:
            print(measure(arguments.folder, arguments.device))
    except ValueError as error:
        parser.exit(2, f"gptcore.storyteller: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "\n" + _("stopped; the same command continues from the last checkpoint") + "\n")


if __name__ == "__main__":
    sys.exit(exit_code("gptcore.storyteller", main))
