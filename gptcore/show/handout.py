"""A notebook as a page to hand out: `jupyter nbconvert --to handout`."""

from nbconvert import HTMLExporter
from traitlets import default

from gptcore.language import _, language


class Handout(HTMLExporter):
    """Like `--to html`, with the words of each picture as its alternative text, which nbconvert 7 leaves out."""

    export_from_notebook = _("Handout (HTML, pictures described)")
    raw_template = """{% extends 'index.html.j2' %}
{% block data_png scoped %}
{%- set words = output | get_metadata('alt', 'image/png') -%}
{{ super() | replace('<img ', '<img alt="%s" ' | format(words | escape_html), 1) if words else super() }}
{% endblock data_png %}"""

    @default("language_code")
    def _language_of_the_interface(self) -> str:
        return language()
