"""How far a change of an online endpoint or deployment is: told of the resource itself."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_aml.errors import NotFoundError, ResourceError
from jupyter_aml.local.arm import operations
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.arm.operations import Operation
from jupyter_aml.local.resources.base import ARM, Call, Route, Type
from jupyter_aml.local.serving.online import states
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace

LOCATIONS = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"


def _status(call: Call) -> Response:
    """The status as a document: for those who follow `Azure-AsyncOperation`."""
    found, record, status = _look(call)
    error = _error(found, record, status)
    response = Response.of(operations.body(found, status, record.modified if record else call.now, error))
    response.headers |= operations.again()
    return response


def _result(call: Call) -> Response:
    """202 while the change goes on, then its outcome: for those who follow `Location`."""
    found, record, status = _look(call)
    if status == operations.RUNNING:
        here = operations.link(call.request.host, call.params["subscription"], call.params["location"], found)
        return Response(202, operations.headers(here))
    error = _error(found, record, status)
    if error is not None:
        raise ResourceError(error["message"], code=error["code"])
    return Response(204)


def _look(call: Call) -> tuple[Operation, Record | None, str]:
    """The operation that the path names, what it changes, and its status.

    Raises:
        NotFoundError: There is no such operation.
    """
    found = operations.parse(call.params["operation"])
    workspace = _workspace(call, found) if found else None
    if found is None or workspace is None:
        raise NotFoundError(
            f"There is no operation {call.params['operation']!r}.", remedy="Look at the resource itself with GET."
        )
    with workspace.database.read() as reader:
        child = found.child
        record = states.deployment(reader, found.name, child) if child else states.endpoint(reader, found.name)
    status = _of(found, record)
    if status == operations.RUNNING:
        call.store.attend()
    return found, record, status


def _workspace(call: Call, found: Operation) -> Workspace | None:
    """The workspace of an operation, when the asker's token is good for it."""
    entry = call.store.entry_by_id(found.workspace)
    if entry is None or call.identity.workspace_id not in {"", entry.id}:
        return None
    return call.store.workspace(entry)


def _of(found: Operation, record: Record | None) -> str:
    """The status of an operation, from the resource that it changes."""
    if record is None:
        return operations.SUCCEEDED if found.verb == "delete" else operations.CANCELED
    if states.local(record).get("operation") != found.serial:
        return operations.SUCCEEDED if found.verb == "delete" else operations.CANCELED
    state = states.state(record)
    return operations.RUNNING if state in states.BUSY else state


def _error(found: Operation, record: Record | None, status: str) -> dict[str, str] | None:
    told = states.local(record).get("error") if record else None
    if status == operations.FAILED and told:
        return {"code": str(told["code"]), "message": str(told["message"])}
    if status not in {operations.FAILED, operations.CANCELED}:
        return None
    named = f"deployment {found.child!r}" if found.child else f"online endpoint {found.name!r}"
    if status == operations.FAILED:
        return {"code": "OperationFailed", "message": f"The change of the {named} has failed."}
    happened = "was deleted" if record is None or states.local(record).get("deleting") else "was changed again"
    return {"code": "OperationCanceled", "message": f"The {named} {happened} before this change had ended."}


class Operations(Type):
    """Changes that go on."""

    def routes(self) -> Iterable[Route]:
        for word, handler in ((operations.STATUS, _status), (operations.RESULTS, _result)):
            yield Route("GET", ARM, f"{LOCATIONS}/{word}/{{operation}}", handler, f"locations/{word}/read")


TYPE = Operations(operations.STATUS, "operation")
