"""`batch-endpoint`: addresses that score much data in a job."""

from __future__ import annotations

from jupyter_aml.commands.actions import cell_flags, endpoints, endpoints_batch, endpoints_flags, flags
from jupyter_aml.commands.actions.endpoints import BATCH
from jupyter_aml.commands.grammar import Flag, Noun, Positional, Verb

WHICH, NAME = endpoints.name_flag(BATCH), endpoints.position(BATCH)
DATA = "A file, folder, URI, asset or {df}."

NOUN = Noun(
    "batch-endpoint",
    "Addresses that score much data in a job.",
    (
        Verb(
            "create", "Make an endpoint, from a name or YAML.", endpoints_batch.create,
            flags=(*endpoints_flags.CREATE, WHICH, endpoints_flags.VAR), positionals=(NAME,), cell=True, body="yaml",
            examples=("%aml batch-endpoint create --name monthly", "%%aml batch-endpoint\nname: weekly"),
        ),
        Verb(
            "update", "Change the default deployment, or what --set says.", endpoints_batch.update,
            flags=(
                *endpoints_flags.CREATE, WHICH,
                Flag("defaults", "Who scores when no deployment is named.", kind="pair",
                     metavar="deployment_name=NAME"),
            ),
            positionals=(NAME,),
            examples=("%aml batch-endpoint update nightly --defaults deployment_name=trees",
                      "%aml batch-endpoint update nightly --set tags.team=clinic"),
        ),
        Verb(
            "invoke", "Score data in a job.", endpoints_batch.invoke,
            flags=(
                WHICH, Flag("input", DATA, "i", kind="object", completes="data"),
                Flag("input-type", "By default what is found there.", choices=("uri_file", "uri_folder")),
                Flag("inputs", "Inputs by name, of a pipeline.", kind="pair", metavar="NAME=VALUE", completes="data"),
                Flag("deployment-name", "Who scores; by default the endpoint's default.", "d",
                     aliases=("deployment",), completes="deployment"),
                Flag("output-path", "A folder of a datastore for the predictions.", completes="datastore"),
                Flag("outputs", "Folders for outputs by name, of a pipeline.", kind="pair", metavar="NAME=PATH"),
                Flag("mini-batch-size", "Files that one run() gets.", "m", kind="int"),
                Flag("instance-count", "Nodes.", "c", kind="int"),
                Flag("job-name", "The job's name; made up when omitted."), cell_flags.EXPERIMENT, flags.SET,
                cell_flags.VAR, cell_flags.WAIT, cell_flags.STREAM, flags.WEB,
            ),
            positionals=(NAME, Positional("input", DATA, kind="object", completes="data")),
            examples=("%aml batch-endpoint invoke nightly --input ./iris.csv",
                      "scored = %aml batch-endpoint invoke nightly {df} --wait"),
        ),
        Verb(
            "list-jobs", "List the jobs that it made.", endpoints_batch.list_jobs, flags=(WHICH, flags.MOST),
            positionals=(NAME,), examples=("%aml batch-endpoint list-jobs nightly",),
        ),
        *endpoints.shared_verbs(BATCH),
    ),
)  # fmt: skip
