"""gptcore: a GPT-2 to read, and a sampler that shows every stage of its choice.

>>> import gptcore
>>> model, tokenizer = gptcore.load()
>>> gptcore.generate_text(model, "Once upon a time", tokenizer, max_length=12, seed=1)
'Once upon a time, when the hills were new, a merry girl named Mira'

Importing gptcore imports nothing slow; PyTorch comes with the first name that needs it.
"""

from importlib import import_module

from gptcore.language import language  # the function, which hides the file of its name

_HOME = {  # where each public name is found when it is first used
    "GPT2_SIZES": "gptcore.config",
    "GPT_CONFIG_124M": "gptcore.config",
    "GPT_CONFIG_355M": "gptcore.config",
    "GPT_CONFIG_774M": "gptcore.config",
    "GPT_CONFIG_1558M": "gptcore.config",
    "GPTConfig": "gptcore.config",
    "GPTModel": "gptcore.model",
    "KVCache": "gptcore.model",
    "END_OF_TEXT": "gptcore.tokenizer",
    "Tokenizer": "gptcore.tokenizer",
    "byte_level_bpe": "gptcore.tokenizer",
    "stream_decode": "gptcore.tokenizer",
    "token_bytes": "gptcore.tokenizer",
    "token_label": "gptcore.tokenizer",
    "STAGES": "gptcore.sampling",
    "Distribution": "gptcore.sampling",
    "Sampling": "gptcore.sampling",
    "draw": "gptcore.sampling",
    "next_token_distribution": "gptcore.sampling",
    "Step": "gptcore.generation",
    "generate": "gptcore.generation",
    "generate_steps": "gptcore.generation",
    "generate_text": "gptcore.text_generation",
    "stream_text": "gptcore.text_generation",
    "Recording": "gptcore.recording",
    "lens_logits": "gptcore.recording",
    "record": "gptcore.recording",
    "first_available": "gptcore.hub",
    "licence": "gptcore.hub",
    "load": "gptcore.checkpoint",
    "load_model": "gptcore.checkpoint",
    "load_tokenizer": "gptcore.checkpoint",
    "save": "gptcore.checkpoint",
    "quantize": "gptcore.fast.quantization",
    "evaluate": "gptcore.training",
    "fit": "gptcore.training",
    "fit_steps": "gptcore.training",
    "read_text": "gptcore.training",
    "read_bandwidth": "gptcore.timing",
    "time_per_token": "gptcore.timing",
    "AutoTokenizer": "transformers",
    "GPT2Tokenizer": "transformers",
}
_FILES = ["costs", "stories"]

__all__ = ["language", *_FILES, *_HOME]


def __getattr__(name: str):
    if name in _HOME:
        return globals().setdefault(name, getattr(import_module(_HOME[name]), name))
    if name in _FILES:
        return import_module(f"gptcore.{name}")
    raise AttributeError(f"module 'gptcore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
