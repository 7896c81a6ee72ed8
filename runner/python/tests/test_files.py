"""Connections for files: what a worker does with odd requests, half transfers, and hosts that leave."""

import errno
import os
import socket
import tempfile
import time
import unittest
from typing import Any, Dict, List
from unittest import mock

from host import Connection, EndedError, Host, RefusedError

from hibernaculum_runner import frames
from hibernaculum_runner.files import actions, confined, transfers


class Files(unittest.TestCase):
    def setUp(self) -> None:
        self.host = Host()
        self.addCleanup(self.host.close)

    def connect(self) -> Connection:
        connection = self.host.connect("files")
        self.addCleanup(connection.close)
        return connection

    def workers(self) -> List[int]:
        pid = self.host.stats()["pid"]
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]

    def wait_for_no_workers(self) -> None:
        deadline = time.monotonic() + 5
        while self.workers():
            self.assertLess(time.monotonic(), deadline, "a worker outlived its connection")
            time.sleep(0.01)

    def refusal(self, connection: Connection, method: str, **params: Any) -> Dict[str, Any]:
        with self.assertRaises(RefusedError) as caught:
            connection.request(method, **params)
        data: Dict[str, Any] = caught.exception.data
        return data

    def test_a_worker_serves_one_request_after_the_other(self) -> None:
        connection = self.connect()
        connection.request("files.mkdir", path="a/b")
        self.assertEqual(connection.request("files.stat", path="a/b")["kind"], "directory")
        self.assertEqual([file["path"] for file in connection.request("files.list", path="a")["files"]], ["b"])
        self.assertEqual(self.refusal(connection, "files.stat", path="a/c")["code"], "files.not_found")
        connection.request("files.remove", path="a")
        self.assertEqual(connection.request("files.list", path=".")["files"], [])

    def test_odd_requests_are_refused_and_the_worker_goes_on(self) -> None:
        connection = self.connect()
        for path in [None, 5, ["a"], "/", "..", "a\0"]:
            with self.subTest(path):
                self.assertEqual(self.refusal(connection, "files.list", path=path)["code"], "files.outside")
        self.assertEqual(self.refusal(connection, "files.rename", path="a")["code"], "files.outside")
        self.assertEqual(self.refusal(connection, "files.unheard_of", path="a")["code"], "transport.protocol")
        self.assertEqual(connection.request("files.list", path="")["files"], [])

    def test_a_listing_has_a_bound_that_its_refusal_tells(self) -> None:
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(actions, "_MOST", 3):
            for name in "abc":
                os.mkdir(os.path.join(folder, name))
            self.assertEqual([file["path"] for file in actions.list_files(folder, ".", self.fail)], ["a", "b", "c"])
            os.mkdir(os.path.join(folder, "d"))
            with self.assertRaises(confined.RefusedError) as caught:
                actions.list_files(folder, ".", self.fail)
            for words in ("it has 4 entries, and at most 3 are listed", "code can list it"):
                self.assertIn(words, " ".join(map(str, caught.exception.args)))

    def test_a_worker_ends_with_its_connection(self) -> None:
        connections = [self.connect() for _ in range(5)]
        self.assertEqual(len(self.workers()), 5)
        for connection in connections:
            connection.close()
        self.wait_for_no_workers()

    def test_garbage_costs_one_worker(self) -> None:
        other = self.connect()
        for garbage in [b"\xff" * 64, b"\0\0\0\5hello", b"\0\0\0\2[]", b"\x80\0\0\4abcd", b"\0\0"]:
            connection = self.connect()
            connection.sock.sendall(garbage)
            connection.sock.shutdown(socket.SHUT_WR)
            try:
                self.assertEqual(connection.sock.recv(1), b"")
            except ConnectionResetError:
                pass  # it left without reading the rest
        other.request("files.list", path=".")

    def test_half_an_upload_leaves_nothing(self) -> None:
        connection = self.connect()
        request = connection.ask("files.upload", path="new")
        connection.sock.sendall(frames.encode_chunk_head(request, 4) + b"half")
        time.sleep(0.05)
        connection.close()
        self.wait_for_no_workers()
        self.assertEqual(os.listdir(self.host.workdir), [])

    def test_an_upload_that_counts_wrong_leaves_nothing(self) -> None:
        connection = self.connect()
        request = connection.ask("files.upload", path="made/new")
        connection.sock.sendall(frames.encode_chunk_head(request, 4) + b"half")
        connection.notify("files.end", transfer=request, bytes=5)
        with self.assertRaises(EndedError):
            connection.answer(request)
        self.wait_for_no_workers()
        self.assertEqual(os.listdir(self.host.workdir), [])

    def test_half_a_character_is_no_path(self) -> None:
        connection = self.connect()
        message = b'{"jsonrpc":"2.0","id":1,"method":"files.stat","params":{"path":"\\ud800"}}'
        connection.sock.sendall(len(message).to_bytes(4, "big") + message)
        with self.assertRaises(RefusedError) as caught:
            connection.answer(1)
        self.assertEqual(caught.exception.code, "files.outside")

    def test_a_read_that_fails_in_the_middle_is_told_at_the_end(self) -> None:
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        with open(os.path.join(self.host.workdir, "file"), "wb") as file:
            file.write(b"x" * 10)
        error = OSError(errno.EIO, os.strerror(errno.EIO))
        with mock.patch("os.readv", side_effect=error):
            told = transfers.download(self.host.workdir, "file", lambda file: None, theirs, 1)
        self.assertEqual(told, (0, os.strerror(errno.EIO)))

    def test_a_thirty_third_connection_is_refused(self) -> None:
        for _ in range(32):
            self.connect()
        with self.assertRaises(RefusedError):
            self.connect()

    def test_a_worker_holds_nothing_of_a_session(self) -> None:
        session = self.host.session()
        self.connect()
        (worker,) = [pid for pid in self.workers() if pid != session.pid]
        with open(f"/proc/{worker}/maps") as maps:
            self.assertNotIn("memfd:hibernaculum", maps.read())
        session.connection.close()
        self.host.control.notice("died", session=session.name)


if __name__ == "__main__":
    unittest.main()
