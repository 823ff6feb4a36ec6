import dataclasses
import inspect
import math
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

from gptcore.training import TrainingSettings, fit, fit_steps
from tests.training.circle import CIRCLE, changed, make_model, quick


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"max_steps": 0}, ValueError, "max_steps must be at least 1, got 0"),
        ({"max_steps": 1.5}, TypeError, "max_steps must be an integer, got 1.5"),
        ({"batch_size": -4}, ValueError, "batch_size must be at least 1, got -4"),
        ({"batch_size": True}, TypeError, "batch_size must be an integer, got True"),
        ({"eval_interval": 0}, ValueError, "eval_interval must be at least 1, got 0"),
        ({"report_interval": 0}, ValueError, "report_interval must be at least 1, got 0"),
        ({"warmup_steps": -1}, ValueError, "warmup_steps must be at least 0, got -1"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"patience": 0}, ValueError, "patience must be at least 1, got 0"),
        ({"learning_rate": 0}, ValueError, "learning_rate must be above 0 and finite, got 0"),
        ({"learning_rate": math.nan}, ValueError, "learning_rate must be above 0 and finite, got nan"),
        ({"learning_rate": "1e-3"}, TypeError, "learning_rate must be a number, got '1e-3'"),
        ({"min_learning_rate": -1.0}, ValueError, "min_learning_rate must be 0 or above and finite, got -1.0"),
        ({"weight_decay": math.inf}, ValueError, "weight_decay must be 0 or above and finite, got inf"),
        ({"clip_norm": 0.0}, ValueError, "clip_norm must be above 0 and finite, got 0.0"),
        ({"betas": (0.9, 1.0)}, ValueError, "betas must be two numbers, each at least 0 and below 1"),
        ({"autocast": torch.float16}, ValueError, "autocast must be torch.bfloat16, or None"),
        ({"learning_rate": 10**400}, ValueError, "learning_rate must be a number that a float can hold, got 1000"),
        ({"learning_rate": Decimal("0.1")}, TypeError, "learning_rate must be a number, got Decimal('0.1')"),
        ({"warmup_steps": 10**400}, ValueError, "warmup_steps must be below 2**63, got 1000"),
        ({"should_stop": True}, TypeError, "should_stop must be a function, or None, got True"),
        ({"on_progress": 5}, TypeError, "on_progress must be a function, or None, got 5"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_before_training(settings, error, words):
    model = make_model()
    with pytest.raises(error, match=re.escape(words)):
        fit(model, CIRCLE, CIRCLE, **quick(**settings))
    assert not changed(model)


def test_the_signature_of_fit_is_true():
    """`fit` names every setting with its default; nothing is hidden behind `**settings`."""
    parameters = inspect.signature(fit).parameters
    for field in dataclasses.fields(TrainingSettings):
        default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
        assert parameters[field.name].default == default
        assert parameters[field.name].kind is inspect.Parameter.KEYWORD_ONLY
    assert all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())


def test_a_setting_that_does_not_exist_is_named():
    with pytest.raises(TypeError, match="learning_rat"):
        fit_steps(make_model(), CIRCLE, max_steps=1, learning_rat=0.1)


def test_numbers_of_numpy_and_fractions_train_as_plain_ones_do(tmp_path):
    plain = {"seed": 3, "max_steps": 4, "learning_rate": 0.25, "clip_norm": 0.5, "betas": (0.5, 0.75), "patience": 2}
    exact = {"seed": np.int64(3), "max_steps": np.int32(4), "learning_rate": Fraction(1, 4), "patience": np.int8(2)}
    exact |= {"clip_norm": np.float32(0.5), "betas": (Fraction(1, 2), np.float64(0.75))}
    assert all(
        type(value) in (int, float, tuple) for value in vars(TrainingSettings(**exact)).values() if value is not None
    )
    models = make_model(), make_model()
    for model, settings in zip(models, (plain, exact), strict=True):
        fit(model, CIRCLE, CIRCLE, **quick(**settings), checkpoint=tmp_path / f"{id(model)}.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True))
