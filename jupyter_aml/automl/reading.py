"""From what a job is given as data to rows: MLTables, and files of rows without one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_aml.agent import parallel_tables

if TYPE_CHECKING:
    import pandas as pd

FILE = "MLTable"
_STORED = re.compile(r"(?:/datastores/|^AmlDatastore://)([^/]+)(?:/paths)?/(.+)$", re.IGNORECASE)


def table(place: Path) -> pd.DataFrame:
    """The rows of an MLTable folder, or of a file.

    Raises:
        ValueError: There are none that can be read; says what was expected.
    """
    from jupyter_aml.automl import files

    if (place / FILE).is_file():
        return _by_mltable(place / FILE)
    if place.name == FILE:
        return _by_mltable(place)
    if place.is_file():
        return files.read_file(place)
    found = sorted(path for path in place.rglob("*") if path.suffix.lower() in files.KINDS) if place.is_dir() else []
    if len(found) == 1:
        return files.read_file(found[0])
    held = ", ".join(sorted(path.name for path in place.iterdir())[:5]) if place.is_dir() else "nothing"
    msg = f"{place.name} has no file MLTable that says how its rows are read, and holds {held}; expected one."
    raise ValueError(msg)


def lines(place: Path) -> pd.DataFrame:
    """The lines of the files that an MLTable lists, or of a file, as one column `line`.

    Raises:
        ValueError: There is no file.
    """
    import pandas as pd

    if (place / FILE).is_file():
        files = parallel_tables.files(place / FILE)
    else:
        files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    there = [path for path in files if path.is_file()]
    if not there:
        msg = f"{place.name} names no file that is there; expected one of lines, such as train.txt in CoNLL format."
        raise ValueError(msg)
    held: list[str] = []
    for path in there:
        held += [*path.read_text(encoding="utf-8").splitlines(), ""]
    return pd.DataFrame({"line": held})


def finder(roots: Mapping[str, str], place: Path) -> Callable[[str], Path]:
    """From an address inside a table to a file of this machine.

    Args:
        roots: The folder of each datastore that is here, by its name.
        place: The table's folder, from which addresses without a datastore count.
    """

    def find(address: str) -> Path:
        found = _STORED.search(address)
        if found and found[1] in roots:
            return Path(roots[found[1]]) / found[2]
        if found:
            msg = (
                f"{address} is in the datastore {found[1]}, which is not on this machine; here are {', '.join(roots)}."
            )
            raise ValueError(msg)
        return place / address.removeprefix("file://")

    return find


def _by_mltable(file: Path) -> pd.DataFrame:
    try:
        found: pd.DataFrame = parallel_tables.read(file)
    except SystemExit as error:
        raise ValueError(str(error)) from None
    if found.empty and not len(found.columns):
        msg = "The MLTable names no file that is there. Look at its paths."
        raise ValueError(msg)
    return found
