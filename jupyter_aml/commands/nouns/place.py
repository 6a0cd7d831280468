"""Where the commands go: `connect`, `disconnect`, `whoami`, `status`."""

from __future__ import annotations

from jupyter_aml.commands.actions import connecting
from jupyter_aml.commands.grammar import Flag, Positional, Verb

VERBS = (
    Verb(
        "connect", "Choose the workspace: this machine's, or one in Azure.", connecting.connect,
        flags=(
            Flag("adopt", "An unedited MLClient(...) of this notebook gets the local workspace.", kind="switch"),
            Flag("identity", "Who to be in a local workspace."),
            Flag("sign-in", "How to sign in to Azure.",
                 choices=("auto", "cli", "browser", "device-code", "managed-identity", "service-principal")),
            Flag("tenant", "The tenant in Azure.", "t"),
            Flag("client-id", "Of the application or managed identity."),
            Flag("cloud", "AzureCloud, AzureChinaCloud or AzureUSGovernment."),
            Flag("save", "Keep it as a profile of this name.", metavar="PROFILE"),
            Flag("var", "Bind the MLClient to this variable.", metavar="NAME"),
        ),
        positionals=(Positional("target", "local, local:NAME, local:PATH, config, azure:SUB/RG/WS or a profile."),),
        examples=("%aml connect", "%aml connect local:clinic --var ml", "%aml connect local --adopt"),
        connects=False,
    ),
    Verb("disconnect", "Forget the connection; adopted names pass on again.", connecting.disconnect,
         examples=("%aml disconnect",), connects=False),
    Verb("whoami", "Show who you are in the workspace, and where it is.", connecting.whoami,
         examples=("%aml whoami",)),
    Verb("status", "Show what is connected, patched and running.", connecting.status,
         examples=("%aml status",), connects=False),
)  # fmt: skip
