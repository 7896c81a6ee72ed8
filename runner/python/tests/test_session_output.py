"""Both roads of output: what is printed, what is written to the descriptors, their order, and their abuse."""

import os
import unittest

from session_case import SessionCase


class Text(SessionCase):
    def test_what_is_printed_arrives_as_text_with_positions(self) -> None:
        outcome = self.ok("print('a'); print('é')")
        self.assertEqual(outcome.text(), "a\né\n")
        self.assertEqual(outcome.reply["text_pos"], 5)
        second = self.ok("print('b')")
        self.assertEqual((second.events[0]["pos"], second.reply["text_pos"]), (5, 7))

    def test_streams_keep_their_order(self) -> None:
        outcome = self.ok("import sys\nfor i in range(3):\n    print(i)\n    print('e', i, file=sys.stderr)")
        self.assertEqual(
            [(e["stream"], e["text"]) for e in outcome.events],
            [
                ("stdout", "0\n"),
                ("stderr", "e 0\n"),
                ("stdout", "1\n"),
                ("stderr", "e 1\n"),
                ("stdout", "2\n"),
                ("stderr", "e 2\n"),
            ],
        )

    def test_a_write_kept_from_earlier_goes_to_its_own_stream(self) -> None:
        outcome = self.ok("import sys\nw, e = sys.stdout.write, sys.stderr.write\nfor _ in range(3): w('o'); e('E')")
        self.assertEqual((outcome.text(), outcome.text("stderr")), ("ooo", "EEE"))

    def test_a_million_lines_arrive_whole(self) -> None:
        outcome = self.ok("for i in range(300000): print(i)")
        self.assertEqual(outcome.text(), "".join(f"{i}\n" for i in range(300000)))

    def test_text_longer_than_the_buffer_arrives_whole(self) -> None:
        for size in (65535, 65536, 65537, 300_000, 5_000_000):
            with self.subTest(size):
                outcome = self.ok(f"print('a'); print('€' * {size // 3 + 1}, end=''); print('z')")
                self.assertEqual(outcome.text(), "a\n" + "€" * (size // 3 + 1) + "z\n")

    def test_nul_bytes_arrive(self) -> None:
        self.assertEqual(self.ok("print('a\\0b\\0', end='')").text(), "a\0b\0")

    def test_text_streams_answer_as_text_streams_do(self) -> None:
        self.assertEqual(
            self.value(
                "import sys, io\no = sys.stdout\n"
                "[isinstance(o, io.TextIOBase), o.encoding, o.errors, o.fileno(), sys.stderr.fileno(), o.isatty(),"
                " o.writable(),"
                " o.readable(), o.seekable(), o.closed, o.name, o.mode, o.write('abc'), sys.__stdout__ is o]"
            ),
            [True, "utf-8", "backslashreplace", 1, 2, False, True, False, False, False, "<stdout>", "w", 3, True],
        )
        self.ok("sys.stdout.writelines(['a', 'b']); sys.stdout.flush(); sys.stdout.reconfigure(line_buffering=True)")

    def test_a_write_of_no_string_raises_type_error(self) -> None:
        for thing in ("5", "b'x'", "None"):
            outcome = self.run_code(f"import sys; sys.stdout.write({thing})")
            self.assertEqual((outcome.status, outcome.type), ("failed", "TypeError"))
            self.assertNotIn("During handling", outcome.traceback)

    def test_a_flush_sends_at_once(self) -> None:
        request = self.begin("print('now', flush=True)\ninput()")
        self.question()
        self.assertEqual(self.session.text(), "now\n")
        self.session.connection.send({"jsonrpc": "2.0", "id": "in-1", "result": {"text": ""}})
        self.end(request)

    def test_threads_print_whole_writes_while_the_main_thread_prints(self) -> None:
        outcome = self.ok(
            "import threading, sys\n"
            "def talk(c):\n"
            "    for i in range(3000): sys.stdout.write(c * 20 + '\\n'); sys.stderr.write(c * 20 + '\\n')\n"
            "ts = [threading.Thread(target=talk, args=(c,)) for c in 'abc']\n"
            "[t.start() for t in ts]; talk('m'); [t.join() for t in ts]; None"
        )
        for stream in ("stdout", "stderr"):
            lines = outcome.text(stream).splitlines()
            self.assertEqual(sorted(lines), sorted(c * 20 for c in "abcm" for _ in range(3000)))

    def test_a_finalizer_that_prints_within_a_flush_loses_nothing(self) -> None:
        outcome = self.ok(
            "import gc\nclass F:\n    def __init__(s): s.me = s\n    def __del__(s): print('f' * 50)\n"
            "for i in range(20000): F(); print('x' * 30)\ngc.collect(); None"
        )
        lines = outcome.text().splitlines()
        self.assertEqual((lines.count("f" * 50), lines.count("x" * 30), len(lines)), (20000, 20000, 40000))

    def test_user_code_may_redirect_replace_and_restore(self) -> None:
        outcome = self.ok(
            "import contextlib, io, sys\n"
            "b = io.StringIO()\n"
            "with contextlib.redirect_stdout(b): print('caught')\n"
            "print('free')\n"
            "b.getvalue()"
        )
        self.assertEqual((outcome.value, outcome.text()), ("'caught\\n'", "free\n"))

    def test_a_replaced_stdout_stays_and_is_flushed_at_the_end(self) -> None:
        outcome = self.ok(
            "import sys, io\n"
            "old = sys.stdout\n"
            "sys.stdout = io.TextIOWrapper(sys.stdout.buffer, write_through=False)\n"
            "print('held back')"
        )
        self.assertEqual(self.raw(outcome), b"held back\n")
        self.assertEqual(self.raw(self.ok("print('again')"))[-6:], b"again\n")
        self.ok("sys.stdout.detach(); sys.stdout = old")
        self.assertEqual(self.ok("print('ours')").text(), "ours\n")

    def test_a_closed_stdout_refuses_for_the_rest_of_the_execution_and_is_open_in_the_next(self) -> None:
        outcome = self.run_code("import sys\nprint('before')\nsys.stdout.close()\nprint('after')")
        self.assertEqual((outcome.text(), outcome.type), ("before\n", "ValueError"))
        self.assertIn("closed file", outcome.error["message"])
        outcome = self.ok("print('open')")
        self.assertEqual(outcome.text(), "open\n")
        self.assertIn("sys.stdout", outcome.reply["warnings"][0])

    def test_a_missing_or_closed_replacement_is_replaced_by_ours(self) -> None:
        for damage in ("sys.stdout = None", "sys.stdout = io.StringIO(); sys.stdout.close()", "del sys.stdout"):
            self.ok("import sys, io; " + damage)
            self.assertEqual(self.ok("print('back')").text(), "back\n", damage)

    def test_a_wrapper_of_the_buffer_that_is_collected_closes_for_one_execution_only(self) -> None:
        self.ok("import io, sys; io.TextIOWrapper(sys.stdout.buffer).write('x'); None")
        self.assertEqual(self.ok("print('on')").text(), "on\n")

    def test_logging_and_warnings_go_to_stderr(self) -> None:
        outcome = self.ok("import logging, warnings\nlogging.warning('from logging')\nwarnings.warn('from warnings')")
        self.assertIn("WARNING:root:from logging", outcome.text("stderr"))
        self.assertIn("UserWarning: from warnings", outcome.text("stderr"))
        self.assertIn("warnings.warn('from warnings')", outcome.text("stderr"))

    def test_the_same_warning_warns_again_in_another_execution(self) -> None:
        for _ in range(2):
            self.assertIn(
                "DeprecationWarning: old",
                self.ok("import warnings\nwarnings.warn('old', DeprecationWarning)").text("stderr"),
            )

    def test_a_syntax_warning_is_shown_with_its_line(self) -> None:
        outcome = self.ok("x = 1\nx is 1")
        self.assertIn("SyntaxWarning", outcome.text("stderr"))
        self.assertIn("x is 1", outcome.text("stderr"))

    def test_help_and_pprint_print(self) -> None:
        self.assertIn("len(obj", self.ok("help(len)").text())


class Raw(SessionCase):
    def test_bytes_and_text_keep_their_order(self) -> None:
        outcome = self.ok(
            "import sys\nprint('t1')\nsys.stdout.buffer.write(b'\\xff\\xfe')\nprint('t2')\nsys.stdout.buffer.flush()"
        )
        self.assertEqual(self.raw(outcome), b"\xff\xfe")
        self.assertEqual([(e["text"], e["raw"][0]) for e in outcome.events], [("t1\n", 0), ("t2\n", 2)])

    def test_a_print_before_a_child_precedes_its_output_and_later_prints_follow(self) -> None:
        starts = {
            "os.system": "os.system('echo child')",
            "subprocess.run": "import subprocess; subprocess.run(['echo', 'child'])",
            "with preexec_fn": "import subprocess; subprocess.run(['echo', 'child'], preexec_fn=lambda: None)",
            "os.posix_spawn": "os.waitpid(os.posix_spawn('/bin/echo', ['echo', 'child'], os.environ), 0)",
            "os.spawn": "os.spawnvp(os.P_WAIT, 'echo', ['echo', 'child'])",
            "os.fork": "pid = os.fork()\nif pid == 0:\n    os.write(1, b'child\\n'); os._exit(0)\nos.waitpid(pid, 0)",
            "asyncio": "import asyncio\nawait (await asyncio.create_subprocess_exec('echo', 'child')).wait()",
        }
        for name, start in starts.items():
            with self.subTest(name):
                before = len(self.session.raw())
                outcome = self.ok(f"import os\nprint('before')\n{start}\nprint('after')")
                self.assertEqual(self.raw(outcome)[before:], b"child\n")
                self.assertEqual(
                    [(e["text"], e["raw"][0] - before) for e in outcome.events], [("before\n", 0), ("after\n", 6)]
                )
                pieces = [
                    n["params"]
                    for n in self.host.control.notices
                    if n["method"] == "output" and n["params"]["session"] == self.session.name
                ]
                self.assertGreaterEqual(pieces[-1]["text_pos"], outcome.events[0]["pos"] + 7)

    def test_everything_written_before_the_end_is_counted_in_the_reply(self) -> None:
        sizes = [0, 1, 4096, 65536, 65537, 200_000]
        for size in sizes * 3:
            before = len(self.session.raw())
            outcome = self.ok(f"import os\nfor _ in range(7): os.write(1, b'r' * {size // 7})")
            self.assertEqual(outcome.reply["raw"][0] - before, size // 7 * 7)
            self.raw(outcome)

    def test_what_c_code_left_in_stdio_is_out_at_the_end(self) -> None:
        outcome = self.ok("import ctypes; ctypes.CDLL(None).printf(b'no newline'); None")
        self.assertEqual(self.raw(outcome), b"no newline")

    def test_c_code_that_holds_the_gil_and_writes_a_megabyte_does_not_deadlock(self) -> None:
        outcome = self.ok(
            "import ctypes; c = ctypes.PyDLL(None)\nfor _ in range(2048): c.printf(b'%s', b'p' * 1023 + b'\\n')"
        )
        self.assertEqual(len(self.raw(outcome)), 2 << 20)

    def test_raw_output_carries_its_execution(self) -> None:
        outcome = self.ok("import os; os.write(1, b'mine')")
        self.raw(outcome)
        piece = [
            n["params"]
            for n in self.host.control.notices
            if n["method"] == "output" and n["params"]["session"] == self.session.name
        ][-1]
        self.assertEqual(piece["execution"], self.session.execution)

    def test_a_dup_of_the_descriptor_leads_to_the_host(self) -> None:
        outcome = self.ok("import os; d = os.dup(1); os.write(d, b'through the dup'); os.close(d)")
        self.assertEqual(self.raw(outcome), b"through the dup")

    def test_a_descriptor_pointed_elsewhere_stays_there_and_print_goes_on(self) -> None:
        path = os.path.join(self.host.workdir, "elsewhere")
        outcome = self.ok(
            "import os\n"
            "saved = os.dup(1)\n"
            f"f = os.open({path!r}, os.O_CREAT | os.O_WRONLY)\n"
            "os.dup2(f, 1)\n"
            "os.write(1, b'raw'); print('text')"
        )
        self.assertEqual((outcome.text(), outcome.reply["raw"][0]), ("text\n", 0))
        self.ok("os.write(1, b' more')")
        self.ok("os.dup2(saved, 1); os.close(saved)")
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"raw more")

    def test_closed_descriptors_are_open_again_in_the_next_execution(self) -> None:
        self.ok("import os; os.close(1); os.close(2); print('text needs no descriptor')")
        outcome = self.ok("os.write(1, b'one'); os.write(2, b'two')")
        self.assertEqual((self.raw(outcome), self.raw(outcome, "stderr")), (b"one", b"two"))
        self.assertEqual(len(outcome.reply["warnings"]), 2)

    def test_faulthandler_writes_to_descriptor_two(self) -> None:
        outcome = self.ok("import faulthandler; faulthandler.dump_traceback()")
        self.assertIn(b"<cell 1>", self.raw(outcome, "stderr"))


class Background(SessionCase):
    def test_what_a_thread_prints_while_nothing_runs_is_background_at_once(self) -> None:
        self.ok(
            "import threading, time, sys\ngo = threading.Event()\n"
            "def late(): go.wait(); time.sleep(0.05); print('late'); print('err', file=sys.stderr)\n"
            "t = threading.Thread(target=late)\n"
            "t.start()\n"
            "go.set()"
        )
        event = self.session.connection.notice("event", event="output", execution=0, stream="stdout")
        self.assertEqual(event["text"], "late\n")
        event = self.session.connection.notice("event", event="output", execution=0, stream="stderr")
        self.assertEqual(event["text"], "err\n")
        self.assertEqual(self.ok("print('mine')").text(), "mine\n")

    def test_an_unfinished_background_line_comes_before_the_next_execution_and_is_not_its(self) -> None:
        self.ok(
            "import threading, time\ndef late():\n    time.sleep(0.02); print('no newline', end=''); done.set()\n"
            "done = threading.Event(); threading.Thread(target=late).start()"
        )
        import time

        time.sleep(0.1)  # the thread's own clock; nothing on the wire tells when it has printed
        outcome = self.ok("done.wait(); print('mine')")
        self.assertEqual(outcome.text(), "mine\n")
        self.assertEqual([e["text"] for e in outcome.background], ["no newline"])

    def test_positions_stay_without_gap_over_background_text(self) -> None:
        self.ok(
            "import threading, time\n"
            "stop = False\n"
            "def chatter():\n"
            "    while not stop: print('bg'); time.sleep(0.0005)\n"
            "t = threading.Thread(target=chatter); t.start()"
        )
        for i in range(50):
            self.ok(f"print('own', {i})")
        self.ok("stop = True; t.join()")
        position = 0
        for notice in self.session.connection.notices:
            event = notice["params"]
            self.assertEqual(event["pos"], position)
            position += event["bytes"]

    def test_what_a_grandchild_writes_after_the_end_is_background(self) -> None:
        self.ok("import subprocess; p = subprocess.Popen('sleep 0.1; echo late', shell=True)")
        self.host.control.until(lambda: b"late" in self.session.raw(), "the late line")
        piece = [
            n["params"]
            for n in self.host.control.notices
            if n["method"] == "output" and n["params"]["session"] == self.session.name
        ][-1]
        self.assertEqual(piece["execution"], 0)

    def test_a_chatty_grandchild_does_not_stop_executions_from_ending(self) -> None:
        self.ok("import subprocess; p = subprocess.Popen(['yes'])")
        import threading

        stop = threading.Event()
        self.addCleanup(stop.set)
        for _ in range(20):
            request = self.begin("1 + 1")
            while request not in self.session.connection.answers:
                self.session.connection.read(0.005)
                self.host.control.read(0.005)
                self.host.control.notify("credit", session=self.session.name, bytes=1 << 20)
            self.end(request)
        self.session.connection.sock.settimeout(20)
        request = self.begin("p.kill(); p.wait()")
        while request not in self.session.connection.answers:
            self.session.connection.read(0.005)
            self.host.control.read(0.005)
            self.host.control.notify("credit", session=self.session.name, bytes=1 << 20)
        self.assertEqual(self.end(request).value, "-9")


if __name__ == "__main__":
    unittest.main()
