"""A scoring script: `init()` once per process, then `run()` per request, to the contract of Azure's inference server.

A script may declare that its `run()` takes many requests at once: with `run.batched = True`, or the environment
variable `AZUREML_BATCHED=1`, it gets a list of what it would get one by one and returns a list with a result for each.
When it raises, each is run alone, so that one bad request fails itself only.

Source: azureml-inference-server-http 1.5.1, observed.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from typing import cast

from . import inputs, journal, openapi, rawhttp, results, traces
from .exchange import INTERNAL, Answer, Failed, Refused, Request, refusal, unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType, ModuleType
    from typing import Any, NoReturn

MODULE = "entry_module"
"""The name a script is imported under, as Azure's server does."""
UNEXPECTED = "An unexpected error occurred in scoring script. Check the logs for more info."
LONGEST = 3_600_000
"""Milliseconds `run()` may take unless SCORING_TIMEOUT_MS says otherwise; the router is stricter."""


def load(path: str, root: str) -> Script:
    """Import a scoring script.

    Args:
        path: Of the script.
        root: The folder of the code; it and the script's own are on `sys.path`.

    Raises:
        Failed: It is not there, cannot be imported, or lacks `init()` or `run()`.
    """
    if not os.path.isfile(path):
        there = ", ".join(sorted(os.listdir(root))) if os.path.isdir(root) else "no folder"
        raise Failed(
            "UserScriptNotFound",
            f"The scoring script {os.path.relpath(path, root)!r} is not in the code folder ({there or 'empty'}). "
            "Set scoring_script of code_configuration to its path inside that folder.",
        )
    for folder in (root, os.path.dirname(path)):
        if folder not in sys.path:
            sys.path.append(folder)
    rawhttp.install()
    module = _imported(path)
    for name in ("init", "run"):
        if not callable(getattr(module, name, None)):
            raise Failed(
                "UserScriptError",
                f"The scoring script {os.path.basename(path)} does not have a {name}() function defined. "
                "It needs init(), called once, and run(data), called for each request.",
            )
    return Script(module, root)


def _imported(path: str) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader(MODULE, path)
    spec = importlib.util.spec_from_loader(MODULE, loader)
    module = importlib.util.module_from_spec(cast("importlib.machinery.ModuleSpec", spec))
    sys.modules[MODULE] = module
    try:
        loader.exec_module(module)
    except BaseException as error:
        raise Failed(
            "UserScriptImportException",
            f"The scoring script {os.path.basename(path)} could not be imported: {traces.last_line(error)}",
        ) from error
    return module


class Script:
    """A scoring script that is imported.

    Args:
        module: The script.
        root: The folder of its code, whose swagger.json wins over what is made here.

    Raises:
        Failed: Its `run()` cannot be called as the contract says.
    """

    forkable = False
    why = "A scoring script's init() runs in each replica."

    def __init__(self, module: ModuleType, root: str) -> None:
        self._root = root
        self._init = module.init
        driver = getattr(module, "driver_module", None)
        self._run: Callable[..., Any] = getattr(driver, "run", None) or module.run
        self._parse = inputs.reader(self._run)
        self.batches = bool(getattr(self._run, "batched", False)) or os.environ.get("AZUREML_BATCHED") == "1"
        self.headers = self._parse.headers
        self.swagger = openapi.of_script(self._run, root)
        self.about = [f"Scoring script {getattr(module, '__file__', '')}; run() is given {self._parse.gives}."]
        if self.batches:
            self.about.append("run() is declared batched: requests that wait are given to it together.")
        self._limit = int(os.environ.get("SCORING_TIMEOUT_MS") or 0)

    def begin(self) -> None:
        """Run the script's `init()`."""
        begun = time.perf_counter()
        try:
            self._init()
        except BaseException as error:
            _show_model_folder()
            raise Failed(
                "UserScriptException", f"init() of the scoring script raised {traces.last_line(error)}"
            ) from error
        journal.say(f"init() has run in {time.perf_counter() - begun:.2f} s.")
        if self._limit:
            signal.signal(signal.SIGALRM, _time_is_up)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """As `Scorer`."""
        if self.batches and len(requests) > 1:
            return self._many(requests)
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Answer:
        try:
            values = self._parse(request)
            if self.batches:
                values = {name: [value] for name, value in values.items()}
            begun = time.perf_counter()
            result = self._called(values)
            seconds = time.perf_counter() - begun
            if self.batches:
                result = _one_each(result, 1)[0]
        except Refused as error:
            return refusal(error)
        except Exception as error:  # noqa: BLE001 -- no request may end the replica
            return unreadable(error)
        return self._answered(result, seconds)

    def _answered(self, result: Any, seconds: float) -> Answer:
        try:
            return results.answer(result, seconds * 1000)
        except Exception as error:  # noqa: BLE001 -- a result may be anything; the client reads a sentence, the log why
            return unreadable(error)

    def _called(self, values: dict[str, Any]) -> Any:
        """What `run()` returns. Raises Refused."""
        try:
            if not self._limit:
                return self._run(**values)
            signal.setitimer(signal.ITIMER_REAL, self._limit / 1000)
            try:
                return self._run(**values)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except TimeoutError as error:
            traces.show(error)
            raise Refused(INTERNAL, f"Scoring timeout after {self._limit or LONGEST} ms", failed=True) from error
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            traces.show(error)
            raise Refused(INTERNAL, UNEXPECTED, failed=True) from error

    def _many(self, requests: Sequence[Request]) -> list[Answer]:
        """One call of `run()` for all that can be read."""
        answers: list[Answer | None] = [None] * len(requests)
        parsed: list[tuple[int, dict[str, Any]]] = []
        for at, request in enumerate(requests):
            try:
                parsed.append((at, self._parse(request)))
            except Refused as error:
                answers[at] = refusal(error)
            except Exception as error:  # noqa: BLE001 -- no request may end the replica
                answers[at] = unreadable(error)
        if parsed:
            joint = {name: [values[name] for _, values in parsed] for name in parsed[0][1]}
            begun = time.perf_counter()
            try:
                found = _one_each(self._called(joint), len(parsed))
            except Refused:
                return [answers[at] or self._one(request) for at, request in enumerate(requests)]
            seconds = time.perf_counter() - begun
            for (at, _), result in zip(parsed, found, strict=True):
                answers[at] = self._answered(result, seconds)
        return [answer for answer in answers if answer is not None]


def _one_each(result: Any, count: int) -> Sequence[Any]:
    """What a batched `run()` returned, when that is a list of as many results. Raises Refused."""
    try:
        if len(result) == count and not isinstance(result, (str, bytes, dict)):
            return list(result)
        found = f"{len(result)} in a {type(result).__name__}"
    except TypeError:
        found = f"{type(result).__name__}"
    sys.stderr.write(f"run() is declared batched: for {count} requests it must return a list of {count}, not {found}\n")
    raise Refused(INTERNAL, UNEXPECTED, failed=True)


def _time_is_up(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TimeoutError


def _show_model_folder(most: int = 200) -> None:
    """List the model folder in the log, which is what a failed `init()` is mostly about."""
    folder = os.environ.get("AZUREML_MODEL_DIR", "")
    if not os.path.isdir(folder):
        return
    sys.stderr.write(f"Files in AZUREML_MODEL_DIR ({folder}):\n")
    names = sorted(
        os.path.relpath(os.path.join(place, name), folder) for place, _, files in os.walk(folder) for name in files
    )
    for name in names[:most]:
        sys.stderr.write(f"  {name}\n")
    if len(names) > most:
        sys.stderr.write(f"  and {len(names) - most} more\n")
