"""From a payload to what a model is asked: rows checked against the signature, which requests can share.

The checks are MLflow's: a missing column or a value of another type is refused, naming the column, what was found and
what was expected; columns may come in any order, and those the model does not know are left out. Rows without names
are taken in the order of the signature.
"""

from __future__ import annotations

import base64
import binascii
import math

from . import payload
from .exchange import BAD_REQUEST, Refused
from .mlmodel import NUMERIC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .mlmodel import Column, Description
    from .payload import Payload

NUMBERS = frozenset((int, float))
INTEGERS = frozenset((int,))
NOTHING = type(None)
TAKEN: dict[str, set[type]] = {
    "double": {int, float, NOTHING},
    "float": {int, float, NOTHING},
    "long": {int},
    "boolean": {bool, NOTHING},
    "string": {str, NOTHING},
}
"""Types of JSON that a column takes as they are; those of other columns are looked at one by one."""
MOST_SHAPES = 1024
"""Combinations of types in a row that are remembered."""
WORDS = {str: "a string", bool: "a boolean", int: "a number", float: "a number", dict: "an object", list: "a list"}


class Item:
    """A request that has been read.

    Attributes:
        key: Requests with the same key may be scored together; None for one that must be alone.
        data: Rows (`matrix`), lists by column (`frame`) or an array (`tensor`), as the key's first word says.
        count: How many rows.
        bare: Whether the answer is the predictions themselves, not `{"predictions": …}`.
        params: For the model.
    """

    __slots__ = ("bare", "count", "data", "key", "params")

    def __init__(self, key: tuple[Any, ...] | None, data: Any, count: int, told: Payload) -> None:
        self.key = key
        self.data = data
        self.count = count
        self.bare = told.form == payload.AZURE
        self.params = told.params


class Intake:
    """Reads requests for one model.

    Args:
        description: Of the model.
        arrays: Whether the model takes a matrix of numbers as well as a frame.
        names: The columns it was fitted with, in order; None where it knows none.
    """

    def __init__(self, description: Description, *, arrays: bool, names: list[str] | None) -> None:
        self.columns = description.columns
        self.tensors = description.tensors
        self._named = bool(self.columns) and all(one.name is not None for one in self.columns)
        self._order = [str(one.name) for one in self.columns] if self._named else None
        self._fitted = names
        self._dtype = _common([one.type for one in self.columns]) if arrays else None
        self._taken: list[set[type]] = [TAKEN.get(one.type, set()) for one in self.columns]
        self._shapes: set[tuple[type, ...]] = set()
        self._matrix = ("matrix", self._dtype)
        self._arrays = arrays
        if self._dtype and self._order is not None and names is not None and names != self._order:
            self._dtype = None

    def __call__(self, body: memoryview) -> Item:
        """A body as rows. Raises Refused."""
        told = payload.read(body)
        if self.columns:
            return self._by_columns(told)
        if self.tensors:
            return self._tensor(told)
        return self._unsigned(told)

    def _by_columns(self, told: Payload) -> Item:
        present, rows = self._ordered(told)
        whole = len(present) == len(self.columns)
        if not whole or not self._fit(rows):
            rows = self._checked(rows, present)
        if whole and self._dtype is not None:
            return Item(self._matrix, rows, len(rows), told)
        lists = [list(values) for values in zip(*rows, strict=True)] or [[] for _ in present]
        key = ("frame", *(one.name for one in present))
        return Item(key, (present, lists), len(rows), told)

    def _fit(self, rows: list[list[Any]]) -> bool:
        """Whether all values are of types that their columns take as they are."""
        shapes = self._shapes
        for row in rows:
            shape = tuple(map(type, row))
            if shape not in shapes:
                if not all(kind in taken for kind, taken in zip(shape, self._taken, strict=True)):
                    return False
                if len(shapes) < MOST_SHAPES:
                    shapes.add(shape)
        return True

    def recheck(self, item: Item) -> None:
        """Look at each value of rows that numpy could not hold. Raises Refused, naming the column."""
        if item.key is not None and item.key[0] == "matrix" and self.columns:
            self._checked(item.data, self.columns)
        elif item.key is not None and item.key[0] == "frame":
            present, lists = item.data
            self._checked([list(row) for row in zip(*lists, strict=True)], present)

    def _ordered(self, told: Payload) -> tuple[list[Column], list[list[Any]]]:
        """The columns a payload has, in the signature's order, and its rows with them."""
        if told.rows is not None and told.columns is None:
            return self.columns, self._unnamed(told.rows)
        if told.columns is not None and told.columns == self._order:
            return self.columns, told.rows or []
        names = told.columns if told.columns is not None else list(told.named or {})
        if not self._named:
            return self.columns, self._unnamed(told.rows if told.rows is not None else _transposed(told.named or {}))
        missing = [one.name for one in self.columns if one.required and one.name not in names]
        if missing:
            raise Refused(BAD_REQUEST, _lacks(missing, names, [one.name for one in self.columns]))
        present = [one for one in self.columns if one.name in names]
        rows = told.rows if told.rows is not None else _transposed(told.named or {})
        places = [names.index(str(one.name)) for one in present]
        return present, [[row[at] for at in places] for row in rows]

    def _unnamed(self, rows: list[Any]) -> list[list[Any]]:
        width = len(self.columns)
        if width == 1 and rows and not isinstance(rows[0], list):
            rows = [[value] for value in rows]
        for at, row in enumerate(rows):
            if not isinstance(row, list) or len(row) != width:
                found = f"{len(row)} values" if isinstance(row, list) else f"{_word(row)} ({row!r:.40})"
                names = f": {', '.join(map(repr, self._order))}" if self._order else ""
                raise Refused(BAD_REQUEST, f"Row {at} has {found}; the model expects a list of {width} values{names}.")
        return rows

    def _checked(self, rows: list[list[Any]], present: Sequence[Column]) -> list[list[Any]]:
        """The rows with each value as its column's type. Raises Refused, naming the column."""
        readers = [_READERS.get(one.type, _as_it_is) for one in present]
        found = []
        for at, row in enumerate(rows):
            new = []
            for value, read, one in zip(row, readers, present, strict=True):
                try:
                    new.append(read(value))
                except (ValueError, TypeError, OverflowError):
                    name = f"Column {one.name!r}" if one.name is not None else f"Column {len(new)}"
                    said = "null" if value is None else f"{value!r:.60}, {_word(value)}"
                    raise Refused(
                        BAD_REQUEST, f"{name} has {said}, in row {at}; the model expects {one.type}."
                    ) from None
            found.append(new)
        return found

    def _tensor(self, told: Payload) -> Item:
        """The array of a signature with one tensor."""
        (tensor,) = self.tensors
        value: Any = told.rows
        if told.named is not None:
            if set(told.named) != {tensor.name}:
                names = ", ".join(map(repr, told.named)) or "none"
                raise Refused(BAD_REQUEST, f"The tensors given are {names}; the model expects {tensor.name!r}.")
            value = told.named[tensor.name or ""]
        array = _array(value, tensor.dtype, f"{tensor.name!r}" if tensor.name else "The input")
        _same_shape(array.shape, tensor.shape)
        return Item(("tensor", tensor.dtype, array.shape[1:]), array, len(array), told)

    def _unsigned(self, told: Payload) -> Item:
        """Rows for a model without a signature: the model itself is what checks."""
        if told.named is not None:
            told.columns, told.rows = list(told.named), _transposed(told.named)
        rows, columns = told.rows or [], told.columns
        known = columns is None or self._fitted is None or columns == self._fitted
        lists = all(isinstance(row, list) for row in rows)
        if self._arrays and known and lists and rows:
            kinds: set[type] = set().union(*(map(type, row) for row in rows))
            widths = set(map(len, rows))
            if len(widths) == 1 and kinds <= {int, float, type(None)}:
                dtype = "int64" if kinds == INTEGERS else "float64"
                return Item(("matrix", dtype, widths.pop(), columns is None), rows, len(rows), told)
        return Item(None, (columns, rows), len(rows), told)


def _common(types: list[str]) -> str | None:
    """The numpy type of a matrix that holds columns of these types as sklearn would; None where a frame is needed."""
    if not types or not all(one in NUMERIC for one in types):
        return None
    if len(set(types)) == 1:
        return NUMERIC[types[0]]
    return None if "float" in types else ("int64" if set(types) <= {"long", "integer"} else "float64")


def _transposed(named: dict[str, Any]) -> list[list[Any]]:
    """Rows of lists by name; single values are one row."""
    lists = {name: value if isinstance(value, list) else [value] for name, value in named.items()}
    lengths = {name: len(value) for name, value in lists.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name!r}: {length}" for name, length in lengths.items())
        raise Refused(BAD_REQUEST, f"The lists differ in length ({said}); expected as many values in each.")
    return [list(row) for row in zip(*lists.values(), strict=True)]


def _lacks(missing: Sequence[Any], found: Sequence[str], expected: Sequence[Any]) -> str:
    names = ", ".join(map(repr, missing))
    extra = [name for name in found if name not in expected]
    besides = f", and has {', '.join(map(repr, extra))}, which the model does not know" if extra else ""
    known = ", ".join(map(repr, expected))
    return f"The input lacks the column{'s' if len(missing) > 1 else ''} {names}{besides}. The model expects {known}."


def _word(value: Any) -> str:
    return WORDS.get(type(value), "null" if value is None else type(value).__name__)


def _number(value: Any) -> Any:
    if value is None:
        return math.nan
    if type(value) not in NUMBERS:
        raise TypeError
    return float(value)


def _whole(value: Any) -> int:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or not -(1 << 63) <= value < 1 << 63:
        raise TypeError
    return value


def _whole32(value: Any) -> int:
    found = _whole(value)
    if not -(1 << 31) <= found < 1 << 31:
        raise OverflowError
    return found


def _boolean(value: Any) -> Any:
    if value is not None and type(value) is not bool:
        raise TypeError
    return value


def _text(value: Any) -> Any:
    if value is not None and type(value) is not str:
        raise TypeError
    return value


def _time(value: Any) -> Any:
    import pandas as pd

    if isinstance(value, (bool, list, dict)):
        raise TypeError
    return pd.to_datetime(value)


def _bytes(value: Any) -> Any:
    if value is None:
        return None
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError from None


def _as_it_is(value: Any) -> Any:
    return value


_READERS = {
    "double": _number,
    "float": _number,
    "long": _whole,
    "integer": _whole32,
    "boolean": _boolean,
    "string": _text,
    "datetime": _time,
    "binary": _bytes,
}


def _array(value: Any, dtype: str, name: str) -> Any:
    """A JSON value as an array of a type. Raises Refused."""
    import numpy as np

    try:
        found = np.array(value)
        wanted = np.dtype(dtype)
    except (ValueError, TypeError):
        raise Refused(BAD_REQUEST, f"{name} is ragged; expected lists of equal length.") from None
    if found.ndim == 0:
        raise Refused(BAD_REQUEST, f"{name} is {_word(value)}; expected a list.")
    if found.dtype.kind == "O" and wanted.kind == "f":
        values = [math.nan if one is None else one for one in found.ravel().tolist()]
        found = np.array(values).reshape(found.shape)
    taken = {"f": "fiu", "i": "iu", "u": "iu", "b": "b", "U": "UO", "O": "UOfiub", "S": "U"}.get(wanted.kind, "")
    if found.size and found.dtype.kind not in taken:
        raise Refused(BAD_REQUEST, f"{name} holds {found.dtype.name}; the model expects {dtype}.")
    return found.astype(wanted)


def _same_shape(found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if len(found) != len(expected) or any(want not in (-1, have) for have, want in zip(found, expected, strict=True)):
        raise Refused(BAD_REQUEST, f"The input has the shape {found}; the model expects {expected}.")


def matrix(items: Sequence[Item]) -> Any:
    """The rows of items with one key as one array."""
    import numpy as np

    rows = items[0].data if len(items) == 1 else [row for item in items for row in item.data]
    return np.array(rows, dtype=items[0].key[1])  # type: ignore[index]


def tensor(items: Sequence[Item]) -> Any:
    """The arrays of items with one key as one."""
    import numpy as np

    return items[0].data if len(items) == 1 else np.concatenate([item.data for item in items])


def frame(items: Sequence[Item]) -> Any:
    """The columns of items with one key as one frame."""
    import pandas as pd

    present = items[0].data[0]
    lists = [[value for item in items for value in item.data[1][at]] for at in range(len(present))]
    columns = {at: _series(one.type, values) for at, (one, values) in enumerate(zip(present, lists, strict=True))}
    found = pd.DataFrame(columns)
    if present and present[0].name is not None:
        found.columns = pd.Index([one.name for one in present])
    return found


def _series(kind: str, values: list[Any]) -> Any:
    import pandas as pd

    if kind in NUMERIC:
        return pd.Series(values, dtype=NUMERIC[kind])
    if kind == "boolean":
        return pd.Series(values, dtype=object if None in values else bool)
    if kind == "datetime":
        return pd.Series(pd.to_datetime(values)).astype("datetime64[ns]")
    return pd.Series(values, dtype=object) if not values or kind == "binary" else pd.Series(values)


def loose(item: Item) -> Any:
    """The rows of an item without a key: a frame with its own columns, or an array."""
    import numpy as np
    import pandas as pd

    columns, rows = item.data
    if columns is not None:
        return pd.DataFrame(rows, columns=columns)
    try:
        return np.array(rows)
    except ValueError:
        raise Refused(BAD_REQUEST, "The rows differ in length; expected as many values in each.") from None
