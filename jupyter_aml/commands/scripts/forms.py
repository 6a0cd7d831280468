"""A job written down in other forms: YAML that `load_job` reads, an `az ml` line, Python for the SDK (pure).

Each takes the job as the dict of the CLI's schema, as `az ml job show` prints it.
"""

from __future__ import annotations

import ast
import contextlib
import re
import shlex
from collections.abc import Mapping
from typing import Any, Literal, Protocol

Form = Literal["script", "yaml", "cli", "sdk"]
FORMS: tuple[Form, ...] = ("script", "yaml", "cli", "sdk")
_SCHEMA = "https://azuremlschemas.azureedge.net/latest/{}Job.schema.json"
SCHEMAS = {kind: _SCHEMA.format(kind) for kind in ("command", "sweep", "pipeline", "spark")}
DISTRIBUTIONS = {
    "choice": "Choice", "randint": "Randint", "uniform": "Uniform", "quniform": "QUniform", "loguniform": "LogUniform",
    "qloguniform": "QLogUniform", "normal": "Normal", "qnormal": "QNormal", "lognormal": "LogNormal",
    "qlognormal": "QLogNormal",
}  # fmt: skip
SWEEPERS = {
    "random": "RandomSamplingAlgorithm", "grid": "GridSamplingAlgorithm", "bayesian": "BayesianSamplingAlgorithm",
    "bandit": "BanditPolicy", "median_stopping": "MedianStoppingPolicy",
    "truncation_selection": "TruncationSelectionPolicy",
}  # fmt: skip
"""Classes of `azure.ai.ml.sweep`, by the word that names them in YAML."""
READ_ONLY = frozenset({"id", "name", "status", "creation_context", "services", "properties", "parameters", "log_files"})
ISOLATION = "jupyter_aml.isolation"
"""The property by which the author of a sweep says whether trials share processes; all others are the service's."""
OF_ARM = {"job_output_type": "type", "uri": "path"}
MODES = {"ReadWriteMount": "rw_mount", "Upload": "upload", "Direct": "direct"}
"""Fields and modes of outputs in YAML, by what they are in ARM."""
ANONYMOUS = "azureml_anonymous"
"""The name of components that belong to one pipeline."""
_ORDER = ("$schema", "type", "display_name", "experiment_name", "description", "tags", "command", "code", "environment")
_ARM = re.compile(
    r"^azureml:/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices"
    r"/workspaces/[^/]+/(?P<segment>\w+)/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?$",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"^azureml:(?!//|/subscriptions/)(?P<path>(?:[A-Za-z]:)?[^:@]*[/\\].*)$", re.DOTALL)


def specification(job: Mapping[str, Any]) -> dict[str, Any]:
    """The job as its author would have written it: no read-only fields, short references, no default output.

    Code keeps its long reference: the SDK takes a short one for a path.
    """
    found = {key: value for key, value in job.items() if key not in READ_ONLY and value not in (None, {}, [], "")}
    said = {key: value for key, value in (job.get("properties") or {}).items() if key == ISOLATION}
    if said:
        found["properties"] = said
    outputs = {key: _output(value) for key, value in (found.pop("outputs", None) or {}).items() if key != "default"}
    if outputs:
        found["outputs"] = outputs
    if found.get("type") == "pipeline":
        found["jobs"] = {name: _step(step) for name, step in (found.get("jobs") or {}).items()}
    short = _shorten(found)
    _keep_code(short, found)
    if "trial" in short:
        short["trial"] = {key: value for key, value in short["trial"].items() if value not in (None, {}, [], "")}
    if "inputs" in short:
        short["inputs"] = {key: _literal(value) for key, value in short["inputs"].items()}
    if short.get("type") in SCHEMAS:
        short = {"$schema": SCHEMAS[short["type"]], **short}
    first = [key for key in _ORDER if key in short]
    return {key: short[key] for key in (*first, *(key for key in short if key not in first))}


def _keep_code(short: Any, long: Any) -> None:
    """Put the long references of code back, in the job and whatever is inside it."""
    if not isinstance(short, dict) or not isinstance(long, Mapping):
        return
    for key in short:
        if key == "code":
            short[key] = _LOCAL.sub(lambda match: match["path"], str(long[key]))
        else:
            _keep_code(short[key], long.get(key))


def _step(step: Any) -> Any:
    """A step of a pipeline as its author would have written it: a registered component by its name."""
    if not isinstance(step, Mapping):
        return step
    kept = {key: value for key, value in step.items() if value not in (None, {}, [], "")}
    for key in ("component", "trial"):
        if isinstance(kept.get(key), Mapping):
            kept[key] = _component(kept[key])
    if "inputs" in kept:
        kept["inputs"] = {name: _bound(value) for name, value in kept["inputs"].items()}
    return _search(kept) if kept.get("type") == "automl" else kept


def _search(step: Mapping[str, Any]) -> dict[str, Any]:
    """An AutoML step as YAML has it: the SDK tells its tables as texts of dicts, and its outputs as ARM has them."""
    written = {name: _table(value) for name, value in step.items() if name.endswith("_data")}
    outputs = {name: _output_of_search(value) for name, value in (step.get("outputs") or {}).items()}
    return {**step, **written, **({"outputs": outputs} if outputs else {})}


def _table(value: Any) -> Any:
    with contextlib.suppress(ValueError, SyntaxError):
        return ast.literal_eval(value) if isinstance(value, str) and value.startswith("{") else value
    return value


def _output_of_search(value: Any) -> Any:
    """An output; one that is the pipeline's is that binding alone, for the pipeline has its mode."""
    if not isinstance(value, Mapping) or value.get("type") == "literal":
        return value["value"] if isinstance(value, Mapping) else value
    found = {OF_ARM.get(key, key): one for key, one in value.items()}
    return found | ({"mode": MODES.get(found["mode"], found["mode"])} if "mode" in found else {})


def _component(component: Mapping[str, Any]) -> Any:
    """A component of the workspace as its reference, one of the pipeline alone without what the service added."""
    found = _ARM.match(f"azureml:{str(component.get('id') or '').removeprefix('azureml:')}")
    if found and found["name"] != ANONYMOUS:
        return f"azureml:{found['name']}:{found['version']}"
    added = ("id", "creation_context", "version") if found else ("creation_context",)
    return {key: value for key, value in component.items() if key not in added}


def _bound(value: Any) -> Any:
    """An input of a step; one that is bound to another is its text alone."""
    path = value.get("path") if isinstance(value, Mapping) and set(value) == {"path"} else None
    return path if str(path).startswith("${{") else value


class Where(Protocol):
    """The workspace that a form names; a connection is one."""

    @property
    def subscription(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def workspace(self) -> str: ...


def written(job: Mapping[str, Any], form: Form, where: Where, *, file: str = "") -> str:
    """The job as YAML, as an `az ml` line (of `file`, if it is in one) or as Python."""
    if form == "cli":
        return as_cli(job, group=where.group, workspace=where.workspace, file=file)
    if form == "sdk":
        return as_sdk(job, group=where.group, workspace=where.workspace, subscription=where.subscription)
    return as_yaml(job)


def as_yaml(job: Mapping[str, Any]) -> str:
    """A file for `az ml job create --file`, `%aml job create --file` or `load_job`."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """SafeDumper that writes several lines as a block."""

    def text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Dumper.add_representer(str, text)
    return yaml.dump(specification(job), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)


def as_cli(job: Mapping[str, Any], *, group: str, workspace: str, file: str = "") -> str:
    """The `az ml job create` line that submits the YAML form, and where that file comes from unless it is there."""
    if file:
        return f"{_create_line(file, group, workspace)}\n"
    name = str(job.get("display_name") or job.get("name") or "job")
    file = f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', name).strip('-') or 'job'}.yml"
    origin = f"aml job show {job['name']} --as yaml > {file}" if job.get("name") else "what --as yaml prints"
    return f"{_create_line(file, group, workspace)}\n# {file}: {origin}\n"


def _create_line(file: str, group: str, workspace: str) -> str:
    words = ["az", "ml", "job", "create", "--file", file, "--resource-group", group, "--workspace-name", workspace]
    return shlex.join(words)


def as_sdk(job: Mapping[str, Any], *, group: str, workspace: str, subscription: str) -> str:
    """A Python program that submits the job with azure-ai-ml."""
    spec = specification(job)
    client = f"client = MLClient(\n    DefaultAzureCredential(), {subscription!r},\n    {group!r}, {workspace!r},\n)\n"
    if spec.get("type") == "sweep":
        return _sweep_as_sdk(spec, client)
    if spec.get("type") != "command":
        return (
            "import io\n\nfrom azure.ai.ml import MLClient, load_job\n"
            "from azure.identity import DefaultAzureCredential\n\n"
            f'{client}SPECIFICATION = """\\\n{as_yaml(job).replace(chr(92), chr(92) * 2)}"""\n'
            "job = client.jobs.create_or_update(load_job(io.StringIO(SPECIFICATION)))\nprint(job.name)\n"
        )
    names = ["MLClient", "command"]
    arguments = [_argument(key, value, names) for key, value in _keywords(spec).items()]
    imports = ", ".join(sorted(names, key=str.lower))
    return (
        f"from azure.ai.ml import {imports}\nfrom azure.identity import DefaultAzureCredential\n\n{client}"
        f"job = command(\n{''.join(arguments)})\njob = client.jobs.create_or_update(job)\nprint(job.name)\n"
    )


def _sweep_as_sdk(spec: Mapping[str, Any], client: str) -> str:
    """A Python program that builds a sweep over a command and submits it."""
    space, names = spec["search_space"], ["MLClient", "command"]
    classes: set[str] = set()
    trial = {**spec["trial"], "inputs": {**(spec.get("inputs") or {}), **dict.fromkeys(space, "")}}
    trial["command"] = str(trial["command"]).replace("${{search_space.", "${{inputs.")
    trial |= {key: spec[key] for key in ("outputs", "compute") if key in spec}
    arguments = [_argument(key, value, names) for key, value in _keywords(trial).items()]
    bound = [f"    {name}={_made(found, DISTRIBUTIONS, classes)},\n" for name, found in space.items()]
    options = {
        **spec["objective"], "sampling_algorithm": spec.get("sampling_algorithm"),
        "early_termination_policy": spec.get("early_termination"), **(spec.get("limits") or {}),
    }  # fmt: skip
    swept = []
    for key, value in options.items():
        shown = _made(value, SWEEPERS, classes) if isinstance(value, Mapping) else repr(value)
        swept += [f"    {key}={shown},\n"] if value is not None else []
    fields = ("display_name", "experiment_name", "description", "tags", "properties")
    named = [f"job.{key} = {spec[key]!r}\n" for key in fields if key in spec]
    return (
        f"from azure.ai.ml import {', '.join(sorted(names, key=str.lower))}\n"
        f"from azure.ai.ml.sweep import {', '.join(sorted(classes))}\n"
        f"from azure.identity import DefaultAzureCredential\n\n{client}"
        f"trial = command(\n{''.join(arguments)})\nsearched = trial(\n{''.join(bound)})\n"
        f"job = searched.sweep(\n{''.join(swept)})\n{''.join(named)}"
        "job = client.jobs.create_or_update(job)\nprint(job.name)\n"
    )


def _made(found: Mapping[str, Any], known: Mapping[str, str], classes: set[str]) -> str:
    """An object of the SDK that a mapping with a type describes, as Python."""
    name = known[str(found["type"])]
    classes.add(name)
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in found.items() if key != 'type')})"


def _keywords(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the SDK's `command()` that say what the specification says."""
    found = {key: value for key, value in spec.items() if key not in ("$schema", "type", "resources", "limits")}
    if str(found.get("code", "")).startswith("azureml:/subscriptions/"):  # `command()` takes the id without its prefix
        found["code"] = found["code"].removeprefix("azureml:")
    limits, resources = spec.get("limits") or {}, spec.get("resources") or {}
    if limits.get("timeout"):
        found["timeout"] = limits["timeout"]
    for key in ("instance_count", "instance_type", "shm_size"):
        if resources.get(key) and not (key == "instance_count" and resources[key] == 1):
            found[key] = resources[key]
    return found


def _argument(key: str, value: Any, names: list[str]) -> str:
    if key in ("inputs", "outputs") and isinstance(value, Mapping):
        kind = "Input" if key == "inputs" else "Output"
        lines = []
        for name, one in value.items():
            if isinstance(one, Mapping):
                names.append(kind) if kind not in names else None
                fields = ", ".join(f"{field}={item!r}" for field, item in one.items())
                lines.append(f"        {name!r}: {kind}({fields}),\n")
            else:
                lines.append(f"        {name!r}: {one!r},\n")
        return f"    {key}={{\n{''.join(lines)}    }},\n"
    return f"    {key}={value!r},\n"


def _output(value: Any) -> Any:
    """An output without the path that the service chose for it."""
    if not isinstance(value, Mapping):
        return value
    path = str(value.get("path") or "")
    kept = {key: item for key, item in value.items() if item not in (None, "")}
    if "/dcid." in path or "${{name}}" in path:
        kept.pop("path")
    return kept


def _literal(value: Any) -> Any:
    """An input; the wire has every literal as a text, the YAML has numbers and booleans where they read the same."""
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        try:
            number = kind(value)
        except ValueError:
            continue
        return number if str(number) == value else value
    return value == "True" if value in ("True", "False") else value


def _shorten(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _shorten(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shorten(item) for item in value]
    if isinstance(value, str):
        found = _ARM.match(value)
        if found:
            version = f":{found['version']}" if found["version"] else ""
            return f"azureml:{found['name']}{version}"
        local = _LOCAL.match(value)  # the SDK writes a local path so
        if local:
            return local["path"]
    return value
