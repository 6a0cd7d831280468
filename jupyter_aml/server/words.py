"""What the panel is made of: the resource types of the registry and the verbs of the command table, as JSON.

A resource type or a verb that is added shows in the panel without a line of its own there.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jupyter_aml.client import targets
from jupyter_aml.commands.grammar import Flag, Noun, Positional, Verb, grammar
from jupyter_aml.local.resources import registry
from jupyter_aml.local.resources.base import ARM, Type

LISTED = "{WS}/"
FIRST = (
    "jobs",
    "data",
    "datastores",
    "models",
    "environments",
    "components",
    "computes",
    "onlineEndpoints",
    "batchEndpoints",
    "schedules",
)
"""The order in which people look for them; what is not named here follows by its name."""
AWAY = (
    ("onlineEndpoints", "online endpoint", "online-endpoint"),
    ("batchEndpoints", "batch endpoint", "batch-endpoint"),
    ("serverlessEndpoints", "serverless endpoint", "serverless-endpoint"),
    ("schedules", "schedule", "schedule"),
    ("connections", "connection", "connection"),
)
"""What Azure lists besides: segment, title, noun. A type of the registry takes the place of its segment's entry.

Source: GET operations of a workspace, api-version 2024-10-01-preview.
"""


@cache
def sections() -> list[dict[str, Any]]:
    """The resource types that a workspace lists and a noun names: URL segment, title, whether they have versions.

    `places` says which workspaces have them: those of this machine, those in Azure, or both.
    """
    own = _own()
    known = {str(section["segment"]) for section in own}
    return sorted([*own, *(one for one in _away() if one["segment"] not in known)], key=_rank)


def _own() -> list[dict[str, Any]]:
    """Those of the registry."""
    nouns = grammar().nouns
    found = []
    for kind in registry.all_types():
        routes = {(route.method, route.pattern) for route in kind.routes() if route.surface == ARM}
        if ("GET", f"{LISTED}{kind.segment}") not in routes:
            continue
        noun = _noun(kind, nouns)
        if noun is None:
            continue  # such as the snapshots of code, which belong to jobs
        found.append(
            {
                "segment": kind.segment,
                "title": kind.title,
                "versioned": any(f"{LISTED}{kind.segment}/{{name}}/versions" == pattern for _, pattern in routes),
                "noun": noun.name,
                "verbs": [verb.name for verb in noun.verbs],
                "places": [targets.LOCAL, targets.AZURE],
            }
        )
    return found


def _away() -> list[dict[str, Any]]:
    """Those of Azure alone; a noun that the command table does not have yet has no verbs."""
    nouns = grammar().nouns
    return [
        {
            "segment": segment,
            "title": title,
            "versioned": False,
            "noun": noun,
            "verbs": [verb.name for verb in nouns[noun].verbs] if noun in nouns else [],
            "places": [targets.AZURE],
        }
        for segment, title, noun in AWAY
    ]


def _rank(section: dict[str, Any]) -> tuple[int, str]:
    segment = str(section["segment"])
    return (FIRST.index(segment) if segment in FIRST else len(FIRST)), segment


def _noun(kind: Type, nouns: Any) -> Noun | None:
    """The noun of a resource type: `models` are `model`, `data` are `data`."""
    singular = kind.segment.removesuffix("s").lower()
    return next((noun for name, noun in nouns.items() if name.replace("-", "") in {kind.segment, singular}), None)


@cache
def table() -> list[dict[str, Any]]:
    """The command table: every noun with its verbs, flags and positionals, for forms and the palette."""
    found = grammar()
    nouns = [*found.nouns.values(), Noun("", "Words that stand without a noun.", tuple(found.verbs.values()))]
    return [
        {"name": noun.name, "summary": noun.summary, "verbs": [_verb(noun, verb) for verb in noun.verbs]}
        for noun in nouns
    ]


def _verb(noun: Noun, verb: Verb) -> dict[str, Any]:
    return {
        "name": verb.name,
        "summary": verb.summary,
        "line": " ".join(word for word in ("%aml", noun.name, verb.name) if word),
        "cell": verb.cell,
        "body": verb.body,
        "positionals": [_value(one) for one in verb.positionals],
        "flags": [
            {**_value(flag), "short": flag.short, "default": _plain(flag.default), "many": flag.many}
            for flag in verb.flags
        ],
        "examples": list(verb.examples),
    }


def _value(one: Flag | Positional) -> dict[str, Any]:
    return {
        "name": one.name,
        "help": one.help,
        "kind": one.kind,
        "metavar": one.metavar or one.name.upper().replace("-", "_"),
        "choices": list(one.choices),
        "required": one.required,
        "completes": one.completes,
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
