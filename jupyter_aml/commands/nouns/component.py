"""`component`: a step that pipelines and jobs reuse."""

from __future__ import annotations

from jupyter_aml.commands.actions import assets, flags, loading
from jupyter_aml.commands.actions.assets import Kind
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Noun, Positional, Refusal, Verb
from jupyter_aml.commands.outcome import Outcome

KIND = Kind("component", "components", ("name", "version", "type", "display_name"), "greet")
BODY = (
    "name: greet\ntype: command\ncommand: echo ${{inputs.word}}\ninputs:\n  word: {type: string, default: hello}\n"
    "environment:\n  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
)


def _create(context: Context, args: Args) -> Outcome:
    return assets.made(context, KIND, loading.load("component", context, args, assets.named(args)))


def _validate(context: Context, args: Args) -> Outcome:
    found = context.client.components.validate(loading.load("component", context, args, assets.named(args)))
    words = "The component is valid." if found.passed else "The component is not valid."
    return Outcome(found._to_dict(), kind="record", place=context.place, message=words)  # noqa: SLF001 - as az ml prints it


def _download(context: Context, args: Args) -> Outcome:
    which = assets.reference(args, KIND, "download")
    version = which.version or assets.fetch(context, KIND, which).version
    folder = context.path(args.download_path or ".")
    context.client.components.download(which.name, folder, version=version)
    return Outcome(str(folder), message=f"{which.name}:{version} is in")


NOUN = Noun(
    "component",
    "A step that pipelines and jobs reuse.",
    (
        Verb(
            "create", "Register a component from YAML.", _create, flags=assets.create_flags("component"),
            positionals=(Positional("name", "NAME or NAME:VERSION."),), cell=True, body="yaml",
            examples=(f"%%aml component\n{BODY}",),
        ),
        Verb(
            "validate", "Check a component without registering it.", _validate, cell=True, body="yaml",
            flags=assets.create_flags("component"), examples=(f"%%aml component validate\n{BODY}",),
        ),
        Verb(
            "download", "Download a component's YAML and code.", _download,
            flags=(flags.name("component"), flags.VERSION, flags.LABEL, flags.DOWNLOAD_PATH),
            positionals=(Positional("name", "NAME, NAME:VERSION or NAME@LABEL.", completes="component"),),
            examples=("%aml component download greet --download-path greet",),
        ),
        *assets.shared_verbs(KIND),
    ),
    refusals=(
        Refusal(
            "delete", "Versions stay, because jobs name them.",
            "Type %aml component archive NAME to hide it from lists.",
        ),
    ),
)  # fmt: skip
