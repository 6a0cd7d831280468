"""The process of an endpoint: front, pools and crews put together, kept as the host's order says.

It does not depend on the host: what it was told last stands in its folder. It ends when it is told to, or when its
workspace is gone.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from jupyter_aml.agent import records as files
from jupyter_aml.local.runtime.zygotes import import_environment
from jupyter_aml.local.serving.online.places import EndpointPlace, Generation
from jupyter_aml.local.serving.router import entry, front
from jupyter_aml.local.serving.router import order as orders
from jupyter_aml.local.serving.router.asked import Served
from jupyter_aml.local.serving.router.collect import Collector
from jupyter_aml.local.serving.router.control import Control
from jupyter_aml.local.serving.router.crew import STARTING, Crew
from jupyter_aml.local.serving.router.order import Deployment, Order
from jupyter_aml.local.serving.router.pool import Pool
from jupyter_aml.local.serving.router.spare import Ahead
from jupyter_aml.local.serving.router.traces import Traces
from jupyter_aml.local.store import bell

GRACE_SECONDS = 10.0
"""How long requests that are under way at the end may take."""
LOOK_SECONDS = 1.0
AHEAD_SECONDS = 120.0
"""How long a process without deployments waits for the first one, and a spare interpreter for the next one."""
AGAIN_SECONDS = 2.0
"""A spare interpreter is begun so long after a deployment was changed: until then the deployment needs the cores."""
BACKLOG = 4096
BIND_TRIES, BIND_PAUSE = 20, 0.05
"""How long the endpoint's port is waited for, which the process before may still hold."""
TELL_SECONDS = 0.02
"""Changes that come together are told together."""
COLLECT_EVERY = 50_000
"""Objects between two looks for garbage: requests leave no cycles behind."""
ORIGINS = "AML_CORS_ORIGINS"
"""Variable of a deployment that names the origins whose pages may ask it."""


class Process:
    """The process of one endpoint.

    Args:
        place: The endpoint's folder.
    """

    def __init__(self, place: EndpointPlace) -> None:
        self._place = place
        self._order = self._read()
        self._loop = asyncio.get_running_loop()
        self._started = time.time()
        self._pools: dict[str, Pool] = {}
        self._crews: dict[str, Crew] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()
        self._changing = asyncio.Lock()
        self._telling: asyncio.TimerHandle | None = None
        self._told = b""
        self._rules: front.Rules | None = None
        order = self._order
        self._front = front.Front(self._pools, self._make_rules(), self._loop, entry.verifier(Path(order.home)))
        self._control = Control(place.socket, self._handle)
        workspace_folder = Path(order.workspace_folder)
        self._traces = Traces(workspace_folder, order.endpoint)
        self._ahead = Ahead(place.log)
        self._at_import: dict[str, str] = {}
        self._deployed = 0.0 if order.deployments else self._started
        self._collector = Collector(workspace_folder, Path(order.collected), order.endpoint, order.arm_id)

    def _read(self) -> Order:
        return orders.read(json.loads(self._place.order.read_bytes()))

    async def run(self) -> None:
        """Serve until told to stop."""
        front.make_room()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stopped.set)
        listening = await listen(self._order.host, self._order.port)
        self._port = int(listening.getsockname()[1])
        if not self._order.deployments:
            self._get_ready()
        await self._apply(self._order)
        self._front.listen(listening)
        await self._control.open()
        self._tell()
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_EVERY)
        while not self._stopped.is_set():
            try:
                await asyncio.wait_for(self._stopped.wait(), LOOK_SECONDS)
            except TimeoutError:
                self._look()
        await self._end()

    def _get_ready(self) -> None:
        """Have an interpreter ready for the next deployment, which is likely to come soon and to be like the last."""
        wanted = self._order.spare
        if wanted is not None:
            self._ahead.have(wanted["python"], {**wanted["env"], **self._at_import})

    def _look(self) -> None:
        """End when there is nothing to live for; keep the files bounded."""
        order = self._order
        seconds = time.time() - self._deployed
        if seconds > AHEAD_SECONDS:
            if not order.deployments:
                self._stopped.set()
            self._ahead.close()
        elif seconds > AGAIN_SECONDS and all(one.state != STARTING for one in self._crews.values()):
            self._get_ready()
        workspace, store = Path(order.workspace_folder, "workspace.db"), Path(order.home, "store.db")
        if not (workspace.exists() and store.exists() and self._place.order.exists()):
            print("The workspace or the endpoint is gone.", file=sys.stderr, flush=True)  # noqa: T201 - our log
            self._stopped.set()
        self._traces.rotate()

    async def _end(self) -> None:
        self._ahead.close()
        await self._front.close(GRACE_SECONDS)
        if self._telling is not None:
            self._telling.cancel()
        crews = [asyncio.create_task(crew.close(GRACE_SECONDS)) for crew in self._crews.values()]
        if crews or self._leaving:
            await asyncio.wait([*crews, *self._leaving])
        await self._traces.close()
        await self._collector.close()
        await self._control.close()

    # what is wanted

    async def _apply(self, order: Order) -> None:
        """Have everything as the order says; nothing that is under way is dropped."""
        async with self._changing:
            self._order = order
            for name, deployment in order.deployments.items():
                await self._have(name, deployment)
            gone = [
                (self._pools.pop(name), self._crews.pop(name)) for name in set(self._crews) - set(order.deployments)
            ]
            self._set_rules()
            self._observe()
            for _, crew in gone:
                task = asyncio.create_task(crew.close(crew.deployment.limits.timeout))
                self._leaving.add(task)
                task.add_done_callback(self._left)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._leaving.discard(task)
        self._changed()

    async def _have(self, name: str, deployment: Deployment) -> None:
        crew, place = self._crews.get(name), self._place.deployment(name)
        generation = place.generation(deployment.generation)
        if crew is None or crew.deployment.generation != deployment.generation:
            self._expect_alike(deployment, _prepared(generation))
        if crew is not None:
            crew.apply(deployment)
            return
        variables = await self._collector.variables(deployment, generation.folder)
        pool = self._pools[name] = Pool(name, deployment.limits, self._loop, self._front.measures.of(name))
        self._crews[name] = Crew(deployment, pool, place, variables, self._changed, ahead=self._ahead)

    def _expect_alike(self, deployment: Deployment, prepared: float) -> None:
        """The next deployment is likely to be like the one that was prepared last."""
        if prepared >= self._deployed:
            self._deployed, self._at_import = prepared, import_environment(deployment.environment)

    def _make_rules(self) -> front.Rules:
        order = self._order
        return front.Rules(
            endpoint=order.endpoint,
            auth=order.auth,
            traffic=dict(order.traffic),
            mirror=dict(order.mirror),
            origins={name: one.environment.get(ORIGINS, "") for name, one in order.deployments.items()},
            swagger={name: crew.swagger or {} for name, crew in self._crews.items()},
        )

    def _set_rules(self) -> None:
        rules = self._make_rules()
        if rules != self._rules:
            self._rules = rules
            self._front.settings(rules)

    def _observe(self) -> None:
        """Look at each answer only where somebody wants to know."""
        wanted = any(one.insights or one.collect for one in self._order.deployments.values())
        self._front.observers[:] = [self._served] if wanted else []

    def _served(self, served: Served) -> None:
        deployment = self._order.deployments.get(served.deployment)
        if deployment is None:
            return
        if deployment.insights:
            self._traces.add(served)
        if deployment.collect is not None:
            self._collector.payload(deployment, served)

    # what is told

    def _changed(self) -> None:
        """Something changed that the status shows."""
        if self._telling is None:
            self._telling = self._loop.call_later(TELL_SECONDS, self._tell)

    def _tell(self) -> None:
        """Leave the status in the folder and wake the host."""
        self._telling = None
        self._set_rules()
        status = self.status()
        told = json.dumps(status).encode()
        if told == self._told:
            return
        self._told = told
        try:
            files.write(str(self._place.status), status)
        except OSError as error:
            print(f"No status: {error}", file=sys.stderr, flush=True)  # noqa: T201 - our log
        self._loop.run_in_executor(None, lambda: bell.ring(Path(self._order.home), start=False))

    def status(self) -> dict[str, Any]:
        """What the host is told."""
        return {
            "pid": os.getpid(),
            "port": self._port,
            "revision": self._order.revision,
            "started": self._started,
            "leaving": len(self._leaving),
            "deployments": {name: crew.describe() for name, crew in self._crews.items()},
        }

    async def _handle(self, question: dict[str, Any]) -> dict[str, Any]:
        match question.get("op"):
            case "status":
                return self.status()
            case "apply":
                await self._apply(self._read())
                self._tell()
                return self.status()
            case "stop":
                self._loop.call_soon(self._stopped.set)
                return {"pid": os.getpid(), "leaving": True}
            case "measures":
                names, since = question.get("names"), float(question["since"])
                until, grain = float(question["until"]), int(question.get("grain") or 60)
                return {"series": self._front.measures.monitor(names, since, until, grain)}
            case "metrics":
                return {"text": self._front.measures.text(self._pools.values())}
            case other:
                return {"error": f"op is {other!r}; expected apply, measures, metrics, status or stop."}


def _prepared(generation: Generation) -> float:
    """When a generation was put in place, in seconds since the epoch; 0 when that is not known."""
    try:
        return generation.ready.stat().st_mtime
    except OSError:
        return 0.0


async def listen(host: str, port: int) -> socket.socket:
    """A listening socket on the port, or on another one when somebody else has it.

    Raises:
        OSError: There is no free port.
    """
    sock = socket.socket()
    sock.settimeout(0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for _ in range(BIND_TRIES):
        try:
            sock.bind((host, port))
            sock.listen(BACKLOG)
        except OSError:
            await asyncio.sleep(BIND_PAUSE)
        else:
            return sock
    sock.close()
    print(f"Somebody else listens on port {port}; another one is taken.", file=sys.stderr, flush=True)  # noqa: T201
    free = socket.create_server((host, 0), backlog=BACKLOG)
    free.settimeout(0)
    return free
