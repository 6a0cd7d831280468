"""Faults of YAML: what the SDK or the service says about a job, an asset or a compute, with the line that it is about.

The SDK answers a wrong field with the JSON of its schemas, alternatives included; here it becomes one sentence a field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_aml.commands import faults, sdk_messages
from jupyter_aml.commands.suggest import did_you_mean, listed, nearest
from jupyter_aml.commands.yaml_text import YamlText
from jupyter_aml.errors import AmlError, ResourceError, UsageError

SCHEMA = re.compile(r"Validation for (?P<schema>\w+?)(?:Schema)? failed")
CHOICES = re.compile(r"(?:is not in set \[(?P<set>[^\]]*)\]|^Must be one of: (?P<list>.*?)\.?$)")
WRONG_TYPE = re.compile(r"(?:Unsupported|Unknown) (?P<what>\w+) type: (?P<value>.+?)\.?$")
WIRE = re.compile(r"\bproperties((?:\.\w+)+)")
QUOTED = re.compile(r"'([^']+)'|\"([^\"]+)\"")
BARE = re.compile(r"(?::|\bAsset) (\S+?)[.,]?(?=\s|$)")
PATH = re.compile(r"(?<!\S)(\S*[/\\]\S+?)[.,]?(?=\s|$)")
UNKNOWN, MISSING = "Unknown field.", "Missing data for required field."
PLACEHOLDER = re.compile(r"\$\{\{(?P<part>inputs|outputs)\.(?P<name>[\w.-]+)\}\}")
FALLBACK = re.compile(r"^(?:Unknown field|Not a valid|In order to specify|Field may not be null|Invalid input type)")
TYPES = {
    "job": ("command", "pipeline", "sweep", "automl", "spark", "parallel"),
    "compute": ("amlcompute", "computeinstance", "virtualmachine", "kubernetes", "synapsespark"),
    "datastore": ("azure_blob", "azure_file", "azure_data_lake_gen2", "azure_data_lake_gen1", "one_lake"),
}
WORDS = {"uri": "path", "compute_id": "compute", "environment_id": "environment", "code_id": "code", "data_uri": "path"}


@dataclass(frozen=True)
class Wrong:
    """What a schema says about one field."""

    path: tuple[str, ...]
    messages: tuple[str, ...]


def pointed(error: Exception, noun: str, source: YamlText) -> Exception:
    """The error as one of ours that names the line of the YAML at fault; a bug as it is.

    Args:
        error: What was raised while the YAML was loaded or sent.
        noun: What it describes, such as `job`.
        source: The YAML.
    """
    if isinstance(error, AmlError) and not isinstance(error, ResourceError):
        return error
    said = sdk_messages.COLOUR.sub("", str(getattr(error, "message", "") or error))
    answered = getattr(error, "response", None) is not None  # by the service, whose JSON is ARM's
    wrong = [] if answered else list(_wrong(said))
    if wrong:
        return _refusal(wrong, _entity(said, noun), source)
    found = faults.translate(error)
    if found is None:
        return error
    kind = WRONG_TYPE.search(found.message)
    if kind is not None:
        return _wrong_type(kind, noun, source)
    found.remedy = _corrected(found.message, source) or found.remedy
    place = _place(found, source)
    if place is not None:
        found.message = f"{source.at(place)}: {found.message}"
    return found


def _wrong(said: str) -> Iterator[Wrong]:
    """The fields in the JSON of a message, by path."""
    tree = _json(said)
    if tree is None:
        return
    found: dict[tuple[str, ...], list[str]] = {}
    if isinstance(tree.get("errors"), list):
        for one in tree["errors"]:
            inner = _json(str(one.get("message")))
            path = tuple(step for step in str(one.get("path") or "").split(".") if step not in ("", "*"))
            leaves = _leaves(inner, path) if inner is not None else [(path, str(one.get("message")))]
            for where, message in leaves:
                found.setdefault(where, []).append(message)
    else:
        for where, message in _leaves(tree, ()):
            found.setdefault(where, []).append(message)
    for where, messages in found.items():
        yield Wrong(where, tuple(dict.fromkeys(messages)))


def _json(text: str) -> dict[str, Any] | None:
    start = text.find("{")
    if start < 0:
        return None
    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(text[start:])
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _leaves(tree: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    """Messages with their paths; of a list of alternatives those that come closest to what was meant."""
    if isinstance(tree, str):
        return [(path, tree)]
    if isinstance(tree, Mapping):
        found = []
        for key, inner in tree.items():
            step = () if key in ("_schema", "null", "value", "*") else (str(key),)
            found += _leaves(inner, (*path, *step))
        return found
    leaves = [leaf for inner in tree or () for leaf in _leaves(inner, path)]
    if all(isinstance(inner, str) for inner in tree or ()):
        return leaves
    best = [leaf for leaf in leaves if not FALLBACK.match(leaf[1])]
    return best or leaves


def _refusal(wrong: Sequence[Wrong], entity: str, source: YamlText) -> UsageError:
    sentences, remedies = [], []
    for one in wrong:
        sentence, remedy = _sentence(one, entity, source)
        sentences.append(sentence)
        remedies.append(remedy)
    remedy = "\n".join(dict.fromkeys(remedy for remedy in remedies if remedy))
    return UsageError("\n".join(dict.fromkeys(sentences)), remedy=remedy or "Correct it; nothing was sent.")


def _sentence(one: Wrong, entity: str, source: YamlText) -> tuple[str, str]:
    """What is wrong with one field, and what to type."""
    field = source.field(one.path)
    name = ".".join(one.path)
    where = source.at(field.line) if field is not None else source.called
    if MISSING in one.messages:
        owner = f"{field.name} has" if field is not None else f"{where} has"
        lead = f"{where}: " if field is not None else ""
        return f"{lead}{owner} no `{one.path[-1]}`, which is required.", f"Add a line `{one.path[-1]}: …`."
    if one.messages == (UNKNOWN,):
        known = _known(entity, one.path[:-1])
        return f"{where}: there is no field {name!r}.", did_you_mean(one.path[-1], known) or _fields(known)
    choices = [choice for message in one.messages for choice in _choices(message)]
    value = field.value if field is not None else ""
    if choices:
        inner = source.field((*one.path, "type"))
        if not value and inner is not None:
            where, name, value = source.at(inner.line), inner.name, inner.value
        expected = f"one of {listed(dict.fromkeys(choices))} was expected"
        return f"{where}: {name} is {value!r}; {expected}.", did_you_mean(value, choices)
    told = "; ".join(_tidy(message) for message in one.messages)
    shown = f" is {value!r}" if value and "\n" not in value and not value.startswith("[") else ""
    return f"{where}: {name}{shown}: {told}" if name else f"{where}: {told}", ""


def _tidy(message: str) -> str:
    text = " ".join(message.split())
    text = text.replace("Can't find directory or file in resolved absolute path:", "there is nothing at")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _choices(message: str) -> list[str]:
    found = CHOICES.search(message)
    if found is None:
        return []
    return [word.strip().strip("'\"") for word in (found["set"] or found["list"] or "").split(",") if word.strip()]


def _fields(known: Sequence[str]) -> str:
    return f"Its fields are {listed(known)}." if known else ""


def _entity(said: str, noun: str) -> str:
    found = SCHEMA.search(said)
    return found["schema"] if found is not None else noun.capitalize()


def _known(entity: str, path: Sequence[str]) -> list[str]:
    """The fields of an entity of the SDK, or of a part of it, as its constructor names them."""
    import inspect

    import azure.ai.ml
    from azure.ai.ml import entities

    parts = {"inputs": azure.ai.ml.Input, "outputs": azure.ai.ml.Output, "limits": entities.CommandJobLimits,
             "resources": entities.JobResourceConfiguration, "build": entities.BuildContext}  # fmt: skip
    aliases = {"Data": "Data", "AzureBlob": "AzureBlobDatastore", "AzureFile": "AzureFileDatastore"}
    kind = parts.get(path[0]) if path else getattr(entities, aliases.get(entity, entity), None)
    if kind is None:
        return []
    more = ("type", "command", "code", "environment", "resources", "limits", "inputs", "outputs", "compute",
            "environment_variables", "display_name", "experiment_name", "services", "identity")  # fmt: skip
    names = [name for name in inspect.signature(kind).parameters if name not in ("self", "kwargs", "args")]
    return [*names, *(more if entity == "CommandJob" and not path else ("type",))]


def _wrong_type(found: re.Match[str], noun: str, source: YamlText) -> UsageError:
    field = source.field(("type",))
    known = TYPES.get(found["what"], TYPES.get(noun, ()))
    where = source.at(field.line) if field is not None else source.called
    msg = f"{where}: type is {found['value']!r}, which is no type of {found['what']}."
    return UsageError(msg, why=f"The types are {listed(known)}.", remedy=did_you_mean(found["value"], known))


def _corrected(message: str, source: YamlText) -> str:
    """What a placeholder that names nothing was meant to be; "" where the message is about none."""
    found = PLACEHOLDER.search(message)
    if found is None:
        return ""
    part, known = found["part"], source.keys((found["part"],))
    near = nearest(found["name"], known)
    if near:
        return f"Did you mean ${{{{{part}.{near}}}}}?"
    return f"The job's {part} are {listed(known)}." if known else ""


def _place(error: AmlError, source: YamlText) -> int | None:
    """The line that an error is about: by the path it names, by a value that it quotes, or by a field's name."""
    target = error.target if isinstance(error, ResourceError) else ""
    for text in (target, error.message):
        found = WIRE.search(text)
        if found is not None:
            steps = [WORDS.get(step, step) for step in map(_snake, found[1].strip(".").split("."))]
            field = source.field(steps)
            if field is not None:
                return field.line
    words = [next(filter(None, pair)) for pair in QUOTED.findall(error.message)]
    words = [bare for word in words for bare in (word, word.removeprefix("azureml:"))]
    field = source.holding([*words, *BARE.findall(error.message), *PATH.findall(error.message)])
    if field is not None:
        return field.line
    named = [key for key in source.keys(()) if re.search(rf"\b{re.escape(key)}\b", error.message)]
    return source.field((named[0],)).line if named else None  # type: ignore[union-attr] # it is one of its keys


def _snake(word: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", word).lower()
