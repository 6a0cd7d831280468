"""YAML in the schema of `az ml`, from a file or from a cell's body, as the SDK's entity; `--set` edits it by path."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.yaml_text import YamlText
from jupyter_aml.errors import UsageError

LOADERS = (
    "job", "data", "datastore", "environment", "model", "component", "compute", "workspace", "online-endpoint",
    "online-deployment", "batch-endpoint", "batch-deployment",
)  # fmt: skip


def has_source(args: Args) -> bool:
    """Whether YAML was given, by --file or as a body."""
    return bool(args.get("file") or args.get("body") is not None)


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
    changes = [{key: value} for key, value in (named or {}).items() if value is not None]
    changes += overrides(args.get("set") or ())
    source = text_of(noun, context, args)
    read = _reader(noun, source)
    if args.get("body") is not None:
        return read(io.StringIO(source.text), relative_origin=str(context.cwd / "cell.yml"), params_override=changes)
    return read(str(context.path(args["file"])), params_override=changes)


def _reader(noun: str, source: YamlText) -> Callable[..., Any]:
    """The SDK's function that reads YAML of this kind; batch deployments have one for each of their shapes."""
    import azure.ai.ml as sdk

    read: Callable[..., Any]
    if noun == "batch-deployment":
        from azure.ai.ml.entities import _load_functions as shapes

        said = source.field(("type",))
        shape = said.value.lower() if said is not None else ""
        if shape == "pipeline" or source.field(("component",)) is not None:
            read = shapes.load_pipeline_component_batch_deployment
            return read
        if shape == "model" or source.field(("settings",)) is not None:
            read = shapes.load_model_batch_deployment
            return read
    read = getattr(sdk, f"load_{noun.replace('-', '_')}")
    return read


def text_of(noun: str, context: Context, args: Args) -> YamlText:
    """The YAML of a cell's body or of --file.

    Raises:
        UsageError: There is none, or no such file.
    """
    body = args.get("body")
    if body is not None:
        if not body.strip():
            msg = f"The cell has no body; the YAML of a {noun} was expected."
            raise UsageError(msg, remedy="Put it below the %%aml line.")
        return YamlText(body, "" if context.namespace is not None else "Standard input")
    if not args.get("file"):
        msg = f"{noun} needs a YAML file."
        raise UsageError(msg, remedy=f"Type for example %aml {noun} create --file {noun}.yml.")
    path = context.path(args["file"])
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        msg = f"--file {args['file']}: it {what}; a YAML file was expected (looked in {context.cwd})."
        raise UsageError(msg, remedy="Give the path of a YAML file.")
    try:
        return YamlText(path.read_text(encoding="utf-8"), str(args["file"]))
    except UnicodeDecodeError:
        msg = f"--file {args['file']}: it is no text in UTF-8, as YAML is."
        raise UsageError(msg, remedy="Give the path of a YAML file.") from None


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
