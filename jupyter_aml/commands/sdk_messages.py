"""The messages of the SDK's validation, taken apart: what is wrong, of which sort, and what to do.

Source: azure.ai.ml._exception_helper (coloured sections Details and Resolutions) and the JSON of ValidationResult.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
NUMBERED = re.compile(r"^\s*\d+\)\s*(.+?)\.?\s*$", re.MULTILINE)
NOT_FOUND = "Resource was not found"
NO_INPUT = re.compile(r"Inputs to job does not contain '(?P<name>[^']+)' referenced in command")
NOISE = ("Code:", "Message:", "Content:", "Exception Details", "If using the CLI", "Additional Resources", "Exception")


@dataclass(frozen=True)
class Said:
    """One message: `what` for the first line, `why` and `remedy` as in `AmlError`."""

    what: str
    why: str = ""
    remedy: str = ""
    missing: bool = False


def read(text: str) -> Said:
    """A message of the SDK, taken apart; one of another form stays whole, without the repeated code."""
    plain = COLOUR.sub("", text).strip()
    if "Details:" in plain and "Resolutions:" in plain:
        return _sections(plain)
    unnamed = NO_INPUT.search(plain)
    if unnamed is not None:
        name = unnamed["name"]
        what = f"The command names ${{{{inputs.{name}}}}}, and the job has no input '{name}'."
        return Said(what, remedy=f"Add {name} under inputs, or correct the name in the command.")
    errors = _validation(plain)
    if errors:
        return Said("\n".join(errors))
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(NOISE)]
    return Said("\n".join(kept or lines) or "The request was refused.")


def _sections(text: str) -> Said:
    head, _, rest = text.partition("Details:")
    details, _, after = rest.partition("Resolutions:")
    items = [" ".join(item.split()) for item in details.split("(x)") if item.strip()]
    what = "\n".join(item.replace(": - ", ": ") for item in items)
    sorts = [f"{found.strip()}." for found in NUMBERED.findall(head)]
    remedies = [f"{found.strip()}." for found in NUMBERED.findall(after)]
    return Said(what or " ".join(sorts), " ".join(sorts), " ".join(remedies), NOT_FOUND in head)


def _validation(text: str) -> list[str]:
    """The errors in the JSON of a ValidationResult, as `path: message`."""
    start, end = text.find("{"), text.rfind("}")
    try:
        found = json.loads(text[start : end + 1])
        errors = found["errors"]
        return [": ".join(part for part in (error.get("path"), error["message"]) if part) for error in errors]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
