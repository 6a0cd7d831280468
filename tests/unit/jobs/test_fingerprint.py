"""Fingerprints: the same work has the same one, whatever it is called; other work has another."""

from __future__ import annotations

import os
from typing import Any

import pytest

from jupyter_aml.local.jobs.fingerprint import fingerprint


@pytest.fixture
def world(wire: Any) -> Any:
    """A workspace with code, two environments and data."""
    blobs = wire.workspace.blobs
    blobs.create_container("code-1")
    blobs.create_container("code-2")
    for container in ("code-1", "code-2"):
        blobs.write(container, "train.py", b"print(1)")
        put_code(wire, container)
    wire.ask("PUT", "/environments/e/versions/2", {"properties": {"image": "y"}})
    blobs.write(wire.workspace.blob_container, "in/a.csv", b"a\n1\n")
    blobs.write(wire.workspace.blob_container, "in/b.csv", b"b\n1\n")
    return wire


def put_code(wire: Any, container: str, **properties: Any) -> None:
    uri = f"https://{wire.workspace.entry.account}.blob.core.windows.net/{container}"
    status, body = wire.ask(
        "PUT", f"/codes/{container}/versions/1", {"properties": {"codeUri": uri, "properties": properties}}
    )
    assert status == 201, body


def put_data(wire: Any, version: str, path: str = "in/") -> str:
    uri = f"azureml://datastores/workspaceblobstore/paths/{path}"
    status, body = wire.ask(
        "PUT", f"/data/d/versions/{version}", {"properties": {"dataType": "uri_folder", "dataUri": uri}}
    )
    assert status == 201, body
    return f"azureml:d:{version}"


def body(wire: Any, **more: Any) -> dict[str, Any]:
    return {
        "jobType": "Command",
        "command": "python train.py ${{inputs.x}} ${{inputs.d}}",
        "codeId": f"{wire.base}/codes/code-1/versions/1",
        "environmentId": f"{wire.base}/environments/e/versions/1",
        "inputs": {
            "x": {"jobInputType": "literal", "value": "3"},
            "d": {"jobInputType": "uri_folder", "uri": "azureml://datastores/workspaceblobstore/paths/in/"},
        },
        "outputs": {"o": {"jobOutputType": "uri_folder"}},
        "environmentVariables": {"A": "1"},
        **more,
    }


def of(wire: Any, found: dict[str, Any]) -> str:
    with wire.workspace.database.read() as reader:
        return fingerprint(wire.workspace, reader, found)


def test_a_fingerprint_is_a_sha256(world: Any) -> None:
    assert len(bytes.fromhex(of(world, body(world)))) == 32


SAME: dict[str, dict[str, Any]] = {
    "names and tags": {"displayName": "n", "description": "d", "tags": {"a": "1"}, "experimentName": "e"},
    "the compute and the queue": {"computeId": "other", "queueSettings": {"jobTier": "Spot"}},
    "properties and services": {"properties": {"a": "b"}, "services": {"s": {"jobServiceType": "SSH"}}},
    "the time limit": {"limits": {"jobLimitsType": "Command", "timeout": "PT1H"}},
    "one instance said aloud": {"resources": {"instanceCount": 1, "shmSize": "2g", "instanceType": "big"}},
    "empty fields": {"distribution": None, "identity": None, "componentId": ""},
    "the case of a word": {"jobType": "command"},
    "the component's name": {"componentId": "azureml:c:2"},
    "the run's own artifacts": {
        "outputs": {
            "o": {"jobOutputType": "uri_folder", "mode": "ReadWriteMount"},
            "default": {"uri": "azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.fox"},
        }
    },
    "an asset's name of an output": {"outputs": {"o": {"jobOutputType": "uri_folder", "assetName": "m"}}},
}


@pytest.mark.parametrize("what", SAME)
def test_it_does_not_depend_on(world: Any, what: str) -> None:
    assert of(world, body(world, **SAME[what])) == of(world, body(world))


OTHER: dict[str, dict[str, Any]] = {
    "the command": {"command": "python train.py"},
    "the variables": {"environmentVariables": {"A": "2"}},
    "the processes": {"distribution": {"distributionType": "PyTorch", "processCountPerInstance": 2}},
    "the instances": {"resources": {"instanceCount": 2}},
    "the type of an output": {"outputs": {"o": {"jobOutputType": "uri_file"}}},
    "the mode of an output": {"outputs": {"o": {"jobOutputType": "uri_folder", "mode": "Direct"}}},
    "the place of an output": {"outputs": {"o": {"jobOutputType": "uri_folder", "uri": "azureml://datastores/a/b"}}},
    "the name of an output": {"outputs": {"p": {"jobOutputType": "uri_folder"}}},
    "there being code": {"codeId": None},
    "a field of another day": {"novelty": 1},
}


@pytest.mark.parametrize("what", OTHER)
def test_it_depends_on(world: Any, what: str) -> None:
    found = of(world, body(world, **OTHER[what]))

    assert found
    assert found != of(world, body(world))


def test_the_same_code_under_another_name_is_the_same(world: Any) -> None:
    other = body(world, codeId=f"{world.base}/codes/code-2/versions/1")

    assert of(world, other) == of(world, body(world))


@pytest.mark.parametrize("name", ["train.py", "more.py"])
def test_changed_or_added_code_is_other_code(world: Any, name: str) -> None:
    world.workspace.blobs.write("code-2", name, b"print(2)")

    assert of(world, body(world, codeId=f"{world.base}/codes/code-2/versions/1")) != of(world, body(world))


def test_code_that_was_uploaded_with_its_digest_is_known_by_it(world: Any) -> None:
    found = []
    for container, digest in (("code-3", "abc"), ("code-4", "abc"), ("code-5", "def")):
        world.workspace.blobs.create_container(container)
        put_code(world, container, hash_sha256=digest)
        found.append(of(world, body(world, codeId=f"{world.base}/codes/{container}/versions/1")))

    assert found[0] == found[1] != found[2]


def test_the_environment_counts_by_what_its_label_means_today(world: Any) -> None:
    latest = body(world, environmentId="azureml:e@latest")

    assert of(world, latest) == of(world, body(world, environmentId=f"{world.base}/environments/e/versions/2"))
    assert of(world, latest) != of(world, body(world))


def test_a_registrys_environment_is_its_id(world: Any) -> None:
    one, two = (f"azureml://registries/azureml/environments/sklearn/versions/{version}" for version in (1, 2))

    assert of(world, body(world, environmentId=one)) != of(world, body(world, environmentId=two)) != ""


@pytest.mark.parametrize(("one", "two", "same"), [(3, "3", True), (True, "True", True), (3, 4, False)])
def test_a_literal_counts_as_the_command_shows_it(world: Any, one: Any, two: Any, same: bool) -> None:
    bodies = [body(world, inputs={"x": {"jobInputType": "literal", "value": value}}) for value in (one, two)]

    assert (of(world, bodies[0]) == of(world, bodies[1])) is same


def test_an_input_that_was_left_out_is_none(world: Any) -> None:
    whole = body(world)
    whole["inputs"] |= {"one": None, "other": {"jobInputType": "literal"}}

    assert of(world, whole) == of(world, body(world))


def with_data(wire: Any, uri: str, **more: Any) -> dict[str, Any]:
    whole = body(wire)
    whole["inputs"]["d"] = {"jobInputType": "uri_folder", "uri": uri, **more}
    return whole


def test_two_versions_of_an_asset_with_the_same_data_are_the_same_input(world: Any) -> None:
    one, two = put_data(world, "1"), put_data(world, "2")

    assert of(world, with_data(world, one)) == of(world, with_data(world, two)) == of(world, body(world))


def test_another_place_or_mode_is_another_input(world: Any) -> None:
    world.workspace.blobs.write(world.workspace.blob_container, "there/a.csv", b"a\n1\n")
    place = "azureml://datastores/workspaceblobstore/paths/there/"

    assert of(world, with_data(world, place)) != of(world, body(world))
    assert of(world, with_data(world, body(world)["inputs"]["d"]["uri"], mode="Download")) != of(world, body(world))


def test_data_that_changed_are_another_input(world: Any) -> None:
    before = of(world, body(world))
    file = world.workspace.blobs.path(world.workspace.blob_container, "in/b.csv")

    os.utime(file, ns=(1, 1))
    touched = of(world, body(world))
    file.unlink()

    assert len({before, touched, of(world, body(world))}) == 3


def test_a_web_address_is_known_by_its_text(world: Any) -> None:
    one, two = (of(world, with_data(world, f"https://example.org/{name}")) for name in ("a", "b"))

    assert one
    assert two
    assert one != two


MISSING = [
    {"environmentId": "azureml:nobody:1"},
    {"codeId": "azureml:nobody:1"},
    {"inputs": {"d": {"jobInputType": "uri_folder", "uri": "azureml://datastores/workspaceblobstore/paths/none/"}}},
    {"inputs": {"d": {"jobInputType": "uri_folder", "uri": "azureml://jobs/nobody/outputs/o"}}},
    {"inputs": {"d": {"jobInputType": "uri_folder", "uri": "azureml:nobody:1"}}},
]


@pytest.mark.parametrize("what", MISSING)
def test_what_names_something_that_is_not_there_has_none(world: Any, what: dict[str, Any]) -> None:
    assert of(world, body(world, **what)) == ""


def test_a_body_of_an_odd_shape_has_none_and_raises_nothing(world: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert of(world, body(world, inputs=["x"])) == ""
    assert "Traceback" in capsys.readouterr().err


def test_the_trial_of_a_sweep_counts_and_so_do_its_trials(world: Any) -> None:
    trial = {key: value for key, value in body(world).items() if key in {"command", "codeId", "environmentId"}}
    sweep = {
        "jobType": "Sweep",
        "trial": trial,
        "limits": {"jobLimitsType": "Sweep", "maxTotalTrials": 4, "timeout": "PT1H"},
        "samplingAlgorithm": {"samplingAlgorithmType": "Random", "seed": 1},
    }
    same_code = {**sweep, "trial": {**trial, "codeId": f"{world.base}/codes/code-2/versions/1"}}
    more = {**sweep, "limits": {**sweep["limits"], "maxTotalTrials": 5}}  # type: ignore[dict-item]
    faster = {**sweep, "limits": {**sweep["limits"], "timeout": "PT2H"}}  # type: ignore[dict-item]
    another = {**sweep, "trial": {**trial, "command": "echo"}}

    first = of(world, sweep)
    assert first
    assert first == of(world, same_code) == of(world, faster)
    assert len({first, of(world, more), of(world, another)}) == 3


def test_a_stored_job_bears_the_fingerprint_of_what_was_sent(world: Any) -> None:
    sent = body(world)
    assert world.ask("PUT", "/jobs/fox", {"properties": sent})[0] == 201
    _, got = world.ask("GET", "/jobs/fox")

    assert of(world, got["properties"]) == of(world, sent) != ""
