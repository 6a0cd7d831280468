"""What a store takes, what it can do without, and how it is copied and removed."""

from __future__ import annotations

import errno
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.errors import ConflictError, StoreError
from jupyter_aml.local.store import archive, housekeeping, records, usage
from jupyter_aml.local.store.blob_model import Content
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace

NOW = 2_000_000_000.0
DAY = 86400.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = Store(tmp_path / "store", lambda: NOW)
    opened.rings = False
    return opened


@pytest.fixture
def workspace(store: Store) -> Workspace:
    return store.workspace(store.create())


def job(workspace: Workspace, name: str, status: str = "Completed", *, ended: float | None = NOW, **body: Any) -> None:
    with workspace.database.write() as transaction:
        transaction.execute(
            "INSERT INTO jobs(name, type, status, experiment, created, modified, ended, body, state)"
            " VALUES (?, 'Command', ?, 'e', ?, ?, ?, ?, ?)",
            (name, status, NOW, NOW, ended, json.dumps(body), json.dumps(body.get("state", {}))),
        )
    for place, text in (
        ("work/{}/code/train.py", "c"),
        ("runs/{}/user_logs/std_log.txt", "l"),
        ("runs/{}/outputs/m", "m"),
    ):
        path = workspace.folder / place.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def code(workspace: Workspace, name: str, *, created: float = NOW - 2 * DAY, anonymous: bool = True) -> str:
    container = f"code-{name}"
    workspace.blobs.create_container(container)
    workspace.blobs.write(container, "src/train.py", b"print()", content=Content(metadata={"k": "v"}))
    uri = f"https://{workspace.entry.account}.blob.core.windows.net/{container}/src"
    body = {"properties": {"codeUri": uri, "isAnonymous": anonymous}}
    with workspace.database.write() as transaction:
        records.put(transaction, Record("codes", name, "", {"properties": {}}, created, created))
        records.put(transaction, Record("codes", name, "1", body, created, created))
    return f"{workspace.entry.arm_id}/codes/{name}/versions/1"


def kept(workspace: Workspace) -> list[str]:
    with workspace.database.read() as connection:
        rows = connection.execute("SELECT DISTINCT name FROM resources WHERE segment='codes' ORDER BY name")
        return [row["name"] for row in rows]


def test_sizes_are_told_by_workspace_and_kind(store: Store, workspace: Workspace) -> None:
    job(workspace, "one")
    workspace.blobs.write(workspace.blob_container, "a", bytes(10000))
    inside = workspace.folder.relative_to(store.home)
    for path in ("envs/abc/bin/python", "logs/service.log", f"{inside}/serving/e/order.json", f"{inside}/insights/x"):
        (store.home / path).parent.mkdir(parents=True, exist_ok=True)
        (store.home / path).write_bytes(bytes(5000))

    lines = {(line.workspace, line.kind, line.name): line for line in housekeeping.du(store)}

    assert set(lines) == {
        ("local/local", "database", ""),
        ("local/local", "blobs", workspace.blob_container),
        ("local/local", "runs", ""),
        ("local/local", "work", ""),
        ("local/local", "serving", ""),
        ("local/local", "insights", ""),
        ("", "database", ""),
        ("", "environments", ""),
        ("", "logs", ""),
    }
    blobs = lines["local/local", "blobs", workspace.blob_container]
    assert (blobs.files, blobs.path.name) == (1, workspace.blob_container)
    assert 10000 <= blobs.size <= 16384
    assert lines["local/local", "runs", ""].files == 2


def test_a_file_with_two_names_counts_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(1 << 20))
    os.link(tmp_path / "a", tmp_path / "b")
    (tmp_path / "loop").symlink_to(tmp_path)

    files, size = usage.measure(tmp_path)

    assert files == 3
    assert 1 << 20 <= size < 3 << 19


def test_leftovers_of_ended_jobs_go_and_outputs_stay(store: Store, workspace: Workspace) -> None:
    job(workspace, "old", ended=NOW - 40 * DAY)
    job(workspace, "fresh", "Failed", ended=NOW - DAY)
    job(workspace, "going", "Running", ended=None)

    gone = housekeeping.prune(store)

    assert sorted((item.kind, item.name) for item in gone) == [("logs", "old"), ("work", "fresh"), ("work", "old")]
    assert not workspace.work_folder("old").exists()
    assert workspace.work_folder("going").exists()
    assert not (workspace.runs_folder("old") / "user_logs").exists()
    assert (workspace.runs_folder("fresh") / "user_logs").exists()
    assert all((workspace.runs_folder(name) / "outputs" / "m").exists() for name in ("old", "fresh", "going"))


def test_a_dry_run_removes_nothing(store: Store, workspace: Workspace) -> None:
    job(workspace, "old", ended=NOW - 40 * DAY)
    code(workspace, "unused")

    told = housekeeping.prune(store, dry_run=True)

    assert sorted(item.kind for item in told) == ["code", "logs", "work"]
    assert all(item.size >= 1 and item.path.exists() for item in told)
    assert sorted(housekeeping.prune(store), key=str) == sorted(told, key=str)
    assert housekeeping.prune(store) == []


def test_only_anonymous_code_that_nothing_names_goes(store: Store, workspace: Workspace) -> None:
    job(workspace, "one", codeId=code(workspace, "of-job").upper())
    code(workspace, "registered", anonymous=False)
    code(workspace, "just-uploaded", created=NOW - 60)
    named = code(workspace, "of-component")
    with workspace.database.write() as transaction:
        spec = {"properties": {"componentSpec": {"code": f"azureml:{named}"}}}
        records.put(transaction, Record("components", "c", "1", spec, NOW, NOW))
    code(workspace, "unused")

    gone = [item for item in housekeeping.prune(store) if item.kind == "code"]

    assert [item.name for item in gone] == ["unused"]
    assert kept(workspace) == ["just-uploaded", "of-component", "of-job", "registered"]
    assert not workspace.blobs.has_container("code-unused")
    assert workspace.blobs.read("code-of-job", "src/train.py") == b"print()"


def test_uploads_that_were_never_finished_go(store: Store, workspace: Workspace) -> None:
    workspace.blobs.create_container("code-abandoned")
    workspace.blobs.create_container("code-fresh")
    workspace.blobs.create_container("my-own")
    for name, at in (("code-abandoned", NOW - 2 * DAY), ("code-fresh", NOW), ("my-own", NOW - 2 * DAY)):
        os.utime(workspace.blobs.path(name), (at, at))

    assert [item.name for item in housekeeping.prune(store)] == ["code-abandoned"]
    assert workspace.blobs.has_container("code-fresh")
    assert workspace.blobs.has_container("my-own")


def test_environments_that_nobody_used_lately_go(store: Store, workspace: Workspace) -> None:
    job(workspace, "going", "Queued", ended=None, state={"python": "/x/envs/inuse/bin/python"})
    job(workspace, "ended", ended=NOW - DAY, state={"python": "/x/envs/lately/bin/python"})
    job(workspace, "old", ended=NOW - 50 * DAY, state={"python": "/x/envs/longago/bin/python"})
    served = workspace.folder / "serving/iris/blue/generation/env/lib/python3.11/site-packages"
    served.mkdir(parents=True)
    (served / "_jupyter_aml.pth").write_text("boot.start(('/x/envs/served/lib',))", encoding="utf-8")
    for name in ("inuse", "lately", "longago", "never", "built", "served"):
        (store.home / "envs" / name).mkdir(parents=True)
        at = NOW if name == "built" else NOW - 60 * DAY
        os.utime(store.home / "envs" / name, (at, at))

    gone = [item.name for item in housekeeping.prune(store) if item.kind == "environments"]

    assert gone == ["longago", "never"]


def test_a_purge_of_a_workspace_leaves_nothing_of_it(store: Store, workspace: Workspace) -> None:
    other = store.workspace(store.create("other"))
    job(workspace, "one")

    told = housekeeping.purge(store, workspace.entry, dry_run=True)
    assert workspace.folder.exists()
    done = housekeeping.purge(store, workspace.entry)

    assert done == told
    assert done.workspaces == ("local/local",)
    assert done.files >= 4
    assert not workspace.folder.exists()
    assert [entry.name for entry in store.entries()] == ["other"]
    assert list((store.home / "workspaces" / "local").iterdir()) == [other.folder]


def test_files_of_others_in_a_workspaces_folder_stay(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "notebook.ipynb").write_text("{}")
    opened = store.workspace(store.create("mine", folder=folder))
    job(opened, "one")

    housekeeping.purge(store, opened.entry)

    assert [path.name for path in folder.iterdir()] == ["notebook.ipynb"]


@pytest.mark.parametrize("whole", [False, True])
def test_a_purge_waits_for_jobs(store: Store, workspace: Workspace, whole: bool) -> None:
    job(workspace, "calm_fox", "Running", ended=None)

    with pytest.raises(ConflictError, match=r"1 job\(s\) of local/local have not ended: calm_fox") as caught:
        housekeeping.purge(store, None if whole else workspace.entry)

    assert "aml job cancel --name calm_fox" in caught.value.remedy
    assert workspace.folder.exists()


def test_a_purge_of_the_store_leaves_no_file(store: Store, workspace: Workspace, tmp_path: Path) -> None:
    outside = store.workspace(store.create("outside", folder=tmp_path / "outside"))
    workspace.blobs.write(workspace.blob_container, "a", b"")

    done = housekeeping.purge(store)

    assert sorted(done.workspaces) == ["local/local", "local/outside"]
    assert not outside.folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_backup_unpacks_to_a_store_that_works(store: Store, workspace: Workspace, tmp_path: Path) -> None:
    outside = store.workspace(store.create("outside", folder=tmp_path / "outside"))
    job(workspace, "one")
    content = Content(metadata={"upload_status": "completed"})
    workspace.blobs.write(workspace.blob_container, "iris.csv", b"a,b", content=content)
    outside.blobs.write(outside.blob_container, "x", b"x")
    (store.home / "keys").mkdir(exist_ok=True)
    (store.home / "keys" / "secrets.key").write_text("secret")

    made = housekeeping.backup(store, tmp_path)

    assert made.path.name == "jupyter_aml-2033-05-18-033320.tar.gz"
    assert (made.path.stat().st_mode & 0o777, made.size) == (0o600, made.path.stat().st_size)
    with tarfile.open(made.path) as opened:
        names = opened.getnames()
        opened.extractall(tmp_path / "back", filter="data")
    assert made.files == len(names)
    assert not [name for name in names if "key" in name or "/work/" in name or "/." in name]
    again = Store(tmp_path / "back" / "jupyter_aml")
    again.rings = False
    assert {entry.name: entry.id for entry in again.entries()} == {entry.name: entry.id for entry in store.entries()}
    first = again.workspace(again.entries()[0])
    assert first.blobs.read(workspace.blob_container, "iris.csv") == b"a,b"
    assert first.blobs.get(workspace.blob_container, "iris.csv").metadata == {"upload_status": "completed"}
    assert (first.runs_folder("one") / "outputs" / "m").read_text() == "m"
    with first.database.read() as connection:
        assert connection.execute("SELECT name FROM jobs").fetchone()["name"] == "one"
    assert all(entry.folder.is_relative_to(again.home) for entry in again.entries())


def test_a_backup_may_hold_some_of_the_workspaces(store: Store, workspace: Workspace, tmp_path: Path) -> None:
    store.create("other")

    made = housekeeping.backup(store, tmp_path / "one.tar.gz", [workspace.entry])

    with tarfile.open(made.path) as opened:
        opened.extractall(tmp_path / "back", filter="data")
    assert [entry.name for entry in Store(tmp_path / "back" / "jupyter_aml").entries()] == ["local"]


def test_a_log_that_changes_while_it_is_archived_does_no_harm(
    store: Store, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job(workspace, "one")
    log = workspace.runs_folder("one") / "user_logs" / "std_log.txt"
    log.write_text("0123456789")
    real = os.fstat

    def longer(fd: int) -> os.stat_result:
        facts = real(fd)
        return os.stat_result([*facts[:6], facts.st_size + 5, *facts[7:]])

    monkeypatch.setattr(archive.os, "fstat", longer)
    made = housekeeping.backup(store, tmp_path / "a.tar.gz", [workspace.entry])
    monkeypatch.undo()

    with tarfile.open(made.path) as opened:
        member = opened.extractfile("jupyter_aml/workspaces/local/local/runs/one/user_logs/std_log.txt")
        assert member is not None
        assert member.read() == b"0123456789\0\0\0\0\0"


def test_an_archive_that_exists_is_not_overwritten(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_text("precious")

    with pytest.raises(ConflictError, match="exists already"):
        housekeeping.backup(store, tmp_path / "a.tar.gz")

    assert (tmp_path / "a.tar.gz").read_text() == "precious"


def test_an_archive_inside_the_store_is_refused(store: Store, workspace: Workspace) -> None:
    with pytest.raises(StoreError, match="lies inside") as caught:
        housekeeping.backup(store, workspace.folder / "a.tar.gz")

    assert "outside the store" in caught.value.remedy


def test_a_backup_onto_a_full_disk_leaves_nothing(
    store: Store, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(archive, "_add", full)
    with pytest.raises(StoreError, match="is full; no archive was written") as caught:
        housekeeping.backup(store, tmp_path / "backups" / "a.tar.gz")

    assert "another disk" in caught.value.remedy
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_sweep_puts_right_what_a_crash_left(store: Store, workspace: Workspace) -> None:
    workspace.blobs.write(workspace.blob_container, "a", b"", content=Content(metadata={"k": "v"}))
    workspace.blobs.path(workspace.blob_container, "a").unlink()
    doomed = workspace.folder.parent / ".purged-1"
    (doomed / "blobs").mkdir(parents=True)

    assert housekeeping.sweep(store) == 2
    assert not doomed.exists()
    assert housekeeping.sweep(store) == 0
