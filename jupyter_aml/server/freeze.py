"""Notebooks that are saved show how their jobs have ended, even when no kernel and no page was there at the end.

A card whose job has ended meanwhile is replaced by its final form when its notebook is saved; one that is frozen
already is left alone. Other live forms of jobs, such as a sweep's, keep what makes them live and get the final picture.
A widget that stood in for a live form is not saved: without its kernel it would show nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jupyter_aml.errors import AmlError
from jupyter_aml.views.live import MIME, VENDOR

VIEW = "application/vnd.jupyter.widget-view+json"
Bundle = Mapping[str, Any]
Draw = Callable[[str, str], Bundle | None]


def outputs(content: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The outputs of a notebook (nbformat 4) that show something of ours, by the MIME type of its live form."""
    for cell in content.get("cells") or []:
        for output in cell.get("outputs") or []:
            data = output.get("data") or {}
            mime = next((name for name in data if name.startswith(VENDOR) and isinstance(data[name], Mapping)), "")
            if mime:
                yield mime, output


def freeze(content: Mapping[str, Any], draw: Draw) -> int:
    """Put the final form of each job that has ended into a notebook; how many there were.

    Args:
        content: The notebook; its outputs are changed in place.
        draw: The bundle of a job, by ARM id of the workspace and name; None while it runs or when it is not known.
    """
    count = 0
    for mime, output in outputs(content):
        data = output["data"] = {name: value for name, value in output["data"].items() if name != VIEW}
        told = data[mime]
        if told.get("final") or not told.get("name"):
            continue
        try:
            found = draw(str(told.get("workspace") or ""), str(told.get("name") or ""))
        except (AmlError, OSError):
            continue  # a notebook is saved, whatever happens to what it shows
        if found is None:
            continue
        final = dict(found)
        if mime != MIME:
            live = final.pop(MIME, {})
            final[mime] = {**told, "final": live.get("final") or True}
        output["data"] = final
        count += 1
    return count
