"""How many instances follow the load: Azure's rule TargetUtilization, as a pure function of what was seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from jupyter_aml.local.serving.router.order import Scale

FULL = 100.0
COOL_SECONDS = 30.0
"""How long the load must have been lower before instances are taken away."""


@dataclass(frozen=True)
class Load:
    """What is remembered between two decisions.

    Attributes:
        instances: How many there are to be.
        lower_since: Since when fewer would do, in seconds of the caller's clock; None while they would not.
        most_needed: The most that would have been needed since then.
    """

    instances: int
    lower_since: float | None = None
    most_needed: int = 0


def first(scale: Scale | None, instances: int) -> Load:
    """Where a deployment begins: with so many instances, as far as its rule allows."""
    return Load(instances if scale is None else min(max(instances, scale.least), scale.most))


def needed(scale: Scale, instances: int, busy: float, waiting: int) -> int:
    """How many instances bring the busy share to the target.

    Args:
        scale: The rule.
        instances: How many share the load now.
        busy: Their busy share, 0-1.
        waiting: Requests that no replica has begun; while there are some, one more is needed than there is.
    """
    wanted = math.ceil(instances * busy * FULL / scale.target - 1e-9)
    if waiting > instances and busy * FULL >= scale.target:
        wanted = max(wanted, instances + 1)
    return min(max(wanted, scale.least, 1 if scale.most else 0), scale.most)


def decide(load: Load, scale: Scale, busy: float, waiting: int, now: float) -> Load:
    """What there is to be from now on: more at once, fewer only when fewer have done for a while."""
    wanted = needed(scale, max(load.instances, 1), busy, waiting)
    if wanted >= load.instances:
        return Load(wanted)
    if load.lower_since is None:
        return replace(load, lower_since=now, most_needed=wanted)
    most = max(load.most_needed, wanted)
    if now - load.lower_since >= COOL_SECONDS:
        return Load(most)
    return replace(load, most_needed=most)
