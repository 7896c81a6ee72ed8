"""The parts of portable checkpoints that need no session: the pickle stream, sources, manifests."""

import io
import linecache
import pickle
import unittest
from types import CodeType
from typing import Any, List, Set

import host  # noqa: F401  (finds the package)

from hibernaculum_runner.session.portable import manifest
from hibernaculum_runner.session.portable.blobs import PIECE, Blob, digest_of
from hibernaculum_runner.session.portable.loading import _Pieces
from hibernaculum_runner.session.portable.sourcetexts import Known, Restored, Source, compiled, steps
from hibernaculum_runner.session.portable.stream import ALONE, Stream, TooLargeError
from hibernaculum_runner.session.sources import Sources


class Kept:
    """Blobs that go nowhere."""

    def __init__(self) -> None:
        self.pieces: List[bytes] = []

    def put_all(self, data: memoryview) -> List[Blob]:
        cut = [bytes(data[start : start + PIECE]) for start in range(0, len(data), PIECE)]
        self.pieces += cut
        return [Blob(digest_of(piece), len(piece)) for piece in cut]


class TheStream(unittest.TestCase):
    def setUp(self) -> None:
        self.kept = Kept()
        self.stream = Stream(self.kept)  # type: ignore[arg-type]

    def write(self, *data: bytes, keep: bool = True) -> None:
        self.stream.begin(1 << 60)
        for each in data:
            self.stream.write(each)
        self.stream.keep() if keep else self.stream.drop()

    def whole(self) -> bytes:
        """What the pieces that are kept give, put together."""
        by_digest = {digest_of(piece): piece for piece in self.kept.pieces}
        by_digest.update({digest_of(piece): piece for piece in self.kept.pieces})
        pieces = self.stream.close()
        by_digest.update({digest_of(piece): piece for piece in self.kept.pieces})
        return b"".join(by_digest[blob.digest] for blob in pieces)

    def test_what_is_kept_comes_out_in_order_and_what_is_dropped_does_not(self) -> None:
        self.write(b"a" * 10)
        self.write(b"b" * 10, keep=False)
        self.write(b"c" * 10)
        self.write(b"d" * (ALONE - 1), b"d" * 10, keep=False)
        self.write(b"e" * (PIECE + 5), keep=False)
        self.write(b"f" * (ALONE // 2), b"f" * ALONE, b"f")
        self.write(b"g")
        self.assertEqual(self.whole(), b"a" * 10 + b"c" * 10 + b"f" * (ALONE // 2 + ALONE + 1) + b"g")

    def test_no_piece_is_longer_than_it_may_be(self) -> None:
        self.write(*[b"x" * (64 << 10)] * 300)
        for _ in range(300):
            self.write(b"y" * (64 << 10))
        self.write(b"z" * (3 * PIECE + 1))
        self.assertEqual(len(self.whole()), 600 * (64 << 10) + 3 * PIECE + 1)
        self.assertLessEqual(max(map(len, self.kept.pieces)), PIECE)

    def test_a_long_variable_has_the_same_pieces_whatever_stands_before_it(self) -> None:
        long = [bytes([index]) * (100 << 10) for index in range(40)]
        pieces: List[Set[str]] = []
        for before in (b"1", b"22"):
            kept = Kept()
            self.stream = Stream(kept)  # type: ignore[arg-type]
            self.write(before)
            self.write(*long)
            pieces.append({blob.digest for blob in self.stream.close()})
        self.assertEqual(len(pieces[0] & pieces[1]), len(pieces[0]) - 1)

    def test_a_variable_over_its_limit_is_stopped(self) -> None:
        self.stream.begin(100)
        self.stream.write(b"x" * 100)
        self.assertRaises(TooLargeError, self.stream.write, b"x")

    def test_the_pieces_read_as_one_file(self) -> None:
        data = pickle.dumps([list(range(1000)), b"x" * 100_000, "y" * 100_000], protocol=5)
        for size in (1, 7, 65_536, len(data)):
            pieces = [bytearray(data[start : start + size]) for start in range(0, len(data), size)]
            self.assertEqual(pickle.load(_Pieces(list(pieces))), pickle.loads(data))
            self.assertRaises(EOFError, pickle.load, _Pieces(list(pieces[:-1])))


TEXT = """
def outer(a=lambda: 1, *b):
    def inner(): return [x for x in b if (lambda: x)()]
    class K:
        def inner(self): return lambda: __class__
    return inner, K
two = (lambda: 1), (lambda: 2); f = [lambda: i for i in range(3)]
"""


class TheSources(unittest.TestCase):
    def setUp(self) -> None:
        self.sources = Sources()
        self.sources.add("<cell 9>", TEXT)
        self.addCleanup(linecache.cache.pop, "<cell 9>", None)

    def codes(self, code: CodeType) -> List[CodeType]:
        found = []
        for _, inner in steps(code):
            found += [inner, *self.codes(inner)]
        return found

    def test_every_code_object_of_a_source_is_found_again_at_its_place(self) -> None:
        [body] = compiled(Source("<cell 9>", TEXT, 0))
        known, restored = Known(), Restored(self.sources)
        codes = self.codes(body)
        self.assertEqual(len(codes), 10)
        for code in codes:
            place = known.place(code)
            assert place is not None
            source = restored.source(*place.source)
            self.assertEqual(source.filename, "<cell 9>", "it is there already")
            self.assertEqual(restored.code(source, place.path), code)

    def test_a_source_whose_name_is_taken_is_filed_under_another_and_can_be_undone(self) -> None:
        restored = Restored(self.sources)
        names = [restored.source("<cell 9>", text, 0).filename for text in ("a = 1\n", "b = 1\n", "a = 1\n", TEXT)]
        self.assertEqual(names, ["<cell 9, restored>", "<cell 9, restored 2>", "<cell 9, restored>", "<cell 9>"])
        again = Restored(self.sources).source("<cell 9, restored 2>", "c = 1\n", 0)
        self.assertEqual(again.filename, "<cell 9, restored 3>")
        self.sources.forget(again.filename)
        restored.undo()
        self.assertEqual([name for name in linecache.cache if "restored" in name], [])

    def test_code_whose_source_has_changed_has_no_place(self) -> None:
        code = compile("def f(): return 5", "<cell 9>", "exec").co_consts[0]
        self.assertIsNone(Known().place(code))
        self.assertIsNone(Known().place(compile("def f(): return 5", "<nowhere>", "exec").co_consts[0]))
        self.assertRaises(LookupError, Restored(self.sources).code, Source("<cell 9>", TEXT, 0), (("outer", 3, 0),))


class TheManifest(unittest.TestCase):
    def made(self, **more: Any) -> Any:
        told = manifest.made("3.9.1", 3, 1, [Blob("0" * 64, 5)], [Blob("1" * 64, 9)], [9], False, [], [], ".")
        told.update(more)
        return told

    def test_what_a_save_writes_a_load_reads(self) -> None:
        read = manifest.read(io.StringIO(__import__("json").dumps(self.made())).read())
        self.assertEqual((read.pickle, read.buffers, len(read.blobs), read.cwd), (1, [9], 2, "."))

    def test_what_binds_a_version_is_refused_by_another_and_the_rest_is_not(self) -> None:
        import json

        bound = self.made(python="3.1.0", streams={"pickle": 1, "buffers": [9], "version": True})
        with self.assertRaises(manifest.RefusedError) as caught:
            manifest.read(json.dumps(bound))
        answer = caught.exception.answer
        self.assertEqual((answer["code"], answer["made"]), ("checkpoint.python", "cpython 3.1.0"))
        free = self.made(python="3.1.0", streams={"pickle": 1, "buffers": [9], "version": False})
        self.assertTrue(manifest.read(json.dumps(free)).is_foreign)


if __name__ == "__main__":
    unittest.main()
