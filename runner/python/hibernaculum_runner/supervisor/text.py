"""The road of printed text, where the supervisor looks over a session's shoulder.

Text lies in the shared page until the session sends it itself. Two things are done here with what it has not sent:

- while an execution is *watched*, it is forwarded every 20 ms, so a cell that prints and then sleeps is seen at once;
- after a death it is *salvaged*, so nothing that was printed is lost.

Nothing here changes the buffer: the session will send the same text again, and the host tells by its positions.
"""

from __future__ import annotations

import time

from ..hints import TYPE_CHECKING
from ..page import Text, whole_characters
from .record import Record

if TYPE_CHECKING:
    from .service import Supervisor

_EVERY = 0.02  # seconds
_NOT_BEGUN = 250  # ticks for which a watch waits for its execution to begin


class TextRoad:
    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._ticking = False

    def watch(self, record: Record, execution: int) -> None:
        """Forwards the text of that execution until it ends."""
        record.watched = execution
        record.watch_patience = _NOT_BEGUN
        self._look(record)
        if not self._ticking:
            self._ticking = True
            self._supervisor.loop.after(_EVERY, self._tick)

    def _tick(self) -> None:
        self._ticking = False
        for record in list(self._supervisor.records.values()):
            if record.watched is not None and not record.ending:
                self._look(record)
        if any(record.watched is not None for record in self._supervisor.records.values()):
            self._ticking = True
            self._supervisor.loop.after(_EVERY, self._tick)

    def _look(self, record: Record) -> None:
        page = record.page
        running = page.execution()
        if running == record.watched:
            record.watch_patience = 0
            self._forward(record)
        elif running > (record.watched or 0) or page.last_ended() >= (record.watched or 0) or not record.watch_patience:
            record.watched = None
        else:
            record.watch_patience -= 1  # not begun yet

    def _forward(self, record: Record) -> None:
        text = record.page.unsent_text(record.text_known)
        if text is None:
            return
        # the text first, the pipes second: the output of a child that was awaited before this was printed is in there
        if not self._supervisor.raw.drain(record) or record.credit <= 0:
            return
        data = text.data
        if len(data) > record.credit:
            data = whole_characters(data[: record.credit])
        if data:
            record.credit -= len(data)
            self._tell(record, text._replace(data=data))

    def salvage(self, record: Record) -> None:
        """After a death, and after its pipes were drained."""
        text = record.page.last_text(record.text_known)
        if text is not None:
            self._tell(record, text)

    def _tell(self, record: Record, text: Text) -> None:
        record.text_known = text.position + len(text.data)
        params = {
            "session": record.session,
            "execution": text.execution,
            "stream": "stdout" if text.stream == 1 else "stderr",
            "pos": text.position,
            "bytes": len(text.data),
            "raw": record.raw(),
            "at": int(time.time() * 1000),
            "text": text.data.decode(),
        }
        self._supervisor.tell("text", params)
