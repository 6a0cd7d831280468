"""The magics `%aml` and `%%aml`: one face of the grammar."""

from __future__ import annotations

from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """Take part in IPython, and begin to import the SDK in a thread."""
    from jupyter_aml.magics import extension

    extension.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Leave IPython as it was."""
    from jupyter_aml.magics import extension

    extension.unload(shell)
