"""The frozen wire (docs/wire) against the runner's half of it: the vectors that Rust's tests read too."""

import json
import os
import re
import unittest
from typing import Any, Dict, List

import host  # noqa: F401  (finds the package)

from hibernaculum_runner import frames, proof

WIRE = os.path.join(os.path.dirname(__file__), "..", "..", "..", "docs", "wire")


def read(path: str) -> Any:
    with open(os.path.join(WIRE, path), encoding="utf-8") as file:
        return json.load(file)


def vectors(name: str) -> List[Dict[str, Any]]:
    found = read(os.path.join("vectors", name))
    assert found, f"{name} is empty"
    return found


def valid() -> List[Dict[str, Any]]:
    names = ("handshake.json", "control.json", "session.json", "checkpoint.json", "files.json")
    return [vector for name in names for vector in vectors(name)]


TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
}


class Schema:
    """As much of JSON Schema as schema.json uses. A keyword that is not known here is an error, not a pass."""

    def __init__(self) -> None:
        self.whole = read("schema.json")

    def accepts(self, schema: Any, value: Any) -> bool:
        if isinstance(schema, bool):
            return schema
        return all(getattr(self, "_" + key.strip("$"))(wanted, value) for key, wanted in schema.items())

    def fits(self, definition: str, value: Any) -> bool:
        return self.accepts(self.whole["$defs"][definition], value)

    def names(self) -> List[str]:
        return [name for name in self.whole["$defs"] if not name.startswith("-")]

    def _ref(self, wanted: str, value: Any) -> bool:
        assert wanted.startswith("#/$defs/")
        return self.accepts(self.whole["$defs"][wanted[8:]], value)

    def _description(self, wanted: str, value: Any) -> bool:
        return True

    def _type(self, wanted: Any, value: Any) -> bool:
        return any(TYPES[name](value) for name in ([wanted] if isinstance(wanted, str) else wanted))

    def _const(self, wanted: Any, value: Any) -> bool:
        return value == wanted and type(value) is type(wanted)

    def _enum(self, wanted: Any, value: Any) -> bool:
        return value in wanted

    def _required(self, wanted: Any, value: Any) -> bool:
        return not isinstance(value, dict) or all(name in value for name in wanted)

    def _properties(self, wanted: Any, value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        return all(self.accepts(schema, value[name]) for name, schema in wanted.items() if name in value)

    def _additionalProperties(self, wanted: Any, value: Any) -> bool:
        return not isinstance(value, dict) or all(self.accepts(wanted, each) for each in value.values())

    def _items(self, wanted: Any, value: Any) -> bool:
        return not isinstance(value, list) or all(self.accepts(wanted, each) for each in value)

    def _minItems(self, wanted: int, value: Any) -> bool:
        return not isinstance(value, list) or len(value) >= wanted

    def _maxItems(self, wanted: int, value: Any) -> bool:
        return not isinstance(value, list) or len(value) <= wanted

    def _minimum(self, wanted: int, value: Any) -> bool:
        return not isinstance(value, int) or value >= wanted

    def _pattern(self, wanted: str, value: Any) -> bool:
        return not isinstance(value, str) or re.search(wanted, value) is not None

    def _allOf(self, wanted: Any, value: Any) -> bool:
        return all(self.accepts(schema, value) for schema in wanted)

    def _anyOf(self, wanted: Any, value: Any) -> bool:
        return any(self.accepts(schema, value) for schema in wanted)

    def _oneOf(self, wanted: Any, value: Any) -> bool:
        return sum(self.accepts(schema, value) for schema in wanted) == 1

    def _not(self, wanted: Any, value: Any) -> bool:
        return not self.accepts(wanted, value)


class TheWire(unittest.TestCase):
    def test_every_byte_stream_gives_its_messages_and_its_error(self) -> None:
        for vector in vectors("frames.json"):
            data = bytes.fromhex(vector["hex"])
            wanted = [json.loads(frame["message"]) for frame in vector["frames"] if "message" in frame]
            for step in (1, 3, len(data) or 1):
                with self.subTest(vector["name"], step=step):
                    messages, error = self.decode(data, step)
                    self.assertEqual(messages, wanted)
                    self.assertEqual(error, vector.get("error"))

    def decode(self, data: bytes, step: int) -> Any:
        """What a reader gets who is given the bytes in pieces of `step`."""
        decoder, messages = frames.Decoder(), []
        for start in range(0, len(data), step):
            decoder.feed(data[start : start + step])
            try:
                message = decoder.next()
                while message is not None:
                    messages.append(message)
                    message = decoder.next()
            except frames.ProtocolError as error:
                return messages, "chunk_too_short" if "transfer id" in str(error) else "frame_too_long"
        return messages, "torn" if decoder.pending() else None

    def test_chunks_are_headed_as_the_vectors_say(self) -> None:
        chunks = 0
        for vector in vectors("frames.json"):
            if len(vector["frames"]) == 1 and "transfer" in vector["frames"][0]:
                chunks += 1
                frame = vector["frames"][0]
                data = bytes.fromhex(frame["data"])
                written = frames.encode_chunk_head(frame["transfer"], len(data)) + data
                self.assertEqual(written, bytes.fromhex(vector["hex"]), vector["name"])
        self.assertGreater(chunks, 0)

    def test_every_sequence_of_transfers_gives_its_texts_and_errors(self) -> None:
        for vector in vectors("transfers.json"):
            if vector.get("for") == "host":
                continue  # the runner trusts its host with these
            with self.subTest(vector["name"]):
                decoder = frames.Decoder()
                for step in vector["steps"]:
                    if "chunk" in step:
                        data = bytes.fromhex(step["data"])
                        decoder.feed(frames.encode_chunk_head(step["chunk"], len(data)) + data)
                        self.assertIsNone(decoder.next())
                    elif "error" in step:
                        self.assertRaises(frames.ProtocolError, decoder.text, step["text"])
                    else:
                        self.assertEqual(decoder.text(step["text"]), step["is"])

    def test_long_text_goes_as_one_transfer_of_the_right_chunks(self) -> None:
        outgoing, decoder = frames.Outgoing(), frames.Decoder()
        text = "ä" * (1 << 20)
        field = outgoing.text(text)
        self.assertEqual(field, {"transfer": 1, "bytes": 2 << 20})
        self.assertEqual(outgoing.text("x" * (1 << 20)), "x" * (1 << 20), "1 MiB stays inside")
        decoder.feed(outgoing.take() + frames.encode({"field": field}))
        message = decoder.next()
        assert message is not None
        self.assertEqual(decoder.text(message["field"]), text)

    def test_every_valid_message_goes_through_frames_unchanged(self) -> None:
        for vector in valid():
            decoder = frames.Decoder()
            decoder.feed(frames.encode(vector["message"]))
            self.assertEqual(decoder.next(), vector["message"], vector["name"])
            self.assertFalse(decoder.pending())

    def test_every_valid_message_fits_its_definition(self) -> None:
        schema = Schema()
        for vector in valid():
            self.assertTrue(schema.fits(vector["def"], vector["message"]), vector["name"])
            self.assertTrue(schema.accepts({"anyOf": schema.whole["anyOf"]}, vector["message"]), vector["name"])
        self.assertEqual({vector["def"] for vector in valid()}, set(schema.names()))

    def test_no_invalid_message_fits_its_definition(self) -> None:
        schema, seen = Schema(), 0
        for vector in vectors("invalid.json"):
            if "def" in vector and vector["error"] != "duplicate":  # which parsing has dropped already
                seen += 1
                message = json.loads(vector["text"])
                self.assertFalse(schema.fits(vector["def"], message), vector["name"])
        self.assertGreater(seen, 20)

    def test_proofs_are_what_rust_computes(self) -> None:
        for vector in vectors("proofs.json"):
            claim = vector["role"], vector["session"] or "", vector["challenge_nonce"], vector["hello_nonce"]
            for side in (proof.HOST, proof.RUNNER):
                ours = proof.proof(bytes.fromhex(vector["secret"]), side, *claim)
                self.assertEqual(ours, vector[side], vector["name"])
                self.assertTrue(proof.proves(vector[side], ours))
            self.assertFalse(proof.proves(vector[proof.HOST], ours))


if __name__ == "__main__":
    unittest.main()
