"""Every picture of a widget can be read, whoever has drawn it."""

import pytest

from gptcore.show.charts import Chart
from tests.show.readable import faults
from tests.show.test_all_widgets import KINDS


@pytest.mark.parametrize("name", KINDS)
def test_the_picture_of_a_widget_can_be_read_on_any_page(name, model_of_noise, tokenizer):
    model = model_of_noise(n_layers=2, n_heads=2, emb_dim=8, context_length=12)
    widget = KINDS[name].make(model, tokenizer, **KINDS[name].good)
    figure = widget.picture()
    assert isinstance(figure, Chart) and figure.words and faults(figure) == []
