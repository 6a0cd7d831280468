from __future__ import annotations

from typing import Any

import pytest

from tests.unit.tracking.conftest import Ask

CREATE, SEARCH = "2.0/mlflow/runs/create", "2.0/mlflow/runs/search"


def made(ask: Ask, start: int, **fields: Any) -> str:
    _, answer = ask("POST", CREATE, {"experiment_id": "0", "start_time": start, **fields})
    return str(answer["run"]["info"]["run_id"])


def found(ask: Ask, **fields: Any) -> list[str]:
    status, answer = ask("POST", SEARCH, {"experiment_ids": ["0"], **fields})
    assert status == 200, answer
    return [run["info"]["run_name"] for run in answer.get("runs", [])]


def logged(ask: Ask, run_id: str, **fields: Any) -> None:
    status, answer = ask("POST", "2.0/mlflow/runs/log-batch", {"run_id": run_id, **fields})
    assert status == 200, answer


def metric(key: str, value: Any, step: int = 0) -> dict[str, Any]:
    return {"key": key, "value": value, "timestamp": 1000 + step, "step": step}


def test_a_run_without_a_name_gets_one(ask: Ask) -> None:
    _, answer = ask("POST", CREATE, {"experiment_id": "0"})
    info = answer["run"]["info"]

    assert info["run_name"].count("-") == 2
    assert info["start_time"] == 1_700_000_000_000
    assert info["user_id"] == "ada@local"


def test_a_job_is_resumed_by_its_name(ask: Ask, run_id: str) -> None:
    ask("POST", "2.0/mlflow/runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": 5})

    status, answer = ask("POST", "2.0/mlflow/runs/update", {"run_id": run_id, "status": "RUNNING"})

    assert (status, answer["run_info"]["status"]) == (200, "RUNNING")


def test_a_status_that_mlflow_does_not_know_is_refused(ask: Ask, run_id: str) -> None:
    status, answer = ask("POST", "2.0/mlflow/runs/update", {"run_id": run_id, "status": "DONE"})

    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "RUNNING, SCHEDULED, FINISHED, FAILED, KILLED" in answer["message"]


def test_the_runs_name_and_its_tag_are_one(ask: Ask, run_id: str) -> None:
    ask("POST", "2.0/mlflow/runs/set-tag", {"run_id": run_id, "key": "mlflow.runName", "value": "two"})
    _, answer = ask("GET", "2.0/mlflow/runs/get", {"run_id": run_id})

    assert answer["run"]["info"]["run_name"] == "two"


def test_a_name_that_contradicts_its_tag_is_refused(ask: Ask) -> None:
    body = {"experiment_id": "0", "run_name": "a", "tags": [{"key": "mlflow.runName", "value": "b"}]}

    status, answer = ask("POST", CREATE, body)

    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_param_keeps_its_first_value(ask: Ask, run_id: str) -> None:
    body = {"run_id": run_id, "key": "lr", "value": "0.1"}
    assert ask("POST", "2.0/mlflow/runs/log-parameter", body)[0] == 200
    assert ask("POST", "2.0/mlflow/runs/log-parameter", body)[0] == 200

    status, answer = ask("POST", "2.0/mlflow/runs/log-parameter", {**body, "value": "0.2"})

    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "already logged with value='0.1'" in answer["message"]


def test_a_refused_batch_changes_nothing(ask: Ask, run_id: str) -> None:
    ask("POST", "2.0/mlflow/runs/log-parameter", {"run_id": run_id, "key": "lr", "value": "1"})
    body = {
        "run_id": run_id,
        "metrics": [metric("m", 1.0)],
        "params": [{"key": "new", "value": "1"}, {"key": "lr", "value": "2"}],
    }

    status, _ = ask("POST", "2.0/mlflow/runs/log-batch", body)
    _, answer = ask("GET", "2.0/mlflow/runs/get", {"run_id": run_id})

    assert status == 400
    assert answer["run"]["data"]["metrics"] == []
    assert answer["run"]["data"]["params"] == [{"key": "lr", "value": "1"}]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"metrics": [metric("a//b", 1)]}, "would resolve to 'a/b'"),
        ({"metrics": [metric("../up", 1)]}, "must not resolve to other names"),
        ({"metrics": [metric("a*", 1)]}, "Names may only contain"),
        ({"metrics": [metric("k" * 251, 1)]}, "exceeds the maximum length of 250"),
        ({"metrics": [metric("m", "much")]}, "valid double"),
        ({"metrics": [{**metric("m", 1), "value": True}]}, "valid double"),
        ({"metrics": [{"key": "m", "value": 1}]}, "'metrics\\[0\\].timestamp'"),
        ({"metrics": [{"key": "m", "value": 1, "timestamp": -1}]}, "nonnegative long"),
        ({"metrics": [metric("m", 1, 0)] * 1001}, "at most 1000 metrics. Got 1001"),
        ({"params": [{"key": f"p{i}", "value": ""} for i in range(101)]}, "at most 100 params"),
        ({"params": [{"key": "p", "value": "1"}, {"key": "p", "value": "1"}]}, "Duplicate parameter keys"),
        ({"tags": [{"key": "", "value": "1"}]}, "A key name must be provided"),
        ({"metrics": "m"}, "a list of objects was expected"),
    ],
)
def test_what_mlflow_refuses_is_refused(ask: Ask, run_id: str, body: dict[str, Any], words: str) -> None:
    status, answer = ask("POST", "2.0/mlflow/runs/log-batch", {"run_id": run_id, **body})

    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert __import__("re").search(words, answer["message"]), answer["message"]


def test_nan_and_infinity_cross_the_wire_as_protobuf_writes_them(ask: Ask, run_id: str) -> None:
    logged(ask, run_id, metrics=[metric("a", "NaN"), metric("b", "Infinity"), metric("c", "-Infinity")])
    _, answer = ask("GET", "2.0/mlflow/runs/get", {"run_id": run_id})

    assert [one["value"] for one in answer["run"]["data"]["metrics"]] == ["NaN", "Infinity", "-Infinity"]


def test_a_deleted_run_refuses_writes_until_it_is_restored(ask: Ask, run_id: str) -> None:
    ask("POST", "2.0/mlflow/runs/delete", {"run_id": run_id})
    body = {"run_id": run_id, **metric("m", 1.0)}
    status, answer = ask("POST", "2.0/mlflow/runs/log-metric", body)
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "must be in the 'active' state" in answer["message"]

    ask("POST", "2.0/mlflow/runs/restore", {"run_id": run_id})

    assert ask("POST", "2.0/mlflow/runs/log-metric", body)[0] == 200


def test_a_history_comes_in_pages(ask: Ask, run_id: str) -> None:
    logged(ask, run_id, metrics=[metric("m", float(step), step) for step in range(5)])
    steps, token = [], None
    while True:
        query = {"run_id": run_id, "metric_key": "m", "max_results": 2, **({"page_token": token} if token else {})}
        _, answer = ask("GET", "2.0/mlflow/metrics/get-history", query)
        steps.append([one["step"] for one in answer["metrics"]])
        token = answer.get("next_page_token")
        if not token:
            break

    assert steps == [[0, 1], [2, 3], [4]]


def test_charts_get_a_history_thinned_out_with_both_ends(ask: Ask, run_id: str) -> None:
    for start in range(0, 3000, 1000):
        logged(ask, run_id, metrics=[metric("m", 1.0, step) for step in range(start, start + 1000)])
    query = {"run_ids": [run_id], "metric_key": "m", "max_results": 100}

    _, answer = ask("GET", "2.0/mlflow/metrics/get-history-bulk-interval", query)
    steps = [one["step"] for one in answer["metrics"]]

    assert len(steps) == 100
    assert (steps[0], steps[-1]) == (0, 2999)


def test_searches_follow_filters_on_everything(ask: Ask) -> None:
    first = made(ask, 1, run_name="first", tags=[{"key": "team", "value": "Blue"}])
    second = made(ask, 2, run_name="second")
    logged(ask, first, metrics=[metric("m", 1.0), metric("n", "NaN")], params=[{"key": "p", "value": "x_1"}])
    logged(ask, second, metrics=[metric("m", 2.0)])

    assert found(ask, filter="metrics.m >= 1.5") == ["second"]
    assert found(ask, filter="metrics.m != 1") == ["second"]
    assert found(ask, filter="metrics.n < 5") == []
    assert found(ask, filter="params.p LIKE 'X%'") == []
    assert found(ask, filter="params.p ILIKE 'X%'") == ["first"]
    assert found(ask, filter="params.p LIKE 'x[_]1'") == []
    assert found(ask, filter="tags.team = 'Blue'") == ["first"]
    assert found(ask, filter="tags.team IS NULL") == ["second"]
    assert found(ask, filter="tags.team IS NOT NULL") == ["first"]
    assert found(ask, filter=f"run_id IN ('{first}')") == ["first"]
    assert found(ask, filter="attributes.start_time > 1 AND status = 'RUNNING'") == ["second"]
    assert found(ask, filter=f"artifact_uri LIKE '%{second}'") == ["second"]


def test_absent_values_and_nan_come_last_whichever_way_runs_are_ordered(ask: Ask) -> None:
    for start, value in ((1, 2.0), (2, "NaN"), (3, None), (4, 1.0)):
        run = made(ask, start, run_name=str(value))
        if value is not None:
            logged(ask, run, metrics=[metric("m", value)])

    assert found(ask, order_by=["metrics.m ASC"]) == ["1.0", "2.0", "NaN", "None"]
    assert found(ask, order_by=["metrics.m DESC"]) == ["2.0", "1.0", "NaN", "None"]


@pytest.mark.parametrize("order", [[], ["metrics.m DESC"], ["params.p"], ["attributes.end_time DESC", "tags.t ASC"]])
def test_pages_hold_every_run_once(ask: Ask, order: list[str]) -> None:
    for start in range(11):
        run = made(ask, start // 3, run_name=str(start))
        if start % 2:
            logged(ask, run, metrics=[metric("m", start % 4)], params=[{"key": "p", "value": str(start % 3)}])
    names, token = [], None
    while True:
        body = {
            "experiment_ids": ["0"],
            "max_results": 2,
            "order_by": order,
            **({"page_token": token} if token else {}),
        }
        _, answer = ask("POST", SEARCH, body)
        names += [run["info"]["run_name"] for run in answer["runs"]]
        token = answer.get("next_page_token")
        if not token:
            break

    assert names == found(ask, order_by=order)
    assert sorted(names, key=int) == [str(number) for number in range(11)]


def test_a_page_token_of_another_search_is_refused(ask: Ask) -> None:
    made(ask, 1)
    made(ask, 2)
    _, answer = ask("POST", SEARCH, {"experiment_ids": ["0"], "max_results": 1})

    status, refusal = ask(
        "POST", SEARCH, {"experiment_ids": ["0"], "order_by": ["metrics.m"], "page_token": answer["next_page_token"]}
    )

    assert (status, refusal["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_the_models_of_a_run_collect_in_its_tag(ask: Ask, run_id: str) -> None:
    model = '{"artifact_path": "m", "flavors": {}, "utc_time_created": "now", "run_id": "r"}'
    for _ in range(2):
        assert ask("POST", "2.0/mlflow/runs/log-model", {"run_id": run_id, "model_json": model})[0] == 200
    _, answer = ask("GET", "2.0/mlflow/runs/get", {"run_id": run_id})
    tags = {tag["key"]: tag["value"] for tag in answer["run"]["data"]["tags"]}

    assert tags["mlflow.log-model.history"].count("utc_time_created") == 2
    status, refusal = ask("POST", "2.0/mlflow/runs/log-model", {"run_id": run_id, "model_json": "{}"})
    assert status == 400
    assert "mandatory fields" in refusal["message"]


def test_an_unknown_endpoint_says_so(ask: Ask) -> None:
    status, answer = ask("POST", "2.0/mlflow/runs/paint", {})

    assert (status, answer["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_a_body_that_is_no_json_is_refused(ask: Ask) -> None:
    status, answer = ask("POST", SEARCH, b"{not json")

    assert (status, answer["error_code"]) == (400, "BAD_REQUEST")
