"""What each column of a table is for: the purposes of Azure's featurization, found from the values.

Source: Microsoft's "Data featurization in automated machine learning".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from typing import Any

MOSTLY = 0.95
"""The part of the values that must be alike for a column to count as of one kind."""
LOOKED_AT = 5000
"""Values of which a column is read, spread over all its rows."""
FEW_ROWS = 30
"""Below it every column of words looks like an identifier, so none is taken for one."""
MANY_CATEGORIES = 500
"""Above it categories are hashed instead of counted."""
TEXT_WORDS = 3.0
"""So many words on average make a column of different values a text."""
REPEATED = 0.2
"""A text's values are mostly different: fewer different ones than this part of the rows are categories."""
SHOWN = 20
"""Names that one sentence has."""
_DATE = re.compile(
    r"^\s*(\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2} [A-Za-z]{3,9} \d{4}"
    r"|[A-Za-z]{3,9} \d{1,2},? \d{4})([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?\s*(Z|[+-]\d{2}:?\d{2})?\s*$"
)
_HEX = re.compile(r"^(?=.*[0-9])[0-9a-fA-F-]{16,}$")


class Purpose(StrEnum):
    """What a column is for, in Azure's words."""

    NUMERIC = "Numeric"
    CATEGORICAL = "Categorical"
    CATEGORICAL_HASH = "CategoricalHash"
    DATE_TIME = "DateTime"
    TEXT = "Text"
    IGNORE = "Ignore"


@dataclass(frozen=True)
class Column:
    """A column, and why it is taken for what it is.

    Attributes:
        name: As in the table.
        purpose: What it is for.
        why: One phrase, for the guardrails and the explanation of features; empty where it goes without saying.
        missing: Rows without a value; what is not finite counts as none.
        different: How many different values there are.
    """

    name: str
    purpose: Purpose
    why: str = ""
    missing: int = 0
    different: int = 0


def read(frame: pd.DataFrame, wanted: Mapping[str, str] | None = None, drop: Sequence[str] = ()) -> dict[str, Column]:
    """What each column is for.

    Args:
        frame: The features, shape (rows, columns), without the target.
        wanted: Purposes that the user has given, by column.
        drop: Columns that the user wants ignored.

    Raises:
        ValueError: A name is given twice in the table, is not in it, or a purpose is none of Azure's.
    """
    once(frame)
    asked = {name: _purpose(word) for name, word in (wanted or {}).items()}
    asked |= dict.fromkeys(drop, Purpose.IGNORE)
    strange = sorted(set(asked) - set(map(str, frame.columns)))
    if strange:
        msg = f"There is no column {listed(strange)}; the table has {listed(frame.columns)}."
        raise ValueError(msg)
    found = {str(name): _read(str(name), frame[name]) for name in frame.columns}
    for name, purpose in asked.items():
        held = found[name]
        found[name] = Column(name, purpose, "as asked", held.missing, held.different)
    return found


def once(frame: pd.DataFrame) -> None:
    """Refuse a table that has two columns of one name.

    Raises:
        ValueError: It has; says which.
    """
    twice = sorted({str(name) for name in frame.columns[frame.columns.duplicated()]})
    if twice:
        msg = f"The table has more than one column {listed(twice)}; rename them."
        raise ValueError(msg)


def listed(names: Iterable[Any]) -> str:
    """Names, to be read; of very many the first."""
    found = list(map(str, names))
    more = f", ... ({len(found):,} in all)" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more


def nothing(found: Mapping[str, Column]) -> str:
    """Why no column is left to learn from."""
    if not found:
        return "There is no column beside the target to learn from."
    return f"No column is left to learn from: {', '.join([f'{one.name} {one.why}' for one in found.values()][:5])}."


def _purpose(word: str) -> Purpose:
    try:
        return Purpose(word)
    except ValueError:
        msg = f"{word!r} is no purpose of a column; expected one of {', '.join(Purpose)}."
        raise ValueError(msg) from None


def _read(name: str, values: pd.Series[Any]) -> Column:
    """What a column is for, by its values."""
    there = present(values)
    missing = len(values) - len(there)
    if there.empty:
        return Column(name, Purpose.IGNORE, "has no values", missing)
    plain = there.map(str) if _mixed(there) else there
    different = int(plain.nunique())
    if different == 1 and not missing:
        return Column(name, Purpose.IGNORE, "has the same value in every row", missing, different)
    purpose, why = _kind(plain, different, len(values))
    return Column(name, purpose, why, missing, different)


def present(values: pd.Series[Any]) -> pd.Series[Any]:
    """The values that are there; infinite numbers and empty texts are not."""
    there = values.dropna()
    if pd.api.types.is_float_dtype(there.dtype):
        return there[np.isfinite(there.to_numpy(dtype=float))]
    if _is_text(there):
        return there[there.map(lambda one: not isinstance(one, str) or bool(one.strip()))]
    return there


def _is_text(values: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_object_dtype(values.dtype) or pd.api.types.is_string_dtype(values.dtype))


def _mixed(values: pd.Series[Any]) -> bool:
    """Whether values of several kinds stand in one column, or some that cannot be compared."""
    return pd.api.types.is_object_dtype(values.dtype) and {type(one) for one in values} not in ({str}, {bool})


def _kind(values: pd.Series[Any], different: int, rows: int) -> tuple[Purpose, str]:
    if pd.api.types.is_bool_dtype(values.dtype) or isinstance(values.dtype, pd.CategoricalDtype):
        return _categories(different), ""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return Purpose.DATE_TIME, ""
    if isinstance(values.dtype, pd.PeriodDtype) or pd.api.types.is_timedelta64_dtype(values.dtype):
        return Purpose.NUMERIC, "counts time"
    if pd.api.types.is_numeric_dtype(values.dtype):
        if different == rows and _counts_rows(values):
            return Purpose.IGNORE, "numbers the rows"
        return Purpose.NUMERIC, ""
    return _words(values.map(str), different, rows)


def _counts_rows(values: pd.Series[Any]) -> bool:
    """Whether the numbers are those of the rows, up or down by one each."""
    if len(values) < FEW_ROWS or not pd.api.types.is_integer_dtype(values.dtype):
        return False
    steps = np.diff(values.to_numpy(dtype=float))
    return bool((steps == 1).all() or (steps == -1).all())


def _words(values: pd.Series[Any], different: int, rows: int) -> tuple[Purpose, str]:
    """What a column of strings is for."""
    looked = values.iloc[:: max(len(values) // LOOKED_AT, 1)]
    if _share(pd.to_numeric(looked, errors="coerce").notna()) >= MOSTLY:
        return Purpose.NUMERIC, "numbers that are written as text"
    if _share(looked.str.match(_DATE)) >= MOSTLY and _share(dates(looked).notna()) >= MOSTLY:
        return Purpose.DATE_TIME, "dates that are written as text"
    unlike = different / len(values)
    if rows >= FEW_ROWS and unlike >= MOSTLY and _share(looked.str.match(_HEX)) >= MOSTLY:
        return Purpose.IGNORE, "holds hashes or identifiers"
    words = float(looked.str.count(r"\S+").mean())
    if words >= TEXT_WORDS and unlike > REPEATED:
        return Purpose.TEXT, f"{words:.0f} words on average"
    if rows >= FEW_ROWS and unlike >= MOSTLY:
        return Purpose.IGNORE, "has another value in almost every row"
    return _categories(different), ""


def _categories(different: int) -> Purpose:
    return Purpose.CATEGORICAL if different <= MANY_CATEGORIES else Purpose.CATEGORICAL_HASH


def _share(held: pd.Series[Any]) -> float:
    return float(held.astype(bool).mean())


def dates(values: pd.Series[Any]) -> pd.Series[Any]:
    """Moments, in UTC where a zone is given; what is no date is missing."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values
    moments = pd.to_datetime(values, errors="coerce", format="mixed", utc=True)
    return moments.dt.tz_localize(None)
