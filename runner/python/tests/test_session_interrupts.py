"""Interrupts: they reach the execution that they name, wherever it is, and nothing else."""

import random
import time
import unittest

from session_case import Outcome, SessionCase

WAITS = {
    "time.sleep": "import time\ntime.sleep(30)",
    "a busy loop": "while True: pass",
    "a socket": "import socket\na, b = socket.socketpair()\na.recv(1)",
    "a lock": "import threading\nl = threading.Lock(); l.acquire(); l.acquire()",
    "select": "import select\nselect.select([], [], [], 30)",
    "a subprocess": "import subprocess\nsubprocess.run(['sleep', '30'])",
    "a print loop": "while True: print('x' * 50)",
    "top-level await": "import asyncio\nawait asyncio.sleep(30)",
    "a busy coroutine": "import asyncio\nawait asyncio.sleep(0)\nwhile True: pass",
    "a task that is awaited": "import asyncio\nasync def f(): await asyncio.sleep(30)\nawait asyncio.gather(f(), f())",
    "asyncio.run": "import asyncio\nasyncio.run(asyncio.sleep(30))",
    "an async generator": "import asyncio\n"
    "async def g():\n"
    "    while True:\n"
    "        await asyncio.sleep(0.001); yield 1\n"
    "async for _ in g(): pass",
    "a repr": "class R:\n    def __repr__(self):\n        print('in repr', flush=True)\n        while True: pass\nR()",
    "an exception's text": "class E(Exception):\n"
    "    def __str__(self):\n"
    "        print('in str', flush=True)\n"
    "        while True: pass\n"
    "raise E",
    "an import": "open('slow.py', 'w').write('import time; time.sleep(30)')\nimport slow",
}


class Interrupts(SessionCase):
    def running(self, code: str) -> int:
        """Starts code, and waits until it has said that it runs."""
        say = "print('running', flush=True)"
        request = self.begin(code.replace("#running", say) if "#running" in code else f"{say}\n{code}")
        self.session.connection.notice("event", event="output", text="running\n")
        self._seen = 0
        return request

    def interrupted(self, code: str) -> Outcome:
        request = self.running(code)
        self.until_it_waits()
        started = time.monotonic()
        self.interrupt()
        outcome = self.end(request)
        self.assertLess(time.monotonic() - started, 2)
        return outcome

    def seconds(self, code: str) -> float:
        """How long code takes that nobody interrupts."""
        started = time.monotonic()
        self.ok(code)
        return time.monotonic() - started

    def until_it_waits(self, patience: float = 0.2) -> None:
        """Until the kernel says that the session sleeps. One that is busy never does, and need not."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            with open(f"/proc/{self.session.pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "S":
                    return
            time.sleep(0.001)

    def test_an_interrupt_ends_every_kind_of_waiting_and_keeps_the_state(self) -> None:
        self.ok("state = 41")
        for name, code in WAITS.items():
            with self.subTest(name):
                outcome = self.interrupted(code)
                self.assertEqual(
                    outcome.status, "interrupted" if name != "an exception's text" else "failed", outcome.error
                )
                self.assertEqual(self.value("state + 1"), 42)

    def test_the_traceback_shows_where_user_code_was(self) -> None:
        outcome = self.interrupted("def deep():\n    while True: pass\ndeep()")
        self.assertEqual(outcome.type, "KeyboardInterrupt")
        self.assertIn("in deep", outcome.traceback)
        self.assertNotIn("hibernaculum", outcome.traceback)
        outcome = self.interrupted("import asyncio\nasync def waiting():\n    await asyncio.sleep(30)\nawait waiting()")
        self.assertEqual(outcome.type, "KeyboardInterrupt")
        self.assertIn("in waiting", outcome.traceback)
        self.assertNotIn("hibernaculum", outcome.traceback)

    def test_an_interrupted_import_of_a_package_can_be_made_again(self) -> None:
        self.ok(
            "import sys, time\n"
            "class Slow:\n"
            "    def find_spec(self, name, path, target=None):\n"
            "        if name == 'asyncio.streams':\n"
            "            sys.meta_path.remove(self)\n"
            "            time.sleep(30)\n"
            "sys.meta_path.insert(0, Slow())"
        )
        outcome = self.interrupted("import asyncio")
        self.assertEqual(outcome.status, "interrupted", outcome.error)
        self.assertIn("asyncio", outcome.traceback)  # the control: it was hit in the middle of the package
        self.assertEqual(self.value("[name for name in sys.modules if name.startswith('asyncio')]"), [])
        self.assertEqual(self.value("import asyncio\nawait asyncio.sleep(0, 42)"), 42)

    def test_a_module_that_was_only_looked_for_is_amended_when_it_is_imported(self) -> None:
        self.ok("import importlib.util\nimportlib.util.find_spec('getpass')")
        self.assertEqual(self.value("import getpass\ngetpass.getpass.__module__ != 'getpass'"), True)

    def test_an_interrupt_that_nobody_can_catch_shows_no_frame_of_the_runner(self) -> None:
        outcome = self.interrupted(
            "import time\n"
            "class Last:\n"
            "    def __del__(self):\n"
            "        time.sleep(30)\n"
            "last = Last()\n"
            "#running\n"
            "del last"
        )
        self.assertEqual(outcome.status, "completed", outcome.error)
        told = outcome.text("stderr")
        self.assertIn("in __del__", told)
        self.assertIn("KeyboardInterrupt", told)
        self.assertNotIn("hibernaculum", told)

    def test_an_interrupt_of_the_wait_for_threads_shows_no_frame_of_the_runner(self) -> None:
        outcome = self.interrupted(
            "import threading\n"
            "gate = threading.Event()\n"
            "threading.Thread(target=gate.wait).start()\n"
            "#running\n"
            "threading._shutdown()"
        )
        told = outcome.text("stderr") + (outcome.traceback if outcome.error else "")
        self.assertIn("KeyboardInterrupt", told)
        self.assertNotIn("hibernaculum", told)
        self.ok("gate.set()")

    def test_finally_runs_and_catching_is_legitimate(self) -> None:
        outcome = self.interrupted("import time\ntry:\n    #running\n    time.sleep(30)\nfinally:\n    done = True")
        self.assertEqual((outcome.status, self.value("done")), ("interrupted", True))
        outcome = self.interrupted(
            "import time\ntry:\n    #running\n    time.sleep(30)\nexcept KeyboardInterrupt:\n    r = 'caught'\nr"
        )
        self.assertEqual((outcome.status, outcome.value), ("completed", "'caught'"))
        outcome = self.interrupted(
            "import asyncio\ntry:\n    #running\n    await asyncio.sleep(30)\n"
            "except asyncio.CancelledError:\n    r = 'cancelled'\nr"
        )
        self.assertEqual((outcome.status, outcome.value), ("completed", "'cancelled'"))

    def test_a_keyboard_interrupt_of_user_code_is_a_failure(self) -> None:
        outcome = self.run_code("raise KeyboardInterrupt")
        self.assertEqual((outcome.status, outcome.type), ("failed", "KeyboardInterrupt"))

    def test_a_stale_interrupt_hits_nobody(self) -> None:
        for _ in range(100):
            self.ok("1")
            self.interrupt()
            self.ok("import time\nfor i in range(20): time.sleep(0.00001)")

    def test_an_early_interrupt_is_honoured(self) -> None:
        for _ in range(20):
            self.interrupt(self.session.execution + 1)
            outcome = self.run_code("import time; time.sleep(30)")
            self.assertEqual(outcome.status, "interrupted")

    def test_interrupts_at_random_moments_tear_no_frame(self) -> None:
        self.ok("state = 1")
        programs = (
            "for i in range(3000): print('y' * 40)",
            "import sys\nfor i in range(200): print(i, flush=True); print(i, file=sys.stderr)",
        )
        undisturbed = [self.seconds(code) for code in programs for _ in range(3)]
        chance = random.Random(1)
        seen = set()
        for i in range(150):
            request = self.begin(programs[i % 2])
            # up to twice the time of the slowest: however fast the machine is, some are hit and some are missed
            time.sleep(chance.uniform(0, 2 * max(undisturbed)))
            self.interrupt()
            outcome = self.end(request)
            seen.add(outcome.status)
            self.assertIn(outcome.status, ("completed", "interrupted"), outcome.error)
        self.assertEqual(self.value("state"), 1)
        position = 0
        for notice in self.session.connection.notices:
            self.assertEqual(notice["params"]["pos"], position)
            position += notice["params"]["bytes"]
        self.assertEqual(seen, {"completed", "interrupted"})

    def test_a_signal_that_was_noted_and_slept_upon_is_followed_by_one_that_wakes(self) -> None:
        # another thread takes SIGINT: what CPython notes, the main thread's sleep is not ended by
        outcome = self.interrupted(
            "import signal, threading, time\n"
            "gate = threading.Event()\n"
            "threading.Thread(target=gate.wait, daemon=True).start()\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
            "#running\n"
            "time.sleep(30)"
        )
        self.assertEqual(outcome.status, "interrupted", outcome.error)
        self.ok("signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT}); gate.set()")

    def test_a_handler_of_user_code_is_called_once_for_an_interrupt(self) -> None:
        outcome = self.interrupted(
            "import signal, time\n"
            "calls = []\n"
            "signal.signal(signal.SIGINT, lambda *_: (time.sleep(0.1), calls.append(1)))\n"
            "#running\n"
            "time.sleep(0.5)\n"
            "len(calls)"
        )
        self.assertEqual((outcome.status, outcome.value), ("completed", "1"))

    def test_an_interrupt_while_the_host_does_not_read_waits_for_the_frame_to_be_whole(self) -> None:
        request = self.begin("while True: print('z' * 1000)")
        time.sleep(0.3)  # the socket fills, the session blocks within a send
        self.interrupt()
        outcome = self.end(request)
        self.assertEqual(outcome.status, "interrupted")
        self.assertTrue(set(outcome.text()) <= {"z", "\n"})
        self.assertEqual(self.value("2"), 2)

    def test_a_gigabyte_print_can_be_interrupted(self) -> None:
        request = self.running("s = 'x' * 200_000_000\nprint(s)")
        self.session.connection.read(5)
        self.interrupt()
        outcome = self.end(request, 60)
        self.assertEqual(outcome.status, "interrupted")
        self.assertLess(outcome.reply["text_pos"], 200_000_000)

    def test_a_child_gets_the_interrupt_too(self) -> None:
        outcome = self.interrupted("import subprocess\np = subprocess.Popen(['sleep', '30'])\n#running\np.wait()")
        self.assertEqual(outcome.status, "interrupted")
        self.assertIn(self.value("p.wait(5)"), (-2, 0))  # 0: CPython lost the status to the KeyboardInterrupt

    def test_a_background_task_survives_the_interrupt_of_a_cell(self) -> None:
        self.ok(
            "import asyncio\n"
            "n = 0\n"
            "async def tick():\n"
            "    global n\n"
            "    while True:\n"
            "        await asyncio.sleep(0.001); n += 1\n"
            "t = asyncio.ensure_future(tick())\n"
            "await asyncio.sleep(0.01)"
        )
        self.assertEqual(self.interrupted("await asyncio.sleep(30)").status, "interrupted")
        self.assertEqual(
            self.ok("before = n\nawait asyncio.sleep(0.05)\n[t.done(), n > before]").value, "[False, True]"
        )


class Handlers(SessionCase):
    def test_a_replaced_sigint_handler_is_asked_and_ours_is_back_afterwards(self) -> None:
        request = self.begin(
            "import signal, time\n"
            "got = []\n"
            "old = signal.signal(signal.SIGINT, lambda *a: got.append(a[0]))\n"
            "print('set', flush=True)\n"
            "while not got: time.sleep(0.01)\n"
            "got"
        )
        self.session.connection.notice("event", event="output", text="set\n")
        self._seen = 0
        self.interrupt()
        outcome = self.end(request)
        self.assertEqual((outcome.status, outcome.value), ("completed", "[2]"))
        request = self.begin("print('loop', flush=True)\nwhile True: pass")
        self.session.connection.notice("event", event="output", text="loop\n")
        self.interrupt()
        self._seen = 0
        self.assertEqual(self.end(request).status, "interrupted")

    def test_an_ignored_sigint_is_ours_again_afterwards(self) -> None:
        self.ok("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)")
        self.interrupt(self.session.execution + 1)
        request = self.begin("print('loop', flush=True)\nwhile True: pass")
        self.assertEqual(self.end(request).status, "interrupted")

    def test_getsignal_tells_what_signal_was_given(self) -> None:
        self.assertEqual(
            self.value(
                "import signal\n"
                "def h(*a): pass\n"
                "signal.signal(signal.SIGALRM, h)\n"
                "a = signal.SIGALRM\n"
                "[signal.getsignal(a) is h, signal.signal(a, signal.SIG_DFL) is h, signal.getsignal(a) == 0]"
            ),
            [True, True, True],
        )

    def test_an_alarm_that_raises_ends_user_code_only(self) -> None:
        outcome = self.run_code(
            "import signal, time\n"
            "class Late(Exception): pass\n"
            "def h(*a): raise Late('now')\n"
            "signal.signal(signal.SIGALRM, h)\n"
            "signal.setitimer(signal.ITIMER_REAL, 0.02)\n"
            "time.sleep(10)"
        )
        self.assertEqual((outcome.status, outcome.type), ("failed", "Late"))
        self.assertEqual(self.value("1 + 1"), 2)

    def test_alarms_that_raise_at_any_moment_tear_no_frame_and_lose_no_request(self) -> None:
        self.ok(
            "import signal\nclass Late(Exception): pass\ndef h(*a): raise Late('now')\nsignal.signal(signal.SIGALRM, h)"
        )
        types = {self.run_code("signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)").type}  # may meet its own alarm
        for i in range(200):
            outcome = self.run_code("for i in range(500): print('y' * 100)" if i % 2 else "1 + 1")
            types.add(outcome.type)
            self.assertIn(outcome.type, (None, "Late"))
        while self.run_code("signal.setitimer(signal.ITIMER_REAL, 0)").status != "completed":
            pass
        self.assertIn("Late", types)
        self.assertEqual(self.value("1 + 1"), 2)

    def test_a_handler_that_fires_between_executions_runs_and_its_exception_is_background_output(self) -> None:
        self.ok(
            "import signal\n"
            "ran = []\n"
            "def h(*a): ran.append(1); raise ValueError('from a handler')\n"
            "signal.signal(signal.SIGALRM, h)\n"
            "signal.setitimer(signal.ITIMER_REAL, 0.05)"
        )
        text = ""
        while "ValueError: from a handler" not in text:
            text += self.session.connection.notice("event", event="output", execution=0, stream="stderr")["text"]
        self.assertEqual(self.value("ran"), [1])


if __name__ == "__main__":
    unittest.main()
