import math
import re
from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from torch.optim.optimizer import register_optimizer_step_pre_hook

from gptcore import GPTConfig, GPTModel
from gptcore.fast.quantization import quantize
from gptcore.training import Evaluation, evaluate, fit, read_text
from gptcore.training.batches import TrainingRows
from gptcore.training.fitting import _optimizer

CONFIG = GPTConfig(vocab_size=11, context_length=8, emb_dim=16, n_heads=2, n_layers=2, drop_rate=0.1)
CIRCLE = torch.arange(400) % 10  # 0 1 … 9 0 1 …: the next token follows from the last one


def make_model() -> GPTModel:
    torch.manual_seed(0)
    return GPTModel(CONFIG)


def changed(model: GPTModel) -> bool:
    start = make_model().state_dict()
    return any(not torch.equal(weight, start[name]) for name, weight in model.state_dict().items())


def quick(**settings):
    return {"max_steps": 60, "batch_size": 8, "learning_rate": 1e-2, "warmup_steps": 5, "eval_interval": 20} | settings


def test_a_model_that_knows_nothing_is_as_uncertain_as_among_all_tokens():
    model = make_model()
    with torch.no_grad():
        model.token_embedding.weight.zero_()
    result = evaluate(model, CIRCLE)
    assert result.loss == pytest.approx(math.log(11), abs=1e-5)
    assert result.perplexity == pytest.approx(11, abs=1e-3)
    assert result.tokens == len(CIRCLE) - 1


def test_evaluate_reads_each_document_from_its_start():
    model = make_model().eval()
    documents = [[1, 2, 3], [4, 5, 6, 7, 8], [9, 10]]
    losses = []
    with torch.no_grad():
        for document in documents:
            ids = torch.tensor([document])
            losses += F.cross_entropy(model(ids)[0, :-1], ids[0, 1:], reduction="none").tolist()
    result = evaluate(model, documents, batch_size=2)
    assert result.tokens == len(losses) == 7
    assert result.loss == pytest.approx(sum(losses) / 7, abs=1e-5)


def test_evaluate_foretells_every_token_of_a_row_once_whatever_the_batch():
    model = make_model().eval()
    losses = []
    with torch.no_grad():
        for i in range(0, 36, 8):  # pieces of a context each, the last one shorter
            ids = CIRCLE[i : min(i + 9, 37)][None]
            losses += F.cross_entropy(model(ids[:, :-1])[0], ids[0, 1:], reduction="none").tolist()
    for batch_size in (1, 3, 50):
        result = evaluate(model, CIRCLE[:37], batch_size)
        assert result.tokens == len(losses) == 36
        assert result.loss == pytest.approx(sum(losses) / 36, abs=1e-5)


def test_evaluate_cuts_a_document_where_the_context_ends():
    model = make_model()
    cut = evaluate(model, [CIRCLE[:30], [3, 4]])
    assert cut == evaluate(model, [CIRCLE[:9], [3, 4]])
    assert cut.tokens == 8 + 1


def test_perplexity_without_bounds():
    assert Evaluation(0.0, 1).perplexity == 1
    assert Evaluation(1000.0, 1).perplexity == math.inf  # as of a model that an absurd learning rate has ruined


def test_evaluate_leaves_the_mode_as_it_was():
    model = make_model()
    model.blocks[1].eval()
    evaluate(model, CIRCLE)
    assert model.training and model.blocks[0].dropout.training and not model.blocks[1].dropout.training


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


def test_training_that_was_broken_off_goes_on_as_if_it_had_not_been(tmp_path):
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


def test_the_callers_luck_is_untouched():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    model = GPTModel(CONFIG)
    torch.manual_seed(5)
    fit(model, CIRCLE, **quick(max_steps=3))
    assert torch.equal(torch.rand(1), expected)


def test_weight_decay_spares_biases_norms_and_embeddings():
    model = GPTModel({**CONFIG, "tie_embeddings": False})
    decayed, spared = _optimizer(model, 1e-3, 0.1, (0.9, 0.99)).param_groups
    names = {id(p): name for name, p in model.named_parameters()}
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    assert all(".weight" in names[id(p)] and "norm" not in names[id(p)] for p in decayed["params"])
    assert {names[id(p)] for p in spared["params"]} >= {"token_embedding.weight", "position_embedding.weight"}
    assert len(decayed["params"]) + len(spared["params"]) == len(names)


@pytest.fixture
def seen_by_adamw():
    """What AdamW is given at every step: the learning rate, and the norm of all gradients."""
    seen = []

    def look(optimizer, args, kwargs):
        gradients = [p.grad.norm() for group in optimizer.param_groups for p in group["params"]]
        rates = {group["lr"] for group in optimizer.param_groups}
        assert len(rates) == 1
        seen.append((rates.pop(), torch.stack(gradients).norm().item()))

    handle = register_optimizer_step_pre_hook(look)
    yield seen
    handle.remove()


def test_the_learning_rate_rises_in_a_line_and_falls_in_a_cosine(seen_by_adamw):
    fit(make_model(), CIRCLE, **quick(max_steps=12, warmup_steps=4, learning_rate=0.8, min_learning_rate=0.2))
    # From 0.8 to 0.2 in eight steps: 0.5 + 0.3 cos(π i / 8).
    falling = [0.777164, 0.712132, 0.614805, 0.5, 0.385195, 0.287868, 0.222836, 0.2]
    assert [rate for rate, _ in seen_by_adamw] == pytest.approx([0.2, 0.4, 0.6, 0.8, *falling], abs=1e-6)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"warmup_steps": 0, "max_steps": 2}, [0.55, 0.1]),  # a tenth is the lowest
        ({"warmup_steps": 0, "max_steps": 2, "min_learning_rate": 0}, [0.5, 0.0]),
        ({"warmup_steps": 5, "max_steps": 2}, [0.2, 0.4]),
        ({"warmup_steps": 2, "max_steps": 2}, [0.5, 1.0]),
    ],
)
def test_the_learning_rate_at_its_ends(seen_by_adamw, settings, expected):
    fit(make_model(), CIRCLE, **quick(learning_rate=1.0, **settings))
    assert [rate for rate, _ in seen_by_adamw] == pytest.approx(expected, abs=1e-12)


def test_gradients_are_clipped_to_a_norm_and_shorter_ones_are_left(seen_by_adamw):
    settings = quick(max_steps=5)
    fit(make_model(), CIRCLE, **settings, clip_norm=0.01)
    assert [norm for _, norm in seen_by_adamw] == pytest.approx([0.01] * 5, rel=1e-3)
    seen_by_adamw.clear()
    fit(make_model(), CIRCLE, **settings, clip_norm=1000.0)
    free = [norm for _, norm in seen_by_adamw]
    seen_by_adamw.clear()
    fit(make_model(), CIRCLE, **settings, clip_norm=2000.0)
    assert [norm for _, norm in seen_by_adamw] == free and min(free) > 0.02


def test_training_is_the_plain_loop():
    """Three steps by hand, with PyTorch's own AdamW."""
    model, plain = (GPTModel({**CONFIG, "drop_rate": 0.0}) for _ in range(2))
    plain.load_state_dict(model.state_dict())
    fit(model, CIRCLE, **quick(max_steps=3, warmup_steps=4), clip_norm=0.5, weight_decay=0.3, seed=6)
    names = [name for name, _ in plain.named_parameters()]
    decayed = [name for name in names if name.endswith("weight") and "norm" not in name and "embedding" not in name]
    groups = [
        {"params": [plain.get_parameter(name) for name in names if (name in decayed) == decay], "weight_decay": rate}
        for decay, rate in ((True, 0.3), (False, 0.0))
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99))
    rows = TrainingRows(CIRCLE, CONFIG, batch_size=8, seed=6)
    for step in (1, 2, 3):
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * step / 4
        ids = rows.of_step(step)
        optimizer.zero_grad()
        F.cross_entropy(plain(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten()).backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.5)
        optimizer.step()
    torch.testing.assert_close(model(ids[:, :-1]), plain(ids[:, :-1]), rtol=0, atol=1e-5)


def test_autocast_computes_in_bfloat16_and_learns_nearly_the_same_float32_weights():
    def trained(autocast):
        model = make_model()
        return model, fit(model, CIRCLE, CIRCLE, **quick(max_steps=10), autocast=autocast)

    (exact, history), (rounded, nearly) = trained(None), trained(torch.bfloat16)
    assert rounded.dtype == torch.float32 and not torch.equal(rounded.head.weight, exact.head.weight)
    assert nearly.best_val_loss == pytest.approx(history.best_val_loss, abs=0.05)


# Rows
# ----------------------------------------------------------------------------------------------------


def test_each_row_of_a_step_is_a_window_of_the_text():
    text = torch.arange(1000)
    rows = TrainingRows(text, GPTConfig(**{**CONFIG, "vocab_size": 1000}), batch_size=5, seed=3)
    assert rows.of_step(1).shape == (5, 9)
    assert (rows.of_step(1).diff(dim=1) == 1).all()
    assert torch.equal(rows.of_step(7), rows.of_step(7))
    assert not torch.equal(rows.of_step(7), rows.of_step(8))
    starts = torch.cat([rows.of_step(step)[:, 0] for step in range(2000)])
    assert starts.min() == 0 and starts.max() == 1000 - 9  # every window can come, the last one too


def test_rows_of_documents_begin_with_one_and_are_those_that_the_bundled_model_was_made_with():
    documents = [[i, i + 1, i + 2, 10] for i in range(7)]
    assert TrainingRows(documents, CONFIG, batch_size=3, seed=0).of_step(1).tolist() == [
        [10, 4, 5, 6, 10, 3, 4, 5, 10],
        [10, 0, 1, 2, 10, 5, 6, 7, 10],
        [10, 4, 5, 6, 10, 6, 7, 8, 10],
    ]


class Told(Sequence):
    """Documents that are made when they are asked for."""

    def __init__(self, *documents):
        self.documents = documents
        self.asked = 0

    def __len__(self):
        return len(self.documents)

    def __getitem__(self, i):
        self.asked += 1
        return self.documents[i]


def test_documents_that_are_made_when_asked_for_are_the_same_and_are_not_asked_for_before():
    documents = [[i, i + 1, i + 2, 10] for i in range(7)]
    told = Told(*documents)
    rows = TrainingRows(told, CONFIG, batch_size=3, seed=0)
    assert told.asked == 0
    assert torch.equal(rows.of_step(4), TrainingRows(documents, CONFIG, batch_size=3, seed=0).of_step(4))


# How training ends
# ----------------------------------------------------------------------------------------------------


def test_patience_ends_training_that_no_longer_gains():
    model = make_model()
    elsewhere = torch.full((100,), 10)  # what is learned from the circle makes this worse
    history = fit(model, CIRCLE, elsewhere, **quick(eval_interval=5, max_steps=500), patience=3)
    losses = [report.val_loss for report in history.reports if report.val_loss is not None]
    assert history.stopped_by == "patience"
    assert history.evaluations_since_best == 3
    assert len(losses) == losses.index(min(losses)) + 1 + 3
    assert history.best_step == history.reports[-1].step - 3 * 5
    assert evaluate(model, elsewhere).loss == pytest.approx(min(losses), abs=1e-5)


def test_patience_waits_as_long_as_there_is_gain():
    history = fit(make_model(), CIRCLE, CIRCLE, **quick(), patience=1)
    assert history.stopped_by == "max_steps"
    assert history.reports[-1].step == 60


def test_patience_needs_something_to_wait_for():
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
    """And whoever takes the steps can do something else between them, while the model is measured too."""
    whole, stepped, luck = make_model(), make_model(), torch.get_rng_state()
    history = fit(whole, CIRCLE, CIRCLE[:100], **quick())
    steps, between = fit.steps(stepped, CIRCLE, CIRCLE[:100], **quick()), 0
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
    steps = fit.steps(model, CIRCLE, CIRCLE[:100], on_progress=reports.append, **settings)
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


def test_time_and_speed_are_told():
    history = fit(make_model(), CIRCLE, **quick(max_steps=20), report_interval=10)
    assert [report.seconds_left > 0 for report in history.reports] == [True, False]
    assert all(report.tokens_per_second > 0 for report in history.reports)


# Going on after a break
# ----------------------------------------------------------------------------------------------------


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
        with pytest.raises(ValueError, match="checkpoint must be a file in a folder"):
            fit(model, CIRCLE, **quick(), checkpoint=nowhere)
    assert not changed(model)


def test_weights_that_are_not_learned_stay_and_training_goes_on_without_them(tmp_path):
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


# What cannot be trained
# ----------------------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_stops_training_and_says_where():
    model = make_model()
    with torch.no_grad():
        model.final_norm.bias.fill_(torch.nan)
    with pytest.raises(ValueError, match=r"loss became nan at step 1\b"):
        fit(model, CIRCLE, **quick())


def test_a_loss_that_is_no_number_leaves_the_weights_as_they_were():
    model = make_model()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    model.forward = lambda token_ids: GPTModel.forward(model, token_ids) * torch.nan
    with pytest.raises(ValueError, match="loss became nan at step 1: try a lower learning_rate"):
        fit(model, CIRCLE, **quick())
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


@pytest.mark.parametrize("val_ids", [CIRCLE, [[1, 2, 3], [4, 5]]])
def test_a_validation_loss_that_is_no_number_stops_training_and_says_where(val_ids, tmp_path):
    """Even after the last step, where no training loss would tell; and no checkpoint is written of such weights."""
    model = make_model()
    reports = []
    with pytest.raises(ValueError, match=r"the loss became (nan|inf) at step 1: try a lower learning_rate"):
        fit(
            model, CIRCLE, val_ids, **quick(max_steps=1, learning_rate=1e30, warmup_steps=0),
            checkpoint=tmp_path / "training.safetensors", on_progress=reports.append,
        )  # fmt: skip
    assert not reports and not list(tmp_path.iterdir())


def test_an_absurd_learning_rate_ends_in_a_sentence_and_with_the_best_weights():
    model = make_model()
    reports = []
    with pytest.raises(
        ValueError, match=r"the (loss|gradient) became (nan|inf) at step \d+: try a lower learning_rate"
    ):
        fit(
            model, CIRCLE, CIRCLE, max_steps=200, batch_size=8, learning_rate=1e3, warmup_steps=0,
            eval_interval=1, on_progress=reports.append,
        )  # fmt: skip
    losses = [report.val_loss for report in reports]
    assert losses and all(map(math.isfinite, losses))
    assert evaluate(model, CIRCLE).loss == pytest.approx(min(losses), rel=1e-4)


def test_a_gradient_that_is_no_number_stops_training_before_it_does_harm():
    model = make_model()
    model.head.weight.register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(ValueError, match="the gradient became (inf|nan) at step 1"):
        fit(model, CIRCLE, **quick())
    assert not changed(model)


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


def test_a_batch_that_no_computer_can_hold_does_not_fit():
    with pytest.raises(ValueError, match="batch_size=1000000000000 rows of context_length=8 tokens does not fit"):
        fit(make_model(), CIRCLE, **quick(batch_size=10**12))


def test_other_errors_of_pytorch_are_not_called_a_lack_of_memory():
    model = make_model()
    model.forward = lambda token_ids: torch.zeros(2, 3) @ torch.zeros(2, 3)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        fit(model, CIRCLE, **quick())


@pytest.mark.parametrize("train_ids", [torch.arange(8), torch.zeros(0, dtype=torch.long), []])
def test_too_little_text_is_refused_before_training(train_ids):
    with pytest.raises(ValueError, match="train_ids must"):
        fit(make_model(), train_ids, **quick())


def test_text_for_one_context_is_enough():
    history = fit(make_model(), torch.arange(9), torch.arange(9), **quick(max_steps=2))
    assert len(history.reports) == 1


@pytest.mark.parametrize("val_ids", [torch.arange(8), torch.zeros(0, dtype=torch.long), [], [[1], [2]]])
def test_too_little_text_to_evaluate_is_refused_before_training(val_ids):
    model = make_model()
    with pytest.raises(ValueError, match="val_ids must"):
        fit(model, CIRCLE, val_ids, **quick())
    assert not changed(model)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        (torch.tensor([*range(10), 11]), ValueError, "train_ids must be from 0 to 10, the model's vocabulary, got 11"),
        (torch.tensor([*range(10), -1]), ValueError, "train_ids must be from 0 to 10, the model's vocabulary, got -1"),
        ([[1, 2], [3, 99]], ValueError, r"train_ids\[1\] must be from 0 to 10, the model's vocabulary, got 99"),
        ([[1, 2], []], ValueError, r"train_ids\[1\] must have at least one token"),
        ([[1, 2], [1.5]], TypeError, r"train_ids\[1\] must be whole numbers"),
        ([[1, 2], "ab"], TypeError, r"train_ids\[1\] must be a row of token ids, got 'ab'"),
        ([[1, 2], ["a"]], TypeError, r"train_ids\[1\] must be a row of token ids"),
        ([1, 2, 3], TypeError, r"train_ids\[0\] must be a row of token ids, got 1; one long row is given as a torch"),
        (torch.rand(100), TypeError, "train_ids must be whole numbers"),
        (CIRCLE.to(torch.uint16), TypeError, r"train_ids must be whole numbers \(torch.int64, .*\), got torch.uint16"),
        (
            torch.arange(10)[None],
            ValueError,
            r"train_ids must be one row of token ids, \(N,\), got the shape \(1, 10\)",
        ),
        ("Once upon a time", TypeError, "train_ids must be a tensor of token ids or a list of documents, got str"),
        (7, TypeError, "train_ids must be a tensor of token ids or a list of documents, got int"),
        (Told([1, 2], [3, 99]), ValueError, r"train_ids\[1\] must be from 0 to 10"),
        (Told([], []), ValueError, r"train_ids\[\d\] must have at least one token"),
    ],
)
def test_text_that_the_model_cannot_read_is_refused_before_training(text, error, words):
    model = make_model()
    with pytest.raises(error, match=words):
        fit(model, text, **quick())
    assert not changed(model)
    with pytest.raises(error, match=words.replace("train_ids", "val_ids").replace(r"\d", "0")):
        fit(model, CIRCLE, text, **quick())
    assert not changed(model)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"max_steps": 0}, ValueError, "max_steps must be at least 1, got 0"),
        ({"max_steps": 1.5}, TypeError, "max_steps must be a whole number, got 1.5"),
        ({"batch_size": -4}, ValueError, "batch_size must be at least 1, got -4"),
        ({"batch_size": True}, TypeError, "batch_size must be a whole number, got True"),
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
        ({"should_stop": True}, TypeError, "should_stop must be a function, or None, got True"),
        ({"on_progress": 5}, TypeError, "on_progress must be a function, or None, got 5"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_before_training(settings, error, words):
    model = make_model()
    with pytest.raises(error, match=re.escape(words)):
        fit(model, CIRCLE, CIRCLE, **quick(**settings))
    assert not changed(model)


def test_a_model_that_cannot_learn_is_refused():
    for model in (quantize(make_model()), make_model().requires_grad_(False)):
        with pytest.raises(ValueError, match="model must have weights that can be learned"):
            fit(model, CIRCLE, **quick())


@pytest.mark.parametrize("token_ids", [torch.tensor([1]), [], [[1], [2]]])
def test_nothing_to_foretell_is_refused(token_ids):
    with pytest.raises(ValueError, match="at least two tokens"):
        evaluate(make_model(), token_ids)


# Any text
# ----------------------------------------------------------------------------------------------------


def test_a_text_file_is_read_as_it_is(tmp_path):
    file = tmp_path / "story.txt"
    for content in ("옛날 옛적에\nOnce…\n", "\ufeff옛날 옛적에\r\nOnce…\r\n"):
        file.write_bytes(content.encode())
        assert read_text(file) == read_text(str(file)) == "옛날 옛적에\nOnce…\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "file must be a text file, but there is none at '.*story.txt'"),
        (b"", "story.txt must hold some text, but it is empty"),
        (b" \n\n", "story.txt must hold some text, but it is empty"),
        ("Once upon … 옛날".encode("cp949"), r"story.txt must be UTF-8, but its byte 10 is not: .* save it as UTF-8"),
        ("Once".encode("utf-16"), "story.txt must be UTF-8, but its byte 0 is not"),
    ],
)
def test_a_file_that_is_no_text_is_refused_in_a_sentence(tmp_path, content, words):
    file = tmp_path / "story.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_text(file)


def test_a_folder_is_no_text(tmp_path):
    with pytest.raises(ValueError, match="there is none at"):
        read_text(tmp_path)


@pytest.fixture
def two_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)
