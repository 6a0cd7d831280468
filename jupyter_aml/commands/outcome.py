"""The outcome of a command: the SDK's object, how it is drawn, and how to fetch it again.

Attributes that an outcome does not have are the entity's, so `job = %aml job show x` followed by
`job.status` reads as with the SDK. The drawings are those of `jupyter_aml.views`:
an outcome of kind K is drawn by the module `views/K.py` (functions `html(snapshot)` and `plain(snapshot)`); a
kind without a module is drawn as a record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jupyter_aml.commands import drawing, plain
from jupyter_aml.commands.hush import hushed

OWN = frozenset({"entity", "kind", "columns", "place", "title", "message", "again", "details", "form"})


class Outcome:
    """What a command gives back.

    Args:
        entity: The SDK's object, a list of them, a dict, a text, or None.
        kind: Which drawing: "table" (lists), "record" (one thing), "text", "job", "status", ...
        columns: For tables: dotted paths into the plain form, as `name` or `creation_context.created_at`.
        place: LOCAL or AZURE, the badge; "" for what belongs to neither.
        title: A heading, such as `data` or `job quiet_sky`.
        message: One sentence for people about what was done, such as `Archived data iris:1.`
        again: Fetches the entity anew, for `refresh()`.
        details: More for the drawing (metrics, the log's tail): a dict, or a function that makes it.
        value: The plain form for -o and --query, if not the entity's own.
        form: The format asked with -o; "" draws it for people.
    """

    def __init__(
        self,
        entity: Any = None,
        *,
        kind: str = "",
        columns: Sequence[str] = (),
        place: str = "",
        title: str = "",
        message: str = "",
        again: Callable[[], Any] | None = None,
        details: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None = None,
        value: Any = None,
        form: str = "",
    ) -> None:
        self.entity = entity
        self.kind = kind or _kind_of(entity)
        self.columns = tuple(columns)
        self.place = place
        self.title = title
        self.message = message
        self.again = again
        self.details = details
        self._value = value
        self.form = form

    def refresh(self) -> Outcome:
        """The same outcome with its entity fetched anew; itself where nothing can be fetched."""
        if self.again is not None:
            fresh = self.again()
            if isinstance(fresh, Outcome):
                self.__dict__.update(fresh.__dict__)
            else:
                self.entity = fresh
        return self

    @property
    def plain(self) -> Any:
        """The entity as `az ml` prints it: dicts, lists, strings, numbers."""
        with hushed(verbose=False):
            return plain.plain(self.entity if self._value is None else self._value)

    def snapshot(self) -> dict[str, Any]:
        """What a drawing gets: entity (plain), columns, place, title, message and the details."""
        details = self.details() if callable(self.details) else self.details
        return {
            "entity": self.plain,
            "columns": list(self.columns),
            "place": self.place,
            "title": self.title,
            "message": self.message,
            **(details or {}),
        }

    def __getattr__(self, name: str) -> Any:
        if name in OWN or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)
        entity = self.__dict__.get("entity")
        if name.startswith(("_repr_", "_ipython_")):
            raise AttributeError(name)
        try:
            return getattr(entity, name)
        except AttributeError:
            msg = f"{type(entity).__name__!r} (of an outcome) has no attribute {name!r}"
            raise AttributeError(msg) from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in dir(self.entity) if not name.startswith("_"))})

    def __iter__(self) -> Iterator[Any]:
        return iter(self.entity)

    def __len__(self) -> int:
        return len(self.entity)

    def __bool__(self) -> bool:
        counted = isinstance(self.entity, (list, tuple, str, type(None))) or plain.is_mapping(self.entity)
        return bool(self.entity) if counted else True

    def __getitem__(self, key: Any) -> Any:
        return self.entity[key]

    def __contains__(self, item: object) -> bool:
        return item in self.entity

    def __str__(self) -> str:
        if isinstance(self.entity, str):
            return self.entity
        name = getattr(self.entity, "name", None)
        return name if isinstance(name, str) else repr(self)

    def __repr__(self) -> str:
        if self.form:
            return _formatted(self)
        return drawing.draw(self.kind, "plain", self.snapshot())

    def _repr_html_(self) -> str | None:
        return self._repr_mimebundle_().get("text/html")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Plain, HTML and live form from one snapshot, so that all show the same moment; of -o the text alone."""
        del include, exclude
        if self.form:
            return {"text/plain": _formatted(self)}
        snapshot = self.snapshot()
        return {
            "text/plain": drawing.draw(self.kind, "plain", snapshot),
            "text/html": drawing.draw(self.kind, "html", snapshot),
            **drawing.live(self.kind, snapshot),
        }


def _formatted(outcome: Outcome) -> str:
    from jupyter_aml.commands import output

    return output.render(outcome, outcome.form)


def unwrap(value: Any) -> Any:
    """The entity of an outcome, any other value as it is."""
    return value.entity if isinstance(value, Outcome) else value


def _kind_of(entity: Any) -> str:
    if entity is None or isinstance(entity, str):
        return "text"
    return "table" if isinstance(entity, (list, tuple)) else "record"
