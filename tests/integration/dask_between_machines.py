"""A program for the network namespace of a home: attaches a cluster whose workers are in others, and runs jobs there.

    python dask_between_machines.py HOME_ADDRESS KEYS_FOLDER NAMESPACE...

It prints what came of it as JSON. The jobs cannot reach the home but by the outer door.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_aml.testing import clusters, hosts

SECONDS = 90.0
FINAL = ("Completed", "Failed", "Canceled")
SCRIPT = """
    import os, pathlib, socket, sys, time
    from urllib.parse import urlsplit

    interfaces = sorted(name for _, name in socket.if_nameindex() if name != "lo")
    print("on", *interfaces, flush=True)
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[2])), 2)
        print("the loopback door answered")
    except OSError:
        print("no loopback door")
    print("read", pathlib.Path(sys.argv[1]).read_text(), flush=True)
    pathlib.Path("outputs", "made.txt").write_text("far away")
    if not pathlib.Path(sys.argv[3]).exists():
        pathlib.Path(sys.argv[3]).touch()
        print("waiting", flush=True)
        time.sleep(300)
"""


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """What a condition gives as soon as it is true."""
    until = time.monotonic() + SECONDS
    while not (found := condition()):
        if time.monotonic() > until:
            msg = f"{what} did not happen"
            raise TimeoutError(msg)
        time.sleep(0.02)
    return found


def main() -> None:
    """Do it all; the store and the cluster end with it."""
    home, keys, *spaces = sys.argv[1:]
    files = {part: Path(keys, f"{part}.pem") for part in ("ca", "cert", "key")}
    store = Path(tempfile.mkdtemp(prefix="aml-"))
    os.environ["JUPYTER_AML_HOME"] = str(store)
    os.chdir(tempfile.mkdtemp(prefix="aml-work-"))
    cluster = clusters.Cluster(home, files)
    try:
        for number, space in enumerate(spaces):
            cluster.add(inside=("ip", "netns", "exec", space), host=f"{home.rpartition('.')[0]}.{number + 2}")
        cluster.ready()
        json.dump(_run(store, cluster, home, files), sys.stdout)
    finally:
        hosts.stop(store)
        cluster.close()


def _run(store: Path, cluster: clusters.Cluster, home: str, files: dict[str, Path]) -> dict[str, Any]:
    from azure.ai.ml import Input, command
    from azure.ai.ml.entities import Environment, KubernetesCompute

    from jupyter_aml.client.connect import connect, connection
    from jupyter_aml.local.store import bell

    client = connect("local", home=store, show_progress=False)
    folder = connection(client).entry.folder
    tags = {"jupyter_aml.interpreter": "submitter"}
    client.environments.create_or_update(Environment(name="plain", version="1", image="python:3", tags=tags))
    inner = {
        "engine": "dask", "address": cluster.address, "doorAddress": home,
        "tls": {part: path.read_text(encoding="utf-8") for part, path in files.items()},
    }  # fmt: skip
    client.compute.begin_attach(KubernetesCompute(name="far", resource_id=None, properties=inner)).result()
    code = Path("code")
    code.mkdir()
    (code / "train.py").write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    Path("data.txt").write_text("42", encoding="utf-8")
    port = wait_for(lambda: bell.ask(store, {"op": "status"}), "an answer of the host")["port"]
    mark = Path("mark").absolute()
    job = command(
        command=f"python train.py ${{{{inputs.data}}}} {port} {mark}", code=str(code), environment="plain:1",
        compute="far", inputs={"data": Input(type="uri_file", path="data.txt")},
    )  # fmt: skip
    name = client.jobs.create_or_update(job).name
    log = folder / "runs" / name / "user_logs" / "std_log.txt"
    wait_for(lambda: log.exists() and "waiting" in log.read_text(encoding="utf-8"), "the first try")
    state = json.loads((folder / "work" / name / "try.json").read_text(encoding="utf-8"))
    cluster.kill(int(state["worker"].rpartition(":")[0].rpartition(".")[2]) - 2)
    wait_for(lambda: client.jobs.get(name).status in FINAL, "the end of the job")
    made = folder / "runs" / name / "outputs" / "made.txt"
    return {
        "status": client.jobs.get(name).status,
        "log": log.read_text(encoding="utf-8"),
        "made": made.read_text(encoding="utf-8") if made.exists() else "",
    }


if __name__ == "__main__":
    main()
