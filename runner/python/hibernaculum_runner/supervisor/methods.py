"""What the host may ask for on the control connection: a table of methods, and their parameters' types."""

from __future__ import annotations

from .. import frames
from ..hints import TYPE_CHECKING, Any, Callable, Dict, NamedTuple, Tuple
from . import ending, stats
from .interrupting import interrupt

if TYPE_CHECKING:
    from .control import Control
    from .record import Record
    from .service import Supervisor

_LARGEST = 1 << 53
_REASON = 200  # characters


class Call(NamedTuple):
    """One request, or, where `request` is None, a notification."""

    supervisor: Supervisor
    control: Control
    request: Any
    params: Dict[str, Any]

    def answer(self, value: Any) -> None:
        if self.request is not None and self.supervisor.control is self.control:
            self.control.answer(self.request, value)


def handle(supervisor: Supervisor, control: Control, message: Dict[str, Any]) -> None:
    """Answers each request exactly once, with a result or an error; a wrong notification is only counted."""
    request, method, params = message.get("id"), message.get("method"), message.get("params", {})
    if method is None and "id" in message:
        return  # an answer to nothing: we never ask
    if not isinstance(method, str) or not isinstance(request, (int, str, type(None))) or not isinstance(params, dict):
        why = "method, id or params are of a wrong type"
        _refuse(control, None, frames.INVALID_REQUEST, "this is not a request", why)
        return
    entry = _METHODS.get(method)
    if entry is None:
        why = f"{method[:60]!r} is none of {', '.join(_METHODS)}"
        _refuse(control, request, frames.UNKNOWN_METHOD, "the method is not known", why)
        return
    function, types = entry
    for name, kind in types:
        value = params.get(name)
        if type(value) is not kind or (type(value) is int and not 0 <= value < _LARGEST):
            why = f"wrong or missing: `{name}`"
            _refuse(control, request, frames.INVALID_PARAMS, f"wrong parameters for {method}", why)
            return
    try:
        function(Call(supervisor, control, request, params))
    except Exception as error:
        supervisor.loop.note(error)
        if request is not None:
            _refuse(control, request, frames.REFUSED, f"{method} failed", f"{type(error).__name__}: {error}")


def _refuse(control: Control, request: Any, number: int, what: str, why: str) -> None:
    control.refuse(request, number, "transport.protocol", what, why, "see the protocol's document")


def _interrupt(call: Call) -> None:
    record = call.supervisor.records.get(call.params["session"])
    delivered = record is not None and not record.ending and _is_meant(record, call)
    if record is not None and delivered:
        delivered = interrupt(call.supervisor, record, call.params["execution"])
    call.answer({"delivered": delivered})


def _is_meant(record: Record, call: Call) -> bool:
    """Whether it has the process of which the host speaks: what is said of a dead one may come when another is here."""
    pid = call.params.get("pid")
    return pid is None or pid in record.pids


def _kill(call: Call) -> None:
    session, reason, supervisor = call.params["session"], call.params["reason"][:_REASON], call.supervisor
    record = supervisor.records.get(session)
    known = record or supervisor.frozen.between(session)
    if known is None or known.ending or not _is_meant(known, call):
        delivered = False
    elif record is None:
        delivered = supervisor.frozen.kill_between(session, reason)
    else:
        execution = call.params.get("execution")
        record.given_up = execution if type(execution) is int else 0
        delivered = supervisor.deaths.kill(record, reason)
    call.answer({"delivered": delivered})


def _close(call: Call) -> None:
    session = call.params["session"]
    record = call.supervisor.records.get(session)
    closed = record is not None and not record.ending
    if record is not None and closed:
        record.ending = True
        call.supervisor.sweeps.start(record)
    closed = call.supervisor.frozen.give_up(session) or closed
    if call.supervisor.lingering is not None:
        call.supervisor.lingering.forget(session)
    call.supervisor.sweeps.when_gone(session, lambda: call.answer({"closed": closed}))


def _watch(call: Call) -> None:
    record = call.supervisor.records.get(call.params["session"])
    if record is not None and not record.ending:
        call.supervisor.text.watch(record, call.params["execution"])
    call.answer({})


def _credit(call: Call) -> None:
    session = call.params["session"]
    record = call.supervisor.records.get(session) or call.supervisor.frozen.between(session)
    if record is not None:
        call.supervisor.raw.add_credit(record, call.params["bytes"])
    call.answer({})


def _stats(call: Call) -> None:
    call.supervisor.loop.start(stats.collect(call.supervisor, call.answer))


def _drop(call: Call) -> None:
    call.answer({"dropped": call.supervisor.frozen.drop(call.params["checkpoint"])})


def _checkpoints(call: Call) -> None:
    call.supervisor.loop.start(call.supervisor.frozen.measure(call.answer))


def _remember(call: Call) -> None:
    if call.supervisor.lingering is not None:
        call.supervisor.lingering.remember(call.params["name"], call.params["memo"])
    call.answer({})


def _adopt(call: Call) -> None:
    lingering = call.supervisor.lingering
    call.answer(lingering.census() if lingering is not None else {"sessions": [], "memos": {}})


def _shutdown(call: Call) -> None:
    ending.end(call.supervisor, lambda: call.answer({}))


_EXECUTION = (("session", str), ("execution", int))
_METHODS: Dict[str, Tuple[Callable[[Call], None], Tuple[Tuple[str, type], ...]]] = {
    "interrupt": (_interrupt, _EXECUTION),
    "kill": (_kill, (("session", str), ("reason", str))),
    "close": (_close, (("session", str),)),
    "watch": (_watch, _EXECUTION),
    "credit": (_credit, (("session", str), ("bytes", int))),
    "stats": (_stats, ()),
    "checkpoint.drop": (_drop, (("checkpoint", str),)),
    "checkpoint.list": (_checkpoints, ()),
    "remember": (_remember, (("name", str), ("memo", dict))),
    "adopt": (_adopt, ()),
    "shutdown": (_shutdown, ()),
}
"""What does it, and the types of its parameters; numbers are not negative, and JSON carries them exactly."""
