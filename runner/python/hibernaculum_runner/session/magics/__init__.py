"""What model-written code takes from IPython: shell commands, line magics, cell magics, `name?`.

Nothing of it costs plain code anything: these modules are imported when code was no Python, and one of its lines begins
as a magic does.

```
SyntaxError ──> rewrite: lines to calls ──> parsed again ──> the call: Magics ──> shell, timing, files, names, pip
                   └── nothing to rewrite, or wrong all the same: the error is told, of the user's own line
```

| module | magics |
|---|---|
| `shell` | `!`, `!!`, `%%bash`, `%%sh`, `%%script`, `%ls` and its like |
| `timing` | `%time`, `%timeit`, `%prun`, as lines and as cells |
| `places` | `%cd`, `%pwd`, `%env`, `%run`, `%%writefile` |
| `listing` | `%who`, `%whos`, `%reset`, `%history`, `name?` |
| `showing` | `%%capture`, `%%html` and its like, `%matplotlib` |
| `pip` | `%pip` |
"""

from __future__ import annotations

from ...hints import Any, Optional
from .rewrite import NAME, rewritten
from .table import Magics, UsageError

__all__ = ["NAME", "Magics", "UsageError", "parsed"]

_ONLY_AST = 0x400  # ast.PyCF_ONLY_AST


def parsed(text: str, filename: str, flags: int) -> Optional[Any]:
    """The tree of a text with magics; None where it has none. Raises SyntaxError, of the user's own line."""
    found = rewritten(text)
    if found is None:
        return None
    lines = text.split("\n")
    try:
        tree = compile(found.text, filename, "exec", flags | _ONLY_AST, True)
    except SyntaxError as error:
        if error.lineno is not None and 0 < error.lineno <= len(lines):
            error.text = lines[error.lineno - 1] + "\n"
        raise
    import ast

    for node in ast.walk(tree):
        if getattr(node, "lineno", None) in found.lines and hasattr(node, "end_lineno"):
            line = lines[node.lineno - 1]  # type: ignore[attr-defined]
            node.end_lineno = node.lineno  # type: ignore[attr-defined]
            node.col_offset = len(line) - len(line.lstrip())  # type: ignore[attr-defined]
            node.end_col_offset = len(line.rstrip().encode())  # type: ignore[attr-defined]
    return tree
