"""The code of jobs as a place: what `ls`, `cat`, `preview`, `cp` and `rm` do with `azureml://jobs/JOB/code/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import command, dsl, load_job
from azure.ai.ml.sweep import Choice

from jupyter_aml import connect
from jupyter_aml.client.connect import connection
from jupyter_aml.client.rest import Rest
from jupyter_aml.commands.actions import codes
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.run import run
from jupyter_aml.commands.tokens import tokenize
from jupyter_aml.errors import NotFoundError, UsageError
from jupyter_aml.local.store import bell

ENVIRONMENT = "azureml:AzureML-sklearn-1.5@latest"
SCRIPT = "print('trained')\n"


class World:
    """A workspace whose jobs never start."""

    def __init__(self, client: Any, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.code = folder / "project"
        (self.code / "lib").mkdir(parents=True)
        (self.code / "main.py").write_text(SCRIPT, encoding="utf-8")
        (self.code / "lib" / "words.py").write_text("WORD = 1\n", encoding="utf-8")

    def aml(self, line: str) -> Any:
        return run(tokenize(line), Context(namespace={}, cwd=self.folder))

    def names(self, place: str) -> list[str]:
        return [f"{one['name']}/" if one["folder"] else one["name"] for one in self.aml(f"ls {place}")]

    def step(self, **more: Any) -> Any:
        given = {"command": "python main.py", "code": str(self.code), "environment": ENVIRONMENT, **more}
        return command(**{name: value for name, value in given.items() if value is not None})

    def submit(self, job: Any) -> str:
        return f"azureml://jobs/{self.client.jobs.create_or_update(job).name}/code"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(bell, "spawn", lambda home: None)
    monkeypatch.chdir(tmp_path)
    return World(connect("local", quiet=True), tmp_path)


def test_the_code_of_a_job_is_listed_read_and_copied(world: World) -> None:
    place = world.submit(world.step())

    assert world.names(f"{place}/") == ["lib/", "main.py"]
    assert world.names(f"{place}/lib") == ["words.py"]
    assert world.aml(f"cat {place}/main.py").entity == SCRIPT
    assert world.aml(f"preview {place}/lib/words.py").entity == "WORD = 1\n"
    world.aml(f"cp {place}/ ./copy --recursive")
    assert (world.folder / "copy/lib/words.py").read_text(encoding="utf-8") == "WORD = 1\n"
    world.aml(f"cp {place}/main.py ./one.py")
    assert (world.folder / "one.py").read_text(encoding="utf-8") == SCRIPT


def test_code_of_a_single_file_is_a_place_too(world: World) -> None:
    place = world.submit(world.step(code=str(world.code / "main.py")))

    assert world.names(f"{place}/") == ["main.py"]
    assert world.aml(f"cat {place}/main.py").entity == SCRIPT


def test_the_code_of_a_sweep_is_that_of_its_trials(world: World) -> None:
    trial = world.step(command="python main.py ${{inputs.lr}}", inputs={"lr": 0.1})(lr=Choice([0.1, 0.2]))
    sweep = trial.sweep(primary_metric="loss", goal="minimize", sampling_algorithm="grid")
    sweep.set_limits(max_total_trials=1)

    assert world.names(world.submit(sweep)) == ["lib/", "main.py"]


def test_the_code_of_a_pipeline_is_a_folder_for_each_step_that_has_some(world: World) -> None:
    first, bare = world.step(name="first"), world.step(name="bare", command="echo hi", code=None)

    @dsl.pipeline(name="inner")
    def inner() -> None:
        deep = first()  # noqa: F841 - its name is the step's

    @dsl.pipeline(name="outer")
    def outer() -> None:
        train = first()  # noqa: F841
        idle = bare()  # noqa: F841
        nested = inner()  # noqa: F841

    job = outer()
    job.settings.default_compute = "serverless"
    place = world.submit(job)

    assert world.names(place) == ["train/", "nested/"]
    assert world.names(f"{place}/train/") == ["lib/", "main.py"]
    assert world.names(f"{place}/nested") == ["deep/"]
    assert world.aml(f"cat {place}/nested/deep/main.py").entity == SCRIPT
    world.aml(f"cp {place} ./all --recursive")
    copied = sorted(one.relative_to(world.folder / "all").as_posix() for one in (world.folder / "all").rglob("*.py"))
    assert copied == ["nested/deep/lib/words.py", "nested/deep/main.py", "train/lib/words.py", "train/main.py"]
    for step in ("idle", "gone"):
        with pytest.raises(NotFoundError, match=f"no step '{step}' has code") as caught:
            world.aml(f"ls {place}/{step}/")
        assert f"aml ls {place}/" in str(caught.value.remedy)


def test_parallel_steps_have_the_code_of_their_task(world: World) -> None:
    (world.folder / "job.yml").write_text(
        f"""type: pipeline
settings: {{default_compute: serverless}}
jobs:
  score:
    type: parallel
    mini_batch_size: "1"
    inputs:
      files: {{type: uri_folder, path: ./project, mode: ro_mount}}
    input_data: ${{{{inputs.files}}}}
    task:
      type: run_function
      code: ./project
      entry_script: main.py
      environment: {ENVIRONMENT}
""",
        encoding="utf-8",
    )

    assert world.names(f"{world.submit(load_job('job.yml'))}/score") == ["lib/", "main.py"]


def test_a_job_without_code_says_so(world: World) -> None:
    place = world.submit(world.step(command="echo hi", code=None))

    for line in (f"ls {place}/", f"cat {place}/main.py", f"cp {place}/ ./x -r"):
        with pytest.raises(NotFoundError, match="has no code") as caught:
            world.aml(line)
        assert "--as yaml" in str(caught.value.remedy)


def test_what_is_not_in_the_code_is_missing_and_its_folder_is_offered(world: World) -> None:
    place = world.submit(world.step())

    with pytest.raises(NotFoundError, match="does not exist") as caught:
        world.aml(f"cat {place}/lib/gone.py")
    assert str(caught.value.remedy) == f"Type %aml ls {place}/"
    with pytest.raises(NotFoundError, match="holds nothing"):
        world.aml(f"ls {place}/gone/")
    with pytest.raises(NotFoundError, match="There is no job 'nobody'"):
        world.aml("ls azureml://jobs/nobody/code/")


def test_code_never_changes(world: World) -> None:
    place = world.submit(world.step())

    for line in (f"cp ./project/main.py {place}/main.py", f"rm {place}/main.py --yes"):
        with pytest.raises(UsageError, match="code never changes"):
            world.aml(line)
    assert world.aml(f"cat {place}/main.py").entity == SCRIPT


def test_code_of_a_registry_is_named_and_not_looked_for_here(world: World) -> None:
    context = Context(namespace={}, cwd=world.folder)

    with pytest.raises(UsageError, match="in the registry contoso"):
        codes.of_id(context, "azureml://registries/contoso/codes/c/versions/1")


def test_code_in_a_container_of_its_own_is_opened_with_the_key_of_its_account(world: World) -> None:
    place = world.submit(world.step())
    rest = Rest(connection(world.client))
    held = rest.get(f"jobs/{place.split('/')[3]}")["properties"]
    store = rest.get("datastores/workspaceblobstore")["properties"]
    uri = rest.get(held["codeId"])["properties"]["codeUri"]
    assert f"/{store['containerName']}/" not in uri

    files = codes.of_job(Context(namespace={}, cwd=world.folder), place.split("/")[3])

    assert files.client.credential.account_key
    assert sorted(files.names()) == ["lib/words.py", "main.py"]
