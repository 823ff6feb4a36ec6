"""Too little memory, said in one sentence: an extension of IPython, `%load_ext gptcore.classroom.memory_errors`.

Python's and PyTorch's errors come with a traceback of the library's own files, which says nothing to a student, and
which may itself need more memory than there is. The sentence is all that is shown, and nothing holds on to what the
cell had made.
"""

import resource
from types import TracebackType
from typing import Any

from gptcore.language import _
from gptcore.units import bytes_text

OF_PYTORCH = ("can't allocate memory", "out of memory")


def load_ipython_extension(shell: Any) -> None:
    """Let `shell` show the sentence."""
    shell.set_custom_exc((MemoryError, RuntimeError), _show)


def unload_ipython_extension(shell: Any) -> None:
    """Let `shell` show the traceback again."""
    shell.set_custom_exc((), None)


def is_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is too little memory."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error).lower() for said in OF_PYTORCH)


def sentence(error: BaseException) -> str:
    """What to say of an error of memory: the error's own sentence if gptcore wrote it, and what to do."""
    limit = resource.getrlimit(resource.RLIMIT_DATA)[0]
    if isinstance(error, MemoryError) and str(error):
        problem = _("{sentence}.").format(sentence=str(error).rstrip("."))
    elif limit != resource.RLIM_INFINITY:
        problem = _("This cell needs more memory than the {limit} that a notebook may take here.").format(
            limit=bytes_text(limit)
        )
    else:
        problem = _("This cell needs more memory than this machine has left.")
    to_do = _(
        "Nothing is lost, and you can go on: choose smaller values and run the cell again, or choose "
        "Kernel → Restart Kernel and then Run → Run All Above Selected Cell."
    )
    return f"{problem} {to_do}"


def _show(shell: Any, kind: type, error: BaseException, traceback: TracebackType, tb_offset: int | None = None) -> None:
    if is_of_memory(error):
        shell._showtraceback(kind, error, [sentence(error)])
    else:
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
