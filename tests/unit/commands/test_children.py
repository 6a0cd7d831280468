"""What is read of a job's children, from answers as run history and MLflow give them."""

from __future__ import annotations

from typing import Any

from jupyter_aml.commands.actions import children

SWEEP = {
    "jobType": "Sweep",
    "objective": {"primaryMetric": "loss", "goal": "Minimize"},
    "limits": {"maxTotalTrials": 4},
    "properties": {"best_child_run_id": "s_1"},
}
RUN = {"info": {"experiment_id": "7"}}


def child(name: str, **more: Any) -> dict[str, Any]:
    return {"runId": name, "status": "Completed", "startTimeUtc": "t0", "endTimeUtc": "t1", **more}


def answers(**known: Any) -> Any:
    """Answers by the last word of the path; None for what is not there."""
    return lambda path, *_: known.get(path.rpartition("/")[2].replace("-", "_"))


def test_a_trial_has_its_point_and_its_best_value_and_while_it_runs_its_latest() -> None:
    newest_first = [
        child("s_1", properties={"hyperparameters": '{"lr": 2}'}, status="Running"),
        child("s_0", tags={"hyperparameters": '{"lr": 1}'}),
    ]
    ask = answers(children={"value": newest_first}, get_history={"metrics": [{"step": 0, "value": 0.25}]})
    logged = [
        {"info": {"run_id": name}, "data": {"metrics": [{"key": "loss", "value": value}]}}
        for name, value in (("s_0", 0.5), ("s_1", 0.75))
    ]

    found = children.snapshot(ask, answers(search={"runs": logged}), "s", SWEEP, RUN)

    assert [(one["number"], one["name"], one["point"], one["value"]) for one in found["trials"]] == [
        (0, "s_0", {"lr": 1}, 0.25),
        (1, "s_1", {"lr": 2}, 0.75),
    ]
    assert (found["metric"], found["goal"], found["best"], found["planned"]) == ("loss", "minimize", "s_1", 4)


def test_only_the_runs_of_the_sweep_are_asked_for() -> None:
    asked: list[Any] = []

    children.snapshot(answers(), lambda *call: asked.append(call), "s", SWEEP, RUN)

    ((path, api, body),) = asked
    assert (path, api) == ("api/2.0/mlflow/runs/search", "mlflow/v2.0")
    assert (body["experiment_ids"], body["filter"]) == (["7"], "tags.mlflow.parentRunId = 's'")


def test_a_service_that_answers_nothing_leaves_an_empty_table() -> None:
    assert children.snapshot(answers(), answers(), "s", SWEEP, {})["trials"] == []


def test_steps_stand_in_the_order_of_the_pipeline_and_rounds_of_a_loop_together() -> None:
    newest_first = [
        child("p_body_1", displayName="body 1", properties={"StepName": "body"}),
        child("p_body_0", displayName="body 0", properties={"StepName": "body"}),
        child("p_prep", displayName="prep", properties={"azureml.isreused": "true", "azureml.reusedrunid": "o_prep"}),
    ]
    pipeline = {"jobType": "Pipeline", "jobs": {"prep": {}, "body": {}, "last": {}}}

    found = children.snapshot(answers(children={"value": newest_first}), answers(), "p", pipeline, {})["steps"]

    assert [(one["step"], one["name"]) for one in found] == [
        ("prep", "p_prep"), ("body 0", "p_body_0"), ("body 1", "p_body_1"), ("last", ""),
    ]  # fmt: skip
    assert [one.get("reused") for one in found] == ["o_prep", "", "", None]


def test_other_jobs_have_no_children() -> None:
    assert children.snapshot(answers(), answers(), "c", {"jobType": "Command"}, {}) == {}
    assert children.point({}) == {}
    assert children.point({"hyperparameters": "no JSON"}) == {}


def test_the_models_of_a_search_are_ranked_by_its_metric_and_what_prepares_them_is_none() -> None:
    held = {
        "jobType": "AutoML",
        "taskDetails": {"primaryMetric": "AUCWeighted", "limitSettings": {"maxTrials": 3}},
        "properties": {"best_child_run_id": "a_0"},
    }
    tried = {"run_algorithm": "KNN", "run_preprocessor": "MaxAbsScaler", "primary_metric": "AUC_weighted"}
    runs = [
        child("a_1", properties={**tried, "iteration": "1", "score": "nan", "trial_status": "Pruned"}),
        child("a_0", properties={**tried, "iteration": "0", "score": "0.75", "goal": "AUC_weighted_max"}),
        child("a_setup"),
    ]

    found = children.snapshot(answers(children={"value": runs}), answers(), "a", held, {})

    assert [(one["number"], one["point"]["model"], one["value"], one["status"]) for one in found["trials"]] == [
        (0, "MaxAbsScaler, KNN", 0.75, "Completed"),
        (1, "MaxAbsScaler, KNN", None, "Pruned"),
    ]
    assert (found["metric"], found["goal"], found["best"], found["planned"]) == ("AUC_weighted", "maximize", "a_0", 3)


def test_less_is_better_of_an_error_also_where_nobody_says_so() -> None:
    held = {"jobType": "AutoML", "taskDetails": {"primaryMetric": "NormalizedRootMeanSquaredError"}}

    assert children.snapshot(answers(), answers(), "a", held, {})["goal"] == "minimize"
