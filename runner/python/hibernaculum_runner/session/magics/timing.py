"""How long code takes."""

from __future__ import annotations

import linecache
import resource
import timeit
from time import perf_counter

from ...hints import Any, Dict, List, Tuple
from .table import Call, Function

_ENOUGH = 0.2  # seconds that one of the runs takes, unless the number of loops is given
_RUNS = 7


def told(seconds: float) -> str:
    """A time with its unit, to three digits."""
    if seconds >= 60:
        minutes, seconds = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}h {minutes}min {seconds}s" if hours else f"{minutes}min {seconds}s"
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("\u03bcs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _time(call: Call) -> Any:
    text, place = _code(call)
    if not text.strip():
        raise call.wrong("it needs code, as in `%time work()`, or a cell of it below `%%time`")
    before, began = resource.getrusage(resource.RUSAGE_SELF), perf_counter()
    try:
        return call.magics.run(text, call.frame, *place)
    finally:
        wall, after = perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
        user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
        print(f"CPU times: user {told(user)}, sys: {told(system)}, total: {told(user + system)}")  # noqa: T201
        print(f"Wall time: {told(wall)}")  # noqa: T201


def _code(call: Call) -> Tuple[str, Tuple[int, int]]:
    """The code that is meant, and where it stands: its first line, and how far from that line's begin."""
    if call.body is not None:
        if call.arguments:
            raise call.wrong("it takes no arguments: the code stands below")
        return call.body, (call.first_line, 0)
    line = linecache.getline(call.frame.f_code.co_filename, call.first_line)
    return call.arguments, (call.first_line, max(0, line.find(call.arguments)))


def _timeit(call: Call) -> Any:
    options, rest = call.flags("qo", "nr")
    loops = call.number(options["n"], "-n") if "n" in options else 0
    runs = call.number(options["r"], "-r") if "r" in options else _RUNS
    statement, setup = (rest, "pass") if call.body is None else (call.body, rest or "pass")
    if not statement.strip():
        raise call.wrong("it needs code, as in `%timeit work()`")
    names = {**call.frame.f_globals, **call.frame.f_locals}
    timer = timeit.Timer(statement, setup, globals=names)
    if not loops:
        loops = 1
        while timer.timeit(loops) < _ENOUGH and loops < 10**9:
            loops *= 10
    result = Timings(loops, [seconds / loops for seconds in timer.repeat(runs, loops)])
    if "q" not in options:
        print(result)  # noqa: T201
    return result if "o" in options else None


class Timings:
    """What `%timeit -o` gives."""

    def __init__(self, loops: int, timings: List[float]) -> None:
        self.loops, self.repeat = loops, len(timings)
        self.timings = timings
        self.best, self.worst = min(timings), max(timings)
        self.average = sum(timings) / len(timings)
        self.stdev = (sum([(one - self.average) ** 2 for one in timings]) / len(timings)) ** 0.5

    def __repr__(self) -> str:
        runs = f"{self.repeat} run{'' if self.repeat == 1 else 's'}"
        loops = f"{self.loops:,} loop{'' if self.loops == 1 else 's'}"
        return (
            f"{told(self.average)} \u00b1 {told(self.stdev)} per loop (mean \u00b1 std. dev. of {runs}, {loops} each)"
        )


def _prun(call: Call) -> Any:
    import cProfile
    import pstats

    text, place = _code(call)
    profile = cProfile.Profile()
    try:
        return profile.runcall(call.magics.run, text, call.frame, *place)
    finally:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(20)


LINES: Dict[str, Function] = {"time": _time, "timeit": _timeit, "prun": _prun}
CELLS: Dict[str, Function] = dict(LINES)
