"""The limits of one process, as the sandbox was told: rlimits, which its children inherit.

`memory_bytes` bounds what the process may allocate for itself (RLIMIT_DATA: heap, private mappings, thread stacks)
and, with the room that the interpreter and its libraries take, its address space; beyond it allocation fails, and
Python raises MemoryError. `cpu_seconds` ends the process with SIGXCPU; `file_bytes` makes a longer write fail
(EFBIG); `open_files` fails with EMFILE. The runner's own descriptors are above that limit already, which does not
hurt them.
"""

from __future__ import annotations

import resource

from ..hints import Any, Dict


def apply(limits: Dict[str, Any]) -> None:
    """Sets what is asked for, as soft and hard limit, never above the present hard limit."""
    memory = limits.get("memory_bytes")
    if memory:
        _set(resource.RLIMIT_DATA, memory, memory)
        room = memory + _mapped_bytes()
        _set(resource.RLIMIT_AS, room, room)
    size = limits.get("file_bytes")
    if size is not None:
        _set(resource.RLIMIT_FSIZE, size, size)
    _set(resource.RLIMIT_CORE, 0, 0)  # a crash is told by its signal; nobody looks for a core in the workdir


def apply_last(limits: Dict[str, Any]) -> None:
    """What a session alone may have, and not what it is cloned from: the limit that counts from the start of a process,
    and the one that keeps descriptors from being put where the runner's are.
    """
    files = limits.get("open_files")
    if files:
        _set(resource.RLIMIT_NOFILE, files, files)
    seconds = limits.get("cpu_seconds")
    if seconds:
        _set(resource.RLIMIT_CPU, seconds, seconds + 1)


def _set(which: int, soft: int, hard: int) -> None:
    _, most = resource.getrlimit(which)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(which, (soft, hard))


def _mapped_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
