"""Plain tracebacks: character for character what the standard library says, in every version."""

import json
import linecache
import sys
import traceback
import unittest
from typing import Any, Dict, List, Optional, Tuple

from hibernaculum_runner.session import tracebacks
from hibernaculum_runner.session.plain import plain
from hibernaculum_runner.session.sources import Sources

PLAIN = [
    "import time\ntime.sleep(-1)",
    "for _ in range(3):\n    import time\n    time.sleep(None)",
    "raise ValueError('a message')",
    "raise KeyboardInterrupt",
    "raise ValueError",
    "raise ValueError('two\\nlines')",
    "raise KeyError('key')",
    "def f():\n    raise RuntimeError('inner')\n\nf()",
    "def f(n):\n    g(n)\ndef g(n):\n    raise TypeError(n)\nf(1)",
    "if True:\n    raise IndexError(1)",
    "import time; time.sleep(-1)",
]
ANY = [
    *PLAIN,
    "raise SystemExit(3)",
    "1 / 0",
    "x = 1 / 0",
    "x = int('a')",
    "int('a')",
    "int('a') + int('b')",
    "int(\n  'a'\n)",
    "[1, 2][5]",
    "x = {}\nx['a']",
    "x = {}\nx['a']['b']",
    "def f():\n    return int('a')\nf()",
    "def f():\n    return int(g())\ndef g():\n    raise ValueError('é')\nf()",
    "def é():\n    raise ValueError(1)\né()",
    "raise ValueError('é')  # é",
    "raise ValueError(1)   ",
    "raise ValueError(1); x = 1",
    "if True: raise ValueError(1)",
    "if True:\n\traise ValueError(1)",
    "assert False",
    "assert(False)",
    "assert False, 'why'",
    "undefined",
    "undefined(1)",
    "import os; os.nothing",
    "try:\n    1 / 0\nfinally:\n    raise ValueError(1)",
    "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError(1) from e",
    "try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise ValueError(1) from None",
    "def f(n):\n    f(n + 1) if n < 50 else int('a')\nf(0)",
    "def f(n):\n    if n:\n        f(n - 1)\n    raise ValueError(n)\nf(9)",
    "class E(ValueError): pass\nraise E(1)",
    "e = ValueError(1)\ne.attribute = 1\nraise e",
    "e = ValueError(1)\ngetattr(e, 'add_note', lambda n: None)('a note')\nraise e",
    "import json\njson.loads('{')",
    "(lambda: int('a'))()",
    "[int(c) for c in 'ab']",
    "print(int('a'))",
    "x = f = int\ny = f('a')",
    "not int('a')",
    "raise ValueError(\n  1)",
    "sorted([1, 'a'])",
    "exec('raise ValueError(1)')",
    "eval('1 / 0')",
    "raise OSError(2, 'No such file', 'x')",
    "raise ValueError('a' * 600)",
    "x = 1\nx()",
    "x = 1\nx.y()",
    "with open: pass",
    "for x in 1: pass",
    "a, b = 1",
    "def f(a): pass\nf()",
    "async def f():\n    raise ValueError(1)\ntry:\n    f().send(None)\nfinally:\n    pass",
    "raise ValueError('\\ud800')",
    "for x in iter(int, 1): raise ValueError(1)",
    "while next(iter([])): pass",
    "if int('a'): pass",
    "if int('a'):\n    pass",
    "with open('/nowhere/at/all') as f:\n    pass",
    "def f():\n    return [][\n  1]\nf()",
    "del [][1]",
    "import nowhere_at_all",
    "from os import nowhere_at_all",
    "raise KeyError(\n    'x') from None",
    "def f(): return int('a')\nf()",
    "return_ = int('a')",
    "if True: int(1, 2)",
    "x = 1; int(1, 2)",
    "for x in int(1, 2): pass",
    "for x in int(1, 2):\n    pass",
    "while int(1, 2): pass",
    "assert int(1, 2)",
    "int(1, 2), 3",
    "int(1, 2).real",
    "print(1, int(1, 2))",
    "def f(): return int(1, 2)\nf()",
    "def f():\n    yield int(1, 2)\nnext(f())",
    "del int(1, 2).x",
    "raise int(1, 2)",
    "(int(1, 2))",
    "-int(1, 2)",
    "lambda: 0; int(1, 2)",
    "with int(1, 2): pass",
    "x: int = int(1, 2)",
    "x = [int(1, 2)]",
    "x = y, z = int(1, 2)",
]


def told(code: str) -> Tuple[Optional[Dict[str, Any]], str, List[Any]]:
    """What `plain` makes of the exception of some code, and what the library does: text and frames."""
    sources = Sources()
    sources.add("<cell 1>", code)
    try:
        exec(compile(code, "<cell 1>", "exec", 0, True), {"__name__": "__main__"})
    except BaseException as problem:
        tb = tracebacks.user_part(problem.__traceback__, sources.__contains__)
        quick = plain(problem, sources.__contains__, tracebacks.is_own)
        formatted = traceback.TracebackException(type(problem), problem, tb)
        if quick is not None:
            whole = tracebacks.described(problem, sources.__contains__)
            assert json.loads(quick) == whole, (json.loads(quick), whole)
        return quick and json.loads(quick), "".join(formatted.format()), tracebacks._frames(formatted)
    raise AssertionError(f"no exception: {code}")


def _raise() -> None:
    raise KeyboardInterrupt


class PlainTracebacks(unittest.TestCase):
    """The library is the judge."""

    maxDiff = None

    def test_what_is_told_plainly_is_what_the_library_says(self) -> None:
        for code in ANY:
            with self.subTest(code):
                quick, text, frames = told(code)
                if quick is not None:
                    self.assertEqual(quick["traceback"], text)
                    self.assertEqual(quick["frames"], frames)

    def test_the_plain_ones_are_told_plainly(self) -> None:
        for code in PLAIN:
            with self.subTest(code):
                self.assertIsNotNone(told(code)[0])

    def test_what_is_not_plain_is_left_to_the_library(self) -> None:
        for code in ANY:
            if (
                " from e" in code
                or ("note" in code and sys.version_info >= (3, 11))
                or "class E" in code
                or "f(n + 1)" in code
            ):
                with self.subTest(code):
                    self.assertIsNone(told(code)[0])

    def test_what_no_user_code_raised_is_left_to_the_library(self) -> None:
        self.assertIsNone(plain(ValueError("x"), bool, bool))

    def test_a_message_that_user_code_makes_is_left_to_who_guards_it(self) -> None:
        for argument in ("[]", "type('S', (str,), {})()", "object()", "1, print"):
            with self.subTest(argument):
                self.assertIsNone(told(f"raise ValueError({argument})")[0])
        for argument in ("'text'", "1, 2.5", "None, True", ""):
            with self.subTest(argument):
                self.assertIsNotNone(told(f"raise ValueError({argument})")[0])

    def test_a_cache_of_lines_that_user_code_spoilt_is_left_to_the_library(self) -> None:
        entries = [(1, None, lines, "x") for lines in (None, [], [None], [b"x"])]
        for spoilt in (None, (), *entries):
            with self.subTest(spoilt):
                sources = Sources()
                sources.add("<cell 1>", "raise ValueError")
                try:
                    exec(compile("raise ValueError", "<cell 1>", "exec"), {})
                except ValueError as problem:
                    linecache.cache["<cell 1>"] = spoilt  # type: ignore[assignment]
                    self.assertIsNone(plain(problem, sources.__contains__, tracebacks.is_own))

    @unittest.skipIf(sys.version_info < (3, 11), "there are no marks before 3.11")
    def test_marks_are_told_where_they_are_simple(self) -> None:
        code = "int(1, 2)" if sys.version_info >= (3, 13) else "def f():\n    raise ValueError(1)\nx = f()"
        quick, text, _ = told(code)
        self.assertIsNotNone(quick)
        self.assertIn("^", text)

    def test_the_runners_own_frames_are_left_out(self) -> None:
        sources = Sources()
        sources.add("<cell 1>", "call()")
        try:
            exec(compile("call()", "<cell 1>", "exec"), {"call": lambda: _raise()})
        except KeyboardInterrupt as problem:
            quick = plain(problem, sources.__contains__, lambda name: name == __file__)
            assert quick is not None
            self.assertEqual([frame["file"] for frame in json.loads(quick)["frames"]], ["<cell 1>"])
            self.assertTrue(json.loads(quick)["traceback"].endswith("\nKeyboardInterrupt\n"))


if __name__ == "__main__":
    unittest.main()
