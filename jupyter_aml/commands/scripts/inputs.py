"""What `--input NAME=VALUE` means: a literal, a file or folder, a URI, or an asset of the workspace (pure)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal

from jupyter_aml.errors import UsageError

Meaning = Literal["literal", "path", "uri", "asset", "frame", "entity"]
DATA_TYPES = ("uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model")
_ASSET = re.compile(r"^(?:azureml:)?(?P<name>[A-Za-z0-9][\w.-]{0,254})(?:@(?P<label>[\w-]+)|:(?P<version>[\w.-]+))$")
_URI = re.compile(r"^(?:(?:azureml|https?|abfss?|wasbs?|file)://|runs:/)", re.IGNORECASE)
_FILE = re.compile(
    r"\.(?:csv|tsv|parquet|json|jsonl|txt|gz|zip|npz|npy|pkl|h5|png|jpe?g|xlsx?|db|ya?ml)$", re.IGNORECASE
)
_NUMBER = re.compile(r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$")


@dataclass(frozen=True)
class Meant:
    """One input as understood: `value` is the literal, path, URI, frame or entity; an asset has a name and more.

    Of an asset's `version` and `label` one is given, the other is "".
    """

    meaning: Meaning
    value: Any = None
    name: str = ""
    version: str = ""
    label: str = ""


def understand(name: str, value: Any, cwd: Path) -> Meant:
    """What a value means.

    Args:
        name: The input's name, for messages.
        value: A text as typed, or the Python object of `{expr}`, which keeps its type.
        cwd: Where relative paths start.

    Raises:
        UsageError: A path that does not exist, or a value that no job can take.
    """
    if isinstance(value, str):
        return _text(name, value, cwd)
    if isinstance(value, PurePath):
        return _path(name, str(value), cwd)
    if hasattr(value, "_to_dict"):  # an entity of the SDK; its jobs are dicts, too
        return Meant("entity", value)
    if isinstance(value, Mapping | list | tuple):
        return Meant("literal", json.dumps(value, default=str))
    number = value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value
    if isinstance(number, bool | int | float):
        return _number(name, number)
    return _object(name, value)


def _object(name: str, value: Any) -> Meant:
    if hasattr(value, "columns") and (hasattr(value, "to_csv") or hasattr(value, "write_csv")):
        return Meant("frame", value)
    if hasattr(value, "name") and (hasattr(value, "version") or hasattr(value, "outputs")):
        return Meant("entity", value)
    if value is None:
        msg = f"--input {name}: the value is None."
        raise UsageError(msg, remedy="Leave the input out, or give it a value.")
    msg = f"--input {name}: a {type(value).__name__} cannot be given to a job."
    raise UsageError(
        msg,
        why="A job takes numbers, texts, booleans, DataFrames, files, URIs and assets.",
        remedy=f"Save it to a file and pass the path: --input {name}=./FILE",
    )


def is_uri(text: str) -> bool:
    """Whether a text is the address of data elsewhere."""
    return bool(_URI.match(text))


def reference(text: str) -> Meant | None:
    """The asset that `name@label`, `name:version` or `azureml:name:version` means; None for anything else."""
    found = _ASSET.match(text)
    if found is None or re.match(r"^[A-Za-z]:[\\/]", text):
        return None
    return Meant("asset", text, found["name"], found["version"] or "", found["label"] or "")


def kind_of(path: str) -> str:
    """`uri_file` or `uri_folder` for a path or URI whose target cannot be looked at."""
    last = path.rstrip("/").rpartition("/")[2] if not path.endswith("/") else ""
    return "uri_file" if "." in last else "uri_folder"


def _text(name: str, text: str, cwd: Path) -> Meant:
    if is_uri(text):
        return Meant("uri", text)
    if _NUMBER.match(text):
        return Meant("literal", _as_number(text))
    if text in ("true", "True", "false", "False"):
        return Meant("literal", text in ("true", "True"))
    looks_like_path = "/" in text or "\\" in text or text.startswith(("~", ".")) or bool(_FILE.search(text))
    found = reference(text)
    if found is not None and not looks_like_path:
        return found
    if looks_like_path and (not re.search(r"\s", text) or (cwd / text).exists()):
        return _path(name, text, cwd)
    return Meant("literal", text)


def literal(name: str, value: Any) -> Any:
    """A number, text or boolean, of what was typed or of the Python object of `{expr}`; a text is never a path.

    Raises:
        UsageError: A value that is no literal.
    """
    if not isinstance(value, str):
        found = understand(name, value, Path())
        if found.meaning == "literal":
            return found.value
        msg = f"{name}: a {type(value).__name__} is no parameter."
        raise UsageError(msg, remedy=f"Give it as data: --input {name}=…")
    if _NUMBER.match(value):
        return _as_number(value)
    return value in ("true", "True") if value in ("true", "True", "false", "False") else value


def _as_number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _number(name: str, value: float | bool) -> Meant:
    if isinstance(value, float) and not math.isfinite(value):
        msg = f"--input {name}={value}: a job takes finite numbers."
        raise UsageError(msg, remedy=f"Pass it as text and read it with float(): --input {name}='{value}'.")
    return Meant("literal", value)


def _path(name: str, text: str, cwd: Path) -> Meant:
    path = cwd / Path(text).expanduser()
    if not path.exists():
        msg = f"--input {name}={text}: there is no such file or folder in {cwd}."
        raise UsageError(msg, remedy=f"Give a path that exists, or an asset: --input {name}=NAME@latest.")
    if path.is_dir() and not any(path.iterdir()):
        msg = f"--input {name}={text}: the folder is empty."
        raise UsageError(msg, remedy="Put the data into it first, or give another path.")
    return Meant("path", path)
