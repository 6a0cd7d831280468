"""The live form of a job's card: what a page needs to read the job itself, and how it ended once it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

VENDOR = "application/vnd.jupyter-aml."
MIME = f"{VENDOR}job+json"
VERSION = 1
FINAL = ("Completed", "Failed", "Canceled")
KEPT = ("status", "started", "ended", "metrics", "params", "best")
"""Of a snapshot, what stays in the notebook beside the drawings."""
MOST_COMPARED = 12
"""Of more runs a page can tell neither columns nor lines apart."""


def bundle(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """The MIME bundle of the live form; empty where the job's workspace is not known.

    `final` is null while the job runs: the page then reads the job over REST, whatever the kernel does.
    """
    if not snapshot.get("workspace"):
        return {}
    final = {key: snapshot[key] for key in KEPT if snapshot.get(key)} if snapshot.get("status") in FINAL else None
    told = {key: str(snapshot.get(key) or "") for key in ("workspace", "place", "name")}
    return {MIME: {"version": VERSION, **told, "final": final}}


def told(kind: str, what: Mapping[str, Any]) -> dict[str, Any]:
    """The MIME bundle of another live form than a job's: what a page needs to draw it from REST."""
    return {f"{VENDOR}{kind}+json": {"version": VERSION, **what}}


def endpoint(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """The MIME bundle of an endpoint; empty where its workspace is not known."""
    if not snapshot.get("workspace"):
        return {}
    return told("endpoint", {key: str(snapshot.get(key) or "") for key in ("workspace", "place", "name", "segment")})


def comparison(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The MIME bundle of some runs side by side; empty for more than a page can show, and without a workspace."""
    workspace = str(runs[0].get("workspace") or "") if runs else ""
    if not workspace or len(runs) > MOST_COMPARED:
        return {}
    place, names = str(runs[0].get("place") or ""), [str(run["name"]) for run in runs]
    return told("comparison", {"workspace": workspace, "place": place, "names": names})
