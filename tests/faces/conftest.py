"""A real IPython shell with the extension, over a small grammar."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from jupyter_aml.commands import complete, run
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Flag, Grammar, Noun, Positional, Verb, build
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import JobFailedError, NotFoundError


def _show(context: Context, args: Args) -> Outcome:
    if args.name == "missing":
        msg = "There is no thing 'missing' in workspace local."
        raise NotFoundError(msg, remedy="Type %aml thing list.")
    if args.name == "bug":
        raise KeyError(args.name)
    if args.name == "failed":
        msg = "Job quiet_sky failed."
        raise JobFailedError(msg, traceback="Traceback (most recent call last):\nValueError: no", remedy="Look.")
    return Outcome(SimpleNamespace(name=args.name, value=args.value), title="thing", place="LOCAL")


def _list(context: Context, args: Args) -> Outcome:
    context.warn("a warning")
    return Outcome([{"name": "a", "n": 1}, {"name": "b", "n": 2}], title="things", place="LOCAL")


def _command(context: Context, args: Args) -> Outcome:
    outcome = Outcome(SimpleNamespace(name=args.name, body=args.body, input=args.input, wait=args.wait))
    if args.var:
        context.bind(args.var, outcome)
    return outcome


def _delete(context: Context, args: Args) -> None:
    context.confirm("Delete thing a?", yes=args.yes)


TABLE = build(
    (
        Noun(
            "thing",
            "Things.",
            (
                Verb(
                    "show",
                    "Show one.",
                    _show,
                    flags=(Flag("value", "Any.", kind="object"),),
                    positionals=(Positional("name", completes="job"),),
                    examples=("%aml thing show a",),
                ),
                Verb("list", "List them.", _list),
                Verb("delete", "Delete one.", _delete, flags=(Flag("yes", "Sure.", "y", kind="switch"),)),
                Verb("create", "From YAML.", _command, flags=(
                    Flag("name"), Flag("input", kind="pair"), Flag("wait", kind="switch"), Flag("var"),
                    Flag("file", "A file.", "f", kind="path"),
                ), cell=True, body="yaml"),
            ),
        ),
    ),
    (),
    (
        Verb("command", "Run the body.", _command, flags=(
            Flag("input", "Inputs.", kind="pair"), Flag("wait", "Wait.", kind="switch"), Flag("var", "Variable."),
        ), positionals=(Positional("name"),), cell=True, body="python"),
    ),
)  # fmt: skip


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Grammar:
    """The grammar of these tests in place of the installed one, with the real `run`."""
    from jupyter_aml.commands.nouns import run as run_noun

    whole = build(tuple(TABLE.nouns.values()), run_noun.VERBS, tuple(TABLE.cells.values()))
    monkeypatch.setattr(run, "grammar", lambda: whole)
    monkeypatch.setattr(complete, "grammar", lambda: whole)
    return whole


@pytest.fixture
def shell(table: Grammar, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A shell that has loaded the extension; the SDK is not imported behind its back."""
    from jupyter_aml.client import warm

    monkeypatch.setattr(warm, "start", lambda: None)
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance()
    made.history_manager.enabled = False
    made.run_line_magic("load_ext", "jupyter_aml")
    yield made
    made.run_line_magic("unload_ext", "jupyter_aml")
    made.history_manager.end_session()
    InteractiveShell.clear_instance()
