"""Deaths and lies: each is told with its cause, costs one session at most, and leaves nothing behind."""

import os
import signal
import time
import unittest
from typing import Any, Dict

from host import Host, Session, eventually, is_alive

# What user code would do to speak on its own channel: the highest socket of that kind is the session's.
CHANNEL = """
import os, socket, stat
def channels():
    for name in sorted(os.listdir('/proc/self/fd'), key=int):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                sock = socket.socket(fileno=os.dup(int(name)))
                if sock.type & 0xf == socket.SOCK_SEQPACKET:
                    yield sock
        except OSError:
            pass
channel = next(channels())
"""


class DeathsTest(unittest.TestCase):
    host: Host

    @classmethod
    def setUpClass(cls) -> None:
        cls.host = Host()
        cls.addClassCleanup(cls.host.close)
        cls.witness = cls.host.session("ses_witness")
        cls.witness.execute("x = 41")

    def tearDown(self) -> None:
        """Whatever happened to another: this one is as it was, and the supervisor made no error."""
        self.assertEqual(self.witness.value("x + 1"), 42)
        stats = self.host.stats()
        self.assertEqual((stats["errors"], stats["last_errors"]), (0, []))

    def died(self, session: Session, code: str = "", **params: Any) -> Dict[str, Any]:
        if code:
            session.begin(code, **params)
        died = self.host.control.notice("died", session=session.name)
        self.assertEqual(died["state"], "lost")
        self.assertEqual(died["pid"], session.pid)
        session.connection.read_to_end()
        self.assertFalse(is_alive(session.pid))
        return died

    def test_every_end_is_told_with_its_cause(self) -> None:
        for code, cause in (
            ("import os; os._exit(0)", {"exit": 0}),
            ("import os; os._exit(255)", {"exit": 255}),
            ("import os; os.abort()", {"signal": 6, "name": "SIGABRT"}),
            ("import ctypes; ctypes.string_at(0)", {"signal": 11, "name": "SIGSEGV"}),
            ("import os; os.kill(os.getpid(), 9)", {"signal": 9, "name": "SIGKILL"}),
            ("import os; os.killpg(0, 9)", {"signal": 9, "name": "SIGKILL"}),
            ("import os, signal; os.kill(os.getpid(), signal.SIGRTMIN + 1)", {"signal": 35, "name": "SIG35"}),
            ("import os; os.execvp('sh', ['sh', '-c', 'exit 5'])", {"exit": 5}),
        ):
            session = self.host.session()
            session.execute("pass")
            died = self.died(session, code)
            self.assertEqual(died["cause"], cause, code)
            self.assertEqual(died["execution"], 2)

    def test_a_session_killed_from_outside_dies_while_idle(self) -> None:
        session = self.host.session()
        session.execute("1")
        os.kill(session.pid, signal.SIGKILL)
        died = self.died(session)
        self.assertEqual((died["execution"], died["cause"]), (0, {"signal": 9, "name": "SIGKILL"}))

    def test_what_lay_in_the_pipes_comes_before_the_death(self) -> None:
        session = self.host.session()
        self.died(session, "import os\nos.write(1, b'last words')\nos.write(2, b'regrets')\nos._exit(1)")
        self.assertEqual((session.raw(), session.raw("stderr")), (b"last words", b"regrets"))

    def test_what_lay_in_the_pipes_needs_no_credit_after_a_death(self) -> None:
        session = self.host.session()
        session.begin("import os\nos.write(1, b'x' * (1 << 20))\nos.write(1, b'y' * 60_000)\nos._exit(1)")
        died = self.host.control.notice("died", session=session.name)
        self.assertEqual(died["raw"], [(1 << 20) + 60_000, 0])
        self.assertEqual(len(session.raw()), (1 << 20) + 60_000)

    def test_a_stopped_session_can_be_killed_and_closed(self) -> None:
        session = self.host.session()
        session.begin("import os\nos.kill(os.getpid(), 19)")
        time.sleep(0.05)
        self.host.control.request("interrupt", session=session.name, execution=1)
        self.host.control.request("kill", session=session.name, reason="timeout")
        self.assertEqual(self.died(session)["cause"]["by"], "timeout")

    def test_a_child_that_was_forked_cannot_keep_the_connection(self) -> None:
        """It holds a copy of every descriptor; the host sees the end all the same."""
        session = self.host.session()
        fork = "import os, ctypes, time\nif ctypes.CDLL(None).fork() == 0:\n    os.setsid()\n    time.sleep(100)\n"
        self.died(session, fork + "os._exit(1)")

    def test_a_channel_that_lies_ends_its_session_only(self) -> None:
        for message in (b"X", b"BB", b"b", b"B" * 5000, b"\0", os.urandom(100)):
            session = self.host.session()
            died = self.died(session, CHANNEL + f"channel.send({message!r})\nimport time\ntime.sleep(60)")
            self.assertIn("protocol violation", died["cause"]["by"])

    def test_a_childs_word_on_the_channel_counts_for_nothing(self) -> None:
        session = self.host.session()
        session.execute(
            CHANNEL + "if os.fork() == 0:\n    for message in (b'X', b'', b'B', b'rubbish' * 100):\n"
            "        channel.send(message)\n    os._exit(0)\nos.wait()"
        )
        self.assertEqual(session.value("6 * 7"), 42)

    def test_a_flood_of_barriers_harms_nobody(self) -> None:
        session = self.host.session()
        session.begin(CHANNEL + "channel.setblocking(True)\nwhile True: channel.send(b'B')")
        began = time.monotonic()
        for _ in range(20):
            self.assertEqual(self.witness.value("x"), 41)
        self.assertLess(time.monotonic() - began, 5)
        self.host.control.request("close", session=session.name)

    def test_descriptors_sent_over_the_channel_stay_outside(self) -> None:
        before = self.host.stats()["fds"]
        session = self.host.session()
        send = "channel.sendmsg([b'B'], [(1, 1, array.array('i', [0, 1, 2]))])"
        session.begin(CHANNEL + f"import array\nfor _ in range(50):\n    {send}\n")
        eventually(lambda: self.host.stats()["fds"] <= before + 6, "no descriptor came over")
        self.host.control.request("close", session=session.name)

    def test_a_page_full_of_nonsense_harms_nobody(self) -> None:
        session = self.host.session()
        session.begin(
            "import ctypes, time\n"
            "line = next(line for line in open('/proc/self/maps') if 'hibernaculum-' in line)\n"
            "start, end = (int(n, 16) for n in line.split()[0].split('-'))\n"
            "ctypes.memset(start, 255, end - start)\ntime.sleep(60)"
        )
        self.host.control.notify("watch", session=session.name, execution=1)
        time.sleep(0.2)
        self.host.control.request("interrupt", session=session.name, execution=1)
        self.host.stats()
        self.host.control.request("kill", session=session.name, reason="test")
        died = self.died(session)
        self.assertEqual(died["execution"], 0)

    def test_a_session_that_closes_everything_is_a_crash(self) -> None:
        for code in ("import os\nos.closerange(0, 65536)", "import os\nos.closerange(900, 65536)"):
            session = self.host.session()
            died = self.died(session, code + "\nprint('x')\n")
            self.assertNotIn("signal", died["cause"])

    def test_low_descriptors_may_be_closed(self) -> None:
        session = self.host.session()
        session.execute("import os\nos.closerange(3, 900)")
        self.assertEqual(session.value("1"), 1)

    def test_shutting_its_own_connection_down_is_a_death_that_is_told(self) -> None:
        session = self.host.session()
        died = self.died(
            session,
            "import os, socket, stat, time\nfor name in os.listdir('/proc/self/fd'):\n    try:\n"
            "        if stat.S_ISSOCK(os.fstat(int(name)).st_mode):\n"
            "            socket.socket(fileno=os.dup(int(name))).shutdown(2)\n"
            "    except OSError: pass\ntime.sleep(60)",
        )
        self.assertIn("signal" if "signal" in died["cause"] else "exit", died["cause"])

    def test_a_session_cannot_reach_the_memory_or_the_descriptors_of_another(self) -> None:
        first, second = self.host.session(), self.host.session()
        maps = second.value("[line.split()[-2] for line in open('/proc/self/maps') if 'memfd:hibernaculum' in line]")
        self.assertEqual({path.rpartition("-")[2] for path in maps}, {second.name})
        count = "len([fd for fd in __import__('os').listdir('/proc/self/fd')])"
        self.assertEqual(first.value(count), second.value(count))
        for session in (first, second):
            self.host.control.request("close", session=session.name)


class LeaksTest(unittest.TestCase):
    def test_200_sessions_opened_and_closed_leave_the_supervisor_as_it_was(self) -> None:
        with Host() as host:

            def cycle(index: int) -> None:
                session = host.session(f"ses_{index}")
                session.execute("import os\nprint('text')\nos.write(1, b'raw')")
                if index % 4 == 3:
                    session.begin("os._exit(1)")
                    host.control.notice("died", session=session.name)
                    session.connection.close()
                else:
                    session.connection.close() if index % 4 == 2 else None
                    host.control.request("close", session=session.name)
                    session.connection.close()

            for index in range(20):
                cycle(index)
            before = eventually(lambda: settled(host), "it has settled")
            for index in range(20, 220):
                cycle(index)
            host.control.notices.clear()
            after = eventually(lambda: settled(host), "it has settled")
            self.assertEqual(after["fds"], before["fds"])
            self.assertEqual((after["zombies"], after["errors"], after["last_errors"]), (0, 0, []))
            self.assertLess(after["memory_bytes"] - before["memory_bytes"], 1 << 20)

    def test_two_hundred_sessions_at_once(self) -> None:
        with Host() as host:
            sessions = [host.session() for _ in range(200)]
            requests = [session.begin("1 + 1") for session in sessions]
            for session, request in zip(sessions, requests):
                self.assertEqual(session.connection.answer(request)["value"]["repr"], "2")
            self.assertEqual(len(host.stats()["sessions"]), 200)
            asked = [host.control.ask("close", session=session.name) for session in sessions]
            for request in asked:
                self.assertTrue(host.control.answer(request)["closed"])
            stats = eventually(lambda: settled(host), "it has settled")
            self.assertEqual((stats["sessions"], stats["zombies"], stats["errors"]), ({}, 0, 0))


def settled(host: Host) -> Dict[str, Any]:
    """The stats, once no session and no zombie is left."""
    stats = host.stats()
    return stats if not stats["sessions"] and not stats["zombies"] else {}


if __name__ == "__main__":
    unittest.main()
