"""`mlflow`: MLflow's own UI over the workspace's records."""

from __future__ import annotations

from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Flag, Noun, Verb
from jupyter_aml.commands.outcome import Outcome


def _ui(context: Context, args: Args) -> Outcome:
    from jupyter_aml.client import mlflow_ui

    connection = context.connection
    page = mlflow_ui.page(connection)
    if context.interactive and not args.no_browser:
        from jupyter_aml.commands.actions import browser

        browser.show(context, page.link)
    return Outcome(
        {"url": page.link},
        kind="link",
        place=context.place,
        title="MLflow's UI",
        message=f"Runs of {connection.group}/{connection.workspace}. The link lets a browser in for {page.minutes} "
        "minutes; for a machine elsewhere, forward the port first.",
    )


NOUN = Noun(
    "mlflow",
    "MLflow's own UI over the runs of the workspace.",
    (
        Verb(
            "ui",
            "Open MLflow's own UI over the workspace's runs, metrics, artifacts and models.",
            _ui,
            flags=(Flag("no-browser", "Only show the address.", kind="switch"),),
            examples=("%aml mlflow ui --no-browser",),
        ),
    ),
)
