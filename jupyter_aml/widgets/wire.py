"""Answers what a widget's page asks of its workspace, in the kernel: the same paths that the server extension has.

A page that Jupyter Server knows asks the server, and needs no kernel; elsewhere, such as in VS Code or Colab, this is
its way. It reaches one workspace and no other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from jupyter_aml.client import connect, reach, scoring
from jupyter_aml.client.connection import Connection
from jupyter_aml.client.rest import SAFE
from jupyter_aml.commands import faults
from jupyter_aml.commands.actions import cards, jobs, pieces
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.run import run
from jupyter_aml.commands.tokens import literals
from jupyter_aml.errors import NotFoundError, ResourceError
from jupyter_aml.local.arm import faults as bodies
from jupyter_aml.widgets.asks import Ask

Answered = tuple[int, str]
"""Status and text."""
LONGEST = 8 << 20
"""Characters of an answer."""


@dataclass
class Placed(Context):
    """Commands that go to one connection, whatever the notebook is connected to."""

    placed: Connection | None = None

    @cached_property
    def client(self) -> Any:
        """The `MLClient` of the connection."""
        if self.placed is None:
            return super().client
        return connect.client_for(self.placed)


class Wire:
    """Answers for one workspace.

    Args:
        connection: To the workspace.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.reader = jobs.Reader(connection)
        self.rest = self.reader.rest

    def answer(self, ask: Ask) -> Answered:
        """Status and text of the answer; a refusal is an answer as well, in ARM's form."""
        try:
            return self._answer(ask)
        except Exception as error:  # noqa: BLE001 - it is an answer as well
            return refusal(error, status=503)

    def close(self) -> None:
        """Let go of open connections to Azure."""
        self.rest.close()

    def _answer(self, ask: Ask) -> Answered:
        path, _, query = ask.path.partition("?")
        surface, _, rest = path.partition("/")
        if surface in {"arm", "api"}:
            return self._sent(surface, rest, query, ask)
        given = {name: values[-1] for name, values in parse_qs(query).items()}
        if path == "log":
            return 200, json.dumps(self.log(given.get("job", ""), given.get("file", ""), int(given.get("offset", 0))))
        if path == "card":
            return 200, json.dumps(cards.drawn(self.reader.snapshot(given.get("job", ""))))
        if path == "invoke":
            return 200, json.dumps(vars(self._scored(ask, given)))
        if path == "commands" and ask.method == "POST":
            return 200, json.dumps(self._run([str(word) for word in (ask.body or {}).get("words") or []]))
        msg = f"A widget cannot ask for '{path}'."
        raise NotFoundError(msg)

    def log(self, job: str, file: str, offset: int) -> dict[str, Any]:
        """A piece of a log, as the server extension tells it."""
        found, final = pieces.piece(self.reader, job, file, offset)
        return {**vars(found), "final": final}

    def _scored(self, ask: Ask, given: Mapping[str, str]) -> scoring.Scored:
        """What an online endpoint answers, or says of itself."""
        if ask.method == "GET":
            return scoring.swagger(self.rest, given.get("name", ""))
        asked = {str(key): str(value) for key, value in (ask.body or {}).items()}
        return scoring.invoke(self.rest, asked.get("name", ""), asked.get("body", ""), asked.get("deployment", ""))

    def _sent(self, surface: str, path: str, query: str, ask: Ask) -> Answered:
        plain = unquote(path).lstrip("/")
        reach.check(ask.method, surface, plain, self.connection.workspace_path)
        base = self.connection.cloud.arm if surface == "arm" else self.rest.services()
        content = None if ask.body is None else json.dumps(ask.body).encode()
        sent = {"Content-Type": "application/json"} if content else None
        url = f"{base}/{quote(plain, safe=SAFE)}"
        answer = self.rest.request(ask.method, f"{url}?{query}" if query else url, body=content, headers=sent)
        text = json.dumps(answer.payload) if answer.payload is not None else answer.content.decode("utf-8", "replace")
        if len(text) > LONGEST:
            msg = f"The answer has {len(text)} characters; at most {LONGEST} are told to a page."
            raise ResourceError(msg, status=413, code="PayloadTooLarge")
        return answer.status, text

    def run(self, words: Sequence[str], write: Callable[[str], None] = lambda _: None) -> Outcome | None:
        """Run a verb of `aml` here; its outcome.

        Raises:
            AmlError: The verb's own; exceptions of the SDK pass.
        """
        return run(literals(words), Placed(stdout=write, stderr=lambda _: None, placed=self.connection))

    def _run(self, words: Sequence[str]) -> dict[str, Any]:
        """Run a verb as `aml` does; its exit code, output and error."""
        written: list[str] = []
        try:
            outcome = self.run(words, written.append)
        except Exception as error:
            told = faults.translate(error)
            if told is None:
                raise
            return {"code": faults.exit_code(told), "output": "".join(written), "error": str(told)}
        shown = "" if outcome is None else repr(outcome)
        return {"code": 0, "output": "".join([*written, shown])[:LONGEST], "error": ""}


def refusal(error: Exception, *, status: int) -> Answered:
    """What a page is told of an error; one that is a bug of ours is named, for nobody would see its traceback.

    Args:
        error: What was raised.
        status: Of what is refused for another reason than a service's.
    """
    told = faults.translate(error)
    if told is None:
        told = ResourceError(f"{type(error).__name__}: {error}", status=500, code="InternalServerError")
    if not isinstance(told, ResourceError):
        told = ResourceError(told.message, status=status, why=told.why, remedy=told.remedy)
    return told.status, json.dumps(bodies.body_of(told))
