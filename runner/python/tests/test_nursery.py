"""Sessions that are cloned from a zygote: as good as forked ones, whatever becomes of the zygote."""

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import unittest
from typing import Any, ClassVar, Dict, List, Optional

from host import Host, Session, eventually


def children(pid: int) -> List[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def processor_time(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/schedstat") as file:
            return file.read().split()[0]
    except OSError:
        return ""


class NurseryCase(unittest.TestCase):
    ENVIRONMENT: ClassVar[Dict[str, str]] = {"HIBERNACULUM_ZYGOTE": "first"}

    def setUp(self) -> None:
        self.host = Host(environment=self.ENVIRONMENT)
        self.addCleanup(self.host.close)

    def stats(self) -> Dict[str, Any]:
        stats: Dict[str, Any] = self.host.control.request("stats")
        return stats

    def zygotes(self) -> List[int]:
        stats = self.stats()
        sessions = {session["pid"] for session in stats["sessions"].values()}
        return [pid for pid in children(stats["pid"]) if pid not in sessions]

    def wait_for_zygote(self) -> int:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            found = self.zygotes()
            if found:
                return found[0]
            time.sleep(0.01)
        raise AssertionError("there is no zygote")

    def assert_serves(self, session: Session) -> None:
        self.assertEqual(session.value("6 * 7"), 42)


class Clones(NurseryCase):
    def test_a_clone_is_a_child_of_the_supervisor_and_leads_its_own_group(self) -> None:
        session = self.host.session()
        stats = self.stats()
        self.assertIn(session.pid, children(stats["pid"]))
        session.execute("import os")
        self.assertEqual(session.value("[os.getpid(), os.getppid()]"), [session.pid, stats["pid"]])
        self.assertEqual(os.getpgid(session.pid), session.pid)
        self.assertNotEqual(self.wait_for_zygote(), session.pid)

    def test_nothing_of_the_warm_up_is_left(self) -> None:
        session = self.host.session()
        names = "sorted(n for n in globals() if n[:2] != '__')"
        self.assertEqual(session.value(names), ["In", "Out", "_"])
        self.assertEqual(session.value("[In[:-1], list(Out)]"), [["", names], [1]])
        self.assertEqual(session.value("[f for f in __import__('linecache').cache if 'warm' in f]"), [])
        reply = session.execute("x = 1")
        self.assertEqual((reply["count"], reply["raw"], reply["text_pos"]), (4, [0, 0], 0))
        self.assertEqual([change["name"] for change in reply["changes"]["added"]], ["x"])

    def test_every_clone_has_what_is_its_own(self) -> None:
        code = "import os, random, sys; [random.random(), os.environ['HIBERNACULUM_SESSION'], sys.argv]"
        first, second = self.host.session(argv=["a", "b"]), self.host.session()
        one, other = first.value(code), second.value(code)
        self.assertNotEqual(one[0], other[0])
        self.assertEqual([one[1:], other[1:]], [[first.name, ["a", "b"]], [second.name, [""]]])

    def test_limits_hold_in_clones_and_do_not_hinder_their_zygote(self) -> None:
        limits = {"memory_bytes": None, "cpu_seconds": 1, "open_files": 64, "file_bytes": 1000}
        host = Host(environment=self.ENVIRONMENT, limits=limits)
        self.addCleanup(host.close)
        first = host.session()
        zygote = [pid for pid in children(host.stats()["pid"]) if pid != first.pid]
        for _ in range(5):
            session = host.session()
            session.execute("import resource")
            for limit, value in (("NOFILE", 64), ("FSIZE", 1000), ("CPU", 1)):
                self.assertEqual(session.value(f"resource.getrlimit(resource.RLIMIT_{limit})[0]"), value)
        self.assertIn(zygote[0], children(host.stats()["pid"]))

    def test_stdin_is_as_the_hello_said(self) -> None:
        denied = self.host.session(stdin="deny")
        self.assertIn("denied", denied.execute("input()")["error"]["message"])

    def test_an_abort_is_told_as_one(self) -> None:
        session = self.host.session()
        session.begin("import os; os.abort()")
        died = self.host.control.notice("died", session=session.name)
        self.assertEqual(died["cause"]["name"], "SIGABRT")

    def test_a_clone_has_no_descriptor_but_its_own(self) -> None:
        listing = "sorted(map(int, __import__('os').listdir('/proc/self/fd')))[:-1]"
        forked = self.forked(listing)
        sessions = [self.host.session() for _ in range(4)]
        counts = [len(session.value(listing)) for session in sessions]
        self.assertEqual(counts, [forked] * 4)

    def test_a_word_that_is_none_is_noted(self) -> None:
        host = Host(environment={"HIBERNACULUM_ZYGOTE": "frist"})
        try:
            self.assertEqual(host.session().value("1"), 1)
            self.assertIn("'frist'", host.stats()["last_errors"][0])
        finally:
            host.close()

    def forked(self, listing: str) -> int:
        host = Host(environment={"HIBERNACULUM_ZYGOTE": "never"})
        try:
            return len(host.session().value(listing))
        finally:
            host.close()

    def test_output_of_all_roads_comes_in_order(self) -> None:
        session = self.host.session()
        session.execute("print('a'); import os; os.system('echo b'); print('c')")
        self.assertEqual(session.text(), "a\nc\n")
        self.host.control.until(session.raw, "raw output")
        self.assertEqual(session.raw(), b"b\n")

    def test_an_interrupt_finds_a_clone(self) -> None:
        session = self.host.session()
        request = session.begin("while True: pass")
        time.sleep(0.1)
        self.host.control.request("interrupt", session=session.name, execution=session.execution)
        self.assertEqual(session.connection.answer(request)["status"], "interrupted")
        self.assert_serves(session)

    def test_children_and_threads_work(self) -> None:
        session = self.host.session()
        session.execute("import os, subprocess, threading; out = []")
        session.execute("t = threading.Thread(target=lambda: out.append(1)); t.start(); t.join()")
        session.execute("out.append(subprocess.run(['true']).returncode)")
        session.execute("pid = os.fork()\nif pid == 0: os._exit(3)\nout.append(os.waitpid(pid, 0)[1] >> 8)")
        self.assertEqual(session.value("out"), [1, 0, 3])

    def test_a_session_that_the_host_lets_go_of_ends(self) -> None:
        session, other = self.host.session(), self.host.session()
        session.connection.close()
        self.host.control.notice("died", session=session.name)
        self.assert_serves(other)

    def test_a_name_is_taken_while_its_session_is_being_cloned(self) -> None:
        session = self.host.session()
        with self.assertRaises(Exception) as caught:
            self.host.session(name=session.name)
        self.assertIn("open already", str(caught.exception))


class Reserved(NurseryCase):
    """A clone that was made before it was asked for."""

    def setUp(self) -> None:
        super().setUp()
        self.assert_serves(self.host.session())
        self.zygote = self.wait_for_zygote()

    def wait_for_reserve(self, host: Optional[Host] = None) -> int:
        """Its pid, once it waits for an order: it sleeps then, and takes no more time."""
        host = host or self.host

        def find() -> Any:
            stats = host.stats()
            known = {session["pid"] for session in stats["sessions"].values()}
            unknown = [pid for pid in children(stats["pid"]) if pid not in known]
            times = [processor_time(pid) for pid in unknown]
            time.sleep(0.05)
            return len(unknown) == 2 and times == [processor_time(pid) for pid in unknown] and unknown[1]

        found: int = eventually(find, "a clone is in reserve")
        return found

    def test_a_session_takes_it_and_another_one_is_made(self) -> None:
        for _ in range(3):
            reserve = self.wait_for_reserve()
            session = self.host.session()
            self.assertEqual(session.pid, reserve)
            self.assert_serves(session)
        self.assertEqual(self.wait_for_zygote(), self.zygote)

    def test_its_session_is_as_any_other(self) -> None:
        reserve = self.wait_for_reserve()
        session = self.host.session(argv=["a", "b"], stdin="deny")
        self.assertEqual(session.pid, reserve)
        code = "import os, sys; [os.environ['HIBERNACULUM_SESSION'], sys.argv, os.getpid(), os.getpgid(0)]"
        expected = [session.name, ["a", "b"], reserve, reserve]
        self.assertEqual(session.value(code), expected)
        self.assertEqual(session.value("[In[:-1], list(Out), len(os.listdir())]"), [["", code], [1], 0])
        self.assertIn("denied", session.execute("input()")["error"]["message"])
        reply = session.execute("print('x'); x = 1")
        self.assertEqual((reply["count"], reply["raw"], reply["text_pos"]), (4, [0, 0], 2))
        self.assertLess(reply["cpu_us"], 100_000)
        session.execute("os.system('echo raw')")
        self.host.control.until(session.raw, "raw output")
        self.assertEqual([session.text(), session.raw()], ["x\n", b"raw\n"])
        request = session.begin("while True: pass")
        time.sleep(0.1)
        self.host.control.request("interrupt", session=session.name, execution=session.execution)
        self.assertEqual(session.connection.answer(request)["status"], "interrupted")

    def test_two_of_them_have_random_numbers_of_their_own(self) -> None:
        values = []
        for _ in range(2):
            self.wait_for_reserve()
            values.append(self.host.session().value("import random; random.random()"))
        self.assertNotEqual(*values)

    def test_it_has_no_descriptor_but_its_own(self) -> None:
        listing = "len(__import__('os').listdir('/proc/self/fd'))"
        self.wait_for_reserve()
        reserved, cloned = self.host.session(), self.host.session()
        self.assertEqual(reserved.value(listing), cloned.value(listing))

    def test_limits_hold_and_do_not_hinder_it(self) -> None:
        limits = {"memory_bytes": None, "cpu_seconds": 1, "open_files": 64, "file_bytes": 1000}
        host = Host(environment=self.ENVIRONMENT, limits=limits)
        self.addCleanup(host.close)
        host.session()
        for _ in range(2):
            reserve = self.wait_for_reserve(host)
            session = host.session()
            self.assertEqual(session.pid, reserve)
            session.execute("import resource")
            for limit, value in (("NOFILE", 64), ("FSIZE", 1000), ("CPU", 1)):
                self.assertEqual(session.value(f"resource.getrlimit(resource.RLIMIT_{limit})[0]"), value)

    def test_many_at_once_are_all_served(self) -> None:
        self.wait_for_reserve()
        names = [f"many_{number}" for number in range(12)]
        threads = [threading.Thread(target=self.host.session, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        sessions = [session for session in self.host.sessions if session.name in names]
        self.assertEqual(len({session.pid for session in sessions}), len(names))
        for session in sessions:
            self.assert_serves(session)

    def test_one_that_is_killed_is_missed_by_nobody(self) -> None:
        for _ in range(2):
            reserve = self.wait_for_reserve()
            os.kill(reserve, signal.SIGKILL)
            session = self.host.session()
            self.assertNotEqual(session.pid, reserve)
            self.assert_serves(session)
        self.wait_for_reserve()
        stats = self.stats()
        self.assertEqual((stats["errors"], stats["zombies"]), (0, 0), stats["last_errors"])

    def test_one_that_is_stopped_costs_two_seconds_once(self) -> None:
        os.kill(self.wait_for_reserve(), signal.SIGSTOP)
        start = time.monotonic()
        self.assert_serves(self.host.session())
        self.assertLess(time.monotonic() - start, 6)
        start = time.monotonic()
        self.assert_serves(self.host.session())
        self.assertLess(time.monotonic() - start, 2)

    def test_it_outlives_its_zygote_and_ends_with_the_sandbox(self) -> None:
        reserve = self.wait_for_reserve()
        os.kill(self.zygote, signal.SIGKILL)
        eventually(lambda: self.zygote not in children(self.stats()["pid"]), "the zygote is gone")
        session = self.host.session()
        self.assertEqual(session.pid, reserve)
        self.assert_serves(session)
        for _ in range(2):
            self.assert_serves(self.host.session())
        reserve = self.wait_for_reserve()
        self.host.close()
        self.assertFalse(os.path.exists(f"/proc/{reserve}"))

    def test_a_session_that_ends_takes_nothing_of_it_along(self) -> None:
        reserve = self.wait_for_reserve()
        sessions = [self.host.session() for _ in range(2)]
        sessions[0].execute("import subprocess; subprocess.Popen(['sleep', '60'])")
        for session in sessions[:1]:
            session.close()
        self.assertEqual(sessions[0].pid, reserve)
        self.assert_serves(sessions[1])
        self.assert_serves(self.host.session())


class Ends(NurseryCase):
    def test_without_a_zygote_sessions_are_forked_and_another_one_comes(self) -> None:
        self.assert_serves(self.host.session())
        first = self.wait_for_zygote()
        os.kill(first, signal.SIGKILL)
        for _ in range(3):
            self.assert_serves(self.host.session())
        self.assertNotEqual(self.wait_for_zygote(), first)
        stats = self.stats()
        self.assertEqual(stats["errors"], 0, stats["last_errors"])

    def test_a_zygote_that_is_stopped_costs_two_seconds_once(self) -> None:
        self.assert_serves(self.host.session())
        os.kill(self.wait_for_zygote(), signal.SIGSTOP)
        start = time.monotonic()
        self.assert_serves(self.host.session())
        self.assertLess(time.monotonic() - start, 6)
        self.assert_serves(self.host.session())

    def test_it_ends_with_the_sandbox(self) -> None:
        self.assert_serves(self.host.session())
        zygote = self.wait_for_zygote()
        self.host.close()
        self.assertFalse(os.path.exists(f"/proc/{zygote}"))


KILLS_ITSELF = """
import os
def kill():
    # in a zygote alone there is a session's name before there is a session
    if "HIBERNACULUM_SESSION" in os.environ and not os.path.exists("killed"):
        open("killed", "w").close()
        os.kill(os.getpid(), 9)
os.register_at_fork(after_in_parent=kill)
"""


class Untold(unittest.TestCase):
    def test_a_clone_of_which_nobody_was_told_ends_and_does_no_harm(self) -> None:
        """The zygote dies between the clone and its word of it."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        with open(os.path.join(folder, "kills_itself.py"), "w") as file:
            file.write(KILLS_ITSELF)
        environment = {"HIBERNACULUM_ZYGOTE": "first"}
        host = Host(preload=["kills_itself"], workdir=folder, environment=environment)
        self.addCleanup(host.close)
        session = host.session()
        self.assertTrue(os.path.exists(os.path.join(folder, "killed")))
        for _ in range(20):  # each asks for a barrier over the channel, whose answers nobody else may take
            session.execute("import os; os.system('true')")
        self.assertEqual(session.value("6 * 7"), 42)
        pid = host.stats()["pid"]
        eventually(lambda: children(pid) == [session.pid], "no stray clone is left")


class Second(NurseryCase):
    ENVIRONMENT: ClassVar[Dict[str, str]] = {}

    def test_one_session_has_no_zygote_and_two_have(self) -> None:
        first = self.host.session()
        self.assert_serves(first)
        time.sleep(0.1)
        self.assertEqual(self.zygotes(), [])
        second = self.host.session()
        self.wait_for_zygote()
        third = self.host.session()
        for session in (first, second, third):
            self.assert_serves(session)


class Never(NurseryCase):
    ENVIRONMENT: ClassVar[Dict[str, str]] = {"HIBERNACULUM_ZYGOTE": "never"}

    def test_there_is_none(self) -> None:
        for _ in range(4):
            self.assert_serves(self.host.session())
        time.sleep(0.1)
        self.assertEqual(self.zygotes(), [])


if __name__ == "__main__":
    sys.exit(unittest.main())
