"""Rows of tables about pictures: addresses, labels, boxes and outlines, checked and read once.

Source: Microsoft's "Prepare data for computer vision tasks with automated machine learning" and "Data schemas to train
computer vision models": `image_url`, and a `label` that is a class, a list of classes, or a list of objects.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from jupyter_aml.automl.guardrails import Guardrail

ADDRESSES = ("image_url", "imageUrl", "image")
"""Columns that may hold the address of a picture, in the order in which they are looked for."""
SHOWN = 10
"""Pictures that are named in one guardrail."""
SHOWN_OF = 300
"""Letters of a fault that are shown."""
EDGES = ("topX", "topY", "bottomX", "bottomY")
LEAST_SIDE = 0.002
"""Of a box, as a part of the picture's side."""
SLACK = 1e-3
"""How far a box may stand out of its picture without being worth a word."""
CORNERS = 3


@dataclass(frozen=True)
class Thing:
    """An object in a picture.

    Attributes:
        label: Its class.
        box: Left, top, right and bottom as parts of the picture's sides.
        outlines: Polygons, each of x and y in turn, as parts of the sides; empty where only the box is known.
        crowd: Whether it stands for many at once, which no model needs to find.
    """

    label: str
    box: tuple[float, float, float, float]
    outlines: tuple[tuple[float, ...], ...] = ()
    crowd: bool = False


def addresses(table: pd.DataFrame, role: str) -> list[str]:
    """Where the pictures of a table are, row by row.

    Raises:
        ValueError: There is no column of addresses.
    """
    for name in ADDRESSES:
        if name in table:
            return [str(one) for one in table[name]]
    columns = ", ".join(map(str, table.columns))
    raise ValueError(f"The {role} data have no column image_url; they have {columns}. It holds addresses.")


def opened(
    places: Sequence[str], find: Callable[[str], Path], look: Callable[[Any], Any]
) -> tuple[list[Any], list[int], list[str]]:
    """The pictures that open.

    Args:
        places: Their addresses.
        find: A file for an address.
        look: What is wanted of a picture.

    Returns:
        What is wanted of each, their positions among the addresses, and why others do not open.

    Raises:
        ValueError: None opens.
    """
    from jupyter_aml.automl.images import served

    found: list[Any] = []
    kept: list[int] = []
    faults: list[str] = []
    for at, one in enumerate(places):
        try:
            found.append(look(served.opened(Path(find(one)))))
        except (OSError, ValueError) as error:
            faults.append(f"{one}: {error}")
            continue
        kept.append(at)
    if faults and not found:
        raise ValueError(
            f"0 rows can be learned from: none of the {len(faults):,} pictures opens; the first:"
            f" {faults[0][:SHOWN_OF]}. Check the addresses in image_url, and whether the files are whole."
        )
    return found, kept, faults


def unopened(faults: Sequence[str], count: int) -> Guardrail:
    """Pictures that do not open were left out."""
    from jupyter_aml.automl.guardrails import Guardrail, Status

    if not faults:
        return Guardrail("Pictures that do not open", Status.PASSED, "Every picture opens.")
    rows = [{"picture": one.split(": ")[0], "why": one.partition(": ")[2]} for one in faults[:SHOWN]]
    return Guardrail(
        "Pictures that do not open", Status.DONE,
        f"{len(faults):,} of {count:,} pictures do not open and were left out.", rows,
        remedy="Check their addresses in image_url, and whether the files are whole.",
    )  # fmt: skip


def things(written: Any, *, outlined: bool) -> tuple[list[Thing], list[str]]:
    """The objects of one picture, and a word for each that was clipped or left out.

    Args:
        written: A list of mappings, or a string that reads like one.
        outlined: Whether polygons are expected instead of boxes.

    Raises:
        ValueError: It is no list of objects.
    """
    found: list[Thing] = []
    faults: list[str] = []
    for one in _listed(written):
        if not isinstance(one, Mapping) or not _told(one.get("label")):
            raise ValueError(f"A label is {str(one)[:80]!r}; expected an object with label and {_wanted(outlined)}.")
        outlines, box = _outlines(one, outlined=outlined), _box(one)
        if outlines:
            xs, ys = (np.concatenate([np.array(part[at::2]) for part in outlines]) for at in (0, 1))
            box = (float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))
        if box is None:
            raise ValueError(f"The object {str(one)[:80]!r} has no {_wanted(outlined)}.")
        if not np.isfinite(box).all():
            raise ValueError(f"The object {str(one)[:80]!r} has an edge that is no number; expected parts from 0 to 1.")
        if max(box) > CORNERS or min(box) < -CORNERS + 1:
            told = f"The object {one['label']!r} reaches from {min(box):g} to {max(box):g}; expected parts of the "
            raise ValueError(told + "picture's sides, from 0 to 1: divide pixels by its width and height.")
        clipped = _clipped(box)
        if clipped is None:
            faults.append(f"left out: a {one['label']} of no extent within its picture")
            continue
        if max(abs(new - old) for new, old in zip(clipped, box, strict=True)) > SLACK:
            faults.append(f"clipped: a {one['label']} that stands out of its picture")
        own = tuple(tuple(float(np.clip(value, 0, 1)) for value in part) for part in outlines)
        crowd = str(one.get("isCrowd", one.get("iscrowd", 0))).lower() in {"1", "true"}
        found.append(Thing(str(one["label"]), clipped, own, crowd))
    return found, faults


def _told(label: Any) -> bool:
    return label is not None and bool(str(label).strip())


def _wanted(outlined: bool) -> str:
    return "polygon" if outlined else "topX, topY, bottomX and bottomY"


def _listed(written: Any) -> Sequence[Any]:
    if isinstance(written, str):
        for parsed in (json.loads, ast.literal_eval):
            try:
                written = parsed(written)
                break
            except (ValueError, SyntaxError):
                continue
    if isinstance(written, Mapping):
        return [written]
    if written is None or isinstance(written, str | float):
        raise ValueError(f"A label is {str(written)[:80]!r}; expected a list of objects.")
    return list(written)


def _outlines(one: Mapping[str, Any], *, outlined: bool) -> tuple[tuple[float, ...], ...]:
    written = one.get("polygon")
    if not outlined or written is None or not len(written):
        return ()
    parts = written if isinstance(written[0], list | tuple | np.ndarray) else [written]
    odd = next((part for part in parts if len(part) % 2), None)
    if odd is not None and not isinstance(written, str):
        raise ValueError(f"A polygon has {len(odd)} numbers; expected x and y of each corner in turn.")
    return tuple(tuple(map(_number, part)) for part in parts if len(part) >= 2 * CORNERS)


def _box(one: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    if any(name not in one for name in EDGES):
        return None
    left, top, right, bottom = (_number(one[name]) for name in EDGES)
    return left, top, right, bottom


def _number(written: Any) -> float:
    try:
        return float(written)
    except (TypeError, ValueError):
        return float("nan")


def _clipped(box: tuple[float, float, float, float]) -> tuple[float, float, float, float] | None:
    left, top, right, bottom = (float(np.clip(one, 0, 1)) for one in box)
    if right - left < LEAST_SIDE or bottom - top < LEAST_SIDE:
        return None
    return left, top, right, bottom


def outside(faults: Sequence[str], count: int) -> Guardrail:
    """Objects that stand out of their pictures were clipped."""
    from jupyter_aml.automl.guardrails import Guardrail, Status

    name = "Objects outside of their pictures"
    if not faults:
        return Guardrail(name, Status.PASSED, "Every object lies within its picture.")
    gone = sum(one.startswith("left out") for one in faults)
    return Guardrail(
        name, Status.DONE, f"{len(faults) - gone:,} of {count:,} objects were clipped, and {gone:,} left out.",
        [{"object": one} for one in faults[:SHOWN]],
        remedy="Check that boxes are parts of the sides, with topX below bottomX and topY below bottomY.",
    )  # fmt: skip
