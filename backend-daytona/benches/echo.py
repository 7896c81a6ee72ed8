"""A bare WebSocket echo of the standard library: what a round trip through the tunnel is held against."""

import base64
import hashlib
import socket
import sys

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def exactly(near: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = near.recv(count - len(data))
        if not piece:
            sys.exit(0)
        data += piece
    return data


def serve(near: socket.socket) -> None:
    near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += exactly(near, 1)
    lines = head.decode("latin-1").split("\r\n")
    key = next(line.split(":")[1].strip() for line in lines if line.lower().startswith("sec-websocket-key:"))
    accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest())  # noqa: S324 (what the RFC demands)
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    near.sendall(upgrade + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    while True:
        first, second = exactly(near, 2)
        size = second & 127
        if size == 126:
            size = int.from_bytes(exactly(near, 2), "big")
        mask, masked = exactly(near, 4), exactly(near, size)
        key = int.from_bytes((mask * (size // 4 + 1))[:size], "little")
        plain = (int.from_bytes(masked, "little") ^ key).to_bytes(size, "little")
        head = bytes((first, size)) if size < 126 else bytes((first, 126)) + size.to_bytes(2, "big")
        near.sendall(head + plain)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
sys.stdout.write("listening\n")
sys.stdout.flush()
serve(listener.accept()[0])
