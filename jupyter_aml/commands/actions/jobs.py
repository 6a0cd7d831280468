"""What is known of a job, read from REST in one go: the snapshot that its card draws."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_aml.commands import plain
from jupyter_aml.commands.actions import children, near
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import AmlError, ResourceError, UsageError
from jupyter_aml.views import job as card

if TYPE_CHECKING:
    from jupyter_aml.commands.actions.cards import Card

FINAL = frozenset({"Completed", "Failed", "Canceled"})
HISTORY = "history/v1.0"
TRACKING = "mlflow/v2.0"
MAIN_LOG = "user_logs/std_log.txt"
MAIN_LOGS = (MAIN_LOG, "azureml-logs/hyperdrive.txt", "logs/azureml/executionlogs.txt", "azureml-logs/automl.txt")
"""The log of a job by its type: of a command, of a sweep, of a pipeline, of AutoML."""
TAIL = 32 * 1024
MOST_CURVES = 6
MOST_POINTS = 2000
_HIDDEN_TAGS = re.compile(r"^(?:mlflow\.|azureml\.|_aml)")


class Reader:
    """Reads a workspace's jobs over REST; one per connection, usable from any thread.

    Args:
        connection: As `jupyter_aml.client.connection` gives it.
    """

    def __init__(self, connection: Any) -> None:
        from jupyter_aml.client.rest import Rest

        self.place = str(connection.place)
        self.local = bool(connection.local)
        self.workspace = str(connection.workspace_path)
        self.rest = Rest(connection)

    def status(self, name: str) -> str:
        """The job's status."""
        return str(self.rest.get(f"jobs/{name}")["properties"]["status"])

    def snapshot(self, name: str) -> dict[str, Any]:
        """All that the card of a job shows."""
        properties = self.rest.get(f"jobs/{name}")["properties"]
        details = self._quietly(f"runs/{name}/details", HISTORY) or {}
        run = self._run(name)
        own = properties.get("properties") or {}
        error = _error(details)
        status = str(properties.get("status") or "")
        return {
            "place": self.place,
            "workspace": self.workspace,
            "name": name,
            "display_name": properties.get("displayName") or "",
            "type": properties.get("jobType"),
            "status": status,
            "experiment": properties.get("experimentName"),
            "compute": _last(properties.get("computeId")) or "serverless",
            "environment": _asset(properties.get("environmentId")),
            "created": (run.get("info") or {}).get("start_time", 0) / 1000 or None,
            "started": details.get("startTimeUtc"),
            "ended": details.get("endTimeUtc"),
            "tags": {k: v for k, v in (properties.get("tags") or {}).items() if not _HIDDEN_TAGS.match(k)},
            "inputs": {key: _value(value) for key, value in (properties.get("inputs") or {}).items()},
            "outputs": {
                key: (value or {}).get("uri") or (value or {}).get("jobOutputType") or ""
                for key, value in (properties.get("outputs") or {}).items()
                if key != "default"
            },
            "parent": _pairs(run, "tags").get("mlflow.parentRunId") or "",
            "params": {**children.point(own), **_pairs(run, "params")},
            "metrics": {key: float(value) for key, value in _pairs(run, "metrics").items()},
            "curves": self._curves(name, run),
            "log": self.tail(_main_log(details)),
            "error": error,
            "now": None if status in FINAL else time.time(),
            **children.snapshot(self._quietly, self._posted, name, properties, run),
        }

    def failure(self, name: str, log: str) -> str:
        """What went wrong with a failed job: its own traceback, else the first error of its log, else a sentence."""
        error = _error(self._quietly(f"runs/{name}/details", HISTORY) or {})
        return failure({"status": "Failed", "error": error, "log": log})

    def log_files(self, name: str) -> dict[str, str]:
        """The job's logs: URL by file name."""
        found = self.rest.get(f"runs/{name}/details", api=HISTORY).get("logFiles") or {}
        return dict(found)

    def tail(self, url: str, size: int = TAIL) -> str:
        """The last bytes of a log; a first line that is cut is left out."""
        if not url:
            return ""
        try:
            content, whole = self.bytes_of(url, 0, 0)
            if whole > 1:
                content, _ = self.bytes_of(url, max(0, whole - size))
        except (AmlError, OSError):
            return ""
        text = content.decode("utf-8", errors="replace")
        return text[text.find("\n") + 1 :] if whole > size else text

    def bytes_of(self, url: str, start: int, end: int | None = None) -> tuple[bytes, int]:
        """Bytes of a log from `start` (to `end`, inclusive), and its whole length; nothing past its end."""
        wanted = f"bytes={start}-{'' if end is None else end}"
        answer = self.rest.signed(url, {"Range": wanted, "x-ms-version": "2023-11-03"})
        if answer.status == 416:  # noqa: PLR2004 - Range Not Satisfiable: nothing there yet
            return b"", start
        if answer.status >= 400:  # noqa: PLR2004 - the first that says no
            msg = f"The log could not be read: {answer.status}."
            raise ResourceError(msg, status=answer.status)
        total = answer.headers.get("content-range", "").rpartition("/")[2]
        return answer.content, int(total) if total.isdigit() else start + len(answer.content)

    def _run(self, name: str) -> dict[str, Any]:
        found = self._quietly("api/2.0/mlflow/runs/get", TRACKING, {"run_id": name}) or {}
        run = found.get("run") or {}
        return dict(run)

    def _curves(self, name: str, run: Mapping[str, Any]) -> dict[str, list[tuple[float, float, float]]]:
        """The history of the first metrics that have more than one point."""
        found = {}
        for metric in (run.get("data") or {}).get("metrics") or []:
            key = metric["key"]
            if key.startswith("system/"):
                continue
            query = {"run_id": name, "metric_key": key, "max_results": MOST_POINTS}
            answer = self._quietly("api/2.0/mlflow/metrics/get-history", TRACKING, query) or {}
            points = [
                (float(p.get("step") or 0), float(p.get("timestamp") or 0), float(p["value"]))
                for p in answer.get("metrics") or []
            ]
            if len(points) > 1:
                found[key] = points
            if len(found) == MOST_CURVES:
                break
        return found

    def _posted(self, path: str, api: str, body: Mapping[str, Any]) -> Any:
        """The answer to a body; None where there is none."""
        try:
            return self.rest.post(path, body, api=api)
        except ResourceError:
            return None

    def _quietly(self, path: str, api: str, query: Mapping[str, Any] | None = None) -> Any:
        """The answer; None where a part of the snapshot is not there (yet)."""
        try:
            return self.rest.get(path, api=api, query=query)
        except ResourceError:
            return None


def outcome(context: Context, job: Any, message: str = "") -> Outcome:
    """A job as a card that is drawn anew each time it is shown, until the job has ended."""
    client, reader = context.client, Reader(context.connection)
    name = job.name
    card = _card(job)(
        job, kind="job", place=context.place, message=message, again=lambda: client.jobs.get(name),
        details=Details(reader, name),
    )  # fmt: skip
    card.beside = lambda: context.widget(context.connection, name)
    card.client = client
    return card


def _card(job: Any) -> type[Card]:
    """What a job is shown as."""
    if getattr(job, "type", "") == "automl":
        from jupyter_aml.commands.actions.searches import Search

        return Search
    from jupyter_aml.commands.actions.cards import Card

    return Card


class Details:
    """The snapshot of a job, read when it is drawn, and kept once the job has ended."""

    def __init__(self, reader: Reader, name: str) -> None:
        self.reader = reader
        self.name = name
        self.kept: dict[str, Any] | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Which job it is: its workspace and its name."""
        return self.reader.workspace, self.name

    def __call__(self) -> Mapping[str, Any]:
        if self.kept is not None:
            return self.kept
        found = self.reader.snapshot(self.name)
        if found["status"] in FINAL:
            self.kept = found
        return found


def wanted(context: Context, value: Any, verb: str) -> Any:
    """The job that a name or `{job}` means, fresh from the workspace.

    Raises:
        UsageError: No job was named.
    """
    name, client = name_of(value, verb), context.client
    return near.looked_up(lambda: client.jobs.get(name), "job", name, client.jobs.list)


def name_of(value: Any, verb: str) -> str:
    """The name of the job that a word or `{job}` means.

    Raises:
        UsageError: None was named, or the value is no job.
    """
    name = value if isinstance(value, str) else getattr(value, "name", None)
    if isinstance(name, str) and name:
        return name.removeprefix("azureml:").rpartition("/jobs/")[2] or name
    if value is None:
        msg = f"job {verb} needs the name of a job."
        raise UsageError(msg, remedy=f"Type %aml job list to see them, or %aml job {verb} {{job}}.")
    msg = f"job {verb}: a {type(value).__name__} is no job."
    raise UsageError(msg, remedy="Give its name, or the object that --var bound.")


def failure(snapshot: Mapping[str, Any]) -> str:
    """What went wrong, in the job's own words."""
    return card.failure(snapshot)


def as_dict(job: Any) -> dict[str, Any]:
    """The job in the CLI's schema, as `az ml job show` prints it."""
    found = plain.plain(job)
    return found if isinstance(found, dict) else {}


def whole(connection: Any, job: Any) -> dict[str, Any]:
    """A job of the workspace in the CLI's schema, with the files of a Spark job, which the SDK does not read back."""
    said = as_dict(job)
    if said.get("type") != "spark":
        return said
    from jupyter_aml.client.rest import Rest

    told = Rest(connection).get(f"jobs/{job.name}")["properties"]
    fields = {"py_files": "pyFiles", "jars": "jars", "files": "files", "archives": "archives"}
    return {**said, **{field: told[name] for field, name in fields.items() if told.get(name)}}


def main_log(files: Mapping[str, str]) -> str:
    """Which of a job's logs tells what it does; "" while there is none."""
    return next((name for name in MAIN_LOGS if name in files), next(iter(files), ""))


def _main_log(details: Mapping[str, Any]) -> str:
    files = details.get("logFiles") or {}
    return str(files.get(main_log(files)) or "")


def _error(details: Mapping[str, Any]) -> dict[str, str] | None:
    inner = (details.get("error") or {}).get("error") or {}
    if not inner:
        return None
    traceback = next(
        (str(one.get("message")) for one in inner.get("details") or [] if one.get("code") == "Traceback"), ""
    )
    return {"message": str(inner.get("message") or ""), "traceback": traceback}


def _pairs(run: Mapping[str, Any], part: str) -> dict[str, Any]:
    items: Iterable[Mapping[str, Any]] = (run.get("data") or {}).get(part) or []
    return {str(one["key"]): one["value"] for one in items}


def _last(arm_id: Any) -> str:
    return str(arm_id or "").rstrip("/").rpartition("/")[2]


def _asset(arm_id: Any) -> str:
    text = str(arm_id or "")
    found = re.search(r"/(?P<name>[^/]+)/versions/(?P<version>[^/]+)$", text)
    return f"{found['name']}:{found['version']}" if found else _last(text)


def _value(value: Any) -> Any:
    found = (value or {}).get("value", (value or {}).get("uri"))
    text = str(found if found is not None else "")
    short = re.search(r"/(?:data|models)/(?P<name>[^/]+)/versions/(?P<version>[^/]+)$", text)
    return f"{short['name']}:{short['version']}" if short else text
