"""What a parallel step over several nodes is made of: steps that do a share each, and one that gathers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jupyter_aml.local.jobs.pipelines.components import Component, Port

SHARE = "jupyter_aml_share"
"""Setting of a step: `number/of`, which of the mini-batches it does."""
GATHERS = "jupyter_aml_gathers"
"""Setting of a step: how many shares it gathers."""
RESULT = "mini_batches"
"""The output of a share that tells what came of its mini-batches."""
KIND = "uri_folder"


def declared(component: Component, body: Mapping[str, Any]) -> Component:
    """What a step declares: a share leaves folders, which the one that gathers takes."""
    if SHARE in body:
        return replace(component, outputs={name: Port(name, KIND) for name in [*component.outputs, RESULT]})
    if GATHERS in body:
        return replace(component, inputs={name: Port(name, KIND) for name in body["inputs"]})
    return component
