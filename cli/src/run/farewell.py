"""What Python does when a program ends, done in a session that is about to be closed.

A session's process is ended, not finalised: for a script that would mean that its threads are cut off, that what it
registered with `atexit` never happens, and that files which it left open lose what was still buffered. So `hib run`
runs this as its last execution, in the order in which Python does it. It sees the session's names and takes them away.
"""

from types import ModuleType


def _running(threading: ModuleType) -> object:
    """Find a thread that Python would wait for."""
    main = threading.main_thread()
    waited = (thread for thread in threading.enumerate() if thread is not main and not thread.daemon)
    return next(waited, None)


def _farewell(names: dict) -> None:
    import atexit
    import gc
    import io
    import sys

    # Threads that are no daemons are waited for, those of pools once they have been told to end. Where none was ever
    # started the module may not even be loaded. (`threading._shutdown` of 3.13.0 swallows an interrupt.)
    threading = sys.modules.get("threading")
    if threading is not None:
        for end in reversed(getattr(threading, "_threading_atexits", ())):
            end()
        for thread in iter(lambda: _running(threading), None):
            thread.join()
    try:
        atexit._run_exitfuncs()
    except KeyboardInterrupt:
        raise
    except BaseException:
        # Python has printed it, and so would end all the same.
        pass
    # Destructors run, and files are closed, when nobody holds them any more.
    for name in [name for name in names if name != "__builtins__"]:
        names.pop(name, None)
    gc.collect()
    # What somebody holds all the same (a traceback, another module) is at least written out.
    for thing in gc.get_objects():
        if type(thing) in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom):
            try:
                thing.flush()
            except (OSError, ValueError):
                pass


_farewell(globals())
