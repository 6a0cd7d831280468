"""Online endpoints while things change under them: early deletes, environments to build, workspaces that go."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from jupyter_aml.agent import processes
from jupyter_aml.local.serving.online import launching, places, talk
from jupyter_aml.local.store import bell

from .conftest import Lab, wait_for
from .endpoints import SIMPLE, Load, Served

_names = iter(range(1000))

SLOW_INIT = """
import time
def init():
    time.sleep(60)
def run(data):
    return 1
"""


@pytest.fixture
def served(lab: Lab) -> Iterator[Served]:
    made = Served(lab, f"early-{next(_names)}")
    yield made
    launching.stop(made.place)


def begin(served: Served, text: str = SIMPLE) -> threading.Thread:
    """Deploy without waiting; errors of the wait are nobody's."""
    from azure.core.exceptions import HttpResponseError

    def run() -> None:
        try:
            served.deploy(text=text)
        except (HttpResponseError, OSError):
            return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_the_process_is_there_before_the_first_deployment(served: Served) -> None:
    pid = wait_for(lambda: served.status().get("pid"), "the process")

    served.deploy()

    assert served.status()["pid"] == pid


def test_an_endpoint_is_deleted_while_its_deployment_is_made(served: Served) -> None:
    thread = begin(served, SLOW_INIT)
    wait_for(lambda: served.status().get("deployments"), "the deployment")
    pid = served.status()["pid"]

    served.delete()

    thread.join(60)
    assert not processes.alive(pid, 0)
    wait_for(lambda: not served.place.folder.exists(), "the end of the folder")


def test_a_host_killed_while_a_deployment_is_made_leaves_it_to_the_next(lab: Lab, served: Served) -> None:
    slow = SIMPLE.replace('print("init of", VERSION)', "import time; time.sleep(2)")
    thread = begin(served, slow)
    wait_for(lambda: served.status().get("deployments"), "the deployment")
    lab.kill_host()
    bell.ring(lab.home, start=True)

    thread.join(60)

    assert served.state() == "Succeeded"
    assert served.asker("blue").ask()[0] == 200


def test_a_stopped_replica_is_taken_for_stuck_and_replaced(served: Served) -> None:
    from azure.ai.ml.entities import OnlineRequestSettings, ProbeSettings

    served.deploy(
        request_settings=OnlineRequestSettings(request_timeout_ms=500),
        liveness_probe=ProbeSettings(failure_threshold=1, timeout=1, period=1, initial_delay=1),
    )
    served.share(blue=100)
    asker = served.asker()
    (replica,) = served.status()["deployments"]["blue"]["replicas"]

    os.kill(replica["pid"], signal.SIGSTOP)

    assert asker.ask()[0] == 408
    with Load(asker, threads=1) as load:
        wait_for(lambda: load.answers[-1][0] == 200, "an answer of the next replica")
    assert not processes.alive(replica["pid"], 0)


def test_the_endpoints_of_a_workspace_that_is_deleted_end(lab: Lab, served: Served) -> None:
    from azure.ai.ml.entities import ManagedOnlineEndpoint, Workspace

    from jupyter_aml.client.connect import connect, connection

    lab.client.workspaces.begin_create(Workspace(name="other")).result()
    other = connect("local:other", home=lab.home, show_progress=False)
    other.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="lonely")).result()
    there = places.endpoint(connection(other).entry.folder, "lonely")
    pid = wait_for(lambda: (talk.ask_place(there, {"op": "status"}) or {}).get("pid"), "the process")

    lab.client.workspaces.begin_delete("other", delete_dependent_resources=False, permanently_delete=True).result()

    wait_for(lambda: not processes.alive(pid, 0), "the end of the process")
