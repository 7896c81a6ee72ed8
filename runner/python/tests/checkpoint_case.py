"""What the tests of portable checkpoints share: a session that is saved, and one that is loaded."""

import importlib.util
import json
import os
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from host import Host, Session
from session_case import SessionCase

from hibernaculum_runner import frames


class Checkpoint(NamedTuple):
    """What a host keeps of a save."""

    manifest: Dict[str, Any]
    blobs: Dict[str, bytes]
    sent: int
    """Bytes that came, of blobs that were not there."""
    warnings: List[str]

    def outcome(self, name: str) -> Dict[str, Any]:
        """What the manifest says about a name."""
        found = [variable for variable in self.manifest["variables"] if variable["name"] == name]
        assert len(found) == 1, f"{name}: {found}"
        return found[0]

    def names(self) -> List[str]:
        return [variable["name"] for variable in self.manifest["variables"] if "saved" in variable]

    def bytes(self) -> List[bytes]:
        return [self.blobs[blob["digest"]] for blob in self.manifest["blobs"]]


class NotAnsweredError(Exception):
    """The request ended otherwise: the whole result."""


def said(session: Session, result: Dict[str, Any]) -> Dict[str, Any]:
    if result["status"] != "completed" or not result["value"]:
        raise NotAnsweredError(result)
    return json.loads(session.connection.decoder.text(result["value"]["json"]))


def begin_save(session: Session, have: Sequence[str] = (), **limits: int) -> int:
    session.execution += 1
    connection = session.connection
    told = connection.outgoing.text(json.dumps(list(have)))
    return connection.ask("checkpoint.save", execution=session.execution, have=told, limits=limits)


def end_save(
    session: Session, request: int, known: Optional[Dict[str, bytes]] = None, patience: float = 60
) -> Checkpoint:
    connection = session.connection
    result = connection.answer(request, patience)
    blobs, sent = dict(known or {}), 0
    for notice in [each for each in connection.notices if each["method"] == "checkpoint.blob"]:
        connection.notices.remove(notice)
        assert len(notice["data"]) == notice["params"]["bytes"]
        assert notice["params"]["digest"] not in (known or {}), "it was there already"
        blobs[notice["params"]["digest"]] = notice["data"]
        sent += len(notice["data"])
    answer = said(session, result)
    assert answer["answer"] == "saved", answer
    return Checkpoint(answer["manifest"], blobs, sent, answer["warnings"])


def save(session: Session, known: Optional[Checkpoint] = None, **limits: int) -> Checkpoint:
    have = known.blobs if known else {}
    return end_save(session, begin_save(session, list(have), **limits), have)


def begin_load(session: Session, manifest: Any, mode: str = "replace") -> int:
    session.execution += 1
    connection = session.connection
    told = connection.outgoing.text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    return connection.ask("checkpoint.load", execution=session.execution, manifest=told, mode=mode)


def stream(session: Session, blobs: Sequence[bytes], end: str = "checkpoint.loaded", **more: Any) -> None:
    """Waits until the runner is ready, and sends the blobs."""
    connection = session.connection
    connection.notice("checkpoint.ready", execution=session.execution)
    for index, blob in enumerate(blobs):
        for start in range(0, len(blob), frames.MAX_CHUNK):
            chunk = blob[start : start + frames.MAX_CHUNK]
            connection.send_raw(frames.encode_chunk_head(index + 1, len(chunk)) + chunk)
    connection.notify(end, execution=session.execution, **more)


def load(session: Session, checkpoint: Checkpoint, mode: str = "replace", patience: float = 60) -> Dict[str, Any]:
    """The answer to a load, of a checkpoint that is whole."""
    request = begin_load(session, checkpoint.manifest, mode)
    stream(session, checkpoint.bytes())
    return said(session, session.connection.answer(request, patience))


class CheckpointCase(SessionCase):
    """`self.session` is saved; `self.moved()` is another session that has what it had."""

    def needs(self, library: str) -> None:
        """Skips the test where the Python has no such library, unless HIBERNACULUM_REQUIRE names it."""
        if importlib.util.find_spec(library) is None:
            if library in os.environ.get("HIBERNACULUM_REQUIRE", "").split(","):
                self.fail(f"HIBERNACULUM_REQUIRE names {library}, which is not installed")
            self.skipTest(f"{library} is not installed for this Python")

    def saved(self, code: str = "", **limits: int) -> Checkpoint:
        if code:
            self.ok(code)
        return save(self.session, **limits)

    def restored(self, checkpoint: Checkpoint, mode: str = "replace", host: Optional[Host] = None) -> Session:
        """A new session with it; the next `ok` and `value` speak to that one."""
        old, self.session = self.session, (host or self.host).session()
        self.addCleanup(old.close)
        (host or self.host).control.notify("credit", session=self.session.name, bytes=64 << 20)
        answer = load(self.session, checkpoint, mode)
        self.assertEqual(answer["answer"], "restored", answer)
        return self.session

    def moved(self, code: str) -> Checkpoint:
        checkpoint = self.saved(code)
        self.restored(checkpoint)
        return checkpoint

    def skipped(self, checkpoint: Checkpoint, name: str) -> str:
        return checkpoint.outcome(name)["skipped"]
