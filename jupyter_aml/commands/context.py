"""The context of a command: who asks, from where, and connected to what; a verb's only way to the outside."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_aml.commands import target
from jupyter_aml.commands.target import Target
from jupyter_aml.errors import AmlError, UsageError


def _write_out(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _write_error(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _no_display(_shown: object) -> None:
    return None


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Beside:
    """What stands in for a live form where the front end does not draw it.

    Attributes:
        bundle: Its part of the MIME bundle; empty for nothing.
        close: Called when it has been replaced.
    """

    bundle: Mapping[str, Any] = field(default_factory=dict)
    close: Callable[[], None] = _nothing


def _no_widget(_connection: object, _name: str) -> Beside:
    return Beside()


def _no_tester(_connection: object, _name: str, _segment: str) -> Beside:
    return Beside()


@dataclass
class Context:
    """What a verb may use.

    Args:
        namespace: The user's variables, for `{expr}`; None where nothing expands (the console).
        cwd: Relative paths start here.
        interactive: Whether a person can be asked.
        stdout: Writes text for the person or the pipe, as a log that is followed.
        stderr: Writes warnings and progress.
        display: Shows an object at once, before the verb returns, as a card that refreshes.
        widget: Gives what stands in for a job's live form, by connection and name; nothing where none is wanted.
        tester: Gives the same for an endpoint, by connection, name and segment.
        ask: Asks yes or no; without a person it answers no.
        target: Where to, if not the connected workspace.
        quiet: Whether warnings are left out.
        silent: Whether nobody is to see what comes of it, so that nothing is drawn on the way either.
        verbose: Whether to say what is being done.
        local_namespace: The variables of the function in which the line stands, if any.
        cells: Plain cells marked `#| aml: ...`, their source by name; the newest last.
        steps: Steps that earlier cells have made, by name, for pipelines.
        prefix: How a line begins here: `%aml`, or `aml` in a terminal.
    """

    namespace: MutableMapping[str, Any] | None = None
    cwd: Path = field(default_factory=Path.cwd)
    interactive: bool = False
    stdout: Callable[[str], None] = _write_out
    stderr: Callable[[str], None] = _write_error
    display: Callable[[object], Any] = _no_display
    widget: Callable[[Any, str], Beside] = _no_widget
    tester: Callable[[Any, str, str], Beside] = _no_tester
    ask: Callable[[str], bool] | None = None
    target: Target = field(default_factory=Target)
    quiet: bool = False
    silent: bool = False
    verbose: bool = False
    local_namespace: Mapping[str, Any] | None = None
    cells: Mapping[str, str] = field(default_factory=dict)
    steps: MutableMapping[str, Any] = field(default_factory=dict)
    prefix: str = "%aml"

    @property
    def names(self) -> Mapping[str, Any] | None:
        """What `{expr}` may name: the variables of the user and of the function that the line stands in."""
        if self.namespace is None or self.local_namespace is None:
            return self.namespace
        return {**self.namespace, **self.local_namespace}

    @functools.cached_property
    def client(self) -> Any:
        """The `MLClient` of this command: the target's, else the connected one's, else `connect()`'s."""
        from jupyter_aml.client import connect

        client: Any = connect.current_client() or connect.connect()
        return target.client_of(self.target, connect.connection(client)) if self.target else client

    @property
    def connection(self) -> Any:
        """The `client.Connection` behind `client`; connects if nothing is connected."""
        from jupyter_aml.client import connect

        return connect.connection(self.client)

    @property
    def place(self) -> str:
        """LOCAL or AZURE."""
        return str(self.connection.place)

    def path(self, text: str) -> Path:
        """A typed path, seen from `cwd`."""
        return self.cwd / Path(text).expanduser()

    def warn(self, sentence: str) -> None:
        """Say something that does not stop the command; never on stdout."""
        if not self.quiet:
            self.stderr(f"{sentence}\n")

    def bind(self, name: str, value: object) -> None:
        """Assign a variable of the user (`--var NAME`).

        Raises:
            UsageError: The name is no Python identifier, or there are no variables here.
        """
        if not name.isidentifier():
            msg = f"--var {name}: a variable's name has letters, digits and _ only."
            raise UsageError(msg, remedy="Type for example --var job.")
        if self.namespace is None:
            msg = f"--var {name}: a terminal has no variables."
            raise UsageError(msg, remedy=f"Use the shell's: {name}=$(aml … --query name -o tsv).")
        self.namespace[name] = value

    def confirm(self, question: str, *, yes: bool) -> None:
        """Go on only if the person agrees; `yes` is the verb's --yes.

        Raises:
            UsageError: Nobody could be asked.
            AmlError: The answer was no.
        """
        if yes:
            return
        if not self.interactive or self.ask is None:
            msg = f"{question} Nobody can be asked here."
            raise UsageError(msg, remedy="Add --yes if you are sure.")
        if not self.ask(question):
            msg = "Nothing was changed."
            raise AmlError(msg, why="The answer was no.")
