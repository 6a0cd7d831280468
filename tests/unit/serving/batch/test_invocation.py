"""The bodies of invocations, as the SDK and as Azure's pages write them."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.serving.batch import invocation

URI = "azureml://datastores/d/paths/x/"


def read(**properties: Any) -> invocation.Invocation:
    return invocation.read({"properties": properties})


def test_the_sdks_spelling_and_that_of_azures_pages_are_the_same() -> None:
    ours = read(
        inputData={"a": {"jobInputType": "UriFolder", "uri": URI}, "n": {"jobInputType": "Literal", "value": 3}},
        outputData={"score": {"jobOutputType": "UriFile", "uri": f"{URI}p.csv"}},
    )
    theirs = invocation.read(
        {
            "Properties": {
                "InputData": {
                    "a": {"JobInputType": "UriFolder", "Uri": URI},
                    "n": {"JobInputType": "Literal", "Value": 3},
                },
                "OutputData": {"score": {"JobOutputType": "UriFile", "Uri": f"{URI}p.csv"}},
            }
        }
    )

    assert ours == theirs
    assert ours.inputs == {
        "a": {"jobInputType": "uri_folder", "uri": URI}, "n": {"jobInputType": "literal", "value": "3"},
    }  # fmt: skip
    assert ours.outputs == {"score": {"jobOutputType": "uri_file", "uri": f"{URI}p.csv"}}


def test_name_experiment_and_settings_of_one_invocation() -> None:
    found = read(
        name="mine", properties={"experimentName": "scores", "other": 1}, miniBatchSize=3, outputFileName="x.csv",
        retrySettings={"maxRetries": 1}, compute={"target": "local", "isLocal": True, "instanceCount": 4},
    )  # fmt: skip

    assert (found.name, found.experiment, found.properties) == ("mine", "scores", {"other": "1"})
    assert found.over == {"miniBatchSize": 3, "outputFileName": "x.csv", "retrySettings": {"maxRetries": 1}}
    assert (found.compute, found.instances) == ("", 4)
    assert read(compute={"target": "cluster", "isLocal": False}).compute == "cluster"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("azureml:/iris@latest", "azureml:iris@latest"),
        ("azureml:/datastores/d/paths/x", "azureml://datastores/d/paths/x"),
        ("azureml:iris:1", "azureml:iris:1"),
        (URI, URI),
        ("azureml:/subscriptions/s/resourceGroups/g", "azureml:/subscriptions/s/resourceGroups/g"),
    ],
)
def test_addresses_with_a_slash_too_few_are_understood(written: str, meant: str) -> None:
    found = read(inputData={"a": {"jobInputType": "uri_folder", "uri": written}})

    assert found.inputs["a"]["uri"] == meant


def test_inputs_and_outputs_of_the_time_before_they_had_names() -> None:
    found = read(dataset="azureml:iris:1", outputDataset={"datastoreId": "azureml:store", "path": "a/b"})

    assert found.inputs == {"input": {"jobInputType": "uri_folder", "uri": "azureml:iris:1"}}
    assert found.outputs == {"score": {"jobOutputType": "uri_folder", "uri": "azureml://datastores/store/paths/a/b/"}}


def test_truth_values_are_written_in_lower_case() -> None:
    assert read(inputData={"a": {"jobInputType": "Literal", "value": True}}).inputs["a"]["value"] == "true"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"properties": 3}, "The body has no object 'properties'"),
        ({"properties": {"inputData": []}}, "inputData"),
        ({"properties": {"inputData": {"a": 3}}}, "inputData.a is 3, which is no object"),
        ({"properties": {"inputData": {"a": {"jobInputType": "Uri"}}}}, "is 'Uri'; expected one of uri_file"),
        ({"properties": {"compute": {"instanceCount": -1}}}, "compute.instanceCount is -1"),
    ],
)
def test_what_makes_no_sense_is_refused(body: Any, said: str) -> None:
    with pytest.raises(ResourceError) as caught:
        invocation.read(body)
    assert said in caught.value.message
    assert caught.value.status == 400
