"""What people do with MLflow, run by a real client of version 2.x or 3.x against MLFLOW_TRACKING_URI.

It prints one JSON object of facts at the end. `mlflow_recording.py` records its requests.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

# ruff: noqa: E402 - MLflow reads these as it is imported
warnings.simplefilter("ignore")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

import matplotlib as mpl
import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

mpl.use("Agg")

THREE = int(mlflow.__version__.split(".")[0]) >= 3


def refusal(call: Any) -> str:
    """The error code of a call that must be refused."""
    try:
        call()
    except MlflowException as error:
        return str(error.error_code)
    return "accepted"


def experiments(client: MlflowClient) -> dict[str, Any]:
    """Experiments from creation to deletion and back."""
    kept = mlflow.set_experiment("kept").experiment_id
    other = client.create_experiment("other", tags={"team": "blue"})
    client.set_experiment_tag(other, "stage", "draft")
    client.rename_experiment(other, "renamed")
    client.delete_experiment(other)
    deleted = client.get_experiment(other).lifecycle_stage
    client.restore_experiment(other)
    found = client.search_experiments(filter_string="tags.team = 'blue'", order_by=["name ASC"])
    return {
        "kept": kept,
        "deleted": deleted,
        "found": [one.name for one in found],
        "twice": refusal(lambda: client.create_experiment("renamed")),
        "absent": client.get_experiment_by_name("nobody"),
    }


def fluent() -> dict[str, Any]:
    """Runs, nested runs, params, metrics, tags and every kind of artifact."""
    import matplotlib.pyplot as plt

    with mlflow.start_run(run_name="outer", tags={"who": "ada"}, description="the outer run") as outer:
        mlflow.log_params({"lr": 0.1, "depth": 3})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"auc": 0.9, "odd": math.nan, "far": math.inf})
        mlflow.set_tags({"colour": "blue", "shape": "round"})
        mlflow.delete_tag("shape")
        figure, axes = plt.subplots()
        axes.plot([1, 2, 3])
        mlflow.log_figure(figure, "plots/line.png")
        plt.close(figure)
        mlflow.log_dict({"a": 1}, "facts/a.json")
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_table({"x": [1, 2], "y": ["a", "b"]}, artifact_file="table.json")
        frame = pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]})
        mlflow.log_input(mlflow.data.from_pandas(frame, name="toy", targets="y"), context="training")
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "one.txt").write_text("1", encoding="utf-8")
            Path(folder, "two words.txt").write_text("2", encoding="utf-8")
            mlflow.log_artifacts(folder, "folder")
        with mlflow.start_run(run_name="inner", nested=True) as inner:
            mlflow.log_metric("loss", 0.5)
        changed = refusal(lambda: mlflow.log_param("lr", 0.2))
    return {"outer": outer.info.run_id, "inner": inner.info.run_id, "changed": changed}


def reads(client: MlflowClient, facts: dict[str, Any]) -> dict[str, Any]:
    """What was written comes back."""
    run = client.get_run(facts["outer"])
    paths = sorted(one.path for one in client.list_artifacts(run.info.run_id))
    history = client.get_metric_history(run.info.run_id, "loss")
    text = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/hello.txt")
    local = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="folder")
    found = mlflow.search_runs(filter_string="metrics.loss < 0.6 AND tags.colour = 'blue' AND params.lr = '0.1'")
    return {
        "status": run.info.status,
        "params": run.data.params,
        "nan": math.isnan(run.data.metrics["odd"]),
        "inf": run.data.metrics["far"],
        "tags": {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")},
        "paths": paths,
        "history": [(one.step, round(one.value, 3)) for one in history],
        "text": text,
        "folder": sorted(path.name for path in Path(local).iterdir()),
        "found": list(found["run_id"]) == [facts["outer"]],
        "dataset": run.inputs.dataset_inputs[0].dataset.name,
        "parent": client.get_run(facts["inner"]).data.tags["mlflow.parentRunId"] == facts["outer"],
        "table": mlflow.load_table("table.json", run_ids=[facts["outer"]])["y"].tolist(),
    }


def client_calls(client: MlflowClient, experiment: str) -> dict[str, Any]:
    """The low-level client: batches, updates, deletion, searching in pages."""
    made = [client.create_run(experiment, start_time=index + 1, tags={"n": str(index)}) for index in range(5)]
    first = made[0].info.run_id
    client.log_batch(
        first,
        metrics=[Metric("m", float(step), 1000 + step, step) for step in range(20)],
        params=[Param("p", "1")],
        tags=[RunTag("t", "1")],
    )
    client.update_run(first, status="FAILED", name="first")
    client.set_terminated(made[1].info.run_id, "KILLED", end_time=99)
    client.delete_run(made[2].info.run_id)
    deleted = client.get_run(made[2].info.run_id).info.lifecycle_stage
    refused = refusal(lambda: client.log_metric(made[2].info.run_id, "m", 1.0))
    client.restore_run(made[2].info.run_id)
    pages, token = [], None
    while True:
        page = client.search_runs(
            [experiment], "tags.n != 'x'", order_by=["metrics.m DESC"], max_results=2, page_token=token
        )
        pages.append([one.data.tags["n"] for one in page])
        token = page.token
        if not token:
            break
    return {
        "pages": pages,
        "deleted": deleted,
        "refused": refused,
        "name": client.get_run(first).info.run_name,
        "absent": refusal(lambda: client.get_run("nobody")),
        "grammar": refusal(lambda: client.search_runs([experiment], "metrics.m >> 1")),
    }


def autolog(*, log_models: bool) -> dict[str, Any]:
    """autolog with a grid search: a parent run with children."""
    frame = load_iris(as_frame=True)
    mlflow.sklearn.autolog(log_models=log_models, log_datasets=True, max_tuning_runs=2, silent=True)
    search = GridSearchCV(LogisticRegression(max_iter=200), {"C": [0.1, 1.0]}, cv=2)
    with mlflow.start_run(run_name="grid") as run:
        search.fit(frame.data, frame.target)
    mlflow.sklearn.autolog(disable=True, silent=True)
    found = mlflow.search_runs(filter_string=f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
    held = MlflowClient().get_run(run.info.run_id)
    return {
        "children": len(found),
        "score": "best_cv_score" in held.data.metrics,
        "datasets": len(held.inputs.dataset_inputs),
    }


def models(client: MlflowClient) -> dict[str, Any]:
    """Log, register, describe, promote, load and remove a model."""
    data = load_iris()
    model = LogisticRegression(max_iter=200).fit(data.data, data.target)
    named = {"name": "model"} if THREE else {"artifact_path": "model"}
    with mlflow.start_run(run_name="fitted") as run:
        logged = mlflow.sklearn.log_model(
            model,
            **named,
            input_example=data.data[:2],
            pip_requirements=["scikit-learn"],
            serialization_format="cloudpickle",
            registered_model_name="iris",
        )
    run_id = run.info.run_id
    second = mlflow.register_model(f"runs:/{run_id}/model", "iris", tags={"from": "run"})
    client.update_registered_model("iris", "flowers")
    client.set_registered_model_tag("iris", "team", "blue")
    client.update_model_version("iris", second.version, "the second")
    client.set_model_version_tag("iris", second.version, "good", "yes")
    client.set_registered_model_alias("iris", "champion", second.version)
    client.transition_model_version_stage("iris", "1", "Production")
    latest = {one.current_stage: one.version for one in client.get_latest_versions("iris")}
    scores = [
        float(np.mean(mlflow.pyfunc.load_model(uri).predict(data.data) == data.target))
        for uri in (
            logged.model_uri,
            f"runs:/{run_id}/model",
            "models:/iris/1",
            "models:/iris@champion",
            "models:/iris/Production",
        )
    ]
    found = client.search_model_versions("name = 'iris'", order_by=["version_number DESC"])
    by_alias = client.get_model_version_by_alias("iris", "champion")
    copied = client.copy_model_version(f"models:/iris/{second.version}", "iris-copy")
    client.delete_registered_model_alias("iris", "champion")
    client.delete_model_version_tag("iris", second.version, "good")
    client.delete_registered_model_tag("iris", "team")
    client.rename_registered_model("iris-copy", "iris-renamed")
    names = sorted(one.name for one in client.search_registered_models(filter_string="name LIKE 'iris%'"))
    client.delete_model_version("iris-renamed", copied.version)
    client.delete_registered_model("iris-renamed")
    facts = {
        "run": run_id,
        "latest": latest,
        "scores": [score > 0.9 for score in scores],
        "versions": [(one.version, one.description or "") for one in found],
        "alias": by_alias.version,
        "download": client.get_model_version_download_uri("iris", "1").rsplit("/", 1)[-1] in {"model", "artifacts"},
        "names": names,
        "twice": refusal(lambda: client.create_registered_model("iris")),
        "absent": refusal(lambda: client.get_model_version("iris", "99")),
        "description": client.get_registered_model("iris").description,
    }
    if THREE:
        facts["logged"] = logged_models(client, run_id, logged.model_id)
    return facts


def logged_models(client: MlflowClient, run_id: str, model_id: str) -> dict[str, Any]:
    """Logged models of MLflow 3."""
    client.set_logged_model_tags(model_id, {"quality": "good", "spare": "1"})
    client.delete_logged_model_tag(model_id, "spare")
    with mlflow.start_run(run_id=run_id):
        mlflow.log_metric("accuracy", 0.97, model_id=model_id)
    held = mlflow.get_logged_model(model_id)
    experiment = client.get_run(run_id).info.experiment_id
    found = mlflow.search_logged_models([experiment], filter_string="metrics.accuracy > 0.9", output_format="list")
    spare = mlflow.initialize_logged_model("spare", params={"a": "1"})
    mlflow.finalize_logged_model(spare.model_id, "READY")
    client.delete_logged_model(spare.model_id)
    return {
        "status": str(held.status),
        "tags": held.tags["quality"],
        "found": [one.model_id for one in found] == [model_id],
        "metrics": [one.value for one in held.metrics],
        "artifacts": "MLmodel" in {one.path for one in client.list_logged_model_artifacts(model_id)},
        "outputs": [one.model_id for one in client.get_run(run_id).outputs.model_outputs] == [model_id],
    }


def proxied(client: MlflowClient) -> dict[str, Any]:
    """Artifacts that travel through the service."""
    experiment = client.create_experiment("proxied", artifact_location="mlflow-artifacts:/proxied")
    run_id = client.create_run(experiment).info.run_id
    client.log_text(run_id, "über", "deep/er/ünder score.txt")
    local = mlflow.artifacts.download_artifacts(
        run_id=run_id, artifact_path="deep", tracking_uri=mlflow.get_tracking_uri()
    )
    text = Path(local, "er", "ünder score.txt").read_text(encoding="utf-8")
    mlflow.artifacts.list_artifacts(run_id=run_id)
    return {"text": text, "listed": [one.path for one in client.list_artifacts(run_id, "deep/er")]}


def tracing(client: MlflowClient, experiment: str) -> dict[str, Any]:
    """Traces: written, searched, tagged, deleted."""

    @mlflow.trace(name="outer")
    def work(value: int) -> int:
        with mlflow.start_span("inner"):
            return value + 1

    work(1)
    if hasattr(mlflow, "flush_trace_async_logging"):
        mlflow.flush_trace_async_logging()
    found = client.search_traces(experiment_ids=[experiment])
    trace_id = found[0].info.request_id if not THREE else found[0].info.trace_id
    client.set_trace_tag(trace_id, "seen", "yes")
    spans = [span.name for span in client.get_trace(trace_id).data.spans]
    tags = client.get_trace(trace_id).info.tags
    client.delete_trace_tag(trace_id, "seen")
    removed = client.delete_traces(experiment, **{"trace_ids" if THREE else "request_ids": [trace_id]})
    return {"spans": sorted(spans), "seen": tags["seen"], "removed": removed}


def main() -> None:
    """Do everything, print the facts."""
    client = MlflowClient()
    facts: dict[str, Any] = {"experiments": experiments(client)}
    facts["fluent"] = fluent()
    facts["reads"] = reads(client, facts["fluent"])
    facts["client"] = client_calls(client, client.create_experiment("low"))
    facts["autolog"] = autolog(log_models=os.environ.get("WORKLOAD_LOG_MODELS") == "1")
    facts["models"] = models(client)
    facts["proxied"] = proxied(client)
    facts["traces"] = tracing(client, facts["experiments"]["kept"])
    sys.stdout.write("FACTS " + json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
