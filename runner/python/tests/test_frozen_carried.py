"""What a copy does not carry, and what it holds: told by warnings and refusals."""

import errno
import os
import unittest
from types import SimpleNamespace
from unittest import mock

from host import RefusedError
from test_frozen import MEMORY, FrozenCase

from hibernaculum_runner.session import carried
from hibernaculum_runner.session.freezing import Freezer
from hibernaculum_runner.session.quiesce import UnclonableError
from hibernaculum_runner.session.refusal import unclonable

# A thread that Python does not know, under a name that the kernel does.
FOREIGN_THREAD = """
import ctypes, os
libc = ctypes.CDLL(None)
thread, woken = ctypes.c_ulong(), os.pipe()
read = ctypes.cast(libc.pause, ctypes.c_void_p)
assert libc.pthread_create(ctypes.byref(thread), None, read, None) == 0
libc.pthread_setname_np(thread, b"pool-of-lib")
"""


class WarningsTest(FrozenCase):
    def warnings(self, checkpoint: str) -> str:
        return " ".join(self.freeze(checkpoint)["warnings"])

    def test_pipes_are_told(self) -> None:
        self.assertNotIn("pipe", self.warnings("none"))
        self.ok("import os; kept = os.dup(1)")
        self.assertNotIn("pipe", self.warnings("output"))  # a copy's leads to its own
        self.ok("ends = os.pipe()")
        self.assertIn("2 pipe ends are open", self.warnings("both"))
        self.ok("os.close(ends[0])")
        self.assertIn("1 pipe end is open", self.warnings("one"))

    def test_a_database_without_a_table_is_one_and_an_empty_file_is_none(self) -> None:
        self.ok("import sqlite3; f = open('plain.txt', 'w+'); db = sqlite3.connect('new.db')")
        told = self.warnings("databases")
        self.assertRegex(told, r"SQLite database file is open[^:]*: \S*new\.db")
        self.assertRegex(told, r"offset with every copy: \S*plain\.txt( |$)")

    def test_threads_of_libraries_are_named(self) -> None:
        self.ok(FOREIGN_THREAD)
        with self.assertRaises(RefusedError) as refused:
            self.freeze("threads")
        self.assertEqual(refused.exception.code, "checkpoint.refused")
        self.assertEqual(refused.exception.data["why"], "threads of libraries are alive: pool-of-lib")
        self.assertIn("end the threads that are named", refused.exception.data["how"])


class ReasonsTest(unittest.TestCase):
    def test_what_to_do_goes_with_the_reason(self) -> None:
        freezer = Freezer.__new__(Freezer)
        freezer._session = SimpleNamespace(asynchronous=SimpleNamespace(loop=object(), can_move=False))
        with self.assertRaises(UnclonableError) as refused:
            freezer._prepare()
        self.assertIn("its event loop is a builtins.object", str(refused.exception))
        freezer._session = SimpleNamespace(forks=SimpleNamespace())
        freezer._parts = SimpleNamespace(supervisor_pid=1)
        freezer._cloner = mock.Mock(clone_asleep=mock.Mock(side_effect=OSError(errno.EAGAIN, "try again")))
        with self.assertRaises(UnclonableError) as full:
            freezer._clone(0)
        self.assertEqual(str(full.exception), "no process could be made: try again")
        for problem, words in ((refused.exception, "event loop policy"), (full.exception, "free memory")):
            code, _what, why, how = unclonable("no checkpoint was made", problem).arguments
            self.assertEqual((code, why), ("checkpoint.refused", str(problem)))
            self.assertIn(words, how)
            self.assertNotIn("thread", how)


class DevicesTest(unittest.TestCase):
    def test_what_a_driver_keeps_is_told(self) -> None:
        with open("/dev/null") as device:
            real = os.readlink
            mine = f"/proc/self/fd/{device.fileno()}"
            self.assertNotIn("device", " ".join(carried.warnings()))
            with mock.patch.object(carried.os, "readlink", lambda path: "/dev/nvidia0" if path == mine else real(path)):
                told = " ".join(carried.warnings())
        self.assertIn("a GPU context", told)
        self.assertIn("/dev/nvidia0", told)


class PipesTest(FrozenCase):
    START = "import subprocess; p = subprocess.Popen(['cat'], stdin=subprocess.PIPE)"
    CLOSE = "p.stdin.close()\ntry: ended = p.wait(1.5)\nexcept subprocess.TimeoutExpired: ended = 'never'"

    def test_a_guard_holds_a_pipe_open_and_warns_once(self) -> None:
        self.ok(self.START)
        self.ok(self.CLOSE)
        self.assertEqual(self.value("ended"), 0, "without a guard")
        self.ok(self.START)
        first = self.ok(self.CLOSE, transaction=MEMORY)
        self.assertEqual(self.value("ended"), "never")
        self.assertIn("pipe that was open is held open by the guard", " ".join(first.reply["warnings"]))
        self.assertEqual(self.value("p.wait()"), 0, "once the guard is gone")
        self.ok(self.START)
        again = self.ok("pass", transaction=MEMORY)
        self.assertEqual(again.reply.get("warnings", []), [])

    def test_without_a_pipe_nobody_is_warned(self) -> None:
        self.ok("import subprocess; p = subprocess.Popen(['sleep', '60'])")
        self.assertEqual(self.ok("pass", transaction=MEMORY).reply.get("warnings", []), [])
        self.ok("p.kill(); p.wait()")
