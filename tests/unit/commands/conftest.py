"""A small grammar for the tests of the machinery."""

from __future__ import annotations

import pytest

from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Flag, Grammar, Noun, Positional, Verb, build
from jupyter_aml.commands.outcome import Outcome


def echo(context: Context, args: Args) -> Outcome:
    return Outcome({key: value for key, value in args.items() if key in args.given or key in {"body", "space"}})


NAME = Flag("name", "The name.", "n", completes="data")
SET = Flag("set", "Change the YAML.", kind="pair", several=True, expands=False)
DATA = Noun(
    "data",
    "Data assets.",
    (
        Verb(
            "create",
            "Create a version.",
            echo,
            flags=(
                NAME,
                Flag("version", "The version.", "v"),
                Flag("path", "Where it is.", kind="object"),
                Flag("type", "Its type.", choices=("uri_file", "uri_folder", "mltable"), short="t"),
                Flag("tags", "Tags.", kind="pair", several=True),
                Flag("file", "A YAML file, - for the body.", "f", kind="path", completes="file"),
                SET,
            ),
            positionals=(Positional("name"), Positional("path", kind="object")),
            examples=("%aml data create iris iris.csv",),
            cell=True,
            body="yaml",
        ),
        Verb("list", "List them.", echo, flags=(Flag("max-results", "How many.", "r", kind="int"),)),
        Verb("show", "Show one.", echo, flags=(Flag("name", "The name.", "n", required=True),)),
    ),
)
JOB = Noun(
    "job",
    "Jobs.",
    (
        Verb(
            "create",
            "Submit a job.",
            echo,
            flags=(
                Flag("file", "YAML.", "f", kind="path"),
                Flag("stream", "Follow the log.", kind="switch"),
                Flag("seed", "A seed.", kind="int"),
                Flag("rate", "A rate.", kind="float"),
                Flag("enabled", "On.", kind="bool"),
                Flag("input", "Inputs.", kind="pair"),
                Flag("arg", "Arguments.", repeatable=True),
                Flag("traffic", "Shares.", kind="pair", split=True),
                Flag("endpoint-name", "The endpoint.", "e", aliases=("endpoint",)),
                SET,
            ),
            aliases=("submit",),
        ),
        Verb("list", "List jobs.", echo),
    ),
)
ROLE = Noun("role assignment", "Roles.", (Verb("create", "Assign.", echo, flags=(Flag("role", "Which."),)),))
CONNECT = Verb("connect", "Connect.", echo, positionals=(Positional("target"),), connects=False)
STEPS = Verb("pipeline", "Chain steps.", echo, positionals=(Positional("steps", several=True, required=True),))
COMMAND = Verb(
    "command",
    "Run the body as a job.",
    echo,
    flags=(Flag("input", "Inputs.", kind="pair"), Flag("wait", "Wait.", kind="switch"), Flag("compute", "Where.")),
    positionals=(Positional("name"),),
    cell=True,
    body="python",
)
SWEEP = Verb("sweep", "Try values.", echo, flags=(Flag("metric", "Metric."),), cell=True, extras="space")
JOB_CELL = Verb("job", "Submit the YAML below.", echo, cell=True, body="yaml")


@pytest.fixture
def grammar() -> Grammar:
    """Two nouns, a noun of two words, two verbs without a noun, three cells."""
    return build((DATA, JOB, ROLE), (CONNECT, STEPS), (COMMAND, SWEEP, JOB_CELL))
