"""What is done to files without moving their content."""

from __future__ import annotations

import os
import stat

from ..hints import Any, Callable, Dict, List
from .confined import RefusedError, names_of, open_directory, refused_by_system, told

_MOST = 50_000  # entries of one listing
_PAGE = 1000  # entries of one message: at 6 bytes for each of a name's 255, far below what a frame may have
_DEEPEST = 100  # levels at a time; each holds a descriptor
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def stat_file(workdir: str, path: Any) -> Dict[str, Any]:
    """About one file; a symbolic link is told as such."""
    names = names_of(path)
    if not names:
        with open_directory(workdir, []) as root:
            return told(".", os.fstat(root))
    with open_directory(workdir, names[:-1]) as parent:
        return told("/".join(names), os.stat(names[-1], dir_fd=parent, follow_symlinks=False))


def list_files(workdir: str, path: Any, page: Callable[[List[Dict[str, Any]]], None]) -> List[Dict[str, Any]]:
    """What is in a directory, sorted by name, each under its name there. All but the last entries go to `page`."""
    names = names_of(path)
    found: List[Dict[str, Any]] = []
    with open_directory(workdir, names) as directory:
        entries = sorted(os.listdir(directory))
        if len(entries) > _MOST:
            problem = f"it has {len(entries)} entries, and at most {_MOST} are listed; code can list it in any case"
            raise RefusedError("files.refused", "/".join(names) or ".", problem)
        for entry in entries:
            try:
                info = os.stat(entry, dir_fd=directory, follow_symlinks=False)
            except FileNotFoundError:  # gone meanwhile
                continue
            if len(found) == _PAGE:
                page(found)
                found = []
            found.append(told(entry, info))
    return found


def make_directory(workdir: str, path: Any) -> None:
    """Makes it, and those above it. That it is there is no error."""
    with open_directory(workdir, names_of(path), make=True):
        pass


def rename(workdir: str, source: Any, target: Any) -> None:
    """Renames a file or directory; a file or an empty directory that stands there is replaced by its like."""
    old, new = _not_root(source), _not_root(target)
    with open_directory(workdir, old[:-1]) as here, open_directory(workdir, new[:-1]) as there:
        os.stat(old[-1], dir_fd=here, follow_symlinks=False)
        try:
            os.rename(old[-1], new[-1], src_dir_fd=here, dst_dir_fd=there)
        except OSError as error:
            raise refused_by_system(error, "/".join(new)) from None


def remove(workdir: str, path: Any, alive: Callable[[], None]) -> None:
    """Removes a file, or a directory with all that is in it. Links are not followed. Calls `alive` after each file."""
    names = _not_root(path)
    with open_directory(workdir, names[:-1]) as parent:
        if not _is_directory(names[-1], parent):
            os.unlink(names[-1], dir_fd=parent)
            return
        top = os.open(names[-1], _DIRECTORY, dir_fd=parent)
        try:
            while entries := os.listdir(top):  # more than once where something was too deep, or is being added
                for entry in entries:
                    _remove(entry, top, top, 0, alive)
        finally:
            os.close(top)
        os.rmdir(names[-1], dir_fd=parent)


def _remove(name: str, parent: int, top: int, depth: int, alive: Callable[[], None]) -> None:
    """Removes an entry of `parent`. A directory that is too deep moves to `top`, where the next round finds it."""
    try:
        if not _is_directory(name, parent):
            os.unlink(name, dir_fd=parent)
            return
        if depth == _DEEPEST:
            os.rename(name, f".{os.urandom(6).hex()}.deep", src_dir_fd=parent, dst_dir_fd=top)
            return
        inside = os.open(name, _DIRECTORY, dir_fd=parent)
        try:
            for entry in os.listdir(inside):
                _remove(entry, inside, top, depth + 1, alive)
        finally:
            os.close(inside)
        os.rmdir(name, dir_fd=parent)
    except FileNotFoundError:
        pass  # gone meanwhile
    alive()


def _is_directory(name: str, parent: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def _not_root(path: Any) -> List[str]:
    names = names_of(path)
    if not names:
        raise RefusedError("files.wrong_kind", ".", "it is the working directory itself")
    return names
