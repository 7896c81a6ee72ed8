"""Libraries that draw, amended when they are imported: without a screen, figures become displays.

matplotlib's figures are shown when `show()` is called and at the end of the execution that left them open, and closed
by that, as in a notebook. Plotly's `show()` displays the figure instead of opening a browser.
"""

from __future__ import annotations

import sys
from types import ModuleType

from ..hints import Any, Callable, Dict, List
from .displays import Displays


def amend_pyplot(pyplot: ModuleType, displays: Displays, at_end: List[Callable[[], None]]) -> None:
    """Shows open figures at the end of an execution, and at `show()`."""
    if not str(pyplot.get_backend()).lower().endswith("agg"):
        return  # somebody has a screen after all

    def show_open(*_arguments: Any, **_options: Any) -> None:
        numbers = pyplot.get_fignums()
        try:
            displays.show_together([pyplot.figure(number) for number in numbers])
        finally:
            if numbers:
                pyplot.close("all")

    pyplot.show = show_open  # type: ignore[attr-defined]
    at_end.append(show_open)
    figure = sys.modules["matplotlib.figure"].Figure
    if not hasattr(figure, "_repr_png_"):
        figure._repr_png_ = _png


def _png(figure: Any) -> bytes:
    from io import BytesIO

    image = BytesIO()
    figure.savefig(image, format="png", bbox_inches="tight")
    return image.getvalue()


def amend_plotly(module: ModuleType, displays: Displays) -> None:
    """`figure.show()` displays; a figure's forms are Plotly's JSON and HTML."""
    figure = module.BaseFigure

    def mimebundle(self: Any, *_arguments: Any, **_options: Any) -> Dict[str, Any]:
        import json

        return {
            "application/vnd.plotly.v1+json": json.loads(self.to_json()),
            "text/html": self.to_html(full_html=False, include_plotlyjs="cdn"),
            "text/plain": f"<plotly figure of {len(self.data)} traces>",
        }

    def show(self: Any, *_arguments: Any, **_options: Any) -> None:
        displays.display(self)

    figure._repr_mimebundle_ = mimebundle
    figure.show = show
