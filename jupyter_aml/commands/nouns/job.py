"""`job`: what runs: create, look at, follow, end, run again, compare."""

from __future__ import annotations

from jupyter_aml.commands.actions import flags, job_verbs, job_views, kernels, yaml_jobs
from jupyter_aml.commands.grammar import Flag, Noun, Positional, Refusal, Verb
from jupyter_aml.commands.scripts.forms import FORMS

NAME = Positional("name", "The name, or {job}.", kind="object", completes="job")
WHICH = Flag("name", "The name, or {job}.", "n", kind="object", completes="job")
WAIT = Flag("wait", "Wait for the end; a failed job is an error.", kind="switch")
VAR = Flag("var", "Bind the job to this variable.", metavar="NAME")
STREAM = Flag("stream", "Show the log until the job ends.", "s", kind="switch")
EVAL = Flag("eval", "Run one line there and show what it shows.", "e", metavar="CODE")
BODY = "type: command\ncommand: echo hello\nenvironment: azureml:clinic@latest"

CREATE = (
    flags.FILE, WHICH, flags.SET, STREAM, flags.WEB, WAIT, VAR,
    Flag("input", "A value for an input of the YAML; {expr} keeps its type.", "i", kind="pair", metavar="NAME=VALUE",
         completes="data"),
    Flag("as", "Write the job down and do not submit it.", choices=FORMS),
    Flag("save-as", "A file for the YAML of the submitted job.", "a", kind="path", metavar="FILE"),
    Flag("skip-validation", "Leave the checks to the service.", kind="switch"),
)  # fmt: skip

NOUN = Noun(
    "job",
    "What runs: training, scripts, pipelines.",
    (
        Verb(
            "create", "Submit a job from YAML.", yaml_jobs.create, flags=CREATE, cell=True, body="yaml",
            examples=("%aml job create --file job.yml --set tags.team=clinic", f"%%aml job --var job\n{BODY}",
                      f"%%aml job --input lr={{lr}} --wait\n{BODY}\ninputs:\n  lr: 0.1"),
        ),
        Verb(
            "validate", "Check a job's YAML without submitting it.", job_verbs.validate, flags=(flags.FILE, flags.SET),
            cell=True, body="yaml", examples=("%aml job validate --file job.yml",),
        ),
        Verb(
            "list", "List jobs, newest first.", job_views.listing,
            flags=(
                flags.MOST, flags.ARCHIVED_ONLY, flags.INCLUDE_ARCHIVED,
                Flag("parent-job-name", "Children of this job: trials of a sweep, steps of a pipeline.", "p",
                     kind="object", aliases=("parent",), completes="job"),
                Flag("all-children", "Each job followed by its children.", kind="switch"),
                Flag("status", "Only of this status, such as Failed."),
                Flag("experiment-name", "Only of this experiment.", aliases=("experiment",), completes="experiment"),
                Flag("tag", "Only with this tag: name or name=value."),
                Flag("type", "Only of this type.", "t"),
            ),
            examples=("%aml job list", "%aml job list --status Completed --max-results 5 -o table",
                      "%aml job list --parent {sweep}", "%aml job list --all-children"),
        ),
        Verb(
            "show", "Show a job as a card, or written down as YAML, script, az ml line or Python.", job_views.show,
            flags=(
                WHICH, flags.WEB, Flag("as", "In another form.", choices=FORMS),
                Flag("save", "A folder for the YAML and its code.", kind="path", metavar="FOLDER"),
            ),
            positionals=(NAME,),
            examples=("%aml job show {job}", "%aml job show {job} --as script", "%aml job show {job} --as yaml",
                      "%aml job show {job} --as cli", "%aml job show {job} --as sdk"),
        ),
        Verb(
            "stream", "Follow the log until the job ends.", job_verbs.stream, flags=(WHICH,), positionals=(NAME,),
            examples=("%aml job stream {job}",),
        ),
        Verb(
            "logs", "Show the log, its first error on top.", job_views.log,
            flags=(
                WHICH, Flag("follow", "Until the job ends.", "f", kind="switch"),
                Flag("lines", "Only the last ones.", kind="int"),
                Flag("file", "Which log, if not that of its type: user_logs/std_log.txt, azureml-logs/hyperdrive.txt."),
            ),
            positionals=(NAME,), examples=("%aml job logs {job}", "%aml job logs -f {job}"),
        ),
        Verb(
            "cancel", "End a job and all its processes.", job_verbs.cancel, flags=(WHICH, flags.NO_WAIT),
            positionals=(NAME,), examples=("%aml job cancel {running}",),
        ),
        Verb("archive", "Hide a job from lists.", job_verbs.archive, flags=(WHICH,), positionals=(NAME,),
             examples=("%aml job archive {job}",)),
        Verb("restore", "Bring an archived job back.", job_verbs.restore, flags=(WHICH,), positionals=(NAME,),
             examples=("%aml job restore {job}",)),
        Verb(
            "update", "Change display name, description and tags.", job_verbs.update,
            flags=(WHICH, Flag("display-name", "What people call it."), flags.DESCRIPTION, flags.TAGS, flags.SET),
            positionals=(NAME,), examples=("%aml job update {job} --tags checked=yes",),
        ),
        Verb(
            "download", "Download outputs and logs into ./NAME/.", job_verbs.download,
            flags=(
                WHICH, flags.DOWNLOAD_PATH, Flag("output-name", "Only this output."),
                Flag("all", "All outputs and logs.", kind="switch"),
            ),
            positionals=(NAME,), examples=("%aml job download {job} --download-path here",),
        ),
        Verb(
            "rerun", "Submit the same job again, with inputs changed.", job_verbs.rerun,
            flags=(
                WHICH, STREAM, WAIT, VAR, flags.SET,
                Flag("from", "Of a pipeline: run this step and those after it, take the others over.", metavar="STEP"),
                Flag("input", "Another value for an input.", "i", kind="pair", metavar="NAME=VALUE"),
            ),
            positionals=(NAME,),
            examples=("%aml job rerun {job}", "%aml job rerun {job} --input lr=0.2 --var again",
                      "%aml job rerun {flow} --from fit"),
        ),
        Verb(
            "compare", "Show jobs side by side: what differs, metrics, curves.", job_views.compare,
            flags=(Flag("last", "The newest ones.", kind="int"), Flag("experiment-name", "Of this experiment.")),
            positionals=(Positional("names", "Names, or {job}; one sweep compares its best trials.", kind="object",
                                    several=True, completes="job"),),
            examples=("%aml job compare {job} {other}", "%aml job compare --last 2", "%aml job compare {sweep}"),
        ),
        Verb(
            "attach", "Open a Jupyter kernel inside a running job: its variables, live.", kernels.attach,
            flags=(WHICH, EVAL), positionals=(NAME,),
            examples=("kernel = %aml job attach {running}", '%aml job attach {running} --eval "step, loss"'),
        ),
        Verb(
            "debug", "Go into a job where it failed: one that is held, else it is run again and held there.",
            kernels.debug,
            flags=(
                WHICH, EVAL,
                Flag("hold", "For how many minutes the job that is run again is held.", kind="float",
                     metavar="MINUTES", default=kernels.MINUTES),
                Flag("release", "Let a held job end.", kind="switch"),
            ),
            positionals=(NAME,),
            examples=("kernel = %aml job debug {failed}", '%aml job debug {held} --eval "row"',
                      "%aml job debug {held} --release"),
        ),
        Verb("open", "Open where the job can be looked at.", job_views.open_page, flags=(WHICH,), positionals=(NAME,),
             examples=("%aml job open {job}",)),
        Verb(
            "delete", "Delete a job that has ended, with its logs and outputs.", job_verbs.delete,
            flags=(WHICH, flags.YES), positionals=(NAME,), examples=("%aml job delete {job} --yes",),
        ),
        Verb("show-services", "Show the services of a running job.", job_views.services,
             flags=(WHICH, Flag("node-index", "Of which node.", "i", kind="int", default=0)), positionals=(NAME,),
             examples=("%aml job show-services {job}",)),
    ),
    refusals=(
        Refusal(
            "connect-ssh", "A job here runs on this machine.",
            "Type %aml job logs JOB --follow, or %aml job show JOB.",
        ),
    ),
)  # fmt: skip
