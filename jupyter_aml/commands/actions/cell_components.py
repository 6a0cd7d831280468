"""A cell's body as a component: a script with declared inputs and results, registered and not run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jupyter_aml.commands.actions import assets, cell_jobs, cell_scripts, parts, pins
from jupyter_aml.commands.actions.parts import Part
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.nouns.component import KIND
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.scripts import header
from jupyter_aml.commands.scripts.header import Kind, Parameter
from jupyter_aml.commands.scripts.inputs import DATA_TYPES
from jupyter_aml.errors import UsageError

DECLARED: Mapping[str, Kind] = {
    **dict.fromkeys(DATA_TYPES, "path"), "number": "float", "integer": "int", "boolean": "bool", "string": "str",
}  # fmt: skip
"""Types that declare an input without a value, and how the script reads it."""
_YAML = re.compile(r"(?:\$schema|name|version|type|display_name|inputs|outputs|command|code|environment)\s*:(?:\s|$)")


def component(context: Context, args: Args) -> Outcome:
    """Register the body as a component."""
    body = str(args.body or "")
    if re.search(r"^type\s*:", body, re.MULTILINE) and _YAML.match(body.lstrip()):
        msg = "The body is YAML, and a script was expected below a name."
        raise UsageError(msg, remedy="Begin with %%aml component alone; the YAML has the name.")
    args["script"] = args.component
    declared = {name: kind for name, kind in args.input.items() if isinstance(kind, str) and kind in DECLARED}
    values = Args({**args, "input": {name: value for name, value in args.input.items() if name not in declared}})
    script = cell_scripts.read(context, values, {name: DECLARED[kind] for name, kind in declared.items()}, default="")
    order = {name: number for number, name in enumerate(args.input)}
    parameters: list[Parameter] = sorted(script.parameters, key=lambda one: order[one.name])
    script = replace(script, parameters=parameters, source=_source(body, parameters, script))
    if args["as"] == "script":
        return Outcome(header.readable(script.source), kind="text")
    with cell_scripts.folder(context, script, args.code) as code:
        spec = _specification(context, args, script, declared, code)
        if args["as"]:
            return Outcome(_yaml({**spec, "code": "./code"}), kind="text")
        made = assets.made(context, KIND, parts.loaded(context, spec))
    given = {name: value for name, value in script.values.items() if isinstance(value, Mapping)}
    entity = made.entity
    context.steps[script.name] = Part(script.name, lambda: entity, given)
    if args.var:
        context.bind(args.var, made)
    return made


def _source(body: str, parameters: list[Parameter], script: cell_scripts.Script) -> str:
    return header.compose(body, parameters, script.results, first=cell_scripts.first_line(body))


def _specification(
    context: Context, args: Args, script: cell_scripts.Script, declared: Mapping[str, str], code: Any
) -> dict[str, Any]:
    more = {
        "version": args.version,
        "display_name": args.display_name,
        "description": args.description,
        "tags": {key: str(value) for key, value in args.tags.items()},
        "code": str(code),
        "environment": cell_jobs.environment(args.environment) or pins.recorded(context, pins.python_files(code)),
        "environment_variables": {key: str(value) for key, value in args.env_var.items()},
    }
    spec = parts.specification(script, args.component, more)
    for name, kind in declared.items():
        spec["inputs"][name]["type"] = kind
    if args.changing:
        spec["is_deterministic"] = False
    return spec


def _yaml(spec: Mapping[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(dict(spec), sort_keys=False, allow_unicode=True, width=110)
