"""Notebooks that are saved show how their jobs have ended, even when no kernel and no page was there at the end.

A card whose job has ended meanwhile is replaced by its final form when its notebook is saved; one that is frozen
already is left alone. Other live forms of jobs, such as a sweep's, keep what makes them live and get the final picture.
An endpoint never ends: its live form stays, and the picture beside it is that of the moment at which it is saved.
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
Picture = Callable[[str, str, str], Bundle | None]
ENDPOINT = f"{VENDOR}endpoint+json"
STILL = ("text/plain", "text/html")


def outputs(content: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The outputs of a notebook (nbformat 4) that show something of ours, by the MIME type of its live form."""
    for cell in content.get("cells") or []:
        for output in cell.get("outputs") or []:
            data = output.get("data") or {}
            mime = next((name for name in data if name.startswith(VENDOR) and isinstance(data[name], Mapping)), "")
            if mime:
                yield mime, output


def freeze(content: Mapping[str, Any], draw: Draw, picture: Picture) -> int:
    """Put the final form of each job that has ended into a notebook, and the present one of each endpoint.

    Args:
        content: The notebook; its outputs are changed in place.
        draw: The bundle of a job, by ARM id of the workspace and name; None while it runs or when it is not known.
        picture: That of an endpoint, by ARM id of the workspace, segment and name; None when it is not known.

    Returns:
        How many outputs were drawn anew.
    """
    count = 0
    for mime, output in outputs(content):
        data = output["data"] = {name: value for name, value in output["data"].items() if name != VIEW}
        told = data[mime]
        if told.get("final") or not told.get("name"):
            continue
        workspace, segment, name = (str(told.get(key) or "") for key in ("workspace", "segment", "name"))
        try:
            found = picture(workspace, segment, name) if mime == ENDPOINT else draw(workspace, name)
        except (AmlError, OSError):
            continue  # a notebook is saved, whatever happens to what it shows
        if found is None:
            continue
        output["data"] = _lasting(mime, data, found)
        count += 1
    return count


def _lasting(mime: str, data: Bundle, found: Bundle) -> dict[str, Any]:
    """An output that was drawn anew: the forms that were found, with the live form as it is to stay."""
    if mime == ENDPOINT:
        return {**data, **{form: found[form] for form in STILL}}
    final = dict(found)
    if mime != MIME:
        live = final.pop(MIME, {})
        final[mime] = {**data[mime], "final": live.get("final") or True}
    return final
