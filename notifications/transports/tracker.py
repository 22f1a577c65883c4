"""Any tracker with a plain REST interface: a ticket is made, edited, commented and moved along by JSON.

At the address `U`, ticket `K`:
    POST  U                {"title", "text", "labels", "project", "external_id", "url", further fields}  -> its key
    GET   U?external_id=…  the ticket of that external id, alone or in a list; asked only before a repetition
    PATCH U/K              further fields;   {"status": …} where there are no transitions
    POST  U/K/comments     {"text", "id", "url"}
    POST  U/K/transitions  {"event", "status", "resolution"}
    GET   U/K              its "status" or "state"
Whatever is made carries an Idempotency-Key, so that a tracker that knows it makes it once. The key is the first of
key, number, iid or id in the answer; without any the external id stands for it.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from .base import Message, NotThere, Receipt, Sender, Undeliverable, WebTransport
from .http import Answer, ask, judge
from .trackers import LEADS_TO, Seen, keep

KEYS, ADDRESSES = ("key", "number", "iid", "id"), ("html_url", "web_url", "url", "self", "link")
LISTS = ("issues", "items", "tickets", "results", "data", "values")
ENDS = frozenset({"done", "closed", "resolved", "fixed", "completed", "complete", "cancelled", "canceled"})
NOT_OFFERED = (404, 405, 410, 501)


class Tracker(WebTransport):
    """A tracker of any make; see the top of this file for what it is sent."""

    kind, label = "tracker", "JSON tracker"
    in_order = follows = True
    test_facts = None
    options: Mapping[str, str] = {
        "project": "sent as `project`",
        "auth": "the scheme in front of the secret: Bearer unless given",
        "transitions": 'statuses to move to: {"acknowledged": "In Progress", "resolved": "Resolved"}',
    }

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        site = JsonSite(address, message.sender, secret)
        if message.data.get("ticket"):
            return keep(site, message, name="The tracker")
        ticket = {"label": (message.thread or message.id).replace(":", "-"), "description": message.text}
        key = message.parent or site.find(ticket["label"])
        if not key:
            key = site.create(message, ticket)
        else:
            site.comment(key, message)
        if goal := LEADS_TO.get(message.event):
            site.move(key, message.event, goal)
        return Receipt(f"The tracker has it on {key}.", key, site.url_of(key))


class JsonSite:
    """One tracker at one address, asked with one token."""

    def __init__(self, address: str, sender: Sender, secret: str = "") -> None:
        self.address, self.sender = address.rstrip("/"), sender
        self.headers = {"Content-Type": "application/json", "Accept": "application/json"}
        self.addresses: dict[str, str] = {}
        if token := secret or sender.secret:
            self.headers["Authorization"] = f"{sender.option('auth', 'Bearer')} {token}"

    def call(self, method: str, path: str, body: Mapping | None = None, *, once: str = "") -> Any:
        """The JSON of the answer; NotThere when the tracker has no such address."""
        sent = None if body is None else json.dumps(body).encode()
        headers = {**self.headers, "Idempotency-Key": once} if once else self.headers
        answer = ask(method, self._at(path), sent, headers, service="The tracker")
        if answer.status in NOT_OFFERED:
            raise NotThere(f"The tracker answered {answer.status}: it has nothing at this address; check the endpoint.")
        if 300 <= answer.status < 500:
            _refuse(answer)
        judge(answer, "The tracker")
        try:
            return json.loads(answer.body)
        except ValueError:
            return {}

    def _at(self, path: str) -> str:
        """`path` behind the address, whose own query stays behind it."""
        parts = urlsplit(self.address)
        place, _, query = path.partition("?")
        return urlunsplit(
            (parts.scheme, parts.netloc, parts.path + place, "&".join(filter(None, [parts.query, query])), "")
        )

    def _key_of(self, ticket: Any) -> str:
        if isinstance(ticket, dict):
            wrapped = [ticket.get(name) for name in ("issue", "ticket", "data")]
            for one in (ticket, *(inner for inner in wrapped if isinstance(inner, dict))):
                key = next((str(one[name]) for name in KEYS if one.get(name) not in (None, "")), "")
                if key:
                    where = next((one[name] for name in ADDRESSES if str(one.get(name, "")).startswith("http")), "")
                    self.addresses[key] = str(where)
                    return key
        return ""

    def url_of(self, key: str) -> str:
        return self.addresses.get(key, "")

    def find(self, label: str) -> str:
        try:
            found = self.call("GET", f"?external_id={quote(label, safe='')}")
        except NotThere:
            return ""
        if isinstance(found, dict):
            listed = next((found[name] for name in LISTS if isinstance(found.get(name), list)), None)
            found = [found] if listed is None else listed
        ours = [one for one in found if isinstance(one, dict) and one.get("external_id") == label]
        return self._key_of(ours[0]) if ours else ""

    def create(self, message: Message, ticket: Mapping[str, Any]) -> str:
        body = {
            "title": message.subject,
            "text": ticket["description"],
            "labels": ["opscenter", ticket["label"], *ticket.get("labels", [])],
            "project": self.sender.option("project"),
            "external_id": ticket["label"],
            "url": message.url,
            **(ticket.get("fields") or {}),
        }
        return self._key_of(self.call("POST", "", body, once=ticket["label"])) or str(ticket["label"])

    def edit(self, key: str, fields: Mapping[str, Any]) -> None:
        self.call("PATCH", f"/{quote(key, safe='')}", fields)

    def comment(self, key: str, message: Message) -> None:
        body = {"text": message.text, "id": message.id, "url": message.url}
        self.call("POST", f"/{quote(key, safe='')}/comments", body, once=message.id)

    def move(self, key: str, event: str, goal: str, resolution: str = "") -> None:
        chosen = self.sender.options.get("transitions")
        status = (str(chosen.get(event) or "") if isinstance(chosen, Mapping) else "") or event
        body = {"event": event, "status": status, **({"resolution": resolution} if resolution else {})}
        try:
            self.call("POST", f"/{quote(key, safe='')}/transitions", body)
        except NotThere:
            self.call("PATCH", f"/{quote(key, safe='')}", {"status": status})

    def look(self, key: str) -> Seen:
        told = self.call("GET", f"/{quote(key, safe='')}")
        told = told if isinstance(told, dict) else {}
        status = next((told[name] for name in ("status", "state") if told.get(name)), "")
        word = str(status.get("name") or "") if isinstance(status, dict) else str(status)
        return Seen(word, word.lower() in ENDS)


def _refuse(answer: Answer) -> None:
    if answer.status in (401, 403):
        raise Undeliverable(f"The tracker refuses us ({answer.status}); check the token and its permissions.")
    if 400 <= answer.status < 500 and answer.status not in (408, 425, 429):
        said = answer.json.get("error") or answer.json.get("message") or ""
        words = f": {said[:200]}" if isinstance(said, str) and said else ""
        raise Undeliverable(f"The tracker refused the ticket ({answer.status}{words}); check its plan.")
