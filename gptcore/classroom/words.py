"""JupyterHub's pages in the language of the class: the words that a student reads there, and nothing else of them.

The templates in `pages/` extend JupyterHub's own, and say which parts of a page are looked through.
"""

import re
from html import escape, unescape
from pathlib import Path

from gptcore.language import N_, _

PAGES = Path(__file__).with_name("pages")
WORDS = {
    N_("Sign in"),
    N_("Username:"),
    N_("Password:"),
    N_("Show password"),
    N_("Hide password"),
    N_(
        "Warning: JupyterHub seems to be served over an unsecured HTTP connection. "
        "We strongly recommend enabling HTTPS for JupyterHub."
    ),
    N_("Home"),
    N_("Token"),
    N_("Login"),
    N_("Logout"),
    N_("Toggle dark mode"),
    N_("Toggle navigation"),
    N_("Start My Server"),
    N_("My Server"),
    N_("Stop My Server"),
    N_("Your server is starting up."),
    N_("You will be redirected automatically when it's ready for you."),
    N_("Event log"),
    N_("Stop Server"),
    N_("Stopping..."),
    N_("Stopping server..."),
    N_("Server stopped successfully!"),
    N_("Your server is stopping."),
    N_("You will be able to start it again once it has finished stopping."),
    N_("refresh"),
    N_("Server not running"),
    N_("Your server is not running. Would you like to start it?"),
    N_(
        "Your server is not running. It will be restarted automatically. If you are not redirected in a few seconds, "
        "click below to launch your server."
    ),
    N_("Launch Server"),
    N_("Spawn failed"),
    N_("The latest attempt to start your server has failed."),
    N_("The latest attempt to start your server has failed. Would you like to retry starting it?"),
    N_("Would you like to retry starting it?"),
    N_("Relaunch Server"),
    N_("Successfully logged out."),
}
# In attributes and scripts, and between tags.
PLACES = (re.compile(r"""(?<=(["']))[^"'<>]+(?=\1)"""), re.compile(r"(?<=>)[^<>]+(?=<)"))


def in_our_words(page: str) -> str:
    """A page of JupyterHub's with those of its texts translated that are known here."""
    from markupsafe import Markup  # JupyterHub's templates have it

    page = str(page)
    for place in PLACES:
        page = place.sub(_translated, page)
    return Markup(page)


def _translated(found: re.Match) -> str:
    words = " ".join(unescape(found[0]).split())
    return escape(_(words)) if words in WORDS else found[0]
