"""Online deployments against Azure's inference server and `mlflow models serve`: same model, same core, in turn.

Ours is asked over HTTP through its key and its router, which share the core with the replica; the load comes from
another core. Rates stand in the table as milliseconds per answer.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.bench import processes, serving_direct, serving_models, serving_rivals
from tests.bench.places import place
from tests.bench.rows import Row, interleaved
from tests.bench.serving_load import Errand, Found
from tests.bench.serving_models import Models
from tests.bench.serving_ours import CLIENT, SERVER, Ours

MANY = 64
HEAVY_CONNECTIONS = 4
SECONDS = 2.0
ROUNDS = 5
COLD_STARTS = 7
REPLICAS = 4
OURS, SCRIPT, OFFICIAL, MLFLOW = "ours", "our script", "azureml-inference-server-http", "mlflow models serve"


def measure(*, quick: bool) -> list[Row]:
    """Rates, latencies, the router's share, cold starts and memory."""
    rounds = 2 if quick else ROUNDS
    with place() as here:
        models = serving_models.make(here.folder / "models")
        ours = Ours(here, models)
        ours.deploy()
        rows = _light(ours, models, here.folder, rounds)
        rows.append(_heavy(ours, models, rounds))
        rows.append(_router(ours, models, rounds))
        rows += _cold(ours, 2 if quick else COLD_STARTS)
        rows.append(_memory(ours))
    return rows


def _light(ours: Ours, models: Models, folder: Path, rounds: int) -> list[Row]:
    """A light model: with no code, and with a script."""
    with contextlib.ExitStack() as running:
        official = running.enter_context(serving_rivals.official(models.light, models.folder, SERVER))
        served = running.enter_context(serving_rivals.mlflow(models.saved, folder, SERVER))
        ours.pin()
        sides = {
            OURS: Side(ours.errand("nocode", serving_models.ROWS), ours.router),
            SCRIPT: Side(ours.errand("light", serving_models.DATA), ours.router),
            OFFICIAL: Side(Errand(official.port, serving_models.DATA), official.pid),
            MLFLOW: Side(Errand(served.port, serving_models.SPLIT, "/invocations"), served.pid),
        }
        many = in_turn(sides, rounds, MANY)
        one = in_turn(sides, rounds, 1)
    model, script, busy = "MLflow model", "light script", [one.found.busy * 100 for one in many[OURS]]
    return [
        Row.of(f"{model}, {MANY} connections: an answer", each(many[OURS]), each(many[OFFICIAL]), OFFICIAL, goal=30),
        Row.of(f"{model}, {MANY} connections: an answer", each(many[OURS]), each(many[MLFLOW]), MLFLOW),
        Row.of(
            f"{model}, {MANY} connections: processor time", processor(many[OURS]), processor(many[OFFICIAL]), OFFICIAL
        ),
        Row.of(f"{model}, {MANY} connections: p50", p50(many[OURS]), p50(many[OFFICIAL]), OFFICIAL, most=2.0),
        Row.of(f"{model}, {MANY} connections: p99", p99(many[OURS]), p99(many[OFFICIAL]), OFFICIAL, goal=10),
        Row.of(f"{model}, one connection: an answer", each(one[OURS]), each(one[OFFICIAL]), OFFICIAL, goal=2),
        Row.of(f"{model}, one connection: an answer", each(one[OURS]), each(one[MLFLOW]), MLFLOW),
        Row.of(f"{model}, one connection: p50", p50(one[OURS]), p50(one[OFFICIAL]), OFFICIAL),
        Row.of(f"{script}, {MANY} connections: an answer", each(many[SCRIPT]), each(many[OFFICIAL]), OFFICIAL, goal=5),
        Row.of(
            f"{script}, {MANY} connections: processor time",
            processor(many[SCRIPT]),
            processor(many[OFFICIAL]),
            OFFICIAL,
        ),
        Row.of(f"{script}, one connection: an answer", each(one[SCRIPT]), each(one[OFFICIAL]), OFFICIAL),
        Row.of("the load client's use of its core", busy, most=95, unit="%"),
    ]


def _heavy(ours: Ours, models: Models, rounds: int) -> Row:
    """A script whose `run()` takes long, against the same `run()` in a bare loop."""
    ours.pin()
    heavy, loop = ours.errand("heavy", serving_models.DATA), "run() in a loop"
    taken = interleaved(
        {
            OURS: lambda: 1000 / load(heavy, HEAVY_CONNECTIONS, SECONDS).rate,
            loop: lambda: serving_models.bare(models.heavy, SERVER, SECONDS),
        },
        2 * rounds,
    )
    return Row.of("heavy script: an answer", taken[OURS], taken[loop], loop, goal=0.9)


def _router(ours: Ours, models: Models, rounds: int) -> Row:
    """What the way through the router takes beyond asking a replica over its socket."""
    ours.pin()
    errand, body = ours.errand("nocode", serving_models.ROWS), serving_models.ROWS.encode()
    with serving_direct.replica(models.saved, SERVER) as replica:
        taken = interleaved(
            {
                "through": lambda: load(errand, 1, SECONDS).p50,
                "direct": lambda: replica.p50(body, SECONDS, CLIENT),
            },
            rounds,
        )
    added = [through - direct for through, direct in zip(taken["through"], taken["direct"], strict=True)]
    return Row.of("what HTTP and the router add to a replica's p50", added, most=0.3)


def _cold(ours: Ours, rounds: int) -> list[Row]:
    """From asking for a deployment to its first good answer: an endpoint's first one, another of the kind that was
    deployed last, and one of another kind."""
    ours.unpin()
    taken = interleaved(
        {
            "a model, the endpoint's first": lambda: ours.cold("nocode"),
            "a model after a model": lambda: ours.cold("nocode", after="nocode"),
            "a light script after a script": lambda: ours.cold("light", after="light"),
            "a script, the endpoint's first": lambda: ours.cold("light"),
            "a model after a script": lambda: ours.cold("nocode", after="light"),
            "a light script after a model": lambda: ours.cold("light", after="nocode"),
        },
        rounds,
    )
    return [Row.of(f"SDK's call → first 200: {name}", samples, most=1000) for name, samples in taken.items()]


def _memory(ours: Ours) -> Row:
    """Memory of one more replica of a shared model."""
    one, all_of_them = ours.memory(1), ours.memory(1 + REPLICAS)
    return Row.of("memory of a further replica (Pss)", [(all_of_them - one) / REPLICAS], most=24, unit="MB")


class Side(NamedTuple):
    """Who is asked what, and the process that answers with its children."""

    errand: Errand
    pid: int


class Taken(NamedTuple):
    """What a side answered in a round, and the milliseconds of a processor that each answer took."""

    found: Found
    processor: float


def in_turn(sides: Mapping[str, Side], rounds: int, connections: int) -> dict[str, list[Taken]]:
    """What each side answers, one after the other in every round."""
    found: dict[str, list[Taken]] = {name: [] for name in sides}

    def ask(name: str) -> float:
        errand, pid = sides[name]
        before = processes.used(pid)
        answered = load(errand, connections, SECONDS)
        found[name].append(Taken(answered, (processes.used(pid) - before) / answered.answers))
        return 1000 / answered.rate

    interleaved({name: partial(ask, name) for name in sides}, rounds)
    return {name: one[1:] for name, one in found.items()}  # the first round warms


def load(errand: Errand, connections: int, seconds: float) -> Found:
    """Let a process of its own ask for that long.

    Raises:
        RuntimeError: An answer was no 200.
    """
    told = json.dumps(asdict(errand) | {"connections": connections, "seconds": seconds})
    command = [sys.executable, str(Path(__file__).with_name("serving_load.py"))]
    with processes.on_core(CLIENT):
        ran = subprocess.run(
            command, input=told, capture_output=True, text=True, check=True, env=processes.environment()
        )
    found = Found(**json.loads(ran.stdout))
    if found.failed or not found.answers:
        msg = f"{found.failed} of {found.answers} answers on port {errand.port} failed:\n{found.sample}"
        raise RuntimeError(msg)
    return found


def each(taken: list[Taken]) -> list[float]:
    """Milliseconds per answer."""
    return [1000 / one.found.rate for one in taken]


def processor(taken: list[Taken]) -> list[float]:
    """Milliseconds of a processor per answer, which others who use the machine hardly change."""
    return [one.processor for one in taken]


def p50(taken: list[Taken]) -> list[float]:
    """Milliseconds."""
    return [one.found.p50 for one in taken]


def p99(taken: list[Taken]) -> list[float]:
    """Milliseconds."""
    return [one.found.p99 for one in taken]
