"""The records of the pickle stream: one for each variable, one for each value of the history, and what surrounds them.

A record is a list `[section, key, value]`, pickled by itself, in one stream with one memo: what two variables share is
in it once.
"""

from __future__ import annotations

PATHS = 1
"""The value: entries of `sys.path`."""
NAME = 2
"""The key is a name."""
OUTPUT = 3
"""The key is an execution's count: a value of `Out`."""
LAST = 4
"""The key is 0, 1 or 2: what `_`, `__` and `___` stand for."""
UNDERSCORE = 5
"""The key is such a name, which user code has bound to something of its own."""
HISTORY = 6
"""The key is the count, the value what `In` holds."""
RANDOM = 7
"""The value: states of random number generators."""
END = 8
"""The last one; the value: all names, in their order."""
UNDERSCORES = ("_", "__", "___")
