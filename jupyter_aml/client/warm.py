"""The SDK's import: a second of work, done in a thread while the person reads the first cell."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
import threading
from types import ModuleType

from jupyter_aml.client import seams
from jupyter_aml.errors import ConnectError

SDK = "azure.ai.ml"

_lock = threading.Lock()
_thread: threading.Thread | None = None


def start() -> None:
    """Begin to import the SDK in a thread; returns at once, and does nothing the second time."""
    global _thread  # noqa: PLW0603 - one import per process, like sys.modules itself
    with _lock:
        if _thread is not None or SDK in sys.modules:
            return
        _thread = threading.Thread(target=_quietly, name="jupyter_aml-warm", daemon=True)
        _thread.start()


def ready() -> bool:
    """Whether the SDK has been imported wholly."""
    return SDK in sys.modules and not importing()


def importing() -> bool:
    """Whether the thread is still at it."""
    return _thread is not None and _thread.is_alive()


def wait(timeout: float | None = None) -> bool:
    """Wait for the thread; whether the SDK is there."""
    thread = _thread
    if thread is not None and thread is not threading.current_thread():
        thread.join(timeout)
    return ready()


def sdk() -> ModuleType:
    """The package `azure.ai.ml`; waits for the thread when it is at it, else imports it here.

    Raises:
        ConnectError: The SDK is not installed, or broken.
    """
    wait()
    if SDK not in sys.modules:
        with _lock:
            _load()
    return sys.modules[SDK]


def _quietly() -> None:
    with contextlib.suppress(Exception):  # whoever needs the SDK imports it again and sees the fault
        _load()
        _service()


def _service() -> None:
    """Load what answers in a local workspace, too."""
    importlib.import_module("jwt")
    importlib.import_module("jupyter_aml.client.connect")
    importlib.import_module("jupyter_aml.local.resources.registry").router()


def _load() -> None:
    """Import the SDK unwatched by the garbage collector, which would look for nothing in a quarter of the time.

    What has been imported stays out of its sight: a full collection over it costs 0.1 s. Young garbage is
    collected before; older garbage of that moment stays until the process ends.
    """
    collecting = gc.isenabled()
    gc.collect(1)
    gc.disable()
    try:
        with seams.without_iri_grammar():
            importlib.import_module("jsonschema")
        importlib.import_module(SDK)
        importlib.import_module("azure.identity")
    except ImportError as error:
        msg = f"Microsoft's SDK cannot be imported: {error}."
        raise ConnectError(msg, remedy="Run `pip install 'azure-ai-ml>=1.35,<2' azure-identity`.") from error
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
