"""Raw HTTP for scoring scripts: `rawhttp`, `AMLRequest` and `AMLResponse` where the packages that have them are absent.

Scripts import them from `azureml.contrib.services` or `azureml_inference_server_http.api`. Those packages win when
they are installed; else a finder behind all others makes modules of these names. A script gets the request as Flask's
class when Flask is there, which is what Azure's server gives it, else as one with the parts that scripts use.
"""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import io
import sys
from importlib.abc import Loader, MetaPathFinder

from . import weblike
from .exchange import JSON, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

REQUEST_MODULES = ("azureml.contrib.services.aml_request", "azureml_inference_server_http.api.aml_request")
RESPONSE_MODULES = ("azureml.contrib.services.aml_response", "azureml_inference_server_http.api.aml_response")
PACKAGES = (
    "azureml",
    "azureml.contrib",
    "azureml.contrib.services",
    "azureml_inference_server_http",
    "azureml_inference_server_http.api",
)
FLAG = "_rawHttpRequested"
"""The name that the real packages use for it."""


class Finder(MetaPathFinder, Loader):
    """Makes the modules that nobody else has found."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """As the import system asks."""
        del path, target
        if fullname in PACKAGES:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        if fullname in REQUEST_MODULES or fullname in RESPONSE_MODULES:
            return importlib.machinery.ModuleSpec(fullname, self)
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Put in what scripts import."""
        if module.__name__ in RESPONSE_MODULES:
            module.AMLResponse = weblike.AMLResponse  # type: ignore[attr-defined]
        if module.__name__ in REQUEST_MODULES:
            setattr(module, FLAG, False)
            module.AMLRequest = weblike.AMLRequest  # type: ignore[attr-defined]

            def rawhttp(function: Any) -> Any:
                """Ask for the request itself instead of its body."""
                setattr(module, FLAG, True)
                return function

            module.rawhttp = rawhttp  # type: ignore[attr-defined]


def install() -> None:
    """Let scripts import the names; calling it again changes nothing."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.append(Finder())


def asked() -> bool:
    """Whether the script has used `@rawhttp`."""
    return any(getattr(sys.modules.get(name), FLAG, False) for name in REQUEST_MODULES)


def request(asked_for: Request) -> Any:
    """The request for a script, as Flask's class or ours."""
    meta, headers = asked_for.meta, asked_for.headers
    method, path, query = asked_for.method, str(meta.get("path", "/score")), str(meta.get("query", ""))
    if not headers:
        headers = [("Content-Type", JSON)]
    body = bytes(asked_for.body)
    flasks = _flasks()
    if flasks is None:
        return weblike.AMLRequest(method, path, query, headers, body)
    return flasks(_environ(method, path, query, headers, body))


@functools.cache
def _flasks() -> Any:
    """Flask's class of a request; None where Flask is not installed."""
    return importlib.import_module("flask").Request if importlib.util.find_spec("flask") else None


def _environ(method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """The request as WSGI has it."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        key = name.upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ
