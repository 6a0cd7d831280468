"""What all handlers share: who may ask, how a refusal is told, what is said of them in the OpenAPI document."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from jupyter_server.base.handlers import APIHandler

from jupyter_aml.client.sign_in import SignInNeededError
from jupyter_aml.errors import AmlError, ResourceError
from jupyter_aml.local.arm import faults


class Handler(APIHandler):
    """What all our handlers share."""

    auth_resource = "jupyter_aml"
    operations: ClassVar[dict[str, dict[str, Any]]] = {}
    """What the handler answers, by method, for the OpenAPI document."""

    def _number(self, name: str, default: float) -> float:
        text = self.get_query_argument(name, str(default))
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            raise ResourceError(f"{name} is '{text}'; a number was expected.", code="UserError", target=name)
        return found

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """A refusal of ours as ARM writes it; the rest as Jupyter does."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, AmlError):
            told = error if isinstance(error, ResourceError) else _unavailable(error)
            self.set_status(told.status)
            self.finish(faults.body_of(told))
            return
        super().write_error(status_code, **kwargs)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Refusals are no faults of the server."""
        if not isinstance(value, AmlError):
            super().log_exception(typ, value, tb)


def _unavailable(error: AmlError) -> ResourceError:
    """What keeps the store from being opened, or a person from being let in, as an answer."""
    if isinstance(error, SignInNeededError):
        return ResourceError(error.message, status=401, code="AuthenticationFailed", remedy=error.remedy)
    return ResourceError(error.message, status=503, code="ServiceUnavailable", why=error.why, remedy=error.remedy)
