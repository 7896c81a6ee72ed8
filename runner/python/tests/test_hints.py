"""Hints stand for nothing as the program runs, and cost nothing; named tuples are what `typing` would have made."""

import ast
import pickle
import subprocess
import sys
import unittest
from pathlib import Path

from hibernaculum_runner.hints import Any, Callable, Dict, NamedTuple, Optional

RUNNER = Path(__file__).parents[1] / "hibernaculum_runner"


class Point(NamedTuple):
    """Where something is."""

    x: int
    label: Optional[str] = None

    @property
    def is_named(self) -> bool:
        return self.label is not None


class Hints(unittest.TestCase):
    def test_a_hint_takes_parameters(self) -> None:
        self.assertTrue(Callable[[Dict[str, Any]], Optional[int]])

    def test_a_named_tuple_has_its_fields_defaults_methods_and_name(self) -> None:
        self.assertEqual(Point(1), (1, None))
        self.assertEqual(Point(1, label="here")._replace(x=2), (2, "here"))
        self.assertEqual((Point._fields, Point(1, "a").is_named, Point(1).is_named), (("x", "label"), True, False))
        self.assertEqual(repr(Point(1)), "Point(x=1, label=None)")
        self.assertEqual(Point.__doc__, "Where something is.")
        self.assertEqual(pickle.loads(pickle.dumps(Point(3))), Point(3))
        with self.assertRaises(TypeError):
            Point()

    def test_the_runner_starts_without_typing(self) -> None:
        names = "boot, keeper, session.process, supervisor.service, tunnel.server, files.worker"
        lines = [f"import sys; sys.path.insert(0, {str(RUNNER.parent)!r})"]
        lines += [f"import hibernaculum_runner.{name}" for name in names.split(", ")]
        lines.append("print('typing' in sys.modules)")
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60
        )
        self.assertEqual((done.stdout, done.stderr), ("False\n", ""))

    def test_no_annotation_is_evaluated(self) -> None:
        """`Optional[int]` would do; `Optional[int] | None` and names that only type checkers import would not."""
        for path in RUNNER.rglob("*.py"):
            tree = ast.parse(path.read_text())
            has_annotations = any(isinstance(node, (ast.AnnAssign, ast.arg)) for node in ast.walk(tree))
            futures = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
            self.assertTrue(futures or not has_annotations or path.name == "stage0.py", path)


if __name__ == "__main__":
    unittest.main()
