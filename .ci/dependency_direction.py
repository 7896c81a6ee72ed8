#!/usr/bin/env python3
"""Check which package may know which, and what a dependency tree may weigh. The table is the house's plan.

      core    runner          know nobody of the house
        ^  ^    ^
        │  └─ engine ──────── core, runner
        │       ^
        │    backend-* ────── core, runner, engine, checkpoint-store; never another backend
        │
        ├─ checkpoint-store   core
        ├─ pool ───────────── core
        └─ server ─────────── core, pool; never a backend
     facade `hibernaculum`    all of them, each but core behind a feature
     cli ──────────────────── facade, server, benches
     testkit                  core, runner, engine; itself a dev-dependency only
     tests                    everything: they are never published
     benches                  facade: what `hib bench` measures

A package that is missing in the table fails: whoever adds one decides its place here.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Set

ROOT = Path(__file__).resolve().parent.parent
HOUSE = "hibernaculum"
BACKENDS = {"backend-local", "backend-docker", "backend-daytona", "backend-mock"}
LIBRARIES = {"core", "runner", "engine", "checkpoint-store", "pool", "server", *BACKENDS}
ALL = {"facade", "cli", "testkit", *LIBRARIES}

MAY_KNOW: Dict[str, Set[str]] = {
    "core": set(),
    "runner": set(),
    "engine": {"core", "runner"},
    "checkpoint-store": {"core"},
    "pool": {"core"},
    "server": {"core", "pool"},
    "facade": LIBRARIES,
    "cli": {"facade", "server", "benches"},
    "testkit": {"core", "runner", "engine"},
    "tests": ALL,
    "benches": {"facade", "backend-local"},
    **{backend: {"core", "runner", "engine", "checkpoint-store"} for backend in BACKENDS},
}

# A crate of the outside that belongs to one room, so that its types and its weight stay there.
BELONGS_TO = {
    "bollard": {"backend-docker"},
    "reqwest": {"backend-daytona"},
    "object_store": {"checkpoint-store"},
    "axum": {"server"},
    "utoipa": {"server"},
    "clap": {"cli"},
    "reedline": {"cli"},
    "indicatif": {"cli"},
    "anyhow": {"cli"},
    "nix": {"backend-local"},
}
FACADE_DEV_DEPENDENCIES = {"tokio", "anyhow"}


class Tree(NamedTuple):
    """What one package, with these features, may pull into a caller's build."""

    why: str
    package: str
    flags: List[str]
    banned: Set[str]
    at_most: int


TLS = {"ring", "openssl", "openssl-sys", "native-tls"}
RUNTIME = {"tokio", "mio"}
HEAVY = {"bollard", "reqwest", "hyper", "rustls", "axum", "object_store", "clap", "mockall", "aws-lc-rs"}
WEIGHTY = HEAVY - {"mockall"}
# A new crate in a caller's build is a decision: whoever makes it raises the number here, in the same commit.
TREES = [
    Tree("the contract alone, no I/O", "hibernaculum-core", [], {*RUNTIME, *TLS, *HEAVY}, 25),
    Tree("the facade without backends", "hibernaculum", ["--no-default-features"], {*RUNTIME, *TLS, *HEAVY}, 26),
    Tree("the facade as it comes", "hibernaculum", [], {*TLS, *HEAVY}, 65),
    Tree(
        "the mock backend, for tests",
        "hibernaculum",
        ["--no-default-features", "--features", "mock"],
        {*TLS, *WEIGHTY},
        98,
    ),
    Tree("the same as a crate", "hibernaculum-backend-mock", [], {*TLS, *WEIGHTY}, 96),
    Tree(
        "the Docker backend alone",
        "hibernaculum",
        ["--no-default-features", "--features", "docker"],
        {*TLS, "reqwest", "axum", "object_store", "clap", "mockall"},
        125,
    ),
    Tree(
        "the Daytona backend alone",
        "hibernaculum",
        ["--no-default-features", "--features", "daytona"],
        {*TLS, "bollard", "axum", "object_store", "clap", "mockall"},
        138,
    ),
    Tree("the facade with everything", "hibernaculum", ["--all-features"], TLS, 206),
]


def main() -> int:
    """Print every breach of the plan; the exit code tells whether there was one."""
    packages = workspace()
    breaches = [*direction(packages), *weight()]
    for breach in breaches:
        print(f"breach: {breach}")
    print("dependencies point one way" if not breaches else f"{len(breaches)} breaches")
    return 1 if breaches else 0


def workspace() -> List[Dict[str, Any]]:
    """Read the workspace's own packages, with the dependencies that their manifests declare."""
    metadata = json.loads(cargo("metadata", "--format-version", "1", "--no-deps"))
    return list(metadata["packages"])


def direction(packages: List[Dict[str, Any]]) -> Iterator[str]:
    """Compare what the manifests declare with the table."""
    for package in packages:
        me = room(package["name"])
        if me not in MAY_KNOW:
            yield f"{package['name']} has no place in the table of .ci/dependency_direction.py"
            continue
        published = package["publish"] is None
        for dependency in package["dependencies"]:
            yield from one_dependency(me, published, dependency)


def one_dependency(me: str, published: bool, dependency: Dict[str, Any]) -> Iterator[str]:
    """Judge one line of one manifest."""
    name, kind = dependency["name"], dependency["kind"] or "normal"
    if not is_ours(name):
        owners = BELONGS_TO.get(name)
        if owners and kind != "dev" and published and me not in owners:
            yield f"{me} depends on {name}, which belongs to {', '.join(sorted(owners))}"
        if me == "facade" and kind == "dev" and name not in FACADE_DEV_DEPENDENCIES:
            yield f"the facade's dev-dependencies are tokio and anyhow; {name} belongs to tests/ or benches/"
        return
    other = room(name)
    if kind == "dev" and other == "testkit" and me != "facade":
        return
    if other == "testkit" and published:
        yield f"{me} depends on testkit, which is never published"
    elif other not in MAY_KNOW[me]:
        yield f"{me} knows {other}; it may know: {', '.join(sorted(MAY_KNOW[me])) or 'nobody'}"
    elif me == "facade" and other != "core" and kind == "normal" and not dependency["optional"]:
        yield f"the facade's dependency on {other} is not optional"


def weight() -> Iterator[str]:
    """Resolve the trees that callers get, and look for what must not be in them, or run when they are built."""
    for tree in TREES:
        crates = resolved(tree, "normal")
        print(f"{len(crates):4} crates (at most {tree.at_most}): {tree.why}")
        found = sorted(resolved(tree, "normal,build") & tree.banned)
        if found:
            yield f"{tree.why}: {tree.package} {' '.join(tree.flags)} pulls in {', '.join(found)}"
        if len(crates) > tree.at_most:
            yield f"{tree.why}: {len(crates)} crates, at most {tree.at_most}"


def resolved(tree: Tree, edges: str) -> Set[str]:
    """Name the crates of a tree that are reached by edges of these kinds."""
    flags = ["--edges", edges, "--prefix", "none", "--format", "{p}"]
    listed = cargo("tree", "--package", tree.package, *tree.flags, *flags)
    return {line.split()[0] for line in listed.splitlines() if line.strip()}


def is_ours(name: str) -> bool:
    """Tell whether a crate is a room of this house."""
    return name == HOUSE or name.startswith(f"{HOUSE}-")


def room(name: str) -> str:
    """`hibernaculum-core` lives in `core`; the facade has the house's own name."""
    return "facade" if name == HOUSE else name[len(HOUSE) + 1 :]


def cargo(*arguments: str) -> str:
    """Run cargo in the workspace and give what it prints; its complaints go to the log."""
    done = subprocess.run(["cargo", *arguments], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


if __name__ == "__main__":
    sys.exit(main())
