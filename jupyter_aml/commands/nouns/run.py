"""`run`: submit a marked cell, or a script file that begins with the same marker."""

from __future__ import annotations

from jupyter_aml.commands import marked
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Positional, Verb
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.tokens import tokenize
from jupyter_aml.errors import UsageError


def _run(context: Context, args: Args) -> Outcome | None:
    from jupyter_aml.commands.run import run

    words = args.words
    name = words[0].raw if words and not words[0].start.startswith("-") else ""
    rest = words[1:] if name else words
    source = _file(context, name) if name.endswith(".py") else marked.find(context.cells, name)
    found = marked.marker(source)
    if found is None:
        msg = f"{name} has no marker."
        raise UsageError(msg, remedy=f"Put {marked.EXAMPLE} into its first line.")
    return run((*tokenize(found.line), *rest), context, body=source)


def _file(context: Context, name: str) -> str:
    return context.path(name).read_text(encoding="utf-8")


VERBS = (
    Verb(
        "run",
        "Submit the cell marked `#| aml: command NAME`, or such a file.",
        _run,
        positionals=(Positional("name", "A marked cell or a .py file; by default the newest marked cell."),),
        passes=True,
    ),
)
