"""A Spark master and its workers, as processes of this machine on the loopback, ended by pid."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyspark

HOME = Path(pyspark.__file__).parent
MASTER, WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"
SECONDS = 90.0


class Master:
    """A standalone master with one worker.

    Attributes:
        address: The master's, such as `spark://127.0.0.1:7077`.
    """

    def __init__(self, cores: int = 1) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="aml-spark-"))
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            self._start("master", MASTER, "--port", "0")
            self.address = self._wait("master", r"Starting Spark master at (spark://\S+)")
            size = ("--cores", str(cores), "--memory", "1g", "--work-dir", str(self.folder / "work"))
            self._start("worker", WORKER, *size, self.address)
            self._wait("worker", r"Successfully registered with master (\S+)")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End all of it."""
        for process in reversed(self._processes):
            process.terminate()  # a worker ends its executors
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, name: str, program: str, *options: str) -> None:
        words = [
            "bash",
            str(HOME / "bin" / "spark-class"),
            program,
            "--host",
            "127.0.0.1",
            "--webui-port",
            "0",
            *options,
        ]
        own = {
            "SPARK_HOME": str(HOME), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable,
            "SPARK_DAEMON_JAVA_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1", "SPARK_LOG_DIR": str(self.folder),
        }  # fmt: skip
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **own}, cwd=self.folder
                )
            )

    def _wait(self, name: str, pattern: str) -> str:
        until = time.monotonic() + SECONDS
        while True:
            text = (self.folder / f"{name}.log").read_text(errors="replace")
            found = re.search(pattern, text)
            if found:
                return found[1]
            if time.monotonic() > until or self._processes[-1].poll() is not None:
                msg = f"The {name} did not come up: {text[-2000:]}"
                raise TimeoutError(msg)
            time.sleep(0.05)
