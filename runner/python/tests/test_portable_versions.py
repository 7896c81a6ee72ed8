"""A checkpoint of one version of Python in another one: it works, or says which two versions do not go together."""

import importlib.util
import os
import sys
import unittest
from typing import Any, ClassVar, Dict, List, Tuple

from checkpoint_case import CheckpointCase, begin_load, said
from host import Host


def pythons() -> List[Tuple[Tuple[int, ...], str]]:
    """The CPythons of this machine, but for the minor version of this one: the oldest and the newest."""
    path = os.path.join(os.path.dirname(__file__), "..", "..", "..", ".ci", "pythons.py")
    if not os.path.exists(path):
        return []
    spec = importlib.util.spec_from_file_location("pythons", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pythons"] = module
    spec.loader.exec_module(module)
    found = sorted(module.matrix(module.candidates()).values())
    others = [(each.version, each.executable) for each in found if each.version[:2] != sys.version_info[:2]]
    return others[:1] + others[1:][-1:]


CODE = """
import math, functools, contextlib, enum
from dataclasses import dataclass, field
from collections import namedtuple
g = 1
def outer(n):
    total = [x * n for x in range(3)]
    def inner(k=2, *, extra=0):
        nonlocal n
        n += 1
        return [(lambda y: y + k)(z) for z in total] + [n, g, extra, math.floor(2.5)]
    return inner
f = outer(10)
square = lambda x: x * x
@functools.wraps(square)
def wrapped(*a, **k): return square(*a, **k)
@functools.lru_cache(maxsize=None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
@contextlib.contextmanager
def within(): yield 'in'
class Base:
    def __init__(self, v): self.v = v
    def get(self): return [self.v for _ in range(2)]
class Child(Base):
    def __init__(self, v): super().__init__(v + 1)
    @property
    def twice(self): return 2 * self.v
    @classmethod
    def make(cls): return cls(5)
c = Child(1)
@dataclass(order=True)
class D:
    a: int
    b: list = field(default_factory=list)
d = D(1, [c])
class E(enum.Enum):
    A = 1
    B = 'b'
e = E.B
class G(enum.Flag):
    X = 1
    Y = 2
    def name_of(self): return self.name
xy = G.X | G.Y
P = namedtuple('P', 'x y', defaults=[0])
p = P(1)
data = {'f': f, 'c': c, 'd': d, 'big': list(range(1000)), 's': 'ä\\udc80'}
"""
CHECK = (
    "[f(), data['f'] is f, square(4), wrapped(3), fib(20), c.get(), "
    "c.twice, Child.make().v, D(2) > d, d.b[0] is c, E.B is e,"
    " xy == G.X | G.Y, G.X.name_of(), repr(p), repr(P(2)), data['c'] is c, len(data['big']), ascii(data['s'])]"
)


class Versions(CheckpointCase):
    hosts: ClassVar[Dict[str, Host]] = {}

    @classmethod
    def tearDownClass(cls) -> None:
        for host in cls.hosts.values():
            host.close()
        cls.hosts.clear()
        super().tearDownClass()

    def others(self) -> List[Tuple[str, Host]]:
        """A host for each other version."""
        if not self.hosts:  # to ask every Python what it is takes seconds
            self.hosts.update({".".join(map(str, version)): Host(python=path) for version, path in pythons()})
        if not self.hosts:
            if "python-matrix" in os.environ.get("HIBERNACULUM_REQUIRE", "").split(","):
                self.fail("HIBERNACULUM_REQUIRE names python-matrix, and there is no other CPython")
            self.skipTest("there is no other CPython here")
        return list(self.hosts.items())

    def test_data_functions_and_classes_go_to_another_version(self) -> None:
        self.ok(CODE)
        checkpoint = self.saved()
        self.assertEqual([v for v in checkpoint.manifest["variables"] if "skipped" in v], [])
        self.assertFalse(checkpoint.manifest["streams"]["version"])
        expected = self.value(CHECK)
        for name, host in self.others():
            with self.subTest(name):
                self.restored(checkpoint, host=host)
                self.assertEqual(self.value(CHECK), expected)
                self.assertEqual(self.ok("with within() as w: pass\nw").value, "'in'")

    def test_and_come_back_from_it(self) -> None:
        for name, host in self.others():
            with self.subTest(name):
                session = host.session()
                self.session, mine = session, self.session
                self.ok(CODE)
                checkpoint = self.saved()
                expected = self.value(CHECK)
                self.assertEqual([v for v in checkpoint.manifest["variables"] if "skipped" in v], [])
                self.session = mine
                self.restored(checkpoint)
                self.assertEqual(self.value(CHECK), expected)

    def refused(self, host: Host, checkpoint: Any, sends: bool) -> Dict[str, Any]:
        from checkpoint_case import stream

        session = host.session()
        self.addCleanup(session.close)
        session.value("1 + 1")
        request = begin_load(session, checkpoint.manifest)
        if sends:
            stream(session, checkpoint.bytes())
        answer = said(session, session.connection.answer(request))
        self.assertEqual(session.value("[n for n in globals() if n in 'fgx']"), [])
        return answer

    def test_bytecode_is_refused_at_once_naming_both_versions(self) -> None:
        checkpoint = self.saved("exec('def f(): return 1'); x = 1")
        for name, host in self.others():
            with self.subTest(name):
                answer = self.refused(host, checkpoint, sends=False)
                made = "cpython " + ".".join(map(str, sys.version_info[:3]))
                self.assertEqual(
                    (answer["code"], answer["made"], answer["here"]), ("checkpoint.python", made, f"cpython {name}")
                )
                self.assertIn("f can be read by that version only", answer["why"])

    def test_syntax_that_the_other_version_has_not_is_refused_naming_both(self) -> None:
        if sys.version_info < (3, 12):
            self.skipTest("this version has no syntax that an older one of those here has not")
        checkpoint = self.saved("def f[T](x: T) -> T:\n    return x\nx = 1")
        old = [(name, host) for name, host in self.others() if tuple(map(int, name.split(".")[:2])) < (3, 12)]
        if not old:
            self.skipTest("there is no older CPython here")
        for name, host in old:
            with self.subTest(name):
                answer = self.refused(host, checkpoint, sends=True)
                self.assertEqual((answer["code"], answer["here"]), ("checkpoint.python", f"cpython {name}"))
                self.assertIn("cannot be compiled here", answer["why"])


if __name__ == "__main__":
    unittest.main()
