"""Code and commands of jobs through the unmodified SDK: what is uploaded, and how the command line is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Output
from azure.core.exceptions import HttpResponseError

from .lab import Lab

LIST = "find . -type f | sort"


@pytest.fixture
def source(folder: Path) -> Path:
    """A project: scripts, data that must not travel, a package beside the script."""
    place = folder / "project"
    for path, text in {
        "train.py": "import sys\nfrom helpers.words import WORD\nprint(WORD, sys.argv[1:])\n",
        "helpers/__init__.py": "",
        "helpers/words.py": "WORD = 'imported'\n",
        "notes.log": "private",
        "data/big.bin": "x",
        "data/keep.txt": "kept",
        "run.sh": "#!/bin/bash\necho ran $1\n",
    }.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text, encoding="utf-8")
    return place


def test_a_folder_is_the_working_directory_of_its_script(lab: Lab, source: Path) -> None:
    said = lab.prints(command="python train.py --a 1", code=str(source))

    assert said == "imported ['--a', '1']\n"


def test_a_script_of_the_shell_can_be_run_by_its_name(lab: Lab, source: Path) -> None:
    assert lab.prints(command="./run.sh it", code=str(source)) == "ran it\n"


def test_a_single_file_is_a_snapshot_too(lab: Lab, folder: Path) -> None:
    (folder / "alone.py").write_text("import os; print(sorted(os.listdir()))\n", encoding="utf-8")
    (folder / "other.txt").write_text("x", encoding="utf-8")

    listed = lab.prints(command="python alone.py", code=str(folder / "alone.py"))

    assert "'alone.py'" in listed
    assert "other.txt" not in listed


def test_without_code_the_working_directory_is_empty(lab: Lab) -> None:
    assert lab.prints(command=LIST) == ""


@pytest.mark.parametrize("ignore", [".amlignore", ".gitignore"])
def test_what_an_ignore_file_names_is_left_behind(lab: Lab, source: Path, ignore: str) -> None:
    (source / ignore).write_text("*.log\ndata/*\n!data/keep.txt\nhelpers/\n", encoding="utf-8")

    found = lab.prints(command=LIST, code=str(source)).split()

    assert {"./train.py", "./run.sh", "./data/keep.txt"} <= set(found)
    assert not {"./notes.log", "./data/big.bin", "./helpers/words.py"} & set(found)


def test_of_two_ignore_files_amls_own_is_followed(lab: Lab, source: Path) -> None:
    (source / ".gitignore").write_text("train.py\n", encoding="utf-8")
    (source / ".amlignore").write_text("*.log\n", encoding="utf-8")

    found = lab.prints(command=LIST, code=str(source)).split()

    assert "./train.py" in found
    assert "./notes.log" not in found


def test_the_same_code_is_uploaded_once(lab: Lab, source: Path) -> None:
    one, other = (lab.run(command="true", code=str(source)) for _ in range(2))

    assert one.code == other.code
    (source / "train.py").write_text("print('changed')\n", encoding="utf-8")
    assert lab.run(command="true", code=str(source)).code != one.code


def test_a_run_cannot_change_the_code_of_another(lab: Lab, source: Path) -> None:
    lab.run(command="echo 'print(1)' > train.py; rm -r helpers", code=str(source))

    assert lab.prints(command="python train.py", code=str(source)) == "imported []\n"


def test_a_job_without_a_git_repository_has_no_properties_of_one(lab: Lab, source: Path) -> None:
    job = lab.run(command="true", code=str(source))

    assert not [key for key in job.properties if key.startswith("mlflow.source.git")]


def test_a_command_of_several_lines_goes_on_after_a_line_that_fails(lab: Lab) -> None:
    job = lab.run(command="echo one\nfalse\necho three")

    assert lab.log(job.name) == "one\nthree\n"


def test_a_command_that_asks_for_it_ends_at_the_first_line_that_fails(lab: Lab) -> None:
    job = lab.run(command="set -e\necho one\nfalse\necho three", status="Failed")

    assert lab.log(job.name) == "one\n"
    assert lab.error(job.name)["message"].startswith("The command ended with exit code 1.")


def test_the_last_line_decides_how_a_command_ended(lab: Lab) -> None:
    lab.run(command="false\ntrue")
    job = lab.run(command="true\nexit 4", status="Failed")

    assert "exit code 4" in lab.error(job.name)["message"]


def test_pipes_substitutions_and_conditions_are_the_shells(lab: Lab) -> None:
    said = lab.prints(
        command="""
        set -o pipefail
        for n in 3 1 2; do echo $n; done | sort | paste -sd,
        [[ "$(echo a b | wc -w)" == 2 ]] && echo two
        python -c 'import sys; print(sys.stdin.read().upper())' <<< "here"
        echo {a..c} > list.txt; cat list.txt
        """
    )

    assert said == "1,2,3\ntwo\nHERE\n\na b c\n"


def test_lines_joined_by_and_and_by_a_backslash_are_one_command(lab: Lab) -> None:
    said = lab.prints(command="echo one && \\\n  echo two \\\n  three")

    assert said == "one\ntwo three\n"


def test_what_is_written_to_either_stream_is_in_the_log(lab: Lab) -> None:
    said = lab.prints("import sys; print('out', flush=True); print('err', file=sys.stderr, flush=True)")

    assert sorted(said.splitlines()) == ["err", "out"]


def test_inputs_and_outputs_are_put_into_command_and_variables(lab: Lab) -> None:
    job = lab.run(
        "import os, sys; print(sys.argv[1], os.environ['WHERE'], os.environ['RATE'], os.environ['PLAIN'], sep='|')",
        command="python train.py ${{outputs.o}}",
        inputs={"rate": 0.5},
        outputs={"o": Output(type="uri_folder")},
        environment_variables={"WHERE": "${{outputs.o}}", "RATE": "r=${{inputs.rate}}", "PLAIN": "a b"},
    )

    path, where, rate, plain = lab.log(job.name).strip().split("|")
    assert path == where
    assert (rate, plain) == ("r=0.5", "a b")
    assert job.environment_variables["RATE"] == "r=${{inputs.rate}}"


VARIABLES = """
import json, os
names = [name for name in os.environ if name.startswith(("AZ", "MLFLOW", "RANK", "WORLD"))]
print(json.dumps({name: os.environ[name] for name in names}))
"""


def test_a_run_knows_where_it_is_by_the_variables_of_azure(lab: Lab) -> None:
    job = lab.run(VARIABLES, display_name="named", experiment_name="located")

    found: dict[str, Any] = json.loads(lab.log(job.name).splitlines()[-1])
    expected = {
        "AZUREML_RUN_ID": job.name,
        "AZUREML_ROOT_RUN_ID": job.name,
        "AZUREML_EXPERIMENT_NAME": "located",
        "AZUREML_ARM_SUBSCRIPTION": lab.entry.subscription,
        "AZUREML_ARM_RESOURCEGROUP": lab.entry.group,
        "AZUREML_ARM_WORKSPACE_NAME": lab.entry.name,
        "AZUREML_ARM_PROJECT_NAME": "located",
        "AZUREML_WORKSPACE_ID": lab.entry.id,
        "AZUREML_WORKSPACE_SCOPE": lab.entry.arm_id,
        "MLFLOW_RUN_ID": job.name,
        "MLFLOW_EXPERIMENT_NAME": "located",
        "RANK": "0",
        "WORLD_SIZE": "1",
    }
    assert {key: found.get(key) for key in expected} == expected
    assert found["MLFLOW_TRACKING_URI"].endswith(lab.entry.arm_id)
    assert {"AZUREML_RUN_TOKEN", "AZUREML_SERVICE_ENDPOINT", "AZ_BATCHAI_JOB_NAME"} <= set(found)


def test_variables_of_the_person_who_submits_stay_with_them(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "hush")

    assert lab.prints(command="echo [$MY_SECRET]") == "[]\n"


def test_a_job_without_a_command_is_refused(lab: Lab) -> None:
    from azure.ai.ml.entities import CommandJob

    with pytest.raises(Exception, match="command"):  # by the SDK itself
        lab.client.jobs.create_or_update(CommandJob(environment="plain:1", compute="serverless"))


def test_code_that_was_never_uploaded_is_not_found(lab: Lab) -> None:
    code = f"{lab.entry.arm_id}/codes/00000000-0000-0000-0000-000000000000/versions/1"

    with pytest.raises(HttpResponseError, match="names the code asset") as caught:
        lab.submit(command="true", code=code)

    assert (caught.value.status_code, caught.value.error.target) == (404, "properties.codeId")
