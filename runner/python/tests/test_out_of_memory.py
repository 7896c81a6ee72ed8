"""The kernel's own kills are told as such: with a real control group, where this user may make one."""

import os
import unittest
from typing import Optional

from host import Host

LIMIT = 150 << 20


def make_group() -> Optional[str]:
    """A control group below ours with little memory; its directory."""
    with open("/proc/self/cgroup") as file:
        lines = [line.split(":", 2) for line in file.read().splitlines()]
    for _number, controllers, group in lines:
        top, limit = {
            "": ("/sys/fs/cgroup", "memory.max"),
            "memory": ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        }.get(controllers, ("", ""))
        directory = f"{top}{group.rstrip('/')}/hibernaculum-test-{os.getpid()}"
        if not top:
            continue
        try:
            os.mkdir(directory)
        except OSError:
            continue
        try:
            with open(f"{directory}/{limit}", "w") as file:
                file.write(str(LIMIT))
            return directory
        except OSError:
            os.rmdir(directory)
    return None


class OutOfMemory(unittest.TestCase):
    def setUp(self) -> None:
        group = make_group()
        if group is None:
            self.skipTest("no control group with a limit of memory can be made here")
        self.addCleanup(os.rmdir, group)
        self.host = Host()
        self.addCleanup(self.host.close)
        with open(f"{group}/cgroup.procs", "w") as file:
            file.write(str(self.host.stats()["pid"]))

    def test_the_kernels_kill_is_told_as_such_and_nobody_elses_is(self) -> None:
        witness, session = self.host.session(), self.host.session()
        session.begin("x = bytearray(1 << 30)")
        died = self.host.control.notice("died", session=session.name)
        self.assertEqual(died["cause"], {"signal": 9, "name": "SIGKILL", "by": "oom"})
        self.assertEqual(witness.value("41 + 1"), 42)
        other = self.host.session()
        other.begin("import os; os.kill(os.getpid(), 9)")
        died = self.host.control.notice("died", session=other.name)
        self.assertEqual(died["cause"], {"signal": 9, "name": "SIGKILL"})

    def test_a_guard_mends_it(self) -> None:
        session = self.host.session()
        session.begin("x = bytearray(1 << 30)", guard=True)
        died = self.host.control.notice("died", session=session.name)
        self.assertEqual((died["cause"].get("by"), died["state"]), ("oom", "guarded"))


if __name__ == "__main__":
    unittest.main()
