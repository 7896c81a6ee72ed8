"""A small synchronous host, for tests: boots the runner through stage 0, shakes hands, asks and listens.

It merges nothing and hides nothing: what came over a connection stands in lists, in its order. Every wait has an end.

    with Host() as host:
        session = host.session()
        session.execute("1 + 1")["value"]["repr"]
        host.control.request("interrupt", session=session.name, execution=1)
"""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any, Callable, Dict, List, Optional, Sequence

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from hibernaculum_runner import frames, processes, proof, relay  # noqa: E402

PACKAGE = os.path.dirname(os.path.abspath(frames.__file__))
RUNNER_DIR = os.path.dirname(PACKAGE)
DIGEST = "ab" * 32
PATIENCE = 20.0
RELAYED = bool(os.environ.get("HIBERNACULUM_TEST_RELAYED"))
"""Whether every host comes through relays: any test of sessions is then one of theirs."""


def stage0() -> str:
    with open(os.path.join(PACKAGE, "stage0.py"), encoding="utf-8") as file:
        return file.read()


class RefusedError(Exception):
    """A JSON-RPC error came back."""

    def __init__(self, error: Dict[str, Any]) -> None:
        super().__init__(error["message"], error["data"])
        self.number = error["code"]
        self.code = error["data"]["code"]
        self.data = error["data"]


class EndedError(Exception):
    """The other side ended the connection."""


def whole(result: Any) -> Any:
    """A result in which what an execution's answer leaves out, because it says nothing, stands for tests to look at."""
    if not isinstance(result, dict) or not {"execution", "status"} <= result.keys():
        return result
    nothing = {"added": [], "modified": [], "removed": [], "more": 0}
    changes = {**nothing, **result.get("changes", {})}
    result = {"value": None, "error": None, "warnings": [], **result, "changes": changes}
    value = result["value"]
    if value:
        result["value"] = value = {"json": None, "cut": 0, **value}
        if value["json"] is True and isinstance(value["repr"], str):
            text = value["repr"]
            value["json"] = f'"{text[1:-1]}"' if text.startswith("'") else text
    return result


class Relayed:
    """What a connection needs of a socket: a relay's stdin and stdout, which are pipes."""

    def __init__(self, path: str, python: str = sys.executable) -> None:
        script = os.path.join(PACKAGE, "relay.py")
        self.process = subprocess.Popen(
            [python, "-I", "-S", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        line = self.stdout.readline() + self.stdout.readline()
        if line != relay.PREAMBLE:
            self.close()
            raise ConnectionRefusedError(f"the relay said {line!r}")

    def fileno(self) -> int:
        return self.stdout.fileno()

    def recv(self, size: int) -> bytes:
        return os.read(self.stdout.fileno(), size)

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self.stdin.fileno(), rest) :]

    def settimeout(self, seconds: Optional[float]) -> None:
        """It waits for ever."""

    def shutdown(self, _how: int) -> None:
        self.stdin.close()

    def close(self) -> None:
        self.stdin.close()
        if not self.stdout.closed:
            self.stdout.close()
            self.process.wait(PATIENCE)


class Connection:
    """One connection: messages out, messages in, both kept."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.decoder = frames.Decoder()
        self.outgoing = frames.Outgoing()
        self.notices: List[Dict[str, Any]] = []  # {"method", "params"}, and "data" where bytes came with it
        self.answers: Dict[Any, Dict[str, Any]] = {}
        self.requests: List[Dict[str, Any]] = []  # what the runner asks
        self.last_id = 0
        self.ended = False

    def send_raw(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send(self, message: Dict[str, Any]) -> None:
        self.sock.sendall(self.outgoing.take() + frames.encode(message))

    def notify(self, method: str, **params: Any) -> None:
        self.send(frames.notification(method, params))

    def ask(self, method: str, **params: Any) -> int:
        """Sends a request without waiting; `answer` waits."""
        self.last_id += 1
        self.send({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params})
        return self.last_id

    def answer(self, request: int, patience: float = PATIENCE) -> Any:
        self.until(lambda: request in self.answers, f"the answer to request {request}", patience)
        message = self.answers.pop(request)
        if "error" in message:
            raise RefusedError(message["error"])
        return whole(message["result"])

    def request(self, method: str, **params: Any) -> Any:
        return self.answer(self.ask(method, **params))

    def until(self, condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
        """Reads until the condition holds."""
        deadline = time.monotonic() + patience
        while True:
            found = condition()
            if found:
                return found
            if not self.read(deadline - time.monotonic()):
                raise TimeoutError(f"{what} did not come within {patience} s; notices: {str(self.notices)[-2000:]}")

    def read(self, patience: float) -> bool:
        """Takes what comes next; False when nothing came in time. Raises EndedError."""
        if self.ended:
            raise EndedError
        if patience <= 0 or not select.select([self.sock], [], [], patience)[0]:
            return False
        try:
            data = self.sock.recv(self.decoder.wanted())
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
            raise EndedError
        self.decoder.feed(data)
        while True:
            message = self.decoder.next()
            if message is None:
                return True
            self._sort(message)

    def _sort(self, message: Dict[str, Any]) -> None:
        if "method" not in message:
            self.answers[message.get("id")] = message
        elif "id" in message:
            self.requests.append(message)
        else:
            transfer = message["params"].get("transfer")
            if transfer is not None:
                message["data"] = bytes(self.decoder._transfers.pop(transfer))
                self.decoder._held -= len(message["data"])
            self.notices.append(message)

    def read_to_end(self, patience: float = PATIENCE) -> None:
        deadline = time.monotonic() + patience
        try:
            while self.read(deadline - time.monotonic()):
                pass
        except EndedError:
            return
        raise TimeoutError("the connection did not end")

    def read_for(self, seconds: float) -> None:
        """Takes what comes within that time."""
        deadline = time.monotonic() + seconds
        try:
            while self.read(deadline - time.monotonic()):
                pass
        except EndedError:
            pass

    def notice(self, method: str, patience: float = PATIENCE, **params: Any) -> Dict[str, Any]:
        """The first notice of that kind and parameters: removed from the list, waited for if need be."""

        def find() -> Optional[Dict[str, Any]]:
            for notice in self.notices:
                told = notice["params"]
                if notice["method"] == method and all(told.get(key) == value for key, value in params.items()):
                    return notice
            return None

        found = self.until(find, f"{method} {params}", patience)
        self.notices.remove(found)
        return found["params"]

    def close(self) -> None:
        self.ended = True
        self.sock.close()


class Session:
    """A session's connection, and its name."""

    def __init__(self, host: "Host", name: str, connection: Connection, hello: Dict[str, Any]) -> None:
        self.host = host
        self.name = name
        self.connection = connection
        self.hello = hello
        self.pid: int = hello["pid"]
        self.execution = 0

    def begin(self, code: str, **params: Any) -> int:
        """Sends an execution without waiting; returns its request id."""
        self.execution += 1
        connection = self.connection
        return connection.ask(
            "execute",
            execution=self.execution,
            id=f"exe_{self.execution}",
            code=connection.outgoing.text(code),
            **params,
        )

    def names(self, what: str, **params: Any) -> Dict[str, Any]:
        """Asks `namespace.<what>`; returns the whole answer."""
        self.execution += 1
        connection = self.connection
        return connection.answer(connection.ask(f"namespace.{what}", execution=self.execution, **params))

    def execute(self, code: str, **params: Any) -> Dict[str, Any]:
        return self.connection.answer(self.begin(code, **params))

    def value(self, code: str) -> Any:
        """Runs an expression and reads its value back."""
        result = self.execute(code)
        if result["status"] != "completed" or result["value"] is None:
            raise AssertionError(f"{code!r} gave {result}")
        return json.loads(result["value"]["json"])

    def text(self) -> str:
        """All text that came on the session's own connection so far."""
        return "".join(
            notice["params"]["text"]
            for notice in self.connection.notices
            if notice["method"] == "event" and notice["params"]["event"] == "output"
        )

    def raw(self, stream: str = "stdout") -> bytes:
        """All raw output that came on control so far."""
        return b"".join(
            notice["data"]
            for notice in self.host.control.notices
            if notice["method"] == "output"
            and notice["params"]["session"] == self.name
            and notice["params"]["stream"] == stream
        )

    def close(self) -> bool:
        # in this order: the end of the connection is the end of the session, which may be over before it is asked for
        closed: bool = self.host.control.request("close", session=self.name)["closed"]
        self.connection.close()
        return closed


class Host:
    """One sandbox, and its control connection."""

    def __init__(
        self,
        python: str = sys.executable,
        preload: Sequence[str] = (),
        linger_ms: int = 0,
        limits: Optional[Dict[str, Any]] = None,
        environment: Optional[Dict[str, str]] = None,
        connect: bool = True,
        **boot: Any,
    ) -> None:
        self.folder = tempfile.mkdtemp(prefix="hib-")
        self.workdir = os.path.join(self.folder, "work")
        os.mkdir(self.workdir)
        self.socket = os.path.join(self.folder, "s")
        self.secret = os.urandom(32)
        self.boot = {
            "protocol": 1, "sandbox": "sbx_test", "secret": self.secret.hex(), "digest": DIGEST, "socket": self.socket,
            "workdir": self.workdir, "runner_dir": RUNNER_DIR, "bundle": False, "preload": list(preload),
            "limits": limits or {"memory_bytes": None, "cpu_seconds": None, "open_files": None, "file_bytes": None},
            "linger_ms": linger_ms, **boot,
        }  # fmt: skip
        self.errors = open(os.path.join(self.folder, "stderr"), "w+b")  # noqa: SIM115
        self.process = subprocess.Popen(
            [python, "-I", "-c", stage0()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=environment,
            start_new_session=True,
        )
        self.keeper = self.process.pid
        self.noise: List[bytes] = []
        self.ready: Dict[str, Any] = {}
        self.failed: Dict[str, Any] = {}
        self.sessions: List[Session] = []
        try:
            self._speak()
            self._listen()
            if connect and self.ready:
                self.control = self.connect("control")
        except BaseException:
            self.close()
            raise

    def _speak(self) -> None:
        messages = [json.dumps(self.boot).encode()]
        if self.boot["bundle"]:
            messages.append(json.dumps({"files": bundle()}).encode())
        assert self.process.stdin is not None
        for message in messages:
            self.process.stdin.write(len(message).to_bytes(4, "big") + message)
        self.process.stdin.flush()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        fd, data = self.process.stdout.fileno(), b""
        deadline = time.monotonic() + PATIENCE
        while not self.ready and not self.failed:
            if not select.select([fd], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"no ready line: {data!r} {self.stderr()}")
            piece = os.read(fd, 65536)
            if not piece:
                raise EndedError(f"no ready line: {data!r} {self.stderr()}")
            data += piece
            *lines, data = data.split(b"\n")
            for line in lines:
                if line.startswith(b"hibernaculum-ready "):
                    self.ready = json.loads(line.partition(b" ")[2])
                elif line.startswith(b"hibernaculum-failed "):
                    self.failed = json.loads(line.partition(b" ")[2])
                else:
                    self.noise.append(line)

    def stderr(self) -> str:
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    # -- connections -------------------------------------------------------------------------------------------------

    def dial(self) -> Connection:
        """A connection whose challenge has not been read."""
        if RELAYED:
            return self.dial_by_relay()
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(PATIENCE)
        try:
            sock.connect(self.socket)
        except OSError as error:
            sock.close()
            state = f"folder {os.path.exists(self.folder)}, keeper {self.process.poll()}"
            raise EndedError(f"cannot connect: {error}; {state}, stderr {self.stderr()!r}") from error
        return Connection(sock)

    def dial_by_relay(self) -> Connection:
        """The same, through a relay of its own, with pipes for its stdio."""
        try:
            return Connection(Relayed(self.socket))
        except OSError as error:
            raise EndedError(f"cannot connect: {error}") from error

    def hello(
        self,
        connection: Connection,
        role: str,
        session: Optional[str] = None,
        secret: Optional[bytes] = None,
        **params: Any,
    ) -> Dict[str, Any]:
        """A hello that answers the connection's challenge; parameters given here replace the right ones."""
        challenge = connection.notice("challenge")
        nonce = proof.new_nonce()
        key = secret or self.secret
        proven = proof.proof(key, proof.HOST, role, session or "", challenge["nonce"], nonce)
        said = {
            "protocol": 1, "digest": DIGEST, "role": role, "session": session, "nonce": nonce, "proof": proven,
            **params,
        }  # fmt: skip
        connection.expected = proof.proof(key, proof.RUNNER, role, session or "", challenge["nonce"], nonce)
        return {"jsonrpc": "2.0", "id": 0, "method": "hello", "params": said}

    def connect(self, role: str, session: Optional[str] = None, **params: Any) -> Connection:
        connection = self.dial()
        try:
            connection.send(self.hello(connection, role, session, **params))
            connection.welcome = connection.answer(0)
        except BaseException:
            connection.close()
            raise
        assert connection.welcome["proof"] == connection.expected, "the runner did not prove itself"
        return connection

    def session(self, name: Optional[str] = None, **options: Any) -> Session:
        # no two hosts of one machine use the same name: tests look for processes by it
        name = name or f"ses_{self.ready['pid']}_{len(self.sessions) + 1}"
        params = {"options": options} if options else {}
        connection = self.connect("session", name, **params)
        session = Session(self, name, connection, connection.welcome)
        self.sessions.append(session)
        return session

    def stats(self) -> Dict[str, Any]:
        return self.control.request("stats")

    # -- the end -----------------------------------------------------------------------------------------------------

    def gone(self, patience: float = PATIENCE) -> int:
        """Waits for the keeper's end; its exit code."""
        return self.process.wait(patience)

    def close(self) -> None:
        """Ends it the way a host that dies does, and makes sure."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    pass
        for session in self.sessions:
            session.connection.close()
        if hasattr(self, "control"):
            self.control.close()
        try:
            if self.boot["linger_ms"]:
                self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired as late:
            left = {pid: processes.status(pid) for pid in [self.process.pid, *processes.descendants(self.process.pid)]}
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the keeper does not end; it and what is below it: {left}") from late
        finally:
            self.errors.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Host":  # noqa: PYI034
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def bundle() -> Dict[str, str]:
    """The runner's files, as the Rust crate embeds them."""
    files = {}
    for folder, _folders, names in os.walk(PACKAGE):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as file:
                    files[os.path.relpath(path, RUNNER_DIR)] = file.read()
    return files


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie, or is one by its main thread only."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            if file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X"):
                return True
        return len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False


def eventually(condition: Callable[[], Any], what: str, patience: float = 5.0) -> Any:
    """Polls the world outside (processes, files), which tells nobody when it changes."""
    deadline = time.monotonic() + patience
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience} s: {what}")
        time.sleep(0.002)
