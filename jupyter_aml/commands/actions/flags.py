"""Flags that many verbs share, spelled as in `az ml`."""

from __future__ import annotations

from jupyter_aml.commands.grammar import Flag

FILE = Flag("file", "YAML file, in the schema of `az ml`.", "f", kind="path", completes="file")
SET = Flag(
    "set", "Edit the YAML by path, such as tags.team=clinic or inputs[0].path=./x.", metavar="PATH=VALUE",
    several=True, expands=False,
)  # fmt: skip
VERSION = Flag("version", "The version.", "v")
LABEL = Flag("label", "The label, such as latest.", "l")
DESCRIPTION = Flag("description", "A description.", "d")
TAGS = Flag(
    "tags", "Tags as name=value.", kind="pair", several=True, split=True, metavar="NAME=VALUE", aliases=("tag",)
)
YES = Flag("yes", "Do not ask.", "y", kind="switch")
NO_WAIT = Flag("no-wait", "Return at once.", kind="switch")
MOST = Flag("max-results", "How many at most.", "r", kind="int", default=50)
ARCHIVED_ONLY = Flag("archived-only", "Archived ones only.", kind="switch")
INCLUDE_ARCHIVED = Flag("include-archived", "Archived ones too.", kind="switch")
WEB = Flag("web", "Open it in the browser.", "e", kind="switch")
DOWNLOAD_PATH = Flag("download-path", "The folder to download into.", "p", kind="path", completes="file")


def name(completes: str, help_: str = "The name.", *, required: bool = False) -> Flag:
    """`--name/-n`, completed with what the workspace has of that noun."""
    return Flag("name", help_, "n", completes=completes, required=required)
