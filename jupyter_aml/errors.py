"""The whole error tree: every refusal says what was found, what was expected and what to type next."""

from __future__ import annotations


class AmlError(Exception):
    """Any fault that jupyter_aml reports on purpose.

    Args:
        message: What was found, where, and what was expected; one sentence or two.
        why: The reason or rule behind it, when the message alone does not tell.
        remedy: What to type or do next.
    """

    def __init__(self, message: str, *, why: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        return "\n".join(line for line in (self.message, self.why, self.remedy) if line)


class UsageError(AmlError):
    """A command, flag, cell or expression that cannot be understood as typed."""


class ConnectError(AmlError):
    """No connection, or one that the rules forbid (such as the cloud while offline)."""


class StoreError(AmlError):
    """The local store or a workspace folder cannot be opened, read or written."""


class ResourceError(AmlError):
    """A request that the service refuses; carries ARM's status and code.

    Args:
        message: As for AmlError; this is what ARM's error body says.
        status: HTTP status, 400-599.
        code: ARM's error code, such as `ResourceNotFound`.
        why: As for AmlError.
        remedy: As for AmlError.
        target: Path of the field at fault, e.g. `properties.computeId`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str = "UserError",
        why: str = "",
        remedy: str = "",
        target: str = "",
    ) -> None:
        super().__init__(message, why=why, remedy=remedy)
        self.status = status
        self.code = code
        self.target = target


class NotFoundError(ResourceError):
    """Something named does not exist: 404."""

    def __init__(self, message: str, *, code: str = "ResourceNotFound", why: str = "", remedy: str = "") -> None:
        super().__init__(message, status=404, code=code, why=why, remedy=remedy)


class ConflictError(ResourceError):
    """Something exists already, or has moved on since: 409."""

    def __init__(self, message: str, *, code: str = "Conflict", why: str = "", remedy: str = "") -> None:
        super().__init__(message, status=409, code=code, why=why, remedy=remedy)


class NotOfflineError(ResourceError):
    """What the local workspace does not do, said with what to use instead: 501."""

    def __init__(self, message: str, *, remedy: str = "", target: str = "") -> None:
        super().__init__(message, status=501, code="NotImplemented", remedy=remedy, target=target)


class JobFailedError(AmlError):
    """A job that was waited for ended `Failed` or `Canceled`; carries the job's own traceback."""

    def __init__(self, message: str, *, traceback: str = "", why: str = "", remedy: str = "") -> None:
        super().__init__(message, why=why, remedy=remedy)
        self.traceback = traceback
