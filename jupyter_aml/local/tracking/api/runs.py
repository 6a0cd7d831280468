"""Runs over MLflow's REST: their life, tags, inputs and search."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from jupyter_aml.local.store.database import Transaction, dumps
from jupyter_aml.local.tracking import experiments, faults, limits, names, places, run_search, runs
from jupyter_aml.local.tracking.api import artifacts
from jupyter_aml.local.tracking.api.call import Call, Endpoint
from jupyter_aml.local.tracking.experiments import ACTIVE, DELETED

MODELS_TAG = "mlflow.log-model.history"
STATUS_NUMBERS = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}


def create(call: Call) -> dict[str, Any]:
    """POST runs/create: an interactive run; a job makes its own beforehand."""
    tags = {key: str(value) for key, value in call.pairs("tags").items()}
    given, tagged = call.text("run_name"), tags.get(runs.NAME_TAG, "")
    if given and tagged and given != tagged:
        raise faults.invalid(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values"
            f" (run_name='{given}', mlflow.runName='{tagged}')."
        )
    made = uuid.uuid4()
    run_id = made.hex
    name = given or tagged or names.generated(made.int)
    start = call.whole("start_time", 0)
    with call.database.write() as tx:
        experiment = experiments.active(tx, call.text("experiment_id") or experiments.DEFAULT)
        place = f"{experiment['place']}/{run_id}/artifacts" if experiment["place"] else run_id
        runs.create(
            tx,
            run_id=run_id,
            experiment=experiment["id"],
            name=name,
            user=call.text("user_id") or call.identity.name,
            status="RUNNING",
            start=call.ms if start is None else start,
            place=place,
            tags={**tags, runs.NAME_TAG: name},
        )
        return {"run": runs.whole(tx, [runs.row(tx, run_id)], call.folder)[0]}


def get(call: Call) -> dict[str, Any]:
    """GET runs/get."""
    with call.database.read() as reader:
        return {"run": runs.whole(reader, [runs.row(reader, call.run_id)], call.folder)[0]}


def update(call: Call) -> dict[str, Any]:
    """POST runs/update: status, end, name. The job's own status is the executor's business."""
    status = call.text("status")
    with call.database.write() as tx:
        runs.update(
            tx,
            call.run_id,
            status=STATUS_NUMBERS.get(status, status) or None,
            end=call.whole("end_time", 0),
            name=call.text("run_name") or None,
        )
        return {"run_info": runs.info(runs.row(tx, call.run_id), call.folder)}


def delete(call: Call) -> dict[str, Any]:
    """POST runs/delete: until it is restored."""
    with call.database.write() as tx:
        runs.set_stage(tx, call.run_id, DELETED, call.ms)
    return {}


def restore(call: Call) -> dict[str, Any]:
    """POST runs/restore."""
    with call.database.write() as tx:
        runs.set_stage(tx, call.run_id, ACTIVE, call.ms)
    return {}


def set_tag(call: Call) -> dict[str, Any]:
    """POST runs/set-tag."""
    with call.database.write() as tx:
        runs.set_tags(tx, call.run_id, {call.required("key"): call.text("value")})
    return {}


def delete_tag(call: Call) -> dict[str, Any]:
    """POST runs/delete-tag."""
    with call.database.write() as tx:
        runs.delete_tag(tx, call.run_id, call.required("key"))
    return {}


def search(call: Call) -> dict[str, Any]:
    """POST runs/search."""
    size = limits.page_size(call.body.get("max_results"), 1000, limits.RUNS_PER_PAGE)
    with call.database.read() as reader:
        rows, token = run_search.search(
            reader,
            call.folder,
            experiments=[experiments.number(one) for one in call.listed("experiment_ids")],
            text=call.text("filter"),
            view=call.body.get("run_view_type"),
            order=call.listed("order_by"),
            size=size,
            token=call.text("page_token"),
        )
        found = runs.whole(reader, rows, call.folder)
    return {"runs": found, **({"next_page_token": token} if token else {})}


def log_inputs(call: Call) -> dict[str, Any]:
    """POST runs/log-inputs: datasets and logged models that a run took."""
    with call.database.write() as tx:
        run = runs.active(tx, call.run_id)
        for given in call.objects("datasets"):
            _log_dataset(tx, run["id"], run["experiment"], given)
        for model in call.objects("models"):
            _link(tx, run["id"], "in", model)
        runs.changed(tx, run["run_id"])
    return {}


def _log_dataset(tx: Transaction, run: int, experiment: int, given: Mapping[str, Any]) -> None:
    dataset = given.get("dataset")
    if not isinstance(dataset, dict) or not dataset.get("name") or not dataset.get("digest"):
        raise faults.invalid("A dataset input needs 'dataset' with 'name' and 'digest'.")
    for field, most in limits.DATASET_LIMITS.items():
        limits.within(dataset.get(field), f"dataset.{field}", most)
    key = (experiment, dataset["name"], dataset["digest"])
    tx.execute(
        "INSERT INTO datasets(experiment, name, digest, source_type, source, schema, profile)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            *key,
            str(dataset.get("source_type") or ""),
            str(dataset.get("source") or ""),
            dataset.get("schema"),
            dataset.get("profile"),
        ),
    )
    number = tx.execute("SELECT id FROM datasets WHERE experiment=? AND name=? AND digest=?", key).fetchone()[0]
    tags = {str(tag.get("key")): str(tag.get("value")) for tag in given.get("tags") or []}
    tx.execute(
        "INSERT INTO run_datasets(run, dataset, tags) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (run, number, dumps(tags)),
    )


def log_outputs(call: Call) -> dict[str, Any]:
    """POST runs/outputs: logged models that a run made (3.x)."""
    with call.database.write() as tx:
        run = runs.active(tx, call.run_id)
        for model in call.objects("models"):
            _link(tx, run["id"], "out", model)
        runs.changed(tx, run["run_id"])
    return {}


def _link(tx: Transaction, run: int, direction: str, model: Mapping[str, Any]) -> None:
    if not model.get("model_id"):
        raise faults.invalid("Missing value for required parameter 'models.model_id'.")
    tx.execute(
        "INSERT INTO run_models(run, direction, model_id, step) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET step=excluded.step",
        (run, direction, str(model["model_id"]), limits.whole(model.get("step") or 0, "step")),
    )


def log_model(call: Call) -> dict[str, Any]:
    """POST runs/log-model (2.x): the model's description joins the run's tag, as MLflow keeps it."""
    try:
        model = json.loads(call.required("model_json"))
    except ValueError as error:
        raise faults.invalid(f"Malformed model info. The 'model_json' is not JSON: {error}.") from error
    absent = {"artifact_path", "flavors", "utc_time_created", "run_id"} - set(model if isinstance(model, dict) else ())
    if absent:
        raise faults.invalid(f"Model json is missing mandatory fields: {sorted(absent)}")
    with call.database.write() as tx:
        run = runs.active(tx, call.run_id)
        held = tx.execute("SELECT value FROM run_tags WHERE run=? AND key=?", (run["id"], MODELS_TAG)).fetchone()
        kept = json.loads(held["value"]) if held else []
        tx.execute(
            "INSERT INTO run_tags(run, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value=excluded.value",
            (run["id"], MODELS_TAG, dumps([*kept, model])),
        )
        runs.changed(tx, run["run_id"])
    return {}


def list_artifacts(call: Call) -> dict[str, Any]:
    """GET artifacts/list."""
    with call.database.read() as reader:
        held = runs.row(reader, call.run_id)
    return artifacts.listing(
        places.uri(call.folder, held["place"]), places.path(call.folder, held["place"]), call.text("path")
    )


ROUTES = (
    Endpoint("POST", "mlflow/runs/create", create),
    Endpoint("GET", "mlflow/runs/get", get),
    Endpoint("POST", "mlflow/runs/update", update),
    Endpoint("POST", "mlflow/runs/delete", delete),
    Endpoint("POST", "mlflow/runs/restore", restore),
    Endpoint("POST", "mlflow/runs/set-tag", set_tag),
    Endpoint("POST", "mlflow/runs/delete-tag", delete_tag),
    Endpoint("POST", "mlflow/runs/search", search),
    Endpoint("POST", "mlflow/runs/log-inputs", log_inputs),
    Endpoint("POST", "mlflow/runs/outputs", log_outputs),
    Endpoint("POST", "mlflow/runs/log-model", log_model),
    Endpoint("GET", "mlflow/artifacts/list", list_artifacts),
)
