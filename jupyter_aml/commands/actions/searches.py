"""An AutoML job in a notebook: its card, and what can be done with the best model while and after it searches."""

from __future__ import annotations

import functools
import json
import shutil
import sys
import tempfile
import warnings
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_aml.automl.engineered import SUMMARY
from jupyter_aml.automl.working import ARTIFACTS, COLUMNS, GUARDRAILS, STOP
from jupyter_aml.commands import hush
from jupyter_aml.commands.actions import jobs, live
from jupyter_aml.commands.actions.cards import Card
from jupyter_aml.errors import AmlError, NotFoundError

if TYPE_CHECKING:
    import pandas as pd

MODEL = ARTIFACTS["model"]


class Search(Card):
    """An AutoML job: `predict`, `leaderboard`, `explain` and the like, beside the attributes of the SDK's job.

    Methods that need the best model wait for the end of the search; an interrupt ends the waiting, not the search.
    """

    @property
    def leaderboard(self) -> pd.DataFrame:
        """What has been tried until now, the best first.

        Returns:
            `model`, the primary metric under its own name, `status`, `seconds` and `job`; the index is the rank from 1.
        """
        import pandas as pd

        from jupyter_aml.views import children, formats

        found = self._details().reader.snapshot(self._name)
        metric = str(found.get("metric") or "score")
        rows = [
            {
                "model": one["point"]["model"],
                metric: one["value"],
                "status": one["status"],
                "seconds": formats.between(one["started"], one["ended"]),
                "job": one["name"],
            }
            for one in (children.ordered(found) if found.get("trials") else ())
        ]
        frame = pd.DataFrame(rows, columns=["model", metric, "status", "seconds", "job"])
        frame.index = pd.RangeIndex(1, len(frame) + 1, name="rank")
        return frame

    def wait(self) -> Search:
        """Wait for the end of the search; itself.

        Raises:
            JobFailedError: It failed or was cancelled.
        """
        reader = self._details().reader
        if reader.status(self._name) not in jobs.FINAL:
            sys.stderr.write(f"Waiting for {self._name}; .stop() in another cell ends the search with what it has.\n")
            live.until_final(reader, self._name)
        found = reader.snapshot(self._name)
        if found["status"] != "Completed":
            raise live.failed(found)
        self.refresh()
        return self

    def stop(self) -> None:
        """End the search; the best model is made of what it has found.

        Raises:
            AmlError: The job is in Azure, which can only cancel it.
        """
        if not self._details().reader.local:
            raise AmlError(
                f"{self._name} is in Azure, where a search that is ended makes no model.",
                remedy=f"Type %aml job cancel {self._name} to end it; a time limit or an exit score keeps the best.",
            )
        self.client.jobs.update(self._name, tags={STOP: "true"})

    def predict(self, frame: Any) -> Any:
        """Predictions of the best model, as MLflow's `predict` gives them; columns that it does not know are left out.

        Args:
            frame: Rows with the columns that the search learned from.
        """
        with _quiet():
            return self.model.predict(self._rows(frame))

    def predict_proba(self, frame: Any) -> pd.DataFrame:
        """Probabilities of a classification, shape (rows, classes), with the classes as columns.

        Raises:
            AmlError: The best model gives none.
        """
        import pandas as pd

        model = self._inner
        if not hasattr(model, "predict_proba"):
            raise AmlError(f"The best model of {self._name} gives no probabilities.", remedy="Use predict instead.")
        rows = self._rows(frame)
        with _quiet():
            return pd.DataFrame(model.predict_proba(rows), index=rows.index, columns=[str(c) for c in model.classes_])

    def explain(self, frame: Any = None, *, label: Any = None) -> pd.DataFrame:
        """What the predictions depend on.

        Args:
            frame: Rows to explain one by one; without, the best model as a whole.
            label: The class whose probability is explained; by default the one that is predicted for each row.

        Returns:
            Without rows: `importance` by column, how much worse the metric becomes when the column is shuffled. With
            rows: a contribution of each column (Shapley values), with `base`, `prediction` and, for classes, `label`;
            base and contributions add up to the prediction.

        Raises:
            AmlError: The search was told not to explain, or there is nothing that could be explained.
        """
        import pandas as pd

        if frame is None:
            told = self.charts.get("feature_importance")
            if not told:
                why = "It was not asked to explain its models, or there was no time for it."
                raise AmlError(f"{self._name} has no feature importance.", why=why)
            found = pd.Series(told, name="importance").rename_axis("column").to_frame()
            return found.sort_values("importance", ascending=False)
        from jupyter_aml.automl import explaining

        rows, model = self._rows(frame), self._inner
        if not hasattr(model, "predict"):
            raise AmlError(f"{self._name}: the rows of this kind of task cannot be explained by their columns.")
        with _quiet():
            return explaining.contributions(model, rows, self._background(rows), label=label)

    @property
    def charts(self) -> Mapping[str, Any]:
        """What Azure draws of the best model (confusion matrix, accuracy table, residuals, …), by name."""
        from jupyter_aml.automl.charts import CHARTS

        path = self._outputs / CHARTS
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}

    def plot(self, *names: str) -> None:
        """Show the charts of the best model.

        Args:
            names: Such as `roc`; all of them without.

        Raises:
            NotFoundError: There is no such chart.
        """
        from IPython.display import Image, display

        known = {path.stem: path for path in sorted(self._outputs.glob("*.png"))}
        for name in names or known:
            if name not in known:
                raise NotFoundError(
                    f"There is no chart {name!r} of {self._name}; there are {', '.join(known) or 'none'}."
                )
            display(Image(filename=str(known[name])))

    @property
    def predictions(self) -> pd.DataFrame:
        """Truth and prediction of rows that the model had not learned from, at most 10,000."""
        import pandas as pd

        from jupyter_aml.automl.charts import PREDICTIONS

        return pd.read_csv(self._file(PREDICTIONS))

    @property
    def metrics(self) -> dict[str, float]:
        """All metrics of the best model under Azure's names."""
        self.wait()
        return dict(self._details().reader.snapshot(self._name)["metrics"])

    @property
    def guardrails(self) -> pd.DataFrame:
        """What was found in the data before the search.

        Returns:
            `name`, `status` (`Passed`, `Done` where something was mended, `Alerted`), `found` and `remedy`.
        """
        return self._looked(GUARDRAILS)

    @property
    def purposes(self) -> pd.DataFrame:
        """What the table's columns are taken for: `name`, `purpose`, and `why`."""
        return self._looked(COLUMNS)

    @property
    def features(self) -> pd.DataFrame:
        """What the best model has made of the columns: `model`, `columns`, `steps`, `features` (how many), `names`."""
        import pandas as pd

        return pd.DataFrame(json.loads(self._file(SUMMARY).read_text(encoding="utf-8")))

    def _looked(self, name: str) -> pd.DataFrame:
        """A list that the look at the data has left."""
        import pandas as pd

        path = next(self._setup.rglob(name), None)
        if path is None:
            raise NotFoundError(
                f"{self._name} has no {name} yet.", remedy="Look again once the data have been looked at."
            )
        return pd.DataFrame(json.loads(path.read_text(encoding="utf-8")))

    @functools.cached_property
    def model(self) -> Any:
        """The best model, as MLflow loads it; its packages have to be installed here."""
        import mlflow

        with _quiet():
            return mlflow.pyfunc.load_model(str(self._file(MODEL)))

    def code(self, folder: str | Path = ".") -> Path:
        """Copy the notebook that trains the best model anew without jupyter_aml, and its script.

        Args:
            folder: Where to; a folder of the job's name is made in it.

        Returns:
            The notebook.
        """
        from jupyter_aml.automl.code.writing import FOLDER

        place = Path(folder) / self._name
        shutil.copytree(self._file(FOLDER), place, dirs_exist_ok=True)
        return next(place.glob("*.ipynb"))

    # how it is found

    @property
    def _name(self) -> str:
        return str(self.entity.name)

    def _details(self) -> jobs.Details:
        if not isinstance(self.details, jobs.Details):
            raise AmlError("This job was not read from a workspace.", remedy="Type %aml job show NAME for it.")
        return self.details

    @functools.cached_property
    def _outputs(self) -> Path:
        """What the best run has left, downloaded."""
        self.wait()
        own = dict(self.entity.properties or {})
        best = own.get("automl_best_child_run_id") or own.get("best_child_run_id")
        if not best:
            raise NotFoundError(
                f"{self._name} names no best model.", remedy=f"Type %aml job logs {self._name} to see what it did."
            )
        place = self._downloaded(best)
        return next(place.rglob(MODEL), place / MODEL).parent

    @property
    def _setup(self) -> Path:
        """What the look at the data has left, downloaded."""
        name = f"{self._name}_setup"
        live.until_final(self._details().reader, name)
        return self._downloaded(name)

    def _downloaded(self, name: str) -> Path:
        """The artifacts of a run; they are there as long as this object."""
        held: dict[str, Path] = self.__dict__.setdefault("_held", {})
        if name in held:
            return held[name]
        place = held[name] = Path(tempfile.mkdtemp(prefix="jupyter_aml-"))
        weakref.finalize(self, shutil.rmtree, place, ignore_errors=True)
        with hush.hushed(verbose=False), _quiet():
            self.client.jobs.download(name, download_path=place)
        return place

    def _file(self, name: str) -> Path:
        path = self._outputs / name
        if not path.exists():
            held = ", ".join(sorted(one.name for one in self._outputs.iterdir())) if self._outputs.is_dir() else ""
            raise NotFoundError(f"The best run of {self._name} has no {name}; it has {held or 'nothing'}.")
        return path

    @functools.cached_property
    def _inner(self) -> Any:
        """The estimator that MLflow's model wraps; the MLflow model itself where it wraps none."""
        found = getattr(self.model, "unwrap_python_model", None)
        inner = getattr(getattr(self.model, "_model_impl", None), "sklearn_model", None)
        return inner if inner is not None else found() if found is not None else self.model

    def _rows(self, frame: Any) -> Any:
        """The columns that the model wants, in its order; an unknown table is handed on as it is."""
        schema = self.model.metadata.get_input_schema()
        if schema is None or not schema.has_input_names() or not hasattr(frame, "columns"):
            return frame
        frame = frame.to_pandas() if hasattr(frame, "to_pandas") else frame.rename(columns=str)
        missing = [name for name in schema.required_input_names() if name not in frame.columns]
        if missing:
            raise AmlError(
                f"The rows have no column {', '.join(map(str, missing))}, which the model has learned from.",
                why=f"They have {', '.join(map(str, frame.columns))}.",
            )
        return frame[[name for name in schema.input_names() if name in frame.columns]]

    def _background(self, rows: Any) -> Any:
        """Rows to compare with: some that the model has learned from."""
        import pandas as pd

        from jupyter_aml.automl import explaining

        path = self._outputs / explaining.BACKGROUND
        if path.is_file():
            return pd.read_parquet(path)[list(rows.columns)]
        example = self.model.input_example
        return rows if example is None or len(rows) >= len(example) else example[list(rows.columns)]


def _quiet() -> warnings.catch_warnings[None]:
    """While a model is loaded or asked: advice for those who write models is not heard."""
    return warnings.catch_warnings(action="ignore")
