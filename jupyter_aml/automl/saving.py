"""How the best model is kept: in MLflow's form, loadable where jupyter_aml is not installed."""

from __future__ import annotations

import contextlib
import importlib.metadata
import warnings
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from jupyter_aml.automl import steps, voted

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

ALWAYS = ("cloudpickle", "numpy", "pandas", "scikit-learn", "scipy")
EXAMPLE = 5
"""Rows of the input example."""


def save(model: Any, frame: pd.DataFrame, place: Path, packages: Iterable[str] = ()) -> None:
    """Write an estimator of scikit-learn's kind as an MLflow model, with signature and input example.

    Args:
        model: Its `predict` takes a frame.
        frame: Rows of the columns that it wants.
        place: The folder, which is not there yet.
        packages: What it needs besides scikit-learn.
    """
    import mlflow

    with carried(steps, voted):
        mlflow.sklearn.save_model(
            model,
            str(place),
            serialization_format="cloudpickle",
            signature=_signature(model, frame.head(EXAMPLE)),
            input_example=frame.head(EXAMPLE),
            pip_requirements=[requirement(name) for name in (*ALWAYS, *packages)],
        )


@contextlib.contextmanager
def carried(*modules: ModuleType) -> Iterator[None]:
    """While a model is saved: these modules go into it, and MLflow's advice for those who write models is not heard."""
    import cloudpickle  # type: ignore[import-untyped]

    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def requirement(name: str) -> str:
    """A package at the version that is here; one that is called otherwise than its module under its own name."""
    try:
        return f"{name}=={importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        held = importlib.metadata.packages_distributions().get(name) or []
        return f"{held[0]}=={importlib.metadata.version(held[0])}" if held else name


def _signature(model: Any, some: pd.DataFrame) -> Any:
    import mlflow

    told = model.predict(some)
    try:
        return mlflow.models.infer_signature(some, told)
    except Exception:  # noqa: BLE001 - columns of several kinds, which MLflow has no type for, are texts to it
        plain = some.assign(**{name: some[name].map(str) for name in some if some[name].dtype == object})
        return mlflow.models.infer_signature(plain, told)
