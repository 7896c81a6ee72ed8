"""Whether it was the kernel that killed a process, because the memory of its control group ran out.

A process that dies of SIGKILL does not say whose it was. The kernel counts its own: `oom_kill` of the group, in
`memory.events` (version 2) or `memory.oom_control` (version 1). One more than at the last look, and nobody else known
to have killed it: that was it. Outside of a group there is no such count, and SIGKILL is what is told.
"""

from __future__ import annotations

from ..hints import Dict, Iterator, Optional, Tuple

_VERSION_2 = ("/sys/fs/cgroup", "memory.events")
_VERSION_1 = ("/sys/fs/cgroup/memory", "memory.oom_control")


class Kills:
    """The kernel's count for our group, and what it was when we looked last."""

    def __init__(self) -> None:
        self._known: Dict[str, int] = {}
        self.look()

    def look(self) -> bool:
        """Whether there were any since the last look."""
        for group in _groups():
            found = _count(group)
            if found is not None:
                path, count = found
                known = self._known.get(path, 0)
                self._known[path] = count
                return count > known
        return False


def _groups() -> Iterator[Tuple[str, str, str]]:
    """Where the count may be: mount point, our group below it, file."""
    try:
        with open("/proc/self/cgroup") as file:
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        _number, controllers, group = line.split(":", 2)
        if not controllers:
            yield (_VERSION_2[0], group, _VERSION_2[1])
        elif "memory" in controllers.split(","):
            yield (_VERSION_1[0], group, _VERSION_1[1])


def _count(group: Tuple[str, str, str]) -> Optional[Tuple[str, int]]:
    """The file that has the count, and the count. In a container the group may be mounted as the root of all."""
    mounted, below, name = group
    for path in (f"{mounted}{below.rstrip('/')}/{name}", f"{mounted}/{name}"):
        try:
            with open(path) as file:
                for line in file:
                    key, _, value = line.partition(" ")
                    if key == "oom_kill":
                        return path, int(value)
        except (OSError, ValueError):
            continue
    return None
