"""Online endpoints over a real host: they outlive it, come back, roll, fail with a reason, and go without a trace."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.agent import processes
from jupyter_aml.local.serving.online import launching
from jupyter_aml.local.store import bell
from jupyter_aml.testing import hosts

from .conftest import Lab, wait_for
from .endpoints import RAISES, Load, Served

_names = iter(range(1000))


@pytest.fixture
def served(lab: Lab) -> Iterator[Served]:
    made = Served(lab, f"iris-{next(_names)}")
    yield made
    launching.stop(made.place)


def refusal(served: Served, *arguments: Any, **named: Any) -> str:
    """What a deployment that fails says."""
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError) as caught:
        served.deploy(*arguments, **named)
    return str(caught.value)


def test_an_endpoint_outlives_its_host_and_the_next_one_adopts_it(lab: Lab, served: Served) -> None:
    served.deploy()
    served.share(blue=100)
    pid = served.status()["pid"]

    with Load(served.asker()) as load:
        lab.kill_host()
        load.more()
        bell.ring(lab.home, start=True)
        named = wait_for(lambda: [one for one in lab.host()["endpoints"] if one["endpoint"] == served.name], "adoption")
        served.deploy("green", version="2")
        load.more()

    assert named[0]["pid"] == pid == served.status()["pid"]
    assert load.statuses == {200}
    assert served.asker("green").ask()[1]["by"] == "2"


def test_a_killed_endpoint_process_is_back_on_its_port(lab: Lab, served: Served) -> None:
    served.deploy()
    served.share(blue=100)
    before, asker = served.status(), served.asker()

    os.kill(before["pid"], signal.SIGKILL)
    wait_for(lambda: asker.ask()[0] == 200, "an answer")

    assert served.status()["port"] == before["port"]
    assert served.status()["pid"] != before["pid"]


def test_after_a_reboot_everything_comes_back(lab: Lab, served: Served) -> None:
    served.deploy()
    served.share(blue=100)
    asker = served.asker()
    hosts.stop(lab.home)  # and with it the processes of the endpoints
    assert asker.ask()[0] == 0

    bell.ring(lab.home, start=True)

    wait_for(lambda: asker.ask()[0] == 200, "an answer")
    assert served.state() == "Succeeded"


def test_init_that_raises_fails_the_deployment_with_its_words(served: Served) -> None:
    told = refusal(served, text=RAISES, version="Zoë")

    assert "no such thing as Zoë" in told
    assert served.state() == "Failed"
    assert "Traceback" in served.client.online_deployments.get_logs("blue", served.name, 100)


def test_a_deployment_that_failed_can_be_put_right(served: Served) -> None:
    refusal(served, text=RAISES)

    served.deploy()
    served.share(blue=100)

    assert served.state() == "Succeeded"
    assert served.asker().ask()[0] == 200


def test_after_a_failed_update_the_old_generation_goes_on(lab: Lab, served: Served) -> None:
    served.deploy()
    served.share(blue=100)

    with Load(served.asker()) as load:
        refusal(served, text=RAISES, version="2")
        assert served.state() == "Failed"
        load.more()
        os.kill(served.status()["pid"], signal.SIGKILL)
        wait_for(lambda: load.answers[-1][0] == 200 and served.status(), "answers of the next process")

    assert {body["by"] for status, body in load.answers if status == 200} == {"1"}


def test_an_update_under_load_loses_no_request(served: Served) -> None:
    served.deploy(instance_count=2)
    served.share(blue=100)

    with Load(served.asker()) as load:
        served.deploy(version="2", instance_count=2)
        load.more(5)

    assert load.statuses == {200}
    assert load.answers[-1][1]["by"] == "2"


def test_keys_change_without_a_new_replica(served: Served) -> None:
    served.deploy()
    served.share(blue=100)
    before, old = served.asker().ask()[1], served.asker()

    served.client.online_endpoints.begin_regenerate_keys(served.name, key_type="primary").result()

    assert old.ask()[0] == 401
    assert served.asker().ask() == (200, before)


def test_the_port_of_an_endpoint_that_somebody_took_changes_in_its_uri(lab: Lab, served: Served) -> None:
    import socket

    served.deploy()
    served.share(blue=100)
    port = served.status()["port"]
    hosts.stop(lab.home)

    with socket.create_server(("127.0.0.1", port)):
        bell.ring(lab.home, start=True)
        wait_for(lambda: served.status().get("port"), "the process")
        wait_for(lambda: f":{port}/" not in served.uri, "another address")
        wait_for(lambda: served.asker().ask()[0] == 200, "an answer")


def test_a_model_whose_files_are_gone_is_said(lab: Lab, served: Served) -> None:
    from azure.ai.ml.entities import Model

    folder = Path.cwd() / "m"
    folder.mkdir()
    (folder / "weights.txt").write_text("7")
    model = served.client.models.create_or_update(Model(name="gone", path=str(folder)))
    shutil.rmtree(next(lab.container.glob("**/weights.txt")).parent)

    told = refusal(served, model=model.id)

    assert f"The model gone:{model.version} has no files" in told
    assert "Register it again" in told


def test_a_script_finds_its_model_as_in_azure(served: Served) -> None:
    from azure.ai.ml.entities import Model

    folder = Path.cwd() / "weights"
    folder.mkdir()
    (folder / "w.txt").write_text("7")
    text = """
    import os
    def init():
        global w
        w = open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights", "w.txt")).read()
    def run(data):
        return [w, os.environ["COLOUR"], os.path.basename(os.getcwd())]
    """
    served.deploy(text=text, model=Model(name="w", path=str(folder)), environment_variables={"COLOUR": "blue"})
    served.share(blue=100)

    assert served.asker().ask() == (200, ["7", "blue", "code"])


def test_nothing_is_made_in_the_place_of_a_workspace_that_was_moved_and_all_goes_on_when_it_is_back(
    lab: Lab, served: Served
) -> None:
    served.deploy(app_insights_enabled=True)
    served.share(blue=100)
    asker = served.asker()
    pid = served.status()["pid"]
    home = lab.folder
    elsewhere = home.with_name("elsewhere")

    assert asker.ask()[0] == 200
    home.rename(elsewhere)
    asker.ask()
    wait_for(lambda: not processes.alive(pid, 0), "the end of its process")
    bell.ring(lab.home, start=True)
    wait_for(lambda: not lab.host()["endpoints"], "the host to let go of it")
    made = home.exists()
    elsewhere.rename(home)
    bell.ring(lab.home, start=True)

    assert not made
    wait_for(lambda: served.status().get("pid", pid) != pid, "another process")
    assert served.asker().ask()[0] == 200


def test_a_deleted_deployment_leaves_nothing(served: Served) -> None:
    served.deploy()
    served.deploy("green")
    folder, (replica,) = served.place.deployment("green").folder, served.status()["deployments"]["green"]["replicas"]

    served.client.online_deployments.begin_delete("green", served.name).result()

    assert [one.name for one in served.client.online_deployments.list(served.name)] == ["blue"]
    assert not folder.exists()
    assert not processes.alive(replica["pid"], 0)


def test_a_deleted_endpoint_leaves_nothing(served: Served) -> None:
    served.deploy()
    pid = served.status()["pid"]

    served.delete()

    assert not processes.alive(pid, 0)
    wait_for(lambda: not served.place.folder.exists(), "the end of the folder")
    assert served.name not in [one.name for one in served.client.online_endpoints.list()]
