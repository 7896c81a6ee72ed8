"""Writes the runner into a volume, compiled by this image's own Python. The oldest Python must be able to read this.

stdin: the runner's files, one frame
stdout: "hibernaculum-python IMPLEMENTATION VERSION", then "hibernaculum-prepared"
"""

import sys

write = sys.stdout.write
name = getattr(getattr(sys, "implementation", None), "name", "cpython")
version = ".".join([str(number) for number in sys.version_info[:3]])
write("\nhibernaculum-python " + name + " " + version + "\n")
sys.stdout.flush()
if name != "cpython" or sys.version_info < (3, 8):
    sys.exit(3)

import compileall  # noqa: E402  (an older Python has said by now what it is)
import json  # noqa: E402
import os  # noqa: E402
import shutil  # noqa: E402


def read(count):  # noqa: ANN001, ANN201
    data = b""
    while len(data) < count:
        data += os.read(0, min(count - len(data), 1 << 20)) or sys.exit("no whole bundle on stdin")
    return data


def main(root, name):  # noqa: ANN001, ANN201
    files = json.loads(read(int.from_bytes(read(4), "big")).decode())["files"]
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
    from hibernaculum_runner import boot, codecache, keeper  # noqa: F401, PLC0415
    from hibernaculum_runner.session import process  # noqa: F401, PLC0415
    from hibernaculum_runner.supervisor import service  # noqa: F401, PLC0415

    codecache.write()  # after what it collects
    write("\nhibernaculum-prepared\n")


main(sys.argv[1], sys.argv[2])
