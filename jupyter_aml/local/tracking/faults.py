"""Refusals with MLflow's error codes and statuses, and the body that MLflow's clients parse."""

from __future__ import annotations

from typing import Any

from jupyter_aml.errors import ResourceError

MISSING = "RESOURCE_DOES_NOT_EXIST"
EXISTS = "RESOURCE_ALREADY_EXISTS"
INVALID = "INVALID_PARAMETER_VALUE"
STATE = "INVALID_STATE"

_OF_ARM = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "RESOURCE_CONFLICT",
    429: "REQUEST_LIMIT_EXCEEDED",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
}
_MLFLOW = frozenset({MISSING, EXISTS, INVALID, STATE, "ENDPOINT_NOT_FOUND", *_OF_ARM.values()})


def missing(message: str) -> ResourceError:
    """Something named does not exist: 404."""
    return ResourceError(message, status=404, code=MISSING)


def exists(message: str) -> ResourceError:
    """Something of that name exists already: 400, as MLflow has it."""
    return ResourceError(message, status=400, code=EXISTS)


def invalid(message: str) -> ResourceError:
    """A value that MLflow refuses: 400."""
    return ResourceError(message, status=400, code=INVALID)


def state(message: str) -> ResourceError:
    """An operation that the thing's life cycle forbids; MLflow answers 500, the user's fault is 400 here."""
    return ResourceError(message, status=400, code=STATE)


def no_endpoint(method: str, path: str) -> ResourceError:
    """A path that this service does not serve: 404."""
    return ResourceError(
        f"The tracking service has no endpoint {method} {path}.",
        status=404,
        code="ENDPOINT_NOT_FOUND",
    )


def body_of(error: ResourceError) -> dict[str, Any]:
    """`{"error_code", "message"}` as MLflow writes it."""
    code = error.code if error.code in _MLFLOW else _OF_ARM.get(error.status, "INTERNAL_ERROR")
    message = " ".join(part for part in (error.message, error.why, error.remedy) if part)
    return {"error_code": code, "message": message}
