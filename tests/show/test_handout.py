from html.parser import HTMLParser

import nbformat
import pytest
from IPython.core.formatters import DisplayFormatter

from gptcore.show import NextToken, chart, plot_bars
from gptcore.show.handout import Handout


def words_of(*things) -> list[str]:
    """The alternative texts on the handout of a notebook whose cells show `things`, as IPython displays them."""
    notebook = nbformat.v4.new_notebook()
    for thing in things:
        data, metadata = DisplayFormatter().format(thing)
        output = nbformat.v4.new_output("execute_result", data, metadata=metadata)
        notebook.cells.append(nbformat.v4.new_code_cell("thing", outputs=[output]))
    nbformat.validate(notebook)
    found, parser = [], HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append(dict(attributes)["alt"]) if tag == "img" else None
    parser.feed(Handout().from_notebook_node(notebook)[0])
    return found


@pytest.fixture
def figure():
    figure, ax = chart(4, 2, title='"Two" <b>bars</b>')
    plot_bars(ax, ["a", "b"], [1, 2], ["one", "two"])
    return figure


def test_the_pictures_of_a_handout_are_described(figure, model, tokenizer):
    widget = NextToken(model, tokenizer, "Once upon a time")
    assert words_of(figure, widget) == ['"Two" <b>bars</b>. a one · b two.', widget.describe()]


def test_of_a_picture_without_words_the_page_says_so():
    figure, _ = chart(4, 2)
    assert words_of(figure) == ["No description has been provided for this image"]


def test_a_handout_says_which_language_it_is_in(in_korean):
    page, _ = Handout().from_notebook_node(nbformat.v4.new_notebook())
    assert '<html lang="ko">' in page
