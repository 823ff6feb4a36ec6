from types import SimpleNamespace

import pytest

pytest.importorskip("ipykernel")

from ipykernel import debugger

from gptcore.classroom.closed_kernel import load_ipython_extension


@pytest.mark.parametrize(("transport", "has_debugger"), [("tcp", True), ("ipc", False)])
def test_only_a_kernel_of_a_class_gives_up_its_debugger(transport, has_debugger, monkeypatch):
    """A learner's own kernel is forked in the same way, and speaks over ports."""
    monkeypatch.setattr(debugger, "_is_debugpy_available", True)
    app, thread = SimpleNamespace(transport=transport, ip="here"), SimpleNamespace(schedule=lambda function: None)
    load_ipython_extension(SimpleNamespace(kernel=SimpleNamespace(parent=app, iopub_thread=thread)))
    assert debugger._is_debugpy_available == has_debugger
