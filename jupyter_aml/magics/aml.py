"""The magic itself: a line or a cell becomes a command, and a fault three lines without a traceback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_aml.commands.context import Beside, Context
    from jupyter_aml.errors import AmlError

HELP = """Azure Machine Learning, here or in the cloud.

    %aml <noun> <verb> [--flags]      returns an object; x = %aml ... assigns it; a trailing ; silences
    %%aml command [--flags]           the body is a script that runs as a job

%aml -h shows everything, %aml <noun> -h a noun, %aml <noun> <verb> -h its flags and examples.
"""


class Aml:
    """`%aml` and `%%aml` of one shell.

    Args:
        shell: The `InteractiveShell`.
        marked: The marked cells, for `%aml run`.
    """

    def __init__(self, shell: Any, marked: Mapping[str, str]) -> None:
        self.shell = shell
        self.marked = marked
        self.steps: dict[str, Any] = {}

    def function(self) -> Callable[..., Any]:
        """The function to register: its variables are not expanded by IPython, and it sees those of a function."""

        def aml(line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
            return self.call(line, cell, local_ns)

        aml.__doc__ = HELP
        aml._ipython_magic_no_var_expand = True  # type: ignore[attr-defined] # noqa: SLF001 - IPython's protocol
        aml.needs_local_scope = True  # type: ignore[attr-defined]
        return aml

    def call(self, line: str, cell: str | None, local: Mapping[str, Any] | None) -> Any:
        """Do what a line says; returns its outcome."""
        from jupyter_aml.commands.index import INDEX
        from jupyter_aml.commands.run import run
        from jupyter_aml.commands.tokens import tokenize

        said = line.strip()
        line = said.removesuffix(";")
        try:
            return run(tokenize(line), replace(self.context(local), silent=line != said), body=cell)
        except KeyboardInterrupt as stop:
            stop._render_traceback_ = lambda: ["Interrupted."]  # type: ignore[attr-defined]
            raise
        except Exception as error:
            if "--debug" in line.split():
                raise
            shown = _shown(error)
            if shown is error:
                raise
            raise shown from error
        finally:
            INDEX.wake()

    def context(self, local: Mapping[str, Any] | None = None) -> Context:
        """Who asks: this notebook."""
        from jupyter_aml.commands.context import Context

        names = self.shell.user_ns
        inner = None if local is None or local is names else local
        return Context(
            namespace=names,
            local_namespace=inner,
            interactive=True,
            display=_display,
            widget=_widget,
            tester=_tester,
            ask=_ask,
            cells=self.marked,
            steps=self.steps,
        )


def _display(shown: object) -> Any:
    from IPython.display import display

    return display(shown)


def _widget(connection: Any, name: str) -> Beside:
    from jupyter_aml.widgets import wish

    return wish.beside(connection, name)


def _tester(connection: Any, name: str, segment: str) -> Beside:
    from jupyter_aml.widgets import wish

    return wish.tester(connection, name, segment)


def _ask(question: str) -> bool:
    from IPython.core.error import StdinNotImplementedError

    from jupyter_aml.errors import UsageError

    try:
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except (StdinNotImplementedError, EOFError):
        msg = f"{question} Nobody can be asked here."
        raise UsageError(msg, remedy="Add --yes if you are sure.") from None


def _shown(error: Exception) -> Exception:
    """The exception to raise: for a fault that we know it draws itself in a few lines, a bug keeps its traceback."""
    from jupyter_aml import __version__
    from jupyter_aml.commands import faults

    found = faults.translate(error)
    if found is None:
        import sys

        sys.stderr.write(faults.bug_report(error, __version__) + "\n")
        return error
    found._render_traceback_ = lambda: lines(found)  # type: ignore[attr-defined]
    return found


def lines(error: AmlError) -> list[str]:
    """What the cell shows: a failed job's own traceback first, then what, why and what to type."""
    from jupyter_aml.commands import faults

    traceback = getattr(error, "traceback", "")
    return [*(traceback.rstrip().splitlines() if traceback else []), *faults.lines(error)]
