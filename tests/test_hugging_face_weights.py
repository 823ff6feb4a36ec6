import re
import warnings

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    GPT2Config,
    GPT2DoubleHeadsModel,
    GPT2ForQuestionAnswering,
    GPT2ForSequenceClassification,
    GPT2ForTokenClassification,
    GPT2LMHeadModel,
    GPT2Model,
)

from gptcore import GPTConfig, GPTModel, load_model, save
from gptcore.hugging_face_weights import to_hugging_face
from tests.checkpoints import change_config, change_weights, check_same_greedy_tokens, check_same_logits

EMBEDDING, HEAD = "transformer.wte.weight", "lm_head.weight"
SMALL = {"vocab_size": 61, "n_positions": 80, "n_embd": 32, "n_head": 4, "n_layer": 3}


@pytest.fixture(autouse=True)
def no_warning():
    """What is read without a doubt is read without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def masks() -> dict[str, torch.Tensor]:
    """What the oldest files hold beside the weights of three layers."""
    mask = torch.ones(1, 1, 80, 80, dtype=torch.uint8).tril()
    found = {f"transformer.h.{layer}.attn.bias": mask.clone() for layer in range(3)}
    return found | {f"transformer.h.{layer}.attn.masked_bias": torch.tensor(-1e4) for layer in range(3)}


def prefixed(prefix: str):
    return lambda name: prefix + name


def inside(wrapper: str, *parts: str):
    """The names of a model of which some parts are wrapped."""
    return lambda name: re.sub(rf"\b({'|'.join(parts)})\.", rf"\1.{wrapper}.", name)


RENAMED = {
    "none": lambda name: name,
    "without transformer.": lambda name: name.removeprefix("transformer."),
    **{
        prefix: prefixed(prefix)
        for prefix in (
            *("module.", "_orig_mod.", "model.", "base_model.", "_orig_mod.module.", "module._orig_mod."),
            *("model._orig_mod.", "model.module.", "base_model.model.", "module.module.", "pretrained_model."),
            *("_forward_module.", "model.model.base_model.module._orig_mod.", "gpt2.", "network.gpt-2."),
        )
    },
    "model. for transformer.": lambda name: name.replace("transformer.", "model."),
    "module. without transformer.": lambda name: f"module.{name.removeprefix('transformer.')}",
    "compiled blocks": inside("_orig_mod", r"h\.\d"),
    "FSDP": inside("_fsdp_wrapped_module", "transformer", r"h\.\d"),
    "FSDP, compiled": lambda name: f"_orig_mod.{inside('_fsdp_wrapped_module', 'transformer', 'mlp')(name)}",
    "checkpointed": inside("_checkpoint_wrapped_module", r"h\.\d"),
}


@pytest.mark.parametrize("renamed", RENAMED.values(), ids=RENAMED)
@pytest.mark.parametrize("tied", [True, False])
def test_names_may_have_any_beginning(tmp_path, renamed, tied, of_transformers):
    theirs = of_transformers(tmp_path, tie_word_embeddings=tied)
    change_weights(tmp_path, lambda w: {renamed(name): tensor for name, tensor in {**w, **masks()}.items()})
    ours = load_model(tmp_path, device="cpu")
    assert ours.config.tie_embeddings == tied
    check_same_logits(ours, theirs, [37])


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.model."])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_a_shared_weight_may_be_stored_as_the_head_alone(tmp_path, prefix, dtype, of_transformers):
    of_transformers(tmp_path).to(dtype).save_pretrained(tmp_path)
    change_weights(tmp_path, lambda w: {HEAD if name == EMBEDDING else name: tensor for name, tensor in w.items()})
    theirs = GPT2LMHeadModel.from_pretrained(tmp_path, dtype=torch.float32).eval()
    change_weights(tmp_path, lambda w: {prefix + name: tensor for name, tensor in w.items()})
    ours = load_model(tmp_path, device="cpu")
    assert ours.head.weight is ours.token_embedding.weight
    check_same_logits(ours, theirs, [1, 37])


def test_shards_may_have_prefixes_and_the_head_alone(tmp_path, of_transformers):
    theirs = of_transformers(tmp_path)
    change_weights(tmp_path, lambda w: {f"module.{n}": t for n, t in {HEAD: w.pop(EMBEDDING), **w}.items()})
    weights = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    for shard in range(3):
        save_file(dict(list(weights.items())[shard::3]), tmp_path / f"model-{shard}.safetensors")
    names = {name: f"model-{i % 3}.safetensors" for i, name in enumerate(weights)}
    (tmp_path / "model.safetensors.index.json").write_text(str({"weight_map": names}).replace("'", '"'))
    check_same_logits(load_model(tmp_path, device="cpu"), theirs)


def test_a_base_model_has_its_embedding_as_its_head(tmp_path):
    torch.manual_seed(0)
    GPT2Model(GPT2Config(**SMALL)).save_pretrained(tmp_path)
    theirs = GPT2LMHeadModel.from_pretrained(tmp_path)
    check_same_logits(load_model(tmp_path, device="cpu"), theirs)
    change_config(tmp_path, tie_word_embeddings=False)
    with pytest.raises(ValueError, match=f"no {HEAD}: set tie_word_embeddings to true if the embedding is the head"):
        load_model(tmp_path)


def test_a_tensor_may_be_stored_twice_under_two_names(tmp_path, of_transformers):
    theirs = of_transformers(tmp_path)
    names = {"wte.weight": EMBEDDING, "module.h.0.ln_1.bias": "transformer.h.0.ln_1.bias"}
    change_weights(tmp_path, lambda w: w | {again: w[name].clone() for again, name in names.items()})
    check_same_logits(load_model(tmp_path, device="cpu"), theirs)


@pytest.mark.parametrize(
    "name", ["wte.weight", "module.wpe.weight", "h.1.mlp.c_fc.bias", "model.transformer.ln_f.bias"]
)
def test_a_tensor_with_two_values_is_refused(tmp_path, name, of_transformers):
    of_transformers(tmp_path)
    original = "transformer." + name.removeprefix("module.").removeprefix("model.").removeprefix("transformer.")
    change_weights(tmp_path, lambda w: w | {name: w[original] + 1})
    with pytest.raises(ValueError, match="mean the same tensor of a GPT-2, but differ: keep one") as raised:
        load_model(tmp_path)
    assert repr(name) in str(raised.value) and repr(original) in str(raised.value)


def test_a_head_that_differs_from_the_embedding_keeps_its_weights_as_in_transformers(
    tmp_path, tokenizer, of_transformers
):
    of_transformers(tmp_path, vocab_size=len(tokenizer))
    change_weights(tmp_path, lambda w: w | {HEAD: w[EMBEDDING] + 0.1})
    theirs = GPT2LMHeadModel.from_pretrained(tmp_path)
    assert theirs.lm_head.weight is not theirs.transformer.wte.weight
    with pytest.warns(UserWarning, match=f"config.json says .* {HEAD} and wte.weight differ"):
        ours = load_model(tmp_path, device="cpu")
    assert not ours.config.tie_embeddings
    check_same_logits(ours, theirs)
    check_same_greedy_tokens(ours, theirs)
    save(tmp_path, ours, tokenizer)
    check_same_logits(load_model(tmp_path, device="cpu"), GPT2LMHeadModel.from_pretrained(tmp_path))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: {HEAD if n == EMBEDDING else n: t for n, t in w.items()}, "lack 'transformer.wte.weight'"),
        (lambda w: {n: t for n, t in w.items() if n != EMBEDDING}, "lack 'transformer.wte.weight'"),
    ],
)
def test_an_embedding_that_shares_nothing_must_be_there(tmp_path, change, words, of_transformers):
    of_transformers(tmp_path, tie_word_embeddings=False)
    change_weights(tmp_path, change)
    with pytest.raises(ValueError, match=words):
        load_model(tmp_path)


@pytest.mark.parametrize("rows", [60, 64, 122])
@pytest.mark.parametrize("name", [EMBEDDING, HEAD])
def test_another_vocabulary_than_the_config_s_is_refused_as_by_transformers(tmp_path, rows, name, of_transformers):
    """A padded embedding needs a config that counts the padding, as `resize_token_embeddings` writes it."""
    of_transformers(tmp_path)
    change_weights(tmp_path, lambda w: w | {name: torch.cat([w[EMBEDDING], w[EMBEDDING]])[:rows].clone()})
    with pytest.raises(RuntimeError, match="mismatched"):
        GPT2LMHeadModel.from_pretrained(tmp_path)
    words = rf"'{name}' has the shape \({rows}, 32\), .* calls for \(61, 32\) with vocab_size 61"
    with pytest.raises(ValueError, match=words):
        load_model(tmp_path)
    if name == EMBEDDING:
        change_config(tmp_path, vocab_size=rows)
        check_same_logits(load_model(tmp_path, device="cpu"), GPT2LMHeadModel.from_pretrained(tmp_path), [37])


def test_the_matrices_of_another_program_are_told_to_be_transposed(tmp_path, of_transformers):
    of_transformers(tmp_path)
    change_weights(
        tmp_path, lambda w: {n: t.t().contiguous() if ".h." in n and t.ndim == 2 else t for n, t in w.items()}
    )
    with pytest.raises(
        ValueError, match=r"has the shape \(96, 32\), transposed, as nanoGPT stores it, but .*\(32, 96\)"
    ):
        load_model(tmp_path)


@pytest.mark.parametrize("kind", [GPT2ForSequenceClassification, GPT2ForTokenClassification, GPT2ForQuestionAnswering])
def test_a_classifier_is_called_one(tmp_path, kind):
    kind(GPT2Config(**SMALL, num_labels=3)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="is the head of a classifier, which labels texts .*: use a GPT-2 that writes"):
        load_model(tmp_path)


def test_of_two_heads_the_language_model_s_is_read(tmp_path):
    torch.manual_seed(0)
    GPT2DoubleHeadsModel(GPT2Config(**SMALL)).save_pretrained(tmp_path)
    theirs = GPT2LMHeadModel.from_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="'multiple_choice_head.summary.bias' belongs to a second head, .* left out"):
        check_same_logits(load_model(tmp_path, device="cpu"), theirs)


def test_the_value_head_of_reinforcement_learning_is_left_out(tmp_path, of_transformers):
    theirs = of_transformers(tmp_path)
    added = {"v_head.summary.weight": torch.ones(1, 32), "v_head.summary.bias": torch.ones(1)}
    change_weights(tmp_path, lambda w: w | added)
    with pytest.warns(UserWarning, match="'v_head.summary.bias' belongs to a second head"):
        check_same_logits(load_model(tmp_path, device="cpu"), theirs)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", [EMBEDDING, "transformer.h.1.attn.c_attn.weight", "transformer.ln_f.bias"])
def test_weights_that_are_not_finite_are_refused(tmp_path, name, value, of_transformers):
    """Some of them would change the logits without a trace: PyTorch's attention may lose a NaN."""
    of_transformers(tmp_path)

    def spoil(weights):
        weights[name].view(-1)[-1] = value

    change_weights(tmp_path, spoil)
    with pytest.raises(ValueError, match=f"{re.escape(str(tmp_path))}: '{name}' has values that are NaN or infinite"):
        load_model(tmp_path)


def test_weights_may_have_the_largest_finite_values(tmp_path, of_transformers):
    of_transformers(tmp_path)
    change_weights(tmp_path, lambda w: w | {EMBEDDING: torch.full((61, 32), torch.finfo(torch.float32).max)})
    assert load_model(tmp_path, device="cpu").token_embedding.weight.isfinite().all()


def test_a_model_that_is_not_finite_is_not_saved_over_one_that_is(tmp_path, tokenizer):
    torch.manual_seed(0)
    model = GPTModel(GPTConfig(len(tokenizer), 8, 8, 2, 1))
    save(tmp_path, model, tokenizer)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    with torch.no_grad():
        model.blocks[0].attention.qkv.weight[3, 2] = float("nan")
    words = "model must have finite weights to be saved, got NaN or infinity in transformer.h.0.attn.c_attn.weight"
    with pytest.raises(ValueError, match=words):
        save(tmp_path, model, tokenizer)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()} == before


def test_the_names_and_shapes_of_transformers_are_written(of_transformers, tmp_path):
    theirs = of_transformers(tmp_path, tie_word_embeddings=False).state_dict()
    ours = to_hugging_face(load_model(tmp_path, device="cpu"))
    assert {name: tensor.shape for name, tensor in ours.items()} == {n: t.shape for n, t in theirs.items()}
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
