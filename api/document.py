"""The OpenAPI document: what the library makes of the operations, with what it does not know of."""

import json
import re
from functools import cache
from typing import Any

from .problems import KINDS, MEDIA_TYPE, type_of
from .scopes import CHOICES
from .site import API, PREFIX

WORDS = """
The HTTP API of Opscenter.

**Who calls.** Send a token as `Authorization: Bearer ops_…`; it is made in the admin or by `manage.py api_token add`. A
token acts as its user and never does more than that user may. A logged-in browser may call with its session; what
changes something then needs the `X-CSRFToken` header.

**Scopes.** Each operation names the one it needs (`x-scope`).

{scopes}

**Lists** come newest first, by pages of `limit` (at most 200). `next` is the `cursor` of the page behind; what is
inserted meanwhile neither repeats nor hides a row.

**ETags.** Every 200 to a GET carries an `ETag`; send it as `If-None-Match` and get 304 while nothing changed.
Operations that change one thing heed `If-Match`, with the ETag of its GET: 412 when it was changed meanwhile.

**Sending twice.** A POST may carry an `Idempotency-Key` (1 to 200 characters of your own). The same request with the
same key gets the same answer again, with `Idempotency-Replayed: true`, and nothing is done twice; another request with
it gets 422. While the first is being worked on: 409 with `Retry-After`. Keys are kept for a day. A refused request
keeps no key.

**Refusals** are RFC 9457 problem details. 422: the request does not have the form described here; `errors` names each
field. 409: it has the form, but cannot be done as things are; `detail` is a sentence that says why.

**Times** are RFC 3339, UTC in answers. Lengths of time are seconds.
"""
TAGS = {
    "incidents": "What people work on.",
    "work on incidents": "Acknowledge, resolve and the rest: each answers with the incident as it is then.",
    "alerts": "What fires or fired, where it went, and why it did not act.",
    "rules": "What Opscenter asks by itself, and what it came to.",
    "objectives": "What is promised, and how much of it was kept.",
    "figures": "How responders did, and who was interrupted.",
    "tuning": "What rules did and were worth, the review of each month, and proposed changes.",
    "silences": "What is muted, for how long and why.",
    "schedules": "Who is on call.",
    "contacts": "Who can be asked, and how they are reached.",
    "channels": "How each tenant's channel is, and how it was.",
    "changes": "Deploys, flags and configuration.",
    "heartbeats": "Jobs that should tell that they are alive.",
    "packs": "Which policies were loaded from files.",
    "policies": "Policies and their levels.",
    "reviews": "What was learnt.",
    "reports": "What is told of an incident, as a document.",
    "deliveries": "What was sent.",
    "doors": "Who may tell us.",
    "webhooks": "What was told to us.",
    "me": "Who the caller is.",
}
PLACE = re.compile(r"\{(\w+)\}")
PARAMETERS = ("Query", "ByKey", "ByTime", "ByTimeAndUuid")
TAG_HEADER = {"ETag": {"description": "Changes with the answer.", "schema": {"type": "string"}}}
HEADERS = {
    401: {"WWW-Authenticate": {"description": "How to say who you are.", "schema": {"type": "string"}}},
    405: {"Allow": {"description": "What is offered.", "schema": {"type": "string"}}},
    503: {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}},
}
EXAMPLES = {
    400: "The body is no JSON: Expecting value: line 1 column 1 (char 0).",
    401: "Send a token as `Authorization: Bearer ops_…`, or log in.",
    403: "This needs the scope incidents:write, which the token deploys lacks.",
    404: "There is no incident 12.",
    405: "This address takes GET, HEAD.",
    409: "Incident #12 is closed and cannot become acknowledged.",
    412: "It is no longer as If-Match says; read it again and decide anew.",
    413: "The body is larger than 2.5 MB; send it in parts.",
    415: "The content type must be application/json, not 'text/plain'.",
    422: "query.limit: Input should be less than or equal to 200",
    500: "Opscenter failed on this request, nothing was changed; its log says why.",
    503: "The database cannot be reached, nothing was changed; send again.",
}
DESCRIPTIONS = {
    200: "Done.", 201: "Made.", 202: "Will be done in a moment.", 204: "Done; there is nothing to say.",
    304: "It is as If-None-Match says.",
}  # fmt: skip


@cache
def document() -> dict[str, Any]:
    """The whole document, OpenAPI 3.1."""
    said = json.dumps(API.get_openapi_schema(path_prefix=PREFIX))
    made = json.loads(re.sub(r"Page_(\w+?)Out_", r"\1Page", said))
    schemas = made["components"]["schemas"]
    for name in [name for name in schemas if name.endswith(PARAMETERS)]:
        del schemas[name]  # they are listed as parameters of their operations
    scopes = "\n".join(f"- `{name}`: {words.partition(' – ')[2]}" for name, words in CHOICES)
    made["info"]["description"] = WORDS.format(scopes=scopes).strip()
    made["info"]["license"] = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    made["servers"] = [{"url": "/"}]
    made["tags"] = [{"name": name, "description": words} for name, words in TAGS.items()]
    made["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token: `ops_…`."},
        "session": {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "A logged-in browser."},
    }
    made["components"]["responses"] = _refusals()
    _link(made["paths"])
    for operations in made["paths"].values():
        for method, operation in operations.items():
            _complete(method, operation)
    return made


@cache
def document_bytes() -> bytes:
    """The document as it is served."""
    return json.dumps(document(), ensure_ascii=False).encode()


def _link(paths: dict[str, Any]) -> None:
    """Say which operations take the ids that a list shows, or that something new was given."""
    for path, operations in paths.items():
        for where, code, pointer in (("get", "200", "/items/0/"), ("post", "201", "/")):
            answer = operations.get(where, {}).get("responses", {}).get(code)
            if "{" in path or answer is None or not any(other.startswith(f"{path}/{{") for other in paths):
                continue
            answer["links"] = {
                operation["operationId"]: {
                    "operationId": operation["operationId"],
                    "parameters": {name: f"$response.body#{pointer}{name}" for name in PLACE.findall(other)},
                }
                for other in paths
                if other.startswith(f"{path}/{{")
                for operation in paths[other].values()
            }


def _complete(method: str, operation: dict[str, Any]) -> None:
    operation["security"] = [{"token": []}, {"session": []}]
    if scope := operation.get("x-scope"):
        operation["description"] = f"{operation.get('description', '')}\n\nScope: `{scope}`.".strip()
    for parameter in operation["parameters"]:
        _plain(parameter)
    for code, answer in operation["responses"].items():
        status = int(code)
        if status >= 400:
            operation["responses"][code] = {"$ref": f"#/components/responses/Problem{status}"}
            continue
        answer["description"] = DESCRIPTIONS[status]
        if method == "get":
            answer["headers"] = TAG_HEADER


def _plain(parameter: dict[str, Any]) -> None:
    """A parameter is left out or has a value, never null; and examples belong to its schema."""
    parameter.pop("examples", None)
    schema = parameter["schema"]
    values = [kind for kind in schema.pop("anyOf", []) if kind != {"type": "null"}]
    if len(values) == 1:
        schema.update(values[0])
    elif values:
        schema["anyOf"] = values


def _refusals() -> dict[str, Any]:
    """The answers that operations share, by name."""
    schema = {"$ref": "#/components/schemas/ProblemOut"}
    found: dict[str, Any] = {}
    for kind, (status, title) in reversed(KINDS.items()):
        example = {"type": type_of(kind), "title": title, "status": status, "detail": EXAMPLES[status], "errors": []}
        answer = {"description": f"{title}.", "content": {MEDIA_TYPE: {"schema": schema, "example": example}}}
        found[f"Problem{status}"] = answer | ({"headers": HEADERS[status]} if status in HEADERS else {})
    return found
