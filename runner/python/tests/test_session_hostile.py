"""What user code may do to the process it runs in, and what follows."""

import unittest
from typing import Any, ClassVar, Dict

from session_case import SessionCase


class Descriptors(SessionCase):
    def crash(self, code: str) -> dict:
        self.begin(code)
        return self.host.control.notice("died", session=self.session.name)["cause"]

    def test_closing_the_low_descriptors_is_harmless(self) -> None:
        self.ok("import os; os.closerange(3, 64)")
        self.assertEqual(self.ok("print('still here'); 7").text(), "still here\n")
        self.assertEqual(self.raw(self.ok("os.write(1, b'raw')")), b"raw")
        self.assertEqual(self.run_code("input()", answers=["ok"]).value, "'ok'")

    def test_closing_everything_is_a_crash_with_a_code_of_its_own(self) -> None:
        self.assertEqual(self.crash("import os; os.closerange(3, 65536)"), {"exit": 113})

    def test_few_descriptors_are_visible_to_user_code(self) -> None:
        low = self.value(
            "import os\nfds = [int(f) for f in os.listdir('/proc/self/fd')]\nsorted(f for f in fds if 2 < f < 900)"
        )
        self.assertLessEqual(len(low), 1, low)  # the listing's own

    def test_children_inherit_none_of_the_runners_descriptors(self) -> None:
        listing = "import os; print(sorted(int(f) for f in os.listdir('/proc/self/fd') if int(f) > 3))"
        outcome = self.ok(
            "import subprocess, sys\n"
            f"subprocess.run([sys.executable, '-c', {listing!r}], close_fds=False, stdout=-1).stdout.decode()"
        )
        self.assertEqual(outcome.value, "'[]\\n'")

    def test_reading_or_dupping_over_standard_input_is_harmless(self) -> None:
        self.assertEqual(self.value("import os; os.read(0, 10) == b''"), True)
        self.ok("os.close(0)")
        self.assertEqual(self.run_code("input()", answers=["ok"]).value, "'ok'")

    def test_descriptor_exhaustion_fails_and_the_session_goes_on(self) -> None:
        self.ok(
            "import resource\n"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))"
        )
        outcome = self.run_code("import os\nfds = []\nwhile True: fds.append(os.open('/dev/null', 0))")
        self.assertEqual((outcome.status, outcome.type), ("failed", "OSError"))
        self.assertEqual(self.ok("print('on')").text(), "on\n")
        self.ok("for f in fds: os.close(f)")


class Interpreter(SessionCase):
    def test_builtins_may_be_replaced_as_programs_do(self) -> None:
        self.ok(
            "import builtins\n"
            "log = []\n"
            "keep = print, repr, open\n"
            "builtins.print = lambda *a, **k: log.append(a)\n"
            "builtins.repr = builtins.open = None"
        )
        outcome = self.ok("print('seen')\n5")
        self.assertEqual((outcome.value, outcome.text()), ("5", ""))
        self.ok("builtins.print, builtins.repr, builtins.open = keep")
        self.assertEqual(self.ok("log").value, "[('seen',)]")

    def test_modules_of_the_runner_may_vanish_from_sys_modules(self) -> None:
        self.ok(
            "import sys\n"
            "for n in list(sys.modules):\n"
            "    if n.startswith(('hibernaculum', 'json', 'linecache', 'socket')): del sys.modules[n]"
        )
        self.assertEqual(self.run_code("1 / 0").status, "failed")
        self.assertEqual(self.value("1 + 1"), 2)

    def test_the_namespace_may_be_cleared(self) -> None:
        self.ok("x = 1\nglobals().clear()")
        self.assertEqual(self.value("1 + 1"), 2)
        self.ok("y = 2")
        self.assertEqual(self.value("y"), 2)

    def test_a_very_low_recursion_limit_costs_one_execution_at_most(self) -> None:
        self.run_code("import sys; sys.setrecursionlimit(60)")
        try:
            self.run_code("def f(): return f()\nf()")
        except Exception as problem:  # the runner may say that it failed; it may not end
            self.assertIn("transport.protocol", str(problem))
        self.ok("sys.setrecursionlimit(1000)")
        self.assertEqual(self.value("1 + 1"), 2)

    def test_a_trace_function_of_user_code_does_not_break_the_session(self) -> None:
        self.ok("import sys\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)")
        self.assertEqual(self.value("1 + 1"), 2)
        self.ok("sys.settrace(None); sys.setprofile(None)")

    def test_threads_that_live_on_do_not_keep_executions_from_ending(self) -> None:
        self.ok(
            "import threading, time\n"
            "stop = False\n"
            "def spin():\n"
            "    while not stop: pass\n"
            "ts = [threading.Thread(target=spin, daemon=True) for _ in range(2)]\n"
            "for t in ts: t.start()"
        )
        self.assertEqual(self.value("1 + 1"), 2)
        self.ok("stop = True\nfor t in ts: t.join()")

    def test_a_thread_that_raises_reports_it_on_stderr(self) -> None:
        outcome = self.ok("import threading\nt = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()")
        self.assertIn("ZeroDivisionError", outcome.text("stderr"))

    def test_garbage_with_finalizers_that_raise_is_reported_on_stderr(self) -> None:
        outcome = self.ok("class F:\n    def __del__(self): raise ValueError('in del')\nF(); None")
        self.assertIn("ValueError: in del", outcome.text("stderr"))

    def test_deep_json_in_a_value_is_no_harm(self) -> None:
        outcome = self.run_code("a = []\nfor _ in range(100000): a = [a]\na")
        self.assertEqual(outcome.status, "completed")
        self.assertIn("RecursionError", outcome.value or "")
        self.assertIsNone(outcome.json)
        self.ok("while a: a = a.pop()")

    def test_a_chdir_stays_and_harms_nobody(self) -> None:
        self.ok("import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')")
        self.assertEqual(self.value("1 + 1"), 2)


class Limits(SessionCase):
    HOST: ClassVar[Dict[str, Any]] = {
        "limits": {"memory_bytes": 400 << 20, "cpu_seconds": 2, "open_files": 256, "file_bytes": 1 << 20}
    }

    def test_memory_beyond_the_limit_raises_memory_error(self) -> None:
        outcome = self.run_code("x = bytearray(500 << 20)")
        self.assertEqual((outcome.status, outcome.type), ("failed", "MemoryError"))
        self.assertEqual(self.value("y = bytearray(100 << 20); len(y)"), 100 << 20)

    def test_files_beyond_the_limit_raise_os_error(self) -> None:
        outcome = self.run_code("with open('big', 'wb') as f: f.write(b'x' * (2 << 20))")
        self.assertEqual((outcome.status, outcome.type), ("failed", "OSError"))
        self.ok("with open('small', 'wb') as f: f.write(b'x' * 1000)")

    def test_open_files_beyond_the_limit_raise_os_error(self) -> None:
        outcome = self.run_code(
            "import os\n"
            "fds = []\n"
            "try:\n"
            "    while True: fds.append(os.open('/dev/null', 0))\n"
            "finally:\n"
            "    n = len(fds)\n"
            "    for f in fds: os.close(f)"
        )
        self.assertEqual(outcome.type, "OSError")
        self.assertTrue(200 < self.value("n") <= 256)
        self.assertEqual(self.ok("print('on')").text(), "on\n")

    def test_cpu_time_beyond_the_limit_is_a_crash_by_sigxcpu(self) -> None:
        self.begin("while True: pass")
        died = self.host.control.notice("died", session=self.session.name)
        self.assertEqual(died["cause"], {"signal": 24, "name": "SIGXCPU"})

    def test_children_inherit_the_limits(self) -> None:
        outcome = self.ok(
            "import subprocess\nsubprocess.run('ulimit -n', shell=True, stdout=-1).stdout.decode().strip()"
        )
        self.assertEqual(outcome.value, "'256'")


class Displays(SessionCase):
    def test_display_sends_a_bundle_in_order_with_text(self) -> None:
        outcome = self.ok(
            "class H:\n"
            "    def _repr_html_(self): return '<b>h</b>'\n"
            "    def __repr__(self): return 'H!'\n"
            "print('before')\n"
            "display(H())\n"
            "print('after')"
        )
        kinds = [e["event"] for e in outcome.events]
        self.assertEqual(kinds, ["output", "display", "output"])
        display = outcome.events[1]
        self.assertEqual(display["data"], {"text/html": "<b>h</b>", "text/plain": "H!"})
        self.assertEqual((display["text_pos"], display["execution"], display["update"]), (7, 1, False))

    def test_bytes_become_base64_and_a_failing_form_is_left_out(self) -> None:
        outcome = self.ok(
            "class P:\n"
            "    def _repr_png_(self): return b'\\x89PNG'\n"
            "    def _repr_html_(self): raise ValueError\n"
            "    def __repr__(self): return 'P!'\n"
            "display(P(), display_id='d1')"
        )
        self.assertEqual(
            (outcome.events[0]["data"], outcome.events[0]["display_id"]),
            ({"image/png": "iVBORw==", "text/plain": "P!"}, "d1"),
        )

    def test_displayhook_prints(self) -> None:
        self.assertEqual(self.ok("import sys; sys.displayhook('x')").text(), "'x'\n")


if __name__ == "__main__":
    unittest.main()
