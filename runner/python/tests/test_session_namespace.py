"""The names of a session: listed, read, bound and deleted, without a word of user code."""

import json
import os
import time
import unittest
from typing import Any, Dict

from session_case import SessionCase

TRAPS = """
class Meta(type):
    def __getattribute__(self, name): raise SystemExit(name)
    def __eq__(self, other): raise SystemExit('eq')
    def __hash__(self): raise SystemExit('hash')
    def __instancecheck__(self, other): raise SystemExit('instance')
class Trap(metaclass=Meta):
    def __getattribute__(self, name): raise SystemExit(name)
    def __repr__(self): raise SystemExit('repr')
    def __len__(self): raise SystemExit('len')
    def __sizeof__(self): raise SystemExit('sizeof')
    def __eq__(self, other): raise SystemExit('eq')
    def __hash__(self): raise SystemExit('hash')
    @property
    def shape(self): raise SystemExit('shape')
class List(list):
    def __len__(self): raise SystemExit('len')
    def __iter__(self): raise SystemExit('iter')
    def __repr__(self): raise SystemExit('repr')
class ndarray(Trap): pass
ndarray_module = type.__setattr__(ndarray, '__module__', 'numpy')
trap, tricky, faked, holder = Trap(), List([1, 2]), ndarray(), [Trap(), {1: Trap()}]
"""

# Every part of these that pandas would ask tells that it was asked.
ARRAYS = """
import datetime, pandas as pd, numpy as np
from pandas.api.extensions import ExtensionArray, ExtensionDtype
ran = []
class Kind(ExtensionDtype):
    name, type, na_value = 'mine', object, None
    def __str__(self): ran.append('str'); return 'mine'
    @classmethod
    def construct_array_type(cls): return Mine
class Mine(ExtensionArray):
    def __init__(self, items): self.items = items
    @classmethod
    def _from_sequence(cls, items, dtype=None, copy=False): return cls(list(items))
    dtype = property(lambda self: ran.append('dtype') or Kind())
    nbytes = property(lambda self: ran.append('nbytes') or 1)
    def __len__(self): ran.append('len'); return len(self.items)
    def __getitem__(self, at): ran.append('item'); return self.items[at] if type(at) is int else Mine(self.items[at])
    def isna(self): return np.zeros(len(self.items), bool)
    def copy(self): return Mine(self.items)
    def take(self, places, allow_fill=False, fill_value=None): return Mine([self.items[place] for place in places])
class Zone(datetime.tzinfo):
    def utcoffset(self, moment): return datetime.timedelta(0)
    def dst(self, moment): return None
    def tzname(self, moment): return 'Z'
    def __str__(self): ran.append('zone'); return 'Z'
class Label:
    def __repr__(self): ran.append('label'); return 'x'
class Array(np.ndarray):
    shape = property(lambda self: ran.append('shape') or (1,))
plain = pd.DataFrame({'a': [1, 2], 'b': [.5, 1.], 'c': pd.Categorical(['x', 'y'])})
wide = pd.DataFrame(np.zeros((2, 100_000)))
frame, column = pd.DataFrame({'a': Mine([1, 2]), 'b': [1, 2]}), pd.Series(Mine([1, 2]))
rows = pd.Series([1, 2], index=pd.Index(Mine([1, 2])))
zoned = pd.Series([datetime.datetime(2020, 1, 1, tzinfo=Zone())]).astype(pd.DatetimeTZDtype(tz=Zone()))
labelled = pd.DataFrame({Label(): [1]})
grid = np.zeros(3)
np.ndarray = Array
bound = grid.view(Array)
ran.clear()
"""


class Names(SessionCase):
    def ask(self, what: str, **params: Any) -> Dict[str, Any]:
        reply = self.session.names(what, **params)
        self.assertEqual(reply["status"], "completed", reply["error"])
        text = self.session.connection.decoder.text
        answer: Dict[str, Any] = json.loads(text(reply["value"]["json"]))
        if answer["answer"] == "repr":
            answer["repr"], answer["cut"] = text(reply["value"]["repr"]), reply["value"]["cut"]
        return answer

    def listed(self, **params: Any) -> Dict[str, Dict[str, Any]]:
        return {variable["name"]: variable for variable in self.ask("list", **params)["variables"]}

    def test_a_new_session_has_no_names(self) -> None:
        self.assertEqual(self.ask("list"), {"answer": "listing", "variables": [], "more": 0})

    def test_builtin_values_are_told_in_full(self) -> None:
        self.ok("n = 42; s = 'grün'; l = [1, [2], 'x']; t = (1,); d = {'a': 1}; e = set(); big = 10**5000; x = None")
        names = self.listed()
        self.assertEqual(list(names), ["n", "s", "l", "t", "d", "e", "big", "x"])
        self.assertEqual({name: told["preview"] for name, told in names.items()}, {
            "n": "42", "s": "'grün'", "l": "[1, […], 'x']", "t": "(1,)", "d": "{'a': 1}", "e": "set()",
            "big": "<int of 16610 bits>", "x": "None",
        })  # fmt: skip
        self.assertEqual([names[name]["shape"] for name in "nsltd"], [None, [4], [3], [1], [1]])
        self.assertEqual([names[name]["serialisable"] for name in "nsltd"], ["yes", "yes", "unknown", "yes", "yes"])
        self.assertEqual({told["kind"] for told in names.values()}, {"data"})
        self.assertGreater(names["big"]["size"], 2000)

    def test_code_is_told_by_its_kind(self) -> None:
        self.ok("import math\ndef f(a, *rest, k=1, **more): pass\nclass C: pass\nclass D(C): pass")
        self.ok("c = C(); g = (i for i in [])")
        names = self.listed()
        kinds = {name: told["kind"] for name, told in names.items()}
        self.assertEqual(
            kinds, {"math": "module", "f": "callable", "C": "class", "D": "class", "c": "data", "g": "data"}
        )
        self.assertEqual(names["f"]["preview"], "f(a, *rest, k, **more)")
        self.assertEqual(names["D"]["preview"], "class D(C)")
        self.assertEqual((names["c"]["type"], names["c"]["module"]), ("C", "__main__"))
        self.assertEqual((names["g"]["serialisable"], names["math"]["serialisable"]), ("no", "yes"))
        self.assertEqual(list(self.listed(kinds=["class", "module"])), ["math", "C", "D"])

    def test_no_user_code_runs(self) -> None:
        self.ok(TRAPS)
        names = self.listed()
        self.assertEqual(names["trap"]["preview"], "<Trap object>")
        self.assertEqual(names["tricky"]["shape"], None)
        self.assertEqual(names["faked"]["preview"], "<numpy.ndarray object>")
        self.assertEqual(names["holder"]["preview"], "[<Trap>, {…}]")
        self.assertEqual(self.ask("get", name="trap")["answer"], "inexact")

    def test_no_user_code_runs_in_the_arrays_of_libraries(self) -> None:
        if self.run_code("import pandas").status != "completed":
            if "pandas" in os.environ.get("HIBERNACULUM_REQUIRE", "").split(","):
                self.fail("there is no pandas, as HIBERNACULUM_REQUIRE demands")
            self.skipTest("no pandas here")
        self.ok(ARRAYS)
        names = self.listed()
        told = {name: (names[name]["preview"], names[name]["shape"]) for name in names if names[name]["kind"] == "data"}
        self.assertEqual(told.pop("wide")[1], [2, 100_000])
        self.assertEqual(told, {
            "ran": ("[]", [0]),
            "plain": ("a int64, b float64, c category", [2, 3]),
            "frame": ("<pandas.DataFrame object>", None),
            "column": ("<pandas.Series object>", None),
            "rows": ("<pandas.Series object>", None),
            "zoned": ("datetime64[tz] series", [1]),
            "labelled": ("<Label> int64", [1, 1]),
            "grid": ("float64 array [0.0, 0.0, 0.0]", [3]),
            "bound": ("<Array object>", None),
        })  # fmt: skip
        self.assertEqual(names["grid"]["size"], 24)
        self.assertEqual(self.value("ran"), [])
        self.assertEqual(self.value("[len(column.array), ran]"), [2, ["len"]])  # they would tell

    def test_a_tensor_is_told_by_its_own_class_alone(self) -> None:
        torch = (
            "class Tensor:\n"
            "    dtype, device, shape = 'torch.float32', 'cpu', (2, 3)\n"
            "    def element_size(self): return 4\n"
            "    def nelement(self): return 6\n"
        )
        self.ok(f"with open('torch.py', 'w') as file: _ = file.write({torch!r})")
        self.ok("import torch; t = torch.Tensor()\nclass Tensor(torch.Tensor):\n    shape = property(print)")
        self.ok("Tensor.__module__ = 'torch'; torch.Tensor = Tensor; fake = Tensor(); held = [t]")
        names = self.listed()
        told = [names["t"][key] for key in ("preview", "shape", "size")]
        self.assertEqual(told, ["torch.float32 tensor on cpu", [2, 3], 24])
        told = [names["fake"][key] for key in ("preview", "shape")]
        self.assertEqual(told, ["<torch.Tensor object>", None])

    def test_names_are_chosen_by_prefix_and_are_text(self) -> None:
        self.ok("a1 = 1; a2 = 2; b = 3; __dunder__ = 4; _private = 5; globals()[7] = 6; globals()['\\ud800'] = 7")
        self.assertEqual(list(self.listed(prefix="a")), ["a1", "a2"])
        self.assertEqual(list(self.listed()), ["a1", "a2", "b", "_private", "\\ud800"])

    def test_ten_thousand_names_are_listed_and_the_rest_is_counted(self) -> None:
        self.ok("globals().update({f'n{i}': i for i in range(10_007)})")
        answer = self.ask("list")
        self.assertEqual((len(answer["variables"]), answer["more"]), (10_000, 7))

    def test_large_objects_cost_no_time(self) -> None:
        self.ok("text = 'x' * (256 << 20); numbers = [0] * (16 << 20); table = dict.fromkeys(range(1_000_000))")
        start = time.perf_counter()
        names = self.listed()
        self.assertLess(time.perf_counter() - start, 1)
        self.assertEqual(names["text"]["shape"], [256 << 20])
        self.assertGreater(names["text"]["size"], 256 << 20)
        self.assertEqual(len(names["text"]["preview"]), 200)
        self.assertEqual(names["numbers"]["serialisable"], "unknown")

    def test_values_are_read_as_json(self) -> None:
        self.ok("x = {'a': [1, 2.5, None]}; y = None; t = (1, 2); n = float('nan'); s = '\\ud800'")
        self.assertEqual(self.ask("get", name="x"), {"answer": "value", "value": {"a": [1, 2.5, None]}})
        self.assertEqual(self.ask("get", name="y"), {"answer": "value", "value": None})
        self.assertIn("`tuple`", self.ask("get", name="t")["why"])
        for name in "ns":
            self.assertEqual(self.ask("get", name=name)["answer"], "inexact")
        self.assertEqual(self.ask("get", name="nowhere"), {"answer": "unbound"})

    def test_a_repr_is_bounded_and_may_be_interrupted(self) -> None:
        self.ok("class Slow:\n    def __repr__(self):\n        while True: pass\nslow = Slow(); long = 'x' * 1000")
        self.assertEqual(self.ask("repr", name="long", value_bytes=10)["repr"], "'xxxxxxxxx")
        self.assertEqual(self.ask("repr", name="long", value_bytes=10)["cut"], 992)
        connection, session = self.session.connection, self.session
        session.execution += 1
        request = connection.ask("namespace.repr", execution=session.execution, name="slow")
        time.sleep(0.2)
        self.assertTrue(self.interrupt())
        self.assertEqual(connection.answer(request)["status"], "interrupted")
        self.assertEqual(self.value("1 + 1"), 2)

    def test_names_are_bound_and_deleted_and_no_execution_is_blamed(self) -> None:
        self.assertEqual(self.ask("set", name="x", value='{"a":[1,2]}'), {"answer": "done", "bound": False})
        self.assertEqual(self.ask("set", name="x", value="[1]"), {"answer": "done", "bound": True})
        outcome = self.ok("x")
        self.assertEqual((outcome.json, outcome.reply["changes"]["added"]), ("[1]", []))
        self.assertEqual(outcome.reply["count"], 1)
        self.assertEqual(self.ask("delete", name="x"), {"answer": "done", "bound": True})
        self.assertEqual(self.ask("delete", name="x"), {"answer": "done", "bound": False})
        self.assertEqual(self.run_code("x").type, "NameError")

    def test_what_cannot_be_a_name_or_a_value_is_refused(self) -> None:
        for name in ["", "1x", "a b", "class", "__builtins__", "__name__", "Out", "_", "a\0"]:
            with self.subTest(name):
                self.assertEqual(self.ask("set", name=name, value="1")["answer"], "invalid")
        for value in ["", "{", "[" * 100_000]:
            self.assertEqual(self.ask("set", name="x", value=value)["answer"], "invalid")
        self.assertEqual(self.ask("delete", name="__builtins__")["answer"], "invalid")

    def test_clear_drops_the_names_and_keeps_the_interpreter(self) -> None:
        self.ok("import sys; sys.kept = 1; x = 1\ndef f(): pass")
        self.ok("'a value'")
        self.assertEqual(self.ask("clear"), {"answer": "done", "bound": True})
        self.assertEqual(self.ask("list")["variables"], [])
        self.assertEqual(self.value("[_, dict(Out), In[:-1]]"), ["", {}, ["", "", ""]])
        outcome = self.ok("import sys; sys.kept")
        self.assertEqual((outcome.json, outcome.reply["count"]), ("1", 4))

    def test_finalizers_that_raise_or_print_do_no_harm(self) -> None:
        self.ok("class F:\n    def __del__(self): print('gone'); raise ValueError\nx = F()")
        self.assertEqual(self.ask("delete", name="x"), {"answer": "done", "bound": True})
        self.assertEqual(self.value("1 + 1"), 2)

    def test_a_question_that_makes_no_sense_is_refused_and_the_session_lives(self) -> None:
        for what, params in [
            ("get", {}),
            ("get", {"name": 5}),
            ("list", {"prefix": 5}),
            ("list", {"kinds": "data"}),
            ("set", {"name": "x"}),
            ("repr", {"name": "x", "value_bytes": -1}),
        ]:
            with self.subTest((what, params)), self.assertRaises(Exception) as caught:
                self.session.names(what, **params)
            self.assertIn(f"namespace.{what}", str(caught.exception))
        self.assertEqual(self.value("1 + 1"), 2)


if __name__ == "__main__":
    unittest.main()
