"""One SQLite file, many processes."""

from __future__ import annotations

import multiprocessing
import sqlite3
import time
from pathlib import Path

import pytest

from jupyter_aml.errors import StoreError
from jupyter_aml.local.store import filesystem, migrate
from jupyter_aml.local.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "workspace.db", "workspace", time.time)


def test_each_commit_appends_its_notes_to_the_change_log(database: Database) -> None:
    with database.write() as transaction:
        transaction.note("data", "iris", "1")
        transaction.note("data", "iris", "2", "delete")

    with database.read() as connection:
        rows = connection.execute("SELECT kind, name, version, action FROM changes ORDER BY seq").fetchall()

    assert [tuple(row) for row in rows] == [("data", "iris", "1", "put"), ("data", "iris", "2", "delete")]


def test_a_block_that_raises_leaves_nothing_behind(database: Database) -> None:
    def fail() -> None:
        with database.write() as transaction:
            transaction.execute("INSERT INTO meta VALUES ('a', 'b')")
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fail()

    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM meta").fetchone()[0] == 0


def test_an_inner_write_joins_the_outer_one(database: Database) -> None:
    heard: list[object] = []
    database.on_commit(heard.append)

    with database.write() as outer:
        outer.note("jobs", "a")
        with database.write() as inner:
            inner.note("jobs", "b")
        assert heard == []

    assert heard == [[("jobs", "a", "", "put"), ("jobs", "b", "", "put")]]


def _add(path: Path, times: int) -> None:
    database = Database(path, "workspace", time.time)
    for _ in range(times):
        with database.write() as transaction:
            row = transaction.execute("SELECT value FROM meta WHERE key='n'").fetchone()
            transaction.execute("UPDATE meta SET value=? WHERE key='n'", (str(int(row["value"]) + 1),))


def test_writers_in_several_processes_lose_nothing(database: Database) -> None:
    with database.write() as transaction:
        transaction.execute("INSERT INTO meta VALUES ('n', '0')")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_add, args=(database.path, 25)) for _ in range(3)]

    for process in processes:
        process.start()
    for process in processes:
        process.join()

    with database.read() as connection:
        assert connection.execute("SELECT value FROM meta WHERE key='n'").fetchone()["value"] == "75"


def test_a_file_of_a_newer_version_is_refused_with_the_way_out(database: Database) -> None:
    with sqlite3.connect(database.path) as connection:
        connection.execute("PRAGMA user_version=9999")
    connection.close()

    with pytest.raises(StoreError, match="written by a newer jupyter_aml") as caught:
        Database(database.path, "workspace", time.time)

    assert "pip install -U jupyter_aml" in caught.value.remedy


def test_a_file_that_a_newer_version_takes_over_while_it_is_open_is_not_written_any_more(database: Database) -> None:
    with database.write() as transaction:
        transaction.execute("INSERT INTO meta VALUES ('a', 'b')")
    other = sqlite3.connect(database.path)
    known = other.execute("PRAGMA user_version").fetchone()[0]
    other.execute("PRAGMA user_version=9999")

    with pytest.raises(StoreError, match="written by a newer jupyter_aml"), database.write() as transaction:
        transaction.execute("DELETE FROM meta")

    other.execute(f"PRAGMA user_version={known}")
    other.close()
    with database.write() as transaction:
        assert transaction.execute("SELECT count(*) FROM meta").fetchone()[0] == 1


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "workspace.db"
    path.write_bytes(b"not a database, but long enough to be read as one" * 40)

    with pytest.raises(StoreError, match="cannot be used"):
        Database(path, "workspace", time.time)

    assert path.read_bytes().startswith(b"not a database")


def test_a_folder_that_cannot_be_made_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreError, match="cannot be made") as caught:
        Database(tmp_path / "file" / "workspace.db", "workspace", time.time)

    assert "JUPYTER_AML_HOME" in caught.value.remedy


def test_a_database_that_turned_read_only_is_explained(database: Database) -> None:
    database.connection.execute("PRAGMA query_only=ON")

    with pytest.raises(StoreError, match="cannot be written") as caught, database.write() as transaction:
        transaction.execute("INSERT INTO meta VALUES ('a', 'b')")

    assert "write access" in caught.value.remedy


def test_a_full_disk_is_explained_and_nothing_is_lost(database: Database) -> None:
    with database.write() as transaction:
        transaction.execute("INSERT INTO meta VALUES ('kept', 'yes')")
    pages = database.connection.execute("PRAGMA page_count").fetchone()[0]
    database.connection.execute(f"PRAGMA max_page_count={pages}")

    with pytest.raises(StoreError, match="full; nothing was changed") as caught, database.write() as transaction:
        transaction.execute("INSERT INTO meta VALUES ('big', ?)", ("x" * 200_000,))

    assert "prune" in caught.value.remedy
    with database.read() as connection:
        assert connection.execute("SELECT value FROM meta WHERE key='kept'").fetchone()["value"] == "yes"


def test_migrations_are_numbered_without_gaps_in_what_they_know() -> None:
    numbers = [number for number, _ in migrate.scripts("workspace")]

    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_network_file_systems_are_refused_with_a_way_out(tmp_path: Path, kind: str) -> None:
    mounts = f"/dev/x / ext4 rw 0 0\nserver:/e {tmp_path} {kind} rw 0 0\n"

    with pytest.raises(StoreError, match="network file system") as caught:
        filesystem.refuse_network(tmp_path / "inner", mounts)

    assert "JUPYTER_AML_HOME" in caught.value.remedy


def test_local_file_systems_are_taken(tmp_path: Path) -> None:
    filesystem.refuse_network(tmp_path, f"server:/e /mnt nfs rw 0 0\n/dev/x {tmp_path} ext4 rw 0 0\n")
