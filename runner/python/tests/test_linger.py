"""A sandbox that outlives its host: what goes on, what is kept, and what the next host is told."""

import json
import os
import signal
import unittest
from typing import Any, Dict, Tuple

from host import Connection, EndedError, Host, RefusedError, Session, eventually, is_alive

from hibernaculum_runner import frames
from hibernaculum_runner.supervisor.kept import Frames, Kept, Notice

LINGER_MS = 60_000


class LingerCase(unittest.TestCase):
    def setUp(self) -> None:
        self.host = Host(linger_ms=LINGER_MS)
        self.addCleanup(self.host.close)

    def lose(self) -> None:
        """The host dies: its control connection ends."""
        self.host.control.close()

    def come(self) -> Dict[str, Any]:
        """Another host comes; what it is told."""
        self.host.control = self.host.connect("control")
        return self.host.control.request("adopt")

    def adopt(self, session: Session) -> Tuple[Session, Dict[str, Any]]:
        """It takes the session up; the session as it sees it, and what the welcome says."""
        connection = self.host.connect("session", session.name, options={"adopt": True})
        taken = Session(self.host, session.name, connection, connection.welcome)
        self.host.sessions.append(taken)
        adopted = connection.welcome["adopted"]
        taken.execution = connection.last_id = adopted["number"]
        return taken, adopted

    def next_host(self, session: Session) -> Tuple[Session, Dict[str, Any]]:
        self.lose()
        self.come()
        return self.adopt(session)


class AdoptedTest(LingerCase):
    def test_a_session_goes_on_with_its_state_at_the_next_host_and_the_one_after(self) -> None:
        session = self.host.session()
        session.execute("x = 40")
        for expected in (41, 42):
            session, adopted = self.next_host(session)
            self.assertTrue(adopted["answered"])
            session.execute("x += 1")
            self.assertEqual(session.value("x"), expected)

    def test_the_end_of_stdin_ends_nobody_here(self) -> None:
        session = self.host.session()
        session.execute("x = 41")
        assert self.host.process.stdin is not None
        self.host.process.stdin.close()
        session, _adopted = self.next_host(session)
        self.assertEqual(session.value("x + 1"), 42)
        self.assertIn(session.name, self.host.stats()["sessions"])

    def test_the_old_hosts_connections_end_with_its_control(self) -> None:
        session = self.host.session()
        self.lose()
        session.connection.read_to_end()
        self.assertTrue(is_alive(session.pid))

    def test_nobody_takes_what_another_has_and_nothing_that_is_not_there(self) -> None:
        session = self.host.session()
        for name in (session.name, "ses_nobody"):
            with self.assertRaises(RefusedError):
                self.host.connect("session", name, options={"adopt": True})
        session, _adopted = self.next_host(session)
        with self.assertRaises(RefusedError):
            self.adopt(session)
        self.assertEqual(session.value("1"), 1)

    def test_who_comes_right_after_another_has_gone_finds_nobody_there(self) -> None:
        session = self.host.session()
        for _ in range(20):
            self.host.control.ask("stats")
            session, _adopted = self.next_host(session)
        self.assertEqual(session.value("1"), 1)

    def test_nobody_adopts_what_its_maker_has_yet_to_come_to(self) -> None:
        with Host(linger_ms=LINGER_MS, connect=False) as host:
            with self.assertRaises(RefusedError) as refused:
                host.connect("control", options={"adopt": True})
            self.assertIn("on the way", refused.exception.data["why"])
            host.control = host.connect("control")
            host.control.close()
            host.control = host.connect("control", options={"adopt": True})
            self.assertEqual(host.control.request("adopt"), {"sessions": [], "memos": {}})

    def test_without_control_nothing_is_adopted(self) -> None:
        session = self.host.session()
        self.lose()
        with self.assertRaises(RefusedError):
            self.adopt(session)

    def test_a_sandbox_that_ends_with_its_host_has_nobody_to_adopt(self) -> None:
        with Host() as host:
            session = host.session()
            self.assertEqual(host.control.request("adopt"), {"sessions": [], "memos": {}})
            with self.assertRaises(RefusedError):
                host.connect("session", session.name, options={"adopt": True})

    def test_a_session_that_was_closed_is_not_there_any_more(self) -> None:
        session, other = self.host.session(), self.host.session()
        session.close()
        self.lose()
        self.assertEqual(self.come()["sessions"], [other.name])


class KeptTest(LingerCase):
    def test_what_ended_before_and_what_ends_meanwhile_is_told(self) -> None:
        answered, running = self.host.session(), self.host.session()
        answered.execute("print('before'); 6 * 7")
        running.begin("import time\nprint('first'); time.sleep(0.5); print('last'); 'done'", memo={"a": 1})
        running.connection.read_for(0.1)
        self.lose()
        self.come()
        answered, adopted = self.adopt(answered)
        self.assertEqual((adopted["answered"], adopted["request"]["id"]), (True, "exe_1"))
        self.assertEqual(answered.connection.answer(1)["value"]["repr"], "42")
        self.assertEqual(answered.text(), "before\n")
        running, adopted = self.adopt(running)
        self.assertEqual(adopted["request"], {"method": "execute", "execution": 1, "id": "exe_1", "memo": {"a": 1}})
        self.assertEqual(running.connection.answer(1)["value"]["repr"], "'done'")
        self.assertEqual(running.text(), "first\nlast\n")

    def test_code_is_not_held_up_and_the_last_of_its_output_is_kept(self) -> None:
        for code, told in (
            ("for i in range(400_000): print('line', i)", "text"),
            ("import os\nfor i in range(400_000): os.write(1, b'line %d\\n' % i)", "raw"),
        ):
            session = self.host.session()
            session.begin(code + "\nopen('done', 'w').close()")
            self.lose()
            done = os.path.join(self.host.workdir, "done")
            eventually(lambda: os.path.exists(done), "the code ran to its end", 30)  # noqa: B023
            os.remove(done)
            self.come()
            session, adopted = self.adopt(session)
            session.connection.answer(1)
            if told == "raw":
                session.host.control.until(lambda: session.raw().endswith(b" 399999\n"), "the last line")  # noqa: B023
            data = session.text().encode() if told == "text" else session.raw()
            self.assertTrue(data.endswith(b"line 399999\n"))
            self.assertTrue(512 << 10 < len(data) <= 1 << 20, len(data))
            # positions say where it begins
            begin = adopted["text"] if told == "text" else adopted["raw"][0]
            whole = sum(len(b"line %d\n" % i) for i in range(400_000))
            self.assertEqual(begin + len(data), whole)

    def test_both_roads_are_kept_and_their_positions_fit(self) -> None:
        session = self.host.session()
        session.execute("print('earlier')")
        session.begin("import os\nprint('text'); os.write(1, b'raw'); os.write(2, b'err'); print('more')")
        session.connection.read_for(0.3)
        session, adopted = self.next_host(session)
        self.assertEqual((adopted["text"], adopted["raw"]), (len("earlier\n"), [0, 0]))
        session.connection.answer(2)
        self.host.control.notice("output", session=session.name, stream="stderr")
        self.assertEqual((session.text(), session.raw()), ("text\nmore\n", b"raw"))

    def test_a_question_is_asked_again_until_it_is_answered(self) -> None:
        session = self.host.session()
        session.begin("(input('one? '), input('two? '))")
        session.connection.until(lambda: session.connection.requests, "a question")
        session, _adopted = self.next_host(session)
        connection = session.connection
        connection.until(lambda: connection.requests, "the question again")
        connection.send({"jsonrpc": "2.0", "id": connection.requests.pop()["id"], "result": {"text": "1"}})
        connection.until(lambda: connection.requests, "the second question")
        session, _adopted = self.next_host(session)
        connection = session.connection
        connection.until(lambda: connection.requests, "only the second question")
        self.assertEqual([asked["params"]["prompt"] for asked in connection.requests], ["two? "])
        connection.send({"jsonrpc": "2.0", "id": connection.requests.pop()["id"], "result": {"text": "2"}})
        self.assertEqual(connection.answer(1)["value"]["repr"], "('1', '2')")

    def test_long_values_and_texts_come_whole(self) -> None:
        session = self.host.session()
        session.begin("print('x' * 3_000_000); 'y' * 3_000_000")
        session.connection.read_for(0.2)
        session, _adopted = self.next_host(session)
        value = session.connection.answer(1)["value"]["repr"]
        self.assertEqual(session.connection.decoder.text(value), "'" + "y" * 3_000_000 + "'")

    def test_a_pending_transaction_is_told_and_can_be_undone(self) -> None:
        session = self.host.session()
        session.execute("x = [1]")
        session.execute("x.append(2)", transaction={"policy": "explicit", "scope": "memory"})
        session.names("list", prefix="", kinds=[])
        session, adopted = self.next_host(session)
        self.assertEqual((adopted["pending"]["execution"], adopted["request"]["method"]), (2, "namespace.list"))
        session.execution += 1
        request = session.connection.ask("transaction.rollback", execution=session.execution, target=2)
        self.assertEqual(session.connection.answer(request)["transaction"], "rolled_back")
        self.host.control.notice("restored", session=session.name)
        self.assertEqual(session.value("x"), [1])
        session, adopted = self.next_host(session)
        self.assertIsNone(adopted["pending"])

    def test_code_that_says_what_an_answer_says_deceives_nobody(self) -> None:
        session = self.host.session()
        session.execute("""'{"jsonrpc":"2.0","id":1,"result":{}},"transaction":"pending"'""")
        session, adopted = self.next_host(session)
        self.assertIsNone(adopted["pending"])


class WhatIsKeptTest(unittest.TestCase):
    """Without a runner."""

    def setUp(self) -> None:
        self.kept = Kept()

    def ask(self, number: int = 1, method: str = "execute") -> None:
        params = {"execution": number, "id": f"exe_{number}"}
        self.kept.asked({"jsonrpc": "2.0", "id": number, "method": method, "params": params})

    def say(self, message: Dict[str, Any]) -> bytes:
        frame = frames.encode({"jsonrpc": "2.0", **message})
        self.kept.said(frame)
        return frame

    def printed(self, position: int, text: str) -> bytes:
        # as the session writes it: the members' order is what is looked at
        params = (
            f'{{"event":"output","execution":1,"stream":"stdout","pos":{position},"bytes":{len(text)},'
            f'"raw":[0,0],"at":1,"text":{json.dumps(text)}}}'
        )
        body = f'{{"jsonrpc":"2.0","method":"event","params":{params}}}'.encode()
        frame = len(body).to_bytes(4, "big") + body
        self.kept.said(frame)
        return frame

    def test_chunks_whose_message_has_not_come_are_told_too(self) -> None:
        chunk = frames.encode_chunk_head(1, 3) + b"abc"
        self.ask()
        self.kept.said(chunk)
        self.assertEqual(self.kept.frames(), [chunk])
        last = self.printed(0, "x")
        self.assertEqual(self.kept.frames(), [chunk, last])

    def test_the_oldest_output_goes_first_and_answers_and_questions_never(self) -> None:
        self.ask()
        question = self.say({"id": "in-1", "method": "input", "params": {"prompt": "?"}})
        position = 0
        for _ in range(40):
            self.printed(position, "x" * 40_000)
            position += 40_000
            self.kept.told(Notice("output", {"stream": "stderr", "pos": position, "session": "s"}, b"y" * 30_000))
        answer = self.say({"id": 1, "result": {"value": "z" * 2_000_000}})
        said, told = self.kept.frames(), self.kept.notices()
        self.assertEqual((said[0], said[-1]), (question, answer))
        size = sum(map(len, said)) - len(question) - len(answer) + sum(map(Notice.size, told))
        self.assertTrue((1 << 20) - 80_000 < size <= 1 << 20, size)
        text, raw = self.kept.positions([0, position])
        self.assertEqual((text + 40_000 * (len(said) - 2), raw), (position, [0, told[0].params["pos"]]))

    def test_large_pieces_of_text_do_not_give_way_to_small_ones_of_raw_output(self) -> None:
        self.ask()
        for number in range(20):
            for piece in range(8000):
                params = {"stream": "stderr", "pos": (number * 8000 + piece) * 10, "session": "s"}
                self.kept.told(Notice("output", params, b"y" * 10))
            last = self.printed(number * 80_000, "x" * 80_000)
        self.kept.told(Notice("output", {"stream": "stderr", "pos": 1_600_000, "session": "s"}, b"last"))
        self.assertEqual(self.kept.frames()[-1], last)
        self.assertEqual(self.kept.notices()[-1].data, b"last")
        said = sum(map(len, self.kept.frames()))
        self.assertLessEqual(said + self.kept.output(), 1 << 20)
        self.assertGreater(min(said, self.kept.output()), 1 << 18)

    def test_the_next_request_makes_what_was_kept_void(self) -> None:
        self.ask()
        self.printed(0, "x" * 10)
        self.say({"id": 1, "result": {}})
        self.kept.told(Notice("text", {"stream": "stdout", "pos": 10, "bytes": 3, "session": "s"}, None))
        self.ask(2, "namespace.list")
        self.assertEqual((self.kept.frames(), self.kept.notices()), ([], []))
        self.assertEqual((self.kept.number, self.kept.is_answered), (2, False))
        self.assertEqual(self.kept.positions([1, 2]), (10, [1, 2]))

    def test_whatever_pieces_bytes_come_in_the_same_frames_come_out(self) -> None:
        sent = [frames.encode({"n": n, "t": "x" * n * 37}) for n in range(20)]
        sent.insert(5, frames.encode_chunk_head(9, 5000) + b"z" * 5000)
        stream = b"".join(sent)
        for size in (1, 2, 3, 5, 64, 1000, len(stream)):
            cutter, got = Frames(1 << 20), []
            for start in range(0, len(stream), size):
                got += cutter.feed(stream[start : start + size])
            self.assertEqual(got, sent)
        with self.assertRaises(frames.ProtocolError):
            Frames(1 << 20).feed(b"\x00\xff\xff\xff")

    def test_a_session_that_answers_and_asks_without_end_fills_no_memory(self) -> None:
        self.ask()
        for _ in range(3):
            self.say({"id": 1, "result": {}})
        self.assertEqual(len(self.kept.frames()), 1, "there is one answer")
        with self.assertRaises(frames.ProtocolError):
            for number in range(100):
                self.say({"id": f"in-{number}", "method": "input", "params": {}})

    def test_chunks_without_end_are_a_breach(self) -> None:
        chunk = frames.encode_chunk_head(1, 1 << 20) + bytes(1 << 20)
        with self.assertRaises(frames.ProtocolError):
            for _ in range(100):
                self.kept.said(chunk)


class DeadTest(LingerCase):
    def test_a_death_while_nobody_is_there_is_told_with_all_that_was_printed(self) -> None:
        session = self.host.session()
        session.begin("import os, time\nprint('last words'); os.write(2, b'raw'); time.sleep(0.3); os._exit(7)")
        self.lose()
        eventually(lambda: not is_alive(session.pid), "the session died")
        self.assertIn(session.name, self.come()["sessions"])
        connection = self.host.connect("session", session.name, options={"adopt": True})
        connection.read_to_end()
        died = self.host.control.notice("died", session=session.name)
        self.assertEqual((died["cause"], died["pid"]), ({"exit": 7}, connection.welcome["pid"]))
        text = self.host.control.notice("text", session=session.name)
        self.assertEqual((text["text"], text["pos"]), ("last words\n", connection.welcome["adopted"]["text"]))
        self.assertEqual(session.raw("stderr"), b"raw")
        fresh = self.host.session(session.name)
        self.assertEqual(fresh.value("1"), 1)

    def test_a_guard_waits_for_the_next_host(self) -> None:
        session = self.host.session()
        session.execute("x = [1]")
        session.begin("import os, time\nx.append(2); time.sleep(0.3); os._exit(7)", guard=True)
        self.lose()
        eventually(lambda: not is_alive(session.pid), "the session died")
        self.come()
        connection = self.host.connect("session", session.name, options={"adopt": True})
        connection.read_to_end()
        self.assertEqual(self.host.control.notice("died", session=session.name)["state"], "guarded")
        again = self.host.session(session.name)
        self.assertEqual(again.hello["restored"]["from"], "guard")
        self.assertEqual(again.value("x"), [1])
        again.execution = 5
        again, _adopted = self.next_host(again)
        self.assertEqual(again.value("x"), [1])

    def test_what_was_mended_before_is_told_as_if_it_were_now(self) -> None:
        session = self.host.session()
        session.execute("x = [1]")
        session.begin("import os\nprint('last words'); os.write(2, b'raw'); x.append(2); os._exit(7)", guard=True)
        self.assertEqual(self.host.control.notice("died", session=session.name)["state"], "guarded")
        mended = self.host.session(session.name)
        for _another_host in range(2):
            again = self.told_dead(session, "guarded")
            self.assertEqual(again.hello["restored"], {"from": "guard", "ended": 0})
            self.assertEqual(again.hello["pid"], mended.hello["pid"])
        self.assertEqual(again.value("x"), [1])
        again, adopted = self.next_host(again)
        self.assertTrue(adopted["answered"])
        self.assertEqual(again.value("x"), [1])

    def test_what_was_lost_before_is_told_and_the_process_that_followed_is_found(self) -> None:
        session = self.host.session()
        session.begin("import os\nprint('last words'); os.write(2, b'raw'); os._exit(7)")
        self.assertEqual(self.host.control.notice("died", session=session.name)["state"], "lost")
        fresh = self.host.session(session.name)
        again = self.told_dead(session, "lost")
        self.assertNotIn("restored", again.hello)
        self.assertEqual(again.hello["pid"], fresh.hello["pid"])
        self.assertEqual(again.value("1"), 1)

    def test_who_follows_may_die_too_and_is_followed(self) -> None:
        session = self.host.session()
        session.begin("import os\nprint('last words'); os.write(2, b'raw'); os._exit(7)")
        self.host.control.notice("died", session=session.name)
        fresh = self.host.session(session.name)
        self.lose()
        os.kill(fresh.pid, signal.SIGKILL)
        eventually(lambda: not is_alive(fresh.pid), "the one that followed died")
        again = self.told_dead(session, "lost")
        self.assertNotEqual(again.hello["pid"], fresh.hello["pid"])
        self.assertEqual(again.value("1"), 1)

    def test_a_process_that_nobody_was_told_of_is_found_by_nobody(self) -> None:
        session = self.host.session()
        session.begin("import os\nos._exit(7)")
        self.host.control.notice("died", session=session.name)
        self.host.session(session.name)
        with self.assertRaises(RefusedError):
            self.host.session(session.name)
        self.lose()
        self.come()
        with self.assertRaises(RefusedError):
            self.host.session(session.name)

    def told_dead(self, session: Session, state: str) -> Session:
        """The next host, to which the session's end is told; the process that follows."""
        self.lose()
        self.come()
        connection = self.host.connect("session", session.name, options={"adopt": True})
        connection.read_to_end()
        died = self.host.control.notice("died", session=session.name)
        self.assertEqual((died["cause"], died["state"]), ({"exit": 7}, state))
        self.assertEqual(died["pid"], connection.welcome["pid"])
        text = self.host.control.notice("text", session=session.name)
        self.assertEqual((text["text"], text["pos"]), ("last words\n", connection.welcome["adopted"]["text"]))
        connection.close()
        return self.host.session(session.name)

    def test_a_rollback_after_an_adoption_keeps_the_new_connection(self) -> None:
        session = self.host.session()
        session.execute("x = [1]")
        session.begin(
            "import time\nx.append(2); time.sleep(0.4); 1 / 0",
            transaction={"policy": "rollback_on_failure", "scope": "memory"},
        )
        session, _adopted = self.next_host(session)
        self.assertEqual(session.connection.answer(2)["transaction"], "rolled_back")
        self.host.control.notice("restored", session=session.name)
        self.assertEqual(session.value("x"), [1])
        # who has not heard yet that another process goes on means the session all the same
        killed = self.host.control.request("kill", session=session.name, reason="timeout", pid=session.pid)
        self.assertTrue(killed["delivered"])


class HalfSaidTest(LingerCase):
    def test_a_host_that_dies_within_a_message_leaves_nothing_half_said(self) -> None:
        session = self.host.session()
        params = {"execution": 1, "id": "exe_1", "code": "1"}
        frame = frames.encode({"jsonrpc": "2.0", "id": 1, "method": "execute", "params": params})
        chunk = frames.encode_chunk_head(1, 3) + b"abc"
        for torn in (frame[:-5], frame[:2], chunk, chunk[:-1]):
            session.connection.send_raw(torn)
            session, adopted = self.next_host(session)
            self.assertEqual(adopted["number"], 0)
        self.assertEqual(session.value("'z' * 3_000_000 == " + repr("z" * 3_000_000)), True)

    def test_a_load_without_its_host_is_given_up(self) -> None:
        session = self.host.session()
        session.execute("x = 1")
        request = session.connection.ask("checkpoint.save", execution=2, have="[]")
        saved = json.loads(session.connection.answer(request)["value"]["json"])
        request = session.connection.ask(
            "checkpoint.load", execution=3, manifest=json.dumps(saved["manifest"]), mode="replace"
        )
        session.connection.notice("checkpoint.ready")
        session.connection.send_raw(frames.encode_chunk_head(1, 3) + b"abc")
        session.execution = 3
        session, adopted = self.next_host(session)
        self.assertEqual(adopted["request"]["method"], "checkpoint.load")
        answer = json.loads(session.connection.answer(request)["value"]["json"])
        self.assertEqual(answer["answer"], "aborted")
        self.assertEqual(session.value("x"), 1)

    def test_garbage_of_a_host_costs_that_host_its_connection(self) -> None:
        session = self.host.session()
        session.execute("x = 1")
        session.connection.send_raw(b"\x00\x00\x00\x02[]")
        with self.assertRaises(EndedError):
            session.connection.read_for(1)
            session.connection.read(1)
        session, _adopted = self.next_host(session)
        self.assertEqual(session.value("x"), 1)


class MemoTest(LingerCase):
    def test_memos_are_given_back_and_go_with_what_they_are_about(self) -> None:
        session = self.host.session()
        control = self.host.control
        for name, memo in ((session.name, {"labels": {"a": "ü"}}), ("sandbox", {"n": 1}), ("sandbox", {"n": 2})):
            control.request("remember", name=name, memo=memo)
        request = session.connection.ask("checkpoint.freeze", execution=1, checkpoint="chk_1")
        session.connection.answer(request)
        control.request("remember", name="chk_1", memo={"number": 1})
        self.lose()
        memos = {session.name: {"labels": {"a": "ü"}}, "sandbox": {"n": 2}, "chk_1": {"number": 1}}
        self.assertEqual(self.come()["memos"], memos)
        self.assertIn("chk_1", self.host.control.request("checkpoint.list")["checkpoints"])
        self.host.control.request("checkpoint.drop", checkpoint="chk_1")
        self.host.control.request("close", session=session.name)
        self.assertEqual(self.host.control.request("adopt")["memos"], {"sandbox": {"n": 2}})

    def test_a_memo_has_its_bounds(self) -> None:
        with self.assertRaises(RefusedError):
            self.host.control.request("remember", name="sandbox", memo={"n": "x" * (256 << 10)})
        with self.assertRaises(RefusedError):
            self.host.control.request("remember", name="sandbox", memo=[1])
        self.assertEqual(self.host.control.request("adopt")["memos"], {})


class ManyTest(LingerCase):
    def test_sessions_of_every_make_are_adopted(self) -> None:
        sessions = [self.host.session() for _ in range(6)]  # forked, and cloned
        for index, session in enumerate(sessions):
            session.execute(f"x = {index}")
        sessions[0].connection.answer(sessions[0].connection.ask("checkpoint.freeze", execution=2, checkpoint="chk"))
        sessions.append(self.host.session("ses_branch", branch="chk"))
        sessions[-1].execution = 2
        sessions[-1].execute("x = 6")
        self.lose()
        self.assertEqual(set(self.come()["sessions"]), {session.name for session in sessions})
        for index, session in enumerate(sessions):
            taken, _adopted = self.adopt(session)
            taken.execution = taken.connection.last_id = 5
            self.assertEqual(taken.value("x"), index)

    def test_a_host_that_is_killed_between_hellos_harms_nobody(self) -> None:
        session = self.host.session()
        half: Connection = self.host.dial()
        half.send_raw(b"\x00\x00\x01")
        session, _adopted = self.next_host(session)
        self.assertEqual(session.value("1"), 1)
        os.kill(session.pid, signal.SIGKILL)
        self.host.control.notice("died", session=session.name)


if __name__ == "__main__":
    unittest.main()
