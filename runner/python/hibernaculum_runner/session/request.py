"""What a request to execute says besides its code: what most leave out, read and checked."""

from __future__ import annotations

from ..hints import Any, Dict, List, Optional, Tuple
from .transactions import Wanted, wanted

Asked = Tuple[str, int, Optional[List[Any]], bool, Optional[Wanted]]
"""The name and the first line of the file that the code is of, the words of `sys.argv` where it is run as a program,
whether the history takes note of it, and how it is to be undone.
"""


def execution_number(params: Dict[str, Any]) -> int:
    """That of the execution which a request begins. Raises KeyError and TypeError."""
    number = params["execution"]
    if type(number) is not int or not 0 < number < 1 << 53:
        raise TypeError("`execution` is no execution number")
    return number


def asked(params: Dict[str, Any], filename: str) -> Asked:
    """The rest of such a request; `filename` is for code that has none of its own. Raises TypeError."""
    first_line = params.get("first_line") or 1
    filename = params.get("filename") or filename
    argv = params.get("argv")
    if type(first_line) is not int or not 0 < first_line < 1 << 24 or type(filename) is not str:
        raise TypeError("`first_line` or `filename` has a wrong type")
    if argv is not None and type(argv) is not list:
        raise TypeError("`argv` has a wrong type")
    return filename, first_line, argv, bool(params.get("store_history", True)), wanted(params)
