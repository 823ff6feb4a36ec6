"""The language of the interface: every sentence that a widget says goes through `_`.

The machinery is the standard library's `gettext`: a translation is a catalogue in `gptcore/locale`, and without one the
English sentence itself is shown.
"""

import gettext
from pathlib import Path

_ = gettext.translation("gptcore", Path(__file__).with_name("locale"), fallback=True).gettext
