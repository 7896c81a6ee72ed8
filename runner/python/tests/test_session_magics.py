"""`!`, `%` and `%%`: what model-written code takes from IPython."""

import os
import time
import unittest
from typing import List, Optional

from session_case import SessionCase

from hibernaculum_runner.session.magics.rewrite import LONGEST, NAME, rewritten


class Rewriting(unittest.TestCase):
    def becomes(self, text: str) -> Optional[str]:
        found = rewritten(text)
        return None if found is None else found.text.replace(NAME, "M")

    def test_lines_become_calls_where_they_stand(self) -> None:
        for text, wanted in (
            ("!ls -l", "M.system('ls -l')"),
            ("!!ls", "M.getoutput('ls')"),
            ("x = !ls", "x = M.getoutput('ls')"),
            ("a[0] = !ls", "a[0] = M.getoutput('ls')"),
            ("x = %pwd", "x = M.line('pwd', '')"),
            ("if x:\n    %time f()", "if x:\n    M.line('time', 'f()')"),
            ("%%bash -e\necho\nls", "M.cell('bash', '-e', 'echo\\nls', 2)"),
            ("\n\n%%time\n1", "\n\nM.cell('time', '', '1', 4)"),
            ("# why\n  \n  # how\n%%time\n1", "\n\n\nM.cell('time', '', '1', 5)"),
            ("%%bash\r\necho\r\nls\r\n", "M.cell('bash', '', 'echo\\nls\\n', 2)"),
            ("x = 1\r\n!ls\r\n", "x = 1\nM.system('ls')\n"),
            ("!a \\\n b\nx", "M.system('a   b')\n\nx"),
            ("len?", "M.help('len', 1)"),
            ("?os.path", "M.help('os.path', 1)"),
            ("f??", "M.help('f', 2)"),
        ):
            self.assertEqual(self.becomes(text), wanted, text)

    def test_what_is_within_strings_brackets_and_lines_is_left(self) -> None:
        for text in (
            "s = '''\n!ls\n%time x\n'''",
            'r"""\n\\"""\n!ls\n""" ',
            "f(1,\n%x\n)",
            "a = 5 \\\n%3",
            "x != 5",
            "print('what?')",
            "# !ls",
            "x = y != z",
            "'%d' \\\n% 5",
        ):
            self.assertIsNone(self.becomes(text), text)

    def test_text_of_many_megabytes_is_not_walked_through(self) -> None:
        self.assertIsNone(self.becomes("x = 1\n" * LONGEST + "!ls"))
        body = "x\n" * LONGEST
        self.assertEqual(self.becomes("%%writefile x\n" + body), f"M.cell('writefile', 'x', {body!r}, 2)")

    def test_a_magic_behind_such_text_is_seen(self) -> None:
        self.assertEqual(self.becomes("s = '''\n!a\n'''\n!b"), "s = '''\n!a\n'''\nM.system('b')")
        self.assertEqual(self.becomes("f(1,\n2)\n!b"), "f(1,\n2)\nM.system('b')")
        self.assertEqual(self.becomes("s = 'it''s' # '\n!b"), "s = 'it''s' # '\nM.system('b')")


class Magics(SessionCase):
    def raw_lines(self) -> List[str]:
        self.host.control.read_for(0.1)
        return self.session.raw().decode().split("\n")

    def fails(self, code: str, *words: str) -> None:
        outcome = self.run_code(code)
        self.assertEqual(outcome.type, "UsageError", outcome.reply)
        for word in words:
            self.assertIn(word, outcome.error["message"])

    def test_a_command_streams_and_leaves_its_exit_code(self) -> None:
        self.assertEqual(self.run_code("!echo one; echo two >&2; exit 3\n_exit_code").value, "3")
        self.assertEqual(self.raw_lines()[0], "one")
        self.assertEqual(self.session.raw("stderr"), b"two\n")

    def test_values_of_python_stand_in_commands(self) -> None:
        code = "y = 5\ndef f(z):\n    r = !echo {y + 1} {z} $y {nobody} ${HOME} $$y {{}}\n    return r\nf('a b')"
        self.assertEqual(self.run_code(code).value, f"['6 a b 5 {{nobody}} {os.environ['HOME']} {{}}']")

    def test_an_interrupt_ends_a_command_and_its_children(self) -> None:
        first, second = f"6000.{os.getpid()}", f"6001.{os.getpid()}"  # nobody else's
        request = self.session.begin(f"!sleep {first} & sleep {second}; true")
        self.host.control.notify("watch", session=self.session.name, execution=self.session.execution)
        time.sleep(0.3)
        self.host.control.notify("interrupt", session=self.session.name, execution=self.session.execution)
        self.assertEqual(self.session.connection.answer(request)["status"], "interrupted")
        left = f"left = !pgrep -f 'sleep 600[01].{os.getpid()}' | xargs\nleft"
        self.assertIn(self.run_code(left).value, ("[]", "['']"))

    def test_an_interrupt_of_the_wait_for_a_stubborn_command_ends_it_at_once(self) -> None:
        self.run_code("!true")
        longer = "import sys\nsys.modules['hibernaculum_runner.session.magics.shell']._GRACE = 60.0"
        self.assertEqual(self.run_code(longer).status, "completed")  # than any machine is slow
        request = self.begin("!trap '' INT; echo $$$$; while :; do sleep 600; done")
        self.host.control.until(lambda: self.session.raw().endswith(b"\n"), "the command's process id")
        command = int(self.session.raw())
        self.interrupt()
        self.host.control.read_for(0.5)  # `subprocess` itself waits for a quarter of a second first
        began = time.monotonic()
        self.interrupt()
        self.assertEqual(self.end(request).status, "interrupted")
        self.assertLess(time.monotonic() - began, 10, "it waited for the rest of the grace")
        self.assertFalse(os.path.exists(f"/proc/{command}"))

    def test_scripts(self) -> None:
        self.assertEqual(self.run_code("%%bash --out text\necho $((6 * 7))").status, "completed")
        self.assertEqual(self.run_code("text").value, "'42\\n'")
        outcome = self.run_code("%%sh\nexit 4")
        self.assertEqual((outcome.type, self.run_code("_exit_code").value), ("CalledProcessError", "4"))
        self.assertEqual(self.run_code("%%bash --no-raise-error\nexit 5\n").status, "completed")
        self.fails("%%script nosuchprogram\nx", "nosuchprogram")
        self.fails("%%script\nx", "needs a program")

    def test_times(self) -> None:
        outcome = self.run_code("%time 6 * 7")
        self.assertEqual(outcome.value, "42")
        self.assertIn("Wall time: ", outcome.text())
        outcome = self.run_code("%%time\nx = 6\nx * 7")
        self.assertEqual((outcome.value, self.run_code("x").value), ("42", "6"))
        self.assertIn("per loop (mean", self.run_code("%timeit -n 10 -r 2 sum(range(10))").text())
        self.assertEqual(self.run_code("%timeit -n 1 -r 1 -q -o 1").value[:2].strip("0123456789."), "")
        self.assertIn("function calls", self.run_code("%prun sorted([2, 1])").text())
        self.fails("%timeit -z 1", "-z", "-n")
        self.fails("%timeit -n 0 1", "above 0")
        self.fails("%time", "needs code")

    def test_code_within_magics_may_await(self) -> None:
        self.assertEqual(self.run_code("import asyncio\n%time await asyncio.sleep(0, 7)").value, "7")
        self.assertEqual(self.run_code("%%time\nawait asyncio.sleep(0, 8)").value, "8")

    def test_tracebacks_show_the_users_lines(self) -> None:
        outcome = self.run_code("x = 1\n%time 1 / 0")
        self.assertIn("line 2, in <module>\n    %time 1 / 0\n", outcome.traceback)
        self.assertNotIn("hibernaculum", outcome.traceback)
        outcome = self.run_code("%%time\nx = 1\n1 / 0")
        self.assertIn("line 3, in <module>\n    1 / 0\n", outcome.traceback)
        outcome = self.run_code("!true\nx = = 5")
        self.assertEqual(outcome.type, "SyntaxError")
        self.assertIn("    x = = 5\n", outcome.traceback)
        self.assertNotIn("During handling", outcome.traceback)

    def test_directories_and_variables(self) -> None:
        here = self.run_code("%pwd").json
        self.assertEqual(self.run_code("import os\nos.mkdir('inner')\n%cd inner").text(), f"{here[1:-1]}/inner\n")
        self.assertEqual(self.run_code("%cd -\nos.getcwd()").json, here)
        self.assertEqual(self.run_code("%env HIB_TEST=a b").text(), "env: HIB_TEST=a b\n")
        self.assertEqual(self.run_code("%env HIB_TEST").value, "'a b'")
        self.assertEqual(self.run_code("x = !echo $HIB_TEST\nx").value, "['a b']")
        self.assertEqual(self.run_code("e = %env\ne['HIB_TEST']").value, "'a b'")
        self.fails("%cd nowhere", "nowhere", "No such file")
        self.fails("%env HIB_NOTHING", "HIB_NOTHING")

    def test_files_are_written_and_run(self) -> None:
        self.assertEqual(
            self.run_code("%%writefile tool.py\nimport sys\nvalue = sys.argv[1:]").text(), "Writing tool.py\n"
        )
        self.assertEqual(self.run_code("%%writefile -a tool.py\nname = __name__").text(), "Appending to tool.py\n")
        ran = self.run_code("%run tool.py one 'two words'\nvalue, name")
        self.assertEqual(ran.value, "(['one', 'two words'], '__main__')")
        self.assertEqual(self.run_code("'__file__' in globals()").value, "False")
        self.assertEqual(self.run_code("import tool; tool.name").value, "'tool'")
        self.assertEqual(self.run_code("%run -n tool.py\nname").value, "'tool'")
        self.assertEqual(self.run_code("%%writefile broken.py\n1 / 0").status, "completed")
        self.assertIn("broken.py", self.run_code("%run broken.py").traceback)
        self.fails("%run nowhere.py", "nowhere.py")
        self.fails("%run 'tool.py", "%run", "no closing quotation")
        self.fails("%%script 'perl\nx", "%%script", "no closing quotation")
        self.fails("%%writefile\nx", "needs a path")

    def test_names_are_told_without_running_their_code(self) -> None:
        self.run_code("class Loud:\n    def __repr__(self): raise ValueError\na, b, c = 1, 'x', Loud()")
        self.assertEqual(self.run_code("%who int").text(), "a\n")
        told = self.run_code("%whos").text()
        self.assertIn("Loud", told)
        self.assertEqual(self.run_code("%who_ls str").value, "['b']")
        self.assertEqual(self.run_code("%reset -f").status, "completed")
        self.assertEqual(self.run_code("%who").text(), "There are no names yet.\n")

    def test_help(self) -> None:
        self.assertIn("Docstring", self.run_code("len?").text())
        self.assertIn("    return 1", self.run_code("def one():\n    return 1\none??").text())
        self.fails("nothing_here?", "nothing_here")

    def test_output_is_captured(self) -> None:
        outcome = self.run_code("%%capture kept\nprint('out')")
        self.assertEqual((outcome.text(), self.run_code("kept.stdout").value), ("", "'out\\n'"))
        self.fails("%%capture not a name\n1", "no name")

    def test_unknown_ones_name_the_nearest(self) -> None:
        self.fails("%timee 1", "%time")
        self.fails("%%tim\n1", "%%time")
        self.fails("%bash ls", "%%bash")
        self.fails("%%cd\n/", "%cd")
        self.fails("%zzzzzz", "%lsmagic")

    def test_what_needs_ipython_says_so_and_goes_on(self) -> None:
        outcome = self.run_code("%load_ext autoreload\n%autoreload 2\n%matplotlib inline\n7")
        self.assertEqual(outcome.value, "7")
        self.assertIn("%autoreload does nothing here", outcome.text("stderr"))

    def test_forms_are_displayed(self) -> None:
        outcome = self.run_code("%%html\n<b>x</b>")
        displays = [event for event in outcome.events if event["event"] == "display"]
        self.assertEqual(displays[0]["data"]["text/html"], "<b>x</b>")

    def test_the_value_of_an_expression_is_displayed_where_it_is_rich(self) -> None:
        outcome = self.run_code("class Rich:\n    def _repr_html_(self): return '<i>'\nRich()")
        displays = [event for event in outcome.events if event["event"] == "display"]
        self.assertEqual([one["data"]["text/html"] for one in displays], ["<i>"])
        self.assertEqual([e for e in self.run_code("object()").events if e["event"] == "display"], [])

    def test_only_the_display_of_the_value_says_that_it_is(self) -> None:
        rich = "class Rich:\n    def _repr_html_(self): return '<i>'\nrich = Rich()\n"
        for code, expected in (
            ("display(rich)\nrich", [None, True]),
            ("display(rich)", [None]),
            ("display(rich, display_id='a', update=True)\n1", [None]),
            ("_ = rich", []),
        ):
            displays = [event for event in self.run_code(rich + code).events if event["event"] == "display"]
            self.assertEqual([one.get("result") for one in displays], expected, code)

    def test_a_value_that_tells_only_text_of_its_own_is_displayed(self) -> None:
        worm = (
            "class Worm:\n    def __repr__(self): return 'W'\n    def _repr_mimebundle_(self, **_): return FORM\nWorm()"
        )
        for form, expected in (
            ("{'text/plain': 'a worm'}", [{"text/plain": "a worm"}]),
            ("{'text/plain': None, 'text/x': 'y'}", [{"text/x": "y"}]),
            ("{}", []),
            ("None", []),
        ):
            outcome = self.run_code(worm.replace("FORM", form))
            displays = [event for event in outcome.events if event["event"] == "display"]
            self.assertEqual([one["data"] for one in displays], expected, form)
            self.assertEqual(outcome.value, "W")

    def test_a_mimebundle_is_asked_for_as_ipython_asks(self) -> None:
        asked = "def _repr_mimebundle_(self, include, exclude"
        for form, metadata in (
            (f"{asked}): return {{'text/html': repr((include, exclude))}}", {}),
            (f"{asked}, **more): return {{'text/html': repr((include, exclude))}}, {{'wide': True}}", {"wide": True}),
            (f"{asked}): return {{'text/html': repr((include, exclude))}}, None", {}),
            ("def _repr_mimebundle_(self): return {'text/html': '(None, None)'}", {}),
            ("def _repr_mimebundle_(self, *a, **k): return {'text/html': repr((k['include'], k['exclude']))}", {}),
        ):
            outcome = self.ok(f"class Rich:\n    {form}\nRich()")
            (display,) = [event for event in outcome.events if event["event"] == "display"]
            self.assertEqual((display["data"]["text/html"], display["metadata"]), ("(None, None)", metadata), form)
        failing = "class Rich:\n    calls = 0\n    def _repr_mimebundle_(self, **options):\n        "
        outcome = self.ok(failing + "Rich.calls += 1\n        raise TypeError\nRich()")
        self.assertEqual([event for event in outcome.events if event["event"] == "display"], [])
        self.assertEqual(self.ok("Rich.calls").value, "1")


if __name__ == "__main__":
    unittest.main()
