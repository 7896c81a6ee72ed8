"""Why something is not done with a session's state: what a refusal on the wire says."""

from __future__ import annotations

from .quiesce import UnclonableError


class RefusedError(Exception):
    """Why it is not done."""

    def __init__(self, code: str, what: str, why: str, how: str) -> None:
        super().__init__(why)
        self.arguments = (code, what, why, how)


def unclonable(what: str, problem: UnclonableError) -> RefusedError:
    """A session that cannot be copied now."""
    return RefusedError("checkpoint.refused", what, str(problem), problem.how)
