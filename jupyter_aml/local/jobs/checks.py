"""What the bodies of jobs have in common: fields that are checked before a job is taken in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_aml.errors import ConflictError, NotOfflineError, ResourceError
from jupyter_aml.local.jobs import binding, bodies, literals, lookup, names, programs, uris
from jupyter_aml.local.jobs.binding import Scope, Text, Value
from jupyter_aml.local.jobs.types.base import Draft
from jupyter_aml.local.store import records as resources

INPUT_TYPES = frozenset({"uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model"})
INPUT_MODES = frozenset({"readonlymount", "readwritemount", "download", "direct", "evalmount", "evaldownload"})
OUTPUT_MODES = frozenset({"readwritemount", "upload", "direct"})
ARTIFACTS = frozenset({"default", "artifacts"})
"""Outputs that are the run's own artifact folder."""


def run_of_command(draft: Draft) -> None:
    """Refuse a body that runs a command: its command line, environment, code, inputs, outputs, variables and limits.

    Raises:
        ResourceError: A field is missing or wrong, or names something that does not exist.
    """
    body = draft.body
    command = body.get("command")
    if not isinstance(command, str) or not command.strip():
        raise invalid("command", "is empty", 'Write what to run, such as "python train.py".')
    if programs.word(body) not in programs.PLAIN and not body.get("environmentId"):  # which needs no packages
        raise invalid("environmentId", "is missing", "Name an environment, such as azureml:NAME@latest.")
    run_of_script(draft, "command")


def run_of_script(draft: Draft, line: str) -> None:
    """Refuse a body whose environment, code, inputs, outputs, variables, limits or placeholders are wrong.

    Args:
        draft: The job.
        line: The field whose text has placeholders: `command`, or `args`.

    Raises:
        ResourceError: A field is wrong, or names something that does not exist.
    """
    body = draft.body
    environment = body.get("environmentId")
    if environment is not None and not isinstance(environment, str):
        raise invalid("environmentId", f"is {environment!r}", "Name an environment, such as azureml:NAME@latest.")
    if environment and programs.word(body) not in programs.PLAIN:
        lookup.environment(draft, environment)
    if body.get("codeId"):
        lookup.code(draft, str(body["codeId"]))
    for name, value in objects(body, "inputs").items():
        check_input(draft, name, value)
    for name, value in objects(body, "outputs").items():
        check_output(draft, name, value)
    scope = _names_only(body, draft.state.get("search_space") or {})
    _check_variables(body, scope)
    time_limit(body)
    binding.check(str(body.get(line) or ""), scope)


def compute(draft: Draft) -> str:
    """Name of the compute that a body names, in lower case.

    Raises:
        NotFoundError: There is none (404).
    """
    if is_local(draft.body):
        return "local"
    return lookup.compute(draft, draft.body.get("computeId"))


def first_line(body: Mapping[str, Any]) -> str:
    """What a command runs, in one line."""
    return str(body["command"]).strip().splitlines()[0][:200]


def invalid(field: str, found: str, remedy: str) -> ResourceError:
    """The refusal of a field of the body."""
    target = f"properties.{field}"
    return ResourceError(f"{target} {found}.", code="ValidationError", target=target, remedy=remedy)


def objects(body: Mapping[str, Any], field: str) -> dict[str, dict[str, Any] | None]:
    """A dictionary of dictionaries in the body; `{}` when absent.

    Raises:
        ResourceError: It is something else (400).
    """
    found = body.get(field)
    if found is None:
        return {}
    if not isinstance(found, dict) or any(not isinstance(value, dict | None) for value in found.values()):
        raise invalid(field, "is no object of objects", f'Send {{"{field}": {{"name": {{...}}}}}}.')
    return found


def is_local(body: Mapping[str, Any]) -> bool:
    """Whether the SDK was told `compute="local"`, which it hides in the resources."""
    properties = ((body.get("resources") or {}).get("properties")) or {}
    return any(key.lower() == "islocal" for key in properties)


def time_limit(body: Mapping[str, Any]) -> float | None:
    """Seconds that the command may run; None without limit."""
    timeout = (body.get("limits") or {}).get("timeout")
    return names.seconds(str(timeout), "properties.limits.timeout") if timeout else None


def check_input(draft: Draft, name: str, value: dict[str, Any] | None) -> None:
    """Refuse an input whose type, mode or URI is wrong; a type that differs from the asset's is let through."""
    if value is None:
        return
    kind = str(value.get("jobInputType") or "").lower()
    if kind == "literal":
        return
    if kind not in INPUT_TYPES:
        raise invalid(
            f"inputs.{name}.jobInputType",
            f"is '{value.get('jobInputType')}'; expected literal, {', '.join(sorted(INPUT_TYPES))}",
            "In YAML: type: uri_file.",
        )
    _check_mode(f"inputs.{name}", value, INPUT_MODES)
    uri = value.get("uri")
    if not isinstance(uri, str) or not uri:
        raise invalid(f"inputs.{name}.uri", "is missing", "Give the input a path.")
    lookup.data(draft.workspace, draft.reader, uri, kind, f"properties.inputs.{name}.uri")


def _check_mode(field: str, value: dict[str, Any], known: frozenset[str]) -> None:
    mode = value.get("mode")
    if mode and str(mode).lower() not in known:
        raise invalid(
            f"{field}.mode",
            f"is '{mode}'; expected one of {', '.join(sorted(known))}",
            "In YAML: mode: ro_mount.",
        )


def check_output(draft: Draft, name: str, value: dict[str, Any] | None) -> None:
    """Refuse an output whose type, mode, place or name is wrong; an output that is null is legal."""
    if value is None:
        return
    kind = str(value.get("jobOutputType") or "uri_folder").lower()
    known = INPUT_TYPES | literals.KINDS
    if kind not in known:
        raise invalid(
            f"outputs.{name}.jobOutputType",
            f"is '{value.get('jobOutputType')}'; expected one of {', '.join(sorted(known))}",
            "In YAML: type: uri_folder.",
        )
    _check_mode(f"outputs.{name}", value, OUTPUT_MODES)
    uri = value.get("uri")
    if uri:
        _check_place(draft, name, str(uri))
    asset = value.get("assetName")
    if asset and kind in literals.KINDS:
        raise invalid(
            f"outputs.{name}.assetName", f"is '{asset}', but a {kind} cannot be registered", "Take the name away."
        )
    if asset:
        names.check(str(asset), "registered output")
        _check_version(draft, name, value)


def _check_place(draft: Draft, name: str, uri: str) -> None:
    target = f"properties.outputs.{name}.uri"
    found = uris.parse(uri.replace("${{default_datastore}}", "workspaceblobstore"))
    match found:
        case uris.DatastorePath():
            lookup.datastore(draft.reader, found.datastore, target)
        case uris.Blob() if found.account == draft.workspace.entry.account:
            return
        case uris.Blob() | uris.Web() | uris.Foreign():
            raise NotOfflineError(
                f"{target} is {uri}, where a local job cannot write.",
                remedy="Write to azureml://datastores/workspaceblobstore/paths/PATH.",
                target=target,
            )
        case _:
            raise invalid(
                f"outputs.{name}.uri",
                f"is '{uri}', which is no place that an output can go to",
                "Write azureml://datastores/STORE/paths/PATH, or leave it out.",
            )


def _check_version(draft: Draft, name: str, value: dict[str, Any]) -> None:
    version = value.get("assetVersion")
    kind = str(value.get("jobOutputType") or "uri_folder").lower()
    segment = "models" if kind.endswith("_model") else "data"
    if version and resources.get(draft.reader, segment, str(value["assetName"]), str(version)) is not None:
        raise ConflictError(
            f"properties.outputs.{name} would register {value['assetName']}:{version}, which exists already.",
            remedy="Leave the version out and the next one is taken.",
        )


def variables(body: Mapping[str, Any]) -> dict[str, Any]:
    """The environment variables in a body, whose names may be such.

    Raises:
        ResourceError: It has something else (400).
    """
    found = body.get("environmentVariables")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise invalid("environmentVariables", "is no object", 'Send {"NAME": "value"}.')
    for key in found:
        if not key or "=" in key or "\0" in key:
            raise invalid("environmentVariables", f"has the name '{key}'", "Use letters, digits and '_'.")
    return found


def _check_variables(body: Mapping[str, Any], scope: Scope) -> None:
    for value in variables(body).values():
        binding.check(str(value), scope)


def _names_only(body: Mapping[str, Any], search_space: Mapping[str, Any]) -> Scope:
    """A scope that knows which names there are, for checking a command before anything has a value."""
    mark: Value = Text("x")
    return Scope(
        inputs={name: None if bodies.left_out(value) else mark for name, value in objects(body, "inputs").items()},
        outputs=dict.fromkeys([*objects(body, "outputs"), "default"], mark),
        names={"name": mark, "default_datastore": mark},
        search_space=dict.fromkeys(search_space, mark),
    )
