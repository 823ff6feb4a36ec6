"""Every picture of a widget can be read, whoever has drawn it."""

import re
from pathlib import Path

import nbformat
import pytest

from gptcore.show.charts import HEIGHT, SMALL, WIDTH, Chart, chart
from tests.show.readable import faults
from tests.show.test_all_widgets import KINDS

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = sorted([*NOTEBOOKS.glob("*.ipynb"), *NOTEBOOKS.glob("ko/*.ipynb")])


@pytest.mark.parametrize("name", KINDS)
def test_the_picture_of_a_widget_can_be_read_on_any_page(name, model_of_noise, tokenizer):
    model = model_of_noise(n_layers=2, n_heads=2, emb_dim=8, context_length=12)
    widget = KINDS[name].make(model, tokenizer, **KINDS[name].good)
    figure = widget.picture()
    assert isinstance(figure, Chart) and figure.words and faults(figure) == []


@pytest.mark.parametrize("file", LESSONS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_the_charts_of_a_lesson_fit_into_its_column_in_the_colours_of_the_project(file):
    cells = [cell.source for cell in nbformat.read(file, 4).cells if cell.cell_type == "code"]
    for cell in cells:
        for width, height in re.findall(r"\bchart\(([\d.]+), ([\d.]+)", cell):
            assert float(width) <= WIDTH and float(height) <= HEIGHT, cell
        assert not re.search(r"\.legend\(|\.plot\(|color=|axhline|axvline", cell), cell


def test_what_cannot_be_read_is_found():
    figure, ax = chart(WIDTH + 1, 2)
    ax.text(0.5, 0.5, "small", fontsize=SMALL - 1)
    ax.text(0.5, 0.5, "pale", color="#999999", va="bottom")
    figure.text(0.95, 0.9, "one that goes on and on")
    assert {fault.split("is ")[-1] for fault in faults(figure)} == {
        *("small", "pale", "cut off", "940 × 200 pixels"),
        "over 'small'",
    }
