"""The job card: what a job is, how far it is, its metrics, curves and log, as HTML and as plain text.

A snapshot is a plain dict, all keys optional: place, name, display_name, type, status, experiment, compute,
environment, created, started, ended (epochs or ISO texts), parent, tags, inputs, outputs, params, metrics
({key: latest}), curves ({key: [(step, timestamp_ms, value)]}), log (its tail), error ({message, traceback}),
trials or steps (see children.py), now (epoch seconds, for the duration of a job that still runs).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_aml.views import charts, children, formats, logs, markup, table

Snapshot = Mapping[str, Any]
MOST_CURVES = 6
LOG_LINES = 14


def html(snapshot: Snapshot) -> str:
    """The whole card."""
    now = snapshot.get("now")
    status = str(snapshot.get("status") or "")
    title = str(snapshot.get("display_name") or snapshot.get("name") or "job")
    name = str(snapshot.get("name") or "")
    top = markup.head(
        title,
        str(snapshot.get("place") or ""),
        soft=name if name != title else "",
        before=table.status(status) if status else "",
    )
    left = markup.section("job", markup.pairs(_facts(snapshot, now)))
    inputs = markup.section("inputs", markup.pairs(_values(snapshot.get("inputs"), snapshot.get("params"))))
    outputs = markup.section("outputs", markup.pairs(_values(snapshot.get("outputs"))))
    middle = f"<div>{inputs}{outputs}</div>" if inputs or outputs else ""
    right = markup.section("metrics", _metrics(_own_metrics(snapshot)))
    return markup.card(
        top,
        _error(snapshot),
        f'<div class="jp-Aml-flow">{left}{middle}{right}</div>',
        children.html(snapshot),
        _pictures(snapshot.get("curves") or {}, "trial" if "trials" in snapshot else "step"),
        _log(snapshot),
    )


def plain(snapshot: Snapshot) -> str:
    """The same card for a terminal."""
    now = snapshot.get("now")
    status = str(snapshot.get("status") or "")
    title = str(snapshot.get("display_name") or snapshot.get("name") or "job")
    name = str(snapshot.get("name") or "")
    first = [
        f"{formats.icon(status)} {status}".strip() if status else "",
        title,
        name if name != title else "",
    ]
    first.append(str(snapshot.get("place") or ""))
    lines = [" · ".join(part for part in first if part)]
    error = failure(snapshot)
    if error:
        lines += ["", error, ""]
    facts = [(key, value) for key, value in _plain_facts(snapshot, now) if value]
    for heading in ("inputs", "params", "outputs"):
        facts += [(f"{heading[:-1]} {key}", formats.cell(value)) for key, value in _items(snapshot.get(heading))]
    widest = max((formats.width(key) for key, _ in facts), default=0)
    lines += [f"  {key}{' ' * (widest - formats.width(key))}  {value}" for key, value in facts]
    metrics = _own_metrics(snapshot)
    if metrics:
        rows = [{"metric": key, "latest": value} for key, value in sorted(metrics.items())]
        lines += ["", table.plain(rows)]
    below = children.plain(snapshot)
    if below:
        lines += ["", below]
    tail = _tail(snapshot)
    if tail:
        lines += ["", "log:", *(f"  {line}" for line in tail.split("\n"))]
    return "\n".join(lines)


def failure(snapshot: Snapshot) -> str:
    """What went wrong, in the job's own words: its traceback, else its log's first error, else the message.

    Empty while nothing has failed.
    """
    if snapshot.get("status") != "Failed":
        return ""
    error = snapshot.get("error") or {}
    traceback = str(error.get("traceback") or "").rstrip()
    message = str(error.get("message") or "")
    found = traceback or logs.first_error(str(snapshot.get("log") or ""))
    if not found:
        return message
    return found if not message or message in found else f"{found}\n{message}"


def _plain_facts(snapshot: Snapshot, now: float | None) -> list[tuple[str, str]]:
    started, ended = snapshot.get("started"), snapshot.get("ended")
    running = formats.duration(formats.between(started, ended or now))
    looked = formats.clock(now) if now and not ended else ""
    if running and looked:
        running, looked = f"{running} at {looked}", ""
    tags = snapshot.get("tags") or {}
    return [
        ("experiment", str(snapshot.get("experiment") or "")),
        ("compute", str(snapshot.get("compute") or "")),
        ("environment", str(snapshot.get("environment") or "")),
        ("created", formats.when(snapshot.get("created"))),
        ("duration", running),
        ("as of", looked),
        ("parent", str(snapshot.get("parent") or "")),
        *children.facts(snapshot),
        ("tags", formats.cell(tags)),
    ]


def _facts(snapshot: Snapshot, now: float | None) -> list[tuple[str, str]]:
    return [(key, markup.esc(value)) for key, value in _plain_facts(snapshot, now)]


def _items(found: object) -> Sequence[tuple[str, object]]:
    return list(found.items()) if isinstance(found, Mapping) else []


def _values(*sources: object) -> list[tuple[str, str]]:
    seen: dict[str, str] = {}
    for source in sources:
        for key, value in _items(source):
            seen.setdefault(str(key), markup.esc(formats.clip(formats.cell(value), 120)))
    return list(seen.items())


def _own_metrics(snapshot: Snapshot) -> dict[str, float]:
    """The job's metrics; that of a sweep stands with its trials."""
    found = dict(snapshot.get("metrics") or {})
    if "trials" in snapshot:
        found.pop(str(snapshot.get("metric")), None)
    return found


def _metrics(metrics: Mapping[str, float]) -> str:
    found = [(key, markup.esc(formats.cell(value))) for key, value in sorted(metrics.items())]
    if len(found) <= LOG_LINES:
        return markup.pairs(found, numeric=True)
    rest = markup.pairs(found[LOG_LINES:], numeric=True)
    more = f"<details><summary>{len(found) - LOG_LINES} more</summary>{rest}</details>"
    return markup.pairs(found[:LOG_LINES], numeric=True) + more


def _pictures(curves: Mapping[str, Sequence[Sequence[float]]], axis: str) -> str:
    """One picture per metric that has more than one point."""
    shown = [(key, points) for key, points in sorted(curves.items()) if len(points) > 1][:MOST_CURVES]
    return "".join(charts.image(curve(key, points, axis), f"{key} over its {axis}s") for key, points in shown)


def curve(key: str, points: Sequence[Sequence[float]], axis: str = "step") -> str:
    """The SVG of one metric: over its steps, or over seconds when every point has the same step."""
    if len({point[0] for point in points}) > 1:
        drawn, x = sorted((float(p[0]), float(p[2])) for p in points), axis
    else:
        first = min(p[1] for p in points)
        drawn, x = sorted(((p[1] - first) / 1000, float(p[2])) for p in points), "time, s"
    return charts.line([charts.Series(key, drawn)], title=formats.clip(key, 44), x=x, width=300, height=180)


def _error(snapshot: Snapshot) -> str:
    found = failure(snapshot)
    return markup.section("error", markup.code(found, "jp-Aml-error")) if found else ""


def _log(snapshot: Snapshot) -> str:
    tail = _tail(snapshot)
    return markup.section("log", markup.code(tail)) if tail else ""


def _tail(snapshot: Snapshot) -> str:
    """The last lines of the log; without the traceback at its end that the card shows as the error already."""
    log = logs.clean(str(snapshot.get("log") or "")).rstrip()
    shown = failure(snapshot)
    return logs.tail(log.removesuffix(shown).rstrip() if shown else log, LOG_LINES).strip("\n")
