"""Where an execution begins and where it ends: whose the output is, what user code left broken, and the reply.

```
begin    settle what others wrote ─> number into the page ─> mend streams, descriptors, handlers
end      flush what user code's streams and C code hold back ─> settle ─> [last text | reply] in one send
```

Text that lies in the pipes before the one is background output, and so is what is written after the other.
"""

from __future__ import annotations

import sys
from time import perf_counter_ns, time

from ..hints import Any, Dict, List, Optional, Tuple
from ..page import EXECUTION, LAST_ENDED, RAW_STDERR, RAW_STDOUT
from .asynchronous import Asynchronous
from .connection import Connection
from .handlers import Handlers
from .interrupts import Interrupts
from .rawroad import RawRoad
from .reply import REPLY, REPLY_BY_NAME, encode_json, encoded, length_of, value_field
from .stdin import StandardInput
from .streams import Streams
from .textroad import TextRoad
from .transactions import Transactions
from .usage import Usage
from .values import Value


class Boundary:
    """Of one session's executions, and of whatever else is answered as an execution is."""

    def __init__(
        self,
        names: Dict[str, Any],
        slots: Any,
        connection: Connection,
        interrupts: Interrupts,
        handlers: Handlers,
        raw: RawRoad,
        text: TextRoad,
        streams: Streams,
        stdin: StandardInput,
        asynchronous: Asynchronous,
        transactions: Transactions,
    ) -> None:
        self._names, self._slots = names, slots
        self._connection, self._interrupts, self._handlers = connection, interrupts, handlers
        self._raw, self._text, self._streams, self._stdin = raw, text, streams, stdin
        self._asking = stdin.asking
        self._asynchronous, self._transactions = asynchronous, transactions
        self._standard = streams.stdout, streams.stderr, stdin.stream
        self.usage = Usage()

    def begin(self, number: int, stdin_policy: str) -> List[str]:
        """From here on, output is that execution's. Returns warnings: what had to be mended."""
        raw, lock = self._raw, self._connection.lock
        stdout, stderr, stdin = self._standard
        warnings: List[str] = []
        lock.acquire()  # (a `with` takes twice as long)
        try:
            is_alone = raw.settle()
            self._text.begin(number)
            self._slots[EXECUTION] = number
        finally:
            lock.release()
        self._interrupts.begin()
        if raw.is_closed:
            warnings += raw.restore()
        try:
            are_ours = sys.stdout is stdout and sys.stderr is stderr and sys.stdin is stdin
        except AttributeError:  # deleted
            are_ours = False
        if not are_ours or stdout.is_closed or stderr.is_closed or stdin.is_closed:
            warnings += self._streams.restore()
            self._stdin.restore()
        self._asking.is_denied = stdin_policy == "deny"
        if self._handlers.has_replaced_ours:
            self._handlers.restore()
        if "__warningregistry__" in self._names:  # with it the same line of another cell would not warn
            self._names.pop("__warningregistry__", None)
        if not is_alone or self._asynchronous.loop is not None:
            self.usage.begin()
        return warnings

    def end(
        self,
        request: Any,
        number: int,
        count: int,
        status: str,
        value: Optional[Value],
        told: str,
        warnings: List[str],
        times: Tuple[int, int, int],
    ) -> None:
        """Replies. `told` are members of the reply, each with a comma before it; `times` when the execution began,
        when it was compiled, and when it had run.
        """
        connection, text, slots, asynchronous = self._connection, self._text, self._slots, self._asynchronous
        stdout, stderr, _stdin = self._standard
        try:
            are_ours = sys.stdout is stdout and sys.stderr is stderr
        except AttributeError:
            are_ours = False
        if not are_ours:
            self._flush_replaced()
        if asynchronous.loop is not None:
            asynchronous.make_current()
        self._raw.flush_c()
        started, compiled_at, ran_at = times
        lock = connection.lock
        lock.acquire()
        try:
            is_alone = self._raw.settle() and asynchronous.loop is None
            last_text, length, position = text.end()
            if warnings:
                told += f',"warnings":{encode_json(warnings)}'
            if value is not None:
                told = value_field(value, connection.outgoing) + told
            captured_at = perf_counter_ns()
            cpu, memory = self.usage.end(captured_at - started, is_alone)
            template = REPLY
            if type(request) is not int:
                template, request = REPLY_BY_NAME, encoded(encode_json(request))
            reply = template % (
                request,
                number,
                status.encode(),
                count,
                encoded(told),
                (compiled_at - started) // 1000,
                (ran_at - compiled_at) // 1000,
                (captured_at - ran_at) // 1000,
                cpu // 1000,
                memory,
                slots[RAW_STDOUT],
                slots[RAW_STDERR],
                position,
                int(time() * 1000),
            )
            slots[LAST_ENDED] = number
            slots[EXECUTION] = 0  # before the reply is out: what comes now is background
            connection.send_after_transfers(last_text, length_of(len(reply)) + reply)
            text.ended(length)
        finally:
            lock.release()
        if self._transactions.last is not None:
            self._transactions.after_reply()

    def abandon(self) -> None:
        """The runner failed within an execution: its text goes out, and no execution runs."""
        self._transactions.commit()
        with self._connection.lock:
            last_text, length, _ = self._text.end()
            self._slots[LAST_ENDED] = self._slots[EXECUTION]
            self._slots[EXECUTION] = 0
            self._connection.send(last_text + self._connection.outgoing.take())
            self._text.ended(length)

    def _flush_replaced(self) -> None:
        try:
            try:
                self._interrupts.enter()
                self._streams.flush_replaced()
            finally:
                self._interrupts.depth = 1
        except BaseException:
            self._interrupts.depth = 1
