"""The tunnel: a strict WebSocket server, and streams that outlive their WebSockets without a byte lost or doubled."""

import base64
import hashlib
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from typing import Any, Dict, List, Optional, Tuple

import host

from hibernaculum_runner import proof
from hibernaculum_runner.supervisor.loop import Loop
from hibernaculum_runner.tunnel import frames, greeting, server, upgrade
from hibernaculum_runner.tunnel.stream import WINDOW, Pumped

PATIENCE = 20
SECRET = bytes(range(32))
KEY = base64.b64encode(b"k" * 16).decode()


def request(path: str = upgrade.PATH, **headers: Optional[str]) -> bytes:
    given = {
        "Host": "x", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
    }  # fmt: skip
    given.update({name.replace("_", "-"): value for name, value in headers.items()})
    lines = [f"{name}: {value}" for name, value in given.items() if value is not None]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines]).encode()


def masked(kind: int, data: bytes, final: bool = True, mask: bytes = b"\x01\x02\x03\x04", bits: int = 0) -> bytes:
    head = bytes([(128 if final else 0) | bits | kind])
    size = len(data)
    if size < 126:
        head += bytes([128 | size])
    elif size < 65536:
        head += bytes([128 | 126]) + struct.pack(">H", size)
    else:
        head += bytes([128 | 127]) + struct.pack(">Q", size)
    return head + mask + bytes(byte ^ mask[index & 3] for index, byte in enumerate(data))


class Upgrades(unittest.TestCase):
    def test_a_right_request_is_answered_as_the_rfc_says(self) -> None:
        answer = upgrade.answer(request())
        guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1((KEY + guid).encode()).digest())
        self.assertTrue(answer.accepted)
        self.assertIn(b"101 Switching Protocols", answer.head)
        self.assertIn(accept, answer.head)

    def test_a_wrong_request_is_refused_by_its_fault(self) -> None:
        cases = [
            (request("/else"), b"404"),
            (request(Upgrade=None), b"426"),
            (request(Connection="close"), b"426"),
            (request(Sec_WebSocket_Version="8"), b"426"),
            (request(Sec_WebSocket_Key="short"), b"400"),
            (request(Sec_WebSocket_Key=None), b"400"),
            (request(Content_Length="3"), b"400"),
            (request().replace(b"GET", b"POST"), b"405"),
            (request().replace(b"HTTP/1.1", b"HTTP/1.0"), b"400"),
            (request() + b"\r\nno colon", b"400"),
            (request() + b"\r\n folded: x", b"400"),
            (b"\xff\xfe\x00", b"400"),
            (b"", b"400"),
        ]
        for head, status in cases:
            answer = upgrade.answer(head)
            self.assertFalse(answer.accepted, head)
            self.assertTrue(answer.head.startswith(b"HTTP/1.1 " + status), (head, answer.head))


class Frames(unittest.TestCase):
    def decode(self, data: bytes, cut: int) -> List[Tuple[int, bytes]]:
        decoder = frames.Decoder()
        told: List[Tuple[int, bytes]] = []
        for at in range(0, len(data), cut):
            for kind, payload in decoder.feed(data[at : at + cut]):
                if kind == frames.BINARY and told and told[-1][0] == kind:
                    told[-1] = (kind, told[-1][1] + payload)
                else:
                    told.append((kind, payload))
        return told

    def test_frames_are_the_same_however_they_are_cut(self) -> None:
        big = bytes(range(251)) * 320
        data = b"".join((
            masked(frames.TEXT, b'{"a":', final=False), masked(frames.PING, b"p"), masked(frames.CONTINUATION, b"1}"),
            masked(frames.BINARY, b""), masked(frames.BINARY, big[:300]), masked(frames.BINARY, big[300:70_000]),
            masked(frames.BINARY, big[70_000:], final=False), masked(frames.CONTINUATION, b"!"),
            masked(frames.CLOSE, b"\x03\xe8"),
        ))  # fmt: skip
        expected = [
            (frames.PING, b"p"), (frames.TEXT, b'{"a":1}'), (frames.BINARY, big + b"!"), (frames.CLOSE, b"\x03\xe8"),
        ]  # fmt: skip
        for cut in (1, 3, 1000, 65536, len(data)):
            self.assertEqual(self.decode(data, cut), expected, cut)

    def test_a_message_that_comes_whole_is_that_which_comes_in_pieces(self) -> None:
        for size in (0, 1, 125, 126, 127, 300, 65535, 65536):
            data = bytes(range(1, 252)) * 262
            message = masked(frames.BINARY, data[:size])
            for bytes_at_once in (len(message), len(message) - 1, 2):
                told = self.decode(message + message, bytes_at_once)
                self.assertEqual(b"".join(payload for _, payload in told), data[:size] * 2, (size, bytes_at_once))
        decoder = frames.Decoder()  # one that lies within the payload of another
        within = masked(frames.BINARY, masked(frames.BINARY, b"inner"), mask=bytes(4))
        told = decoder.feed(within[:6]) + decoder.feed(within[6:])
        self.assertEqual([payload for _, payload in told], [masked(frames.BINARY, b"inner")])
        decoder.feed(masked(frames.BINARY, b"begun", final=False))
        with self.assertRaises(frames.BreachError):  # a message within another
            decoder.feed(masked(frames.BINARY, b"whole"))

    def test_what_breaks_the_protocol_is_told_by_its_code(self) -> None:
        ping = masked(frames.PING, b"x" * 126)
        cases = [
            (b"\x82\x01x", frames.PROTOCOL_ERROR),  # not masked
            (masked(frames.BINARY, b"x", bits=0x40), frames.PROTOCOL_ERROR),
            (masked(3, b"x"), frames.PROTOCOL_ERROR),
            (masked(11, b""), frames.PROTOCOL_ERROR),
            (ping, frames.PROTOCOL_ERROR),
            (masked(frames.PING, b"", final=False), frames.PROTOCOL_ERROR),
            (masked(frames.CONTINUATION, b"x"), frames.PROTOCOL_ERROR),
            (masked(frames.TEXT, b"x", final=False) + masked(frames.TEXT, b"y"), frames.PROTOCOL_ERROR),
            (b"\x82\xfe\x00\x05" + bytes(9), frames.PROTOCOL_ERROR),  # a length that is too long in form
            (b"\x82\xff" + b"\xff" * 8 + bytes(4), frames.PROTOCOL_ERROR),
            (b"\x82\xff" + bytes(7) + b"\x77" + bytes(123), frames.PROTOCOL_ERROR),  # of as many bytes as one with 127
            (masked(frames.TEXT, b"x" * 5000), frames.TOO_BIG),
            (masked(frames.TEXT, b"x" * 3000, final=False) + masked(frames.CONTINUATION, b"x" * 3000), frames.TOO_BIG),
        ]
        for data, code in cases:
            for cut in (1, len(data)):
                with self.assertRaises(frames.BreachError) as caught:
                    self.decode(data, cut)
                self.assertEqual(caught.exception.code, code, data[:10])

    def test_any_bytes_at_all_are_frames_or_a_breach(self) -> None:
        dice = random.Random(11)
        breaches = 0
        for _ in range(3000):
            data = bytes(dice.getrandbits(8) for _ in range(dice.randrange(1, 60)))
            try:
                self.decode(data, dice.randrange(1, 9))
            except frames.BreachError:
                breaches += 1
        self.assertGreater(breaches, 1000)


class Client:
    """A WebSocket client that is as simple as can be."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.sock.settimeout(PATIENCE)
        self.data = b""
        self.sock.sendall(request() + b"\r\n\r\n")
        head = self.until(b"\r\n\r\n")
        assert b" 101 " in head, head
        self.nonce = self.text()["nonce"]

    def until(self, end: bytes) -> bytes:
        while end not in self.data:
            self.more()
        head, _, self.data = self.data.partition(end)
        return head

    def more(self) -> None:
        data = self.sock.recv(1 << 20)
        if not data:
            raise EOFError
        self.data += data

    def message(self) -> Tuple[int, bytes]:
        while len(self.data) < 2:
            self.more()
        size, at = self.data[1], 2
        if size > 125:
            width = 2 if size == 126 else 8
            while len(self.data) < 2 + width:
                self.more()
            size, at = int.from_bytes(self.data[2 : 2 + width], "big"), 2 + width
        while len(self.data) < at + size:
            self.more()
        kind, payload, self.data = self.data[0] & 15, self.data[at : at + size], self.data[at + size :]
        return kind, payload

    def text(self) -> Dict[str, Any]:
        kind, payload = self.message()
        assert kind == frames.TEXT, (kind, payload)
        return json.loads(payload.decode())

    def send(self, kind: int, data: bytes) -> None:
        self.sock.sendall(masked(kind, data))

    def say(self, **told: Any) -> None:
        self.send(frames.TEXT, json.dumps(told).encode())

    def hello(self, stream: Optional[str], received: int = 0, is_new: bool = True, secret: bytes = SECRET) -> Any:
        nonce = proof.new_nonce()
        mine = proof.proof(secret, proof.HOST, greeting.ROLE, stream or "", self.nonce, nonce)
        self.say(stream=stream, new=is_new, received=received, nonce=nonce, proof=mine)
        answer = self.text()
        if "proof" in answer:
            expected = proof.proof(SECRET, proof.RUNNER, greeting.ROLE, stream or "", self.nonce, nonce)
            assert proof.proves(answer["proof"], expected)
        return answer

    def bytes(self, count: int) -> bytes:
        """So many bytes of the stream, acknowledgements left out."""
        data = b""
        while len(data) < count:
            kind, payload = self.message()
            if kind == frames.BINARY:
                data += payload
        return data

    def close(self) -> None:
        self.sock.close()


class Tunnel:
    """A server in a thread, and a supervisor that the test plays."""

    def __init__(self, window: float = 60) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="hib-")
        path = os.path.join(self.folder.name, "s")
        self.supervisor = socket.socket(socket.AF_UNIX)
        self.supervisor.bind(path)
        self.supervisor.listen(8)
        self.supervisor.settimeout(PATIENCE)
        self.made: List[socket.socket] = []
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.server = server.Server(listener, SECRET, path, window, {"python": "3"})
        threading.Thread(target=self.server.loop.run, daemon=True).start()

    def client(self) -> Client:
        client = Client(self.port)
        self.made.append(client.sock)
        return client

    def accept(self) -> socket.socket:
        far, _ = self.supervisor.accept()
        far.settimeout(PATIENCE)
        self.made.append(far)
        return far

    def __enter__(self) -> "Tunnel":  # noqa: PYI034
        return self

    def __exit__(self, *exc: object) -> None:
        for made in [*self.made, self.supervisor]:
            made.close()
        self.folder.cleanup()


def read(far: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = far.recv(count - len(data))
        if not piece:
            return data
        data += piece
    return data


class Streams(unittest.TestCase):
    def test_whoever_does_not_know_the_secret_is_refused(self) -> None:
        with Tunnel() as tunnel:
            stranger = tunnel.client()
            self.assertIn("refused", stranger.hello("a", secret=bytes(32)))
            self.assertEqual(stranger.message()[0], frames.CLOSE)
            known = tunnel.client()
            self.assertEqual(known.hello("a")["received"], 0)
            for told in (b"", b"[]", b"{}", b'{"stream":1}', b"\xff"):
                client = tunnel.client()
                client.send(frames.TEXT, told)
                self.assertIn("refused", client.text(), told)

    def test_a_question_is_answered_without_a_stream(self) -> None:
        with Tunnel() as tunnel:
            self.assertEqual(tunnel.client().hello(None)["ready"], {"python": "3"})

    def test_a_question_tells_whether_anybody_ever_had_a_stream(self) -> None:
        with Tunnel() as tunnel:
            self.assertFalse(tunnel.client().hello(None)["had_host"])
            client = tunnel.client()
            client.hello("host-1")
            self.assertTrue(tunnel.client().hello(None)["had_host"])
            client.close()
            self.assertTrue(tunnel.client().hello(None)["had_host"])

    def test_bytes_go_through_both_ways_and_so_do_the_ends(self) -> None:
        with Tunnel() as tunnel:
            client = tunnel.client()
            client.hello("a")
            far = tunnel.accept()
            client.send(frames.BINARY, b"to the supervisor")
            self.assertEqual(read(far, 17), b"to the supervisor")
            far.sendall(b"to the host")
            self.assertEqual(client.bytes(11), b"to the host")
            client.say(eof=17)
            self.assertEqual(far.recv(1), b"")
            far.close()
            self.assertEqual(client.text(), {"eof": 11})
            client.say(close=True)
            self.assertEqual(client.message(), (frames.CLOSE, (1000).to_bytes(2, "big")))
            self.assertIn("refused", tunnel.client().hello("a", 11, is_new=False))
            self.assertIn("refused", tunnel.client().hello("a"), "what was closed is not begun anew")

    def test_a_stream_goes_on_from_the_byte_that_is_missing(self) -> None:
        with Tunnel() as tunnel:
            client = tunnel.client()
            client.hello("a")
            far = tunnel.accept()
            client.send(frames.BINARY, b"12345")
            self.assertEqual(read(far, 5), b"12345")
            far.sendall(b"abcdef")
            self.assertEqual(client.bytes(6), b"abcdef")
            client.close()
            far.sendall(b"ghi")  # while nobody is there
            again = tunnel.client()
            self.assertEqual(again.hello("a", received=4, is_new=False)["received"], 5)
            self.assertEqual(again.bytes(5), b"efghi")
            again.send(frames.BINARY, b"678")
            self.assertEqual(read(far, 3), b"678")

    def test_a_hello_whose_answer_was_lost_is_said_again(self) -> None:
        with Tunnel() as tunnel:
            tunnel.client().hello("a")
            tunnel.accept()
            self.assertEqual(tunnel.client().hello("a", is_new=True)["received"], 0)

    def test_the_newest_websocket_has_the_stream(self) -> None:
        with Tunnel() as tunnel:
            old, new = tunnel.client(), tunnel.client()
            old.hello("a")
            far = tunnel.accept()
            new.hello("a", is_new=False)
            kind, payload = old.message()
            while kind == frames.TEXT:
                kind, payload = old.message()
            self.assertEqual((kind, frames.close_code(payload)[0]), (frames.CLOSE, frames.GOING_AWAY))
            far.sendall(b"x")
            self.assertEqual(new.bytes(1), b"x")

    def test_another_host_gets_in_once_the_first_one_is_gone(self) -> None:
        with Tunnel() as tunnel:
            first, second = tunnel.client(), tunnel.client()
            first.hello("one-a")
            far = tunnel.accept()
            self.assertIn("another host", second.hello("two-a")["refused"])
            first.close()
            third = tunnel.client()
            deadline = time.monotonic() + 10
            while "refused" in third.hello("two-a"):  # until the first one is missed
                self.assertLess(time.monotonic(), deadline)
                third = tunnel.client()
            self.assertEqual(far.recv(1), b"", "what the first one left is over")
            tunnel.accept().sendall(b"x")
            self.assertEqual(third.bytes(1), b"x")
            late = tunnel.client()
            self.assertIn("refused", late.hello("one-a", is_new=False))

    def test_what_cannot_be_replayed_is_refused(self) -> None:
        with Tunnel() as tunnel:
            client = tunnel.client()
            client.hello("a")
            far = tunnel.accept()
            far.sendall(b"abc")
            client.bytes(3)
            client.say(ack=3)
            client.send(frames.PING, b"")
            while client.message()[0] != frames.PONG:
                pass
            client.close()
            self.assertIn("refused", tunnel.client().hello("a", received=2, is_new=False))
            self.assertIn("refused", tunnel.client().hello("a", received=9, is_new=False))
            self.assertIn("refused", tunnel.client().hello("never begun", is_new=False))
            self.assertEqual(tunnel.client().hello("a", received=3, is_new=False)["received"], 0)

    def test_a_host_that_reads_nothing_holds_up_the_code_at_the_window(self) -> None:
        with Tunnel() as tunnel:
            client = tunnel.client()
            client.hello("a")
            far = tunnel.accept()
            far.setblocking(False)
            sent = 0
            deadline = time.monotonic() + PATIENCE
            while select.select([], [far], [], 0.5)[1] and time.monotonic() < deadline:
                sent += far.send(b"x" * 65536)
            self.assertGreaterEqual(sent, WINDOW)
            self.assertLess(sent, WINDOW + (4 << 20))
            far.settimeout(PATIENCE)
            # The last piece may reach beyond the window, for pieces are as long as what was there to be read.
            came = len(client.bytes(WINDOW))
            self.assertLess(came, WINDOW + 65536)
            client.say(ack=came)
            self.assertTrue(select.select([], [far], [], PATIENCE)[1], "an acknowledgement lets it go on")

    def test_a_megabyte_goes_through_however_often_the_link_breaks(self) -> None:
        dice = random.Random(3)
        data = bytes(dice.getrandbits(8) for _ in range(1 << 18)) * 4
        with Tunnel() as tunnel:
            client = tunnel.client()
            client.hello("a")
            far = tunnel.accept()
            threading.Thread(target=far.sendall, args=(data,), daemon=True).start()
            echoed: List[bytes] = []
            threading.Thread(target=lambda: echoed.append(read(far, len(data))), daemon=True).start()
            came, sent, breaks = b"", 0, 0
            while len(came) < len(data) or sent < len(data):
                for _ in range(dice.randrange(1, 6)):
                    piece = data[sent : sent + dice.randrange(1, 100_000)]
                    if piece:
                        client.send(frames.BINARY, piece)
                        sent += len(piece)
                    if len(came) < len(data):
                        kind, payload = client.message()
                        came += payload if kind == frames.BINARY else b""
                client.close()
                breaks += 1
                client = tunnel.client()
                sent = client.hello("a", received=len(came), is_new=False)["received"]
            self.assertEqual(came, data)
            client.send(frames.PING, b"")
            deadline = time.monotonic() + PATIENCE
            while not echoed and time.monotonic() < deadline:
                select.select([], [], [], 0.01)
            self.assertEqual(echoed, [data])
            self.assertGreater(breaks, 3)

    def test_a_breach_closes_the_websocket_and_not_the_stream(self) -> None:
        for breach in (b"\x82\x01x", masked(frames.TEXT, b'{"ack":99}'), masked(frames.TEXT, b'{"eof":1}'),
                       masked(frames.TEXT, b'{"more":1}'), masked(frames.TEXT, b"7")):  # fmt: skip
            with Tunnel() as tunnel:
                client = tunnel.client()
                client.hello("a")
                far = tunnel.accept()
                client.sock.sendall(breach)
                kind, payload = client.message()
                while kind == frames.TEXT:
                    kind, payload = client.message()
                self.assertEqual((kind, frames.close_code(payload)[0]), (frames.CLOSE, frames.PROTOCOL_ERROR), breach)
                again = tunnel.client()
                again.hello("a", is_new=False)
                far.sendall(b"on")
                self.assertEqual(again.bytes(2), b"on")

    def test_a_supervisor_that_is_gone_is_told_in_the_greeting(self) -> None:
        with Tunnel() as tunnel:
            tunnel.supervisor.close()
            self.assertIn("refused", tunnel.client().hello("a"))

    def test_a_stream_ends_once(self) -> None:
        with Tunnel() as tunnel:
            ended: List[Pumped] = []
            stream = Pumped("x", Loop(), os.path.join(tunnel.folder.name, "s"), 60, ended.append)
            stream.close()
            stream.close()
            self.assertEqual(ended, [stream])

    def test_a_stream_that_no_websocket_carries_is_closed_after_the_window_and_one_that_is_carried_is_not(self) -> None:
        with Tunnel() as tunnel:
            left, kept = tunnel.client(), tunnel.client()
            tunnel.server._window = 0.3  # of the streams alone: the server's own is running
            left.hello("host-left")
            far = tunnel.accept()
            kept.hello("host-kept")
            other = tunnel.accept()
            tunnel.server._window = 60
            again = tunnel.client()
            again.hello("host-left", is_new=False)  # which replaces the first
            self.assertEqual(select.select([far], [], [], 0.6)[0], [])
            again.close()
            self.assertEqual(far.recv(1), b"", "its host has given it up")
            self.assertIn("never begun", tunnel.client().hello("host-left", is_new=False)["refused"])
            other.sendall(b"on")
            self.assertEqual(kept.bytes(2), b"on")


class Starts(unittest.TestCase):
    """The runner behind its tunnel, as a backend starts it."""

    def start(self, folder: str, port: int, window_ms: int = 60_000) -> "subprocess.Popen[bytes]":
        boot = {
            "protocol": 1, "secret": SECRET.hex(), "digest": host.DIGEST, "socket": os.path.join(folder, "s"),
            "workdir": folder, "runner_dir": host.RUNNER_DIR, "bundle": False, "preload": [], "limits": {},
            "linger_ms": 0, "tunnel": {"port": port, "window_ms": window_ms, "unlink": os.path.join(folder, "boot")},
        }  # fmt: skip
        body = json.dumps(boot).encode()
        with open(os.path.join(folder, "boot"), "wb") as file:
            file.write(len(body).to_bytes(4, "big") + body)
        with open(os.path.join(folder, "boot"), "rb") as file:
            return subprocess.Popen(
                [sys.executable, "-I", "-u", "-c", host.stage0()], stdin=file, stdout=subprocess.PIPE, bufsize=0
            )

    def said(self, process: "subprocess.Popen[bytes]") -> bytes:
        said = b""
        while b"hibernaculum-" not in said or not said.endswith(b"\n"):
            assert process.stdout is not None
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                break
            said += piece
        return said

    def test_the_runner_answers_behind_its_tunnel_and_ends_with_it(self) -> None:
        with tempfile.TemporaryDirectory(prefix="hib-") as folder:
            port = free_port()
            process = self.start(folder, port)
            try:
                ready = json.loads(self.said(process).split(b"hibernaculum-ready ")[1])
                self.assertFalse(os.path.exists(os.path.join(folder, "boot")), "the secret is removed")
                client = reached(port)
                self.assertEqual(client.hello("control")["ready"]["pid"], ready["pid"])
                kind, payload = client.message()
                while kind != frames.BINARY:
                    kind, payload = client.message()
                self.assertIn(b'"challenge"', payload)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE)
            self.assertTrue(gone(ready["pid"]), "the supervisor ends with the tunnel")
            process.stdout.close()

    def test_a_host_that_never_comes_ends_everything(self) -> None:
        with tempfile.TemporaryDirectory(prefix="hib-") as folder:
            process = self.start(folder, free_port(), window_ms=300)
            ready = json.loads(self.said(process).split(b"hibernaculum-ready ")[1])
            self.assertEqual(process.wait(PATIENCE), 0)
            self.assertTrue(gone(ready["pid"]))
            process.stdout.close()

    def test_a_supervisor_that_dies_ends_the_streams_and_the_tunnel(self) -> None:
        with tempfile.TemporaryDirectory(prefix="hib-") as folder:
            port = free_port()
            process = self.start(folder, port)
            ready = json.loads(self.said(process).split(b"hibernaculum-ready ")[1])
            client = reached(port)
            client.hello("control")
            os.kill(ready["pid"], signal.SIGKILL)
            told = {}
            while "eof" not in told:
                kind, payload = client.message()
                told = json.loads(payload.decode()) if kind == frames.TEXT else {}
            client.say(close=True)
            self.assertEqual(process.wait(PATIENCE), 0)
            process.stdout.close()

    def test_a_port_that_is_taken_is_told_by_the_exit_code(self) -> None:
        with tempfile.TemporaryDirectory(prefix="hib-") as folder, socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen(1)
            process = self.start(folder, taken.getsockname()[1])
            said = self.said(process)
            self.assertEqual(process.wait(PATIENCE), 98)
            self.assertIn(b"hibernaculum-failed", said)
            self.assertIn(b"Address already in use", said)
            process.stdout.close()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def reached(port: int) -> Client:
    """The tunnel says that it is ready just before it listens."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return Client(port)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            select.select([], [], [], 0.005)


def gone(pid: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        select.select([], [], [], 0.01)
    return False


if __name__ == "__main__":
    unittest.main()
