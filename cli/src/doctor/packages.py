"""What `hib doctor` asks of a session's Python: who it is, and which packages it can import."""

import importlib
import json
import platform
import sys
from typing import Dict


def _version(name: str) -> Dict[str, object]:
    """Import a package. Give its version, or what went wrong."""
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        return {"absent": error.name == name, "problem": str(error)}
    except BaseException as error:  # a package that is broken may raise anything
        return {"absent": False, "problem": f"{type(error).__name__}: {error}"}
    return {"version": str(getattr(module, "__version__", "unknown"))}


json.dumps(
    {
        "executable": sys.executable,
        "implementation": platform.python_implementation(),
        "version": platform.python_version(),
        "packages": {name: _version(name) for name in ("numpy", "pandas", "cloudpickle")},
    }
)
