"""The data collector: payloads of requests, and what scripts log through `azureml-ai-monitoring`, into blobs.

A row is a CloudEvent as Azure writes them. Files lie at `modelDataCollector/<endpoint>/<deployment>/<collection>/
yyyy/MM/dd/HH/<instance>.jsonl` in the default datastore.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_aml.agent import records as files
from jupyter_aml.local.serving.router.appending import Appender
from jupyter_aml.local.serving.router.asked import Served
from jupyter_aml.local.serving.router.order import Collecting, Deployment
from jupyter_aml.local.serving.router.receiver import Receiver

FLUSH_SECONDS = 2.0
LARGEST = 4 << 20
"""Bytes of a payload; a longer one is named in its row but not kept."""
PAYLOADS = ("request", "response")
AGENT = "azureml-mdc-local/1"
_ROLLS = {"year": "%Y", "month": "%Y/%m", "day": "%Y/%m/%d", "hour": "%Y/%m/%d/%H", "minute": "%Y/%m/%d/%H/%M"}
_WHOLE = 1 << 32


class Collector:
    """What is collected of the deployments of an endpoint.

    Args:
        workspace_folder: Folder of the workspace.
        folder: Folder of the blobs `modelDataCollector/...` in it.
        endpoint: Its name.
        arm_id: Its ARM id.
    """

    def __init__(self, workspace_folder: Path, folder: Path, endpoint: str, arm_id: str) -> None:
        self._folder = folder / endpoint
        self._arm_id = arm_id
        self._instance = uuid.uuid4().hex
        self._files = Appender(FLUSH_SECONDS, workspace_folder)
        self._receivers: dict[str, Receiver] = {}

    async def variables(self, deployment: Deployment, folder: Path) -> dict[str, str]:
        """What tells the replicas of a deployment where `azureml-ai-monitoring` is to send rows.

        Args:
            deployment: Which.
            folder: Where the file is put that tells them what is collected.
        """
        wanted = deployment.collect
        if wanted is None or not set(wanted.collections) - set(PAYLOADS):
            return {}
        if deployment.name not in self._receivers:
            name = deployment.name
            receiver = self._receivers[name] = Receiver(lambda headers, body: self._logged(name, headers, body))
            await receiver.open()
        config = folder / "collections.json"
        files.write(str(config), _config(wanted))
        return {
            "AZUREML_MDC_ENABLED": "true",
            "AZUREML_MDC_HOST": "127.0.0.1",
            "AZUREML_MDC_PORT": str(self._receivers[deployment.name].port),
            "AZUREML_MDC_CONFIG_PATH": str(config),
        }

    def _path(self, deployment: str, collection: str, rolling: str, seconds: float) -> Path:
        moment = time.strftime(_ROLLS.get(rolling, _ROLLS["hour"]), time.gmtime(seconds))
        return self._folder / deployment / collection / moment / f"{self._instance}.jsonl"

    def payload(self, deployment: Deployment, served: Served) -> None:
        """Keep the payloads of a request that was answered, if it is drawn."""
        wanted = deployment.collect
        if wanted is None:
            return
        bodies = {"request": (served.request, served.content_type), "response": (served.answer, served.answer_type)}
        for name in PAYLOADS:
            one = wanted.collections.get(name)
            if one is None or not one.enabled or not drawn(served.id, one.sampling):
                continue
            body, kind = bodies[name]
            event = self._event(deployment.name, f"azureml.inference.{name}", served.begun, served.id)
            if name == "request":
                event |= {header: served.headers[header] for header in wanted.headers if header in served.headers}
            path = self._path(deployment.name, name, wanted.rolling, served.begun)
            self._files.add(path, _payload_line(event, body, kind))

    def _event(self, deployment: str, kind: str, seconds: float, correlation: str) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": f"{self._arm_id}/deployments/{deployment}",
            "type": kind,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)),
            "correlationid": correlation,
            "xrequestid": correlation,
            "modelversion": "default",
            "agent": AGENT,
        }

    def _logged(self, deployment: str, headers: Mapping[str, str], body: bytes) -> None:
        """A row that a script has logged."""
        told = {name[3:]: value for name, value in headers.items() if name.startswith("ce-")}
        seconds = _seconds(told.pop("time", ""))
        kind = told.pop("type", "azureml.inference.unknown")
        event = self._event(deployment, kind, seconds, told.pop("x-request-id", ""))
        event["id"] = headers.get("trace-id") or event["id"]
        event |= {name.replace("-", ""): value for name, value in told.items()}
        path = self._path(deployment, kind.rpartition(".")[2], "hour", seconds)
        self._files.add(path, _payload_line(event, body, headers.get("content-type", "")))

    async def close(self) -> None:
        """Take no more, and write what waits."""
        for receiver in self._receivers.values():
            await receiver.close()
        await self._files.close()


def drawn(request_id: str, sampling: float) -> bool:
    """Whether a request belongs to the sample: both of its payloads or neither."""
    return sampling >= 1 or uuid.uuid5(uuid.NAMESPACE_OID, request_id).int % _WHOLE < sampling * _WHOLE


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return time.time()


def _config(wanted: Collecting) -> dict[str, Any]:
    """What `azureml-ai-monitoring` reads: which collections there are, and how many of their rows are wanted."""
    return {
        "runMode": "cloud",
        "collections": {
            name: {"enabled": one.enabled, "sampleRatePercentage": one.sampling * 100}
            for name, one in wanted.collections.items()
        },
    }


def _payload_line(event: dict[str, Any], body: bytes, kind: str) -> Any:
    """Makes the row of a payload: JSON as it is, anything else in base 64."""

    def line() -> bytes:
        whole = {**event, "datacontenttype": kind or "application/json"}
        if len(body) <= LARGEST:
            try:
                whole["data"] = json.loads(body)
            except ValueError:
                whole["data_base64"] = base64.b64encode(body).decode()
        whole["contentrange"] = f"bytes 0-{max(len(body) - 1, 0)}/{len(body)}"
        return json.dumps(whole, separators=(",", ":")).encode() + b"\n"

    return line
