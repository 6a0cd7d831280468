"""The house keeps its laws: who may import whom, and where a foreign package may be named."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "jupyter_aml"
SDK_PLACES = ("client", "commands")
# Modules that are loaded only where a job's environment has what they are for: by fsspec; when somebody opens a kernel
# inside a run; for a notebook that runs as a job. Each may name that, and nothing more.
ON_DEMAND = {
    "files.py": {"fsspec"},
    "blobfile.py": {"fsspec"},
    "kernel.py": {"IPython", "ipykernel", "tornado", "traitlets"},
    "run_notebook.py": {"jupyter_client", "nbclient", "nbformat"},
}
RELAY = PACKAGE / "agent" / "relay.py"  # lends the SDK inside a job its way to the service, where a job has the SDK


def modules(*folders: str) -> list[Path]:
    """The Python files of some folders of the package, or of all of it."""
    roots = [PACKAGE / folder for folder in folders] if folders else [PACKAGE]
    return sorted(path for root in roots for path in root.rglob("*.py"))


def imported(path: Path, *, inside_functions: bool = True) -> Iterator[str]:
    """Every absolute module name that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if inside_functions else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def offenders(paths: list[Path], *packages: str) -> list[str]:
    """`file: module` for each import of one of some packages."""
    return sorted(
        {
            f"{path.relative_to(ROOT)}: {name}"
            for path in paths
            for name in imported(path)
            if name.partition(".")[0] in packages
        }
    )


def test_only_client_and_commands_name_the_sdk() -> None:
    allowed = {*modules(*SDK_PLACES), RELAY}

    assert offenders([path for path in modules() if path not in allowed], "azure") == []


def test_the_local_workspace_names_no_client_library() -> None:
    assert offenders(modules("local"), "azure", "mlflow", "pandas", "sklearn", "IPython") == []


@pytest.mark.parametrize("path", modules("agent"), ids=lambda path: path.name)
def test_what_runs_inside_jobs_loads_with_the_standard_library_alone(path: Path) -> None:
    siblings = {sibling.stem for sibling in modules("agent")}
    tops = {name.partition(".")[0] for name in imported(path, inside_functions=False)}

    assert tops - sys.stdlib_module_names - siblings == ON_DEMAND.get(path.name, set())


def test_nothing_that_every_job_loads_loads_what_is_loaded_on_demand() -> None:
    demanded = {name.removesuffix(".py") for name in ON_DEMAND}

    for path in modules("agent"):
        if path.name not in ON_DEMAND:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            at_once = {
                alias.name
                for node in tree.body
                if isinstance(node, ast.Import | ast.ImportFrom)
                for alias in node.names
            }
            assert not at_once & demanded, path.name


@pytest.mark.parametrize("path", modules("agent"), ids=lambda path: path.name)
def test_what_runs_inside_jobs_knows_nothing_of_the_rest(path: Path) -> None:
    assert [name for name in imported(path) if name.startswith("jupyter_aml") and "agent" not in name] == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_opens_with_a_sentence(path: Path) -> None:
    opening = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""

    assert opening.split("\n\n", maxsplit=1)[0].rstrip().endswith((".", ":", "?")), opening
