"""Keeping a ticket in a tracker, whichever it is: made once, then edited, commented and moved along.

What a message says of its ticket stands in `data["ticket"]`:
    key          what the tracker calls it, once known; empty: it is looked for, else made
    label        tells it from every other ticket of ours; a label has no blanks
    labels       further labels
    description  the whole text of a ticket that is made
    fields       further fields, by the tracker's own names; those of a known ticket are set anew
    resolution   how it ended, in the tracker's own word
A try whose answer was lost is not repeated blindly: from the second try on the ticket is looked for by its label.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from .base import AddressRefused, Message, Receipt, TryAgain, Undeliverable

DONE, BEGUN, NEW = "done", "indeterminate", "new"  # what a status means, in Jira's words
LEADS_TO = {"acknowledged": BEGUN, "resolved": DONE, "false positive": DONE, "merged": DONE, "reopened": NEW}
"""Events after which a ticket moves on, and to what."""
FOUND_AFTER = timedelta(seconds=30)
"""A ticket made just now is not yet found by a search; so long a repetition waits when its answer was lost."""


@dataclass(frozen=True)
class Seen:
    """A ticket as the tracker shows it."""

    status: str
    done: bool


class Site(Protocol):
    """One tracker, asked as one account; errors as those of a transport."""

    def find(self, label: str) -> str: ...
    def create(self, message: Message, ticket: Mapping[str, Any]) -> str: ...
    def edit(self, key: str, fields: Mapping[str, Any]) -> None: ...
    def comment(self, key: str, message: Message) -> None: ...
    def move(self, key: str, event: str, goal: str, resolution: str = "") -> None: ...
    def look(self, key: str) -> Seen: ...
    def url_of(self, key: str) -> str: ...


def keep(site: Site, message: Message, *, name: str) -> Receipt:
    """Bring the ticket of `message` to what it says; return a receipt with the ticket's key and address.

    name   of the tracker, for the words: "Jira"
    """
    try:
        return _keep(site, message, name)
    except AddressRefused as refusal:
        # what to mend is the plan of the ticket; the address of messages to the same project is not barred for it
        raise Undeliverable(str(refusal)) from None


def _keep(site: Site, message: Message, name: str) -> Receipt:
    ticket: Any = message.data["ticket"]
    key = ticket.get("key") or message.parent
    if not key and message.sender.option("again"):
        key = site.find(ticket["label"])
    made = not key
    if made:
        try:
            key = site.create(message, ticket)
        except TryAgain as trouble:
            after = max(trouble.after or timedelta(), FOUND_AFTER) if trouble.unsure else trouble.after
            raise TryAgain(str(trouble), after, unsure=trouble.unsure) from None
    elif ticket.get("fields"):
        site.edit(key, ticket["fields"])
    if message.event != "opened":
        site.comment(key, message)
    if goal := LEADS_TO.get(message.event):
        site.move(key, message.event, goal, str(ticket.get("resolution") or "") if goal == DONE else "")
    return Receipt(f"{name} has {'made ' if made else 'it on '}{key}.", key, site.url_of(key))
