"""Jira: an issue for an incident, a comment for what follows, and its status moved along; each exactly once."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from .base import AddressRefused, Message, NotThere, Receipt, Sender, Transport, Undeliverable
from .facts import cut
from .http import Answer, ask, judge
from .trackers import LEADS_TO, Seen, keep

PROJECT = re.compile(r"[A-Z][A-Z0-9_]{0,254}", re.ASCII)
REST = re.compile(r"/rest/api/(?P<version>2|3|latest)(?:/.*)?$")
LONGEST_SUMMARY, LONGEST_TEXT = 255, 30_000  # characters; the text of a field may have 32,767


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
        site = JiraSite(address, message.sender, secret)
        if message.data.get("ticket"):
            return keep(site, message, name="Jira")
        label = _label(message)
        key = message.parent or site.find(label)
        if not key:
            made = site.create(message, {"label": label, "description": message.text})
            return Receipt(f"Jira has {made}.", made, site.url_of(made))
        site.comment(key, message)
        if goal := LEADS_TO.get(message.event):
            site.move(key, message.event, goal)
        return Receipt(f"Jira has it on {key}.", key, site.url_of(key))


class JiraSite:
    """A project of one Jira, asked as one account.

    Without an `api` among the sender's options it speaks version 3, and version 2 where that is not there.
    """

    def __init__(self, project: str, sender: Sender, secret: str = "") -> None:
        self.project, self.sender = project, sender
        token, base = secret or sender.secret, sender.option("base_url")
        if not base or not (token or sender.option("anonymous")):
            raise Undeliverable("There is no Jira account with base_url and API token; add one under Accounts.")
        told = REST.search(base)
        self.site = REST.sub("", base).rstrip("/")
        self.version = sender.option("api") or (told["version"] if told else "3")
        self.may_fall_back = not sender.option("api") and not told
        self.headers = {"Content-Type": "application/json", "Accept": "application/json"}
        email = sender.option("email")
        if token:
            login = f"Basic {base64.b64encode(f'{email}:{token}'.encode()).decode()}" if email else f"Bearer {token}"
            self.headers["Authorization"] = login

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        sent = None if body is None else json.dumps(body).encode()
        url = f"{self.site}/rest/api/{quote(self.version)}{path}"
        answer = ask(method, url, sent, self.headers, service="Jira")
        if not 200 <= answer.status < 300:
            _refuse(answer)
        return answer.json

    def url_of(self, key: str) -> str:
        return f"{self.site}/browse/{quote(key)}"

    def find(self, label: str) -> str:
        """The key of the project's issue with `label`; empty when there is none, or nothing that can be searched."""
        jql = f'project = "{self.project}" AND labels = "{label}" ORDER BY created ASC'
        wanted = {"jql": jql, "maxResults": 1, "fields": ["status"]}
        # Cloud has taken the older search away, Data Center never got the newer one
        for path in ("/search/jql", "/search") if self.version == "3" else ("/search", "/search/jql"):
            try:
                found = self.call("POST", path, wanted).get("issues")
            except NotThere:
                continue
            return str(found[0].get("key") or "") if isinstance(found, list) and found else ""
        return ""

    def create(self, message: Message, ticket: Mapping[str, Any]) -> str:
        try:
            return self._create(message, ticket)
        except NotThere:
            if not self.may_fall_back or self.version != "3":
                raise
        self.version, self.may_fall_back = "2", False
        return self._create(message, ticket)

    def _create(self, message: Message, ticket: Mapping[str, Any]) -> str:
        fields = {
            "project": {"key": self.project},
            "issuetype": {"name": self.sender.option("issue_type", "Task")},
            "summary": cut(" ".join(message.subject.split()) or "-", LONGEST_SUMMARY),
            "description": self.document(str(ticket["description"]), message.url),
            "labels": ["opscenter", ticket["label"], *ticket.get("labels", [])],
            **self._written(ticket.get("fields") or {}),
        }
        return str(self.call("POST", "/issue", {"fields": fields}).get("key") or "")

    def _written(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Texts of several lines become documents, as version 3 wants them; what is empty is left out."""
        return {
            name: self.document(value) if isinstance(value, str) and "\n" in value else value
            for name, value in fields.items()
            if value != ""
        }

    def edit(self, key: str, fields: Mapping[str, Any]) -> None:
        self.call("PUT", f"/issue/{quote(key)}", {"fields": self._written(fields)})

    def comment(self, key: str, message: Message) -> None:
        path = f"/issue/{quote(key)}/comment"
        there = self.call("GET", f"{path}?expand=properties&orderBy=-created&maxResults=50").get("comments")
        mark = {"key": "opscenter", "value": {"message": message.id}}
        for comment in there if isinstance(there, list) else []:
            if any(one.get("value") == mark["value"] for one in comment.get("properties") or []):
                return
        self.call("POST", path, {"body": self.document(message.text, message.url), "properties": [mark]})

    def move(self, key: str, event: str, goal: str, resolution: str = "") -> None:
        """Bring the issue to the status that is named for `event`, else to one of category `goal`.

        Where nothing leads there it stays as it is. A resolution that the transition does not take is left out.
        """
        chosen = self.sender.options.get("transitions")
        named = str(chosen.get(event) or "") if isinstance(chosen, Mapping) else ""
        status = self.call("GET", f"/issue/{quote(key)}?fields=status").get("fields", {}).get("status") or {}
        if _fits(status, goal, named):
            return
        told = self.call("GET", f"/issue/{quote(key)}/transitions").get("transitions")
        ways = told if isinstance(told, list) else []
        way = next((one for one in ways if _fits(one.get("to") or {}, goal, named)), None)
        way = way or next((one for one in ways if named and one.get("name") == named), None)
        if way is None:
            return
        go: dict[str, Any] = {"transition": {"id": str(way["id"])}}
        path = f"/issue/{quote(key)}/transitions"
        if resolution:
            try:
                self.call("POST", path, {**go, "fields": {"resolution": {"name": resolution}}})
                return
            except NotThere:
                raise
            except Undeliverable:
                pass  # the screen of this transition has no such field
        self.call("POST", path, go)

    def look(self, key: str) -> Seen:
        status = self.call("GET", f"/issue/{quote(key)}?fields=status").get("fields", {}).get("status") or {}
        category = status.get("statusCategory") or {}
        return Seen(str(status.get("name") or ""), category.get("key") == "done")

    def document(self, text: str, url: str = "") -> dict | str:
        """Text and link: as an Atlassian document, or plain for the older interface."""
        lines = [line for line in cut(text, LONGEST_TEXT).splitlines() if line.strip()]
        if self.version != "3":
            return "\n".join([*lines, url]).strip() or "-"
        content: list[dict] = [{"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in lines]
        if url:
            link = {"type": "text", "text": url, "marks": [{"type": "link", "attrs": {"href": url}}]}
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
    if answer.status in (404, 405, 410):
        raise NotThere("Jira does not know the issue or the address any more; check base_url.")
    judge(answer, "Jira")
