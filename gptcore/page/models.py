"""The models that a page can bring along. `python -m gptcore.page.models` makes the half-trained ones again.

One more is no file: a page draws the weights of the untrained one from their seed, as `untrained.js` does.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from gptcore import GPTModel, load, save
from gptcore.hub import STORYTELLER

FILES = "config.json", "model.safetensors"
UNTRAINED = "untrained"
# What a saved widget calls another model, and the folder with its FILES.
MODELS = {
    "storyteller": STORYTELLER,
    "half-trained": Path(__file__).with_name("half_trained"),
    "half-trained-ko": Path(__file__).with_name("half_trained_ko"),
}

# What lesson 06 trains for a moment, on tales in the language of its edition.
HALF_TRAINED = {"half-trained": "en", "half-trained-ko": "ko"}
SHAPE = {"emb_dim": 96, "n_layers": 2, "n_heads": 4, "hidden_dim": None, "drop_rate": 0.0}
TRAINING = {"max_steps": 300, "batch_size": 2, "warmup_steps": 10, "learning_rate": 0.003}
TALES = 800


def half_train(folder: Path, language: str) -> None:
    """Write what lesson 06 trains in this language to `folder`; on another CPU the weights differ slightly."""
    from gptcore.storyteller.__main__ import Tales  # which a widget that only asks for a name does not need
    from gptcore.training import fit

    trained, tokenizer = load(device="cpu")
    torch.manual_seed(0)
    model = GPTModel({**trained.config, **SHAPE})
    fit(model, Tales(tokenizer, TALES, languages=[language]), **TRAINING)
    folder.mkdir(exist_ok=True)
    with TemporaryDirectory() as whole:
        save(whole, model, tokenizer)  # with its tokenizer, which is the storyteller's
        for name in FILES:
            shutil.copy(Path(whole) / name, folder / name)


if __name__ == "__main__":
    for name, language in HALF_TRAINED.items():
        half_train(MODELS[name], language)
