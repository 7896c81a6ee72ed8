"""The manifest: made by a save, checked by a load. Format 1; `docs/protocol.md` tells its members.

`streams` is the runner's own: `pickle`, how many of the blobs are the pickle stream; `buffers`, how many bytes each of
the buffers after it has; `version`, whether only the minor version of Python that made it can load it.
"""

from __future__ import annotations

import json
import re
import sys

from ...frames import clean
from ...hints import Any, Dict, List, NamedTuple, Optional
from .blobs import PIECE, Blob

FORMAT = 1
MOST_BLOBS = 262_144
_NAME = 200  # characters of a name or a type's name told
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_VERSION = re.compile(r"\d+\.\d+\.\d+\Z")


class Variable(NamedTuple):
    """What became of a name."""

    name: str
    type: str
    size: Optional[int]
    saved: Optional[str]
    skipped: Optional[str]
    key: Any
    """The name itself, for sorting."""

    def told(self) -> Dict[str, Any]:
        told: Dict[str, Any] = {"name": clean(self.name[:_NAME]), "type": clean(self.type[:_NAME]), "size": self.size}
        told["saved" if self.saved else "skipped"] = self.saved or self.skipped
        return told


def python_version() -> str:
    """As in `3.11.7`."""
    return ".".join(map(str, sys.version_info[:3]))


class RefusedError(Exception):
    """The checkpoint cannot be loaded: a code, a sentence, and what else is told."""

    def __init__(self, code: str, why: str, **more: Any) -> None:
        super().__init__(why)
        self.answer = {"answer": "refused", "code": code, "why": why, **more}


def made(
    python: str,
    count: int,
    created: int,
    pieces: List[Blob],
    buffers: List[Blob],
    lengths: List[int],
    binds_version: bool,
    variables: List[Variable],
    imports: List[str],
    cwd: Optional[str],
) -> Dict[str, Any]:
    """The manifest of a save."""
    return {
        "format": FORMAT,
        "python": python,
        "implementation": sys.implementation.name,
        "count": count,
        "created_ms": created,
        "blobs": [{"digest": digest, "bytes": size} for digest, size in pieces + buffers],
        "variables": [variable.told() for variable in variables],
        "imports": [clean(statement) for statement in imports],
        "cwd": None if cwd is None else clean(cwd),
        "streams": {"pickle": len(pieces), "buffers": lengths, "version": binds_version},
    }


class Manifest(NamedTuple):
    """As much as a load needs."""

    python: str
    blobs: List[Blob]
    pickle: int
    buffers: List[int]
    cwd: Optional[str]
    is_foreign: bool
    """Another minor version of Python made it, or another implementation."""
    made_by: str

    def of_another_version(self, why: str) -> RefusedError:
        here = f"{sys.implementation.name} {python_version()}"
        why = f"it was made by {self.made_by}, and this is {here}: {why}"
        return RefusedError("checkpoint.python", why, made=self.made_by, here=here)


def read(text: str) -> Manifest:
    """Reads and checks one. Raises RefusedError."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise RefusedError("checkpoint.corrupt", f"its manifest is no JSON: {problem}") from None
    if not isinstance(told, dict) or type(told.get("format")) is not int:
        raise RefusedError("checkpoint.corrupt", "its manifest says no format")
    if told["format"] != FORMAT:
        raise RefusedError(
            "checkpoint.format",
            f"it has format {told['format']}, and this runner reads format {FORMAT}",
            found=told["format"],
            newest=FORMAT,
        )
    try:
        return _checked(told)
    except (KeyError, TypeError, ValueError) as problem:
        raise RefusedError("checkpoint.corrupt", f"its manifest does not fit together: {problem}") from None


def _checked(told: Dict[str, Any]) -> Manifest:
    python, implementation, streams = told["python"], told["implementation"], told["streams"]
    if type(python) is not str or not _VERSION.match(python) or type(implementation) is not str:
        raise ValueError("`python` is no version")
    blobs = [Blob(_digest(blob["digest"]), _size(blob["bytes"], PIECE)) for blob in _list(told["blobs"])]
    if len(blobs) > MOST_BLOBS:
        raise ValueError(f"{len(blobs)} blobs, more than the {MOST_BLOBS} allowed")
    pickle, buffers = _size(streams["pickle"], len(blobs)), [_size(each, 1 << 53) for each in _list(streams["buffers"])]
    place = pickle
    for length in buffers:
        pieces = blobs[place : place + -(-length // PIECE)]
        place += len(pieces)
        if sum(piece.bytes for piece in pieces) != length or any(piece.bytes != PIECE for piece in pieces[:-1]):
            raise ValueError("the blobs do not fill the buffers")
    if place != len(blobs):
        raise ValueError("there are more blobs than the streams have")
    cwd = told.get("cwd")
    if cwd is not None and (type(cwd) is not str or cwd.startswith("/") or "\0" in cwd or ".." in cwd.split("/")):
        raise ValueError("`cwd` is no path below the working directory")
    made_by = f"{implementation[:50]} {python}"
    here = (sys.implementation.name, *map(str, sys.version_info[:2]))
    manifest = Manifest(python, blobs, pickle, buffers, cwd, (implementation, *python.split(".")[:2]) != here, made_by)
    if manifest.is_foreign and streams.get("version"):
        names = [
            str(variable.get("name"))
            for variable in _list(told.get("variables", []))
            if isinstance(variable, dict) and variable.get("saved") in ("bytecode", "cloudpickle")
        ]
        some = ", ".join(names[:10]) or "values of its history"
        raise manifest.of_another_version(f"{some} can be read by that version only, having no known source")
    return manifest


def _list(value: Any) -> List[Any]:
    if type(value) is not list:
        raise TypeError("a list is missing")
    return value


def _size(value: Any, most: int) -> int:
    if type(value) is not int or not 1 <= value <= most:
        raise ValueError(f"{value!r} is not from 1 to {most}")
    return value


def _digest(value: Any) -> str:
    if type(value) is not str or not _DIGEST.match(value):
        raise ValueError("a digest is none")
    return value
