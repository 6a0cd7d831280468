"""Running: a parsed command becomes a call of its verb, and what comes back an outcome."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jupyter_aml import __version__
from jupyter_aml.commands import help as texts
from jupyter_aml.commands import output, yaml_faults
from jupyter_aml.commands.actions import loading
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Grammar, grammar
from jupyter_aml.commands.hush import hushed
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.parse import Command, parse
from jupyter_aml.commands.target import Target
from jupyter_aml.commands.tokens import Word
from jupyter_aml.errors import UsageError


def run(
    words: Sequence[Word], context: Context, *, body: str | None = None, table: Grammar | None = None
) -> Outcome | None:
    """Do what words say.

    Args:
        words: The line after `%aml`, see tokens.py.
        context: Who asks.
        body: The cell's body, if there is one.
        table: The grammar; by default that of this installation.

    Returns:
        The verb's outcome; None where it has nothing to show.

    Raises:
        UsageError: The line cannot be understood.
        AmlError: The verb's own; exceptions of the SDK pass and are for `faults.translate`.
    """
    if [word.raw for word in words] == ["--version"]:
        return Outcome(f"jupyter_aml {__version__}", kind="text")
    table = table or grammar()
    command = parse(words, table, context.names, body)
    return execute(command, context, table)


def execute(command: Command, context: Context, table: Grammar) -> Outcome | None:
    """Do what a parsed command says; see `run`."""
    if command.help or command.verb is None:
        return Outcome(texts.text(command, table, context.prefix), kind="text")
    args = command.args
    _read_stdin(args, context)
    inner = replace(
        context,
        target=Target(args.workspace_name or "", args.resource_group or "", args.subscription or ""),
        quiet=context.quiet or args.only_show_errors,
        verbose=context.verbose or args.verbose,
    )
    try:
        with hushed(verbose=inner.verbose):
            result = command.verb.run(inner, args)
    except Exception as error:
        shown = _pointed(error, command, inner)
        if shown is error:
            raise
        raise shown from error
    if result is None:
        return None
    outcome = result if isinstance(result, Outcome) else Outcome(result)
    return shaped(outcome, args)


def _pointed(error: Exception, command: Command, context: Context) -> Exception:
    """The error with the line of the YAML that it is about, where the command had YAML."""
    verb, noun, args = command.verb, command.noun, command.args
    if verb is None or verb.body != "yaml" or noun is None or not loading.has_source(args):
        return error
    try:
        source = loading.text_of(noun.name, context, args)
    except UsageError:
        return error
    return yaml_faults.pointed(error, noun.name, source)


def shaped(outcome: Outcome, args: Args) -> Outcome:
    """The outcome after --query and -o."""
    if args.query is not None:
        picked = output.select(outcome.plain, args.query)
        outcome = Outcome(picked, place=outcome.place)
    if args.output is not None:
        outcome.form = args.output
    return outcome


def _read_stdin(args: Args, context: Context) -> None:
    """`--file -` is the body of the cell, or standard input in a terminal."""
    if args.get("file") != "-" or args["body"] is not None:
        return
    if context.namespace is not None:
        msg = "--file - reads the body of a cell, and this is a line."
        raise UsageError(msg, remedy="Begin the cell with %%aml and put the YAML below.")
    args["body"] = _stdin()


def _stdin() -> Any:
    return sys.stdin.read()
