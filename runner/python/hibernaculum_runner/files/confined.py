"""Paths that cannot leave the working directory, whatever user code puts in their way.

A path is relative, has no `..`, and is walked one name at a time: each directory is opened relative to the one before,
and no symbolic link is followed, neither on the way nor at the end. So what a link points at is never touched, and a
link that takes a directory's place at the worst moment is refused like any other: a descriptor stands for the
directory itself, not for its name.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager

from ..hints import Any, Dict, Iterator, List

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 200  # names in a path

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}


class RefusedError(Exception):
    """Why a request for a path is not fulfilled: a code of the catalogue, and the particulars."""

    def __init__(self, code: str, path: str, problem: str) -> None:
        super().__init__(problem)
        self.code, self.path, self.problem = code, path, problem


def refused_by_system(error: OSError, path: str) -> RefusedError:
    """What the system said, in our words."""
    problem = error.strerror or str(error)
    if error.errno == errno.ENOENT:
        return RefusedError("files.not_found", path, problem)
    if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
        return RefusedError("files.exists", path, problem)
    if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.EINVAL):
        return RefusedError("files.wrong_kind", path, problem)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM):
        return RefusedError("files.no_room", path, problem)
    return RefusedError("files.refused", path, problem)


def names_of(path: Any) -> List[str]:
    """The names in a path; none for the working directory itself."""
    if type(path) is not str:
        raise RefusedError("files.outside", str(path)[:200], "it is no text")
    if "\0" in path:
        raise RefusedError("files.outside", path[:200], "it has a NUL character")
    if not _is_text(path):
        raise RefusedError("files.outside", path[:200], "it has half a character, which no name has")
    if path.startswith("/"):
        raise RefusedError("files.outside", path[:200], "it is absolute")
    names = [name for name in path.split("/") if name not in ("", ".")]
    if ".." in names:
        raise RefusedError("files.outside", path[:200], "it has a `..`")
    if len(names) > _DEEPEST:
        raise RefusedError("files.refused", path[:200], f"it has more than {_DEEPEST} names")
    return names


@contextmanager
def open_directory(workdir: str, names: List[str], make: bool = False) -> Iterator[int]:
    """The descriptor of a directory, open within a `with`."""
    descriptor = _opened(workdir, names, make)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _opened(workdir: str, names: List[str], make: bool) -> int:
    """The directory of these names below the working directory; with `make` those that are missing are made."""
    here = os.open(workdir, _DIRECTORY)
    for depth, name in enumerate(names, 1):
        try:
            if make:
                try:
                    os.mkdir(name, dir_fd=here)
                except FileExistsError:
                    pass
            inside = os.open(name, _DIRECTORY, dir_fd=here)
        except OSError as error:
            path = "/".join(names[:depth])
            if is_link(name, here):
                raise RefusedError("files.outside", path, "it is a symbolic link, which is never followed") from None
            raise refused_by_system(error, path) from None
        finally:
            os.close(here)
        here = inside
    return here


def remove_if_empty(workdir: str, names: List[str], above: int) -> None:
    """Removes those of these directories that are deeper than `above` and empty, the deepest first."""
    for depth in range(len(names), above, -1):
        try:
            with open_directory(workdir, names[: depth - 1]) as parent:
                os.rmdir(names[depth - 1], dir_fd=parent)
        except (OSError, RefusedError):
            return


def how_many_exist(workdir: str, names: List[str]) -> int:
    """How many of these directories, from the first on, are there."""
    for depth in range(len(names), 0, -1):
        try:
            with open_directory(workdir, names[:depth]):
                return depth
        except (OSError, RefusedError):
            continue
    return 0


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_link(name: str, directory: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except OSError:
        return False


def told(path: str, info: os.stat_result) -> Dict[str, Any]:
    """A file, as it travels. One whose name is no text cannot be named in a request, whatever it is."""
    kind = KINDS.get(stat.S_IFMT(info.st_mode), "other") if _is_text(path) else "other"
    return {
        "path": path,
        "kind": kind,
        "size": info.st_size if kind != "other" else 0,
        "modified_ms": info.st_mtime_ns // 1_000_000,
        "mode": stat.S_IMODE(info.st_mode),
    }
