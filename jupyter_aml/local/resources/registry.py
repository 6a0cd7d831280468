"""Finds the resource types and routes a request to the one that answers it."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field
from functools import cache

from jupyter_aml.local.resources import types
from jupyter_aml.local.resources.base import WS, Route, Type


@cache
def all_types() -> tuple[Type, ...]:
    """Every `TYPE` of the modules in `resources/types`, by module name."""
    found = []
    for module in pkgutil.iter_modules(types.__path__):
        loaded = importlib.import_module(f"{types.__name__}.{module.name}")
        if hasattr(loaded, "TYPE"):
            found.append(loaded.TYPE)
    return tuple(found)


@dataclass
class Node:
    """One level of paths: literal children, a placeholder child, and routes that end here."""

    literals: dict[str, Node] = field(default_factory=dict)
    placeholder: Node | None = None
    ends: dict[str, tuple[Route, tuple[str, ...]]] = field(default_factory=dict)
    tails: dict[str, tuple[Route, tuple[str, ...]]] = field(default_factory=dict)


Match = tuple[Route, dict[str, str]]


class Router:
    """Paths to routes; literal segments are matched without regard to case and before placeholders."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._roots: dict[str, Node] = {}
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._roots.setdefault(route.surface, Node())
        names: list[str] = []
        ends = node.ends
        for part in route.pattern.replace("{WS}", WS).strip("/").split("/"):
            if part.endswith(":path}"):
                names.append(part[1:-6])
                ends = node.tails
                break
            if part.startswith("{"):
                names.append(part[1:-1])
                node.placeholder = node.placeholder or Node()
                node = node.placeholder
            else:
                node = node.literals.setdefault(part.lower(), Node())
            ends = node.ends
        ends[route.method] = (route, tuple(names))

    def find(self, surface: str, method: str, path: str) -> Match | None:
        """The route and the values of its placeholders, or None."""
        root = self._roots.get(surface)
        return _walk(root, path.strip("/").split("/"), method, ()) if root else None

    def methods(self, surface: str, path: str) -> list[str]:
        """Which methods the path has, for a 405."""
        known = ("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD")
        return [method for method in known if self.find(surface, method, path)]


def _walk(node: Node, parts: list[str], method: str, values: tuple[str, ...]) -> Match | None:
    if not parts:
        return _end(node.ends, method, values)
    head, rest = parts[0], parts[1:]
    literal = node.literals.get(head.lower())
    found = _walk(literal, rest, method, values) if literal else None
    if found is None and node.placeholder is not None and head:
        found = _walk(node.placeholder, rest, method, (*values, head))
    if found is None and node.tails:
        found = _end(node.tails, method, (*values, "/".join(parts)))
    return found


def _end(ends: dict[str, tuple[Route, tuple[str, ...]]], method: str, values: tuple[str, ...]) -> Match | None:
    found = ends.get(method) or ends.get("*")
    if found is None:
        return None
    route, names = found
    return route, dict(zip(names, values, strict=True))


@cache
def router() -> Router:
    """The router over all types."""
    return Router(tuple(route for kind in all_types() for route in kind.routes()))
