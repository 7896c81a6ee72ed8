"""A registry of images, as small as one can be: what `docker pull` asks for, on a loopback port that it says first.

    hibernaculum/small    two tags, `latest` and `other`: an image with one file of a megabyte, new with each start
    hibernaculum/private  refuses whoever has not logged in

Each request is a line of its output after that. It ends with its stdin.
"""

import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Dict, Tuple

CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"

blobs: Dict[str, bytes] = {}


def kept(data: bytes) -> Tuple[str, int]:
    """A blob's digest and size."""
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    blobs[digest] = data
    return digest, len(data)


def image(name: str) -> bytes:
    """The manifest of an image that nobody has yet."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = 1 << 20
        tar.addfile(entry, io.BytesIO(os.urandom(entry.size)))
    layer = packed.getvalue()
    diff = "sha256:" + hashlib.sha256(layer).hexdigest()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    config = {
        "architecture": machine,
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [diff]},
        "history": [{"created_by": name}],
    }
    described = []
    for kind, data in ((CONFIG, json.dumps(config).encode()), (LAYER, gzip.compress(layer, 1))):
        digest, size = kept(data)
        described.append({"mediaType": kind, "digest": digest, "size": size})
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:]}
    return json.dumps(manifest).encode()


manifests = {"latest": image("latest"), "other": image("other")}


class Registry(BaseHTTPRequestHandler):
    """The pulling half of the distribution specification, for one client that knows what it wants."""

    def do_HEAD(self) -> None:  # noqa: N802
        self.answer(has_body=False)

    def do_GET(self) -> None:  # noqa: N802
        self.answer(has_body=True)

    def answer(self, has_body: bool) -> None:
        print(self.command, self.path, flush=True)
        status, kind, data = self.found()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if kind == MANIFEST:
            self.send_header("Docker-Content-Digest", "sha256:" + hashlib.sha256(data).hexdigest())
        self.end_headers()
        if has_body:
            self.wfile.write(data)

    def found(self) -> Tuple[int, str, bytes]:
        place = self.path.rstrip("/").split("/")
        if place == ["", "v2"]:
            return 200, "application/json", b"{}"
        if place[2:4] == ["hibernaculum", "private"]:
            return self.refusal(401, "UNAUTHORIZED", "authentication required")
        if place[2:4] == ["hibernaculum", "small"] and len(place) == 6:
            if place[4] == "blobs" and place[5] in blobs:
                return 200, "application/octet-stream", blobs[place[5]]
            if place[4:] == ["tags", "list"]:
                tags = {"name": "hibernaculum/small", "tags": list(manifests)}
                return 200, "application/json", json.dumps(tags).encode()
            for tag, manifest in manifests.items():
                if place[4] == "manifests" and place[5] in (tag, "sha256:" + hashlib.sha256(manifest).hexdigest()):
                    return 200, MANIFEST, manifest
        return self.refusal(404, "NAME_UNKNOWN", "there is no such thing")

    def refusal(self, status: int, code: str, message: str) -> Tuple[int, str, bytes]:
        return status, "application/json", json.dumps({"errors": [{"code": code, "message": message}]}).encode()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
