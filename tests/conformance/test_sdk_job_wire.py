"""Command jobs on the wire, as the SDK's own pipeline sees it: statuses of HTTP, error bodies, and a host that dies."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from azure.ai.ml import command
from azure.core.exceptions import HttpResponseError

from jupyter_aml.local.store import bell
from jupyter_aml.testing import hosts

from .lab import PLAIN, Lab, wait_for

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
WORDS = re.compile(r"[A-Z]\w+")


@contextlib.contextmanager
def overheard() -> Iterator[list[Any]]:
    """The answers that the SDK's transport gets, oldest first."""
    import requests

    heard: list[Any] = []
    plain = requests.Session.send

    def send(self: Any, request: Any, **options: Any) -> Any:
        answer = plain(self, request, **options)
        heard.append(answer)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "send", send)
        yield heard


def put(heard: list[Any]) -> Any:
    """The answer to the PUT of a job."""
    return next(one for one in heard if one.request.method == "PUT" and "/jobs/" in one.request.url)


def test_a_new_job_is_201_and_the_same_again_200(lab: Lab) -> None:
    job = command(command="true", environment=PLAIN, name=f"twice-{lab.door}")
    answers = []
    for _ in range(2):
        with overheard() as heard:
            lab.client.jobs.create_or_update(job)
        answers.append(put(heard))

    assert [one.status_code for one in answers] == [201, 200]
    lab.end(f"twice-{lab.door}")


def test_a_job_is_an_arm_resource_with_all_that_the_sdk_needs(lab: Lab) -> None:
    job = lab.run(command="true", tags={"a": "1"})
    with overheard() as heard:
        lab.client.jobs.get(job.name)

    body = heard[-1].json()
    assert (body["id"], body["name"]) == (f"{lab.entry.arm_id}/jobs/{job.name}", job.name)
    assert body["type"] == "Microsoft.MachineLearningServices/workspaces/jobs"
    assert ISO.fullmatch(body["systemData"]["createdAt"])
    assert body["systemData"]["createdByType"] == "User"
    properties = body["properties"]
    assert (properties["jobType"], properties["status"]) == ("Command", "Completed")
    assert properties["experimentName"] == "conformance"
    assert properties["environmentId"].startswith(f"{lab.entry.arm_id}/environments/plain/versions/")
    assert properties["tags"] == {"a": "1"}
    assert properties["isArchived"] is False
    assert properties["services"]["Studio"]["jobServiceType"] == "Studio"
    assert properties["services"]["Tracking"]["endpoint"].startswith("azureml://")
    assert properties["outputs"]["default"]["jobOutputType"] == "uri_folder"


def test_an_error_has_arms_body_and_ids_to_report_it_by(lab: Lab) -> None:
    with pytest.raises(HttpResponseError) as caught:
        lab.client.jobs.get("absent")

    answer = caught.value.response
    error = answer.json()["error"]
    assert error["code"] == "UserError"
    assert error["message"]
    assert "json" in answer.headers["Content-Type"]
    assert answer.headers["x-ms-request-id"]


@pytest.mark.parametrize(
    ("change", "status", "code", "target"),
    [
        ({"environment": "absent:1"}, 404, "ResourceNotFound", "properties.environmentId"),
        ({"compute": "absent"}, 404, "ResourceNotFound", "properties.computeId"),
        ({"command": "echo ${{nothing}}"}, 400, "UserError", "properties.command"),
        ({"name": "no good"}, 400, "ValidationError", None),
    ],
)
def test_a_job_that_is_refused_leaves_no_trace(
    lab: Lab, change: dict[str, str], status: int, code: str, target: str | None
) -> None:
    before = len(list(lab.client.jobs.list()))

    with pytest.raises(HttpResponseError) as caught:
        lab.client.jobs.create_or_update(command(**{"command": "true", "environment": PLAIN, **change}))

    assert (caught.value.status_code, caught.value.error.code) == (status, code)
    assert target is None or caught.value.error.target == target
    assert len(list(lab.client.jobs.list())) == before


def test_a_refused_job_is_asked_for_once(lab: Lab) -> None:
    with overheard() as heard, contextlib.suppress(HttpResponseError):
        lab.client.jobs.create_or_update(command(command="true", environment="absent:1"))

    assert len([one for one in heard if one.request.method == "PUT" and "/jobs/" in one.request.url]) == 1


def test_names_of_jobs_are_found_in_any_case(lab: Lab) -> None:
    job = lab.run(command="true", name=f"Mixed-Case-{lab.door}")

    assert lab.client.jobs.get(f"mixed-case-{lab.door}").id == job.id


def kill_host(lab: Lab) -> int:
    """Kill the host as a power cut would; its pid."""
    home = lab.service.store.home
    pid = int(wait_for(lambda: bell.ask(home, {"op": "status"}), "an answer of the host")["pid"])
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not hosts.alive(pid), "the host's end")
    return pid


@pytest.mark.parametrize("lab", ["process"], indirect=True)
def test_a_job_outlives_its_host_and_the_next_one_keeps_what_it_made(lab: Lab, folder: Any) -> None:
    from azure.ai.ml import Output

    go = folder / "go"
    name = lab.submit(
        f"""
        import pathlib, sys, time
        print("begun", flush=True)
        while not pathlib.Path({str(go)!r}).exists():
            time.sleep(0.02)
        pathlib.Path(sys.argv[1], "made.txt").write_text("made")
        """,
        command="python train.py ${{outputs.o}}",
        outputs={"o": Output(type="uri_folder", name="outlived")},
    )
    lab.running(name)
    kill_host(lab)
    go.touch()

    assert lab.end(name).status == "Completed"
    assert lab.client.data.get("outlived", label="latest").version == "1"
    lab.client.jobs.download(name, download_path=folder / "down", output_name="o")
    assert (folder / "down" / "named-outputs" / "o" / "made.txt").read_text(encoding="utf-8") == "made"
    assert lab.run(command="true").status == "Completed"
