"""YAML in the schema of `az ml`, from a file or from a cell's body, as the SDK's entity; `--set` edits it by path."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.errors import UsageError

LOADERS = ("job", "data", "datastore", "environment", "model", "component", "compute", "workspace")


def has_source(args: Args) -> bool:
    """Whether YAML was given, by --file or as a body."""
    return bool(args.get("file") or (args.get("body") or "").strip())


def load(noun: str, context: Context, args: Args, named: Mapping[str, Any] | None = None) -> Any:
    """The entity that the YAML describes.

    Args:
        noun: One of LOADERS.
        context: For the current folder.
        args: `file` or `body`, and `set`.
        named: Fields given by flags, which override the file's; None values are left out.

    Raises:
        UsageError: No such file, no YAML in it, or a `--set` that is no PATH=VALUE.
    """
    import azure.ai.ml as sdk

    changes = [{key: value} for key, value in (named or {}).items() if value is not None]
    changes += overrides(args.get("set") or ())
    read = getattr(sdk, f"load_{noun}")
    body = (args.get("body") or "").strip("\n")
    if body.strip():
        _check_yaml(body)
        return read(io.StringIO(body), relative_origin=str(context.cwd / "cell.yml"), params_override=changes)
    if not args.get("file"):
        msg = f"{noun} needs a YAML file."
        raise UsageError(msg, remedy=f"Type for example %aml {noun} create --file {noun}.yml.")
    path = context.path(args["file"])
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        msg = f"--file {args['file']}: it {what}; a YAML file was expected (looked in {context.cwd})."
        raise UsageError(msg, remedy="Give the path of a YAML file.")
    text = path.read_text(encoding="utf-8")
    _check_yaml(text, str(args["file"]))
    return read(str(path), params_override=changes)


def overrides(pairs: Iterable[str]) -> list[dict[str, Any]]:
    """`--set` values as the SDK's `params_override`: one dict each, lists and objects as JSON.

    Raises:
        UsageError: One has no `=` after a path.
    """
    found = []
    for pair in pairs:
        path, equals, value = pair.partition("=")
        if not equals or not path.strip():
            msg = f"--set {pair}: no PATH=VALUE."
            raise UsageError(msg, remedy="Type for example --set tags.team=clinic.")
        found.append({path.strip(): _value(value)})
    return found


def _value(text: str) -> Any:
    if text[:1] in "[{" and text:
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _check_yaml(text: str, origin: str = "") -> None:
    """Do nothing if the text is a YAML mapping.

    Raises:
        UsageError: It is not; said with its line.
    """
    import yaml

    first, where = (1, f"{origin}, line") if origin else (2, "Line")
    try:
        found = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f"{where} {mark.line + first}" if mark else origin or "The cell"
        msg = f"{line}: no valid YAML: {error.problem or error.context}."
        raise UsageError(msg, remedy="YAML indents with spaces, and has a space after each colon.") from None
    except yaml.YAMLError as error:
        msg = f"{origin or 'The cell'} is no valid YAML: {error}."
        raise UsageError(msg) from None
    if not isinstance(found, dict):
        msg = f"{origin or 'The cell'} holds no `name: value` lines, but {type(found).__name__}."
        raise UsageError(msg, remedy="Write the YAML that `az ml` takes, such as `type: command`.")
