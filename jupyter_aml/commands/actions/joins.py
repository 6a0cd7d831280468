"""Steps joined on a line, `prep >> train >> evaluate`: who takes what of whom, told by names and types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_aml.commands.actions import parts
from jupyter_aml.commands.actions.parts import Part
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.suggest import listed, nearest
from jupyter_aml.errors import NotFoundError, UsageError

ARROW = ">>"
LITERAL = ("string", "number", "integer", "boolean")


@dataclass
class Joined:
    """A pipeline in the DSL, and the values of its inputs in the schema of `az ml`."""

    body: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)


def names(words: Sequence[str]) -> list[str]:
    """The names between the arrows.

    Raises:
        UsageError: There are less than two, or an arrow too many or too few.
    """
    text = " ".join(words)
    found = [part.strip() for part in text.split(ARROW)]
    if len(found) < 2 or not all(found) or any(" " in one for one in found):  # noqa: PLR2004
        msg = f"{text or 'pipeline'}: steps with {ARROW} between them were expected."
        raise UsageError(msg, remedy="Type for example %aml pipeline prep >> train >> evaluate")
    twice = [one for one in found if found.count(one) > 1]
    if twice:
        msg = f"The step {twice[0]} stands twice."
        raise UsageError(msg, remedy="Build that pipeline in a cell: %%aml pipeline")
    return found


def found(context: Context, name: str) -> Part:
    """The part of that name.

    Raises:
        NotFoundError: There is none.
    """
    part = parts.find(context, name)
    if part is not None:
        return part
    known = parts.known(context)
    near = nearest(name, known)
    raise NotFoundError(
        f"There is no step or component {name!r}.",
        why=f"There is {listed(known, 12)}." if known else "No cell has made a step yet.",
        remedy=f"Did you mean {near}?" if near else f"Make it in a cell: %%aml component {name}",
    )


def join(chain: Sequence[Part], given: Mapping[str, Any]) -> Joined:
    """The pipeline of a chain.

    An input takes the output of that name of the nearest step before it; where no name fits, the only output of the
    step just before it goes to the only input of its type. What is left keeps the value of its cell, which becomes an
    input of the pipeline, so that a rerun may change it.

    Args:
        chain: The steps, in order.
        given: Values of --input, by the input's name or `step_input`.

    Raises:
        UsageError: A step takes nothing of those before it, or an input has no value.
    """
    made, lines = Joined(), []
    used: set[str] = set()
    for index, part in enumerate(chain):
        before = chain[:index]
        taken = _taken(part, before, set(given))
        if before and not taken:
            raise _apart(part, before[-1])
        arguments = [f"{name}={step}.outputs.{output}" for name, (step, output) in taken.items()]
        for name, port in part.inputs.items():
            if name in taken:
                continue
            key, value = _value(part, name, port, given, made.inputs)
            used.add(key)
            if value is not None:
                made.inputs[key] = value
                arguments.append(f"{name}={key}")
        lines.append(f"{part.name} = {part.name}({', '.join(arguments)})")
    _refuse_unused(given, used, chain)
    outputs = ", ".join(f'"{output}": {chain[-1].name}.outputs.{output}' for output in chain[-1].outputs)
    made.body = "\n".join([*lines, f"return {{{outputs}}}"])
    return made


def _taken(part: Part, before: Sequence[Part], given: set[str]) -> dict[str, tuple[str, str]]:
    """Which inputs take which step's output."""
    taken: dict[str, tuple[str, str]] = {}
    for name, port in part.inputs.items():
        if port.type in LITERAL or given & {name, f"{part.name}_{name}"}:
            continue
        step = next((one for one in reversed(before) if name in one.outputs), None)
        if step is not None:
            taken[name] = (step.name, name)
    if taken or not before:
        return taken
    free = [name for name, port in part.inputs.items() if port.type not in LITERAL and name not in given]
    open_ = [name for name in free if name not in part.given and not part.inputs[name].optional] or free
    outputs = list(before[-1].outputs)
    return {open_[0]: (before[-1].name, outputs[0])} if len(open_) == len(outputs) == 1 else {}


def _value(part: Part, name: str, port: Any, given: Mapping[str, Any], others: Mapping[str, Any]) -> tuple[str, Any]:
    """The pipeline's input for an input of a step: its name and value; None where the component has a default.

    Raises:
        UsageError: It has no value.
    """
    long = f"{part.name}_{name}"
    if long in given:
        return long, given[long]
    if name in given:
        return name, given[name]
    if name in part.given:
        held = part.given[name]
        return (long if name in others and others[name] != held else name), held
    if port.default is not None:
        return (long if name in others else name), port.default
    if port.optional:
        return name, None
    raise UsageError(
        f"The step {part.name} needs {name} ({port.type}), which no step before it hands on.",
        remedy=f"Add --input {name}=VALUE.",
    )


def _apart(part: Part, last: Part) -> UsageError:
    return UsageError(
        f"{part.name} takes nothing of what {last.name} hands on.",
        why=f"{last.name} gives {_ports(last.outputs)}; {part.name} takes {_ports(part.inputs)}.",
        remedy="Give an input the name of an output, or say what goes where in a cell: %%aml pipeline",
    )


def _ports(ports: Mapping[str, Any]) -> str:
    return listed([f"{name} ({port.type})" for name, port in ports.items()]) or "nothing"


def _refuse_unused(given: Mapping[str, Any], used: set[str], chain: Sequence[Part]) -> None:
    """Refuse a value of --input that no step takes."""
    for name in given:
        if name not in used:
            known = sorted({one for part in chain for one in part.inputs})
            near = nearest(name, known)
            msg = f"--input {name}=…: no step has an input {name!r}."
            raise UsageError(
                msg, why=f"Their inputs are {listed(known) or 'none'}.", remedy=f"Did you mean {near}?" if near else ""
            )
