"""The trials and steps on a job's card."""

from __future__ import annotations

from typing import Any

from jupyter_aml.views import children, job

TRIALS = [
    {"number": 0, "name": "s_0", "status": "Completed", "point": {"lr": 0.5}, "value": 0.7, "started": 0, "ended": 2},
    {"number": 1, "name": "s_1", "status": "Completed", "point": {"lr": 0.1}, "value": 0.9, "started": 0, "ended": 4},
    {"number": 2, "name": "s_2", "status": "Running", "point": {"lr": 0.2}, "value": None, "started": 5},
]
SWEEP: dict[str, Any] = {
    "status": "Running", "display_name": "tune", "name": "s", "now": 8, "trials": TRIALS, "metric": "auc",
    "goal": "maximize", "best": "s_1", "planned": 5, "metrics": {"auc": 0.7, "cost": 3.0},
}  # fmt: skip
PIPELINE: dict[str, Any] = {
    "status": "Running", "name": "p", "now": 8,
    "steps": [
        {"step": "prep", "name": "p_prep", "status": "Completed", "reused": "o_prep", "started": 1, "ended": 1},
        {"step": "train", "name": "p_train", "status": "Running", "reused": "", "started": 5},
        {"step": "test", "name": "", "status": ""},
    ],
}  # fmt: skip


def rows(snapshot: dict[str, Any]) -> list[list[str]]:
    """The lines of the children's table, as cells."""
    lines = children.plain(snapshot).splitlines()
    return [[cell for cell in line.split("  ") if cell.strip()] for line in lines[3:]]


def test_trials_stand_from_the_best_to_the_worst_and_those_without_a_value_last() -> None:
    assert [row[0].strip() for row in rows(SWEEP)] == ["1 *", "0", "2"]
    assert [row[0].strip() for row in rows({**SWEEP, "goal": "minimize", "best": "s_0"})] == ["0 *", "1", "2"]


def test_a_trial_shows_its_parameters_its_value_and_how_long_it_took_so_far() -> None:
    best, _, running = rows(SWEEP)

    assert [cell.strip() for cell in best] == ["1 *", "0.1", "0.9", "Completed", "4 s", "s_1"]
    assert [cell.strip() for cell in running] == ["2", "0.2", "Running", "3 s", "s_2"]


def test_children_are_counted_by_status() -> None:
    assert children.counts(SWEEP) == "3 of 5 trials: 2 completed, 1 running"
    assert children.counts({**SWEEP, "trials": TRIALS[:1], "planned": 1}) == "1 trial: 1 completed"
    assert children.counts(PIPELINE) == "3 steps: 1 reused, 1 running, 1 waiting"


def test_the_card_names_the_objective_and_the_best_trial() -> None:
    shown = job.plain(SWEEP)

    assert "maximize auc" in shown
    assert "1, auc=0.9 with lr=0.1" in shown


def test_a_sweep_without_a_best_trial_names_its_objective_alone() -> None:
    assert children.facts({**SWEEP, "best": ""}) == [("objective", "maximize auc")]


def test_the_metric_of_a_sweep_stands_with_its_trials_only() -> None:
    shown = job.plain(SWEEP)

    assert "cost" in shown.split("3 of 5 trials", maxsplit=1)[0]
    assert "\nauc" not in shown


def test_the_best_trial_is_marked_without_colours_too() -> None:
    shown = children.html(SWEEP)

    assert shown.count("★") == 1
    assert '<span class="best jp-Aml-good">1 ★</span>' in shown


def test_many_trials_are_folded_away() -> None:
    many = [{**TRIALS[0], "number": number, "name": f"s_{number}", "value": 1 / number} for number in range(1, 31)]
    snapshot = {**SWEEP, "trials": many, "planned": 30, "best": "s_1"}

    assert "<summary>15 more</summary>" in children.html(snapshot)
    assert children.html(snapshot).count("<tr>") == 30 + 2
    assert children.plain(snapshot).endswith("… and 15 more")


def test_a_step_says_whether_it_waits_runs_or_was_taken_over() -> None:
    shown = [[cell.strip() for cell in row] for row in rows(PIPELINE)]

    assert shown == [
        ["prep", "Completed", "of o_prep", "p_prep"],
        ["train", "Running", "3 s", "p_train"],
        ["test", "Waiting"],
    ]


def test_a_step_that_never_began_is_skipped_when_the_pipeline_has_ended() -> None:
    assert "Skipped" in children.plain({**PIPELINE, "now": None})
    assert children.counts({**PIPELINE, "now": None}) == "3 steps: 1 reused, 1 running, 1 skipped"
    assert "Skipped" in children.html({**PIPELINE, "now": None})


def test_what_scripts_name_is_escaped() -> None:
    harmful = [{**TRIALS[0], "point": {"<b>": "<i>"}}]

    shown = children.html({**SWEEP, "trials": harmful, "metric": "<u>"})

    assert "<b>" not in shown
    assert "<i>" not in shown
    assert "<u>" not in shown


def test_a_job_without_children_shows_none() -> None:
    assert children.html({"status": "Running"}) == ""
    assert children.plain({"status": "Running"}) == ""


def test_a_pipeline_that_took_nothing_over_has_no_column_for_it() -> None:
    fresh = {**PIPELINE, "steps": PIPELINE["steps"][1:]}

    assert "reused" not in children.plain(fresh)
    assert "reused" not in children.html(fresh)
    assert "reused" in children.plain(PIPELINE)
