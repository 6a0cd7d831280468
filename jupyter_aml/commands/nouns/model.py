"""`model`: trained models, registered by name and version."""

from __future__ import annotations

from jupyter_aml.commands.actions import assets, flags, loading, model_sources
from jupyter_aml.commands.actions.assets import Kind
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Flag, Noun, Positional, Refusal, Verb
from jupyter_aml.commands.outcome import Outcome, unwrap
from jupyter_aml.errors import UsageError

KIND = Kind("model", "models", ("name", "version", "type", "path", "description"), "iris_model")


def _create(context: Context, args: Args) -> Outcome:
    value = unwrap(args.value if args.value is not None else args.path)
    named = assets.named(args)
    if loading.has_source(args):
        extra = {"type": args.type, "path": value if isinstance(value, str) else None, "stage": args.stage}
        return assets.made(context, KIND, loading.load("model", context, args, {**named, **extra}))
    if not named.get("name") or value is None:
        msg = "model create needs a name and where the model is."
        raise UsageError(msg, remedy="For example: %aml model create iris_model {job}")
    from azure.ai.ml.entities import Model

    path, kind = model_sources.located(context, value, args.result, "model create")
    fields = {key: item for key, item in named.items() if item is not None}
    model = Model(path=path, type=args.type or kind, stage=args.stage, **fields)
    assets.change(model, args)
    return assets.made(context, KIND, model)


def _download(context: Context, args: Args) -> Outcome:
    which = assets.reference(args, KIND, "download")
    version = which.version or assets.fetch(context, KIND, which).version
    folder = context.path(args.download_path or ".")
    context.client.models.download(which.name, version=version, download_path=folder)
    return Outcome(str(folder / which.name), message=f"{which.name}:{version} is in")


NOUN = Noun(
    "model",
    "Trained models, registered by name and version.",
    (
        Verb(
            "create", "Register a model from a job, a path or a URI.", _create,
            flags=assets.create_flags(
                "model",
                Flag("path", "A path, a URI, or {job}.", "p", kind="object", completes="file"),
                Flag("type", "By default what is found there.", "t", choices=model_sources.TYPES),
                Flag("stage", "Such as Production.", "s"),
                Flag("result", "Which output of the job."),
            ),
            positionals=(
                Positional("name", "NAME or NAME:VERSION."),
                Positional("value", "{job}, a path or a URI.", kind="object", completes="job"),
            ),
            cell=True, body="yaml",
            examples=(
                "%aml model create iris_model ./model", "%aml model create iris_model {job}",
                "%%aml model\nname: iris_model\ntype: custom_model\npath: ./model",
            ),
        ),
        Verb(
            "download", "Download a model's files.", _download,
            flags=(flags.name("model"), flags.VERSION, flags.LABEL, flags.DOWNLOAD_PATH),
            positionals=(Positional("name", "NAME, NAME:VERSION or NAME@LABEL.", completes="model"),),
            examples=("%aml model download iris_model --download-path here",),
        ),
        *assets.shared_verbs(KIND),
    ),
    refusals=(
        Refusal("package", "Packages are images for Docker.", "Type %aml model download NAME for the files."),
        Refusal(
            "share", "There is no registry to share with yet.",
            "Type %aml model download NAME, connect elsewhere, and %aml model create NAME ./NAME.",
        ),
        Refusal(
            "delete", "Versions stay, because jobs name them.",
            "Type %aml model archive NAME to hide it from lists.",
        ),
    ),
)  # fmt: skip
