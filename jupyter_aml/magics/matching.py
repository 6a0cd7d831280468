"""Completion in a shell: IPython's matcher over `commands/complete.py`, which never does I/O."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


def matcher(shell: Any, steps: Collection[str] = ()) -> Any:
    """A matcher for the shell's completer, or None where it has none; `steps` are names that cells have made."""
    if getattr(shell, "Completer", None) is None:
        return None
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher(identifier="jupyter_aml", priority=200)
    def aml_matcher(context: Any) -> Any:
        if "%aml" not in context.full_text:
            return {"completions": []}
        from jupyter_aml.commands import complete

        before = complete.line_of(context.full_text, context.cursor_line, context.cursor_position)
        found = complete.in_notebook(before, shell.user_ns, steps) if before is not None else None
        if found is None:
            return {"completions": []}
        texts = found.texts or ((found.fragment,) if found.fragment else ())  # else Python's names would be offered
        return {
            "completions": [SimpleCompletion(text, type=found.kind) for text in texts],
            "matched_fragment": found.fragment,
            "suppress": True,
        }

    return aml_matcher
