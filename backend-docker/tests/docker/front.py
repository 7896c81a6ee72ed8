"""An engine's socket behind a port of the loopback, which it says first: `front.py SOCKET [CERTIFICATES]`.

With a directory of certificates (`server.pem`, `server-key.pem`, `ca.pem`) it speaks TLS there, and only with those
whom the authority knows. It ends with its stdin.
"""

import os
import select
import socket
import ssl
import sys
import threading
from typing import Optional


def tls(folder: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server-key.pem"))
    context.load_verify_locations(os.path.join(folder, "ca.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def serve(near: socket.socket, path: str, context: Optional[ssl.SSLContext]) -> None:
    """Moves bytes until the engine has said its last: one thread for both directions, since TLS is not for two."""
    try:
        if context is not None:
            near = context.wrap_socket(near, server_side=True)
        with near, socket.socket(socket.AF_UNIX) as far:
            far.connect(path)
            listening = [near, far]
            while True:
                has_more = isinstance(near, ssl.SSLSocket) and near in listening and near.pending() > 0
                ready = select.select(listening, [], [], 0 if has_more else None)[0]
                if far in ready:
                    data = far.recv(65536)
                    if not data:
                        return
                    near.sendall(data)
                if near in ready or has_more:
                    data = near.recv(65536)
                    if data:
                        far.sendall(data)
                    else:
                        # It has said everything, and still listens.
                        listening.remove(near)
                        far.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # Whoever went away needs no answer.
    finally:
        near.close()


def main() -> None:
    path, *folder = sys.argv[1:]
    context = tls(folder[0]) if folder else None
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            near, _ = listener.accept()
            threading.Thread(target=serve, args=(near, path, context), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


main()
