"""Output: a result as JSON, YAML, a table or TSV, and JMESPath over it, all as `az` prints them."""

from __future__ import annotations

import json
from typing import Any

from jupyter_aml.commands import drawing
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import UsageError


def select(value: Any, query: str) -> Any:
    """What a JMESPath expression picks from a plain form.

    Raises:
        UsageError: The expression is not JMESPath, or does not fit the value.
    """
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.search(query, value)
    except (JMESPathError, ValueError) as error:
        reason = " ".join(str(error).split())
        msg = f"--query {query}: {reason}"
        raise UsageError(msg, remedy='Type for example --query "[].name" or --query status.') from None


def render(outcome: Outcome, form: str) -> str:
    """The outcome in one of the formats of -o, without a line break at the end; "" for nothing."""
    if form == "none":
        return ""
    if form == "table":
        return _table(outcome)
    value = outcome.plain
    if value is None:
        return ""
    if form == "tsv":
        return tsv(value)
    if form in ("yaml", "yamlc"):
        return to_yaml(value)
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def to_yaml(value: Any) -> str:
    """YAML in the order of the keys."""
    import yaml

    dumped = str(yaml.safe_dump(value, sort_keys=False, default_flow_style=False, allow_unicode=True))
    return dumped.removesuffix("\n").removesuffix("\n...")


def tsv(value: Any) -> str:
    """One line per item of a list, fields by tabs; a bare value is printed bare."""
    return "\n".join(_line(item) for item in (value if isinstance(value, list) else [value]))


def _line(item: Any) -> str:
    if isinstance(item, dict):
        return "\t".join(_field(field) for field in item.values())
    if isinstance(item, list):
        return "\t".join(_field(field) for field in item)
    return str(item).lower() if isinstance(item, bool) else _field(item)


def _field(item: Any) -> str:
    """A field as az's TSV has it: a nested list is its length, a nested object is empty."""
    if isinstance(item, list):
        return str(len(item))
    return "" if isinstance(item, dict) else str(item)


def _table(outcome: Outcome) -> str:
    snapshot = outcome.snapshot()
    kind = "table" if isinstance(snapshot["entity"], (list, dict)) else "text"
    return "" if snapshot["entity"] is None else drawing.draw(kind, "plain", {**snapshot, "title": "", "place": ""})
