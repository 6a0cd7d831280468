"""The children of a job: the trials of a sweep with the best marked, the steps of a pipeline.

A snapshot has `trials` ({number, name, status, point, value, started, ended}), `metric`, `goal`, `best` (a name) and
`planned` (how many there will be at most); or `steps` ({step, name, status, reused, started, ended}); and `now`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_aml.views import formats, markup, table

Snapshot = Mapping[str, Any]
Child = Mapping[str, Any]
MOST = 15
"""Trials that are shown at once; the others are folded away."""


def html(snapshot: Snapshot) -> str:
    """The section of a card; empty for a job without children."""
    if "trials" in snapshot:
        shown, rest = _split(snapshot)
        more = f"<details><summary>{len(rest)} more</summary>{_trials(rest, snapshot)}</details>" if rest else ""
        body = f'<div class="jp-Aml-soft">{markup.esc(counts(snapshot))}</div>{_trials(shown, snapshot)}{more}'
        return markup.section("trials", body)
    if "steps" in snapshot:
        body = f'<div class="jp-Aml-soft">{markup.esc(counts(snapshot))}</div>{_steps(snapshot)}'
        return markup.section("steps", body)
    return ""


def plain(snapshot: Snapshot) -> str:
    """The same as text; the best trial carries a `*`."""
    if "trials" in snapshot:
        shown, rest = _split(snapshot)
        rows = [_trial(one, snapshot, " *") for one in shown]
        note = f"… and {len(rest)} more" if rest else ""
        return "\n".join([counts(snapshot), table.plain(rows, note=note)]) if rows else counts(snapshot)
    if "steps" in snapshot:
        return "\n".join([counts(snapshot), table.plain(_rows(snapshot))])
    return ""


def facts(snapshot: Snapshot) -> list[tuple[str, str]]:
    """What a sweep is after and what it has found, for the card's list of facts."""
    if "trials" not in snapshot:
        return []
    metric = str(snapshot.get("metric") or "")
    won = next((one for one in snapshot["trials"] if one.get("name") == snapshot.get("best")), None)
    if won is None:
        return [("objective", f"{snapshot.get('goal')} {metric}")]
    value = "" if won.get("value") is None else f", {metric}={formats.cell(won['value'])}"
    point = formats.cell(won.get("point") or {})
    return [
        ("objective", f"{snapshot.get('goal')} {metric}"),
        ("best trial", f"{won.get('number')}{value}{f' with {point}' if point else ''}"),
    ]


def counts(snapshot: Snapshot) -> str:
    """How many children there are, by status: `3 of 8 trials: 2 completed, 1 running`."""
    what = "trials" if "trials" in snapshot else "steps"
    found: Sequence[Child] = snapshot[what]
    begun = [one for one in found if one.get("name")]
    planned = snapshot.get("planned")
    whole = f"{len(begun)} of {planned}" if planned and planned > len(begun) else str(len(begun))
    if what == "steps":
        whole = str(len(found))
    noun = what[:-1] if whole == "1" else what
    by_status = Counter(_word(one, snapshot) for one in found)
    return f"{whole} {noun}{': ' if by_status else ''}" + ", ".join(f"{n} {word}" for word, n in by_status.items())


def ordered(snapshot: Snapshot) -> list[Child]:
    """Trials from the best to the worst, those without a value after them by their number."""
    sign = -1 if str(snapshot.get("goal")).lower() == "maximize" else 1
    trials: Sequence[Child] = snapshot["trials"]
    valued = [one for one in trials if one.get("value") is not None]
    valued.sort(key=lambda one: (one.get("name") != snapshot.get("best"), sign * one["value"], one.get("number")))
    return [*valued, *(one for one in trials if one.get("value") is None)]


def _word(child: Child, snapshot: Snapshot) -> str:
    return "reused" if child.get("reused") else _status(child, snapshot).lower()


def _status(child: Child, snapshot: Snapshot) -> str:
    """The status; of one that has not begun, whether it may."""
    return str(child.get("status") or ("Waiting" if snapshot.get("now") else "Skipped"))


def _split(snapshot: Snapshot) -> tuple[list[Child], list[Child]]:
    every = ordered(snapshot)
    return every[:MOST], every[MOST:]


def _trial(one: Child, snapshot: Snapshot, mark: str) -> dict[str, object]:
    metric = str(snapshot.get("metric") or "metric")
    best = mark if one.get("name") == snapshot.get("best") else ""
    value = one.get("value")
    point = {str(key): item for key, item in (one.get("point") or {}).items()}
    return {
        "trial": f"{one.get('number')}{best}",
        **point,
        metric: "" if value is None else formats.cell(value),
        "status": str(one.get("status") or ""),
        "duration": _lasted(one, snapshot),
        "name": str(one.get("name") or ""),
    }


def _trials(trials: Sequence[Child], snapshot: Snapshot) -> str:
    if not trials:
        return ""
    rows = [_trial(one, snapshot, " ★") for one in trials]
    names = table.columns_of(rows)
    css = {name: ' class="num"' if _numeric(name, trials, snapshot) else "" for name in names}
    header = "".join(f'<th scope="col"{css[name]}>{markup.esc(name)}</th>' for name in names)
    lines = []
    for one, row in zip(trials, rows, strict=True):
        best = one.get("name") == snapshot.get("best")
        cells = "".join(f"<td{css[name]}>{_cell(name, row.get(name), best=best)}</td>" for name in names)
        lines.append(f"<tr>{cells}</tr>")
    grid = f'<table class="jp-Aml-rows"><thead><tr>{header}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    return markup.scrolling(grid)


def _numeric(name: str, trials: Sequence[Child], snapshot: Snapshot) -> bool:
    """Whether a column holds the metric, or a parameter that is a number in every trial."""
    if name == str(snapshot.get("metric") or "metric"):
        return True
    values = [one["point"][name] for one in trials if name in (one.get("point") or {})]
    return bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _cell(name: str, value: object, *, best: bool) -> str:
    if name == "status":
        return table.status(str(value)) if value else ""
    text = markup.esc(formats.clip(formats.cell(value), 60))
    return f'<span class="best jp-Aml-good">{text}</span>' if best and name != "name" else text


def _step(one: Child, snapshot: Snapshot) -> dict[str, object]:
    return {
        "step": str(one.get("step") or ""),
        "status": _status(one, snapshot),
        "duration": "" if one.get("reused") else _lasted(one, snapshot),
        "reused": f"of {one['reused']}" if one.get("reused") else "",
        "name": str(one.get("name") or ""),
    }


def _steps(snapshot: Snapshot) -> str:
    return table.grid(_rows(snapshot))


def _rows(snapshot: Snapshot) -> list[dict[str, object]]:
    """The rows of the steps, without a column in which nothing stands."""
    rows = [_step(one, snapshot) for one in snapshot["steps"]]
    if any(row["reused"] for row in rows):
        return rows
    return [{key: value for key, value in row.items() if key != "reused"} for row in rows]


def _lasted(one: Child, snapshot: Snapshot) -> str:
    end = one.get("ended") or (snapshot.get("now") if one.get("started") else None)
    return formats.duration(formats.between(one.get("started"), end))
