"""What a widget's page asks: a method, a path below the service's address, a body; and how it is known again.

The page makes the same words in `labextension/src/rest.ts`, so that an answer that has been sent ahead is found.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from jupyter_aml.client.rest import API_VERSION

HISTORY = "history/v1.0"
MLFLOW = "mlflow/v2.0"
LOG_END = -200_000
"""A page begins with so many bytes of a log's end."""
LOG_WAIT = 10
_SAFE = "!~*'()/"


@dataclass(frozen=True)
class Ask:
    """One question.

    Attributes:
        path: With its query.
        body: JSON; None for none.
    """

    method: str
    path: str
    body: Any = None

    @property
    def key(self) -> str:
        """How page and kernel know it again."""
        if self.body is None:
            return f"{self.method} {self.path}"
        return f"{self.method} {self.path} {json.dumps(self.body, separators=(',', ':'), ensure_ascii=False)}"

    @property
    def reads(self) -> bool:
        """Whether it only reads, and may be asked again whenever something has changed."""
        return (self.method == "GET" or self.path.partition("?")[0].endswith("mlflow/runs/search")) and not self.logs

    @property
    def logs(self) -> bool:
        """Whether it asks for a piece of a log."""
        return self.path.startswith("log?")

    @property
    def job(self) -> str:
        """Whose log it asks for."""
        return parse_qs(self.path.partition("?")[2]).get("job", [""])[-1]


def arm(workspace: str, path: str, **query: str) -> Ask:
    """A GET of Resource Manager below a workspace."""
    asked = urlencode({"api-version": API_VERSION, **query})
    return Ask("GET", f"arm{quote(workspace, _SAFE)}/{quote(path, _SAFE)}?{asked}")


def api(workspace: str, service: str, path: str, **query: str) -> Ask:
    """A GET of one of the workspace's own services."""
    asked = f"?{urlencode(query)}" if query else ""
    return Ask("GET", f"api/{service}{quote(workspace, _SAFE)}/{quote(path, _SAFE)}{asked}")


def log(workspace: str, job: str, offset: int = LOG_END, *, wait: bool = False) -> Ask:
    """A piece of a job's log; with `wait` for when there is one."""
    query = {"workspace": workspace, "job": job, "offset": str(offset)}
    return Ask("GET", f"log?{urlencode({**query, 'wait': str(LOG_WAIT)} if wait else query)}")


def search(workspace: str, experiment: str, parent: str) -> Ask:
    """The tracked runs of a job's children."""
    where = f"tags.mlflow.parentRunId = '{parent}'"
    body = {"experiment_ids": [experiment], "filter": where, "max_results": 1000}
    return Ask("POST", f"api/{MLFLOW}{quote(workspace, _SAFE)}/api/2.0/mlflow/runs/search", body)


def piece(answered: tuple[int, str]) -> dict[str, Any]:
    """What an answer tells of a log; empty when it was refused."""
    found = json.loads(answered[1] or "{}")
    return found if isinstance(found, dict) and "offset" in found else {}


def after(ask: Ask, offset: int) -> Ask:
    """The question for the piece of the same log that begins at an offset."""
    given = {name: values[-1] for name, values in parse_qs(ask.path.partition("?")[2]).items()}
    return log(given["workspace"], given["job"], offset, wait=True)
