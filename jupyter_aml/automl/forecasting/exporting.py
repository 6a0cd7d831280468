"""A forecaster as an MLflow model that loads without jupyter_aml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_aml.automl import saving
from jupyter_aml.automl.forecasting.panel import CATEGORICAL, MOMENT

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_aml.automl.forecasting.saved import Forecaster

ALWAYS = ("mlflow", "cloudpickle", "numpy", "pandas", "scipy", "scikit-learn")
BRINGS = {"LightGBM": "lightgbm", "XGBoostRegressor": "xgboost", "Prophet": "prophet"}
SHOWN = 5
PARAMETER = "quantiles"


def requirements(forecaster: Forecaster) -> list[str]:
    """The packages that the model needs, as they are here."""
    names = [*ALWAYS, *sorted({BRINGS[one.algorithm] for one in forecaster.models if one.algorithm in BRINGS})]
    return [saving.requirement(name) for name in names]


def example(forecaster: Forecaster) -> pd.DataFrame:
    """The first rows that may be asked for."""
    panel = forecaster.panel
    frame = forecaster.future().head(SHOWN)
    if panel.written:
        frame[panel.time] = [one.isoformat() for one in frame[panel.time]]
    last = panel.series[0].features[-1] if len(panel.features.names) else np.zeros(0)
    for at, (name, kind) in enumerate(panel.features.kinds.items()):
        if name in panel.features.unknown:
            continue
        value = last[at]
        if kind == CATEGORICAL:
            known = panel.features.categories[name]
            frame[name] = known[0 if np.isnan(value) else int(value)] if known else ""
        elif kind == MOMENT:
            frame[name] = pd.Timestamp(0) + pd.Timedelta(seconds=0.0 if np.isnan(value) else float(value))
        else:
            frame[name] = 0.0 if np.isnan(value) else float(value)
    return frame


def signature(forecaster: Forecaster) -> Any:
    """What may be asked: time and ids, and, where there are, features and later targets."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    panel = forecaster.panel
    columns = [ColSpec(DataType.string if panel.written else DataType.datetime, panel.time)]
    for at, name in enumerate(panel.ids):
        whole = all(isinstance(one.ids[at], int) and not isinstance(one.ids[at], bool) for one in panel.series)
        columns.append(ColSpec(DataType.long if whole else DataType.string, name))
    kinds = {CATEGORICAL: DataType.string, MOMENT: DataType.datetime}
    columns += [
        ColSpec(kinds.get(kind, DataType.double), name, required=False) for name, kind in panel.features.kinds.items()
    ]
    columns.append(ColSpec(DataType.double, panel.target, required=False))
    levels = ParamSpec(PARAMETER, DataType.double, [], shape=(-1,))
    return ModelSignature(Schema(columns), Schema([ColSpec(DataType.double)]), ParamSchema([levels]))


def _python_model(forecaster: Forecaster) -> Any:
    import mlflow.pyfunc

    class Model(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        """Forecasts of rows; with the parameter `quantiles`, a table of them."""

        def __init__(self, inner: Forecaster) -> None:
            self.inner = inner

        # MLflow takes annotations for a signature of its own
        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ANN001,ANN202,ARG002
            levels = list((params or {}).get("quantiles", ()))
            return self.inner.forecast_quantiles(model_input, levels) if levels else self.inner.predict(model_input)

        def forecast_quantiles(self, frame: Any, levels: Any = (0.1, 0.5, 0.9)) -> Any:
            return self.inner.forecast_quantiles(frame, levels)

        def future(self, steps: int = 0) -> Any:
            return self.inner.future(steps)

    return Model(forecaster)


def save(forecaster: Forecaster, place: Path) -> None:
    """Write the model; the classes of this package are pickled by value."""
    import jupyter_aml.automl.forecasting as own

    with saving.carried(own):
        import mlflow.pyfunc

        mlflow.pyfunc.save_model(
            str(place), python_model=_python_model(forecaster), signature=signature(forecaster),
            input_example=example(forecaster), pip_requirements=requirements(forecaster),
        )  # fmt: skip
