"""Azure Monitor over online endpoints: metrics of what runs, and autoscale settings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_aml.local.serving.online import rules, talk

from .online import Online

ENDPOINT = "onlineEndpoints/iris/providers/Microsoft.Insights/metrics"
DEPLOYMENT = "onlineEndpoints/iris/deployments/blue/providers/Microsoft.Insights/metrics"
MINUTE = 1_800_000_000 // 60 * 60


def point(count: float, average: float, total: float | None = None, at: int = 0) -> dict[str, float]:
    whole = average * count if total is None else total
    return {
        "time": MINUTE + at,
        "count": count,
        "total": whole,
        "average": average,
        "minimum": average,
        "maximum": average,
    }


def series(name: str, points: list[dict[str, float]], **dimensions: str) -> dict[str, Any]:
    return {"name": name, "dimensions": dimensions, "points": points}


FOUND = [
    series("RequestsPerMinute", [point(5, 5, 5)], deployment="blue", statusCode="200", statusCodeClass="2xx"),
    series("RequestsPerMinute", [point(1, 1, 1)], deployment="blue", statusCode="503", statusCodeClass="5xx"),
    series("RequestsPerMinute", [point(2, 2, 2, 60)], deployment="green", statusCode="200", statusCodeClass="2xx"),
    series("RequestLatency", [point(6, 10.0)], deployment="blue"),
    series("RequestLatency", [point(2, 50.0)], deployment="green"),
    series("RequestLatencyBucket", [point(1, 4, 4)], deployment="blue", le="1"),
    series("RequestLatencyBucket", [point(1, 6, 6)], deployment="blue", le="+Inf"),
]


@pytest.fixture
def asked(online: Online, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the endpoint's process is asked, which answers with a fixed set of figures."""
    questions: list[dict[str, Any]] = []

    def ask(workspace: object, endpoint: str, question: dict[str, Any]) -> dict[str, Any]:
        questions.append(question)
        return {"series": FOUND}

    monkeypatch.setattr(talk, "ask", ask)
    online.ready("blue", "green")
    return questions


def told(answer: dict[str, Any], at: int = 0) -> dict[tuple[str, ...], list[float]]:
    """Averages, or totals, by the values of the dimensions."""
    return {
        tuple(one["value"] for one in found["metadatavalues"]): [
            point.get("average", point.get("total")) for point in found["data"]
        ]
        for found in answer["value"][at]["timeseries"]
    }


def test_an_endpoint_that_does_not_run_has_no_figures(online: Online) -> None:
    online.ready("blue")

    for path in (ENDPOINT, DEPLOYMENT):
        status, found = online.ask("GET", f"{path}?metricnames=RequestsPerMinute")
        assert (status, found["value"][0]["timeseries"]) == (200, [])


def test_series_are_split_by_the_dimensions_of_the_filter(online: Online, asked: list[dict[str, Any]]) -> None:
    query = "metricnames=RequestsPerMinute&$filter=deployment eq '*' and statusCodeClass eq '*'&interval=PT1M"

    _, found = online.ask("GET", f"{ENDPOINT}?{query}")

    assert told(found) == {("blue", "2xx"): [5.0], ("blue", "5xx"): [1.0], ("green", "2xx"): [2.0]}
    assert found["value"][0]["timeseries"][0]["data"][0]["timeStamp"].endswith("00Z")
    assert asked[-1]["op"] == "measures"
    assert asked[-1]["names"] == ["RequestsPerMinute"]
    assert asked[-1]["until"] - asked[-1]["since"] == 3600


def test_without_a_filter_rates_add_up_and_latencies_are_weighed(online: Online, asked: list[dict[str, Any]]) -> None:
    _, found = online.ask("GET", f"{ENDPOINT}?metricnames=RequestsPerMinute,RequestLatency")

    assert told(found, 0) == {(): [6.0, 2.0]}
    assert told(found, 1) == {(): [20.0]}


def test_a_filter_keeps_one_value(online: Online, asked: list[dict[str, Any]]) -> None:
    _, found = online.ask("GET", f"{ENDPOINT}?metricnames=RequestsPerMinute&$filter=statusCodeClass eq '5XX'")

    assert told(found) == {("5xx",): [1.0]}


def test_the_histogram_is_told_by_its_bounds(online: Online, asked: list[dict[str, Any]]) -> None:
    query = "metricnames=RequestLatencyBucket&aggregation=Total&$filter=deployment eq '*' and le eq '*'"

    _, found = online.ask("GET", f"{ENDPOINT}?{query}")

    assert told(found) == {("blue", "1"): [4.0], ("blue", "+Inf"): [6.0]}
    assert set(found["value"][0]["timeseries"][0]["data"][0]) == {"timeStamp", "total"}


def test_a_deployment_has_its_own_figures_only(online: Online, asked: list[dict[str, Any]]) -> None:
    _, found = online.ask("GET", f"{DEPLOYMENT}?metricnames=RequestsPerMinute&$filter=deployment eq '*'")

    assert told(found) == {("blue",): [6.0]}


def test_the_span_is_that_of_the_question(online: Online, asked: list[dict[str, Any]]) -> None:
    span = "2027-01-15T08:00:00Z/2027-01-15T09:30:00Z"

    _, found = online.ask("GET", f"{ENDPOINT}?metricnames=RequestLatency&timespan={span}&interval=PT5M")

    assert (asked[-1]["until"] - asked[-1]["since"], asked[-1]["grain"]) == (5400, 300)
    assert (found["timespan"], found["interval"]) == (span, "PT5M")


@pytest.mark.parametrize(
    ("query", "target", "said"),
    [
        ("metricnames=CpuLoad", "metricnames", "names CpuLoad; the metrics of an online endpoint are"),
        ("timespan=yesterday/today", "timespan", "two times in ISO 8601"),
        ("$filter=le eq '1'", "$filter", "the dimension 'le', which RequestsPerMinute does not have"),
        ("$filter=deployment is blue", "$filter", "DIMENSION eq 'VALUE' was expected"),
    ],
)
def test_a_question_that_azure_refuses_is_refused(online: Online, query: str, target: str, said: str) -> None:
    online.ready("blue")

    status, found, message = online.refused("GET", f"{ENDPOINT}?{query}")

    assert (status, found) == (400, target)
    assert said in message


def test_metrics_of_nothing_are_not_found(online: Online) -> None:
    online.endpoint()

    assert online.refused("GET", DEPLOYMENT)[0] == 404
    assert online.refused("GET", ENDPOINT.replace("iris", "irys"))[0] == 404


def test_definitions_name_the_dimensions(online: Online) -> None:
    online.endpoint()

    _, found = online.ask("GET", ENDPOINT.replace("metrics", "metricDefinitions"))

    dimensions = {one["name"]["value"]: [part["value"] for part in one["dimensions"]] for one in found["value"]}
    assert dimensions["RequestLatency_P99"] == ["deployment"]
    assert "statusCodeClass" in dimensions["RequestsPerMinute"]


def setting(online: Online, minimum: str = "1", maximum: str = "5", default: str = "2", **more: Any) -> dict[str, Any]:
    trigger = {"metricName": "CpuUtilizationPercentage", "threshold": 60, "timeGrain": "PT1M"}
    rule = {"metricTrigger": trigger, "scaleAction": {"direction": "Increase", "value": "1"}}
    profile = {"capacity": {"minimum": minimum, "maximum": maximum, "default": default}, "rules": [rule]}
    target = f"{online.workspace.entry.arm_id}/onlineEndpoints/iris/deployments/blue"
    return {"location": "local", "properties": {"targetResourceUri": target, "profiles": [profile], **more}}


def url(online: Online, name: str = "") -> str:
    root = f"/subscriptions/{online.workspace.entry.subscription}/resourceGroups/local"
    return f"{root}/providers/Microsoft.Insights/autoscalesettings{f'/{name}' if name else ''}"


def scale(online: Online, name: str = "blue") -> dict[str, Any] | None:
    with online.workspace.database.read() as reader:
        return rules.scale_of(reader, "iris", name)


def test_an_autoscale_setting_scales_its_deployment(online: Online) -> None:
    online.ready("blue", "green")
    assert scale(online) is None

    status, found = online.ask("PUT", url(online, "grow"), setting(online))

    assert (status, found["name"], found["properties"]["enabled"]) == (201, "grow", True)
    assert scale(online) == {"min": 1, "max": 5, "target": 60, "interval": 60.0}
    assert scale(online, "green") is None
    assert online.ask("GET", url(online, "grow")) == (200, found)
    assert [one["name"] for one in online.ask("GET", url(online))[1]["value"]] == ["grow"]
    assert online.ask("PUT", url(online, "grow"), setting(online, enabled=False))[0] == 200
    assert scale(online) is None
    assert online.ask("DELETE", url(online, "grow"))[0] == 200
    assert online.ask("DELETE", url(online, "grow"))[0] == 204
    assert online.refused("GET", url(online, "grow"))[0] == 404


def test_the_host_hears_of_an_autoscale_setting(online: Online) -> None:
    online.ready("blue")
    heard: list[Any] = []
    online.workspace.database.on_commit(heard.extend)

    online.ask("PUT", url(online, "grow"), setting(online))

    assert ("onlineDeployments", "iris", "blue", "put") in heard


def test_a_setting_without_a_rule_to_grow_by_is_a_fixed_number(online: Online) -> None:
    online.ready("blue")
    body = setting(online)
    body["properties"]["profiles"][0]["rules"] = []

    online.ask("PUT", url(online, "fixed"), body)

    assert scale(online) == {"min": 2, "max": 2, "target": 70, "interval": 60.0}


@pytest.mark.parametrize(
    ("capacity", "said"),
    [
        (("0", "5", "1"), "has minimum 0, default 1, maximum 5"),
        (("3", "2", "3"), "has minimum 3, default 3, maximum 2"),
        (("1", "x", "1"), "'maximum': 'x'"),
    ],
)
def test_a_capacity_that_azure_refuses_is_refused(online: Online, capacity: tuple[str, ...], said: str) -> None:
    online.ready("blue")

    status, target, message = online.refused("PUT", url(online, "grow"), setting(online, *capacity))

    assert (status, target) == (400, "properties.profiles.capacity")
    assert said in message


def test_a_setting_needs_a_deployment_that_is_there(online: Online) -> None:
    online.endpoint()

    assert online.refused("PUT", url(online, "grow"), setting(online))[0] == 404
    wrong = setting(online, targetResourceUri=online.workspace.entry.arm_id)
    assert online.refused("PUT", url(online, "grow"), wrong)[:2] == (400, "properties.targetResourceUri")


def test_requests_are_told_of_an_endpoint_and_of_a_deployment(online: Online) -> None:
    online.ready("blue", "green")
    folder = online.workspace.folder / "insights"
    folder.mkdir()
    rows = [
        {"timestamp": f"2026-03-01T12:0{at}:00Z", "endpoint": "iris", "deployment": "blue" if at % 2 else "green"}
        for at in range(6)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "requests-20260301.jsonl").write_text(text + '{"timestamp": "2026', encoding="utf-8")

    def told_at(path: str) -> list[str]:
        return [row["timestamp"][14:16] for row in online.ask("GET", f"onlineEndpoints/iris/{path}")[1]["value"]]

    assert told_at("requests") == ["00", "01", "02", "03", "04", "05"]
    assert told_at("requests?tail=2") == ["04", "05"]
    assert told_at("deployments/blue/requests") == ["01", "03", "05"]
    span = "2026-03-01T13:02:00%2B01:00/2026-03-01T12:04:00Z"
    assert told_at(f"requests?timespan={span}") == ["02", "03"]
    assert online.refused("GET", "onlineEndpoints/iris/requests?tail=0")[1] == "tail"
    assert online.refused("GET", "onlineEndpoints/iris/requests?timespan=now")[1] == "timespan"
    assert online.refused("GET", "onlineEndpoints/iris/deployments/red/requests")[0] == 404
