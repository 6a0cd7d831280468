"""Figures of endpoints as Azure Monitor tells them: metrics, their dimensions, and series over time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm import times
from jupyter_aml.local.jobs import names as durations

HOUR = 3600.0
AGGREGATIONS = ("average", "count", "total", "minimum", "maximum")
_CLAUSE = re.compile(r"\s*(\w+)\s+eq\s+'([^']*)'\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Metric:
    """One figure.

    Attributes:
        name: Azure Monitor's name; `RequestLatencyBucket` is of the local workspace alone.
        title: For people.
        unit: `CountPerMinute`, `MilliSeconds` or `Count`.
        dimensions: What its series may be split by.
        adds: Whether the averages of several series add up, as rates do and latencies do not.
    """

    name: str
    title: str
    unit: str
    dimensions: tuple[str, ...]
    adds: bool


def _latency(name: str, title: str) -> Metric:
    return Metric(name, title, "MilliSeconds", ("deployment",), adds=False)


METRICS = (
    Metric(
        "RequestsPerMinute",
        "Requests Per Minute",
        "CountPerMinute",
        ("deployment", "statusCode", "statusCodeClass", "modelStatusCode"),
        adds=True,
    ),
    _latency("RequestLatency", "Request Latency"),
    _latency("RequestLatency_P50", "Request Latency P50"),
    _latency("RequestLatency_P90", "Request Latency P90"),
    _latency("RequestLatency_P95", "Request Latency P95"),
    _latency("RequestLatency_P99", "Request Latency P99"),
    Metric("RequestLatencyBucket", "Requests Within a Latency", "Count", ("deployment", "le"), adds=True),
)
BY_NAME = {metric.name.lower(): metric for metric in METRICS}


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        metrics: Which figures.
        since: Seconds since the epoch; `until` likewise.
        grain: Seconds of one point, whole minutes.
        split: Dimensions that the series are split by, in the order asked for.
        only: Values in lower case that a dimension may have; `*` is any.
        shown: Aggregations in the answer.
    """

    metrics: tuple[Metric, ...]
    since: float
    until: float
    grain: int
    split: tuple[str, ...]
    only: Mapping[str, frozenset[str]]
    shown: tuple[str, ...]


def read(query: Mapping[str, str], now: float) -> Question:
    """The question of a request's query, whose names are in lower case.

    Raises:
        ResourceError: A metric, a dimension or a time is not known (400).
    """
    wanted = [part.strip() for part in (query.get("metricnames") or METRICS[0].name).split(",") if part.strip()]
    unknown = [name for name in wanted if name.lower() not in BY_NAME]
    if unknown:
        known = ", ".join(metric.name for metric in METRICS)
        raise _bad("metricnames", f"names {', '.join(unknown)}; the metrics of an online endpoint are {known}")
    metrics = tuple(BY_NAME[name.lower()] for name in wanted)
    since, until = _span(query.get("timespan", ""), now)
    only = _filter(query.get("$filter", ""), metrics)
    grain = durations.seconds(query.get("interval") or "PT1M", "interval")
    asked = [part.strip().lower() for part in query.get("aggregation", "").split(",") if part.strip()]
    shown = tuple(name for name in AGGREGATIONS if name in (asked or ["average"]))
    return Question(metrics, since, until, max(60, int(grain) // 60 * 60), tuple(only), only, shown)


def _span(text: str, now: float) -> tuple[float, float]:
    if not text:
        return now - HOUR, now
    begin, mark, end = text.partition("/")
    try:
        return (times.epoch(begin), times.epoch(end)) if mark else (now - durations.seconds(text, "timespan"), now)
    except ValueError as error:
        raise _bad("timespan", f"is {text!r}; two times in ISO 8601 were expected, with '/' between them") from error


def _filter(text: str, metrics: Iterable[Metric]) -> dict[str, frozenset[str]]:
    """Values by dimension of `deployment eq 'blue' and statusCodeClass eq '*'`."""
    found: dict[str, frozenset[str]] = {}
    for clause in re.split(r"\s+(?:and|or)\s+", text.strip(), flags=re.IGNORECASE) if text.strip() else ():
        match = _CLAUSE.fullmatch(clause.strip("() "))
        if match is None:
            raise _bad("$filter", f"has {clause!r}; DIMENSION eq 'VALUE' was expected")
        for metric in metrics:
            spelled = next((one for one in metric.dimensions if one.lower() == match[1].lower()), None)
            if spelled is None:
                raise _bad("$filter", f"names the dimension {match[1]!r}, which {metric.name} does not have")
            found[spelled] = found.get(spelled, frozenset()) | {match[2].lower()}
    return found


def _bad(field: str, found: str) -> ResourceError:
    return ResourceError(f"{field} {found}.", code="BadRequest", target=field)


def answer(question: Question, series: Iterable[Mapping[str, Any]], place: str, location: str) -> dict[str, Any]:
    """The body that Azure Monitor answers with.

    Args:
        question: What was asked.
        series: Figures as `{"name", "dimensions", "points"}`, points as `{"time", "count", "total", ...}`.
        place: ARM id of the resource.
        location: Of the workspace.
    """
    held = list(series)
    return {
        "cost": 0,
        "timespan": f"{_iso(question.since)}/{_iso(question.until)}",
        "interval": f"PT{question.grain // 60}M",
        "namespace": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
        "resourceregion": location,
        "value": [_told(question, metric, held, place) for metric in question.metrics],
    }


def _told(question: Question, metric: Metric, series: list[Mapping[str, Any]], place: str) -> dict[str, Any]:
    groups: dict[tuple[str, ...], dict[float, dict[str, float]]] = {}
    for one in series:
        dimensions = one["dimensions"]
        if one["name"] == metric.name and _kept(question, dimensions):
            points = groups.setdefault(tuple(str(dimensions.get(name, "")) for name in question.split), {})
            for point in one["points"]:
                points[point["time"]] = _joined(points.get(point["time"]), point, adds=metric.adds)
    return {
        "id": f"{place}/providers/Microsoft.Insights/metrics/{metric.name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": metric.name, "localizedValue": metric.title},
        "unit": metric.unit,
        "errorCode": "Success",
        "timeseries": [
            {
                "metadatavalues": [
                    {"name": {"value": name, "localizedValue": name}, "value": value}
                    for name, value in zip(question.split, values, strict=True)
                ],
                "data": [_shown(question, points[moment], moment) for moment in sorted(points)],
            }
            for values, points in groups.items()
        ],
    }


def _kept(question: Question, dimensions: Mapping[str, Any]) -> bool:
    return all(allowed & {"*", str(dimensions.get(name, "")).lower()} for name, allowed in question.only.items())


def _joined(held: dict[str, float] | None, point: Mapping[str, float], *, adds: bool) -> dict[str, float]:
    """The figures of two series at one time as those of one."""
    new = {name: float(point[name]) for name in AGGREGATIONS}
    if held is None:
        return new
    count, total = held["count"] + new["count"], held["total"] + new["total"]
    average = held["average"] + new["average"] if adds else total / count
    least, most = min(held["minimum"], new["minimum"]), max(held["maximum"], new["maximum"])
    return {"average": average, "count": count, "total": total, "minimum": least, "maximum": most}


def _shown(question: Question, point: Mapping[str, float], moment: float) -> dict[str, Any]:
    return {"timeStamp": _iso(moment), **{name: point[name] for name in question.shown}}


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
