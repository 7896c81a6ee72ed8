"""Nothing survives the end: of the host, of the supervisor, of a session. Setsid daemons and double forks included."""

import os
import shutil
import signal
import tempfile
import time
import unittest
from typing import List

from host import Host, Session, eventually, is_alive

# A family of processes of every kind that tries to get away, each of which notes its pid in a file of its own.
FAMILY = '''
import os, subprocess, sys, time
folder = {folder!r}

def note(name):
    with open(os.path.join(folder, name + ".new"), "w") as file:
        file.write(str(os.getpid()))
    os.rename(os.path.join(folder, name + ".new"), os.path.join(folder, name))

def daemon(name, execute):
    """Double fork and setsid; forked only, or executed."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note(name)
            if execute:
                os.execvp("sleep", ["sleep", "300"])
            time.sleep(300)
        os._exit(0)
    os.wait()

daemon("forked daemon", False)
daemon("executed daemon", True)
subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(300)"])
subprocess.Popen(["setsid", "sh", "-c", "sleep 300 & exec sleep 300"])
subprocess.Popen(["sh", "-c", "(setsid sleep 300 &) ; trap '' TERM HUP INT; sleep 300; sleep 300"])
if os.fork() == 0:
    import ctypes, threading
    def stay():
        note("headless")
        time.sleep(300)
    threading.Thread(target=stay).start()
    ctypes.CDLL(None).pthread_exit(None)  # to the kernel its process looks like a zombie now
if os.fork() == 0:
    import signal
    for number in (1, 2, 15): signal.signal(number, signal.SIG_IGN)
    note("deaf child")
    time.sleep(300)
    os._exit(0)
'''
NOTED = ["forked daemon", "executed daemon", "headless", "deaf child"]


def family(session: Session, folder: str) -> List[int]:
    """Starts it; all pids below and around the session, but for the session's own."""
    session.execute(FAMILY.format(folder=folder))
    eventually(lambda: all(os.path.exists(os.path.join(folder, name)) for name in NOTED), "the family stands")
    with open(os.path.join(folder, "headless"), encoding="ascii") as file:
        headless = int(file.read())  # of whom /proc tells nothing any more
    for name in NOTED:
        os.remove(os.path.join(folder, name))
    mark = f"HIBERNACULUM_SESSION={session.name}\0".encode()
    page = f"/memfd:hibernaculum-{session.name} ".encode()

    def found() -> List[int]:
        pids = []
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != session.pid:
                try:
                    with open(f"/proc/{name}/environ", "rb") as environ, open(f"/proc/{name}/maps", "rb") as maps:
                        if (mark in environ.read() or page in maps.read()) and is_alive(int(name)):
                            pids.append(int(name))
                except OSError:
                    pass
        # the supervisor has a session's page mapped, too
        return [pid for pid in pids if pid != session.host.ready["pid"]]

    return [headless, *eventually(lambda: len(found()) >= 9 and found(), "all nine others stand")]


def all_gone(pids: List[int], patience: float = 5.0) -> float:
    """Seconds until none of them lives."""
    began = time.monotonic()
    eventually(lambda: not any(map(is_alive, pids)), f"all of {pids} are gone", patience)
    return time.monotonic() - began


class RunnerEndsTest(unittest.TestCase):
    def runner(self, **more: object) -> "tuple[Host, List[int]]":
        host = Host(**more)
        self.addCleanup(host.close)
        pids = [host.keeper, host.ready["pid"]]
        for _ in range(2):
            session = host.session()
            pids += [session.pid, *family(session, host.workdir)]
        self.assertTrue(all(map(is_alive, pids)))
        return host, pids

    def test_nothing_survives_the_end_of_the_lifeline(self) -> None:
        """What the keeper sees of a host that was killed; control is still held by somebody."""
        host, pids = self.runner()
        host.process.stdin.close()
        host.gone()
        all_gone(pids, 1)
        self.assertFalse(os.path.exists(host.socket))

    def test_what_the_host_named_goes_with_the_host_and_nothing_else(self) -> None:
        place = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, place, True)
        named, kept = os.path.join(place, "named"), os.path.join(place, "kept")
        os.makedirs(os.path.join(named, "a", "b"))
        os.mkdir(kept)
        for folder in (os.path.join(named, "a"), kept):
            with open(os.path.join(folder, "file"), "w") as file:
                file.write("x")
        os.symlink(kept, os.path.join(named, "link"))
        os.symlink(kept, os.path.join(place, "named-link"))
        os.chmod(os.path.join(named, "a", "b"), 0)
        host, pids = self.runner(remove=[named, os.path.join(place, "named-link")])
        host.process.stdin.close()
        host.gone()
        all_gone(pids, 1)
        self.assertEqual(sorted(os.listdir(place)), ["kept", "named-link"])
        self.assertEqual(os.listdir(kept), ["file"])

    def test_nothing_survives_the_end_of_control(self) -> None:
        host, pids = self.runner()
        host.control.close()
        host.gone()
        all_gone(pids, 1)
        self.assertFalse(os.path.exists(host.socket))

    def test_nothing_survives_a_killed_supervisor(self) -> None:
        host, pids = self.runner()
        os.kill(host.ready["pid"], signal.SIGKILL)
        host.gone()
        all_gone(pids, 1)
        self.assertFalse(os.path.exists(host.socket))

    def test_nothing_survives_a_killed_keeper(self) -> None:
        host, pids = self.runner()
        os.kill(host.keeper, signal.SIGKILL)
        host.gone()
        all_gone(pids)

    def test_nothing_survives_a_supervisor_that_stands_still(self) -> None:
        host, pids = self.runner()
        os.kill(host.ready["pid"], signal.SIGSTOP)
        host.process.stdin.close()
        host.gone()
        all_gone(pids, 1)

    def test_nothing_survives_that_forks_away_all_the_time(self) -> None:
        host = Host()
        self.addCleanup(host.close)
        session = host.session()
        session.begin(
            "import os, time\nif os.fork() == 0:\n    os.setsid()\n"
            "    while True:\n        if os.fork(): os._exit(0)\n        time.sleep(0.002)\n"
        )
        time.sleep(0.1)
        host.process.stdin.close()
        host.gone()
        mark = f"/memfd:hibernaculum-{session.name} ".encode()
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/maps", "rb") as maps:
                    held = mark in maps.read()
            except OSError:
                continue
            self.assertFalse(held and host.folder in os.readlink(f"/proc/{name}/cwd"), f"{name} got away")


class LingerTest(unittest.TestCase):
    def test_a_runner_lingers_no_longer_than_it_was_told(self) -> None:
        with Host(linger_ms=300) as host:
            session = host.session()
            began = time.monotonic()
            host.control.close()
            host.gone()
            self.assertGreater(time.monotonic() - began, 0.25)
            self.assertFalse(is_alive(session.pid))

    def test_a_second_host_makes_the_first_ones_time_limit_void(self) -> None:
        with Host(linger_ms=300) as host:
            session = host.session()
            host.control.close()
            host.control = host.connect("control")
            host.control.read_for(0.5)
            self.assertIn(session.name, host.stats()["sessions"])


class SessionEndsTest(unittest.TestCase):
    host: Host

    @classmethod
    def setUpClass(cls) -> None:
        cls.host = Host()
        cls.addClassCleanup(cls.host.close)

    def test_close_ends_every_process_of_the_session_and_none_of_another(self) -> None:
        other, session = self.host.session(), self.host.session()
        others = [other.pid, *family(other, self.host.workdir)]
        own = [session.pid, *family(session, self.host.workdir)]
        self.assertTrue(self.host.control.request("close", session=session.name)["closed"])
        self.assertEqual([pid for pid in own if is_alive(pid)], [])
        self.assertEqual([pid for pid in others if not is_alive(pid)], [])
        self.assertEqual(other.value("1"), 1)
        self.host.control.request("close", session=other.name)
        self.assertEqual([pid for pid in others if is_alive(pid)], [])

    def test_a_death_takes_every_process_of_the_session_along(self) -> None:
        other, session = self.host.session(), self.host.session()
        others = [other.pid, *family(other, self.host.workdir)]
        own = family(session, self.host.workdir)
        session.begin("os._exit(7)")
        self.assertEqual(self.host.control.notice("died", session=session.name)["cause"], {"exit": 7})
        all_gone(own, 2)
        self.assertEqual([pid for pid in others if not is_alive(pid)], [])
        self.host.control.request("close", session=other.name)

    def test_the_end_of_its_connection_ends_a_session_even_while_it_runs(self) -> None:
        for code in ("1", "while True: pass"):
            session = self.host.session()
            own = [session.pid, *family(session, self.host.workdir)]
            session.begin(code)
            session.connection.close()
            all_gone(own, 2)
            self.assertNotIn(session.name, self.host.stats()["sessions"])

    def test_the_sweep_of_hundreds_of_processes_stalls_nobody(self) -> None:
        crowd, other = self.host.session(), self.host.session()
        crowd.execute(
            "import os, time\nfor _ in range(300):\n    if os.fork() == 0:\n        os.setsid()\n"
            "        if os.fork() == 0:\n            time.sleep(300)\n        os._exit(0)\n    os.wait()\n"
        )
        request = self.host.control.ask("close", session=crowd.name)
        slowest = 0.0
        while request not in self.host.control.answers:
            began = time.monotonic()
            self.host.control.request("interrupt", session=other.name, execution=0)
            slowest = max(slowest, time.monotonic() - began)
        self.assertTrue(self.host.control.answer(request)["closed"])
        self.assertLess(slowest, 0.25)
        eventually(lambda: self.host.stats()["zombies"] == 0, "all are reaped")
        self.assertEqual(other.value("1"), 1)


if __name__ == "__main__":
    unittest.main()
