"""How a blob's name becomes a path below a container's folder, and back.

A component of a name stands on disk as it is, so that a person can read the folder. Only what a file system
cannot hold is escaped: an empty component is `%`, `.` is `%2E`, `..` is `%2E%2E`, one with NUL begins with
`%00`, one of more than 255 bytes becomes folders that end in `%~`. A name that already looks like one of these
gets a `%25` in front. Each name has one path and each path one name.

Source: "Naming and Referencing Containers, Blobs, and Metadata", Azure Storage REST.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from urllib.parse import unquote

from jupyter_aml.errors import ResourceError

LONGEST_NAME = 1024
LONGEST_COMPONENT = 255
HEAD = 45
CONTINUED = "%~"

_PLAIN = {"": "%", ".": "%2E", "..": "%2E%2E"}
_ESCAPED = {escaped: plain for plain, escaped in _PLAIN.items()}
_LOOKS_ESCAPED = re.compile(r"%(?:25)*(?:|2E|2E%2E|00.*)", re.DOTALL)
_LOOKS_CONTINUED = re.compile(r"%~%*\Z")
_CONTAINER = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?!-)){1,61}[a-z0-9]")
_SYSTEM_CONTAINERS = frozenset({"$root", "$logs", "$web"})


def check_container(name: str) -> str:
    """Give back a container's name that keeps Azure's rules.

    Raises:
        ResourceError: It does not (400 `InvalidResourceName`).
    """
    if _CONTAINER.fullmatch(name) or name in _SYSTEM_CONTAINERS:
        return name
    msg = f"'{name}' is no container name: 3 to 63 lower-case letters, digits and single hyphens are expected."
    raise ResourceError(msg, code="InvalidResourceName", remedy="Choose a name such as 'my-data-1'.")


def check_name(name: str) -> str:
    """Give back a blob's name of 1 to 1,024 characters that can be written as UTF-8.

    Raises:
        ResourceError: It is not (400 `InvalidUri`, `OutOfRangeInput`).
    """
    if not name:
        msg = "The blob has no name."
        raise ResourceError(msg, code="InvalidUri", remedy="Write it after the container: container/blob.")
    if len(name) > LONGEST_NAME:
        msg = f"The blob name '{name[:40]}...' has {len(name)} characters; Azure allows {LONGEST_NAME}."
        raise ResourceError(msg, code="OutOfRangeInput", remedy="Shorten the path or the file name.")
    return name


@lru_cache(maxsize=4096)
def to_path(name: str) -> str:
    """The relative path of a blob, or of the part of its name below a folder."""
    components = map(escape, name.split("/"))
    return os.sep.join(components)  # noqa: PTH118 - this runs for each request


def escape(component: str) -> str:
    """One component of a name as it stands on disk; several folders when it is too long for one."""
    if component in _PLAIN:
        return _PLAIN[component]
    escaped = _guard(component)
    if _LOOKS_CONTINUED.search(escaped):
        escaped += "%"
    if len(escaped) * 4 <= LONGEST_COMPONENT or len(os.fsencode(escaped)) <= LONGEST_COMPONENT:
        return escaped
    return _guard(component[:HEAD]) + CONTINUED + os.sep + escape(component[HEAD:])


def _guard(component: str) -> str:
    if "\0" in component:
        return "%00" + component.replace("%", "%25").replace("\0", "%00")
    if component[0] == "%" and _LOOKS_ESCAPED.fullmatch(component):
        return "%25" + component[1:]
    return component


def unescape(entry: str) -> str:
    """The component that a file or folder stands for; the head of it for a folder that is continued."""
    if "%" not in entry:
        return entry
    if entry in _ESCAPED:
        return _ESCAPED[entry]
    if is_continued(entry):
        entry = entry[: -len(CONTINUED)]
    elif _LOOKS_CONTINUED.search(entry):
        entry = entry[:-1]
    if entry.startswith("%00"):
        return unquote(entry[len("%00") :])
    if entry.startswith("%25") and _LOOKS_ESCAPED.fullmatch(entry):
        return "%" + entry[len("%25") :]
    return entry


def is_continued(entry: str) -> bool:
    """Whether a folder holds the rest of a component that was too long, rather than components below it."""
    return entry.endswith(CONTINUED)
