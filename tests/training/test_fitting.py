import math

import pytest
import torch

from gptcore import GPTModel
from gptcore.fast.quantization import quantize
from gptcore.training import evaluate, fit, fit_steps
from tests.training.circle import CIRCLE, CONFIG, changed, make_model, quick


def test_fit_learns_what_follows():
    model = make_model()
    before = evaluate(model, CIRCLE).loss
    reports = []
    history = fit(model, CIRCLE, CIRCLE, **quick(), on_progress=reports.append)
    after = evaluate(model, CIRCLE).loss
    assert after < 0.5 * before
    assert history.reports == reports
    assert [report.step for report in reports] == [20, 40, 50, 60]
    assert history.best_val_loss == pytest.approx(after, abs=1e-5)


def test_fit_learns_from_documents():
    model = make_model()
    documents = [[i, i + 1, i + 2, 10] for i in range(7)]
    fit(model, documents, **quick())
    assert evaluate(model, documents).loss < 1.5  # which i comes first after the end cannot be known; the rest can


def test_the_same_seed_learns_the_same_and_another_seed_does_not():
    def learned(seed):
        model = make_model()
        fit(model, CIRCLE, **quick(max_steps=5, seed=seed))
        return model.head.weight.detach()

    assert torch.equal(learned(1), learned(1))
    assert not torch.equal(learned(1), learned(2))


def test_the_best_weights_are_kept():
    model = make_model()
    elsewhere = torch.full((100,), 10)  # what is learned from the circle makes this worse
    losses = [evaluate(model, elsewhere).loss]
    history = fit(model, CIRCLE, elsewhere, **quick(eval_interval=5))
    losses += [report.val_loss for report in history.reports if report.val_loss is not None]
    assert history.best_val_loss == min(losses[1:])
    assert evaluate(model, elsewhere).loss == pytest.approx(history.best_val_loss, abs=1e-5)
    assert losses[-1] > history.best_val_loss


def test_an_interrupt_ends_training_without_an_error():
    def interrupt(progress):
        raise KeyboardInterrupt

    model = make_model().eval()
    history = fit(model, CIRCLE, **quick(), on_progress=interrupt)
    assert len(history.reports) == 1
    assert not model.training


def test_the_callers_random_numbers_are_untouched():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    model = GPTModel(CONFIG)
    torch.manual_seed(5)
    fit(model, CIRCLE, **quick(max_steps=3))
    assert torch.equal(torch.rand(1), expected)


def test_patience_ends_training_that_no_longer_improves():
    model = make_model()
    elsewhere = torch.full((100,), 10)  # what is learned from the circle makes this worse
    history = fit(model, CIRCLE, elsewhere, **quick(eval_interval=5, max_steps=500), patience=3)
    losses = [report.val_loss for report in history.reports if report.val_loss is not None]
    assert history.stopped_by == "patience"
    assert history.evaluations_since_best == 3
    assert len(losses) == losses.index(min(losses)) + 1 + 3
    assert history.best_step == history.reports[-1].step - 3 * 5
    assert evaluate(model, elsewhere).loss == pytest.approx(min(losses), abs=1e-5)


def test_patience_waits_while_the_loss_improves():
    history = fit(make_model(), CIRCLE, CIRCLE, **quick(), patience=1)
    assert history.stopped_by == "max_steps"
    assert history.reports[-1].step == 60


def test_patience_needs_text_to_evaluate():
    with pytest.raises(ValueError, match="patience must be None without val_ids"):
        fit(make_model(), CIRCLE, **quick(), patience=2)


def test_should_stop_is_asked_after_every_step_and_ends_training_with_the_best_weights():
    asked = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) == 27

    model = make_model()
    history = fit(model, CIRCLE, CIRCLE, **quick(eval_interval=10), should_stop=stop)
    assert history.stopped_by == "should_stop"
    assert [report.step for report in history.reports] == [10, 20, 27]
    assert history.reports[-1].val_loss is None  # stopping does not wait for an evaluation
    assert evaluate(model, CIRCLE).loss == pytest.approx(history.best_val_loss, abs=1e-5)
    assert history.best_step == 20


def test_stopped_before_the_first_evaluation_the_model_keeps_the_weights_that_it_has():
    model = make_model()
    history = fit(model, CIRCLE, CIRCLE, **quick(), should_stop=lambda: True)
    assert (history.stopped_by, history.best_step, history.best_val_loss) == ("should_stop", None, math.inf)
    assert [report.step for report in history.reports] == [1]
    assert changed(model)


def test_training_that_runs_to_its_end_says_so():
    history = fit(make_model(), CIRCLE, **quick(max_steps=3), should_stop=lambda: False)
    assert history.stopped_by == "max_steps"


def test_step_by_step_it_is_the_same_training():
    """The caller can do something else between the steps, also while the model is evaluated."""
    whole, stepped, luck = make_model(), make_model(), torch.get_rng_state()
    history = fit(whole, CIRCLE, CIRCLE[:100], **quick())
    steps, between = fit_steps(stepped, CIRCLE, CIRCLE[:100], **quick()), 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            assert end.value.best_val_loss == history.best_val_loss and end.value.best_step == history.best_step
            break
        assert torch.is_grad_enabled()
        torch.rand(between % 3)
        between += 1
    assert between == 60 + 3 * 2  # after every step, and after both batches of each of three evaluations
    for name, weight in stepped.state_dict().items():
        assert torch.equal(weight, whole.state_dict()[name])
    assert torch.equal(torch.get_rng_state(), luck)


def test_steps_that_are_not_taken_to_the_end_leave_the_best_weights_and_the_luck():
    model, luck, reports = make_model().eval(), torch.get_rng_state(), []
    settings = quick(eval_interval=10, max_steps=10_000)
    steps = fit_steps(model, CIRCLE, CIRCLE[:100], on_progress=reports.append, **settings)
    for _ in range(35):
        next(steps)
    best = min(report.val_loss for report in reports)
    assert evaluate(model, CIRCLE[:100]).loss != pytest.approx(best, abs=1e-5)
    steps.close()
    assert not any(module.training for module in model.modules()) and torch.equal(torch.get_rng_state(), luck)
    assert evaluate(model, CIRCLE[:100]).loss == pytest.approx(best, abs=1e-5)


def test_what_training_switched_on_and_off_is_as_it_was():
    model = make_model()
    model.blocks[1].eval()
    fit(model, CIRCLE, **quick(max_steps=2))
    assert model.training and model.blocks[0].dropout.training and not model.blocks[1].dropout.training


def test_dropout_is_on_while_it_learns_even_in_a_model_that_was_loaded_to_write():
    def learned(model):
        fit(model, CIRCLE, CIRCLE, **quick(max_steps=4, eval_interval=2))
        return model.head.weight.detach()

    without = make_model()
    for block in without.blocks:
        block.dropout.p = block.attention.drop_rate = 0.0
    without.dropout.p = 0.0
    assert torch.equal(learned(make_model().eval()), learned(make_model().train()))
    assert not torch.equal(learned(without), learned(make_model()))


def test_a_callback_that_leaves_eval_mode_behind_changes_nothing():
    def learned(on_progress):
        model = make_model()
        fit(model, CIRCLE, **quick(max_steps=6), report_interval=2, on_progress=on_progress and on_progress(model))
        return model.head.weight.detach()

    assert torch.equal(learned(None), learned(lambda model: lambda progress: model.eval()))


@pytest.mark.parametrize("val_ids", [CIRCLE, [[1, 2, 3], [4, 5]]])
def test_a_validation_loss_of_nan_stops_training_and_says_where(val_ids, tmp_path):
    """Even after the last step, where no training loss would tell; and no checkpoint is written of such weights."""
    model = make_model()
    reports = []
    with pytest.raises(ValueError, match=r"the loss became (nan|inf) at step 1: try a lower learning_rate"):
        fit(
            model, CIRCLE, val_ids, **quick(max_steps=1, learning_rate=1e30, warmup_steps=0),
            checkpoint=tmp_path / "training.safetensors", on_progress=reports.append,
        )  # fmt: skip
    assert not reports and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried …"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you tried …"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.40 GB)"),
        MemoryError(),
    ],
)
def test_a_batch_that_does_not_fit_into_memory_is_named_and_the_best_weights_are_kept(error):
    model = make_model()
    forwards = []

    def forward(token_ids):
        forwards.append(token_ids)
        if len(forwards) > 60:
            raise error
        return GPTModel.forward(model, token_ids)

    model.forward = forward
    reports = []
    with pytest.raises(ValueError, match="batch_size=8 rows of context_length=8 tokens does not fit into the memory"):
        fit(model, CIRCLE, CIRCLE, **quick(max_steps=500, eval_interval=5), on_progress=reports.append)
    del model.forward
    assert evaluate(model, CIRCLE).loss == pytest.approx(min(report.val_loss for report in reports), abs=1e-5)


def test_a_batch_larger_than_any_memory_is_refused():
    with pytest.raises(MemoryError, match="training with batch_size=1000000000000 needs at least .* bytes of memory"):
        fit(make_model(), CIRCLE, **quick(batch_size=10**12))


def test_other_errors_of_pytorch_are_not_called_a_lack_of_memory():
    model = make_model()
    model.forward = lambda token_ids: torch.zeros(2, 3) @ torch.zeros(2, 3)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        fit(model, CIRCLE, **quick())


def test_a_model_without_trainable_weights_is_refused():
    for model in (quantize(make_model()), make_model().requires_grad_(False)):
        with pytest.raises(ValueError, match="model must have weights that can be trained"):
            fit(model, CIRCLE, **quick())


def test_training_switches_gradients_on_for_itself():
    expected, model = make_model(), make_model()
    fit(expected, CIRCLE, **quick(max_steps=3))
    with torch.no_grad():
        fit(model, CIRCLE, **quick(max_steps=3))
        assert not torch.is_grad_enabled()
    assert changed(model)
    assert all(torch.equal(weight, expected.state_dict()[name]) for name, weight in model.state_dict().items())


def test_a_model_of_inference_mode_is_refused_before_it_is_trained():
    with torch.inference_mode():
        inside = make_model()
        with pytest.raises(ValueError, match=r"^model must be made and trained outside of torch\.inference_mode"):
            fit(make_model(), CIRCLE, **quick(max_steps=3))
    with pytest.raises(ValueError, match=r"^model must be made and trained outside of torch\.inference_mode"):
        fit(inside, CIRCLE, **quick(max_steps=3))
