"""Other programs that are made to run trained models: the same weights, as float32 and as int8, on a CPU.

Each is given the folder of a model, as `gptcore.save` writes it, and how many threads to use.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Protocol

from torch import Tensor

from gptcore.benchmark.engines.ctranslate2 import CTranslate2
from gptcore.benchmark.engines.llama_cpp import LlamaCpp
from gptcore.benchmark.engines.openvino import OpenVINO


class Engine(Protocol):
    """A model of GPT-2's kind in another program, with the settings by which it draws."""

    needs: ClassVar[dict[str, str]]  # what has to be importable, and what to install for it

    def __init__(self, folder: Path, weights: str, temperature: float, top_k: int, threads: int):
        """`weights` is "float32" or "int8"."""

    def write(self, token_ids: Tensor, max_new_tokens: int) -> Tensor:
        """token_ids (1, T) → (1, T + max_new_tokens); no token ends the text."""

    def logits(self, token_ids: Tensor) -> Tensor:
        """token_ids (1, T) → (T, vocab_size)."""


ENGINES: dict[str, type[Engine]] = {"CTranslate2": CTranslate2, "OpenVINO": OpenVINO, "llama.cpp": LlamaCpp}


def missing(engine: type[Engine]) -> list[str]:
    """The packages that `engine` needs and that are not installed."""
    return [package for module, package in engine.needs.items() if find_spec(module) is None]


def installed() -> dict[str, type[Engine]]:
    """The engines that can run here, by name."""
    return {name: engine for name, engine in ENGINES.items() if not missing(engine)}
