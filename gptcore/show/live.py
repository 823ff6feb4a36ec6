"""What all widgets share: a live view for a notebook that runs, a picture and a line of text for one that does not."""

import base64
import io
from typing import Any

import ipywidgets
from matplotlib.figure import Figure


class LiveView:
    """A widget is `view` in a running notebook; elsewhere it is `picture()`, and `describe()` says it in one line."""

    view: ipywidgets.DOMWidget

    def picture(self) -> Figure:
        """The widget as it is now, as a chart."""
        raise NotImplementedError

    def describe(self) -> str:
        """The widget as it is now, in one line of text that is the same on every machine."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        file = io.BytesIO()
        self.picture().savefig(file, format="png", dpi=100, bbox_inches="tight")
        return {
            **self.view._repr_mimebundle_(**kwargs),
            "image/png": base64.b64encode(file.getvalue()).decode("ascii"),
            "text/plain": self.describe(),
        }
