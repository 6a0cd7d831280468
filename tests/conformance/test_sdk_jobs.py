"""Command jobs through the unmodified SDK: submitted, looked at, changed, archived, streamed, cancelled."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from azure.ai.ml import command
from azure.ai.ml.exceptions import JobException
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from .lab import PLAIN, Lab, wait_for

SLEEP = "import time\nprint('begun', flush=True)\ntime.sleep(600)"
ORDER = ["NotStarted", "Preparing", "Queued", "Starting", "Running", "Finalizing", "Completed"]


def test_a_job_that_was_submitted_says_what_it_is(lab: Lab) -> None:
    made = lab.client.jobs.create_or_update(
        command(
            command="echo hello",
            environment=PLAIN,
            display_name="Hello",
            description="Says hello.",
            experiment_name="greetings",
            tags={"kind": "greeting"},
            properties={"origin": "test"},
            compute="serverless",
        )
    )

    assert made.type == "command"
    assert made.status in ORDER
    assert (made.display_name, made.description, made.experiment_name) == ("Hello", "Says hello.", "greetings")
    assert made.tags == {"kind": "greeting"}
    assert made.properties["origin"] == "test"
    assert made.id == f"{lab.entry.arm_id}/jobs/{made.name}"
    assert made.creation_context.created_by
    assert made.creation_context.created_at.tzinfo is not None
    assert lab.end(made.name).status == "Completed"


def test_a_job_without_a_name_gets_one_and_its_name_is_its_display_name(lab: Lab) -> None:
    one, other = (lab.client.jobs.create_or_update(command(command="true", environment=PLAIN)) for _ in range(2))

    assert one.name != other.name
    assert one.display_name == one.name
    assert one.experiment_name == "work"  # the SDK names it after the folder


def test_statuses_only_go_forward_and_end_at_completed(lab: Lab, tmp_path: Path) -> None:
    seen_running = tmp_path / "seen"
    name = lab.submit(f"import pathlib, time\nwhile not pathlib.Path({str(seen_running)!r}).exists(): time.sleep(0.01)")
    seen: list[str] = []

    def ended() -> bool:
        status = lab.client.jobs.get(name).status
        if status not in seen:
            seen.append(status)
        if status == "Running":
            seen_running.touch()
        return status == "Completed"

    wait_for(ended, "the end")
    assert seen == sorted(seen, key=ORDER.index)
    assert "Running" in seen


def test_a_valid_job_is_found_valid_and_nothing_is_submitted(lab: Lab) -> None:
    before = len(list(lab.client.jobs.list()))

    result = lab.client.jobs.validate(command(command="true", environment=PLAIN, compute="serverless"))

    assert result.passed
    assert len(list(lab.client.jobs.list())) == before


def test_an_unknown_job_is_not_found_whatever_is_asked_of_it(lab: Lab) -> None:
    jobs = lab.client.jobs
    for ask in (jobs.get, jobs.begin_cancel, jobs.archive, jobs.restore, jobs.stream, jobs.download):
        with pytest.raises(ResourceNotFoundError) as caught:
            ask("absent")

        assert caught.value.status_code == 404
        assert caught.value.error.code == "UserError"
        assert "'absent' was not found" in caught.value.message


def test_words_and_tags_of_a_job_may_change(lab: Lab) -> None:
    job = lab.run(command="true", tags={"a": "1", "b": "2"}, display_name="before")
    job.tags, job.display_name, job.description = {"b": "3", "c": "4"}, "after", "Looked at."

    changed = lab.client.jobs.create_or_update(job)

    again = lab.client.jobs.get(job.name)
    for found in (changed, again):
        assert (found.display_name, found.description) == ("after", "Looked at.")
        assert {"b": "3", "c": "4"}.items() <= found.tags.items()
        assert (found.status, found.command, found.name) == ("Completed", "true", job.name)


def test_another_command_under_a_name_that_exists_is_a_conflict(lab: Lab) -> None:
    job = lab.run(command="true")

    with pytest.raises(ResourceExistsError, match="its command cannot be changed") as caught:
        lab.client.jobs.create_or_update(
            command(name=job.name, command="false", environment=PLAIN, experiment_name="conformance")
        )

    assert (caught.value.status_code, caught.value.error.code) == (409, "Conflict")


def test_a_job_is_archived_and_restored(lab: Lab) -> None:
    job = lab.run(command="true")

    lab.client.jobs.archive(job.name)
    assert job.name not in [one.name for one in lab.client.jobs.list()]
    assert lab.client.jobs.get(job.name).status == "Completed"

    lab.client.jobs.restore(job.name)
    assert job.name in [one.name for one in lab.client.jobs.list()]


@pytest.mark.parametrize("lab", ["process"], indirect=True)
def test_a_log_is_streamed_with_the_runs_name_and_its_view(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    name = lab.submit("import time\nfor n in range(3):\n    print('line', n, flush=True); time.sleep(0.1)")

    lab.client.jobs.stream(name)

    shown = capsys.readouterr().out
    assert shown.startswith(f"RunId: {name}\nWeb View: {lab.client.jobs.get(name).studio_url.partition('&tid=')[0]}")
    assert "Streaming user_logs/std_log.txt" in shown
    assert re.findall(r"line \d", shown) == ["line 0", "line 1", "line 2"]
    assert shown.count("Execution Summary") == 1


def test_the_log_of_a_job_that_has_ended_is_no_fault(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    job = lab.run("print('done')")

    lab.client.jobs.stream(job.name)

    assert "Execution Summary" in capsys.readouterr().out


def test_streaming_a_failed_job_raises_with_the_scripts_own_words(lab: Lab) -> None:
    job = lab.run("raise ValueError('no rows')", status="Failed")

    with pytest.raises(JobException, match="ValueError: no rows") as caught:
        lab.client.jobs.stream(job.name)

    assert "Traceback (most recent call last)" in str(caught.value)
    assert lab.error(job.name)["code"] == "UserError"


def test_a_running_job_is_cancelled(lab: Lab) -> None:
    name = lab.submit(SLEEP)
    lab.running(name)

    lab.client.jobs.begin_cancel(name).result()

    assert lab.end(name).status == "Canceled"
    lab.client.jobs.stream(name)  # no fault: somebody wanted it
    lab.client.jobs.begin_cancel(name).result()  # nor is doing it twice


def test_a_job_that_has_completed_cannot_be_cancelled(lab: Lab) -> None:
    job = lab.run(command="true")

    with pytest.raises(HttpResponseError, match="is Completed already") as caught:
        lab.client.jobs.begin_cancel(job.name).result()

    assert caught.value.status_code == 400
    assert lab.client.jobs.get(job.name).status == "Completed"


def test_a_job_that_has_not_ended_cannot_be_downloaded(lab: Lab) -> None:
    name = lab.submit(SLEEP)
    lab.running(name)

    with pytest.raises(JobException, match="Download is allowed only in states"):
        lab.client.jobs.download(name)

    lab.client.jobs.begin_cancel(name).result()
    lab.end(name)


def test_a_job_has_the_services_of_azure_and_an_address_to_look_at(lab: Lab) -> None:
    job = lab.run(command="true")

    assert {"Tracking", "Studio"} <= set(job.services)
    assert job.studio_url == job.services["Studio"].endpoint
    assert job.name in job.studio_url
    assert lab.client.jobs.show_services(job.name) is None


def test_a_time_limit_ends_a_job_as_failed(lab: Lab) -> None:
    job = command(command="sleep 600", environment=PLAIN, name=None)
    job.set_limits(timeout=1)
    made = lab.client.jobs.create_or_update(job)

    found = lab.end(made.name)

    assert (found.status, found.limits.timeout) == ("Failed", 1)
    assert lab.error(made.name)["code"] == "JobTimeout"
    assert "longer than its limit of 1 s" in lab.error(made.name)["message"]


def test_identity_resources_queue_and_services_come_back_as_they_were_sent(lab: Lab) -> None:
    from azure.ai.ml import UserIdentityConfiguration
    from azure.ai.ml.entities import JupyterLabJobService, QueueSettings, TensorBoardJobService

    job = command(
        command="true",
        environment=PLAIN,
        identity=UserIdentityConfiguration(),
        services={"lab": JupyterLabJobService(), "board": TensorBoardJobService(log_dir="outputs/tb")},
        shm_size="3g",
        instance_type="STANDARD_D2",
        instance_count=1,
    )
    job.queue_settings = QueueSettings(job_tier="spot")
    made = lab.client.jobs.create_or_update(job)

    found = lab.end(made.name)

    assert found.status == "Completed"
    assert isinstance(found.identity, UserIdentityConfiguration)
    assert found.queue_settings.job_tier.lower() == "spot"
    assert (found.resources.instance_type, found.resources.shm_size) == ("STANDARD_D2", "3g")
    assert {"lab", "board", "Studio", "Tracking"} <= set(found.services)
    assert found.services["board"].log_dir == "outputs/tb"
    told = lab.client.jobs.show_services(made.name)
    assert f"starts no services of its own; %aml job attach {made.name} opens a kernel" in told["lab"].error
    assert "tensorboard --logdir" in told["board"].error
