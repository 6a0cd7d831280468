"""Lists of jobs by tag and property: what the index says is what the jobs say."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from jupyter_aml.local.store import migrate

BY_BODY = "SELECT name FROM jobs WHERE json_extract(body, '$.tags.colour')='red' ORDER BY created DESC, id DESC"


def names(body: Any) -> list[str]:
    return [item["name"] for item in body["value"]]


def put(wire: Any, count: int) -> None:
    for number in range(count):
        wire.clock.now += number % 2
        wire.put(
            f"job{number}",
            tags={"colour": ("red", "blue")[number % 3 == 0], "empty": ""},
            properties={"fold": str(number % 2)},
        )


def listed(wire: Any, query: str, size: int) -> list[str]:
    """The names on all pages."""
    found: list[str] = []
    path = f"/jobs?{query}&$top={size}"
    while path:
        _, body = wire.ask("GET", path)
        assert len(body["value"]) <= size
        found += names(body)
        path = body.get("nextLink", "")
    return found


def test_pages_by_a_tag_are_whole_and_newest_first(wire: Any) -> None:
    put(wire, 9)

    with wire.workspace.database.read() as connection:
        expected = [row["name"] for row in connection.execute(BY_BODY)]

    assert len(expected) == 6
    assert listed(wire, "tag=colour=red", 2) == expected
    assert listed(wire, "tag=colour", 4) == [f"job{number}" for number in reversed(range(9))]
    assert listed(wire, "tag=empty=", 100) == listed(wire, "tag=colour", 100)


def test_a_tag_and_a_property_narrow_a_list_together(wire: Any) -> None:
    put(wire, 9)

    assert listed(wire, "tag=colour=red&properties=fold=1", 2) == ["job7", "job5", "job1"]
    assert listed(wire, "properties=fold=1&jobType=Sweep", 2) == []


def test_a_changed_tag_leaves_the_old_list_and_joins_the_new_one(wire: Any) -> None:
    put(wire, 3)

    wire.history("PATCH", "/experiments/Default/runs/job1", {"tags": {"colour": "green"}})

    assert listed(wire, "tag=colour=red", 9) == ["job2"]
    assert listed(wire, "tag=colour=green", 9) == ["job1"]


def test_a_deleted_job_leaves_no_labels(wire: Any) -> None:
    put(wire, 1)

    with wire.workspace.database.write() as transaction:
        transaction.execute("DELETE FROM jobs")

    with wire.workspace.database.read() as connection:
        assert connection.execute("SELECT count(*) FROM job_labels").fetchone()[0] == 0


def test_jobs_of_an_older_database_are_found_by_their_tags(tmp_path: Path) -> None:
    path = tmp_path / "workspace.db"
    old = sqlite3.connect(path)
    for number, script in migrate.scripts("workspace"):
        if number < 5:
            old.executescript(script)
            old.execute(f"PRAGMA user_version={number}")
    bodies = ("{}", '{"tags":null}', '{"tags":{"a":"b","n":null,"i":1},"properties":{"p.q":"r"}}')
    for name, body in enumerate(bodies):
        old.execute(
            "INSERT INTO jobs(name, type, status, experiment, created, modified, body)"
            " VALUES (?, 'Command', 'Completed', 'e', 1.5, 2, ?)",
            (str(name), body),
        )
    old.commit()
    old.close()

    migrate.prepare(path, "workspace")

    found = sqlite3.connect(path).execute("SELECT field, key, value, created, job FROM job_labels").fetchall()
    assert found == [("properties", "p.q", "r", 1.5, 3), ("tags", "a", "b", 1.5, 3), ("tags", "i", "1", 1.5, 3)]


def test_a_list_by_a_tag_is_read_in_order_from_the_index(wire: Any) -> None:
    """Neither sorted nor searched through: a rare tag among 100,000 jobs costs what its own jobs cost."""
    put(wire, 1)
    seen: list[str] = []
    wire.workspace.database.connection.set_trace_callback(seen.append)

    listed(wire, "tag=colour=red", 9)
    listed(wire, "tag=colour", 9)

    wire.workspace.database.connection.set_trace_callback(None)
    queries = [query for query in seen if "job_labels" in query]
    with wire.workspace.database.read() as connection:
        plans = [row["detail"] for query in queries for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert len(queries) == 2
    assert not [plan for plan in plans if "SCAN" in plan or "TEMP B-TREE" in plan]
