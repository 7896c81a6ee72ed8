"""A session that is reached through a relay, and has the relay's stdin and stdout."""

import fcntl
import os
import signal
import time
import unittest
from typing import Any, Dict, Tuple

import host

PATIENCE = 20


class RelayPipesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.host = host.Host()
        self.addCleanup(self.host.close)
        self.host.dial = self.host.dial_by_relay

    def relayed(self, session: host.Session) -> host.Relayed:
        return session.connection.sock

    def pipes(self, pid: int) -> Dict[str, int]:
        """The pipes that a process has open, and how often."""
        found: Dict[str, int] = {}
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(f"/proc/{pid}/fd/{fd}")
            except OSError:
                continue
            if target.startswith("pipe:"):
                found[target] = found.get(target, 0) + 1
        return found

    def stdio(self, session: host.Session) -> Tuple[str, str]:
        pid = self.relayed(session).process.pid
        return os.readlink(f"/proc/{pid}/fd/0"), os.readlink(f"/proc/{pid}/fd/1")

    def assert_has_pipes(self, session: host.Session, pid: int, count: int = 1) -> None:
        held = self.pipes(pid)
        self.assertEqual([held.get(pipe, 0) for pipe in self.stdio(session)], [count, count])

    def test_it_reads_and_writes_them_itself(self) -> None:
        for _ in range(4):  # forked, and cloned
            session = self.host.session()
            self.assert_has_pipes(session, session.pid)
            self.assertEqual(session.value("6 * 7"), 42)
            os.kill(self.relayed(session).process.pid, signal.SIGSTOP)
            try:
                self.assertEqual(session.value("6 * 8"), 48)
                big = "é" * 1_500_000
                self.assertEqual(session.value(f"len({big!r})"), 1_500_000)
            finally:
                os.kill(self.relayed(session).process.pid, signal.SIGCONT)
            self.assert_has_pipes(session, self.host.ready["pid"], 0)
            time.sleep(0.05)  # the second has a zygote made

    def test_a_question_and_an_event_loop_hear_from_them(self) -> None:
        session = self.host.session()
        request = session.begin("name = input('who? '); name")
        question = session.connection.until(lambda: session.connection.requests, "a question").pop()
        session.connection.send({"jsonrpc": "2.0", "id": question["id"], "result": {"text": "me", "eof": False}})
        self.assertEqual(session.connection.answer(request)["value"]["repr"], "'me'")
        session.execute(
            "import asyncio\nn = 0\nasync def count():\n    global n\n    while True:\n        n += 1\n"
            "        await asyncio.sleep(0.001)\nasyncio.ensure_future(count())\nawait asyncio.sleep(0)"
        )
        before = session.value("n")
        time.sleep(0.1)
        self.assertGreater(session.value("n"), before + 5)

    def test_a_host_that_does_not_read_holds_the_session_up_and_loses_nothing(self) -> None:
        session = self.host.session()
        self.host.control.notify("credit", session=session.name, bytes=64 << 20)
        request = session.begin("for i in range(30_000): print('x' * 99)\n'done'")
        time.sleep(0.5)
        self.assertEqual(session.connection.answer(request)["value"]["repr"], "'done'")
        self.assertEqual(len(session.text()), 3_000_000)

    def test_they_grow_where_there_is_much_to_say(self) -> None:
        session = self.host.session()

        def size() -> int:
            return fcntl.fcntl(session.connection.sock.fileno(), 1032)  # F_GETPIPE_SZ

        session.execute("print('x')")
        self.assertEqual(size(), 64 << 10)
        session.execute("print('x' * 100_000)")
        self.assertEqual(size(), 1 << 20)

    def test_stdio_that_does_not_block_is_waited_for(self) -> None:
        session = self.host.session()
        relayed = self.relayed(session)
        session.execute(
            "import os\nfor fd in map(int, os.listdir('/proc/self/fd')):\n    try:\n"
            f"        if os.readlink(f'/proc/self/fd/{{fd}}') in {self.stdio(session)!r}: os.set_blocking(fd, False)\n"
            "    except OSError: pass"
        )
        for fd in "01":
            with open(f"/proc/{relayed.process.pid}/fdinfo/{fd}") as info:
                flags = next(line.split()[1] for line in info if line.startswith("flags:"))
            self.assertTrue(int(flags, 8) & os.O_NONBLOCK)
        self.assertEqual(session.value("6 * 7"), 42)
        big = "y" * 3_000_000
        self.assertEqual(len(session.connection.decoder.text(session.execute(f"{big!r}")["value"]["repr"])), 3_000_002)

    def test_the_end_of_the_host_ends_the_session_though_it_computes(self) -> None:
        for part in ("stdin", "stdout"):
            with self.subTest(part=part):
                session = self.host.session()
                session.begin("while True: pass")
                getattr(self.relayed(session), part).close()
                died = self.host.control.notice("died", session=session.name)
                self.assertEqual(died["cause"]["by"], "the connection ended")
                session.connection.close()

    def test_a_relay_that_is_killed_ends_the_session(self) -> None:
        session = self.host.session()
        session.begin("while True: pass")
        self.relayed(session).process.kill()
        died = self.host.control.notice("died", session=session.name)
        self.assertEqual(died["cause"]["by"], "the connection ended")
        session.connection.read_to_end()

    def test_a_session_that_dies_ends_the_stream_after_its_last_word(self) -> None:
        session = self.host.session()
        session.begin("import os\nprint('last', flush=True)\nos.kill(os.getpid(), 9)")
        self.host.control.notice("died", session=session.name)
        session.connection.read_to_end(2)
        self.assertEqual(session.text(), "last\n")
        self.assertEqual(self.relayed(session).process.wait(PATIENCE), 0)

    def test_children_do_not_hold_them(self) -> None:
        session = self.host.session()
        pids = session.value(
            "import os, subprocess, time\nlistens, tells = os.pipe()\nforked = os.fork()\n"
            "if not forked: os.write(tells, b'.'), time.sleep(60)\n"
            "os.read(listens, 1)\n"
            "child = subprocess.Popen(['sleep', '60'], close_fds=False)\n[forked, child.pid]"
        )
        for pid in pids:
            self.assert_has_pipes(session, pid, 0)

    def test_a_child_that_c_code_forked_holds_them_no_longer_than_the_session_lives(self) -> None:
        session = self.host.session()
        session.begin(
            "import ctypes, os, time\nlibc = ctypes.PyDLL(None)\nif libc.fork() == 0:\n    libc.setsid()\n"
            "    libc.pause()\ntime.sleep(0.2)\nos.kill(os.getpid(), 9)"
        )
        self.host.control.notice("died", session=session.name)
        session.connection.read_to_end(2)
        self.assertEqual(self.relayed(session).process.wait(PATIENCE), 0)

    def test_a_rollback_goes_on_with_them(self) -> None:
        session = self.host.session()
        session.execute("state = 1")
        for _ in range(3):
            transaction: Dict[str, Any] = {"policy": "rollback_on_failure", "scope": "memory"}
            self.assertEqual(session.execute("state = 2; 1 / 0", transaction=transaction)["status"], "failed")
            pid = self.host.control.notice("restored", session=session.name)["pid"]
            self.assertEqual(session.value("state"), 1)
            self.assert_has_pipes(session, pid)

    def test_a_guard_does_not_hold_the_stream_of_the_dead_and_gets_its_own(self) -> None:
        session = self.host.session()
        session.execute("state = 1")
        session.begin("import os; os._exit(3)", guard=True)
        died = self.host.control.notice("died", session=session.name)
        self.assertEqual(died["state"], "guarded")
        session.connection.read_to_end(2)
        self.assertEqual(self.relayed(session).process.wait(PATIENCE), 0)
        again = self.host.session(session.name)
        self.assertEqual(again.connection.welcome["restored"]["from"], "guard")
        self.assert_has_pipes(again, again.pid)
        again.execution = session.execution
        self.assertEqual(again.value("state"), 1)

    def test_opening_and_closing_leaks_no_descriptor(self) -> None:
        def held() -> int:
            return len(os.listdir(f"/proc/{self.host.ready['pid']}/fd"))

        for _ in range(3):
            self.host.session().close()
        host.eventually(lambda: not self.host.stats()["sessions"], "the sessions are gone")
        before = held()
        for _ in range(5):
            session = self.host.session()
            session.value("1")
            session.close()
        host.eventually(lambda: held() <= before + 1, "they are as before, but for that of a clone in reserve")

    def test_a_host_cannot_claim_what_no_relay_offered(self) -> None:
        self.host.dial = lambda: host.Host.dial(self.host)
        session = self.host.session(stdio=True)
        self.assertEqual(session.value("6 * 7"), 42)


if __name__ == "__main__":
    unittest.main()
