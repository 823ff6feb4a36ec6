"""Where the hub listens, and who can hear what is said there."""

import json
import ssl
from urllib.parse import urlsplit

from gptcore.classroom.folder import class_folder
from gptcore.language import _

HOW_TO_ASK = "before-the-bell.json"  # in the folder of the class: the address, and a token for it
_LOCAL = {"127.0.0.1", "::1", "localhost"}


def how_to_ask() -> dict[str, str] | None:
    """{"address": …, "token": …} of the hub that runs, or ran last; None if none ever ran."""
    try:
        return json.loads((class_folder() / HOW_TO_ASK).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def is_local(address: str) -> bool:
    """Whether only this machine can reach it."""
    return urlsplit(address).hostname in _LOCAL


def in_the_clear(address: str) -> str | None:
    """A sentence about passwords that others could hear; None where nobody can."""
    if is_local(address) or urlsplit(address).scheme == "https":
        return None
    said = _("passwords travel in the clear to {address}: classroom/README.md says how to have TLS")
    return said.format(address=address)


def of_this_machine() -> ssl.SSLContext:
    """For a hub on this machine, whose certificate is for another name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
