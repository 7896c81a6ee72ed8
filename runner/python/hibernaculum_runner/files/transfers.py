"""Uploads and downloads, piece by piece.

An upload is written to a file without a name (where the file system has such), or to one that nobody asks for, and
takes its place in one step when all of it has come. So whatever ends a transfer, no half file stands under the name.
"""

from __future__ import annotations

import os
import socket
import stat

from ..frames import MAX_CHUNK, encode_chunk_head
from ..hints import Any, Callable, Dict, Iterator, List, Optional, Tuple
from .confined import (
    RefusedError,
    how_many_exist,
    is_link,
    names_of,
    open_directory,
    refused_by_system,
    remove_if_empty,
    told,
)

# What was a file when it was looked at may be a FIFO or a terminal when it is opened: neither is waited for.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CLOEXEC


def upload(workdir: str, path: Any, pieces: Iterator[memoryview]) -> Dict[str, Any]:
    """Writes what `pieces` gives, and makes the directories above. Raises RefusedError, with nothing left behind."""
    names = _file_names(path)
    there = how_many_exist(workdir, names[:-1])
    try:
        return _written(workdir, names, pieces)
    except BaseException:
        remove_if_empty(workdir, names[:-1], there)
        raise


def _written(workdir: str, names: List[str], pieces: Iterator[memoryview]) -> Dict[str, Any]:
    shown = "/".join(names)
    with open_directory(workdir, names[:-1], make=True) as parent:
        if _is_directory(names[-1], parent):
            raise RefusedError("files.wrong_kind", shown, "it is a directory")
        temporary = f".{os.getpid()}.{os.urandom(6).hex()}.part"
        try:
            descriptor = os.open(".", _WRITE | os.O_TMPFILE, 0o666, dir_fd=parent)
            is_named = False
        except OSError:  # the file system has no such thing
            descriptor = os.open(temporary, _WRITE | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666, dir_fd=parent)
            is_named = True
        try:
            for view in pieces:
                while view:
                    view = view[os.write(descriptor, view) :]
            if not is_named:
                os.link(f"/proc/self/fd/{descriptor}", temporary, dst_dir_fd=parent, follow_symlinks=True)
                is_named = True
            os.rename(temporary, names[-1], src_dir_fd=parent, dst_dir_fd=parent)
            is_named = False
            return told(shown, os.fstat(descriptor))
        except OSError as error:
            raise refused_by_system(error, shown) from None
        finally:
            os.close(descriptor)
            if is_named:
                os.unlink(temporary, dir_fd=parent)


def download(
    workdir: str, path: Any, begin: Callable[[Dict[str, Any]], None], connection: socket.socket, transfer: int
) -> Tuple[int, Optional[str]]:
    """Tells about the file by `begin`, then sends it: how many bytes that were, and what kept the rest from being read.

    RefusedError comes before `begin`.
    """
    names = _file_names(path)
    shown = "/".join(names)
    with open_directory(workdir, names[:-1]) as parent:
        _require_file(shown, os.stat(names[-1], dir_fd=parent, follow_symlinks=False))
        try:
            descriptor = os.open(names[-1], _READ, dir_fd=parent)
        except OSError as error:
            if is_link(names[-1], parent):
                problem = "it is a symbolic link, which is never followed"
                raise RefusedError("files.outside", shown, problem) from None
            raise refused_by_system(error, shown) from None
    try:
        info = os.fstat(descriptor)
        _require_file(shown, info)
        begin(told(shown, info))
        sent = 0
        buffer = bytearray(MAX_CHUNK)
        view = memoryview(buffer)
        while sent < info.st_size:  # what is written meanwhile belongs to another download
            try:
                count = os.readv(descriptor, [view[: info.st_size - sent]])
            except OSError as error:
                return sent, error.strerror or str(error)
            if not count:
                break
            connection.sendall(encode_chunk_head(transfer, count))
            connection.sendall(view[:count])
            sent += count
        return sent, None
    finally:
        os.close(descriptor)


def _require_file(shown: str, info: os.stat_result) -> None:
    kind = told(shown, info)["kind"]
    if kind == "symlink":
        raise RefusedError("files.outside", shown, "it is a symbolic link, which is never followed")
    if kind != "file":
        raise RefusedError("files.wrong_kind", shown, f"it is no regular file but a {kind}")


def _file_names(path: Any) -> List[str]:
    names = names_of(path)
    if not names or path.endswith("/"):
        raise RefusedError("files.wrong_kind", str(path)[:200], "it names a directory")
    return names


def _is_directory(name: str, parent: int) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False
