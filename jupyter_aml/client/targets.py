"""What a person may name after `connect`: taken apart, without looking anything up."""

from __future__ import annotations

import os
from dataclasses import dataclass

from jupyter_aml.errors import ConnectError

LOCAL = "LOCAL"
AZURE = "AZURE"

WORDS = frozenset({"local", "azure", "config"})
"""Words that no profile may be called."""

FORMS = "local, local:NAME, local:PATH, config, azure:SUB/RG/WS or a profile's name"


@dataclass(frozen=True)
class Target:
    """A place as it was named; what was not said is empty.

    Attributes:
        kind: `local`, `azure`, `config` or `profile`.
        name: Of a local workspace or of a profile.
        path: Of a workspace folder (`local`) or of a file or folder to look in (`config`).
    """

    kind: str
    name: str = ""
    path: str = ""
    subscription: str = ""
    group: str = ""
    workspace: str = ""


def parse(text: str) -> Target:
    """Take a target apart.

    Raises:
        ConnectError: It has none of the forms.
    """
    kind, colon, rest = text.strip().partition(":")
    if kind not in WORDS:
        if colon or not kind:
            raise ConnectError(
                f"{text!r} names no place to connect to; expected {FORMS}.",
                remedy="Try connect('local') or connect('azure:SUBSCRIPTION/RESOURCE_GROUP/WORKSPACE').",
            )
        return Target("profile", name=kind)
    if colon and not rest:
        raise ConnectError(
            f"Nothing stands after the colon of {text!r}.", remedy=f"Type connect('{kind}'), or name one."
        )
    if kind == "local":
        return Target("local", path=rest) if is_path(rest) else Target("local", name=rest)
    if kind == "config":
        return Target("config", path=rest)
    return _azure(text, rest) if rest else Target("azure")


def is_path(text: str) -> bool:
    """Whether what stands after `local:` is a folder, not a name: it has a separator, or begins like one."""
    return "/" in text or os.sep in text or text in {".", ".."} or text.startswith("~")


def _azure(text: str, rest: str) -> Target:
    if rest.lower().startswith("/subscriptions/"):
        fields = dict(zip(*[iter(rest.strip("/").split("/"))] * 2, strict=False))
        lowered = {key.lower(): value for key, value in fields.items()}
        parts = [lowered.get(key, "") for key in ("subscriptions", "resourcegroups", "workspaces")]
    else:
        parts = rest.split("/")
    if len(parts) > 3 or not all(parts[: max(1, len(parts) - 1)]):  # noqa: PLR2004 - three levels
        raise ConnectError(
            f"{text!r} does not name a workspace; expected azure:SUBSCRIPTION/RESOURCE_GROUP/WORKSPACE.",
            remedy="The Azure portal's page of the workspace shows the three names; `az ml workspace list` too.",
        )
    subscription, group, workspace = (*parts, "", "")[:3]
    return Target("azure", subscription=subscription, group=group, workspace=workspace)
