"""Whole trees as a tar archive (POSIX.1-2001): out of one sandbox, into another.

```
pack     files/…     the working directory            ┐  in the order in which they are found, each directory
         packages/…  what `%pip` installed, if it did ┘  ahead of what is in it
unpack   the same, in a directory each
```

Regular files, directories and symbolic links travel, with permission bits and times. Links are data: what one points at
is looked at neither on the way out nor on the way in, and nothing is written through one. An archive is as hostile as
the code that ran where it was made; the sandbox that unpacks it is as confined as any.
"""

from __future__ import annotations

import os
import stat
import tarfile

from ..frames import MAX_CHUNK
from ..hints import IO, Any, Callable, Dict, Iterator, List, Optional, Tuple
from .confined import RefusedError, open_directory, refused_by_system

_DEEPEST = 200  # names in a path
_MOST_BYTES = 16 << 30  # of content, the holes in files included
_MOST_TOLD = 100  # of what was left out
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ENCODING = ("utf-8", "surrogateescape")  # names that are no text travel with their bytes


class _Count:
    """How many entries there were, and what was left out."""

    def __init__(self) -> None:
        self.files = 0
        self._skipped: List[str] = []
        self._more = 0

    def skip(self, path: str, why: str) -> None:
        if len(self._skipped) < _MOST_TOLD:
            self._skipped.append(f"{path[:200]}: {why}")
        else:
            self._more += 1

    def told(self) -> Dict[str, Any]:
        more = [f"and {self._more} more"] if self._more else []
        return {"files": self.files, "skipped": self._skipped + more}


# -- out ---------------------------------------------------------------------------------------------------------------


def pack(roots: Dict[str, str], begin: Callable[[], None], send: Callable[[memoryview], None]) -> Dict[str, Any]:
    """Sends the archive of some directories, each under a name of its own; tells what is in it.

    OSError comes before `begin`.
    """
    tops = {name: os.stat(place) for name, place in roots.items()}
    begin()
    return _Packer(send).run(roots, tops)


class _Packer:
    def __init__(self, send: Callable[[memoryview], None]) -> None:
        self._send = send
        self._buffer = memoryview(bytearray(MAX_CHUNK))
        self._filled = 0
        self._content = 0
        self._count = _Count()

    def run(self, roots: Dict[str, str], tops: Dict[str, os.stat_result]) -> Dict[str, Any]:
        for name, place in roots.items():
            self._head(tarfile.DIRTYPE, name, tops[name])
            for names, info, parent in self._walk(name, place):
                self._entry("/".join((name, *names)), names[-1], info, parent)
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        self._flush()
        return self._count.told()

    def _walk(self, root: str, place: str) -> Iterator[Tuple[List[str], os.stat_result, int]]:
        todo: List[List[str]] = [[]]
        while todo:
            names = todo.pop()
            inside = []
            try:
                with open_directory(place, names) as directory:
                    for entry in sorted(os.listdir(directory)):
                        try:
                            info = os.stat(entry, dir_fd=directory, follow_symlinks=False)
                        except FileNotFoundError:  # gone meanwhile
                            continue
                        except OSError as error:  # a directory that may be listed and not entered
                            self._count.skip("/".join((root, *names, entry)), error.strerror or str(error))
                            continue
                        path = [*names, entry]
                        if len(path) > _DEEPEST:
                            self._count.skip("/".join((root, *path)), f"it is below more than {_DEEPEST} directories")
                            continue
                        yield path, info, directory
                        if stat.S_ISDIR(info.st_mode):
                            inside.append(path)
            except RefusedError as refused:  # a link has taken its place, or it may not be read
                self._count.skip("/".join((root, *names)), refused.problem)
            todo.extend(reversed(inside))

    def _entry(self, path: str, name: str, info: os.stat_result, parent: int) -> None:
        try:
            if stat.S_ISDIR(info.st_mode):
                self._head(tarfile.DIRTYPE, path, info)
            elif stat.S_ISLNK(info.st_mode):
                self._head(tarfile.SYMTYPE, path, info, target=os.readlink(name, dir_fd=parent))
            elif stat.S_ISREG(info.st_mode):
                self._file(path, name, parent)
            else:
                raise OSError("it is no file, directory or link")
            self._count.files += 1
        except OSError as error:
            self._count.skip(path, error.strerror or str(error))

    def _file(self, path: str, name: str, parent: int) -> None:
        descriptor = os.open(name, _READ, dir_fd=parent)
        try:
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode):
                raise OSError("something else has taken its place")
            if self._content + info.st_size > _MOST_BYTES:
                raise OSError(f"with its {info.st_size} bytes the archive would have more than {_MOST_BYTES}")
            self._content += info.st_size
            self._head(tarfile.REGTYPE, path, info, size=info.st_size)
            left = info.st_size
            while left:  # what is written meanwhile belongs to another archive
                try:
                    count = os.readv(descriptor, [self._room()[:left]])
                    problem = "it shrank while it was read"
                except OSError as error:
                    count, problem = 0, error.strerror or str(error)
                if not count:
                    self._count.skip(path, f"{problem}; zeros stand for the last {left} bytes")
                    break
                self._filled += count
                left -= count
            self._zeros(left - info.st_size % -tarfile.BLOCKSIZE)
        finally:
            os.close(descriptor)

    def _head(self, kind: bytes, path: str, info: os.stat_result, size: int = 0, target: str = "") -> None:
        entry = tarfile.TarInfo(path)
        entry.type, entry.size, entry.linkname = kind, size, target
        entry.mode, entry.mtime = stat.S_IMODE(info.st_mode) & 0o777, int(info.st_mtime)
        self._write(entry.tobuf(tarfile.PAX_FORMAT, *_ENCODING))

    def _zeros(self, count: int) -> None:
        while count:
            some = min(count, MAX_CHUNK)
            self._write(bytes(some))
            count -= some

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            room = self._room()
            some = min(len(room), len(view))
            room[:some] = view[:some]
            self._filled += some
            view = view[some:]

    def _room(self) -> memoryview:
        if self._filled == MAX_CHUNK:
            self._flush()
        return self._buffer[self._filled :]

    def _flush(self) -> None:
        if self._filled:
            try:
                self._send(self._buffer[: self._filled])
            except OSError:
                raise EOFError("nobody takes the archive any more") from None
            self._filled = 0


# -- in ----------------------------------------------------------------------------------------------------------------


def unpack(roots: Dict[str, str], pieces: Iterator[memoryview]) -> Dict[str, Any]:
    """Makes what an archive holds, in a directory for each of its names; tells what came. Raises RefusedError."""
    count = _Count()
    directories: List[Tuple[str, List[str], tarfile.TarInfo]] = []
    source: Any = _Pieces(pieces)  # of a stream, only `read` is called
    try:
        with tarfile.open(None, "r|", source, encoding=_ENCODING[0], errors=_ENCODING[1]) as archive:
            for entry in archive:
                archive.members = []  # type: ignore[attr-defined]  # else it keeps all of them
                root, names = _place(entry.name)
                if root not in roots:
                    count.skip(entry.name, "this sandbox has no place for it")
                elif entry.isdir():
                    with open_directory(roots[root], names, make=True):
                        directories.append((roots[root], names, entry))
                        count.files += bool(names)
                elif not names or not (entry.issym() or entry.isreg()) or entry.sparse is not None:
                    count.skip(entry.name, "it is no file, directory or link")
                else:
                    with open_directory(roots[root], names[:-1], make=True) as parent:
                        _make(entry, names[-1], parent, archive.extractfile(entry) if entry.isreg() else None)
                    count.files += 1
    except OSError as error:
        raise refused_by_system(error, ".") from None
    except (tarfile.TarError, ValueError, EOFError, RecursionError) as error:
        raise RefusedError("files.refused", ".", f"the archive cannot be read: {error}") from None
    for _padding in pieces:  # an archive ends before its bytes do; who answers earlier interrupts who sends them
        pass
    for place, names, entry in reversed(directories):  # last, for one may be read-only
        with open_directory(place, names) as directory:
            _dress(directory, entry)
    return count.told()


def _place(path: str) -> Tuple[str, List[str]]:
    root, *names = [name for name in path.split("/") if name not in ("", ".")] or [""]
    if ".." in names or "\0" in path or len(names) > _DEEPEST:
        raise RefusedError("files.outside", path[:200], "the archive has a path that no archive of ours has")
    return root, names


def _make(entry: tarfile.TarInfo, name: str, parent: int, content: Optional[IO[bytes]]) -> None:
    """A link, or a file of that content. What stands there already gives way, unless it is a directory."""
    try:
        try:
            os.unlink(name, dir_fd=parent)
        except FileNotFoundError:
            pass
        if content is None:
            os.symlink(entry.linkname, name, dir_fd=parent)
            return
        descriptor = os.open(name, _CREATE, 0o600, dir_fd=parent)
        try:
            left = entry.size
            while left:
                data = content.read(min(left, MAX_CHUNK))
                if not data:
                    raise EOFError(f"it ends in the middle of {entry.name[:200]}")
                left -= len(data)
                view = memoryview(data)
                while view:
                    view = view[os.write(descriptor, view) :]
            _dress(descriptor, entry)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise refused_by_system(error, entry.name[:200]) from None


def _dress(descriptor: int, entry: tarfile.TarInfo) -> None:
    os.fchmod(descriptor, entry.mode & 0o777)
    try:
        os.utime(descriptor, (entry.mtime, entry.mtime))
    except (OSError, OverflowError, ValueError):
        pass  # a time that no clock has


class _Pieces:
    """What comes in pieces, as a file to be read."""

    def __init__(self, pieces: Iterator[memoryview]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, count: int) -> bytes:
        """At most so many bytes; none at the end."""
        while not self._rest:
            try:
                self._rest = next(self._pieces)
            except StopIteration:
                return b""
        some, self._rest = self._rest[:count], self._rest[count:]
        return bytes(some)
