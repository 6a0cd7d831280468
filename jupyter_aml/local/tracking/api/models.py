"""Registered models over MLflow's REST: the workspace's model assets by name."""

from __future__ import annotations

from typing import Any

from jupyter_aml.errors import NotOfflineError
from jupyter_aml.local.store import records
from jupyter_aml.local.tracking import faults, limits, matching, registry
from jupyter_aml.local.tracking.api.call import Call, Endpoint
from jupyter_aml.local.tracking.grammar import ATTRIBUTE, TAG, Grammar, Order

GRAMMAR = Grammar(
    text=frozenset({"name"}),
    numeric=frozenset({"creation_timestamp", "last_updated_timestamp"}),
    kinds=frozenset({TAG}),
    aliases={"timestamp": "last_updated_timestamp"},
)
PAGE = 100
PROMPT_TAG = "mlflow.prompt.is_prompt"


def refuse_prompts(call: Call) -> None:
    """A prompt is no model asset: say so rather than list it among them."""
    if str(call.pairs("tags").get(PROMPT_TAG, "")).lower() == "true":
        raise NotOfflineError(
            "The local workspace keeps models, not MLflow's prompts.",
            remedy="Log the prompt as a text artifact: mlflow.log_text(prompt, 'prompt.txt').",
        )


def create(call: Call) -> dict[str, Any]:
    """POST registered-models/create."""
    refuse_prompts(call)
    labels = _labels(call)
    with call.database.write() as tx:
        made = registry.create_model(
            tx,
            call.required("name"),
            call.now,
            call.identity.name,
            description=call.text("description"),
            labels=labels,
        )
        return {"registered_model": registry.model_on_wire(tx, made)}


def _labels(call: Call) -> dict[str, str]:
    return {
        limits.key(key): limits.within(value, "value", limits.MODEL_TAG_LENGTH)
        for key, value in call.pairs("tags").items()
    }


def get(call: Call) -> dict[str, Any]:
    """GET registered-models/get."""
    with call.database.read() as reader:
        return {"registered_model": registry.model_on_wire(reader, registry.model(reader, call.required("name")))}


def update(call: Call) -> dict[str, Any]:
    """PATCH registered-models/update: the description."""
    with call.database.write() as tx:
        held = registry.model(tx, call.required("name"))
        new = registry.changed(tx, held, call.now, call.identity.name, description=call.text("description"))
        return {"registered_model": registry.model_on_wire(tx, new)}


def rename(call: Call) -> dict[str, Any]:
    """POST registered-models/rename: the asset and its versions."""
    with call.database.write() as tx:
        held = registry.model(tx, call.required("name"))
        name = limits.model_name(call.text("new_name"))
        other = registry.find(tx, name)
        if other is not None and other.name.lower() != held.name.lower():
            raise faults.exists(f"Registered Model (name={name}) already exists.")
        tx.execute(
            "UPDATE resources SET name=?, modified=? WHERE segment=? AND name=?",
            (name, call.now, registry.SEGMENT, held.name),
        )
        tx.execute("UPDATE model_aliases SET model=? WHERE model=?", (name, held.name))
        tx.note(registry.SEGMENT, held.name, "", "delete")
        tx.note(registry.SEGMENT, name)
        return {"registered_model": registry.model_on_wire(tx, registry.model(tx, name))}


def delete(call: Call) -> dict[str, Any]:
    """DELETE registered-models/delete: with its versions; the files stay."""
    with call.database.write() as tx:
        held = registry.model(tx, call.required("name"))
        for version, _ in records.versions(tx, registry.SEGMENT, held.name):
            records.delete(tx, registry.SEGMENT, held.name, version.version)
        records.delete(tx, registry.SEGMENT, held.name)
        tx.execute("DELETE FROM model_aliases WHERE model=?", (held.name,))
    return {}


def look(item: dict[str, Any], kind: str, key: str) -> Any:
    """What a model or version has, for filters and orders."""
    if kind == TAG:
        return next((tag["value"] for tag in item["tags"] if tag["key"] == key), None)
    if key == "version_number":
        return registry.number(item["version"])
    return item["source" if key == "source_path" else key]


def search(call: Call) -> dict[str, Any]:
    """GET registered-models/search."""
    size = limits.page_size(call.body.get("max_results"), PAGE, limits.MODELS_PER_PAGE)
    clauses = GRAMMAR.filter(call.text("filter"))
    order = GRAMMAR.order(call.listed("order_by"))
    if not any(term.key == "name" for term in order):
        order.append(Order(ATTRIBUTE, "name"))
    with call.database.read() as reader:
        shown = [registry.model_on_wire(reader, held) for held in registry.every(reader)[0]]
    found, token = matching.page(
        matching.matching(shown, clauses, look), order, look, token=call.text("page_token"), size=size
    )
    return {"registered_models": found, **({"next_page_token": token} if token else {})}


def latest_versions(call: Call) -> dict[str, Any]:
    """POST or GET registered-models/get-latest-versions."""
    wanted = {registry.stage(one) for one in call.listed("stages")}
    with call.database.read() as reader:
        found = registry.latest(reader, registry.model(reader, call.required("name")).name)
    return {"model_versions": [one for one in found if not wanted or one["current_stage"] in wanted]}


def set_tag(call: Call) -> dict[str, Any]:
    """POST registered-models/set-tag."""
    key, value = limits.key(call.text("key")), limits.within(call.text("value"), "value", limits.MODEL_TAG_LENGTH)
    with call.database.write() as tx:
        held = registry.model(tx, call.required("name"))
        registry.changed(tx, held, call.now, call.identity.name, tags={**registry.tags(held), key: value})
    return {}


def delete_tag(call: Call) -> dict[str, Any]:
    """DELETE registered-models/delete-tag."""
    key = limits.key(call.text("key"))
    with call.database.write() as tx:
        held = registry.model(tx, call.required("name"))
        kept = {name: value for name, value in registry.tags(held).items() if name != key}
        registry.changed(tx, held, call.now, call.identity.name, tags=kept)
    return {}


def set_alias(call: Call) -> dict[str, Any]:
    """POST registered-models/alias."""
    alias = limits.alias(call.text("alias"), new=True)
    with call.database.write() as tx:
        held = registry.version(tx, call.required("name"), call.required("version"))
        tx.execute(
            "INSERT INTO model_aliases(model, alias, version) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET version=excluded.version",
            (held.name, alias, held.version),
        )
        tx.note(registry.SEGMENT, held.name)
    return {}


def delete_alias(call: Call) -> dict[str, Any]:
    """DELETE registered-models/alias; one that is not there is no fault."""
    alias = limits.alias(call.text("alias"))
    with call.database.write() as tx:
        held = registry.model(tx, call.required("name"))
        tx.execute("DELETE FROM model_aliases WHERE model=? AND alias=?", (held.name, alias))
        tx.note(registry.SEGMENT, held.name)
    return {}


def by_alias(call: Call) -> dict[str, Any]:
    """GET registered-models/alias: the version an alias names; `latest` names the newest."""
    alias = limits.alias(call.text("alias"))
    with call.database.read() as reader:
        held = registry.model(reader, call.required("name"))
        named = registry.aliases(reader, held.name)
        which = {key.lower(): value for key, value in named.items()}.get(alias.lower())
        if alias.lower() == "latest":
            versions = registry.latest(reader, held.name)
            if not versions:
                raise faults.missing(f"Latest version not found for model {held.name}.")
            return {"model_version": max(versions, key=lambda one: registry.number(one["version"]))}
        if which is None:
            raise faults.invalid(f"Registered model alias {alias} not found.")
        return {"model_version": registry.version_on_wire(registry.version(reader, held.name, which), named)}


ROUTES = (
    Endpoint("POST", "mlflow/registered-models/create", create),
    Endpoint("GET", "mlflow/registered-models/get", get),
    Endpoint("PATCH", "mlflow/registered-models/update", update),
    Endpoint("POST", "mlflow/registered-models/rename", rename),
    Endpoint("DELETE", "mlflow/registered-models/delete", delete),
    Endpoint("GET", "mlflow/registered-models/search", search),
    Endpoint("POST", "mlflow/registered-models/search", search),
    Endpoint("GET", "mlflow/registered-models/list", search),
    Endpoint("POST", "mlflow/registered-models/get-latest-versions", latest_versions),
    Endpoint("GET", "mlflow/registered-models/get-latest-versions", latest_versions),
    Endpoint("POST", "mlflow/registered-models/set-tag", set_tag),
    Endpoint("DELETE", "mlflow/registered-models/delete-tag", delete_tag),
    Endpoint("POST", "mlflow/registered-models/alias", set_alias),
    Endpoint("DELETE", "mlflow/registered-models/alias", delete_alias),
    Endpoint("GET", "mlflow/registered-models/alias", by_alias),
)
