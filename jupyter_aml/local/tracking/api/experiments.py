"""Experiments over MLflow's REST."""

from __future__ import annotations

import sqlite3
from typing import Any

from jupyter_aml.local.tracking import experiments, faults, limits, matching, places, run_search
from jupyter_aml.local.tracking.api.call import Call, Endpoint
from jupyter_aml.local.tracking.experiments import ACTIVE, DELETED, Reader
from jupyter_aml.local.tracking.grammar import ATTRIBUTE, TAG, Grammar, Order

GRAMMAR = Grammar(
    text=frozenset({"name", "experiment_id"}),
    numeric=frozenset({"creation_time", "last_update_time"}),
    kinds=frozenset({TAG}),
    lists=frozenset({"experiment_id"}),
)


def _shown(reader: Reader, rows: list[sqlite3.Row], call: Call) -> list[dict[str, Any]]:
    tags = experiments.tags_of(reader, [held["id"] for held in rows])
    return [experiments.on_wire(held, tags[held["id"]], call.folder) for held in rows]


def create(call: Call) -> dict[str, Any]:
    """POST experiments/create."""
    location = call.text("artifact_location")
    place = places.relative(call.folder, location) if location else ""
    if place and not places.is_whole(place):
        places.below(call.folder / places.RUNS, place)
    with call.database.write() as tx:
        made = experiments.create(tx, call.required("name"), call.ms, place=place, tags=call.pairs("tags"))
    return {"experiment_id": str(made)}


def get(call: Call) -> dict[str, Any]:
    """GET experiments/get."""
    with call.database.read() as reader:
        held = experiments.row(reader, call.required("experiment_id"))
        return {"experiment": _shown(reader, [held], call)[0]}


def get_by_name(call: Call) -> dict[str, Any]:
    """GET experiments/get-by-name."""
    name = call.required("experiment_name")
    with call.database.read() as reader:
        held = experiments.by_name(reader, name)
        if held is None:
            raise faults.missing(f"Could not find experiment with name '{name}'")
        return {"experiment": _shown(reader, [held], call)[0]}


def _look(item: dict[str, Any], kind: str, key: str) -> Any:
    if kind == TAG:
        return next((tag["value"] for tag in item["tags"] if tag["key"] == key), None)
    return int(item["experiment_id"]) if key == "number" else item[key]


def search(call: Call) -> dict[str, Any]:
    """POST or GET experiments/search (and 1.x's list)."""
    size = limits.page_size(call.body.get("max_results"), 1000, limits.EXPERIMENTS_PER_PAGE)
    clauses = GRAMMAR.filter(call.text("filter"))
    order = GRAMMAR.order(call.listed("order_by")) or [Order(ATTRIBUTE, "creation_time", descending=True)]
    order.append(Order(ATTRIBUTE, "number", descending=True))
    stages = run_search.stages(call.body.get("view_type"))
    with call.database.read() as reader:
        rows = reader.execute("SELECT * FROM experiments").fetchall()
        shown = _shown(reader, [held for held in rows if held["lifecycle_stage"] in stages], call)
    found, token = matching.page(
        matching.matching(shown, clauses, _look), order, _look, token=call.text("page_token"), size=size
    )
    return {"experiments": found, **({"next_page_token": token} if token else {})}


def update(call: Call) -> dict[str, Any]:
    """POST experiments/update: a new name."""
    with call.database.write() as tx:
        held = experiments.active(tx, call.required("experiment_id"))
        if call.text("new_name"):
            experiments.rename(tx, held["id"], call.text("new_name"), call.ms)
    return {}


def delete(call: Call) -> dict[str, Any]:
    """POST experiments/delete: with its runs, until it is restored."""
    with call.database.write() as tx:
        held = experiments.row(tx, call.required("experiment_id"))
        if held["lifecycle_stage"] != ACTIVE:
            raise faults.missing(f"No active Experiment with id={held['id']} exists")
        experiments.set_stage(tx, held["id"], DELETED, call.ms)
    return {}


def restore(call: Call) -> dict[str, Any]:
    """POST experiments/restore."""
    with call.database.write() as tx:
        held = experiments.row(tx, call.required("experiment_id"))
        if held["lifecycle_stage"] != DELETED:
            raise faults.missing(f"No deleted Experiment with id={held['id']} exists")
        experiments.set_stage(tx, held["id"], ACTIVE, call.ms)
    return {}


def set_tag(call: Call) -> dict[str, Any]:
    """POST experiments/set-experiment-tag."""
    with call.database.write() as tx:
        held = experiments.active(tx, call.required("experiment_id"))
        experiments.set_tag(tx, held["id"], call.required("key"), call.text("value"), call.ms)
        tx.note("experiments", held["name"])
    return {}


def delete_tag(call: Call) -> dict[str, Any]:
    """POST experiments/delete-experiment-tag."""
    key = call.required("key")
    with call.database.write() as tx:
        held = experiments.active(tx, call.required("experiment_id"))
        removed = tx.execute("DELETE FROM experiment_tags WHERE experiment=? AND key=?", (held["id"], key))
        if not removed.rowcount:
            raise faults.missing(f"No tag with name: {key} in experiment with id {held['id']}")
        tx.note("experiments", held["name"])
    return {}


def search_datasets(call: Call) -> dict[str, Any]:
    """POST experiments/search-datasets: what the runs of some experiments took as input."""
    numbers = [experiments.number(one) for one in call.listed("experiment_ids")]
    if not numbers:
        raise faults.invalid("SearchDatasets request must specify at least one experiment_id.")
    with call.database.read() as reader:
        rows = reader.execute(
            "SELECT DISTINCT experiment, name, digest,"  # noqa: S608 - only question marks
            """ json_extract(run_datasets.tags, '$."mlflow.data.context"') AS context"""
            " FROM datasets LEFT JOIN run_datasets ON dataset=datasets.id"
            f" WHERE experiment IN ({','.join('?' * len(numbers))}) ORDER BY name, digest LIMIT 1000",
            numbers,
        ).fetchall()
    return {
        "dataset_summaries": [
            {
                "experiment_id": str(held["experiment"]),
                "name": held["name"],
                "digest": held["digest"],
                **({"context": held["context"]} if held["context"] else {}),
            }
            for held in rows
        ]
    }


ROUTES = (
    Endpoint("POST", "mlflow/experiments/create", create),
    Endpoint("GET", "mlflow/experiments/get", get),
    Endpoint("GET", "mlflow/experiments/get-by-name", get_by_name),
    Endpoint("POST", "mlflow/experiments/search", search),
    Endpoint("GET", "mlflow/experiments/search", search),
    Endpoint("GET", "mlflow/experiments/list", search),
    Endpoint("POST", "mlflow/experiments/update", update),
    Endpoint("POST", "mlflow/experiments/delete", delete),
    Endpoint("POST", "mlflow/experiments/restore", restore),
    Endpoint("POST", "mlflow/experiments/set-experiment-tag", set_tag),
    Endpoint("POST", "mlflow/experiments/delete-experiment-tag", delete_tag),
    Endpoint("POST", "mlflow/experiments/search-datasets", search_datasets),
)
