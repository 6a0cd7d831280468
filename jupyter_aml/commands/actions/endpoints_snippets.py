"""Client code for an online endpoint: Python, JavaScript or curl that asks it; the key is read from the environment."""

from __future__ import annotations

import json
from typing import Any

from jupyter_aml.client import scoring
from jupyter_aml.client.rest import Rest
from jupyter_aml.commands.actions import endpoints, invoking
from jupyter_aml.commands.actions.endpoints import ONLINE
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome, unwrap
from jupyter_aml.errors import AmlError

KEY = "ENDPOINT_KEY"
"""The environment variable that the code reads the key or token from."""
FORMS = ("python", "javascript", "curl")
OK = 200
PLACEHOLDER = {"input_data": {"columns": ["a", "b"], "index": [0], "data": [[1.0, 2.0]]}}

PYTHON = '''"""Asks the endpoint {name}; the key is in the environment variable {key}."""

import json
import os
import urllib.request

body = json.loads({quoted})
request = urllib.request.Request(
    "{url}",
    data=json.dumps(body).encode(),
    headers={{
        "Content-Type": "application/json",
        "Authorization": f"Bearer {{os.environ['{key}']}}",{python_header}
    }},
)
with urllib.request.urlopen(request) as answer:
    print(json.load(answer))
'''
JAVASCRIPT = """// Asks the endpoint {name}; the key is in the environment variable {key}. Node 18 and newer.

const body = {body};
const answer = await fetch("{url}", {{
  method: "POST",
  headers: {{
    "Content-Type": "application/json",
    Authorization: `Bearer ${{process.env.{key}}}`,{javascript_header}
  }},
  body: JSON.stringify(body),
}});
if (!answer.ok) throw new Error(`${{answer.status}} ${{await answer.text()}}`);
console.log(await answer.json());
"""
CURL = """# Asks the endpoint {name}; the key is in the environment variable {key}.
curl --fail-with-body --silent --show-error '{url}' \\
  --header 'Content-Type: application/json' \\
  --header "Authorization: Bearer ${key}" \\{curl_header}
  --data-binary @- <<'BODY'
{body}
BODY
"""
CODE = {"python": PYTHON, "javascript": JAVASCRIPT, "curl": CURL}


def snippet(context: Context, args: Args) -> Outcome:
    """Code that asks an endpoint from elsewhere."""
    name = endpoints.name_of(args.name, ONLINE, "snippet")
    entity = endpoints.fetch(context, ONLINE, name)
    body = _body(context, args, name)
    context.warn(f"The key is not in it: set {KEY} to what %aml online-endpoint get-credentials {name} gives.")
    return Outcome(written(args["as"], name, str(entity.scoring_uri), body, args.deployment_name or ""), kind="text")


def written(form: str, name: str, url: str, body: Any, deployment: str = "") -> str:
    """The code in one of FORMS.

    Args:
        form: Which language.
        name: Of the endpoint, for the first line.
        url: Its scoring URI.
        body: What is sent, as JSON takes it.
        deployment: Who is to answer; "" for whom the traffic chooses.
    """
    header, shown = scoring.DEPLOYMENT, json.dumps(body, ensure_ascii=False, default=str)
    return CODE[form].format(
        name=name,
        key=KEY,
        url=url,
        body=shown,
        quoted=repr(shown),
        python_header=f'\n        "{header}": "{deployment}",' if deployment else "",
        javascript_header=f'\n    "{header}": "{deployment}",' if deployment else "",
        curl_header=f"\n  --header '{header}: {deployment}' \\" if deployment else "",
    )


def _body(context: Context, args: Args, name: str) -> Any:
    """What is sent: the value given, else the example that the endpoint itself tells, else a table to fill in."""
    value = unwrap(args.value)
    if value is not None:
        return json.loads(
            json.dumps(invoking.payload(value, args.key, bare=lambda: True), default=invoking.plain_value)
        )
    rest = Rest(context.connection)
    try:
        answer = scoring.swagger(rest, name)
        return example(json.loads(answer.body)) if answer.status == OK else PLACEHOLDER
    except (AmlError, ValueError):
        return PLACEHOLDER
    finally:
        rest.close()


def example(document: Any) -> Any:
    """The example request of a swagger document, in either version; the placeholder where it has none."""
    post = (document.get("paths") or {}).get("/score", {}).get("post") or {}
    content = (post.get("requestBody") or {}).get("content") or {}
    schemas = [(content.get("application/json") or {}).get("schema")]
    schemas += [one.get("schema") for one in post.get("parameters") or [] if one.get("in") == "body"]
    for schema in (_followed(document, one) for one in schemas if one):
        if "example" in schema:
            return schema["example"]
        parts = {key: _followed(document, one) for key, one in (schema.get("properties") or {}).items()}
        if parts and all("example" in one for one in parts.values()):
            return {key: one["example"] for key, one in parts.items()}
    return PLACEHOLDER


def _followed(document: Any, schema: Any) -> Any:
    """A schema, or the one that its reference names."""
    place = document
    for step in str(schema.get("$ref") or "").removeprefix("#/").split("/"):
        place = place.get(step, {}) if step else place
    return place if schema.get("$ref") else schema
