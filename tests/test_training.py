import math

import pytest
import torch
import torch.nn.functional as F

from gptcore import GPTConfig, GPTModel
from gptcore.training import _optimizer, evaluate, fit

CONFIG = GPTConfig(vocab_size=11, context_length=8, emb_dim=16, n_heads=2, n_layers=2, drop_rate=0.1)
CIRCLE = torch.arange(400) % 10  # 0 1 … 9 0 1 …: the next token follows from the last one


def make_model() -> GPTModel:
    torch.manual_seed(0)
    return GPTModel(CONFIG)


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
    model = make_model()
    results = {evaluate(model, CIRCLE[:37], batch_size=n).tokens for n in (1, 3, 50)}
    assert results == {36}


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


def test_a_loss_that_is_no_number_stops_training_and_says_where():
    model = make_model()
    with torch.no_grad():
        model.final_norm.bias.fill_(torch.nan)
    with pytest.raises(ValueError, match=r"loss became nan at step 1\b"):
        fit(model, CIRCLE, **quick())


@pytest.mark.parametrize("train_ids", [torch.arange(9), torch.arange(0), []])
def test_too_little_text_is_refused_before_training(train_ids):
    with pytest.raises(ValueError, match="train_ids must"):
        fit(make_model(), train_ids, **quick())


@pytest.mark.parametrize("token_ids", [torch.tensor([1]), [], [[1], [2]]])
def test_nothing_to_foretell_is_refused(token_ids):
    with pytest.raises(ValueError, match="at least two tokens"):
        evaluate(make_model(), token_ids)
