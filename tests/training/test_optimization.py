import math

import pytest
import torch
import torch.nn.functional as F
from torch.optim.optimizer import register_optimizer_step_pre_hook

from gptcore import GPTModel
from gptcore.training import evaluate, fit
from gptcore.training.batches import TrainingRows
from gptcore.training.optimization import adamw
from tests.training.circle import CIRCLE, CONFIG, changed, make_model, quick


def test_weight_decay_spares_biases_norms_and_embeddings():
    model = GPTModel({**CONFIG, "tie_embeddings": False})
    decayed, spared = adamw(model, 1e-3, 0.1, (0.9, 0.99)).param_groups
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


def test_a_loss_of_nan_stops_training_and_says_where():
    model = make_model()
    with torch.no_grad():
        model.final_norm.bias.fill_(torch.nan)
    with pytest.raises(
        ValueError, match=r"^model must have finite weights to be trained, got NaN .* final_norm\.bias$"
    ):
        fit(model, CIRCLE, **quick())


def test_a_loss_of_nan_leaves_the_weights_as_they_were():
    model = make_model()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    model.forward = lambda token_ids: GPTModel.forward(model, token_ids) * torch.nan
    with pytest.raises(ValueError, match="loss became nan at step 1: try a lower learning_rate"):
        fit(model, CIRCLE, **quick())
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


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


def test_a_gradient_of_nan_stops_training_before_it_does_harm():
    model = make_model()
    model.head.weight.register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(ValueError, match="the gradient became (inf|nan) at step 1"):
        fit(model, CIRCLE, **quick())
    assert not changed(model)
