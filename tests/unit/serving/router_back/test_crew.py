"""The replicas of a deployment: what happens when they fail, hang, grow, and change."""

from __future__ import annotations

import os
import signal
import time

from jupyter_aml.agent import processes

from .endpoints import ECHO, Endpoint, Load, wait_for

RAISES = """
def init():
    raise ValueError("the model of Zoë is missing")
def run(data):
    return 1
"""
RAISES_UNTIL = """
import os
def init():
    if not os.path.exists(os.environ["MARK"]):
        raise ValueError("not yet")
def run(data):
    return "well"
"""
HANGS = """
import json, time
def init(): pass
def run(data):
    if json.loads(data) == "hang":
        time.sleep(600)
    return "well"
"""
LEAKS = """
import json
kept = []
def init(): pass
def run(data):
    kept.append(bytes(bytearray(json.loads(data) << 20)))
    return len(kept)
"""
DIES = """
import json, os, time
def init(): pass
def run(data):
    if json.loads(data) == "die":
        os._exit(7)
    time.sleep(0.002)
    return "well"
"""
QUICK_PROBE = {"initial_delay": 1, "period": 1, "timeout": 0.5, "failures": 1}


def test_init_that_raises_makes_the_deployment_unhealthy_and_says_why(iris: Endpoint) -> None:
    iris.deployments, iris.traffic = {"blue": iris.script("blue", RAISES)}, {"blue": 100}
    iris.start(healthy=False)

    found = iris.until("Unhealthy")

    assert found["ready"] == 0
    assert "the model of Zoë is missing" in found["error"]["message"]
    assert "Traceback" in iris.log()
    status, body = iris.score(1)
    assert status == 503
    assert "the model of Zoë is missing" in body["error"]["message"]


def test_a_deployment_that_recovers_is_healthy_again(iris: Endpoint) -> None:
    mark = iris.place.folder / "mark"
    iris.deployments = {"blue": iris.script("blue", RAISES_UNTIL, env={"MARK": str(mark)})}
    iris.traffic = {"blue": 100}
    iris.start(healthy=False)
    iris.until("Unhealthy")

    mark.touch()

    found = iris.until("Healthy")
    assert found["error"] is None
    assert found["replicas"][0]["restarts"] >= 1
    assert iris.score(1) == (200, "well")


def test_init_that_does_not_end_is_given_up(iris: Endpoint) -> None:
    text = "import time\ndef init(): time.sleep(600)\ndef run(data): return 1\n"
    iris.deployments = {"blue": iris.script("blue", text, liveness=QUICK_PROBE)}
    iris.start(healthy=False)

    found = iris.until("Unhealthy")

    assert found["error"]["code"] == "ContainerStartTimeout"
    assert "init() did not end within 2 s" in found["error"]["message"]


def test_a_run_that_hangs_is_ended_and_the_replica_replaced(iris: Endpoint) -> None:
    request = {"timeout": 0.5}
    iris.deployments = {"blue": iris.script("blue", HANGS, request=request, liveness=QUICK_PROBE)}
    iris.traffic = {"blue": 100}
    iris.start()
    before = iris.deployment()["replicas"][0]["pid"]

    assert iris.score("hang")[0] == 408
    wait_for(lambda: not processes.alive(before, 0), "the end of the stuck replica")

    wait_for(lambda: iris.score("go") == (200, "well"), "an answer of the new replica")
    assert iris.deployment()["replicas"][0]["restarts"] == 1


def test_a_replica_over_its_memory_limit_is_ended_with_a_sentence(iris: Endpoint) -> None:
    iris.deployments = {"blue": iris.script("blue", LEAKS, memory=150 << 20)}
    iris.traffic = {"blue": 100}
    iris.start()

    assert iris.score(1)[0] == 200

    assert iris.score(200)[0] in {200, 502}  # it may be ended before it has answered

    found = wait_for(lambda: (one := iris.deployment())["replicas"][0]["restarts"] and one, "the end of the replica")
    assert found["replicas"][0]["restarts"] == 1
    assert iris.score(1)[0] == 200  # by the next one
    assert "150 MiB" in iris.place.log.read_text()


def test_of_a_killed_replica_only_what_it_had_begun_is_lost(iris: Endpoint) -> None:
    iris.deployments, iris.traffic = {"blue": iris.script("blue", DIES, instances=2)}, {"blue": 100}
    iris.start()

    with Load(iris, threads=8, value="go") as load:
        wait_for(lambda: len(load.answers) > 50, "answers")
        os.kill(iris.deployment()["replicas"][0]["pid"], signal.SIGKILL)
        wait_for(lambda: iris.deployment()["ready"] == 2 and iris.deployment()["replicas"][0]["restarts"], "two again")
        seen = len(load.answers)
        wait_for(lambda: len(load.answers) > seen + 50, "answers")

    lost = [body for status, body in load.answers if status != 200]
    assert {status for status, _ in load.answers} <= {200, 502}
    assert len(lost) <= 1
    assert all(body["error"]["code"] == "ReplicaEnded" for body in lost)


def test_while_a_killed_replica_is_replaced_requests_wait(iris: Endpoint) -> None:
    iris.deployments, iris.traffic = {"blue": iris.script("blue")}, {"blue": 100}
    iris.start()

    for _ in range(4):
        pid = iris.deployment()["replicas"][0]["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda gone=pid: not processes.alive(gone, 0), "its end")
        assert iris.score(1)[0] == 200


def test_a_request_that_ends_its_replica_is_answered_502_with_an_id(iris: Endpoint) -> None:
    iris.deployments, iris.traffic = {"blue": iris.script("blue", DIES)}, {"blue": 100}
    iris.start()

    status, body = iris.score("die")

    assert status == 502
    assert "ended while it ran this request" in body["error"]["message"]
    assert iris.score("go") == (200, "well")


def test_a_new_generation_takes_over_without_a_lost_request(iris: Endpoint) -> None:
    iris.deployments, iris.traffic = {"blue": iris.script("blue", instances=2)}, {"blue": 100}
    iris.start()
    before = [one["pid"] for one in iris.deployment()["replicas"]]

    with Load(iris, threads=6) as load:
        wait_for(lambda: len(load.answers) > 20, "answers")
        iris.deployments = {"blue": iris.script("blue", ECHO, version="2", instances=2)}
        iris.apply()
        iris.until("Healthy")
        wait_for(lambda: load.answers[-1][1]["by"] == "2", "an answer of the new generation")

    assert load.statuses == {200}
    assert {body["by"] for _, body in load.answers} == {"1", "2"}
    wait_for(lambda: not any(processes.alive(pid, 0) for pid in before), "the end of the old replicas")


def test_while_the_new_generation_fails_the_old_one_serves(iris: Endpoint) -> None:
    good = iris.script("blue")
    iris.deployments, iris.traffic = {"blue": good}, {"blue": 100}
    iris.start()

    bad = iris.script("blue", RAISES, version="2")
    iris.deployments = {"blue": bad}
    iris.apply()
    found = iris.until("Unhealthy")

    assert found["generation"] == bad["generation"]
    assert iris.score(1)[1]["by"] == "1"

    iris.deployments = {"blue": good}
    iris.apply()

    assert iris.until("Healthy")["generation"] == good["generation"]
    assert iris.score(1)[1]["by"] == "1"


def test_more_and_fewer_instances_without_a_lost_request(iris: Endpoint) -> None:
    iris.deployments, iris.traffic = {"blue": iris.script("blue")}, {"blue": 100}
    iris.start()

    with Load(iris, threads=4) as load:
        iris.deployments["blue"]["instances"] = 3
        iris.apply()
        wait_for(lambda: iris.deployment()["ready"] == 3, "three replicas")
        wait_for(lambda: len({body["pid"] for _, body in load.answers[-30:]}) == 3, "answers of all three")
        iris.deployments["blue"]["instances"] = 1
        iris.apply()
        wait_for(lambda: len(iris.deployment()["replicas"]) == 1, "one replica")
        time.sleep(0.3)

    assert load.statuses == {200}


def test_replicas_follow_the_load(iris: Endpoint) -> None:
    slow = "import time\ndef init(): pass\ndef run(data):\n    time.sleep(0.05)\n    return 1\n"
    scale = {"min": 1, "max": 3, "target": 50, "interval": 0.2}
    iris.deployments, iris.traffic = {"blue": iris.script("blue", slow, scale=scale)}, {"blue": 100}
    iris.start()
    assert iris.deployment()["wanted"] == 1

    with Load(iris, threads=6) as load:
        wait_for(lambda: iris.deployment()["ready"] == 3, "three replicas")

    assert load.statuses == {200}


def test_two_workers_an_instance(iris: Endpoint) -> None:
    iris.deployments, iris.traffic = {"blue": iris.script("blue", instances=1, workers=2)}, {"blue": 100}
    iris.start()

    assert iris.deployment()["ready"] == 2


def test_a_deployment_without_instances_says_so(iris: Endpoint) -> None:
    iris.deployments, iris.traffic = {"blue": iris.script("blue", instances=0)}, {"blue": 100}
    iris.start()

    status, body = iris.score(1)

    assert status == 503
    assert "has no instances" in body["error"]["message"]


def test_python_that_is_not_there_is_said(iris: Endpoint) -> None:
    order = iris.script("blue")
    order["replica"]["python"] = "/nowhere/python"
    iris.deployments = {"blue": order}
    iris.start(healthy=False)

    found = iris.until("Unhealthy")

    assert found["error"]["code"] == "ReplicaNotStarted"
    assert "/nowhere/python" in found["error"]["message"]
