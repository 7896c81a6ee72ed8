"""Who is allowed to speak: keyed BLAKE2b over both sides' nonces, under the sandbox's secret.

`_blake2` rather than `hashlib`, which loads OpenSSL and so costs each cold start milliseconds.
"""

from __future__ import annotations

import os

try:
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

try:
    from _operator import _compare_digest as compare
except ImportError:
    from hmac import compare_digest as compare  # type: ignore[no-redef]

SECRET_BYTES = 32
HOST = "host"
RUNNER = "runner"


def new_nonce() -> str:
    """32 hexadecimal digits that nobody can guess."""
    return os.urandom(16).hex()


def proof(secret: bytes, side: str, role: str, session: str, challenge_nonce: str, hello_nonce: str) -> str:
    """What `side` (HOST or RUNNER) says to prove that it knows the secret: 64 hexadecimal digits."""
    message = "\n".join((side, role, session, challenge_nonce, hello_nonce))
    return blake2b(message.encode("ascii"), key=secret, digest_size=32).hexdigest()


def proves(claimed: str, expected: str) -> bool:
    """Compares in a time that tells nothing."""
    try:
        return compare(claimed.encode("ascii"), expected.encode("ascii"))
    except UnicodeEncodeError:
        return False
