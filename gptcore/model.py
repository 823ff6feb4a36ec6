"""A GPT-2 to read: token ids go in, and one score (logit) per token of the vocabulary comes out at every position.

The architecture is that of Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.3.
In the comments, B is the batch size, T the number of new tokens, S the number of tokens that attention can see, and C
is `emb_dim`. `Linear` and `GELU` are `nn.Linear` and `nn.GELU`, quicker on a CPU, and `Dropout` is an `nn.Dropout` that
knows `evaluating`: read them as those.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptcore.checks import check_integer, given
from gptcore.config import GPTConfig
from gptcore.fast.gelu import GELU
from gptcore.fast.linear import Linear
from gptcore.language import N_, _
from gptcore.memory import check_cache_fits, check_model_fits
from gptcore.modes import Dropout, is_training, keeping_gradients
from gptcore.modes import evaluating as evaluating
from gptcore.sampling import DTYPES


class KVCache:
    """The keys and values of all layers for the tokens read so far, so that no token is read twice.

    Its length is the number of tokens that it holds. Memory is allocated once: 2 * n_layers * batch_size * max_length *
    emb_dim values. `max_length` defaults to the context length of the model, and is no longer than that.

    Raises TypeError or ValueError if an argument is not as described here, MemoryError if there is no room.
    """

    def __init__(
        self,
        config: GPTConfig,
        batch_size: int = 1,
        max_length: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        config = GPTConfig.of(config)
        check_integer("batch_size", batch_size, least=1)
        max_length = config.context_length if max_length is None else max_length
        check_integer("max_length", max_length, least=1)
        device = None if device is None else resolve_device(device)
        self.max_length = min(max_length, config.context_length)
        check_cache_fits(config, batch_size, self.max_length, device, dtype)
        shape = (config.n_layers, batch_size, config.n_heads, self.max_length, config.head_dim)
        self.keys = torch.empty(shape, device=device, dtype=dtype)
        self.values = torch.empty(shape, device=device, dtype=dtype)
        self.length = 0

    def __len__(self) -> int:
        return self.length

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store new keys and values (B, n_heads, T, head_dim) of a layer; return all of them (B, n_heads, S, head_dim).

        The length grows once the model has extended every layer.
        """
        end = self.length + keys.shape[2]
        self.keys[layer, :, :, self.length : end] = keys
        self.values[layer, :, :, self.length : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]


class CausalSelfAttention(nn.Module):
    """Every token gathers information from itself and the tokens before it (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.n_heads = config.n_heads
        self.drop_rate = config.drop_rate
        self.qkv = Linear(config.emb_dim, 3 * config.emb_dim, bias=config.qkv_bias)
        self.out_proj = Linear(config.emb_dim, config.emb_dim)

    def forward(self, x: Tensor, layer: int, kv_cache: KVCache | None) -> Tensor:
        B, T, C = x.shape
        queries, keys, values = (
            part.view(B, T, self.n_heads, C // self.n_heads).transpose(1, 2)  # (B, n_heads, T, head_dim)
            for part in self.qkv(x).contiguous().split(C, dim=-1)  # attention is quickest on contiguous vectors
        )
        if kv_cache is not None:
            keys, values = kv_cache.extend(layer, keys, values)  # (B, n_heads, S, head_dim)
        S = keys.shape[2]
        mask = None  # a single new token may see everything
        if 1 < T < S:
            mask = torch.ones(T, S, dtype=torch.bool, device=x.device).tril(diagonal=S - T)
        mixed = F.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=mask,
            is_causal=1 < T == S,
            dropout_p=self.drop_rate if is_training(self) else 0.0,
        )
        return self.out_proj(mixed.transpose(1, 2).reshape(B, T, C))


class FeedForward(nn.Module):
    """Each token by itself: project up, bend, project down (Vaswani et al. 2017, section 3.3)."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.up_proj = Linear(config.emb_dim, config.hidden_dim)
        self.activation = GELU(approximate="tanh" if config.activation == "gelu_tanh" else "none")
        self.down_proj = Linear(config.hidden_dim, config.emb_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(self.activation(self.up_proj(x)))


class TransformerBlock(nn.Module):
    """Attention, then feed-forward: each reads a normalised copy of the stream and adds its result to the stream."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.emb_dim, eps=config.layer_norm_epsilon)
        self.attention = CausalSelfAttention(config)
        self.feed_forward_norm = nn.LayerNorm(config.emb_dim, eps=config.layer_norm_epsilon)
        self.feed_forward = FeedForward(config)
        self.dropout = Dropout(config.drop_rate)

    def forward(self, x: Tensor, layer: int, kv_cache: KVCache | None) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_norm(x), layer, kv_cache))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))


class GPTModel(nn.Module):
    """A GPT-2: `GPTModel(config)(token_ids)` turns token ids (B, T) into logits (B, T, vocab_size).

    `config` is a `GPTConfig`, or a mapping with its names as keys. The weights are random until they are trained;
    `gptcore.load` returns a model that can write.

    >>> model = GPTModel(GPT_CONFIG_124M)
    >>> model(torch.tensor([[7454, 2402, 257, 640]])).shape
    torch.Size([1, 4, 50257])
    """

    @keeping_gradients
    def __init__(self, config: GPTConfig | Mapping[str, Any]):
        super().__init__()
        self.config = config = GPTConfig.of(config)
        check_model_fits(config)
        self.token_embedding = nn.Embedding(config.vocab_size, config.emb_dim)
        head = Linear(config.emb_dim, config.vocab_size, bias=False)
        if config.tie_embeddings:
            head.weight = self.token_embedding.weight  # now: its own would take memory while the blocks are made
        self.position_embedding = nn.Embedding(config.context_length, config.emb_dim)
        self.dropout = Dropout(config.drop_rate)
        self.blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.n_layers))
        self.final_norm = nn.LayerNorm(config.emb_dim, eps=config.layer_norm_epsilon)
        self.head = head
        self._init_weights()
        self._num_parameters = sum(parameter.numel() for parameter in self.parameters())

    def forward(self, token_ids: Tensor, kv_cache: KVCache | None = None) -> Tensor:
        """Logits (B, T, vocab_size) for token_ids (B, T), integers; with a cache, T counts only the new tokens.

        Raises TypeError or ValueError if token_ids have another dtype, shape or device, if one is outside the
        vocabulary, if there are more tokens than the context (or the cache) holds, or if the cache is another model's.
        """
        check_token_ids(self, token_ids)
        return self.head(self.hidden_states(token_ids, kv_cache))

    def hidden_states(self, token_ids: Tensor, kv_cache: KVCache | None = None) -> Tensor:
        """What the head reads, (B, T, emb_dim): the stream after the last block, normalised."""
        check_length(self, token_ids, kv_cache)
        T = token_ids.shape[1]
        start = 0 if kv_cache is None else len(kv_cache)
        positions = torch.arange(start, start + T, device=token_ids.device)
        x = self.dropout(self.token_embedding(token_ids) + self.position_embedding(positions))  # (B, T, C)
        for layer, block in enumerate(self.blocks):
            x = block(x, layer, kv_cache)
        if kv_cache is not None:
            kv_cache.length += T
        return self.final_norm(x)

    @property
    def device(self) -> torch.device:
        return self.token_embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.final_norm.weight.dtype

    def num_parameters(self) -> int:
        """How many values training can change; a head that shares the embedding counts once."""
        return self._num_parameters

    def _init_weights(self) -> None:
        """GPT-2's initialisation: N(0, 0.02), biases 0; the more layers add to the stream, the less each adds."""
        for name, parameter in self.named_parameters():
            if parameter.ndim == 1:
                nn.init.constant_(parameter, 1.0 if name.endswith("norm.weight") else 0.0)
            else:
                added = name.endswith(("out_proj.weight", "down_proj.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * self.config.n_layers) if added else 0.02)


def check_model(model: Any) -> None:
    """Raise TypeError or ValueError, in one sentence, unless `model` has what a GPTModel has, and can compute here."""
    if not (isinstance(model, nn.Module) and hasattr(model, "hidden_states")):
        both = _(": load() returns the model and its tokenizer") if isinstance(model, tuple) else ""
        raise TypeError(_("model must be a GPTModel, got {kind}{both}").format(kind=type(model).__name__, both=both))
    if (dtype := getattr(model, "dtype", torch.float32)) not in DTYPES:
        raise TypeError(_("model must have floating-point weights of 16 bits or more, got {dtype}").format(dtype=dtype))
    if torch.get_default_device().type == "meta":
        raise ValueError(_("model must be used outside of torch.device('meta'), where nothing computed has a value"))
    if isinstance(model, GPTModel):
        check_shape(model)
        check_dtypes(model)


def check_dtypes(model: GPTModel) -> None:
    """Raise TypeError if a part of the model was converted to another dtype; integers belong to a quantised model."""
    for name, weight in model.named_parameters():
        if weight.is_floating_point() and weight.dtype != model.dtype:
            raise TypeError(
                _(
                    "model must have weights of one dtype, got {dtype} and, in {name}, {other}: model.float() converts "
                    "them all"
                ).format(dtype=model.dtype, name=name, other=weight.dtype)
            )


def check_shape(model: GPTModel) -> None:
    """Raise ValueError if layers were cut off or the head was exchanged: the config would no longer be the model's."""
    config = model.config
    found, scores = len(model.blocks), getattr(model.head, "out_features", config.vocab_size)
    if (found, scores) != (config.n_layers, config.vocab_size):
        raise ValueError(
            _(
                "model must have the n_layers={n_layers} and vocab_size={vocab_size} of its config, got {found} blocks "
                "and {scores} scores: copy the weights to a GPTModel with a config of that shape"
            ).format(n_layers=config.n_layers, vocab_size=config.vocab_size, found=found, scores=scores)
        )


def check_token_ids(model: GPTModel, token_ids: Tensor) -> None:
    """Raise TypeError or ValueError, in one sentence, unless token_ids (B, T) are integers that `model` can read."""
    if not isinstance(token_ids, Tensor):
        raise TypeError(_("token_ids must be a torch tensor, got {kind}").format(kind=type(token_ids).__name__))
    if token_ids.dtype not in (torch.int64, torch.int32):
        raise TypeError(
            _("token_ids must be integers (torch.int64 or torch.int32), got {dtype}").format(dtype=token_ids.dtype)
        )
    if token_ids.ndim != 2 or 0 in token_ids.shape:
        raise ValueError(
            _("token_ids must have the shape (batch, tokens), neither empty, got {shape}").format(
                shape=tuple(token_ids.shape)
            )
        )
    if token_ids.device != model.device:
        raise ValueError(
            _("token_ids must be on the device of the model, {device}, got {found}").format(
                device=model.device, found=token_ids.device
            )
        )
    low, high = token_ids.aminmax()
    if low < 0 or high >= model.config.vocab_size:
        wrong = int(low if low < 0 else high)
        raise ValueError(
            _("token_ids must be from 0 to {last}, the model's vocabulary, got {value}").format(
                last=model.config.vocab_size - 1, value=wrong
            )
        )


def check_length(model: GPTModel, token_ids: Tensor, kv_cache: KVCache | None) -> None:
    """Raise TypeError or ValueError, in one sentence, unless context or cache have room for token_ids (B, T)."""
    start, limit, holder = 0, model.config.context_length, "context"
    if kv_cache is not None:
        if not isinstance(kv_cache, KVCache):
            raise TypeError(
                _("kv_cache must be a KVCache, or None for none, got {value}").format(value=given(kv_cache))
            )
        layers, rows, heads, _length, width = kv_cache.keys.shape
        config = model.config
        for what, found, wanted in (
            (N_("rows"), rows, len(token_ids)),
            (N_("layers"), layers, config.n_layers),
            (N_("heads"), heads, config.n_heads),
            (N_("values per head"), width, config.head_dim),
            (N_("as dtype"), kv_cache.keys.dtype, model.dtype),
            (N_("as device"), kv_cache.keys.device, token_ids.device),
        ):
            if found != wanted:
                raise ValueError(
                    _("kv_cache must have {wanted} {what}, like the model and the token_ids, got {found}").format(
                        wanted=wanted, what=_(what), found=found
                    )
                )
        start, limit, holder = len(kv_cache), kv_cache.max_length, "cache"
    if start + token_ids.shape[1] > limit:
        total = start + token_ids.shape[1]
        sentence = {
            "context": _("token_ids must fit into the {limit} tokens that the context holds, got {total}"),
            "cache": _("token_ids must fit into the {limit} tokens that the cache holds, got {total}"),
        }[holder]
        raise ValueError(sentence.format(limit=limit, total=total))


def resolve_device(device: str | torch.device) -> torch.device:
    """The device that `device` names; "auto" is CUDA where there is a GPU, otherwise the CPU.

    Raises ValueError if PyTorch does not know the device, or if this machine does not have it.
    """
    if not isinstance(device, (str, torch.device)):
        raise ValueError(
            _('device must be "auto", "cpu", or one that this machine has, got {value}').format(value=given(device))
        )
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.zeros((), device=found).item()  # "meta" holds no values
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ValueError(
            _('device must be "auto", "cpu", or one that this machine has, got {value}').format(value=given(device))
        ) from error
    return found
