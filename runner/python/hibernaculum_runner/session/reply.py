"""The reply to `execute`, as bytes.

Formatted at once: building a dict and encoding it would be a third of the runner's time for `1+1`. What varies in
length is JSON before it comes here.
"""

from __future__ import annotations

import codecs
from json.encoder import JSONEncoder, encode_basestring
from struct import Struct

from ..frames import Outgoing
from ..hints import Any, Dict, Optional, Tuple
from .values import AS_REPR, Value

REPLY = (
    b'{"jsonrpc":"2.0","id":%d,"result":{"execution":%d,"status":"%b","count":%d%b,'
    b'"timings":{"compile_us":%d,"run_us":%d,"capture_us":%d},"cpu_us":%d,%b,"raw":[%d,%d],"text_pos":%d,"at":%d}}'
)
"""As bytes, which are formatted in two thirds of the time that text takes, numbers above all."""
REPLY_BY_NAME = REPLY.replace(b'"id":%d', b'"id":%b')
"""To a request whose id is no number."""

_INLINE = 1 << 18  # characters: at most 1 MiB of UTF-8

length_of = Struct(">I").pack
encode_json = JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode


def _double_escape(error: UnicodeError) -> Tuple[str, int]:
    """A lone surrogate within JSON text becomes an escaped backslash and its number: readable text for the reader."""
    assert isinstance(error, UnicodeEncodeError)
    lone = error.object[error.start : error.end]
    return "".join([f"\\\\u{ord(character):04x}" for character in lone]), error.end


codecs.register_error("hibernaculum.json", _double_escape)


def readable(json: str) -> str:
    """JSON text in which lone surrogates stand as readable text, for a reader who is strict."""
    try:
        json.encode()
    except UnicodeEncodeError:
        return encoded(json).decode()
    return json


def text_field(text: str, outgoing: Outgoing) -> str:
    """The JSON for a text field; a long text becomes a transfer."""
    if len(text) <= _INLINE:
        return encode_basestring(text)
    field = outgoing.text(text)
    return encode_basestring(field) if isinstance(field, str) else encode_json(field)


def value_field(value: Value, outgoing: Outgoing) -> str:
    """The member for a value, with the comma before it."""
    text, exact, kind, cut = value
    if exact is text:  # an int, in whose digits nothing needs escapes
        return f',"value":{{"repr":"{text}","json":true,"type":"int"}}'
    shown = text_field(text, outgoing)
    if exact is None:
        json = ""
    elif exact == AS_REPR:
        json = ',"json":true'
    else:
        json = f',"json":{text_field(exact, outgoing)}'
    left_out = f',"cut":{cut}' if cut else ""
    return f',"value":{{"repr":{shown}{json},"type":{encode_basestring(kind)}{left_out}}}'


def error_field(error: Dict[str, Any], outgoing: Outgoing) -> str:
    """The member for an exception, with the comma before it. (An encoder for it all would take three times as long.)"""
    frames = ",".join([_frame_field(**frame) for frame in error["frames"]])
    code = f',"exit_code":{error["exit_code"]}' if "exit_code" in error else ""
    return (
        f',"error":{{"type":{encode_basestring(error["type"])},"module":{encode_basestring(error["module"])},'
        f'"message":{text_field(error["message"], outgoing)},"traceback":{text_field(error["traceback"], outgoing)},'
        f'"frames":[{frames}]{code}}}'
    )


def _frame_field(file: str, line: Optional[int], function: str, source: Optional[str]) -> str:
    number = "null" if line is None else line
    shown = "null" if source is None else encode_basestring(source)
    return (
        f'{{"file":{encode_basestring(file)},"line":{number},'
        f'"function":{encode_basestring(function)},"source":{shown}}}'
    )


def encoded(json: str) -> bytes:
    """JSON text as bytes, lone surrogates as readable text."""
    try:
        return json.encode()
    except UnicodeEncodeError:
        return json.encode("utf-8", "hibernaculum.json")


def frame(body: bytes) -> bytes:
    """A message as a frame."""
    return length_of(len(body)) + body
