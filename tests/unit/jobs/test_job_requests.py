"""Jobs over REST: lists, changes, cancel, delete, and run history's documents."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_aml.local.jobs import records
from jupyter_aml.local.jobs.lifecycle import Status


def names(body: Any) -> list[str]:
    return [item["name"] for item in body["value"]]


def finish(wire: Any, name: str, status: Status = Status.COMPLETED, **state: Any) -> None:
    with wire.workspace.database.write() as transaction:
        record = records.find(transaction, name)
        records.advance(
            transaction, name, status=status, state={**record.state, **state}, now=wire.clock.now, ended=wire.clock.now
        )


@pytest.fixture
def many(wire: Any) -> Any:
    """Five jobs, job0 the oldest; job3 and job4 made at the same moment."""
    for number in range(5):
        wire.clock.now += 1 if number < 4 else 0
        wire.put(
            f"job{number}", experimentName="even" if number % 2 == 0 else "odd", tags={"n": str(number), "a.b": "x"}
        )
    return wire


def test_jobs_are_listed_newest_first(many: Any) -> None:
    assert names(many.ask("GET", "/jobs")[1]) == ["job4", "job3", "job2", "job1", "job0"]


def test_pages_follow_each_other_without_gap_or_repeat(many: Any) -> None:
    _, page = many.ask("GET", "/jobs?$top=2")
    seen = names(page)
    while "nextLink" in page:
        _, page = many.ask("GET", page["nextLink"])
        seen += names(page)

    assert seen == ["job4", "job3", "job2", "job1", "job0"]


def test_a_page_token_from_elsewhere_is_refused(many: Any) -> None:
    status, body = many.ask("GET", "/jobs?$skip=nonsense")

    assert (status, body["error"]["code"]) == (400, "InvalidPagingToken")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("tag=n=3", ["job3"]),
        ("tag=a.b", ["job4", "job3", "job2", "job1", "job0"]),
        ("tag=nothing", []),
        ("experimentName=odd", ["job3", "job1"]),
        ("status=completed", ["job2"]),
        ("status=Completed,NotStarted&experimentName=even", ["job4", "job2", "job0"]),
        ("jobType=command&$top=1", ["job4"]),
        ("jobType=Sweep", []),
    ],
)
def test_lists_are_filtered(many: Any, query: str, found: list[str]) -> None:
    finish(many, "job2")

    assert names(many.ask("GET", f"/jobs?{query}")[1]) == found


def test_archived_jobs_are_shown_when_asked_for(many: Any) -> None:
    status, run = many.history("PATCH", "/experiments/odd/runs/job3", {"hidden": True})

    assert (status, run["hidden"]) == (200, True)
    assert "job3" not in names(many.ask("GET", "/jobs")[1])
    assert names(many.ask("GET", "/jobs?listViewType=ArchivedOnly")[1]) == ["job3"]
    assert len(names(many.ask("GET", "/jobs?listViewType=All")[1])) == 5
    many.history("PATCH", "/experiments/odd/runs/job3", {"hidden": False})
    assert "job3" in names(many.ask("GET", "/jobs")[1])


def test_tags_are_merged_by_a_patch(many: Any) -> None:
    many.history("PATCH", "/experiments/odd/runs/job1", {"tags": {"new": "1"}, "displayName": "One"})

    _, job = many.ask("GET", "/jobs/job1")
    assert job["properties"]["tags"] == {"n": "1", "a.b": "x", "new": "1"}
    assert job["properties"]["displayName"] == "One"


def test_a_job_that_does_not_exist_is_404_with_the_nearest(many: Any) -> None:
    status, body = many.ask("GET", "/jobs/jbo1")

    assert status == 404
    assert "'jbo1' was not found" in body["error"]["message"]
    assert "Did you mean job" in body["error"]["message"]


def test_cancel_of_a_waiting_job_is_noted_for_the_host(many: Any) -> None:
    assert many.ask("POST", "/jobs/job1/cancel")[0] == 200
    assert many.ask("GET", "/jobs/job1")[1]["properties"]["status"] == "CancelRequested"
    assert many.ask("POST", "/jobs/job1/cancel")[0] == 200


def test_cancel_of_a_completed_job_says_that_it_is_too_late(many: Any) -> None:
    finish(many, "job1")

    status, body = many.ask("POST", "/jobs/job1/cancel")

    assert (status, body["error"]["code"]) == (400, "UserError")
    assert "Completed already" in body["error"]["message"]


def test_a_job_that_runs_cannot_be_deleted(many: Any) -> None:
    status, body = many.ask("DELETE", "/jobs/job1")

    assert status == 409
    assert "job cancel job1" in body["error"]["message"]


def test_a_deleted_job_is_gone_with_its_run_and_its_name_is_free(many: Any) -> None:
    finish(many, "job1")
    runs = many.workspace.runs_folder("job1")
    runs.mkdir(parents=True)

    assert many.ask("DELETE", "/jobs/job1")[0] == 200
    assert many.ask("GET", "/jobs/job1")[0] == 404
    assert not runs.exists()
    assert many.put("job1", "echo other")[0] == 201
    assert many.ask("DELETE", "/jobs/nobody")[0] == 204


def test_the_first_look_at_a_run_that_ended_just_now_finds_it_finalizing(many: Any) -> None:
    finish(many, "job1", Status.COMPLETED)
    finish(many, "job2", Status.COMPLETED)

    found = [many.history("GET", "/runs/job1/details")[1]["status"] for _ in range(2)]
    many.clock.now += 60
    late = many.history("GET", "/runs/job2/details")[1]["status"]

    assert found == ["Finalizing", "Completed"]
    assert late == "Completed"
    assert many.history("GET", "/runs/job1")[1]["status"] == "Completed"


def test_details_name_the_logs_as_blobs_and_the_error_of_a_failed_job(many: Any) -> None:
    log = many.workspace.runs_folder("job1") / "user_logs" / "std_log.txt"
    log.parent.mkdir(parents=True)
    log.write_text("boom", encoding="utf-8")
    error = {"code": "UserError", "message": "ValueError: no", "traceback": "Traceback ..."}
    finish(many, "job1", Status.FAILED, error=error)
    many.clock.now += 60

    status, details = many.history("GET", "/runs/job1/details")

    assert (status, details["status"]) == (200, "Failed")
    url = details["logFiles"]["user_logs/std_log.txt"]
    assert url.endswith("/azureml/ExperimentRun/dcid.job1/user_logs/std_log.txt")
    assert details["error"]["error"]["message"] == "ValueError: no"
    assert details["error"]["error"]["details"][0]["message"] == "Traceback ..."


def test_run_data_carries_the_outputs_that_were_kept(many: Any) -> None:
    kept = {
        "model": {"uri": "azureml://datastores/workspaceblobstore/paths/azureml/job1/model/", "type": "custom_model"}
    }
    finish(many, "job1", outputs=kept)

    _, data = many.history("POST", "/rundata", {"runId": "job1", "selectRunMetadata": True})
    asset = data["runMetadata"]["outputs"]["model"]["assetId"]
    _, resolved = many.ask(
        "POST",
        f"/data/v1.0{many.base}/dataversion/batchGetResolvedUris",
        {"values": [asset]},
        "local.api.azureml.ms",
    )

    assert asset.endswith("/models/azureml_job1_output_model/versions/1")
    assert resolved["values"][asset]["uri"].endswith("/datastores/workspaceblobstore/paths/azureml/job1/model/")


def test_children_are_those_that_name_their_parent(many: Any) -> None:
    many.put("child", parentJobName="job1")

    _, children = many.history("GET", "/runs/job1/children")

    assert [run["runId"] for run in children["value"]] == ["child"]
