"""Putting a job's folders in place: code, inputs by mode, outputs, variables, and what becomes of them at the end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.errors import NotFoundError, NotOfflineError
from jupyter_aml.local.jobs import prepare, records, work
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.store import records as resources

DOOR = "http://127.0.0.1:1234"


def upload(wire: Any, path: str, text: str = "a,b\n1,2\n") -> str:
    """A file in the workspace's blob store; its URI."""
    wire.workspace.blobs.write(wire.workspace.blob_container, path, text.encode())
    return f"azureml://datastores/workspaceblobstore/paths/{path}"


def asset(wire: Any, uri: str, kind: str = "uri_file") -> str:
    status, body = wire.ask("PUT", "/data/iris/versions/1", {"properties": {"dataType": kind, "dataUri": uri}})
    assert status == 201, body
    return f"{wire.base}/data/iris/versions/1"


def code(wire: Any, **files: str) -> str:
    wire.workspace.blobs.create_container("code-1")
    for name, text in files.items():
        wire.workspace.blobs.write("code-1", name.replace("__", "/").replace("_py", ".py"), text.encode())
    uri = f"https://{wire.workspace.entry.account}.blob.core.windows.net/code-1"
    assert wire.ask("PUT", "/codes/c/versions/1", {"properties": {"codeUri": uri}})[0] == 201
    return f"{wire.base}/codes/c/versions/1"


def record(wire: Any, name: str = "fox") -> Record:
    with wire.workspace.database.read() as reader:
        return records.find(reader, name)


def ready(wire: Any, command: str = "echo hi", **more: Any) -> prepare.Ready:
    status, body = wire.put("fox", command, **more)
    assert status == 201, body
    outer = {"PATH": "/bin", "HOME": "/users/ada", "SECRET": "x", "PYTHONDONTWRITEBYTECODE": "1"}
    made = prepare.prepare(wire.workspace, record(wire), door=DOOR, outer=outer)
    assert isinstance(made, prepare.Ready)
    return made


def an_input(uri: str, kind: str = "uri_file", mode: str | None = None) -> dict[str, Any]:
    return {"d": {"jobInputType": kind, "uri": uri, **({"mode": mode} if mode else {})}}


def test_the_code_is_checked_out_as_a_copy_of_its_own(wire: Any) -> None:
    spec = ready(wire, "python train.py --x 1", codeId=code(wire, train_py="print()", sub__a_py="1")).spec

    assert (Path(spec.cwd) / "train.py").read_text() == "print()"
    assert (Path(spec.cwd) / "sub" / "a.py").exists()
    (Path(spec.cwd) / "train.py").write_text("changed")
    assert wire.workspace.blobs.read("code-1", "train.py") == b"print()"
    assert spec.kind == "python"
    assert spec.python is not None
    assert (spec.python.script, spec.python.args) == ("train.py", ("--x", "1"))


def test_a_command_for_a_shell_is_kept_as_written(wire: Any) -> None:
    spec = ready(wire, "for i in 1 2; do\n  echo $i\ndone").spec

    assert (spec.kind, spec.command) == ("shell", "for i in 1 2; do\n  echo $i\ndone")


def test_a_file_input_is_mounted_read_only_under_its_own_name(wire: Any) -> None:
    uri = upload(wire, "raw/iris.csv")

    spec = ready(wire, "cat ${{inputs.d}}", inputs=an_input(asset(wire, uri))).spec

    (mount,) = spec.mounts
    assert mount.readonly
    assert mount.target.endswith(str(Path("work", "fox", "inputs", "d", "iris.csv")))
    assert Path(mount.source).read_text() == "a,b\n1,2\n"
    assert spec.command == f"cat {mount.target}"


def test_a_folder_input_is_mounted_at_a_folder(wire: Any) -> None:
    upload(wire, "raw/a.csv")

    spec = ready(wire, inputs=an_input("azureml://datastores/workspaceblobstore/paths/raw/", "uri_folder")).spec

    assert spec.mounts[0].target.endswith("/inputs/d")


def test_download_is_a_copy_that_the_run_may_change(wire: Any) -> None:
    uri = upload(wire, "raw/iris.csv")

    spec = ready(wire, "cat ${{inputs.d}}", inputs=an_input(uri, mode="Download")).spec

    copy = Path(spec.command.removeprefix("cat "))
    copy.write_text("changed")
    assert wire.workspace.blobs.read(wire.workspace.blob_container, "raw/iris.csv") == b"a,b\n1,2\n"
    assert not spec.mounts


def test_direct_hands_the_long_uri_on(wire: Any) -> None:
    spec = ready(wire, "cat ${{inputs.d}}", inputs=an_input(upload(wire, "raw/i.csv"), mode="Direct")).spec

    assert spec.command.startswith("cat azureml://subscriptions/")
    assert spec.command.endswith("/datastores/workspaceblobstore/paths/raw/i.csv")


def test_a_writable_mount_of_an_asset_is_a_copy_and_the_log_says_so(wire: Any) -> None:
    uri = asset(wire, upload(wire, "raw/i.csv"))

    spec = ready(wire, inputs=an_input(uri, mode="ReadWriteMount")).spec

    assert not spec.mounts
    assert "works on a copy" in Path(spec.log).read_text()


def test_a_writable_mount_of_a_path_is_the_path(wire: Any) -> None:
    spec = ready(wire, inputs=an_input(upload(wire, "raw/i.csv"), mode="ReadWriteMount")).spec

    assert not spec.mounts[0].readonly


def test_a_web_address_and_a_literal_stay_as_they_are(wire: Any) -> None:
    inputs = {**an_input("https://example.com/x.csv"), "n": {"jobInputType": "literal", "value": "a b"}}

    assert (
        ready(wire, "run ${{inputs.d}} ${{inputs.n}}", inputs=inputs).spec.command
        == "run https://example.com/x.csv a b"
    )


def test_data_that_were_deleted_meanwhile_are_named(wire: Any) -> None:
    with pytest.raises(NotFoundError, match=r"input 'd' is .*gone\.csv, but there is no file or folder") as caught:
        ready(wire, inputs=an_input("azureml://datastores/workspaceblobstore/paths/gone.csv"))

    assert "Upload the data" in caught.value.remedy


def test_a_datastore_in_azure_is_refused_with_what_to_do(wire: Any) -> None:
    body = {
        "properties": {
            "datastoreType": "AzureBlob",
            "accountName": "faraway",
            "containerName": "c",
            "credentials": {"credentialsType": "None"},
        }
    }
    assert wire.ask("PUT", "/datastores/far", body)[0] in {200, 201}

    with pytest.raises(NotOfflineError, match="account 'faraway'") as caught:
        ready(wire, inputs=an_input("azureml://datastores/far/paths/x"))

    assert "workspaceblobstore" in caught.value.remedy


def test_variables_tell_the_run_where_it_is_and_nothing_of_the_person(wire: Any) -> None:
    env = ready(wire, environmentVariables={"MINE": "${{name}}-1"}, experimentName="exp").spec.env

    assert env["AZUREML_RUN_ID"] == env["MLFLOW_RUN_ID"] == "fox"
    assert env["AZUREML_EXPERIMENT_NAME"] == "exp"
    assert env["MLFLOW_TRACKING_URI"] == f"{DOOR}/mlflow/v2.0{wire.base}"
    assert env["MLFLOW_TRACKING_TOKEN"] == env["AZUREML_RUN_TOKEN"]
    assert env["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] == "true"
    assert (env["RANK"], env["WORLD_SIZE"]) == ("0", "1")
    assert env["NO_PROXY"] == env["no_proxy"] == "127.0.0.1,localhost"
    assert env["MINE"] == "fox-1"
    assert "SECRET" not in env
    assert "PYTHONDONTWRITEBYTECODE" not in env


def test_the_token_of_a_run_is_good_for_its_workspace_and_names_its_job(wire: Any) -> None:
    from jupyter_aml.local.authz import tokens

    env = ready(wire).spec.env

    identity = tokens.verify(wire.service.store, env["MLFLOW_TRACKING_TOKEN"])
    assert identity is not None
    assert (identity.job, identity.workspace_id) == ("fox", wire.workspace.entry.id)


def test_paths_of_inputs_and_outputs_are_variables_too(wire: Any) -> None:
    env = ready(
        wire, inputs=an_input(upload(wire, "i.csv")), outputs={"my-model": {"jobOutputType": "uri_folder"}}
    ).spec.env

    assert env["AZUREML_INPUT_d"] == env["AZURE_ML_INPUT_d"]
    assert env["AZURE_ML_OUTPUT_my_model"].endswith(str(Path("work", "fox", "outputs", "my-model")))


def test_outputs_and_logs_of_the_working_folder_show_while_the_job_runs(wire: Any) -> None:
    spec = ready(wire, codeId=code(wire, outputs__old_py="1")).spec

    (Path(spec.cwd) / "outputs" / "new.txt").write_text("x")
    (Path(spec.cwd) / "logs" / "a.log").write_text("y")

    blobs = [blob.name for blob in wire.workspace.blobs.list("azureml", "ExperimentRun/dcid.fox/")]
    assert blobs == [
        "ExperimentRun/dcid.fox/logs/a.log",
        "ExperimentRun/dcid.fox/outputs/new.txt",
        "ExperimentRun/dcid.fox/outputs/old.py",
        "ExperimentRun/dcid.fox/user_logs/std_log.txt",
    ]


def test_a_second_preparation_begins_afresh(wire: Any) -> None:
    spec = ready(wire).spec
    (Path(spec.cwd) / "left.txt").write_text("x")

    again = prepare.prepare(wire.workspace, record(wire), door=DOOR, outer={}).spec

    assert again.cwd == spec.cwd
    assert not (Path(spec.cwd) / "left.txt").exists()


def test_the_run_has_a_python_of_its_own(wire: Any) -> None:
    spec = ready(wire).spec

    assert spec.interpreter == sys.executable
    assert (Path(spec.overlay) / "bin" / "python").exists()


def finished(wire: Any, *, good: bool = True) -> dict[str, Any]:
    kept = work.finalize(wire.workspace, record(wire), good=good, now=wire.clock.now)
    assert kept.fault is None, kept.fault
    return kept.outputs


def test_an_output_is_moved_to_its_place_and_registered_under_its_name(wire: Any) -> None:
    output = {"model": {"jobOutputType": "custom_model", "assetName": "m", "mode": "ReadWriteMount"}}
    spec = ready(wire, "run ${{outputs.model}}", outputs=output).spec
    (Path(spec.command.removeprefix("run ")) / "weights.bin").write_text("w")

    kept = finished(wire)

    assert kept["model"]["uri"] == "azureml://datastores/workspaceblobstore/paths/azureml/fox/model/"
    assert kept["model"]["version"] == "1"
    assert wire.workspace.blobs.read(wire.workspace.blob_container, "azureml/fox/model/weights.bin") == b"w"
    _, model = wire.ask("GET", "/models/m/versions/1")
    assert model["properties"]["modelType"] == "custom_model"
    assert model["properties"]["jobName"] == "fox"
    assert model["properties"]["modelUri"].endswith("/datastores/workspaceblobstore/paths/azureml/fox/model/")


def test_finalizing_twice_registers_once(wire: Any) -> None:
    output = {"d": {"jobOutputType": "uri_folder", "assetName": "made"}}
    spec = ready(wire, "run ${{outputs.d}}", outputs=output).spec
    (Path(spec.command.removeprefix("run ")) / "x").write_text("1")

    first = finished(wire)
    second = finished(wire)

    assert first == second
    with wire.workspace.database.read() as reader:
        assert [found.version for found, _ in resources.versions(reader, "data", "made")] == ["1"]


def test_the_outputs_of_a_failed_run_are_kept_but_not_registered(wire: Any) -> None:
    output = {"d": {"jobOutputType": "uri_folder", "assetName": "made"}}
    spec = ready(wire, "run ${{outputs.d}}", outputs=output).spec
    (Path(spec.command.removeprefix("run ")) / "x").write_text("1")

    kept = finished(wire, good=False)

    assert "version" not in kept["d"]
    assert wire.ask("GET", "/data/made")[0] == 404
    assert wire.workspace.blobs.exists(wire.workspace.blob_container, "azureml/fox/d/x")


def test_a_file_output_goes_where_its_uri_says(wire: Any) -> None:
    uri = "azureml://datastores/workspaceblobstore/paths/out/${{name}}/scores.csv"
    spec = ready(wire, "run ${{outputs.f}}", outputs={"f": {"jobOutputType": "uri_file", "uri": uri}}).spec
    path = Path(spec.command.removeprefix("run "))
    path.write_text("1")

    kept = finished(wire)

    assert path.name == "scores.csv"
    assert kept["f"]["uri"] == "azureml://datastores/workspaceblobstore/paths/out/fox/scores.csv"
    assert wire.workspace.blobs.read(wire.workspace.blob_container, "out/fox/scores.csv") == b"1"


def test_a_file_output_without_uri_is_a_file_below_the_jobs_folder(wire: Any) -> None:
    spec = ready(wire, "run ${{outputs.f}}", outputs={"f": {"jobOutputType": "uri_file"}}).spec
    Path(spec.command.removeprefix("run ")).write_text("1")

    assert finished(wire)["f"]["uri"] == "azureml://datastores/workspaceblobstore/paths/azureml/fox/f/f"
    assert wire.workspace.blobs.read(wire.workspace.blob_container, "azureml/fox/f/f") == b"1"


@pytest.mark.parametrize("name", ["default", "artifacts"])
def test_the_output_default_is_the_runs_own_folder(wire: Any, name: str) -> None:
    spec = ready(wire, f"run ${{{{outputs.{name}}}}}", outputs={name: None}).spec

    assert spec.command == f"run {wire.workspace.runs_folder('fox')}"


def test_a_folder_that_the_run_put_in_the_place_of_outputs_is_kept(wire: Any) -> None:
    spec = ready(wire).spec
    place = Path(spec.cwd) / "outputs"
    place.unlink()
    place.mkdir()
    (place / "late.txt").write_text("x")

    finished(wire)

    assert (wire.workspace.runs_folder("fox") / "outputs" / "late.txt").read_text() == "x"
    assert not (wire.workspace.runs_folder("fox") / "logs").exists()
