"""The Jupyter Server extension: a face over the workspace, alive without any kernel."""

from __future__ import annotations

import os
from typing import Any

from jupyter_aml.errors import AmlError
from jupyter_aml.widgets.wish import SERVER


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Where Jupyter Server finds the extension."""
    return [{"module": "jupyter_aml.server"}]


def _load_jupyter_server_extension(server_app: Any) -> None:
    """Add the handlers to a running server, and the events of the store."""
    from jupyter_aml.local.store import watching
    from jupyter_aml.server import events, freeze, handlers, places

    os.environ[SERVER] = "1"  # its kernels know by it that their pages draw our outputs by themselves
    server_app.web_app.add_handlers(".*$", handlers.routes(server_app.web_app.settings["base_url"]))
    server_app.event_logger.register_event_schema(events.SCHEMA)
    loop = server_app.io_loop

    def tell(data: dict[str, Any]) -> None:
        loop.add_callback(server_app.event_logger.emit, schema_id=events.SCHEMA_ID, data=data)

    def before_saving(model: dict[str, Any], **_: Any) -> None:
        if model.get("type") == "notebook" and isinstance(model.get("content"), dict):
            freeze.freeze(model["content"], places.final_card, places.endpoint_picture)

    server_app.contents_manager.register_pre_save_hook(before_saving)
    try:
        watcher = watching.Watcher(places.service().store, tell)
    except AmlError as error:  # the pages say it as well, when they ask
        server_app.log.warning("jupyter_aml: %s", error)
        return
    server_app.web_app.settings[handlers.WATCHER] = watcher
    loop.add_callback(watcher.start)
