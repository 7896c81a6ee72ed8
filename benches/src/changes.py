"""What it costs to tell which names changed: the runner's own code, on a hundred names of which one is rebound.

The runner's files come on stdin, as its bundle; microseconds go out, a JSON list. Each is the mean of some calls.
"""

import json
import os
import sys
import tempfile
from time import perf_counter_ns
from typing import Callable, Dict, List, Union

CALLS, SAMPLES = 50, 200

with tempfile.TemporaryDirectory() as home:
    for path, source in json.load(sys.stdin)["files"].items():
        path = os.path.join(home, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(source)
    sys.dont_write_bytecode = True
    sys.path.insert(0, home)
    from hibernaculum_runner.session.changes import Changes

names: Dict[str, Union[str, int, List[int]]] = {"__name__": "__main__"}
changes = Changes(names)
for number in range(100):
    names[f"name{number}"] = number if number % 3 else [number]
changes.since()


def told() -> None:
    for number in range(CALLS):
        names["name50"] = 1000 + number
        changes.since().json()


def not_told() -> None:
    for number in range(CALLS):
        names["name50"] = 1000 + number


def timed(run: Callable[[], None]) -> int:
    begun = perf_counter_ns()
    run()
    return perf_counter_ns() - begun


timed(told)
print(json.dumps([max(0, timed(told) - timed(not_told)) / CALLS / 1000 for _ in range(SAMPLES)]))
