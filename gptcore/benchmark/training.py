"""Training beside a straightforward loop: the same GPT, the same batches, plain PyTorch with its defaults."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptcore import stories
from gptcore.benchmark.measure import Row, interleaved_seconds, rates
from gptcore.config import GPTConfig
from gptcore.language import _
from gptcore.model import GPTModel
from gptcore.training import fit

# nanoGPT's published settings for a CPU, one token per character (its README, "I only have a macbook").
CONFIG = GPTConfig(vocab_size=65, context_length=64, emb_dim=128, n_heads=4, n_layers=4, drop_rate=0.0)
BATCH, STEPS = 12, 150


def training(repeats: int) -> list[Row]:
    """Tokens per second in training a small GPT: nanoGPT's settings for a CPU, 4 layers, width 128, context 64."""
    token_ids = letter_ids()
    torch.manual_seed(0)
    ours, plain = GPTModel(CONFIG), PlainGPT(CONFIG)
    peer = _("a straightforward loop")
    jobs = {
        peer: partial(plain_training, plain, token_ids, STEPS),
        "gptcore.fit": partial(fit, ours, token_ids, max_steps=STEPS, batch_size=BATCH),
        "gptcore.fit, TrainingMonitor": _monitored(token_ids),
    }
    seconds = interleaved_seconds(jobs, 2 * repeats + 1, warm_up=1)
    return rates(seconds, STEPS * BATCH * CONFIG.context_length, "tokens/s", peer)


def letter_ids() -> Tensor:
    """A hundred tales, one token per character."""
    text = "".join(stories.sample("en", seed) for seed in range(100))
    letters = {letter: i for i, letter in enumerate(sorted(set(text)))}
    return torch.tensor([letters[letter] for letter in text])


def _monitored(token_ids: Tensor) -> Callable[[], object]:
    """`fit` as a notebook runs it, with the live widget."""
    import asyncio

    from gptcore.show import TrainingMonitor
    from gptcore.tokenizer import Tokenizer

    letters = Tokenizer.of_characters("".join(chr(ord("A") + i) for i in range(CONFIG.vocab_size - 1)) + "\n")
    monitor = TrainingMonitor(GPTModel(CONFIG), letters, prompt="A")
    return lambda: asyncio.run(monitor.fit(token_ids, max_steps=STEPS, batch_size=BATCH))


class PlainGPT(nn.Module):
    """A GPT as a tutorial writes it, of the same size."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        C, T = config.emb_dim, config.context_length
        self.tokens, self.positions = nn.Embedding(config.vocab_size, C), nn.Embedding(T, C)
        self.blocks = nn.Sequential(*(PlainBlock(C, config.n_heads) for _ in range(config.n_layers)))
        self.norm, self.head = nn.LayerNorm(C), nn.Linear(C, config.vocab_size, bias=False)
        for parameter in self.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)
        self.head.weight = self.tokens.weight

    def forward(self, token_ids: Tensor) -> Tensor:
        x = self.tokens(token_ids) + self.positions(torch.arange(token_ids.shape[1]))
        return self.head(self.norm(self.blocks(x)))


class PlainBlock(nn.Module):
    """Attention and feed-forward, with PyTorch's own attention function."""

    def __init__(self, C: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.norm1, self.norm2 = nn.LayerNorm(C), nn.LayerNorm(C)
        self.query, self.key, self.value, self.proj = (nn.Linear(C, C) for _ in range(4))
        self.mlp = nn.Sequential(nn.Linear(C, 4 * C), nn.GELU(approximate="tanh"), nn.Linear(4 * C, C))

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        h = self.norm1(x)
        q, k, v = (f(h).view(B, T, self.n_heads, -1).transpose(1, 2) for f in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(mixed.transpose(1, 2).reshape(B, T, C))
        return x + self.mlp(self.norm2(x))


def plain_training(model: nn.Module, token_ids: Tensor, steps: int) -> None:
    """A straightforward loop with the same optimizer, warm-up and clipping."""
    T = CONFIG.context_length
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1, step / 100)
        starts = torch.randint(len(token_ids) - T, (BATCH,))
        inputs = torch.stack([token_ids[i : i + T] for i in starts])
        targets = torch.stack([token_ids[i + 1 : i + T + 1] for i in starts])
        logits = model(inputs)
        loss = F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
