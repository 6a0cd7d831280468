"""`datastore`: named storage, such as a blob container, with its credential."""

from __future__ import annotations

import itertools
from typing import Any

from jupyter_aml.commands.actions import assets, flags, loading, near, references
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Flag, Noun, Positional, Refusal, Verb
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import UsageError

COLUMNS = ("name", "type", "account_name", "container=container_name", "description")
TYPES = ("azure_blob", "azure_file", "azure_data_lake_gen2")
PLACES = {"azure_blob": "container", "azure_file": "file share", "azure_data_lake_gen2": "file system"}
NAME = Positional("name", "The name.", completes="datastore")
WHICH = flags.name("datastore")


def _outcome(context: Context, entity: Any, message: str = "") -> Outcome:
    get, name = context.client.datastores.get, entity.name
    return Outcome(
        entity, kind="entity", place=context.place, title="datastore", message=message, again=lambda: get(name)
    )


def _create(context: Context, args: Args) -> Outcome:
    if loading.has_source(args):
        named = {"name": args.name, "description": args.description}
        entity = loading.load("datastore", context, args, named)
    else:
        entity = _from_flags(args)
    made = context.client.datastores.create_or_update(entity)
    return _outcome(context, made, f"{made.name} is registered.")


def _from_flags(args: Args) -> Any:
    if not (args.name and args.account_name and args.container_name):
        msg = "datastore create needs a YAML file, or a name, --account-name and --container-name."
        raise UsageError(msg, remedy="For example: %aml datastore create raw --account-name shop --container-name raw")
    from azure.ai.ml import entities

    fields: dict[str, Any] = {
        "name": args.name, "account_name": args.account_name, "description": args.description,
        "tags": args.tags or None, "credentials": _credential(args),
    }  # fmt: skip
    for key in ("endpoint", "protocol"):
        if args[key]:
            fields[key] = args[key]
    if args.type == "azure_file":
        return entities.AzureFileDatastore(file_share_name=args.container_name, **fields)
    if args.type == "azure_data_lake_gen2":
        return entities.AzureDataLakeGen2Datastore(filesystem=args.container_name, **fields)
    return entities.AzureBlobDatastore(container_name=args.container_name, **fields)


def _credential(args: Args) -> Any:
    from azure.ai.ml import entities

    principal = (args.tenant_id, args.client_id, args.client_secret)
    given = [bool(args.account_key), bool(args.sas_token), any(principal)]
    if sum(given) > 1:
        msg = "datastore create: more than one credential is given."
        raise UsageError(msg, remedy="Give --account-key, or --sas-token, or the three of a service principal.")
    if args.account_key:
        return entities.AccountKeyConfiguration(account_key=args.account_key)
    if args.sas_token:
        return entities.SasTokenConfiguration(sas_token=args.sas_token)
    if not any(principal):
        return None
    if not all(principal):
        msg = "A service principal needs --tenant-id, --client-id and --client-secret."
        raise UsageError(msg)
    return entities.ServicePrincipalConfiguration(
        tenant_id=args.tenant_id, client_id=args.client_id, client_secret=args.client_secret
    )


def _list(context: Context, args: Args) -> Outcome:
    found = list(itertools.islice(context.client.datastores.list(), args.max_results))
    return Outcome(found, kind="table", columns=COLUMNS, place=context.place, title="datastore")


def _show(context: Context, args: Args) -> Outcome:
    if not args.name:
        return _outcome(context, context.client.datastores.get_default(), "This is the default datastore.")
    return _outcome(context, _get(context, args.name))


def _get(context: Context, name: str, *, secrets: bool = False) -> Any:
    asked = context.client.datastores
    return near.looked_up(lambda: asked.get(name, include_secrets=secrets), "datastore", name, asked.list)


def _delete(context: Context, args: Args) -> Outcome:
    name = _get(context, references.required(args, "datastore delete")).name
    context.confirm(f"Delete the datastore {name}? Its files stay where they are.", yes=args.yes)
    context.client.datastores.delete(name)
    return Outcome(None, place=context.place, message=f"{name} is deleted.")


def _update(context: Context, args: Args) -> Outcome:
    name = references.required(args, "datastore update")
    entity = _get(context, name, secrets=True)
    assets.change(entity, args)
    return _outcome(context, context.client.datastores.create_or_update(entity), f"{name} is updated.")


NOUN = Noun(
    "datastore",
    "Named storage, such as a blob container, with its credential.",
    (
        Verb(
            "create", "Register storage from YAML or flags.", _create,
            flags=(
                flags.FILE, flags.name("datastore"), flags.DESCRIPTION, flags.TAGS, flags.SET,
                Flag("type", "What it is.", "t", choices=TYPES, default="azure_blob"),
                Flag("account-name", "The storage account."),
                Flag("container-name", "The container, file share or file system.",
                     aliases=("file-share-name", "filesystem")),
                Flag("account-key", "The account's key; better as {os.environ['KEY']}."),
                Flag("sas-token", "A shared access signature."),
                Flag("tenant-id", "Of a service principal."), Flag("client-id", "Of a service principal."),
                Flag("client-secret", "Of a service principal."),
                Flag("endpoint", "Of another cloud, such as core.chinacloudapi.cn."),
                Flag("protocol", "https or wasbs."),
            ),
            positionals=(Positional("name", "The name."),), cell=True, body="yaml",
            examples=(
                "%aml datastore create raw --account-name shop --container-name raw --account-key {key}",
                "%%aml datastore\nname: raw\ntype: azure_blob\naccount_name: shop\ncontainer_name: raw",
            ),
        ),
        Verb("list", "List them.", _list, flags=(flags.MOST,), examples=("%aml datastore list",)),
        Verb(
            "show", "Show one, by default the default one.", _show, flags=(WHICH,), positionals=(NAME,),
            examples=("%aml datastore show", "%aml datastore show workspaceartifactstore"),
        ),
        Verb(
            "delete", "Forget one; its files stay.", _delete, flags=(WHICH, flags.YES), positionals=(NAME,),
            examples=("%aml datastore delete clinic_store --yes",),
        ),
        Verb(
            "update", "Change tags and description.", _update,
            flags=(WHICH, flags.DESCRIPTION, flags.TAGS, flags.SET), positionals=(NAME,),
            examples=("%aml datastore update clinic_store --set description='raw files'",),
        ),
    ),
    refusals=(
        Refusal(
            "mount", "Files are read where they are.",
            "Type %aml ls DATASTORE/, %aml cp DATASTORE/path ./, or open azureml:// URIs in Python.",
        ),
    ),
)  # fmt: skip
