"""The pure parts of a session, without a process: compiling, comparing names, describing values, keeping sources."""

import gc
import json
import linecache
import os
import sys
import time
import timeit
import unittest
from typing import Any, Callable, Dict

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from hibernaculum_runner.page import EXECUTION, INTERRUPT_SEEN, INTERRUPT_SERIAL, INTERRUPT_TARGET, Page
from hibernaculum_runner.session import changes, evaluate, interrupts, names, reply, sources, tracebacks, values
from hibernaculum_runner.session.history import History


class Compiling(unittest.TestCase):
    def test_one_expression_and_the_long_way_agree(self) -> None:
        for text in (
            "1 + 1",
            "[x for x in range(3)]",
            "'a'",
            "(1,\n2)",
            "lambda: 0",
            "1;",
            "  1",
            "1 # c",
            "\n1\n",
            "a == 1 if False else 2",
        ):
            with self.subTest(text):
                quick = evaluate.Compiler().compile(text, "<t>") if not text.startswith("  ") else None
                if quick is None:
                    with self.assertRaises(IndentationError):
                        evaluate.Compiler().compile(text, "<t>")
                    continue
                body, expression, _waits = quick
                self.assertIsNone(body)
                self.assertIsNotNone(expression)
                _body, slow, _waits = evaluate.Compiler().compile("pass\n" + text, "<t>")
                names_: Dict[str, Any] = {}
                quick_value, slow_value = eval(expression, names_), eval(slow, names_)
                if not callable(quick_value):
                    self.assertEqual(quick_value, slow_value)

    def test_the_body_and_the_last_expression_are_split(self) -> None:
        body, expression, _waits = evaluate.Compiler().compile("x = 1\nx + 1", "<t>")
        space: Dict[str, Any] = {}
        exec(body, space)
        self.assertEqual(eval(expression, space), 2)
        for text, has_body, has_expression in (("x = 1", True, False), ("1 + 1", False, True), ("", True, False)):
            body, expression, _waits = evaluate.Compiler().compile(text, "<t>")
            self.assertEqual((body is not None, expression is not None), (has_body, has_expression), text)

    def test_await_is_noticed_in_either_part(self) -> None:
        compiler = evaluate.Compiler()
        for text, waits in (
            ("await f()", True),
            ("await f()\n1", True),
            ("1\nawait f()", True),
            ("async def f(): await g()", False),
            ("x = 1\nx", False),
        ):
            self.assertEqual(compiler.compile(text, "<t>")[2], waits, text)

    def test_line_numbers_begin_where_asked(self) -> None:
        body, _expression, _waits = evaluate.Compiler().compile("x = 1\ny = 2", "f.py", 41)
        self.assertIn(42, [line for _, line in __import__("dis").findlinestarts(body)])

    def test_a_statement_is_compiled_once_with_one_warning(self) -> None:
        import warnings

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            evaluate.Compiler().compile("'\\d'; import sys", "<t>")
        self.assertEqual(len(caught), 1)


class Comparing(unittest.TestCase):
    def setUp(self) -> None:
        self.space: Dict[str, Any] = {"__name__": "x", "_": "", "Out": {}}
        self.changes = changes.Changes(self.space)

    def told(self) -> "tuple[list[str], list[str], list[str]]":
        difference = self.changes.since()
        if difference is None:
            return [], [], []
        return [n for n, _ in difference.added], [n for n, _ in difference.modified], list(difference.removed)

    def test_a_metaclass_is_not_asked(self) -> None:
        asked = []

        class Meta(type):
            def __eq__(cls, other: object) -> bool:
                asked.append("eq")
                return True

            def __hash__(cls) -> int:
                asked.append("hash")
                return 0

        kind = Meta("Kind", (), {})
        asked.clear()
        self.space["made"], self.space["kind"] = kind(), kind
        difference = self.changes.since()
        assert difference is not None
        told = json.loads(difference.json())["added"]
        self.assertEqual([(one["name"], one["type"]) for one in told], [("made", "Kind"), ("kind", "Meta")])
        self.assertEqual([id(one) for one in difference.classes()], [id(kind)])
        self.assertEqual(asked, [])

    def test_the_quick_way_to_addresses_is_in_use_and_right(self) -> None:
        self.assertEqual(changes.addresses_of.__name__, "addresses_by_memory")
        things = tuple(object() for _ in range(50))
        self.assertEqual(changes.addresses_of(things), changes._addresses_by_id(things))
        self.assertEqual(changes.addresses_of(()), b"")

    def test_names_added_rebound_and_removed_are_told(self) -> None:
        self.space.update(a=1, b=[], c="c")
        self.assertEqual(self.told(), (["a", "b", "c"], [], []))
        self.assertEqual(self.told(), ([], [], []))
        self.space["b"] = []
        del self.space["a"]
        self.space["d"] = 1
        self.assertEqual(self.told(), (["d"], ["b"], ["a"]))

    def test_names_are_told_after_one_of_the_runners_own_was_deleted(self) -> None:
        own = len(self.space)
        for name in list(self.space)[::-1]:
            del self.space[name]
            self.assertEqual(self.told(), ([], [], []), name)
            self.space["x"] = object()
            self.assertEqual(self.told(), (["x"], [], []), name)
            self.space["x"] = object()
            self.assertEqual(self.told(), ([], ["x"], []), name)
            self.space[name] = object()  # where the user's are now
            self.assertEqual(self.told(), ([], [], []), name)
            self.space["x"] = object()
            self.assertEqual(self.told(), ([], ["x"], []), name)
            del self.space["x"]
            self.assertEqual(self.told(), ([], [], ["x"]), name)
        self.assertEqual(len(self.space), own)

    def test_every_position_and_number_of_changes_is_found(self) -> None:
        for i in range(40):
            self.space[f"n{i}"] = object()
        self.told()
        for chosen in ([0], [39], [5, 6], [0, 39], list(range(40)), [13, 17, 31]):
            for i in chosen:
                self.space[f"n{i}"] = object()
            self.assertEqual(self.told(), ([], [f"n{i}" for i in chosen], []))

    def test_what_is_told_is_so_whatever_was_compared_before(self) -> None:
        for count in (0, 1, 127, 128, 129, 300):  # rows of addresses that are compared as a number, and by blocks
            for i in range(count):
                self.space[f"n{i}"] = object()
            self.told()
            for chosen in ([], [0], [], [], [count - 1], [0], [], list(range(count))):
                self.space["_"] = object()  # the runner's own
                for i in chosen[:count]:
                    self.space[f"n{i}"] = object()
                self.assertEqual(self.told(), ([], [f"n{i}" for i in chosen[:count]], []), count)

    def test_a_name_removed_in_the_middle_shifts_nothing(self) -> None:
        for i in range(20):
            self.space[f"n{i}"] = object()
        self.told()
        del self.space["n7"]
        self.assertEqual(self.told(), ([], [], ["n7"]))
        del self.space["n3"]
        self.space["n12"] = object()
        self.space["n3"] = object()
        self.assertEqual(self.told(), ([], ["n12", "n3"], []))

    def test_mutation_in_place_is_not_seen(self) -> None:
        self.space["a"] = [1]
        self.told()
        self.space["a"].append(2)
        self.assertEqual(self.told(), ([], [], []))

    def test_a_successor_on_the_same_address_is_seen(self) -> None:
        self.space["n"] = 1000
        self.told()
        for _ in range(20):
            exec("n += 1\nn += 1", self.space)
            self.assertEqual(self.told(), ([], ["n"], []))

        class Thing:
            pass

        self.space["t"] = Thing()
        self.told()
        for _ in range(20):
            self.space["t"] = None
            self.space["t"] = Thing()
            self.assertEqual(self.told(), ([], ["t"], []))

    def test_nothing_of_the_users_is_kept_alive(self) -> None:
        import weakref

        class Thing:
            pass

        self.space["t"] = thing = Thing()
        died = weakref.ref(thing)
        self.told()
        del thing
        del self.space["t"]
        self.assertIsNone(died())
        self.assertEqual(self.told(), ([], [], ["t"]))

    def test_the_runners_own_and_dunder_names_are_not_told(self) -> None:
        self.space.update(_=1, __warningregistry__={}, _private=2)
        self.assertEqual(self.told(), (["_private"], [], []))
        del self.space["_"]
        self.space["_"] = 5
        self.assertEqual(self.told(), ([], [], []))

    def test_no_user_code_runs(self) -> None:
        class Trap(type):
            def __getattribute__(cls, name: str) -> Any:
                raise AssertionError(name)

            __name__ = property(lambda cls: 1 / 0)  # type: ignore[assignment]

        class Thing(metaclass=Trap):
            def __getattribute__(self, name: str) -> Any:
                raise AssertionError(name)

            def __sizeof__(self) -> int:
                raise AssertionError

            def __repr__(self) -> str:
                raise AssertionError

            def __hash__(self) -> int:
                raise AssertionError

            def __eq__(self, other: object) -> bool:
                raise AssertionError

        self.space["thing"] = object.__new__(Thing)
        self.space["kind"] = Thing
        difference = self.changes.since()
        assert difference is not None
        told = json.loads(difference.json())
        self.assertEqual(
            [(entry["name"], entry["type"]) for entry in told["added"]], [("thing", "Thing"), ("kind", "Trap")]
        )
        self.assertEqual(difference.classes(), [Thing])
        self.space["thing"] = object.__new__(Thing)
        self.assertEqual(self.told(), ([], ["thing"], []))

    def test_a_finalizer_that_changes_the_namespace_meanwhile_is_survived(self) -> None:
        space = self.space

        class Adder:
            def __init__(self) -> None:
                self.me = self

            def __del__(self) -> None:
                space[f"n{len(space)}"] = 1

        gc.set_threshold(1)
        try:
            for _ in range(200):
                Adder()
                self.changes.since()
        finally:
            gc.set_threshold(700, 10, 10)
        gc.collect()
        self.told()
        self.assertEqual(self.told(), ([], [], []))

    def test_what_is_told_is_bounded_and_the_rest_counted(self) -> None:
        self.space.update((f"n{i}", i) for i in range(1500))
        difference = self.changes.since()
        assert difference is not None
        told = json.loads(difference.json())
        self.assertEqual((len(told["added"]), told["more"]), (1000, 500))
        for i in range(1200):
            del self.space[f"n{i}"]
        self.space["n1400"] = object()
        difference = self.changes.since()
        assert difference is not None
        told = json.loads(difference.json())
        self.assertEqual((len(told["modified"]), len(told["removed"]), told["more"]), (1, 999, 201))

    def test_it_costs_little_at_a_hundred_names(self) -> None:
        for i in range(100):
            self.space[f"n{i}"] = object()
        self.told()

        def change() -> None:
            self.space["n50"] = object()
            self.changes.since()

        def unit() -> None:
            sum(range(100))  # half a microsecond: the yardstick of a machine that is shared

        def cost(work: Callable[[], Any]) -> float:
            # many short rounds: one of them has the processor to itself
            return min(timeit.repeat(work, timer=time.thread_time, number=50, repeat=500)) / 50 * 1e6

        yardstick = cost(unit)
        self.assertLess(cost(change) / yardstick, 20)
        self.assertLess(cost(self.changes.since) / yardstick, 8)


class Describing(unittest.TestCase):
    def test_sizes_and_names_ask_no_user_code(self) -> None:
        class Liar:
            def __sizeof__(self) -> int:
                return 10**9

        self.assertLess(names.shallow_size(Liar()), 1000)
        self.assertEqual(names.shallow_size(b"x" * 1000), sys.getsizeof(b"x" * 1000))
        self.assertGreater(names.shallow_size([0] * 1000), 8000)
        self.assertTrue(names.is_class(int))
        self.assertFalse(names.is_class(5))

    def test_json_stops_at_its_bounds(self) -> None:
        self.assertIsNone(values.exact_json(["x" * 100], 50))
        self.assertIsNone(values.exact_json([[0] * 600_000, [0] * 600_000], 1 << 30))
        a: Any = [1]
        for _ in range(60):
            a = [a, a]
        self.assertIsNone(values.exact_json(a, 1 << 30))
        loop: Any = {}
        loop["me"] = loop
        self.assertIsNone(values.exact_json(loop, 1 << 30))

    def test_ints_beyond_64_bits_have_no_json_wherever_they_stand(self) -> None:
        least, most = -(2**63), 2**64 - 1
        for value in (least, most, [least, most], [True, 0.5, most, "x"], {"a": [least, None]}):
            text = values.exact_json(value, 1 << 20)
            self.assertEqual(json.loads(text or ""), value)
            self.assertEqual(values.capture(value, 1 << 20)[1], text)
        for beyond in (least - 1, most + 1, 10**30, 10**400):
            for value in (beyond, [beyond], [1, beyond], [True, 0.5, beyond], {"a": [beyond, None]}):
                self.assertIsNone(values.exact_json(value, 1 << 20))
                shown, exact, name, cut = values.capture(value, 1 << 20)
                self.assertEqual((shown, exact, name, cut), (repr(value), None, type(value).__name__, 0))
        self.assertEqual(values.exact_json([1e30, -1e308, 2.0**64], 1 << 20), "[1e+30,-1e+308,1.8446744073709552e+19]")

    def test_a_reply_may_hold_lone_surrogates_anywhere(self) -> None:
        import json

        frame = reply.frame(reply.encoded('{"a":"x\udc80\ud800y","b":"\\"é"}'))
        self.assertEqual(int.from_bytes(frame[:4], "big"), len(frame) - 4)
        self.assertEqual(json.loads(frame[4:].decode()), {"a": "x\\udc80\\ud800y", "b": '"é'})

    def test_an_int_too_long_for_text_is_described(self) -> None:
        if not hasattr(sys, "set_int_max_str_digits"):
            self.skipTest("this Python turns ints of any length into text")
        shown, exact, _name, _cut = values.capture(10**5000, 1 << 20)
        self.assertIn("repr failed", shown)
        self.assertIsNone(exact)

    def test_an_exit_code_is_what_a_program_would_have(self) -> None:
        for code, told in ((None, 0), (3, 3), ("text", 1), (True, 1), (1 << 40, 0), (-1, -1)):
            self.assertEqual(tracebacks.exit_code(SystemExit(code)), told)

    def test_history_leaves_foreign_underscores_alone(self) -> None:
        space: Dict[str, Any] = {}
        history = History(space)
        for value in (1, 2, 3, 4):
            history.begin(str(value))
            history.value(value)
        self.assertEqual((space["_"], space["__"], space["___"]), (4, 3, 2))
        space["__"] = "theirs"
        history.begin("5")
        history.value(5)
        self.assertEqual((space["_"], space["__"], space["Out"][5]), (4, "theirs", 5))


class Interrupting(unittest.TestCase):
    def test_one_that_comes_as_its_execution_begins_is_not_taken_for_the_last_ones(self) -> None:
        page = Page("test")
        self.addCleanup(page.close)
        parts = interrupts.Interrupts(page)

        def told(execution: int) -> None:
            page.slots[INTERRUPT_TARGET] = execution
            page.slots[INTERRUPT_SERIAL] += 1

        page.slots[EXECUTION] = 4
        parts.begin()
        told(4)
        parts.handler(2, None)  # at depth 1: the execution has ended, all but its number
        self.assertTrue(parts.pending)
        page.slots[EXECUTION] = 5
        told(5)
        parts.handler(2, None)  # its number stands there, and it has not begun
        parts.begin()
        self.assertTrue(parts.pending)
        page.slots[EXECUTION] = 6
        parts.begin()
        self.assertFalse(parts.pending)
        page.slots[EXECUTION] = 7
        told(7)  # and no signal
        parts.begin()
        self.assertTrue(parts.pending)
        self.assertEqual(page.slots[INTERRUPT_SEEN], page.slots[INTERRUPT_SERIAL])


class Keeping(unittest.TestCase):
    def setUp(self) -> None:
        self.sources = sources.Sources()
        self.before = dict(linecache.cache)
        self.addCleanup(lambda: (linecache.cache.clear(), linecache.cache.update(self.before)))

    def test_passing_sources_are_forgotten_and_definitions_stay(self) -> None:
        self.sources.add("<d>", "def f(): pass")
        for i in range(sources.PASSING + 50):
            self.sources.add(f"<p{i}>", "1 + 1")
        self.assertEqual(linecache.getlines("<d>"), ["def f(): pass\n"])
        self.assertNotIn("<p0>", linecache.cache)
        self.assertNotIn("<p0>", self.sources)
        self.assertIn(f"<p{sources.PASSING + 49}>", linecache.cache)
        self.assertLessEqual(sum(1 for name in linecache.cache if name.startswith("<p")), sources.PASSING)

    def test_definitions_have_a_budget_of_characters(self) -> None:
        body = "def f():\n" + "    x = 1\n" * 100_000
        for i in range(30):
            self.sources.add(f"<big{i}>", body)
        kept = [name for name in linecache.cache if name.startswith("<big")]
        self.assertLessEqual(len(kept) * len(body), sources.LASTING_CHARACTERS)
        self.assertIn("<big29>", kept)
        self.sources.add("<huge>", body * 20)
        self.assertIn("<huge>", linecache.cache)

    def test_cells_of_one_file_join(self) -> None:
        self.sources.add("f.py", "a = 1\nb = 2", 1)
        self.sources.add("f.py", "c = 3\nd = 4", 4)
        self.assertEqual(linecache.getlines("f.py"), ["a = 1\n", "b = 2\n", "\n", "c = 3\n", "d = 4\n"])
        self.sources.add("f.py", "B = 2", 2)
        self.assertEqual(linecache.getline("f.py", 2), "B = 2\n")

    def test_sources_survive_a_check_of_the_cache(self) -> None:
        self.sources.add("<cell 9>", "x\ny")
        linecache.checkcache()
        self.assertEqual(linecache.getlines("<cell 9>"), ["x\n", "y\n"])


if __name__ == "__main__":
    unittest.main()
