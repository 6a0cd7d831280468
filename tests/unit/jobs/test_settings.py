"""Settings of a job beside what it runs: what is kept, what is refused, what the log says, and who starts first."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_aml.local.jobs import records, settings
from jupyter_aml.local.jobs.slots import Slots

LINE = ("ws", "local")
KEPT: dict[str, Any] = {
    "queueSettings": {"jobTier": "Spot", "priority": 3},
    "identity": {"identityType": "Managed", "clientId": "1"},
    "notificationSetting": {"emailOn": ["JobFailed"], "emails": ["ada@example.org"]},
    "services": {
        "board": {"jobServiceType": "TensorBoard", "properties": {"logDir": "tb"}, "nodes": {"nodesValueType": "All"}},
        "shell": {"jobServiceType": "SSH", "properties": {"sshPublicKeys": "ssh-rsa x"}},
    },
    "resources": {
        "instanceCount": 1,
        "instanceType": "Standard_NC6",
        "shmSize": "2g",
        "dockerArgs": "--ipc=host",
        "properties": {"AISuperComputer": {"a": 1}},
    },
    "limits": {"jobLimitsType": "Command", "timeout": "PT1H"},
}  # fmt: skip


def cluster(wire: Any, most: int) -> str:
    scale = {"minNodeCount": 0, "maxNodeCount": most}
    properties = {"computeType": "AmlCompute", "properties": {"vmSize": "STANDARD_DS3_V2", "scaleSettings": scale}}
    status, body = wire.ask("PUT", "/computes/cpus", {"location": "local", "properties": properties})
    assert status in {200, 201}, body
    return f"{wire.base}/computes/cpus"


def test_settings_are_kept_as_they_were_sent(wire: Any) -> None:
    assert wire.put("fox", **KEPT)[0] == 201

    _, got = wire.ask("GET", "/jobs/fox")

    shown = got["properties"]
    assert {key: shown[key] for key in KEPT if key != "services"} == {k: v for k, v in KEPT.items() if k != "services"}
    for name, service in KEPT["services"].items():
        assert shown["services"][name].items() >= service.items()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"queueSettings": {"jobTier": "Gold"}}, "jobTier is 'Gold'; expected one of Spot, Basic, Standard, Premium"),
        ({"queueSettings": {"priority": 9}}, "queueSettings.priority is 9; expected 1, 2 or 3"),
        ({"queueSettings": "Spot"}, "properties.queueSettings is 'Spot', no object"),
        ({"identity": {"identityType": "Me"}}, "identityType is 'Me'; expected one of AMLToken, Managed, UserIdentity"),
        ({"identity": {"clientId": "1"}}, "identityType is 'none'"),
        ({"services": {"s": {"jobServiceType": "Rstudio"}}}, "services.s.jobServiceType is 'Rstudio'; expected one of"),
        ({"notificationSetting": {"emailOn": ["Always"]}}, "emailOn is 'Always'; expected one of JobCompleted"),
        ({"resources": {"shmSize": "much"}}, "resources.shmSize is 'much'"),
        ({"resources": {"instanceCount": 0}}, "resources.instanceCount is 0"),
        ({"resources": 3}, "properties.resources is 3, no object"),
        ({"distribution": {"distributionType": "Dask"}}, "distributionType is 'Dask'"),
        ({"limits": "PT1H"}, "properties.limits is 'PT1H', no object"),
    ],
)
def test_unknown_words_and_shapes_are_refused(wire: Any, more: dict[str, Any], words: str) -> None:
    status, body = wire.put("fox", **more)

    assert (status, body["error"]["code"]) == (400, "ValidationError")
    assert words in body["error"]["message"]


def test_more_instances_than_the_compute_has_are_refused_with_how_to_get_them(wire: Any) -> None:
    compute = cluster(wire, 2)

    status, body = wire.put("fox", computeId=compute, resources={"instanceCount": 3})

    assert (status, body["error"]["code"]) == (400, "ValidationError")
    assert "is 3, but the compute 'cpus' has at most 2" in body["error"]["message"]
    assert "--max-instances 3" in body["error"]["message"]
    assert wire.put("fox", computeId=compute, resources={"instanceCount": 2})[0] == 201


def test_this_machine_takes_any_number_of_instances(wire: Any) -> None:
    assert wire.put("fox", computeId="serverless", resources={"instanceCount": 50})[0] == 201


@pytest.mark.parametrize("form", ["{id}", "azureml:cpus", "cpus", "CPUS", "azureml:{id}"])
def test_a_compute_is_found_in_every_form_of_its_name(wire: Any, form: str) -> None:
    compute = form.format(id=cluster(wire, 1))

    status, body = wire.put("fox", computeId=compute)

    assert status == 201, body
    with wire.workspace.database.read() as reader:
        assert records.find(reader, "fox").compute == "cpus"


def test_the_trials_of_a_sweep_are_checked_like_jobs(wire: Any) -> None:
    sweep = {
        "jobType": "Sweep",
        "searchSpace": {"x": ["uniform", [0, 1]]},
        "samplingAlgorithm": {"samplingAlgorithmType": "Random"},
        "objective": {"goal": "Maximize", "primaryMetric": "a"},
        "computeId": cluster(wire, 1),
        "trial": {
            "command": "echo ${{search_space.x}}",
            "environmentId": f"{wire.base}/environments/e/versions/1",
            "resources": {"instanceCount": 2},
        },
        "limits": {"jobLimitsType": "Sweep", "maxTotalTrials": 2},
    }

    status, body = wire.ask("PUT", "/jobs/fox", {"properties": sweep})

    assert status == 400
    assert "has at most 1" in body["error"]["message"]


def test_the_log_says_which_settings_mean_nothing_here() -> None:
    found = "\n".join(settings.notes(KEPT))

    for words in ("resources.shmSize and resources.dockerArgs", "Standard_NC6", "identity is Managed", "no mail"):
        assert words in found


def test_nothing_is_said_of_settings_that_were_not_made() -> None:
    assert settings.notes({"resources": {"instanceCount": 2}, "identity": {"identityType": "AMLToken"}}) == []


def urgency(tier: str | None, priority: int | None = None) -> int:
    return settings.urgency({"queueSettings": {"jobTier": tier, "priority": priority}})


def test_tiers_come_before_priorities() -> None:
    order = [
        urgency("Spot"), urgency("Basic"), urgency("Standard", 1), urgency("Standard"), urgency("Standard", 3),
        urgency("premium", 1), urgency("Premium"),
    ]  # fmt: skip

    assert order == sorted(order)
    assert len(set(order)) == len(order)


@pytest.mark.parametrize("body", [{}, {"queueSettings": None}, {"queueSettings": {"jobTier": "Null"}}])
def test_a_job_without_a_tier_is_of_the_usual_one(body: dict[str, Any]) -> None:
    assert settings.urgency(body) == urgency("Standard", 2)


def test_the_more_urgent_start_first_and_the_older_of_those_as_urgent() -> None:
    slots = Slots()
    for came, (job, tier) in enumerate(
        [("spot", "Spot"), ("first", "Standard"), ("premium", "Premium"), ("second", "Standard")]
    ):
        slots.ask(LINE, job, came=float(came), urgency=urgency(tier))

    assert [job for _, job in slots.grant({LINE: 4})] == ["premium", "first", "second", "spot"]


def test_who_holds_a_slot_keeps_it_however_urgent_others_are() -> None:
    slots = Slots()
    slots.ask(LINE, "spot", urgency=urgency("Spot"))
    assert slots.grant({LINE: 1}) == [(LINE, "spot")]
    slots.ask(LINE, "premium", urgency=urgency("Premium"))

    assert slots.grant({LINE: 1}) == []
