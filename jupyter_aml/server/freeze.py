"""Notebooks that are saved show how their jobs have ended, even when no kernel and no page was there at the end.

A card whose job has ended meanwhile is replaced by its final form when its notebook is saved; one that is frozen
already is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jupyter_aml.errors import AmlError
from jupyter_aml.views.live import MIME

Bundle = Mapping[str, Any]
Draw = Callable[[str, str], Bundle | None]


def outputs(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The outputs of a notebook (nbformat 4) that show a job which had not ended when they were drawn."""
    for cell in content.get("cells") or []:
        for output in cell.get("outputs") or []:
            told = (output.get("data") or {}).get(MIME)
            if isinstance(told, Mapping) and not told.get("final"):
                yield output


def freeze(content: Mapping[str, Any], draw: Draw) -> int:
    """Put the final form of each job that has ended into a notebook; how many there were.

    Args:
        content: The notebook; its outputs are changed in place.
        draw: The bundle of a job, by ARM id of the workspace and name; None while it runs or when it is not known.
    """
    count = 0
    for output in outputs(content):
        told = output["data"][MIME]
        try:
            found = draw(str(told.get("workspace") or ""), str(told.get("name") or ""))
        except (AmlError, OSError):
            continue  # a notebook is saved, whatever happens to what it shows
        if found is not None:
            output["data"] = dict(found)
            count += 1
    return count
