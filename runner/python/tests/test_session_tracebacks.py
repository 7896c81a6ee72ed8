"""Exceptions as the host sees them, and the sources of what a session defined."""

import sys
import unittest

from session_case import SessionCase


class Tracebacks(SessionCase):
    def test_a_traceback_has_the_users_frames_with_their_lines(self) -> None:
        outcome = self.run_code("def f(x):\n    return 1 / x\n\nf(0)")
        lines = [line for line in outcome.traceback.splitlines() if line.strip(" ^~") != ""]
        self.assertEqual(
            lines,
            [
                "Traceback (most recent call last):",
                '  File "<cell 1>", line 4, in <module>',
                "    f(0)",
                '  File "<cell 1>", line 2, in f',
                "    return 1 / x",
                "ZeroDivisionError: division by zero",
            ],
        )
        self.assertEqual(
            outcome.error["frames"],
            [
                {"file": "<cell 1>", "line": 4, "function": "<module>", "source": "f(0)"},
                {"file": "<cell 1>", "line": 2, "function": "f", "source": "return 1 / x"},
            ],
        )
        self.assertEqual(
            (outcome.type, outcome.error["module"], outcome.error["message"]),
            ("ZeroDivisionError", "builtins", "division by zero"),
        )

    def test_a_function_of_an_earlier_execution_shows_its_own_source(self) -> None:
        self.ok("def early():\n    raise KeyError('k')")
        for i in range(300):
            self.session.execute(f"{i}")
        outcome = self.run_code("early()")
        self.assertIn("    raise KeyError('k')", outcome.traceback)

    def test_library_frames_stay_below_the_users(self) -> None:
        outcome = self.run_code("import json\njson.loads('{')")
        self.assertEqual(outcome.error["frames"][0]["file"], "<cell 1>")
        self.assertTrue(any("json" in frame["file"] for frame in outcome.error["frames"][1:]))

    def test_a_syntax_error_points_at_its_place(self) -> None:
        outcome = self.run_code("x = 1\ny = = 2")
        self.assertEqual(outcome.type, "SyntaxError")
        self.assertIn('  File "<cell 1>", line 2\n    y = = 2\n        ^\n', outcome.traceback)
        self.assertNotIn("Traceback", outcome.traceback)
        self.assertEqual(self.run_code("def f():\nreturn").type, "IndentationError")
        self.assertIn("<cell 3>", self.run_code("return 5").traceback)

    def test_causes_contexts_and_notes_are_told(self) -> None:
        outcome = self.run_code("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('outer') from e")
        self.assertIn("The above exception was the direct cause", outcome.traceback)
        outcome = self.run_code("try:\n    1 / 0\nexcept ZeroDivisionError:\n    undefined")
        self.assertIn("During handling of the above exception", outcome.traceback)
        self.assertNotIn("hibernaculum", outcome.traceback)
        if sys.version_info >= (3, 11):
            self.assertIn("a note", self.run_code("e = ValueError('x'); e.add_note('a note'); raise e").traceback)

    @unittest.skipIf(sys.version_info < (3, 11), "exception groups came with 3.11")
    def test_exception_groups_are_told_whole(self) -> None:
        outcome = self.run_code(
            "import asyncio\n"
            "async def a(): raise ValueError('one')\n"
            "async def b(): raise KeyError('two')\n"
            "async with asyncio.TaskGroup() as t:\n"
            "    t.create_task(a()); t.create_task(b())"
        )
        self.assertEqual(outcome.type, "ExceptionGroup")
        for text in ("ValueError: one", "KeyError: 'two'", "in a"):
            self.assertIn(text, outcome.traceback)
        self.assertNotIn("hibernaculum", outcome.traceback)

    def test_what_prints_does_not_show_the_runner(self) -> None:
        outcome = self.run_code("class W:\n    def __str__(self): raise ValueError('in str')\nprint(W())")
        self.assertNotIn("hibernaculum", outcome.traceback)
        outcome = self.run_code("import sys; sys.stdout.write(5)")
        self.assertNotIn("hibernaculum", outcome.traceback)

    def test_hostile_exceptions_are_told_somehow(self) -> None:
        for name, code in {
            "str raises": "class E(Exception):\n    def __str__(self): raise ValueError('no')\nraise E",
            "str is no text": "class E(Exception):\n    def __str__(self): return 5\nraise E",
            "str exits": "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E",
            "name lies": "class M(type):\n"
            "    __name__ = property(lambda c: 1 / 0)\n"
            "    __module__ = property(lambda c: 1 / 0)\n"
            "class E(Exception, metaclass=M): pass\n"
            "raise E('x')",
            "a cause that is itself": "e = ValueError('x'); e.__cause__ = e; raise e",
            "a circle": "a, b = ValueError('a'), ValueError('b'); a.__context__ = b; b.__context__ = a; raise a",
            "odd notes": "e = ValueError('x'); e.__notes__ = 5; raise e",
            "a class of BaseException": "class E(BaseException): pass\nraise E('base')",
            "GeneratorExit": "raise GeneratorExit",
            "getattribute raises": "class E(Exception):\n"
            "    def __getattribute__(self, n): raise ValueError(n)\n"
            "raise E",
            "a huge message": "raise ValueError('x' * 3_000_000)",
            "syntax error with odd parts": "raise SyntaxError('m', (5, 'a', None, b'x'))",
        }.items():
            with self.subTest(name):
                outcome = self.run_code(code)
                self.assertEqual(outcome.status, "failed")
                self.assertTrue(outcome.type)
                self.assertTrue(outcome.traceback)
                self.assertLess(len(outcome.traceback), 3 << 20)
                self.assertEqual(self.value("1 + 1"), 2)

    def test_a_deep_stack_is_told_in_bounds(self) -> None:
        outcome = self.run_code(
            "import sys\n"
            "sys.setrecursionlimit(5000)\n"
            "def f(n): return g(n) if n else 1 / 0\n"
            "def g(n): return f(n - 1)\n"
            "f(1500)"
        )
        self.assertEqual(outcome.type, "ZeroDivisionError")
        self.assertLessEqual(len(outcome.error["frames"]), 200)
        self.assertLess(len(outcome.traceback), 1 << 20)

    def test_an_exception_lets_go_of_what_its_frames_held(self) -> None:
        self.ok(
            "import weakref\n"
            "class Big: pass\n"
            "def f():\n"
            "    global r\n"
            "    b = Big(); r = weakref.ref(b)\n"
            "    raise ValueError"
        )
        self.run_code("f()")
        self.assertTrue(self.value("r() is None"))

    def test_frames_of_a_file_show_its_name_and_its_own_line_numbers(self) -> None:
        outcome = self.run_code("x = 1\n1 / 0", filename="/somewhere/script.py", first_line=41)
        self.assertEqual(
            outcome.error["frames"],
            [{"file": "/somewhere/script.py", "line": 42, "function": "<module>", "source": "1 / 0"}],
        )
        self.ok("def earlier():\n    return 1 / 0\n", filename="/somewhere/two.py", first_line=1)
        outcome = self.run_code("\nearlier()", filename="/somewhere/two.py", first_line=10)
        self.assertEqual(
            [(f["line"], f["source"]) for f in outcome.error["frames"]], [(11, "earlier()"), (2, "return 1 / 0")]
        )
        outcome = self.run_code("y = = 1", filename="/somewhere/two.py", first_line=20)
        self.assertIn('File "/somewhere/two.py", line 20', outcome.traceback)


class Sources(SessionCase):
    def test_getsource_of_functions_and_classes_works(self) -> None:
        function = "def f(a):\n    return a  # kept\n"
        kind = "class C:\n    x = 1\n    def m(self): return 2\n"
        bare = "class Bare:\n    only: int = 1\n"
        self.ok(function + "\n" + kind + "\n" + bare)
        self.assertEqual(self.value("import inspect; inspect.getsource(f)"), function)
        self.assertEqual(self.value("inspect.getsource(C)"), kind)
        self.assertEqual(self.value("inspect.getsource(C.m)"), "    def m(self): return 2\n")
        self.assertEqual(self.value("inspect.getsource(Bare)"), bare)

    def test_getsource_works_in_the_execution_that_defines(self) -> None:
        self.assertEqual(
            self.value("class N:\n    y = 5\nimport inspect\ninspect.getsource(N)"), "class N:\n    y = 5\n"
        )

    def test_getsource_of_a_redefined_class_is_that_of_the_class_asked_about(self) -> None:
        self.ok("class R:\n    version: int = 1\nold = R")
        self.ok("class R:\n    version: int = 2\n")
        self.assertEqual(
            self.value("import inspect; [inspect.getsource(old), inspect.getsource(R)]"),
            ["class R:\n    version: int = 1\n", "class R:\n    version: int = 2\n"],
        )

    def test_getsource_of_a_dataclass_works(self) -> None:
        source = "@dataclass\nclass D:\n    a: int\n"
        self.ok("from dataclasses import dataclass\n" + source)
        self.assertIn("class D:\n    a: int\n", self.value("import inspect; inspect.getsource(D)"))

    def test_getsource_of_library_code_is_untouched(self) -> None:
        self.assertIn("def dumps", self.value("import inspect, json; inspect.getsource(json.dumps)"))
        self.assertIn("class JSONDecoder", self.value("inspect.getsource(json.JSONDecoder)"))
        self.assertEqual(self.run_code("inspect.getsource(int)").type, "TypeError")
        self.assertIn("def getfile", self.value("inspect.getsource(inspect)"))

    def test_the_table_of_sources_is_bounded(self) -> None:
        for i in range(600):
            self.session.execute(f"{i}")
        cells = self.value("import linecache; sum(1 for k in linecache.cache if k.startswith('<cell'))")
        self.assertLess(cells, 250)

    def test_a_preloaded_inspect_is_amended_too(self) -> None:
        from host import Host

        with Host(preload=["inspect", "asyncio", "getpass", "multiprocessing.pool"]) as host:
            session = host.session()
            self.assertEqual(
                session.value("class N:\n    y = 5\nimport inspect\ninspect.getsource(N)"), "class N:\n    y = 5\n"
            )
            self.assertEqual(session.value("import asyncio\nawait asyncio.sleep(0, 4)"), 4)


if __name__ == "__main__":
    unittest.main()
