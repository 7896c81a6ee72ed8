"""The relay is a pipe and nothing else: every byte, in order, both ways, however it is cut."""

import os
import random
import select
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from typing import Optional

import host

from hibernaculum_runner import relay

PATIENCE = 20


class Relay:
    """A relay between pipes and a socket that the test accepts."""

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
