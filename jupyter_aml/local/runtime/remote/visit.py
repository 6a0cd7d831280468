"""The process of a run on a worker: fetches what it needs, starts it under a supervisor, and sends home what it makes.

`main` gets the order as the first line of stdin. A line `cancel` after it ends the run; so does the end of stdin, for
then the worker that asked is gone, and the run begins again elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_aml.agent import processes, records, start
from jupyter_aml.errors import AmlError, ResourceError
from jupyter_aml.local.runtime import builds, environments, mounts, overlay
from jupyter_aml.local.runtime.interpreters import describe
from jupyter_aml.local.runtime.remote import leftovers, tunnel
from jupyter_aml.local.runtime.remote import order as orders
from jupyter_aml.local.runtime.remote.fetch import Cache
from jupyter_aml.local.runtime.remote.home import Home, SupersededError
from jupyter_aml.local.runtime.remote.logs import Logs
from jupyter_aml.local.runtime.remote.order import Order
from jupyter_aml.local.runtime.spec import Mount, Python, Rank, RunSpec

LOOK_SECONDS = 0.1
"""How often new lines of the log are looked for."""
BEAT_SECONDS = 5.0
"""How often home is asked whether the run is still wanted, when there is nothing to say."""
LEAVE_SECONDS = 1.5
"""How long a run that is to end may take; then its supervisor is killed, and with it all of it."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
COLLECTED = ("outputs", "logs")
"""Folders of the working directory that are kept without being asked for."""


class Visit:
    """One try of a run on this machine.

    Args:
        order: The run.
        root: The folder that is kept between runs.
        facts: Of the worker: `worker` (address), `threads`, `tls`.
    """

    def __init__(self, order: Order, root: Path, facts: Mapping[str, Any]) -> None:
        self.order = order
        self.root = root
        self.facts = facts
        self.stop = threading.Event()
        self.orphaned = False
        attempt = uuid.uuid4().hex
        self.place = root / "runs" / attempt
        self.place.mkdir(mode=0o700, parents=True)
        leftovers.claim(self.place)
        self.tunnel = tunnel.way(order.door, facts.get("tls"), self.place)
        self.home = Home(order, self.tunnel, attempt)
        self.logs = Logs(self.home, self.place / "runs" / "user_logs")
        self._supervisor: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """The whole of it: a run that cannot be made ends with a reason, too."""
        began = time.time()
        try:
            self.home.begin({"worker": self.facts["worker"], "host": os.uname().nodename, "at": began})
            end = self._run()
            if self.orphaned:
                return
            self._send()
        except SupersededError:
            return
        except (builds.GivenUpError, AmlError, OSError) as error:
            if self.orphaned:
                return
            end = _refused(error, began) if not self.stop.is_set() else _cancelled(began)
        self.logs.flush()
        self.home.end(end)

    def clear(self) -> None:
        """Leave nothing of this try on the machine."""
        self.tunnel.close()
        with contextlib.suppress(OSError):
            mounts.release(self.place)

    def leave(self) -> None:
        """End the run: called once, from the thread that listens."""
        self.stop.set()
        supervisor = self._supervisor
        if supervisor is None:
            return
        supervisor.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            supervisor.wait(LEAVE_SECONDS)
        if supervisor.poll() is None and self.orphaned:
            supervisor.kill()

    # making it ready

    def _run(self) -> dict[str, Any]:
        self.logs.start()
        spec = self._spec(self._environment())
        self._fetch()
        spec = self._mounted(spec)
        with contextlib.suppress(FileNotFoundError):
            (self.place / "exit.json").unlink()
        if self.stop.is_set():
            raise builds.GivenUpError("The run is not wanted any more.")
        self._start(spec)
        self._watch()
        found = records.read(str(self.place / "exit.json"))
        if found is None:
            return {"code": None, "signal": None, "reason": "lost", "started": 0.0, "ended": time.time(), "error": None}
        rank = records.read(str(self.place / "rank.json"))
        return {**found, "rank": orders.put_in(rank, {str(self.place): orders.PLACE}) if rank else None}

    def _environment(self) -> str:
        """The Python to run with, built first where that is needed."""
        asked = self.order.environment
        found = environments.choose(
            asked.get("properties"),
            name=str(asked.get("name") or ""),
            recorded=sys.executable,
            home=self.root,
            curated_as=str(asked.get("curated_as") or ""),
        )
        if isinstance(found, environments.Unbuilt):
            watch = builds.Watch(self.logs.say, None, self.stop.is_set)
            return found.build(watch).interpreter.executable
        for note in found.notes:
            self.logs.say(note)
        return found.interpreter.executable

    def _spec(self, interpreter: str) -> RunSpec:
        """The spec as it is on this machine."""
        base = describe(interpreter)
        overlay.make(self.place / "env", base.executable, base.site_packages)
        words = {orders.PLACE: str(self.place), orders.DOOR: self.tunnel.url}
        sent = orders.put_in(self.order.spec, words)
        python = sent["python"]
        spec = RunSpec(
            **{
                **sent,
                "python": Python(python["script"], python["module"], tuple(python["args"])) if python else None,
                "interpreter": base.executable,
                "site_packages": base.site_packages,
                "overlay": str(self.place / "env"),
                "mounts": (),
                "ranks": tuple(Rank(one["env"], one["log"], one["serves"]) for one in sent["ranks"]),
                "env": {**self._own_variables(), **self._threads(), **sent["env"]},
            }
        )
        return spec.completed()

    def _own_variables(self) -> dict[str, str]:
        """What a run takes over of this machine's environment."""
        wanted = self.order.variables
        names, prefixes = set(wanted["names"]), tuple(wanted["prefixes"])
        return {name: value for name, value in os.environ.items() if name.upper() in names or name.startswith(prefixes)}

    def _threads(self) -> dict[str, str]:
        """How many threads native libraries start, where several runs or processes share the cores."""
        sharing = max(int(self.facts["threads"]), 1) * max(self.order.processes, 1)
        return dict.fromkeys(THREADS, str(max(processes.cores() // sharing, 1))) if sharing > 1 else {}

    def _fetch(self) -> None:
        """Code and data; the folders that the run writes to."""
        cache = Cache(self.root, self.home, self.stop.is_set)
        code = self.place / "code"
        if self.order.code:
            shutil.copytree(cache.code(str(self.order.code["hash"])), code)
            for script in code.rglob("*.sh"):
                script.chmod(0o755)
        code.mkdir(exist_ok=True)
        for source in start.program(self.order.program) if self.order.program else ():
            shutil.copy(source, self.place)
        for name in COLLECTED:
            kept, seen = self.place / "runs" / name, code / name
            kept.mkdir(parents=True, exist_ok=True)
            if seen.is_dir():
                shutil.copytree(seen, kept, dirs_exist_ok=True)
                shutil.rmtree(seen)
            if not seen.exists():
                seen.symlink_to(kept, target_is_directory=True)
        for folder in self.order.outputs:
            (self.place / folder).mkdir(parents=True, exist_ok=True)
        self._inputs = [
            (one, cache.data(one["container"], one["name"], single=bool(one["single"]))) for one in self.order.inputs
        ]

    def _mounted(self, spec: RunSpec) -> RunSpec:
        """The run with its inputs in their places."""
        seen = []
        for one, source in self._inputs:
            target = Path(orders.put_in(one["target"], {orders.PLACE: str(self.place)}))
            if one["copy"]:
                target.parent.mkdir(parents=True, exist_ok=True)
                (shutil.copyfile if source.is_file() else shutil.copytree)(source, target)
            else:
                seen.append(Mount(str(source), str(target), readonly=True))
        return mounts.prepare(replace(spec, mounts=tuple(seen)))

    # running it

    def _start(self, spec: RunSpec) -> None:
        file = self.place / "spec.json"
        records.write(str(file), spec.to_json())
        ours, theirs = os.pipe()
        os.set_inheritable(theirs, True)  # noqa: FBT003 -- positional only
        command = start.command(sys.executable, "leashed", "run", str(file), str(theirs), bare=True)
        with (self.place / "supervisor.log").open("ab") as said:
            self._supervisor = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=self.place,
                start_new_session=True,
                pass_fds=(theirs,),
            )
        os.close(theirs)
        with os.fdopen(ours, "rb") as answer:
            if not answer.readline():
                said_last = (self.place / "supervisor.log").read_text(errors="replace")[-2000:]
                msg = f"The supervisor ended before the run started: {said_last}"
                raise OSError(msg)
        if self.stop.is_set():
            self._supervisor.terminate()

    def _watch(self) -> None:
        """Pass on the log until the run has ended."""
        supervisor = self._supervisor
        assert supervisor is not None  # noqa: S101 -- it was started
        beat = time.monotonic()
        while True:
            try:
                supervisor.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                pass
            else:
                return
            try:
                if self.logs.pass_on(always=time.monotonic() - beat > BEAT_SECONDS):
                    beat = time.monotonic()
            except SupersededError:
                self.orphaned = True
                self.leave()
                raise
            except (OSError, ResourceError):
                beat = time.monotonic()  # home does not answer: the run goes on, and says later what it had to say

    def _send(self) -> None:
        """Everything that the run made."""
        self.logs.stop()
        areas = {"outputs": self.place / "outputs", "artifacts": self.place / "runs"}
        for name in COLLECTED:
            own = self.place / "code" / name
            if own.is_dir() and not own.is_symlink():  # the run put a folder of its own in the place of ours
                shutil.copytree(own, self.place / "runs" / name, dirs_exist_ok=True)
        for area, folder in areas.items():
            for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
                inner = path.relative_to(folder).as_posix()
                if path.is_file() and not (area == "artifacts" and inner.startswith("user_logs/std_log")):
                    self.home.send(area, inner, path)


def _refused(error: Exception, began: float) -> dict[str, Any]:
    code = error.code if isinstance(error, ResourceError) else "SystemError"
    said = {"type": code, "message": str(error), "traceback": ""}
    return {"code": None, "signal": None, "reason": "refused", "started": began, "ended": time.time(), "error": said}


def _cancelled(began: float) -> dict[str, Any]:
    return {
        "code": None, "signal": None, "reason": "cancelled", "started": began, "ended": time.time(), "error": None,
    }  # fmt: skip


def _listen(visit: Visit) -> None:
    """Hear what the worker says, to its end."""
    line = sys.stdin.buffer.readline()
    visit.orphaned = line != b"cancel\n"
    visit.leave()
    if visit.orphaned:
        visit.clear()
        os._exit(1)


def main() -> None:
    """Make the run that stdin names."""
    sent = json.loads(sys.stdin.buffer.readline())
    visit = Visit(Order.from_json(sent["order"]), Path(sent["root"]), sent["facts"])
    threading.Thread(target=_listen, args=(visit,), daemon=True).start()
    code = 0
    try:
        visit.make()
    except Exception:  # noqa: BLE001 -- the worker passes it on
        traceback.print_exc()
        code = 1
    visit.clear()
    leftovers.sweep(visit.root)
    sys.stderr.flush()
    os._exit(code)  # a thread waits for stdin, which need not end
