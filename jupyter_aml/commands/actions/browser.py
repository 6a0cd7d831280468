"""Opening a page or folder for a person; where there is no browser, its address is said instead."""

from __future__ import annotations

import webbrowser

from jupyter_aml.commands.context import Context
from jupyter_aml.errors import UsageError


def show(context: Context, url: str) -> None:
    """Open a page in the browser if a person is there; else, and for a folder, say where it is.

    Raises:
        UsageError: There is none.
    """
    if not url:
        msg = "There is no page to open."
        raise UsageError(msg)
    if context.interactive and url.startswith("http"):
        webbrowser.open(url)
    else:
        context.warn(url)
