import json
from importlib import metadata

import pytest

from gptcore.benchmark.__main__ import ABOUT, SECTIONS, main
from gptcore.benchmark.measure import Row


def test_a_table_for_people_and_json_for_machines(capsys):
    main(["window", "--repeats", "1"])
    table = capsys.readouterr().out
    assert "torch threads" in table and "past the end" in table and " × reading the window" in table
    main(["window", "--repeats", "1", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["machine"]["torch"] == metadata.version("torch")
    assert [set(row) for row in found["sections"]["window"]] == 2 * [set(Row.__dataclass_fields__)]


def test_what_does_not_exist_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["everything"])
    assert "storyteller" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["window", "--repeats", "0"])
    assert "--repeats must be 1 or more" in capsys.readouterr().err
    assert {name: section.__doc__ for name, section in SECTIONS.items()} == ABOUT
