"""From the body of a request to rows: the forms that Azure's and MLflow's servers take.

`{"input_data": …}` with columns and data, a list of rows, or named tensors; MLflow's `dataframe_split`,
`dataframe_records`, `instances`, `inputs`; beside it `params`.
"""

from __future__ import annotations

import importlib
import json

from .exchange import BAD_REQUEST, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

AZURE = "input_data"
FORMS = (AZURE, "dataframe_split", "dataframe_records", "instances", "inputs")
EXPECTED = "Expected a JSON object with one of " + ", ".join(f'"{name}"' for name in FORMS) + "."


_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def _plain(text: str) -> Any:
    """As `json.loads`, without its search for blanks around an object."""
    try:
        found, end = _scan(text, 0)
    except StopIteration:
        return json.loads(text)
    return found if end == len(text) else json.loads(text)


def _msgspec() -> Callable[[str], Any] | None:
    """The faster reader of JSON where it is installed; what it refuses, as NaN and 1e400, goes to Python's own."""
    try:
        msgspec = importlib.import_module("msgspec")
    except ImportError:
        return None
    decode, refused = msgspec.json.Decoder().decode, msgspec.DecodeError

    def loads(text: str) -> Any:
        try:
            return decode(text)
        except refused:
            return json.loads(text)

    return loads


loads = _msgspec() or _plain


class Payload:
    """What a body holds.

    Attributes:
        form: The key it came under.
        columns: Names of the columns; None where it has none.
        rows: One list of values per row; None where `named` holds the data.
        named: Lists by name, for named tensors or columns.
        raw: The value under the key.
        params: As given.
    """

    __slots__ = ("columns", "form", "named", "params", "raw", "rows")

    def __init__(self, form: str, raw: Any, params: dict[str, Any] | None) -> None:
        self.form = form
        self.raw = raw
        self.params = params
        self.columns: list[str] | None = None
        self.rows: list[Any] | None = None
        self.named: dict[str, Any] | None = None


def read(body: memoryview) -> Payload:
    """What a body holds. Raises Refused with 400."""
    try:
        told = loads(str(body, "utf-8"))
    except (ValueError, RecursionError) as error:
        said = "is empty" if not body else f"could not be decoded as JSON: {error}"
        raise Refused(BAD_REQUEST, f"POST body {said}. {EXPECTED}") from None
    if not isinstance(told, dict):
        raise Refused(BAD_REQUEST, f"POST body is {_kind(told)}. {EXPECTED}")
    form = AZURE if AZURE in told else _mlflows(told)
    params = told.get("params")
    if params is not None and not isinstance(params, dict):
        raise Refused(BAD_REQUEST, f'"params" is {_kind(params)}; expected an object with the parameters by name.')
    found = Payload(form, told[form], params)
    _READERS[form](found)
    return found


def _mlflows(told: dict[str, Any]) -> str:
    """The one of MLflow's keys that a body has. Raises Refused."""
    forms = [name for name in FORMS if name in told]
    if len(forms) != 1:
        keys = ", ".join(f'"{name}"' for name in told) or "no key"
        raise Refused(BAD_REQUEST, f"POST body has {keys}. {EXPECTED}")
    return forms[0]


def _kind(value: Any) -> str:
    """What a JSON value is, in JSON's words."""
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "a number"}
    return "null" if value is None else kinds.get(type(value), "a number")


def _any(found: Payload) -> None:
    """`input_data`: columns and data, rows, records, or lists by name."""
    value = found.raw
    if isinstance(value, dict):
        if "data" in value and ("columns" in value or set(value) <= {"data", "index"}):
            _split(found)
        else:
            found.named = value
    elif isinstance(value, list):
        if value and isinstance(value[0], dict):
            _records(found)
        else:
            found.rows = value
    else:
        raise Refused(
            BAD_REQUEST,
            f'"{found.form}" is {_kind(value)}; expected {{"columns": […], "data": [[…]]}}, a list of rows, '
            "or an object of lists.",
        )


def _split(found: Payload) -> None:
    value, form = found.raw, found.form
    if not isinstance(value, dict) or "data" not in value or set(value) - {"columns", "index", "data"}:
        said = "the keys " + ", ".join(map(repr, value)) if isinstance(value, dict) else _kind(value)
        raise Refused(BAD_REQUEST, f'"{form}" has {said}; expected {{"columns": […], "data": [[…]]}}.')
    rows, columns = value["data"], value.get("columns")
    if not isinstance(rows, list) or not (columns is None or isinstance(columns, list)):
        raise Refused(BAD_REQUEST, f'"{form}" has columns or data that are no lists; expected a list of rows.')
    if columns is not None:
        width = len(columns)
        for row in rows:
            if type(row) is not list or len(row) != width:
                raise _wrong_row(form, rows, width)
        found.columns = columns
    found.rows = rows


def _wrong_row(form: str, rows: list[Any], width: int) -> Refused:
    """About the first row that has not as many values as there are columns."""
    at, row = next((at, row) for at, row in enumerate(rows) if not isinstance(row, list) or len(row) != width)
    count = f"{len(row)} values" if isinstance(row, list) else _kind(row)
    return Refused(BAD_REQUEST, f'Row {at} of "{form}" has {count}; expected a list of {width}.')


def _records(found: Payload) -> None:
    rows = found.raw
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refused(BAD_REQUEST, f'"{found.form}" must be a list of objects, one per row.')
    columns = list(dict.fromkeys(name for row in rows for name in row))
    found.columns = columns
    found.rows = [[row.get(name) for name in columns] for row in rows]


_READERS: dict[str, Callable[[Payload], None]] = {
    AZURE: _any,
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _any,
    "inputs": _any,
}
