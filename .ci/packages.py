#!/usr/bin/env python3
"""Check what would be published: licences and sources in each package, all its Python files in the runner.

The packages are made (`cargo package`) but not built again: the workspace has just been tested from the
same files.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

ROOT = Path(__file__).resolve().parent.parent
RUNNER = "hibernaculum-runner"
LICENCES = {"LICENSE-MIT", "LICENSE-APACHE"}


def main() -> int:
    """List and make every package; the exit code tells whether one lacks something."""
    metadata = json.loads(run("cargo", "metadata", "--format-version", "1", "--no-deps"))
    packages = [package for package in metadata["packages"] if package["publish"] is None]
    lacks = [line for package in packages for line in missing(package)]
    for line in lacks:
        print(line)
    kept = [package["name"] for package in metadata["packages"] if package["publish"] is not None]
    excluded = [word for name in kept for word in ("--exclude", name)]
    run("cargo", "package", "--workspace", *excluded, "--no-verify", "--allow-dirty", "--quiet")
    return 1 if lacks else 0


def missing(package: Dict[str, Any]) -> Iterator[str]:
    """Compare what a package would hold with what it must."""
    name, folder = package["name"], Path(package["manifest_path"]).parent
    held = set(run("cargo", "package", "--package", name, "--list", "--allow-dirty").splitlines())
    wanted = LICENCES | set(tracked(folder, "src"))
    if name == RUNNER:
        wanted |= set(tracked(folder, "python/hibernaculum_runner"))
    print(f"{name}: {len(held)} files")
    for path in sorted(wanted - held):
        yield f"{name} would be published without {path}"
    if name == RUNNER and not any(path.startswith("python/") for path in held):
        yield f"{name} would be published without Python"


def tracked(folder: Path, below: str) -> List[str]:
    """Give the files below a folder of a package that git knows."""
    return [path for path in run("git", "-C", str(folder), "ls-files", below).splitlines() if path]


def run(*command: str) -> str:
    """Run a command in the workspace and give what it prints."""
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.decode()


if __name__ == "__main__":
    sys.exit(main())
