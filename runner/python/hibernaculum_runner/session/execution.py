"""One `execute`, from request to reply.

```
begin: settle what others wrote   ─> compile ─> run ─> value ─> changes ─> end: settle,
       number into the page                     └ user code ┘                   text + reply in one send
```

Everything between `enter` and `leave` may raise KeyboardInterrupt; nothing else may.
"""

from __future__ import annotations

import _thread
import builtins
from time import perf_counter_ns, time
from types import FrameType

from ..frames import INVALID_PARAMS, REFUSED, ProtocolError
from ..frames import error as refusal
from ..hints import Any, Callable, Dict, List, Optional, Tuple
from ..page import EXECUTION, LAST_ENDED
from . import mainmodule, tracebacks
from .asynchronous import Asynchronous
from .changes import Changes
from .connection import Connection
from .displays import Displays
from .evaluate import Code, Compiler
from .forks import Forks
from .freezing import Freezer
from .handlers import Handlers
from .history import History
from .imports import forget_half_imported
from .inspection import Inspection
from .interrupts import Interrupts
from .plain import plain
from .quiesce import UnclonableError
from .rawroad import RawRoad
from .refusal import RefusedError, unclonable
from .reply import encode_json, error_field, frame, value_field
from .sources import Sources
from .staterequests import StateRequests
from .stdin import StandardInput
from .streams import Streams
from .textroad import TextRoad
from .tracebacks import is_own
from .transactions import Transactions, wanted
from .usage import Usage
from .values import Value, capture

VALUE_BYTES = 16 << 20
MAGICS = "__hibernaculum_magics__"


class Executor:
    """Runs executions, one after the other, in one namespace."""

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
        sources: Sources,
        inspection: Inspection,
        forks: Forks,
        displays: Displays,
        channel: int,
        freezer: Freezer,
    ) -> None:
        self.names = names
        self._slots = slots
        self._connection, self._interrupts, self._handlers = connection, interrupts, handlers
        self._raw, self._text, self._streams, self._stdin = raw, text, streams, stdin
        self._asynchronous, self._sources, self._inspection, self._forks = asynchronous, sources, inspection, forks
        self._displays = displays
        self.stdin_policy = "ask"
        self.workdir = ""
        self._ours = forks.ours
        self._compiler = Compiler(self._begin_magics)
        self._usage = Usage()
        self.history = History(names)
        self.changes = Changes(names)
        self._own = frozenset(names)
        self._transactions = Transactions(names, self._own, slots, channel, connection, freezer)
        self._state = StateRequests(channel, freezer, self._transactions)
        self.at_end: List[Callable[[], None]] = []
        """What is done after user code, as part of it: figures are shown."""

    def take_over(self) -> None:
        """In a clone: this process is the session's, and its clocks and memory are those to be told."""
        self._usage.take_over()

    def clear(self) -> None:
        """Lets the session's names go, one by one: a finalizer that does not end may be interrupted."""
        for name in list(self.names):
            if name not in self._own:
                self.names.pop(name, None)
        self.history.clear()

    def forget(self, filename: str) -> None:
        """As if nothing had been executed yet; `filename` is that of all that was."""
        self.clear()
        self.history.forget()
        self._sources.forget(filename)
        self.changes = Changes(self.names)

    @property
    def is_guarded(self) -> bool:
        """Whether a guard stands for what runs, or waits."""
        return self._transactions.current is not None and self._transactions.current.has_guard

    @property
    def descriptor(self) -> int:
        """What a clone must keep besides the parts."""
        return self._usage.descriptor

    # -- the request -------------------------------------------------------------------------------------------------

    def execute(self, request: Any, params: Dict[str, Any]) -> None:
        """Answers one request. Returns when the answer has been sent."""
        try:
            number = _number(params["execution"])
            code = params["code"]
            if type(code) is not str:
                code = self._connection.text(code)
            first_line = params.get("first_line") or 1
            filename = params.get("filename") or f"<cell {number}>"
            limit = params.get("value_bytes")
            argv = params.get("argv")
            if type(first_line) is not int or not 0 < first_line < 1 << 24 or type(filename) is not str:
                raise TypeError("`first_line` or `filename` has a wrong type")
            if (argv is not None and type(argv) is not list) or (limit is not None and type(limit) is not int):
                raise TypeError("`argv` or `value_bytes` has a wrong type")
            undoable = wanted(params)
        except (KeyError, TypeError, ProtocolError) as problem:
            self._refuse(request, "execute", problem)
            return
        unguarded: List[str] = []
        if undoable is not None or self._transactions.current is not None:
            try:
                is_copy, unguarded = self._transactions.begin(number, undoable)
            except (RefusedError, UnclonableError) as problem:
                self._refuse_state(request, problem)
                return
            if is_copy:
                return
        warnings = self._begin(number, params.get("stdin"))
        warnings += unguarded
        if argv is not None:
            mainmodule.run_as_file(self.names, filename, [str(word) for word in argv])
        keeps = bool(params.get("store_history", True))
        count = self.history.begin(code) if keeps else self.history.count
        self._sources.add(filename, code, first_line)
        limit = VALUE_BYTES if limit is None else limit
        self._run(request, number, count, keeps, code, filename, first_line, limit, warnings)

    def serve_names(self, request: Any, method: str, params: Dict[str, Any]) -> None:
        """Answers a question about the namespace as an execution is answered, and leaves history and changes alone."""
        from .namespace import Namespace

        self._serve(request, method, params, Namespace(self.names, self._own, self.clear))

    def serve_checkpoint(self, request: Any, method: str, params: Dict[str, Any]) -> None:
        """Saves the names, or loads some, in the same way."""
        from .portable.answers import Portable
        from .portable.context import Context

        context = Context(
            self.names,
            self._own,
            self.history,
            self._sources,
            self._inspection,
            self._connection,
            self._interrupts,
            self._ours,
            self.workdir,
        )
        self._serve(request, method, params, Portable(context, self._asynchronous.tasks))

    def _serve(self, request: Any, method: str, params: Dict[str, Any], asked: Any) -> None:
        try:
            number = _number(params["execution"])
            question = asked.question(method, params, self._connection.text)
        except (KeyError, TypeError, ProtocolError) as problem:
            self._refuse(request, method, problem)
            return
        warnings = self._begin(number, "deny")
        captured: Optional[Value] = None
        error: Optional[BaseException] = None
        started = perf_counter_ns()
        try:
            try:
                self._interrupts.enter()
                captured = question()
            finally:
                self._interrupts.depth = 1
        except BaseException as problem:
            self._interrupts.depth = 1
            error = problem
        ended = perf_counter_ns()
        if not self._ours[0]:
            self._forks.leave(error)
        status, problem_told = "completed", ""
        if error is not None:
            status, problem_told = self._told(error)
            error = None
        self.changes.since()  # what the host did is nothing that the next execution did
        times = (started, started, ended)
        self._finish(request, number, self.history.count, status, captured, problem_told, "", warnings, times)

    def serve_state(self, request: Any, method: str, params: Dict[str, Any]) -> None:
        """Answers a request about the whole of the state. Returns in copies as well, which have nothing to answer."""
        try:
            number = _number(params["execution"])
            done = self._state.do(method, params)
        except RefusedError as problem:
            self._refuse_state(request, problem)
            return
        except (KeyError, TypeError) as problem:
            self._refuse(request, method, problem)
            return
        if done is None:
            return
        warnings = self._begin(number, "deny") + done.warnings
        now = perf_counter_ns()
        self._let_go()
        self.changes.since()
        self._finish(request, number, self.history.count, "completed", None, "", done.member, warnings, (now, now, now))

    def _let_go(self) -> None:
        """Of what names were bound to that were put back. Finalizers are user code; what they raise, Python prints."""
        try:
            try:
                self._interrupts.enter()
                self._transactions.left.clear()
            finally:
                self._interrupts.depth = 1
        except BaseException:
            self._interrupts.depth = 1

    def _refuse_state(self, request: Any, problem: Exception) -> None:
        if isinstance(problem, UnclonableError):
            problem = unclonable("the execution did not begin, for it could not have been undone", problem)
        assert isinstance(problem, RefusedError)
        with self._connection.lock:
            self._connection.send_message(refusal(request, REFUSED, *problem.arguments))

    def _refuse(self, request: Any, method: str, problem: Exception) -> None:
        with self._connection.lock:
            self._connection.send_message(
                refusal(
                    request,
                    INVALID_PARAMS,
                    "transport.protocol",
                    f"the parameters of `{method}` are not understood",
                    f"{type(problem).__name__}: {problem}",
                    "see docs/protocol.md for their names and types",
                )
            )

    def _begin(self, number: int, stdin_policy: Optional[str]) -> List[str]:
        """What lies in the pipes is background output; from here on, output is this execution's."""
        streams, stdin = self._streams, self._stdin
        warnings: List[str] = []
        with self._connection.lock:
            self._raw.settle()
            self._text.begin(number)
            self._slots[EXECUTION] = number
        self._interrupts.begin()
        if self._raw.is_closed:
            warnings += self._raw.restore()
        if not streams.are_ours():
            warnings += streams.restore()
        if not stdin.is_ours():
            stdin.restore()
        stdin.asking.is_denied = (stdin_policy or self.stdin_policy) == "deny"
        if self._handlers.has_replaced_ours:
            self._handlers.restore()
        self.names.pop("__warningregistry__", None)  # else the same line of another cell would not warn
        return warnings

    # -- running -----------------------------------------------------------------------------------------------------

    def _run(
        self,
        request: Any,
        number: int,
        count: int,
        keeps: bool,
        code: str,
        filename: str,
        first_line: int,
        limit: int,
        warnings: List[str],
    ) -> None:
        interrupts = self._interrupts
        value: Any = None
        captured: Optional[Value] = None
        error: Optional[BaseException] = None
        if self._asynchronous.loop is not None or _thread._count():
            self._usage.begin()
        started = compiled_at = ran_at = perf_counter_ns()
        try:
            try:
                compiled = self._compiler.compile(code, filename, first_line)
                ran_at = compiled_at = perf_counter_ns()
                interrupts.enter()
                value = self._evaluate(compiled)
                if self.at_end:
                    self._displays.result = value
                    self._end()
                ran_at = perf_counter_ns()
                if value is not None:
                    captured = capture(value, limit)
                    if captured.json is None:
                        self._displays.show_result(value)
            finally:
                interrupts.depth = 1
                self._displays.result = None
        except BaseException as problem:
            interrupts.depth = 1
            if ran_at == compiled_at:
                ran_at = perf_counter_ns()
            error = problem
        if not self._ours[0]:
            self._forks.leave(error)
        status = "completed"
        problem_told = ""
        if error is None:
            if keeps and captured is not None:
                self.history.value(value)
        else:
            if self.at_end and isinstance(error, Exception):
                self._end_after_failure()
            status, problem_told = self._told(error)
            error = None  # with its traceback it holds every frame, this one included
        value = None
        changes = ""
        if self._transactions.current is not None:
            changes = self._transactions.settle(status)
            self._let_go()
        difference = self.changes.since()
        if difference is not None:
            changes += f',"changes":{difference.json()}'
            self._inspection.note(difference.classes(), filename)
        self._finish(
            request,
            number,
            count,
            status,
            captured,
            problem_told,
            changes,
            warnings,
            (started, compiled_at, ran_at),
        )

    def _evaluate(self, code: Code) -> Any:
        """User code, on the main thread. Its frame's caller is this one, which tracebacks leave out."""
        if code.waits:
            return self._asynchronous.run(code, self.names)
        if code.body is not None:
            exec(code.body, self.names)
        if code.expression is not None:
            return eval(code.expression, self.names)
        return None

    def _end(self) -> None:
        for step in self.at_end:
            step()

    def _end_after_failure(self) -> None:
        """What was drawn before an exception is shown all the same; it is the exception that counts."""
        try:
            try:
                self._interrupts.enter()
                self._end()
            finally:
                self._interrupts.depth = 1
        except BaseException:
            self._interrupts.depth = 1

    def _begin_magics(self) -> None:
        """From now on the calls that magics become find whom they call."""
        if not hasattr(builtins, MAGICS):
            from .magics import Magics

            Magics(self.names, self._own, self._run_within, self.clear, self._displays).install()

    def _run_within(self, text: str, frame: FrameType, first_line: int, column: int) -> Any:
        """Runs code as part of the code that runs; its value. `first_line` and `column` are its place in that file."""
        code = self._compiler.compile(text, frame.f_code.co_filename, first_line, column)
        if frame.f_globals is self.names and frame.f_locals is self.names:
            return self._evaluate(code)
        if code.waits:
            raise SyntaxError("a magic within a function cannot await")
        space = dict(frame.f_locals)
        if code.body is not None:
            exec(code.body, frame.f_globals, space)
        return eval(code.expression, frame.f_globals, space) if code.expression is not None else None

    def _told(self, error: BaseException) -> Tuple[str, str]:
        """The status and the `error` field for an exception that ended an execution."""
        interrupts = self._interrupts
        status = "interrupted" if interrupts.hit and isinstance(error, KeyboardInterrupt) else "failed"
        told = plain(error, self._sources.__contains__, is_own)
        if told is not None:  # (and it came from user code, not from within an import)
            return status, f',"error":{told}'
        if interrupts.hit:
            forget_half_imported(error.__traceback__)
        return status, error_field(self._described(error), self._connection.outgoing)

    def _described(self, error: BaseException) -> Dict[str, Any]:
        """Runs the exception's own `__str__`, which an interrupt may end."""
        try:
            try:
                self._interrupts.enter()
                return tracebacks.described(error, self._sources.__contains__)
            finally:
                self._interrupts.depth = 1
        except BaseException as problem:
            self._interrupts.depth = 1
            return tracebacks.bare(error, problem)

    # -- the reply ---------------------------------------------------------------------------------------------------

    def _finish(
        self,
        request: Any,
        number: int,
        count: int,
        status: str,
        value: Optional[Value],
        error: str,
        changes: str,
        warnings: List[str],
        times: Any,
    ) -> None:
        if not self._streams.are_ours():
            self._flush_replaced()
        if self._asynchronous.loop is not None:
            self._asynchronous.make_current()
        started, compiled_at, ran_at = times
        connection, raw, text = self._connection, self._raw, self._text
        raw.flush_c()
        with connection.lock:
            raw.settle()
            last_text, length, position = text.end()
            stdout, stderr = raw.counts()
            told = f',"warnings":{encode_json(warnings)}' if warnings else ""
            shown = value_field(value, connection.outgoing) if value is not None else ""
            captured_at = perf_counter_ns()
            is_alone = self._asynchronous.loop is None and not _thread._count()
            cpu, memory, memory_delta = self._usage.end(captured_at - started, is_alone)
            reply = frame(
                f'{{"jsonrpc":"2.0","id":{_id(request)},"result":{{"execution":{number},"status":"{status}","count":{count}'
                f"{shown}{error}{changes}{told},"
                f'"timings":{{"compile_us":{(compiled_at - started) // 1000},"run_us":{(ran_at - compiled_at) // 1000},'
                f'"capture_us":{(captured_at - ran_at) // 1000}}},"cpu_us":{cpu // 1000},"memory_bytes":{memory},'
                f'"memory_delta":{memory_delta},"raw":[{stdout},{stderr}],"text_pos":{position},'
                f'"at":{int(time() * 1000)}}}}}'
            )
            self._slots[LAST_ENDED] = number
            self._slots[EXECUTION] = 0  # before the reply is out: what comes now is background
            connection.send_after_transfers(last_text, reply)
            text.ended(length)
        if self._transactions.is_unsettled:
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


def _number(number: Any) -> int:
    if type(number) is not int or not 0 < number < 1 << 53:
        raise TypeError("`execution` is no execution number")
    return number


def _id(request: Any) -> str:
    return str(request) if type(request) is int else encode_json(request)
