"""Model versions over MLflow's REST: the workspace's model assets, version by version."""

from __future__ import annotations

import re
from typing import Any

from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.store import records
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.tracking import faults, limits, logged_models, matching, model_uris, places, registry
from jupyter_aml.local.tracking.api import artifacts
from jupyter_aml.local.tracking.api.call import Call, Endpoint
from jupyter_aml.local.tracking.api.models import look, refuse_prompts
from jupyter_aml.local.tracking.experiments import Reader
from jupyter_aml.local.tracking.grammar import ATTRIBUTE, TAG, Grammar, Order

GRAMMAR = Grammar(
    text=frozenset({"name", "run_id", "source_path"}),
    numeric=frozenset({"version_number", "creation_timestamp", "last_updated_timestamp"}),
    kinds=frozenset({TAG}),
    lists=frozenset({"name", "run_id"}),
)
PAGE = 10_000
ACTIVE_STAGES = frozenset({"Staging", "Production"})
_MODEL = re.compile(r"^models:/+(?P<name>[^/@]+)(?:/(?P<version>[^/]+)|@(?P<alias>[^/]+))?$")


def _shown(reader: Reader, record: records.Record) -> dict[str, Any]:
    return {"model_version": registry.version_on_wire(record, registry.aliases(reader, record.name))}


def _resolve(call: Call, tx: Transaction, source: str) -> tuple[str, str, str]:
    """URI to register, run and logged model of a source."""
    match = _MODEL.match(source)
    if match is None:
        return model_uris.of_source(call.workspace, tx, source), "", ""
    if match["version"] or match["alias"]:
        which = match["version"] or registry.aliases(tx, match["name"]).get(match["alias"], "")
        held = registry.version(tx, match["name"], which)
        found = registry.properties(held)
        return (
            str(found.get("modelUri") or ""),
            found.get("jobName") or "",
            registry.facts(held).get(registry.MODEL_ID, ""),
        )
    model = logged_models.row(tx, match["name"])
    uri = model_uris.of_source(call.workspace, tx, places.uri(call.folder, model["place"]))
    return uri, model["source_run_id"], model["model_id"]


def create(call: Call) -> dict[str, Any]:
    """POST model-versions/create."""
    refuse_prompts(call)
    source = call.required("source")
    labels = {
        limits.key(key): limits.within(value, "value", limits.MODEL_TAG_LENGTH)
        for key, value in call.pairs("tags").items()
    }
    with call.database.write() as tx:
        parent = registry.model(tx, call.required("name"))
        uri, run_id, model_id = _resolve(call, tx, source)
        model_id = call.text("model_id") or model_id
        if model_id and not run_id:
            run_id = logged_models.row(tx, model_id)["source_run_id"]
        made = registry.create_version(
            tx,
            call.workspace,
            parent,
            call.now,
            call.identity.name,
            uri=uri,
            source=source,
            run_id=call.text("run_id") or run_id,
            description=call.text("description"),
            labels=labels,
            extras={registry.MODEL_ID: model_id, registry.RUN_LINK: call.text("run_link")},
        )
        return _shown(tx, made)


def get(call: Call) -> dict[str, Any]:
    """GET model-versions/get."""
    with call.database.read() as reader:
        return _shown(reader, registry.version(reader, call.required("name"), call.required("version")))


def update(call: Call) -> dict[str, Any]:
    """PATCH model-versions/update: the description."""
    with call.database.write() as tx:
        held = registry.version(tx, call.required("name"), call.required("version"))
        new = registry.changed(tx, held, call.now, call.identity.name, description=call.text("description"))
        return _shown(tx, new)


def delete(call: Call) -> dict[str, Any]:
    """DELETE model-versions/delete: the record and its aliases; the files stay."""
    with call.database.write() as tx:
        held = registry.version(tx, call.required("name"), call.required("version"))
        records.delete(tx, registry.SEGMENT, held.name, held.version)
        tx.execute("DELETE FROM model_aliases WHERE model=? AND version=?", (held.name, held.version))
    return {}


def search(call: Call) -> dict[str, Any]:
    """GET model-versions/search."""
    size = limits.page_size(call.body.get("max_results"), PAGE, limits.VERSIONS_PER_PAGE)
    clauses = GRAMMAR.filter(call.text("filter"))
    order = GRAMMAR.order(call.listed("order_by"))
    if not order:
        order = [Order(ATTRIBUTE, "last_updated_timestamp", descending=True)]
    given = {term.key for term in order}
    order += [Order(ATTRIBUTE, "name")] if "name" not in given else []
    order += [Order(ATTRIBUTE, "version_number", descending=True)] if "version_number" not in given else []
    with call.database.read() as reader:
        versions = registry.every(reader)[1]
        named = {name: registry.aliases(reader, name) for name in {held.name for held in versions}}
    shown = [registry.version_on_wire(held, named[held.name]) for held in versions]
    found, token = matching.page(
        matching.matching(shown, clauses, look), order, look, token=call.text("page_token"), size=size
    )
    return {"model_versions": found, **({"next_page_token": token} if token else {})}


def download_uri(call: Call) -> dict[str, Any]:
    """GET model-versions/get-download-uri: a folder of this machine where there is one."""
    with call.database.read() as reader:
        held = registry.version(reader, call.required("name"), call.required("version"))
        uri = str(registry.properties(held).get("modelUri") or "")
        found = model_uris.local(call.workspace, reader, uri)
    return {"artifact_uri": str(found) if found else uri}


def set_tag(call: Call) -> dict[str, Any]:
    """POST model-versions/set-tag."""
    key, value = limits.key(call.text("key")), limits.within(call.text("value"), "value", limits.MODEL_TAG_LENGTH)
    with call.database.write() as tx:
        held = registry.version(tx, call.required("name"), call.required("version"))
        registry.changed(tx, held, call.now, call.identity.name, tags={**registry.tags(held), key: value})
    return {}


def delete_tag(call: Call) -> dict[str, Any]:
    """DELETE model-versions/delete-tag."""
    key = limits.key(call.text("key"))
    with call.database.write() as tx:
        held = registry.version(tx, call.required("name"), call.required("version"))
        kept = {name: value for name, value in registry.tags(held).items() if name != key}
        registry.changed(tx, held, call.now, call.identity.name, tags=kept)
    return {}


def transition(call: Call) -> dict[str, Any]:
    """POST model-versions/transition-stage."""
    stage = registry.stage(call.required("stage"))
    archives = call.flag("archive_existing_versions")
    if archives and stage not in ACTIVE_STAGES:
        raise faults.invalid(
            "Model version transition cannot archive existing model versions because"
            f" '{stage}' is not an Active stage. Valid stages are {', '.join(sorted(ACTIVE_STAGES))}"
        )
    with call.database.write() as tx:
        held = registry.version(tx, call.required("name"), call.required("version"))
        for other, _ in records.versions(tx, registry.SEGMENT, held.name) if archives else []:
            if other.version != held.version and registry.properties(other).get("stage") == stage:
                registry.changed(tx, other, call.now, call.identity.name, stage="Archived")
        return _shown(tx, registry.changed(tx, held, call.now, call.identity.name, stage=stage))


def get_artifact(call: Call) -> Response:
    """GET model-versions/get-artifact?name=&version=&path=: what MLflow's UI shows of a version."""
    path = call.required("path")
    with call.database.read() as reader:
        held = registry.version(reader, call.required("name"), call.required("version"))
        root = model_uris.local(call.workspace, reader, str(registry.properties(held).get("modelUri") or ""))
    if root is None:
        raise faults.invalid("The model's files are not on this machine.")
    return artifacts.send(places.below(root, path), path)


ROUTES = (
    Endpoint("POST", "mlflow/model-versions/create", create),
    Endpoint("GET", "mlflow/model-versions/get", get),
    Endpoint("PATCH", "mlflow/model-versions/update", update),
    Endpoint("DELETE", "mlflow/model-versions/delete", delete),
    Endpoint("GET", "mlflow/model-versions/search", search),
    Endpoint("GET", "mlflow/model-versions/get-download-uri", download_uri),
    Endpoint("POST", "mlflow/model-versions/set-tag", set_tag),
    Endpoint("DELETE", "mlflow/model-versions/delete-tag", delete_tag),
    Endpoint("POST", "mlflow/model-versions/transition-stage", transition),
)
