"""The Jupyter Server extension: a face over the workspace, alive without any kernel."""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Where Jupyter Server finds the extension."""
    return [{"module": "jupyter_aml.server"}]


def _load_jupyter_server_extension(server_app: Any) -> None:
    """Add the handlers to a running server."""
    from jupyter_aml.server import handlers

    server_app.web_app.add_handlers(".*$", handlers.routes(server_app.web_app.settings["base_url"]))
