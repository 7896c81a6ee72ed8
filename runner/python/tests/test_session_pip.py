"""`%pip`: what it installs, and what it says where it cannot."""

import os
import unittest

from session_case import SessionCase

WHEEL = r"""
import zipfile
def wheel(name, version, source):
    dist = f"{name}-{version}.dist-info"
    files = {f"{name}.py": source,
             f"{dist}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
             f"{dist}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    files[f"{dist}/RECORD"] = "".join(f"{file},,\n" for file in files) + f"{dist}/RECORD,,\n"
    with zipfile.ZipFile(f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
"""


class PipCase(SessionCase):
    def fails(self, code: str, *words: str) -> None:
        outcome = self.run_code(code)
        self.assertEqual(outcome.type, "UsageError", outcome.reply)
        for word in words:
            self.assertIn(word, outcome.error["message"])


class Pip(PipCase):
    def test_a_wheel_is_installed_for_the_sandbox(self) -> None:
        self.run_code(WHEEL + "wheel('denning', '1.0', 'value = 1')\nwheel('denning', '2.0', 'value = 2')")
        outcome = self.run_code("%pip install --no-index ./denning-1.0-py3-none-any.whl")
        if outcome.type == "UsageError" and "has no pip" in outcome.error["message"]:
            self.lacks_pip()
        self.assertEqual(outcome.status, "completed", outcome.reply)
        self.assertIn("Successfully installed denning-1.0", outcome.text())
        self.assertEqual(self.run_code("import denning; denning.value").value, "1")
        other = self.host.session()
        self.assertEqual(other.value("__import__('denning').value"), 1)
        self.run_code("%pip install --no-index ./denning-2.0-py3-none-any.whl")
        self.assertEqual(self.run_code("import importlib; importlib.reload(denning).value").value, "2")
        self.assertEqual(self.run_code("x = !python3 -c 'import denning; print(denning.value)'\nx").value, "['2']")
        self.assertEqual(self.run_code("%pip uninstall -y denning").text(), "Uninstalled denning-2.0\n")
        self.assertEqual(self.run_code("import os; os.listdir(os.environ['HIBERNACULUM_PACKAGES'])").value, "[]")

    def test_pip_says_why_it_failed(self) -> None:
        if self.run_code("import pip").status != "completed":
            self.lacks_pip()
        self.fails("%pip install --no-index no-such-package-anywhere", "no such package")
        index = "--index-url http://127.0.0.1:9/simple --retries 1"
        self.fails(f"%pip install {index} no-such-package-anywhere", "cannot be reached", "--no-index")
        self.fails("%pip frobnicate", "frobnicate")
        self.fails("%pip", "needs a command")
        self.fails("%conda install x", "%pip")
        self.fails("%pip install 'x", "%pip", "no closing quotation")

    def lacks_pip(self) -> None:
        if "pip" in os.environ.get("HIBERNACULUM_REQUIRE", "").split(","):
            self.fail("this Python has no pip, as HIBERNACULUM_REQUIRE demands")
        self.skipTest("this Python has no pip")

    def test_without_pip_it_says_so(self) -> None:
        self.ok("import sys; sys.modules['pip'] = None")
        self.fails("%pip install x", "has no pip", "ensurepip")


class AnotherPip(PipCase):
    """A pip of the test's own, which `python -m pip` finds first: in the working directory."""

    def pip(self, program: str) -> None:
        self.ok("import os; os.makedirs('pip', exist_ok=True); open('pip/__init__.py', 'w').close()")
        self.ok(f"with open('pip/__main__.py', 'w') as file: _ = file.write({program!r})")

    def test_what_pip_said_last_is_why_it_failed(self) -> None:
        full = "[Errno 28] No space left on device"
        none = "ERROR: No matching distribution found for x"
        broken = "WARNING: Retrying (Retry(total=1)) after connection broken by '{}': /simple/x/"
        none_seen = "ERROR: Could not find a version that satisfies the requirement x (from versions: none)"
        for said, why in (
            ([f"ERROR: Could not install packages due to an OSError: {full}"], "no room"),
            (["ERROR: Could not install packages due to an OSError: [Errno 27] File too large: 'x'"], "no room"),
            (["ERROR: Exception:", "Traceback (most recent call last):", f"OSError: {full}"], "no room"),
            ([broken.format("NewConnectionError('Failed to establish a new connection')"), none], "cannot be reached"),
            ([broken.format("NameResolutionError(\"Failed to resolve 'pypi.org'\")"), none_seen, none], "be reached"),
            ([broken.format("[Errno -2] Name or service not known"), none_seen, none], "cannot be reached"),
            ([broken.format("ConnectTimeoutError('timed out. (connect timeout=5)')"), none], "cannot be reached"),
            # The index was reached in the end; what packages are called and print is no reason.
            ([broken.format("timed out"), none_seen.replace("none)", "1.0, 2.0)"), none], "no such package"),
            (["Collecting SSLError-ProxyError", "  Permission denied", none], "no such package"),
            (["Collecting Errno 28", "ERROR: bad flag"], "bad flag"),
            ([broken.format("timed out"), f"ERROR: {full}"], "no room"),
            (["Collecting x"], "pip ended with 3"),
        ):
            program = f"import sys\nprint({os.linesep.join(said)!r})\nsys.exit(3)\n"
            self.pip(program)
            self.fails("%pip install x", "%pip install failed", why)

    def test_pip_waits_five_seconds_unless_it_is_told_otherwise(self) -> None:
        program = "import os; print('waits', os.environ['PIP_DEFAULT_TIMEOUT'])"
        self.pip(program)
        self.assertEqual(self.ok("os.environ.pop('PIP_DEFAULT_TIMEOUT', 0)\n%pip list").text(), "waits 5\n")
        self.assertEqual(self.ok("os.environ['PIP_DEFAULT_TIMEOUT'] = '60'\n%pip list").text(), "waits 60\n")


if __name__ == "__main__":
    unittest.main()
