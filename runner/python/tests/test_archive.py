"""Archives of whole trees: what goes in comes out, and what is hostile comes nowhere."""

import io
import os
import socket
import stat
import tarfile
import tempfile
import time
import unittest
from typing import Any, Dict, Iterator, List
from unittest import mock

from host import Host
from host import RefusedError as ToldError

from hibernaculum_runner import frames
from hibernaculum_runner.files import archive
from hibernaculum_runner.files.confined import RefusedError


class Archives(unittest.TestCase):
    def setUp(self) -> None:
        top = tempfile.TemporaryDirectory()
        self.addCleanup(top.cleanup)
        self.top = top.name
        self.source, self.target, self.outside = (os.path.join(self.top, name) for name in ("from", "to", "outside"))
        for place in (self.source, self.target, self.outside):
            os.mkdir(place)

    def path(self, *names: str) -> str:
        return os.path.join(self.source, *names)

    def write(self, path: str, content: bytes = b"") -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)

    def packed(self, **more: str) -> "tuple[bytes, Dict[str, Any]]":
        chunks: List[bytes] = []
        told = archive.pack({"files": self.source, **more}, lambda: None, lambda chunk: chunks.append(bytes(chunk)))
        self.assertTrue(all(len(chunk) <= frames.MAX_CHUNK for chunk in chunks))
        return b"".join(chunks), told

    def unpacked(self, data: bytes, piece: int = 100_000, **more: str) -> Dict[str, Any]:
        pieces = (memoryview(data)[at : at + piece] for at in range(0, len(data), piece))
        return archive.unpack({"files": self.target, **more}, pieces)

    def tree(self, top: str) -> Dict[str, Any]:
        found: Dict[str, Any] = {}
        for here, directories, files in os.walk(os.fsencode(top)):
            for name in directories + files:
                path = os.path.join(here, name)
                info = os.lstat(path)
                content: Any = None
                if stat.S_ISLNK(info.st_mode):
                    content = os.readlink(path)
                elif stat.S_ISREG(info.st_mode):
                    with open(path, "rb") as file:
                        content = file.read()
                mode = 0 if stat.S_ISLNK(info.st_mode) else info.st_mode
                found[os.path.relpath(path, os.fsencode(top)).decode("utf-8", "surrogateescape")] = (mode, content)
        return found

    def hostile(self, *entries: "tuple[tarfile.TarInfo, bytes]") -> bytes:
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as made:
            for entry, content in entries:
                made.addfile(entry, io.BytesIO(content))
        return data.getvalue()

    def test_a_tree_comes_out_as_it_went_in(self) -> None:
        self.write(self.path("a", "b", "deep.txt"), b"deep")
        self.write(self.path("empty"))
        self.write(self.path("large"), bytes(range(256)) * 20_000)
        self.write(self.path("exactly"), b"x" * 1024)
        self.write(self.path("ein Name mit Ü, \n und 'Zeichen'"), b"odd")
        self.write(os.path.join(self.source, os.fsdecode(b"no \xff text")), b"bytes")
        self.write(self.path("n" * 200, "m" * 200, "l" * 200), b"long")
        os.mkdir(self.path("nothing in it"))
        os.symlink("a/b/deep.txt", self.path("link"))
        os.symlink("/no/such/place", self.path("broken"))
        os.chmod(self.path("empty"), 0o755)
        os.chmod(self.path("a"), 0o500)
        os.utime(self.path("large"), (1_000_000_000, 1_000_000_000))
        data, told = self.packed()
        self.assertEqual(told["skipped"], [])
        for piece in (511, 1 << 20, len(data)):
            with self.subTest(piece), tempfile.TemporaryDirectory() as self.target:
                unpacked = self.unpacked(data, piece)
                self.assertEqual(unpacked, {"files": told["files"], "skipped": []})
                self.assertEqual(self.tree(self.target), self.tree(self.source))
                self.assertEqual(os.stat(os.path.join(self.target, "large")).st_mtime, 1_000_000_000)
                os.chmod(os.path.join(self.target, "a"), 0o700)
        os.chmod(self.path("a"), 0o700)

    def test_whoever_sends_is_heard_to_the_end(self) -> None:
        with open(os.path.join(self.source, "file"), "w") as file:
            file.write("x")
        (packed, _told), heard = self.packed(), []

        def pieces() -> Iterator[memoryview]:
            yield memoryview(packed)
            yield memoryview(bytes(10_240))  # an archive ends before its bytes do
            heard.append("the end")

        archive.unpack({"files": self.target}, pieces())
        self.assertEqual(heard, ["the end"])

    def test_other_programs_can_read_it(self) -> None:
        self.write(self.path("a", "b"), b"content")
        data, _ = self.packed()
        with tarfile.open(fileobj=io.BytesIO(data)) as read:
            self.assertEqual(read.getnames(), ["files", "files/a", "files/a/b"])
            content = read.extractfile("files/a/b")
            assert content is not None
            self.assertEqual(content.read(), b"content")

    def test_what_is_no_file_is_left_out_and_told(self) -> None:
        os.mkfifo(self.path("fifo"))
        with socket.socket(socket.AF_UNIX) as listener:
            here = os.open(self.source, os.O_RDONLY)  # the path may be too long for an address
            listener.bind(f"/proc/self/fd/{here}/socket")
            os.close(here)
        self.write(self.path("kept"), b"kept")
        data, told = self.packed()
        self.assertEqual(told["files"], 1)
        self.assertEqual([line.split(":")[0] for line in told["skipped"]], ["files/fifo", "files/socket"])
        self.assertEqual(self.unpacked(data)["files"], 1)

    def test_what_may_not_be_looked_at_is_left_out_and_told(self) -> None:
        # root may look at everything, so the system is played
        self.write(self.path("kept"), b"kept")
        self.write(self.path("closed", "inside"), b"inside")
        look = os.stat

        def refusing(path: Any, *rest: Any, **more: Any) -> os.stat_result:
            if path == "inside":
                raise PermissionError(13, "Permission denied")
            return look(path, *rest, **more)

        with mock.patch.object(archive.os, "stat", refusing):
            data, told = self.packed()
        self.assertEqual(told, {"files": 2, "skipped": ["files/closed/inside: Permission denied"]})
        self.unpacked(data)
        self.assertEqual(sorted(os.listdir(self.target)), ["closed", "kept"])

    def test_a_link_is_not_looked_behind(self) -> None:
        self.write(os.path.join(self.outside, "secret"), b"secret")
        os.symlink(self.outside, self.path("there"))
        os.symlink(os.path.join(self.outside, "secret"), self.path("file"))
        data, told = self.packed()
        self.assertEqual(told["files"], 2)
        self.assertNotIn(b"secret\0", data.replace(b"/secret\0", b""))
        self.unpacked(data)
        self.assertEqual(os.readlink(os.path.join(self.target, "there")), self.outside)

    def test_a_file_that_shrinks_while_it_is_read_is_told(self) -> None:
        self.write(self.path("a"), b"x" * (3 << 20))
        chunks: List[bytes] = []

        def send(chunk: memoryview) -> None:
            if not chunks:
                os.truncate(self.path("a"), 100)
            chunks.append(bytes(chunk))

        told = archive.pack({"files": self.source}, lambda: None, send)
        self.assertIn("shrank", told["skipped"][0])
        self.assertEqual(self.unpacked(b"".join(chunks))["files"], 1)

    def test_more_than_an_archive_may_have_is_left_out_and_told(self) -> None:
        with open(self.path("bomb"), "wb") as file:
            file.truncate(1 << 40)
        self.write(self.path("kept"), b"kept")
        started = time.monotonic()
        data, told = self.packed()
        self.assertLess(time.monotonic() - started, 5)
        self.assertIn("files/bomb: with its", told["skipped"][0])
        self.unpacked(data)
        self.assertEqual(os.listdir(self.target), ["kept"])

    def test_nothing_is_written_through_a_link_of_the_archives_own(self) -> None:
        for path in ("files/there/new", "files/there/../new", "files/../new", "files/there"):
            with self.subTest(path), tempfile.TemporaryDirectory(dir=self.top) as self.target:
                link = tarfile.TarInfo("files/there")
                link.type, link.linkname = tarfile.SYMTYPE, self.outside
                entry = tarfile.TarInfo(path)
                entry.size = 4
                data = self.hostile((link, b""), (entry, b"evil"))
                try:
                    self.unpacked(data)
                except RefusedError as refused:
                    self.assertEqual(refused.code, "files.outside")
                self.assertEqual(os.listdir(self.outside), [])
                self.assertFalse(os.path.exists(os.path.join(self.top, "new")))

    def test_what_no_archive_of_ours_has_is_left_out(self) -> None:
        device = tarfile.TarInfo("files/device")
        device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 1, 3
        fifo = tarfile.TarInfo("files/fifo")
        fifo.type = tarfile.FIFOTYPE
        hard = tarfile.TarInfo("files/hard")
        hard.type, hard.linkname = tarfile.LNKTYPE, "/etc/passwd"
        elsewhere, absolute = tarfile.TarInfo("elsewhere/x"), tarfile.TarInfo("/etc/x")
        set_uid = tarfile.TarInfo("files/set_uid")
        set_uid.mode = 0o6755
        entries = (device, fifo, hard, elsewhere, absolute, set_uid)
        told = self.unpacked(self.hostile(*((entry, b"") for entry in entries)))
        self.assertEqual(told["files"], 1)
        self.assertEqual(len(told["skipped"]), 5)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.target, "set_uid")).st_mode), 0o755)

    def test_what_is_no_archive_is_refused(self) -> None:
        entry = tarfile.TarInfo("files/half")
        entry.size = 1 << 20
        half = self.hostile((entry, bytes(1 << 20)))[: 1 << 19]
        for data in (b"", b"garbage" * 1000, half):
            with self.subTest(data[:10]), self.assertRaises(RefusedError) as caught:
                self.unpacked(data)
            self.assertEqual(caught.exception.code, "files.refused")

    def test_what_stands_there_gives_way(self) -> None:
        self.write(self.path("a"), b"new")
        self.write(os.path.join(self.outside, "old"), b"old")
        os.symlink(os.path.join(self.outside, "old"), os.path.join(self.target, "a"))
        data, _ = self.packed()
        self.unpacked(data)
        self.assertEqual(self.tree(self.target)["a"][1], b"new")
        self.assertEqual(self.tree(self.outside)["old"][1], b"old")


class Workers(unittest.TestCase):
    def setUp(self) -> None:
        self.here, self.there = Host(), Host()
        self.addCleanup(self.here.close)
        self.addCleanup(self.there.close)

    def test_a_sandbox_is_packed_and_another_one_unpacks_it(self) -> None:
        session = self.here.session()
        session.execute(
            "import os\n"
            "open('data.bin', 'wb').write(os.urandom(3_000_000)); os.symlink('data.bin', 'link')\n"
            "open(os.environ['HIBERNACULUM_PACKAGES'] + '/mine.py', 'w').write('x = 42')"
        )
        connection = self.here.connect("files")
        self.addCleanup(connection.close)
        connection.send({"jsonrpc": "2.0", "id": 7, "method": "files.pack", "params": {}})
        self.assertEqual(connection.answer(7), {})
        is_end = lambda notice: notice["method"] == "files.end"  # noqa: E731
        end = connection.until(lambda: next(filter(is_end, connection.notices), None), "the end of the archive")
        data = end["data"]
        self.assertEqual(end["params"]["bytes"], len(data))
        self.assertEqual(connection.notice("files.packed"), {"files": 3, "skipped": []})
        other = self.there.connect("files")
        self.addCleanup(other.close)
        request = other.ask("files.unpack")
        for at in range(0, len(data), 1 << 19):
            piece = data[at : at + (1 << 19)]
            other.sock.sendall(frames.encode_chunk_head(request, len(piece)) + piece)
        other.notify("files.end", transfer=request, bytes=len(data))
        self.assertEqual(other.answer(request), {"files": 3, "skipped": []})
        again = self.there.session()
        self.assertEqual(again.value("import mine, os; [mine.x, os.path.getsize('link')]"), [42, 3_000_000])
        # the connection is free for the next request
        self.assertEqual(len(other.request("files.list", path="")["files"]), 2)

    def test_an_archive_that_is_refused_is_told(self) -> None:
        other = self.there.connect("files")
        self.addCleanup(other.close)
        request = other.ask("files.unpack")
        other.sock.sendall(frames.encode_chunk_head(request, 600) + bytes([1]) * 600)
        other.notify("files.end", transfer=request, bytes=600)
        with self.assertRaises(ToldError) as caught:
            other.answer(request)
        self.assertEqual(caught.exception.code, "files.refused")


if __name__ == "__main__":
    unittest.main()
