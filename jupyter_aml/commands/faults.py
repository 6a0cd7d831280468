"""Faults: what libraries raise, as one of our errors with a sentence, so that only our own bugs show a traceback.

Exceptions of the SDK are known by the modules they come from, without importing these.
"""

from __future__ import annotations

import errno
import json
from typing import Any

from jupyter_aml.commands import sdk_messages
from jupyter_aml.errors import AmlError, ConnectError, NotFoundError, ResourceError, UsageError

NOT_FOUND = 404
UNAUTHORIZED = (401, 403)
SERVER = 500


def translate(error: BaseException) -> AmlError | None:
    """The same fault as an error of ours; None for what is a bug."""
    if isinstance(error, AmlError):
        return error
    classes = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}
    if "azure.HttpResponseError" in classes:
        return _answer(error)
    if classes & {"azure.ServiceRequestError", "azure.ServiceResponseError"}:
        what = f"The service cannot be reached: {_first_line(error)}."
        return ConnectError(what, remedy="Type %aml status to see the connection.")
    if classes & {"azure.AzureError", "marshmallow.ValidationError", "yaml.YAMLError"}:
        return _sdk(error)
    if isinstance(error, OSError) and error.filename is not None:
        return _file(error)
    return None


def exit_code(error: AmlError) -> int:
    """The exit code of `aml`: 2 not understood, 3 not found, 1 any other refusal."""
    if isinstance(error, UsageError):
        return 2
    return 3 if isinstance(error, ResourceError) and error.status == NOT_FOUND else 1


def _file(error: OSError) -> AmlError:
    """What the system says of a file; among files to be sent a socket or pipe, most likely the store's own."""
    path = str(error.filename)
    if error.errno != errno.ENXIO:
        return AmlError(f"{error.strerror or type(error).__name__}: {path}")
    folder, _, name = path.rpartition("/")
    store = folder.rpartition("/")[0] if name == "host.sock" else ""
    return AmlError(
        f"{path} is a socket or a pipe, which cannot be sent as a file.",
        why=f"The folder that is sent holds the store of the local workspace, {store}." if store else "",
        remedy="Give a folder with the code alone, or name what is to be left out in .amlignore at the folder's top.",
    )


def bug_report(error: BaseException, version: str) -> str:
    """One line for a fault that is ours."""
    return (
        f"This is a fault of jupyter_aml {version}, not yours: {type(error).__name__}. "
        "Please report it with the traceback and the command that caused it."
    )


def lines(error: AmlError) -> list[str]:
    """The error for a person: what, why, what to type; the code of ARM stands with the what."""
    code = error.code if isinstance(error, ResourceError) and error.code not in ("", "UserError") else ""
    what = error.message if not code or code in error.message else f"{error.message} ({code})"
    return [line for line in (what, error.why, error.remedy) if line]


def _answer(error: Any) -> AmlError:
    """An HTTP answer of the service as a ResourceError; its body is ARM's error."""
    status = int(getattr(error, "status_code", None) or 0)
    body = _body(error)
    code = str(body.get("code") or _code(error) or "")
    message = str(body.get("message") or getattr(error, "message", "") or error)
    remedy = _remedy(body)
    message = message.removesuffix(remedy).rstrip()
    if status in UNAUTHORIZED and not remedy:
        remedy = "Type %aml whoami to see who you are here."
    if status >= SERVER and not remedy:
        remedy = "Try again; if it stays, type %aml doctor."
    return ResourceError(
        sdk_messages.read(message).what, status=status or SERVER, code=code or "UserError", remedy=remedy
    )


def _body(error: Any) -> dict[str, Any]:
    response = getattr(error, "response", None)
    try:
        found = json.loads(response.text()) if response is not None else {}
    except Exception:  # noqa: BLE001 - a body that is no JSON, or was streamed away, has nothing to tell
        return {}
    inner = found.get("error", found) if isinstance(found, dict) else {}
    return inner if isinstance(inner, dict) else {}


def _code(error: Any) -> str:
    return str(getattr(getattr(error, "error", None), "code", "") or "")


def _remedy(body: dict[str, Any]) -> str:
    """What to type, as our own service says it beside ARM's fields (and at the end of the message)."""
    extra = body.get("additionalInfo") or []
    for item in extra if isinstance(extra, list) else []:
        if isinstance(item, dict) and item.get("type") == "Remedy":
            info = item.get("info")
            return str(info.get("value") or "") if isinstance(info, dict) else ""
    return ""


def _sdk(error: BaseException) -> AmlError:
    """A fault that the SDK found before it asked the service."""
    said = sdk_messages.read(str(getattr(error, "message", "") or error))
    if said.missing:
        return NotFoundError(said.what, remedy="Look at the name and the version; list shows what there is.")
    return AmlError(said.what, why=said.why, remedy=said.remedy)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
