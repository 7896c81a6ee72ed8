"""What the tests of sessions share: one host per class, one fresh session per test, and the outcome of an execution."""

import json
import unittest
from typing import Any, ClassVar, Dict, List, Optional

from host import Host, Session


class Outcome:
    """A reply, and what came for its execution on the session's own connection."""

    def __init__(self, session: Session, reply: Dict[str, Any], execution: int, seen: int) -> None:
        self.reply = reply
        self.status: str = reply["status"]
        self.error: Dict[str, Any] = reply["error"] or {}
        text = session.connection.decoder.text
        for key in ("message", "traceback"):
            if key in self.error:
                self.error[key] = text(self.error[key])
        self.value: Optional[str] = text(reply["value"]["repr"]) if reply["value"] else None
        exact = reply["value"] and reply["value"]["json"]
        self.json: Optional[str] = f'"{self.value[1:-1]}"' if exact is True else exact and text(exact)
        self.events: List[Dict[str, Any]] = []
        self.background: List[Dict[str, Any]] = []
        for notice in session.connection.notices[seen:]:
            event = notice["params"]
            if event["event"] == "output":
                event["text"] = text(event["text"])
                assert event["bytes"] == len(event["text"].encode()), event
            (self.events if event["execution"] == execution else self.background).append(event)

    def text(self, stream: str = "stdout") -> str:
        return "".join(e["text"] for e in self.events if e["event"] == "output" and e["stream"] == stream)

    @property
    def type(self) -> Optional[str]:
        return self.error.get("type")

    @property
    def traceback(self) -> str:
        return self.error["traceback"]


class SessionCase(unittest.TestCase):
    """`self.run_code` in `self.session`, which is new for each test. A class may set `HOST` and `OPTIONS`."""

    maxDiff = None
    HOST: ClassVar[Dict[str, Any]] = {}
    OPTIONS: ClassVar[Dict[str, Any]] = {}
    host: Host

    @classmethod
    def setUpClass(cls) -> None:
        cls.host = Host(**cls.HOST)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.host.close()

    def setUp(self) -> None:
        self.session = self.host.session(**self.OPTIONS)
        self.host.control.notify("credit", session=self.session.name, bytes=64 << 20)

    def tearDown(self) -> None:
        self.session.close()

    def begin(self, code: str, **params: Any) -> int:
        self._seen = len(self.session.connection.notices)
        return self.session.begin(code, **params)

    def end(self, request: int, patience: float = 20.0) -> Outcome:
        reply = self.session.connection.answer(request, patience)
        return Outcome(self.session, reply, self.session.execution, self._seen)

    def run_code(self, code: str, answers: Any = (), patience: float = 20.0, **params: Any) -> Outcome:
        """Runs code to its end; `answers` (a text, or None for EOF) go to its questions, one by one."""
        request = self.begin(code, **params)
        for answer in answers:
            self.answer(answer, patience)
        return self.end(request, patience)

    def question(self, patience: float = 20.0) -> Dict[str, Any]:
        connection = self.session.connection
        connection.until(lambda: connection.requests, "a question", patience)
        return connection.requests.pop(0)

    def answer(self, text: Optional[str], patience: float = 20.0) -> Dict[str, Any]:
        question = self.question(patience)
        self.reply(question, {"eof": True} if text is None else {"text": text})
        return question["params"]

    def reply(self, question: Dict[str, Any], result: Any) -> None:
        self.session.connection.send({"jsonrpc": "2.0", "id": question["id"], "result": result})

    def ok(self, code: str, **params: Any) -> Outcome:
        outcome = self.run_code(code, **params)
        self.assertEqual(outcome.status, "completed", outcome.error.get("traceback"))
        return outcome

    def value(self, code: str) -> Any:
        """The JSON of a trailing expression's value."""
        outcome = self.ok(code)
        self.assertIsNotNone(outcome.json, outcome.value)
        return json.loads(outcome.json or "null")

    def interrupt(self, execution: Optional[int] = None) -> bool:
        number = self.session.execution if execution is None else execution
        return self.host.control.request("interrupt", session=self.session.name, execution=number)["delivered"]

    def raw(self, outcome: Outcome, stream: str = "stdout") -> bytes:
        """All raw bytes of the session up to where this reply says that they came."""
        wanted = outcome.reply["raw"][("stdout", "stderr").index(stream)]
        session = self.session
        self.host.control.until(lambda: len(session.raw(stream)) >= wanted, f"{wanted} raw bytes")
        return session.raw(stream)[:wanted]
