"""`online-endpoint`: addresses that answer at once."""

from __future__ import annotations

from jupyter_aml.commands.actions import (
    endpoints,
    endpoints_flags,
    endpoints_online,
    endpoints_snippets,
    invoking,
)
from jupyter_aml.commands.actions.endpoints import ONLINE
from jupyter_aml.commands.grammar import Flag, Noun, Verb

WHICH, NAME = endpoints.name_flag(ONLINE), endpoints.position(ONLINE)
DEPLOYMENT = Flag(
    "deployment-name", "Who answers; by default whom the traffic chooses.", "d", aliases=("deployment",),
    completes="deployment",
)  # fmt: skip

NOUN = Noun(
    "online-endpoint",
    "Addresses that answer at once: traffic, keys, test calls.",
    (
        Verb(
            "create", "Make an endpoint, from a name or YAML.", endpoints_online.create,
            flags=(
                *endpoints_flags.CREATE, WHICH, endpoints_flags.AUTH_MODE, endpoints_flags.LOCAL, endpoints_flags.VAR,
            ),
            positionals=(NAME,), cell=True, body="yaml",
            examples=("%aml online-endpoint create --name trees --auth-mode key",
                      "%%aml online-endpoint\nname: oaks\nauth_mode: aml_token"),
        ),
        Verb(
            "update", "Share the requests among deployments, mirror them, or change what --set says.",
            endpoints_online.update,
            flags=(
                *endpoints_flags.CREATE, WHICH, endpoints_flags.TRAFFIC, endpoints_flags.MIRROR, endpoints_flags.LOCAL,
            ),
            positionals=(NAME,),
            examples=('%aml online-endpoint update iris --traffic "blue=100"',
                      "%aml online-endpoint update iris --set tags.team=clinic"),
        ),
        Verb(
            "invoke", "Send the request that a file holds.", invoking.invoke_file,
            flags=(WHICH, endpoints_flags.REQUEST_FILE, DEPLOYMENT, endpoints_flags.LOCAL), positionals=(NAME,),
            examples=("%aml online-endpoint invoke --name iris --request-file request.json",),
        ),
        Verb(
            "get-credentials", "Fetch the keys or the token; a notebook shows none of them.",
            endpoints_online.credentials, flags=(WHICH,), positionals=(NAME,),
            examples=("keys = %aml online-endpoint get-credentials iris",),
        ),
        Verb(
            "regenerate-keys", "Make a new primary or secondary key.", endpoints_online.regenerate,
            flags=(WHICH, Flag("key-type", "Which one.", choices=("primary", "secondary"), default="primary")),
            positionals=(NAME,), examples=("%aml online-endpoint regenerate-keys iris --key-type secondary",),
        ),
        Verb(
            "snippet", "Write code that asks the endpoint from elsewhere.", endpoints_snippets.snippet,
            flags=(
                WHICH, DEPLOYMENT,
                Flag("as", "The language.", choices=endpoints_snippets.FORMS, default="python"),
                Flag("value", "What is sent, such as {df.head(2)}; by default an example.", kind="object"),
                Flag("key", "Under which key it stands, such as data.", metavar="NAME"),
            ),
            positionals=(NAME,),
            examples=("%aml online-endpoint snippet iris --as curl",
                      "%aml online-endpoint snippet iris --value {df.head(2)}"),
        ),
        *endpoints.shared_verbs(ONLINE),
    ),
)  # fmt: skip
