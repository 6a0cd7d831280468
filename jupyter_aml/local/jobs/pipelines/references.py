"""What a pipeline's values may point to: `${{parent.inputs.x}}`, `${{parent.jobs.s.outputs.y}}` and their kin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_NAME = r"[\w-]+(?:\.[\w-]+)*"
_REFERENCE = re.compile(
    r"\$\{\{\s*parent\."
    rf"(?:inputs\.(?P<input>{_NAME})|outputs\.(?P<promoted>{_NAME})"
    rf"|jobs\.(?P<step>[\w-]+)(?:\.(?:outputs\.(?P<output>{_NAME})|inputs\.(?P<taken>{_NAME})))?)"
    r"\s*\}\}"
)


@dataclass(frozen=True)
class ParentInput:
    """An input of the pipeline."""

    name: str


@dataclass(frozen=True)
class ParentOutput:
    """An output of the pipeline, to which a step's output is promoted."""

    name: str


@dataclass(frozen=True)
class StepOutput:
    """An output of a step."""

    step: str
    output: str


@dataclass(frozen=True)
class StepInput:
    """An input of a step, as loops map to."""

    step: str
    input: str


@dataclass(frozen=True)
class Step:
    """A step itself, as control nodes name it."""

    name: str


Reference = ParentInput | ParentOutput | StepOutput | StepInput | Step


def whole(text: object) -> Reference | None:
    """What a text that is one reference and nothing else points to; None for every other value."""
    match = _REFERENCE.fullmatch(text.strip()) if isinstance(text, str) else None
    return _of(match) if match else None


def inside(text: object) -> Iterator[Reference]:
    """Every reference in a text, in order."""
    if isinstance(text, str):
        for match in _REFERENCE.finditer(text):
            yield _of(match)


def replace(text: str, by: Callable[[Reference], str]) -> str:
    """The text with every reference replaced."""
    return _REFERENCE.sub(lambda match: by(_of(match)), text)


def _of(match: re.Match[str]) -> Reference:
    if match["input"]:
        return ParentInput(match["input"])
    if match["promoted"]:
        return ParentOutput(match["promoted"])
    if match["output"]:
        return StepOutput(match["step"], match["output"])
    return StepInput(match["step"], match["taken"]) if match["taken"] else Step(match["step"])
