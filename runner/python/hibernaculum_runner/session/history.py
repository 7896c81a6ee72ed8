"""`_`, `__`, `___`, `Out` and `In`, as in IPython.

The last three values stand in `_`, `__` and `___`, every value in `Out[n]`, every text in `In[n]`; n counts executions.
As in IPython the underscores are left alone once user code has bound one of them to something of its own (gettext
does), and `Out` keeps the last thousand values only, for what it keeps cannot be freed.
"""

from __future__ import annotations

from ..hints import Any, Dict, List, Tuple

KEPT = 1000
NAMES = ("_", "__", "___", "In", "Out")


class History:
    """Writes into the user's namespace."""

    def __init__(self, names: Dict[str, Any]) -> None:
        self.count = 0
        self._names = names
        self._inputs = [""]
        self._outputs: Dict[int, Any] = {}
        self._lasts: Tuple[Any, Any, Any] = ("", "", "")
        names["_"] = names["__"] = names["___"] = ""
        names["In"], names["Out"] = self._inputs, self._outputs

    @property
    def inputs(self) -> List[str]:
        """The list that `In` is."""
        return self._inputs

    @property
    def outputs(self) -> Dict[int, Any]:
        """The dict that `Out` is."""
        return self._outputs

    @property
    def lasts(self) -> Tuple[Any, Any, Any]:
        """The last three values, whatever `_`, `__` and `___` are bound to."""
        return self._lasts

    def restore(self, count: int, inputs: List[str], outputs: Dict[int, Any], lasts: List[Any]) -> None:
        """Goes on as another session's history; the names are bound by the caller."""
        self.count = count
        self._inputs[:] = inputs
        self._outputs.clear()
        self._outputs.update(outputs)
        self._lasts = (lasts[0], lasts[1], lasts[2])
        self._names["In"], self._names["Out"] = self._inputs, self._outputs

    def clear(self) -> None:
        """Forgets all values and texts; the count goes on."""
        names = self._names
        self._outputs.clear()
        self._inputs[:] = [""] * (self.count + 1)
        names["_"] = names["__"] = names["___"] = ""
        self._lasts = ("", "", "")
        names["In"], names["Out"] = self._inputs, self._outputs

    def forget(self) -> None:
        """As if there had been no execution."""
        self.count = 0
        self.clear()

    def begin(self, code: str) -> int:
        """Notes the text of an execution. Returns its count."""
        self.count = count = self.count + 1
        inputs = self._inputs
        while len(inputs) < count:  # user code owns the list as much as we do
            inputs.append("")
        inputs.append(code)
        if count > KEPT:
            inputs[count - KEPT] = ""
        return count

    def value(self, value: Any) -> None:
        """Notes the value of a trailing expression."""
        names, outputs, count = self._names, self._outputs, self.count
        last, last_but_one, last_but_two = self._lasts
        if names.get("_") is last and names.get("__") is last_but_one and names.get("___") is last_but_two:
            names["___"], names["__"], names["_"] = last_but_one, last, value
            self._lasts = (value, last, last_but_one)
        if value is not outputs:
            outputs[count] = value
            if count > KEPT:
                outputs.pop(count - KEPT, None)
