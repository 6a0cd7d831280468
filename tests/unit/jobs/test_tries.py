"""Tries of a run elsewhere, as its home sees them: the newest counts, once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from jupyter_aml.agent import records as files
from jupyter_aml.local.arm.http import Identity, Request
from jupyter_aml.local.jobs import tries
from jupyter_aml.local.tracking import measured

API = "local.api.azureml.ms"
FACTS = {"worker": "tcp://10.0.0.2:4000", "host": "far"}


class Away:
    """A job that was sent away, and what its workers say of it."""

    def __init__(self, wire: Any) -> None:
        self.wire = wire
        assert wire.put("fox")[0] == 201
        self.work: Path = wire.workspace.work_folder("fox")
        self.runs: Path = wire.workspace.runs_folder("fox")
        self.work.mkdir(parents=True)
        files.write(str(self.work / "order.json"), {"job": "fox"})
        (self.runs / "user_logs").mkdir(parents=True)
        (self.runs / "user_logs" / "std_log.txt").touch()
        self.identity = Identity("ada@local", "1", "fox", wire.workspace.entry.id, away=True)

    def say(self, method: str, path: str, attempt: str, body: Any = b"", **query: Any) -> tuple[int, str]:
        """Status and code of the answer to one try."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        asked = urlencode({"try": attempt, **query})
        url = f"https://{API}/_aml{self.wire.base}/tries/fox{path}?{asked}"
        answer = self.wire.service.handle(Request.build(method, url, identity=self.identity, body=content))
        found = json.loads(answer.body)
        return answer.status, str((found.get("error") or {}).get("code") or "")

    def begin(self, attempt: str) -> tuple[int, str]:
        return self.say("POST", "/begin", attempt, FACTS)

    def end(self, attempt: str, **more: Any) -> tuple[int, str]:
        record = {"code": 0, "signal": None, "reason": "exited", "started": 1.0, "ended": 2.0, "error": None, **more}
        return self.say("POST", "/end", attempt, record)

    @property
    def log(self) -> str:
        return (self.runs / "user_logs" / "std_log.txt").read_text(encoding="utf-8")


@pytest.fixture
def away(wire: Any) -> Away:
    return Away(wire)


def test_a_try_brings_its_log_and_its_files_and_ends(away: Away) -> None:
    assert away.begin("a") == (200, "")
    assert away.say("PUT", "/logs/std_log.txt", "a", b"hello\n", offset=0) == (200, "")
    assert away.say("PUT", "/files/outputs/model/x.bin", "a", b"12", offset=0) == (200, "")
    assert away.say("PUT", "/files/outputs/model/x.bin", "a", b"34", offset=2) == (200, "")
    assert away.say("PUT", "/files/artifacts/outputs/y.txt", "a", b"y", offset=0) == (200, "")
    assert not (away.work / "outputs").exists()

    assert away.end("a") == (200, "")

    assert away.log.endswith("(tcp://10.0.0.2:4000).\nhello\n")
    assert (away.work / "outputs" / "model" / "x.bin").read_bytes() == b"1234"
    assert (away.runs / "outputs" / "y.txt").read_bytes() == b"y"
    record = files.read(str(away.work / "exit.json")) or {}
    assert (record["code"], record["reason"]) == (0, "exited")


def test_a_newer_try_takes_over_and_what_the_older_left_is_dropped(away: Away) -> None:
    away.begin("a")
    away.say("PUT", "/files/outputs/model/old.bin", "a", b"old", offset=0)

    assert away.begin("b") == (200, "")

    assert away.say("PUT", "/logs/std_log.txt", "a", b"late\n", offset=0) == (409, "TrySuperseded")
    assert away.say("PUT", "/files/outputs/model/old.bin", "a", b"old", offset=0) == (409, "TrySuperseded")
    assert away.end("a") == (409, "TrySuperseded")
    assert away.end("b") == (200, "")
    assert not (away.work / "outputs" / "model").exists()
    assert "is gone; the run begins again on far" in away.log
    assert "late" not in away.log


def test_what_a_lost_try_has_logged_is_forgotten_and_the_jobs_own_tags_stay(away: Away) -> None:
    path = f"/mlflow/v2.0{away.wire.base}/api/2.0/mlflow/runs"
    before = tags_of(away)
    away.begin("a")
    point = {"run_id": "fox", "key": "loss", "value": 1.0, "timestamp": 1}
    away.wire.ask("POST", f"{path}/log-metric", point, API)
    away.wire.ask("POST", f"{path}/log-parameter", {"run_id": "fox", "key": "seed", "value": "1"}, API)
    away.wire.ask("POST", f"{path}/set-tag", {"run_id": "fox", "key": "mine", "value": "1"}, API)

    away.begin("b")

    data = away.wire.ask("GET", f"{path}/get?run_id=fox", None, API)[1]["run"]["data"]
    assert data.get("metrics", []) == []
    assert data.get("params", []) == []
    assert tags_of(away) == before
    parameter = {"run_id": "fox", "key": "seed", "value": "2"}
    assert away.wire.ask("POST", f"{path}/log-parameter", parameter, API)[0] == 200


def tags_of(away: Away) -> dict[str, str]:
    with away.wire.workspace.database.write() as transaction:
        return measured.tags(transaction, "fox")


def test_a_piece_of_a_log_that_was_sent_twice_is_there_once(away: Away) -> None:
    away.begin("a")
    for offset, piece in ((0, b"one\n"), (0, b"one\n"), (2, b"e\ntwo\n"), (8, b"three\n")):
        assert away.say("PUT", "/logs/std_log.txt", "a", piece, offset=offset) == (200, "")

    assert away.log.endswith("one\ntwo\nthree\n")
    assert away.say("PUT", "/logs/std_log.txt", "a", b"x", offset=100) == (409, "Conflict")


def test_sentences_of_the_homes_own_do_not_shift_what_a_worker_sends(away: Away) -> None:
    away.begin("a")
    away.say("PUT", "/logs/std_log.txt", "a", b"one\n", offset=0)
    with (away.runs / "user_logs" / "std_log.txt").open("a", encoding="utf-8") as file:
        file.write("said at home\n")

    assert away.say("PUT", "/logs/std_log.txt", "a", b"two\n", offset=4) == (200, "")
    assert away.log.endswith("one\nsaid at home\ntwo\n")


def test_a_run_ends_once_even_when_the_answer_was_lost(away: Away) -> None:
    away.begin("a")
    assert away.end("a") == (200, "")

    assert away.end("a", code=1) == (200, "")
    assert away.begin("b") == (409, "TrySuperseded")
    assert (files.read(str(away.work / "exit.json")) or {})["code"] == 0


def test_a_run_that_is_to_be_cancelled_does_not_begin(away: Away) -> None:
    (away.work / "cancel").touch()

    assert away.begin("a") == (409, "TrySuperseded")


@pytest.mark.parametrize("path", ["/files/outputs/../../x", "/files/work/x", "/files/outputs", "/files/outputs/%00"])
def test_a_file_outside_of_the_runs_folders_is_refused(away: Away, path: str) -> None:
    away.begin("a")

    assert away.say("PUT", path, "a", b"x", offset=0)[0] in {400, 501}
    assert not (away.work.parent / "x").exists()


def test_another_jobs_token_and_a_persons_are_refused(away: Away) -> None:
    for other in (
        Identity("ada@local", "1", "wolf", away.wire.workspace.entry.id, away=True),
        Identity("ada@local", "1", "fox", away.wire.workspace.entry.id),
        Identity("ada@local", "1"),
    ):
        away.identity = other
        assert away.begin("a") == (403, "AuthorizationFailed")


def test_a_record_without_a_reason_is_refused(away: Away) -> None:
    away.begin("a")

    assert away.end("a", reason="because") == (400, "ValidationError")
    assert tries.state(away.work)["try"] == "a"
