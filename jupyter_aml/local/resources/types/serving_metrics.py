"""Azure Monitor's metrics of online endpoints and deployments: requests, latencies, errors."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.resources import served
from jupyter_aml.local.resources.base import ARM, Call, Route, Type
from jupyter_aml.local.serving.online import metrics, states, talk

SEGMENT = "metrics"
ACTION = "Microsoft.Insights/metrics/read"


def _metrics(call: Call) -> Response:
    """Figures over time; none of an endpoint whose process does not run."""
    record = served.asked(call)
    question = metrics.read(call.request.query, call.now)
    asked = {
        "op": "measures",
        "names": [metric.name for metric in question.metrics],
        "since": question.since,
        "until": question.until,
        "grain": question.grain,
    }
    series = (talk.ask(call.workspace, record.name, asked) or {}).get("series") or []
    if record.version:
        series = [one for one in series if one["dimensions"]["deployment"].lower() == record.version.lower()]
    return Response.of(metrics.answer(question, series, _place(call), call.workspace.entry.location))


def _definitions(call: Call) -> Response:
    """Which metrics there are."""
    place = _place(call)
    found = [
        {
            "id": f"{place}/providers/Microsoft.Insights/metricDefinitions/{metric.name}",
            "resourceId": place,
            "name": {"value": metric.name, "localizedValue": metric.title},
            "unit": metric.unit,
            "primaryAggregationType": "Average",
            "supportedAggregationTypes": [name.title() for name in metrics.AGGREGATIONS],
            "metricAvailabilities": [{"timeGrain": "PT1M", "retention": "P1D"}],
            "dimensions": [{"value": name, "localizedValue": name} for name in metric.dimensions],
        }
        for metric in metrics.METRICS
    ]
    return Response.of({"value": found})


def _place(call: Call) -> str:
    """ARM id of the endpoint or deployment that is asked about."""
    return call.request.path.partition("/providers/Microsoft.Insights/")[0]


class ServingMetrics(Type):
    """Metrics below the ids of endpoints and deployments."""

    def routes(self) -> Iterable[Route]:
        endpoint = f"{{WS}}/{states.ENDPOINTS}/{{endpoint}}"
        for place in (endpoint, f"{endpoint}/deployments/{{deployment}}"):
            yield Route("GET", ARM, f"{place}/providers/Microsoft.Insights/metrics", _metrics, ACTION)
            yield Route("GET", ARM, f"{place}/providers/Microsoft.Insights/metricDefinitions", _definitions, ACTION)


TYPE = ServingMetrics(SEGMENT, "metric")
