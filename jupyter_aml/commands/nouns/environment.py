"""`environment`: what a job's Python has installed."""

from __future__ import annotations

from jupyter_aml.commands.actions import assets, flags, loading, packages
from jupyter_aml.commands.actions.assets import Kind
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Flag, Noun, Positional, Refusal, Verb
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import UsageError

KIND = Kind("environment", "environments", ("name", "version", "image", "description"), "clinic")
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
EXAMPLE = f"%aml environment create clinic --image {IMAGE}"


def _create(context: Context, args: Args) -> Outcome:
    if loading.has_source(args):
        extra = {"image": args.image, "conda_file": args.conda_file}
        return assets.made(context, KIND, loading.load("environment", context, args, {**assets.named(args), **extra}))
    if not (args.image or args.conda_file or args.build_context):
        msg = "environment create needs a YAML file, an image, a conda file or a build context."
        raise UsageError(msg, remedy=f"For example: {EXAMPLE}")
    from azure.ai.ml.entities import BuildContext, Environment

    fields = assets.named(args)
    build = None
    if args.build_context:
        build = BuildContext(path=str(context.path(args.build_context)), dockerfile_path=args.dockerfile_path)
    conda = str(context.path(args.conda_file)) if args.conda_file else None
    image = args.image or (IMAGE if conda else None)
    return assets.made(context, KIND, Environment(**fields, image=image, conda_file=conda, build=build))


NOUN = Noun(
    "environment",
    "What a job's Python has installed: conda and pip packages, a Docker image.",
    (
        Verb(
            "create", "Register an environment from YAML, an image or a conda file.", _create,
            flags=assets.create_flags(
                "environment",
                Flag("image", "A Docker image.", "i"),
                Flag("conda-file", "A conda file.", "c", kind="path", completes="file"),
                Flag("build-context", "A folder with a Dockerfile.", "b", kind="path", completes="file"),
                Flag("dockerfile-path", "The Dockerfile in it.", default="Dockerfile"),
            ),
            positionals=(Positional("name", "NAME or NAME:VERSION."),), cell=True, body="yaml",
            examples=(EXAMPLE, "%aml environment create pinned --conda-file conda.yml",
                      f"%%aml environment\nname: clinic\nimage: {IMAGE}"),
        ),
        Verb(
            "packages", "List the packages that a job has here which names it.", packages.verb(KIND),
            flags=(flags.name("environment"), flags.VERSION, flags.LABEL),
            positionals=(Positional("name", "NAME, NAME:VERSION or NAME@LABEL.", completes="environment"),),
            examples=("%aml environment packages clinic", "%aml environment packages clinic@latest -o json"),
        ),
        *assets.shared_verbs(KIND),
    ),
    aliases=("env",),
    refusals=(
        Refusal(
            "share", "There is no registry to share with yet.",
            "Type %aml environment show NAME@latest -o yaml, connect elsewhere, and create it from that.",
        ),
        Refusal(
            "delete", "Versions stay, because jobs name them.",
            "Type %aml environment archive NAME to hide it from lists.",
        ),
    ),
)  # fmt: skip
