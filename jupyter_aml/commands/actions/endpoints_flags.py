"""Flags of endpoints and deployments, spelled as in `az ml`."""

from __future__ import annotations

from jupyter_aml.commands.actions import flags
from jupyter_aml.commands.grammar import Args, Flag
from jupyter_aml.errors import UsageError

TRAFFIC = Flag(
    "traffic", 'Percent of the requests by deployment, such as "blue=90 green=10".', kind="pair", split=True,
    several=True, metavar="NAME=PERCENT",
)  # fmt: skip
MIRROR = Flag(
    "mirror-traffic", "Percent of the requests that a deployment gets a copy of, at most 50; 0 ends it.", kind="pair",
    split=True, metavar="NAME=PERCENT",
)  # fmt: skip
AUTH_MODE = Flag("auth-mode", "How callers show who they are.", choices=("key", "aml_token", "aad_token"))
LOCAL = Flag("local", "Azure's way to try a deployment in Docker; the local workspace takes its place.", kind="switch")
SKIP_SCRIPT = Flag("skip-script-validation", "Do not look whether the script is Python.", kind="switch")
REQUEST_FILE = Flag("request-file", "A file with the body of the request.", "r", kind="path", completes="file")
VAR = Flag("var", "Bind what comes back to this variable.", metavar="NAME")
CREATE = (flags.FILE, flags.DESCRIPTION, flags.TAGS, flags.SET, flags.NO_WAIT)
MOST_PERCENT = 100


def endpoint(noun: str) -> Flag:
    """`--endpoint-name/-e`, completed with the endpoints of that noun."""
    return Flag("endpoint-name", "The endpoint.", "e", aliases=("endpoint",), completes=noun)


def refuse_local(args: Args) -> None:
    """Do nothing unless `--local` was given.

    Raises:
        UsageError: It was; nothing is built for Docker.
    """
    if args.get("local"):
        msg = "--local is Azure's way to try a deployment in Docker."
        raise UsageError(
            msg,
            why="The local workspace serves without Docker, and is asked without the flag.",
            remedy="Type %aml connect local, and leave --local out.",
        )


def percents(given: dict[str, object], flag: str) -> dict[str, int]:
    """Percents by deployment, as whole numbers.

    Raises:
        UsageError: One is no whole number from 0 to 100.
    """
    found = {}
    for name, value in given.items():
        text = str(value).strip().removesuffix("%")
        if not text.isdecimal() or int(text) > MOST_PERCENT:
            msg = f"{flag} {name}={value}: a whole number from 0 to {MOST_PERCENT} was expected."
            raise UsageError(msg, remedy=f'Type for example {flag} "{name}=10".')
        found[name] = int(text)
    return found
