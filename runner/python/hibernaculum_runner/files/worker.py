"""One connection for files: its requests, one after the other.

| request | params | what comes |
|---|---|---|
| `files.stat` | `path` | a file |
| `files.list` | `path` | `files.entries` as often as need be; then `{"files": [...]}`, the last of them |
| `files.mkdir`, `files.remove` | `path` | `{}`; `files.busy` every few seconds before it |
| `files.rename` | `path`, `to` | `{}` |
| `files.download` | `path` | a file; then its bytes as chunks, whose transfer is the request's id; then `files.end` |
| `files.upload` | `path` | chunks and `files.end` are sent after the request; a file, when all is there |
| `files.pack` | | `{}`; then an archive as chunks, whose transfer is the request's id; `files.packed`, `files.end` |
| `files.unpack` | | chunks and `files.end` are sent after the request; `{"files","skipped"}`, when all is there |

A refused upload is answered at once, and the connection ends: what the host still sends finds nobody.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import time

from .. import frames
from ..hints import Any, Callable, Dict, Iterator, List, NoReturn
from .actions import list_files, make_directory, remove, rename, stat_file
from .confined import RefusedError, refused_by_system
from .transfers import download, upload

_SILENCE = 5.0  # seconds

_HOW = {
    "files.not_found": "list the directory to see what is there",
    "files.exists": "remove it first, or choose another name",
    "files.outside": "use a path relative to the working directory, without `..` and links",
    "files.wrong_kind": "look at the file's kind with `stat`",
    "files.no_room": "remove what is not needed, or raise the sandbox's limits",
    "files.refused": "see what the system says",
}


def serve(connection: int, workdir: str, packages: str, limits: Dict[str, Any], hello: frames.Json) -> NoReturn:
    """Serves until the host lets go. Never returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    size = limits.get("file_bytes")
    if size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        Worker(socket.socket(fileno=connection), workdir, packages).run(hello)
    except (OSError, frames.ProtocolError, EOFError):
        pass  # the host is gone, or speaks another language
    finally:
        os._exit(0)


class Worker:
    def __init__(self, connection: socket.socket, workdir: str, packages: str) -> None:
        self._connection = connection
        self._workdir, self._packages = workdir, packages
        self._said, self._done = 0.0, 0

    def run(self, hello: frames.Json) -> None:
        self._send(hello)
        while True:
            message = self._message()
            request, method, params = message.get("id"), message.get("method"), message.get("params") or {}
            self._said, self._done = time.monotonic(), 0
            if request is None:  # the end of an upload that was refused, say
                continue
            try:
                self._serve(request, method, params)
            except RefusedError as refused:
                self._refuse(request, refused)
            except OSError as error:
                self._refuse(request, refused_by_system(error, str(params.get("path"))[:200]))

    def _serve(self, request: Any, method: Any, params: Dict[str, Any]) -> None:
        workdir, path = self._workdir, params.get("path")
        if method == "files.stat":
            self._answer(request, stat_file(workdir, path))
        elif method == "files.list":
            self._answer(request, {"files": list_files(workdir, path, self._page)})
        elif method == "files.mkdir":
            make_directory(workdir, path)
            self._answer(request, {})
        elif method == "files.rename":
            rename(workdir, path, params.get("to"))
            self._answer(request, {})
        elif method == "files.remove":
            remove(workdir, path, self._alive)
            self._answer(request, {})
        elif method == "files.upload":
            self._upload(request, path)
        elif method == "files.download":
            self._download(request, path)
        elif method == "files.pack":
            self._pack(request)
        elif method == "files.unpack":
            self._unpack(request)
        else:
            what = f"a files connection does not know the method {method!r}"
            why = "this runner speaks an earlier version of the protocol, or the name is wrong"
            how = "see docs/protocol.md for the methods"
            self._send(frames.error(request, frames.UNKNOWN_METHOD, "transport.protocol", what, why, how))

    def _upload(self, request: Any, path: Any) -> None:
        self._take_in(request, lambda: upload(self._workdir, path, self._pieces()))

    def _unpack(self, request: Any) -> None:
        from .archive import unpack

        self._take_in(request, lambda: unpack(self._roots(), self._pieces()))

    def _take_in(self, request: Any, take: Callable[[], Dict[str, Any]]) -> None:
        try:
            self._answer(request, take())
        except RefusedError as refused:
            self._refuse(request, refused)
            self._linger()
            raise EOFError from None

    def _linger(self) -> None:
        """Takes what is on its way, so that the refusal is read: closing over unread bytes would take it back."""
        self._connection.shutdown(socket.SHUT_WR)
        while self._connection.recv(1 << 20):
            pass

    def _download(self, request: Any, path: Any) -> None:
        def begin(file: Dict[str, Any]) -> None:
            self._answer(request, file)

        transfer = request if type(request) is int else 0
        sent, problem = download(self._workdir, path, begin, self._connection, transfer)
        end: Dict[str, Any] = {"transfer": transfer, "bytes": sent}
        if problem is not None:
            end["problem"] = problem
        self._send(frames.notification("files.end", end))

    def _pack(self, request: Any) -> None:
        from .archive import pack

        transfer, sent = request if type(request) is int else 0, 0

        def send(chunk: memoryview) -> None:
            nonlocal sent
            self._connection.sendall(frames.encode_chunk_head(transfer, len(chunk)))
            self._connection.sendall(chunk)
            sent += len(chunk)

        packed = pack(self._roots(), lambda: self._answer(request, {}), send)
        self._send(frames.notification("files.packed", _clean(packed)))
        self._send(frames.notification("files.end", {"transfer": transfer, "bytes": sent}))

    def _roots(self) -> Dict[str, str]:
        """What an archive holds, by the names that it has there."""
        roots = {"files": self._workdir}
        if os.path.isdir(self._packages):
            roots["packages"] = self._packages
        return roots

    def _page(self, files: List[Dict[str, Any]]) -> None:
        self._send(frames.notification("files.entries", _clean({"files": files})))

    def _alive(self) -> None:
        """One more file is dealt with. Says so now and then: a host gives up a worker that is silent for too long."""
        self._done += 1
        now = time.monotonic()
        if now - self._said > _SILENCE:
            self._said = now
            self._send(frames.notification("files.busy", {"done": self._done}))

    # -- frames ------------------------------------------------------------------------------------------------------

    def _pieces(self) -> Iterator[memoryview]:
        """The chunks of an upload, until `files.end`, which must say how many bytes they were."""
        came = 0
        while True:
            is_chunk, body = self._frame()
            if not is_chunk:
                message = _parsed(body)
                params = message.get("params") or {}
                if message.get("method") != "files.end" or params.get("bytes") != came:
                    raise frames.ProtocolError("an upload was not brought to its end")
                return
            came += len(body) - 8
            yield body[8:]

    def _message(self) -> Dict[str, Any]:
        is_chunk, body = self._frame()
        if is_chunk:
            raise frames.ProtocolError("a chunk of nothing")
        return _parsed(body)

    def _frame(self) -> tuple[bool, memoryview]:
        head = int.from_bytes(self._exactly(4), "big")
        length = head & 0x7FFFFFFF
        if length > frames.MAX_FRAME or (head >> 31 and length < 8):
            raise frames.ProtocolError(f"a frame is said to have {length} bytes")
        return bool(head >> 31), self._exactly(length)

    def _exactly(self, count: int) -> memoryview:
        view = memoryview(bytearray(count))
        left = view
        while left:
            got = self._connection.recv_into(left)
            if not got:
                raise EOFError
            left = left[got:]
        return view

    def _answer(self, request: Any, value: Any) -> None:
        self._send(frames.result(request, _clean(value)))

    def _refuse(self, request: Any, refused: RefusedError) -> None:
        what = f"{refused.path}: {refused.problem}"
        message = frames.error(request, frames.REFUSED, refused.code, what, refused.problem, _HOW[refused.code])
        message["error"]["data"]["path"] = refused.path
        self._send(_clean(message))

    def _send(self, message: frames.Json) -> None:
        self._connection.sendall(frames.encode(message))


def _parsed(body: memoryview) -> Dict[str, Any]:
    try:
        message = json.loads(bytes(body))
    except (ValueError, RecursionError) as problem:
        raise frames.ProtocolError(str(problem)) from None
    if type(message) is not dict:
        raise frames.ProtocolError("a message is no object")
    return message


def _clean(value: Any) -> Any:
    """Names that are no UTF-8 travel with their bytes escaped."""
    if type(value) is str:
        return frames.clean(value)
    if type(value) is dict:
        return {key: _clean(item) for key, item in value.items()}
    if type(value) is list:
        return [_clean(item) for item in value]
    return value
