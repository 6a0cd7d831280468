"""MLflow models that score files with no code: what is read of which file, and how predictions are written.

A row of `predictions.csv` has the number of the row in its file (of tables alone), the prediction as the model gave
it, and the name of the file. Source: Azure's page "Deploy MLflow models in batch deployments".
"""

from __future__ import annotations

import contextlib
import csv
import importlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

try:
    import parallel_frames as tables  # type: ignore[import-not-found] # beside it, in a run's folder
except ImportError:
    from jupyter_aml.agent import parallel_frames as tables

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".tiff", ".tif", ".bmp", ".gif"})
NUMBERS = frozenset({"double", "float", "long", "integer"})
"""Types of columns that are checked when they are read."""


class Scorer:
    """A model of MLflow.

    Args:
        folder: Where its `MLmodel` is.
    """

    def __init__(self, folder: str) -> None:
        if not os.path.isfile(os.path.join(folder, "MLmodel")):
            raise SystemExit(f"The model has no file MLmodel in {folder}; an MLflow model was expected.")
        self._folder = folder
        self._loaded: Any = None
        self._exact: list[tuple[str, Any]] | None
        self._quick = quick(folder)
        if self._quick is not None:
            self._types, self._exact, self._row_by_row = self._quick.types, self._quick.exact, True
            return
        schema = self._model.metadata.get_input_schema()
        named = schema is not None and not schema.is_tensor_spec() and schema.has_input_names()
        self._types = {one.name: getattr(one.type, "name", "") for one in schema.inputs} if named else {}
        numbers = named and all(kind in NUMBERS for kind in self._types.values())
        plain = numbers and hasattr(self._model, "_predict_fn") and not self._model.metadata.get_params_schema()
        self._row_by_row = row_by_row(self._model)
        self._exact = [(one.name, one.type.to_numpy()) for one in schema.inputs] if plain else None

    @property
    def _model(self) -> Any:
        """The model as MLflow loads it."""
        if self._loaded is None:
            import mlflow

            self._loaded = mlflow.pyfunc.load_model(self._folder)
        return self._loaded

    @property
    def told(self) -> str:
        """How it scores, for the log."""
        if self._row_by_row:
            return f"Files are scored in chunks of {tables.ROWS} rows."
        return "Files are scored as a whole: what the model says of a row may depend on others."

    def score(self, files: Sequence[str]) -> Scored:
        """What it makes of files, worked out while it is written.

        Raises:
            ValueError: A file is of a type that is not read.
        """
        for path in files:
            kind = os.path.splitext(path)[1].lower()
            if kind not in tables.TABLES | IMAGES:
                known = ", ".join(sorted(tables.TABLES | IMAGES))
                msg = f"Error processing input file: '{path}'. File type '{kind[1:]}' is not supported; known: {known}."
                raise ValueError(msg)
        return Scored(self, files)

    def alone(self) -> Any:
        """A context in which the model is asked. See `Quick.alone`."""
        return self._quick.alone() if self._quick is not None else contextlib.nullcontext()

    def predictions(self, path: str) -> Iterator[tuple[int | None, Any]]:
        """The predictions of a file, each with the number of its first row; None for an image."""
        if os.path.splitext(path)[1].lower() in IMAGES:
            yield None, self._model.predict(self._image(path))
            return
        row = 0
        found = tables.frames(path, self._types)
        for frame in found if self._row_by_row else tables.whole(found):
            yield row, self._predict(frame)
            row += len(frame)

    def _predict(self, frame: Any) -> Any:
        """Predictions for rows; those whose columns are the signature's to the letter need no more of its checks."""
        if self._exact is None or [*frame.dtypes.items()] != self._exact:
            return self._model.predict(frame)
        return self._quick(frame) if self._quick is not None else self._model._predict_fn(frame)  # noqa: SLF001 - see above

    def _image(self, path: str) -> Any:
        """A picture as the tensor that the signature describes; without one as bytes, with a first axis of one."""
        import numpy as np

        try:
            from PIL import Image
        except ImportError:
            msg = f"{path} is an image, which needs Pillow; add it to the environment."
            raise ValueError(msg) from None
        with Image.open(path) as picture:
            pixels = np.asarray(picture)
        schema = self._model.metadata.get_input_schema()
        if schema is None or not schema.is_tensor_spec():
            return pixels[None].astype(np.uint8)
        wanted = schema.inputs[0]
        shape = [1, *wanted.shape[1:]]
        tensor = pixels.astype(wanted.type).reshape(shape if -1 not in shape else (1, *pixels.shape))
        return {wanted.name: tensor} if wanted.name else tensor


class Quick:
    """A model of numbers as its own library loads it, without the seconds that MLflow takes to be imported.

    Args:
        native: The model.
        types: Types of the columns as the signature names them.
        exact: Names and numpy types of the columns.
    """

    def __init__(self, native: Any, types: dict[str, str], exact: list[tuple[str, Any]]) -> None:
        self.types = types
        self.exact = exact
        self._call = native.call
        one = len({kind for _, kind in exact}) == 1
        self._matrix = one and native.arrays and native.names in (None, list(types))
        self._light = self._matrix and native.light

    def alone(self) -> Any:
        """A context in which the algebra has one thread, where the model's has nothing to do for more.

        Threads that wait for work keep the cores busy that read and write meanwhile.
        """
        try:
            import threadpoolctl
        except ImportError:
            return contextlib.nullcontext()
        return threadpoolctl.threadpool_limits(1, user_api="blas") if self._light else contextlib.nullcontext()

    def __call__(self, frame: Any) -> Any:
        """Predictions for rows whose columns are exactly the signature's."""
        return self._call(frame.to_numpy() if self._matrix else frame)


def quick(folder: str) -> Quick | None:
    """A model that can do without MLflow: columns of numbers with names, and rows that are scored one by one."""
    mlmodel, natives = _serving("mlmodel"), _serving("natives")
    if mlmodel is None or natives is None:
        return None
    import numpy as np

    try:
        told = mlmodel.read(folder)
        numbers = told.columns and all(one.name is not None and one.type in NUMBERS for one in told.columns)
        native = natives.load(told) if numbers and not told.params and not told.hinted else None
    except Exception:  # noqa: BLE001 - MLflow is to say what is wrong with it
        return None
    if native is None or native.mixes:
        return None
    exact = [(str(one.name), np.dtype(mlmodel.NUMERIC[one.type])) for one in told.columns]
    return Quick(native, {str(one.name): one.type for one in told.columns}, exact)


def _serving(name: str) -> Any:
    """A module of the agent's that serves models; None where the agent is not."""
    for package in ("jupyter_aml_agent", "jupyter_aml.agent"):  # the first in a run's Python
        with contextlib.suppress(ImportError):
            return importlib.import_module(f"{package}.serving.{name}")
    return None


class Scored:
    """The predictions of files; the rows before are written while the model works on the next ones."""

    def __init__(self, scorer: Scorer, files: Sequence[str]) -> None:
        self._scorer = scorer
        self._files = files

    def write_rows(self, file: Any) -> int:
        """Write them, and give their number."""
        total = 0
        with self._scorer.alone(), ThreadPoolExecutor(1) as writer:
            written: Any = writer.submit(int)
            for path in self._files:
                for row, found in self._scorer.predictions(path):
                    written.result()
                    values = cells(found)
                    written = writer.submit(write, file, row, values, os.path.basename(path))
                    total += len(values)
            written.result()
        return total


def row_by_row(model: Any) -> bool:
    """Whether a model of MLflow is known to score each row by itself, so that a file may be scored chunk by chunk."""
    try:
        raw = model.get_raw_model()
    except Exception:  # noqa: BLE001 - flavours say in several ways that they have none
        return False
    if type(raw).__name__ == "Booster":
        return type(raw).__module__.partition(".")[0] in {"lightgbm", "xgboost"}
    independence = _serving("independence")
    if independence is None:
        return False
    function = model.metadata.flavors["python_function"].get("predict_fn", "predict")
    return hasattr(raw, "get_params") and not independence.mixes(raw, function)


def cells(found: Any) -> Any:
    """What a model predicted, a cell for each row: an array of plain values, or texts of JSON."""
    import numpy as np
    import pandas as pd

    if hasattr(found, "columns"):
        if len(found.columns) > 1:
            return [_text(record) for record in found.to_dict(orient="records")]
        found = found.iloc[:, 0]
    if isinstance(found, dict):
        columns = [list(column) for column in found.values()]
        return [_text(dict(zip(found, values))) for values in zip(*columns)]  # noqa: B905 - Python 3.8
    values = np.asarray(found) if not _ragged(found) else None
    if values is not None and values.ndim < 2:  # noqa: PLR2004 - a column
        values = np.atleast_1d(values)
        if values.dtype.kind in "iufbU" or pd.api.types.infer_dtype(values, skipna=False) == "string":
            return values
    return [one if isinstance(one, str) else _text(one) for one in found]


def _ragged(found: Any) -> bool:
    return isinstance(found, (list, tuple)) and any(isinstance(one, (list, tuple, dict)) for one in found)


def _text(value: Any) -> str:
    """A value as JSON; of a number the number."""
    return json.dumps(value, default=lambda one: one.tolist() if hasattr(one, "tolist") else str(one))


def write(file: Any, row: int | None, values: Any, name: str) -> None:
    """Write predictions as CSV: number of the row, where rows are counted, prediction, name of the file."""
    import numpy as np

    numbers = {} if row is None else {"row": np.arange(row, row + len(values))}
    try:
        import polars as pl
    except ImportError:
        _write_plainly(file, [list(column) for column in numbers.values()], values, name)
        return
    ending = io.StringIO()
    csv.writer(ending, lineterminator="\n").writerow(["", name])  # which is the same for all rows
    frame = pl.DataFrame({**numbers, "prediction": _column(pl, values)})
    frame.write_csv(file, include_header=False, line_terminator=ending.getvalue())


def _column(pl: Any, values: Any) -> Any:
    """Cells as a column of polars; truth values as Python and pandas write them."""
    if isinstance(values, list):
        return pl.Series(values, dtype=pl.String)
    if values.dtype.kind == "b":
        return pl.select(pl.when(pl.Series(values)).then(pl.lit("True")).otherwise(pl.lit("False"))).to_series()
    return pl.Series(values.astype(object)) if values.dtype.kind == "U" else pl.Series(values)


def _write_plainly(file: Any, numbers: Sequence[Iterable[int]], values: Iterable[Any], name: str) -> None:
    import pandas as pd

    values = list(values)
    columns = [*numbers, values, [name] * len(values)]
    frame = pd.DataFrame(dict(enumerate(columns)))
    file.write(frame.to_csv(index=False, header=False).encode())
