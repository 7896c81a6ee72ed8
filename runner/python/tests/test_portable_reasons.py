"""What a portable checkpoint leaves out, and why; what user code may do while it is saved."""

import unittest
from typing import Any

from checkpoint_case import CheckpointCase, NotAnsweredError, begin_save, end_save, save
from host import eventually, is_alive


class Reasons(CheckpointCase):
    def test_what_belongs_to_its_process_is_left_out_and_named(self) -> None:
        checkpoint = self.moved(
            "import threading, socket, sqlite3, asyncio\n"
            "gen = (i for i in range(3)); lock = threading.Lock(); file = open('/dev/null'); sock = socket.socket()\n"
            "raw = open('/dev/null', 'rb'); db = sqlite3.connect(':memory:'); deep = {'a': [lock]}; x = 1\n"
            "async def f(): pass\ncoro = f(); frame = __import__('sys')._getframe()"
        )
        wanted = {
            "gen": "generator", "lock": "lock", "file": "open file", "raw": "open file", "sock": "socket",
            "coro": "coroutine", "db": "sqlite3.Connection", "deep": "lock", "frame": "frame",
        }  # fmt: skip
        for name, reason in wanted.items():
            self.assertIn(reason, self.skipped(checkpoint, name), name)
        self.assertEqual(
            self.value("[x, 'gen' in globals(), 'deep' in globals(), threading.Lock().locked()]"),
            [1, False, False, False],
        )

    def test_one_bad_variable_does_not_sink_what_shares_with_it(self) -> None:
        checkpoint = self.moved(
            "import threading\nshared = [1, 2]\nbad = {'s': shared, 'new': [3], "
            "'lock': threading.Lock()}\ngood = {'s': shared, 'n': bad['new']}\n"
            "again = bad; also = [bad]; last = good['n']"
        )
        self.assertEqual([self.skipped(checkpoint, name)[:9] for name in ("bad", "again", "also")], ["TypeError"] * 3)
        self.assertEqual(
            self.value("[good['s'] is shared, good['n'] is last, good]"), [True, True, {"s": [1, 2], "n": [3]}]
        )

    def test_many_bad_variables_among_many_good_ones_cost_little(self) -> None:
        checkpoint = self.moved(
            "import threading\nbig = [[i] for i in range(100_000)]\n"
            "for i in range(300): globals()[f'bad{i}'] = [big, threading.Lock()]; globals()[f'good{i}'] = [big[i]]"
        )
        self.assertEqual(sum("skipped" in each for each in checkpoint.manifest["variables"]), 300)
        self.assertEqual(self.value("all(globals()[f'good{i}'][0] is big[i] for i in range(300))"), True)

    def test_whatever_reduce_raises_is_that_variables_reason(self) -> None:
        checkpoint = self.moved(
            "import sys\nclass Bad:\n    def __init__(self, e): self.e = e\n    def __reduce__(self): raise self.e\n"
            "class Mute(Exception):\n    def __str__(self): raise ValueError\n"
            "a, b, c, d, e = [Bad(x) for x in (ValueError('no'), "
            "SystemExit(3), KeyboardInterrupt(), Mute(), RecursionError())]\n"
            "class Odd:\n    def __reduce__(self): return 7\nodd = Odd(); x = 1"
        )
        self.assertEqual(
            [self.skipped(checkpoint, name) for name in "abcd"],
            ["ValueError: no", "SystemExit: 3", "KeyboardInterrupt", "Mute: (its message cannot be told)"],
        )
        self.assertIn("nested too deep", self.skipped(checkpoint, "e"))
        self.assertIn("__reduce__", self.skipped(checkpoint, "odd"))
        self.assertEqual(self.value("x"), 1)

    def test_what_is_nested_too_deep_is_left_out(self) -> None:
        checkpoint = self.moved("deep = []\nfor _ in range(200_000): deep = [deep]\nx = 1")
        self.assertIn("RecursionError", self.skipped(checkpoint, "deep"))
        self.assertEqual(self.value("x"), 1)

    def test_limits_leave_out_what_is_larger_and_say_so(self) -> None:
        self.ok("big = bytes(3_000_000); small = bytes(1_000); text = 'x' * 2_000_000")
        checkpoint = save(self.session, variable_bytes=2_500_000)
        self.assertIn("more than the 2,500,000 bytes that a variable", self.skipped(checkpoint, "big"))
        self.assertEqual(checkpoint.names(), ["small", "text"])
        self.assertEqual(checkpoint.outcome("text")["size"] // 1000, 2000)
        checkpoint = save(self.session, total_bytes=2_100_000)
        self.assertIn("among the 2,100,000 bytes that a checkpoint", self.skipped(checkpoint, "big"))
        self.restored(checkpoint)
        self.assertEqual(self.value("[len(small), len(text), 'big' in globals()]"), [1000, 2_000_000, False])

    def test_values_of_the_runner_itself_are_not_saved(self) -> None:
        checkpoint = self.saved("import sys\nhook = sys.meta_path[0]; write = sys.stdout.write")
        for name in ("hook", "write"):
            self.assertIn("belongs to this session's own process", self.skipped(checkpoint, name))

    def test_threads_and_background_tasks_are_warned_of(self) -> None:
        self.ok(
            "import threading, asyncio\nstop = threading.Event()\n"
            "t = threading.Thread(target=stop.wait, daemon=True); t.start()\n"
            "task = asyncio.ensure_future(asyncio.sleep(600)); await asyncio.sleep(0)"
        )
        checkpoint = self.saved()
        self.assertEqual(
            checkpoint.warnings,
            [
                "1 thread of the session ran meanwhile, and cannot be saved",
                "1 background task of asyncio cannot be saved",
            ],
        )
        self.ok("stop.set()")


class WhileSaved(CheckpointCase):
    """User code runs: `__reduce__`, `__getstate__`."""

    def test_what_it_prints_is_that_requests_output(self) -> None:
        self.ok("class A:\n    def __reduce__(self): print('saving'); return list, ()\na = A()")
        seen = len(self.session.connection.notices)
        request = begin_save(self.session)
        number = self.session.execution
        result = self.session.connection.answer(request)
        told = [n["params"] for n in self.session.connection.notices[seen:] if n["method"] == "event"]
        self.assertEqual([(each["execution"], each["text"]) for each in told], [(number, "saving\n")])
        self.assertEqual(result["text_pos"], 7)
        self.assertEqual(self.ok("print('x')").text(), "x\n")

    def test_one_that_hangs_is_interrupted_and_the_session_goes_on(self) -> None:
        self.ok(
            "big = bytes(range(256)) * 40_000\nclass A:\n    def __reduce__(self):\n"
            "        print('in', flush=True)\n        while True: pass\na = A(); x = 5"
        )
        request = begin_save(self.session)
        self.session.connection.notice("event", event="output")
        self.assertTrue(self.interrupt())
        with self.assertRaises(NotAnsweredError) as caught:
            end_save(self.session, request)
        self.assertEqual(caught.exception.args[0]["status"], "interrupted")
        self.ok("del A.__reduce__")
        self.moved("y = 1")
        self.assertEqual(self.value("[x, len(big), type(a).__name__]"), [5, 10_240_000, "A"])

    def test_an_interrupt_between_blobs_tears_no_frame(self) -> None:
        self.ok("import os; data = [os.urandom(1 << 20) for _ in range(64)]")
        request = begin_save(self.session)
        self.session.connection.notice("checkpoint.blob")
        self.interrupt()
        with self.assertRaises(NotAnsweredError) as caught:
            end_save(self.session, request)
        self.assertEqual(caught.exception.args[0]["status"], "interrupted")
        self.session.connection.notices.clear()
        self.session.connection.decoder._transfers.clear()
        self.assertEqual(self.value("len(data)"), 64)

    def test_one_that_deletes_and_binds_names_does_not_confuse_it(self) -> None:
        self.moved(
            "class A:\n    def __reduce__(self):\n        for n in ('b', 'c'): globals().pop(n, "
            "None)\n        globals()['new'] = 1\n        return list, ()\n"
            "a = A(); b = [2]; c = [3]"
        )
        self.assertEqual(self.value("[a, b, c, 'new' in globals()]"), [[], [2], [3], False])

    def test_a_child_that_it_forks_says_nothing_and_ends(self) -> None:
        self.ok(
            "import os\nchildren = []\nclass A:\n    def __reduce__(self):\n"
            "        pid = os.fork()\n        if pid: children.append(pid)\n"
            "        return list, ()\na = A(); big = os.urandom(3_000_000)"
        )
        checkpoint = self.saved()
        self.assertEqual(
            self.value(
                "[os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) if hasattr(os, "
                "'waitstatus_to_exitcode') else os.waitpid(p, 0)[1] for p in children]"
            ),
            [0],
        )
        self.restored(checkpoint)
        self.assertEqual(self.value("[a, len(big)]"), [[], 3_000_000])

    def test_one_that_ends_the_process_is_a_crash_of_that_session(self) -> None:
        self.ok("import os\nclass A:\n    def __reduce__(self): os._exit(7)\na = A()")
        begin_save(self.session)
        died = self.host.control.notice("died", session=self.session.name)
        self.assertEqual(died["cause"], {"exit": 7})
        eventually(lambda: not is_alive(self.session.pid), "the end of the session")

    def test_one_that_changes_what_is_being_saved_is_a_reason_or_is_saved(self) -> None:
        checkpoint = self.moved(
            "d = {}\nclass A:\n    def __init__(self, k): self.k = k\n"
            "    def __reduce__(self): d[self.k] = 1; return list, ()\n"
            "d.update({i: A(str(i)) for i in range(3)}); x = 1"
        )
        self.assertIn("changed size", self.skipped(checkpoint, "d"))
        self.assertEqual(self.value("x"), 1)

    def test_it_takes_its_turn_and_is_refused_when_it_is_not_understood(self) -> None:
        from host import RefusedError

        wrong: Any
        for wrong in (
            {"have": 5},
            {"have": "{"},
            {"have": "[1]"},
            {},
            {"have": "[]", "limits": {"total_bytes": -1}},
            {"have": "[]", "limits": 3},
        ):
            self.session.execution += 1
            with self.assertRaises(RefusedError) as caught:
                self.session.connection.request("checkpoint.save", execution=self.session.execution, **wrong)
            self.assertEqual(caught.exception.code, "transport.protocol", wrong)
        request = self.begin("import time; time.sleep(0.05); x = 1")
        saving = begin_save(self.session)
        self.assertEqual(self.session.connection.answer(request)["status"], "completed")
        self.assertIn("x", end_save(self.session, saving).names())


if __name__ == "__main__":
    unittest.main()
