"""Guards, transactions and live checkpoints: frozen copies of a session, and what they become."""

import os
import signal
import subprocess
import unittest
from typing import Any, ClassVar, Dict, List, Optional
from unittest import mock

from host import EndedError, RefusedError, Session, eventually, is_alive
from session_case import SessionCase

from hibernaculum_runner.page import GUARD_EXECUTION, LAST_ENDED, Page
from hibernaculum_runner.supervisor.frozen import GUARD, Frozen, FrozenCopies
from hibernaculum_runner.supervisor.record import Record

MEMORY = {"policy": "commit_on_success", "scope": "memory"}
BINDINGS = {"policy": "commit_on_success", "scope": "bindings"}


def children_of(pid: int) -> List[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


class FrozenCase(SessionCase):
    """Sessions that die and come back."""

    def died(self, session: Optional[Session] = None) -> Dict[str, Any]:
        return self.host.control.notice("died", session=(session or self.session).name)

    def come_back(self) -> Dict[str, Any]:
        """Another connection for the session, as a host makes one after a death."""
        connection = self.host.connect("session", self.session.name)
        self.session.connection.close()
        self.session.connection = connection
        self.session.pid = connection.welcome["pid"]
        return connection.welcome

    def restored(self) -> Dict[str, Any]:
        """A rollback is complete."""
        told = self.host.control.notice("restored", session=self.session.name)
        self.session.pid = told["pid"]
        return told

    def freeze(self, checkpoint: str) -> Dict[str, Any]:
        self.session.execution += 1
        connection = self.session.connection
        return connection.answer(
            connection.ask("checkpoint.freeze", execution=self.session.execution, checkpoint=checkpoint)
        )

    def settle(self, how: str, target: int) -> Dict[str, Any]:
        self.session.execution += 1
        connection = self.session.connection
        return connection.answer(connection.ask(how, execution=self.session.execution, target=target))

    def branch(self, checkpoint: str, name: str) -> Session:
        options = {"branch": checkpoint}
        connection = self.host.connect("session", name, options=options)
        session = Session(self.host, name, connection, connection.welcome)
        session.execution = self.session.execution
        self.host.sessions.append(session)
        return session

    def tearDown(self) -> None:
        super().tearDown()
        stats = self.host.stats()
        self.assertEqual((stats["errors"], stats["last_errors"]), (0, []))


class GuardTest(FrozenCase):
    def test_a_guard_survives_every_kind_of_death(self) -> None:
        self.ok("import os, ctypes, signal; x = [1]")
        for code in (
            "x.append(2); ctypes.string_at(0)",
            "x.append(2); os.abort()",
            "x.append(2); os._exit(3)",
            "x.append(2); os.kill(os.getpid(), 9)",
            "x.append(2); os.killpg(0, 9)",
            "x.append(2); os.execvp('true', ['true'])",
            "x.append(2); os.closerange(0, 65536)",
        ):
            pid = self.session.pid
            self.session.begin(code, guard=True)
            died = self.died()
            self.assertEqual((died["state"], died["pid"]), ("guarded", pid), code)
            welcome = self.come_back()
            self.assertEqual(welcome["restored"], {"from": "guard", "ended": 0})
            self.assertNotEqual(welcome["pid"], pid)
            self.assertEqual(self.value("x"), [1], code)
            self.assertEqual(self.value("os.getpid()"), welcome["pid"])

    def test_a_guarded_execution_that_goes_well_leaves_no_process(self) -> None:
        for n in range(20):
            self.assertEqual(self.run_code(f"x = {n}", guard=True).status, "completed")
        self.assertEqual(self.value("x"), 19)
        supervisor = self.host.ready["pid"]
        eventually(lambda: len(children_of(supervisor)) <= 3, "guards are gone: left are the session, zygote, reserve")

    def test_output_before_and_after_a_death_is_whole(self) -> None:
        self.ok("import os")
        self.session.begin("print('before'); os.write(1, b'raw'); os._exit(1)", guard=True)
        died = self.died()
        text = [n for n in self.host.control.notices if n["method"] == "text"]
        self.assertEqual([n["params"]["text"] for n in text], ["before\n"])
        self.assertEqual(self.session.raw(), b"raw")
        self.assertEqual(died["raw"], [3, 0])
        self.come_back()
        outcome = self.ok("print('after'); os.write(1, b'more'); os.system('echo child')")
        self.assertEqual(outcome.text(), "after\n")
        self.assertEqual(outcome.reply["raw"], [10, 0])

    def test_an_idle_death_after_an_answer_undoes_nothing_in_silence(self) -> None:
        self.run_code("x = 1", guard=True)
        os.kill(self.session.pid, signal.SIGKILL)
        self.assertEqual(self.died()["state"], "lost")

    def test_random_and_asyncio_go_on_as_if_nothing_had_been(self) -> None:
        self.ok("import random, asyncio, os; random.seed(7); first = [random.random() for _ in range(3)]")
        self.ok("random.seed(7)")
        self.ok("ticks = []\nasync def tick():\n    while True:\n        ticks.append(1); await asyncio.sleep(0.001)")
        self.ok("task = asyncio.ensure_future(tick()); await asyncio.sleep(0.02)")
        self.session.begin("random.random(); os._exit(1)", guard=True)
        self.died()
        self.come_back()
        self.assertTrue(self.value("[random.random() for _ in range(3)] == first"))
        self.assertTrue(self.value("n = len(ticks); await asyncio.sleep(0.05); len(ticks) > n + 3"))
        self.assertTrue(self.value("asyncio.run(asyncio.sleep(0, True))"))

    def test_with_a_thread_alive_no_guard_stands_and_it_says_so(self) -> None:
        self.ok("import threading, os; stop = threading.Event()")
        self.ok("threading.Thread(target=stop.wait, name='busy-bee').start()")
        outcome = self.run_code("x = 1", guard=True)
        self.assertIn("busy-bee", outcome.reply["warnings"][0])
        with self.assertRaises(RefusedError) as refused:
            self.session.execute("x = 2", transaction=MEMORY)
        self.assertEqual(refused.exception.code, "checkpoint.refused")
        self.assertIn("busy-bee", refused.exception.data["why"])
        self.assertEqual(self.value("x"), 1)
        self.ok("stop.set()")

    def test_interrupts_are_for_the_session_and_not_its_copies(self) -> None:
        self.ok("import time, os")
        request = self.begin("print('on'); time.sleep(60)", guard=True)
        self.host.control.notify("watch", session=self.session.name, execution=self.session.execution)
        self.host.control.notice("text", session=self.session.name)
        self.assertTrue(self.interrupt())
        self.assertEqual(self.end(request).status, "interrupted")
        self.session.begin("os._exit(1)", guard=True)
        self.died()
        self.come_back()
        request = self.begin("time.sleep(60)")
        eventually(lambda: self.interrupt(), "it runs")
        self.assertEqual(self.end(request).status, "interrupted")

    def test_children_end_with_their_session_and_are_counted(self) -> None:
        self.ok("import subprocess, os; child = subprocess.Popen(['sleep', '60'])")
        pid = self.value("child.pid")
        self.session.begin("os._exit(1)", guard=True)
        self.died()
        self.assertEqual(self.come_back()["restored"], {"from": "guard", "ended": 1})
        self.assertFalse(is_alive(pid))

    def test_a_guard_that_was_killed_guards_nothing(self) -> None:
        self.ok("import os")
        supervisor = self.host.ready["pid"]
        kill = (
            f"me = os.getpid(); path = '/proc/{supervisor}/task/{supervisor}/children'\n"
            "for pid in map(int, open(path).read().split()):\n"
            "    if pid != me and pid > me: os.kill(pid, 9)\nos._exit(1)"
        )
        self.session.begin(kill, guard=True)
        if self.died()["state"] == "guarded":  # it had not died yet when that was told
            try:
                self.assertNotIn("restored", self.come_back())
            except EndedError:
                self.assertEqual(self.died()["state"], "lost")


class TransactionsTest(FrozenCase):
    def test_memory_rolls_back_everything_on_failure(self) -> None:
        self.ok("x = [1]; import random; random.seed(1)")
        outcome = self.run_code("x.append(2); y = 1; 1/0", transaction=MEMORY)
        self.assertEqual((outcome.status, outcome.reply["transaction"]), ("failed", "rolled_back"))
        pid = self.session.pid
        told = self.restored()
        self.assertNotEqual(told["pid"], pid)
        self.assertEqual(self.value("x"), [1])
        self.assertFalse(self.value("'y' in globals()"))

    def test_memory_keeps_what_went_well(self) -> None:
        outcome = self.run_code("x = [1]", transaction=MEMORY)
        self.assertEqual(outcome.reply["transaction"], "committed")
        self.assertEqual(self.value("x"), [1])
        self.assertEqual(self.died_or_none(), None)

    def died_or_none(self) -> Any:
        return next((n for n in self.host.control.notices if n["method"] in ("died", "restored")), None)

    def test_long_texts_go_on_where_their_transfers_were(self) -> None:
        self.ok("x = 1")
        outcome = self.run_code("print('a' * 3_000_000); 1/0", transaction=MEMORY)
        self.assertEqual(outcome.reply["transaction"], "rolled_back")
        self.restored()
        outcome = self.ok("print('b' * 3_000_000)")
        self.assertEqual(set(outcome.text()), set("b\n"))

    def test_bindings_roll_back_names_only(self) -> None:
        self.ok("x = [1]; y = 1")
        outcome = self.run_code("x.append(2); y = 2; z = 3; del x; 1/0", transaction=BINDINGS)
        self.assertEqual(outcome.reply["transaction"], "rolled_back")
        self.assertEqual(self.value("[x, y, 'z' in globals()]"), [[1, 2], 1, False])

    def test_explicit_waits_for_the_word(self) -> None:
        for scope in ("memory", "bindings"):
            explicit = {"policy": "explicit", "scope": scope}
            self.ok("x = 1")
            self.assertEqual(self.run_code("x = 2", transaction=explicit).reply["transaction"], "pending")
            number = self.session.execution
            with self.assertRaises(RefusedError) as refused:
                self.session.execute("x = 3")
            self.assertEqual(refused.exception.code, "session.transaction_pending")
            with self.assertRaises(RefusedError) as refused:
                self.settle("transaction.commit", number + 7)
            self.assertEqual(refused.exception.code, "session.no_transaction")
            self.assertEqual(self.settle("transaction.rollback", number)["transaction"], "rolled_back")
            if scope == "memory":
                self.restored()
            self.assertEqual(self.value("x"), 1)
            self.run_code("x = 4", transaction=explicit)
            self.settle("transaction.commit", self.session.execution)
            self.assertEqual(self.value("x"), 4)

    def test_a_pending_transaction_dies_with_its_process(self) -> None:
        self.ok("x = 1")
        self.run_code("x = 2", transaction={"policy": "explicit", "scope": "memory"})
        os.kill(self.session.pid, signal.SIGKILL)
        self.assertEqual(self.died()["state"], "guarded")
        self.come_back()
        self.assertEqual(self.value("x"), 1)

    def test_a_failure_rolls_back_and_an_interrupt_does_not(self) -> None:
        policy = {"policy": "rollback_on_failure", "scope": "memory"}
        self.ok("import time; x = 1")
        request = self.begin("x = 2; time.sleep(60)", transaction=policy)
        eventually(lambda: self.interrupt(), "it runs")
        outcome = self.end(request)
        self.assertEqual((outcome.status, outcome.reply["transaction"]), ("interrupted", "committed"))
        before = self.value("x")
        self.run_code("x = 9; 1/0", transaction=policy)
        self.restored()
        self.assertEqual(self.value("x"), before)

    def test_nonsense_is_refused(self) -> None:
        for transaction in ("x", {"policy": "maybe"}, {"policy": "explicit", "scope": "galaxy"}, {"policy": [1]}):
            with self.assertRaises(RefusedError) as refused:
                self.session.execute("x = 2", transaction=transaction)
            self.assertEqual(refused.exception.number, -32602)


class LiveTest(FrozenCase):
    def test_branches_go_their_own_ways(self) -> None:
        self.ok("x = [1]; g = iter(range(100)); next(g); import os; os.environ['A'] = 'b'")
        self.freeze("cp1")
        self.ok("x.append('original')")
        first, second = self.branch("cp1", "ses_first"), self.branch("cp1", "ses_second")
        self.assertEqual(first.connection.welcome["restored"], {"from": "live", "ended": 0})
        first.execute("x.append('first')")
        second.execute("x.append('second'); print('hello'); os.write(1, b'raw')")
        self.assertEqual(first.value("x + [next(g)]"), [1, "first", 1])
        self.assertEqual(second.value("x + [next(g)]"), [1, "second", 1])
        self.assertEqual(self.value("x + [next(g)]"), [1, "original", 1])
        self.assertEqual(second.text(), "hello\n")
        self.host.control.until(lambda: second.raw() == b"raw", "raw output of a branch")
        self.assertEqual(second.value("os.environ['HIBERNACULUM_SESSION']"), "ses_second")

    def test_a_session_is_restored_in_place(self) -> None:
        self.ok("import subprocess; x = 1")
        self.freeze("cp2")
        self.ok("x = 2; child = subprocess.Popen(['sleep', '60'])")
        child, pid = self.value("child.pid"), self.session.pid
        options = {"branch": "cp2", "replace": True}
        connection = self.host.connect("session", self.session.name, options=options)
        self.session.connection.close()
        self.session.connection = connection
        self.session.pid = connection.welcome["pid"]
        self.assertEqual(self.value("x"), 1)
        self.assertFalse(is_alive(child) or is_alive(pid))
        self.ok("import os; os.system('true')")

    def test_a_checkpoint_outlives_its_session_and_can_be_dropped(self) -> None:
        other = self.host.session()
        other.execute("x = 5")
        other.execution += 1
        other.connection.answer(other.connection.ask("checkpoint.freeze", execution=other.execution, checkpoint="cp3"))
        other.close()
        listed = self.host.control.request("checkpoint.list")["checkpoints"]
        self.assertEqual([listed["cp3"]["session"], listed["cp3"]["memory_bytes"] > 0], [other.name, True])
        self.assertEqual(self.branch("cp3", "ses_third").value("x"), 5)
        self.assertEqual(self.host.control.request("checkpoint.drop", checkpoint="cp3"), {"dropped": True})
        self.assertEqual(self.host.control.request("checkpoint.drop", checkpoint="cp3"), {"dropped": False})
        with self.assertRaises(RefusedError) as refused:
            self.branch("cp3", "ses_fourth")
        self.assertEqual(refused.exception.code, "checkpoint.unknown")

    def test_many_branches_at_once(self) -> None:
        self.ok("x = 1")
        self.freeze("cp4")
        pending = []
        for n in range(12):
            connection = self.host.dial()
            connection.send(self.host.hello(connection, "session", f"ses_many_{n}", options={"branch": "cp4"}))
            pending.append((n, connection))
        for n, connection in pending:
            session = Session(self.host, f"ses_many_{n}", connection, connection.answer(0))
            session.execution = 50
            self.host.sessions.append(session)
            self.assertEqual(session.value(f"x + {n}"), n + 1)

    def test_what_a_fork_does_not_carry_is_warned_of(self) -> None:
        self.ok("import socket, sqlite3, subprocess; s = socket.socket(); f = open('f', 'w')")
        self.ok("c = sqlite3.connect('db'); c.execute('create table t (x)'); c.commit()")
        self.ok("m = sqlite3.connect(':memory:'); m.execute('create table t (x)')")
        self.ok("m.execute('insert into t values (7)')")
        self.ok("p = subprocess.Popen(['sleep', '60'])")
        warnings = " ".join(self.freeze("cp5")["warnings"])
        for word in ("1 socket is", "offset", "SQLite", "1 child process"):
            self.assertIn(word, warnings)
        branch = self.branch("cp5", "ses_sqlite")
        self.assertEqual(branch.value("m.execute('select x from t').fetchall()[0][0]"), 7)

    def test_the_same_id_twice_is_refused(self) -> None:
        self.ok("x = 1")
        self.freeze("cp6")
        with self.assertRaises(RefusedError) as refused:
            self.freeze("cp6")
        self.assertEqual(refused.exception.code, "checkpoint.refused")
        self.assertEqual(self.value("x"), 1)

    def test_a_guard_works_in_a_branch_and_after_a_restore(self) -> None:
        self.ok("import os; x = [1]")
        self.freeze("cp7")
        branch = self.branch("cp7", "ses_guarded")
        self.session, kept = branch, self.session
        for _ in range(3):
            self.session.begin("x.append(2); os._exit(1)", guard=True)
            self.assertEqual(self.died()["state"], "guarded")
            self.come_back()
            self.assertEqual(self.value("x"), [1])
        self.session = kept


class ZygoteTest(GuardTest):
    HOST: ClassVar[Dict[str, Any]] = {"environment": {**os.environ, "HIBERNACULUM_ZYGOTE": "first"}}


class ClaimTest(unittest.TestCase):
    """Of whom a guard is, when a process has died."""

    def setUp(self) -> None:
        self.page = Page("test")
        self.addCleanup(self.page.close)
        sleeper = subprocess.Popen(["sleep", "60"])
        self.addCleanup(sleeper.wait)
        self.addCleanup(sleeper.kill)
        self.record = Record("test", -1, -1, [], self.page)
        self.record.guard = Frozen("test", GUARD, "3", sleeper.pid, -1, 0)

    def stands(self, claim: int, ended: int, given_up: int = 0) -> bool:
        self.page.slots[GUARD_EXECUTION], self.page.slots[LAST_ENDED] = claim, ended
        self.record.given_up = given_up
        return FrozenCopies(mock.Mock()).standing(self.record) is self.record.guard

    def test_an_execution_that_runs_is_undone_and_one_that_was_answered_is_not(self) -> None:
        self.assertTrue(self.stands(claim=3, ended=2))
        self.assertFalse(self.stands(claim=4, ended=3), "another's guard")
        self.assertFalse(self.stands(claim=0, ended=3))

    def test_an_answer_that_nobody_hears_any_more_is_none(self) -> None:
        self.assertTrue(self.stands(claim=0, ended=3, given_up=3))
        self.assertTrue(self.stands(claim=3, ended=2, given_up=3))
        self.assertFalse(self.stands(claim=0, ended=3, given_up=4), "the next was given up, before it had a guard")
        self.assertFalse(self.stands(claim=0, ended=4, given_up=3))

    def test_the_guard_of_such_an_answer_is_not_dismissed(self) -> None:
        for given_up, is_dismissed in ((3, False), (0, True)):
            self.stands(claim=0, ended=3, given_up=given_up)
            FrozenCopies(mock.Mock()).settled(self.record)
            self.assertEqual(self.record.guard is None, is_dismissed)


class LibrariesTest(FrozenCase):
    def test_numpy_computes_after_a_take_over(self) -> None:
        if self.run_code("import numpy").status != "completed":
            self.skipTest("no numpy here")
        self.ok("import numpy as np, os; a = np.random.rand(400, 400); b = a @ a; np.random.seed(3)")
        expected = self.value("float(np.random.rand()); np.random.seed(3); float((a @ a).sum())")
        self.session.begin("a[:] = 0; os._exit(1)", guard=True)
        self.assertEqual(self.died()["state"], "guarded")
        self.come_back()
        self.assertAlmostEqual(self.value("float((a @ a).sum())"), expected)


if __name__ == "__main__":
    unittest.main()
