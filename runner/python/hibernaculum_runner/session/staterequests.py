"""`checkpoint.freeze`, `transaction.commit`, `transaction.rollback`: what is done with the whole of a session's state.

Numbered and answered like executions, as questions about names are. A refusal is an error whose code says why; whoever
froze or was rolled back to goes on in a copy, and answers nothing.
"""

from __future__ import annotations

import os

from ..hints import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional
from . import carried
from .connection import DESCRIPTORS_LOST, HOST_GONE
from .quiesce import UnclonableError
from .refusal import RefusedError, unclonable

if TYPE_CHECKING:
    from .freezing import Freezer
    from .transactions import Transactions

METHODS = frozenset(("checkpoint.freeze", "transaction.commit", "transaction.rollback"))
KNOWN, REFUSED = b"f", b"x"
"""What the supervisor says of a live checkpoint on the channel; after `REFUSED`, why."""


class Done(NamedTuple):
    """What the reply tells."""

    member: str  # of the reply, with the comma before it
    warnings: List[str]


class StateRequests:
    """Does them."""

    def __init__(self, channel: int, freezer: Freezer, transactions: Transactions) -> None:
        self._channel, self._freezer, self._transactions = channel, freezer, transactions

    def do(self, method: str, params: Dict[str, Any]) -> Optional[Done]:
        """None in a copy that was woken. Raises KeyError, TypeError or RefusedError."""
        if method == "checkpoint.freeze":
            return self._freeze(params["checkpoint"])
        target = params["target"]
        if type(target) is not int:
            raise TypeError("`target` is no execution number")
        self._must_be_pending(target)
        if method == "transaction.commit":
            self._transactions.commit()
            return Done("", [])
        return Done(self._transactions.roll_back(), [])

    def _must_be_pending(self, target: int) -> None:
        pending = self._transactions.pending
        if pending != target:
            why = f"execution {pending} is pending" if pending else "no transaction is pending"
            raise RefusedError(
                "session.no_transaction", "there is no such transaction", why, "commit or roll back each once"
            )

    def _freeze(self, checkpoint: Any) -> Optional[Done]:
        if type(checkpoint) is not str:
            raise TypeError("`checkpoint` is no string")
        if self._transactions.pending:
            why = "a transaction is pending"
            how = "commit or roll back first"
            raise RefusedError("session.transaction_pending", "no checkpoint was made", why, how)
        warnings = carried.warnings()
        try:
            if self._freezer.freeze("live", checkpoint):
                return None
        except UnclonableError as problem:
            raise unclonable("no checkpoint was made", problem) from None
        answer = self._supervisors_word()
        if not answer.startswith(KNOWN):
            how = "delete live checkpoints that are no longer needed, or close the sandbox"
            why = answer[1:].decode("utf-8", "replace")
            raise RefusedError("checkpoint.refused", "no checkpoint was made", why, how)
        return Done("", warnings)

    def _supervisors_word(self) -> bytes:
        try:
            answer = os.read(self._channel, 512)
        except OSError:
            os._exit(DESCRIPTORS_LOST)
        if not answer:
            os._exit(HOST_GONE)
        return answer
