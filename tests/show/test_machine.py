import pytest
import torch

from gptcore import generate, quantize, record
from gptcore.recording import lens_logits
from gptcore.show import Candidates, Machine
from gptcore.tokenizer import end_token_ids


@pytest.fixture
def machine(model_of_noise, tokenizer):
    return Machine(model_of_noise(), tokenizer, "Once upon", seed=3)


def test_every_stage_is_that_of_the_model(machine, tokenizer):
    token_ids = torch.tensor(tokenizer.encode("Once upon"))
    known, passage = record(machine.model, token_ids), machine.record
    assert passage.read.recording.token_ids.tolist() == token_ids.tolist()
    assert torch.equal(torch.tensor(machine.rows), known.residuals[:, -1])
    assert torch.allclose(machine.distribution.logits, known.logits[-1])
    assert passage.candidates == Candidates.of(machine.distribution, tokenizer, 8)
    for row, (_, prob) in zip(known.residuals[:, -1], machine.guesses, strict=True):
        assert prob == pytest.approx(lens_logits(machine.model, row).softmax(-1).max().item())
    for layer, weights in enumerate(passage.reads):
        assert weights == pytest.approx(known.attention[layer, :, -1].mean(0).tolist()) and sum(
            weights
        ) == pytest.approx(1)


@pytest.mark.parametrize("prepared", [lambda model: model, quantize], ids=["float32", "int8"])
@pytest.mark.parametrize("tie_embeddings", [True, False])
def test_a_logit_is_the_sum_of_the_products(prepared, tie_embeddings, model_of_noise, tokenizer):
    machine = Machine(prepared(model_of_noise(tie_embeddings=tie_embeddings)), tokenizer, "Once upon", seed=3)
    passage = machine.record
    products = [a * b for a, b in zip(passage.last_row, passage.embedding, strict=True)]
    assert sum(products) == pytest.approx(passage.logit, abs=1e-4)


def test_what_it_writes_is_what_generate_writes(machine, tokenizer, press):
    prompt = torch.tensor([tokenizer.encode("Once upon")])
    expected = generate(machine.model, prompt, 6, temperature=1.0, top_k=None, seed=3)[0].tolist()
    for _ in range(6):
        press(machine, "write")
    assert machine._token_ids == expected[: len(machine._token_ids)] and len(machine._token_ids) > 4
    press(machine, "other_luck")
    assert machine.seed == 4 and machine.text == "Once upon"


def test_a_setting_reuses_the_text_and_a_prompt_begins_again(machine, move):
    machine.write()
    text, uniform = machine.text, machine.dart.uniform
    move(machine, temperature=0)
    assert machine.text == text and machine.dart.uniform == uniform and machine.distribution.probs.max() == 1
    move(machine, prompt="Once")
    assert machine.text == "Once" and machine.dart.uniform != uniform


def test_the_page_gets_numbers_of_every_stage(machine):
    page = machine.view.shown
    assert page["letters"][0] == ["O", "4f"] and page["size"] == len(page["rows"][0]) == 16
    assert [label for _, label in page["tokens"]] == machine.record.read.labels
    assert len(page["rows"]) == len(page["guesses"]) == len(page["reads"]) + 1
    assert page["band"]["next"] == machine.dart.label and page["dart"]["id"] == machine.dart.token_id


def test_the_story_ends_at_the_end_of_text(model_of_noise, tokenizer):
    model = model_of_noise()
    with torch.no_grad():
        model.final_norm.weight.zero_()
        model.final_norm.bias.copy_(model.head.weight[tokenizer.eos_token_id] * 1e3)
    machine = Machine(model, tokenizer, "Once")
    machine.write()
    assert machine.text == "Once" and "the story is over" in machine.caption


def test_a_text_that_cannot_be_read_is_a_sentence(machine, shown):
    before = machine.text
    machine.prompt = 5
    assert "Not changed: prompt must be a str" in shown(machine) and machine.text == before
    machine.prompt = ""  # begins with the end-of-text token
    assert machine.problem is None and len(machine._token_ids) == 1
    machine.prompt = "옛날 <img> $x$ " * 400
    assert "sees only its last 40 tokens" in machine.caption
    machine.picture().canvas.draw()


def test_a_notebook_gets_the_live_view_a_picture_and_a_line(machine):
    bundle = machine._repr_mimebundle_()[0]
    assert {"application/vnd.jupyter.widget-view+json", "image/png"} <= set(bundle)
    assert bundle["text/plain"] == machine.describe()
    assert machine.describe().startswith("Machine: 'Once upon' is ") and "the dart hits" in machine.describe()


def test_tokens_that_are_given_are_written_up_to_the_end_of_the_text(machine, press):
    [end] = end_token_ids(machine.tokenizer)
    press(machine, "write", 3, 5, end, 7)
    assert machine._token_ids[-2:] == [3, 5] and "the story is over" in machine.caption
    assert machine._given()["did"] == [["write", [3, 5, end]]]
    press(machine, "write", machine.model.config.vocab_size)
    assert machine.problem.startswith("token_id must be below")
