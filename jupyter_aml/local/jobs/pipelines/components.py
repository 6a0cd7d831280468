"""Components as steps use them: what is run, and the inputs and outputs that it declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_aml.errors import NotOfflineError, ResourceError
from jupyter_aml.local.jobs import lookup, uris
from jupyter_aml.local.jobs.types.base import Reader

LITERALS = frozenset({"string", "number", "integer", "boolean"})
TRUE, FALSE = frozenset({"true", "1", "1.0", "yes"}), frozenset({"false", "0", "0.0", "no"})


@dataclass(frozen=True)
class Port:
    """A declared input or output.

    Attributes:
        kind: `string`, `number`, `integer`, `boolean`, or a type of data such as `uri_folder`.
        default: What stands where nothing is given, as text; None without.
        mode: How data get there, in the spelling of YAML; empty for the default.
        early: An output that the script may give before it ends.
    """

    name: str
    kind: str
    optional: bool = False
    default: str | None = None
    mode: str = ""
    lowest: float | None = None
    highest: float | None = None
    choices: tuple[str, ...] = ()
    early: bool = False

    @property
    def literal(self) -> bool:
        return self.kind in LITERALS

    def check(self, text: str, target: str) -> None:
        """Refuse a literal that is of another type or out of bounds.

        Raises:
            ResourceError: 400.
        """
        if self.kind in {"number", "integer"}:
            self._check_number(text, target)
        elif self.kind == "boolean" and text.strip().lower() not in TRUE | FALSE:
            raise _wrong(target, f"is '{text}'; expected true or false")
        if self.choices and text not in self.choices:
            raise _wrong(target, f"is '{text}'; expected one of {', '.join(self.choices)}")

    def _check_number(self, text: str, target: str) -> None:
        try:
            number = float(text)
        except ValueError as error:
            raise _wrong(target, f"is '{text}'; expected {_article(self.kind)}") from error
        if self.kind == "integer" and not number.is_integer():
            raise _wrong(target, f"is {text}; expected an integer")
        if self.lowest is not None and number < self.lowest:
            raise _wrong(target, f"is {text}; expected {self.lowest:g} or more")
        if self.highest is not None and number > self.highest:
            raise _wrong(target, f"is {text}; expected {self.highest:g} or less")


def _article(kind: str) -> str:
    return "an integer" if kind == "integer" else f"a {kind}"


def _wrong(target: str, found: str) -> ResourceError:
    return ResourceError(f"{target} {found}.", code="ValidationError", target=target)


@dataclass(frozen=True)
class Component:
    """A component version.

    Attributes:
        kind: `command`, `pipeline`, `parallel`, `spark`...
        spec: Its `componentSpec`, in the spelling of YAML.
    """

    label: str
    kind: str
    spec: Mapping[str, Any]
    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]

    @property
    def deterministic(self) -> bool:
        """Whether a finished run with the same inputs may stand for another."""
        return as_bool(self.spec.get("is_deterministic"), default=True)


def as_bool(value: object, *, default: bool) -> bool:
    """A flag as YAML, JSON or text gives it."""
    if value is None or value == "":
        return default
    return value if isinstance(value, bool) else str(value).strip().lower() in TRUE


def load(reader: Reader, text: object, target: str) -> Component:
    """The component that a step names.

    Raises:
        NotFoundError: There is none (404).
        NotOfflineError: It is a registry's (501).
        ResourceError: The step names none (400).
    """
    if not isinstance(text, str) or not text:
        raise ResourceError(f"{target} is missing.", code="ValidationError", target=target, remedy="Name a component.")
    found = uris.parse(text, segment="components")
    if isinstance(found, uris.Foreign):
        raise NotOfflineError(
            f"{target} is in {found.where}, which cannot be reached from the local workspace.",
            remedy="Register a copy here: `%aml component create --file component.yml`.",
            target=target,
        )
    if not isinstance(found, uris.Asset) or found.segment != "components":
        raise ResourceError(
            f"{target} is '{text}', which is no id of a component.",
            code="ValidationError",
            target=target,
            remedy="Write azureml:NAME:VERSION or azureml:NAME@latest.",
        )
    record = lookup.asset(reader, found, target)
    return of_spec(f"{record.name}:{record.version}", (record.body.get("properties") or {}).get("componentSpec") or {})


def of_spec(label: str, spec: Mapping[str, Any]) -> Component:
    """A component from its specification."""
    return Component(
        label,
        str(spec.get("type") or "command").lower(),
        spec,
        {name: _port(name, value) for name, value in (spec.get("inputs") or {}).items()},
        {name: _port(name, value) for name, value in (spec.get("outputs") or {}).items()},
    )


def _port(name: str, written: Any) -> Port:
    value = written if isinstance(written, Mapping) else {"type": written}
    kind = str(value.get("type") or "uri_folder").lower()
    default = value.get("default")
    return Port(
        name,
        {"path": "uri_folder", "float": "number"}.get(kind, kind),
        as_bool(value.get("optional"), default=False),
        None if default is None else literal(default),
        str(value.get("mode") or ""),
        _number(value.get("min")),
        _number(value.get("max")),
        tuple(literal(choice) for choice in value.get("enum") or ()),
        as_bool(value.get("early_available"), default=False),
    )


def literal(value: object) -> str:
    """A literal as a command shows it."""
    return value if isinstance(value, str) else str(value)


def _number(value: object) -> float | None:
    return None if value in (None, "") else float(str(value))
