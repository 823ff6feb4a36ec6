import pytest
import torch

from gptcore import GPTConfig, GPTModel, read_bandwidth, time_per_token, timing


@pytest.fixture
def model():
    torch.manual_seed(0)
    return GPTModel(GPTConfig(vocab_size=9, context_length=12, emb_dim=8, n_heads=2, n_layers=1))


@pytest.fixture
def reads(model):
    """How many tokens each call of the model reads."""
    counts = []
    model.blocks[0].register_forward_pre_hook(lambda block, arguments: counts.append(arguments[0].shape[1]))
    return counts


class Clock:
    """A clock on which `ticks` pass, one after the other, between a start and its stop."""

    def __init__(self, ticks):
        self.ticks, self.now, self.running = iter(ticks), 0.0, False

    def __call__(self):
        self.now += next(self.ticks) if self.running else 100
        self.running = not self.running
        return self.now


def test_the_fastest_step_counts(model, monkeypatch):
    monkeypatch.setattr(timing, "perf_counter", Clock([5, 3, 4, 9, 8, 7]))
    assert time_per_token(model, [2, 4], repeats=3) == [3, 7]


def test_it_is_the_loop_that_is_measured(model, reads):
    time_per_token(model, [4], use_cache=True, repeats=2)
    assert reads == [4, 1, 1]
    reads.clear()
    time_per_token(model, [4], use_cache=False, repeats=2)
    assert reads == [4, 5, 6]
    reads.clear()
    time_per_token(model, [20], use_cache=True, repeats=2)  # past the window, where the cache is of no use
    assert reads == [12, 12, 12]


def test_a_text_may_be_longer_than_the_vocabulary(model):
    assert all(seconds > 0 for seconds in time_per_token(model, [1, 11, 30], repeats=1))


def test_the_bandwidth_is_bytes_per_second(monkeypatch):
    monkeypatch.setattr(timing, "perf_counter", Clock([0.5, 0.25, 1]))
    assert read_bandwidth("cpu", megabytes=1, repeats=3) == 4_000_000


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0],), ValueError, "each of lengths must be at least 1, got 0"),
        (([2.5],), TypeError, "each of lengths must be an integer, got 2.5"),
        (([2], True, 0), ValueError, "repeats must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_sentence(model, arguments, error, message):
    with pytest.raises(error, match=message):
        time_per_token(model, *arguments)


def test_an_unknown_device_is_refused():
    with pytest.raises(ValueError, match="device must be"):
        read_bandwidth("nowhere")
