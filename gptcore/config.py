"""The shape of a GPT: its vocabulary, its context, its layers and their width."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, NoReturn

import torch

from gptcore.checks import as_float, check_bool, check_integer, given
from gptcore.language import N_, _

ACTIVATIONS = ("gelu_tanh", "gelu")


@dataclass(frozen=True, eq=False)
class GPTConfig(dict):
    """The shape of a `GPTModel`. The defaults are GPT-2 small (Radford et al. 2019, table 2).

    It is also a dict that does not change: `config["emb_dim"]`, `{**config, "n_layers": 6}`. `config.copy()` is a plain
    dict, which may be changed and given to `GPTModel`.

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
                _(
                    "emb_dim must be divisible by n_heads, so that all heads have the same width: "
                    "got emb_dim={emb_dim} and n_heads={n_heads}"
                ).format(emb_dim=given(self.emb_dim), n_heads=given(self.n_heads))
            )
        self._set_number(
            "drop_rate", lambda rate: 0 <= rate < 1, N_("{name} must be at least 0 and below 1, got {value}")
        )
        self._set_number(
            "layer_norm_epsilon",
            lambda epsilon: 0 < epsilon < math.inf,
            N_("{name} must be above 0 and finite, got {value}"),
        )
        for name in ("qkv_bias", "tie_embeddings"):
            check_bool(name, getattr(self, name))
        if not (isinstance(self.activation, str) and self.activation in ACTIVATIONS):
            raise ValueError(
                _("activation must be one of {activations}, got {value}").format(
                    activations=", ".join(ACTIVATIONS), value=given(self.activation)
                )
            )
        dict.update(self, vars(self))
        if self.hidden_dim == 4 * self.emb_dim:  # a copy may get another emb_dim
            dict.update(self, hidden_dim=None)

    # JSON knows no numbers of NumPy and no fractions, so they become Python's.

    def _set_integer(self, name: str, value: Any) -> None:
        check_integer(name, value, least=1)
        object.__setattr__(self, name, int(value))

    def _set_number(self, name: str, allowed: Callable[[float], bool], rule: str) -> None:
        number = float(as_float(name, getattr(self, name)))
        if not allowed(number):
            raise ValueError(_(rule).format(name=name, value=given(number)))
        object.__setattr__(self, name, number)

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
            raise TypeError(_("config must be a GPTConfig or a mapping, got {kind}").format(kind=type(config).__name__))
        known = [field.name for field in fields(cls)]
        if unknown := [key for key in config if key not in known]:
            raise TypeError(
                _("config has unknown keys {unknown}; the known ones are {known}").format(
                    unknown=given(unknown), known=", ".join(known)
                )
            )
        return cls(**config)

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(_("a GPTConfig does not change: change a copy of it, config = config.copy()"))

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:
        return hash(tuple(self.values()))

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), tuple(self.values())  # how pickle and copy make it again, where a dict would be filled


torch.serialization.add_safe_globals([GPTConfig])  # so that torch.load reads a checkpoint that holds one

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
