"""The local service: a request in, a response out, whichever door it came through."""

from __future__ import annotations

import threading
import traceback
import uuid

from jupyter_aml.errors import NotFoundError, ResourceError, StoreError
from jupyter_aml.local.arm import faults
from jupyter_aml.local.arm.http import Request, Response
from jupyter_aml.local.resources import registry
from jupyter_aml.local.resources.base import API, ARM, BLOB, Call
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.workspace import Entry, Workspace

ARM_HOST = "management.azure.com"
API_HOST = "local.api.azureml.ms"
BLOB_SUFFIX = ".blob.core.windows.net"


class Service:
    """Azure ML's REST API over a store. Safe for many threads; several may serve one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._ready: set[str] = set()
        self._lock = threading.Lock()

    def handle(self, request: Request) -> Response:
        """Answer a request; never raises. A fault of ours is a 500 with a report in `logs/service.log`."""
        try:
            response = self._answer(request)
            if not request.here:
                _ = response.body  # what cannot be written is a fault of ours, too
        except ResourceError as error:
            response = Response.of(faults.body_of(error), error.status)
        except StoreError as error:
            refused = ResourceError(error.message, status=409, code="StoreUnavailable", why=error.why)
            refused.remedy = error.remedy
            response = Response.of(faults.body_of(refused), refused.status)
        except Exception as error:  # noqa: BLE001 - the service's last line of defence
            response = self._report(request, error)
        response.headers.setdefault("x-ms-request-id", str(uuid.uuid4()))
        return response

    def workspace(self, entry: Entry) -> Workspace:
        """The open workspace, with what every workspace has from the start."""
        opened = self.store.workspace(entry)
        if entry.id not in self._ready:
            with self._lock, opened.database.write():
                for kind in registry.all_types():
                    if kind.bootstrap:
                        kind.bootstrap(opened)
            self._ready.add(entry.id)
        return opened

    def _answer(self, request: Request) -> Response:
        surface, opened = self._surface(request)
        router = registry.router()
        found = router.find(surface, request.method, request.path)
        if found is None:
            return self._unknown(request, surface)
        route, params = found
        if "workspace" in params:
            opened = self._named(params)
        if opened is not None and request.identity.workspace_id not in {"", opened.entry.id}:
            raise ResourceError(
                f"The token of {request.identity.name} is good for another workspace than {opened.entry.name}.",
                status=403,
                code="AuthorizationFailed",
            )
        return route.handler(Call(request, self.store, params, opened))

    def _surface(self, request: Request) -> tuple[str, Workspace | None]:
        """The family of hosts, and the workspace when the host alone names it."""
        if request.host == ARM_HOST:
            return ARM, None
        if request.host == API_HOST:
            return API, None
        if request.host.endswith(BLOB_SUFFIX):
            entry = self.store.entry_by_account(request.host.removesuffix(BLOB_SUFFIX))
            if entry is not None:
                return BLOB, self.workspace(entry)
        raise NotFoundError(f"The host {request.host} is not answered here.", code="HostNotFound")

    def _named(self, params: dict[str, str]) -> Workspace:
        entry = self.store.entry(params["subscription"], params["group"], params["workspace"])
        if entry is None:
            known = ", ".join(f"{one.group}/{one.name}" for one in self.store.entries()) or "none yet"
            raise NotFoundError(
                f"The Resource 'Microsoft.MachineLearningServices/workspaces/{params['workspace']}' under resource"
                f" group '{params['group']}' was not found.",
                why=f"Local workspaces: {known}.",
                remedy=f"`%aml connect local:{params['workspace']}` makes it.",
            )
        return self.workspace(entry)

    def _unknown(self, request: Request, surface: str) -> Response:
        methods = registry.router().methods(surface, request.path)
        if methods:
            raise ResourceError(
                f"{request.method} is not allowed on {request.path}; expected {' or '.join(methods)}.",
                status=405,
                code="MethodNotAllowed",
            )
        raise ResourceError(
            f"{request.method} {request.path} is not answered by the local workspace.",
            status=501,
            code="NotImplemented",
            remedy="Run it against Azure: `%aml connect azure:SUBSCRIPTION/GROUP/WORKSPACE`.",
        )

    def _report(self, request: Request, error: Exception) -> Response:
        number = uuid.uuid4().hex[:12]
        folder = self.store.home / "logs"
        story = "".join(traceback.format_exception(error))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "service.log").open("a", encoding="utf-8") as log:
                log.write(f"[{number}] {request.method} {request.host}{request.path}\n{story}\n")
        except OSError:
            story = ""
        body = ResourceError(
            f"The local workspace failed on {request.method} {request.path}: {type(error).__name__}: {error}.",
            status=500,
            code="InternalServerError",
            remedy=f"This is a fault of jupyter_aml; report {number} in {folder / 'service.log'} tells the rest.",
        )
        return Response.of(faults.body_of(body), 500)
