"""Several runs side by side: what differs, metrics with the best marked, curves over one pair of axes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_aml.views import charts, formats, markup, table

Snapshot = Mapping[str, Any]
_SMALLER_IS_BETTER = re.compile(
    r"(^|[_\W])(loss|error|err|rmse|mse|mae|mape|log_loss|logloss|perplexity|duration|time|seconds|deviance)([_\W]|$)",
    re.IGNORECASE,
)


def smaller_is_better(metric: str) -> bool:
    """Whether the name of a metric says that less is better (`val_loss`, `rmse`, `training_time`)."""
    return bool(_SMALLER_IS_BETTER.search(metric))


def best(metric: str, values: Sequence[float | None]) -> int | None:
    """The index of the best value; None unless two finite ones differ."""
    known = [(value, index) for index, value in enumerate(values) if value is not None and math.isfinite(value)]
    if len({value for value, _ in known}) < 2:  # noqa: PLR2004
        return None
    return (min if smaller_is_better(metric) else max)(known, key=lambda pair: pair[0])[1]


def differing(runs: Sequence[Snapshot], part: str) -> dict[str, list[Any]]:
    """The keys of `part` (params, inputs, tags) whose values are not the same in all runs, with those values."""
    keys = dict.fromkeys(key for run in runs for key in (run.get(part) or {}))
    found = {key: [(run.get(part) or {}).get(key) for run in runs] for key in keys}
    return {key: values for key, values in found.items() if len({str(value) for value in values}) > 1}


def html(snapshot: Snapshot) -> str:
    """The comparison as one card; the snapshot has runs (job snapshots) and place."""
    runs, place = _runs(snapshot)
    names = titles(runs)
    header = "".join(f'<th scope="col" class="num">{markup.esc(name)}</th>' for name in names)
    rows = [_row("status", [table.status(str(run.get("status") or "")) for run in runs])]
    rows.append(_row("duration", [markup.esc(_lasted(run)) for run in runs]))
    for key, values in _settings(runs).items():
        rows.append(_row(key, [markup.esc(formats.clip(formats.cell(value), 60)) for value in values]))
    body = "".join(rows) + "".join(_metric(key, runs) for key in _metrics(runs))
    grid = markup.scrolling(
        f'<table class="jp-Aml-rows"><thead><tr><th scope="col"></th>{header}</tr></thead><tbody>{body}</tbody></table>'
    )
    pictures = "".join(charts.image(svg, f"{key} of {len(runs)} runs") for key, svg in curves(runs).items())
    return markup.card(markup.head(f"{len(runs)} runs", place), grid, pictures)


def plain(snapshot: Snapshot) -> str:
    """The comparison as aligned text; the best of each metric carries a `*`."""
    runs, place = _runs(snapshot)
    names = titles(runs)
    rows: list[dict[str, object]] = [{"": "status", **_named(names, [str(run.get("status") or "") for run in runs])}]
    rows.append({"": "duration", **_named(names, [_lasted(run) for run in runs])})
    for key, values in _settings(runs).items():
        rows.append({"": key, **_named(names, [formats.cell(value) for value in values])})
    for key in _metrics(runs):
        values = _values(key, runs)
        winner = best(key, values)
        shown = [formats.cell(value) + (" *" if index == winner else "") for index, value in enumerate(values)]
        rows.append({"": key, **_named(names, shown)})
    return table.plain(rows, ["", *dict.fromkeys(names)], title=f"{len(runs)} runs", place=place)


def rows(runs: Sequence[Snapshot]) -> list[dict[str, Any]]:
    """One flat record per run (name, status, params.*, metrics.*), as a DataFrame or `-o json` wants it."""
    return [
        {
            "name": run.get("name"),
            "status": run.get("status"),
            **{f"params.{key}": value for key, value in (run.get("params") or {}).items()},
            **{f"metrics.{key}": value for key, value in (run.get("metrics") or {}).items()},
        }
        for run in runs
    ]


def curves(runs: Sequence[Snapshot]) -> dict[str, str]:
    """One SVG for each metric that has a history in at least one run."""
    keys = sorted({key for run in runs for key, points in (run.get("curves") or {}).items() if len(points) > 1})
    named = list(zip(titles(runs), runs, strict=True))
    found = {}
    for key in keys[:6]:
        series = [
            charts.Series(name, sorted((float(p[0]), float(p[2])) for p in (run.get("curves") or {}).get(key, [])))
            for name, run in named
            if (run.get("curves") or {}).get(key)
        ]
        found[key] = charts.line(series, title=formats.clip(key, 44), width=480, height=200)
    return found


def _runs(snapshot: Snapshot) -> tuple[Sequence[Snapshot], str]:
    return snapshot.get("runs") or [], str(snapshot.get("place") or "")


def _settings(runs: Sequence[Snapshot]) -> dict[str, list[Any]]:
    """Inputs and parameters that differ; an input that was also logged as a parameter stands once."""
    return differing(runs, "params") | differing(runs, "inputs")


def titles(runs: Sequence[Snapshot]) -> list[str]:
    """One heading per run: its display name unless several share it, then its name."""
    found = [title(run) for run in runs]
    return [str(run.get("name") or one) if found.count(one) > 1 else one for run, one in zip(runs, found, strict=True)]


def title(run: Snapshot) -> str:
    """What a person calls a run: its display name, else its name."""
    return str(run.get("display_name") or run.get("name") or "")


def _named(names: Sequence[str], values: Sequence[object]) -> dict[str, object]:
    return dict(zip(names, values, strict=True))


def _lasted(run: Snapshot) -> str:
    return formats.duration(formats.between(run.get("started"), run.get("ended")))


def _metrics(runs: Sequence[Snapshot]) -> list[str]:
    return sorted({key for run in runs for key in (run.get("metrics") or {})})


def _values(key: str, runs: Sequence[Snapshot]) -> list[float | None]:
    return [(run.get("metrics") or {}).get(key) for run in runs]


def _metric(key: str, runs: Sequence[Snapshot]) -> str:
    values = _values(key, runs)
    winner = best(key, values)
    return _row(
        key,
        [
            f'<span class="best jp-Aml-good">{shown}</span>' if index == winner else shown
            for index, shown in enumerate(markup.esc(formats.cell(value)) for value in values)
        ],
    )


def _row(name: str, cells: Sequence[str]) -> str:
    return (
        f'<tr><th scope="row">{markup.esc(name)}</th>' + "".join(f'<td class="num">{c}</td>' for c in cells) + "</tr>"
    )
