"""Large buffers: out of band, in pieces that are sent once, read to where they stay. With numpy, where there is one."""

import importlib.util
import unittest

from checkpoint_case import Checkpoint, CheckpointCase, NotAnsweredError, begin_save, end_save, save

PIECE = 8 << 20
LIBRARY = (
    "class Meta(type):\\n    def __new__(m, n, b, d):\\n        d['made'] = True\\n"
    "        return super().__new__(m, n, b, d)\\n"
)
METACLASS = (
    f'open("metalib.py", "w").write("{LIBRARY}")\nimport metalib\n'
    "class K(metaclass=metalib.Meta):\n    def f(self): return 5"
)


class WithoutLibraries(CheckpointCase):
    def test_an_unchanged_session_sends_almost_nothing_again(self) -> None:
        first = self.saved("import os; big = os.urandom(20_000_000); n = 1; d = {i: str(i) for i in range(100_000)}")
        self.assertGreater(first.sent, 20_000_000)
        self.ok("n = 10 ** 30; more = 'x' * 1000")
        second = save(self.session, first)
        self.assertLess(second.sent, 20_000)
        self.restored(second)
        self.assertEqual(self.value("[len(big), n == 10 ** 30, len(d)]"), [20_000_000, True, 100_000])

    def test_pieces_are_sent_once_and_none_is_too_long(self) -> None:
        checkpoint = self.saved("a = bytes(40_000_000)")
        sizes = [blob["bytes"] for blob in checkpoint.manifest["blobs"]]
        self.assertEqual((max(sizes), sum(sizes) > 40_000_000, checkpoint.sent < 2 * PIECE), (PIECE, True, True))
        self.restored(checkpoint)
        self.assertEqual(self.value("[len(a), a.count(0)]"), [40_000_000, 40_000_000])

    def test_saving_a_large_session_takes_no_second_copy(self) -> None:
        code = (
            "import os, resource; big = os.urandom(1 << 20) * 150; "
            "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss"
        )
        self.saved(code)
        self.assertLess(self.value("resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak"), 60 << 10)

    def test_a_class_of_a_librarys_metaclass_is_left_out_without_cloudpickle(self) -> None:
        if importlib.util.find_spec("cloudpickle"):
            self.skipTest("cloudpickle is installed for this Python")
        checkpoint = self.saved(METACLASS + "\nx = 1")
        self.assertIn("metaclass metalib.Meta: that takes cloudpickle", self.skipped(checkpoint, "K"))
        self.assertIn("x", checkpoint.names())


class Arrays(CheckpointCase):
    def setUp(self) -> None:
        super().setUp()
        self.needs("numpy")
        self.ok("import numpy as np")

    def test_arrays_of_every_sort_come_back(self) -> None:
        self.moved(
            "a = np.arange(100_000).reshape(100, 1000); "
            "f = np.asfortranarray(a); v = a[::2, ::3]; s = np.array(['x', 'ä'])\n"
            "o = np.array([{}, a], dtype=object); r = np.zeros(3, dtype=[('n', "
            "'i4'), ('x', 'f8')]); z = np.zeros((0, 5)); n = np.float32(2.5)\n"
            "ro = np.ones(20_000); ro.flags.writeable = False; same = a; big = np.arange(3_000_000.)"
        )
        self.assertEqual(
            self.value(
                "[bool((a == np.arange(100_000).reshape(100, 1000)).all()), "
                "f.flags.f_contiguous, bool((v == a[::2, ::3]).all()), s.tolist(),"
                " o[1] is a, r.dtype.names == ('n', 'x'), list(z.shape), "
                "float(n), ro.flags.writeable, same is a, float(big[-1])]"
            ),
            [True, True, True, ["x", "ä"], True, True, [0, 5], 2.5, False, True, 2_999_999.0],
        )
        self.ok("a[0, 0] = 7; big += 1; big.sort()")
        self.assertEqual(self.value("[int(a[0, 0]), float(big[0])]"), [7, 1.0])

    def test_a_partly_changed_array_sends_the_changed_pieces(self) -> None:
        first = self.saved("a = np.random.default_rng(1).integers(0, 256, 50_000_000, dtype=np.uint8)")
        self.assertGreater(first.sent, 50_000_000)
        again = save(self.session, first)
        self.assertLess(again.sent, 20_000)
        self.ok("a[20_000_000] ^= 1")
        changed = save(self.session, again)
        self.assertTrue(PIECE <= changed.sent < PIECE + 20_000, changed.sent)
        self.restored(changed)
        self.assertEqual(self.value("[len(a), int(a[:100].sum())]"), [50_000_000, self.sum_of(changed, 100)])

    def sum_of(self, checkpoint: Checkpoint, count: int) -> int:
        first = checkpoint.bytes()[checkpoint.manifest["streams"]["pickle"]]
        return sum(first[:count])

    def test_the_state_of_numpys_generators_goes_on(self) -> None:
        checkpoint = self.saved("np.random.seed(5); g = np.random.default_rng(6); np.random.rand(); g.random()")
        expected = self.value("[np.random.rand(), g.random()]")
        self.restored(checkpoint)
        self.assertEqual(self.value("[np.random.rand(), g.random()]"), expected)

    def test_an_array_over_the_limit_is_not_sent(self) -> None:
        self.ok("a = np.ones(10_000_000); b = np.ones(10)")
        checkpoint = save(self.session, variable_bytes=50_000_000)
        self.assertIn("50,000,000 bytes", self.skipped(checkpoint, "a"))
        self.assertLess(checkpoint.sent, 100_000)
        self.restored(checkpoint)
        self.assertEqual(self.value("float(b.sum())"), 10.0)

    def test_a_variable_that_fails_after_its_array_does_not_send_it(self) -> None:
        self.ok("import threading\nbad = [np.ones(5_000_000), threading.Lock()]; x = 1")
        checkpoint = self.saved()
        self.assertLess(checkpoint.sent, 100_000)
        self.restored(checkpoint)
        self.assertEqual(self.value("x"), 1)

    def test_an_interrupt_within_a_large_array_leaves_the_session_whole(self) -> None:
        self.ok("a = np.random.default_rng(1).integers(0, 256, 100_000_000, dtype=np.uint8); total = int(a.sum())")
        request = begin_save(self.session)
        self.session.connection.notice("checkpoint.blob")
        self.interrupt()
        with self.assertRaises(NotAnsweredError):
            end_save(self.session, request)
        self.session.connection.notices.clear()
        self.session.connection.decoder._transfers.clear()
        self.session.connection.decoder._held = 0
        self.assertEqual(self.value("int(a.sum()) == total"), True)
        self.moved("b = 1")
        self.assertEqual(self.value("int(a.sum()) == total"), True)


class WithCloudpickle(CheckpointCase):
    def setUp(self) -> None:
        super().setUp()
        self.needs("cloudpickle")

    def test_functions_share_the_sessions_names_all_the_same(self) -> None:
        checkpoint = self.moved("g = 1\ndef f(): return g\nh = eval('lambda: g')")
        self.assertEqual([checkpoint.outcome(name)["saved"] for name in "fh"], ["source", "bytecode"])
        self.ok("g = 2")
        self.assertEqual(self.value("[f(), h()]"), [2, 2])

    def test_what_only_cloudpickle_takes_it_saves(self) -> None:
        checkpoint = self.moved("import types\nm = types.ModuleType('made'); m.x = 5\nview = memoryview(b'abc')")
        self.assertEqual([checkpoint.outcome(name)["saved"] for name in ("m", "view")], ["cloudpickle"] * 2)
        self.assertTrue(checkpoint.manifest["streams"]["version"])
        self.assertEqual(self.value("[m.x, bytes(view) == b'abc']"), [5, True])

    def test_a_class_of_a_librarys_metaclass_is_cloudpickles(self) -> None:
        checkpoint = self.moved(METACLASS)
        self.assertEqual(checkpoint.outcome("K")["saved"], "cloudpickle")
        self.assertEqual(self.value("[K().f(), K.made]"), [5, True])

    def test_an_open_file_is_no_text_of_its_content(self) -> None:
        checkpoint = self.saved("file = open('/etc/hostname')")
        self.assertIn("open file", self.skipped(checkpoint, "file"))

    def test_a_module_of_the_users_of_that_name_does_no_harm(self) -> None:
        self.ok("import os; open('cloudpickle.py', 'w').write('raise RuntimeError')")
        self.moved("x = 1\ndef f(): return x")
        self.assertEqual(self.value("f()"), 1)
        self.ok("import os; os.remove('cloudpickle.py')")


if __name__ == "__main__":
    unittest.main()
