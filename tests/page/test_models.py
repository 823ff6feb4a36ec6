"""The models that a page brings along are those of the lessons."""

import json
from pathlib import Path

import pytest

import gptcore
from gptcore import stories, training
from gptcore.page import models
from gptcore.page.lesson import is_live
from gptcore.training import evaluate

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = {
    "en": NOTEBOOKS / "06_untrained_and_trained.ipynb",
    "ko": NOTEBOOKS / "ko" / "06_untrained_and_trained.ipynb",
}


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What is asked of `fit`: the config and the weights that it starts with, the documents and the settings."""
    asked = []

    def fit(model, documents, should_stop=None, **settings):
        asked.append((dict(model.config), model.state_dict(), list(documents), settings))
        return None

    for module in (gptcore, training):  # the package keeps a name once it was used
        monkeypatch.setattr(module, "fit", fit)
    return asked


@pytest.mark.parametrize("language", models.HALF_TRAINED.values())
def test_a_half_trained_model_is_made_as_lesson_06_makes_it(asked, told, tmp_path, language):
    cells = json.loads(LESSONS[language].read_text(encoding="utf-8"))["cells"]
    (cell,) = ("".join(cell["source"]) for cell in cells if "half_trained, history = train(" in "".join(cell["source"]))
    cell = cell.replace("half_trained, history = train(", "train(")
    trained, tokenizer = told
    exec("import torch, gptcore\nfrom gptcore import stories\n" + cell, {"trained": trained, "tokenizer": tokenizer})
    models.half_train(tmp_path, language)
    (config, weights, documents, settings), (its_config, its_weights, its_documents, its_settings) = asked
    assert config == its_config and documents == its_documents and settings == its_settings
    assert all(weights[name].equal(its_weights[name]) for name in weights)
    assert {file.name for file in tmp_path.iterdir()} == set(models.FILES)


def test_a_comparison_is_live_where_all_its_models_can_be_brought():
    models = [["a", "untrained"], ["b", "half-trained"], ["c", "storyteller"]]
    state = {"widget": "ModelComparison", "tokenizer": "storyteller", "given": {"models": models}}
    assert is_live(state)
    assert not is_live(state | {"given": {"models": [*models, ["d", None]]}})
    assert is_live({"widget": "NextToken", "model": "half-trained"})
    assert not is_live({"widget": "NextToken", "model": "untrained"}), "only a comparison draws its weights"


@pytest.mark.parametrize(("name", "its_loss"), [("half-trained", 3.48), ("half-trained-ko", 3.56)])
def test_a_half_trained_model_has_learned_about_half(told, name, its_loss):
    half_trained, (_, tokenizer) = gptcore.load_model(models.MODELS[name], device="cpu"), told
    tales = [stories.sample(models.HALF_TRAINED[name], seed=2_000_000_000 + i) for i in range(20)]
    loss = evaluate(half_trained, [[*tokenizer.encode(tale), tokenizer.eos_token_id] for tale in tales]).loss
    assert loss == pytest.approx(its_loss, abs=0.02)
