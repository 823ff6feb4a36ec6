"""gptcore: a GPT-2 to read, and a sampler that shows every stage of its choice.

>>> import gptcore
>>> model, tokenizer = gptcore.load()
>>> gptcore.generate_text(model, "Once upon a time", tokenizer, max_length=12, seed=1)
'Once upon a time, when the hills were new, a merry rabbit named Mira'

Importing gptcore imports torch and nothing slower; everything else is imported when it is first used.
"""

from importlib import import_module

from gptcore import costs
from gptcore.config import GPT2_SIZES, GPT_CONFIG_124M, GPT_CONFIG_355M, GPT_CONFIG_774M, GPT_CONFIG_1558M, GPTConfig
from gptcore.generation import Step, generate, generate_steps
from gptcore.language import language
from gptcore.model import GPTModel, KVCache
from gptcore.recording import Recording, lens_logits, record
from gptcore.sampling import STAGES, Distribution, Sampling, draw, next_token_distribution
from gptcore.text_generation import generate_text, stream_text
from gptcore.tokenizer import END_OF_TEXT, Tokenizer, byte_level_bpe, stream_decode, token_bytes, token_label

_LATER = {
    "first_available": "gptcore.hub",
    "licence": "gptcore.hub",
    "load": "gptcore.checkpoint",
    "load_model": "gptcore.checkpoint",
    "load_tokenizer": "gptcore.checkpoint",
    "quantize": "gptcore.fast.quantization",
    "save": "gptcore.checkpoint",
    "evaluate": "gptcore.training",
    "fit": "gptcore.training",
    "fit_steps": "gptcore.training",
    "read_text": "gptcore.training",
    "read_bandwidth": "gptcore.timing",
    "time_per_token": "gptcore.timing",
    "AutoTokenizer": "transformers",
    "GPT2Tokenizer": "transformers",
}

__all__ = [
    "GPT2_SIZES",
    "GPT_CONFIG_124M",
    "GPT_CONFIG_355M",
    "GPT_CONFIG_774M",
    "GPT_CONFIG_1558M",
    "END_OF_TEXT",
    "STAGES",
    "Distribution",
    "GPTConfig",
    "GPTModel",
    "KVCache",
    "Recording",
    "Sampling",
    "Step",
    "Tokenizer",
    "byte_level_bpe",
    "costs",
    "draw",
    "generate",
    "generate_steps",
    "generate_text",
    "language",
    "lens_logits",
    "next_token_distribution",
    "record",
    "stories",
    "stream_decode",
    "stream_text",
    "token_bytes",
    "token_label",
    *_LATER,
]


def __getattr__(name: str):
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name == "stories":
        return import_module("gptcore.stories")
    raise AttributeError(f"module 'gptcore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
