"""Completion: what may stand at the end of a line."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_aml.commands import complete as module
from jupyter_aml.commands import index as index_module
from jupyter_aml.commands.complete import Line, complete, in_notebook, line_of
from jupyter_aml.commands.grammar import Args, Flag, Grammar, Noun, Positional, Verb, build
from jupyter_aml.commands.index import Index


def run(_context: Any, _args: Args) -> None:
    return None


TABLE = build(
    (
        Noun(
            "job",
            "Jobs.",
            (
                Verb(
                    "create",
                    "Submit.",
                    run,
                    flags=(
                        Flag("file", "YAML.", "f", kind="path", completes="file"),
                        Flag("compute", "Where.", completes="compute"),
                        Flag("input", "Inputs.", kind="pair", completes="data"),
                        Flag("stream", "Follow.", kind="switch"),
                        Flag("enabled", "On.", kind="bool"),
                        Flag("tier", "Tier.", choices=("Spot", "Dedicated")),
                    ),
                    positionals=(Positional("path", kind="path"),),
                ),
                Verb("show", "Show.", run, positionals=(Positional("name", completes="job"),)),
            ),
        ),
        Noun(
            "data",
            "Data.",
            (
                Verb(
                    "show",
                    "Show.",
                    run,
                    flags=(Flag("name", "N.", "n", completes="data"), Flag("version", "V.", completes="version")),
                    positionals=(Positional("name", completes="data"),),
                ),
            ),
        ),
        Noun("role assignment", "Roles.", (Verb("create", "Assign.", run),)),
    ),
    (Verb("connect", "Connect.", run),),
    (Verb("command", "Run.", run, flags=(Flag("compute", "Where."), Flag("input", "In.", kind="pair")), cell=True),),
)


@pytest.fixture
def index() -> Index:
    made = Index()
    made.put(
        {"compute": ("cpu-cluster", "gpu"), "data": ("iris", "irish"), "job": ("quiet_sky",)},
        {("data", "iris"): ("2", "1")},
    )
    return made


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, index: Index) -> None:
    monkeypatch.setattr(module, "grammar", lambda: TABLE)
    monkeypatch.setattr(module, "INDEX", index)
    monkeypatch.delitem(sys.modules, index_module.CONNECT, raising=False)  # nobody is connected


def texts(before: str, **names: Any) -> list[str] | None:
    found = in_notebook(before, names)
    return None if found is None else list(found.texts)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("%aml ", ["connect", "data", "job", "role"]),
        ("%aml jo", ["job"]),
        ("x = %aml jo", ["job"]),
        ("    %aml jo", ["job"]),
        ("%%aml com", ["command"]),
        ("%aml job ", ["create", "show"]),
        ("%aml role ", ["assignment"]),
        ("%aml role assignment c", ["create"]),
        ("%aml job create --com", ["--compute"]),
        ("%aml job create --compute ", ["cpu-cluster", "gpu"]),
        ("%aml job create --compute=g", ["gpu"]),
        ("%aml job create --tier S", ["Spot"]),
        ("%aml job create --enabled ", ["false", "true"]),
        ("%aml job create --input data=ir", ["iris", "irish"]),
        ("%aml job create --input data=iris:", ["iris:1", "iris:2"]),
        ("%aml job create --input data=azureml:iris@", ["azureml:iris@latest"]),
        ("%aml job show q", ["quiet_sky"]),
        ("%aml data show iris --version ", ["1", "2"]),
        ("%aml nonsense x", []),
    ],
)
def test_what_may_stand_next_is_offered(before: str, expected: list[str]) -> None:
    assert texts(before) == expected


def test_a_flag_that_was_given_is_not_offered_again() -> None:
    offered = texts("%aml job create --compute gpu --")

    assert offered is not None
    assert "--compute" not in offered
    assert {"--input", "--query", "--stream"} <= set(offered)


def test_the_fragment_is_the_part_after_the_equals_sign() -> None:
    found = in_notebook("%aml job create --input data=ir", {})

    assert found is not None
    assert found.fragment == "ir"


@pytest.mark.parametrize("before", ["%aml job create --file tr", "%aml job create tr", "print(%aml)", "x = 1"])
def test_files_and_python_are_left_to_ipython(before: str) -> None:
    assert texts(before) is None


def test_variables_complete_inside_braces() -> None:
    assert texts("%aml job show {be", best=1, other=2) == ["best"]


def test_where_no_names_are_known_flags_are_offered(index: Index) -> None:
    index.put({})

    assert "--query" in (texts("%aml job show ") or [])


def test_an_attribute_inside_braces_is_left_to_ipython() -> None:
    assert texts("%aml job show {best.na", best=1) is None


def test_an_open_quote_is_left_alone() -> None:
    assert texts("%aml job show 'a") is None


def test_only_the_first_lines_of_a_cell_complete() -> None:
    cell = "%%aml command --comp\n#| inp\nimport os\n#| x"

    assert texts(line_of(cell, 0, 20) or "") == ["--compute"]
    assert texts(line_of(cell, 1, 6) or "") == ["input:"]
    assert line_of(cell, 2, 3) is None
    assert line_of(cell, 3, 4) is None


def test_a_completion_takes_less_than_ten_milliseconds() -> None:
    in_notebook("%aml job create --compute ", {})
    start = time.perf_counter()
    for _ in range(10):
        in_notebook("%aml job create --compute ", {})

    assert (time.perf_counter() - start) / 10 < 0.010


# ---- the index


def test_the_index_asks_nobody_while_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, index_module.CONNECT, raising=False)
    made = Index()

    assert made.names("data") == ()
    assert made._thread is None


class FakeRest:
    asked = 0

    def __init__(self, connection: Any) -> None:
        del connection

    def items(self, path: str) -> Any:
        FakeRest.asked += 1
        if path == "schedules":
            raise RuntimeError(path)
        return iter([{"name": f"{path.partition('/')[0]}-1"}])

    def get(self, path: str, **_more: Any) -> Any:
        return {"run": {"data": {"metrics": [{"key": "auc"}]}}}


def test_the_index_fetches_in_a_thread_only_when_the_workspace_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    import jupyter_aml.client.rest as rest_module

    monkeypatch.setattr(rest_module, "Rest", FakeRest)
    seq = [1]
    connection = SimpleNamespace(workspace_path="/w", service=None, entry=None, store=None)
    connect = SimpleNamespace(current=lambda: connection, disconnect=lambda: None)
    monkeypatch.setitem(sys.modules, index_module.CONNECT, connect)
    made = Index()
    monkeypatch.setattr(made, "_moved", lambda _connection: seq[0])
    FakeRest.asked = 0

    made.wake()
    made.wait()

    assert made.names("data") == ("data-1",)
    assert made.names("metric") == ("auc",)
    assert made.names("schedule") == ()
    assert made.names("online-endpoint") == ("onlineEndpoints-1",)
    assert set(made.names("deployment")) == {
        "onlineEndpoints-1", "onlineEndpoints-1/onlineEndpoints-1", "batchEndpoints-1",
        "batchEndpoints-1/batchEndpoints-1",
    }  # fmt: skip
    asked = FakeRest.asked
    made.refresh()
    assert FakeRest.asked == asked
    seq[0] = 2
    made.refresh()
    assert FakeRest.asked == 2 * asked


def test_versions_of_an_asset_that_is_asked_for_are_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    import jupyter_aml.client.rest as rest_module

    class Many(FakeRest):
        def items(self, path: str) -> Any:
            asset = path.partition("/")[2]
            return iter([{"name": "7"}] if asset else [{"name": f"a{n}"} for n in range(30)])

    monkeypatch.setattr(rest_module, "Rest", Many)
    connection = SimpleNamespace(workspace_path="/w", service=None, entry=None, store=None)
    connect = SimpleNamespace(current=lambda: connection, disconnect=lambda: None)
    monkeypatch.setitem(sys.modules, index_module.CONNECT, connect)
    made = Index(clock=lambda: 0.0)
    made.refresh()

    assert made.versions("data", "a0") == ("7",)
    assert made.versions("data", "a29") == ()
    made.wait()
    made.refresh()
    assert made.versions("data", "a29") == ("7",)


def test_the_index_is_empty_without_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        sys.modules, index_module.CONNECT, SimpleNamespace(current=lambda: None, disconnect=lambda: None)
    )
    made = Index()
    made.put({"data": ("old",)})
    made.refresh()

    assert made.names("data") == ()


def test_a_grammar_is_completed_without_a_shell(grammar: Grammar, index: Index) -> None:
    found = complete(Line(("role", "assignment"), ""), grammar, index)

    assert found is not None
    assert found.texts == ("create",)


def test_steps_of_cells_are_offered_beside_the_components_of_the_workspace(index: Index) -> None:
    chain = Verb("pipeline", "Chain.", run, positionals=(Positional("steps", several=True, completes="step"),))
    index.put({"component": ("prepare",)}, {})

    found = complete(Line(("pipeline", "fit", ">>"), "pre"), build((), (chain,)), index, steps=["prep", "fit"])

    assert found is not None
    assert found.texts == ("prep", "prepare")


def test_what_a_flag_offers_stands_beside_the_names_of_the_workspace(index: Index) -> None:
    flag = Flag("input", "In.", kind="pair", completes="data", offers=("integer",))

    found = complete(Line(("x", "--input"), "n=i"), build((), (Verb("x", "X.", run, flags=(flag,)),)), index)

    assert found is not None
    assert found.texts == ("integer", "iris", "irish")
