#!/usr/bin/env python3
"""The rules of the house that a machine can check; run by `.ci/run` and `just lint`.

A rule that nobody checks is a wish. These are cheap, so all of them are checked on every file that git
knows or would take: the size of files, first lines that say what a module is for, lints that are expected
with a reason and never just allowed, no notes to self, no path of somebody's machine, links that lead
somewhere, both licences in every package that is published, examples of tests that are short, methods that
show how they are called and say what becomes of them when they are dropped.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Iterator, List, NamedTuple

import doc_examples

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {".rs", ".py", ".sh"}
PROSE = {".md", ".toml", ".yml", ".yaml", ".json"}
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")
LINES_AT_MOST = 600
LINES_WORTH_A_LOOK = 350
EXAMPLES_OF_TESTS = "examples/testing/"
LINES_OF_SUCH_AN_EXAMPLE = 60

# Files that came from elsewhere and stay byte for byte as they came, or that a tool writes.
FOREIGN = re.compile(r"^benches/floor\.py$|/daytona-spec/|/snapshots/|/generated/|^Cargo\.lock$")
TESTS = re.compile(r"(^|/)(tests?|fuzz)(/|\.rs$|_[^/]*$)|_tests?\.(rs|py)$")

NOTE_TO_SELF = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
BARE_ALLOW = re.compile(r"#!?\[\s*allow\s*\(|\bcfg_attr\([^\n]*,\s*allow\s*\(")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work/(?:main|shared)|root/\.|home/[a-z][\w-]*/|Users/[A-Za-z]|tmp/bash_)")


class Breach(NamedTuple):
    """One rule broken at one place."""

    path: str
    line: int
    what: str


def main() -> int:
    """Check every file, print the breaches, and tell how long the files are."""
    breaches: List[Breach] = []
    lengths = {}
    for path in tracked():
        if FOREIGN.search(path):
            continue
        suffix = Path(path).suffix
        script = not suffix and path.startswith(".ci/")
        if not (script or suffix in SOURCES or suffix in PROSE):
            continue
        text = (ROOT / path).read_text(encoding="utf-8")
        breaches += words(path, text)
        breaches += links(path, text)
        if script or suffix in SOURCES:
            lengths[path] = text.count("\n")
            breaches += first_lines(path, suffix, text)
            breaches += size(path, lengths[path])
    breaches += licences()
    breaches += examples()

    for breach in breaches:
        print(f"{breach.path}:{breach.line}: {breach.what}")
    own = {path: lines for path, lines in lengths.items() if not TESTS.search(path)}
    long = sorted((lines, path) for path, lines in own.items() if lines > LINES_WORTH_A_LOOK)
    middle = median(own.values() or [0])
    print(f"{len(own)} source files, median {middle:.0f} lines, {len(long)} over {LINES_WORTH_A_LOOK}")
    for lines, path in reversed(long):
        print(f"  {lines:5} {path}")
    print("the house is in order" if not breaches else f"{len(breaches)} rules broken")
    return 1 if breaches else 0


def tracked() -> Iterator[str]:
    """Give every file that git knows, or would take if asked, that still exists."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout.decode()
    for path in sorted(set(listed.split("\0"))):
        if path and (ROOT / path).is_file() and not (ROOT / path).is_symlink():
            yield path


def words(path: str, text: str) -> Iterator[Breach]:
    """Check the words that no file may hold."""
    for number, line in enumerate(text.splitlines(), 1):
        if NOTE_TO_SELF.search(line):
            yield Breach(path, number, "a note to self: do it, or file an issue")
        if path.endswith(".rs") and BARE_ALLOW.search(line):
            yield Breach(path, number, 'a bare allow: use #[expect(lint, reason = "…")]')
        found = MACHINE_PATH.search(line)
        if found:
            yield Breach(path, number, f"a path of somebody's machine: {found.group()}")


def links(path: str, text: str) -> Iterator[Breach]:
    """Check that a document's links to files of this repository lead somewhere."""
    if path.endswith(".md"):
        for number, line in enumerate(text.splitlines(), 1):
            for target in LINK.findall(line):
                if not ((ROOT / path).parent / target).exists():
                    yield Breach(path, number, f"a link to nowhere: {target}")


def first_lines(path: str, suffix: str, text: str) -> Iterator[Breach]:
    """Check that a module begins by saying what it is for."""
    if suffix == ".rs":
        if not text.lstrip().startswith("//!"):
            yield Breach(path, 1, "a module begins with //! and what it is for")
    elif suffix == ".py":
        try:
            said = ast.get_docstring(ast.parse(text))
        except SyntaxError as error:
            yield Breach(path, error.lineno or 1, f"does not parse: {error.msg}")
            return
        if not said:
            yield Breach(path, 1, "a module begins with a docstring that says what it is for")
    else:
        head = text.splitlines()[:3]
        if len(head) < 2 or not head[1].startswith("#"):
            yield Breach(path, 1, "a script's second line says what it is for")


def size(path: str, lines: int) -> Iterator[Breach]:
    """Check that a file holds one idea, as far as its length can tell."""
    if lines > LINES_AT_MOST and not TESTS.search(path):
        yield Breach(path, lines, f"{lines} lines, over {LINES_AT_MOST}: it holds more than one idea")
    if path.startswith(EXAMPLES_OF_TESTS) and lines > LINES_OF_SUCH_AN_EXAMPLE:
        yield Breach(path, lines, f"{lines} lines, over {LINES_OF_SUCH_AN_EXAMPLE}: nobody would write such a test")


def licences() -> Iterator[Breach]:
    """Check that every package that is published carries both licences."""
    for manifest in sorted([ROOT / "Cargo.toml", *ROOT.glob("*/Cargo.toml")]):
        text = manifest.read_text(encoding="utf-8")
        if "[package]" not in text or re.search(r"^publish\s*=\s*false", text, re.M):
            continue
        for name in ("LICENSE-MIT", "LICENSE-APACHE"):
            if not (manifest.parent / name).exists():
                path = str(manifest.parent.relative_to(ROOT) / name)
                yield Breach(path, 1, f"missing: ln -s ../{name} {path}")


def examples() -> Iterator[Breach]:
    """Check that the libraries show how each of their public methods is called, and what dropping it does."""
    if doc_examples.cannot_fail():
        yield Breach(".ci/doc_examples.py", 1, "does not find what it should in its own sample")
    for sources in doc_examples.libraries(ROOT):
        for method, what in doc_examples.Crate(sources).lacking():
            yield Breach(method.path, method.line, what)


if __name__ == "__main__":
    sys.exit(main())
