"""Processes that user code makes: forks, pools, spawned workers, daemons."""

import unittest

from session_case import SessionCase


class Forks(SessionCase):
    def fork(self, child: str) -> "tuple[int, str]":
        """Forks; the child runs `child`, the parent waits. (status, what fd 2 was given)."""
        before = len(self.session.raw("stderr"))
        outcome = self.ok(
            "import os, sys\n"
            "pid = os.fork()\n"
            "if pid == 0:\n"
            "{}\n"
            "else:\n"
            "    status = os.waitpid(pid, 0)[1]\n"
            "status if pid else None".format("\n".join("    " + line for line in child.splitlines()))
        )
        return int(outcome.value or -1), self.raw(outcome, "stderr")[before:].decode()

    def test_a_child_that_falls_out_of_the_code_exits_quietly(self) -> None:
        self.assertEqual(self.fork("x = 1"), (0, ""))
        self.assertEqual(self.value("1 + 1"), 2)

    def test_a_childs_exit_code_comes_through(self) -> None:
        self.assertEqual(self.fork("sys.exit(3)"), (3 << 8, ""))
        self.assertEqual(self.fork("sys.exit('reason')"), (1 << 8, "reason\n"))
        self.assertEqual(self.fork("os._exit(4)"), (4 << 8, ""))

    def test_a_childs_exception_is_written_to_its_stderr_and_its_code_is_one(self) -> None:
        status, text = self.fork("def f():\n    raise ValueError('in the child')\nf()")
        self.assertEqual(status, 1 << 8)
        self.assertIn("ValueError: in the child", text)
        self.assertIn("in f", text)
        self.assertNotIn("hibernaculum", text)

    def test_what_a_child_prints_is_raw_output_line_by_line(self) -> None:
        outcome = self.ok(
            "import os\n"
            "print('parent')\n"
            "pid = os.fork()\n"
            "if pid == 0:\n"
            "    print('child', 1)\n"
            "    print('no newline', end='')\n"
            "else:\n"
            "    _ = os.waitpid(pid, 0)\n"
            "    print('after')"
        )
        self.assertEqual(outcome.text(), "parent\nafter\n")
        self.assertEqual(self.raw(outcome), b"child 1\nno newline")

    def test_a_stream_kept_from_before_the_fork_works_in_the_child(self) -> None:
        outcome = self.ok(
            "import os, sys, logging\n"
            "w = sys.stdout.write\n"
            "logging.basicConfig(format='%(message)s')\n"
            "pid = os.fork()\n"
            "if pid == 0:\n"
            "    w('kept\\n'); logging.warning('logged')\n"
            "else:\n"
            "    _ = os.waitpid(pid, 0)"
        )
        self.assertEqual((self.raw(outcome), self.raw(outcome, "stderr")), (b"kept\n", b"logged\n"))

    def test_a_child_cannot_ask_the_host(self) -> None:
        status, text = self.fork("input('?')")
        self.assertEqual(status, 1 << 8)
        self.assertIn("EOFError", text)

    def test_a_child_never_speaks_on_the_wire(self) -> None:
        for child in (
            "display(1)",
            "print('x' * 100_000)",
            "import asyncio\nasyncio.run(asyncio.sleep(0.01))",
            "sys.stdout.buffer.write(b'raw')",
        ):
            self.assertEqual(self.fork(child)[0], 0, child)
        events = [n["params"] for n in self.session.connection.notices]
        self.assertEqual(events, [])
        self.assertEqual(self.value("1 + 1"), 2)

    def test_a_child_forked_by_c_code_never_speaks_on_the_wire(self) -> None:
        outcome = self.ok(
            "import ctypes, os\n"
            "pid = ctypes.PyDLL(None).fork()\n"
            "if pid == 0:\n"
            "    print('from c')\n"
            "else:\n"
            "    s = os.waitpid(pid, 0)[1]\n"
            "s if pid else None"
        )
        self.assertEqual(outcome.value, "0")
        self.assertNotIn("from c", outcome.text())
        self.assertEqual(self.value("1 + 1"), 2)

    def test_an_interrupt_in_a_child_is_pythons_own(self) -> None:
        status, text = self.fork(
            "import signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\nexcept KeyboardInterrupt:\n    sys.exit(9)"
        )
        self.assertEqual((status, text), (9 << 8, ""))

    def test_a_child_of_an_async_cell_exits_as_well(self) -> None:
        outcome = self.ok(
            "import asyncio, os, sys\n"
            "await asyncio.sleep(0)\n"
            "pid = os.fork()\n"
            "if pid == 0:\n"
            "    sys.exit(5)\n"
            "os.waitpid(pid, 0)[1]"
        )
        self.assertEqual(outcome.value, str(5 << 8))
        self.assertEqual(self.value("await asyncio.sleep(0, 3)"), 3)

    def test_a_childs_life_is_its_own_affair_until_the_session_is_closed(self) -> None:
        from host import eventually, is_alive

        pid = self.value(
            "import os, time\npid = os.fork()\nif pid == 0:\n    os.setsid(); time.sleep(60); os._exit(0)\npid"
        )
        self.assertTrue(is_alive(pid))
        self.session.close()
        eventually(lambda: not is_alive(pid), "the child's end")


class Multiprocessing(SessionCase):
    def test_a_pool_runs_what_the_session_defined(self) -> None:
        self.assertEqual(
            self.value(
                "import multiprocessing as mp\n"
                "def sq(x): return x * x\n"
                "with mp.Pool(2) as p: r = p.map(sq, range(5))\n"
                "r"
            ),
            [0, 1, 4, 9, 16],
        )
        self.assertEqual(self.value("mp.get_start_method()"), "fork")

    def test_a_process_pool_executor_runs_what_the_session_defined(self) -> None:
        self.assertEqual(
            self.value(
                "from concurrent.futures import ProcessPoolExecutor as E\n"
                "import multiprocessing as mp\n"
                "def sq(x): return x * x\n"
                "with E(2, mp_context=mp.get_context('fork')) as e: r = list(e.map(sq, range(4)))\n"
                "r"
            ),
            [0, 1, 4, 9],
        )

    def test_a_process_prints_exits_and_raises_as_usual(self) -> None:
        outcome = self.ok(
            "import multiprocessing as mp, sys\n"
            "def f(): print('in process')\n"
            "p = mp.Process(target=f); p.start(); p.join()\n"
            "p.exitcode"
        )
        self.assertEqual((outcome.value, self.raw(outcome)), ("0", b"in process\n"))
        outcome = self.ok("def g(): sys.exit(7)\np = mp.Process(target=g); p.start(); p.join()\np.exitcode")
        self.assertEqual(outcome.value, "7")
        outcome = self.ok(
            "def h(): raise ValueError('in process')\np = mp.Process(target=h); p.start(); p.join()\np.exitcode"
        )
        self.assertEqual(outcome.value, "1")
        self.assertIn(b"ValueError: in process", self.raw(outcome, "stderr"))

    def test_queues_and_shared_state_work(self) -> None:
        self.assertEqual(
            self.value(
                "import multiprocessing as mp\n"
                "q = mp.Queue(); v = mp.Value('i', 1)\n"
                "def f(): v.value += 1; q.put('x')\n"
                "p = mp.Process(target=f); p.start(); r = q.get(timeout=10); p.join()\n"
                "[r, v.value]"
            ),
            ["x", 2],
        )

    def test_spawn_and_forkserver_run_importable_functions(self) -> None:
        for method in ("spawn", "forkserver"):
            with self.subTest(method):
                self.assertEqual(
                    self.value(
                        "import multiprocessing as mp, math\n"
                        f"with mp.get_context({method!r}).Pool(1) as p: r = p.map(math.sqrt, [4, 9])\n"
                        "r"
                    ),
                    [2.0, 3.0],
                )

    def test_spawn_and_forkserver_explain_what_they_cannot_import(self) -> None:
        self.ok(
            "import multiprocessing as mp\n"
            "from concurrent.futures import ProcessPoolExecutor\n"
            "def mine(x): return x\n"
            "class Mine: pass"
        )
        for method in ("spawn", "forkserver"):
            for name, code in {
                "Pool.map": "with c.Pool(1) as p: p.map(mine, [1])",
                "Pool.apply_async": "with c.Pool(1) as p: p.apply_async(mine, (1,)).get(20)",
                "an argument": "with c.Pool(1) as p: p.map(str, [Mine])",
                "Process": "c.Process(target=mine, args=(1,)).start()",
                "ProcessPoolExecutor": "with ProcessPoolExecutor(1, mp_context=c) as e: e.submit(mine, 1).result(20)",
            }.items():
                with self.subTest(method + " " + name):
                    outcome = self.run_code(f"c = mp.get_context({method!r})\n{code}")
                    self.assertEqual(outcome.status, "failed")
                    self.assertIn("was defined in this session", outcome.error["message"])
                    self.assertIn("get_context('fork')", outcome.error["message"])
                    self.assertIn("into a module", outcome.error["message"])
        self.assertEqual(self.value("1 + 1"), 2)

    def test_a_module_that_the_session_wrote_is_the_other_way_out(self) -> None:
        self.ok("open('work.py', 'w').write('def triple(x): return 3 * x\\n')")
        self.assertEqual(
            self.value(
                "import multiprocessing as mp\n"
                "from work import triple\n"
                "with mp.get_context('spawn').Pool(1) as p: r = p.map(triple, [1, 2])\n"
                "r"
            ),
            [3, 6],
        )


if __name__ == "__main__":
    unittest.main()
