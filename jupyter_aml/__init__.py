"""Azure Machine Learning inside Jupyter, with or without Azure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_aml.client.connect import connect, connection, current, current_client, disconnect
    from jupyter_aml.client.status import status, whoami

__version__ = "0.1.0"

__all__ = [
    "connect",
    "connection",
    "current",
    "current_client",
    "disconnect",
    "load_ipython_extension",
    "status",
    "unload_ipython_extension",
    "whoami",
]

_HOMES = {
    "connect": "jupyter_aml.client.connect",
    "connection": "jupyter_aml.client.connect",
    "current": "jupyter_aml.client.connect",
    "current_client": "jupyter_aml.client.connect",
    "disconnect": "jupyter_aml.client.connect",
    "status": "jupyter_aml.client.status",
    "whoami": "jupyter_aml.client.status",
}


def __getattr__(name: str) -> Any:
    """The public functions, loaded when they are first asked for: importing the package costs nothing."""
    home = _HOMES.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    found = globals()[name] = getattr(import_module(home), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """Take part in IPython: `%load_ext jupyter_aml`."""
    _magics().load_ipython_extension(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Leave IPython: `%unload_ext jupyter_aml`."""
    _magics().unload_ipython_extension(shell)


def _magics() -> Any:
    from importlib import import_module

    return import_module("jupyter_aml.magics")
