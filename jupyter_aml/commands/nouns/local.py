"""`local`: the upkeep of this machine's store: what it takes, what can go, archives of it, its host."""

from __future__ import annotations

from jupyter_aml.commands.actions import flags, upkeep
from jupyter_aml.commands.grammar import Flag, Noun, Positional, Verb

DRY_RUN = Flag("dry-run", "Only tell what would go.", kind="switch")

NOUN = Noun(
    "local",
    "This machine's own store of workspaces: its disk, archives and host.",
    (
        Verb(
            "du", "Show what the store takes on the disk, by workspace and kind.", upkeep.du,
            examples=("%aml local du", "%aml local du -w local"), connects=False,
        ),
        Verb(
            "prune",
            "Remove what nothing needs: leftovers and old logs of ended jobs, code that nothing names, unused "
            "environments.",
            upkeep.prune,
            flags=(DRY_RUN, flags.YES,
                   Flag("days", "Keep logs and environments for so many days; 30.", kind="float", metavar="DAYS")),
            examples=("%aml local prune --dry-run", "%aml local prune --days 7 --yes"), connects=False,
        ),
        Verb(
            "purge", "Remove a workspace, or the whole store, for good.", upkeep.purge,
            flags=(Flag("all", "Every workspace and the store itself.", kind="switch"), DRY_RUN, flags.YES),
            positionals=(Positional("workspace", "Its name.", completes="workspace"),),
            examples=("%aml local purge spare --dry-run",), connects=False,
        ),
        Verb(
            "backup", "Write one archive of all workspaces, or of one, while they are in use.", upkeep.backup,
            positionals=(Positional("path", "The file, or a folder for a name with the time.", kind="path",
                                    completes="file"),),
            examples=("%aml local backup", "%aml local backup ./clinic.tar.gz -w local"), connects=False,
        ),
        Verb(
            "restore", "Bring workspaces back from an archive; nothing is overwritten.", upkeep.restore,
            flags=(Flag("name", "What the one workspace is called from now on.", "n"),),
            positionals=(Positional("path", "A file that backup wrote.", kind="path", required=True,
                                    completes="file"),),
            examples=("%aml local restore ./before.tar.gz -w old --name clinic",), connects=False,
        ),
        Verb(
            "stop", "End the host process; running jobs go on.", upkeep.stop, examples=("%aml local stop",),
            connects=False,
        ),
    ),
)  # fmt: skip
