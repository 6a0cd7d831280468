"""How a deployment is run: limits on requests, probes, scaling, data collection and resources, checked and read.

Each `check_` refuses what Azure refuses and writes words in Azure's spelling; each reader gives seconds and numbers of
a body that was checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jupyter_aml.local.jobs import checks, names
from jupyter_aml.local.jobs.checks import invalid

MANAGED, KUBERNETES = "Managed", "Kubernetes"
LONGEST_REQUEST = {MANAGED: 180.0, KUBERNETES: 300.0}
"""Seconds. Source: Azure's limits for online endpoints."""
DEFAULT_REQUEST = 5.0
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
DURATIONS = {"initialDelay": 0.0, "period": 1.0, "timeout": 1.0}
"""Durations of a probe, and the least seconds of each."""
ROLLING = ("Year", "Month", "Day", "Hour", "Minute")
MODES = ("Enabled", "Disabled")
SCALES = ("Default", "TargetUtilization")
MEMORY = re.compile(r"(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|K|k|M|G|T)?")
CPU = re.compile(r"\d+(?:\.\d+)?|\d+m")
UNITS = {"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
BINARY = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
ZERO = re.compile(r"P(?:T?0+(?:\.0+)?[DHMS])+", re.IGNORECASE)


def seconds(value: object, field: str, least: float = 0.0, most: float = float("inf")) -> float:
    """Seconds of an ISO 8601 duration.

    Raises:
        ResourceError: It is none, or outside `least` to `most` (400).
    """
    text = str(value)
    found = 0.0 if ZERO.fullmatch(text) else names.seconds(text, f"properties.{field}")
    if not least <= found <= most:
        shown = f"at least {least:g} s" if most == float("inf") else f"{least:g} to {most:g} s"
        raise invalid(field, f"is {text}, that is {found:g} s; {shown} were expected", "Write PT5S for 5 seconds.")
    return found


def whole(value: object, field: str, least: int, most: int | None = None) -> int:
    """A whole number in a range.

    Raises:
        ResourceError: It is something else (400).
    """
    good = isinstance(value, int) and not isinstance(value, bool) and value >= least and (most is None or value <= most)
    if not good or not isinstance(value, int):
        span = f"{least} or more" if most is None else f"{least} to {most}"
        raise invalid(field, f"is {value!r}; a whole number of {span} was expected", "Change it and send it again.")
    return value


def word(value: object, allowed: tuple[str, ...], field: str) -> str:
    """One of a few words, whatever the case, in Azure's spelling.

    Raises:
        ResourceError: It is another one (400).
    """
    for known in allowed:
        if isinstance(value, str) and value.lower() == known.lower():
            return known
    raise invalid(field, f"is {value!r}; expected {' or '.join(allowed)}", "Write one of these.")


def part(body: Mapping[str, Any], field: str) -> dict[str, Any] | None:
    """An object in the body without its nulls; None when absent.

    Raises:
        ResourceError: It is no object (400).
    """
    found = body.get(field)
    if found is None:
        return None
    if not isinstance(found, dict):
        raise invalid(field, f"is {found!r}, which is no object", f'Send {{"{field}": {{...}}}} or leave it out.')
    return {key: value for key, value in found.items() if value is not None}


def check_requests(properties: dict[str, Any], kind: str) -> None:
    """Limits on requests: timeout, requests at one time, wait in the queue."""
    found = part(properties, "requestSettings")
    if found is None:
        return
    if "requestTimeout" in found:
        seconds(found["requestTimeout"], "requestSettings.requestTimeout", 0.001, LONGEST_REQUEST[kind])
    if "maxConcurrentRequestsPerInstance" in found:
        whole(found["maxConcurrentRequestsPerInstance"], "requestSettings.maxConcurrentRequestsPerInstance", 1)
    if "maxQueueWait" in found:
        seconds(found["maxQueueWait"], "requestSettings.maxQueueWait")
    properties["requestSettings"] = found


def requests(properties: Mapping[str, Any]) -> dict[str, Any]:
    """`timeout` in seconds, `concurrent` per instance and `queue` in seconds; None for what was not said."""
    found = properties.get("requestSettings") or {}
    timeout, queue = found.get("requestTimeout"), found.get("maxQueueWait")
    return {
        "timeout": seconds(timeout, "requestSettings.requestTimeout") if timeout else DEFAULT_REQUEST,
        "concurrent": found.get("maxConcurrentRequestsPerInstance"),
        "queue": seconds(queue, "requestSettings.maxQueueWait") if queue else None,
    }


def check_probes(properties: dict[str, Any]) -> None:
    """Probes: their durations and thresholds."""
    for name in PROBES:
        found = part(properties, name)
        if found is None:
            continue
        for field, least in DURATIONS.items():
            if field in found:
                seconds(found[field], f"{name}.{field}", least)
        for field in ("failureThreshold", "successThreshold"):
            if field in found:
                whole(found[field], f"{name}.{field}", 1)
        properties[name] = found


def probe(properties: Mapping[str, Any], name: str) -> dict[str, float | int]:
    """What was said of a probe: `initial_delay`, `period`, `timeout` in seconds, `failures`, `successes`."""
    found = properties.get(name) or {}
    spelled = {"initialDelay": "initial_delay", "period": "period", "timeout": "timeout"}
    read: dict[str, float | int] = {
        ours: seconds(found[theirs], f"{name}.{theirs}") for theirs, ours in spelled.items() if found.get(theirs)
    }
    counts = {"failureThreshold": "failures", "successThreshold": "successes"}
    return read | {ours: int(found[theirs]) for theirs, ours in counts.items() if found.get(theirs)}


def check_scale(properties: dict[str, Any], kind: str) -> None:
    """Scale settings: `Default`, or on Kubernetes `TargetUtilization`; absent is `Default`."""
    found = part(properties, "scaleSettings") or {}
    field = "scaleSettings"
    found["scaleType"] = word(found.get("scaleType") or SCALES[0], SCALES, f"{field}.scaleType")
    properties["scaleSettings"] = found
    if found["scaleType"] == SCALES[0]:
        return
    if kind == MANAGED:
        raise invalid(
            f"{field}.scaleType",
            "is TargetUtilization, which only Kubernetes deployments have",
            "Scale a managed deployment with an autoscale setting of Azure Monitor (Microsoft.Insights).",
        )
    least = whole(found.get("minInstances", 1), f"{field}.minInstances", 0)
    most = whole(found.get("maxInstances", max(least, 1)), f"{field}.maxInstances", 1)
    if least > most:
        raise invalid(field, f"scales from {least} to {most} instances", "minInstances must not be above maxInstances.")
    whole(found.get("targetUtilizationPercentage", 70), f"{field}.targetUtilizationPercentage", 1, 100)
    if found.get("pollingInterval"):
        seconds(found["pollingInterval"], f"{field}.pollingInterval", 1.0)


def scale(properties: Mapping[str, Any]) -> dict[str, Any] | None:
    """`min`, `max`, `target` percent and `interval` in seconds of `TargetUtilization`; None for a fixed size.

    Source: TargetUtilizationScaleSettings: one instance at most and at least, 70 percent, one second when not said.
    """
    found = properties.get("scaleSettings") or {}
    if found.get("scaleType") != SCALES[1]:
        return None
    least = int(found.get("minInstances", 1))
    interval = found.get("pollingInterval")
    return {
        "min": least,
        "max": int(found.get("maxInstances", max(least, 1))),
        "target": int(found.get("targetUtilizationPercentage", 70)),
        "interval": seconds(interval, "scaleSettings.pollingInterval") if interval else 1.0,
    }


def check_collector(properties: dict[str, Any]) -> None:
    """Data collection: collections by name, how often files begin anew, which headers are kept."""
    found = part(properties, "dataCollector")
    if found is None:
        return
    held = found.get("collections")
    if not isinstance(held, dict) or not held:
        raise invalid(
            "dataCollector.collections",
            "is empty",
            'Name one, such as {"model_inputs": {"dataCollectionMode": "Enabled"}}.',
        )
    found["collections"] = {name: _collection(name, one) for name, one in held.items()}
    if "rollingRate" in found:
        found["rollingRate"] = word(found["rollingRate"], ROLLING, "dataCollector.rollingRate")
    logging = found.get("requestLogging")
    headers = (logging or {}).get("captureHeaders") if isinstance(logging, dict | None) else logging
    if headers is not None and (not isinstance(headers, list) or not all(isinstance(one, str) for one in headers)):
        raise invalid(
            "dataCollector.requestLogging.captureHeaders", "is no list of names of headers", 'Write ["user-agent"].'
        )
    properties["dataCollector"] = found


def _collection(name: str, one: object) -> dict[str, Any]:
    field = f"dataCollector.collections.{name}"
    if not isinstance(one, dict) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise invalid(field, "is no collection", "Name it with letters, digits, '-' and '_', and give it an object.")
    found = {key: value for key, value in one.items() if value is not None}
    found["dataCollectionMode"] = word(
        found.get("dataCollectionMode") or MODES[1], MODES, f"{field}.dataCollectionMode"
    )
    rate = found.get("samplingRate", 1.0)
    if not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 <= rate <= 1:
        raise invalid(f"{field}.samplingRate", f"is {rate!r}; a number from 0 to 1 was expected", "1.0 keeps all.")
    return found


def collector(properties: Mapping[str, Any]) -> dict[str, Any] | None:
    """`collections` with `enabled` and `sampling`, `headers` and `rolling`; None when nothing is collected."""
    found = properties.get("dataCollector") or {}
    collections = {
        name: {"enabled": one["dataCollectionMode"] == MODES[0], "sampling": float(one.get("samplingRate", 1.0))}
        for name, one in (found.get("collections") or {}).items()
    }
    if not any(one["enabled"] for one in collections.values()):
        return None
    return {
        "collections": collections,
        "headers": (found.get("requestLogging") or {}).get("captureHeaders") or [],
        "rolling": str(found.get("rollingRate") or "Hour").lower(),
    }


def check_resources(properties: dict[str, Any]) -> None:
    """What a container of a Kubernetes deployment asks for, and what it may not exceed."""
    found = part(properties, "containerResourceRequirements")
    if found is None:
        return
    for name in ("containerResourceRequests", "containerResourceLimits"):
        field = f"containerResourceRequirements.{name}"
        settings = part(found, name) or {}
        if "cpu" in settings and not CPU.fullmatch(str(settings["cpu"])):
            raise invalid(f"{field}.cpu", f"is {settings['cpu']!r}", "Write 0.5 or 500m for half a core.")
        if "memory" in settings:
            memory(str(settings["memory"]), f"{field}.memory")
    properties["containerResourceRequirements"] = found


def memory(text: str, field: str = "containerResourceRequirements.containerResourceLimits.memory") -> int:
    """Bytes of a quantity as Kubernetes writes it, such as `0.5Gi`.

    Raises:
        ResourceError: It is none (400).
    """
    match = MEMORY.fullmatch(text)
    if match is None:
        raise invalid(field, f"is {text!r}, which is no amount of memory", "Write 0.5Gi or 512Mi.")
    unit = match[2] or ""
    return int(float(match[1]) * (BINARY.get(unit) or UNITS[unit]))


def memory_limit(properties: Mapping[str, Any]) -> int | None:
    """Bytes that a replica may have; None without limit."""
    found = properties.get("containerResourceRequirements") or {}
    limit = (found.get("containerResourceLimits") or {}).get("memory")
    return memory(str(limit)) if limit else None


def check_variables(properties: Mapping[str, Any]) -> None:
    """Environment variables: names and texts."""
    for key, value in checks.variables(properties).items():
        if not isinstance(value, str) or "\0" in value:
            raise invalid(f"environmentVariables.{key}", f"is {value!r}; a text was expected", "Put it in quotes.")
