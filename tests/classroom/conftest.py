"""A class of eight on one hub, for all tests that need no other."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

NAMES = ["anna", "ben", "chloe", "dan", "eve", "finn", "gina", "민준"]
LATE, UPDATED, REMOVED = range(len(NAMES), len(NAMES) + 3)  # who comes later, or was taken off the list


@pytest.fixture(scope="package")
def hub() -> Iterator["Hub"]:  # noqa: F821  where there is no JupyterHub, its module cannot be imported
    from tests.classroom.hub import Hub, skip_unless_possible

    skip_unless_possible()
    hub = Hub([*NAMES, "late", "updated", "removed"])
    yield hub
    hub.stop()


@pytest.fixture(scope="package")
def students(hub) -> list["Student"]:  # noqa: F821
    """Eight who have come in, and whose servers are there."""

    def come_in(number: int) -> "Student":  # noqa: F821
        student = hub.student(number)
        student.log_in()
        assert student.is_in()
        student.start_server()
        return student

    with ThreadPoolExecutor(len(NAMES)) as all_at_once:
        return list(all_at_once.map(come_in, range(len(NAMES))))
