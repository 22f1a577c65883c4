"""Trackers: a Jira site, and a plain one that takes JSON; each keeps its tickets until the sink is reset.

Jira   /jira/<site>/rest/api/3/…: issues with labels, comments with properties, statuses that lead to one another
plain  /tracker/<name>[/<key>[/comments|/transitions]]: as docs/tickets.md says what a JSON tracker is sent
"""

import re
from typing import Any

from targets.receivers import Receiver, parsed
from targets.service import Answer, Request

STATUSES = {
    "11": ("To Do", "new"),
    "21": ("In Progress", "indeterminate"),
    "31": ("Done", "done"),
    "41": ("Resolved", "done"),
}
LABEL = re.compile(r'labels = "([^"]+)"')


class Jira(Receiver):
    """Source: Atlassian, "Jira Cloud platform REST API v3"."""

    kind = "jira"
    methods = ("POST", "GET", "PUT")

    def __init__(self) -> None:
        self.sites: dict[str, dict[str, dict[str, Any]]] = {}

    def take(self, request: Request) -> Answer:
        site, _, path = request.path.removeprefix("/jira/").partition("/rest/api/3/")
        issues = self.sites.setdefault(site, {})
        if not request.header("Authorization").startswith(("Basic ", "Bearer ")):
            return Answer(401, {"errorMessages": ["You are not authenticated."]})
        body = parsed(request.body) if request.body else {}
        if path == "search/jql":
            wanted = LABEL.search(body.get("jql", ""))
            found = [key for key, one in issues.items() if wanted and wanted[1] in one["labels"]]
            return Answer(200, {"issues": [{"key": key} for key in found[: body.get("maxResults", 50)]]})
        if path == "issue":
            return self.create(issues, body.get("fields") or {})
        _, key, what = [*path.split("/"), "", ""][:3]
        if key not in issues:
            return Answer(404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."]})
        return self.of_issue(issues[key], what, request.method, body)

    def create(self, issues: dict[str, dict[str, Any]], fields: dict[str, Any]) -> Answer:
        errors = {}
        project = (fields.get("project") or {}).get("key")
        if project == "NOPE":
            errors["project"] = "valid project is required"
        if not fields.get("summary") or len(fields["summary"]) > 255 or "\n" in fields["summary"]:
            errors["summary"] = "Summary must be one line of at most 255 characters."
        if (fields.get("issuetype") or {}).get("name") not in ("Task", "Bug", "Incident"):
            errors["issuetype"] = "Specify a valid issue type"
        if not sound_document(fields.get("description")):
            errors["description"] = "Operation value must be an Atlassian Document"
        if any(" " in label or len(label) > 255 for label in fields.get("labels") or []):
            errors["labels"] = "The label contains spaces which is invalid."
        if errors:
            return Answer(400, {"errorMessages": [], "errors": errors})
        key = f"{project}-{len(issues) + 1}"
        issues[key] = {
            "labels": fields.get("labels") or [],
            "comments": [],
            "status": "11",
            "summary": fields["summary"],
            "fields": fields,
            "resolution": None,
        }
        return Answer(201, {"id": str(10_000 + len(issues)), "key": key})

    def of_issue(self, issue: dict[str, Any], what: str, method: str, body: Any) -> Answer:
        if what == "comment" and method == "GET":
            return Answer(200, {"comments": issue["comments"]})
        if what == "comment":
            if not sound_document(body.get("body")):
                return Answer(400, {"errorMessages": [], "errors": {"comment": "Comment body is not valid!"}})
            issue["comments"].append({"body": body["body"], "properties": body.get("properties") or []})
            return Answer(201, {"id": str(len(issue["comments"]))})
        if what == "transitions" and method == "GET":
            ways = [{"id": id, "name": name, "to": status(id)} for id, (name, _) in STATUSES.items()]
            return Answer(200, {"transitions": [way for way in ways if way["id"] != issue["status"]]})
        if what == "transitions":
            if body["transition"]["id"] not in STATUSES:
                return Answer(400, {"errorMessages": ["not a valid transition"]})
            issue["status"] = body["transition"]["id"]
            issue["resolution"] = ((body.get("fields") or {}).get("resolution") or {}).get("name")
            return Answer(204)
        if method == "PUT":
            issue["fields"] |= body.get("fields") or {}
            return Answer(204)
        return Answer(200, {"fields": {"status": status(issue["status"])}})


def status(id: str) -> dict[str, Any]:
    name, category = STATUSES[id]
    return {"name": name, "statusCategory": {"key": category}}


def sound_document(document: Any) -> bool:
    """Whether this is an Atlassian document of paragraphs with text."""
    if not isinstance(document, dict) or document.get("type") != "doc" or document.get("version") != 1:
        return False
    paragraphs = document.get("content")
    return isinstance(paragraphs, list) and all(
        part.get("type") == "paragraph" and all(leaf.get("text") for leaf in part.get("content") or [])
        for part in paragraphs
    )


class Tickets(Receiver):
    """A plain tracker that knows an external id, and an Idempotency-Key."""

    kind = "tracker"
    methods = ("POST", "GET", "PATCH")

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, dict[str, Any]]] = {}

    def take(self, request: Request) -> Answer:
        name, _, path = request.path.removeprefix("/tracker/").partition("/")
        tickets = self.kept.setdefault(name, {})
        body = parsed(request.body) if request.body else {}
        if not path and request.method == "GET":
            wanted = request.query.get("external_id")
            return Answer(200, {"items": [one for one in tickets.values() if one["external_id"] == wanted]})
        if not path:
            if not body.get("title"):
                return Answer(422, {"error": "title is missing"})
            key = f"T-{len(tickets) + 1}"
            tickets[key] = {**body, "key": key, "status": "open", "comments": [], "url": f"https://tracker.test/{key}"}
            return Answer(201, tickets[key])
        key, _, what = path.partition("/")
        if key not in tickets:
            return Answer(404, {"error": "no such ticket"})
        ticket = tickets[key]
        if what == "comments":
            ticket["comments"].append(body)
            return Answer(201, {"id": len(ticket["comments"])})
        if what == "transitions":
            ticket["status"] = body["status"]
            return Answer(200, ticket)
        if request.method == "PATCH":
            ticket |= body
        return Answer(200, ticket)
