"""The code of a job as a place: its snapshot, or a folder for each step of a pipeline."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from jupyter_aml.client.rest import Rest
from jupyter_aml.commands.actions import jobs, stores
from jupyter_aml.commands.context import Context
from jupyter_aml.errors import NotFoundError, ResourceError, UsageError

MISSING = 404
_REGISTRY = re.compile(r"azureml://registries/(?P<registry>[^/]+)/")
_VERSION = r"(?:/{segment}/(?P<name>[^/]+)/versions/|azureml:(?P<short>[^:/]+):)(?P<version>[^/]+)$"
_CODE = re.compile(_VERSION.format(segment="codes"))
_COMPONENT = re.compile(_VERSION.format(segment="components"))


class Steps(stores.Files):
    """The steps of a pipeline that have code, as folders; a step that is a pipeline has folders of its own.

    Args:
        steps: The files of each, by its name.
        root: How a person calls the folder of the steps.
    """

    def __init__(self, steps: Mapping[str, stores.Files], root: str) -> None:
        super().__init__(None, "", root)
        self.steps = steps

    def entries(self, path: str = "") -> Iterator[stores.Entry]:
        if not path:
            yield from (stores.Entry(name, folder=True) for name in self.steps)
            return
        files, inner = self._step(path)
        yield from files.entries(inner)

    def names(self, path: str = "") -> Iterator[str]:
        if path:
            files, inner = self._step(path)
            yield from files.names(inner)
            return
        for step, files in self.steps.items():
            yield from (f"{step}/{name}" for name in files.names())

    def is_file(self, path: str = "") -> bool:
        if not path:
            return False
        files, inner = self._step(path)
        return files.is_file(inner)

    def start(self, path: str = "", most: int | None = None) -> tuple[bytes, int]:
        files, inner = self._step(path)
        return files.start(inner, most)

    def _step(self, path: str) -> tuple[stores.Files, str]:
        """The files of the step that a path begins with, and what follows its name.

        Raises:
            NotFoundError: No such step has code.
        """
        step, _, inner = path.partition("/")
        if step not in self.steps:
            msg = f"{self.root}: no step {step!r} has code."
            raise NotFoundError(msg, why=f"Those that have it are {', '.join(self.steps)}.")
        return self.steps[step], inner


def of_job(context: Context, name: str, path: str = "") -> stores.Files:
    """The files below a path in the code of a job: of a sweep its trials', of a pipeline its steps'.

    Raises:
        NotFoundError: There is no such job or step, or it has no code.
        UsageError: The code is not in this workspace.
    """
    rest = Rest(context.connection)
    try:
        held = rest.get(f"jobs/{name}")["properties"]
    except ResourceError as error:
        if error.status == MISSING:
            jobs.wanted(context, name, "show")  # names the nearest
        raise
    root = stores.CODE.format(job=name)
    found = _Finder(context, rest).below(held, path.strip("/"), root)
    if found is None:
        msg = f"{root} holds nothing: the job {name} has no code."
        raise NotFoundError(msg, remedy=f"Type %aml job show {name} --as yaml to see what it runs.")
    return found


def is_id(text: str) -> bool:
    """Whether a text is the id of a code snapshot."""
    return _CODE.search(text) is not None


def of_id(context: Context, code: str, path: str = "", root: str = "") -> stores.Files:
    """The files below a path of a code snapshot, by its id.

    Raises:
        UsageError: The id names no snapshot of this workspace.
    """
    wanted, registry = _CODE.search(code), _REGISTRY.match(code)
    if wanted is None or registry is not None:
        where = f"in the registry {registry['registry']}" if registry else code
        msg = f"{root or 'The code'}: the code is {where}, not in this workspace."
        raise UsageError(msg, remedy="Read it where it lies.")
    name, version = wanted["name"] or wanted["short"], wanted["version"]
    uri = str(Rest(context.connection).get(f"codes/{name}/versions/{version}")["properties"]["codeUri"])
    if uri.startswith("azureml://"):
        return stores.files(context, f"{uri.rstrip('/')}/{path}" if path else uri)
    parts = urlsplit(uri)
    container, _, prefix = unquote(parts.path).lstrip("/").partition("/")
    whole = "/".join(part for part in (prefix.rstrip("/"), path) if part)
    named = "/".join(part for part in (root, path) if part)
    return stores.container_files(context, f"{parts.scheme}://{parts.netloc}", container, whole, named)


class _Finder:
    """Follows a job, its trial, its components and steps to code; each component is asked for once."""

    def __init__(self, context: Context, rest: Rest) -> None:
        self.context = context
        self.rest = rest
        self.known: dict[str, Mapping[str, Any]] = {}

    def below(self, spec: Mapping[str, Any], path: str, root: str) -> stores.Files | None:
        """The files at a path; None without code."""
        spec = self._whole(spec)
        code = _code(spec)
        if code:
            return of_id(self.context, code, path, root)
        steps: Mapping[str, Any] = spec.get("jobs") or {}
        if not path:
            found = {name: self.below(step, "", f"{root}/{name}") for name, step in steps.items()}
            held = {name: files for name, files in found.items() if files is not None}
            return Steps(held, root) if held else None
        name, _, inner = path.partition("/")
        if not steps:
            return None
        files = self.below(steps[name], inner, f"{root}/{name}") if name in steps else None
        if files is None:
            msg = f"{root}: no step {name!r} has code."
            raise NotFoundError(msg, why=f"The steps are {', '.join(steps)}.", remedy=f"Type %aml ls {root}/")
        return files

    def _whole(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """What says where the code is: the spec itself, or that of the component it names."""
        trial = spec.get("trial")
        inner = trial if isinstance(trial, Mapping) else {}
        named = str(spec.get("componentId") or inner.get("componentId") or (trial if isinstance(trial, str) else ""))
        named = named or str(spec.get("component") or inner.get("component") or "")
        if _code(spec) or not named:
            return spec
        if named not in self.known:
            self.known[named] = self._component(named)
        return self.known[named]

    def _component(self, named: str) -> Mapping[str, Any]:
        """The spec of a component of the workspace; nothing of one in a registry, whose code is out of reach."""
        found = _COMPONENT.search(named)
        if found is None or _REGISTRY.match(named):
            return {}
        path = f"components/{found['name'] or found['short']}/versions/{found['version']}"
        spec: Mapping[str, Any] = self.rest.get(path)["properties"].get("componentSpec") or {}
        return self._whole(spec)


def _code(spec: Mapping[str, Any]) -> str:
    """The id of the code that a job, a trial or a component names; "" without one."""
    trial, task = spec.get("trial"), spec.get("task")
    for one in (spec, trial, task):
        if isinstance(one, Mapping) and (one.get("codeId") or one.get("code")):
            return str(one.get("codeId") or one["code"])
    return ""
