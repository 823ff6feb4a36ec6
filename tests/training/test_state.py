import pytest
import torch

from gptcore import GPTConfig, GPTModel
from gptcore.training import evaluate, fit
from tests.training.circle import CIRCLE, CONFIG, changed, make_model, quick


def test_interrupted_training_resumes_with_the_same_numbers(tmp_path):
    whole, broken = make_model(), make_model()
    fit(whole, CIRCLE, **quick(max_steps=40))

    def break_off(progress):
        if progress.step == 20:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "training.safetensors"
    fit(broken, CIRCLE, **quick(max_steps=40), checkpoint=checkpoint, on_progress=break_off)
    again = make_model()
    history = fit(again, CIRCLE, **quick(max_steps=40), checkpoint=checkpoint)
    assert history.reports[0].step > 20
    for name, parameter in whole.state_dict().items():
        assert torch.equal(parameter, again.state_dict()[name]), name


def test_the_best_weights_survive_a_break(tmp_path):
    elsewhere = torch.full((100,), 10)  # best at the beginning
    settings = quick(eval_interval=5, max_steps=30) | {"checkpoint": tmp_path / "training.safetensors"}

    def break_off(progress):
        if progress.step == 20:
            raise KeyboardInterrupt

    first = fit(make_model(), CIRCLE, elsewhere, **settings, on_progress=break_off)
    assert first.stopped_by == "interrupt"
    model = make_model()
    history = fit(model, CIRCLE, elsewhere, **settings)
    assert history.reports[0].step > 20
    assert (history.best_step, history.best_val_loss) == (first.best_step, first.best_val_loss)
    assert evaluate(model, elsewhere).loss == pytest.approx(first.best_val_loss, abs=1e-5)


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    file = tmp_path / "training.safetensors"
    other = GPTModel(GPTConfig(**{**CONFIG, "emb_dim": 24}))
    fit(other, CIRCLE, **quick(max_steps=2), checkpoint=file)
    model = make_model()
    with pytest.raises(ValueError, match="checkpoint must be of a model of this shape"):
        fit(model, CIRCLE, **quick(), checkpoint=file)
    assert not changed(model)
    file.write_bytes(b"not this")
    with pytest.raises(ValueError, match="checkpoint must be a file that fit has written"):
        fit(model, CIRCLE, **quick(), checkpoint=file)
    for nowhere in (tmp_path / "nowhere" / "training.safetensors", tmp_path):
        with pytest.raises(ValueError, match="checkpoint must be a file in an existing folder"):
            fit(model, CIRCLE, **quick(), checkpoint=nowhere)
    assert not changed(model)


def test_frozen_weights_stay_and_the_others_are_trained(tmp_path):
    def frozen():
        model = make_model()
        model.position_embedding.requires_grad_(False)
        return model

    whole, checkpoint = frozen(), tmp_path / "training.safetensors"
    fit(whole, CIRCLE, CIRCLE, **quick(max_steps=20, eval_interval=10))

    def break_off(progress):
        raise KeyboardInterrupt

    settings = quick(max_steps=20, eval_interval=10) | {"checkpoint": checkpoint}
    assert fit(frozen(), CIRCLE, CIRCLE, **settings, on_progress=break_off).stopped_by == "interrupt"
    again = frozen()
    assert fit(again, CIRCLE, CIRCLE, **settings).reports[0].step > 10
    assert torch.equal(again.position_embedding.weight, make_model().position_embedding.weight)
    assert all(torch.equal(weight, again.state_dict()[name]) for name, weight in whole.state_dict().items())
