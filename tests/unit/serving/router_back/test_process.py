"""The process of an endpoint: its order, its status, its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys

import psutil

from jupyter_aml.agent import processes
from jupyter_aml.agent import records as files

from .endpoints import Endpoint, Load, wait_for

SLOW = """
import time
def init(): pass
def run(data):
    time.sleep(1.0)
    return VERSION
"""


def pids(iris: Endpoint, name: str = "blue") -> list[int]:
    return [one["pid"] for one in iris.deployment(name)["replicas"]]


def test_a_script_is_served_on_the_endpoints_port(iris: Endpoint) -> None:
    iris.deployments, iris.traffic = {"blue": iris.script("blue")}, {"blue": 100}
    iris.start()

    status, body = iris.score([1, 2])

    assert status == 200
    assert body["said"] == [1, 2]
    assert body["pid"] in pids(iris)


def test_the_status_is_left_in_the_folder_and_the_socket_is_the_owners(iris: Endpoint) -> None:
    iris.deployments = {"blue": iris.script("blue")}
    iris.start()

    said = wait_for(
        lambda: (found := files.read(str(iris.place.status))) and found["deployments"]["blue"]["ready"] and found,
        "the status on disk",
    )

    assert said["pid"] == iris.process.pid
    assert said["deployments"]["blue"]["state"] == "Healthy"
    assert stat.S_IMODE(iris.place.socket.stat().st_mode) == 0o600


def test_a_port_that_somebody_has_is_left_to_them(iris: Endpoint) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        iris.port = taken = other.getsockname()[1]
        iris.deployments, iris.traffic = {"blue": iris.script("blue")}, {"blue": 100}
        iris.start()

        assert iris.port != taken
        assert iris.score(1)[0] == 200
    assert f"port {taken}" in iris.place.log.read_text()


def test_a_killed_process_takes_its_replicas_along_and_the_next_has_its_port(iris: Endpoint) -> None:
    iris.deployments, iris.traffic = {"blue": iris.script("blue", instances=2)}, {"blue": 100}
    iris.start()
    before, port = pids(iris), iris.port

    os.kill(iris.process.pid, signal.SIGKILL)
    iris.process.wait()
    wait_for(lambda: not any(processes.alive(pid, 0) for pid in before), "the end of the replicas")
    iris.start()

    assert iris.port == port
    assert iris.score(1)[0] == 200


def running(iris: Endpoint) -> int:
    """The requests that are in work."""
    text: str = (iris.ask({"op": "metrics"}) or {})["text"]
    return sum(
        int(float(line.split()[-1]))
        for line in text.splitlines()
        if line.startswith("azureml_online_running_requests{")
    )


def test_a_process_that_is_told_to_stop_finishes_what_is_under_way(iris: Endpoint) -> None:
    iris.deployments, iris.traffic = {"blue": iris.script("blue", SLOW)}, {"blue": 100}
    iris.start()
    replica = pids(iris)[0]

    with Load(iris, threads=1) as load:
        wait_for(lambda: load.answers and running(iris), "a first answer, and a second request in work")
        os.kill(iris.process.pid, signal.SIGTERM)
        iris.process.wait(10)

    good = [one for one in load.answers if one[0] == 200]
    assert load.answers[1] == good[1]  # it was begun when the signal came
    assert iris.process.returncode == 0
    assert not processes.alive(replica, 0)
    assert not iris.place.socket.exists()


def test_a_process_whose_workspace_is_gone_ends(iris: Endpoint) -> None:
    iris.deployments = {"blue": iris.script("blue")}
    iris.start()

    (iris.workspace.folder / "workspace.db").rename(iris.workspace.folder / "moved.db")

    assert iris.process.wait(15) == 0


def test_a_second_process_for_the_folder_does_not_take_over(iris: Endpoint) -> None:
    from jupyter_aml.local.serving.online import launching
    from jupyter_aml.local.serving.router import __main__ as entry

    iris.deployments = {"blue": iris.script("blue")}
    iris.start()

    second = launching.start(iris.place)

    assert second.wait(entry.PATIENCE + 10) == 1
    assert iris.status()["pid"] == iris.process.pid


def test_new_traffic_holds_at_once(iris: Endpoint) -> None:
    iris.deployments = {"blue": iris.script("blue"), "green": iris.script("green", version="2")}
    iris.traffic = {"blue": 100}
    iris.start()
    assert iris.score(1)[1]["by"] == "1"

    iris.traffic = {"green": 100}
    iris.apply()

    assert {iris.score(1)[1]["by"] for _ in range(5)} == {"2"}
    assert iris.score(1, deployment="blue")[1]["by"] == "1"


def test_a_deployment_that_is_taken_away_ends(iris: Endpoint) -> None:
    iris.deployments = {"blue": iris.script("blue"), "green": iris.script("green")}
    iris.traffic = {"blue": 100}
    iris.start()
    gone = pids(iris, "green")

    del iris.deployments["green"]
    answer = iris.apply()

    assert list(answer["deployments"]) == ["blue"]
    wait_for(lambda: not processes.alive(gone[0], 0), "the end of the replica")
    assert iris.score(1, deployment="green")[0] == 404


def test_an_order_that_cannot_be_read_changes_nothing(iris: Endpoint) -> None:
    iris.deployments, iris.traffic = {"blue": iris.script("blue")}, {"blue": 100}
    iris.start()

    iris.place.order.write_text("{}")
    answer = iris.ask({"op": "apply"})

    assert "KeyError" in answer["error"]
    assert iris.score(1)[0] == 200


def test_an_unknown_question_is_refused_with_what_may_be_asked(iris: Endpoint) -> None:
    iris.deployments = {"blue": iris.script("blue")}
    iris.start()

    assert iris.ask({"op": "dance"}) == {"error": "op is 'dance'; expected apply, measures, metrics, status or stop."}


def spares(iris: Endpoint) -> list[int]:
    """The processes below the endpoint's that wait for an order."""
    below = psutil.Process(iris.process.pid).children() if iris.process is not None else []
    return [one.pid for one in below if any("serving.spare" in word for word in one.cmdline())]


def test_the_next_deployment_finds_an_interpreter_that_is_ready(iris: Endpoint) -> None:
    learns = "import joblib\ndef init(): pass\ndef run(data):\n    return VERSION\n"
    iris.deployments, iris.traffic = {"blue": iris.script("blue", learns)}, {"blue": 100}
    env = {name: value for name, value in iris.deployments["blue"]["replica"]["env"].items() if name == "PATH"}
    iris.spare = {"python": sys.executable, "env": env}
    iris.start()
    assert pids(iris)[0] not in spares(iris)

    iris.deployments = {"blue": iris.deployments["blue"], "green": iris.script("green", learns, version="2")}
    iris.apply()
    iris.until_healthy()
    [pid] = wait_for(lambda: spares(iris), "a spare for the next")
    iris.deployments = {**iris.deployments, "red": iris.script("red", learns, version="3")}
    iris.apply()
    iris.until("Healthy", "red")

    assert pids(iris, "red") == [pid]
    assert iris.score(0, deployment="red") == (200, "3")
    wait_for(lambda: set(spares(iris)) - {pid}, "another spare")


THREADS: dict[str, dict[str, str]] = {
    "free": {}, "two": {"OMP_NUM_THREADS": "2"}, "one": {"OPENBLAS_NUM_THREADS": "1"},
}  # fmt: skip
COUNT = """
import joblib, numpy, sklearn.ensemble, threadpoolctl
def init(): pass
def run(data):
    return {one["internal_api"]: one["num_threads"] for one in threadpoolctl.threadpool_info()}
"""


def test_a_script_in_a_spare_interpreter_has_the_threads_of_a_fresh_one(iris: Endpoint) -> None:
    base = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
    iris.spare = {"python": sys.executable, "env": base}
    iris.start()
    told, fresh = {}, {}
    for name, env in THREADS.items():
        [pid] = wait_for(lambda: set(spares(iris)) - {one for done in told for one in pids(iris, done)}, "a spare")
        iris.deployments = {**iris.deployments, name: iris.script(name, COUNT, version=name, env=env)}
        iris.apply()
        iris.until("Healthy", name)
        assert pids(iris, name) == [pid]
        told[name] = iris.score(0, deployment=name)[1]
        line = [sys.executable, "-c", f"{COUNT}\nimport json\nprint(json.dumps(run(0)))"]
        fresh[name] = json.loads(subprocess.run(line, env={**base, **env}, capture_output=True, check=True).stdout)

    assert told == fresh
    assert len({json.dumps(one) for one in told.values()}) > 1
