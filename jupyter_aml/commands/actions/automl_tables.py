"""The tables of an AutoML job: frames and files become MLTables, assets stay what they are."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_aml.commands.actions import bindings, sources
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.outcome import unwrap
from jupyter_aml.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

CLASSES = 20
"""Whole numbers with at most so many values are taken for classes."""
HELD_OUT = 5
"""One row of so many judges the models of texts, where nothing else does."""
READERS = {
    ".csv": "- read_delimited:\n    delimiter: ','\n    encoding: utf8\n",
    ".tsv": "- read_delimited:\n    delimiter: '\\t'\n    encoding: utf8\n",
    ".parquet": "- read_parquet\n",
    ".jsonl": "- read_json_lines:\n    encoding: utf8\n",
}
IMAGE = "image_url"


@dataclass(frozen=True)
class Read:
    """Data as they were given.

    Attributes:
        frame: The rows, where they are here.
        path: A file or folder of this machine, else the address of an asset; "" for a frame.
        folder: Against which addresses of images count.
    """

    frame: pd.DataFrame | None = None
    path: str = ""
    folder: Path = Path()

    @property
    def size(self) -> int:
        """How many rows are here."""
        return 0 if self.frame is None else len(self.frame)


class Tables:
    """Makes the tables of one job.

    Args:
        context: Its workspace and the current folder.
        place: An empty folder, which is there until the job has been sent.
    """

    def __init__(self, context: Context, place: Path) -> None:
        self._context = context
        self._place = place

    def read(self, value: Any, flag: str) -> Read:
        """What was typed after a flag.

        Raises:
            UsageError: It is no data.
            NotFoundError: There is no such asset.
        """
        value = unwrap(value)
        if sources.is_frame(value):
            frame = value.to_pandas() if hasattr(value, "to_pandas") else value
            return Read(_named(frame, flag), folder=self._context.cwd)
        found = bindings.plain_input(self._context, flag.lstrip("-"), value)
        if not isinstance(found, dict):
            msg = f"{flag} {found}: that is no data."
            raise UsageError(msg, remedy="Give a DataFrame as {df}, a file, a folder with an MLTable, or an asset.")
        path = Path(found["path"])
        if not path.exists():
            return Read(path=found["path"])
        folder = path if path.is_dir() else path.parent
        return Read(_rows(path), str(path), folder)

    def split(self, data: Read, target: str | None, *, lines: bool) -> tuple[Read, Read]:
        """A part of the rows to learn from, and one to judge by.

        Raises:
            UsageError: The rows are not here.
        """
        if data.frame is None or lines:
            msg = "This task needs rows that judge the models."
            raise UsageError(msg, remedy="Add --validation with data of their own.")
        from sklearn.model_selection import train_test_split

        labels = data.frame[target] if target in data.frame.columns else None
        share = max(len(data.frame) // HELD_OUT, 1)
        whole = labels is not None and share >= labels.nunique() and labels.value_counts().min() > 1
        learn, judge = train_test_split(data.frame, test_size=share, stratify=labels if whole else None, random_state=0)
        return Read(learn, folder=data.folder), Read(judge, folder=data.folder)

    def written(self, data: Read, task: str, role: str) -> Any:
        """The SDK's input of a table."""
        from azure.ai.ml import Input

        file = Path(data.path) if Path(data.path).is_file() else None
        if not data.path or (file is not None and data.frame is not None and IMAGE in data.frame.columns):
            return Input(type="mltable", path=str(self._frame(data, task, role)))
        return Input(type="mltable", path=data.path if file is None else str(self._wrapped(file, role)))

    def _wrapped(self, path: Path, role: str) -> Path:
        """A file with the MLTable that reads it."""
        folder = self._place / role
        folder.mkdir()
        shutil.copy(path, folder)
        return _described(folder, path.name)

    def _frame(self, data: Read, task: str, role: str) -> Path:
        folder = self._place / role
        folder.mkdir()
        frame = data.frame
        if task.startswith("image_"):
            frame = self._pictures(data, folder)
            frame.to_json(folder / f"{role}.jsonl", orient="records", lines=True)
            return _described(folder, f"{role}.jsonl", "- convert_column_types:\n  - columns: image_url\n"
                                                       "    column_type: stream_info\n")  # fmt: skip
        return _described(folder, _stored(frame, folder, role).name)

    def _pictures(self, data: Read, folder: Path) -> Any:
        """The rows with their images beside them; addresses of a datastore stay.

        Raises:
            UsageError: An image is not there, or would have to be in Azure first.
        """
        assert data.frame is not None  # noqa: S101 - the caller has looked
        if IMAGE not in data.frame.columns:
            msg = f"Images need a column {IMAGE} with the path of each."
            raise UsageError(msg, remedy=f"Name it so: df.rename(columns={{'path': '{IMAGE}'}}).")
        found = []
        for at, text in enumerate(map(str, data.frame[IMAGE])):
            if "://" in text:
                found.append(text)
                continue
            path = data.folder / Path(text).expanduser()
            if not path.is_file():
                msg = f"{IMAGE} {text} does not exist (looked in {data.folder})."
                raise UsageError(msg, remedy="Give paths that exist, or azureml:// addresses.")
            if not self._context.connection.local:
                msg = f"{IMAGE} {text} is a file of this machine; in Azure images are read from a datastore."
                raise UsageError(
                    msg, remedy="Register the folder with %aml data create, and give azureml:// addresses."
                )
            name = f"{at:06d}{path.suffix}"
            shutil.copy(path, folder / name)
            found.append(f"./{name}")
        return data.frame.assign(**{IMAGE: found})


def kind(column: Any) -> tuple[str, str]:
    """`classification` or `regression`, as the values of a column show, and why."""
    import pandas as pd

    values = column.dropna()
    count = int(values.nunique())
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return "classification", f"{count} classes"
    whole = pd.api.types.is_integer_dtype(column) or bool((values == values.round()).all())
    if whole and count <= min(CLASSES, max(len(values) // 2, 2)):
        return "classification", f"{count} different whole numbers"
    return "regression", f"{count} different numbers"


def _named(frame: pd.DataFrame, flag: str) -> pd.DataFrame:
    """The frame with texts as names, and its index as a column where that has a name.

    Raises:
        UsageError: It has no rows, or two columns of one name.
    """
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    frame = frame.rename(columns=str)
    twice = sorted(set(frame.columns[frame.columns.duplicated()]))
    if twice:
        msg = f"{flag}: the frame has several columns {', '.join(twice)}."
        raise UsageError(msg, remedy="Give each a name of its own.")
    if frame.empty:
        msg = f"{flag}: the frame has {len(frame)} rows and {len(frame.columns)} columns."
        raise UsageError(msg, remedy="Give it rows to learn from.")
    return frame


def _rows(path: Path) -> pd.DataFrame | None:
    """The rows of a file or of an MLTable, where they can be read."""
    from jupyter_aml.automl import reading

    if path.is_file() and path.suffix.lower() not in READERS:
        return None
    try:
        return reading.table(path)
    except (ValueError, OSError):
        return None


def _stored(frame: Any, folder: Path, role: str) -> Path:
    """A frame as parquet; as CSV where a column holds what parquet cannot."""
    try:
        return sources.write_frame(frame.reset_index(drop=True), folder, role)
    except Exception:  # noqa: BLE001 - columns of several kinds, which Arrow refuses in ways of its own
        (folder / f"{role}.parquet").unlink(missing_ok=True)
        return sources.write_frame(frame.reset_index(drop=True), folder, role, "csv")


def _described(folder: Path, name: str, more: str = "") -> Path:
    """The folder, with the MLTable that reads a file of it."""
    steps = READERS.get(Path(name).suffix.lower(), "") + more
    text = f"paths:\n- file: ./{name}\n{f'transformations:{chr(10)}{steps}' if steps else ''}"
    (folder / "MLTable").write_text(text, encoding="utf-8")
    return folder
