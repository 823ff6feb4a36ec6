"""The shape of a GPT: its vocabulary, its context, its layers and their width."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from gptcore.checks import check_integer, check_number

ACTIVATIONS = ("gelu_tanh", "gelu")


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a `GPTModel`. The defaults are GPT-2 small (Radford et al. 2019, table 2).

    It also reads like a mapping: `config["emb_dim"]`, `{**config, "n_layers": 6}`.

    Raises TypeError or ValueError, naming the argument, if a value makes no sense.
    """

    vocab_size: int = 50_257  # tokens that the model knows
    context_length: int = 1024  # tokens that it sees at once
    emb_dim: int = 768  # values in the vector of one token
    n_heads: int = 12  # attention heads per layer
    n_layers: int = 12  # transformer blocks
    drop_rate: float = 0.1  # share of values zeroed in training
    qkv_bias: bool = True  # whether queries, keys and values have a bias
    tie_embeddings: bool = True  # whether the output head is the token embedding, transposed
    hidden_dim: int | None = None  # width of the feed-forward layer; None is 4 * emb_dim
    activation: str = "gelu_tanh"  # GPT-2's approximation of GELU, or the exact "gelu" (Hendrycks & Gimpel 2016)
    layer_norm_epsilon: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("vocab_size", "context_length", "emb_dim", "n_heads", "n_layers"):
            self._set_integer(name, getattr(self, name))
        self._set_integer("hidden_dim", 4 * self.emb_dim if self.hidden_dim is None else self.hidden_dim)
        if self.emb_dim % self.n_heads:
            raise ValueError(
                f"emb_dim must be divisible by n_heads, so that all heads have the same width: "
                f"got emb_dim={self.emb_dim} and n_heads={self.n_heads}"
            )
        for name in ("drop_rate", "layer_norm_epsilon"):
            check_number(name, getattr(self, name))
        if not 0 <= self.drop_rate < 1:
            raise ValueError(f"drop_rate must be at least 0 and below 1, got {self.drop_rate!r}")
        if not self.layer_norm_epsilon > 0:
            raise ValueError(f"layer_norm_epsilon must be above 0, got {self.layer_norm_epsilon!r}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {self.activation!r}")

    def _set_integer(self, name: str, value: Any) -> None:
        check_integer(name, value, least=1)
        object.__setattr__(self, name, int(value))  # JSON knows no integers of NumPy

    @property
    def head_dim(self) -> int:
        """The width of one attention head."""
        return self.emb_dim // self.n_heads

    @classmethod
    def of(cls, config: "GPTConfig | Mapping[str, Any]") -> "GPTConfig":
        """`config` itself, or a `GPTConfig` made from a mapping with the same names; a missing key takes its default.

        Raises TypeError if `config` is neither, or has a key that `GPTConfig` does not know.
        """
        if isinstance(config, cls):
            return config
        if not isinstance(config, Mapping):
            raise TypeError(f"config must be a GPTConfig or a mapping, got {type(config).__name__}")
        known = [field.name for field in fields(cls)]
        if unknown := [key for key in config if key not in known]:
            raise TypeError(f"config has unknown keys {unknown}; the known ones are {', '.join(known)}")
        return cls(**config)

    def keys(self) -> Iterator[str]:
        return (field.name for field in fields(self))

    def __getitem__(self, key: str) -> Any:
        if key not in self.keys():
            raise KeyError(key)
        return getattr(self, key)


GPT_CONFIG_124M = GPTConfig()
GPT_CONFIG_355M = GPTConfig(emb_dim=1024, n_heads=16, n_layers=24)
GPT_CONFIG_774M = GPTConfig(emb_dim=1280, n_heads=20, n_layers=36)
GPT_CONFIG_1558M = GPTConfig(emb_dim=1600, n_heads=25, n_layers=48)

# The four sizes of GPT-2, by the name under which people know them.
GPT2_SIZES = {
    "GPT-2 124M": GPT_CONFIG_124M,
    "GPT-2 355M": GPT_CONFIG_355M,
    "GPT-2 774M": GPT_CONFIG_774M,
    "GPT-2 1.5B": GPT_CONFIG_1558M,
}
