"""Orders: everything a worker elsewhere needs to know to make one run, without any path of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from jupyter_aml.local.runtime.engines import Attached

PLACE = "/__jupyter_aml__"
"""Stands for the run's folder on the worker, in every path, variable and command of an order."""
DOOR = "http://door.jupyter-aml.invalid"
"""Stands for the address at which processes of the run reach the service: the worker's end of the tunnel."""


@dataclass(frozen=True)
class Order:
    """One run for a worker.

    Attributes:
        job: Name of the job.
        workspace: ARM id of its workspace.
        account: Its storage account.
        door: Address of the service that the worker reaches, `http://HOST:PORT`, or `https` with certificates.
        token: Bearer token of the run.
        spec: A RunSpec as JSON, with PLACE and DOOR in it; its interpreter is the worker's to choose.
        code: `hash` of the code snapshot; None without code.
        inputs: What to fetch: `container`, `name`, `target`, `copy` (the run may write to it), `readonly`.
        outputs: Paths of the output folders, from the run's folder.
        environment: `name`, `properties` and `curated_as`, as `environments.choose` takes them.
        variables: `names` and `prefixes` of the worker's own environment variables that a run takes over.
        processes: How many processes share the worker's cores in this run.
        program: A program of ours that the command names, such as `parallel`; empty for none.
    """

    job: str
    workspace: str
    account: str
    door: str
    token: str = field(repr=False)
    spec: Mapping[str, Any] = field(repr=False)
    code: Mapping[str, Any] | None = None
    inputs: tuple[Mapping[str, Any], ...] = ()
    outputs: tuple[str, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    processes: int = 1
    program: str = ""

    def to_json(self) -> dict[str, Any]:
        """The order as json can say it."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Order:
        """An order as it was sent."""
        return cls(**{**found, "inputs": tuple(found["inputs"]), "outputs": tuple(found["outputs"])})


@dataclass(frozen=True)
class Away:
    """Where an order goes.

    Attributes:
        cluster: The attached compute.
        keys: Its sealed key material, `ca`, `cert` and `key` in PEM; empty where connections are plain.
    """

    order: Order
    cluster: Attached
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)


def put_in(value: Any, words: Mapping[str, str]) -> Any:
    """A value of JSON with words in the place of others, in all of its texts but the names of objects."""
    if isinstance(value, str):
        for word, other in words.items():
            value = value.replace(word, other)
        return value
    if isinstance(value, Mapping):
        return {name: put_in(one, words) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [put_in(one, words) for one in value]
    return value
