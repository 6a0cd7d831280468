"""RunSpec: everything a supervisor needs to know to start one run, as plain data that fits a JSON file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

WORK_VARIABLE = "JUPYTER_AML_WORK"
BIN = "Scripts" if os.name == "nt" else "bin"

# Variables that would start a job's Python slowly, elsewhere, or let its pip write outside the overlay.
HARMFUL = frozenset(
    {
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONHOME",
        "PYTHONEXECUTABLE",
        "PYTHONSTARTUP",
        "__PYVENV_LAUNCHER__",
        "PIP_PREFIX",
        "PIP_PYTHON",
        "PIP_ROOT",
        "PIP_TARGET",
        "PIP_USER",
        "UV_PYTHON",
        "UV_SYSTEM_PYTHON",
        "UV_PROJECT_ENVIRONMENT",
    }
)


@dataclass(frozen=True)
class Mount:
    """A folder or file of the host shown to the run at another path.

    Attributes:
        source: Absolute path of what is shown.
        target: Absolute path where the run sees it.
        readonly: Whether writing is refused.
    """

    source: str
    target: str
    readonly: bool = True


@dataclass(frozen=True)
class Python:
    """A script or a module with its arguments: what the warm path can run.

    Attributes:
        script: Path relative to the working folder, or None.
        module: Dotted name as for `python -m`, or None.
        args: Arguments after it.
    """

    script: str | None = None
    module: str | None = None
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rank:
    """One of several processes that are one run.

    Attributes:
        env: What its environment has beside the run's.
        log: Absolute path of its own log.
        serves: It ends when those that do not serve have ended, as a parameter server does.
    """

    env: Mapping[str, str]
    log: str
    serves: bool = False


@dataclass(frozen=True)
class RunSpec:
    """One run.

    Attributes:
        run: Name of the job.
        work: Absolute private folder of the run; the records of its life lie there.
        log: Absolute path of the log that stdout and stderr are appended to; its folder exists.
        cwd: Absolute working folder: the code.
        env: The complete environment.
        kind: `python` runs `python`, `shell` gives `command` to bash.
        interpreter: Absolute path of the environment's Python.
        site_packages: Folders that hold its packages.
        overlay: Absolute folder made by `overlay.make`; empty for none.
        mounts: Read-only (or writable) views of assets.
        timeout: Seconds until the run is ended, or None.
        grace: Seconds between SIGTERM and SIGKILL at a timeout.
        moment: The same when it is cancelled.
        umask: File mode mask, or None to inherit.
        ranks: The processes of a run that has several, each of which runs the command; else empty.
        spark: Folder of the Spark that the run works with; empty for a run without.
        shares: Name of the sweep with whose trials the run may share a process; empty for a process of its own.
    """

    run: str
    work: str
    log: str
    cwd: str
    env: Mapping[str, str]
    interpreter: str
    kind: Literal["python", "shell"] = "shell"
    python: Python | None = None
    command: str = ""
    site_packages: tuple[str, ...] = ()
    overlay: str = ""
    mounts: tuple[Mount, ...] = ()
    timeout: float | None = None
    grace: float = 5.0
    moment: float = 1.0
    umask: int | None = None
    ranks: tuple[Rank, ...] = ()
    spark: str = ""
    shares: str = ""

    def to_json(self) -> dict[str, Any]:
        """The spec as json can say it."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            **plain,
            "env": dict(self.env),
            "python": None if self.python is None else asdict(self.python),
            "mounts": [asdict(mount) for mount in self.mounts],
            "ranks": [{"env": dict(rank.env), "log": rank.log, "serves": rank.serves} for rank in self.ranks],
        }

    def completed(self) -> RunSpec:
        """The same run with an environment in which `python`, `pip` and `python -m pip` mean the overlay's."""
        env = {name: value for name, value in self.env.items() if name.upper() not in HARMFUL}
        env[WORK_VARIABLE] = self.work
        own = Path(self.interpreter).parent
        folders = [str(own)]
        if self.overlay:
            folders.insert(0, str(Path(self.overlay, BIN)))
            env["VIRTUAL_ENV"] = self.overlay
        path = env.get("PATH", os.defpath)
        env["PATH"] = os.pathsep.join([*folders, *(part for part in path.split(os.pathsep) if part not in folders)])
        return replace(self, env=env)
