"""AutoML jobs through the unmodified SDK: children, the best model, what is honoured and what is refused."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from azure.ai.ml import Input, Output, automl
from azure.ai.ml.automl import ColumnTransformer, StackEnsembleSettings
from azure.ai.ml.entities import Data, Model
from azure.core.exceptions import HttpResponseError
from PIL import Image
from sklearn.datasets import load_diabetes, load_wine

from jupyter_aml.commands import plain
from jupyter_aml.local.store import bell
from jupyter_aml.testing import hosts

from . import lab as labs

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of its own type hints

FAST = ["LogisticRegression", "KNN", "DecisionTree"]
FAST_REGRESSION = ["ElasticNet", "KNN", "LassoLars"]


@pytest.fixture
def lab(installation: Path, home: Path, real_host: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[labs.Lab]:
    """The module's workspace with its host; its jobs go the same way through either door."""
    monkeypatch.setenv("JUPYTER_AML_HOME", str(installation))
    yield from labs.by_process(installation)


def table(folder: Path, frame: pd.DataFrame) -> Input:
    """An MLTable of a CSV file."""
    folder.mkdir()
    frame.to_csv(folder / "data.csv", index=False)
    (folder / "MLTable").write_text(
        "paths:\n- file: ./data.csv\ntransformations:\n- read_delimited:\n    delimiter: ','\n    encoding: utf8\n"
    )
    return Input(type="mltable", path=str(folder))


def wine() -> pd.DataFrame:
    frame = load_wine(as_frame=True).frame
    return frame.assign(target=frame["target"].map({0: "barolo", 1: "grignolino", 2: "barbera"}))


def classification(data: Input, **more: Any) -> Any:
    job = automl.classification(
        experiment_name="wine", training_data=data, target_column_name="target", primary_metric="AUC_weighted",
        n_cross_validations=3, enable_model_explainability=True,
    )  # fmt: skip
    job.set_limits(**{"timeout_minutes": 10, "max_trials": 4, **more.pop("limits", {})})
    job.set_training(
        **{"allowed_training_algorithms": FAST, "enable_stack_ensemble": False, **more.pop("training", {})}
    )
    for key, value in more.items():
        setattr(job, key, value)
    return job


def log(lab: labs.Lab, name: str) -> str:
    """What the search has said."""
    return str((lab.entry.folder / "runs" / name / "azureml-logs" / "automl.txt").read_text(encoding="utf-8"))


def best_model(lab: labs.Lab, name: str, folder: Path) -> str:
    """The folder of the best model, downloaded."""
    lab.client.jobs.download(name, download_path=folder, output_name="best_model")
    return str(next(folder.rglob("MLmodel")).parent)


def children(lab: labs.Lab, name: str) -> dict[str, Any]:
    return {child.name: child for child in lab.client.jobs.list(parent_job_name=name)}


def test_the_best_of_some_trials_is_a_model_that_predicts(lab: labs.Lab, tmp_path: Path) -> None:
    job = classification(table(tmp_path / "wine", wine()), outputs={"best_model": Output(type="mlflow_model")})
    made = lab.client.jobs.create_or_update(job)

    job = lab.end(made.name)

    assert job.status == "Completed", log(lab, made.name)
    assert plain.plain(job)["outputs"]["best_model"]["type"] == "mlflow_model"
    held = children(lab, made.name)
    assert set(held) == {f"{made.name}_setup", *(f"{made.name}_{number}" for number in range(5))}
    trials = [held[f"{made.name}_{number}"] for number in range(4)]
    assert [one.properties["run_algorithm"] for one in trials][:3] == FAST
    assert all(float(one.properties["score"]) > 0.5 for one in trials if one.properties["trial_status"] == "Completed")
    best = job.properties["automl_best_child_run_id"]
    assert best == f"{made.name}_4"
    assert float(held[best].properties["score"]) >= max(float(one.properties.get("score", 0)) for one in trials)

    model = mlflow.pyfunc.load_model(best_model(lab, made.name, tmp_path))
    features = wine().drop(columns="target")
    assert (model.predict(features) == wine()["target"]).mean() > 0.9


def test_the_best_model_lies_where_it_is_wanted_and_is_registered_as_a_run_s(lab: labs.Lab, tmp_path: Path) -> None:
    place = "azureml://datastores/workspaceblobstore/paths/wines/best/"
    job = classification(table(tmp_path / "wine", wine()), limits={"max_trials": 1})
    job.outputs = {"best_model": Output(type="mlflow_model", path=place)}

    name = lab.client.jobs.create_or_update(job).name

    assert lab.end(name).status == "Completed", log(lab, name)
    (written,) = (lab.entry.folder / "blobs").rglob("wines/best/MLmodel")
    held = yaml.safe_load(written.read_text(encoding="utf-8"))
    assert held["run_id"] == lab.client.jobs.get(name).properties["automl_best_child_run_id"]
    path = f"runs:/{held['run_id']}/{held['artifact_path']}"
    model = lab.client.models.create_or_update(Model(name="wines", path=path, type="mlflow_model"))
    lab.client.models.download(model.name, version=model.version, download_path=tmp_path / "again")
    (again,) = (tmp_path / "again").rglob("MLmodel")
    assert mlflow.pyfunc.load_model(str(again.parent)).predict(wine().drop(columns="target").head(2)).shape == (2,)


def test_both_ensembles_are_told_of(lab: labs.Lab, tmp_path: Path) -> None:
    wish = StackEnsembleSettings(
        stack_meta_learner_type="LogisticRegression", stack_meta_learner_k_wargs={"C": 0.5},
        stack_meta_learner_train_percentage=0.3,
    )._to_rest_object()  # fmt: skip # of SDK 1.35.2 only what goes over the wire can be sent
    job = classification(
        table(tmp_path / "wine", wine()), n_cross_validations=None, validation_data_size=0.3, limits={"max_trials": 3},
        training={"enable_stack_ensemble": True, "stack_ensemble_settings": wish},
    )  # fmt: skip

    name = lab.client.jobs.create_or_update(job).name

    assert lab.end(name).status == "Completed", log(lab, name)
    assert "StackEnsemble(LogisticRegression of " in log(lab, name)
    assert "The best model is " in log(lab, name)


def test_the_runs_of_a_search_have_metrics(lab: labs.Lab, tmp_path: Path) -> None:
    frame = load_diabetes(as_frame=True).frame
    job = automl.regression(
        training_data=table(tmp_path / "table", frame), target_column_name="target", primary_metric="r2_score",
        validation_data_size=0.3, test_data_size=0.1, experiment_name="diabetes",
    )  # fmt: skip
    job.set_limits(timeout_minutes=10, max_trials=3, max_concurrent_trials=2)
    job.set_training(allowed_training_algorithms=FAST_REGRESSION)

    name = lab.client.jobs.create_or_update(job).name
    ended = lab.end(name)

    assert ended.status == "Completed", log(lab, name)
    assert ended._to_dict()["task"] == "regression"
    uri = lab.client.workspaces.get(lab.client.workspace_name).mlflow_tracking_uri
    runs = mlflow.MlflowClient(uri)
    best = runs.get_run(ended.properties["automl_best_child_run_id"]).data.metrics
    assert best["r2_score"] > 0.3
    assert best["test_r2_score"] > 0.2
    one = runs.get_run(f"{name}_0").data.metrics
    assert 0.2 < one["r2_score"] <= best["r2_score"]


def test_the_memory_of_a_trial_is_a_number(lab: labs.Lab, tmp_path: Path) -> None:
    job = classification(table(tmp_path / "wine", wine()))
    job.properties = {"jupyter_aml.trial_memory_mb": "plenty"}

    with pytest.raises(HttpResponseError, match="trial_memory_mb is 'plenty'; expected megabytes"):
        lab.client.jobs.create_or_update(job)


def test_what_cannot_be_is_refused(lab: labs.Lab, tmp_path: Path) -> None:
    job = classification(table(tmp_path / "wine", wine()), n_cross_validations=1)

    with pytest.raises(HttpResponseError, match="n_cross_validations is 1; expected 2 at least"):
        lab.client.jobs.create_or_update(job)


def test_a_target_that_is_no_column_fails_with_the_columns_there_are(lab: labs.Lab, tmp_path: Path) -> None:
    job = classification(table(tmp_path / "wine", wine()), target_column_name="colour")

    name = lab.client.jobs.create_or_update(job).name

    assert lab.end(name).status == "Failed"
    assert "There is no column colour; the table has alcohol" in log(lab, name)


def test_a_search_ends_at_its_exit_score(lab: labs.Lab, tmp_path: Path) -> None:
    job = classification(table(tmp_path / "wine", wine()), limits={"exit_score": 0.5, "max_trials": 20})

    name = lab.client.jobs.create_or_update(job).name

    assert lab.end(name).status == "Completed"
    assert set(children(lab, name)) == {f"{name}_setup", f"{name}_0", f"{name}_1"}
    assert "The exit score 0.5 is reached." in log(lab, name)


def test_featurization_is_as_asked(lab: labs.Lab, tmp_path: Path) -> None:
    frame = wine().assign(proline=lambda one: one["proline"].where(one.index % 3 > 0))
    job = classification(table(tmp_path / "wine", frame), limits={"max_trials": 1})
    job.outputs = {"best_model": Output(type="mlflow_model")}
    job.set_featurization(
        column_name_and_types={"hue": "Ignore"},
        transformer_params={"imputer": [ColumnTransformer(fields=["proline"], parameters={"strategy": "median"})]},
    )

    name = lab.client.jobs.create_or_update(job).name
    assert lab.end(name).status == "Completed", log(lab, name)

    signature = mlflow.models.get_model_info(best_model(lab, name, tmp_path)).signature
    assert "hue" not in signature.inputs.input_names()
    assert "proline" in signature.inputs.input_names()


def begun(lab: labs.Lab, name: str, count: int) -> None:
    """Wait until so many trials have ended."""

    def there() -> bool:
        held = children(lab, name).values()
        return sum(child.status == "Completed" and not child.name.endswith("setup") for child in held) >= count

    labs.wait_for(there, f"{count} trials of {name}")


def test_a_search_that_is_to_stop_makes_the_best_of_what_it_has(lab: labs.Lab, tmp_path: Path) -> None:
    long = {"max_trials": 500, "timeout_minutes": 60, "enable_early_termination": False}
    name = lab.client.jobs.create_or_update(classification(table(tmp_path / "wine", wine()), limits=long)).name
    begun(lab, name, 2)

    job = lab.client.jobs.get(name)
    job.tags = {**job.tags, "jupyter_aml.stop": "now"}
    lab.client.jobs.create_or_update(job)

    ended = lab.end(name)
    assert ended.status == "Completed", log(lab, name)
    assert "The search is to stop" in log(lab, name)
    assert ended.properties["automl_best_child_run_id"] == max(
        children(lab, name), key=lambda one: int(one.rpartition("_")[2].replace("setup", "-1"))
    )


def test_a_search_that_is_cancelled_ends_with_all_its_trials(lab: labs.Lab, tmp_path: Path) -> None:
    long = {"max_trials": 500, "timeout_minutes": 60, "enable_early_termination": False}
    name = lab.client.jobs.create_or_update(classification(table(tmp_path / "wine", wine()), limits=long)).name
    begun(lab, name, 1)

    lab.client.jobs.begin_cancel(name).wait()

    assert lab.end(name).status == "Canceled"
    assert {child.status for child in children(lab, name).values()} <= {"Completed", "Canceled", "Failed"}


def test_a_search_goes_on_when_its_host_is_killed(lab: labs.Lab, tmp_path: Path) -> None:
    job = classification(table(tmp_path / "wine", wine()), limits={"max_trials": 8, "enable_early_termination": False})
    name = lab.client.jobs.create_or_update(job).name
    begun(lab, name, 2)
    home = lab.service.store.home
    pid = int((bell.ask(home, {"op": "status"}) or {})["pid"])

    os.kill(pid, signal.SIGKILL)
    labs.wait_for(lambda: not hosts.alive(pid), "the host's end")

    ended = lab.end(name)
    assert ended.status == "Completed", log(lab, name)
    assert set(children(lab, name)) == {f"{name}_setup", *(f"{name}_{number}" for number in range(9))}
    assert ended.properties["automl_best_child_run_id"] == f"{name}_8"


def test_a_series_is_forecast(lab: labs.Lab, tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=120, freq="D")
    level = {"north": 20.0, "south": 50.0}
    frame = pd.concat(
        pd.DataFrame({"day": days, "shop": shop, "sold": base + 5 * (days.dayofweek >= 5)})
        for shop, base in level.items()
    )
    job = automl.forecasting(
        training_data=table(tmp_path / "shops", frame), target_column_name="sold", n_cross_validations=3,
        primary_metric="normalized_root_mean_squared_error", experiment_name="shops",
        outputs={"best_model": Output(type="mlflow_model")},
    )  # fmt: skip
    job.set_forecast_settings(time_column_name="day", time_series_id_column_names=["shop"], forecast_horizon=7)
    job.set_limits(timeout_minutes=10, max_trials=4)

    name = lab.client.jobs.create_or_update(job).name

    assert lab.end(name).status == "Completed", log(lab, name)
    model = mlflow.pyfunc.load_model(best_model(lab, name, tmp_path))
    ahead = pd.date_range(days[-1] + pd.Timedelta(days=1), periods=7, freq="D")
    asked = pd.concat(pd.DataFrame({"day": ahead.strftime("%Y-%m-%d"), "shop": shop}) for shop in level)
    found = pd.DataFrame(model.predict(asked))
    truth = [base + 5 * (day.dayofweek >= 5) for base in level.values() for day in ahead]
    told = found.select_dtypes("number").iloc[:, 0].to_numpy() if found.shape[1] > 1 else found.iloc[:, 0].to_numpy()
    assert abs(told - truth).mean() < 2


def test_texts_are_told_apart(lab: labs.Lab, tmp_path: Path) -> None:
    good = [
        f"what a {word} film, I loved every minute" for word in ("great", "lovely", "fine", "funny", "warm", "wise")
    ]
    bad = [f"a {word} film, I left after ten minutes" for word in ("dull", "weak", "long", "sad", "cold", "silly")]
    frame = pd.DataFrame({"text": (good + bad) * 6, "mood": (["up"] * 6 + ["down"] * 6) * 6})
    data = table(tmp_path / "films", frame)
    job = automl.text_classification(
        training_data=data, validation_data=data, target_column_name="mood", primary_metric="accuracy",
        experiment_name="films", outputs={"best_model": Output(type="mlflow_model")},
    )  # fmt: skip
    job.set_limits(timeout_minutes=10, max_trials=2)

    name = lab.client.jobs.create_or_update(job).name

    assert lab.end(name).status == "Completed", log(lab, name)
    model = mlflow.pyfunc.load_model(best_model(lab, name, tmp_path))
    found = list(
        pd.DataFrame(model.predict(pd.DataFrame({"text": ["I loved it, a great film", "dull, I left"]}))).iloc[:, 0]
    )
    assert found == ["up", "down"]


def test_pictures_in_a_datastore_are_told_apart(lab: labs.Lab, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    pictures, colours = tmp_path / "pictures", {"warm": (200, 60, 40), "cold": (40, 60, 200)}
    pictures.mkdir()
    for name, colour in colours.items():
        for number in range(12):
            pixels = np.clip(draw.normal(colour, 30, size=(24, 24, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(pictures / f"{name}{number}.png")
    held = lab.client.data.create_or_update(Data(name="pictures", path=str(pictures), type="uri_folder"))
    lines = [
        json.dumps({"image_url": f"{held.path.rstrip('/')}/{path.name}", "label": path.stem.rstrip("0123456789")})
        for path in sorted(pictures.iterdir())
    ]
    folder = tmp_path / "marked"
    folder.mkdir()
    (folder / "marks.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "MLTable").write_text(
        "paths:\n- file: ./marks.jsonl\ntransformations:\n- read_json_lines:\n    encoding: utf8\n"
        "- convert_column_types:\n  - columns: image_url\n    column_type: stream_info\n"
    )
    data = Input(type="mltable", path=str(folder))
    job = automl.image_classification(
        training_data=data, validation_data=data, target_column_name="label", primary_metric="accuracy",
        experiment_name="pictures", outputs={"best_model": Output(type="mlflow_model")},
    )  # fmt: skip
    job.set_limits(timeout_minutes=10, max_trials=1)

    name = lab.client.jobs.create_or_update(job).name

    assert lab.end(name).status == "Completed", log(lab, name)
    model = mlflow.pyfunc.load_model(best_model(lab, name, tmp_path))
    asked = pd.DataFrame({"image": [(pictures / "cold3.png").read_bytes(), (pictures / "warm3.png").read_bytes()]})
    found = pd.DataFrame(model.predict(asked))
    best = [labels[int(np.argmax(probs))] for probs, labels in zip(found["probs"], found["labels"], strict=True)]
    assert best == ["cold", "warm"]
