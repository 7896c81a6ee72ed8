"""Runs a program of tests, and ends it when it has said nothing for too long, telling first what hung.

    watched.py PROGRAM [ARGUMENT...]

`cargo` runs every test binary by this in CI (`CARGO_TARGET_<TRIPLE>_RUNNER`). A test that hangs costs minutes then
instead of the whole step, and the log names it: a harness names its threads after its tests, so the threads that
are left are the tests that are not done.

Environment:
    HIBERNACULUM_CI_QUIET  seconds of silence after which a program is given up, 300 by default

Exit: as the program did (128 + N where signal N ended it), 1 if it was given up.
"""

import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import List

QUIET = float(os.environ.get("HIBERNACULUM_CI_QUIET", "300"))
TICK = 1.0
CHUNK = 1 << 16


def main(command: List[str]) -> int:
    program = subprocess.Popen(command, stdout=subprocess.PIPE)
    output = program.stdout.fileno()
    said = time.monotonic()
    while True:
        ready, _, _ = select.select([output], [], [], TICK)
        if ready:
            chunk = os.read(output, CHUNK)
            if not chunk:
                break
            said = time.monotonic()
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        elif program.poll() is not None:
            # Something that it started, and that outlives it, holds its output: nobody waits for that.
            break
        elif time.monotonic() - said > QUIET:
            return give_up(program)
    status = program.wait()
    return 128 - status if status < 0 else status


def give_up(program: "subprocess.Popen[bytes]") -> int:
    print(f"\nerror: {program.args[0]} has said nothing for {QUIET:.0f} s and is given up; since it started there run:")
    for process in started_since(program.pid):
        print("  " + describe(process))
        for thread in sorted(process.glob("task/*")):
            if thread.name != process.name:
                print(f"    {text(thread / 'comm')}: {state(thread)}")
    sys.stdout.flush()
    program.kill()
    program.wait()
    return 1


def started_since(pid: int) -> List[Path]:
    """The processes of this machine that are no older: what a sandbox starts is not always a descendant."""
    since = started(Path("/proc") / str(pid))
    processes = [path for path in Path("/proc").iterdir() if path.name.isdigit()]
    return sorted((each for each in processes if started(each) >= since), key=started)


def describe(process: Path) -> str:
    command = text(process / "cmdline").replace("\0", " ").strip()
    parent = stat(process)[1:2]
    return f"{process.name} of {''.join(parent)}, {state(process)}: {command[:160] or text(process / 'comm')}"


def state(path: Path) -> str:
    return f"{''.join(stat(path)[:1])} in {text(path / 'wchan') or '?'}"


def started(process: Path) -> int:
    """When it started, in ticks since the machine did; before everything for a process that is gone."""
    return int((stat(process) or ["0"] * 20)[19])


def stat(path: Path) -> List[str]:
    """The fields of its `stat` from the state on (proc(5)); none of a process that is gone."""
    return text(path / "stat").rpartition(")")[2].split()


def text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
