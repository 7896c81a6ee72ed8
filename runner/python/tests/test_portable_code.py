"""What a portable checkpoint carries: functions and classes, by their parts."""

import unittest

from checkpoint_case import CheckpointCase


class Functions(CheckpointCase):
    def test_a_restored_function_sees_what_is_rebound_later(self) -> None:
        checkpoint = self.moved("g = 1\ndef f(x=10, *, y=g): return x + y + g\nh = lambda: f()")
        self.assertEqual([checkpoint.outcome(name)["saved"] for name in "fh"], ["source", "source"])
        self.ok("g = 100")
        self.assertEqual(self.value("[f(), h(), f.__globals__ is globals()]"), [111, 111, True])

    def test_closures_that_shared_a_cell_share_one_again(self) -> None:
        self.moved(
            "def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n"
            "    def now(): return n\n    return up, now\n"
            "up, now = counter(); up()\nother_up, other_now = counter()"
        )
        self.assertEqual(self.value("[up(), now(), other_now(), up(), now()]"), [2, 2, 0, 3, 3])

    def test_functions_that_call_themselves_and_each_other_come_back(self) -> None:
        self.moved(
            "def make():\n    def even(n): return n == 0 or odd(n - 1)\n    def odd(n): return n != 0 and even(n - 1)\n"
            "    return even\neven = make(); del make\ndef fact(n): return 1 if n < 2 else n * fact(n - 1)"
        )
        self.assertEqual(self.value("[even(10), even(7), fact(5)]"), [True, False, 120])

    def test_decorators_are_not_run_again(self) -> None:
        self.moved(
            "import functools\nran = []\n"
            "def noted(f):\n    ran.append(f.__name__)\n    @functools.wraps(f)\n"
            "    def inner(*a): inner.calls += 1; return f(*a)\n    inner.calls = 0\n    return inner\n"
            "@noted\n@noted\ndef double(x):\n    'Doc.'\n    return 2 * x\ndouble(1)\n"
            "@functools.lru_cache(maxsize=7)\ndef cached(n): return [n]\ncached(1)\n"
            "import contextlib\n@contextlib.contextmanager\ndef within(): yield 9\n"
            "@functools.singledispatch\ndef shape(x): return 'any'\n"
            "@shape.register(int)\ndef _of_int(x): return 'int'\n"
        )
        self.assertEqual(
            self.value("[double(4), double.calls, ran, double.__doc__, cached.cache_info().maxsize, cached(2)]"),
            [8, 2, ["double", "double"], "Doc.", 7, [2]],
        )
        self.ok("with within() as nine: pass")
        self.assertEqual(self.value("[nine, shape(1), shape('x')]"), [9, "int", "any"])

    def test_functions_of_a_loop_and_of_one_line_keep_their_own_code(self) -> None:
        self.moved(
            "fs = [lambda x, k=k: x + k for k in range(3)]; a, b = (lambda: 1), "
            "(lambda: 2); c = {k: (lambda: k) for k in 'x'}['x']"
        )
        self.assertEqual(
            self.value("[[f(10) for f in fs], a(), b(), c(), fs[0].__code__ is fs[1].__code__]"),
            [[10, 11, 12], 1, 2, "x", True],
        )

    def test_annotations_generators_and_coroutines_come_back(self) -> None:
        self.moved(
            "from __future__ import annotations\nfrom typing import List\n"
            "def f(x: List[int], *y: Undefined) -> None: yield x\n"
            "async def g(): return 5"
        )
        self.assertEqual(
            self.value("[f.__annotations__, next(f(3)), await g()]"),
            [{"x": "List[int]", "y": "Undefined", "return": "None"}, 3, 5],
        )

    def test_source_and_tracebacks_are_there_after_a_restore(self) -> None:
        self.ok("def f():\n    # why\n    return 1 / 0\n\nclass Empty:\n    '''Doc.'''")
        self.moved("import inspect")
        self.assertEqual(self.value("inspect.getsource(f)"), "def f():\n    # why\n    return 1 / 0\n")
        self.assertIn("class Empty:", self.value("inspect.getsource(Empty)"))
        outcome = self.run_code("f()")
        self.assertEqual(outcome.type, "ZeroDivisionError")
        self.assertIn("return 1 / 0", outcome.traceback)
        self.assertIn("<cell 1, restored>", outcome.traceback)

    def test_a_cell_of_the_new_session_does_not_take_a_restored_ones_source(self) -> None:
        self.moved("def f(): return 'old'")
        self.ok("def g(): return 'new'")
        self.moved("h = 1")
        self.assertEqual(
            self.value("import inspect\n[inspect.getsource(f), inspect.getsource(g)]"),
            ["def f(): return 'old'\n", "def g(): return 'new'\n"],
        )

    def test_code_without_a_source_is_saved_as_bytecode(self) -> None:
        checkpoint = self.moved("exec('def f(x): return x + 1')\ng = eval('lambda: f(2)')")
        self.assertEqual([checkpoint.outcome(name)["saved"] for name in "fg"], ["bytecode"] * 2)
        self.assertTrue(checkpoint.manifest["streams"]["version"])
        self.assertEqual(self.value("g()"), 3)

    def test_code_beside_magics_has_a_source(self) -> None:
        checkpoint = self.moved("%time 1\ndef f(): return 6")
        self.assertEqual((checkpoint.outcome("f")["saved"], self.value("f()")), ("source", 6))

    def test_functions_over_a_copy_of_the_names_take_along_what_they_use(self) -> None:
        checkpoint = self.moved(
            "import threading\nlock = threading.Lock(); k = 3; big = 'x' * 100_000\nspace = dict(globals())\n"
            "exec('def f(n): return k if n < 1 else f(n - 1)', space)\nf = space['f']; del space"
        )
        self.assertLess(checkpoint.outcome("f")["size"], 1000)
        self.assertEqual(self.value("f(5)"), 3)

    def test_functions_in_a_namespace_of_their_own_keep_it(self) -> None:
        self.moved("d = {'n': 1}\nexec('def f(): return n', d)\nf = d['f']")
        self.ok("d['n'] = 2")
        self.assertEqual(self.value("[f(), d['f'] is f]"), [2, True])


class Classes(CheckpointCase):
    def test_a_hierarchy_comes_back_with_super_and_class_attributes(self) -> None:
        self.moved(
            "class A:\n    made = []\n    def __init__(self): self.made.append(type(self).__name__)\n"
            "class B(A):\n    def __init__(self): super().__init__(); self.x = __class__.__name__\n"
            "    @classmethod\n    def new(cls): return cls()\n    @staticmethod\n    def two(): return 2\n"
            "    class Inner:\n        __slots__ = ('a', '__dict__')\n        def __init__(self): self.a = 1\n"
            "b = B.new(); i = B.Inner(); m = b.new; Old = A"
        )
        self.ok("c = B()")
        self.assertEqual(
            self.value(
                "[b.x, type(b) is B, B.__mro__[1] is A, list(A.made), "
                "b.two(), i.a, type(m()) is B, Old is A, B.__qualname__]"
            ),
            ["B", True, True, ["B", "B"], 2, 1, True, True, "B"],
        )

    def test_a_base_that_was_rebound_is_still_the_base(self) -> None:
        self.moved(
            "class A:\n    def f(self): return 'first'\nclass B(A): pass\n"
            "b = B()\nclass A:\n    def f(self): return 'second'"
        )
        self.assertEqual(self.value("[b.f(), A().f(), isinstance(b, A)]"), ["first", "second", False])

    def test_dataclasses_are_whole(self) -> None:
        self.moved(
            "from dataclasses import dataclass, field, fields, FrozenInstanceError\nfrom typing import ClassVar\n"
            "@dataclass(order=True)\nclass P:\n    x: int\n    y: list = field(default_factory=list, compare=False)\n"
            "    z: int = 7\n    n: ClassVar[int] = 3\n    def __post_init__(self): self.sum = self.x + self.z\n"
            "@dataclass\nclass Q(P):\n    w: str = 'w'\n    def __repr__(self): return 'mine'\n"
            "@dataclass(frozen=True)\nclass F:\n    a: int = 1\n"
            "p = P(1); q = Q(2, [3]); f = F()"
        )
        self.assertEqual(
            self.value(
                "[repr(p), repr(P(5)), P(1) < P(2), P(1, [2]) == P(1), "
                "repr(q), Q(1).w, [x.name for x in fields(Q)], p.sum, P.n]"
            ),
            ["P(x=1, y=[], z=7)", "P(x=5, y=[], z=7)", True, True, "mine", "w", ["x", "y", "z", "w"], 8, 3],
        )
        self.assertEqual(self.run_code("f.a = 2").type, "FrozenInstanceError")
        self.assertEqual(self.value("[P(1).y is not P(1).y, hash(f) == hash(F()), P.__hash__]"), [True, True, None])

    def test_enumerations_are_whole(self) -> None:
        checkpoint = self.moved(
            "import enum\nclass C(enum.Enum):\n    RED = 1\n    CRIMSON = 1\n    BLUE = 'b'\n"
            "    def up(self): return self.name.upper()\n    @classmethod\n    def _missing_(cls, v): return cls.RED\n"
            "class Planet(enum.Enum):\n    EARTH = (1, 2)\n    def __init__(self, m, r): self.m, self.r = m, r\n"
            "class N(enum.IntEnum):\n    ONE = enum.auto()\n    TWO = enum.auto()\n"
            "class F(enum.Flag):\n    A = 1\n    B = 2\nred = C.RED; d = {C.BLUE: 1}; ab = F.A | F.B\n"
            "class S(bytes, enum.Enum):\n    def __new__(cls, v, label):\n"
            "        o = bytes.__new__(cls, [v]); o._value_ = v; o.label = label\n"
            "        return o\n    X = (1, 'x')"
        )
        self.assertEqual(
            self.value(
                "[red is C.RED, C.CRIMSON is C.RED, d[C.BLUE], C('?') is C.RED, C.BLUE.up(), "
                "Planet.EARTH.r, N.TWO + 1, ab == F.A | F.B, [c.name for c in C]]"
            ),
            [True, True, 1, True, "BLUE", 2, 3, True, ["RED", "BLUE"]],
        )
        self.assertIn("`__new__` of its own", self.skipped(checkpoint, "S"))

    def test_named_tuples_are_whole(self) -> None:
        self.moved(
            "from collections import namedtuple\nfrom typing import NamedTuple\n"
            "P = namedtuple('P', 'x y', defaults=[9])\n"
            "class R(NamedTuple):\n    a: int\n    b: str = 'b'\n    def both(self): return f'{self.a}{self.b}'\n"
            "class S(P):\n    __slots__ = ()\n    def sum(self): return self.x + self.y\np = P(1); r = R(2); s = S(3)"
        )
        self.assertEqual(
            self.value(
                "[repr(p), repr(P(4)), r.both(), r._asdict(), s.sum(), p == (1, "
                "9), list(P._fields), type(r) is R, R.__annotations__['a'] is int]"
            ),
            ["P(x=1, y=9)", "P(x=4, y=9)", "2b", {"a": 2, "b": "b"}, 12, True, ["x", "y"], True, True],
        )

    def test_abstract_generic_and_protocol_classes_come_back(self) -> None:
        self.moved(
            "import abc\nfrom typing import Generic, TypeVar\nT = TypeVar('T')\n"
            "class Base(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\nBase.register(int)\n"
            "class Done(Base):\n    def f(self): return 1\n"
            "class Stack(Generic[T]):\n    def __init__(self): self.items = []\nstack = Stack[int]()"
        )
        self.assertEqual(self.run_code("Base()").type, "TypeError")
        self.assertEqual(
            self.value(
                "[Done().f(), isinstance(3, Base), stack.items, "
                "repr(Stack[str]).endswith('Stack[str]'), Stack.__parameters__[0] is T]"
            ),
            [1, True, [], True, True],
        )

    def test_what_a_base_does_with_its_subclasses_is_not_done_again(self) -> None:
        self.moved(
            "class Plugin:\n    known = []\n    def __init_subclass__(cls, "
            "**kw): super().__init_subclass__(**kw); cls.known.append(cls.__name__)\n"
            "class A(Plugin): pass\nclass Meta(type):\n    made = 0\n"
            "    def __new__(m, *a): Meta.made += 1; return super().__new__(m, *a)\n"
            "class M(metaclass=Meta): pass"
        )
        self.assertEqual(self.value("[Plugin.known, Meta.made, type(M) is Meta]"), [["A"], 1, True])
        self.ok("class B(Plugin): pass\nclass M2(M): pass")
        self.assertEqual(self.value("[Plugin.known, Meta.made]"), [["A", "B"], 2])

    def test_instances_say_themselves_how_they_are_saved(self) -> None:
        self.moved(
            "import math\nclass A:\n    def __getstate__(self): return {'n': 5}\n"
            "    def __setstate__(self, s): self.n = helper(s['n'])\n"
            "def helper(n): return n + math.floor(2.5)\n"
            "class One:\n    def __reduce__(self): return 'ONE'\nONE = One(); also = ONE\na = A()\n"
            "class Key:\n    def __init__(self, k): self.k = k\n    def __hash__(self): return hash(('k', self.k))\n"
            "    def __eq__(self, o): return self.k == o.k\nd = {Key(1): 'one'}; s = {Key(2)}"
        )
        self.assertEqual(self.value("[a.n, also is ONE, d[Key(1)], Key(2) in s]"), [7, True, "one", True])


if __name__ == "__main__":
    unittest.main()
