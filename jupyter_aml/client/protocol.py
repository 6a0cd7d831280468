"""`azureml://` made known to fsspec in this process; see `client.files`. Importing this loads neither of them."""

from __future__ import annotations

from jupyter_aml.agent import watch

CLASS = "jupyter_aml.client.files.AzureMLFileSystem"

_asked = False


def register() -> None:
    """Name our class for `azureml://`, at once or as soon as fsspec is imported; once per process."""
    global _asked  # noqa: PLW0603 - like fsspec's registry itself
    if not _asked:
        _asked = True
        watch.after("fsspec", _name)


def _name() -> None:
    from importlib import import_module

    import fsspec

    loaded = "azureml" in fsspec.registry
    module, _, name = CLASS.rpartition(".")
    found = getattr(import_module(module), name) if loaded else CLASS
    fsspec.register_implementation("azureml", found, clobber=True)
