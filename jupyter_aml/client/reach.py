"""How far a page reaches: what lies below one workspace, and no secret of it, whoever carries its requests."""

from __future__ import annotations

import re
from urllib.parse import unquote

from jupyter_aml.errors import ResourceError

ARM = "arm"
SERVICE = 2
"""Words before the workspace in the path of one of its services, such as `history/v1.0`."""
SECRET = re.compile(r"/(?:list\w*(?:keys|secrets|token)|token)/?$", re.IGNORECASE)
"""Operations that answer with a secret. Source: POST operations of a workspace, api-version 2024-10-01-preview."""


def check(method: str, surface: str, path: str, workspace: str) -> None:
    """Let a request of a page pass.

    Args:
        method: Such as `GET`.
        surface: `arm` for Resource Manager, else the workspace's services.
        path: Below the surface's address, not quoted.
        workspace: ARM id of the only workspace that it may reach.

    Raises:
        ResourceError: It lies outside the workspace, or asks for a secret.
    """
    words, own = _words(path), _words(workspace)
    before = 0 if surface == ARM else SERVICE
    climbs = {".", ".."} & set(re.split(r"[/\\]", unquote(path)))  # whoever decodes a second time is not led astray
    if climbs or words[before : before + len(own)] != own:
        msg = f"'/{path.lstrip('/')}' is outside the workspace {workspace}."
        raise ResourceError(msg, status=403, code="AuthorizationFailed")
    check_secret(method, path)


def check_secret(method: str, path: str) -> None:
    """Let a request pass that asks for no secret.

    Raises:
        ResourceError: It does.
    """
    if method.upper() == "POST" and SECRET.search(path):
        raise ResourceError(
            f"'/{path.lstrip('/')}' answers with a secret, and no page is told one.",
            status=403,
            code="AuthorizationFailed",
            remedy="Ask for it in a notebook, with the SDK.",
        )


def _words(path: str) -> list[str]:
    return path.strip("/").lower().split("/")
