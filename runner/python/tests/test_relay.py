"""The relay: every byte arrives, in order, both ways, however it is cut; and what it hands over to a session."""

import os
import random
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
from typing import Optional, Tuple

import host

from hibernaculum_runner import relay

PATIENCE = 20
CHALLENGE = b"\0\0\0\x02{}"
HELLO = b"\0\0\0\x0e" + b'{"id": "hello"'


class Relay:
    """A relay between pipes and a socket that the test accepts, past its preamble and its offer."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="hib-")
        path = os.path.join(self.folder.name, "s")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.listener.settimeout(PATIENCE)
        script = os.path.join(host.PACKAGE, "relay.py")
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self.far, _address = self.listener.accept()
        self.far.settimeout(PATIENCE)
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.preamble = self.read(len(relay.PREAMBLE))
        self.offer = received(self.far, len(relay.OFFER))

    def greet(self) -> None:
        """The hello of a host, which arrives."""
        self.far.sendall(CHALLENGE)
        assert self.read(len(CHALLENGE)) == CHALLENGE
        self.stdin.write(HELLO)
        assert received(self.far, len(HELLO)) == HELLO

    def hand_over(self) -> Tuple[int, int]:
        """Its stdin and stdout, as it gives them to a session."""
        self.far.sendall(relay.WANTED)
        data, ancillary, _flags, _address = self.far.recvmsg(16, socket.CMSG_SPACE(16))
        assert data == relay.OFFER, data
        [(level, kind, content)] = ancillary
        assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
        incoming, outgoing = struct.unpack("2i", content)
        return incoming, outgoing

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            assert select.select([self.stdout], [], [], PATIENCE)[0], f"only {len(data)} of {count} bytes came"
            piece = os.read(self.stdout.fileno(), count - len(data))
            if not piece:
                return data
            data += piece
        return data

    def __enter__(self) -> "Relay":  # noqa: PYI034
        return self

    def __exit__(self, *exc: object) -> None:
        self.stdin.close()
        self.far.close()
        self.listener.close()
        self.stdout.close()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            self.folder.cleanup()


def received(sock: socket.socket, count: Optional[int] = None) -> bytes:
    data = bytearray()
    while count is None or len(data) < count:
        piece = sock.recv(1 << 16)
        if not piece:
            break
        data += piece
    return bytes(data)


class RelayTest(unittest.TestCase):
    def test_it_says_who_it_is_before_anything_else(self) -> None:
        with Relay() as pipe:
            self.assertEqual(pipe.preamble, b"\nhibernaculum-relay 1\n")
            self.assertEqual(pipe.offer, b"\x7frly")

    def test_fragments_of_1_to_7_bytes_arrive_whole_both_ways(self) -> None:
        choose = random.Random(7)
        out, back = os.urandom(20_000), os.urandom(20_000)
        with Relay() as pipe:

            def send_out() -> None:
                start = 0
                while start < len(out):
                    size = choose.randint(1, 7)
                    pipe.stdin.write(out[start : start + size])
                    start += size

            def send_back() -> None:
                for start in range(0, len(back), 5):
                    pipe.far.sendall(back[start : start + 5])

            threads = [threading.Thread(target=work) for work in (send_out, send_back)]
            for thread in threads:
                thread.start()
            self.assertEqual(pipe.read(len(back)), back)
            self.assertEqual(received(pipe.far, len(out)), out)
            for thread in threads:
                thread.join(PATIENCE)

    def test_one_direction_that_is_stuck_does_not_stop_the_other(self) -> None:
        big = os.urandom(8 << 20)
        with Relay() as pipe:
            writer = threading.Thread(target=pipe.far.sendall, args=(big,))
            writer.start()  # nobody reads it: the relay's stdout is full
            pipe.stdin.write(b"still here")
            self.assertEqual(received(pipe.far, 10), b"still here")
            self.assertEqual(pipe.read(len(big)), big)
            writer.join(PATIENCE)

    def test_after_the_hosts_last_word_the_answer_still_comes(self) -> None:
        with Relay() as pipe:
            pipe.stdin.write(b"question")
            pipe.stdin.close()
            self.assertEqual(received(pipe.far), b"question")  # up to its end
            pipe.far.sendall(b"answer")
            pipe.far.close()
            self.assertEqual(pipe.read(100), b"answer")
            self.assertEqual(pipe.process.wait(PATIENCE), 0)

    def test_it_ends_when_the_supervisor_is_gone(self) -> None:
        with Relay() as pipe:
            pipe.far.close()
            self.assertEqual(pipe.process.wait(PATIENCE), 0)

    def test_it_ends_when_the_host_reads_no_more(self) -> None:
        with Relay() as pipe:
            pipe.stdout.close()
            self.assertEqual(pipe.process.wait(PATIENCE), 0)

    def test_without_a_supervisor_it_says_so_and_not_the_preamble(self) -> None:
        script = os.path.join(host.PACKAGE, "relay.py")
        ended = subprocess.run(
            [sys.executable, "-I", "-S", script, "/nowhere/s"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
        )
        self.assertEqual((ended.returncode, ended.stdout), (1, b""))
        self.assertIn(b"/nowhere/s", ended.stderr)

    def test_a_stdio_of_sockets_is_not_offered(self) -> None:
        with tempfile.TemporaryDirectory(prefix="hib-") as folder, socket.socket(socket.AF_UNIX) as listener:
            path = os.path.join(folder, "s")
            listener.bind(path)
            listener.listen(1)
            listener.settimeout(PATIENCE)
            near, theirs = socket.socketpair()
            near.settimeout(PATIENCE)
            script = os.path.join(host.PACKAGE, "relay.py")
            process = subprocess.Popen([sys.executable, "-I", "-S", script, path], stdin=theirs, stdout=theirs)
            theirs.close()
            far, _address = listener.accept()
            far.settimeout(PATIENCE)
            with near, far:
                self.assertEqual(received(near, len(relay.PREAMBLE)), relay.PREAMBLE)
                near.sendall(HELLO)
                self.assertEqual(received(far, len(HELLO)), HELLO)
                far.sendall(relay.WANTED)  # which is nothing to it
                self.assertEqual(received(near, 4), relay.WANTED)
                near.shutdown(socket.SHUT_WR)
                self.assertEqual(received(far), b"")
            self.assertEqual(process.wait(PATIENCE), 0)

    def test_after_the_hello_stdin_is_left_alone_until_there_is_an_answer(self) -> None:
        with Relay() as pipe:
            pipe.greet()
            pipe.stdin.write(b"more")
            self.assertEqual(select.select([pipe.far], [], [], 0.3)[0], [])
            pipe.far.sendall(b"answer")  # not that of a session that wants pipes
            self.assertEqual(pipe.read(6), b"answer")
            self.assertEqual(received(pipe.far, 4), b"more")

    def test_a_hello_in_pieces_passes(self) -> None:
        with Relay() as pipe:
            for byte in HELLO:
                pipe.stdin.write(bytes([byte]))
                self.assertEqual(received(pipe.far, 1), bytes([byte]))
            incoming, outgoing = pipe.hand_over()
            os.close(incoming)
            os.close(outgoing)

    def test_what_is_no_hello_is_pumped(self) -> None:
        with Relay() as pipe:
            pipe.stdin.write(b"GET / HTTP/1.1\r\n\r\n")
            self.assertEqual(received(pipe.far, 18), b"GET / HTTP/1.1\r\n\r\n")
            pipe.far.sendall(relay.WANTED)
            self.assertEqual(pipe.read(4), relay.WANTED)

    def test_its_stdio_is_handed_over_as_often_as_it_is_wanted(self) -> None:
        with Relay() as pipe:
            pipe.greet()
            for _ in range(2):
                incoming, outgoing = pipe.hand_over()
                pipe.stdin.write(b"question")
                self.assertEqual(os.read(incoming, 100), b"question")
                os.write(outgoing, b"answer")
                self.assertEqual(pipe.read(6), b"answer")
                os.close(incoming)
                os.close(outgoing)
            self.assertEqual(select.select([pipe.far], [], [], 0)[0], [])  # nothing went the other way

    def test_once_it_is_handed_over_the_end_of_stdin_is_a_half_close(self) -> None:
        with Relay() as pipe:
            pipe.greet()
            incoming, outgoing = pipe.hand_over()
            pipe.stdin.write(b"last")
            pipe.stdin.close()
            self.assertEqual(received(pipe.far), b"")
            self.assertEqual(os.read(incoming, 100), b"last")
            self.assertEqual(os.read(incoming, 100), b"")
            os.write(outgoing, b"answer")
            self.assertEqual(pipe.read(6), b"answer")
            self.assertIsNone(pipe.process.poll())
            os.close(incoming)
            os.close(outgoing)
            pipe.far.close()
            self.assertEqual(pipe.read(1), b"")
            self.assertEqual(pipe.process.wait(PATIENCE), 0)

    def test_once_it_is_handed_over_it_ends_with_either_side(self) -> None:
        for end in ("stdout", "far"):
            with self.subTest(end=end), Relay() as pipe:
                pipe.greet()
                for fd in pipe.hand_over():
                    os.close(fd)
                getattr(pipe, end).close()
                self.assertEqual(pipe.process.wait(PATIENCE), 0)

    def test_a_session_works_through_two_relays(self) -> None:
        """The whole road as a remote backend builds it: control and session, each through a relay of its own."""
        with host.Host(connect=False) as sandbox:
            script = os.path.join(host.PACKAGE, "relay.py")

            def dial() -> host.Connection:
                near, far = socket.socketpair()
                command = [sys.executable, "-I", "-S", script, sandbox.socket]
                relays.append(subprocess.Popen(command, stdin=far, stdout=far))
                far.close()
                near.settimeout(PATIENCE)
                skipped = b""
                while not skipped.endswith(relay.PREAMBLE):
                    skipped += near.recv(1)
                return host.Connection(near)

            relays = []
            sandbox.dial = dial
            sandbox.control = sandbox.connect("control")
            session = sandbox.session()
            self.assertEqual(session.value("[6 * 7, 'x' * 3]"), [42, "xxx"])
            big = "é" * 1_500_000
            self.assertEqual(session.value(f"len({big!r})"), 1_500_000)
            session.close()
            sandbox.control.close()
            for process in relays:
                self.assertEqual(process.wait(PATIENCE), 0)


if __name__ == "__main__":
    unittest.main()
