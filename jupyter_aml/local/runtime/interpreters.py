"""What one must know of a Python before a run can use it, asked once and remembered."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jupyter_aml.errors import AmlError

ASK_SECONDS = 30.0

_QUESTION = """
import json, os, site, sys, sysconfig
folders = [p for p in sys.path if p.endswith(("site-packages", "dist-packages")) and os.path.isdir(p)]
print(json.dumps({
    "version": list(sys.version_info[:3]),
    "base": os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable),
    "prefix": sys.prefix,
    "site_packages": folders or [sysconfig.get_path("purelib")],
}))
"""


@dataclass(frozen=True)
class Interpreter:
    """One Python.

    Attributes:
        executable: Path it is started by.
        base: Real path of the Python behind it when it is a virtual environment's.
        version: Major, minor, micro.
        prefix: Its `sys.prefix`.
        site_packages: Its package folders, in the order of `sys.path`.
    """

    executable: str
    base: str
    version: tuple[int, int, int]
    prefix: str
    site_packages: tuple[str, ...]

    @property
    def short_version(self) -> str:
        """Such as `3.11`."""
        return f"{self.version[0]}.{self.version[1]}"


_known: dict[tuple[str, int, int], Interpreter] = {}


def describe(executable: str) -> Interpreter:
    """What `executable` says of itself; remembered until it or its `pyvenv.cfg` changes.

    Raises:
        AmlError: It cannot be run.
    """
    key = (executable, _changed(Path(executable)), _changed(Path(executable).parent.parent / "pyvenv.cfg"))
    found = _known.get(key)
    if found is None:
        found = _known[key] = _ask(executable)
    return found


def elsewhere(name: str) -> Iterator[str]:
    """Paths of a Python called `name`, such as `python3.10`: on PATH, and where pyenv and uv keep theirs."""
    on_path = shutil.which(name)
    if on_path is not None:
        yield on_path
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or home / ".local" / "share" / "uv" / "python")
    for folder in (pyenv, uv):
        for path in sorted(folder.glob(f"*/bin/{name}"), reverse=True):
            yield str(path)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _ask(executable: str) -> Interpreter:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(
            [executable, "-c", _QUESTION],
            check=True, capture_output=True, text=True, timeout=ASK_SECONDS, env=env, cwd=os.sep,
        )  # fmt: skip
        answer = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        msg = f"The Python {executable} cannot be run: {error}."
        raise AmlError(msg, remedy=f"Name another environment; {sys.executable} works here.") from error
    return Interpreter(
        executable=executable,
        base=answer["base"],
        version=tuple(answer["version"]),
        prefix=answer["prefix"],
        site_packages=tuple(answer["site_packages"]),
    )
