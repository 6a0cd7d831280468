"""The supervisor where there is no fork (Windows): the run is plain children, the file `cancel` asks for its end.

Descendants are ended with the process tree that the system knows; one that left the tree is not found.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from . import child, ranks, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PAUSE = 0.05


def alive(pid: int) -> bool:
    """Whether a process with this pid runs; asks Windows, where os.kill(pid, 0) would end it."""
    done = subprocess.run(
        ["tasklist", "/FI", f"PID eq {pid}", "/NH", "/FO", "CSV"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    return f'"{pid}"' in done.stdout


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and what it started."""
    if os.name == "nt":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], check=False, capture_output=True)
    process.kill()
    process.wait()


def _start(spec: dict[str, Any]) -> subprocess.Popen[bytes]:
    with open(spec["log"], "ab") as log:
        return subprocess.Popen(
            child.command_line(spec),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=spec["cwd"], env=spec["env"],
        )  # fmt: skip


def supervise(spec: dict[str, Any], tell: int) -> None:
    """Start the run, tell its record to the file descriptor or handle `tell`, and see it to its end."""
    if sys.platform == "win32":
        import msvcrt

        tell = msvcrt.open_osfhandle(tell, 0)
    ranks.clean(spec)
    specs = [ranks.spec_of(spec, number) for number in range(len(spec.get("ranks") or ()))]
    group = [_start(one) for one in specs or [spec]]
    record = {"pid": os.getpid(), "start_ticks": 0, "boot": "", "started": time.time(), "child": group[0].pid}
    records.write(os.path.join(spec["work"], "supervisor.json"), record)
    records.reserve(spec["work"])
    try:
        os.write(tell, json.dumps(record).encode() + b"\n")
    except OSError:
        record["told"] = False
    finally:
        os.close(tell)
    reason = _wait(group, spec)
    failed = {number: process.returncode for number, process in enumerate(group) if process.poll()}
    for process in group:
        if process.poll() is None:
            end_tree(process)
    code = next(iter(failed.values()), 0 if reason == "exited" else group[0].returncode)
    if specs and failed and reason == "exited":
        ranks.name_the_culprit(spec, failed)
    end = {
        "code": code if code >= 0 else None,
        "signal": -code if code < 0 else None,
        "reason": reason,
        "started": record["started"],
        "ended": time.time(),
        "error": records.read(child.error_file(spec)) if code else None,
    }
    records.write_in_time(os.path.join(spec["work"], "exit.json"), end)


def _wait(group: list[subprocess.Popen[bytes]], spec: dict[str, Any]) -> str:
    """Wait for the run's end, which comes with the first process that fails or the last that does not serve."""
    limit = spec.get("timeout")
    deadline = time.monotonic() + limit if limit else None
    cancel = os.path.join(spec["work"], "cancel")
    needed = [process for process, rank in zip(group, spec.get("ranks") or [{}], strict=True) if not rank.get("serves")]
    while any(process.poll() is None for process in needed) and not any(process.poll() for process in group):
        if os.path.exists(cancel):
            return "cancelled"
        if deadline is not None and time.monotonic() > deadline:
            return "timeout"
        time.sleep(PAUSE)
    return "exited"
