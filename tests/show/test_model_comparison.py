import pytest
import torch

from gptcore import GPTConfig, GPTModel, draw, generate
from gptcore.show.model_comparison import ModelComparison


@pytest.fixture
def models(tokenizer):
    found = {}
    for number, name in enumerate(("one", "two", "three")):
        torch.manual_seed(number)
        shape = {"context_length": 16, "emb_dim": 16, "n_heads": 2, "n_layers": 1, "drop_rate": 0.5}
        found[name] = GPTModel(GPTConfig(vocab_size=len(tokenizer), **shape))
    return found


@pytest.fixture
def comparison(models, tokenizer):
    losses = {"one": 5.8, "two": 3.0, "three": 0.5}
    return ModelComparison(models, tokenizer, "Once upon", seed=3, max_length=12, losses=losses, floor=0.4)


def test_texts_are_those_of_generate_on_the_same_luck(comparison, models, tokenizer):
    prompt = torch.tensor([tokenizer.encode("Once upon")])
    eos = tokenizer.eos_token_id
    for name, model in models.items():
        expected = generate(model, prompt, 12, 0.7, 10, seed=3, eos_token_id=eos)[0, prompt.shape[1] :].tolist()
        assert comparison.token_ids[name] == expected
        assert comparison.texts[name].startswith("Once upon")
    luck = torch.rand(12, generator=torch.Generator().manual_seed(3), dtype=torch.float64).tolist()
    assert all(text.uniforms == luck[: len(text.token_ids)] for text in comparison.record.written.values())
    assert len({tuple(ids) for ids in comparison.token_ids.values()}) == 3


def test_one_dart_and_a_bar_for_each_model(comparison):
    for position in (0, 4):
        comparison.position = position
        for name, step in comparison.steps.items():
            index = min(position, len(comparison.token_ids[name]) - 1)
            assert step.token_id == comparison.token_ids[name][index] == comparison.record.darts[name].token_id
            assert step.uniform == comparison.record.written[name].uniforms[index]
            assert step.distribution.probs[step.token_id] > 0
            page = next(one for one in comparison.view.shown["models"] if one["name"] == name)
            assert (page["position"], page["dart"]["id"]) == (index, step.token_id)
            assert page["choices"] == pytest.approx(step.distribution.entropy.exp().item())


def test_without_a_prompt_the_dart_hits_what_was_written(comparison):
    with torch.no_grad():
        for model in comparison.models.values():
            model.token_embedding.weight.mul_(20)  # what was read matters
    comparison.top_k, comparison.temperature, comparison.prompt = None, 2.0, ""
    for position in range(comparison.max_length):
        comparison.position = position
        for step in comparison.steps.values():
            assert int(draw(step.distribution, step.uniform)) == step.token_id


def test_controls_compare_again(comparison, move, press, shown):
    before = comparison.token_ids
    move(comparison, temperature=0)
    assert comparison.temperature == 0 and comparison.token_ids != before
    move(comparison, top_k=None)
    assert comparison.top_k is None and "top-k all" in comparison.caption in shown(comparison)
    comparison.top_k = 7
    assert comparison.top_k == 7 and "top-k 7" in comparison.caption in shown(comparison)
    comparison.temperature = 3.5
    press(comparison, "other_luck")
    assert comparison.temperature == 3.5 and comparison.seed == 4 == comparison.view.settings["seed"]
    press(comparison, "look", 2)
    assert comparison.position == 2
    comparison.prompt = "옛날"
    assert all(text.startswith("옛날") for text in comparison.texts.values())


def test_losses_and_the_floor(comparison, models, tokenizer):
    page = comparison.view.shown
    assert [one["loss"] for one in page["models"]] == [5.8, 3.0, 0.5] and (page["largest"], page["floor"]) == (5.8, 0.4)
    *_, ax = comparison.picture().axes
    assert [bar.get_width() for bar in ax.patches] == [5.8, 3.0, 0.5]
    assert ax.lines[0].get_xdata()[0] == 0.4
    without = ModelComparison(models, tokenizer, "Once", max_length=2)
    assert [one["loss"] for one in without.view.shown["models"]] == [None] * 3
    assert len(without.picture().axes) == 3


def test_the_line_of_text_says_nothing_that_differs_between_machines(comparison):
    bundle = comparison._repr_mimebundle_()[0]
    assert {"application/vnd.jupyter.widget-view+json", "image/png"} <= set(bundle)
    assert bundle["text/plain"] == (
        "ModelComparison: one, two, three go on from 'Once upon', temperature 0.7, top-k 10, seed 3"
    )


def test_bad_input_is_a_sentence(comparison, models, tokenizer, shown):
    with pytest.raises(ValueError, match="models must be at least one, by its name, got none"):
        ModelComparison({}, tokenizer)
    for loss in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="losses must be above 0, in nats per token, got .* for two"):
            ModelComparison(models, tokenizer, losses={"two": loss})
    with pytest.raises(ValueError, match="losses must be of the models one, two, three, got four"):
        ModelComparison(models, tokenizer, losses={"four": 1.0})
    comparison.tokenizer = type("NoEnd", (), {"encode": lambda self, text: [], "decode": str, "eos_token_id": None})()
    comparison.prompt = ""
    assert "Not changed: prompt must not be empty" in shown(comparison)
    with pytest.raises(ValueError, match="prompt must not be empty"):
        ModelComparison(models, comparison.tokenizer, "")


def test_a_setting_that_is_not_allowed_changes_nothing(comparison, models, tokenizer):
    before = comparison.temperature, comparison.top_k, comparison.texts
    for name, value, words in (
        ("temperature", -1, "temperature must be 0"),
        ("temperature", "hot", "temperature must be a number, got 'hot'"),
        ("top_k", 0, "top_k must be at least 1"),
        ("top_k", "all", "top_k must be an integer"),
    ):
        setattr(comparison, name, value)
        assert comparison.problem.startswith(words)
        with pytest.raises((TypeError, ValueError), match=words):
            ModelComparison(models, tokenizer, **{name: value})
        assert (comparison.temperature, comparison.top_k, comparison.texts) == before


def test_nothing_to_write(models, tokenizer):
    comparison = ModelComparison(models, tokenizer, "Once", max_length=0)
    assert comparison.steps == {} and set(comparison.texts.values()) == {"Once"}
    comparison.picture()


@pytest.mark.parametrize("position", [-1, 99, "x", None, 1.5, True])
def test_a_position_that_is_not_there_is_said(comparison, shown, position):
    before = comparison.position
    comparison.position = position
    assert comparison.position == before and "Not changed: position must be an integer from 0 to" in shown(comparison)
    comparison.position = 1
    assert comparison.position == 1 and comparison.problem is None


def test_a_length_is_a_setting(comparison, shown):
    comparison.max_length = 10**9
    assert comparison.max_length == 100
    assert "max_length was cut to 100" in shown(comparison)
    comparison.max_length = "abc"
    assert comparison.max_length == 100 and "Not changed: max_length must be an integer" in shown(comparison)
