"""How assets are named on a line: NAME, NAME:VERSION, NAME@LABEL, azureml:…, or the object itself (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from jupyter_aml.errors import UsageError

LATEST = "latest"
_ARM = re.compile(r"/(?:data|models|environments|components)/(?P<name>[^/]+)/versions/(?P<version>[^/]+)$")


@dataclass(frozen=True)
class Reference:
    """An asset: of `version` and `label` at most one is given; with neither, all its versions are meant."""

    name: str
    version: str = ""
    label: str = ""

    def __str__(self) -> str:
        """As typed: `iris:3`, `iris@latest` or `iris`."""
        return self.name + (f":{self.version}" if self.version else f"@{self.label}" if self.label else "")

    @property
    def chosen(self) -> dict[str, str]:
        """The SDK's arguments for one version: the version, or the label, which is `latest` by default."""
        return {"version": self.version} if self.version else {"label": self.label or LATEST}


def parse(text: str, version: str | None = None, label: str | None = None) -> Reference:
    """The reference that a name means together with `--version` and `--label`.

    Raises:
        UsageError: Version and label are both given, or twice.
    """
    arm = _ARM.search(text)
    if arm:
        name, own_version, own_label = arm["name"], arm["version"], ""
    else:
        rest = text.removeprefix("azureml:")
        name, at, own_label = rest.partition("@")
        colon = ""
        own_version = ""
        if not at:
            name, colon, own_version = rest.partition(":")
        if not name or (at and not own_label) or (colon and not own_version):
            msg = f"{text!r} names no asset."
            raise UsageError(msg, remedy="Write NAME, NAME:VERSION or NAME@latest.")
    if (own_version or own_label) and (version or label):
        msg = f"{text} names a version already, and so does {'--version' if version else '--label'}."
        raise UsageError(msg, remedy="Leave one out.")
    if version and label:
        msg = f"--version {version} and --label {label} exclude each other."
        raise UsageError(msg, remedy="Leave one out.")
    return Reference(name, own_version or version or "", own_label or label or "")


def name_of(value: Any) -> str:
    """The name of an entity, or the text itself."""
    return value if isinstance(value, str) else str(getattr(value, "name", value))


def required(args: Any, noun: str) -> str:
    """The name that a verb needs, from its positional or --name.

    Raises:
        UsageError: There is none.
    """
    if args.get("name"):
        return str(args["name"])
    msg = f"{noun} needs a name."
    raise UsageError(msg, remedy=f"Type %aml {noun.partition(' ')[0]} list to see them.")
