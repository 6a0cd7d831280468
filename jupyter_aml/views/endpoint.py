"""The card of an endpoint: its address, its deployments, who gets its requests, what went wrong.

A snapshot is a plain dict, all keys optional: place, segment, name, status, uri, auth, compute, description, tags,
created, default (a batch endpoint's deployment), error, deployments ({name, status, serving, model, environment,
script, compute, instances, traffic, mirror, default, error}), message, next (lines to type).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_aml.views import formats, markup, table

Snapshot = Mapping[str, Any]
Deployment = Mapping[str, Any]
ONLINE = "onlineEndpoints"
EMPTY = "There are no deployments yet: nothing answers here."
BAR = 20
"""Characters of a bar that stands for all requests."""
FULL = 100


def html(snapshot: Snapshot) -> str:
    """The whole card."""
    status = str(snapshot.get("status") or "")
    top = markup.head(
        str(snapshot.get("name") or "endpoint"),
        str(snapshot.get("place") or ""),
        soft=_kind(snapshot),
        before=table.status(status) if status else "",
    )
    facts = markup.pairs([(key, markup.esc(value)) for key, value in _facts(snapshot)])
    message = str(snapshot.get("message") or "")
    errors = "".join(markup.section(name, markup.code(text, "jp-Aml-error")) for name, text in errors_of(snapshot))
    lines = "\n".join(snapshot.get("next") or ())
    return markup.card(
        top,
        f"<div>{markup.esc(message)}</div>" if message else "",
        errors,
        markup.section("endpoint", facts),
        markup.section("deployments", _deployments(snapshot)),
        markup.section("requests", _shares(snapshot)),
        markup.section("next", markup.code(lines)) if lines else "",
    )


def plain(snapshot: Snapshot) -> str:
    """The same card for a terminal."""
    status = str(snapshot.get("status") or "")
    first = (
        f"{formats.icon(status)} {status}".strip() if status else "",
        str(snapshot.get("name") or "endpoint"), _kind(snapshot), str(snapshot.get("place") or ""),
    )  # fmt: skip
    lines = [" · ".join(part for part in first if part)]
    if snapshot.get("message"):
        lines.append(str(snapshot["message"]))
    for name, text in errors_of(snapshot):
        lines += ["", f"{name}: {text}"]
    facts = [(key, value) for key, value in _facts(snapshot) if value]
    widest = max((len(key) for key, _ in facts), default=0)
    lines += [f"  {key:<{widest}}  {value}" for key, value in facts]
    found = rows(snapshot)
    lines += ["", table.plain(found) if found else EMPTY]
    shares = [
        f"  {name} {'█' * round(share * BAR / FULL)} {share} %{mirrored}" for name, share, mirrored in _parts(snapshot)
    ]
    lines += ["", *shares] if shares else []
    lines += ["", *(str(line) for line in snapshot["next"])] if snapshot.get("next") else []
    return "\n".join(lines)


def rows(snapshot: Snapshot) -> list[dict[str, object]]:
    """The table of the deployments; columns that nothing fills are left out."""
    deployments: Sequence[Deployment] = snapshot.get("deployments") or ()
    online = is_online(snapshot)
    found = [_row(one, online=online) for one in deployments]
    kept = [key for key in (found[0] if found else ()) if any(row[key] not in ("", None) for row in found)]
    return [{key: row[key] for key in kept} for row in found]


def is_online(snapshot: Snapshot) -> bool:
    """Whether it answers at once; a batch endpoint makes jobs."""
    return str(snapshot.get("segment") or ONLINE) == ONLINE


def errors_of(snapshot: Snapshot) -> list[tuple[str, str]]:
    """What went wrong, by the name of the endpoint or of a deployment."""
    parts = [snapshot, *(snapshot.get("deployments") or ())]
    return [(str(one.get("name") or "endpoint"), str(one["error"])) for one in parts if one.get("error")]


def _kind(snapshot: Snapshot) -> str:
    return "online endpoint" if is_online(snapshot) else "batch endpoint"


def _row(one: Deployment, *, online: bool) -> dict[str, object]:
    shares = {"traffic, %": one.get("traffic") or 0, "mirror, %": one.get("mirror") or ""} if online else {
        "default": "★" if one.get("default") else ""
    }  # fmt: skip
    return {
        "name": one.get("name") or "",
        "state": one.get("status") or "",
        "replicas": one.get("serving") or "",
        "model": one.get("model") or "",
        "script": one.get("script") or "",
        "environment": one.get("environment") or "",
        "compute": one.get("compute") or "",
        "instances": one.get("instances") if one.get("instances") is not None else "",
        **shares,
    }


def _facts(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [
        ("scoring URI", str(snapshot.get("uri") or "")),
        ("authentication", str(snapshot.get("auth") or "")),
        ("compute", str(snapshot.get("compute") or "")),
        ("description", str(snapshot.get("description") or "")),
        ("tags", formats.cell(snapshot.get("tags") or {})),
        ("created", formats.when(snapshot.get("created"))),
    ]


def _deployments(snapshot: Snapshot) -> str:
    found = rows(snapshot)
    return table.grid(found) if found else f'<div class="jp-Aml-soft">{markup.esc(EMPTY)}</div>'


def _parts(snapshot: Snapshot) -> list[tuple[str, int, str]]:
    """Who gets requests: name, percent, and what is mirrored there; one that gets all alone needs no bar."""
    found = [one for one in snapshot.get("deployments") or () if one.get("traffic") or one.get("mirror")]
    if not is_online(snapshot) or (len(found) == 1 and found[0].get("traffic") == FULL):
        return []
    return [
        (str(one["name"]), int(one.get("traffic") or 0), f", copies of {one['mirror']} %" if one.get("mirror") else "")
        for one in found
    ]


def _shares(snapshot: Snapshot) -> str:
    """One bar per deployment that gets requests."""
    bars = "".join(
        f'<tr><th scope="row">{markup.esc(name)}</th><td style="width:16em">'
        f'<div style="background:currentColor;opacity:.45;height:.8em;border-radius:2px;width:{share}%"></div></td>'
        f'<td class="num">{share} %{markup.esc(mirrored)}</td></tr>'
        for name, share, mirrored in _parts(snapshot)
    )
    return f"<table><tbody>{bars}</tbody></table>" if bars else ""
