"""Turns the text of an execution into code objects: parsed once, with a trailing expression split off.

```
text ──parse──> body …, last expression ──compile──> [code of the body] [code of the expression]
  └── looks like one expression: compiled as such at once, which saves the detour through a tree
```

`compile` is always told not to inherit: else this module's own `from __future__` imports would leak into user code.
What user code imports from `__future__` itself stays in force for the session, as at Python's own prompt.
"""

from __future__ import annotations
import __future__

import _ast
from types import CodeType

from ..hints import Any, Callable, Optional, Tuple

TOP_LEVEL_AWAIT = 0x2000  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
ONLY_AST = 0x400  # ast.PyCF_ONLY_AST
COROUTINE = 0x80  # inspect.CO_COROUTINE
EXPRESSION_LENGTH = 300  # longer text is rarely one expression

_FUTURES = 0
for _name in __future__.all_feature_names:
    _FUTURES |= getattr(__future__, _name).compiler_flag
_FUTURES &= ~0x10  # CO_NESTED, which is a code flag of every inner function too


Code = Tuple[Optional[CodeType], Optional[CodeType], bool]
"""What to run: the body (None where there is none), then the expression whose value is the result; and whether one of
them has a top-level `await`. (A plain tuple: a named one takes five times as long to make.)
"""


class Compiler:
    """Compiles executions, and remembers the `__future__` imports of earlier ones."""

    def __init__(self, on_magics: Callable[[], None] = lambda: None) -> None:
        self.flags = TOP_LEVEL_AWAIT
        self._on_magics = on_magics
        """Called before code with magics is given out."""

    def compile(self, text: str, filename: str, first_line: int = 1, column: int = 0) -> Code:
        """Raises what `compile` raises: SyntaxError, ValueError (NUL), MemoryError or RecursionError (too deep).

        `column`: how far from the begin of its line a text of one line stands, for the marks of tracebacks.
        """
        flags = self.flags
        if first_line > 1:
            text = "\n" * (first_line - 1) + text
        elif not column and len(text) < EXPRESSION_LENGTH and "=" not in text and "\n" not in text and "\\" not in text:
            try:
                code = compile(text, filename, "eval", flags, True)
            except SyntaxError:
                pass  # a statement, or really wrong: the long way says which
            else:
                return None, code, code.co_flags & COROUTINE != 0
        error: Optional[SyntaxError]
        try:
            tree = compile(text, filename, "exec", flags | ONLY_AST, True)
        except SyntaxError as problem:
            error = problem
        else:
            error = None
        if error is not None:  # out here: an error of the text without its magics has no other one as its context
            tree = self._with_magics(text, filename)
            if tree is None:
                raise error.with_traceback(None)
        if column:
            _move(tree, column)
        last = None
        if tree.body and type(tree.body[-1]) is _ast.Expr:
            last = _ast.Expression(tree.body.pop().value)
        body = expression = None
        if tree.body or last is None:
            body = compile(tree, filename, "exec", flags, True)
            flags |= body.co_flags & _FUTURES
            self.flags = flags
        if last is not None:
            expression = compile(last, filename, "eval", flags, True)
        flags = (body.co_flags if body else 0) | (expression.co_flags if expression else 0)
        return body, expression, flags & COROUTINE != 0

    def _with_magics(self, text: str, filename: str) -> Optional[Any]:
        """The tree of a text that is no Python because of its magics. Raises SyntaxError; None where it has none."""
        if not ("%" in text or "!" in text or "?" in text):
            return None
        from .magics import parsed

        tree = parsed(text, filename, self.flags)
        if tree is not None:
            self._on_magics()
        return tree


def _move(tree: Any, column: int) -> None:
    import ast

    for node in ast.walk(tree):
        if hasattr(node, "col_offset") and hasattr(node, "end_col_offset"):
            node.col_offset += column
            node.end_col_offset = (node.end_col_offset or 0) + column
