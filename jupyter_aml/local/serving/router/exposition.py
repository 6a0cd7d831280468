"""The figures of an endpoint in Prometheus' text format, version 0.0.4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

from jupyter_aml.local.serving.router.measures import Measures

CONTENT_TYPE = b"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
_PREFIX = "azureml_online_"


class Gauged(Protocol):
    """What is under way in a pool."""

    name: str
    links: list[object]

    @property
    def waiting(self) -> int: ...

    @property
    def running(self) -> int: ...


def text(measures: Mapping[str, Measures], pools: Iterable[Gauged]) -> str:
    """All families, one block each."""
    lines: list[str] = []
    _totals(lines, measures)
    _latencies(lines, measures)
    _batches(lines, measures)
    _gauges(lines, list(pools))
    return "\n".join(lines) + "\n"


def _family(lines: list[str], name: str, kind: str, told: str) -> str:
    full = _PREFIX + name
    lines += [f"# HELP {full} {told}", f"# TYPE {full} {kind}"]
    return full


def _labels(**labels: str) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def _totals(lines: list[str], measures: Mapping[str, Measures]) -> None:
    name = _family(lines, "requests_total", "counter", "Requests answered, by status that the client saw.")
    for deployment, of in measures.items():
        statuses: Counter[int] = Counter()
        for (status, _), count in of.total.statuses.items():
            statuses[status] += count
        lines += [f"{name}{_labels(deployment=deployment, status=str(s))} {n}" for s, n in sorted(statuses.items())]
    for field, told in (
        ("received", "Bytes of request bodies."),
        ("sent", "Bytes of answer bodies."),
        ("mirrored", "Copies of requests that were mirrored here."),
        ("dropped", "Copies of requests that were not mirrored because the deployment had too much to do."),
    ):
        suffix = "bytes_total" if field in {"received", "sent"} else "requests_total"
        name = _family(lines, f"{field}_{suffix}", "counter", told)
        lines += [f"{name}{_labels(deployment=d)} {getattr(of, field)}" for d, of in measures.items()]


def _latencies(lines: list[str], measures: Mapping[str, Measures]) -> None:
    name = _family(lines, "request_seconds", "histogram", "From the complete request to the answer.")
    for deployment, of in measures.items():
        for bound, count in of.total.cumulative():
            le = "+Inf" if bound == float("inf") else f"{bound:g}"
            lines.append(f"{name}_bucket{_labels(deployment=deployment, le=le)} {count}")
        lines.append(f"{name}_sum{_labels(deployment=deployment)} {of.total.seconds:.6f}")
        lines.append(f"{name}_count{_labels(deployment=deployment)} {of.total.count}")


def _batches(lines: list[str], measures: Mapping[str, Measures]) -> None:
    name = _family(lines, "batch_requests", "histogram", "Requests that the model was called with at a time.")
    for deployment, of in measures.items():
        below = 0
        for bound, count in sorted(of.batches.items()):
            below += count
            lines.append(f"{name}_bucket{_labels(deployment=deployment, le=str(bound))} {below}")
        lines.append(f"{name}_bucket{_labels(deployment=deployment, le='+Inf')} {below}")
        lines.append(f"{name}_sum{_labels(deployment=deployment)} {of.batched}")
        lines.append(f"{name}_count{_labels(deployment=deployment)} {below}")


def _gauges(lines: list[str], pools: list[Gauged]) -> None:
    for field, told in (
        ("waiting", "Requests that no replica has begun with."),
        ("running", "Requests that a replica has begun with."),
    ):
        name = _family(lines, f"{field}_requests", "gauge", told)
        lines += [f"{name}{_labels(deployment=pool.name)} {getattr(pool, field)}" for pool in pools]
    name = _family(lines, "ready_replicas", "gauge", "Replicas that take requests.")
    lines += [f"{name}{_labels(deployment=pool.name)} {len(pool.links)}" for pool in pools]
