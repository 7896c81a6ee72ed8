"""Frames: what goes in comes out, however it is cut; what breaks the protocol is told before it costs memory."""

import random
import unittest

import host  # noqa: F401  (finds the package)

from hibernaculum_runner import frames


def message(length: int = 10) -> bytes:
    return frames.encode({"text": "x" * length})


class FramesTest(unittest.TestCase):
    def test_messages_survive_any_cut(self) -> None:
        choose = random.Random(3)
        outgoing = frames.Outgoing()
        long = "é" * 900_000
        sent = b""
        for index in range(20):
            body = {"index": index, "text": outgoing.text(long if index % 7 == 3 else "short")}
            sent += outgoing.take() + frames.encode(body)
        for most in (1 << 20, 4096, 7) if len(sent) < 1 << 20 else (1 << 20, 40_000):
            decoder, start, got = frames.Decoder(), 0, []
            while start < len(sent):
                size = choose.randint(1, most)
                decoder.feed(sent[start : start + size])
                start += size
                found = decoder.next()
                while found is not None:
                    got.append((found["index"], decoder.text(found["text"])))
                    found = decoder.next()
            self.assertEqual([index for index, _ in got], list(range(20)))
            self.assertEqual({text for index, text in got if index % 7 == 3}, {long})
            self.assertFalse(decoder.pending())

    def test_fragments_of_one_byte(self) -> None:
        decoder, got = frames.Decoder(), []
        for byte in message() + message(0):
            decoder.feed(bytes([byte]))
            found = decoder.next()
            if found is not None:
                got.append(found)
        self.assertEqual(got, [{"text": "x" * 10}, {"text": ""}])

    def test_a_string_becomes_a_transfer_beyond_1_mib_and_not_before(self) -> None:
        outgoing = frames.Outgoing()
        self.assertEqual(outgoing.text("x" * frames.MAX_INLINE), "x" * frames.MAX_INLINE)
        self.assertEqual(outgoing.take(), b"")
        self.assertEqual(outgoing.text("x" * (frames.MAX_INLINE + 1)), {"transfer": 1, "bytes": frames.MAX_INLINE + 1})
        self.assertEqual(outgoing.text("é" * frames.MAX_INLINE), {"transfer": 2, "bytes": 2 * frames.MAX_INLINE})
        chunks = outgoing.take()
        self.assertEqual(len(chunks), frames.MAX_INLINE + 1 + 2 * frames.MAX_INLINE + 12 * 4)

    def test_lone_surrogates_are_escaped(self) -> None:
        self.assertEqual(frames.clean("a\udc80b"), "a\\udc80b")
        self.assertEqual(frames.Outgoing().text("\ud800"), "\\ud800")

    def test_numbers_that_json_has_not_are_refused(self) -> None:
        for number in (float("nan"), float("inf"), -float("inf")):
            with self.assertRaises(ValueError):
                frames.encode({"x": number})

    def test_a_frame_too_long_is_refused_by_its_header_alone(self) -> None:
        for header in (b"\x01\x00\x00\x01", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x81\x00\x00\x01"):
            decoder = frames.Decoder()
            decoder.feed(header)
            with self.assertRaises(frames.ProtocolError):
                decoder.next()
            with self.assertRaises(frames.ProtocolError):
                decoder.wanted()

    def test_what_is_not_a_json_object_is_refused(self) -> None:
        for body in (b"", b"[]", b"1", b"{", b"\xff\xfe", b'{"a":' * 100_000, b"null", b'"\\ud800'):
            decoder = frames.Decoder()
            decoder.feed(len(body).to_bytes(4, "big") + body)
            with self.assertRaises(frames.ProtocolError, msg=body[:10]):
                decoder.next()

    def test_transfers_that_lie_are_refused(self) -> None:
        def with_chunk(data: bytes) -> frames.Decoder:
            decoder = frames.Decoder()
            decoder.feed(frames.encode_chunk_head(5, len(data)) + data)
            self.assertIsNone(decoder.next())
            return decoder

        self.assertEqual(with_chunk(b"abc").text({"transfer": 5, "bytes": 3}), "abc")
        wrong = ({"transfer": 6, "bytes": 3}, {"transfer": 5, "bytes": 4}, {"transfer": 5}, {"transfer": [5]}, 7, None)
        for field in wrong:
            with self.assertRaises(frames.ProtocolError, msg=str(field)):
                with_chunk(b"abc").text(field)
        with self.assertRaises(frames.ProtocolError):
            with_chunk(b"\xff").text({"transfer": 5, "bytes": 1})

    def test_unnamed_transfers_are_bounded(self) -> None:
        decoder = frames.Decoder()
        piece = frames.encode_chunk_head(1, frames.MAX_CHUNK) + bytes(frames.MAX_CHUNK)
        for _ in range(frames.MAX_UNNAMED // frames.MAX_CHUNK):
            decoder.feed(piece)
            self.assertIsNone(decoder.next())
        decoder.feed(frames.encode_chunk_head(1, 1) + b"x")
        with self.assertRaises(frames.ProtocolError):
            decoder.next()

    def test_a_chunk_without_an_id_is_refused(self) -> None:
        decoder = frames.Decoder()
        decoder.feed(b"\x80\x00\x00\x07" + bytes(7))
        with self.assertRaises(frames.ProtocolError):
            decoder.next()


if __name__ == "__main__":
    unittest.main()
