"""Both roads of output, the supervisor's part: live, in order, within the credit, and never in anybody's way."""

import time
import unittest
from typing import Any, Dict, List, Tuple

from host import Host, Session, eventually

MIB = 1 << 20


def raw_events(session: Session) -> List[Tuple[int, int, bytes]]:
    """(execution, position, bytes) of all stdout that came."""
    return [
        (notice["params"]["execution"], notice["params"]["pos"], notice["data"])
        for notice in session.host.control.notices
        if notice["method"] == "output" and notice["params"]["session"] == session.name
    ]


def forwarded(session: Session) -> List[Dict[str, Any]]:
    """All text of the session that came on control."""
    told = [notice["params"] for notice in session.host.control.notices if notice["method"] == "text"]
    return [text for text in told if text["session"] == session.name]


class RawTest(unittest.TestCase):
    host: Host

    @classmethod
    def setUpClass(cls) -> None:
        cls.host = Host()
        cls.addClassCleanup(cls.host.close)

    def wait_raw(self, session: Session, length: int, stream: str = "stdout") -> bytes:
        self.host.control.until(lambda: len(session.raw(stream)) >= length, f"{length} raw bytes", 30)
        return session.raw(stream)

    def test_raw_bytes_come_whole_with_their_positions_and_execution(self) -> None:
        session = self.host.session()
        result = session.execute("import os\nos.write(1, bytes(range(256)) * 100)\nos.write(2, b'err')\nNone")
        self.assertEqual(result["raw"], [25_600, 3])
        self.assertEqual(self.wait_raw(session, 25_600), bytes(range(256)) * 100)
        self.assertEqual(self.wait_raw(session, 3, "stderr"), b"err")
        position = {"stdout": 0, "stderr": 0}
        for notice in self.host.control.notices:
            params = notice["params"]
            if notice["method"] == "output" and params["session"] == session.name:
                self.assertEqual(params["pos"], position[params["stream"]])
                self.assertEqual(params["bytes"], len(notice["data"]))
                self.assertEqual(params["execution"], 1)
                self.assertAlmostEqual(params["at"], time.time() * 1000, delta=60_000)
                position[params["stream"]] += params["bytes"]

    def test_everything_written_before_the_end_is_counted_in_the_result(self) -> None:
        session = self.host.session()
        written = 0
        for size in (1, 10, 4096, 65_536, 70_000, 1, 300_000):
            result = session.execute(f"import subprocess\nsubprocess.run(['head', '-c', '{size}', '/dev/zero'])\nNone")
            written += size
            self.assertEqual(result["raw"], [written, 0])
            self.host.control.notify("credit", session=session.name, bytes=size)
        self.wait_raw(session, written)

    def test_what_a_child_writes_later_is_background(self) -> None:
        session = self.host.session()
        session.execute("import subprocess\nsubprocess.Popen(['sh', '-c', 'sleep 0.2; echo late'])\nNone")
        self.host.control.until(lambda: b"late" in session.raw(), "the late word")
        self.assertEqual([execution for execution, _, data in raw_events(session) if b"late" in data], [0])

    def test_c_code_that_holds_the_gil_and_writes_10_mib_does_not_deadlock(self) -> None:
        session = self.host.session()
        self.host.control.notify("credit", session=session.name, bytes=20 * MIB)
        request = session.begin(
            "import ctypes\nlibc = ctypes.PyDLL(None)\nblock = b'x' * (1 << 20)\n"
            "sum(libc.write(1, block, len(block)) for _ in range(10))"
        )
        self.assertEqual(len(self.wait_raw(session, 10 * MIB)), 10 * MIB)
        self.assertEqual(session.connection.answer(request)["value"]["json"], str(10 * MIB))

    def test_a_session_without_credit_waits_and_nobody_else_does(self) -> None:
        greedy, other = self.host.session(), self.host.session()
        request = greedy.begin("import os\nfor _ in range(4): os.write(1, b'y' * (1 << 20))\nNone")
        self.wait_raw(greedy, MIB)
        self.host.control.read_for(0.3)
        self.assertEqual(len(greedy.raw()), MIB)  # the first MiB is free, and not a byte more came
        self.assertNotIn(request, greedy.connection.answers)
        result = other.execute("import os\nos.write(1, b'quick')\nNone")
        self.assertEqual(result["status"], "completed")
        self.assertEqual(self.wait_raw(other, 5), b"quick")
        for given in (1, 1000, MIB, 5 * MIB):
            before = len(greedy.raw())
            self.host.control.notify("credit", session=greedy.name, bytes=given)
            wanted = min(before + given, 4 * MIB)
            self.wait_raw(greedy, wanted)
            self.host.control.read_for(0.05)
            self.assertEqual(len(greedy.raw()), wanted)
        self.assertEqual(greedy.connection.answer(request)["raw"], [4 * MIB, 0])

    def test_the_end_of_an_execution_waits_for_credit_too(self) -> None:
        session = self.host.session()
        session.execute(f"import os\nos.write(1, b'x' * {MIB})\nNone")
        self.wait_raw(session, MIB)
        request = session.begin("os.write(1, b'one too many')\nNone")
        self.host.control.read_for(0.2)
        session.connection.read_for(0.1)
        self.assertNotIn(request, session.connection.answers)
        self.host.control.notify("credit", session=session.name, bytes=100)
        self.assertEqual(session.connection.answer(request)["raw"], [MIB + 12, 0])
        self.assertTrue(self.wait_raw(session, MIB + 12).endswith(b"one too many"))

    def test_a_host_that_does_not_read_bounds_the_supervisors_memory(self) -> None:
        host = Host()
        self.addCleanup(host.close)
        sessions = [host.session() for _ in range(4)]
        for session in sessions:
            host.control.notify("credit", session=session.name, bytes=1 << 40)
        host.stats()
        before = memory(host.ready["pid"])
        code = "import os\nfor _ in range(64): os.write(1, b'z' * (1 << 20))\nNone"
        requests = [session.begin(code) for session in sessions]
        time.sleep(1)  # nobody reads control
        self.assertLess(memory(host.ready["pid"]) - before, 24 * MIB)
        total = 0
        while total < 256 * MIB:
            host.control.until(lambda: host.control.notices, "more output", 30)
            total += sum(len(notice["data"]) for notice in host.control.notices)
            host.control.notices.clear()
        self.assertEqual(total, 256 * MIB)
        for session, request in zip(sessions, requests):
            self.assertEqual(session.connection.answer(request)["raw"], [64 * MIB, 0])

    def test_a_closed_stdout_ends_nothing(self) -> None:
        session = self.host.session()
        session.execute("import os\nos.close(1)\nos.close(2)")
        self.assertEqual(session.value("6 * 7"), 42)
        self.assertEqual(self.host.stats()["errors"], 0)

    def test_a_stdout_that_was_made_non_blocking_harms_nobody(self) -> None:
        session = self.host.session()
        self.host.control.notify("credit", session=session.name, bytes=10 * MIB)
        session.execute(
            "import os\nos.set_blocking(1, False)\nn = 0\n"
            "for _ in range(1000):\n    try: n += os.write(1, b'q' * 2000)\n    except BlockingIOError: pass"
        )
        written = session.value("n")
        self.assertEqual(len(self.wait_raw(session, written)), written)

    def test_a_session_that_steals_from_its_own_pipe_robs_only_itself(self) -> None:
        session, other = self.host.session(), self.host.session()
        session.execute(
            "import os\nfd = os.open('/proc/self/fd/1', os.O_RDONLY | os.O_NONBLOCK)\n"
            "for _ in range(2000):\n    os.write(1, b'x' * 100)\n"
            "    try: os.read(fd, 100)\n    except BlockingIOError: pass"
        )
        self.assertEqual(session.value("1"), 1)
        self.assertEqual(other.value("1"), 1)
        self.assertEqual(self.host.stats()["errors"], 0)


class TextTest(unittest.TestCase):
    host: Host

    @classmethod
    def setUpClass(cls) -> None:
        cls.host = Host()
        cls.addClassCleanup(cls.host.close)

    def running(self, code: str) -> "tuple[Session, int]":
        """A watched execution."""
        session = self.host.session()
        request = session.begin(code)
        self.host.control.notify("watch", session=session.name, execution=1)
        return session, request

    def test_text_of_a_cell_that_sleeps_is_seen_within_50_ms(self) -> None:
        session, request = self.running(
            # one write a line: between the two of a print() the supervisor may look
            "import sys, time\nfor i in range(3): sys.stdout.write(f'tick {i}\\n'); time.sleep(0.2)"
        )
        for index in range(3):
            text = self.host.control.notice("text", session=session.name, text=f"tick {index}\n")
            told = (text["execution"], text["stream"], text["pos"], text["bytes"])
            self.assertEqual(told, (1, "stdout", 7 * index, 7))
            self.assertLess(time.time() * 1000 - text["at"], 1000)
        session.connection.answer(request)
        self.assertEqual(session.text(), "tick 0\ntick 1\ntick 2\n")  # the session sends it as well

    def test_text_of_c_code_that_holds_the_gil_is_seen(self) -> None:
        session, request = self.running(
            "import ctypes, sys\nsys.stdout.write('before\\n')\nctypes.PyDLL(None).usleep(700_000)"
        )
        began = time.monotonic()
        self.host.control.notice("text", session=session.name, text="before\n")
        self.assertLess(time.monotonic() - began, 0.5)
        self.assertNotIn(request, session.connection.answers)
        session.connection.answer(request)

    def test_a_watch_ends_with_its_execution(self) -> None:
        session, request = self.running("print('one')")
        session.connection.answer(request)
        session.execute("import time\nprint('two'); time.sleep(0.2)")
        self.host.control.read_for(0.1)
        self.assertNotIn("two\n", [text["text"] for text in forwarded(session)])

    def test_a_watch_may_come_before_its_execution(self) -> None:
        session = self.host.session()
        self.host.control.notify("watch", session=session.name, execution=1)
        time.sleep(0.1)
        session.begin("import sys, time\nsys.stdout.write('here\\n'); time.sleep(0.5)")
        self.host.control.notice("text", session=session.name, text="here\n")

    def test_an_awaited_childs_output_precedes_text_that_was_printed_after_it(self) -> None:
        session, request = self.running(
            "import subprocess, time\nfor i in range(60):\n    subprocess.run(['echo', str(i)])\n"
            "    print('after', i)\n    time.sleep(0.01)"
        )
        session.connection.answer(request)
        self.host.control.read_for(0.1)
        drained = 0
        forwarded = 0
        for notice in self.host.control.notices:
            params = notice["params"]
            if params.get("session") != session.name:
                continue
            if notice["method"] == "output":
                drained += params["bytes"]
            elif notice["method"] == "text":
                forwarded += 1
                self.assertEqual(params["raw"][0], drained)
                # the supervisor may have looked in the middle of a line, or of a number: the one before it counts
                last = max([int(word) for word in params["text"].split() if word.isdigit()][:-1], default=0)
                self.assertGreaterEqual(drained, sum(len(f"{i}\n") for i in range(last + 1)))
        self.assertGreater(forwarded, 3)

    def test_text_costs_credit(self) -> None:
        session = self.host.session()
        session.execute(f"import os, time\nos.write(1, b'x' * {MIB - 10})\nNone")
        session.begin("print('123456789é123'); time.sleep(0.6); print('more'); time.sleep(60)")
        self.host.control.notify("watch", session=session.name, execution=2)
        text = self.host.control.notice("text", session=session.name)
        self.assertEqual((text["text"], text["bytes"]), ("123456789", 9))  # not half a character
        self.host.control.read_for(0.3)
        self.assertEqual(forwarded(session), [])
        self.host.control.notify("credit", session=session.name, bytes=100)
        text = self.host.control.notice("text", session=session.name)
        self.assertTrue(text["text"].startswith("é123\n"), text)
        self.assertEqual(text["pos"], 9)
        self.host.control.request("close", session=session.name)

    def test_nothing_that_was_printed_is_lost_with_its_session(self) -> None:
        for last_words in ("os._exit(1)", "os.kill(os.getpid(), 9)", "os.abort()"):
            session = self.host.session()
            session.begin(f"import os\nfor i in range(30_000): print('line', i, 'é€😀')\n{last_words}")
            session.connection.read_to_end()
            died = self.host.control.notice("died", session=session.name)
            expected = "".join(f"line {i} é€😀\n" for i in range(30_000)).encode()
            pieces = [n["params"] for n in session.connection.notices if n["params"].get("event") == "output"]
            pieces += forwarded(session)
            got = bytearray()
            for piece in sorted(pieces, key=lambda piece: piece["pos"]):
                data = piece["text"].encode()
                self.assertEqual(len(data), piece["bytes"])
                self.assertLessEqual(piece["pos"], len(got))
                got[piece["pos"] : piece["pos"] + len(data)] = data
            self.assertEqual(bytes(got), expected, last_words)
            self.assertEqual(died["text_pos"], len(expected))

    def test_a_death_in_the_middle_of_a_flush_repeats_what_the_host_may_not_have(self) -> None:
        """The host reads nothing, so that the session is killed within its send."""
        session = self.host.session()
        session.begin("for i in range(200_000): print('line', i)")
        time.sleep(0.3)
        self.host.control.request("kill", session=session.name, reason="test")
        died = self.host.control.notice("died", session=session.name)
        session.connection.read_to_end()  # torn at its end: the decoder keeps the rest to itself
        sent = sum(n["params"]["bytes"] for n in session.connection.notices if n["params"].get("event") == "output")
        told = forwarded(session)
        self.assertEqual([text["pos"] for text in told], [sent])
        self.assertEqual(died["text_pos"], sent + told[0]["bytes"])
        whole = session.text() + told[0]["text"]
        self.assertTrue("".join(f"line {i}\n" for i in range(200_000)).startswith(whole))

    def test_a_salvage_is_whole_characters_only(self) -> None:
        session = self.host.session()
        session.begin("import os\nprint('a' * 10 + '😀', end='')\nos._exit(0)")
        self.assertEqual(self.host.control.notice("text", session=session.name)["text"], "a" * 10 + "😀")
        eventually(lambda: session.name not in self.host.stats()["sessions"], "it is forgotten")


def memory(pid: int) -> int:
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


if __name__ == "__main__":
    unittest.main()
