"""What a session's last execution said, kept for the next host: who heard it may be gone before anybody was told.

    session ── frames ─────> said ──┐
    supervisor ── notices ─> told ──┴─> at most `_MOST` bytes of output, the oldest forgotten; what it asks; its answer
    host ── the next request ─────────> all of it forgotten, but for what a pending transaction is

Frames are looked at by their first bytes only: a session writes them, and may write what it likes. It can spoil what is
kept of itself.
"""

from __future__ import annotations

import json
import re
from collections import deque

from ..frames import ProtocolError, scan
from ..hints import Any, Deque, Dict, List, NamedTuple, Optional, Tuple

_MOST = 1 << 20  # bytes of output
_LONGEST_GROUP = 64 << 20  # a message and the chunks that it names
_MOST_QUESTIONS = 64  # that wait: an honest session asks one at a time
_HEAD = 64  # bytes of a frame in which its kind stands
_OUTPUT = re.compile(rb'.{4}\{"jsonrpc":"2\.0","method":"event"', re.DOTALL)
_ANSWER = re.compile(rb'.{4}\{"jsonrpc":"2\.0","id":(?:\d+|"[^"]*"),"(?:result|error)":', re.DOTALL)
_QUESTION = re.compile(rb'.{4}\{"jsonrpc":"2\.0","id":"([^"]*)","method":', re.DOTALL)
_TEXT_AT = re.compile(rb'"event":"output","execution":\d+,"stream":"[a-z]+","pos":(\d{1,15}),"bytes":(\d{1,15}),')
# within a string each quotation mark would have a backslash before it
_PENDING = b',"transaction":"pending"'
_SETTLES = ("transaction.commit", "transaction.rollback")


class Notice(NamedTuple):
    """What was said on control."""

    method: str
    params: Dict[str, Any]
    data: Optional[bytes]

    def size(self) -> int:
        return len(self.data) if self.data is not None else int(self.params.get("bytes", 0))


class _Group(NamedTuple):
    """A message, and before it the chunks that it names."""

    frames: List[bytes]
    size: int
    is_output: bool
    question: Optional[str] = None  # its id, where it is one
    text_at: Optional[int] = None  # the position of its text, where it is that


class Kept:
    """Of one session process."""

    def __init__(self) -> None:
        self._asked: Optional[Dict[str, Any]] = None  # the last request, as it came
        self.pending: Optional[Dict[str, Any]] = None  # what was asked, whose transaction waits
        self.is_answered = True
        self.number = 0  # the highest that a request had
        self._text_end = 0  # the position behind all text that the session sent
        self._said: Deque[_Group] = deque()
        self._told: Deque[Notice] = deque()
        self._said_output = 0  # bytes of output in each
        self._told_output = 0
        self._group: List[bytes] = []
        self._group_size = 0

    # -- what comes --------------------------------------------------------------------------------------------------

    @property
    def request(self) -> Optional[Dict[str, Any]]:
        """What was asked last, as the next host is told of it: `method`, `execution`, `id`, `memo` …"""
        if self._asked is None:
            return None
        return {"method": self._asked["method"], **_told_later(self._asked["params"])}

    def asked(self, message: Dict[str, Any]) -> None:
        """A message of the host's passes; it is ours from now on."""
        params = message.get("params")
        if "method" not in message:
            self._said = deque(group for group in self._said if group.question != message.get("id"))
        elif "id" in message and type(params) is dict:
            self._asked = message
            if message["method"] == "execute":
                params.pop("code", None)  # the rest is small
            else:
                message["params"] = params = _told_later(params)
            number = params.get("execution")
            if type(number) is int and number > self.number:
                self.number = number
            self.is_answered = False
            self._said.clear()
            self._told.clear()
            self._said_output = self._told_output = 0

    def is_blank(self) -> bool:
        """Whether nothing was asked of that process, nor said by it, since it is there; but for its death."""
        return self._asked is None and not self._said and all(notice.method == "died" for notice in self._told)

    def tells_a_death(self) -> bool:
        """Whether the process died, and its host was not the one that wanted it."""
        return any(notice.method == "died" for notice in self._told)

    def is_busy_with(self, method: str) -> bool:
        """Whether that was asked and is not answered yet."""
        return not self.is_answered and self._asked is not None and self._asked["method"] == method

    def said(self, frame: bytes) -> None:
        """A frame of the session's passes. Raises ProtocolError."""
        size = len(frame)
        group = [frame]
        if self._group or frame[0] >= 0x80:
            size += self._group_size
            if size > _LONGEST_GROUP:
                raise ProtocolError("chunks that no message names")
            self._group += group
            self._group_size = size
            if frame[0] >= 0x80:
                return
            group, self._group, self._group_size = self._group, [], 0
        if _ANSWER.match(frame, 0, _HEAD):
            if not self.is_answered:  # a second answer is nobody's
                self._answered(frame)
                self._said.append(_Group(group, size, False))
            return
        question = _QUESTION.match(frame, 0, _HEAD)
        if question is not None:
            self._said.append(_Group(group, size, False, question.group(1).decode("ascii", "replace")))
            if sum(1 for kept in self._said if kept.question is not None) > _MOST_QUESTIONS:
                raise ProtocolError("questions without end")
        elif _OUTPUT.match(frame, 0, _HEAD):
            text = _TEXT_AT.search(frame, 0, 4 * _HEAD)
            at = int(text.group(1)) if text is not None else None
            if text is not None:
                self._text_end = int(text.group(1)) + int(text.group(2))
            self._said.append(_Group(group, size, True, None, at))
            self._said_output += size
            self._forget_oldest()

    def _answered(self, frame: bytes) -> None:
        self.is_answered = True
        method = self._asked["method"] if self._asked is not None else None
        if method == "execute" and _PENDING in frame:
            self.pending = self.request
        elif method in _SETTLES:
            self.pending = None

    def told(self, notice: Notice) -> None:
        """Something is said on control."""
        self._told.append(notice)
        self._told_output += notice.size()
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        """Of both roads: that which holds more gives first, so that neither loses its end to the other."""
        while self._said_output + self._told_output > _MOST:
            if self._told_output > self._said_output:
                told = next(index for index, notice in enumerate(self._told) if notice.size())
                self._told_output -= self._told[told].size()
                del self._told[told]
            else:
                said = next(index for index, group in enumerate(self._said) if group.is_output)
                self._said_output -= self._said[said].size
                del self._said[said]

    # -- what goes ---------------------------------------------------------------------------------------------------

    def frames(self) -> List[bytes]:
        """What the session said; at the end the chunks whose message has not come yet."""
        return [frame for group in self._said for frame in group.frames] + self._group

    def notices(self) -> List[Notice]:
        """What was told on control."""
        return list(self._told)

    def output(self) -> int:
        """How many bytes of credit it takes to tell the notices."""
        return sum(notice.size() for notice in self._told)

    def positions(self, raw: List[int]) -> Tuple[int, List[int]]:
        """Where both roads begin, for who is told only what is kept; given how much raw output there was."""
        texts = (group.text_at for group in self._said if group.text_at is not None)
        raw = list(raw)
        for index, stream in enumerate(("stdout", "stderr")):
            written = (
                notice.params["pos"]
                for notice in self._told
                if notice.method == "output" and notice.params["stream"] == stream
            )
            raw[index] = next(written, raw[index])
        return next(texts, self._text_end), raw


def _told_later(params: Dict[str, Any]) -> Dict[str, Any]:
    return {name: params[name] for name in ("execution", "id", "memo", "target") if name in params}


class Frames:
    """Cuts bytes into whole frames, and keeps what is not whole yet."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._rest = bytearray()

    def feed(self, data: bytes) -> List[bytes]:
        """The frames that are whole now. Raises ProtocolError."""
        if not self._rest and len(data) == 4 + (int.from_bytes(data[:4], "big") & 0x7FFFFFFF):
            return [data]  # the common case
        self._rest += data
        rest, start, whole = self._rest, 0, []
        while len(rest) - start >= 4:
            length = int.from_bytes(rest[start : start + 4], "big") & 0x7FFFFFFF
            if length > self._longest:
                raise ProtocolError(f"a frame of {length} bytes, more than the {self._longest} allowed")
            end = start + 4 + length
            if len(rest) < end:
                break
            whole.append(bytes(rest[start:end]))
            start = end
        del rest[:start]
        return whole

    def __len__(self) -> int:
        """How much of a frame waits for its rest."""
        return len(self._rest)

    def forget(self) -> None:
        """What is not whole will never be."""
        self._rest.clear()


def parse(frame: bytes) -> Dict[str, Any]:
    """A message of the host's. Raises ProtocolError."""
    try:
        text = str(frame[4:], "utf-8")
        try:
            message, end = scan(text, 0)
        except StopIteration:
            end = -1
        if end != len(text):  # white space around it, or what is not JSON
            message = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise ProtocolError(f"not JSON: {problem}") from None
    if not isinstance(message, dict):
        raise ProtocolError("not a JSON object")
    return message
