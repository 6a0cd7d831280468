"""The overlay: a disposable virtual environment per run, made of one link and a few small files.

Its Python sees everything the base environment has; whatever a run installs lands in the overlay and wins there.
The base environment is never written to: pip finds it outside `sys.prefix` and leaves it alone.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
from pathlib import Path

from jupyter_aml.agent import start
from jupyter_aml.local.runtime.interpreters import Interpreter, describe

PTH = "_jupyter_aml.pth"
WINDOWS = os.name == "nt"

# Found by /bin/sh whatever spaces the path has; pip itself comes from the base environment, or uv does its work.
_PIP = """#!/bin/sh
'''exec' {python} "$0" "$@"
' '''
import os
import shutil
import sys

try:
    from pip._internal.cli.main import main
except ImportError:
    uv = shutil.which("uv")
    if uv is None:
        sys.exit("pip: this environment has neither pip nor uv, so nothing can be installed into it.")
    os.execv(uv, [uv, "pip", *sys.argv[1:]])
sys.exit(main())
"""


def make(folder: Path, interpreter: str, site_packages: tuple[str, ...] = ()) -> Path:
    """Make the overlay of one run at `folder`; the path of its Python comes back.

    Args:
        folder: Where; made when missing.
        interpreter: The base environment's Python.
        site_packages: Its package folders; asked from it when not given.

    Raises:
        AmlError: The interpreter cannot be run.
        OSError: The folder cannot be written.
    """
    base = describe(interpreter)
    line = start.boot_line(tuple(site_packages) or base.site_packages)
    if WINDOWS:
        return _make_with_venv(folder, base, line)
    library = folder / "lib" / f"python{base.short_version}"
    packages, programs = library / "site-packages", folder / "bin"
    for place in (folder, folder / "lib", library, packages, programs):
        with contextlib.suppress(FileExistsError):
            place.mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text(
        f"home = {Path(base.base).parent}\ninclude-system-site-packages = false\n"
        f"version = {'.'.join(map(str, base.version))}\nexecutable = {base.base}\n",
        encoding="utf-8",
    )
    (packages / PTH).write_text(line, encoding="utf-8")
    python = programs / "python"
    _link(python, base.base)
    for name in ("python3", f"python{base.short_version}"):
        _link(programs / name, "python")
    pip = programs / "pip"
    pip.write_text(_PIP.format(python=shlex.quote(str(python))), encoding="utf-8")
    pip.chmod(0o755)
    for name in ("pip3", f"pip{base.short_version}"):
        _link(programs / name, "pip")
    return python


def _link(path: Path, target: str) -> None:
    try:
        path.symlink_to(target)
    except FileExistsError:
        path.unlink()
        path.symlink_to(target)


def _make_with_venv(folder: Path, base: Interpreter, line: str) -> Path:
    """The slow way for systems where a Python cannot simply be linked."""
    subprocess.run([base.base, "-m", "venv", "--without-pip", str(folder)], check=True, capture_output=True)
    (folder / "Lib" / "site-packages" / PTH).write_text(line, encoding="utf-8")
    return folder / "Scripts" / "python.exe"
