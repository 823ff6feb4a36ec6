"""The pages in Firefox: alive at every width, silent, and word for word what Python writes."""

import base64
import shutil

import pytest

from gptcore import generate_text, show
from tests.browser.conftest import SCREENSHOTS
from tests.page.firefox import Firefox
from tests.page.pages import PAGE, build, project, serving

ALIVE = "document.querySelectorAll('.gptcore-widget:not(.is-live)').length === 0"
SHOWN = "document.getElementById('next-token-1').gptcoreView?.view.get('shown')"
EXPLORER = "document.getElementById('distribution-explorer-1')"
READ = """
(async () => {
  for (const box of document.querySelectorAll(".gptcore-widget")) {
    box.scrollIntoView();
    await new Promise((done) => setTimeout(done, 50));
  }
})()
"""


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    program = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
    if program is None:
        pytest.skip("no Firefox on this machine: install it to test the pages in a second browser")
    firefox = Firefox(program, tmp_path_factory.mktemp("firefox"))
    yield firefox
    firefox.close()


@pytest.fixture(scope="module")
def notebooks(told, tmp_path_factory):
    model, tokenizer = told
    question = show.Prediction("Which comes next?", {"this": "Yes.", "that": "No."}, right="this")
    widgets = [show.NextToken(model, tokenizer), question, show.DistributionExplorer(model, tokenizer, top_k=5)]
    return project(tmp_path_factory.mktemp("course"), widgets)


@pytest.fixture(scope="module")
def base(notebooks):
    with serving(build(notebooks)) as base:
        yield base


@pytest.fixture(autouse=True)
def silence(firefox):
    """Nothing is said in the console."""
    firefox.said.clear()
    firefox.requests.clear()
    yield
    assert firefox.said == []


@pytest.mark.parametrize("width", [360, 768, 1920])
def test_a_page_is_alive_at_every_width(firefox, base, width):
    firefox.resize(width)
    firefox.open(base + PAGE)
    firefox.evaluate(READ)
    firefox.eventually(ALIVE)
    assert firefox.evaluate("document.documentElement.scrollWidth") <= width
    assert all(url.startswith((base, "data:")) for url in firefox.requests) and firefox.requests
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    (SCREENSHOTS / f"page-{width}-firefox.png").write_bytes(base64.b64decode(firefox.screenshot()))


def test_the_same_seed_tells_the_same_tale(firefox, base, told):
    model, tokenizer = told
    firefox.resize(900)
    firefox.open(f"{base}{PAGE}#at=next-token-1&prompt=The+fox&seed=11&temperature=0.8")
    firefox.eventually(f"{SHOWN}?.count === 0 && {ALIVE.replace('.gptcore-widget', '#next-token-1')}")
    add = "document.querySelector('#next-token-1 .gc-primary')"
    for count in range(1, 13):
        firefox.evaluate(f"{add}.click()")
        firefox.eventually(f"{SHOWN}.count === {count}")
    settings = {"temperature": 0.8, "top_k": None, "seed": 11}
    expected = generate_text(model, "The fox", tokenizer, max_length=12, **settings)
    assert "".join(firefox.evaluate(SHOWN)["parts"]) == expected
    firefox.eventually("location.hash.includes('did=choose-')")
    firefox.open("about:blank")


def test_a_slider_is_moved_by_the_keyboard(firefox, base):
    firefox.open(f"{base}{PAGE}#at=distribution-explorer-1&temperature=1")
    firefox.eventually(f"{EXPLORER}.matches('.is-live')")
    firefox.evaluate(f"{EXPLORER}.querySelector('input[type=range]').focus()")
    before = firefox.evaluate(f"{EXPLORER}.gptcoreView.temperature")
    firefox.press("\ue014")  # the right arrow
    firefox.eventually(f"{EXPLORER}.gptcoreView.temperature > {before}")


def test_a_single_page_needs_no_server(firefox, notebooks, tmp_path):
    file = tmp_path / PAGE
    file.write_bytes(build(notebooks, single=True)[PAGE])
    firefox.open(f"{file.as_uri()}#prompt=The+fox&seed=5")
    firefox.eventually(f"{SHOWN}?.parts[0] === 'The fox'")
    assert {url.partition("#")[0] for url in firefox.requests if not url.startswith("data:")} <= {file.as_uri()}
