"""The exec provisioner: a fresh interpreter or shell for each run; works everywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from jupyter_aml.agent import records, start
from jupyter_aml.local.runtime.handles import Handle
from jupyter_aml.local.runtime.provisioners.base import Provisioner
from jupyter_aml.local.runtime.spec import RunSpec

WINDOWS = os.name == "nt"


class ExecProvisioner(Provisioner):
    """Starts a supervisor in a bare interpreter, which starts the run."""

    name = "exec"

    def launch(self, spec: RunSpec) -> Handle:
        work = Path(spec.work)
        records.write(str(work / "spec.json"), spec.to_json())
        ours, theirs = os.pipe()
        os.set_inheritable(theirs, True)  # noqa: FBT003 -- positional only
        tell = theirs
        if sys.platform == "win32":
            import msvcrt

            tell = msvcrt.get_osfhandle(theirs)
            os.set_handle_inheritable(tell, True)  # noqa: FBT003 -- positional only
        command = start.command(sys.executable, "supervisor", "run", str(work / "spec.json"), str(tell), bare=True)
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=spec.work,
                start_new_session=True,
                close_fds=not WINDOWS,
                pass_fds=() if WINDOWS else (theirs,),
            )
        finally:
            os.close(theirs)
        with os.fdopen(ours, "rb") as answer:
            line = answer.readline()
        if not line:
            process.wait()
            msg = (
                f"The supervisor of {spec.run} ended with status {process.returncode} before the run started; "
                f"{work / 'supervisor.log'} says why."
            )
            raise OSError(msg)
        process.returncode = 0  # the handle collects it; the run must outlive this object
        return Handle(work, json.loads(line))


PROVISIONER = ExecProvisioner()
