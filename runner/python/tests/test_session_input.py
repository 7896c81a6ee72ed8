"""Standard input: every way of reading becomes a question to the host."""

import unittest
from typing import Any, ClassVar, Dict

from session_case import SessionCase


class Input(SessionCase):
    def test_input_asks_with_its_prompt_and_returns_the_answer(self) -> None:
        request = self.begin("name = input('name? ')\nname.upper()")
        params = self.answer("ada")
        outcome = self.end(request)
        self.assertEqual((params["prompt"], params["password"], params["execution"]), ("name? ", False, 1))
        self.assertEqual((outcome.value, outcome.text()), ("'ADA'", ""))

    def test_what_was_printed_arrives_before_the_question(self) -> None:
        request = self.begin("print('first')\ninput('second')")
        question = self.question()
        self.assertEqual(self.session.text(), "first\n")
        self.assertEqual((question["params"]["text_pos"], question["params"]["raw"]), (6, [0, 0]))
        self.reply(question, {"text": ""})
        self.assertEqual(self.end(request).value, "''")

    def test_raw_output_is_counted_before_the_question(self) -> None:
        request = self.begin("import os; os.write(1, b'abc'); input()")
        question = self.question()
        self.assertEqual(question["params"]["raw"], [3, 0])
        self.reply(question, {"text": "x"})
        self.end(request)

    def test_end_of_file_raises_eof_error(self) -> None:
        outcome = self.run_code("input()", answers=[None])
        self.assertEqual((outcome.status, outcome.type), ("failed", "EOFError"))

    def test_sys_stdin_reads_lines_parts_and_everything(self) -> None:
        outcome = self.run_code("import sys\nsys.stdin.readline()", answers=["one"])
        self.assertEqual(outcome.value, "'one\\n'")
        outcome = self.run_code(
            "[sys.stdin.readline(2), sys.stdin.readline(), sys.stdin.read(2), sys.stdin.readline()]",
            answers=["abcd", "efgh"],
        )
        self.assertEqual(outcome.value, "['ab', 'cd\\n', 'ef', 'gh\\n']")
        self.assertEqual(self.run_code("sys.stdin.read()", answers=["a", "b", None]).value, "'a\\nb\\n'")
        self.assertEqual(self.run_code("list(sys.stdin)", answers=["a", "b", None]).value, "['a\\n', 'b\\n']")
        self.assertEqual(self.run_code("sys.stdin.buffer.readline()", answers=["ü"]).value, repr("ü\n".encode()))

    def test_an_answer_of_several_lines_feeds_several_reads(self) -> None:
        self.assertEqual(self.run_code("[input(), input(), input()]", answers=["a\nb", "c"]).value, "['a', 'b', 'c']")

    def test_a_long_answer_arrives_whole(self) -> None:
        request = self.begin("len(input())")
        question = self.question()
        self.reply(question, {"text": self.session.connection.outgoing.text("z" * 3_000_000)})
        self.assertEqual(self.end(request).value, "3000000")

    def test_getpass_asks_for_a_password(self) -> None:
        for code in ("import getpass\ngetpass.getpass('pw: ')", "from getpass import getpass as g\ng('pw: ')"):
            request = self.begin(code)
            params = self.answer("secret")
            self.assertEqual((params["prompt"], params["password"]), ("pw: ", True))
            self.assertEqual(self.end(request).value, "'secret'")

    def test_stdin_says_what_it_is(self) -> None:
        self.assertEqual(
            self.value(
                "import sys, os; [sys.stdin.isatty(), sys.stdin.fileno(), sys.stdin.readable(), os.read(0, 1) == b'']"
            ),
            [False, 0, True, True],
        )

    def test_a_replaced_stdin_is_read_by_input(self) -> None:
        outcome = self.ok(
            "import sys, io\nold, sys.stdin = sys.stdin, io.StringIO('theirs\\n')\nr = input('p')\nsys.stdin = old\nr"
        )
        self.assertEqual(outcome.value, "'theirs'")

    def test_an_answer_to_nothing_is_ignored(self) -> None:
        self.session.connection.send({"jsonrpc": "2.0", "id": "in-77", "result": {"text": "x"}})
        request = self.begin("input()")
        question = self.question()
        self.reply({"id": "in-99"}, {"text": "wrong"})
        self.reply(question, {"text": "right"})
        self.assertEqual(self.end(request).value, "'right'")
        self.reply(question, {"text": "again"})
        self.assertEqual(self.value("1 + 1"), 2)

    def test_requests_that_come_meanwhile_wait_their_turn(self) -> None:
        first = self.begin("input()")
        question = self.question()
        second = self.begin("'second'")
        self.reply(question, {"text": "answered"})
        self.assertEqual(self.session.connection.answer(first)["value"]["repr"], "'answered'")
        self.assertEqual(self.end(second).value, "'second'")

    def test_an_interrupt_ends_the_waiting(self) -> None:
        request = self.begin("x = 5\ninput('never')")
        self.question()
        self.assertTrue(self.interrupt())
        outcome = self.end(request)
        self.assertEqual((outcome.status, outcome.type), ("interrupted", "KeyboardInterrupt"))
        self.assertEqual(self.value("x"), 5)

    def test_a_thread_is_told_that_it_cannot_ask(self) -> None:
        outcome = self.ok(
            "import threading\n"
            "r = []\n"
            "def f():\n"
            "    try: input()\n"
            "    except EOFError as e: r.append(str(e))\n"
            "t = threading.Thread(target=f); t.start(); t.join(); r[0]"
        )
        self.assertIn("main thread", outcome.value or "")

    def test_a_password_or_prompt_may_be_any_object(self) -> None:
        request = self.begin("input(5)")
        self.assertEqual(self.answer("")["prompt"], "5")
        self.end(request)

    def test_pdb_can_be_driven(self) -> None:
        outcome = self.run_code("def f(a):\n    breakpoint()\n    return a\nf(7)", answers=["p a + 1", "c"])
        self.assertEqual((outcome.status, outcome.value), ("completed", "7"), outcome.error)
        self.assertIn("8\n", outcome.text())


class Denied(SessionCase):
    OPTIONS: ClassVar[Dict[str, Any]] = {"stdin": "deny"}

    def test_policy_deny_raises_an_eof_error_that_explains(self) -> None:
        for code in (
            "input()",
            "import sys; sys.stdin.readline()",
            "import getpass; getpass.getpass()",
            "list(__import__('sys').stdin)",
        ):
            outcome = self.run_code(code)
            self.assertEqual((outcome.status, outcome.type), ("failed", "EOFError"))
            self.assertIn("stdin denied", outcome.error["message"])

    def test_an_execution_may_ask_although_the_session_denies(self) -> None:
        self.assertEqual(self.run_code("input()", answers=["yes"], stdin="ask").value, "'yes'")
        self.assertEqual(self.run_code("input()").type, "EOFError")


if __name__ == "__main__":
    unittest.main()
