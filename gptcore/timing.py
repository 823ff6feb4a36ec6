"""Measured on this machine: how long a token takes, and how fast memory is read."""

from collections.abc import Sequence
from time import perf_counter

import torch

from gptcore.checks import check_bool, check_integer, given
from gptcore.generation import generate_steps
from gptcore.language import _
from gptcore.memory import check_room
from gptcore.model import GPTModel, check_model, resolve_device


def time_per_token(model: GPTModel, lengths: Sequence[int], use_cache: bool = True, repeats: int = 5) -> list[float]:
    """Seconds that `generate_steps` takes for one token, for texts of each of the `lengths`, in tokens.

    The loop itself is measured: it reads the text, which is not counted, and then writes `repeats` tokens. The fastest
    counts, since everything else that the machine does can only make a token slower. Each step ends with a value on
    the CPU, so any other device has finished its work by then.

    Raises TypeError or ValueError if a length or `repeats` is below 1.
    """
    check_model(model)
    check_bool("use_cache", use_cache)
    check_integer("repeats", repeats, least=1)
    if not isinstance(lengths, Sequence):
        raise TypeError(_("lengths must be a list of integers, got {value}").format(value=given(lengths)))
    for length in lengths:
        check_integer(_("each of lengths"), length, least=1)
    return [_fastest_step(model, length, use_cache, repeats) for length in lengths]


def _fastest_step(model: GPTModel, length: int, use_cache: bool, repeats: int) -> float:
    token_ids = torch.arange(length, device=model.device) % model.config.vocab_size  # the time is the same for any text
    steps = generate_steps(model, token_ids, repeats + 1, temperature=0, seed=0, use_cache=use_cache)
    next(steps)
    times = []
    for _time in range(repeats):
        start = perf_counter()
        next(steps)
        times.append(perf_counter() - start)
    return min(times)


def read_bandwidth(device: torch.device | str = "cpu", megabytes: int = 256, repeats: int = 5) -> float:
    """Bytes per second at which `device` reads memory: the fastest of `repeats` sums over that many megabytes.

    The caches must hold less than that, or their speed is measured instead.

    Raises TypeError or ValueError if there is no such device, or if `megabytes` or `repeats` is below 1.
    """
    check_integer("megabytes", megabytes, least=1)
    check_integer("repeats", repeats, least=1)
    device = resolve_device(device)
    what = _("reading megabytes={value}").format(value=given(megabytes))
    check_room(what, megabytes * 10**6, device, _("read fewer"))
    values = torch.ones(megabytes * 10**6 // 4, device=device)
    values.sum().item()  # the first sum also prepares the memory
    times = []
    for _time in range(repeats):
        start = perf_counter()
        values.sum().item()  # a value on the CPU: the device is done
        times.append(perf_counter() - start)
    return values.nbytes / min(times)
