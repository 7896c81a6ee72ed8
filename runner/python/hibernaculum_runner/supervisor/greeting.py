"""One connection that has not said who it is.

    accepted ── challenge ──> hello in one frame of at most 64 KiB, within 10 s
                                ├── not a hello, wrong version, secret or role ──> refusal, closed
                                ├── role control ──> Control
                                └── role session ──> forked off (opening.py)

Exactly one frame is read, and not a byte more: what follows belongs to the session process. A relay says a word before
it, by which it offers its own stdin and stdout; the session asks for them (`session/connection.py`). So does the tunnel
where a session may have a line, which asks for its stream (`carried.py`).
"""

from __future__ import annotations

import json
import os
import sys

from .. import PROTOCOL, frames, proof
from ..descriptors import close_quietly
from ..hints import TYPE_CHECKING, Any, Dict
from ..relay import OFFER
from ..tunnel import handover
from . import opening
from .control import Control
from .line import Line
from .loop import READ

if TYPE_CHECKING:
    from .service import Supervisor

_LONGEST = 64 << 10
_PATIENCE = 10.0  # seconds
_ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
FEATURES = ["interrupt", "watch", "files", "guard", "live", "linger"]
_PYTHON = ".".join(map(str, sys.version_info[:3]))


class _RefusedError(Exception):
    """Why a hello is not accepted."""

    def __init__(self, code: str, what: str, why: str, how: str) -> None:
        super().__init__(what)
        self.arguments = (code, what, why, how)


class Greeting:
    """Reads and judges one hello. `decided` when nothing is to be done here any more."""

    def __init__(self, supervisor: Supervisor, fd: int) -> None:
        self._supervisor = supervisor
        self._fd = fd
        self._nonce = proof.new_nonce()
        self._data = bytearray()
        self._offer = b""  # of a relay, or of the tunnel
        self.decided = False
        self._timer = supervisor.loop.after(_PATIENCE, self.drop)
        supervisor.loop.add(fd, READ, self._on_readable)
        params = {"protocol": PROTOCOL, "digest": supervisor.boot["digest"], "nonce": self._nonce}
        self._send(frames.notification("challenge", params))

    def drop(self) -> None:
        """Closes it without a word."""
        self._decide()
        close_quietly(self._fd)

    def _decide(self) -> None:
        self.decided = True
        self._timer.cancel()
        self._supervisor.loop.remove(self._fd)

    def _send(self, message: frames.Json) -> None:
        try:
            os.write(self._fd, frames.encode(message))  # a few hundred bytes into an empty socket: all or nothing
        except OSError:
            pass  # whoever it was is gone: the next read says so

    def _on_readable(self, _events: int) -> None:
        try:
            while not self._complete():
                data = os.read(self._fd, self._missing())
                if not data:
                    return self.drop()
                self._data += data
                if self._data in (OFFER, handover.OFFER) and not self._offer:
                    self._offer = bytes(self._data)
                    self._data.clear()
        except BlockingIOError:
            return None
        except OSError:
            return self.drop()
        except _RefusedError as refused:
            return self._refuse(None, refused)
        self._decide()
        return self._judge()

    def _missing(self) -> int:
        if len(self._data) < 4:
            return 4 - len(self._data)
        return int.from_bytes(self._data[:4], "big") + 4 - len(self._data)

    def _complete(self) -> bool:
        if len(self._data) < 4:
            return False
        length = int.from_bytes(self._data[:4], "big")
        if not 0 < length <= _LONGEST:
            raise _not_a_hello(f"its frame is said to have {length} bytes")
        return len(self._data) == length + 4

    def _judge(self) -> None:
        request: Any = None
        try:
            message = self._parse()
            request = message.get("id")
            params = self._checked(message)
            session = params["session"] or ""
            claim = params["role"], session, self._nonce, params["nonce"]
            secret = bytes(self._supervisor.secret)
            if not proof.proves(params["proof"], proof.proof(secret, proof.HOST, *claim)):
                how = "use the secret that the sandbox was started with"
                why = "its proof is wrong"
                raise _RefusedError("transport.secret", "the hello does not prove the secret", why, how)
            self._admit(request, params, session, self._result(proof.proof(secret, proof.RUNNER, *claim)))
        except _RefusedError as refused:
            self._refuse(request, refused)

    def _parse(self) -> Dict[str, Any]:
        try:
            message = json.loads(bytes(self._data[4:]).decode())
        except (ValueError, RecursionError) as problem:
            raise _not_a_hello(f"it is not JSON: {problem}") from None
        if not isinstance(message, dict) or message.get("method") != "hello":
            raise _not_a_hello("its method is not `hello`")
        return message

    def _checked(self, message: Dict[str, Any]) -> Dict[str, Any]:
        params = message.get("params")
        if not isinstance(message.get("id"), (int, str)) or not isinstance(params, dict):
            raise _not_a_hello("it lacks an id or params")
        if params.get("protocol") != PROTOCOL or params.get("digest") != self._supervisor.boot["digest"]:
            ours = f"{PROTOCOL} and {self._supervisor.boot['digest']}"
            why = f"protocol and digest are {ours} here, {params.get('protocol')} and {params.get('digest')} there"
            how = "start the sandbox anew, with the runner of this host"
            raise _RefusedError("transport.version", "host and runner are not of one make", why[:500], how)
        words = [params.get(name) for name in ("role", "nonce", "proof")]
        params.setdefault("session", None)
        if not all(isinstance(word, str) and word.isascii() for word in words) or len(params["nonce"]) != 32:
            raise _not_a_hello("role, nonce and proof must be strings, the nonce of 32 characters")
        if params["session"] is not None and not _is_id(params["session"]):
            raise _not_a_role("a session id has 1 to 64 characters of A-Z a-z 0-9 _ -")
        return params

    def _admit(self, request: Any, params: Dict[str, Any], session: str, result: Dict[str, Any]) -> None:
        role, supervisor = params["role"], self._supervisor
        options = params.get("options")
        options = dict(options) if isinstance(options, dict) else {}
        if role == "control":
            if options.get("adopt") and not supervisor.had_host:
                raise _not_a_role("nobody has left this sandbox: who started it is on the way")
            if supervisor.control is not None:
                supervisor.control.catch_up()
            if supervisor.control is not None:
                raise _not_a_role("there is a control connection already, and one sandbox has one")
            control = Control(supervisor, self._fd)
            supervisor.control_came(control)
            control.answer(request, result)
        elif role == "session":
            if not session:
                raise _not_a_role("the role `session` needs a session id")
            # where a line stands between host and session, the session's own connection has no relay
            options["stdio"] = self._offer == OFFER and self._supervisor.lingering is None
            if options.get("adopt"):
                self._take_up(session, request, result)
                return
            wanted = opening.Wanted(
                session, self._fd, request, result, options, lambda error: self._give_up(wanted, _not_started(error))
            )
            lingering = supervisor.lingering
            if lingering is not None and lingering.succeed(wanted, self._offer == handover.OFFER):
                return
            self._must_be_free(session, options)
            # what an earlier session of that name left must be gone, or its end would take the new one along
            supervisor.sweeps.when_gone(session, lambda: self._open(wanted))
        elif role == "files":
            self._supervisor.workers.open(self._fd, frames.result(request, result))
        else:
            raise _not_a_role(f"there is no role {role[:40]!r}")

    def _take_up(self, session: str, request: Any, result: Dict[str, Any]) -> None:
        lingering = self._supervisor.lingering
        is_tunnelled = self._offer == handover.OFFER
        if lingering is None or not lingering.take_up(session, self._fd, is_tunnelled, request, result):
            raise _not_a_role(f"there is no session {session} that waits to be adopted")

    def _open(self, wanted: opening.Wanted) -> None:
        try:
            self._must_be_free(wanted.session, wanted.options)
            try:
                if self._supervisor.lingering is not None:
                    is_tunnelled = self._offer == handover.OFFER
                    wanted.line = Line(self._supervisor, wanted.session, self._fd, is_tunnelled)
                    wanted.connection = wanted.line.theirs
                self._find_process(wanted)
            except OSError as error:  # no processes, descriptors or memory left
                raise _not_started(error) from None
        except _RefusedError as refused:
            self._give_up(wanted, refused)

    def _give_up(self, wanted: opening.Wanted, refused: _RefusedError) -> None:
        if wanted.line is not None:
            wanted.line.give_up()
        self._refuse(wanted.request, refused)

    def _must_be_free(self, session: str, options: Dict[str, Any]) -> None:
        supervisor = self._supervisor
        record = supervisor.records.get(session)
        is_open = record is not None and not record.ending and not options.get("replace")
        if is_open or supervisor.nursery.expects(session) or supervisor.frozen.is_busy(session):
            raise _not_a_role(f"the session {session} is open already")

    def _find_process(self, wanted: opening.Wanted) -> None:
        """A guard that waits, a branch, or a fresh one. Raises OSError."""
        frozen, checkpoint = self._supervisor.frozen, wanted.options.get("branch")
        if isinstance(checkpoint, str):
            if not frozen.has(checkpoint):
                what, how = f"there is no live checkpoint {checkpoint[:80]} here", "list the checkpoints; make another"
                raise _RefusedError("checkpoint.unknown", what, "it was deleted, or its process ended", how)
            frozen.give_up(wanted.session)
            frozen.branch(wanted, checkpoint)
        elif frozen.awaits(wanted.session):
            frozen.come_for(wanted)
        else:
            opening.open_session(self._supervisor, wanted)

    def _result(self, proven: str) -> Dict[str, Any]:
        return {
            "protocol": PROTOCOL,
            "digest": self._supervisor.boot["digest"],
            "python": _PYTHON,
            "implementation": sys.implementation.name,
            "pid": self._supervisor.pid,
            "features": FEATURES,
            "proof": proven,
        }

    def _refuse(self, request: Any, refused: _RefusedError) -> None:
        self._decide()
        self._send(frames.error(request, frames.REFUSED, *refused.arguments))
        close_quietly(self._fd)


def _is_id(session: Any) -> bool:
    return isinstance(session, str) and 0 < len(session) <= 64 and _ID_CHARACTERS.issuperset(session)


def _not_started(error: OSError) -> _RefusedError:
    how = "close some sessions, or raise the sandbox's limits"
    return _RefusedError("session.start", "the session could not be started", error.strerror or str(error), how)


def _not_a_hello(why: str) -> _RefusedError:
    return _RefusedError(
        "transport.protocol", "this is not a hello", why, "answer the challenge with the request `hello`"
    )


def _not_a_role(why: str) -> _RefusedError:
    how = "see the handshake in the protocol's document"
    return _RefusedError("transport.protocol", "the connection is refused", why, how)
