"""A pipeline's steps and what they wait for, read from a job's body and checked before anything runs."""

from __future__ import annotations

import difflib
import graphlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jupyter_aml.errors import NotOfflineError, ResourceError
from jupyter_aml.local.jobs import checks
from jupyter_aml.local.jobs.pipelines import automl, components, references, shares
from jupyter_aml.local.jobs.pipelines.components import Component
from jupyter_aml.local.jobs.pipelines.references import ParentInput, ParentOutput, Step, StepInput, StepOutput
from jupyter_aml.local.jobs.types.base import Reader

RUN = frozenset({"command", "sweep", "pipeline", "parallel", "data_transfer", "spark", automl.KIND})
CONTROL = frozenset({"if_else", "do_while", "parallel_for"})
BLOCKS = {"if_else": ("true_block", "false_block"), "do_while": ("body",), "parallel_for": ("body",)}
ELSEWHERE = {
    "import_data": "Read the source in the script of a command step, or connect to Azure.",
    "export_data": "Write to the sink in the script of a command step, or connect to Azure.",
    "import": "Read the source in the script of a command step, or connect to Azure.",
}


@dataclass(frozen=True)
class Node:
    """A step, or a control node that decides over steps.

    Attributes:
        kind: One of `RUN`, or of `CONTROL`.
        body: As the pipeline's body has it, in the spelling of YAML.
        component: What a step runs; None for control nodes.
        needs: Steps that must have ended before.
        blocks: The steps that a control node decides over, by field.
        owner: The control node that decides over this step, empty for none.
        early: Of the steps that it needs for early outputs alone, these outputs: it need not wait for their end.
    """

    name: str
    kind: str
    body: Mapping[str, Any]
    component: Component | None = None
    needs: frozenset[str] = frozenset()
    blocks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    owner: str = ""
    early: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def declared(self) -> Component:
        """The component of a step."""
        if self.component is None:
            msg = f"{self.name} is a control node and has no component"
            raise ValueError(msg)
        return self.component


@dataclass(frozen=True)
class Graph:
    """A pipeline.

    Attributes:
        nodes: By name, in an order in which each comes after what it needs.
        promoted: The step's output that each output of the pipeline is.
    """

    nodes: Mapping[str, Node]
    promoted: Mapping[str, StepOutput]

    def beginning_at(self, name: str) -> frozenset[str]:
        """A step and all that need it, at first or second hand; with a control node also what it decides over."""
        found = {name}
        for node in self.nodes.values():
            if node.needs & found or node.owner in found:
                found.add(node.name)
        return frozenset(found)


def read(reader: Reader, body: Mapping[str, Any]) -> Graph:
    """The graph of a pipeline's body.

    Raises:
        ResourceError: A step, component, input or output is missing or wrong, or steps wait for each other (400).
    """
    written = checks.objects(body, "jobs")
    if not written:
        raise checks.invalid("jobs", "is empty", "Give the pipeline at least one step.")
    found = {name: _node(reader, name, value or {}) for name, value in written.items()}
    owners = _owners(found)
    nodes = {
        name: replace(node, needs=_needs(found, node, body), owner=owners.get(name, ""), early=_early(found, node))
        for name, node in found.items()
    }
    for node in nodes.values():
        if node.kind == automl.KIND:
            automl.check_tables(nodes, node, body)
    ordered = _ordered(nodes)
    return Graph({name: nodes[name] for name in ordered}, _promoted(nodes, body))


def _node(reader: Reader, name: str, body: Mapping[str, Any]) -> Node:
    kind = str(body.get("type") or "command").lower()
    target = f"properties.jobs.{name}"
    if kind in CONTROL:
        return Node(name, kind, body, blocks={key: _block(body, key, target) for key in BLOCKS[kind] if body.get(key)})
    task = str(body.get("task") or "") if kind == "data_transfer" else ""
    if kind in ELSEWHERE or task in ELSEWHERE:
        what = f"{kind} with the task {task}" if task else kind
        raise NotOfflineError(
            f"{target} is of type {what}, which the local workspace does not run.",
            remedy=ELSEWHERE[task or kind],
            target=target,
        )
    if kind == automl.KIND:
        return Node(name, kind, body, automl.declared(name, body))
    if kind not in RUN:
        known = ", ".join(sorted(RUN | CONTROL))
        raise _wrong(f"{target}.type", f"is '{kind}'; expected one of {known}")
    given = (body.get("trial") if kind == "sweep" else None) or body
    text = given if isinstance(given, str) else given.get("componentId") or given.get("component")
    at = f"{target}.trial.componentId" if kind == "sweep" else f"{target}.componentId"
    component = shares.declared(components.load(reader, text, at), body)
    if component.kind != ("command" if kind == "sweep" else kind):
        raise _wrong(at, f"is the {component.kind} component {component.label}, which a {kind} step cannot run")
    return Node(name, kind, body, component)


def _block(body: Mapping[str, Any], key: str, target: str) -> tuple[str, ...]:
    value = body[key]
    found = []
    for item in value if isinstance(value, list) else [value]:
        named = references.whole(item)
        if not isinstance(named, Step):
            raise _wrong(f"{target}.{key}", f"is {item!r}; expected ${{{{parent.jobs.STEP}}}}")
        found.append(named.name)
    return tuple(found)


def _owners(nodes: Mapping[str, Node]) -> dict[str, str]:
    owners: dict[str, str] = {}
    for node in nodes.values():
        for key, names in node.blocks.items():
            for name in names:
                target = f"properties.jobs.{node.name}.{key}"
                if name not in nodes:
                    raise _unknown(target, "step", name, nodes)
                if name in owners:
                    raise _wrong(target, f"is the step '{name}', over which '{owners[name]}' decides already")
                owners[name] = node.name
    return owners


def _needs(nodes: Mapping[str, Node], node: Node, body: Mapping[str, Any]) -> frozenset[str]:
    """The steps that a node waits for; every reference is checked on the way."""
    own = {name for names in node.blocks.values() for name in names}
    found = {step for target, text in _texts(node) for step in _steps_in(nodes, text, body, target)}
    for name in own:
        found |= _needs(nodes, nodes[name], body)
    return frozenset(found - own)


def _early(nodes: Mapping[str, Node], node: Node) -> dict[str, frozenset[str]]:
    """The outputs that a node takes of each step of which it takes early ones alone."""
    taken: dict[str, set[str]] = {}
    for one in [node, *(nodes[name] for names in node.blocks.values() for name in names)]:
        for _, text in _texts(one):
            for reference in references.inside(text):
                if isinstance(reference, StepOutput):
                    taken.setdefault(reference.step, set()).add(reference.output)
    return {
        name: frozenset(outputs)
        for name, outputs in taken.items()
        if all(_is_early(nodes[name], output) for output in outputs)
    }


def _is_early(node: Node, output: str) -> bool:
    """Whether the script of a step may give an output before it ends."""
    port = node.component.outputs.get(output) if node.component else None
    return port is not None and port.early and port.literal


def _steps_in(nodes: Mapping[str, Node], text: object, body: Mapping[str, Any], target: str) -> Iterator[str]:
    """The steps whose outputs a text refers to."""
    for reference in references.inside(text):
        match reference:
            case ParentInput(name):
                _known_input(body, name, target)
            case ParentOutput(name) if name not in (body.get("outputs") or {}):
                raise _unknown(target, "output of the pipeline", name, body.get("outputs") or {})
            case StepOutput(step, output):
                _known_output(nodes, step, output, target)
                yield step
            case StepInput(name, _) | Step(name) if name not in nodes:
                raise _unknown(target, "step", name, nodes)


def _texts(node: Node) -> Iterator[tuple[str, object]]:
    """Every text of a node that may hold references, with its place."""
    base = f"properties.jobs.{node.name}"
    for field_name in ("inputs", "outputs"):
        for name, value in (node.body.get(field_name) or {}).items():
            text = value.get("value") if isinstance(value, Mapping) else value
            yield f"{base}.{field_name}.{name}", text
            if isinstance(value, Mapping):
                yield f"{base}.{field_name}.{name}", value.get("uri") or value.get("path")
    if node.kind == automl.KIND:
        yield from ((f"{base}.{place}", text) for place, text in automl.texts(node.body))
    for key in ("condition", "items", "computeId", "compute"):
        yield f"{base}.{key}", node.body.get(key)
    for key, value in (node.body.get("environment_variables") or {}).items():
        yield f"{base}.environment_variables.{key}", value


def _known_input(body: Mapping[str, Any], name: str, target: str) -> None:
    given = body.get("inputs") or {}
    if name not in given and not any(key.startswith(f"{name}.") for key in given):
        raise _unknown(target, "input of the pipeline", name, given)


def _known_output(nodes: Mapping[str, Node], step: str, output: str, target: str) -> None:
    if step not in nodes:
        raise _unknown(target, "step", step, nodes)
    node = nodes[step]
    if node.kind == "parallel_for":
        node = nodes.get(next(iter(node.blocks.get("body", ())), ""), node)
    component = node.component
    if component is not None and output not in component.outputs:
        raise _unknown(target, f"output of the step '{step}'", output, component.outputs)


def _ordered(nodes: Mapping[str, Node]) -> list[str]:
    waits = {name: set(node.needs) for name, node in nodes.items()}
    for node in nodes.values():
        if node.owner:
            waits[node.name].add(node.owner)
    try:
        return list(graphlib.TopologicalSorter(waits).static_order())
    except graphlib.CycleError as error:
        circle = " -> ".join(error.args[1])
        raise _wrong("properties.jobs", f"wait for each other in a circle: {circle}") from error


def _promoted(nodes: Mapping[str, Node], body: Mapping[str, Any]) -> dict[str, StepOutput]:
    found: dict[str, StepOutput] = {}
    for node in nodes.values():
        for name, value in (node.body.get("outputs") or {}).items():
            named = references.whole(value.get("value") if isinstance(value, Mapping) else value)
            if isinstance(named, ParentOutput):
                _known_output(nodes, node.name, name, f"properties.jobs.{node.name}.outputs.{name}")
                found[named.name] = StepOutput(node.name, name)
    for name, value in (body.get("outputs") or {}).items():
        named = references.whole(value.get("value") or value.get("uri") if isinstance(value, Mapping) else value)
        if isinstance(named, StepOutput):
            _known_output(nodes, named.step, named.output, f"properties.outputs.{name}")
            found[name] = named
    return found


def _wrong(target: str, found: str) -> ResourceError:
    return ResourceError(f"{target} {found}.", code="ValidationError", target=target)


def _unknown(target: str, what: str, name: str, known: Iterable[str]) -> ResourceError:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1, 0.5)
    remedy = f"Did you mean '{near[0]}'?" if near else f"There is {', '.join(names)}." if names else "There is none."
    return ResourceError(
        f"{target} names the {what} '{name}', which does not exist.",
        code="ValidationError",
        target=target,
        remedy=remedy,
    )
