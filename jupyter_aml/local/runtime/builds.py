"""Environments built once: a virtual environment per content, in the store, made under a lock.

A virtual environment carries its path in its scripts, so it is made where it stays; what is renamed into place when
everything is there is its marker. A folder without marker is one that a killed process left: it is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jupyter_aml.agent import records, start
from jupyter_aml.errors import AmlError, ResourceError
from jupyter_aml.local.runtime import pip_settings
from jupyter_aml.local.runtime.conda import Wanted
from jupyter_aml.local.runtime.interpreters import Interpreter
from jupyter_aml.local.runtime.spec import BIN, HARMFUL

MARKER = "complete.json"
HEAD, TAIL, TAIL_BYTES = 3, 17, 64 << 10
"""First and last lines of the solver's that a message repeats; bytes of its output that are looked at for them."""
FIRST_SECONDS, WAIT_SECONDS = 0.01, 0.1
"""How soon the end of an installer is looked for, and how often later."""
TELL_SECONDS = 2.0
"""How often a line of the installer's is passed on."""
LONGEST = 160
_TOLD = re.compile(r"\[\d+ s\] ")
"""How a line begins that was passed on: it stands in the same log as the installer's."""
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


@dataclass(frozen=True)
class Watch:
    """Who looks on while an environment is built.

    Attributes:
        say: Takes sentences on how far it is.
        log: A file for all that the installer prints, or None.
        given_up: Whether nobody wants the environment any more; asked several times a second.
    """

    say: Say = lambda _: None
    log: Path | None = None
    given_up: Callable[[], bool] = lambda: False


class GivenUpError(AmlError):
    """Nobody wants the environment any more."""


def place(wanted: Wanted, base: Interpreter, home: Path) -> Path:
    """The folder of an environment in the store `home`."""
    return home / "envs" / content_hash(wanted, base)


def build(wanted: Wanted, base: Interpreter, home: Path, watch: Watch) -> Path:
    """The Python of the environment, built when this is the first time.

    Args:
        wanted: The packages.
        base: The Python to build on.
        home: The store; environments lie in its `envs` folder.
        watch: Who looks on.

    Raises:
        ResourceError: The packages cannot be had; the message is the solver's.
        GivenUpError: Nobody wants it any more; nothing is left of it.
    """
    folder = place(wanted, base, home)
    if not built(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_suffix(".lock"), watch) as lock:
            if not built(folder):
                _Builder(folder, wanted, base, watch, lock).make()
    return python_of(folder)


@contextlib.contextmanager
def locked(path: Path, watch: Watch) -> Iterator[int]:
    """Hold a lock among processes and threads; it ends with the last process that has inherited it.

    Raises:
        GivenUpError: Nobody waits for it any more.
    """
    waited = False
    with path.open("a") as file:
        while not _locks(file.fileno()):
            if not waited:
                watch.say("Another job is building this environment; waiting for it.")
            waited = True
            _pause(watch, WAIT_SECONDS)
        yield file.fileno()


def _locks(number: int) -> bool:
    """Whether the lock of an open file was free and is held now."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _pause(watch: Watch, seconds: float) -> None:
    if watch.given_up():
        raise GivenUpError("The building of the environment was given up.")
    time.sleep(seconds)


def find_uv() -> str:
    """Path of uv, beside this Python or on PATH; empty when there is none."""
    beside = Path(sys.executable).parent / ("uv.exe" if os.name == "nt" else "uv")
    return str(beside) if beside.exists() else shutil.which("uv") or ""


class _Builder:
    """One build, by the holder of its lock, which the installers inherit: they never meet those of another host."""

    def __init__(self, folder: Path, wanted: Wanted, base: Interpreter, watch: Watch, lock: int) -> None:
        self.folder = folder
        self.wanted = wanted
        self.base = base
        self.watch = watch
        self.lock = lock
        self.log = watch.log or folder.with_suffix(".log")
        self.began = time.monotonic()

    def make(self) -> None:
        """Everything, and the marker last; nothing is left of what fails."""
        shutil.rmtree(self.folder, ignore_errors=True)
        uv = find_uv()
        count = len(self.wanted.requirements)
        packages = f"{count} requirement" if count == 1 else f"{count} requirements"
        self.watch.say(f"Building the environment {self.folder.name} with {'uv' if uv else 'pip'}: {packages}.")
        try:
            self._run([self.base.base, "-m", "venv", "--without-pip", str(self.folder)])
            self._seed()
            if self.wanted.requirements:
                self._install(uv)
            facts = {"requirements": self.wanted.requirements, "base": self.base.base, "made": time.time()}
            records.write(str(self.folder / MARKER), facts)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        finally:
            if self.watch.log is None:
                self.log.unlink(missing_ok=True)
        self.watch.say(f"The environment {self.folder.name} is ready after {time.monotonic() - self.began:.1f} s.")

    def _seed(self) -> None:
        """Put pip into it, where the base has one to give."""
        python = str(python_of(self.folder))
        packages = subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        with contextlib.suppress(ResourceError):
            self._run([python, "-c", _SEED, packages])

    def _install(self, uv: str) -> None:
        listed = self.folder / "requirements.txt"
        listed.write_text("".join(f"{line}\n" for line in self.wanted.requirements), encoding="utf-8")
        python = str(python_of(self.folder))
        if uv:
            flags, extra = pip_settings.for_uv(pip_settings.ask(self.base.executable))
            command = [uv, "pip", "install", "--python", python, "--compile-bytecode", *flags, "-r", str(listed)]
            self._run(command, extra)
        else:
            quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
            self._run([python, "-m", "pip", "install", *quiet, "-r", str(listed)])

    def _run(self, command: list[str], extra: dict[str, str] | None = None) -> None:
        """Run an installer to its end under a guard that ends it with this process, or when it is given up."""
        hidden = HARMFUL | {"PYTHONPATH", "VIRTUAL_ENV"}
        env = {**(extra or {}), **{name: value for name, value in os.environ.items() if name not in hidden}}
        inherited = () if os.name == "nt" else (self.lock,)
        with self.log.open("ab") as output:
            begins = output.seek(0, os.SEEK_END)
            guard = subprocess.Popen(
                start.command(sys.executable, "guard", *command, bare=True),
                stdin=subprocess.PIPE, stdout=output, stderr=output, env=env, pass_fds=inherited,
            )  # fmt: skip
        try:
            self._see_to_its_end(guard, begins)
        finally:
            guard.communicate()  # closes its stdin, which ends it if it has not ended
        if guard.returncode != 0:
            raise _refused(self._printed(begins))

    def _see_to_its_end(self, guard: subprocess.Popen[bytes], begins: int) -> None:
        """Wait, and tell now and then what the installer does."""
        told, wait = "", FIRST_SECONDS
        due = time.monotonic() + TELL_SECONDS
        while guard.poll() is None:
            _pause(self.watch, wait)
            wait = min(wait * 1.5, WAIT_SECONDS)
            if time.monotonic() > due:
                theirs = [line for line in self._printed(begins) if not _TOLD.match(line)]
                last = (theirs or [""])[-1].strip()
                if last and last != told:
                    told = last
                    self.watch.say(f"[{time.monotonic() - self.began:.0f} s] {told[:LONGEST]}")
                due = time.monotonic() + TELL_SECONDS

    def _printed(self, begins: int) -> list[str]:
        """The lines that an installer has printed, or the last of them, without empty ones."""
        with self.log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(begins, end - TAIL_BYTES))
            text = file.read().decode(errors="replace")
        return [line.rstrip() for line in text.splitlines() if line.strip()]


def _refused(lines: list[str]) -> ResourceError:
    """What the solver says, without what the installer printed on its way there."""
    first = next((at for at, line in enumerate(lines) if line.startswith(("ERROR:", "error:", "  \u00d7 "))), None)
    if first is None:
        lines = lines[-TAIL:]
    elif len(lines) - first > HEAD + TAIL:
        lines = [*lines[first : first + HEAD], "\u2026", *lines[-TAIL:]]
    else:
        lines = lines[first:]
    return ResourceError(
        "The environment cannot be built: " + "\n".join(lines).strip(),
        code="ImageBuildFailure",
        target="properties.environmentId",
        remedy="Change the package list, or leave the environment out to use this Python; "
        "offline, point pip at a folder of wheels: PIP_FIND_LINKS=FOLDER PIP_NO_INDEX=1.",
    )
