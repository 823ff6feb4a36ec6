import pytest
import torch

from gptcore import GPTConfig
from gptcore.training import fit, read_text
from gptcore.training.batches import TrainingRows
from tests.training.circle import CIRCLE, CONFIG, Told, changed, make_model, quick


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


def test_documents_made_on_demand_are_the_same_and_are_not_made_earlier():
    documents = [[i, i + 1, i + 2, 10] for i in range(7)]
    told = Told(*documents)
    rows = TrainingRows(told, CONFIG, batch_size=3, seed=0)
    assert told.asked == 0
    assert torch.equal(rows.of_step(4), TrainingRows(documents, CONFIG, batch_size=3, seed=0).of_step(4))


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
        ([[1, 2], [1.5]], TypeError, r"train_ids\[1\] must be integers"),
        ([[1, 2], "ab"], TypeError, r"train_ids\[1\] must be a row of token ids, got 'ab'"),
        ([[1, 2], ["a"]], TypeError, r"train_ids\[1\] must be a row of integers"),
        ([1, 2, 3], TypeError, r"train_ids\[0\] must be a row of token ids, got 1; one long row is given as a torch"),
        (torch.rand(100), TypeError, "train_ids must be integers"),
        (CIRCLE.to(torch.uint16), TypeError, r"train_ids must be integers \(torch.int64, .*\), got torch.uint16"),
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
def test_a_file_without_text_is_refused_in_a_sentence(tmp_path, content, words):
    file = tmp_path / "story.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_text(file)


def test_a_folder_is_no_text(tmp_path):
    with pytest.raises(ValueError, match="there is none at"):
        read_text(tmp_path)
