"""From the boot message to a tunnel that listens, with keeper and supervisor below it.

bind ──> fork ──┬── child: goes on as the keeper, with the lifeline for its stdin      (boot.py)
                └── tunnel: waits for the child's line, says it again, listens
"""

from __future__ import annotations

import json
import os
import signal
import socket

from ..hints import Any, Dict, NoReturn, Tuple
from .server import Server

PORT_IN_USE = 98  # exit code: the host chooses another port and starts again
_READY = b"hibernaculum-ready "


class PortError(Exception):
    """The port cannot be had."""


def bind(orders: Dict[str, Any]) -> socket.socket:
    """The loopback only: whoever comes from elsewhere comes through the place's own proxy. Raises PortError."""
    if "unlink" in orders:
        try:
            os.unlink(orders["unlink"])  # the boot message, with the secret in it, has been read
        except OSError:
            pass
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", orders["port"]))
    except OSError as error:
        listener.close()
        raise PortError(f"port {orders['port']}: {error.strerror}") from error
    return listener


def fork(listener: socket.socket, boot: Dict[str, Any]) -> None:
    """Comes back only in the child, which is the keeper to be."""
    lifeline_reader, lifeline = os.pipe()
    told, voice = os.pipe()
    if os.fork() == 0:
        listener.close()
        os.close(lifeline)
        os.close(told)
        os.dup2(lifeline_reader, 0)
        os.dup2(voice, 1)
        os.close(lifeline_reader)
        os.close(voice)
        return
    os.close(lifeline_reader)
    os.close(voice)
    _serve(listener, boot, lifeline, told)


def _serve(listener: socket.socket, boot: Dict[str, Any], lifeline: int, told: int) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGHUP):  # the end of a terminal is not ours
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the lifeline tells when the keeper ends; nobody has to reap it
    line, ready = _first_word(told)
    os.write(1, line)
    if ready is None:
        os._exit(1)
    window = boot["tunnel"]["window_ms"] / 1000
    secret, lingers = bytes.fromhex(boot["secret"]), boot["linger_ms"] > 0
    Server(listener, secret, boot["socket"], window, ready, hands_over=lingers).serve(lifeline)


def _first_word(told: int) -> Tuple[bytes, Any]:
    """What the runner says of its start, as it stands and as it is meant; None for the latter where it failed."""
    text = b""
    while True:
        data = os.read(told, 65536)
        text += data
        for line in text.split(b"\n")[:-1]:
            if line.startswith(_READY):
                os.close(told)
                return text, json.loads(line[len(_READY) :].decode())
        if not data:
            return text, None
