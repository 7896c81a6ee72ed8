"""State between executions: values, history, `__main__`, exits, `argv`."""

import os
import unittest
from typing import Any, ClassVar, Dict

from session_case import SessionCase


class Values(SessionCase):
    def test_a_name_survives_to_the_next_execution(self) -> None:
        self.ok("x = 41")
        self.assertEqual(self.value("x + 1"), 42)

    def test_the_value_is_that_of_a_trailing_expression_only(self) -> None:
        self.assertIsNone(self.ok("x = 1").value)
        self.assertIsNone(self.ok("1; y = 2").value)
        self.assertEqual(self.ok("y = 5\ny * 2").value, "10")
        self.assertIsNone(self.ok("None").value)
        self.assertIsNone(self.ok("").value)
        self.assertIsNone(self.ok("# nothing but a comment").value)
        self.assertEqual(self.ok("if True:\n    7\n8").value, "8")

    def test_json_is_given_only_where_it_is_exact(self) -> None:
        for code, exact in [
            ("42", "42"),
            ("2**64 - 1", "18446744073709551615"),
            ("2**64", None),
            ("[10**400]", None),
            ("True", "true"),
            ("1.5", "1.5"),
            ("'a\"b'", '"a\\"b"'),
            ("[1, [2.5, None], {'a': 'ü'}]", '[1,[2.5,null],{"a":"ü"}]'),
            ("(1, 2)", None),
            ("float('nan')", None),
            ("{1: 2}", None),
            ("[float('inf')]", None),
            ("b'x'", None),
            ("'\\udc80'", None),
            ("__import__('enum').IntEnum('E', 'A').A", None),
            ("[(1,)]", None),
        ]:
            with self.subTest(code):
                self.assertEqual(self.ok(code).json, exact)

    def test_a_list_that_holds_itself_has_no_json_and_a_repr(self) -> None:
        outcome = self.ok("a = []; a.append(a); a")
        self.assertEqual((outcome.value, outcome.json), ("[[...]]", None))

    def test_a_deep_or_exploding_list_has_no_json_and_costs_no_time(self) -> None:
        self.assertIsNone(self.ok("a = []\nfor _ in range(150): a = [a]\na").json)
        self.ok("a = [1]\nfor _ in range(40): a = [a, a]")
        self.assertIsNone(self.ok("class S:\n    def __repr__(s): return 's'\n[a, S()][1]").json)
        self.ok("from hibernaculum_runner.session.values import exact_json")
        self.assertIsNone(self.ok("exact_json(a, 1 << 24)").value)

    def test_a_repr_that_raises_is_told_and_does_not_fail_the_execution(self) -> None:
        outcome = self.ok("class A:\n    def __repr__(self): raise ValueError('no')\nA()")
        self.assertEqual(outcome.value, "<A object; repr failed: ValueError: no>")

    def test_a_repr_that_is_no_text_is_told(self) -> None:
        outcome = self.ok("class A:\n    def __repr__(self): return 5\nA()")
        self.assertIn("<A object; repr failed: TypeError:", outcome.value or "")

    def test_a_huge_repr_is_cut_where_asked_and_says_by_how_much(self) -> None:
        outcome = self.ok("'x' * 1000", value_bytes=100)
        self.assertEqual(outcome.value, "'" + "x" * 99)
        self.assertEqual(outcome.reply["value"]["cut"], 902)
        wide = self.ok("'\\u20ac' * 1000", value_bytes=100)
        self.assertEqual((wide.value, wide.reply["value"]["cut"]), ("'" + "\u20ac" * 33, 3002 - 100))

    def test_a_value_of_ten_megabytes_arrives_whole(self) -> None:
        outcome = self.ok("'ab' * 5_000_000")
        self.assertEqual(outcome.value, "'" + "ab" * 5_000_000 + "'")
        self.assertEqual(outcome.json, '"' + "ab" * 5_000_000 + '"')

    def test_lone_surrogates_are_escaped_wherever_they_stand(self) -> None:
        self.assertEqual(self.ok("'\\udc80'").value, "'\\udc80'")
        self.assertEqual(self.ok("class A:\n    def __repr__(self): return '\\udc80'\nA()").value, "\\udc80")
        self.assertEqual(self.run_code("raise ValueError('a\\ud800b')").error["message"], "a\\ud800b")
        self.assertEqual(self.ok("print('\\udc80!')").text(), "\\udc80!\n")
        outcome = self.ok("globals()['n\\udc80'] = 1")
        self.assertEqual(outcome.reply["changes"]["added"][0]["name"], "n\\udc80")
        self.assertEqual(self.value("1 + 1"), 2)

    def test_the_reply_tells_times_memory_and_count(self) -> None:
        outcome = self.ok("sum(i * i for i in range(300000))")
        timings = outcome.reply["timings"]
        self.assertGreater(timings["run_us"], 1000)
        self.assertGreater(outcome.reply["cpu_us"], 1000)
        self.assertGreater(outcome.reply["memory_bytes"], 1 << 20)
        self.assertEqual(outcome.reply["count"], 1)
        grown = self.ok("block = b'x' * 50_000_000")
        self.assertGreater(grown.reply["memory_delta"], 40_000_000)


class History(SessionCase):
    def test_underscores_hold_the_last_three_values(self) -> None:
        for code in ("1", "2", "3", "None", "x = 9"):
            self.ok(code)
        self.assertEqual(self.value("[_, __, ___]"), [3, 2, 1])

    def test_out_and_in_are_kept_as_in_ipython(self) -> None:
        self.ok("'first'")
        self.ok("x = 1")
        self.assertEqual(self.value("[Out[1], In[1], In[2]]"), ["first", "'first'", "x = 1"])
        self.assertEqual(self.value("sorted(Out)"), [1, 3])

    def test_an_underscore_of_user_code_is_left_alone(self) -> None:
        self.ok("_ = 'mine'")
        self.ok("5")
        self.assertEqual(self.value("_"), "mine")

    def test_an_execution_without_history_leaves_no_trace_in_it(self) -> None:
        self.ok("1")
        self.ok("2", store_history=False)
        outcome = self.ok("[_, len(In), sorted(Out)]")
        self.assertEqual((outcome.value, outcome.reply["count"]), ("[1, 3, [1]]", 2))

    def test_out_is_bounded(self) -> None:
        for _ in range(1010):
            self.session.execute("0")
        self.assertLessEqual(self.value("len(Out)"), 1000)
        self.assertEqual(self.value("In[2]"), "")


class Main(SessionCase):
    def test_main_is_the_users_module(self) -> None:
        self.assertTrue(self.value("__name__ == '__main__'"))
        self.assertTrue(self.value("import sys; sys.modules['__main__'].__dict__ is globals()"))
        self.assertEqual(self.value("ran = 0\nif __name__ == '__main__':\n    ran = 1\nran"), 1)
        self.assertFalse(self.value("'__file__' in globals()"))

    def test_what_a_session_defines_can_be_pickled(self) -> None:
        self.ok("import pickle\nclass P:\n    def __init__(s, v): s.v = v\ndef f(): return 7")
        self.assertEqual(self.value("pickle.loads(pickle.dumps(P(3))).v"), 3)
        self.assertEqual(self.value("pickle.loads(pickle.dumps(f))()"), 7)

    def test_dataclasses_work(self) -> None:
        code = "from dataclasses import dataclass\n@dataclass\nclass D:\n    a: int\n    b: 'str' = 'x'\nD(1)"
        self.assertEqual(self.ok(code).value, "D(a=1, b='x')")

    def test_nothing_of_the_runner_leaks_into_the_namespace(self) -> None:
        names = self.value("sorted(globals())")
        self.assertEqual(
            names,
            sorted(
                [
                    "In",
                    "Out",
                    "_",
                    "__",
                    "___",
                    "__builtins__",
                    "__doc__",
                    "__loader__",
                    "__name__",
                    "__package__",
                    "__spec__",
                ]
            ),
        )

    def test_the_workdir_comes_first_on_the_path(self) -> None:
        with open(os.path.join(self.host.workdir, "neighbour.py"), "w") as file:
            file.write("answer = 42\n")
        self.assertEqual(self.value("import neighbour; neighbour.answer"), 42)
        self.assertEqual(self.value("import sys; sys.path[0]"), os.path.realpath(self.host.workdir))
        self.assertEqual(self.value("import os; os.getcwd()"), os.path.realpath(self.host.workdir))

    def test_the_session_is_named_in_its_environment(self) -> None:
        self.assertEqual(self.value("import os; os.environ['HIBERNACULUM_SESSION']"), self.session.name)

    def test_future_imports_stay_in_force_and_ours_do_not_leak(self) -> None:
        self.assertEqual(self.ok("n = 1\ndef f(a: n + 1): pass\nf.__annotations__['a']").value, "2")
        self.ok("from __future__ import annotations")
        self.assertEqual(self.ok("def f(a: n + 1): pass\nf.__annotations__['a']").value, "'n + 1'")

    def test_a_file_sees_itself_as_a_script_does(self) -> None:
        folder = os.path.join(self.host.workdir, "scripts")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "beside.py"), "w") as file:
            file.write("name = 'beside'\n")
        path = os.path.join(folder, "run.py")
        code = "import sys, beside\n[sys.argv, __file__, beside.name, sys.path[0]]"
        outcome = self.ok(code, filename=path, argv=[path, "-v"])
        self.assertEqual(outcome.json, f'[["{path}","-v"],"{path}","beside","{folder}"]')

    def test_the_hello_may_set_argv(self) -> None:
        other = self.host.session("with-argv", argv=["prog", "a"])
        self.assertEqual(other.value("import sys; sys.argv"), ["prog", "a"])
        other.close()


class Exits(SessionCase):
    def test_sys_exit_ends_the_execution_and_the_session_lives(self) -> None:
        self.ok("x = 1")
        for code, exit_code in [
            ("sys.exit()", 0),
            ("sys.exit(3)", 3),
            ("sys.exit('bye')", 1),
            ("exit(4)", 4),
            ("raise SystemExit", 0),
        ]:
            with self.subTest(code):
                outcome = self.run_code("import sys; " + code)
                self.assertEqual((outcome.status, outcome.type), ("failed", "SystemExit"))
                self.assertEqual(outcome.error["exit_code"], exit_code)
        self.assertEqual(self.value("x"), 1)

    def test_other_errors_have_no_exit_code(self) -> None:
        self.assertNotIn("exit_code", self.run_code("1/0").error)

    def test_exit_leaves_stdin_usable(self) -> None:
        self.run_code("exit()")
        self.assertEqual(self.run_code("input()", answers=["back"]).value, "'back'")

    def test_os_exit_is_a_crash_that_names_its_code(self) -> None:
        self.begin("import os; print('last words'); os._exit(7)")
        died = self.host.control.notice("died", session=self.session.name)
        self.assertEqual(died["cause"], {"exit": 7})

    def test_a_segfault_is_a_crash_that_names_its_signal(self) -> None:
        self.begin("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
        died = self.host.control.notice("died", session=self.session.name)
        self.assertEqual(died["cause"], {"signal": 11, "name": "SIGSEGV"})

    def test_recursion_and_memory_errors_are_ordinary_failures(self) -> None:
        outcome = self.run_code("def f(): return f()\nf()")
        self.assertEqual((outcome.status, outcome.type), ("failed", "RecursionError"))
        self.assertLess(len(outcome.error["frames"]), 250)
        outcome = self.run_code("x = bytearray(1 << 62)")
        self.assertEqual((outcome.status, outcome.type), ("failed", "MemoryError"))
        self.assertEqual(self.value("1 + 1"), 2)

    def test_atexit_handlers_do_not_run_when_a_session_is_closed(self) -> None:
        mark = os.path.join(self.host.workdir, "atexit-ran")
        other = self.host.session("closing")
        other.execute(f"import atexit; atexit.register(lambda: open({mark!r}, 'w').close())")
        self.assertTrue(other.close())
        self.assertFalse(os.path.exists(mark))


class Requests(SessionCase):
    def test_an_unknown_method_is_refused_by_name(self) -> None:
        from host import RefusedError

        with self.assertRaises(RefusedError) as caught:
            self.session.connection.request("checkpoint.melt")
        self.assertEqual((caught.exception.number, caught.exception.code), (-32601, "transport.protocol"))
        self.assertIn("checkpoint.melt", caught.exception.data["what"])
        self.assertEqual(self.value("1 + 1"), 2)

    def test_wrong_parameters_are_refused_and_cost_nothing(self) -> None:
        from host import RefusedError

        for params in (
            {},
            {"execution": 1},
            {"execution": "1", "code": ""},
            {"execution": 0, "code": ""},
            {"execution": 1, "code": 5},
            {"execution": 1, "code": "", "first_line": "x"},
            {"execution": 1, "code": "", "id": "exe_1", "stdin": "ask", "value_bytes": 9, "first_line": "x"},
            {"execution": 1, "code": "", "id": "exe_1", "stdin": None, "value_bytes": None, "filename": 5},
            {"execution": 1, "code": "", "value_bytes": "x"},
            {"execution": 1, "code": "", "stdin": "ask", "value_bytes": 9, "argv": "x"},
            {"execution": 1, "code": "", "transaction": 5},
            {"execution": 1, "code": {"transfer": 99, "bytes": 1}},
        ):
            with self.subTest(params), self.assertRaises(RefusedError) as caught:
                self.session.connection.request("execute", **params)
            self.assertEqual((caught.exception.number, caught.exception.code), (-32602, "transport.protocol"))
        self.assertEqual(self.value("1 + 1"), 2)

    def test_what_a_request_says_is_read_whatever_it_leaves_out(self) -> None:
        code = "__import__('sys')._getframe().f_code.co_filename"
        for others in ({}, {"stdin": "ask"}, {"stdin": "ask", "value_bytes": 99}, {"stdin": None, "value_bytes": None}):
            with self.subTest(others):
                self.assertEqual(self.ok(code, **others).value, repr(f"<cell {self.session.execution}>"))
                self.assertEqual(self.ok(code, filename="f.py", **others).value, "'f.py'")
                self.assertEqual(self.ok("5", store_history=False, **others).value, "5")
                self.assertEqual(self.ok("_", **others).value, "'f.py'")

    def test_code_of_ten_megabytes_runs(self) -> None:
        outcome = self.ok("x = '" + "a" * 10_000_000 + "'\nlen(x)")
        self.assertEqual(outcome.value, "10000000")

    def test_code_with_nul_or_surrogates_fails_with_a_message(self) -> None:
        outcome = self.run_code("x = 1\0")
        self.assertEqual(outcome.status, "failed")
        self.assertIn("null bytes", outcome.error["message"])
        self.assertEqual(self.value("2"), 2)

    def test_deeply_nested_code_fails_and_the_session_lives(self) -> None:
        outcome = self.run_code("(" * 5000 + ")" * 5000)
        self.assertEqual(outcome.status, "failed")
        self.assertEqual(self.value("2"), 2)


class Randomness(SessionCase):
    HOST: ClassVar[Dict[str, Any]] = {"preload": ["random"]}

    def test_siblings_draw_different_numbers(self) -> None:
        other = self.host.session("sibling")
        code = "import random; random.random()"
        self.assertNotEqual(self.value(code), other.value(code))
        other.close()


if __name__ == "__main__":
    unittest.main()
