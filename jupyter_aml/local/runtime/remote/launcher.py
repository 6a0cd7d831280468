"""What happens in a Dask worker's own process: the agent is unpacked once, a process for the run started, or ended.

It is sent as text and executed there, so a worker needs neither this package nor the same Python. The run's process
has the order as the first line of its stdin, which stays open: when the worker dies, the run's process sees that its
stdin has ended, and ends the run.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
import zipfile
from typing import Any

REGISTER = "jupyter_aml_launched"
"""Name of the module that keeps what runs in this worker, between one call and the next."""
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from jupyter_aml.local.runtime.remote.visit import main; main()"
SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"
SLOWING = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONSTARTUP")
"""Variables with which the agent would start slowly, or not at all."""
MOST_CANCELLED = 10_000
TAIL = 4000


def held() -> Any:
    """What runs here: `running` processes by key, keys that are `cancelled`, a `lock` for both."""
    module = sys.modules.setdefault(REGISTER, type(sys)(REGISTER))
    space = vars(module)
    space.setdefault("running", {})
    space.setdefault("cancelled", {})
    space.setdefault("lock", threading.Lock())
    return module


def folder() -> str:
    """The folder on this machine for all that is kept between runs; nobody else may enter it.

    Raises:
        OSError: Somebody else owns it.
    """
    me = os.getuid() if hasattr(os, "getuid") else 0
    base = tempfile.gettempdir()
    if set(base) - set(SAFE):  # it will be a part of command lines
        base = "/tmp"  # noqa: S108 -- a name of our own below it, whose owner is looked at
    place = os.path.join(base, f"jupyter_aml-{me}")  # noqa: PTH118 -- idem
    os.makedirs(place, mode=0o700, exist_ok=True)  # noqa: PTH103 -- idem
    found = os.lstat(place)
    if os.path.islink(place) or (hasattr(os, "getuid") and found.st_uid != me):  # noqa: PTH114 -- idem
        raise PermissionError(13, "The folder for runs belongs to somebody else", place)
    return place


def unpack(root: str, archive: bytes) -> str:
    """The folder of the agent, made by the first who asks for these contents."""
    digest = hashlib.sha256(archive).hexdigest()[:24]
    place = os.path.join(root, "agent", digest)  # noqa: PTH118 -- the worker's Python may be an old one
    if not os.path.isdir(place):  # noqa: PTH112 -- idem
        part = f"{place}.{uuid.uuid4().hex}"
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            packed.extractall(part)
        try:
            os.rename(part, place)  # noqa: PTH104 -- idem
        except OSError:
            shutil.rmtree(part, ignore_errors=True)  # somebody else was faster
    return place


def facts() -> dict[str, Any]:
    """What the run has to know of this worker: address, threads, certificates."""
    from distributed import get_worker

    worker: Any = get_worker()
    role = worker.security.get_tls_config_for_role("worker") if worker.security else {}
    keys = {"ca": role.get("ca_file"), "cert": role.get("cert"), "key": role.get("key")}
    return {
        "worker": worker.address,
        "threads": int(worker.state.nthreads),
        "tls": keys if all(keys.values()) else None,
    }


def run(key: str, order: dict[str, Any], archive: bytes) -> None:
    """Make one run; returns when all of it was sent home.

    Raises:
        RuntimeError: The run's process failed, which is a fault of ours.
    """
    import json

    register = held()
    root = folder()
    place = unpack(root, archive)
    line = json.dumps({"order": order, "root": root, "facts": facts(), "key": key}).encode() + b"\n"
    with tempfile.TemporaryFile() as said:
        with register.lock:
            if key in register.cancelled:
                return
            process = subprocess.Popen(
                [sys.executable, "-c", BOOT, place],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
                cwd=root,
                start_new_session=True,
                env={name: value for name, value in os.environ.items() if name not in SLOWING},
            )
            register.running[key] = process
        try:
            if process.stdin is not None:
                process.stdin.write(line)
                process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended at once; its status tells
        try:
            code = process.wait()
        finally:
            with register.lock:
                register.running.pop(key, None)
            with contextlib.suppress(OSError):
                if process.stdin is not None:
                    process.stdin.close()
        if code != 0:
            said.seek(0, os.SEEK_END)
            said.seek(max(0, said.tell() - TAIL))
            text = said.read().decode(errors="replace").strip()
            raise RuntimeError(f"The run's process ended with status {code}: {text or 'it said nothing'}")


def cancel(key: str) -> None:
    """End a run that is here, and do not start it later."""
    register = held()
    with register.lock:
        while len(register.cancelled) >= MOST_CANCELLED:
            register.cancelled.pop(next(iter(register.cancelled)))
        register.cancelled[key] = True
        process = register.running.get(key)
        if process is not None:
            try:
                process.stdin.write(b"cancel\n")
                process.stdin.flush()
            except (OSError, ValueError):
                return  # it has ended
