"""What the host may ask for on the control connection: a table of methods, and their parameters' types."""

from typing import TYPE_CHECKING, Any, Dict, NamedTuple

from .. import frames, processes
from ..page import INTERRUPT_SERIAL, INTERRUPT_TARGET
from . import ending, stats

if TYPE_CHECKING:
    from .control import Control
    from .service import Supervisor

_LARGEST = 1 << 53
_SIGINT = 2
_REASON = 200  # characters


class Call(NamedTuple):
    """One request, or, where `request` is None, a notification."""

    supervisor: "Supervisor"
    control: "Control"
    request: Any
    params: Dict[str, Any]

    def answer(self, value: Any) -> None:
        if self.request is not None and self.supervisor.control is self.control:
            self.control.answer(self.request, value)


def handle(supervisor: "Supervisor", control: "Control", message: Dict[str, Any]) -> None:
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
    wrong = [name for name, fits in types.items() if not fits(params.get(name))]
    if wrong:
        _refuse(control, request, frames.INVALID_PARAMS, f"wrong parameters for {method}", f"wrong or missing: {wrong}")
        return
    try:
        function(Call(supervisor, control, request, params))
    except Exception as error:
        supervisor.loop.note(error)
        if request is not None:
            _refuse(control, request, frames.REFUSED, f"{method} failed", f"{type(error).__name__}: {error}")


def _refuse(control: "Control", request: Any, number: int, what: str, why: str) -> None:
    control.refuse(request, number, "transport.protocol", what, why, "see the protocol's document")


def _interrupt(call: Call) -> None:
    record = call.supervisor.records.get(call.params["session"])
    execution = call.params["execution"]
    if record is None or record.ending:
        return call.answer({"delivered": False})
    slots = record.page.slots
    slots[INTERRUPT_TARGET] = execution
    record.interrupts += 1  # our own count: the page's copy may hold anything
    slots[INTERRUPT_SERIAL] = record.interrupts
    # the target was named before this look, and a session looks at it after its number stands in the page: one sees it
    running = record.page.execution()
    if running == execution:
        return call.answer({"delivered": processes.signal_group(record.pid, _SIGINT)})
    begins_later = running < execution and record.page.last_ended() < execution
    return call.answer({"delivered": begins_later})


def _kill(call: Call) -> None:
    record = call.supervisor.records.get(call.params["session"])
    delivered = record is not None and not record.ending
    if record is not None and delivered:
        delivered = call.supervisor.deaths.kill(record, call.params["reason"][:_REASON])
    call.answer({"delivered": delivered})


def _close(call: Call) -> None:
    session = call.params["session"]
    record = call.supervisor.records.get(session)
    closed = record is not None and not record.ending
    if record is not None and closed:
        record.ending = True
        call.supervisor.sweeps.start(record)
    call.supervisor.sweeps.when_gone(session, lambda: call.answer({"closed": closed}))


def _watch(call: Call) -> None:
    record = call.supervisor.records.get(call.params["session"])
    if record is not None and not record.ending:
        call.supervisor.text.watch(record, call.params["execution"])


def _credit(call: Call) -> None:
    record = call.supervisor.records.get(call.params["session"])
    if record is not None:
        call.supervisor.raw.add_credit(record, call.params["bytes"])


def _stats(call: Call) -> None:
    call.supervisor.loop.start(stats.collect(call.supervisor, call.answer))


def _shutdown(call: Call) -> None:
    ending.end(call.supervisor, lambda: call.answer({}))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


_EXECUTION = {"session": _is_text, "execution": _is_number}
_METHODS: Dict[str, Any] = {
    "interrupt": (_interrupt, _EXECUTION),
    "kill": (_kill, {"session": _is_text, "reason": _is_text}),
    "close": (_close, {"session": _is_text}),
    "watch": (_watch, _EXECUTION),
    "credit": (_credit, {"session": _is_text, "bytes": _is_number}),
    "stats": (_stats, {}),
    "shutdown": (_shutdown, {}),
}
