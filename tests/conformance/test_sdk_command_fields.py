"""Fields of command jobs beside what they run: tiers, notes on what means nothing here, values, writable mounts."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Input, UserIdentityConfiguration, dsl, load_component
from azure.ai.ml.entities import AmlCompute
from azure.core.exceptions import HttpResponseError

from jupyter_aml.local.jobs import records
from jupyter_aml.local.jobs.fingerprint import fingerprint

from . import lab as labs
from .lab import PLAIN, Lab, wait_for

UNTIL_TOLD = "import os, time\nwhile not os.path.exists({place!r}):\n    time.sleep(0.02)\n"


@pytest.fixture
def lab(installation: Path, home: Path, real_host: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """One door is enough here: what differs is below it."""
    monkeypatch.setenv("JUPYTER_AML_HOME", str(installation))
    yield from labs.by_process(installation)


def test_of_jobs_that_wait_those_of_a_higher_tier_start_first(lab: Lab, tmp_path: Path) -> None:
    lab.client.compute.begin_create_or_update(AmlCompute(name="narrow", max_instances=1)).wait()
    told = tmp_path / "told"
    first = lab.submit(UNTIL_TOLD.format(place=str(told)), compute="narrow")
    lab.running(first)
    waiting = {
        tier: lab.submit("import time; print(time.time())", compute="narrow", job_tier=tier, priority=priority)
        for tier, priority in (("spot", "high"), ("standard", "low"), ("basic", None), ("premium", None))
    }
    for name in waiting.values():
        wait_for(lambda name=name: lab.client.jobs.get(name).status == "Queued", f"{name} waits")

    told.touch()

    assert lab.end(first).status == "Completed"
    begun = {tier: float(lab.log(lab.end(name).name).strip().splitlines()[-1]) for tier, name in waiting.items()}
    assert sorted(begun, key=lambda tier: begun[tier]) == ["premium", "standard", "basic", "spot"]


def test_the_log_says_which_settings_mean_nothing_here_and_the_job_runs(lab: Lab) -> None:
    job = lab.run(
        "print('done')",
        instance_type="Standard_NC6",
        shm_size="4g",
        docker_args="--ipc=host",
        identity=UserIdentityConfiguration(),
    )

    text = lab.log(job.name)
    for words in (
        "resources.shmSize and resources.dockerArgs",
        "instanceType is Standard_NC6",
        "identity is UserIdent",
    ):
        assert words in text
    assert text.endswith("done\n")
    assert (job.resources.shm_size, job.resources.docker_args) == ("4g", "--ipc=host")
    warned = lab.client.jobs._runs_operations.get_run_details(job.name).warnings
    assert any("Standard_NC6" in warning.message for warning in warned)


def test_a_job_that_asks_for_nothing_special_has_a_plain_log(lab: Lab) -> None:
    assert lab.prints("print('plain')", instance_count=1) == "plain\n"


def test_words_that_azure_does_not_know_are_refused(lab: Lab) -> None:
    with pytest.raises(HttpResponseError, match="'enormous'; a number with b, k, m or g") as caught:
        lab.submit("print(1)", shm_size="enormous")

    assert caught.value.status_code == 400


def test_a_writable_mount_of_a_datastore_changes_what_is_there(lab: Lab) -> None:
    place = "azureml://datastores/workspaceblobstore/paths/shared/"
    workspace = lab.service.workspace(lab.entry)
    folder = workspace.blobs.path(workspace.blob_container, "shared")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "count.txt").write_text("1")

    lab.run(
        "import sys\npath = sys.argv[1] + '/count.txt'\nn = int(open(path).read())\nopen(path, 'w').write(str(n + 1))",
        command="python train.py ${{inputs.shared}}",
        inputs={"shared": Input(type="uri_folder", path=place, mode="rw_mount")},
    )

    assert (folder / "count.txt").read_text() == "2"


def component(folder: Path, name: str, script: str, **more: Any) -> Any:
    """A command component of one script."""
    import yaml

    source = folder / name
    source.mkdir()
    (source / "run.py").write_text(textwrap.dedent(script), encoding="utf-8")
    spec = {"type": "command", "name": name, "version": "1", "environment": f"azureml:{PLAIN}", "code": ".", **more}
    (source / "component.yml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    return load_component(source / "component.yml")


def test_a_value_that_a_step_writes_is_the_input_of_the_next(lab: Lab, folder: Path) -> None:
    count = component(
        folder,
        "count",
        "import sys\nopen(sys.argv[1], 'w').write('41\\n')\n",
        command="python run.py ${{outputs.number}}",
        outputs={"number": {"type": "integer"}},
    )
    show = component(
        folder,
        "show",
        "import sys\nprint('next is', int(sys.argv[1]) + 1)\n",
        command="python run.py ${{inputs.number}}",
        inputs={"number": {"type": "integer"}},
    )

    @dsl.pipeline(default_compute="serverless")  # type: ignore[untyped-decorator]
    def both() -> None:
        first = count()
        show(number=first.outputs.number)

    parent = lab.end(lab.client.jobs.create_or_update(both(), experiment_name="values").name)

    children = {child.display_name: child.name for child in lab.client.jobs.list(parent_job_name=parent.name)}
    assert parent.status == "Completed", {name: lab.log(child) for name, child in children.items()}
    assert "next is 42" in lab.log(children["show"])
    assert lab.client.jobs.get(children["first"]).outputs["number"].type == "uri_file"


def test_a_step_that_needs_an_early_output_runs_beside_the_one_that_gives_it(
    lab: Lab, folder: Path, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    early = component(
        folder,
        "early",
        f"""
        import os, sys, time, requests
        run = os.environ["AZUREML_WORKSPACE_SCOPE"] + "/runs/" + os.environ["AZUREML_RUN_ID"]
        answer = requests.patch(
            os.environ["AZUREML_SERVICE_ENDPOINT"] + "/history/v1.0" + run,
            json={{"properties": {{"azureml.pipeline.control.port": "4711"}}}},
            headers={{"Authorization": "Bearer " + os.environ["AZUREML_RUN_TOKEN"]}},
        )
        answer.raise_for_status()
        open(sys.argv[1], "w").write("4711")
        until = time.time() + 60
        while not os.path.exists({str(told)!r}):
            assert time.time() < until, "the other step never began"
            time.sleep(0.05)
        """,
        command="python run.py ${{outputs.port}}",
        outputs={"port": {"type": "integer", "early_available": True}},
    )
    user = component(
        folder,
        "user",
        f"import sys\nopen({str(told)!r}, 'w').write(sys.argv[1])\n",
        command="python run.py ${{inputs.port}}",
        inputs={"port": {"type": "integer"}},
    )

    @dsl.pipeline(default_compute="serverless")  # type: ignore[untyped-decorator]
    def both() -> None:
        first = early()
        user(port=first.outputs.port)

    parent = lab.end(lab.client.jobs.create_or_update(both(), experiment_name="values").name)

    assert parent.status == "Completed"
    assert told.read_text() == "4711"


def test_the_same_job_submitted_twice_has_one_fingerprint_and_another_has_not(lab: Lab) -> None:
    workspace = lab.service.workspace(lab.entry)

    def of(script: str, **more: Any) -> str:
        name = lab.submit(script, inputs={"x": 1, **more}, command="python train.py ${{inputs.x}}")
        with workspace.database.read() as reader:
            return fingerprint(workspace, reader, records.find(reader, name).body)

    first = of("print(1)")
    assert len(first) == 64
    assert of("print(1)") == first
    assert of("print(2)") != first
    assert of("print(1)", x=2) != first
