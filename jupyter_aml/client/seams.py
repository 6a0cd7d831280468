"""Every private part of somebody else's package that jupyter_aml touches; nothing else may.

Each seam says which version it was seen in and why there is no public way; `tests/unit/client/test_seams.py`
notices when a new version has moved it. A seam that is not found is left alone: the product is slower then, or
says less, but does not break.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

POLL_SECONDS = 0.25
"""Between two looks at a job that runs on this machine."""

CLOUD_VARIABLE = "AZUREML_CURRENT_CLOUD"
PUBLIC_CLOUD = "AzureCloud"


@dataclass(frozen=True)
class Seam:
    """One private part: where it is, the version it was seen in, and why it is touched."""

    where: str
    package: str
    version: str
    reason: str


SEAMS = (
    Seam(
        "jsonschema._format -> rfc3987_syntax.is_valid_syntax",
        "jsonschema",
        "4.26",
        "Importing it compiles a grammar for a second, half of the SDK's import; nobody calls it.",
    ),
    Seam(
        "azure.ai.ml.operations._job_ops_helper._wait_before_polling",
        "azure-ai-ml",
        "1.35.2",
        "jobs.stream looks every 2 to 60 s; a local job may be over in one.",
    ),
    Seam(
        "azure.ai.ml._ml_client.configure_appinsights_logging",
        "azure-ai-ml",
        "1.35.2",
        "A notebook makes its own client with telemetry on; no local call may leave the machine.",
    ),
    Seam(
        "azure.ai.ml.operations.DataOperations._try_get_mltable_metadata_jsonschema",
        "azure-ai-ml",
        "1.35.2",
        "To create an mltable it fetches a schema from the web, which it does without; no local call may leave.",
    ),
    Seam(
        "AZUREML_CURRENT_CLOUD in os.environ, set by MLClient",
        "azure-ai-ml",
        "1.35.2",
        "Every client sets it for the whole process: a local one repeats it, so a sovereign one stays right.",
    ),
    Seam(
        "azure.ai.ml._azure_environments._environments",
        "azure-ai-ml",
        "1.35.2",
        "A client names its cloud only; a name that is not in there the SDK looks up in the network.",
    ),
    Seam(
        "azure.ai.ml.MLClient._credential, ._cloud",
        "azure-ai-ml",
        "1.35.2",
        "A client that a notebook made itself has no other way to say who it is.",
    ),
    Seam(
        "azure.ai.ml._artifacts._blob_storage_helper, ._gen2_storage_helper: print",
        "azure-ai-ml",
        "1.35.2",
        "An upload without a progress bar resets its colour all the same: an empty red box below the cell.",
    ),
    Seam(
        "azure.ai.ml._utils._azureml_polling: print",
        "azure-ai-ml",
        "1.35.2",
        "A poller prints a dot for each look, also when nobody waits for it; the card of an endpoint tells more.",
    ),
    Seam(
        "EndpointInvokeFields.DEFAULT_HEADER of the operations of online and batch endpoints",
        "azure-ai-ml",
        "1.35.2",
        "All invocations share one dictionary: a deployment once named, and a key, go to every later endpoint.",
    ),
)


@contextmanager
def without_iri_grammar() -> Iterator[None]:
    """While `jsonschema` is imported, `rfc3987_syntax` is a stand-in that loads the real one at its first call."""
    name = "rfc3987_syntax"
    if name in sys.modules or "jsonschema" in sys.modules:
        yield
        return
    spec = importlib.util.find_spec(name)
    if spec is None:
        yield
        return
    stand_in = ModuleType(name)
    stand_in.__spec__ = spec

    def is_valid_syntax(*arguments: Any, **named: Any) -> Any:
        return importlib.import_module(name).is_valid_syntax(*arguments, **named)

    stand_in.is_valid_syntax = is_valid_syntax  # type: ignore[attr-defined]
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]


def quicken_streams(answered_here: Callable[[], bool]) -> bool:
    """Let `jobs.stream` look often at a job that runs on this machine; whether the seam was found.

    Args:
        answered_here: Whether this thread's latest request, which was the look at the job, was answered locally.
    """
    helper = sys.modules.get("azure.ai.ml.operations._job_ops_helper")
    wait = getattr(helper, "_wait_before_polling", None)
    if helper is None or wait is None:
        return False
    if getattr(wait, "jupyter_aml", False):
        return True

    def wait_before_polling(current_seconds: float) -> float:
        return POLL_SECONDS if answered_here() else wait(current_seconds)

    wait_before_polling.jupyter_aml = True  # type: ignore[attr-defined]
    helper._wait_before_polling = wait_before_polling  # type: ignore[attr-defined] # noqa: SLF001 - the seam
    return True


def silence_telemetry(silent: Callable[[str], bool]) -> bool:
    """Keep a client that a notebook makes itself from reporting; whether the seam was found.

    Args:
        silent: Whether a client of that subscription must not report.
    """
    module = sys.modules.get("azure.ai.ml._ml_client")
    configure = getattr(module, "configure_appinsights_logging", None)
    if module is None or configure is None:
        return False
    if getattr(configure, "jupyter_aml", False):
        return True

    def configure_appinsights_logging(*arguments: Any, enable_telemetry: bool = True, **named: Any) -> None:
        subscription = str((named.get("properties") or {}).get("subscription_id") or "")
        configure(*arguments, enable_telemetry=enable_telemetry and not silent(subscription), **named)

    configure_appinsights_logging.jupyter_aml = True  # type: ignore[attr-defined]
    module.configure_appinsights_logging = configure_appinsights_logging  # type: ignore[attr-defined]
    return True


def skip_table_schema(silent: Callable[[str], bool]) -> bool:
    """Let local tables do without the schema that the SDK fetches and can do without; whether the seam was found.

    Args:
        silent: Whether a client of that subscription must not leave the machine.
    """
    module = sys.modules.get("azure.ai.ml.operations._data_operations")
    kind = getattr(module, "DataOperations", None)
    fetch = getattr(kind, "_try_get_mltable_metadata_jsonschema", None)
    if kind is None or fetch is None:
        return False
    if getattr(fetch, "jupyter_aml", False):
        return True

    def table_schema(self: Any, url: str | None) -> Any:
        return None if silent(str(self._subscription_id)) else fetch(self, url)

    table_schema.jupyter_aml = True  # type: ignore[attr-defined]
    kind._try_get_mltable_metadata_jsonschema = table_schema  # noqa: SLF001 - the seam
    return True


def quiet_uploads() -> bool:
    """Let uploads that draw no progress bar write nothing to stderr; whether the seam was found."""
    found = [sys.modules.get(f"azure.ai.ml._artifacts.{name}_storage_helper") for name in ("_blob", "_gen2")]
    helpers = [module for module in found if module is not None]

    def print_after_a_bar(*values: Any, **named: Any) -> None:
        if sys._getframe(1).f_locals.get("show_progress", True):  # noqa: SLF001 - `upload` says it to nobody else
            print(*values, **named)  # noqa: T201 - as the SDK does

    for helper in helpers:
        helper.print = print_after_a_bar  # type: ignore[attr-defined]
    return bool(helpers)


def quiet_polling(quiet: Callable[[], bool]) -> bool:
    """Let some of the SDK's pollers print no dots; whether the seam was found.

    Args:
        quiet: Whether the poller of this thread is one of them.
    """
    helper = sys.modules.get("azure.ai.ml._utils._azureml_polling")
    if helper is None:
        return False

    def print_a_dot(*values: Any, **named: Any) -> None:
        if not quiet():
            print(*values, **named)  # noqa: T201 - as the SDK does

    helper.print = print_a_dot  # type: ignore[attr-defined]
    return True


def separate_invocations() -> bool:
    """Let each invocation of an endpoint have headers of its own; whether the seam was found."""
    found = [sys.modules.get(f"azure.ai.ml.operations._{kind}_endpoint_operations") for kind in ("online", "batch")]
    modules = [module for module in found if hasattr(module, "EndpointInvokeFields")]
    for module in modules:
        fields: Any = module.EndpointInvokeFields  # type: ignore[union-attr]
        if type(fields) is not _Separate:
            module.EndpointInvokeFields = _Separate("EndpointInvokeFields", (fields,), {})  # type: ignore[union-attr]
    return bool(modules)


class _Separate(type):
    """The type of a class whose default headers are a new dictionary each time they are asked for."""

    @property
    def DEFAULT_HEADER(cls) -> dict[str, str]:  # noqa: N802 - the SDK's name
        return dict(cls.__mro__[1].DEFAULT_HEADER)  # type: ignore[attr-defined]


def current_cloud() -> str:
    """The cloud that the SDK takes for every client of this process; the public one while it knows no other.

    A name that it does not know it would look up in the network.
    """
    name = os.environ.get(CLOUD_VARIABLE) or PUBLIC_CLOUD
    return name if name in cloud_details() else PUBLIC_CLOUD


def cloud_details() -> dict[str, dict[str, str]]:
    """The clouds that the SDK knows in this process, as `MLClient(cloud_metadata=...)` takes them."""
    module = sys.modules.get("azure.ai.ml._azure_environments")
    return dict(getattr(module, "_environments", None) or {PUBLIC_CLOUD: {}})


def credential_of(client: Any) -> Any:
    """The credential that a client was made with; None when the SDK hides it elsewhere by now."""
    return getattr(client, "_credential", None)


def cloud_of(client: Any) -> str:
    """The name of the cloud that a client was made for."""
    return str(getattr(client, "_cloud", "") or PUBLIC_CLOUD)
