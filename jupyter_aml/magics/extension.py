"""The extension: what `%load_ext jupyter_aml` adds to a shell and `%unload_ext` takes away.

Loading is on everybody's path, so nothing here imports the grammar, the SDK, yaml or sqlite3; the first command does.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from jupyter_aml.client import protocol, warm
from jupyter_aml.magics import cells, lines, matching
from jupyter_aml.magics.aml import Aml

NAME = "aml"
KEPT = "_jupyter_aml"


def load(shell: Any) -> None:
    """Add the magic, the transformers, the record of marked cells and the completion to a shell."""
    if getattr(shell, KEPT, None) is not None:
        return
    marked = cells.Marked()
    magic = Aml(shell, marked)
    shell.register_magic_function(magic.function(), "line_cell", NAME)
    shell.input_transformer_manager.cleanup_transforms.append(lines.ask_for_help)
    shell.input_transformers_post.append(lines.keep_quiet)
    shell.events.register("pre_run_cell", marked.record)
    matcher = matching.matcher(shell, magic.steps)
    if matcher is not None:
        shell.Completer.custom_matchers.append(matcher)
    setattr(shell, KEPT, (marked, matcher))
    threading.Thread(target=_read_grammar, name="jupyter_aml-grammar", daemon=True).start()
    protocol.register()
    warm.start()


def _read_grammar() -> None:
    """Read the nouns before the first TAB asks for them."""
    with contextlib.suppress(Exception):  # the first command shows the fault
        from jupyter_aml.commands import complete

        complete.in_notebook("%aml ", {})


def unload(shell: Any) -> None:
    """Take away what `load` added; the SDK stays imported."""
    kept = getattr(shell, KEPT, None)
    if kept is None:
        return
    marked, matcher = kept
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop(NAME, None)
    shell.input_transformer_manager.cleanup_transforms.remove(lines.ask_for_help)
    shell.input_transformers_post.remove(lines.keep_quiet)
    shell.events.unregister("pre_run_cell", marked.record)
    if matcher is not None:
        shell.Completer.custom_matchers.remove(matcher)
    setattr(shell, KEPT, None)
