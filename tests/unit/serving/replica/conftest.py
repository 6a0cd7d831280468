"""Replicas of scoring scripts and models for the tests of this folder."""

from __future__ import annotations

import json
import pickle
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .driver import Replica, of_model, order

Start = Callable[..., Replica]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a replica of a script with this text, or of the MLflow model in a folder; ended after the test."""
    with ExitStack() as stack:

        def start(what: str | Path, **changed: Any) -> Replica:
            code = tmp_path / "code"
            code.mkdir(exist_ok=True)
            if isinstance(what, Path):
                told = of_model(what, **changed)
            else:
                (code / "score.py").write_text(textwrap.dedent(what))
                told = order(code, **changed)
            return stack.enter_context(Replica(told, tmp_path / "replica"))

        yield start


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an MLflow model: a logistic regression of two columns, `a` and `b`."""
    from sklearn.linear_model import LogisticRegression

    folder = tmp_path_factory.mktemp("model")
    fitted = LogisticRegression().fit([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], [0, 0, 1, 1])
    (folder / "model.pkl").write_bytes(pickle.dumps(fitted))
    describe(folder)
    return folder


def describe(folder: Path, **changed: Any) -> None:
    """Write the MLmodel file of a pickled sklearn model of the columns `a` and `b`."""
    columns = [{"type": "double", "name": name, "required": True} for name in "ab"]
    told = {
        "flavors": {
            "python_function": {"loader_module": "mlflow.sklearn", "model_path": "model.pkl", "predict_fn": "predict"},
            "sklearn": {"pickled_model": "model.pkl", "serialization_format": "pickle"},
        },
        "signature": {"inputs": json.dumps(columns), "outputs": None, "params": None},
    }
    (folder / "MLmodel").write_text(json.dumps(told | changed))
