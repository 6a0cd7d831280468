"""Resources of one level: a name, a body, no versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from jupyter_aml.errors import NotFoundError
from jupyter_aml.local.arm import paging
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.resources import names
from jupyter_aml.local.resources.base import ARM, Call, Route, Type
from jupyter_aml.local.store import records
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Record

PAGE = 100


def _as_sent(_call: Call, body: dict[str, Any], _old: Record | None, _tx: Transaction) -> dict[str, Any]:
    return body


def _allowed(_call: Call, _record: Record, _tx: Transaction) -> None:
    return


@dataclass
class NamedType(Type):
    """A type whose resources are list, get, put and delete by name.

    Attributes:
        rule: What a name may be.
        kind: Word of the ARM type, such as `datastores`.
        accept: Checks a body before it is stored and returns what is stored.
        show: What leaves the service of a stored record.
        may_delete: Raises when the resource must stay.
        keep: Whether a record belongs in this list answer.
    """

    rule: names.Rule = names.ASSET
    accept: Callable[[Call, dict[str, Any], Record | None, Transaction], dict[str, Any]] = _as_sent
    show: Callable[[Call, Record], Record] = lambda _call, record: record
    may_delete: Callable[[Call, Record, Transaction], None] = _allowed
    keep: Callable[[Call, Record], bool] = lambda _call, _record: True
    extra: Callable[[], Iterable[Route]] = field(default=lambda: ())

    def routes(self) -> Iterable[Route]:
        one = f"{{WS}}/{self.segment}/{{name}}"
        action = f"workspaces/{self.segment}"
        yield Route("GET", ARM, f"{{WS}}/{self.segment}", self.list, f"{action}/read")
        yield Route("GET", ARM, one, self.get, f"{action}/read")
        yield Route("PUT", ARM, one, self.put, f"{action}/write")
        yield Route("DELETE", ARM, one, self.delete, f"{action}/delete")
        yield from self.extra()

    def find(self, call: Call, connection: sqlite3.Connection | Transaction, name: str) -> Record:
        """The record of that name.

        Raises:
            NotFoundError: There is none; the nearest name is offered.
        """
        record = records.get(connection, self.segment, name)
        if record is None:
            known = [one.name for one in records.named(connection, self.segment, records.ALL, None, 500)]
            raise NotFoundError(
                f"The {self.title} {name!r} was not found in workspace {call.workspace.entry.name!r}.",
                remedy=names.nearest(name, known),
            )
        return record

    def out(self, call: Call, record: Record) -> dict[str, Any]:
        """The record as clients see it."""
        return call.resource(self.show(call, record), self.segment)

    def list(self, call: Call) -> Response:
        token = call.query("$skip")
        after = str(paging.decode(token)[0]) if token else None
        limit = paging.size(call.query("$top") or call.query("count") or None, PAGE, 1000)
        with call.workspace.database.read() as connection:
            found = records.named(connection, self.segment, records.ALL, after, limit + 1)
        following = [found[limit - 1].name] if len(found) > limit else None
        shown = [self.out(call, record) for record in found[:limit] if self.keep(call, record)]
        return Response.of(paging.page(shown, call.request.url, following))

    def get(self, call: Call) -> Response:
        with call.workspace.database.read() as connection:
            return Response.of(self.out(call, self.find(call, connection, call.params["name"])))

    def put(self, call: Call) -> Response:
        name = call.params["name"]
        call.properties()
        with call.workspace.database.write() as transaction:
            old = records.get(transaction, self.segment, name)
            if old is None:
                self.rule.check(name, self.title)
            body = self.accept(call, dict(call.request.json), old, transaction)
            record = call.record(self.segment, name, "", body, old)
            records.put(transaction, record)
        return Response.of(self.out(call, record), 200 if old else 201)

    def delete(self, call: Call) -> Response:
        name = call.params["name"]
        with call.workspace.database.write() as transaction:
            record = records.get(transaction, self.segment, name)
            if record is None:
                return Response(204)
            self.may_delete(call, record, transaction)
            records.delete(transaction, self.segment, name)
        return Response(200)
