"""Every form in which Azure ML writes where data is."""

from __future__ import annotations

import pytest

from jupyter_aml.local.jobs import uris

WS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("azureml:iris:1", uris.Asset("data", "iris", "1")),
        ("azureml:iris@latest", uris.Asset("data", "iris", "", "latest")),
        (f"{WS}/data/iris/versions/1", uris.Asset("data", "iris", "1")),
        (f"azureml:{WS}/models/m/versions/3", uris.Asset("models", "m", "3")),
        ("azureml://locations/x/workspaces/1-2/data/iris/versions/7", uris.Asset("data", "iris", "7")),
        ("azureml://datastores/blob/paths/a/b.csv", uris.DatastorePath("blob", "a/b.csv")),
        ("azureml://datastores/blob/paths/", uris.DatastorePath("blob", "")),
        (
            "azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.j",
            uris.DatastorePath("workspaceartifactstore", "ExperimentRun/dcid.j"),
        ),
        (
            "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/a b/c",
            uris.DatastorePath("d", "a b/c"),
        ),
        ("azureml://jobs/j/outputs/model", uris.JobOutput("j", "model")),
        ("azureml://jobs/j/outputs/artifacts/paths/model/", uris.JobOutput("j", "artifacts", "model")),
        ("runs:/abc/model", uris.RunArtifact("abc", "model")),
        ("https://acct.blob.core.windows.net/c/a%20b/x.csv", uris.Blob("acct", "c", "a b/x.csv")),
        ("wasbs://c@acct.blob.core.windows.net/a/x.csv", uris.Blob("acct", "c", "a/x.csv")),
        ("abfss://fs@acct.dfs.core.windows.net/a/x.csv", uris.Blob("acct", "fs", "a/x.csv")),
        ("https://example.com/x.csv?a=1", uris.Web("https://example.com/x.csv?a=1")),
        ("file:///tmp/a%20b", uris.LocalPath("/tmp/a b")),
        ("/tmp/x", uris.LocalPath("/tmp/x")),
        ("iris", None),
        ("azureml://nonsense/x", None),
    ],
)
def test_a_uri_is_taken_apart(text: str, found: uris.Uri | None) -> None:
    assert uris.parse(text) == found


def test_a_short_name_of_a_model_is_looked_up_among_models() -> None:
    assert uris.parse("azureml:m:1", segment="models") == uris.Asset("models", "m", "1")


def test_an_asset_of_a_registry_is_not_of_this_workspace() -> None:
    found = uris.parse("azureml://registries/azureml/environments/sklearn-1.5/labels/latest")

    assert isinstance(found, uris.Foreign)
    assert found.where == "the registry azureml"
