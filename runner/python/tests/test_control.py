"""The control connection: what it is asked it answers, once, in the protocol's words, whatever it is asked."""

import os
import random
import signal
import time
import unittest

from host import Host, RefusedError, eventually, is_alive


class ControlTest(unittest.TestCase):
    host: Host

    @classmethod
    def setUpClass(cls) -> None:
        cls.host = Host()
        cls.addClassCleanup(cls.host.close)

    def refused(self, method: str, **params: object) -> RefusedError:
        with self.assertRaises(RefusedError) as refused:
            self.host.control.request(method, **params)
        return refused.exception

    def test_unknown_methods_and_wrong_parameters_are_refused_with_a_reason(self) -> None:
        self.assertEqual(self.refused("no.such").number, -32601)
        for method, params in (
            ("interrupt", {}),
            ("interrupt", {"session": "x"}),
            ("interrupt", {"session": 7, "execution": 1}),
            ("interrupt", {"session": "x", "execution": "1"}),
            ("interrupt", {"session": "x", "execution": True}),
            ("interrupt", {"session": "x", "execution": -1}),
            ("interrupt", {"session": "x", "execution": 1 << 60}),
            ("interrupt", {"session": "x", "execution": 1.5}),
            ("kill", {"session": "x"}),
            ("kill", {"session": "x", "reason": 7}),
            ("close", {"session": None}),
            ("credit", {"session": "x", "bytes": -5}),
            ("credit", {"session": "x", "bytes": [1]}),
        ):
            error = self.refused(method, **params)
            self.assertEqual((error.number, error.code), (-32602, "transport.protocol"), (method, params))

    def test_what_is_no_request_is_refused_and_the_connection_goes_on(self) -> None:
        control = self.host.control
        before = self.host.stats()["errors"]
        for message in (
            {"jsonrpc": "2.0", "id": 1e9, "method": "stats"},
            {"jsonrpc": "2.0", "id": [1], "method": "stats"},
            {"jsonrpc": "2.0", "id": 5, "method": 7},
            {"jsonrpc": "2.0", "id": 5, "method": "stats", "params": [1]},
            {"jsonrpc": "2.0", "method": None},
            {},
        ):
            control.send(message)
            control.until(lambda: None in control.answers, f"a refusal of {message}")
            self.assertEqual(control.answers.pop(None)["error"]["code"], -32600)
        control.send({"jsonrpc": "2.0", "id": 999, "result": {}})  # an answer to nothing
        self.assertEqual(self.host.stats()["errors"], before)

    def test_whatever_is_said_at_random_each_request_is_answered_once_and_sessions_go_on(self) -> None:
        control, session = self.host.control, self.host.session()
        session.execute("x = 41")
        before = self.host.stats()["errors"]
        dice = random.Random(20261127)
        numbers = [True, -1, 0, 1, 7, 1 << 52, 1 << 53, 1 << 80, 1.5]
        values = [*numbers, None, "", "x", "é" * 5000, "\0", [], [[]], {}, {"a": 1}]
        asked = set()
        for _ in range(1000):
            method = dice.choice(
                ["interrupt", "watch", "credit", "kill", "close", "stats", "execute", "hello", "", "é"]
            )
            # what would end the session is said of others only
            names = [*values, session.name] if method in ("interrupt", "watch", "credit") else values
            fields = [name for name in ("execution", "bytes", "reason", "other") if dice.random() < 0.8]
            params = {name: dice.choice(values) for name in fields}
            if dice.random() < 0.8:
                params["session"] = dice.choice(names)
            if dice.random() < 0.5:
                control.notify(method, **params)
            else:
                asked.add(control.ask(method, **params))
        control.until(lambda: asked <= control.answers.keys(), "an answer to each request")
        for request in asked:
            answer = control.answers.pop(request)
            self.assertTrue(("result" in answer) != ("error" in answer), answer)
        control.read_for(0.1)
        self.assertFalse(asked & control.answers.keys(), "one was answered twice")
        control.answers.clear()  # refusals of notifications
        self.assertEqual(self.host.stats()["errors"], before, "a handler failed")
        self.assertEqual(session.value("x + 1"), 42)
        self.assertEqual(self.host.session().value("1 + 1"), 2)

    def test_unknown_sessions_are_no_error(self) -> None:
        control = self.host.control
        self.assertEqual(control.request("interrupt", session="none", execution=1), {"delivered": False})
        self.assertEqual(control.request("kill", session="none", reason="x"), {"delivered": False})
        self.assertEqual(control.request("close", session="none"), {"closed": False})
        control.notify("watch", session="none", execution=1)
        control.notify("credit", session="none", bytes=1)
        self.host.stats()

    def test_an_interrupt_hits_the_execution_that_it_names(self) -> None:
        session = self.host.session()
        request = session.begin("import time\nprint('in', flush=True)\ntime.sleep(60)")
        session.connection.until(lambda: "in" in session.text(), "the execution's first word")
        started = time.monotonic()
        self.assertTrue(self.host.control.request("interrupt", session=session.name, execution=1)["delivered"])
        self.assertEqual(session.connection.answer(request)["status"], "interrupted")
        self.assertLess(time.monotonic() - started, 5)
        # the ended one: never
        self.assertFalse(self.host.control.request("interrupt", session=session.name, execution=1)["delivered"])
        self.assertEqual(session.execute("time.sleep(0.05); 1")["status"], "completed")

    def test_an_interrupt_that_comes_early_waits_for_its_execution(self) -> None:
        session = self.host.session()
        self.assertTrue(self.host.control.request("interrupt", session=session.name, execution=2)["delivered"])
        self.assertEqual(session.execute("1")["status"], "completed")
        self.assertEqual(session.execute("import time\ntime.sleep(60)")["status"], "interrupted")
        self.assertEqual(session.value("5"), 5)

    def test_the_host_can_kill_with_a_reason(self) -> None:
        session = self.host.session()
        session.begin("import time\ntime.sleep(60)")
        eventually(lambda: self.host.stats()["sessions"][session.name]["execution"] == 1, "it runs")
        self.assertTrue(self.host.control.request("kill", session=session.name, reason="timeout")["delivered"])
        died = self.host.control.notice("died", session=session.name)
        self.assertEqual(died["cause"], {"signal": 9, "name": "SIGKILL", "by": "timeout"})
        self.assertEqual((died["execution"], died["state"], died["pid"]), (1, "lost", session.pid))
        session.connection.read_to_end()

    def test_what_is_said_of_another_process_hits_nobody(self) -> None:
        session = self.host.session()
        session.begin("import time\ntime.sleep(60)")
        eventually(lambda: self.host.stats()["sessions"][session.name]["execution"] == 1, "it runs")
        control, name = self.host.control, session.name
        for pid in (session.pid + 1, 0, -1, "1", 1 << 60, [session.pid]):
            self.assertFalse(control.request("interrupt", session=name, execution=1, pid=pid)["delivered"])
            self.assertFalse(control.request("kill", session=name, reason="timeout", pid=pid)["delivered"])
        self.assertTrue(control.request("interrupt", session=name, execution=1, pid=session.pid)["delivered"])
        self.assertEqual(session.connection.answer(1)["status"], "interrupted")
        self.assertTrue(control.request("kill", session=name, reason="timeout", pid=session.pid)["delivered"])
        self.assertEqual(control.notice("died", session=name)["cause"]["by"], "timeout")

    def test_close_ends_a_session_without_a_death_even_while_it_runs_or_stands_still(self) -> None:
        for code in ("1", "while True: pass", "import os\nos.kill(os.getpid(), 19)"):
            session = self.host.session()
            session.begin(code)
            if "kill" in code:
                eventually(lambda session=session: state(session.pid) == "T", "it has stopped itself")
            self.assertTrue(self.host.control.request("close", session=session.name)["closed"])
            self.assertFalse(is_alive(session.pid))
            self.assertFalse(self.host.control.request("close", session=session.name)["closed"])
            self.assertNotIn(session.name, self.host.stats()["sessions"])
            session.connection.read_to_end()
            deaths = [notice for notice in self.host.control.notices if notice["method"] == "died"]
            self.assertEqual([death for death in deaths if death["params"]["session"] == session.name], [])

    def test_a_name_is_free_again_after_close_and_after_a_death(self) -> None:
        for end in ("close", "crash"):
            session = self.host.session("ses_again_" + end)
            session.execute("x = 1")
            if end == "close":
                self.host.control.request("close", session=session.name)
            else:
                session.begin("import os\nos.system('sleep 100 &')\nos._exit(3)")
                self.host.control.notice("died", session=session.name)
            again = self.host.session(session.name)
            self.assertEqual(again.value("'x' in globals()"), False)
            self.assertNotEqual(again.pid, session.pid)
            time.sleep(0.1)  # the sweep of the old one must not touch the new one
            self.assertTrue(is_alive(again.pid))

    def test_stats_tell_of_every_session(self) -> None:
        session = self.host.session()
        session.execute("import subprocess\np = subprocess.Popen(['sleep', '100'])")
        stats = self.host.stats()
        told = stats["sessions"][session.name]
        self.assertEqual((told["pid"], told["processes"], told["execution"]), (session.pid, 2, 0))
        self.assertGreater(told["memory_bytes"], 1 << 20)
        self.assertEqual(stats["pid"], self.host.ready["pid"])
        self.assertEqual((stats["zombies"], stats["errors"], stats["last_errors"]), (0, 0, []))
        self.host.control.request("close", session=session.name)

    def test_a_terminated_session_is_no_terminated_runner(self) -> None:
        session = self.host.session()
        os.kill(session.pid, signal.SIGTERM)
        died = self.host.control.notice("died", session=session.name)
        self.assertEqual(died["cause"], {"signal": 15, "name": "SIGTERM"})
        self.host.stats()


def state(pid: int) -> str:
    with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
        return file.read().rpartition(")")[2].split()[0]


class BrokenControlTest(unittest.TestCase):
    def test_shutdown_ends_everything_and_answers_last(self) -> None:
        with Host() as host:
            session = host.session()
            session.execute("import os\nos.system('setsid sleep 100 &')")
            self.assertEqual(host.control.request("shutdown"), {})
            self.assertFalse(is_alive(session.pid))
            host.control.read_to_end()
            self.assertEqual(host.gone(), 0)
            self.assertFalse(os.path.exists(host.socket))

    def test_a_broken_control_connection_ends_the_sandbox(self) -> None:
        for rubbish in (b"\x7f\xff\xff\xff", b"\0\0\0\x02[]", b"\0\0\0\x01{", b"\x80\0\0\x01x"):
            with Host() as host:
                session = host.session()
                host.control.send_raw(rubbish)
                host.gone()
                self.assertFalse(is_alive(session.pid), rubbish)


if __name__ == "__main__":
    unittest.main()
