"""What may be undone: by a guard (a frozen copy from before the execution), or by the names as they were.

```
            begin                    settle, before the reply is sent          after the reply
execute ──> guard or names kept ──>  commit:    the guard's claim is dropped   the guard is dismissed
                                     pending:   it stays                       (until commit or rollback)
                                     roll back: it stays                       the guard becomes the session
                                                (of names: they are put back)
```

The *claim* stands in the shared page: the execution whose guard becomes the session if this process dies. It is dropped
before the reply is sent, so that no execution whose answer may be known can be undone without a word.
"""

from __future__ import annotations

import os
import signal
import stat

from ..hints import Any, Callable, Dict, List, NamedTuple, NoReturn, Optional, Tuple
from ..page import GUARD_EXECUTION
from . import carried
from .connection import DESCRIPTORS_LOST, Connection
from .freezing import Freezer
from .quiesce import UnclonableError
from .refusal import RefusedError

COMMIT_ON_SUCCESS, ROLLBACK_ON_FAILURE, EXPLICIT = "commit_on_success", "rollback_on_failure", "explicit"
POLICIES = (COMMIT_ON_SUCCESS, ROLLBACK_ON_FAILURE, EXPLICIT)
BINDINGS, MEMORY = "bindings", "memory"


class Wanted(NamedTuple):
    """What an execution asks for."""

    policy: Optional[str]  # None: only a guard, against a crash
    scope: str
    is_guarded: bool


class Transaction(NamedTuple):
    """What can be undone now."""

    execution: int
    policy: Optional[str]
    has_guard: bool
    names: Optional[Dict[str, Any]]  # as they were; None: the scope is memory, or there is no policy


def wanted(params: Dict[str, Any]) -> Optional[Wanted]:
    """What the request asks for. Raises TypeError."""
    transaction, is_guarded = params.get("transaction"), params.get("guard", False)
    if transaction is None and not is_guarded:
        return None
    policy, scope = None, MEMORY
    if transaction is not None:
        if type(transaction) is not dict:
            raise TypeError("`transaction` is no object")
        policy, scope = transaction.get("policy"), transaction.get("scope", MEMORY)
    if (policy is not None and policy not in POLICIES) or scope not in (BINDINGS, MEMORY):
        raise TypeError("`transaction` has a policy or scope that this runner does not know")
    return Wanted(policy, scope, bool(is_guarded))


class Transactions:
    """At most one at a time."""

    def __init__(
        self,
        names: Dict[str, Any],
        own: frozenset[str],
        slots: Any,
        channel: int,
        connection: Connection,
        freezer: Freezer,
    ) -> None:
        self._names, self._own, self._slots = names, own, slots
        self._channel, self._connection, self._freezer = channel, connection, freezer
        self.last: Optional[Callable[[], None]] = None
        """What is to be done once the reply has been sent."""
        self.left: List[Any] = []
        """What names were bound to that were put back: letting go of it may run user code."""
        self.current: Optional[Transaction] = None
        self._has_warned = False

    @property
    def pending(self) -> int:
        """The execution that waits for commit or rollback; 0 if none does."""
        return self.current.execution if self.current is not None else 0

    def begin(self, execution: int, request: Optional[Wanted]) -> Tuple[bool, List[str]]:
        """Before an execution. Whether this process is the guard, woken; and warnings. Raises UnclonableError, or,
        while a transaction is pending, RefusedError.
        """
        if self.current is not None:
            why = f"execution {self.current.execution} waits for commit or rollback"
            raise RefusedError(
                "session.transaction_pending", "the execution did not begin", why, "commit or roll back first"
            )
        assert request is not None
        warnings: List[str] = []
        needs_memory = request.policy is not None and request.scope == MEMORY
        has_guard = needs_memory or request.is_guarded
        if has_guard:
            self._slots[GUARD_EXECUTION] = execution
            try:
                if self._freezer.freeze("guard", str(execution)):
                    self._slots[GUARD_EXECUTION] = 0
                    self.current = None
                    return True, []
            except UnclonableError as problem:
                self._slots[GUARD_EXECUTION] = 0
                if needs_memory:
                    raise
                has_guard = False
                warnings.append(
                    f"no guard stood during this execution, so a crash would have lost the state: {problem}"
                )
        if has_guard and self._freezer.children and not self._has_warned:
            warnings += self._shared_pipes()
        names = dict(self._names) if request.policy is not None and request.scope == BINDINGS else None
        self.current = Transaction(execution, request.policy, has_guard, names)
        return False, warnings

    def _shared_pipes(self) -> List[str]:
        """A sentence, once, where child processes may wait for the end of a pipe that the guard holds open."""
        pipes = carried.pipes_written_to()
        if not pipes:
            return []
        self._has_warned = True
        ends = "the pipe that was open is" if pipes == 1 else f"the {pipes} pipes that were open are"
        return [f"{ends} held open by the guard: who reads sees the end only once the execution that closes it is over"]

    def settle(self, status: str) -> str:
        """After user code: decides by the policy. Returns the reply's member that tells, with the comma before it."""
        transaction = self.current
        if transaction is None:
            return ""
        if transaction.policy == EXPLICIT:
            return ',"transaction":"pending"'
        undoes = (transaction.policy == COMMIT_ON_SUCCESS and status != "completed") or (
            transaction.policy == ROLLBACK_ON_FAILURE and status == "failed"
        )
        return self._undo(transaction) if undoes else self._keep(transaction)

    def commit(self) -> None:
        """What is pending stays."""
        if self.current is not None:
            self._keep(self.current)

    def roll_back(self) -> str:
        """What is pending is undone; the same member as of `settle`."""
        return self._undo(self.current) if self.current is not None else ""

    def after_reply(self) -> None:
        """The reply has been sent. Does not come back where the guard takes over."""
        last, self.last = self.last, None
        if last is not None:
            last()

    def _keep(self, transaction: Transaction) -> str:
        if transaction.has_guard and not (self._connection.is_open() and _is_socket(self._channel)):
            os._exit(DESCRIPTORS_LOST)  # nobody could be told that it went well: the guard takes over
        self.current = None
        self._slots[GUARD_EXECUTION] = 0
        if transaction.has_guard:
            self.last = self._dismiss
        return "" if transaction.policy is None else ',"transaction":"committed"'

    def _undo(self, transaction: Transaction) -> str:
        if transaction.names is None:
            self.last = self._give_way
        else:
            self._restore(transaction.names)
            self._keep(transaction)
        return ',"transaction":"rolled_back"'

    def _restore(self, before: Dict[str, Any]) -> None:
        names = self._names
        self.left.append(dict(names))
        for name in [name for name in names if name not in before and name not in self._own]:
            names.pop(name, None)
        names.update(before)

    def _dismiss(self) -> None:
        self._tell(b"D")

    def _give_way(self) -> NoReturn:
        self._tell(b"R%d" % self._connection.outgoing.last_transfer)
        while True:
            signal.pause()  # the supervisor ends this process

    def _tell(self, message: bytes) -> None:
        try:
            os.write(self._channel, message)
        except OSError:
            os._exit(DESCRIPTORS_LOST)


def _is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False
