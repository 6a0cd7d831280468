"""Two processes that do the same thing at the same moment: one wins, the other is told, nothing is damaged."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from .conftest import Lab, wait_for

ROUNDS = 6

HEAD = """
import json, sys, time
from pathlib import Path
home, who, go = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])

def ready():
    go.with_name(f"ready-{who}").touch()
    while not go.exists():
        time.sleep(0.0005)
"""

CONNECT = """
from jupyter_aml.client import warm
warm.sdk()
from azure.ai.ml.entities import Data, Model
from azure.core.exceptions import HttpResponseError
from jupyter_aml.client.connect import connect
"""

FIRST = f"""{HEAD}{CONNECT}
ready()
client = connect("local", home=home, show_progress=False)
print(json.dumps([client.subscription_id, client.workspace_name, sorted(one.name for one in client.datastores.list())]))
"""

SAME = f"""{HEAD}{CONNECT}
ROUNDS = {ROUNDS}
client = connect("local", home=home, show_progress=False)
ready()
told = []
for number in range(ROUNDS):
    for kind, entity in (
        ("data", Data(name="shared", version=str(number), type="uri_file", path=f"https://example.com/{{who}}")),
        ("model", Model(name="shared", version=str(number), type="custom_model", path=who + ".bin")),
    ):
        try:
            getattr(client, kind + "s" if kind == "model" else kind).create_or_update(entity)
            told.append([kind, number, 200, ""])
        except HttpResponseError as error:
            told.append([kind, number, error.status_code, error.message])
        except Exception as error:
            told.append([kind, number, 409 if "exist" in str(error) else 0, str(error)])
print(json.dumps(told))
"""

NEXT = f"""{HEAD}{CONNECT}
client = connect("local", home=home, show_progress=False)
ready()
made = [client.data.create_or_update(Data(name="counted", type="uri_file", path=f"https://example.com/{{who}}/{{n}}"))
        for n in range({ROUNDS})]
print(json.dumps([one.version for one in made]))
"""

RAW = f"""{HEAD}
from jupyter_aml.local.app import Service
from jupyter_aml.local.store.catalogue import Store
ready()
store = Store.open(home)
store.rings = False
service = Service(store)
workspace = service.workspace(store.create())
print(json.dumps([store.subscription_id, workspace.entry.id, workspace.entry.account]))
"""

# Rounds in the same processes: only then do they come close enough to each other to meet.
OPEN = f"""{HEAD}
from jupyter_aml.local.store import migrate
migrate.scripts("catalogue")
ready()
for number in range(40):
    own, others = home / str(number) / f"at-{{who}}", home / str(number)
    own.mkdir(parents=True)
    patience = time.monotonic() + 20
    while len(list(others.glob("at-*"))) < 4 and time.monotonic() < patience:
        pass
    migrate.prepare(home / str(number) / "store.db", "catalogue")
print(json.dumps("opened"))
"""


def together(script: str, home: Path, folder: Path, count: int = 2) -> list[Any]:
    """What several processes printed that began at the same moment."""
    go = folder / "go"
    go.unlink(missing_ok=True)
    for left in folder.glob("ready-*"):
        left.unlink()
    command = [sys.executable, "-c", script, str(home)]
    running = [
        subprocess.Popen(
            [*command, f"w{number}", str(go)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
        )
        for number in range(count)
    ]
    wait_for(lambda: len(list(folder.glob("ready-*"))) == count, "everybody's readiness")
    go.touch()
    said = [process.communicate(timeout=90) for process in running]
    assert [process.returncode for process in running] == [0] * count, "\n".join(errors for _, errors in said)
    return [json.loads(out.strip().splitlines()[-1]) for out, _ in said]


def test_two_kernels_that_connect_for_the_first_time_at_once_get_the_same_new_workspace(
    lab: Lab, tmp_path: Path
) -> None:
    home = tmp_path / "new hôme"
    from jupyter_aml.testing import hosts

    try:
        first, second = together(FIRST, home, tmp_path)
        assert first == second
        assert first[2] == ["workspaceartifactstore", "workspaceblobstore", "workspacefilestore",
                            "workspaceworkingdirectory"]  # fmt: skip
    finally:
        hosts.stop(home)


def test_many_processes_that_open_a_new_store_at_once_all_get_the_same(tmp_path: Path) -> None:
    for number in range(2):
        answers = together(RAW, tmp_path / f"home {number}", tmp_path, count=4)

        assert len({json.dumps(answer) for answer in answers}) == 1


def test_a_new_file_that_many_switch_to_write_ahead_logging_at_once_is_opened_by_all(tmp_path: Path) -> None:
    assert together(OPEN, tmp_path / "home", tmp_path, count=4) == ["opened"] * 4


def test_of_two_notebooks_that_create_the_same_version_exactly_one_wins(lab: Lab, tmp_path: Path) -> None:
    assert lab.client is not None
    for who in ("w0", "w1"):
        (tmp_path / f"{who}.bin").write_bytes(who.encode())

    both = together(SAME, lab.home, tmp_path)

    outcomes: dict[tuple[str, int], list[int]] = {}
    for kind, number, status, message in both[0] + both[1]:
        outcomes.setdefault((kind, number), []).append(status)
        if status != 200:
            assert status == 409, message
            assert "exist" in message, message
    assert {tuple(sorted(pair)) for pair in outcomes.values()} == {(200, 409)}
    for number in range(ROUNDS):
        winner = next(who for who, said in zip(("w0", "w1"), both, strict=True) if ["data", number, 200, ""] in said)
        assert lab.client.data.get("shared", str(number)).path == f"https://example.com/{winner}"


def test_versions_that_two_notebooks_leave_to_the_service_count_up_without_a_gap(lab: Lab, tmp_path: Path) -> None:
    assert lab.client is not None

    first, second = together(NEXT, lab.home, tmp_path)

    assert Counter(first + second) == Counter(str(number) for number in range(1, 2 * ROUNDS + 1))
    assert [int(version) for version in first] == sorted(int(version) for version in first)
