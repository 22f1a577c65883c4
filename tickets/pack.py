"""The section of a pack about tickets: which incidents get one, where, and what is in it."""

import re
from typing import Any

from notifications.models import Account
from notifications.own_words import BadWording, render
from notifications.transports.jira import PROJECT
from policies.models import Policy
from policies.sections import Section, Values, length_of, length_text
from policies.shapes import (
    Anything,
    Choice,
    Desk,
    Entry,
    Filled,
    Flag,
    Key,
    Length,
    Many,
    Path,
    Ref,
    Several,
    Slug,
    Table,
    Text,
    optional,
)

from .models import TicketPlan

WORD = re.compile(r"[A-Za-z_]\w*")
EVENTS = ("acknowledged", "resolved", "reopened", "false positive", "merged")
NAMES = (
    "number", "title", "severity", "service", "summary", "impact", "cause", "eta", "status", "url", "detected_at",
    "first_responder", "expected_resolution",
)  # fmt: skip
MATCHING = Entry(
    severity=optional(Several(Ref("severity")), []),
    labels=optional(Table(Text(500)), {}),
    rules=optional(Several(Ref("rule")), []),
)


class _Fields:
    """Fields of the tracker; a template among them must be one that can be read."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        fields = Table(Anything(), names=Key(120)).read(value, path, desk)
        if isinstance(fields, dict):
            _check(fields, path, desk)
        return fields


def _check(value: Any, path: Path, desk: Desk) -> None:
    if isinstance(value, str):
        try:
            render(value, dict.fromkeys([*NAMES, *WORD.findall(value)], "example"))  # labels are their senders' to name
        except BadWording as error:
            desk.problem(path, str(error))
    elif isinstance(value, dict):
        for name, one in value.items():
            _check(one, (*path, name), desk)
    elif isinstance(value, list):
        for position, one in enumerate(value):
            _check(one, (*path, position), desk)


def _whole(values: Values, path: Path, desk: Desk) -> None:
    jira = values["tracker"] == TicketPlan.Tracker.JIRA
    if jira and not PROJECT.fullmatch(values["project"]):
        desk.problem((*path, "project"), "A Jira ticket needs the key of its project, such as OPS.")
    if not jira and not values["endpoint"]:
        desk.problem((*path, "endpoint"), "A JSON tracker needs its address; write a parameter such as ${TRACKER_URL}.")
    if values["after"] and values["when"] != TicketPlan.When.OPENED:
        words = "A ticket made by hand, or for an action item, waits for nobody; leave `after` away or `when`."
        desk.problem((*path, "after"), words)
    for name in ("token", "webhook_secret"):
        if values[name] and "${" not in values[name]:
            words = "A secret does not stand in a pack; put it into a parameter of type secret, and write ${NAME} here."
            desk.problem((*path, name), words)


class Tickets(Section):
    """What is kept in a tracker: each entry makes at most one ticket an incident."""

    name, returns = "tickets", True
    hidden = frozenset({"token", "webhook_secret", "endpoint"})
    shape = Entry(
        _whole,
        key=optional(Slug(80), ""),
        tracker=optional(Choice(tuple(TicketPlan.Tracker.values)), "jira"),
        match=optional(MATCHING, {}),
        when=optional(Choice(tuple(TicketPlan.When.values)), "opened"),
        after=optional(Length()),
        project=optional(Text(255, line=True), ""),
        endpoint=optional(Filled(2000), ""),
        account=optional(Key(80)),
        email=optional(Filled(200), ""),
        token=optional(Filled(500), ""),
        api=optional(Choice(("2", "3")), ""),
        issue_type=optional(Text(80, line=True, empty=False), "Task"),
        labels=optional(Many(Key(120)), []),
        require=optional(Many(Text(120, line=True, empty=False)), []),
        fields=optional(_Fields(), {}),
        transitions=optional(Table(Text(120, line=True, empty=False), names=Choice(EVENTS)), {}),
        resolution=optional(Text(80, line=True), ""),
        two_way=optional(Flag(), False),
        poll=optional(Length(), "5m"),
        webhook_secret=optional(Filled(500), ""),
    )

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        self._taken: set[str] = set()
        if isinstance(value, list):
            for entry in value:
                if isinstance(entry, dict):
                    if isinstance(entry.get("key"), str):
                        self._taken.add(entry["key"])
                    if isinstance(entry.get("api"), int):
                        entry["api"] = str(entry["api"])
        return super().read(value, path, desk)

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        values["position"] = position
        values["match"] = {name: value for name, value in values["match"].items() if value}
        if values["after"] == "0s":
            values["after"] = None
        if not values["key"]:
            base = key = values["project"].lower() or values["tracker"]
            number = 1
            while key in self._taken:
                number += 1
                key = f"{base}-{number}"
            values["key"] = key
            self._taken.add(key)
        if values["account"] and not Account.objects.filter(key=values["account"]).exists():
            words = f"There is no account {values['account']!r}; add it in the admin first, or leave `account` away."
            desk.problem((*path, "account"), words)

    def dump(self, records: dict[str, Values]) -> Any:
        return [self.shape.trimmed(values) for values in records.values()]

    def rows(self, policy: Policy) -> dict[str, TicketPlan]:
        return {row.key: row for row in policy.ticket_plans.order_by("position", "pk")}

    def present(self, row: TicketPlan) -> Values:
        same = (
            "key", "tracker", "match", "when", "project", "endpoint", "email", "token", "api", "issue_type", "labels",
            "require", "fields", "transitions", "resolution", "two_way", "webhook_secret", "position",
        )  # fmt: skip
        return {
            **{name: getattr(row, name) for name in same},
            "after": length_text(row.after),
            "account": row.account.key if row.account else None,
            "poll": length_text(row.poll) or "0s",
        }

    def write(self, policy: Policy, row: TicketPlan | None, values: Values) -> TicketPlan:
        row = row or TicketPlan(policy=policy)
        for name, value in values.items():
            if name not in ("after", "account", "poll"):
                setattr(row, name, value)
        row.after, row.poll = length_of(values["after"]) or None, length_of(values["poll"]) or None
        row.account = Account.objects.filter(key=values["account"]).first() if values["account"] else None
        row.save()
        return row


SECTIONS: list[Section] = [Tickets()]
