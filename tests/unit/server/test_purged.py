"""A store that is purged, or moved away, under a Jupyter Server that goes on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import pytest

from jupyter_aml.testing import hosts

from .lab import SECONDS, Lab, running


@pytest.fixture
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server of its own."""
    with running(tmp_path_factory.mktemp("server")) as made:
        yield made


def test_pages_go_on_with_a_store_that_is_made_anew(lab: Lab) -> None:
    _, old = lab.send("POST", "jupyter-aml/connect", {"target": "local:old"})
    assert lab.ask(f"jupyter-aml/arm{old['id']}/jobs")[0] == 200
    hosts.stop(lab.home)

    shutil.rmtree(lab.home)

    assert lab.ask("jupyter-aml/workspaces") == (200, {"value": []})
    status, gone = lab.ask(f"jupyter-aml/arm{old['id']}/jobs")
    assert (status, "no profile has the address" in gone["error"]["message"]) == (404, True)
    status, new = lab.send("POST", "jupyter-aml/connect", {"target": "local:new"})
    assert (status, new["id"] != old["id"]) == (200, True)
    assert [one["name"] for one in lab.ask("jupyter-aml/workspaces")[1]["value"]] == ["new"]
    before = lab.ask("jupyter-aml/state")[1]
    body = {"properties": {"dataType": "uri_file", "dataUri": "azureml://datastores/workspaceblobstore/paths/x"}}
    assert lab.send("PUT", f"jupyter-aml/arm{new['id']}/data/x/versions/1", body)[0] in {200, 201}
    until = time.monotonic() + SECONDS
    while lab.ask("jupyter-aml/state")[1] == before and time.monotonic() < until:
        time.sleep(0.05)
    after = lab.ask("jupyter-aml/state")[1]
    assert after["sequence"] > before["sequence"], "what happens in the new store is told"
