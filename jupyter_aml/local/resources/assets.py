"""Assets: containers and their versions, immutable but for tags, description, stage and archiving."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from jupyter_aml.errors import ConflictError, NotFoundError
from jupyter_aml.local.arm import paging
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.resources import names, origins
from jupyter_aml.local.resources.base import ARM, Call, Route, Type
from jupyter_aml.local.store import records
from jupyter_aml.local.store.assets import make_version, next_version
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace

PAGE = 100
MUTABLE = frozenset({"tags", "description", "isArchived", "stage", "properties", "isAnonymous", "autoDeleteSetting"})
"""Fields of a version that may change after it was made."""

ANONYMOUS = frozenset({"azureml_anonymous", "clientanonymous", "cliv2anonymousenvironment"})


def _as_sent(_call: Call, properties: dict[str, Any]) -> dict[str, Any]:
    return properties


@dataclass
class AssetType(Type):
    """A type with two levels: a named container and its versions.

    Attributes:
        accept: Checks the properties of a new version and returns what is stored.
        fixed: The part of the properties that a later PUT must repeat unchanged.
        renewed: From the stored and the sent properties of a version, more than MUTABLE that changes with a later PUT.
        located: Property that holds the URI of the content, such as `dataUri`.
        inherited: Property that the container shows of its versions, such as `dataType`.
        defaults: Versions that label `azureml_default` may name (components).
    """

    accept: Callable[[Call, dict[str, Any]], dict[str, Any]] = _as_sent
    fixed: Callable[[dict[str, Any]], dict[str, Any]] = lambda properties: {
        key: value for key, value in properties.items() if key not in MUTABLE and value not in (None, {}, [], "")
    }
    complete: Callable[[str, str, dict[str, Any]], dict[str, Any]] = lambda _name, _version, properties: properties
    renewed: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] = lambda _held, _sent: {}
    located: str = ""
    inherited: str = ""
    extra: Callable[[], Iterable[Route]] = lambda: ()

    def routes(self) -> Iterable[Route]:
        base = f"{{WS}}/{self.segment}"
        action = f"workspaces/{self.segment}"
        yield Route("GET", ARM, base, self.list_containers, f"{action}/read")
        yield Route("GET", ARM, f"{base}/{{name}}", self.get_container, f"{action}/read")
        yield Route("PUT", ARM, f"{base}/{{name}}", self.put_container, f"{action}/write")
        yield Route("DELETE", ARM, f"{base}/{{name}}", self.delete_container, f"{action}/delete")
        yield Route("GET", ARM, f"{base}/{{name}}/versions", self.list_versions, f"{action}/versions/read")
        yield Route("GET", ARM, f"{base}/{{name}}/versions/{{version}}", self.get_version, f"{action}/versions/read")
        yield Route("PUT", ARM, f"{base}/{{name}}/versions/{{version}}", self.put_version, f"{action}/versions/write")
        yield Route(
            "DELETE", ARM, f"{base}/{{name}}/versions/{{version}}", self.delete_version, f"{action}/versions/delete"
        )
        yield from self.extra()

    def container_out(self, call: Call, record: Record, connection: sqlite3.Connection) -> dict[str, Any]:
        """The container as clients see it, with its latest and next version."""
        held = records.versions(connection, self.segment, record.name)
        properties = {"tags": {}, "properties": {}, **record.body.get("properties", {})}
        properties["isArchived"] = record.archived
        properties["nextVersion"] = next_version(one.version for one, _ in held)
        active = [one for one, _ in held if not one.archived]
        if active:
            properties["latestVersion"] = active[0].version
            if self.inherited:
                properties[self.inherited] = active[0].body["properties"].get(self.inherited)
        elif held and self.inherited:
            properties[self.inherited] = held[0][0].body["properties"].get(self.inherited)
        return call.resource(replace(record, body={"properties": properties}), self.segment)

    def version_out(self, call: Call, record: Record) -> dict[str, Any]:
        """The version as clients see it."""
        properties = {**record.body["properties"], "isArchived": record.archived}
        if properties.get(self.located):
            properties[self.located] = origins.shown(call, str(properties[self.located]))
        return call.resource(replace(record, body={"properties": properties}), f"{self.segment}/versions")

    def list_containers(self, call: Call) -> Response:
        token = call.query("$skip")
        after = str(paging.decode(token)[0]) if token else None
        limit = paging.size(call.query("$top") or None, PAGE, 1000)
        view = call.query("listViewType") or records.ACTIVE
        with call.workspace.database.read() as connection:
            found = records.named(connection, self.segment, view, after, limit + 1)
            shown = [
                self.container_out(call, record, connection)
                for record in found[:limit]
                if record.name.lower() not in ANONYMOUS
            ]
        following = [found[limit - 1].name] if len(found) > limit else None
        return Response.of(paging.page(shown, call.request.url, following))

    def get_container(self, call: Call) -> Response:
        with call.workspace.database.read() as connection:
            record = self._container(call, connection)
            return Response.of(self.container_out(call, record, connection))

    def put_container(self, call: Call) -> Response:
        name, properties = call.params["name"], call.properties()
        names.ASSET.check(name, self.title)
        kept = {key: properties[key] for key in ("tags", "description", "properties") if properties.get(key)}
        with call.workspace.database.write() as transaction:
            old = records.get(transaction, self.segment, name)
            record = Record(
                self.segment,
                old.name if old else name,
                "",
                {"properties": kept},
                old.created if old else call.now,
                call.now,
                archived=bool(properties.get("isArchived")),
                created_by=old.created_by if old else call.identity.name,
                modified_by=call.identity.name,
            )
            records.put(transaction, record)
        with call.workspace.database.read() as connection:
            return Response.of(self.container_out(call, record, connection), 200 if old else 201)

    def delete_container(self, call: Call) -> Response:
        name = call.params["name"]
        with call.workspace.database.write() as transaction:
            found = [version for version, _ in records.versions(transaction, self.segment, name)]
            for version in found:
                records.delete(transaction, self.segment, name, version.version)
            held = records.delete(transaction, self.segment, name)
        return Response(200 if held else 204)

    def list_versions(self, call: Call) -> Response:
        token = call.query("$skip")
        position = paging.decode(token) if token else None
        before = (float(position[0]), int(position[1])) if position else None
        limit = paging.size(call.query("$top") or None, PAGE, 1000)
        view = call.query("listViewType") or records.ACTIVE
        with call.workspace.database.read() as connection:
            self._container(call, connection)
            name = call.params["name"]
            found = records.versions(connection, self.segment, name, view, before=before, limit=limit + 1)
        following = [found[limit - 1][0].created, found[limit - 1][1]] if len(found) > limit else None
        shown = [self.version_out(call, record) for record, _ in found[:limit]]
        return Response.of(paging.page(shown, call.request.url, following))

    def get_version(self, call: Call) -> Response:
        with call.workspace.database.read() as connection:
            record = self.find(call.workspace, connection, call.params["name"], call.params["version"])
        return Response.of(self.version_out(call, record))

    def find(
        self, workspace: Workspace, connection: sqlite3.Connection | Transaction, name: str, version: str
    ) -> Record:
        """The version of an asset; `azureml_default` and `latest` name the newest.

        Raises:
            NotFoundError: There is no such asset or version; the nearest is offered.
        """
        record = records.get(connection, self.segment, name, version)
        if record is not None:
            return record
        held = [one for one, _ in records.versions(connection, self.segment, name)]
        if held and version.lower() in {"azureml_default", "latest"}:
            return held[0]
        if held:
            raise NotFoundError(
                f"The {self.title} {name!r} has no version {version!r} in workspace {workspace.entry.name!r}.",
                remedy=names.nearest(version, (one.version for one in held)),
            )
        known = [one.name for one in records.named(connection, self.segment, records.ALL, None, 500)]
        raise NotFoundError(
            f"The {self.title} {name!r} was not found in workspace {workspace.entry.name!r}.",
            remedy=names.nearest(name, (one for one in known if one.lower() not in ANONYMOUS)),
        )

    def put_version(self, call: Call) -> Response:
        name, version = call.params["name"], call.params["version"]
        sent = call.properties()
        anonymous = bool(sent.get("isAnonymous")) or name.lower() in ANONYMOUS
        with call.workspace.database.write() as transaction:
            old = records.get(transaction, self.segment, name, version)
            if old is not None:
                record = self._changed(call, old, sent, anonymous=anonymous)
                records.put(transaction, record)
            else:
                names.ASSET.check(name, self.title)
                (names.ANONYMOUS_VERSION if anonymous else names.VERSION).check(version, f"version of a {self.title}")
                properties = self.complete(name, version, self.accept(call, sent))
                who = call.identity.name
                record = make_version(transaction, self.segment, name, version, properties, now=call.now, who=who)
        return Response.of(self.version_out(call, record), 200 if old else 201)

    def _changed(self, call: Call, old: Record, sent: dict[str, Any], *, anonymous: bool) -> Record:
        """The old record with the changes that a version allows."""
        if anonymous:
            return replace(old, archived=bool(sent.get("isArchived", old.archived)))
        before = self._compared(old.body["properties"])
        after = self._compared(self.complete(old.name, old.version, self.accept(call, sent)))
        differing = sorted(key for key, value in after.items() if before.get(key) != value)
        if differing:
            raise ConflictError(
                f"Version {old.version!r} of the {self.title} {old.name!r} exists already, with another"
                f" {', '.join(differing)}.",
                why=f"A {self.title} version cannot change, but for tags, description, stage and archiving.",
                remedy="Leave the version out to get the next one, or name a new version.",
            )
        held = old.body["properties"]
        kept = {key: value for key, value in sent.items() if key in MUTABLE and value is not None}
        return replace(
            old,
            body={"properties": {**held, **kept, **self.renewed(held, sent)}},
            archived=bool(sent.get("isArchived")),
            modified=call.now,
            modified_by=call.identity.name,
        )

    def _compared(self, properties: dict[str, Any]) -> dict[str, Any]:
        """What must be the same in a later PUT, two spellings of one place taken as one."""
        return {
            key: origins.same(value) if key == self.located else value for key, value in self.fixed(properties).items()
        }

    def delete_version(self, call: Call) -> Response:
        name, version = call.params["name"], call.params["version"]
        with call.workspace.database.write() as transaction:
            held = records.delete(transaction, self.segment, name, version)
        return Response(200 if held else 204)

    def _container(self, call: Call, connection: sqlite3.Connection) -> Record:
        record = records.get(connection, self.segment, call.params["name"])
        if record is None:
            self.find(call.workspace, connection, call.params["name"], "")
            raise NotFoundError(f"The {self.title} {call.params['name']!r} was not found.")
        return record
