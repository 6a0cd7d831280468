"""What the conductor of an AutoML job tells its planner: each trial once, as an earlier one only after a restart."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_aml.automl.family import Attempt, Planner, Proposal
from jupyter_aml.automl.limits import Limits
from jupyter_aml.local.jobs.conducted import automl
from jupyter_aml.local.jobs.lifecycle import Status

COUNT = 4


@dataclass
class Recording(Planner):
    """Proposes the next number, and keeps what it is told."""

    number: int = 0
    heard: list[tuple[str, int, bool]] = field(default_factory=list)

    def ask(self) -> Proposal | None:
        self.number += 1
        return Proposal(self.number - 1, "KNN")

    def tell(self, proposal: Proposal, attempt: Attempt) -> None:
        self.heard.append(("tell", proposal.number, attempt.loss is not None))

    def again(self, proposal: Proposal, attempt: Attempt | None) -> None:
        self.number = max(self.number, proposal.number + 1)
        self.heard.append(("again", proposal.number, attempt is not None))


class Stage:
    """Keeps the children that are submitted."""

    name = "fox"
    workspace = None

    def __init__(self, children: list[Any] | None = None) -> None:
        self.record = SimpleNamespace(name="fox", display_name="fox", body={}, started=0.0, created=0.0)
        self.children = children or []

    def clock(self) -> float:
        return 1.0

    def look(self, _names: Any) -> list[Any]:
        return []

    def say(self, _sentence: str) -> None: ...

    def annotate(self, *_: Any) -> None: ...

    def annotate_child(self, *_: Any) -> None: ...

    def submit(self, name: str, _body: Any, state: Any) -> None:
        self.children.append(child(name, state, Status.RUNNING))


def child(name: str, state: Any, status: Status) -> Any:
    outputs = {automl.OUTPUT: {"uri": f"azureml://{name}"}}
    held = {**state, "outputs": outputs}
    return SimpleNamespace(name=name, state=held, status=status, final=status == Status.COMPLETED)


def ended(one: Any) -> Any:
    return child(one.name, one.state, Status.COMPLETED)


@pytest.fixture
def planner(monkeypatch: pytest.MonkeyPatch) -> Recording:
    results = {"trial": {"status": "Completed", "score": 0.5, "loss": 0.5}, "setup": {"rows": 9}}
    monkeypatch.setattr(automl.AutoML, "_result", lambda _self, one: results[one.state[automl.FACT]["role"]])
    monkeypatch.setattr(automl, "_roots", lambda _workspace: {})
    return Recording()


def conductor(stage: Stage, planner: Recording) -> automl.AutoML:
    family = SimpleNamespace(
        check=lambda *_: [], metric=lambda *_: ("accuracy", True), planner=lambda *_: planner,
    )  # fmt: skip
    search = automl.Search("classification", {}, family, Limits(trials=COUNT, concurrent=2))  # type: ignore[arg-type]
    return automl.AutoML(stage, search, at_once=2, cores=2)  # type: ignore[arg-type]


def test_each_trial_that_ends_is_told_once(planner: Recording) -> None:
    stage = Stage()
    made = conductor(stage, planner)
    made.begin([])
    made.step([], cancelled=False)
    done = 0
    while done < 1 + COUNT:
        fresh = [ended(one) for one in stage.children[done:]]
        done += len(fresh)
        made.step(fresh, cancelled=False)

    assert planner.heard == [("tell", number, True) for number in range(COUNT)]
    assert [one.name for one in stage.children] == ["fox_setup", *(f"fox_{number}" for number in range(COUNT + 1))]
    assert stage.children[-1].state[automl.FACT]["role"] == automl.FINISH


def test_trials_of_an_earlier_host_are_earlier_ones_and_the_running_one_is_told_when_it_ends(
    planner: Recording,
) -> None:
    before = Stage()
    first = conductor(before, Recording())
    first.begin([])
    first.step([], cancelled=False)
    first.step([ended(before.children[0])], cancelled=False)
    setup, one, other = before.children
    planner.heard.clear()

    after = conductor(Stage(), planner)
    after.begin([ended(setup), ended(one), other])
    after.step([ended(other)], cancelled=False)

    assert planner.heard == [("again", 0, True), ("again", 1, False), ("tell", 1, True)]
    assert planner.number == COUNT


def test_the_words_of_the_order_are_those_of_the_process(planner: Recording) -> None:
    bodies: list[Any] = []
    stage = Stage()
    stage.submit = lambda _name, body, _state: bodies.append(body)  # type: ignore[method-assign]
    conductor(stage, planner).step([], cancelled=False)

    assert bodies[0]["command"].startswith("python -m jupyter_aml.automl.working ")
    assert list(bodies[0]["environmentVariables"]) == ["JUPYTER_AML_AUTOML"]


def test_what_is_not_the_best_is_said_as_well(planner: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(Stage, "say", lambda _self, sentence: said.append(sentence))
    found = {
        "title": "VotingEnsemble(KNN, SVM)", "algorithm": "VotingEnsemble", "score": 0.98, "metrics": {}, "of": [0, 1],
        "others": [{"title": "StackEnsemble(LogisticRegression of KNN)", "algorithm": "StackEnsemble", "score": 0.97}],
        "said": ["StackEnsemble: there is no time."],
    }  # fmt: skip
    monkeypatch.setattr(automl.AutoML, "_result", lambda *_: found)
    stage = Stage()
    made = conductor(stage, planner)
    made._keep("fox_4", automl.FINISH)
    made.step([child("fox_4", {}, Status.COMPLETED)], cancelled=False)

    assert said == [
        "StackEnsemble: there is no time.",
        "StackEnsemble(LogisticRegression of KNN) accuracy=0.97",
        "The best model is VotingEnsemble(KNN, SVM) with accuracy=0.98.",
    ]
