"""`serve`: keep the endpoints of this machine alive, in a terminal."""

from __future__ import annotations

from jupyter_aml.commands.actions import serving
from jupyter_aml.commands.grammar import Verb

VERBS = (
    Verb(
        "serve", "Be the host of the local workspaces in this terminal; endpoints survive it.", serving.serve,
    ),
)  # fmt: skip
