import gc
import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from torch.utils._python_dispatch import TorchDispatchMode

import gptcore
from gptcore import GPTConfig, GPTModel, Tokenizer, save
from gptcore.tokenizer import END_OF_TEXT, byte_level_bpe
from gptcore.tokenizer_files import save_tokenizer

collect_ignore = ["browser/measure_latency.py"]  # a script, and no test

settings.register_profile("gptcore", deadline=None, derandomize=True)
settings.load_profile("gptcore")
torch.set_num_threads(1)  # the models are tiny: threads would only wait for each other

ENGLISH = [
    "Once upon a time there was a little fox who lived in the forest.",
    "The fox found a golden key, and the fox said: where is the door?",
    "Once upon a time there lived a queen.\nShe had a lamp, a boat and 12 cats.",
]
KOREAN = [
    "옛날 옛적에 작은 여우가 숲에 살았어요.",
    "여우는 황금 열쇠를 찾았어요. 옛날 옛적에 여우가 살았대요.",
    "옛날에 여왕이 등불을 들고 숲으로 갔어요.",
]


def train_tokenizer(sentences: list[str], vocab_size: int, special_tokens: list[str]) -> Tokenizer:
    from tokenizers import pre_tokenizers, trainers

    backend = byte_level_bpe()
    backend.train_from_iterator(
        sentences,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=special_tokens,
            show_progress=False,
        ),
    )
    return Tokenizer(backend)


@pytest.fixture
def hears_interrupts():
    """A signal that comes during a garbage collection is heard after it.

    Hypothesis measures each collection in a callback, where Python would raise the interrupt, and drop it.
    """
    callbacks = gc.callbacks.copy()
    gc.callbacks.clear()
    yield
    gc.callbacks[:] = callbacks


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """A small byte-level BPE of English and Korean, with an end-of-text token."""
    return train_tokenizer(3 * (ENGLISH + KOREAN), 340, [END_OF_TEXT])


@pytest.fixture(scope="session")
def tokenizer_folder(tokenizer, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(folder, tokenizer)
    return folder


@pytest.fixture(scope="session")
def korean_folder(tmp_path_factory) -> Path:
    """A Korean tokenizer as `AutoTokenizer` finds it on a hub: one file, no end-of-text token."""
    folder = tmp_path_factory.mktemp("korean")
    backend = train_tokenizer(3 * KOREAN, 300, []).backend
    backend.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tokenizer, tmp_path_factory) -> Path:
    """A saved model that knows nothing, with a tokenizer that has all its tokens."""
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    config = GPTConfig(vocab_size=len(tokenizer), context_length=32, emb_dim=16, n_heads=2, n_layers=1)
    save(folder, GPTModel(config), tokenizer)
    return folder


@pytest.fixture(scope="session")
def gpt2_folder() -> Path:
    """`vocab.json` and `merges.txt` of the real GPT-2."""
    if "GPTCORE_TEST_DATA" not in os.environ:
        pytest.skip("GPTCORE_TEST_DATA does not name a folder that has gpt2/vocab.json and gpt2/merges.txt")
    return Path(os.environ["GPTCORE_TEST_DATA"]) / "gpt2"


@pytest.fixture
def of_transformers():
    """of_transformers(folder, …): a random model of transformers, saved in `folder`; no two parameters are alike."""
    from transformers import GPT2Config, GPT2LMHeadModel

    small = {"vocab_size": 61, "n_positions": 80, "n_embd": 32, "n_head": 4, "n_layer": 3}

    def make(folder: Path, **settings) -> GPT2LMHeadModel:
        torch.manual_seed(0)
        theirs = GPT2LMHeadModel(GPT2Config(**{**small, "bos_token_id": 0, "eos_token_id": 0, **settings})).eval()
        for name, parameter in theirs.named_parameters():
            torch.nn.init.normal_(parameter, mean=float("ln_" in name and "weight" in name), std=0.15)
        theirs.save_pretrained(folder)
        return theirs

    return make


@pytest.fixture
def sentencepiece_like():
    """sentencepiece_like(folder): a bare tokenizer.json, whose tokens are pieces of words that begin with "▁".

    It knows the characters of a few sentences, and of those that it is given.
    """
    from tokenizers import SentencePieceBPETokenizer

    def make(folder: Path, *more: str) -> SentencePieceBPETokenizer:
        special = ["<s>", "</s>", "<usr>", "<pad>", "<sys>", "<unk>", "<mask>"]
        backend = SentencePieceBPETokenizer()
        backend.train_from_iterator([*KOREAN[:2], ENGLISH[0], *more], 250, special_tokens=special, show_progress=False)
        backend.save(str(folder / "tokenizer.json"))
        return backend

    return make


class Made(TorchDispatchMode):
    """While this lasts, `sizes` collects how many values each new floating-point tensor of the CPU holds."""

    def __init__(self):
        super().__init__()
        self.sizes: list[int] = []
        self._seen: dict[int, torch.Tensor] = {}  # kept, so that no address comes twice

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        known = {tensor.untyped_storage().data_ptr() for tensor in args if isinstance(tensor, torch.Tensor)}
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.device.type == "cpu" and result.is_floating_point():
            address = result.untyped_storage().data_ptr()
            if address not in known and address not in self._seen:
                self._seen[address] = result
                self.sizes.append(result.numel())
        return result


@pytest.fixture
def made():
    """with made() as tensors: …, and then tensors.sizes"""
    return Made


@pytest.fixture
def says(capsys):
    """says(check, answer): the one line that the check of an exercise prints."""

    def run(check, answer):
        capsys.readouterr()
        assert check(answer) is None
        out, err = capsys.readouterr()
        assert err == "" and out.count("\n") == 1 and "Traceback" not in out
        assert out.startswith(("Right: ", "Not yet: ") if gptcore.language() == "en" else ("맞아요. ", "아직이에요. "))
        return out

    return run


@pytest.fixture
def in_korean():
    """The interface speaks Korean during the test."""
    before = gptcore.language()
    gptcore.language("ko")
    yield
    gptcore.language(before)
