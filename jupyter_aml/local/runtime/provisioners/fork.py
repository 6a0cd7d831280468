"""The fork provisioner: scripts start in a child of a warm zygote, Spark in a spare, everything else falls to exec.

The trials of a sweep share such children, if they may: each runs one script after another.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from jupyter_aml.agent import linux, records
from jupyter_aml.local.runtime import commands
from jupyter_aml.local.runtime.crews import Crews
from jupyter_aml.local.runtime.handles import Handle
from jupyter_aml.local.runtime.provisioners.base import Provisioner
from jupyter_aml.local.runtime.provisioners.exec import ExecProvisioner
from jupyter_aml.local.runtime.spares import Spares
from jupyter_aml.local.runtime.spec import RunSpec
from jupyter_aml.local.runtime.zygotes import Zygotes

WARM_SECONDS = 8.0
"""How long the first trials of a sweep wait for their zygote: an interpreter of their own imports as long, each."""


class ForkProvisioner(Provisioner):
    """Starts scripts in milliseconds.

    A run is exec'd all the same when no zygote is warm yet (one is started for the next), when a fork cannot compute
    in this environment, or when being forked would show: see `stands_out`.
    """

    name = "fork"

    def __init__(self) -> None:
        self.zygotes = Zygotes()
        self.crews = Crews()
        self.spares = Spares()
        self._exec = ExecProvisioner()

    def available(self) -> bool:
        return linux.LINUX and hasattr(os, "fork")

    def warm(self, spec: RunSpec) -> None:
        if self.available():
            self.zygotes.warm(spec.completed())

    def launch(self, spec: RunSpec) -> Handle:
        alone = replace(spec, shares="")
        if spec.spark:
            return self._spark(alone)
        if spec.kind == "python" and self.available():
            zygote = self.zygotes.warm(spec)
            if zygote.ready(WARM_SECONDS if spec.shares else 0.0) and not stands_out(spec, zygote.modules):
                shared = spec.shares and not spec.mounts and not spec.ranks
                handle = self.crews.start(spec, zygote) if shared else zygote.start(alone)
                if handle is not None:
                    records.write(str(Path(spec.work, "spec.json")), spec.to_json())
                    return handle
        return self._exec.launch(alone)

    def _spark(self, spec: RunSpec) -> Handle:
        """Start a run of Spark, in a spare if there is one for it."""
        handle = self.spares.start(spec) if self.available() else None
        if handle is None:
            handle = self._exec.launch(spec)
        else:
            records.write(str(Path(spec.work, "spec.json")), spec.to_json())
        if self.available():
            self.spares.follow(spec)
        return handle

    def dismiss(self, sweep: str) -> None:
        self.crews.dismiss(sweep)

    def close(self) -> None:
        self.crews.close()
        self.spares.close()
        self.zygotes.close()


def stands_out(spec: RunSpec, preloaded: frozenset[str]) -> bool:
    """Whether the run would notice that modules are loaded already.

    It would when its folders hold a module that bears a loaded one's name, or when it installs packages.
    """
    python = spec.python
    if python is None:
        return True
    script = Path(spec.cwd, python.script) if python.script else None
    if script is not None and script.is_dir():
        return True
    folders = {Path(spec.cwd) if script is None else script.resolve().parent}
    folders.update(Path(spec.cwd, part) for part in spec.env.get("PYTHONPATH", "").split(os.pathsep) if part)
    for folder in folders:
        try:
            names = [entry.name for entry in folder.iterdir()]
        except OSError:
            continue
        if any(name.partition(".")[0] in preloaded and _importable(folder / name) for name in names):
            return True
    if script is None:
        return False
    try:
        return commands.installs_packages(script.read_bytes())
    except OSError:
        return False


def _importable(path: Path) -> bool:
    return path.suffix in {".py", ".pyc", ".so"} or (path / "__init__.py").exists()


PROVISIONER = ForkProvisioner()
