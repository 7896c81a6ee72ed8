"""The handshake: who proves the secret gets in, once; everybody else gets a reason, and harms nobody."""

import json
import os
import socket
import time
import unittest
from typing import Any, Dict, Optional

from host import DIGEST, Connection, EndedError, Host, RefusedError, eventually

from hibernaculum_runner import frames


class HandshakeTest(unittest.TestCase):
    host: Host

    @classmethod
    def setUpClass(cls) -> None:
        cls.host = Host(environment={"HIBERNACULUM_ZYGOTE": "never"})  # which would count among the descriptors
        cls.addClassCleanup(cls.host.close)

    def refusal(self, connection: Connection) -> str:
        """The code of the refusal, after which the connection must end."""
        connection.until(lambda: connection.answers, "a refusal")
        (answer,) = connection.answers.values()
        connection.read_to_end()
        connection.close()
        self.assertTrue(all(answer["error"]["data"][word] for word in ("what", "why", "how")))
        return answer["error"]["data"]["code"]

    def refused(self, secret: Optional[bytes] = None, **replaced: Any) -> str:
        """Says a right hello for control but for what is replaced."""
        connection = self.host.dial()
        hello = self.host.hello(connection, "control", secret=secret)
        hello["params"].update(replaced)
        connection.send(hello)
        return self.refusal(connection)

    def still_serves(self) -> None:
        self.assertEqual(self.host.session(f"ses_{os.urandom(4).hex()}").value("6 * 7"), 42)

    def test_the_runner_proves_itself_in_turn(self) -> None:
        welcome = self.host.control.welcome
        self.assertEqual(welcome["proof"], self.host.control.expected)
        self.assertEqual((welcome["protocol"], welcome["digest"]), (1, DIGEST))

    def test_wrong_secrets_are_refused(self) -> None:
        self.assertEqual(self.refused(secret=b"x" * 32), "transport.secret")
        self.assertEqual(self.refused(secret=b"x" * 32, role="session", session="ses_x"), "transport.secret")
        for proof in ("", "0" * 64, "zz", "0" * 5000):
            self.assertEqual(self.refused(proof=proof), "transport.secret", proof)

    def test_a_proof_holds_for_one_connection_one_role_and_one_session(self) -> None:
        stolen = self.host.dial()
        hello = self.host.hello(stolen, "session", "ses_stolen")
        for params in ({}, {"role": "control"}, {"session": "ses_other"}):
            connection = self.host.dial()
            connection.notice("challenge")
            connection.send({**hello, "params": {**hello["params"], **params}})
            self.assertEqual(self.refusal(connection), "transport.secret", params)
        stolen.close()

    def test_other_versions_are_refused(self) -> None:
        self.assertEqual(self.refused(protocol=2), "transport.version")
        self.assertEqual(self.refused(protocol=None), "transport.version")
        self.assertEqual(self.refused(digest="cd" * 32), "transport.version")

    def test_a_second_control_connection_is_refused(self) -> None:
        with self.assertRaises(RefusedError) as refused:
            self.host.connect("control")
        self.assertEqual(refused.exception.code, "transport.protocol")
        self.host.stats()

    def test_unknown_roles_are_refused(self) -> None:
        with self.assertRaises(RefusedError) as refused:
            self.host.connect("admin")
        self.assertEqual(refused.exception.code, "transport.protocol")

    def test_a_session_that_is_open_is_refused_and_goes_on(self) -> None:
        session = self.host.session("ses_twice")
        session.execute("x = 1")
        with self.assertRaises(RefusedError) as refused:
            self.host.connect("session", "ses_twice")
        self.assertEqual(refused.exception.code, "transport.protocol")
        self.assertEqual(session.value("x"), 1)

    def test_session_ids_are_1_to_64_plain_characters(self) -> None:
        for wrong in ("", "a" * 65, "a/b", "..", "a b", "é", "a\n", "a\0", 7, ["a"], {"a": 1}):
            self.assertEqual(self.refused(role="session", session=wrong), "transport.protocol", repr(wrong))
        with self.assertRaises(RefusedError) as refused:
            self.host.connect("session")
        self.assertEqual(refused.exception.code, "transport.protocol")
        for right in ("a", "A-Z_09", "z" * 64):
            self.assertEqual(self.host.session(right).value("1"), 1)

    def test_what_is_not_a_hello_is_told_so(self) -> None:
        hello: Dict[str, Any] = {"jsonrpc": "2.0", "id": 0, "method": "hello"}
        for body in (
            b"{", b"[]", b"null", b"7", b"\xff", b'"' + b"\\ud800" + b'"', b"[" * 60_000, b'{"a":' * 10_000, b"{}",
            json.dumps({**hello, "method": "stats"}).encode(), json.dumps(hello).encode(),
            json.dumps({**hello, "params": []}).encode(), json.dumps({**hello, "id": None, "params": {}}).encode(),
        ):  # fmt: skip
            connection = self.host.dial()
            connection.notice("challenge")
            connection.send_raw(len(body).to_bytes(4, "big") + body)
            self.assertEqual(self.refusal(connection), "transport.protocol", body[:40])
        for params in ({"role": 7}, {"nonce": "short"}, {"nonce": 1}, {"proof": None}, {"role": "é"}):
            self.assertEqual(self.refused(**params), "transport.protocol", params)
        self.still_serves()

    def test_lengths_beyond_64_kib_are_refused_before_anything_is_read(self) -> None:
        for length in ((64 << 10) + 1, 1 << 24, (1 << 31) - 1, 0x80000010, 0xFFFFFFFF, 0):
            connection = self.host.dial()
            connection.notice("challenge")
            connection.send_raw(length.to_bytes(4, "big"))
            self.assertEqual(self.refusal(connection), "transport.protocol", length)

    def test_a_hello_in_single_bytes_is_a_hello_and_what_follows_belongs_to_the_session(self) -> None:
        connection = self.host.dial()
        hello = frames.encode(self.host.hello(connection, "session", "ses_slow"))
        for byte in hello[:-1]:
            connection.send_raw(bytes([byte]))
        request = {"jsonrpc": "2.0", "id": 9, "method": "execute", "params": {"execution": 1, "id": "e", "code": "1+1"}}
        connection.send_raw(hello[-1:] + frames.encode(request))
        self.assertEqual(connection.answer(9)["value"]["repr"], "2")
        self.assertIn(0, connection.answers)
        connection.close()

    def test_a_flood_of_silent_connections_stops_nobody(self) -> None:
        silent = []
        for _ in range(300):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.host.socket)
            silent.append(sock)
        self.still_serves()
        self.assertLess(self.host.stats()["fds"], 300)  # the oldest were dropped
        for sock in silent:
            sock.close()
        self.still_serves()
        quiet = eventually(lambda: self.host.stats()["fds"] < 100, "the dropped connections are closed")
        self.assertTrue(quiet)

    def test_connections_that_come_and_go_leave_nothing(self) -> None:
        before = self.host.stats()
        for index in range(100):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.host.socket)
            if index % 2:
                sock.send(b"\0\0\1\0{")
            sock.close()
        eventually(lambda: self.host.stats()["fds"] == before["fds"], "every descriptor is closed")
        self.assertEqual(self.host.stats()["errors"], before["errors"])


class PatienceTest(unittest.TestCase):
    def test_a_hello_has_ten_seconds(self) -> None:
        with Host() as host:
            connection = host.dial()
            connection.notice("challenge")
            began = time.monotonic()
            connection.send_raw(b"\0\0\1\0{")
            with self.assertRaises(EndedError):
                connection.until(lambda: False, "the deadline", patience=15)
            self.assertAlmostEqual(time.monotonic() - began, 10, delta=1.5)
            self.assertEqual(host.session().value("1"), 1)


if __name__ == "__main__":
    unittest.main()
