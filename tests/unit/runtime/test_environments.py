"""Which Python an environment means; those with packages are built once, from a folder of wheels here."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import pytest

from jupyter_aml.agent import processes
from jupyter_aml.errors import ResourceError
from jupyter_aml.local.runtime import builds, environments, installed
from jupyter_aml.local.runtime.conda import Wanted
from jupyter_aml.local.runtime.environments import Environment, resolve
from jupyter_aml.local.runtime.interpreters import describe
from jupyter_aml.local.runtime.provisioners.exec import ExecProvisioner

from .conftest import Bench, StrictFork, wait_until
from .wheels import make_slow_source, make_wheel

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
    properties: dict[str, object] | None, home: Path, said: list[str] | None = None, name: str = "e:1", **more: str
) -> Environment:
    watch = builds.Watch((said if said is not None else []).append)
    return resolve(properties, name=name, recorded=sys.executable, home=home, watch=watch, **more)


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
    assert "JUPYTER_AML_CURATED=venv" in found.notes[0]


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


def test_why_a_package_does_not_build_is_told_before_and_after_what_it_printed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho '  \u00d7 Failed to build `old==1.0`'\nseq 300\necho 'hint: old needs C'\nexit 1\n")
    uv.chmod(0o755)
    monkeypatch.setattr(builds, "find_uv", lambda: str(uv))

    with pytest.raises(ResourceError) as caught:
        builds.build(Wanted("", ("old",)), describe(sys.executable), home, builds.Watch())

    lines = str(caught.value).splitlines()
    assert "Failed to build `old==1.0`" in lines[0]
    assert "hint: old needs C" in lines
    assert len(lines) < 30


def test_packages_that_are_not_needed_are_left_out_and_named(home: Path) -> None:
    conda = "dependencies: [{pip: ['AzureML_Defaults[x]==1.2', PyYAML]}]"

    found = environments.choose(
        {"condaFile": conda}, name="e:1", recorded=sys.executable, home=home, unneeded={"azureml-defaults"}
    )

    assert isinstance(found, Environment)
    assert "'AzureML_Defaults[x]==1.2' is left out" in found.notes[0]


def test_a_python_that_is_not_here_is_said(home: Path, wheels: Path) -> None:
    found = resolved({"condaFile": "dependencies: [python=2.6]"}, home)

    assert found.interpreter.short_version == describe(sys.executable).short_version
    assert "Python 2.6 is not installed here" in found.notes[0]


def test_a_python_that_has_all_packages_is_used_as_it_is_with_a_note(home: Path) -> None:
    version = metadata.version("pytest")

    found = resolved({"condaFile": f"dependencies: [python>=3.8, pytest={version}, {{pip: [PyYAML]}}]"}, home)

    assert found.interpreter == describe(sys.executable)
    python = f"{sys.executable} (Python {found.interpreter.short_version})"
    assert found.notes == (f"{python} has all packages of the environment: the run uses it.",)
    assert not (home / "envs").exists()


def test_another_version_than_the_submitters_is_built(bench: Bench, home: Path, wheels: Path) -> None:
    make_wheel(wheels, "pytest", "0.1")

    found = resolved({"requirements": ["pytest==0.1"]}, home)

    bench.script("import pytest; print(pytest.version)")
    assert bench.run(ExecProvisioner(), bench.spec(interpreter=found.interpreter.executable))[1] == "0.1\n"


def test_a_curated_environment_is_built_from_the_table_when_that_is_wished(home: Path, wheels: Path) -> None:
    for name, version in {"scikit-learn": "1.5.1", "pandas": "1.5.3", "numpy": "1.23.5", "scipy": "1.10",
                          "joblib": "1.2", "matplotlib": "3.8", "mlflow": "2.18.0"}.items():  # fmt: skip
        make_wheel(wheels, name.replace("-", "_"), version)

    found = resolved(None, home, name="AzureML-sklearn-1.5@latest", curated_as="venv")

    folder = Path(found.interpreter.site_packages[0])
    assert (folder / "scikit_learn-1.5.1.dist-info").is_dir()
    assert "curated environment sklearn-1.5 is not used here" in found.notes[-1]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("azureml://registries/ours/environments/train/versions/1", "in the registry ours, out of reach"),
        ("AzureML-unheard-of:1", "No packages are known for the curated environment unheard-of"),
    ],
)
def test_what_the_table_does_not_know_is_the_submitters_python_with_a_note(home: Path, name: str, told: str) -> None:
    found = resolved(None, home, name=name, curated_as="venv")

    assert found.interpreter.executable == sys.executable
    assert told in found.notes[0]


def test_everything_that_the_installer_prints_is_in_the_build_log(home: Path, wheels: Path) -> None:
    log = home / "build.txt"

    with pytest.raises(ResourceError):
        builds.build(Wanted("", ("tiny", "nowhere")), describe(sys.executable), home, builds.Watch(log=log))
    failed = log.read_text()
    builds.build(Wanted("", ("tiny",)), describe(sys.executable), home, builds.Watch(log=log))

    assert "nowhere" in failed
    assert "tiny==1.0" in log.read_text().removeprefix(failed)


def test_what_the_installer_does_is_passed_on_once_also_where_all_goes_into_one_log(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho Resolved 3 packages\nsleep 1\necho Installed\n")
    uv.chmod(0o755)
    monkeypatch.setattr(builds, "find_uv", lambda: str(uv))
    monkeypatch.setattr(builds, "TELL_SECONDS", 0.05)
    log = home / "build.txt"

    def say(sentence: str) -> None:
        with log.open("a") as file:
            file.write(f"{sentence}\n")

    builds.build(Wanted("", ("tiny",)), describe(sys.executable), home, builds.Watch(say, log))

    told = [line for line in log.read_text().splitlines() if "Resolved" in line]
    assert len(told) == 2
    assert told[1].endswith(" s] Resolved 3 packages")


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_a_build_that_is_given_up_ends_at_once_with_all_its_processes(
    home: Path, wheels: Path, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if tool == "pip":
        monkeypatch.setattr(builds, "find_uv", lambda: "")
    began = home / "began"
    make_slow_source(wheels, "slow", began, home / "go")
    given_up = threading.Event()
    watch = builds.Watch(given_up=given_up.is_set)

    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(builds.build, Wanted("", ("slow",)), describe(sys.executable), home, watch)
        pid = int(wait_until(lambda: began.exists() and began.read_text(), 60))
        given_up.set()
        with pytest.raises(builds.GivenUpError):
            building.result(60)

    assert not processes.alive(pid, 0)
    assert [path for path in (home / "envs").iterdir() if path.is_dir()] == []


def test_one_that_waits_for_anothers_build_can_give_up_and_tells_that_it_waits(home: Path, wheels: Path) -> None:
    began, go = home / "began", home / "go"
    make_slow_source(wheels, "slow", began, go)
    wanted, base = Wanted("", ("slow",)), describe(sys.executable)
    said: list[str] = []
    impatient = builds.Watch(said.append, given_up=lambda: bool(said))

    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(builds.build, wanted, base, home, builds.Watch())
        wait_until(began.exists, 60)
        with pytest.raises(builds.GivenUpError):
            builds.build(wanted, base, home, impatient)
        go.touch()
        assert building.result(60).exists()

    assert said == ["Another job is building this environment; waiting for it."]


def test_a_build_ends_with_the_process_that_wanted_it_and_the_next_one_builds_anew(home: Path, wheels: Path) -> None:
    began, go = home / "began", home / "go"
    make_slow_source(wheels, "slow", began, go)
    script = f"""
        import pathlib, sys
        from jupyter_aml.local.runtime import builds, interpreters
        from jupyter_aml.local.runtime.conda import Wanted
        home = pathlib.Path({str(home)!r})
        builds.build(Wanted("", ("slow",)), interpreters.describe({sys.executable!r}), home, builds.Watch())
    """
    host = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    pid = int(wait_until(lambda: began.exists() and began.read_text(), 60))

    host.kill()
    host.wait()
    wait_until(lambda: not processes.alive(pid, 0), 60)
    go.touch()
    python = builds.build(Wanted("", ("slow",)), describe(sys.executable), home, builds.Watch())

    assert subprocess.run([python, "-c", "import slow"], check=False).returncode == 0


@pytest.mark.parametrize("asked", ["3.8", "<3.11", ">=3.12"])
def test_another_python_of_the_machine_is_used_with_all_that_a_run_has(
    bench: Bench, home: Path, wheels: Path, asked: str
) -> None:
    other = environments._another(asked)
    if other is None or other.version[:2] == sys.version_info[:2]:
        pytest.skip(f"this machine has no other Python {asked}")
    conda = f"dependencies: ['python{'=' if asked[0].isdigit() else ''}{asked}', {{pip: ['tiny']}}]"

    found = resolved({"condaFile": conda}, home)

    assert installed.python_fits(asked, found.interpreter.version)
    bench.script("import os, sys, tiny; print(sys.version_info[:2], tiny.version, type(os.listdir).__name__); 1 / 0")
    forks = StrictFork()
    try:
        for provisioner in (forks, ExecProvisioner()):
            end, text = bench.run(provisioner, bench.spec(interpreter=found.interpreter.executable))
            assert text.startswith(f"{found.interpreter.version[:2]} 1.0 SortedListdir\n"), text
            assert end.error is not None
            assert end.error["type"] == "ZeroDivisionError"
    finally:
        forks.close()


def test_a_program_that_only_looks_like_a_python_is_passed_over(
    home: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = home / "bin" / "python3.7"
    shim.parent.mkdir(parents=True)
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent), prepend=":")

    found = resolved({"condaFile": "dependencies: [python=3.7]"}, home)

    assert "Python 3.7 is not installed here" in found.notes[0]


def test_the_order_of_requirements_does_not_matter() -> None:
    base = describe(sys.executable)

    first = builds.content_hash(Wanted(requirements=("a", "b")), base)

    assert builds.content_hash(Wanted(requirements=("b", "a")), base) == first
    assert builds.content_hash(Wanted(requirements=("b",)), base) != first


def test_a_requirements_text_is_a_list_of_packages() -> None:
    assert environments.wanted_by({"requirements": "a\n# b\nc==1"}) == Wanted(requirements=("a", "c==1"))
