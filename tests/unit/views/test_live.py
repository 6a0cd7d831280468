"""The live form of a job's card: enough to read the job without a kernel, and how it ended."""

from __future__ import annotations

from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.views.live import MIME, VENDOR, bundle, comparison

RUNNING = {"workspace": "/w", "place": "LOCAL", "name": "j", "status": "Running", "metrics": {"auc": 0.5}, "log": "x"}


def test_a_job_that_runs_is_named_and_not_final() -> None:
    assert bundle(RUNNING) == {
        MIME: {"version": 1, "workspace": "/w", "place": "LOCAL", "name": "j", "final": None}
    }  # fmt: skip


def test_a_job_that_has_ended_keeps_how() -> None:
    [told] = bundle({**RUNNING, "status": "Failed", "ended": "2026-01-01T00:00:00Z"}).values()

    assert told["final"] == {"status": "Failed", "ended": "2026-01-01T00:00:00Z", "metrics": {"auc": 0.5}}


def test_without_a_workspace_there_is_no_live_form() -> None:
    assert bundle({"name": "j", "status": "Running"}) == {}


def test_jobs_alone_have_one() -> None:
    assert MIME in Outcome(None, kind="job", details=RUNNING)._repr_mimebundle_()
    assert MIME not in Outcome({"name": "x"}, kind="record")._repr_mimebundle_()
    assert MIME not in Outcome(None, kind="job", details=RUNNING, form="json")._repr_mimebundle_()


def test_runs_side_by_side_are_named_unless_there_are_too_many() -> None:
    runs = [{**RUNNING, "name": f"j{number}"} for number in range(13)]
    [told] = comparison(runs[:2]).values()

    assert told == {"version": 1, "workspace": "/w", "place": "LOCAL", "names": ["j0", "j1"]}
    assert comparison(runs) == comparison([]) == comparison([{"name": "j"}, {"name": "k"}]) == {}
    drawn = Outcome(None, kind="compare", details={"runs": runs[:2]})._repr_mimebundle_()
    assert f"{VENDOR}comparison+json" in drawn
