"""Autoscale settings of Azure Monitor: how many instances a managed deployment may have, and when it grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_aml.errors import NotFoundError
from jupyter_aml.local.jobs.checks import invalid
from jupyter_aml.local.serving.online import settings, states, targets
from jupyter_aml.local.store import records
from jupyter_aml.local.store.records import Connection

SEGMENT = "autoscaleSettings"
DEFAULT_TARGET = 70
UTILIZATION = "utilizationpercentage"
"""How the names of the metrics end whose threshold is a percent of the instances' time or memory."""
MOST = 500


def check(reader: Connection, body: dict[str, Any]) -> dict[str, Any]:
    """A setting's body as it is kept.

    Raises:
        NotFoundError: There is no such deployment (404).
        ResourceError: A field is missing or wrong (400).
    """
    properties = dict(body["properties"])
    target = targets.parse(str(properties.get("targetResourceUri") or ""))
    if target is None or not target.deployment:
        raise invalid(
            "targetResourceUri",
            f"is {properties.get('targetResourceUri')!r}, which is no id of an online deployment",
            "Write the id of a deployment, as `online_deployments.get(...).id` tells it.",
        )
    if states.deployment(reader, target.endpoint, target.deployment) is None:
        raise NotFoundError(f"The online endpoint {target.endpoint!r} has no deployment {target.deployment!r}.")
    profiles = properties.get("profiles")
    if not isinstance(profiles, list) or not profiles or not all(isinstance(one, dict) for one in profiles):
        raise invalid("profiles", "is empty", "Give one profile with its capacity and rules.")
    for profile in profiles:
        _capacity(profile)
    properties["enabled"] = bool(properties.get("enabled", True))
    kept = {key: body[key] for key in ("location", "tags") if body.get(key) is not None}
    return {**kept, "properties": properties}


def _capacity(profile: Mapping[str, Any]) -> tuple[int, int, int]:
    """The least, the most and the usual number of instances; Azure writes them as texts."""
    found = profile.get("capacity")
    named = found if isinstance(found, dict) else {}
    field = "profiles.capacity"
    texts = [str(named.get(name, "")) for name in ("minimum", "maximum", "default")]
    if not all(text.isdecimal() for text in texts):
        raise invalid(field, f"is {found!r}", 'Write {"minimum": "1", "maximum": "5", "default": "1"}.')
    least, most, usual = (int(text) for text in texts)
    if not 1 <= least <= usual <= most:
        raise invalid(
            field,
            f"has minimum {least}, default {usual}, maximum {most}",
            "1 <= minimum <= default <= maximum was expected.",
        )
    return least, most, usual


def scale_of(reader: Connection, endpoint: str, deployment: str) -> dict[str, Any] | None:
    """`min`, `max`, `target` percent and `interval` in seconds for a deployment's replicas; None for a fixed number.

    An autoscale setting that is enabled goes before the deployment's own scale settings.
    """
    for record in records.named(reader, SEGMENT, records.ALL, None, MOST):
        properties = record.body["properties"]
        target = targets.parse(str(properties["targetResourceUri"]))
        if target is not None and target.means(endpoint, deployment) and properties["enabled"]:
            return _scale(properties["profiles"])
    found = states.deployment(reader, endpoint, deployment)
    return settings.scale(found.body["properties"]) if found else None


def _scale(profiles: list[dict[str, Any]]) -> dict[str, Any]:
    """What the profile says that always holds; local replicas grow by the share of their time that they are busy."""
    always = [one for one in profiles if not one.get("fixedDate") and not one.get("recurrence")]
    profile = (always or profiles)[0]
    least, most, usual = _capacity(profile)
    rules = [rule for rule in profile.get("rules") or [] if isinstance(rule, dict)]
    grows = [rule for rule in rules if (rule.get("scaleAction") or {}).get("direction") == "Increase"]
    if not grows:
        return {"min": usual, "max": usual, "target": DEFAULT_TARGET, "interval": 60.0}
    trigger = grows[0].get("metricTrigger") or {}
    named = str(trigger.get("metricName") or "").lower().endswith(UTILIZATION)
    threshold = trigger.get("threshold")
    grain = trigger.get("timeGrain")
    return {
        "min": least,
        "max": most,
        "target": min(100, max(1, int(threshold))) if named and threshold else DEFAULT_TARGET,
        "interval": settings.seconds(grain, "profiles.rules.metricTrigger.timeGrain", 1.0) if grain else 60.0,
    }
