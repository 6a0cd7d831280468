"""Fields of a job beside what it runs: how it queues, as whom it runs, its services, mails and resources.

Most are for Azure's machines: they are checked and kept, and the log says which of them mean nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs import distribution, ledger
from jupyter_aml.local.jobs.types.base import Draft

TIERS = {"spot": 0, "basic": 1, "standard": 2, "premium": 3}
"""Tiers of a queue by their words in lower case; the higher starts first."""
USUAL_TIER, USUAL_PRIORITY = TIERS["standard"], 2
PRIORITIES = (1, 2, 3)
IDENTITIES = ("AMLToken", "Managed", "UserIdentity")
SERVICES = ("JupyterLab", "SSH", "TensorBoard", "VSCode", "Custom", "RayDashboard")
MAILS = ("JobCompleted", "JobFailed", "JobCancelled")
_SIZE = re.compile(r"\d+[bkmg]?", re.IGNORECASE)


def check(body: Mapping[str, Any]) -> None:
    """Refuse settings that Azure would refuse.

    Raises:
        ResourceError: A field is no object, a word is unknown, or a count is none (400).
    """
    _check_resources(_object(body, "resources"))
    _object(body, "limits")
    distribution.read(body)
    queue = _object(body, "queueSettings")
    _one_of("queueSettings.jobTier", queue.get("jobTier"), ("Spot", "Basic", "Standard", "Premium", "Null"))
    if queue.get("priority") is not None and queue["priority"] not in PRIORITIES:
        raise _invalid("queueSettings.priority", f"is {queue['priority']!r}; expected 1, 2 or 3", "Leave it out.")
    identity = _object(body, "identity")
    if identity:
        _one_of("identity.identityType", identity.get("identityType") or "none", IDENTITIES)
    for name, service in _object(body, "services").items():
        _one_of(f"services.{name}.jobServiceType", service.get("jobServiceType"), SERVICES)
    for word in _object(body, "notificationSetting").get("emailOn") or ():
        _one_of("notificationSetting.emailOn", word, MAILS)


def fits(draft: Draft, compute: str) -> None:
    """Refuse a job of more instances than its compute can have.

    Args:
        draft: The job.
        compute: Name of the compute that it names, in lower case.

    Raises:
        ResourceError: The compute has fewer (400).
    """
    nodes = distribution.read(draft.body).nodes
    most = ledger.most_nodes(draft.reader, compute)
    if most is not None and nodes > most:
        raise _invalid(
            "resources.instanceCount",
            f"is {nodes}, but the compute '{compute}' has at most {most}",
            f"Ask for fewer, or let it grow: `%aml compute update --name {compute} --max-instances {nodes}`.",
        )


def _object(body: Mapping[str, Any], field: str) -> dict[str, Any]:
    found = body.get(field)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _invalid(field, f"is {found!r}, no object", f'Send {{"{field}": {{...}}}}.')
    return found


def _one_of(field: str, value: object, known: Iterable[str]) -> None:
    known = tuple(known)
    if value is not None and str(value).lower() not in {word.lower() for word in known}:
        raise _invalid(field, f"is '{value}'; expected one of {', '.join(known)}", f"Write {known[0]}.")


def _check_resources(resources: Mapping[str, Any]) -> None:
    size = resources.get("shmSize")
    if size and not _SIZE.fullmatch(str(size)):
        raise _invalid("resources.shmSize", f"is '{size}'; a number with b, k, m or g was expected", "Write 2g.")


def _invalid(field: str, found: str, remedy: str) -> ResourceError:
    target = f"properties.{field}"
    return ResourceError(f"{target} {found}.", code="ValidationError", target=target, remedy=remedy)


def urgency(body: Mapping[str, Any]) -> int:
    """How urgent a job is among those that wait for the same compute: its tier, then its priority."""
    queue = body.get("queueSettings") or {}
    tier = TIERS.get(str(queue.get("jobTier") or "").lower(), USUAL_TIER)
    priority = queue.get("priority")
    return tier * 10 + (priority if priority in PRIORITIES else USUAL_PRIORITY)


def notes(body: Mapping[str, Any]) -> list[str]:
    """What the log has to say of settings that mean nothing on this machine."""
    found = []
    resources = body.get("resources") or {}
    container = [f"resources.{key}" for key in ("shmSize", "dockerArgs") if resources.get(key)]
    if container:
        verb = "is" if len(container) == 1 else "are"
        found.append(f"{' and '.join(container)} {verb} for a container; the job runs without one.")
    if resources.get("instanceType"):
        found.append(f"resources.instanceType is {resources['instanceType']}; the job runs on this machine.")
    kind = str((body.get("identity") or {}).get("identityType") or "").lower()
    if kind in {"managed", "useridentity"}:
        found.append(f"identity is {body['identity']['identityType']}; the job runs as the person who submitted it.")
    if (body.get("notificationSetting") or {}).get("emails"):
        found.append("notificationSetting is kept with the job; no mail is sent from this machine.")
    return found
