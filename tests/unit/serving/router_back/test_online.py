"""What the host does for endpoints, piece by piece: logs, places, generations, the Python of a model."""

from __future__ import annotations

import os
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.agent import records as files
from jupyter_aml.errors import NotFoundError
from jupyter_aml.local.runtime.environments import Environment, Unbuilt
from jupyter_aml.local.serving.online import launching, logs, model_packages, places, preparing
from jupyter_aml.local.serving.online.keeping import Keeper, Preparation
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace


@pytest.fixture
def workspace(home: Path) -> Workspace:
    store = Store(home)
    store.rings = False
    return store.workspace(store.create())


def record(**properties: Any) -> Record:
    body = {"properties": properties, "_local": {"interpreter": {"executable": sys.executable}}}
    return Record("onlineDeployments", "iris", "Blue", body, 0.0, 0.0)


# logs


def write(workspace: Workspace, number: int, *lines: str) -> None:
    log = places.endpoint(workspace.folder, "iris").deployment("blue").replica_log(number)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read(workspace: Workspace, tail: int = 0, container: str = "InferenceServer") -> str:
    return logs.read(workspace, "Iris", "BLUE", container=container, tail=tail)


def test_there_are_no_logs_before_there_are_replicas(workspace: Workspace) -> None:
    assert read(workspace) == ""


def test_the_log_of_one_replica_is_shown_as_it_is(workspace: Workspace) -> None:
    write(workspace, 0, "a", "  b", "c")

    assert read(workspace) == "a\n  b\nc"
    assert read(workspace, tail=2) == "  b\nc"


def test_the_logs_of_several_replicas_are_told_apart(workspace: Workspace) -> None:
    write(workspace, 0, "zero")
    write(workspace, 1, "one")
    os.utime(places.endpoint(workspace.folder, "iris").deployment("blue").replica_log(0), (1, 1))

    assert read(workspace) == "Instance 0:\nzero\nInstance 1:\none"


def test_of_a_long_log_the_last_whole_lines_are_shown(workspace: Workspace) -> None:
    write(workspace, 0, *(f"line {number:09d} " + "x" * 90 for number in range(5000)))

    shown = read(workspace, tail=10).splitlines()

    assert len(shown) == 10
    assert shown[0].startswith("line 000004990 ")


def test_how_a_deployment_was_put_in_place_is_another_log(workspace: Workspace) -> None:
    place = places.endpoint(workspace.folder, "iris").deployment("blue")
    place.folder.mkdir(parents=True)
    place.preparing.write_text("Code is in place.\n")

    assert read(workspace, container="StorageInitializer") == "Code is in place."


# generations


def test_a_generation_changes_with_what_replicas_are_made_of() -> None:
    plain = preparing.generation_of(record(model="m:1"))

    assert preparing.generation_of(record(model="m:1", appInsightsEnabled=True)) == plain
    assert preparing.generation_of(record(model="m:2")) != plain
    assert preparing.generation_of(record(model="m:1", environmentVariables={"A": "B"})) != plain


def test_a_generation_without_its_python_is_not_in_place(tmp_path: Path) -> None:
    generation = places.DeploymentPlace(tmp_path).generation("g")
    generation.folder.mkdir()
    assert preparing.held(generation) is None

    files.write(str(generation.ready), {"python": sys.executable})
    assert preparing.held(generation) == {"python": sys.executable}

    files.write(str(generation.ready), {"python": "/nowhere/python"})
    assert preparing.held(generation) is None


def test_names_of_endpoints_and_deployments_are_the_same_in_any_case(tmp_path: Path) -> None:
    assert places.endpoint(tmp_path, "Iris").deployment("Blue") == places.endpoint(tmp_path, "iris").deployment("blue")


def test_the_socket_of_a_deep_folder_is_short(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()

    assert len(str(places.EndpointPlace(deep).socket)) < 100


# the Python of a model


def model(tmp_path: Path, *requirements: str) -> Path:
    (tmp_path / "requirements.txt").write_text("\n".join(requirements))
    return tmp_path


def test_the_submitters_python_serves_a_model_whose_packages_it_has(tmp_path: Path) -> None:
    import numpy as np

    found = model_packages.choose(model(tmp_path, f"numpy=={np.__version__}"), sys.executable, tmp_path)

    assert isinstance(found, Environment)
    assert found.interpreter.executable == sys.executable
    assert found.notes == ()


def test_other_versions_are_said_but_serve(tmp_path: Path) -> None:
    found = model_packages.choose(model(tmp_path, "numpy==1.0.1"), sys.executable, tmp_path)

    assert isinstance(found, Environment)
    assert "numpy==1.0.1" in found.notes[0]


def test_a_package_that_is_not_there_asks_for_an_environment(tmp_path: Path) -> None:
    found = model_packages.choose(model(tmp_path, "numpy", "no-such-package==1.2"), sys.executable, tmp_path)

    assert isinstance(found, Unbuilt)
    assert "no-such-package==1.2" in found.wanted.requirements


def test_a_model_that_names_no_packages_is_served_as_it_is(tmp_path: Path) -> None:
    assert isinstance(model_packages.choose(tmp_path, sys.executable, tmp_path), Environment)


# the keeper


def keeper(workspace: Workspace) -> Keeper:
    return Keeper(workspace, "iris", {}, ThreadPoolExecutor(1), lambda: None)


def test_only_what_is_being_made_keeps_a_host(workspace: Workspace) -> None:
    kept, work = keeper(workspace), Future()
    kept.preparations["blue"] = Preparation("g", work)
    assert kept.making

    work.set_exception(ValueError("it failed"))

    assert not kept.making


def test_nothing_is_made_where_a_workspace_was(workspace: Workspace) -> None:
    moved = workspace.folder.with_name("moved")
    workspace.database.close()
    workspace.folder.rename(moved)

    assert keeper(workspace).look() == 0
    with pytest.raises(NotFoundError, match="is gone"):
        preparing.prepare(workspace, record(), {}, lambda: False)

    assert not workspace.folder.exists()


# processes


def test_a_pid_that_is_somebody_elses_by_now_is_left_alone(tmp_path: Path) -> None:
    place = places.EndpointPlace(tmp_path)
    files.write(str(place.status), {"pid": os.getpid()})

    launching.stop(place, seconds=0.0)  # or this test would not end
