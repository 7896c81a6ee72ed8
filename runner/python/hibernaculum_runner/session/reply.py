"""The reply to `execute`, as bytes.

Written as one formatted string: building a dict and encoding it would be a third of the runner's time for `1+1`. What
varies in length is JSON before it comes here.
"""

from __future__ import annotations

import codecs
from json.encoder import JSONEncoder, encode_basestring

from ..frames import Outgoing
from ..hints import Any, Dict, Optional, Tuple
from .values import AS_REPR, Value

_INLINE = 1 << 18  # characters: at most 1 MiB of UTF-8

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
        return json.encode("utf-8", "hibernaculum.json").decode()
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
    shown = text_field(text, outgoing)
    if exact is None:
        json = ""
    elif exact is text or exact == AS_REPR:
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


def frame(body: str) -> bytes:
    """A message's text as a frame."""
    try:
        data = body.encode()
    except UnicodeEncodeError:
        data = body.encode("utf-8", "hibernaculum.json")
    return len(data).to_bytes(4, "big") + data
