"""Stage 0, for `python3 -I -c`: reads the boot message (and the runner itself) from stdin, and starts the runner."""

import gc, json, os, sys  # noqa: E401, I001


def frame(count=4, data=b""):  # noqa: ANN001, ANN201
    while len(data) < count:  # os.read: nothing may take a byte more than is ours
        data += os.read(0, min(count - len(data), 1 << 20)) or sys.exit("hibernaculum: no whole boot message on stdin")
    return frame(int.from_bytes(data, "big")) if count == 4 else json.loads(data.decode())


gc.disable()  # what is imported from here on is frozen before the first session: looking for garbage is lost time
boot = frame()
files = frame()["files"] if boot["bundle"] else {}
home, new = (os.path.join(boot["runner_dir"], name) for name in ("hibernaculum_runner", f"new-{os.getpid()}"))
if files and not os.path.isdir(home):
    os.makedirs(boot["runner_dir"], 0o700, exist_ok=True)
    for path, source in files.items():
        os.makedirs(os.path.dirname(os.path.join(new, path)), exist_ok=True)
        with open(os.path.join(new, path), "w", encoding="utf-8") as file:
            file.write(source)
    try:
        os.rename(os.path.join(new, "hibernaculum_runner"), home)  # whole or not at all
    except OSError:
        pass  # another one was quicker; boot clears up
sys.path.insert(0, boot["runner_dir"])
__import__("hibernaculum_runner.boot").boot.main(boot)
