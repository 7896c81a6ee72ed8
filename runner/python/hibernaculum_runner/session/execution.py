"""One `execute`, from request to reply.

```
begin: settle what others wrote   ─> compile ─> run ─> value ─> changes ─> end: settle,
       number into the page                     └ user code ┘                   text + reply in one send
```

Everything between `enter` and `leave` may raise KeyboardInterrupt; nothing else may.
"""

from __future__ import annotations

import builtins
from time import perf_counter_ns
from types import FrameType

from ..frames import INVALID_PARAMS, REFUSED, ProtocolError
from ..frames import error as refusal
from ..hints import Any, Callable, Dict, List, Optional, Tuple
from . import mainmodule, tracebacks
from .asynchronous import Asynchronous
from .boundary import Boundary
from .changes import Changes
from .connection import Connection
from .displays import Displays
from .evaluate import Code, Compiler
from .forks import Forks
from .history import History
from .imports import forget_half_imported
from .inspection import Inspection
from .interrupts import Interrupts
from .plain import plain
from .quiesce import UnclonableError
from .refusal import RefusedError, unclonable
from .reply import error_field
from .request import asked, execution_number
from .sources import Sources
from .staterequests import StateRequests
from .tracebacks import is_own
from .transactions import Transactions
from .values import Value, capture

VALUE_BYTES = 16 << 20
MAGICS = "__hibernaculum_magics__"


class Executor:
    """Runs executions, one after the other, in one namespace."""

    def __init__(
        self,
        names: Dict[str, Any],
        own: frozenset[str],
        history: History,
        connection: Connection,
        interrupts: Interrupts,
        asynchronous: Asynchronous,
        sources: Sources,
        inspection: Inspection,
        forks: Forks,
        displays: Displays,
        transactions: Transactions,
        boundary: Boundary,
        state: StateRequests,
    ) -> None:
        self.names, self._own, self.history = names, own, history
        self._connection, self._interrupts = connection, interrupts
        self._asynchronous, self._sources, self._inspection, self._forks = asynchronous, sources, inspection, forks
        self._displays = displays
        self._transactions, self._boundary, self._state = transactions, boundary, state
        self.stdin_policy = "ask"
        self.workdir = ""
        self._ours = forks.ours
        self._compiler = Compiler(self._begin_magics)
        self.changes = Changes(names)
        self.at_end: List[Callable[[], None]] = []
        """What is done after user code, as part of it: figures are shown."""

    def take_over(self) -> None:
        """In a clone: this process is the session's, and its clocks and memory are those to be told."""
        self._boundary.usage.take_over()

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

    def abandon(self) -> None:
        """The runner failed within an execution: its text goes out, and no execution runs."""
        self._boundary.abandon()

    @property
    def is_guarded(self) -> bool:
        """Whether a guard stands for what runs, or waits."""
        return self._transactions.current is not None and self._transactions.current.has_guard

    @property
    def descriptor(self) -> int:
        """What a clone must keep besides the parts."""
        return self._boundary.usage.descriptor

    # -- the request -------------------------------------------------------------------------------------------------

    def execute(self, request: Any, params: Dict[str, Any]) -> None:
        """Answers one request. Returns when the answer has been sent."""
        try:
            number = execution_number(params)
            code, limit, stdin = params["code"], params.get("value_bytes"), params.get("stdin")
            if type(code) is not str:
                code = self._connection.text(code)
            filename, first_line, argv, keeps, undoable = f"<cell {number}>", 1, None, True, None
            if len(params) > 2 + ("id" in params) + (limit is not None) + (stdin is not None):  # most have no others
                filename, first_line, argv, keeps, undoable = asked(params, filename)
            if limit is None:
                limit = VALUE_BYTES
            if type(limit) is not int:
                raise TypeError("`value_bytes` has a wrong type")
        except (KeyError, TypeError, ProtocolError) as problem:
            self._refuse(request, "execute", problem)
            return
        unguarded: Optional[List[str]] = None
        if undoable is not None or self._transactions.current is not None:
            try:
                is_copy, unguarded = self._transactions.begin(number, undoable)
            except (RefusedError, UnclonableError) as problem:
                self._refuse_state(request, problem)
                return
            if is_copy:
                return
        warnings = self._boundary.begin(number, stdin or self.stdin_policy)
        if unguarded:
            warnings += unguarded
        if argv is not None:
            mainmodule.run_as_file(self.names, filename, [str(word) for word in argv])
        count = self.history.begin(code) if keeps else self.history.count
        self._sources.add(filename, code, first_line)
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
            number = execution_number(params)
            question = asked.question(method, params, self._connection.text)
        except (KeyError, TypeError, ProtocolError) as problem:
            self._refuse(request, method, problem)
            return
        warnings = self._boundary.begin(number, "deny")
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
        self._boundary.end(request, number, self.history.count, status, captured, problem_told, warnings, times)

    def serve_state(self, request: Any, method: str, params: Dict[str, Any]) -> None:
        """Answers a request about the whole of the state. Returns in copies as well, which have nothing to answer."""
        try:
            number = execution_number(params)
            done = self._state.do(method, params)
        except RefusedError as problem:
            self._refuse_state(request, problem)
            return
        except (KeyError, TypeError) as problem:
            self._refuse(request, method, problem)
            return
        if done is None:
            return
        warnings = self._boundary.begin(number, "deny") + done.warnings
        now = perf_counter_ns()
        self._let_go()
        self.changes.since()
        count = self.history.count
        self._boundary.end(request, number, count, "completed", None, done.member, warnings, (now, now, now))

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
        started = compiled_at = ran_at = perf_counter_ns()
        try:
            try:
                body, expression, waits = compiled = self._compiler.compile(code, filename, first_line)
                ran_at = compiled_at = perf_counter_ns()
                interrupts.enter()
                if body is None and expression is not None and not waits:  # the common case, in one step less
                    value = eval(expression, self.names)
                else:
                    value = self._evaluate(compiled)
                if self.at_end:
                    self._displays.result = value
                    self._end()
                ran_at = perf_counter_ns()
                if value is not None:
                    captured = capture(value, limit)
                    if captured[1] is None:  # no JSON tells all of it
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
        status, told = "completed", ""
        if error is None:
            if keeps and captured is not None:
                self.history.value(value)
        else:
            if self.at_end and isinstance(error, Exception):
                self._end_after_failure()
            status, told = self._told(error)
            error = None  # with its traceback it holds every frame, this one included
        value = None
        if self._transactions.current is not None:
            told += self._transactions.settle(status)
            self._let_go()
        difference = self.changes.since()
        if difference is not None:
            told += f',"changes":{difference.json()}'
            self._inspection.note(difference.classes(), filename)
        times = (started, compiled_at, ran_at)
        self._boundary.end(request, number, count, status, captured, told, warnings, times)

    def _evaluate(self, code: Code) -> Any:
        """User code, on the main thread. Its frame's caller is one of this module, which tracebacks leave out."""
        body, expression, waits = code
        if waits:
            return self._asynchronous.run(code, self.names)
        if body is not None:
            exec(body, self.names)
        if expression is not None:
            return eval(expression, self.names)
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
        body, expression, waits = code
        if waits:
            raise SyntaxError("a magic within a function cannot await")
        space = dict(frame.f_locals)
        if body is not None:
            exec(body, frame.f_globals, space)
        return eval(expression, frame.f_globals, space) if expression is not None else None

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
