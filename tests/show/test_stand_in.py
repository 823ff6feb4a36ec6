import ipywidgets

from gptcore.show import NextToken, live
from gptcore.show.stand_in import with_stand_in


def test_the_picture_is_there_beside_the_view_and_its_words_are_no_markup():
    view = ipywidgets.IntSlider()
    box = with_stand_in(view, "aGk=", '"<b>" & so on')
    stand_in, shown = box.children
    assert shown is view
    assert '<img src="data:image/png;base64,aGk=" alt="&quot;&lt;b&gt;&quot; &amp; so on"' in stand_in.value


def test_a_widget_is_displayed_with_its_own_picture_as_the_stand_in(model, tokenizer, monkeypatch):
    made = []
    monkeypatch.setattr(live, "with_stand_in", lambda *parts: made.append(with_stand_in(*parts)) or made[0])
    widget = NextToken(model, tokenizer, "Once upon", seed=1)
    bundle = widget._repr_mimebundle_()[0]
    stand_in, view = made[0].children
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == made[0].model_id
    assert view is widget.view
    assert bundle["image/png"].strip() in stand_in.value and "NextToken: &#x27;Once upon&#x27;" in stand_in.value
