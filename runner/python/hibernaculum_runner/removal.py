"""Removing directories that the host named, when the host can no longer do it.

Everything is opened relative to a descriptor and without following links, so nothing outside of the named directory is
touched, whatever user code left in it. What is nested too deeply stays: the next host's sweep is the second net.
"""

from __future__ import annotations

import os
import stat

_DEEPEST = 200  # levels; each holds one descriptor while those below it are emptied
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(path: str) -> None:
    """Removes a directory with all that is in it, as far as it can. Raises nothing."""
    if not os.path.isabs(path):
        return
    try:
        parent = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    _remove(os.path.basename(path), parent, 0)
    os.close(parent)


def _remove(name: str, parent: int, depth: int) -> None:
    try:
        if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            if depth:  # the named thing itself is a directory, or it is not what the host meant
                os.unlink(name, dir_fd=parent)
            return
        if depth > _DEEPEST:
            return
        try:
            inside = os.open(name, _FLAGS, dir_fd=parent)
        except PermissionError:  # user code took its own rights away; what is no link can be given them again
            os.chmod(name, 0o700, dir_fd=parent)
            inside = os.open(name, _FLAGS, dir_fd=parent)
        try:
            os.fchmod(inside, 0o700)
            for entry in os.listdir(inside):
                _remove(entry, inside, depth + 1)
        finally:
            os.close(inside)
        os.rmdir(name, dir_fd=parent)
    except OSError:
        pass
