"""Logged models of MLflow 3 over its REST."""

from __future__ import annotations

import json
import uuid
from typing import Any

from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.store.database import dumps
from jupyter_aml.local.tracking import (
    experiments,
    faults,
    limits,
    logged_models,
    matching,
    names,
    places,
    runs,
)
from jupyter_aml.local.tracking.api import artifacts
from jupyter_aml.local.tracking.api.call import Call, Endpoint
from jupyter_aml.local.tracking.experiments import ACTIVE, DELETED
from jupyter_aml.local.tracking.grammar import ATTRIBUTE, METRIC, PARAM, TAG, Grammar, Order

GRAMMAR = Grammar(
    text=frozenset({"name", "model_id", "model_type", "status", "source_run_id"}),
    numeric=frozenset({"creation_timestamp", "last_updated_timestamp"}),
    kinds=frozenset({METRIC, PARAM, TAG}),
    aliases={"creation_time": "creation_timestamp", "last_updated_time": "last_updated_timestamp"},
)
PAGE = 50
MOST = 1000


def create(call: Call) -> dict[str, Any]:
    """POST logged-models; what a job logs outside of any run of its script's is logged in the job's own."""
    made = uuid.uuid4()
    model_id = f"m-{made.hex}"
    source_id = call.text("source_run_id") or call.identity.job
    with call.database.write() as tx:
        experiment = experiments.active(tx, call.text("experiment_id") or experiments.DEFAULT)
        logged_models.create(
            tx,
            call.folder,
            model_id=model_id,
            experiment=experiment["id"],
            name=call.text("name") or names.generated(made.int),
            kind=call.text("model_type"),
            source=runs.row(tx, source_id) if source_id else None,
            user=call.identity.name,
            now=call.ms,
            tags=call.pairs("tags"),
            params=call.pairs("params"),
        )
        return {"model": logged_models.on_wire(tx, logged_models.row(tx, model_id), call.folder)}


def get(call: Call) -> dict[str, Any]:
    """GET logged-models/{model_id}."""
    with call.database.read() as reader:
        held = logged_models.row(reader, call.parts["model_id"])
        return {"model": logged_models.on_wire(reader, held, call.folder)}


def finalize(call: Call) -> dict[str, Any]:
    """PATCH logged-models/{model_id}: its files are there, or could not be written."""
    status = call.required("status")
    status = logged_models.STATUSES.get(status, status)
    if status not in logged_models.STATUSES.values():
        raise faults.invalid(
            f"Invalid model status: {status}. Expected one of {', '.join(logged_models.STATUSES.values())}."
        )
    with call.database.write() as tx:
        model_id = logged_models.row(tx, call.parts["model_id"])["model_id"]
        tx.execute("UPDATE logged_models SET status=?, modified=? WHERE model_id=?", (status, call.ms, model_id))
        tx.note("logged_models", model_id)
        return {"model": logged_models.on_wire(tx, logged_models.row(tx, model_id), call.folder)}


def delete(call: Call) -> dict[str, Any]:
    """DELETE logged-models/{model_id}: its files stay with the run."""
    with call.database.write() as tx:
        model_id = logged_models.row(tx, call.parts["model_id"])["model_id"]
        tx.execute("UPDATE logged_models SET lifecycle_stage=? WHERE model_id=?", (DELETED, model_id))
        tx.note("logged_models", model_id, "", "delete")
    return {}


def log_params(call: Call) -> dict[str, Any]:
    """POST logged-models/{model_id}/params."""
    new = logged_models.checked_params(call.pairs("params"))
    with call.database.write() as tx:
        logged_models.merge(tx, call.parts["model_id"], "params", new, call.ms)
    return {}


def set_tags(call: Call) -> dict[str, Any]:
    """PATCH logged-models/{model_id}/tags."""
    new = logged_models.checked_tags(call.pairs("tags"))
    with call.database.write() as tx:
        logged_models.merge(tx, call.parts["model_id"], "tags", new, call.ms)
        held = logged_models.row(tx, call.parts["model_id"])
        return {"model": logged_models.on_wire(tx, held, call.folder)}


def delete_tag(call: Call) -> dict[str, Any]:
    """DELETE logged-models/{model_id}/tags/{key}."""
    model_id, key = call.parts["model_id"], call.parts["key"]
    with call.database.write() as tx:
        held = json.loads(logged_models.row(tx, model_id)["tags"])
        if key not in held:
            raise faults.missing(f"Tag '{key}' does not exist on logged model '{model_id}'.")
        del held[key]
        tx.execute("UPDATE logged_models SET tags=?, modified=? WHERE model_id=?", (dumps(held), call.ms, model_id))
        tx.note("logged_models", model_id)
    return {}


def list_artifacts(call: Call) -> dict[str, Any]:
    """GET logged-models/{model_id}/artifacts/directories."""
    with call.database.read() as reader:
        place = logged_models.row(reader, call.parts["model_id"])["place"]
    path = call.text("artifact_directory_path")
    return artifacts.listing(places.uri(call.folder, place), places.path(call.folder, place), path)


def get_artifact(call: Call) -> Response:
    """GET logged-models/{model_id}/artifacts/files?artifact_file_path=: what MLflow's UI shows of a model."""
    path = call.required("artifact_file_path")
    with call.database.read() as reader:
        place = logged_models.row(reader, call.parts["model_id"])["place"]
    root = places.path(call.folder, place)
    if root is None:
        raise faults.invalid("The model's files are not on this machine.")
    return artifacts.send(places.below(root, path), path)


def _look(item: dict[str, Any], kind: str, key: str) -> Any:
    info, data = item["info"], item["data"]
    if kind == METRIC:
        values = [point["value"] for point in data["metrics"] if point["key"] == key]
        return float(values[-1]) if values else None
    if kind in {PARAM, TAG}:
        held = data["params"] if kind == PARAM else info["tags"]
        return next((pair["value"] for pair in held if pair["key"] == key), None)
    if key == "status":
        return str(info["status"]).removeprefix("LOGGED_MODEL_")
    return info[f"{key}_ms" if key.endswith("timestamp") else key]


def _on_dataset(item: dict[str, Any], datasets: list[tuple[str, str]]) -> bool:
    return not datasets or any(
        point.get("dataset_name") == name and (not digest or point.get("dataset_digest") == digest)
        for point in item["data"]["metrics"]
        for name, digest in datasets
    )


def search(call: Call) -> dict[str, Any]:
    """POST logged-models/search."""
    size = limits.page_size(call.body.get("max_results"), PAGE, MOST)
    numbers = [experiments.number(one) for one in call.listed("experiment_ids")]
    clauses = GRAMMAR.filter(call.text("filter"))
    order = []
    for term in call.objects("order_by"):
        kind, key = GRAMMAR.identifier(str(term.get("field_name") or ""))
        order.append(Order(kind, key, descending=not term.get("ascending", True)))
    if not any(term.key == "creation_timestamp" for term in order):
        order.append(Order(ATTRIBUTE, "creation_timestamp", descending=True))
    order.append(Order(ATTRIBUTE, "model_id"))
    datasets = [
        (str(one.get("dataset_name") or ""), str(one.get("dataset_digest") or "")) for one in call.objects("datasets")
    ]
    with call.database.read() as reader:
        rows = reader.execute(
            "SELECT * FROM logged_models WHERE lifecycle_stage=?"  # noqa: S608 - only question marks
            f" AND experiment IN ({','.join('?' * len(numbers))})",
            (ACTIVE, *numbers),
        ).fetchall()
        shown = [logged_models.on_wire(reader, held, call.folder) for held in rows]
    kept = [item for item in matching.matching(shown, clauses, _look) if _on_dataset(item, datasets)]
    found, token = matching.page(kept, order, _look, token=call.text("page_token"), size=size)
    return {"models": found, **({"next_page_token": token} if token else {})}


ROUTES = (
    Endpoint("POST", "mlflow/logged-models", create),
    Endpoint("POST", "mlflow/logged-models/search", search),
    Endpoint("GET", "mlflow/logged-models/{model_id}", get),
    Endpoint("PATCH", "mlflow/logged-models/{model_id}", finalize),
    Endpoint("DELETE", "mlflow/logged-models/{model_id}", delete),
    Endpoint("POST", "mlflow/logged-models/{model_id}/params", log_params),
    Endpoint("PATCH", "mlflow/logged-models/{model_id}/tags", set_tags),
    Endpoint("DELETE", "mlflow/logged-models/{model_id}/tags/{key:path}", delete_tag),
    Endpoint("GET", "mlflow/logged-models/{model_id}/artifacts/directories", list_artifacts),
    Endpoint("GET", "mlflow/logged-models/{model_id}/artifacts/files", get_artifact),
)
