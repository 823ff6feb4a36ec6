import math

import pytest
import torch
import torch.nn.functional as F

from gptcore.training import Evaluation, evaluate
from tests.training.circle import CIRCLE, make_model


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


def test_evaluate_predicts_every_token_of_a_row_once_whatever_the_batch():
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


@pytest.mark.parametrize("token_ids", [torch.tensor([1]), [], [[1], [2]]])
def test_no_token_to_predict_is_refused(token_ids):
    with pytest.raises(ValueError, match="at least two tokens"):
        evaluate(make_model(), token_ids)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_of_nan_is_said(value):
    model = make_model()
    with torch.no_grad():
        model.blocks[1].feed_forward.up_proj.weight[0, 0] = value
    with pytest.warns(UserWarning, match=r"^the loss is nan, because the model has NaN or infinity in blocks\.1\.feed"):
        assert math.isnan(evaluate(model, CIRCLE).loss)


def test_a_loss_of_nan_of_finite_weights_is_said_too():
    model = make_model()
    with torch.no_grad():
        model.blocks[0].feed_forward.up_proj.weight.mul_(1e5)
        model.blocks[0].feed_forward.down_proj.weight.mul_(1e5)
    assert evaluate(model, CIRCLE).loss > 0
    with pytest.warns(UserWarning, match=r"^the loss is nan, because the model computes values beyond torch\.float16"):
        assert math.isnan(evaluate(model.half(), CIRCLE).loss)
