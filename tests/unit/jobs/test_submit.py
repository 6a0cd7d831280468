"""What the service takes as a command job, and how it refuses the rest."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_aml.local.jobs import records
from jupyter_aml.local.tracking import records as tracking


def refused(answer: tuple[int, Any]) -> tuple[int, str, str]:
    status, body = answer
    return status, body["error"]["code"], body["error"]["message"]


def test_a_job_is_stored_with_its_defaults_and_its_run(wire: Any) -> None:
    status, body = wire.put("fox")

    assert status == 201
    properties = body["properties"]
    assert properties["status"] == "NotStarted"
    assert properties["experimentName"] == "Default"
    assert properties["displayName"] == "fox"
    assert properties["outputs"]["default"] == {
        "jobOutputType": "uri_folder",
        "mode": "ReadWriteMount",
        "uri": "azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.fox",
    }
    assert properties["services"]["Studio"]["endpoint"].startswith("file://")
    with wire.workspace.database.read() as reader:
        assert tracking.run(reader, "fox")["status"] == "SCHEDULED"


def test_the_submitters_interpreter_is_kept_with_the_job(wire: Any) -> None:
    from jupyter_aml.local.arm.http import Identity
    from jupyter_aml.local.jobs import submit

    record, new = submit.submit(
        wire.workspace,
        "fox",
        wire.command()["properties"],
        identity=Identity("ada@local", "1"),
        interpreter='{"executable": "/opt/python", "prefix": "/opt"}',
        now=1.0,
    )

    assert new
    assert record.state["interpreter"] == {"executable": "/opt/python", "prefix": "/opt"}
    assert record.created_by == "ada@local"


def test_the_same_body_again_is_the_same_job(wire: Any) -> None:
    wire.put("fox", inputs={"x": {"jobInputType": "literal", "value": "1"}})
    _, sent_back = wire.ask("GET", "/jobs/fox")

    assert wire.put("fox", inputs={"x": {"jobInputType": "literal", "value": "1"}})[0] == 200
    assert wire.ask("PUT", "/jobs/fox", {"properties": sent_back["properties"]})[0] == 200


def test_another_command_under_the_same_name_is_refused(wire: Any) -> None:
    wire.put("fox")

    status, code, message = refused(wire.put("fox", "echo other"))

    assert (status, code) == (409, "Conflict")
    assert "its command cannot be changed" in message
    assert "another name" in message


def test_a_second_put_may_change_tags_and_display_name(wire: Any) -> None:
    wire.put("fox")

    status, body = wire.put("fox", tags={"a": "b"}, displayName="Fox")

    assert status == 200
    assert body["properties"]["tags"] == {"a": "b"}
    assert body["properties"]["displayName"] == "Fox"


@pytest.mark.parametrize("name", ["-x", "a.b", "x" * 256, "a b", "é"])
def test_a_name_outside_azures_rules_is_refused(wire: Any, name: str) -> None:
    from urllib.parse import quote

    status, code, message = refused(wire.ask("PUT", f"/jobs/{quote(name)}", wire.command()))

    assert (status, code) == (400, "ValidationError")
    assert "letters, digits" in message
    assert "Choose a name such as" in message


def test_a_compute_that_does_not_exist_is_refused_with_how_to_make_it(wire: Any) -> None:
    answer = wire.put("fox", computeId=f"{wire.base}/computes/gpu-cluster")

    status, code, message = refused(answer)
    assert (status, code) == (404, "ResourceNotFound")
    assert "'gpu-cluster' was not found" in message
    assert "compute create --name gpu-cluster" in message
    assert answer[1]["error"]["target"] == "properties.computeId"


def test_a_compute_that_is_nearly_right_is_offered(wire: Any) -> None:
    _, _, message = refused(wire.put("fox", computeId=f"{wire.base}/computes/locla"))

    assert "Did you mean 'local'?" in message


@pytest.mark.parametrize(
    "more", [{}, {"computeId": "serverless"}, {"resources": {"properties": {"IsLocal": {"IsLocal": True}}}}]
)
def test_serverless_and_local_always_exist(wire: Any, more: dict[str, Any]) -> None:
    assert wire.put("fox", **more)[0] == 201


def test_an_environment_that_does_not_exist_is_refused_with_those_that_do(wire: Any) -> None:
    status, code, message = refused(wire.put("fox", environmentId=f"{wire.base}/environments/e/versions/7"))

    assert (status, code) == (404, "ResourceNotFound")
    assert "'azureml:e:7'" in message
    assert "There is e:1." in message


def test_an_environment_of_a_registry_is_left_to_the_runtime(wire: Any) -> None:
    uri = "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"

    assert wire.put("fox", environmentId=uri)[0] == 201


def test_a_job_without_environment_is_refused(wire: Any) -> None:
    status, code, message = refused(wire.put("fox", environmentId=None))

    assert (status, code) == (400, "ValidationError")
    assert "properties.environmentId is missing" in message


def test_a_data_asset_that_does_not_exist_is_refused(wire: Any) -> None:
    uri = f"{wire.base}/data/iris/versions/1"

    status, code, message = refused(wire.put("fox", inputs={"d": {"jobInputType": "uri_file", "uri": uri}}))

    assert (status, code) == (404, "ResourceNotFound")
    assert "properties.inputs.d.uri names the data asset 'azureml:iris:1'" in message
    assert "data create --name iris" in message


def test_a_datastore_that_does_not_exist_is_refused_with_the_nearest(wire: Any) -> None:
    uri = "azureml://datastores/workspaceblobstor/paths/x"

    status, _, message = refused(wire.put("fox", inputs={"d": {"jobInputType": "uri_file", "uri": uri}}))

    assert status == 404
    assert "Did you mean 'workspaceblobstore'?" in message


def test_code_that_was_not_uploaded_is_refused(wire: Any) -> None:
    status, code, message = refused(wire.put("fox", codeId=f"{wire.base}/codes/c/versions/1"))

    assert (status, code) == (404, "ResourceNotFound")
    assert "code asset 'azureml:c:1'" in message


def test_an_output_of_a_job_that_does_not_exist_is_refused(wire: Any) -> None:
    uri = "azureml://jobs/nobody/outputs/model"

    status, _, message = refused(wire.put("fox", inputs={"m": {"jobInputType": "custom_model", "uri": uri}}))

    assert status == 404
    assert "the job 'nobody'" in message


def test_a_path_of_this_machine_is_no_uri(wire: Any) -> None:
    status, code, message = refused(wire.put("fox", inputs={"d": {"jobInputType": "uri_file", "uri": "/etc/passwd"}}))

    assert (status, code) == (400, "ValidationError")
    assert "no URI that Azure ML knows" in message


def test_a_type_that_differs_from_the_assets_is_let_through(wire: Any) -> None:
    wire.ask(
        "PUT",
        "/data/iris/versions/1",
        {"properties": {"dataType": "uri_file", "dataUri": "azureml://datastores/workspaceblobstore/paths/i.csv"}},
    )
    uri = f"{wire.base}/data/iris/versions/1"

    assert wire.put("fox", inputs={"d": {"jobInputType": "uri_folder", "uri": uri}})[0] == 201


def test_an_unknown_placeholder_is_refused_with_the_nearest(wire: Any) -> None:
    status, code, message = refused(
        wire.put("fox", "cat ${{inputs.dta}}", inputs={"data": {"jobInputType": "literal", "value": "1"}})
    )

    assert (status, code) == (400, "UserError")
    assert "${{inputs.dta}}" in message
    assert "Did you mean ${{inputs.data}}?" in message


def test_a_null_output_is_legal(wire: Any) -> None:
    assert wire.put("fox", "echo ${{outputs.data}}", outputs={"data": None})[0] == 201


def test_an_output_version_that_exists_is_refused_before_the_job_runs(wire: Any) -> None:
    wire.ask(
        "PUT",
        "/data/d/versions/1",
        {"properties": {"dataType": "uri_file", "dataUri": "azureml://datastores/workspaceblobstore/paths/i.csv"}},
    )
    output = {"jobOutputType": "uri_folder", "assetName": "d", "assetVersion": "1"}

    status, code, message = refused(wire.put("fox", outputs={"o": output}))

    assert (status, code) == (409, "Conflict")
    assert "Leave the version out" in message


@pytest.mark.parametrize("timeout", ["soon", "PT0S", "P", "5"])
def test_a_time_limit_that_is_no_duration_is_refused(wire: Any, timeout: str) -> None:
    status, code, message = refused(wire.put("fox", limits={"jobLimitsType": "Command", "timeout": timeout}))

    assert (status, code) == (400, "ValidationError")
    assert "ISO 8601 duration above 0" in message


@pytest.mark.parametrize(("kind", "use"), [("Labeling", "Connect to Azure"), ("FineTuning", "Connect to Azure")])
def test_job_types_of_azure_alone_are_refused_with_what_to_use(wire: Any, kind: str, use: str) -> None:
    status, code, message = refused(wire.ask("PUT", "/jobs/fox", {"properties": {"jobType": kind}}))

    assert (status, code) == (501, "NotImplemented")
    assert f"does not run jobs of type {kind}" in message
    assert use in message


def test_a_job_type_that_nobody_has_is_refused(wire: Any) -> None:
    status, code, _ = refused(wire.ask("PUT", "/jobs/fox", {"properties": {"jobType": "Magic"}}))

    assert (status, code) == (400, "ValidationError")


def test_a_refused_job_leaves_nothing_behind(wire: Any) -> None:
    wire.put("fox", "cat ${{inputs.x}}")

    with wire.workspace.database.read() as reader:
        assert records.get(reader, "fox") is None
        assert not tracking.exists(reader, "fox")


def test_names_of_jobs_count_without_case(wire: Any) -> None:
    wire.put("Fox")

    assert wire.ask("GET", "/jobs/fOX")[1]["name"] == "Fox"
    assert wire.put("fox", "echo other")[0] == 409
