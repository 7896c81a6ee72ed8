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
    how = "end the threads that are named (join them, or run that code in a subprocess), then try again"
    return RefusedError("checkpoint.refused", what, str(problem), how)
