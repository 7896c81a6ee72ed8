"""Objects without a count of references: the runner's own, in clones, and nobody else's."""

import subprocess
import sys
import unittest
from collections import defaultdict
from typing import ClassVar, Dict

from host import RUNNER_DIR
from session_case import SessionCase

from hibernaculum_runner.session.immortal import _are_counts, immortalise

HAS_IMMORTALS = sys.implementation.name == "cpython" and (3, 12) <= sys.version_info[:2] <= (3, 13)


class Clones(SessionCase):
    HOST: ClassVar[Dict[str, object]] = {"environment": {"HIBERNACULUM_ZYGOTE": "first"}, "preload": ["colorsys"]}

    def count(self, expression: str) -> int:
        outcome = self.run_code(f"import sys, colorsys, random\nsys.getrefcount({expression})")
        assert outcome.json is not None, outcome.reply
        return int(outcome.json)

    def test_what_is_the_runners_has_no_count(self) -> None:
        is_immortal = self.count("type(sys.stdout)") == self.count("None") > 1 << 20
        self.assertEqual(is_immortal, HAS_IMMORTALS)

    def test_what_is_preloaded_or_made_here_has_one(self) -> None:
        for expression in ("colorsys.rgb_to_hsv", "random.Random", "random.Random()", "sys.modules['colorsys']"):
            with self.subTest(expression):
                self.assertLess(self.count(expression), 1000)

    def test_what_dies_is_collected_even_when_all_is_looked_at(self) -> None:
        self.run_code("import gc, weakref\nclass Node: pass")
        self.run_code("node = Node(); node.itself = node; seen = weakref.ref(node)")
        self.assertEqual(self.run_code("del node; gc.unfreeze(); gc.collect(); seen() is None").value, "True")
        for _ in range(3):
            self.assertEqual(self.run_code("gc.collect() and None; print('here'); 1 + 1").value, "2")

    def test_a_child_that_user_code_forks_ends_as_ever(self) -> None:
        code = "import os\npid = os.fork()\nif not pid: raise SystemExit(3)\nos.WEXITSTATUS(os.waitpid(pid, 0)[1])"
        self.assertEqual(self.run_code(code).value, "3")


class Package(unittest.TestCase):
    def test_it_is_done_where_it_are_counts_how(self) -> None:
        code = (
            f"import sys; sys.path.insert(0, {RUNNER_DIR!r})\n"
            "from hibernaculum_runner.session import immortal\n"
            "mine = [immortal.immortalise]\n"
            "print(immortal.immortalise(mine) > 50, sys.getrefcount(mine) == sys.getrefcount(None))"
        )
        told = subprocess.run([sys.executable, "-I", "-c", code], stdout=subprocess.PIPE, check=True, timeout=60).stdout
        self.assertEqual(told.split(), [b"True", b"True"] if HAS_IMMORTALS else [b"False", b"False"])

    @unittest.skipIf(HAS_IMMORTALS, "they would have no count from here on")
    def test_elsewhere_nothing_is_touched(self) -> None:
        before = sys.getrefcount(immortalise)
        self.assertEqual(immortalise(immortalise), 0)
        self.assertEqual(sys.getrefcount(immortalise), before)

    def test_counts_that_are_elsewhere_are_noticed(self) -> None:
        elsewhere = defaultdict(lambda: 140_000_000)  # the id of a thread, say, which free threading has there
        self.assertFalse(_are_counts(elsewhere))


if __name__ == "__main__":
    unittest.main()
