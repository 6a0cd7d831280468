"""Which Python an environment means; those with packages are built once, from a folder of wheels here."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.runtime import builds, environments
from jupyter_aml.local.runtime.conda import Wanted
from jupyter_aml.local.runtime.environments import Environment, resolve
from jupyter_aml.local.runtime.interpreters import describe
from jupyter_aml.local.runtime.provisioners.exec import ExecProvisioner

from .conftest import Bench
from .wheels import make_wheel

CONDA = "dependencies: [pip, {pip: ['tiny==1.0']}]"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip is configured to know nothing but this folder."""
    folder = tmp_path / "wheels"
    make_wheel(folder, "tiny", "1.0", "tinier")
    make_wheel(folder, "tinier", "0.1")
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nfind-links = {folder}\nno-index = true\n")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    return folder


def resolved(
    properties: dict[str, object] | None, home: Path, said: list[str] | None = None, name: str = "e:1"
) -> Environment:
    watch = builds.Watch((said if said is not None else []).append)
    return resolve(properties, name=name, recorded=sys.executable, home=home, watch=watch)


def test_no_environment_means_the_submitters_python(home: Path) -> None:
    found = resolved(None, home, name="")

    assert found == Environment(describe(sys.executable))


def test_a_record_of_the_submitters_python_is_the_submitters_python(home: Path) -> None:
    from jupyter_aml.commands.actions import pins

    found = resolved({"condaFile": CONDA, "image": pins.IMAGE, "tags": {pins.TAG: "submitter"}}, home)

    assert found == Environment(describe(sys.executable))


@pytest.mark.parametrize(
    "name",
    ["azureml://registries/azureml/environments/sklearn-1.5/labels/latest", "AzureML-sklearn-1.5@latest"],
)
def test_a_curated_environment_is_the_submitters_python_with_a_note(home: Path, name: str) -> None:
    found = resolved(None, home, name=name)

    assert found.interpreter.executable == sys.executable
    assert "sklearn-1.5 is a Docker image" in found.notes[0]


def test_an_image_alone_is_the_submitters_python_with_a_note(home: Path) -> None:
    found = resolved({"image": "mcr.microsoft.com/x:1"}, home)

    assert found.interpreter.executable == sys.executable
    assert "mcr.microsoft.com/x:1 is not pulled here" in found.notes[0]


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_packages_are_installed_into_an_environment_of_their_own(
    bench: Bench, home: Path, wheels: Path, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if tool == "pip":
        monkeypatch.setattr(builds, "find_uv", lambda: "")
    said: list[str] = []

    found = resolved({"condaFile": CONDA, "image": "img"}, home, said)

    python = found.interpreter.executable
    assert python.startswith(str(home / "envs"))
    assert f"with {tool}: 1 requirement." in said[1]
    assert "is ready" in said[-1]
    assert found.notes == ("The image img is not used here; the Python packages of the environment are.",)
    packages = Path(found.interpreter.site_packages[0])
    assert list((packages / "tiny" / "__pycache__").glob("*.pyc"))
    bench.script("import tiny, tinier, pip; print(tiny.version, tinier.version)")
    end, text = bench.run(ExecProvisioner(), bench.spec(interpreter=python))
    assert end.ok, text
    assert text == "1.0 0.1\n"


def test_the_second_time_nothing_is_built(home: Path, wheels: Path) -> None:
    first = resolved({"condaFile": CONDA}, home)
    said: list[str] = []

    second = resolved({"condaFile": "# same\n" + CONDA}, home, said)

    assert second == first
    assert said == []


def test_several_builders_build_once(home: Path, wheels: Path) -> None:
    said: list[str] = []

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: resolved({"requirements": ["tiny"]}, home, said), range(3)))

    assert len({environment.interpreter for environment in found}) == 1
    assert len([line for line in said if line.startswith("Building")]) == 1


def test_what_a_killed_builder_left_is_built_anew(home: Path, wheels: Path) -> None:
    wanted = Wanted(requirements=("tiny",))
    base = describe(sys.executable)
    left = home / "envs" / builds.content_hash(wanted, base)
    left.mkdir(parents=True)
    (left / "rubbish").touch()

    python = builds.build(wanted, base, home, builds.Watch())

    assert not (left / "rubbish").exists()
    done = subprocess.run(
        [python, "-c", "import tiny; print(tiny.version)"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1.0\n"


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_a_package_that_cannot_be_had_is_named_by_the_solver(
    home: Path, wheels: Path, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if tool == "pip":
        monkeypatch.setattr(builds, "find_uv", lambda: "")

    with pytest.raises(ResourceError, match=r"cannot be built[\s\S]*no-such-package") as caught:
        resolved({"condaFile": "dependencies: [{pip: [no-such-package]}]"}, home)

    assert caught.value.code == "ImageBuildFailure"
    assert "PIP_FIND_LINKS" in caught.value.remedy
    assert [path for path in (home / "envs").iterdir() if path.is_dir()] == []


def test_a_python_that_is_not_here_is_said(home: Path, wheels: Path) -> None:
    found = resolved({"condaFile": "dependencies: [python=2.6]"}, home)

    assert found.interpreter.short_version == describe(sys.executable).short_version
    assert "Python 2.6 is not installed here" in found.notes[0]


def test_the_order_of_requirements_does_not_matter() -> None:
    base = describe(sys.executable)

    first = builds.content_hash(Wanted(requirements=("a", "b")), base)

    assert builds.content_hash(Wanted(requirements=("b", "a")), base) == first
    assert builds.content_hash(Wanted(requirements=("b",)), base) != first


def test_a_requirements_text_is_a_list_of_packages() -> None:
    assert environments.wanted_by({"requirements": "a\n# b\nc==1"}) == Wanted(requirements=("a", "c==1"))
