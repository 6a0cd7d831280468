"""Attaching a cluster: what `compute attach` takes, as the SDK's entity."""

from __future__ import annotations

from typing import Any

from jupyter_aml.commands.actions import flags, loading
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Flag
from jupyter_aml.errors import UsageError
from jupyter_aml.local.runtime import engines

AZURES = ("virtualmachine", "kubernetes", "synapsespark")
TYPES = (*engines.ENGINES, *AZURES)
OURS = ("address", "door_address", "max_instances", "tls_ca_file", "tls_cert_file", "tls_key_file")
"""Flags that only clusters have which the local workspace itself attaches."""

FLAGS = (
    flags.FILE,
    flags.name("compute"),
    flags.DESCRIPTION,
    flags.TAGS,
    flags.SET,
    flags.NO_WAIT,
    Flag("type", "What it is.", "t", choices=TYPES),
    Flag("address", "Where its scheduler or master listens, such as tls://10.0.0.1:8786."),
    Flag("door-address", "HOST[:PORT] of this machine that its workers reach; opens a port there."),
    Flag("tls-ca-file", "The certificate that both sides' are signed with (PEM).", kind="path", completes="file"),
    Flag("tls-cert-file", "Our certificate (PEM).", kind="path", completes="file"),
    Flag("tls-key-file", "The certificate's key (PEM).", kind="path", completes="file"),
    Flag("resource-id", "ARM id of what is attached, in Azure."),
    Flag("namespace", "The namespace in a Kubernetes cluster."),
    Flag("admin-username", "Who signs in to a virtual machine."),
    Flag("admin-password", "With which password."),
    Flag("ssh-port", "At which port.", kind="int"),
    Flag("ssh-private-key-file", "Or with which key.", kind="path", completes="file"),
    Flag("identity-type", "SystemAssigned or UserAssigned.", "i"),
    Flag("user-assigned-identities", "Their ids.", several=True),
)


def entity(context: Context, args: Args) -> Any:
    """The compute to attach.

    Raises:
        UsageError: Something is missing, or belongs to another type.
    """
    if loading.has_source(args):
        return loading.load("compute", context, args, {"name": args.name, "description": args.description})
    if not args.name or not args.type:
        msg = "compute attach needs a name and a --type, or a YAML file."
        raise UsageError(msg, remedy="For example: %aml compute attach lab --type dask --address tcp://127.0.0.1:8786")
    if args.type in engines.ENGINES:
        return _cluster(context, args)
    wrong = [key for key in OURS if args[key] is not None]
    if wrong:
        msg = f"--{wrong[0].replace('_', '-')} is for --type {', '.join(engines.ENGINES)}; this is {args.type}."
        raise UsageError(msg, remedy="Leave it out, or name the other type.")
    return _azures(args)


def _cluster(context: Context, args: Args) -> Any:
    """A cluster that the local workspace sends jobs to."""
    from azure.ai.ml.entities import KubernetesCompute

    engine = engines.ENGINES[args.type]
    if context.place != "LOCAL":
        msg = f"Azure ML attaches no {engine.title.removeprefix('a ')}; only the local workspace does."
        raise UsageError(msg, remedy="Type %aml connect local first.")
    if not args.address:
        msg = f"compute attach --type {engine.name} needs the address of the cluster."
        raise UsageError(msg, remedy=f"For example --address {engine.schemes[0]}://127.0.0.1:{engine.port}")
    inner: dict[str, Any] = {"engine": engine.name, "address": args.address}
    if args.max_instances is not None:
        inner["maxInstances"] = args.max_instances
    if args.door_address:
        inner["doorAddress"] = args.door_address
    keys = {part: _text(context, args, f"tls_{part}_file") for part in engines.TLS_PARTS}
    if any(keys.values()):
        inner["tls"] = keys
    return KubernetesCompute(
        name=args.name, description=args.description, tags=args.tags or None, resource_id=None, properties=inner
    )


def _text(context: Context, args: Args, key: str) -> str:
    """The text of a file that a flag names; empty when it was not given."""
    if args[key] is None:
        return ""
    path = context.path(str(args[key]))
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"--{key.replace('_', '-')} {args[key]}: it cannot be read: {getattr(error, 'strerror', error)}."
        raise UsageError(msg, remedy="Give the path of a PEM file.") from error


def _azures(args: Args) -> Any:
    """What Azure ML itself attaches."""
    from azure.ai.ml import entities

    if not args.resource_id:
        msg = f"compute attach --type {args.type} needs --resource-id."
        raise UsageError(msg, remedy="Give the ARM id of what is to be attached.")
    fields: dict[str, Any] = {
        "name": args.name, "description": args.description, "tags": args.tags or None, "resource_id": args.resource_id,
    }  # fmt: skip
    if args.type == "virtualmachine":
        settings = entities.VirtualMachineSshSettings(
            admin_username=args.admin_username, admin_password=args.admin_password,
            ssh_port=args.ssh_port or 22, ssh_private_key_file=args.ssh_private_key_file,
        )  # fmt: skip
        return entities.VirtualMachineCompute(**fields, ssh_settings=settings)
    identity = None
    if args.identity_type:
        users = [entities.ManagedIdentityConfiguration(resource_id=one) for one in args.user_assigned_identities]
        identity = entities.IdentityConfiguration(type=args.identity_type, user_assigned_identities=users or None)
    if args.type == "kubernetes":
        return entities.KubernetesCompute(**fields, namespace=args.namespace or "default", identity=identity)
    return entities.SynapseSparkCompute(**fields, identity=identity)
