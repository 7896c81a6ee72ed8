"""`display()` and `sys.displayhook`: objects shown in their richest forms, as MIME bundles.

A bundle is `{mime type: text}`; bytes travel as base64. An object tells its forms by `_repr_mimebundle_`, or one by one
(`_repr_html_`, `_repr_png_` …); the plain `repr` is always among them.
"""

from __future__ import annotations

import builtins
import sys
from time import time

from ..hints import Any, Dict, List, Optional, Tuple
from ..page import EXECUTION, Page
from .connection import Connection
from .interrupts import Interrupts
from .rawroad import RawRoad
from .textroad import TextRoad
from .values import shown

FORMS = (
    ("text/html", "_repr_html_"),
    ("text/markdown", "_repr_markdown_"),
    ("image/svg+xml", "_repr_svg_"),
    ("image/png", "_repr_png_"),
    ("image/jpeg", "_repr_jpeg_"),
    ("text/latex", "_repr_latex_"),
    ("application/json", "_repr_json_"),
    ("application/javascript", "_repr_javascript_"),
)

RICH = ("_repr_mimebundle_", *(method for _mime, method in FORMS))


def bundle(value: Any) -> Tuple[Dict[str, str], Dict[str, Any]]:
    """The forms of a value, and their metadata. A form whose method fails is left out."""
    data, metadata = _told(value)
    return _with_plain(value, data), metadata


def _with_plain(value: Any, data: Dict[str, Any]) -> Dict[str, str]:
    data.setdefault("text/plain", shown(value))
    return {str(mime): _text(form) for mime, form in data.items() if form is not None}


def _told(value: Any) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """What the object tells of itself; nothing, where it has no method that does."""
    data: Dict[str, Any] = {}
    metadata: Dict[str, Any] = {}
    kind = type(value)
    if kind is not type and hasattr(kind, "_repr_mimebundle_"):
        told = _asked(value, "_repr_mimebundle_", include=None, exclude=None)
        if isinstance(told, tuple) and len(told) == 2:
            told, metadata = told[0], told[1] if isinstance(told[1], dict) else {}
        if isinstance(told, dict):
            data.update(told)
    for mime, method in FORMS:
        if mime not in data and hasattr(kind, method):
            told = _asked(value, method)
            if isinstance(told, tuple) and len(told) == 2:
                told, metadata[mime] = told
            if told is not None:
                data[mime] = told
    return data, metadata


def _asked(value: Any, method: str, **options: Any) -> Any:
    """What a method tells, asked as IPython asks; one that knows none of the options is asked without."""
    try:
        return getattr(value, method)(**options)
    except TypeError as problem:
        # raised by the call itself, before the first line of the method
        is_of_the_call = problem.__traceback__ is not None and problem.__traceback__.tb_next is None
        return _asked(value, method) if options and is_of_the_call else None
    except Exception:
        return None


def _text(form: Any) -> str:
    if isinstance(form, str):
        return str.__str__(form)
    if isinstance(form, (bytes, bytearray)):
        from base64 import b64encode

        return b64encode(form).decode()
    from .reply import encode_json

    try:
        return encode_json(form)
    except Exception:
        return shown(form)


class Displays:
    """Sends displays, in order with both roads of output."""

    def __init__(
        self, page: Page, connection: Connection, text: TextRoad, raw: RawRoad, interrupts: Interrupts
    ) -> None:
        self._slots = page.slots
        self._connection, self._text, self._raw, self._interrupts = connection, text, raw, interrupts
        self._count = 0
        self.result: Any = None
        """The value of the execution whose end is now, so that a display of it may say that it is that."""
        self._just_shown: List[Any] = []

    def install(self) -> None:
        builtins.display = self.display  # type: ignore[attr-defined]
        sys.displayhook = self._displayhook

    def display(
        self, *values: Any, display_id: Any = None, update: bool = False, raw: bool = False, **metadata: Any
    ) -> None:
        """Shows values in their richest form. `raw`: they are MIME bundles themselves."""
        if display_id is True:
            self._count += 1
            display_id = f"display-{self._count}"
        for value in values:
            data, own = ({str(k): _text(v) for k, v in value.items()}, {}) if raw else bundle(value)
            own.update(metadata)
            self.send(data, own, display_id, update)

    def show_together(self, values: List[Any]) -> None:
        """What was left open. None of what is shown at the end of an execution is shown once more as its value."""
        self._just_shown.clear()
        for value in values:
            self._just_shown.append(value)
            data, metadata = bundle(value)
            self.send(data, metadata, None, False, value is self.result)

    def show_result(self, value: Any) -> None:
        """The value of a trailing expression, where it has other forms than its repr."""
        kind = type(value)
        was_shown = any(value is other for other in self._just_shown)
        self._just_shown.clear()
        if kind is not type and not was_shown and any(hasattr(kind, method) for method in RICH):
            told, metadata = _told(value)
            if told:
                self.send(_with_plain(value, told), metadata, None, False, True)

    def send(
        self,
        data: Dict[str, str],
        metadata: Dict[str, Any],
        display_id: Optional[str],
        update: bool,
        result: bool = False,
    ) -> None:
        """One event. In a forked child there is nobody to show it to: its plain text is printed."""
        if self._text.plain is not None:
            print(data.get("text/plain", ""))  # noqa: T201  (to the user)
            return
        self._text.flush()
        deferred = self._interrupts.defer()
        try:
            connection = self._connection
            with connection.lock:
                self._raw.settle()
                stdout, stderr = self._raw.counts()
                event: Dict[str, Any] = {
                    "event": "display",
                    "execution": self._slots[EXECUTION],
                    "at": int(time() * 1000),
                    "data": {mime: connection.outgoing.text(form) for mime, form in data.items()},
                    "metadata": _plain(metadata),
                    "display_id": None if display_id is None else str(display_id),
                    "update": bool(update),
                    "raw": [stdout, stderr],
                    "text_pos": self._text.position(),
                }
                if result:
                    event["result"] = True
                connection.send_message({"jsonrpc": "2.0", "method": "event", "params": event})
        finally:
            self._interrupts.resume(deferred)

    def _displayhook(self, value: Any) -> None:
        """`sys.displayhook`, for code that calls it (a trailing expression is the execution's value instead)."""
        if value is not None:
            print(shown(value))  # noqa: T201  (to the user)
            builtins._ = value  # type: ignore[attr-defined]


def _plain(metadata: Dict[str, Any]) -> Dict[str, Any]:
    from .values import exact_json

    return {str(key): value for key, value in metadata.items() if exact_json([value], 1 << 16) is not None}
