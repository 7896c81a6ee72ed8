"""Writes the runner into a volume, compiled by this image's own Python. The oldest Python must be able to read this.

stdin: the runner's files, one frame
stdout: "hibernaculum-python IMPLEMENTATION VERSION", then "hibernaculum-prepared", or "hibernaculum-lacks MODULE ..."
"""

import sys

write = sys.stdout.write
name = getattr(getattr(sys, "implementation", None), "name", "cpython")
version = ".".join([str(number) for number in sys.version_info[:3]])
write("\nhibernaculum-python " + name + " " + version + "\n")
sys.stdout.flush()
if name != "cpython" or sys.version_info < (3, 8):
    sys.exit(3)


def lacking(names):  # noqa: ANN001, ANN201
    """Which of these modules cannot be imported, or what they lack themselves; each once, in that order."""
    lacks = []
    for name in names:
        try:
            __import__(name)
        except ImportError as error:
            lacks.append(error.name or name)
    return list(dict.fromkeys(lacks))


def refuse(lacks):  # noqa: ANN001, ANN201
    """Some distributions ship a Python without parts of its standard library, and some images have parts removed."""
    if lacks:
        write("\nhibernaculum-lacks " + " ".join(lacks) + "\n")
        sys.exit(4)


refuse(lacking(["ast", "compileall", "json", "os", "shutil"]))

import ast  # noqa: E402  (what cannot be imported has been told by now)
import compileall  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import shutil  # noqa: E402


def read(count):  # noqa: ANN001, ANN201
    data = b""
    while len(data) < count:
        data += os.read(0, min(count - len(data), 1 << 20)) or sys.exit("no whole bundle on stdin")
    return data


def needs(tree):  # noqa: ANN001, ANN201
    """The modules that a source imports, but for its own package's. In a `try` stands what it can do without."""
    names, nodes = set(), [tree]
    while nodes:
        for child in ast.iter_child_nodes(nodes.pop()):
            if isinstance(child, ast.Import):
                names.update([alias.name for alias in child.names])
            elif isinstance(child, ast.ImportFrom) and child.level == 0:
                names.add(child.module)
            elif isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING":
                nodes.append(ast.Module(child.orelse, []))  # the rest is for type checkers
            elif not isinstance(child, ast.Try):
                nodes.append(child)
    return names


def main(root, name):  # noqa: ANN001, ANN201
    files = json.loads(read(int.from_bytes(read(4), "big")).decode())["files"]
    needed = set()
    for source in files.values():
        needed.update(needs(ast.parse(source)))
    refuse(lacking(sorted(needed)))
    new = os.path.join(root, name)
    for path, source in files.items():
        place = os.path.join(new, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="utf-8") as file:
            file.write(source)
    try:
        os.rename(os.path.join(new, "hibernaculum_runner"), os.path.join(root, "hibernaculum_runner"))
    except OSError:
        pass  # another host was quicker, and what it wrote is the same
    shutil.rmtree(new, ignore_errors=True)
    compileall.compile_dir(root, quiet=2)
    sys.path.insert(0, root)
    try:
        from hibernaculum_runner import boot, codecache, keeper  # noqa: F401, PLC0415
        from hibernaculum_runner.session import process  # noqa: F401, PLC0415
        from hibernaculum_runner.supervisor import service  # noqa: F401, PLC0415
    except ImportError as error:  # of several that would do there is none
        if not error.name or error.name.startswith("hibernaculum_runner"):
            raise
        refuse([error.name])
    codecache.write()  # after what it collects
    write("\nhibernaculum-prepared\n")


main(sys.argv[1], sys.argv[2])
