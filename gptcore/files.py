"""Files that are written whole or not at all."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_LARGEST_JSON = 100e6  # bytes; the largest tokenizers in use have a fifth of it


@contextmanager
def written_whole(file: Path) -> Iterator[Path]:
    """A temporary path in the folder of `file`; when the block ends without an error, it replaces `file`."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".gptcore-") as folder:
        temporary = Path(folder) / file.name
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # some libraries write files that only their owner may read
        os.replace(temporary, file)


def write_text(file: Path, text: str) -> None:
    """Write `text` to `file` as UTF-8: all of it, or nothing."""
    with written_whole(file) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _umask() -> int:
    os.umask(mask := os.umask(0))
    return mask


def read_json(file: Path) -> Any:
    """What a JSON file holds. Raises ValueError, in one sentence, if that is no JSON, or too large or too deep."""
    if (size := file.stat().st_size) > _LARGEST_JSON:
        raise ValueError(f"{file} has {size:,} bytes, far more than any file of its kind")
    try:
        return json.loads(file.read_bytes())
    except RecursionError:
        raise ValueError(f"{file} cannot be read as JSON: it is nested too deep") from None
    except ValueError as error:
        raise ValueError(f"{file} cannot be read as JSON: {error}") from error
