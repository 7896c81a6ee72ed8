"""Boot: one line says what became of it, whatever modules, Python and the sandbox do."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from typing import Any

from host import PATIENCE, RUNNER_DIR, Host, bundle, eventually, is_alive, stage0

# A keeper that is terminated while it makes up its mind about the end of its stdin.
TERMINATED_AT_THE_LAST_MOMENT = """
import os, signal, time
from hibernaculum_runner.keeper import Keeper

class Interrupted(Keeper):
    @property
    def _lifeline_counts(self):
        os.kill(os.getpid(), signal.SIGTERM)
        return False

    @_lifeline_counts.setter
    def _lifeline_counts(self, value):
        pass

keeper = Interrupted(60_000, "no-socket", [])
started, _writer = os.pipe()
supervisor = os.fork()
if supervisor == 0:
    time.sleep(30)
    os._exit(0)
print(keeper.keep(supervisor, started))
"""


class BootTest(unittest.TestCase):
    def with_module(self, source: str, **more: Any) -> Host:
        """A host whose runner preloads a module with that source."""
        folder = tempfile.TemporaryDirectory(prefix="hib-")
        self.addCleanup(folder.cleanup)
        with open(os.path.join(folder.name, "preloaded.py"), "w", encoding="utf-8") as file:
            file.write(source)
        host = Host(preload=["preloaded"], workdir=folder.name, **more)
        self.addCleanup(host.close)
        return host

    def test_the_ready_line_tells_who_is_who(self) -> None:
        with Host() as host:
            self.assertEqual(host.ready["keeper_pid"], host.process.pid)
            self.assertEqual(host.ready["pid"], host.control.welcome["pid"])
            self.assertEqual(host.ready["python"], sys.version.split()[0])
            self.assertEqual(host.ready["implementation"], "cpython")
            self.assertEqual(host.failed, {})

    def test_stage_0_fits_on_a_command_line(self) -> None:
        self.assertLessEqual(len([line for line in stage0().splitlines() if line.strip()]), 25)

    def test_sessions_find_preloaded_modules_and_their_own_seed(self) -> None:
        host = self.with_module("import random\nmade = random.random()\n")
        values = []
        for _ in range(2):
            session = host.session()
            session.execute("import sys, random")
            self.assertTrue(session.value("'preloaded' in sys.modules"))
            values.append(session.value("[sys.modules['preloaded'].made, random.random()]"))
        self.assertEqual(values[0][0], values[1][0])
        self.assertNotEqual(values[0][1], values[1][1])

    def test_thread_hints_hold_while_preloading_only(self) -> None:
        host = self.with_module("import os\nseen = os.environ.get('OPENBLAS_NUM_THREADS')\n")
        session = host.session()
        session.execute("import os, preloaded")
        self.assertEqual(session.value("[preloaded.seen, os.environ.get('OPENBLAS_NUM_THREADS')]"), ["1", None])

    def test_what_the_environment_says_of_threads_stands(self) -> None:
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="3")
        host = self.with_module("import os\nseen = os.environ['OPENBLAS_NUM_THREADS']\n", environment=environment)
        session = host.session()
        session.execute("import os, preloaded")
        self.assertEqual(session.value("[preloaded.seen, os.environ['OPENBLAS_NUM_THREADS']]"), ["3", "3"])

    def test_a_preload_that_does_not_exist_is_named(self) -> None:
        with Host(preload=["no_such_module"], connect=False) as host:
            self.assertEqual(host.failed["code"], "sandbox.preload")
            self.assertIn("no_such_module", host.failed["what"])
            self.assertIn("ModuleNotFoundError", host.failed["why"])
            self.assertNotEqual(host.gone(), 0)

    def test_a_preload_that_raises_anything_at_all_is_named(self) -> None:
        for source, why in (("1/0", "ZeroDivisionError"), ("raise SystemExit(0)", "SystemExit")):
            host = self.with_module(source, connect=False)
            self.assertEqual(host.failed["code"], "sandbox.preload")
            self.assertIn(why, host.failed["why"])

    def test_a_preload_that_kills_the_supervisor_is_reported_by_the_keeper(self) -> None:
        host = self.with_module("import os\nos.kill(os.getpid(), 11)\n", connect=False)
        self.assertEqual(host.failed["code"], "sandbox.start")
        self.assertIn("11", host.failed["why"])

    def test_a_preload_cannot_speak_for_the_runner(self) -> None:
        forged = "import os, sys\nos.write(1, b'hibernaculum-ready {}\\nno newline')\nprint('noise', flush=True)\n"
        host = self.with_module(forged)
        self.assertIn("pid", host.ready)
        self.assertEqual([line for line in host.noise if line], [])
        self.assertIn("noise", host.stderr())

    def test_bad_places_are_named(self) -> None:
        for wrong, code in (
            ({"workdir": "/no/such/folder"}, "sandbox.workdir"),
            ({"socket": "/no/such/folder/s"}, "sandbox.socket"),
            ({"socket": "/tmp/" + "x" * 200}, "sandbox.socket"),
            ({"protocol": 99}, "sandbox.start"),
            ({"secret": "abc"}, "sandbox.start"),
            ({"preload": [1]}, "sandbox.start"),
            ({"limits": None}, "sandbox.start"),
        ):
            host = Host(connect=False, **wrong) if "limits" not in wrong else Host(connect=False, digest=7)
            try:
                self.assertEqual(host.failed.get("code"), code, f"{wrong}: {host.ready}")
                self.assertTrue(all(host.failed[word] for word in ("what", "why", "how")))
                self.assertNotEqual(host.gone(), 0)
            finally:
                host.close()

    def test_the_runner_arrives_as_a_bundle_even_for_many_at_once(self) -> None:
        with tempfile.TemporaryDirectory(prefix="hib-") as folder:
            place = os.path.join(folder, "runner")
            answers = []

            def start() -> None:
                with Host(bundle=True, runner_dir=place) as host:
                    answers.append(host.session().value("1 + 1"))

            threads = [threading.Thread(target=start) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(4 * PATIENCE)
            self.assertEqual(answers, [2, 2, 2, 2])
            self.assertEqual(os.listdir(place), ["hibernaculum_runner"])
            self.assertEqual(os.stat(place).st_mode & 0o77, 0)
            found = {
                os.path.relpath(os.path.join(where, name), place)
                for where, _folders, names in os.walk(place)
                for name in names
                if name.endswith(".py")
            }
            self.assertEqual(found, set(bundle()))
            with Host(bundle=True, runner_dir=place) as host:  # what is there is used
                self.assertEqual(host.session().value("2"), 2)

    def test_stdin_that_ends_within_the_boot_message_is_an_error(self) -> None:
        ended = subprocess.run(
            [sys.executable, "-I", "-c", stage0()], input=b"\0\0\1\0{", capture_output=True, timeout=PATIENCE
        )
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn(b"no whole boot message", ended.stderr)

    def test_user_code_finds_neither_the_secret_nor_the_runner_on_its_path(self) -> None:
        with Host() as host:
            session = host.session()
            session.execute("import sys, os")
            self.assertEqual(session.value("sys.path[0]"), os.path.realpath(host.workdir))
            self.assertNotIn(host.boot["runner_dir"], session.value("sys.path"))
            backwards = host.boot["secret"][::-1]  # the question itself stands in the session's history
            seen = "str(os.environ) + str(sys.argv) + str(globals()) + str(vars(sys.modules['__main__']))"
            self.assertFalse(session.value(f"{backwards!r}[::-1] in {seen}"))

    def test_a_host_that_dies_during_the_preload_leaves_nothing(self) -> None:
        with tempfile.TemporaryDirectory(prefix="hib-") as folder:
            with open(os.path.join(folder, "slow.py"), "w", encoding="utf-8") as file:
                file.write("import os, time\nopen('began', 'w').write(str(os.getpid()))\ntime.sleep(600)\n")
            process = subprocess.Popen([sys.executable, "-I", "-c", stage0()], stdin=subprocess.PIPE)
            boot = {
                "protocol": 1, "sandbox": "s", "secret": "00" * 32, "digest": "d", "socket": folder + "/s",
                "workdir": folder, "runner_dir": RUNNER_DIR, "bundle": False, "preload": ["slow"], "limits": {},
                "linger_ms": 0,
            }  # fmt: skip
            message = json.dumps(boot).encode()
            process.stdin.write(len(message).to_bytes(4, "big") + message)
            process.stdin.flush()
            began = os.path.join(folder, "began")
            eventually(lambda: os.path.exists(began) and os.path.getsize(began), "the preload began", PATIENCE)
            with open(began, encoding="utf-8") as file:
                supervisor = int(file.read())
            self.assertTrue(is_alive(supervisor))
            process.stdin.close()
            process.wait(PATIENCE)
            self.assertFalse(is_alive(supervisor))

    def test_a_terminated_keeper_ends_everything(self) -> None:
        with Host() as host:
            session = host.session()
            host.process.send_signal(signal.SIGTERM)
            host.gone()
            self.assertFalse(is_alive(session.pid))
            self.assertFalse(is_alive(host.ready["pid"]))

    def test_a_keeper_is_terminated_even_while_its_stdin_ends(self) -> None:
        ended = subprocess.run(
            [sys.executable, "-c", TERMINATED_AT_THE_LAST_MOMENT],
            env={**os.environ, "PYTHONPATH": RUNNER_DIR},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PATIENCE, check=True,
        )  # fmt: skip
        self.assertEqual(ended.stdout, b"(None, False)\n")


if __name__ == "__main__":
    unittest.main()
