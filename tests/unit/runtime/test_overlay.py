"""A run may install what it likes: it lands in the overlay, wins there, and the base stays as it was."""

from __future__ import annotations

import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest

from jupyter_aml.local.runtime import overlay
from jupyter_aml.local.runtime.interpreters import describe
from jupyter_aml.local.runtime.provisioners.base import Provisioner
from jupyter_aml.local.runtime.provisioners.exec import ExecProvisioner

from .conftest import Bench
from .wheels import make_wheel


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A virtual environment of its own that has pip and `tiny` 1.0, as a wheel installs it."""
    folder = tmp_path_factory.mktemp("base") / "an env"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    packages = Path(describe(str(python)).site_packages[0])
    import pip

    (packages / "pip").symlink_to(Path(pip.__file__).parent)
    wheel = make_wheel(folder, "tiny", "1.0")
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--no-index", str(wheel)], check=True, capture_output=True, cwd=folder
    )
    return str(python)


def contents(folder: str) -> dict[str, int]:
    return {
        str(path): path.stat().st_mtime_ns
        for path in Path(folder).rglob("*")
        if "__pycache__" not in path.parts and path.is_file()
    }


@pytest.mark.parametrize(
    "command",
    [
        "pip install -q --no-index {wheel}",
        "pip3 install -q --no-index {wheel}",
        "python -m pip install -q --no-index {wheel}",
        (
            'python -c "import subprocess,sys; subprocess.check_call('
            "[sys.executable,'-m','pip','install','-q','--no-index',r'{wheel}'])\""
        ),
    ],
)
def test_whatever_a_run_installs_wins_and_the_base_is_untouched(
    bench: Bench, base: str, tmp_path: Path, command: str
) -> None:
    wheel = make_wheel(tmp_path, "tiny", "2.0")
    before = contents(describe(base).site_packages[0])
    spec = bench.spec(
        command=command.format(wheel=wheel) + "\npython -c 'import tiny; print(tiny.version, tiny.__file__)'",
        interpreter=base,
    )

    end, text = bench.run(ExecProvisioner(), spec)

    assert end.ok, text
    assert text.splitlines()[-1].startswith(f"2.0 {spec.overlay}")
    assert contents(describe(base).site_packages[0]) == before


def test_a_run_cannot_uninstall_from_the_base(bench: Bench, base: str) -> None:
    spec = bench.spec(command="pip uninstall -y tiny; python -c 'import tiny; print(tiny.version)'", interpreter=base)

    _, text = bench.run(ExecProvisioner(), spec)

    assert text.splitlines()[-1] == "1.0"


def test_the_next_run_does_not_see_what_the_last_installed(bench: Bench, base: str, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "tiny", "2.0")
    bench.run(ExecProvisioner(), bench.spec(command=f"pip install --no-index '{wheel}'", interpreter=base))
    bench.script("import tiny; print(tiny.version)")

    _, text = bench.run(ExecProvisioner(), bench.spec(interpreter=base))

    assert text == "1.0\n"


def test_a_script_finds_what_it_installs_itself(bench: Bench, provisioner: Provisioner, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "tiny_of_a_run", "3.0")
    bench.script(
        f"""
        import importlib, subprocess, sys
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-index", {str(wheel)!r}], check=True)
        importlib.invalidate_caches()
        import tiny_of_a_run
        print(tiny_of_a_run.version)
        """
    )

    end, text = bench.run(provisioner, bench.spec())

    assert end.ok, text
    assert text.splitlines()[-1] == "3.0"


def test_editable_installs_of_the_base_are_seen(bench: Bench, base: str, tmp_path: Path) -> None:
    (tmp_path / "editable_thing.py").write_text("value = 5")
    link = Path(describe(base).site_packages[0], "thing.pth")
    link.write_text(f"{tmp_path}\n")
    bench.script("import editable_thing; print(editable_thing.value)")

    _, text = bench.run(ExecProvisioner(), bench.spec(interpreter=base))
    link.unlink()

    assert text == "5\n"


def test_user_wide_installation_is_refused(bench: Bench, base: str, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "tiny", "2.0")
    spec = bench.spec(command=f"pip install --user --no-index '{wheel}'", interpreter=base)

    end, text = bench.run(ExecProvisioner(), spec)

    assert end.code != 0
    assert "--user" in text


def test_an_overlay_is_made_in_milliseconds(tmp_path: Path) -> None:
    overlay.make(tmp_path / "first", sys.executable)

    took = []
    for number in range(10):
        began = time.perf_counter()
        overlay.make(tmp_path / str(number), sys.executable)
        took.append(time.perf_counter() - began)

    assert min(took) < 0.02


def test_an_interpreter_that_is_not_there_is_named(tmp_path: Path) -> None:
    from jupyter_aml.errors import AmlError

    with pytest.raises(AmlError, match="nowhere/python cannot be run") as caught:
        overlay.make(tmp_path, "nowhere/python")

    assert sys.executable in caught.value.remedy
