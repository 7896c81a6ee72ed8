"""The HTTP request that becomes a WebSocket (RFC 6455, section 4.2): read strictly, answered once."""

from __future__ import annotations

import binascii

from ..hints import Dict, NamedTuple, Optional

try:
    from _sha1 import sha1
except ImportError:
    from hashlib import sha1

PATH = "/hibernaculum/1"
HEAD_LIMIT = 16 << 10  # proxies add headers of their own
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Answer(NamedTuple):
    """What is sent back, and whether the connection is a WebSocket from here on."""

    head: bytes
    accepted: bool


def answer(head: bytes) -> Answer:
    """`head` is everything up to the empty line."""
    lines = head.split(b"\r\n")
    method, _, rest = lines[0].decode("latin-1").partition(" ")
    target, _, version = rest.partition(" ")
    if version != "HTTP/1.1" or not target.startswith("/"):
        return _refusal("400 Bad Request", "this is no request of HTTP/1.1")
    headers = _headers(lines[1:])
    if headers is None:
        return _refusal("400 Bad Request", "a header cannot be read")
    if target.partition("?")[0] != PATH:
        return _refusal("404 Not Found", f"there is nothing but {PATH} here")
    if method != "GET":
        return _refusal("405 Method Not Allowed", "a WebSocket begins with GET", "Allow: GET\r\n")
    upgrades = [token.strip().lower() for token in headers.get("upgrade", "").split(",")]
    connection = [token.strip().lower() for token in headers.get("connection", "").split(",")]
    if "websocket" not in upgrades or "upgrade" not in connection:
        return _refusal("426 Upgrade Required", "this is a WebSocket", "Upgrade: websocket\r\nConnection: Upgrade\r\n")
    if headers.get("sec-websocket-version") != "13":
        return _refusal("426 Upgrade Required", "only version 13 is spoken", "Sec-WebSocket-Version: 13\r\n")
    key = headers.get("sec-websocket-key", "").encode("latin-1")
    if not _is_key(key) or "content-length" in headers or "transfer-encoding" in headers:
        return _refusal("400 Bad Request", "the key must be 16 bytes in base 64, and there must be no body")
    accept = binascii.b2a_base64(sha1(key + _GUID).digest(), newline=False)  # noqa: S324 (what the RFC demands)
    text = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    return Answer(text + accept + b"\r\n\r\n", True)


def _headers(lines: list[bytes]) -> Optional[Dict[str, str]]:
    """Names in lower case; what comes twice is joined. None where a line is no header."""
    headers: Dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not name or name != name.strip() or "\n" in line.decode("latin-1"):
            return None
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _is_key(key: bytes) -> bool:
    try:
        return len(key) == 24 and len(binascii.a2b_base64(key)) == 16
    except binascii.Error:
        return False


def _refusal(status: str, why: str, headers: str = "") -> Answer:
    body = f"hibernaculum: {why}\n".encode()
    about = f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    return Answer(f"HTTP/1.1 {status}\r\n{headers}{about}\r\n".encode() + body, False)
