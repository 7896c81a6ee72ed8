"""A load brings all of a checkpoint or changes nothing, whatever comes over the wire and whatever user code does."""

import copy
import json
import unittest
from typing import Any, Dict

from checkpoint_case import CheckpointCase, begin_load, load, said, stream
from host import Host

NOW = "[sorted(n for n in globals() if n[:1] != '_' and n not in ('In', 'Out')), x, kept is x, _]"


class AllOrNothing(CheckpointCase):
    def setUp(self) -> None:
        super().setUp()
        self.ok("x = ['there']; kept = x; y = 2\ndef f(): return x")
        self.ok("7")

    def refused(self, manifest: Any, blobs: Any = None, **more: Any) -> Dict[str, Any]:
        """The answer to a load that must change nothing."""
        request = begin_load(self.session, manifest)
        if blobs is not None:
            stream(self.session, blobs, **more)
        answer = said(self.session, self.session.connection.answer(request))
        self.assertNotEqual(answer["answer"], "restored")
        self.unchanged()
        return answer

    def unchanged(self) -> None:
        outcome = self.ok(f"__import__('json').dumps({NOW}), f() is x", store_history=False)
        self.assertEqual(outcome.value, repr((json.dumps([["f", "kept", "x", "y"], ["there"], True, 7]), True)))
        self.assertEqual(outcome.reply["count"], 2)

    def other(self, code: str) -> Any:
        """A checkpoint of another session."""
        session = self.host.session()
        self.addCleanup(session.close)
        mine, self.session = self.session, session
        try:
            return self.saved(code)
        finally:
            self.session = mine

    def test_replace_lets_go_of_what_was_there_and_merge_keeps_it(self) -> None:
        checkpoint = self.other("y = 3; z = 4")
        self.assertEqual(load(self.session, checkpoint, "merge")["count"], 2)
        self.assertEqual(self.value("[x, y, z, _]"), [["there"], 3, 4, 7])
        self.ok("class End:\n    def __del__(self): print('gone')\nend = End()")
        seen = len(self.session.connection.notices)
        self.assertEqual(load(self.session, checkpoint)["answer"], "restored")
        self.assertEqual(
            [n["params"]["text"] for n in self.session.connection.notices[seen:] if n["method"] == "event"], ["gone\n"]
        )
        self.assertEqual(self.value("[y, z, 'x' in globals(), 'f' in globals()]"), [3, 4, False, False])

    def test_a_session_goes_back_to_its_own_checkpoint(self) -> None:
        checkpoint = self.saved()
        self.ok("x.append(1); del y; new = 1; 100")
        self.assertEqual(load(self.session, checkpoint)["answer"], "restored")
        self.assertEqual(
            self.value("[x, kept is x, y, f() is x, _, 'new' in globals()]"), [["there"], True, 2, True, 7, False]
        )

    def test_what_is_tampered_with_or_cut_short_changes_nothing(self) -> None:
        checkpoint = self.other("x = 1; text = 'a' * 3_000_000")
        blobs = checkpoint.bytes()
        for index, blob in enumerate(blobs):
            bad = bytearray(blob)
            bad[len(blob) // 2] ^= 1
            answer = self.refused(checkpoint.manifest, [*blobs[:index], bytes(bad), *blobs[index + 1 :]])
            self.assertEqual(answer["code"], "checkpoint.corrupt")
            self.assertIn(f"blob {index}", answer["why"])
        for wrong in (
            blobs[:-1],
            [],
            [*blobs, b"more"],
            [*blobs[:-1], blobs[-1] + b"x"],
            [*blobs[:-1], blobs[-1][:-1]],
            blobs[::-1],
        ):
            self.assertEqual(self.refused(checkpoint.manifest, wrong)["code"], "checkpoint.corrupt", len(wrong))

    def test_a_manifest_that_lies_changes_nothing(self) -> None:
        checkpoint = self.other("x = 1")
        good = checkpoint.manifest

        def with_(path: str, value: Any) -> Dict[str, Any]:
            changed = copy.deepcopy(good)
            place: Any = changed
            *way, last = path.split(".")
            for step in way:
                place = place[int(step) if step.isdigit() else step]
            place[int(last) if last.isdigit() else last] = value
            return changed

        for path, value in (
            ("blobs.0.bytes", 0), ("blobs.0.bytes", 9 << 20), ("blobs.0.bytes", "x"), ("blobs.0.digest", "00"),
            ("blobs.0.digest", 5), ("blobs", 5), ("blobs", []), ("streams.pickle", 2), ("streams.pickle", 0),
            ("streams.buffers", [1 << 60]), ("streams", None), ("streams.buffers", {}), ("python", 3), ("python", "x"),
            ("cwd", "/etc"), ("cwd", "../.."), ("implementation", None), ("format", "1"),
        ):  # fmt: skip
            self.assertEqual(self.refused(with_(path, value))["code"], "checkpoint.corrupt", (path, value))
        answer = self.refused(with_("format", 2))
        self.assertEqual((answer["code"], answer["found"], answer["newest"]), ("checkpoint.format", 2, 1))
        for text in ("", "[]", "{", "[" * 100_000, "5"):
            self.assertEqual(self.refused(text)["code"], "checkpoint.corrupt", text[:10])
        lied = with_("blobs.0.bytes", good["blobs"][0]["bytes"] - 1)
        self.assertEqual(self.refused(lied, checkpoint.bytes())["code"], "checkpoint.corrupt")

    def test_a_stream_that_is_no_pickle_or_not_ours_changes_nothing(self) -> None:
        import hashlib
        import pickle

        seeds, end = pickle.dumps([], 5), [8, None, []]
        for records in (
            [b"garbage"],
            [seeds],
            [seeds, pickle.dumps(7, 5)],
            [seeds, pickle.dumps([2, "x", 1], 5)],
            [seeds, pickle.dumps([2, "__name__", 1], 5), pickle.dumps(end, 5)],
            [seeds, pickle.dumps([8, None, ["missing"]], 5)],
            [b"c__main__\nnothing\n."],
            [b"chibernaculum_runner.session.portable.rebuild\nRebuilder._set\n."],
        ):
            data = b"".join(records)
            manifest = {
                "format": 1, "python": self.session.hello["python"], "implementation": "cpython", "count": 0,
                "created_ms": 1, "blobs": [{"digest": hashlib.sha256(data).hexdigest(), "bytes": len(data)}],
                "variables": [], "imports": [], "cwd": None, "streams": {"pickle": 1, "buffers": []},
            }  # fmt: skip
            answer = self.refused(manifest, [data])
            self.assertIn(answer["code"], ("checkpoint.corrupt", "checkpoint.refused"), records)

    def test_a_host_that_gives_up_changes_nothing(self) -> None:
        checkpoint = self.other("x = 1; text = 'a' * 3_000_000")
        for blobs in ([], checkpoint.bytes()[:1], checkpoint.bytes()):
            answer = self.refused(checkpoint.manifest, blobs, end="checkpoint.abort", why="tired")
            self.assertEqual(answer, {"answer": "aborted"})

    def test_user_code_that_fails_while_it_is_loaded_changes_nothing(self) -> None:
        checkpoint = self.other(
            "class A:\n    def __setstate__(self, s): print('half'); x.append(1); "
            "raise ValueError('not here')\n    def __getstate__(self): return 1\n"
            "x = [1]; y = 5; a = A()"
        )
        answer = self.refused(checkpoint.manifest, checkpoint.bytes())
        self.assertEqual(answer["code"], "checkpoint.refused")
        self.assertIn("ValueError: not here", answer["why"])
        self.ok("import inspect")
        self.assertEqual(self.value("inspect.getsource(f)"), "def f(): return x\n")

    def test_a_module_that_is_not_here_is_named(self) -> None:
        checkpoint = self.other(
            "import sys, types\nm = types.ModuleType('elsewhere'); "
            "exec('class K: pass\\nK.__module__ = \"elsewhere\"', m.__dict__)\n"
            "sys.modules['elsewhere'] = m; k = m.K(); del m, sys, types"
        )
        answer = self.refused(checkpoint.manifest, checkpoint.bytes())
        self.assertEqual(answer["code"], "checkpoint.refused")
        self.assertIn("needs the module elsewhere, which is not here", answer["why"])

    def test_a_load_that_hangs_is_interrupted_and_changes_nothing(self) -> None:
        checkpoint = self.other(
            "class A:\n    def __setstate__(self, s):\n        print('in', flush=True)\n"
            "        while True: pass\n    def __getstate__(self): return 1\na = A()"
        )
        request = begin_load(self.session, checkpoint.manifest)
        stream(self.session, checkpoint.bytes())
        self.session.connection.notice("event", event="output")
        self.assertTrue(self.interrupt())
        self.assertEqual(self.session.connection.answer(request)["status"], "interrupted")
        self.unchanged()

    def test_an_interrupt_while_blobs_come_waits_for_the_last_and_changes_nothing(self) -> None:
        checkpoint = self.other("x = 1")
        request = begin_load(self.session, checkpoint.manifest)
        self.session.connection.until(
            lambda: any(n["method"] == "checkpoint.ready" for n in self.session.connection.notices), "ready"
        )
        self.assertTrue(self.interrupt())
        stream(self.session, checkpoint.bytes())
        self.assertEqual(self.session.connection.answer(request)["status"], "interrupted")
        self.unchanged()

    def test_an_interrupt_while_what_was_there_is_let_go_does_not_unsay_the_load(self) -> None:
        checkpoint = self.other("x = 'loaded'")
        # Let go in the reverse order; the long list in one step, through which an interrupt comes at its end.
        self.session.execute(
            "x = 'before'; long = [[] for _ in range(2_000_000)]\n"
            "class Marker:\n    def __del__(self): print('going', flush=True)\nmarker = Marker()"
        )
        request = begin_load(self.session, checkpoint.manifest)
        stream(self.session, checkpoint.bytes())
        self.session.connection.notice("event", event="output")
        self.interrupt()
        answer = said(self.session, self.session.connection.answer(request))
        self.assertEqual(answer["answer"], "restored")
        self.assertEqual(self.value("[x, 'long' in globals()]"), ["loaded", False])

    def test_a_child_that_is_forked_while_it_is_loaded_says_nothing(self) -> None:
        checkpoint = self.other(
            "import os\nclass A:\n    def __setstate__(self, s):\n        pid = os.fork()\n"
            "        self.pid = pid\n    def __getstate__(self): return 1\na = A()"
        )
        self.assertEqual(load(self.session, checkpoint)["answer"], "restored")
        self.assertEqual(self.value("os.waitpid(a.pid, 0)[1]"), 0)

    def test_code_that_spoils_the_namespace_while_it_is_loaded_changes_nothing_of_it(self) -> None:
        checkpoint = self.other(
            "class A:\n    def __setstate__(self, s): globals().clear(); "
            "globals()['junk'] = 1\n    def __getstate__(self): return 1\n"
            "a = A(); z = [1]; w = z"
        )
        self.assertEqual(load(self.session, checkpoint)["answer"], "restored")
        self.assertEqual(self.value("[w is z, __name__, 'junk' in globals()]"), [True, "__main__", False])

    def test_what_has_no_room_is_refused_and_changes_nothing(self) -> None:
        limits = {"memory_bytes": 150 << 20, "cpu_seconds": None, "open_files": None, "file_bytes": None}
        checkpoint = self.other("big = bytes(300_000_000); x = 1")
        with Host(limits=limits) as host:
            session = host.session()
            session.execute("x = 5")
            request = begin_load(session, checkpoint.manifest)
            stream(session, checkpoint.bytes())
            answer = said(session, session.connection.answer(request, 60))
            self.assertEqual((answer["answer"], answer["code"]), ("refused", "checkpoint.too_large"), answer)
            self.assertEqual(session.value("x"), 5)

    def test_parameters_that_are_not_understood_are_refused(self) -> None:
        from host import RefusedError

        for wrong in (
            {"manifest": "{}"},
            {"manifest": "{}", "mode": "both"},
            {"mode": "merge"},
            {"manifest": 5, "mode": "merge"},
        ):
            self.session.execution += 1
            with self.assertRaises(RefusedError) as caught:
                self.session.connection.request("checkpoint.load", execution=self.session.execution, **wrong)
            self.assertEqual(caught.exception.code, "transport.protocol")
        self.unchanged()


if __name__ == "__main__":
    unittest.main()
