"""The safetensors files of a folder. What tensors they hold is known from their first bytes, before any is read."""

import ctypes
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from gptcore.checks import given
from gptcore.files import read_json, system_words
from gptcore.interrupts import held
from gptcore.language import _
from gptcore.other_kinds import LARGEST, check_no_stand_in, instead_of_weights

WEIGHTS = "model.safetensors"
MOST_TENSORS = 100_000  # of one file; a GPT-2 of 1.5 billion parameters has 580

_FILE = re.compile(r"[\w .+=-]{1,200}\.safetensors")  # in the same folder

T = TypeVar("T")


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a model's weights: one file, or all that an index names, whether they exist or not."""
    index = folder / f"{WEIGHTS}.index.json"
    if (folder / WEIGHTS).is_file() or not index.is_file():
        return [folder / WEIGHTS]
    check_no_stand_in(index)
    found = read_json(index, LARGEST)
    names = found.get("weight_map") if isinstance(found, dict) else None
    names = set(map(str, names.values())) if isinstance(names, dict) else set()
    if not names or not all(map(_FILE.fullmatch, names)):
        raise ValueError(_("{index} is not a valid index of safetensors files in the same folder").format(index=index))
    return [folder / name for name in sorted(names)]


def stored_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor in the weight files, under the names that they have there.

    Raises ValueError, in one sentence, if a file is missing, or is no safetensors file.
    """
    return dict(_each(folder, lambda file, name: tuple(file.get_slice(name).get_shape())))


def stored_tensors(folder: Path) -> dict[str, Tensor]:
    """Every tensor in the weight files. Raises ValueError, in one sentence, as `stored_shapes` does."""
    return dict(_each(folder, lambda file, name: file.get_tensor(name)))


def stored_metadata(file: Path) -> dict[str, str]:
    """The texts that a valid safetensors file holds beside its tensors.

    Its header is read here and not by the library, which takes as many addresses as the file has bytes: where memory is
    limited, those of a second look at a large file may be refused.
    """
    with file.open("rb") as opened:
        header = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
    return header.get("__metadata__") or {}


def _each(folder: Path, read: Callable[[Any, str], T]) -> Iterator[tuple[str, T]]:
    """(name, what `read` makes of it) for every tensor of all weight files."""
    from safetensors import SafetensorError, safe_open

    seen = set()
    for file in weight_files(folder):
        if not file.is_file():
            instead = (
                instead_of_weights(folder)
                if file.name == WEIGHTS
                else _(", which its {index} names").format(index=f"{WEIGHTS}.index.json")
            )
            raise ValueError(
                _("{folder} has no {file}{instead}").format(folder=folder, file=file.name, instead=instead)
            )
        try:
            check_no_stand_in(file)
            with held(), safe_open(file, framework="pt") as opened:  # it turns an interrupt into some other error
                names = opened.keys()
                if len(names) > MOST_TENSORS:
                    raise ValueError(
                        _("{file} has {count:,} tensors, far more than a GPT-2").format(file=file, count=len(names))
                    )
                pairs = [(name, read(opened, name)) for name in names]
        except SafetensorError as error:
            raise ValueError(
                _("{file} is not a complete safetensors file: {error}").format(file=file, error=str(error)[:300])
            ) from error
        except OSError as error:
            raise ValueError(
                _("{file} cannot be read: {reason}").format(file=file, reason=system_words(error))
            ) from error
        if twice := seen.intersection(name for name, _ in pairs):
            raise ValueError(
                _("{file} holds {name}, which another file of the folder holds too: keep one").format(
                    file=file, name=given(min(twice))
                )
            )
        seen.update(name for name, _ in pairs)
        yield from pairs


def checksum(weights: Mapping[str, Tensor], settings: str) -> str:
    """The CRC-32 of the settings and of all names and values, which is fast and sees every single changed byte."""
    crc = zlib.crc32(settings.encode())
    for name in sorted(weights):
        weight = weights[name].cpu().contiguous()
        values = (ctypes.c_ubyte * weight.nbytes).from_address(weight.data_ptr())  # no copy, and no NumPy
        crc = zlib.crc32(values, zlib.crc32(name.encode(), crc))
    return f"{crc:08x}"
