"""ARM's error bodies."""

from __future__ import annotations

from typing import Any

from jupyter_aml.errors import ResourceError


def body_of(error: ResourceError) -> dict[str, Any]:
    """`{"error": {...}}` as ARM writes it; the message holds the remedy, for clients show nothing else."""
    message = " ".join(part for part in (error.message, error.why, error.remedy) if part)
    inner: dict[str, Any] = {"code": error.code, "message": message, "details": [], "additionalInfo": []}
    if error.target:
        inner["target"] = error.target
    if error.remedy:
        inner["additionalInfo"].append({"type": "Remedy", "info": {"value": error.remedy}})
    return {"error": inner}
