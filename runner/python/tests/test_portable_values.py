"""What a portable checkpoint carries: values, and what they share."""

import sys
import unittest

from checkpoint_case import CheckpointCase, load


class Values(CheckpointCase):
    def test_what_variables_share_they_share_again(self) -> None:
        self.moved("a = [1]; b = {'a': a}; c = (a, b); b['c'] = c; a.append(a); d = a")
        self.assertEqual(
            self.value("[a is d, b['a'] is a, c[0] is a, c[1] is b, b['c'] is c, a[1] is a, a[0]]"), [True] * 6 + [1]
        )

    def test_names_keep_their_order_and_their_types(self) -> None:
        self.moved(
            "z = 1; a = True; m = 2.5; b = b'x'; e = None; t = (1,); s = {1}; f = frozenset('a'); c = 1j; y = ..."
        )
        self.assertEqual(
            self.value("[[name, type(value).__name__] for name, value in globals().items() if name in 'zambetsfcy']"),
            [
                ["z", "int"], ["a", "bool"], ["m", "float"], ["b", "bytes"], ["e", "NoneType"], ["t", "tuple"],
                ["s", "set"], ["f", "frozenset"], ["c", "complex"], ["y", "ellipsis"],
            ],
        )  # fmt: skip

    def test_lone_surrogates_long_texts_and_huge_numbers_are_exact(self) -> None:
        code = "s = '\\udc80\\x00ä'; t = '\\U0001f600' * 900_000; n = 7 ** 100_000; b = bytearray(b'ab' * 1_000_000)"
        self.moved(code)
        self.assertTrue(
            self.value(
                "[ascii(s), len(t), set(t) == {'\\U0001f600'}, "
                "n == 7 ** 100_000, b == b'ab' * 1_000_000, type(b).__name__]"
            )
            == ["'\\udc80\\x00\\xe4'", 900_000, True, True, True, "bytearray"]
        )

    def test_a_name_with_a_lone_surrogate_comes_back(self) -> None:
        checkpoint = self.moved("globals()['\\udc80'] = 5; globals()[7] = 'no string'")
        self.assertEqual(self.value("globals()['\\udc80']"), 5)
        self.assertEqual(checkpoint.outcome("<class 'int'>")["skipped"], "its name is no string")

    def test_a_hundred_thousand_variables_come_back(self) -> None:
        checkpoint = self.saved("for i in range(100_000): globals()[f'v{i}'] = [i]\ndel i")
        self.assertEqual(len(checkpoint.names()), 100_000)
        self.restored(checkpoint)
        self.assertEqual(self.value("[v0, v99999, len(globals()) >= 100_000]"), [[0], [99_999], True])

    def test_a_huge_dict_comes_back(self) -> None:
        self.moved("d = {i: str(i) for i in range(500_000)}; e = d")
        self.assertEqual(self.value("[len(d), d[499_999], d is e]"), [500_000, "499999", True])

    def test_modules_are_imported_again_under_their_names(self) -> None:
        checkpoint = self.moved("import xml.dom.minidom, os.path as p, json\nfrom math import pi, sqrt as root")
        self.assertEqual(checkpoint.manifest["imports"], ["import xml", "import posixpath as p", "import json"])
        self.assertEqual([checkpoint.outcome(name)["saved"] for name in ("xml", "p", "root")], ["import"] * 3)
        self.assertEqual(
            self.value(
                "import os\n[xml.dom.minidom.parseString('<a/>').documentElement.tagName, p is os.path, root(4)]"
            ),
            ["a", True, 2],
        )

    def test_the_namespace_the_main_module_and_the_history_are_those_of_the_session(self) -> None:
        checkpoint = self.saved("import __main__ as me\nd = {'g': globals(), 'out': Out, 'in': In}\ng = globals()")
        self.assertEqual(self.skipped(checkpoint, "g"), "it is the session's own namespace")
        self.restored(checkpoint)
        self.ok("new = 5")
        self.assertEqual(self.value("[me.new, d['g']['new'], d['out'] is Out, d['in'] is In]"), [5, 5, True, True])

    def test_streams_and_builtins_of_the_session_are_those_of_the_new_one(self) -> None:
        self.moved("import sys\nout, ask, show = sys.stdout, input, display")
        self.assertEqual(self.value("import sys\n[out is sys.stdout, ask is input, show is display]"), [True] * 3)
        self.assertEqual(self.ok("print('x', file=out)").text(), "x\n")

    def test_dunder_names_of_the_user_come_back_and_those_of_the_runner_stay(self) -> None:
        checkpoint = self.moved("__version__ = '1.2'\nx: int = 3\ndef f(): return __version__, __name__")
        self.assertNotIn("__name__", checkpoint.names())
        self.assertEqual(self.value("[list(f()), __annotations__['x'] is int]"), [["1.2", "__main__"], True])

    def test_values_of_the_standard_library_that_pickle_does_not_take_come_back(self) -> None:
        self.moved(
            "import types, weakref, functools, typing\n"
            "m = types.MappingProxyType({'a': 1}); k = {'x': 1}.keys(); T = typing.TypeVar('T', bound=int)\n"
            "class Box:\n"
            "    @functools.cached_property\n"
            "    def slow(self): return 7\n"
            "    @property\n"
            "    def quick(self): 'Doc.'; return 8\n"
            "box = Box(); r = weakref.ref(box); w = weakref.WeakValueDictionary(b=box); n = type(None); v = type(len)"
        )
        self.assertEqual(
            self.value(
                "[m['a'], list(k), T.__bound__ is int, box.slow, "
                "box.quick, Box.quick.__doc__, r() is box, w['b'] is box]"
            ),
            [1, ["x"], True, 7, 8, "Doc.", True, True],
        )
        self.assertEqual(self.value("[n is type(None), v is type(len), box.__dict__]"), [True, True, {"slow": 7}])

    def test_new_types_and_what_names_itself_a_global_come_back(self) -> None:
        self.moved(
            "import typing, fractions, pathlib\nUserId = typing.NewType('UserId', int)\n"
            "half = fractions.Fraction(1, 2); path = pathlib.PurePosixPath('/a')\n"
            "class Late:\n    def __reduce__(self): return 'no_such_global'\nlate = Late(); late.x = 5"
        )
        self.assertEqual(
            self.value("[UserId(3), UserId.__supertype__ is int, half * 2 == 1, str(path), late.x]"),
            [3, True, True, "/a", 5],
        )

    @unittest.skipIf(sys.version_info < (3, 12), "type aliases and parameters came with 3.12")
    def test_type_aliases_and_parameters_come_back(self) -> None:
        self.moved("type Ints = list[int]\ndef first[T](x: list[T]) -> T: return x[0]\nclass Box[T]: pass")
        self.assertEqual(
            self.value("[Ints.__value__ == list[int], first([4]), len(first.__type_params__), Box[int].__name__]"),
            [True, 4, 1, "Box"],
        )

    def test_exceptions_of_classes_with_other_parameters_come_back(self) -> None:
        self.moved(
            "class Refused(Exception):\n    def __init__(self, a, b): super().__init__(a); self.b = b\n"
            "try: raise Refused('no', 7)\nexcept Refused as e: kept = e\n"
            "import pathlib\nplain = [ValueError('x', 1), OSError(2, 'gone'), pathlib.Path('/a')]"
        )
        self.assertEqual(
            self.value("[kept.args[0], kept.b, list(plain[0].args), plain[1].errno, str(plain[2])]"),
            ["no", 7, ["x", 1], 2, "/a"],
        )


class Surroundings(CheckpointCase):
    def test_history_goes_on_where_it_was(self) -> None:
        self.ok("1000 + 1")
        self.ok("x = 1")
        self.ok("[7]")
        checkpoint = self.saved()
        self.assertEqual(checkpoint.manifest["count"], 3)
        self.restored(checkpoint)
        outcome = self.ok("_[0] + __, _ is Out[3], In[1], sorted(Out)")
        self.assertEqual((outcome.value, outcome.reply["count"]), ("(1008, True, '1000 + 1', [1, 3])", 4))

    def test_an_underscore_of_the_users_stays_his(self) -> None:
        self.ok("5")
        self.moved("_ = 'gettext'")
        self.ok("6")
        self.assertEqual(self.value("[_, Out[1], Out[3]]"), ["gettext", 5, 6])

    def test_values_of_the_history_that_cannot_be_saved_are_named(self) -> None:
        self.ok("import threading")
        self.ok("threading.Lock()")
        checkpoint = self.saved("7")
        self.assertIn("lock", self.skipped(checkpoint, "Out[2]"))
        self.restored(checkpoint)
        self.assertEqual(self.value("[sorted(Out), _]"), [[3], 7])

    def test_random_numbers_go_on_in_their_sequence(self) -> None:
        checkpoint = self.saved("import random; random.seed(3); random.random()")
        expected = self.value("[random.random(), random.random()]")
        self.restored(checkpoint)
        self.assertEqual(self.value("[random.random(), random.random()]"), expected)

    def test_the_current_directory_and_paths_below_the_workdir_come_back(self) -> None:
        self.moved(
            "import os, sys\nos.makedirs('src/sub', exist_ok=True)\n"
            "open('src/mine.py', 'w').write('value = 11')\n"
            "sys.path.insert(0, os.path.abspath('src')); os.chdir('src/sub'); import mine"
        )
        self.assertEqual(
            self.value("import os\n[os.path.relpath(os.getcwd(), '..' + os.sep + '..'), mine.value]"), ["src/sub", 11]
        )

    def test_a_directory_that_is_gone_is_a_warning(self) -> None:
        checkpoint = self.saved("import os; os.makedirs('gone'); os.chdir('gone'); x = 1")
        self.ok("os.chdir('..'); os.rmdir('gone')")
        session = self.host.session()
        self.addCleanup(session.close)
        answer = load(session, checkpoint)
        self.assertEqual(answer["warnings"], ["the current directory gone is not there: No such file or directory"])
        self.assertEqual(session.value("x"), 1)

    def test_saving_leaves_the_session_as_it_was(self) -> None:
        self.ok("import random, sys; random.seed(1); x = [1]; before = dict(globals()); state = random.getstate()")
        modules = self.value("sorted(sys.modules)")
        self.saved()
        outcome = self.ok(
            "list(before) == [n for n in globals() if n != 'before' and n != 'state'], random.getstate() == state"
        )
        self.assertEqual(outcome.value, "(True, True)")
        self.assertEqual(
            (outcome.reply["changes"], outcome.reply["count"], outcome.events),
            ({"added": [], "modified": [], "removed": [], "more": 0}, 3, []),
        )
        new = set(self.value("sorted(sys.modules)")) - set(modules)
        self.assertEqual([name for name in new if "__main__" in name], [])


if __name__ == "__main__":
    unittest.main()
