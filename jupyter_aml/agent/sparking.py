"""The program of Spark jobs: starts Spark's Java virtual machine, then becomes the job's script.

Put beside the code of a run, whose order (`spark.json`) says what to start. The script's Python finds the machine by
the variables that PySpark itself reads, so the script is a plain `python script.py`, and what it raises is its own.
The machine ends when this process, or the script that it becomes, does.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn

ORDER = "spark.json"
PROPERTIES = "spark.conf"
SCRATCH = "spark"
"""In the work folder: where Spark keeps what does not fit its memory."""
JAVA_SECONDS = 120.0
"""How long the machine may take to answer."""
STEP = 0.01


class Machine:
    """A Java virtual machine that waits for a Python process.

    Attributes:
        port: Where on the loopback.
        secret: What a process must know to speak to it.
    """

    def __init__(self, home: str, options: list[str], env: Mapping[str, str]) -> None:
        """Start one and wait until it answers.

        Args:
            home: The folder of the package `pyspark`.
            options: Of `spark-submit`.
            env: Its environment.

        Raises:
            OSError: It cannot be started, or ends before it answers.
        """
        with tempfile.TemporaryDirectory() as folder:
            told = os.path.join(folder, "connection")
            self.process = subprocess.Popen(
                ["bash", os.path.join(home, "bin", "spark-submit"), *options, "pyspark-shell"],
                stdin=subprocess.PIPE,
                env={**env, "SPARK_HOME": home, "_PYSPARK_DRIVER_CONN_INFO_PATH": told},
            )
            until = time.monotonic() + JAVA_SECONDS
            while not os.path.exists(told):
                if self.process.poll() is not None or time.monotonic() > until:
                    raise OSError(f"Spark's Java virtual machine did not start (status {self.process.poll()})")
                time.sleep(STEP)
            with open(told, "rb") as file:
                self.port, length = struct.unpack(">ii", file.read(8))
                self.secret = file.read(length).decode()

    def variables(self) -> dict[str, str]:
        """What PySpark reads to find it."""
        return {"PYSPARK_GATEWAY_PORT": str(self.port), "PYSPARK_GATEWAY_SECRET": self.secret}

    def lives(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def outlive_exec(self) -> None:
        """Let it live on in the program that this process becomes: it ends when nobody holds its input any more."""
        if self.process.stdin is not None:
            os.set_inheritable(self.process.stdin.fileno(), True)  # noqa: FBT003 -- positional only


def read_order(work: str) -> dict[str, Any]:
    """What is to be started for the run of a work folder."""
    with open(os.path.join(work, ORDER), encoding="utf-8") as file:
        order: dict[str, Any] = json.load(file)
    return order


def write_properties(path: str, properties: Mapping[str, str]) -> None:
    """Write settings as a Java properties file, which nobody else may read."""
    escapes = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="latin-1") as file:
        for name, value in sorted(properties.items()):
            text = "".join(_letter(escapes.get(letter, letter)) for letter in value)
            file.write(f"{name}={text}\n")


def _letter(text: str) -> str:
    """A character as Latin-1 has it, or in Java's escapes."""
    if text.isascii():
        return text
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def become_script(order: Mapping[str, Any], machine: Machine, python: str, env: Mapping[str, str]) -> NoReturn:
    """Go on as the job's script, in a fresh interpreter."""
    path = os.pathsep.join([*order["path"], *filter(None, [env.get("PYTHONPATH", "")])])
    own = {"SPARK_HOME": order["home"], "PYSPARK_PYTHON": python, "PYSPARK_DRIVER_PYTHON": python, "PYTHONPATH": path}
    machine.outlive_exec()
    words = [python, order["entry"], *order["args"]]
    os.execve(python, words, {**own, **env, **machine.variables(), "PYTHONPATH": path})  # noqa: S606 -- no shell


def main() -> None:
    """Start the machine and become the script."""
    work = os.path.dirname(os.path.abspath(__file__))
    order = read_order(work)
    properties = os.path.join(work, PROPERTIES)
    write_properties(properties, order["properties"])
    env = {**os.environ, **order["variables"], "SPARK_LOCAL_DIRS": os.path.join(work, SCRATCH)}
    try:
        machine = Machine(order["home"], [*order["options"], "--properties-file", properties], env)
    except OSError as error:
        sys.stderr.write(f"{error}.\n")
        sys.exit(1)
    with contextlib.suppress(OSError):
        os.unlink(properties)
    become_script(order, machine, sys.executable, os.environ)


if __name__ == "__main__":
    main()
