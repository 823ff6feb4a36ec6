"""Too little memory, said in one sentence: an extension of IPython, `%load_ext gptcore.classroom.memory_errors`.

Python's and PyTorch's errors come with a traceback of the library's own files, which says nothing to a student, and
which may itself need more memory than there is. The sentence is all that is shown, and nothing holds on to what the
cell had made. After each cell the system gets back what the kernel no longer uses: a class shares one memory.
"""

import ctypes
import resource
from types import TracebackType
from typing import Any

from gptcore.language import _
from gptcore.units import bytes_text

OF_PYTORCH = ("can't allocate memory", "cannot allocate memory", "out of memory")


def load_ipython_extension(shell: Any) -> None:
    """Let `shell` show the sentence, and give memory back."""
    shell.set_custom_exc((MemoryError, RuntimeError), _show)
    shell.events.register("post_run_cell", give_back)


def unload_ipython_extension(shell: Any) -> None:
    """Let `shell` show the traceback again."""
    shell.set_custom_exc((), None)
    shell.events.unregister("post_run_cell", give_back)


def give_back(*_result: Any) -> None:
    """Let the system have the memory that was freed: the C library of Linux keeps what lies between used pieces."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in every C library
    if trim is not None:
        trim(0)


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
