"""A spare of Spark: a Java virtual machine that has computed already and serves one run, the next that comes.

It is armed as a zygote's children are: a supervisor that waits for a spec, and the child that holds the machine and
becomes the script. The machine stands in a folder and writes to a log that become those of the run, by their names
alone: neither can be changed in a program that runs.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import traceback

from . import child, sparking, supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NoReturn

LEAVE_SECONDS = 0.1
READY = "ready"
"""In the spare's folder once it has computed."""
KEPT = frozenset({"JUPYTER_AML_WORK", "JUPYTER_AML_ERRORS"})
"""Variables of a run that Spark's own Python processes get although the machine was started without them."""


class Driver:
    """The child: starts a machine and rehearses, then becomes the script of the run that it gets.

    Args:
        home: The folder of the package `pyspark`.
        options: Of `spark-submit`.
        place: The folder that will be the run's.
        log: The file that will be the run's log.
    """

    def __init__(self, home: str, options: list[str], place: str, log: str) -> None:
        self._home = home
        self._options = options
        self._place = place
        self._log = log
        self._machine: sparking.Machine | None = None

    def prepare(self, line: child.Line | None) -> None:
        """Start the machine and let it compute; a run that comes meanwhile gets it as far as it is."""
        child.take_streams(self._log)
        os.chdir(self._place)
        try:
            machine = sparking.Machine(self._home, self._options, os.environ)
            os.environ.update(machine.variables())
            folder = os.path.dirname(self._place)
            rehearse(os.path.join(folder, "rehearsal"), lambda: line is not None and line.waits(0))
            self._machine = machine
            os.close(os.open(os.path.join(folder, READY), os.O_CREAT | os.O_WRONLY, 0o600))
        except BaseException:  # noqa: BLE001 -- whatever it is, the run starts a machine of its own
            traceback.print_exc()

    def run(self, spec: dict[str, Any], line: child.Line | None = None) -> NoReturn:
        """Become the script."""
        machine = self._machine
        if machine is None or not machine.lives():
            child.Exec().run(spec, line)
        if line is not None:
            line.close()
        child.enter(spec)
        order = sparking.read_order(spec["work"])
        try:
            instruct(settings_of(order, spec["env"]), spec)
        except Exception:  # noqa: BLE001 -- whatever it is, the run starts a machine of its own
            traceback.print_exc()
            machine.process.kill()
            child.Exec().run(spec)
        python = child.overlay_python(spec) or spec["interpreter"]
        sparking.become_script(order, machine, python, spec["env"])


def rehearse(folder: str, wanted: Callable[[], bool]) -> None:
    """Compute, write and read once, so that what Spark needs for it is loaded; nothing of it stays.

    Args:
        folder: For what is written; a new one.
        wanted: Whether a run waits, which ends it.
    """
    if wanted():
        return
    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.local.dir", folder)
        .config("spark.sql.warehouse.dir", folder)
        .getOrCreate()
    )
    rows = spark.range(100).selectExpr("id", "id % 7 AS rest")
    if not wanted():
        rows.groupBy("rest").count().collect()
    for kind in ("csv", "parquet"):
        if wanted():
            break
        rows.write.format(kind).save(os.path.join(folder, kind))
        spark.read.format(kind).load(os.path.join(folder, kind)).count()
    spark.stop()


def settings_of(order: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, str]:
    """Spark's settings for a run, and the variables that its Python processes must get beside the machine's."""
    found = dict(order["properties"])
    if order["passes_on"]:
        new = {name: value for name, value in env.items() if name in KEPT or os.environ.get(name) != value}
        found.update({f"spark.executorEnv.{name}": value for name, value in new.items()})
    return found


def instruct(settings: Mapping[str, str], spec: Mapping[str, Any]) -> None:
    """Give the machine the settings of a run, as if it had been started with them."""
    from pyspark import SparkContext

    SparkContext._ensure_initialized()  # noqa: SLF001 -- no public way without a context
    jvm: Any = SparkContext._gateway.jvm  # noqa: SLF001 -- idem
    jvm.org.apache.hadoop.fs.FileSystem.closeAll()
    system = jvm.java.lang.System
    for name in list(system.getProperties().stringPropertyNames()):
        if name.startswith("spark."):
            system.clearProperty(name)
    scratch = os.path.join(spec["work"], sparking.SCRATCH)
    for name, value in {**settings, "user.dir": spec["cwd"], "java.io.tmpdir": scratch}.items():
        system.setProperty(name, value)


def main(arguments: list[str]) -> None:
    """Be a spare.

    Args:
        arguments: The file descriptor of the socket on which the host sends the spec, the folder and the log that
            become the run's, Spark's folder, and the options of `spark-submit`.
    """
    host = socket.socket(fileno=int(arguments[0]))
    host.set_inheritable(False)
    place, log, home, *options = arguments[1:]
    sys.path[:] = [path for path in sys.path if path]
    sys.path.insert(0, os.path.dirname(home))
    body = Driver(home, options, place, log)
    watcher = supervisor.Supervisor(*supervisor.fork_child(body, close=(host.fileno(),)))
    spec = supervisor.next_spec(watcher, host)
    if spec is None:
        watcher.stand_down(LEAVE_SECONDS)
        return
    with contextlib.suppress(OSError):
        os.chdir(os.sep)
    supervisor.supervise(watcher, spec, host.detach())
