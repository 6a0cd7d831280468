"""What is served in the measurements: a logistic regression, saved in both ways, and scripts light and heavy."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.bench import processes

FEATURES = [f"f{number}" for number in range(10)]
VALUES = [round(0.1 * number - 0.4, 1) for number in range(10)]
ROWS = json.dumps({"input_data": {"columns": FEATURES, "index": [0], "data": [VALUES]}})
SPLIT = json.dumps({"dataframe_split": {"columns": FEATURES, "index": [0], "data": [VALUES]}})
DATA = json.dumps({"data": [VALUES]})

LIGHT = """\
    import json
    import os

    import joblib
    import numpy as np


    def init():
        global model
        model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "pickled", "model.pkl"))


    def run(raw_data):
        data = np.array(json.loads(raw_data)["data"])
        return model.predict(data).tolist()
"""
HEAVY = """\
    import json

    import numpy as np


    def init():
        global weights
        weights = np.random.default_rng(0).normal(size=4_000_000)


    def run(raw_data):
        data = np.array(json.loads(raw_data)["data"])
        return float(np.tanh(weights * data.sum()).sum())
"""
BARE = """\
    import json
    import sys
    import time

    sys.path.insert(0, ".")
    import score

    told = json.load(sys.stdin)
    score.init()
    score.run(told["body"])
    started, calls = time.perf_counter(), 0
    while time.perf_counter() < started + told["seconds"]:
        json.dumps(score.run(told["body"]))
        calls += 1
    print((time.perf_counter() - started) * 1000 / calls)
"""
TRAIN = """\
    import pathlib
    import sys

    import joblib
    import mlflow
    import pandas as pd
    from sklearn.datasets import make_classification
    from sklearn.linear_model import LogisticRegression

    folder = pathlib.Path(sys.argv[1])
    features, labels = make_classification(1000, 10, random_state=0)
    data = pd.DataFrame(features, columns=[f"f{number}" for number in range(10)])
    model = LogisticRegression().fit(data, labels)
    (folder / "pickled").mkdir()
    joblib.dump(LogisticRegression().fit(features, labels), folder / "pickled" / "model.pkl")
    mlflow.sklearn.save_model(
        model, folder / "saved", serialization_format="cloudpickle", pip_requirements=["scikit-learn", "cloudpickle"],
        signature=mlflow.models.infer_signature(data, model.predict(data)),
    )
"""


@dataclass(frozen=True)
class Models:
    """Folders.

    Attributes:
        folder: Of all; a script finds `pickled/model.pkl` in it.
        saved: The model as MLflow saves it.
        pickled: The same without names of features.
        light: Code whose `run()` takes a fraction of a millisecond.
        heavy: Code whose `run()` takes some twenty milliseconds.
    """

    folder: Path
    saved: Path
    pickled: Path
    light: Path
    heavy: Path


def make(folder: Path) -> Models:
    """Train and save the model, write the scripts."""
    folder.mkdir()
    processes.python(["-c", textwrap.dedent(TRAIN), str(folder)], folder)
    codes = {"light": LIGHT, "heavy": HEAVY}
    for name, text in codes.items():
        (folder / name).mkdir()
        (folder / name / "score.py").write_text(textwrap.dedent(text), encoding="utf-8")
    return Models(folder, folder / "saved", folder / "pickled", folder / "light", folder / "heavy")


def bare(code: Path, core: int, seconds: float) -> float:
    """Milliseconds of a call of a script's `run()` in a loop, on a core."""
    told = json.dumps({"body": DATA, "seconds": seconds})
    command = [sys.executable, "-c", textwrap.dedent(BARE)]
    variables = processes.environment(OMP_NUM_THREADS="1")
    with processes.on_core(core):
        ran = subprocess.run(command, input=told, cwd=code, capture_output=True, text=True, check=True, env=variables)
    return float(ran.stdout)
