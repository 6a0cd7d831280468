"""What Spark is told of a run: its settings, its files as paths of this machine, and the master that it works with."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from jupyter_aml.agent import records as files
from jupyter_aml.agent.sparking import ORDER, SCRATCH
from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs import ledger, locate, lookup, sparks
from jupyter_aml.local.jobs.records import Reader, Record
from jupyter_aml.local.jobs.sparks import Settings
from jupyter_aml.local.runtime import engines, interpreters, spark_home
from jupyter_aml.local.runtime.engines import Attached
from jupyter_aml.local.runtime.interpreters import Interpreter
from jupyter_aml.local.runtime.spark_home import SparkHome
from jupyter_aml.local.store import records as resources
from jupyter_aml.local.store.workspace import Entry, Workspace

LOOPBACK = "127.0.0.1"
CONNECT_SECONDS = 10.0
VIEW = "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme"
"""Hadoop's file system of links: so Spark reads the addresses of the workspace's datastores."""
TABLE = "spark.hadoop.fs.viewfs.mounttable"
SCHEMES = ("azureml", "abfss", "abfs", "wasbs", "wasb")
HOSTS = {"dfs": ("abfss", "abfs"), "blob": ("wasbs", "wasb")}
OURS = frozenset({"spark.master", "spark.submit.deployMode", sparks.DRIVER_MEMORY})
"""Settings that the machine decides: where the job runs, and how much memory it may take."""
MOST_STORES = 1000


def master_of(workspace: Workspace, record: Record) -> Attached | None:
    """The Spark master that a job's compute stands for; None for this machine."""
    if record.compute in lookup.BUILT_IN_COMPUTES:
        return None
    with workspace.database.read() as reader:
        found = resources.get(reader, "computes", record.compute)
    return engines.read(found.name, found.body) if found else None


def write(
    workspace: Workspace, record: Record, python: Interpreter, env: Mapping[str, str], *, args: str, code: Path
) -> tuple[str, tuple[str, ...]]:
    """Write the order of a run into its work folder; the folder of its Spark, and what the log has to say.

    Args:
        workspace: The job's.
        record: The job.
        python: The Python of its environment.
        env: The environment of the run.
        args: The arguments of the script, with what their placeholders stand for.
        code: The folder of the code.

    Raises:
        ResourceError: There is no Spark or no Java here, or a file cannot be had.
    """
    settings = sparks.read(record.body)
    work = workspace.work_folder(record.name)
    own = str((record.state.get("interpreter") or {}).get("executable") or python.executable)
    home = spark_home.find(python.site_packages, interpreters.describe(own).site_packages)
    spark_home.require_java(env)
    master = master_of(workspace, record)
    if master is not None:
        _require(master)
    cores, heap = sparks.width(record.body, ledger.cores()), spark_home.heap()
    here = master is None or engines.local(engines.host_of(master.address))
    with workspace.database.read() as reader:
        lists = {field: list(_paths(workspace, reader, names, code)) for field, names in settings.lists.items()}
        links = dict(_links(workspace, reader))
    url = master.address if master else f"local[{cores}]"
    properties = {
        "spark.app.name": record.display_name or record.name,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": (work / SCRATCH / "warehouse").as_uri(),
        **_addresses(master, settings),
        **links,
        **{name: value for name, value in settings.conf.items() if name not in OURS},
        **{sparks.LISTS[field]: sparks.listed(paths) for field, paths in lists.items() if paths},
        "spark.master": url,
        sparks.DRIVER_MEMORY: f"{heap}m",
    }
    (work / SCRATCH).mkdir(exist_ok=True)
    order = {
        "home": str(home.folder),
        "options": ["--master", url, "--driver-memory", f"{heap}m"],
        "properties": properties,
        "variables": {"SPARK_LOCAL_IP": LOOPBACK} if here else {},
        "entry": settings.entry,
        "args": sparks.words(args),
        "path": [*_python_path(work, lists["pyFiles"]), *_packages(work, home, python)],
        "warm": settings.plain and here,
        "passes_on": master is None,
    }
    files.write(str(work / ORDER), order)
    return str(home.folder), tuple(_notes(settings, home, master, cores=cores, heap=heap))


def _require(master: Attached) -> None:
    """Refuse a master that does not answer; Spark itself would try for minutes.

    Raises:
        ResourceError: It does not.
    """
    where = urlsplit(master.address)
    try:
        socket.create_connection((str(where.hostname), where.port or 0), CONNECT_SECONDS).close()
    except OSError as error:
        raise ResourceError(
            f"The Spark master {master.address} of the compute '{master.name}' cannot be reached: {error}.",
            code="ComputeUnreachable",
            target="properties.computeId",
            remedy="Start it there, or attach the compute again with the right address.",
        ) from error


def _addresses(master: Attached | None, settings: Settings) -> dict[str, str]:
    """Where executors reach the driver, and how many cores they may be."""
    host, port = engines.door(master.door) if master and master.door else (LOOPBACK, 0)
    found = {"spark.driver.host": host, "spark.driver.bindAddress": host}
    if master is not None:
        found["spark.cores.max"] = str(settings.cores)
    return {**found, "spark.driver.port": str(port)} if port else found


def _links(workspace: Workspace, reader: Reader) -> Iterator[tuple[str, str]]:
    """Settings by which Spark finds the files behind addresses of this workspace's datastores."""
    yield from ((f"spark.hadoop.fs.{scheme}.impl", VIEW) for scheme in SCHEMES)
    containers = set()
    for record in resources.named(reader, "datastores", resources.ALL, None, MOST_STORES):
        properties = record.body.get("properties") or {}
        if str(properties.get("accountName") or "").lower() != workspace.entry.account:
            continue
        container = locate.container_of(workspace, reader, record.name, "properties.conf")
        containers.add(container)
        target = workspace.blobs.path(container).as_uri()
        for table, path in _stores(workspace.entry, record.name):
            yield f"{TABLE}.{table}.link.{path}", target
    for container in sorted(containers):
        for kind in HOSTS:
            table = f"{container}@{workspace.entry.account}.{kind}.core.windows.net"
            yield f"{TABLE}.{table}.linkFallback", workspace.blobs.path(container).as_uri()


def _stores(entry: Entry, name: str) -> Iterator[tuple[str, str]]:
    """The short and the long address of a datastore: host and path."""
    yield "datastores", f"/{name}/paths"
    for groups in ("resourcegroups", "resourceGroups"):
        yield (
            "subscriptions",
            f"/{entry.subscription}/{groups}/{entry.group}/workspaces/{entry.name}/datastores/{name}/paths",
        )


def _paths(workspace: Workspace, reader: Reader, names: Sequence[str], code: Path) -> Iterator[str]:
    """Files that a job names, as paths; what is elsewhere keeps its address."""
    for name in names:
        scheme = urlsplit(name).scheme.lower()
        if not scheme:
            path, mark, alias = name.partition("#")
            yield f"{code / path}{mark}{alias}"
        elif scheme in SCHEMES:
            found = locate.find(workspace, reader, name, "uri_file", "properties.files")
            yield str(found.path(workspace)) if isinstance(found, locate.Place) else found.uri
        else:
            yield name


def _python_path(work: Path, names: Sequence[str]) -> Iterator[str]:
    """Where the script's Python finds `py_files`: archives as they are, modules in a folder of their own."""
    modules = work / "py_files"
    for name in names:
        if not name.endswith(".py"):
            yield name
            continue
        if not modules.exists():
            modules.mkdir()
            yield str(modules)
        (modules / Path(name).name).symlink_to(name)


def _packages(work: Path, home: SparkHome, python: Interpreter) -> Iterator[str]:
    """A folder with PySpark alone, for a Python that has none."""
    if str(home.packages) in python.site_packages:
        return
    folder = work / "pyspark"
    folder.mkdir()
    for name in spark_home.PACKAGES:
        (folder / name).symlink_to(home.packages / name, target_is_directory=True)
    yield str(folder)


def _notes(settings: Settings, home: SparkHome, master: Attached | None, *, cores: int, heap: int) -> Iterator[str]:
    where = f"the master {master.address}" if master else f"{cores} cores of this machine"
    other = settings.runtime and not home.version.startswith(settings.runtime)
    asked = f" (resources.runtimeVersion is {settings.runtime})" if other else ""
    yield f"Spark {home.version}{asked} works with {where}."
    if master is None and settings.memory > heap:
        yield f"The driver and its executors ask for {settings.memory} MB; {heap} MB is what they may take here."
    elif master is None and settings.cores > cores:
        yield f"The executors ask for {settings.cores} cores; this machine has {cores}."
    if master is not None and not engines.local(engines.host_of(master.address)):
        yield "Its workers read and write paths of this machine: they must see the same files there."
    if settings.conf.get("spark.master"):
        yield f"conf has spark.master {settings.conf['spark.master']}; the job's compute decides that."
