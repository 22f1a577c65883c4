"""Jira: an issue for an incident, a comment for what follows, and its status moved along; each exactly once."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from .base import AddressRefused, Message, Receipt, Transport, Undeliverable
from .facts import cut
from .http import Answer, ask, judge

PROJECT = re.compile(r"[A-Z][A-Z0-9_]{0,254}", re.ASCII)
LONGEST_SUMMARY, LONGEST_TEXT = 255, 30_000  # characters; the text of a field may have 32,767
DONE, BEGUN, NEW = "done", "indeterminate", "new"  # Jira's categories of statuses
LEADS_TO = {"acknowledged": BEGUN, "resolved": DONE, "false positive": DONE, "reopened": NEW}


class Jira(Transport):
    """Sources: Atlassian, "Jira Cloud platform REST API v3": issues, issue search, comments, transitions.

    An issue carries a label of its incident and a comment a property with its message, both looked for before
    anything is made, so a try whose answer was lost is not repeated there.
    """

    kind, label = "jira", "Jira project"
    account = "jira"
    in_order = follows = True
    test_facts = None
    options: Mapping[str, str] = {
        "base_url": "the site, such as https://example.atlassian.net",
        "email": "whose API token it is; without it the secret is a personal access token (Data Center)",
        "issue_type": "Task unless given",
        "api": "3 unless given; 2 for Data Center",
        "transitions": 'statuses to move to: {"acknowledged": "In Progress", "resolved": "Done"}; else by category',
    }

    def check_address(self, address: str) -> None:
        if not PROJECT.fullmatch(address):
            raise AddressRefused("This is no key of a Jira project; enter one such as OPS.")

    def hint(self, address: str) -> str:
        return address

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        site = _Site(message, secret)
        key = message.parent or site.find(address, _label(message))
        if not key:
            return Receipt(f"Jira has {(made := site.create(address, message))}.", made)
        site.comment(key, message)
        if goal := LEADS_TO.get(message.event):
            site.move(key, message.event, goal)
        return Receipt(f"Jira has it on {key}.", key)


class _Site:
    """One Jira, asked as one account."""

    def __init__(self, message: Message, secret: str) -> None:
        self.sender = message.sender
        token, base = secret or self.sender.secret, self.sender.option("base_url")
        if not token or not base:
            raise Undeliverable("There is no Jira account with base_url and API token; add one under Accounts.")
        self.version = self.sender.option("api", "3")
        self.base = f"{base.rstrip('/')}/rest/api/{quote(self.version)}"
        email = self.sender.option("email")
        login = f"Basic {base64.b64encode(f'{email}:{token}'.encode()).decode()}" if email else f"Bearer {token}"
        self.headers = {"Content-Type": "application/json", "Accept": "application/json", "Authorization": login}

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        sent = None if body is None else json.dumps(body).encode()
        answer = ask(method, self.base + path, sent, self.headers, service="Jira")
        if not 200 <= answer.status < 300:
            _refuse(answer)
        return answer.json

    def find(self, project: str, label: str) -> str:
        """The key of the issue with `label`; empty when there is none."""
        path = "/search/jql" if self.version == "3" else "/search"
        jql = f'project = "{project}" AND labels = "{label}" ORDER BY created ASC'
        found = self.call("POST", path, {"jql": jql, "maxResults": 1, "fields": ["status"]}).get("issues")
        return str(found[0].get("key") or "") if isinstance(found, list) and found else ""

    def create(self, project: str, message: Message) -> str:
        fields = {
            "project": {"key": project},
            "issuetype": {"name": self.sender.option("issue_type", "Task")},
            "summary": cut(" ".join(message.subject.split()) or "-", LONGEST_SUMMARY),
            "description": self.document(message),
            "labels": ["opscenter", _label(message)],
        }
        made = self.call("POST", "/issue", {"fields": fields})
        return str(made.get("key") or "")

    def comment(self, key: str, message: Message) -> None:
        path = f"/issue/{quote(key)}/comment"
        there = self.call("GET", f"{path}?expand=properties&orderBy=-created&maxResults=50").get("comments")
        mark = {"key": "opscenter", "value": {"message": message.id}}
        for comment in there if isinstance(there, list) else []:
            if any(one.get("value") == mark["value"] for one in comment.get("properties") or []):
                return
        self.call("POST", path, {"body": self.document(message), "properties": [mark]})

    def move(self, key: str, event: str, goal: str) -> None:
        """Bring the issue to a status of category `goal`, or to the one that is named; where none leads, leave it."""
        chosen = self.sender.options.get("transitions")
        named = str(chosen.get(event) or "") if isinstance(chosen, Mapping) else ""
        status = self.call("GET", f"/issue/{quote(key)}?fields=status").get("fields", {}).get("status") or {}
        if _fits(status, goal, named):
            return
        ways = self.call("GET", f"/issue/{quote(key)}/transitions").get("transitions")
        for way in ways if isinstance(ways, list) else []:
            if _fits(way.get("to") or {}, goal, named) or (named and way.get("name") == named):
                self.call("POST", f"/issue/{quote(key)}/transitions", {"transition": {"id": str(way["id"])}})
                return

    def document(self, message: Message) -> dict | str:
        """Text and links: as an Atlassian document, or plain for the older interface."""
        lines = [line for line in cut(message.text, LONGEST_TEXT).splitlines() if line.strip()]
        if self.version != "3":
            return "\n".join([*lines, message.url]).strip() or "-"
        content: list[dict] = [{"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in lines]
        if message.url:
            link = {"type": "text", "text": message.url, "marks": [{"type": "link", "attrs": {"href": message.url}}]}
            content.append({"type": "paragraph", "content": [link]})
        return {"type": "doc", "version": 1, "content": content or [{"type": "paragraph", "content": []}]}


def _label(message: Message) -> str:
    """Of the incident, told apart from that of another Opscenter in the same project; a label has no blanks."""
    host = hashlib.sha256(urlsplit(message.url).netloc.encode()).hexdigest()[:6]
    return f"opscenter-{host}-{(message.thread or message.id).replace(':', '-')}"


def _fits(status: Mapping, goal: str, named: str) -> bool:
    if named:
        return bool(status.get("name") == named)
    category = status.get("statusCategory")
    return isinstance(category, Mapping) and category.get("key") == goal


def _refuse(answer: Answer) -> None:
    said = answer.json
    errors = said.get("errors") if isinstance(said.get("errors"), dict) else {}
    if answer.status == 400 and isinstance(errors, dict) and "project" in errors:
        raise AddressRefused("Jira has no such project, or our account may not see it; enter another key.")
    if answer.status == 400 and errors:
        raise Undeliverable(f"Jira refused the issue for its fields {', '.join(sorted(errors))}; check issue_type.")
    if answer.status in (401, 403):
        raise Undeliverable(f"Jira refuses our account ({answer.status}); check email, token and permissions.")
    if answer.status == 404:
        raise Undeliverable("Jira does not know the issue or the address any more; check base_url.")
    judge(answer, "Jira")
