"""Environments built once: a virtual environment per content, in the store, made under a lock.

A virtual environment carries its path in its scripts, so it is made where it stays; what is renamed into place when
everything is there is its marker. A folder without marker is one that a killed process left: it is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from jupyter_aml.agent import records
from jupyter_aml.errors import ResourceError
from jupyter_aml.local.runtime import pip_settings
from jupyter_aml.local.runtime.conda import Wanted
from jupyter_aml.local.runtime.interpreters import Interpreter
from jupyter_aml.local.runtime.spec import BIN, HARMFUL

MARKER = "complete.json"
TAIL = 20
Say = Callable[[str], None]

# pip and setuptools out of the standard library: takes no index and a tenth of ensurepip's time.
_SEED = """
import ensurepip, pathlib, sys, zipfile
places = [pathlib.Path(ensurepip.__file__).parent / "_bundled", pathlib.Path("/usr/share/python-wheels")]
for wheel in [wheel for place in places for wheel in sorted(place.glob("*.whl"))]:
    zipfile.ZipFile(wheel).extractall(sys.argv[1])
"""


def content_hash(wanted: Wanted, base: Interpreter) -> str:
    """Name of the folder: the same for the same packages and Python, whatever the order they are written in."""
    facts = [base.base, list(base.version), sys.platform, sorted(wanted.requirements)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:20]


def python_of(folder: Path) -> Path:
    """The Python of a virtual environment."""
    return folder / BIN / ("python.exe" if os.name == "nt" else "python")


def built(folder: Path) -> bool:
    """Whether everything is in place."""
    return (folder / MARKER).exists()


def build(wanted: Wanted, base: Interpreter, home: Path, say: Say) -> Path:
    """The Python of the environment, built when this is the first time.

    Args:
        wanted: The packages.
        base: The Python to build on.
        home: The store; environments lie in its `envs` folder.
        say: Takes sentences for the run's log.

    Raises:
        ResourceError: The packages cannot be had; the message is the solver's.
    """
    folder = home / "envs" / content_hash(wanted, base)
    if not built(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_suffix(".lock"), say):
            if not built(folder):
                _make(folder, wanted, base, say)
    return python_of(folder)


@contextlib.contextmanager
def locked(path: Path, say: Say) -> Iterator[None]:
    """Hold a lock among processes; it ends with the process."""
    with path.open("a") as file:
        if sys.platform == "win32":
            import msvcrt

            while True:
                with contextlib.suppress(OSError):
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                    break
        else:
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("Another process is building this environment; waiting for it.")
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(folder: Path, wanted: Wanted, base: Interpreter, say: Say) -> None:
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    uv = find_uv()
    tool = "uv" if uv else "pip"
    say(f"Building the environment {folder.name} with {tool}: {len(wanted.requirements)} requirement(s).")
    try:
        _run([base.base, "-m", "venv", "--without-pip", str(folder)])
        python = str(python_of(folder))
        packages = subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        with contextlib.suppress(ResourceError):
            _run([python, "-c", _SEED, packages])
        if wanted.requirements:
            _install(folder, wanted, base, uv)
        records.write(
            str(folder / MARKER), {"requirements": wanted.requirements, "base": base.base, "made": time.time()}
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    say(f"The environment {folder.name} is ready after {time.monotonic() - began:.1f} s.")


def find_uv() -> str:
    """Path of uv, beside this Python or on PATH; empty when there is none."""
    beside = Path(sys.executable).parent / ("uv.exe" if os.name == "nt" else "uv")
    return str(beside) if beside.exists() else shutil.which("uv") or ""


def _install(folder: Path, wanted: Wanted, base: Interpreter, uv: str) -> None:
    listed = folder / "requirements.txt"
    listed.write_text("".join(f"{line}\n" for line in wanted.requirements), encoding="utf-8")
    python = str(python_of(folder))
    if uv:
        flags, extra = pip_settings.for_uv(pip_settings.ask(base.executable))
        command = [uv, "pip", "install", "--python", python, "--compile-bytecode", *flags, "-r", str(listed)]
        _run(command, extra)
    else:
        quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
        _run([python, "-m", "pip", "install", *quiet, "-r", str(listed)])


def _run(command: list[str], extra: dict[str, str] | None = None) -> None:
    hidden = HARMFUL | {"PYTHONPATH", "VIRTUAL_ENV"}
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, errors="replace", env={**(extra or {}), **env}
    )
    if done.returncode == 0:
        return
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    raise ResourceError(
        "The environment cannot be built: " + "\n".join(lines[-TAIL:]),
        code="ImageBuildFailure",
        target="properties.environmentId",
        remedy="Change the package list, or leave the environment out to use this Python; "
        "offline, point pip at a folder of wheels: PIP_FIND_LINKS=FOLDER PIP_NO_INDEX=1.",
    )
