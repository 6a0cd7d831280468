"""An input is where the run expects it, and the run cannot write into the asset behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_aml.local.runtime import mounts
from jupyter_aml.local.runtime.provisioners.base import Provisioner
from jupyter_aml.local.runtime.provisioners.exec import ExecProvisioner
from jupyter_aml.local.runtime.spec import Mount

from .conftest import Bench

can_bind = pytest.mark.skipif(mounts.probe() != "bind", reason="this kernel or container allows no private mounts")


@pytest.fixture
def asset(tmp_path: Path) -> Path:
    folder = tmp_path / "an asset"
    (folder / "sub").mkdir(parents=True)
    (folder / "data.csv").write_text("a,b\n1,2\n")
    (folder / "sub" / "more.csv").write_text("x\n")
    return folder


WRITES = """
import pathlib, sys
folder = pathlib.Path(sys.argv[1])
print(sorted(str(path.relative_to(folder)) for path in folder.rglob("*")))
for attempt in (lambda: (folder / "new").touch(), lambda: open(folder / "data.csv", "a").write("x"),
                lambda: (folder / "data.csv").unlink()):
    try:
        attempt()
        print("written")
    except OSError as error:
        print(type(error).__name__)
"""


@can_bind
def test_a_mounted_folder_cannot_be_written(bench: Bench, provisioner: Provisioner, asset: Path) -> None:
    bench.script(WRITES)
    target = bench.folder / "inputs" / "data"

    end, text = bench.run(provisioner, bench.spec(str(target), mounts=(Mount(str(asset), str(target)),)))

    assert end.ok, text
    assert text.splitlines() == ["['data.csv', 'sub', 'sub/more.csv']", "OSError", "OSError", "OSError"]
    assert (asset / "data.csv").read_text() == "a,b\n1,2\n"
    assert list(target.iterdir()) == []


@can_bind
def test_a_mounted_file_is_a_file(bench: Bench, provisioner: Provisioner, asset: Path) -> None:
    bench.script("import sys; print(open(sys.argv[1]).read(), end='')")
    target = bench.folder / "inputs" / "data.csv"

    _, text = bench.run(provisioner, bench.spec(str(target), mounts=(Mount(str(asset / "data.csv"), str(target)),)))

    assert text == "a,b\n1,2\n"


@can_bind
def test_a_writable_mount_can_be_written(bench: Bench, provisioner: Provisioner, asset: Path) -> None:
    bench.script("import sys; open(sys.argv[1] + '/made', 'w').write('1')")
    target = bench.folder / "outputs"
    mount = Mount(str(asset), str(target), readonly=False)

    end, _ = bench.run(provisioner, bench.spec(str(target), mounts=(mount,)))

    assert end.ok
    assert (asset / "made").read_text() == "1"


@can_bind
def test_mounts_are_over_with_the_run(bench: Bench, provisioner: Provisioner, asset: Path) -> None:
    bench.script("pass")
    before = Path("/proc/self/mounts").read_text()
    target = bench.folder / "inputs"

    bench.run(provisioner, bench.spec(mounts=(Mount(str(asset), str(target)),)))

    assert Path("/proc/self/mounts").read_text() == before


def test_without_mounts_the_run_gets_a_read_only_copy(bench: Bench, asset: Path) -> None:
    target = bench.folder / "inputs"
    spec = bench.spec(mounts=(Mount(str(asset), str(target)),))

    ready = mounts.prepare(spec, "copy")

    assert ready.mounts == ()
    assert (target / "sub" / "more.csv").read_text() == "x\n"
    paths = [target, *target.rglob("*")]
    assert all(path.stat().st_mode & 0o222 == 0 for path in paths)
    assert (target / "data.csv").stat().st_ino != (asset / "data.csv").stat().st_ino


def test_a_copy_of_one_file_is_read_only_too(bench: Bench, asset: Path) -> None:
    target = bench.folder / "inputs" / "data.csv"
    spec = bench.spec(mounts=(Mount(str(asset / "data.csv"), str(target)),))

    mounts.prepare(spec, "copy")

    assert target.read_text() == "a,b\n1,2\n"
    assert target.stat().st_mode & 0o222 == 0


def test_without_mounts_a_writable_view_is_a_link(bench: Bench, asset: Path) -> None:
    target = bench.folder / "outputs"
    spec = bench.spec(mounts=(Mount(str(asset), str(target), readonly=False),))

    mounts.prepare(spec, "copy")
    (target / "made").touch()

    assert (asset / "made").exists()


def test_a_read_only_copy_can_be_removed_again(bench: Bench, asset: Path) -> None:
    target = bench.folder / "inputs"
    mounts.prepare(bench.spec(mounts=(Mount(str(asset), str(target)),)), "copy")

    mounts.release(target)

    assert not target.exists()
    assert (asset / "data.csv").exists()


def test_a_missing_source_is_named(bench: Bench, tmp_path: Path) -> None:
    spec = bench.spec(mounts=(Mount(str(tmp_path / "gone"), str(tmp_path / "target")),))

    with pytest.raises(FileNotFoundError, match="gone"):
        ExecProvisioner().start(spec)
