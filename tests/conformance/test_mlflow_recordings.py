"""The requests that MLflow 2.18 and 3.17 sent for a full workload, sent again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.local.arm.http import Identity, Request
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import rest

RECORDINGS = sorted((Path(__file__).parent / "recordings").glob("mlflow-*.json"))
ADA = Identity("ada@local", "00000000-0000-0000-0000-000000000001")
VARIABLE = re.compile(r"\$\d+\$|\$FOLDER")
CLOCK = frozenset(
    {
        "creation_time",
        "last_update_time",
        "creation_timestamp",
        "last_updated_timestamp",
        "creation_timestamp_ms",
        "last_updated_timestamp_ms",
        "execution_time_ms",
        "run_name",
        "next_page_token",
    }
)
GENERATED = re.compile(r"[a-z]+-[a-z]+-\d+")
ORDER = {"info": 0, "run_id": 1, "model_id": 1, "request_id": 1}
WRITTEN_BY_CLIENT = frozenset({"files"})
"""A client on this machine writes the artifacts itself, so a replay has none to list."""


def ids_first(key: str) -> tuple[int, str]:
    """Orders the keys of an answer so that an id is met before what is made of it."""
    return (ORDER.get(key, 2), key)


class Replay:
    """Sends recorded requests and compares the answers, learning the ids as they come."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.bound = {"$FOLDER": str(workspace.folder)}
        self.tokens: dict[str, str] = {}

    def fill(self, text: str) -> str:
        for wanted, found in self.tokens.items():
            text = text.replace(wanted, found)
        return VARIABLE.sub(lambda match: self.bound.get(match[0], match[0]), text)

    def send(self, one: dict[str, Any]) -> tuple[int, Any]:
        body = one["body"]
        content = (
            b"" if body is None else body.encode() if isinstance(body, str) else self.fill(json.dumps(body)).encode()
        )
        url = self.fill(f"http://localhost{one['path']}").replace("\\", "/")
        request = Request.build(one["method"], url, identity=ADA, body=content)
        response = rest.handle(self.workspace, request, request.path, self.workspace.store.clock())
        text = b"".join(response.chunks()).decode()
        return response.status, json.loads(text) if text[:1] in {"{", "["} else text

    def compare(self, wanted: Any, found: Any, at: str) -> None:
        if isinstance(wanted, dict):
            assert isinstance(found, dict), at
            assert wanted.keys() == found.keys(), at
            if "next_page_token" in wanted:
                self.tokens[wanted["next_page_token"]] = found["next_page_token"]
            generated = wanted.get("key") == "mlflow.runName" and GENERATED.fullmatch(wanted["value"])
            for key in sorted(wanted.keys() - CLOCK - WRITTEN_BY_CLIENT, key=ids_first):
                if key == "value" and generated:
                    continue
                self.compare(wanted[key], found[key], f"{at}.{key}")
        elif isinstance(wanted, list):
            assert len(wanted) == len(found), at
            if at.endswith(".runs"):
                found = self.aligned(wanted, found)
            elif at.endswith(".model_outputs"):
                found = self.models_aligned(wanted, found)
            for index, item in enumerate(wanted):
                self.compare(item, found[index], f"{at}[{index}]")
        elif isinstance(wanted, str):
            self.bind(wanted, found)
            assert self.fill(wanted) == found, at
        else:
            assert wanted == found, at

    def aligned(self, wanted: list[Any], found: list[Any]) -> list[Any]:
        """Runs in the recording's order: those that began in the same millisecond stand in the order of their ids."""
        held = {run["info"]["run_id"]: run for run in found}
        return [held[self.fill(run["info"]["run_id"])] for run in wanted]

    def models_aligned(self, wanted: list[Any], found: list[Any]) -> list[Any]:
        """A run's models in the recording's order, which is that of MLflow's random ids."""
        held = {model["model_id"]: model for model in found}
        return [held[self.fill(model["model_id"])] for model in wanted] if len(wanted) > 1 else found

    def bind(self, wanted: str, found: str) -> None:
        if wanted not in self.bound and VARIABLE.fullmatch(wanted):
            self.bound[wanted] = found


@pytest.fixture
def workspace(home: Path) -> Iterator[Workspace]:
    store = Store.open(home)
    store.rings = False
    opened = store.workspace(store.create("replayed"))
    yield opened
    opened.database.close()
    store.database.close()


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_every_recorded_request_is_answered_as_it_was(path: Path, workspace: Workspace) -> None:
    replay = Replay(workspace)

    for number, one in enumerate(json.loads(path.read_text(encoding="utf-8"))):
        at = f"{number}: {one['method']} {one['path']}"
        status, answer = replay.send(one)
        assert status == one["status"], f"{at}: {answer}"
        replay.compare(one["answer"], answer, at)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_no_recording_names_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert not re.search(r"/(?:tmp|work|root|home)/", text)


def test_both_generations_of_clients_are_recorded() -> None:
    assert [path.stem for path in RECORDINGS] == ["mlflow-2.18", "mlflow-3.17"]
