import numpy
import pytest
import torch

from gptcore import GPTConfig, GPTModel, generate, generate_steps
from gptcore.prompts import move_model

CONFIG = GPTConfig(vocab_size=17, context_length=10, emb_dim=16, n_heads=2, n_layers=2)


class Untouched(GPTModel):
    """A model that must not be run."""

    def hidden_states(self, token_ids, kv_cache=None):
        raise AssertionError("the model was run before the arguments were checked")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return GPTModel(CONFIG).double().eval()


PROMPTS = [[1, 2, 3], [4], [5, 6, 7, 8, 9, 10, 11]]


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("side", ["left", "right", "both"])
def test_a_mask_says_what_is_padding(model, use_cache, side):
    before = {"left": 7, "right": 0, "both": 3}[side]
    token_ids, mask = torch.full((3, 7), 16), torch.zeros(3, 7, dtype=torch.long)
    for row, prompt in enumerate(PROMPTS):
        start = max(0, min(before, 7 - len(prompt)))
        token_ids[row, start : start + len(prompt)] = torch.tensor(prompt)
        mask[row, start : start + len(prompt)] = 1
    made = generate(model, token_ids, 6, seed=3, attention_mask=mask, use_cache=use_cache)
    assert torch.equal(made[:, :7], token_ids) and made.shape == (3, 13)
    texts = generate(model, PROMPTS, 6, seed=3, use_cache=use_cache)
    assert made[:, 7:].tolist() == [text[-6:].tolist() for text in texts]
    assert torch.equal(made, generate(model, token_ids, 6, seed=3, attention_mask=mask.bool(), use_cache=use_cache))


def test_greedy_texts_are_those_of_transformers(of_transformers, tmp_path):
    """With their padding on the left, their mask, two end tokens, and texts that end at different times."""
    import gptcore

    theirs = of_transformers(tmp_path)
    ours = gptcore.load_model(tmp_path, device="cpu")
    generator = torch.Generator().manual_seed(1)
    for _ in range(10):
        lengths = torch.randint(1, 20, (5,), generator=generator).tolist()
        longest = max(lengths)
        token_ids, mask = torch.full((5, longest), 60), torch.zeros(5, longest, dtype=torch.long)
        for row, length in enumerate(lengths):
            token_ids[row, longest - length :] = torch.randint(61, (length,), generator=generator)
            mask[row, longest - length :] = 1
        more = {"do_sample": False, "max_new_tokens": 15, "pad_token_id": 60, "eos_token_id": [3, 7, 20, 33, 50]}
        expected = theirs.generate(token_ids, attention_mask=mask, **more)
        made = generate(ours, token_ids, 15, 0, attention_mask=mask, eos_token_id=more["eos_token_id"])
        assert made.shape == expected.shape
        ended = expected[:, longest:] == 60  # they fill with the padding, we with the end token of the row
        assert torch.equal(made[:, longest:].masked_fill(ended, 60), expected[:, longest:])


def test_a_gap_in_a_text_is_not_read_just_as_in_transformers(of_transformers, tmp_path):
    import gptcore

    theirs = of_transformers(tmp_path)
    ours = gptcore.load_model(tmp_path, device="cpu")
    generator = torch.Generator().manual_seed(2)
    for _ in range(10):
        token_ids = torch.randint(60, (1, 12), generator=generator)
        mask = torch.randint(2, (1, 12), generator=generator)
        mask[0, -1] = 1
        expected = theirs.generate(token_ids, attention_mask=mask, do_sample=False, max_new_tokens=6, pad_token_id=60)
        made = generate(ours, token_ids, 6, 0, attention_mask=mask)
        assert torch.equal(made, expected)


def test_padding_need_not_be_a_token(model):
    token_ids, mask = torch.tensor([[-100, 1], [2, 3]]), torch.tensor([[0, 1], [1, 1]])
    made = generate(model, token_ids, 3, seed=1, attention_mask=mask)
    assert made[:, 2:].tolist() == [row[-3:].tolist() for row in generate(model, [[1], [2, 3]], 3, seed=1)]


@pytest.mark.parametrize("kind", [list, tuple, torch.tensor, numpy.array])
def test_prompts_may_be_of_any_make(model, kind):
    expected = [text.tolist() for text in generate(model, PROMPTS, 4, seed=0)]
    for outer in (list, tuple):
        texts = generate(model, outer(kind(prompt) for prompt in PROMPTS), 4, seed=0)
        assert isinstance(texts, list) and [text.tolist() for text in texts] == expected


def test_seeds_are_those_of_a_batch(model):
    equal = torch.tensor([[1, 2], [3, 4], [5, 6]])
    rows = generate(model, equal, 8, seed=5)
    assert [text.tolist() for text in generate(model, list(equal), 8, seed=5)] == rows.tolist()
    assert generate(model, [[1, 2]], 8, seed=5)[0].tolist() == rows[0].tolist()


def test_a_processor_sees_each_text_without_padding(model):
    seen = []

    def process(token_ids, logits):
        seen.append(token_ids.tolist()[0])
        logits[0, token_ids[0]] = -torch.inf  # no token twice
        return logits

    for use_cache in (True, False):
        seen.clear()
        texts = generate(model, PROMPTS, 5, 2.0, seed=1, logits_processor=process, use_cache=use_cache)
        assert sorted(seen) == sorted(text.tolist()[:-k] for text in texts for k in range(1, 6))
        assert all(len(set(text.tolist())) == len(text) for text in texts)


GOOD = {"token_ids": torch.tensor([[0, 1], [2, 3]]), "attention_mask": torch.tensor([[0, 1], [1, 1]])}
BAD = [
    ({"token_ids": []}, ValueError, "token_ids must have at least one prompt"),
    ({"token_ids": [[]]}, ValueError, r"token_ids\[0\] must have the shape \(tokens,\)"),
    ({"token_ids": [[1], [2, 17]]}, ValueError, "token_ids must be from 0 to 16, .* got 17"),
    ({"token_ids": [[1], "a"]}, TypeError, r"token_ids\[1\] must be those of one prompt, .* got 'a'"),
    ({"token_ids": [[1], None]}, TypeError, r"token_ids\[1\] must be .* got None"),
    ({"token_ids": [[1], [2.0]]}, TypeError, r"token_ids\[1\] must be .* got \[2.0\]"),
    ({"token_ids": [[1], [2**80]]}, ValueError, "token_id must be .*64 bits"),
    ({"token_ids": [torch.tensor([1.0])]}, TypeError, "token_ids must be integers"),
    ({"token_ids": [torch.tensor(1), torch.tensor([1])]}, ValueError, r"token_ids\[0\] must have the shape"),
    ({"token_ids": [1, 2]}, TypeError, "token_ids must be a torch tensor.*or a list of prompts, got list"),
    ({"token_ids": "ab"}, TypeError, "token_ids must be a torch tensor.* got str 'ab'"),
    ({"token_ids": [[1], [2]], "seed": [1]}, ValueError, "seed must be"),
    ({"token_ids": [[1]], "cuda_graph": True}, ValueError, "cuda_graph must be False .*one length"),
    ({"token_ids": [[1]], "use_cache": "no"}, TypeError, "use_cache must be True or False"),
    ({"token_ids": [[1]], "cuda_graph": 1}, TypeError, "cuda_graph must be True or False"),
    ({"token_ids": [[1]], "eos_token_id": "3"}, TypeError, "eos_token_id must be an integer, several"),
    ({"token_ids": [[1]], "eos_token_id": [3, None]}, TypeError, "eos_token_id must be an integer, several"),
    ({"token_ids": [[1]], "eos_token_id": [-3]}, ValueError, "eos_token_id must be at least 0"),
    ({**GOOD, "attention_mask": [[0, 1], [1, 1]]}, TypeError, "attention_mask must be a torch tensor"),
    ({**GOOD, "token_ids": [[0, 1], [2, 3]]}, TypeError, "token_ids must be a torch tensor where"),
    ({**GOOD, "attention_mask": torch.ones(2, 3)}, ValueError, "attention_mask must have the shape of token_ids"),
    ({**GOOD, "attention_mask": torch.tensor([[0, 2], [1, 1]])}, ValueError, "attention_mask must be 1 where"),
    ({**GOOD, "attention_mask": torch.tensor([[0, 0], [1, 1]])}, ValueError, r"token_ids\[0\] must have the shape"),
    ({**GOOD, "attention_mask": torch.ones(2, 2, device="meta")}, ValueError, "attention_mask must be on the device"),
]


@pytest.mark.parametrize(("wrong", "error", "message"), BAD)
def test_bad_prompts_are_named_before_any_work(wrong, error, message):
    with pytest.raises(error, match=message):
        generate(Untouched(CONFIG), **{"max_new_tokens": 2, **wrong})


def test_steps_are_of_one_text_alone():
    with pytest.raises(ValueError, match="token_ids must be one text.*a list of 2: see generate"):
        generate_steps(Untouched(CONFIG), [[1], [2]], 1)
    assert list(generate_steps(Untouched(CONFIG), [[1, 2]], 0)) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_move_that_fails_leaves_the_model_where_it_was(error):
    model = GPTModel(CONFIG)
    expected = {name: value.clone() for name, value in model.state_dict().items()}
    moved = []

    def to(tensors):
        if len(moved) == 5:
            raise error("no more room")
        moved.append(tensors)
        return tensors.to(torch.float16)  # stands for another device

    def move(device):
        model._apply(to) if device.type == "cuda" else model._apply(lambda t: t.float())

    model.to = move
    with pytest.raises(error):
        move_model(model, torch.device("cuda"))
    assert len(moved) == 5 and all(value.dtype == torch.float32 for value in model.state_dict().values())
    assert all(torch.allclose(expected[name], value, atol=1e-3) for name, value in model.state_dict().items())
