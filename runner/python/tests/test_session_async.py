"""Top-level await, and the loop that lives as long as the session."""

import time
import unittest

from session_case import SessionCase

TICKER = """import asyncio
n = 0
async def tick():
    global n
    while True:
        await asyncio.sleep(0.002)
        n += 1
"""


class Await(SessionCase):
    def test_await_at_top_level_gives_a_value(self) -> None:
        self.assertEqual(self.value("import asyncio\nasync def f(): return 7\nawait f()"), 7)
        self.assertEqual(self.value("x = await f()\nx + 1"), 8)
        self.assertEqual(self.value("[await f() for _ in range(2)]"), [7, 7])
        self.assertEqual(self.value("x = 0\nasync with asyncio.Lock(): x = 5\nx"), 5)

    def test_asynchronous_generators_and_comprehensions_work(self) -> None:
        self.ok("import asyncio\nasync def g():\n    for i in range(3):\n        await asyncio.sleep(0); yield i")
        self.assertEqual(self.value("[i async for i in g()]"), [0, 1, 2])
        self.assertEqual(self.value("r = []\nasync for i in g(): r.append(i)\nr"), [0, 1, 2])

    def test_an_exception_shows_user_frames_only(self) -> None:
        outcome = self.run_code(
            "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    raise ValueError('deep')\nawait f()"
        )
        self.assertEqual(outcome.type, "ValueError")
        self.assertIn('File "<cell 1>", line 5, in <module>', outcome.traceback)
        self.assertIn('File "<cell 1>", line 4, in f', outcome.traceback)
        self.assertNotIn("hibernaculum", outcome.traceback)
        self.assertNotIn("base_events", outcome.traceback)

    def test_sys_exit_in_a_coroutine_ends_the_execution_only(self) -> None:
        outcome = self.run_code("import asyncio, sys\nawait asyncio.sleep(0)\nsys.exit(3)")
        self.assertEqual((outcome.status, outcome.error["exit_code"]), ("failed", 3))
        self.assertEqual(self.value("await asyncio.sleep(0, 5)"), 5)

    def test_a_cancellation_of_user_code_is_a_failure(self) -> None:
        outcome = self.run_code(
            "import asyncio\n"
            "t = asyncio.ensure_future(asyncio.sleep(9))\n"
            "asyncio.get_event_loop().call_later(0.01, t.cancel)\n"
            "await t"
        )
        self.assertEqual((outcome.status, outcome.type), ("failed", "CancelledError"))

    def test_asyncio_run_works_in_a_cell_before_and_after_await(self) -> None:
        code = "import asyncio\nasync def f():\n    await asyncio.sleep(0); return 5\nasyncio.run(f())"
        self.assertEqual(self.value(code), 5)
        self.assertEqual(self.value("await f()"), 5)
        self.assertEqual(self.value("asyncio.run(f())"), 5)
        self.assertEqual(self.value("asyncio.get_event_loop().run_until_complete(f())"), 5)

    def test_a_closed_loop_is_replaced(self) -> None:
        self.ok("import asyncio\nasyncio.get_event_loop().close()")
        self.assertEqual(self.value("await asyncio.sleep(0, 5)"), 5)

    def test_to_thread_and_executors_work(self) -> None:
        self.assertEqual(
            self.value("import asyncio\nawait asyncio.get_running_loop().run_in_executor(None, lambda: 6)"), 6
        )

    def test_subprocesses_need_no_thread(self) -> None:
        self.assertEqual(
            self.value(
                "import asyncio, threading\np = await asyncio.create_subprocess_exec('echo', 'x', stdout=-1)\n"
                "[(await p.communicate())[0].decode(), p.returncode, threading.active_count()]"
            ),
            ["x\n", 0, 1],
        )


class Idle(SessionCase):
    def test_a_background_task_goes_on_while_the_session_is_idle(self) -> None:
        self.ok(TICKER + "t = asyncio.ensure_future(tick())\nawait asyncio.sleep(0)")
        before = self.value("n")
        time.sleep(0.2)  # idle time is what is measured
        self.assertGreater(self.value("n"), before + 20)

    def test_a_task_made_in_a_plain_cell_runs_when_the_session_is_idle(self) -> None:
        self.ok(TICKER + "t = asyncio.get_event_loop().create_task(tick())")
        time.sleep(0.1)
        self.assertGreater(self.value("n"), 10)

    def test_what_a_background_task_prints_is_background(self) -> None:
        self.ok(
            "import asyncio\n"
            "async def late():\n"
            "    await asyncio.sleep(0.05); print('late')\n"
            "t = asyncio.ensure_future(late())\n"
            "await asyncio.sleep(0)"
        )
        self.assertEqual(self.session.connection.notice("event", event="output", execution=0)["text"], "late\n")
        self.assertEqual(self.ok("print('mine')").text(), "mine\n")

    def test_a_background_task_that_raises_is_reported_and_harms_nobody(self) -> None:
        for error in ("ValueError('gone')", "SystemExit(3)", "KeyboardInterrupt()"):
            self.ok(
                "import asyncio\n"
                "async def bad():\n"
                f"    await asyncio.sleep(0.01); raise {error}\n"
                "t = asyncio.ensure_future(bad())\n"
                "await asyncio.sleep(0)"
            )
            time.sleep(0.05)
            self.assertEqual(self.value("1 + 1"), 2)
        self.ok("del t; import gc; gc.collect()")

    def test_a_server_of_the_session_answers_while_it_is_idle(self) -> None:
        import socket

        port = self.value(
            "import asyncio\n"
            "async def serve(r, w):\n"
            "    w.write(b'<' + await r.readline() + b'>'); await w.drain(); w.close()\n"
            "s = await asyncio.start_server(serve, '127.0.0.1', 0)\ns.sockets[0].getsockname()[1]"
        )
        with socket.create_connection(("127.0.0.1", port), 5) as sock:
            sock.sendall(b"hello\n")
            self.assertEqual(sock.makefile("rb").read(), b"<hello\n>")
        self.ok("s.close()")

    def test_an_idle_loop_without_work_costs_no_cpu(self) -> None:
        self.ok(TICKER + "await asyncio.sleep(0)")

        def ticks() -> int:
            with open(f"/proc/{self.session.pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            return int(fields[11]) + int(fields[12])

        before = ticks()
        time.sleep(0.3)
        self.assertLessEqual(ticks() - before, 1)

    def test_a_busy_loop_serves_plain_cells_quickly(self) -> None:
        self.ok(TICKER + "t = asyncio.ensure_future(tick())\nawait asyncio.sleep(0)")
        for i in range(50):
            self.assertEqual(self.value(f"{i} + 1"), i + 1)


if __name__ == "__main__":
    unittest.main()
