"""How fast a text is generated, and how close that is to what the machine allows."""

import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from gptcore import stories
from gptcore.benchmark import peers
from gptcore.benchmark.engines import ENGINES, installed, missing
from gptcore.benchmark.engines.alone import Alone
from gptcore.benchmark.measure import Row, durations, interleaved_seconds, not_measured, rates
from gptcore.checkpoint import load_model, load_tokenizer, save
from gptcore.config import GPT_CONFIG_124M
from gptcore.costs import seconds_per_token
from gptcore.generation import generate, generate_steps
from gptcore.hub import STORYTELLER
from gptcore.language import _
from gptcore.model import GPTModel, KVCache, evaluating
from gptcore.timing import read_bandwidth
from gptcore.units import bytes_text

TEMPERATURE, TOP_K = 0.7, 10
PROMPT = torch.tensor([[7, 8, 9, 10]])
FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "int8": torch.int8}
Scorer = Callable[[Tensor], Tensor]  # token ids (1, T) → logits (T, vocab_size)


def ours(model: GPTModel, **settings) -> peers.Writer:
    settings = {"temperature": TEMPERATURE, "top_k": TOP_K, "seed": 1, **settings}
    return lambda token_ids, max_new_tokens: generate(model, token_ids, max_new_tokens, **settings)


def steps(model: GPTModel) -> peers.Writer:
    def write(token_ids: Tensor, max_new_tokens: int) -> None:
        for step in generate_steps(model, token_ids, max_new_tokens, TEMPERATURE, TOP_K, seed=1):
            step.distribution.probs  # noqa: B018  (each record is made and used)

    return write


@contextmanager
def gpt2_small() -> Iterator[Path]:
    """A folder with a GPT-2 of 124 million random weights: speed does not depend on their values."""
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        save(folder, GPTModel(GPT_CONFIG_124M), load_tokenizer())
        yield Path(folder)


def writers(folder: Path) -> dict[str, peers.Writer]:
    """Every way to generate from the weights in `folder`, by name, except peers that are not installed."""
    model = load_model(folder)
    found: dict[str, peers.Writer | None] = {
        "transformers, float32": peers.transformers_generate(folder, TEMPERATURE, TOP_K),
        "gptcore, float32": ours(model),
        "gptcore, generate_steps, float32": steps(model),
        **{f"gptcore, {name}": ours(load_model(folder, dtype=dtype)) for name, dtype in list(FORMATS.items())[1:]},
    }
    if model.device.type == "cuda":
        found["gptcore, CUDA graph, float32"] = ours(model, cuda_graph=True)
        found["gptcore, CUDA graph, bfloat16"] = ours(load_model(folder, dtype=torch.bfloat16), cuda_graph=True)
    found["llms-from-scratch, float32"] = peers.from_scratch_generate(model, TEMPERATURE, TOP_K)
    plain = peers.plain_model(model)
    found[_("the first lesson's loop, float32")] = peers.lesson_loop(plain, TEMPERATURE, TOP_K)
    found[_("nanoGPT's shape of loop, float32")] = peers.cropped_loop(plain, TEMPERATURE, TOP_K)
    if model.device.type == "cpu":
        found |= engine_writers(folder)
    return {name: writer for name, writer in found.items() if writer is not None}


def engine_writers(folder: Path) -> dict[str, peers.Writer]:
    """The other programs that are installed, with the weights in `folder` as float32 and as int8.

    Each has a process of its own, and as many threads as it is quickest with.
    """
    return {
        f"{name}, {kind}": Alone(engine, folder, kind, TEMPERATURE, TOP_K)
        for name, engine in installed().items()
        for kind in ("float32", "int8")
    }


def generation(repeats: int) -> list[Row]:
    """Tokens per second of GPT-2's size, 124M: one text, 200 new tokens."""
    with gpt2_small() as folder:
        rows = _tokens_per_second(writers(folder), 200, repeats, warm_up=8)
        model = load_model(folder)
    bandwidth = read_bandwidth(model.device, megabytes=400)
    for name, dtype in FORMATS.items():
        limit = 1 / seconds_per_token(model.config, tokens=0, dtype=dtype, bandwidth=bandwidth)
        rows.append(
            Row(
                _("limit: reading {name} weights").format(name=name),
                limit,
                "tokens/s",
                note=_("at {speed}").format(speed=f"{bytes_text(bandwidth)}/s"),
            )
        )
    return rows


def storyteller(repeats: int) -> list[Row]:
    """Tokens per second of the bundled model: 200 new tokens, one text and many."""
    model = load_model()
    found = writers(STORYTELLER)
    found["gptcore, top_p 0.9 too, float32"] = ours(model, top_p=0.9)
    found["transformers, top_p 0.9 too, float32"] = peers.transformers_generate(
        STORYTELLER, TEMPERATURE, TOP_K, top_p=0.9
    )
    rows = _tokens_per_second(found, 200, repeats, warm_up=40)
    prompt = PROMPT.to(model.device)
    one, many = _("gptcore, 1 text at once"), _("gptcore, 16 texts at once")
    jobs = {name: partial(ours(model), prompt.repeat(n, 1), 200) for name, n in ((one, 1), (many, 16))}
    seconds = interleaved_seconds(jobs, repeats)
    seconds[many] = [time / 16 for time in seconds[many]]  # per text
    return rows + rates(seconds, 200, "tokens/s", one)


def formats(repeats: int) -> list[Row]:
    """What fewer bits change: 30 greedy texts of 64 tokens by the bundled model, and the KL divergence."""
    model, tokenizer = load_model(device="cpu"), load_tokenizer()
    tales = [stories.sample(language, seed) for language in stories.LANGUAGES for seed in range(15)]
    texts = [torch.tensor([tokenizer.encode(tale)]) for tale in tales]
    written = [generate(model, text[:, :12], 64, 0) for text in texts]
    rows = []
    for name, (greedy, others) in _roundings().items():
        same = sum(torch.equal(expected, greedy(expected[:, :12], 64)) for expected in written)
        rows.append(
            Row(_("{name}: unchanged greedy texts").format(name=name), same, _("of {count}").format(count=len(texts)))
        )
        if name != "float32":
            kl = kl_divergence(logits(model), others, texts[::3])
            rows.append(Row(_("{name}: KL from float32").format(name=name), kl, "nats/token"))
    return rows + not_installed()


def _roundings() -> dict[str, tuple[peers.Writer, Scorer]]:
    """The bundled model in each format, and in each engine with int8: how it writes greedily, and how it scores."""
    found = {}
    for name, dtype in FORMATS.items():
        model = load_model(device="cpu", dtype=dtype)
        found[name] = partial(generate, model, temperature=0), logits(model)
    for name, engine in installed().items():
        theirs = engine(STORYTELLER, "int8", 1.0, 1, torch.get_num_threads())
        found[f"{name}, int8"] = theirs.write, theirs.logits
    return found


def kl_divergence(scores: Scorer, others: Scorer, texts: list[Tensor]) -> float:
    """Mean KL divergence, in nats per token, of the probabilities by `others` from those by `scores`."""
    total, count = 0.0, 0
    for text in texts:
        p, q = (scorer(text).double().log_softmax(-1) for scorer in (scores, others))
        total += (p.exp() * (p - q)).sum().item()
        count += len(p)
    return total / count


def logits(model: GPTModel) -> Scorer:
    """What `model` says when it reads one token at a time, as in writing."""

    def score(text: Tensor) -> Tensor:
        cache = KVCache(model.config, 1, text.shape[1], model.device, model.dtype)
        with evaluating(model):
            return torch.cat([model(text[:, i : i + 1], cache)[0] for i in range(text.shape[1])])

    return score


def prompt(repeats: int) -> list[Row]:
    """GPT-2's size, 124M: the first token after a prompt of 1,000, and one more token as the text grows."""
    with gpt2_small() as folder:
        model = load_model(folder)
        theirs = peers.transformers_generate(folder, TEMPERATURE, TOP_K)
    long = torch.randint(model.config.vocab_size, (1, 1000), device=model.device)
    first = {
        _("transformers: first token after 1,000"): partial(theirs, long, 1),
        _("gptcore: first token after 1,000"): partial(ours(model), long, 1),
    }
    one_more = _("gptcore: one more token after {count}")
    grown = {one_more.format(count=f"{n:,}"): _one_more(model, long, n) for n in (64, 128, 256, 512, 1000)}
    return [
        *durations(interleaved_seconds(first, repeats, warm_up=1), "ms", next(iter(first))),
        *durations(interleaved_seconds(grown, 5 * repeats, warm_up=2), "ms", next(iter(grown))),
    ]


def window(repeats: int) -> list[Row]:
    """Past the context of the bundled model: one token beside one reading of the whole window."""
    model = load_model()
    size = model.config.context_length
    full = torch.randint(model.config.vocab_size, (1, size), device=model.device)

    def read() -> None:
        with evaluating(model):
            for _ in range(20):
                model.head(model.hidden_states(full)[:, -1])

    reading = _("reading the window, 20 times")
    jobs = {reading: read, _("20 tokens past the end"): partial(ours(model), full, 20)}
    return durations(interleaved_seconds(jobs, repeats, warm_up=1), "ms", reading)


def _one_more(model: GPTModel, text: Tensor, length: int) -> Callable[[], None]:
    cache = KVCache(model.config, 1, length + 1, model.device, model.dtype)
    with evaluating(model):
        model.hidden_states(text[:, :length], cache)

    def step() -> None:
        cache.length = length
        with evaluating(model):
            model.head(model.hidden_states(text[:, :1], cache)[:, -1])

    return step


def _tokens_per_second(found: dict[str, peers.Writer], count: int, repeats: int, warm_up: int) -> list[Row]:
    token_ids = PROMPT.to("cuda" if torch.cuda.is_available() else "cpu")
    interleaved_seconds({name: partial(write, token_ids, warm_up) for name, write in found.items()}, 1)
    jobs = {name: partial(write, token_ids, count) for name, write in found.items()}
    seconds = interleaved_seconds(jobs, repeats)
    rows = [_with_threads(row, found) for row in rates(seconds, count, "tokens/s", "transformers, float32")]
    if torch.cuda.is_available():
        return rows + not_measured(_("{names} are measured on a CPU only").format(names=", ".join(ENGINES)))
    return rows + beside_the_best(seconds, count) + not_installed()


def _with_threads(row: Row, found: dict[str, peers.Writer]) -> Row:
    writer = found[row.name]
    return replace(row, note=_("threads: {count}").format(count=writer.threads)) if isinstance(writer, Alone) else row


def beside_the_best(seconds: dict[str, list[float]], count: int) -> list[Row]:
    """gptcore again, beside the quickest engine that has weights of the same kind."""
    rows = []
    for kind in ("float32", "int8"):
        theirs = [f"{name}, {kind}" for name in ENGINES if f"{name}, {kind}" in seconds]
        if theirs:
            best, ours = min(theirs, key=lambda name: statistics.median(seconds[name])), f"gptcore, {kind}"
            rows += rates({ours: seconds[ours], best: seconds[best]}, count, "tokens/s", best)[:1]
    return rows


def not_installed() -> list[Row]:
    """A row for each engine that cannot run here, and what to install for it."""
    rows = []
    for name, engine in ENGINES.items():
        if packages := missing(engine):
            why = _("{name} is not installed: pip install {packages}").format(name=name, packages=" ".join(packages))
            rows += not_measured(why)
    return rows
