"""How modules of the agent are started in any Python, whether jupyter_aml is installed there or not."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = os.path.dirname(os.path.abspath(__file__))
ALIAS = "jupyter_aml_agent"

_BOOTSTRAP = (
    "import sys;a=sys.argv;m=type(sys)({alias!r});m.__path__=[a[1]];sys.modules[m.__name__]=m;"
    "from {alias}.{module} import main;main(a[2:])"
)


def command(interpreter: str, module: str, *arguments: str, bare: bool = False) -> list[str]:
    """The command line that runs `main(arguments)` of a module of the agent.

    Args:
        interpreter: Path of the Python.
        module: Name inside the agent, such as `supervisor`.
        arguments: Passed on.
        bare: Whether to leave out site-packages and the environment, which starts in 10 ms.
    """
    flags = ["-I", "-S"] if bare else []
    return [interpreter, *flags, "-c", _BOOTSTRAP.format(alias=ALIAS, module=module), FOLDER, *arguments]


def program(word: str) -> list[str]:
    """Paths of the files of a program that is put beside a run's code: `WORD.py`, and its parts `WORD_*.py`."""
    names = sorted(os.listdir(FOLDER))
    return [os.path.join(FOLDER, name) for name in names if name == f"{word}.py" or name.startswith(f"{word}_")]


def boot_line(site_packages: Sequence[str]) -> str:
    """The line of a `.pth` file that makes a Python one of a run's, with `site_packages` behind its own."""
    return (
        f"import sys; m = type(sys)({ALIAS!r}); m.__path__ = [{FOLDER!r}]; "
        f"sys.modules.setdefault({ALIAS!r}, m); "
        f"from {ALIAS} import boot; boot.start({tuple(site_packages)!r})\n"
    )
