"""Streams that a session's line takes over from the tunnel: what holds for each of both holds for them together."""

import json
import os
import random
import select
import signal
import socket
import threading
import time
import unittest
from typing import Any, Dict, List

from host import PATIENCE, Connection, EndedError, Host, Session, eventually, is_alive
from test_tunnel import SECRET, Client, free_port, masked, reached

from hibernaculum_runner import proof
from hibernaculum_runner.supervisor.kept import parse
from hibernaculum_runner.tunnel import frames, greeting

LINGER_MS = 60_000


class Pump(threading.Thread):
    """The host's half of a stream: moves bytes between a socket pair and whichever WebSocket carries it now."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(daemon=True)
        self.port, self.name_of_stream = port, name
        self.near, self.far = socket.socketpair()
        self.sent = b""
        self.received = self.acknowledged = 0
        self.links = 0
        self.refused = ""
        self.words: List[Dict[str, Any]] = []
        self.closes = False  # with a word; else its end is told
        self.is_dead = False  # dials no more
        self.client = self.dial(is_new=True)
        self.start()

    def dial(self, is_new: bool = False) -> Client:
        if self.is_dead:
            raise EndedError
        client = reached(self.port)
        answer = client.hello(self.name_of_stream, self.received, is_new)
        if "refused" in answer:
            self.refused = answer["refused"]
            client.close()
            raise EndedError(self.refused)
        self.links += 1
        if self.sent[answer["received"] :]:
            client.send(frames.BINARY, self.sent[answer["received"] :])
        return client

    def cut(self) -> None:
        """The network breaks."""
        try:
            self.client.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is broken already

    def run(self) -> None:
        try:
            while self.turn():
                pass
        except (EndedError, OSError):
            pass
        self.far.close()
        self.client.close()

    def turn(self) -> bool:
        client = self.client
        ready = [client.sock] if whole(client.data) else select.select([self.far, client.sock], [], [])[0]
        try:
            if self.far in ready:
                data = self.far.recv(1 << 16)
                self.sent += data
                if data:
                    client.send(frames.BINARY, data)
                else:
                    client.say(**({"close": True} if self.closes else {"eof": len(self.sent)}))
                    while self.closes and client.message()[0] != frames.CLOSE:
                        pass  # until it has been heard
                    return False
            if client.sock in ready:
                if not whole(client.data):
                    client.more()
                while whole(client.data):
                    kind, payload = client.message()
                    if kind == frames.BINARY:
                        self.received += len(payload)
                        self.far.sendall(payload)
                        if self.received - self.acknowledged > 200_000:
                            self.acknowledged = self.received
                            client.say(ack=self.received)
                    elif kind == frames.TEXT:
                        self.words.append(parse(bytes(4) + payload))
                        if "eof" in self.words[-1]:
                            assert self.words[-1]["eof"] == self.received, (self.words, self.received)
                            return False
        except (EOFError, ConnectionError):
            self.client = self.redialled()
        return True

    def redialled(self) -> Client:
        self.client.close()
        while True:
            try:
                return self.dial()
            except (EOFError, ConnectionResetError):  # that broke, too
                pass


def whole(data: bytes) -> bool:
    """Whether a message of a server's is there."""
    if len(data) < 2:
        return False
    size, width = data[1], {126: 2, 127: 8}.get(data[1], 0)
    size = int.from_bytes(data[2 : 2 + width], "big") if width else size
    return len(data) >= 2 + width + size


class TunnelHost(Host):
    """A host of which each connection is a stream of the tunnel's."""

    def __init__(self, window_ms: int = 60_000, **boot: Any) -> None:
        self.port = free_port()
        self.host_name = "one"
        self.pumps: List[Pump] = []
        super().__init__(linger_ms=LINGER_MS, tunnel={"port": self.port, "window_ms": window_ms}, connect=False, **boot)
        self.tunnel = self.process.pid
        self.control = self.connect("control")

    def _speak(self) -> None:
        self.secret = SECRET
        self.boot["secret"] = SECRET.hex()
        super()._speak()

    def dial(self) -> Connection:
        pump = Pump(self.port, f"{self.host_name}-{len(self.pumps)}")
        self.pumps.append(pump)
        pump.near.settimeout(PATIENCE)
        return Connection(pump.near)

    def pump(self, session: Session) -> Pump:
        return next(pump for pump in self.pumps if pump.near is session.connection.sock)

    def die(self) -> None:
        """All its WebSockets break, and nobody dials again."""
        for pump in self.pumps:
            pump.is_dead = True
            if pump.is_alive():
                pump.cut()
        for pump in self.pumps:
            pump.join(PATIENCE)

    def come_again(self, name: str) -> Dict[str, Any]:
        """Another host, once the first one is missed; what it is told."""
        self.host_name, deadline = name, time.monotonic() + PATIENCE
        while True:
            try:
                self.control = self.connect("control", options={"adopt": True})
                return self.control.request("adopt")
            except EndedError:
                if time.monotonic() > deadline:
                    raise

    def adopt(self, name: str) -> Session:
        connection = self.connect("session", name, options={"adopt": True})
        session = Session(self, name, connection, connection.welcome)
        session.execution = connection.last_id = connection.welcome["adopted"]["number"]
        self.sessions.append(session)
        return session

    def close(self) -> None:
        for pid in (self.ready.get("keeper_pid"), self.ready.get("pid")):
            if pid and is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        super().close()


class HandedOverTest(unittest.TestCase):
    def setUp(self) -> None:
        self.host = TunnelHost()
        self.addCleanup(self.host.close)

    def test_a_session_answers_while_the_tunnel_stands_still(self) -> None:
        session = self.host.session()
        session.execute("x = 40")
        os.kill(self.host.tunnel, signal.SIGSTOP)
        try:
            self.assertEqual(session.value("x + 2"), 42)
        finally:
            os.kill(self.host.tunnel, signal.SIGCONT)

    def test_whatever_breaks_nothing_is_lost_and_nothing_comes_twice(self) -> None:
        dice = random.Random(5)
        session = self.host.session()
        pump = self.host.pump(session)
        long = "z" * 600_000
        for turn in range(6):
            request = session.begin(f"for i in range(3000): print({turn}, i)\n(len({long!r}), 'y' * 1_500_000)")
            for _ in range(4):
                session.connection.read_for(dice.random() * 0.05)
                pump.cut()
            value = session.connection.answer(request)["value"]["repr"]
            if not isinstance(value, str):
                value = session.connection.decoder.text(value)
            self.assertEqual(value, f"(600000, {'y' * 1_500_000!r})")
        expected = "".join(f"{turn} {i}\n" for turn in range(6) for i in range(3000))
        self.assertEqual(session.text(), expected)
        self.assertGreater(pump.links, 8)

    def test_a_websocket_that_breaks_while_it_is_handed_over_is_one_that_breaks(self) -> None:
        for turn in range(10):
            os.kill(self.host.tunnel, signal.SIGSTOP)
            dialling = threading.Timer(0.01, os.kill, (self.host.tunnel, signal.SIGCONT))
            dialling.start()
            session = self.host.session()
            self.host.pump(session).cut()
            self.assertEqual(session.value(f"{turn} + 1"), turn + 1)
            dialling.join()

    def test_a_websocket_that_stands_amidst_a_message_is_closed_and_the_next_one_goes_on(self) -> None:
        session = self.host.session()
        pump = self.host.pump(session)
        pump.is_dead = True
        pump.cut()
        pump.join(PATIENCE)
        client, nonce = Client(self.host.port), proof.new_nonce()
        mine = proof.proof(SECRET, proof.HOST, greeting.ROLE, pump.name_of_stream, client.nonce, nonce)
        told = {"stream": pump.name_of_stream, "new": False, "received": pump.received, "nonce": nonce, "proof": mine}
        client.sock.sendall(masked(frames.TEXT, json.dumps(told).encode()) + b"\x82")
        with self.assertRaises(EOFError):
            client.message()
        answer = Client(self.host.port).hello(pump.name_of_stream, pump.received, is_new=False)
        self.assertEqual(answer["received"], len(pump.sent))

    def test_what_an_earlier_host_left_is_taken_up_through_the_tunnel(self) -> None:
        session = self.host.session()
        session.execute("x = [1]")
        session.begin("import time\nprint('first'); time.sleep(0.4); print('last'); x.append(2); len(x)")
        session.connection.read_for(0.1)
        for name in ("two", "three"):
            self.host.die()
            self.assertEqual(self.host.come_again(name)["sessions"], [session.name])
            session = self.host.adopt(session.name)
            self.assertEqual(session.connection.answer(2)["value"]["repr"], "2")
            self.assertEqual(session.text(), "first\nlast\n")
        self.assertEqual(session.value("x"), [1, 2])
        os.kill(self.host.tunnel, signal.SIGSTOP)  # and so is what is taken up handed over
        try:
            self.assertEqual(session.value("x + [3]"), [1, 2, 3])
        finally:
            os.kill(self.host.tunnel, signal.SIGCONT)

    def test_nobody_gets_in_while_the_supervisor_carries_a_stream_of_another_host(self) -> None:
        self.host.session()
        control = self.host.pumps[0]  # which the tunnel has
        control.is_dead = True
        control.cut()
        control.join(PATIENCE)
        self.assertIn("another host", Client(self.host.port).hello("two-a")["refused"])

    def test_a_tunnel_that_is_killed_takes_nothing_of_what_is_kept_along(self) -> None:
        session = self.host.session()
        session.execute("x = 41\nprint('printed')\nx + 1")
        self.host.process.kill()
        self.host.process.wait(PATIENCE)
        self.host.die()
        eventually(lambda: is_alive(session.pid), "the session goes on")
        with socket.socket(socket.AF_UNIX) as sock:  # nobody else gets there without a tunnel
            sock.connect(self.host.socket)
            control = Connection(sock)
            control.send(self.host.hello(control, "control", options={"adopt": True}))
            control.answer(0)
            with socket.socket(socket.AF_UNIX) as other:
                other.connect(self.host.socket)
                taken = Connection(other)
                taken.send(self.host.hello(taken, "session", session.name, options={"adopt": True}))
                self.assertTrue(taken.answer(0)["adopted"]["answered"])
                self.assertEqual(taken.answer(1)["value"]["repr"], "42")
                self.assertEqual(taken.notice("event")["text"], "printed\n")

    def test_garbage_of_a_host_costs_that_host_its_connection(self) -> None:
        session = self.host.session()
        session.execute("x = 1")
        session.connection.send_raw(b"\x00\x00\x00\x02[]")
        with self.assertRaises(EndedError):
            session.connection.read_for(PATIENCE)
            session.connection.read(1)
        self.host.die()
        self.host.come_again("two")
        self.assertEqual(self.host.adopt(session.name).value("x"), 1)

    def test_a_breach_closes_the_websocket_and_not_the_stream(self) -> None:
        session = self.host.session()
        pump = self.host.pump(session)
        for breach in (b"\x82\x01x", b'\x81\x8a\0\0\0\0{"ack":99e9}', b"\x81\x81\0\0\0\x007"):
            pump.client.sock.sendall(breach)
            self.assertEqual(session.value("1"), 1)
        self.assertEqual(pump.links, 4)

    def test_code_that_prints_waits_at_the_window_and_goes_on(self) -> None:
        session = self.host.session()
        session.begin("for i in range(1_000_000): print('line', i)\nopen('done', 'w').close()")
        pump = self.host.pump(session)
        eventually(lambda: self.is_at_rest(pump), "nothing more comes", PATIENCE)
        self.assertFalse(os.path.exists(os.path.join(self.host.workdir, "done")))
        session.connection.answer(1, 60)
        whole = sum(len(f"line {i}\n") for i in range(1_000_000))
        self.assertEqual(len(session.text()), whole)

    def is_at_rest(self, pump: Pump) -> bool:
        """Whether the host, which reads nothing, is sent nothing any more."""
        before = pump.received
        time.sleep(0.5)
        return pump.received == before > 0

    def test_a_session_that_dies_has_said_all_before_its_end(self) -> None:
        for code in ("import os\nprint('last words', flush=True)\nos._exit(7)", "import os\nos.kill(os.getpid(), 9)"):
            session = self.host.session()
            session.begin(code)
            session.connection.read_to_end()
            died = self.host.control.notice("died", session=session.name)
            self.assertEqual(died["pid"], session.pid)
            self.assertIn({"eof": self.host.pump(session).received}, self.host.pump(session).words)

    def test_a_stream_that_its_host_closes_is_over_and_the_session_goes_on(self) -> None:
        session = self.host.session()
        pump = self.host.pump(session)
        pump.closes = True
        session.connection.close()
        pump.join(PATIENCE)
        eventually(lambda: self.is_refused(pump), "the tunnel knows of it", PATIENCE)
        self.assertTrue(is_alive(session.pid))
        self.assertEqual(self.host.session().value("1"), 1)

    def is_refused(self, pump: Pump) -> bool:
        """Whether the stream is over, for who asks the tunnel. The supervisor, which has it, may be about to say so."""
        try:
            return "refused" in Client(self.host.port).hello(pump.name_of_stream, pump.received, is_new=False)
        except EOFError:
            return False


class WindowTest(unittest.TestCase):
    def test_a_stream_that_no_websocket_carries_is_closed_after_the_window(self) -> None:
        with TunnelHost(window_ms=400) as host:
            session, other = host.session(), host.session()
            pump = host.pump(session)
            pump.is_dead = True
            pump.cut()
            pump.join(PATIENCE)
            name, received = pump.name_of_stream, pump.received
            for pause in (0.6, 1.2, 2.4, 4.8):  # a look before the window is over is a WebSocket that carries it again
                time.sleep(pause)
                answer = Client(host.port).hello(name, received, is_new=False)
                if "refused" in answer:
                    break
            self.assertIn("never begun", answer["refused"])
            self.assertEqual(other.value("1"), 1)
            self.assertTrue(is_alive(session.pid))

    def test_a_sandbox_whose_streams_nobody_carries_ends_though_the_supervisor_had_them(self) -> None:
        with TunnelHost(window_ms=300) as host:
            host.session()
            host.die()
            self.assertEqual(host.process.wait(PATIENCE), 0)


if __name__ == "__main__":
    unittest.main()
