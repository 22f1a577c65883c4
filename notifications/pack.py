"""Sections of a pack that say where messages go: destinations and the routes that choose them."""

from datetime import date
from typing import Any

import re2

from policies.durations import BadDuration, parse_duration
from policies.models import Policy
from policies.pack import PASSWORD_IN_URL
from policies.sections import Section, Values, all_named, length_of, length_text, one_named
from policies.shapes import (
    BAD,
    Choice,
    Day,
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
    Table,
    Text,
    Whole,
    optional,
)
from policies.substitute import names

from . import digests
from .addresses import CONTACT
from .models import Destination, Route, SendingPlan
from .routing import regex
from .transports import TRANSPORTS


def _no_secrets(values: Values, path: Path, desk: Desk) -> None:
    _throttle(values, path, desk)
    if values["address"].startswith(CONTACT):
        desk.references.append(("contact", values["address"].removeprefix(CONTACT).strip(), (*path, "address")))
    if PASSWORD_IN_URL.search(values["address"]):
        desk.problem(
            (*path, "address"), "A password does not stand in a pack; put the address into a secret parameter."
        )
    if values["secret"] and not names(values["secret"]):
        desk.problem((*path, "secret"), "A secret does not stand in a pack; write the name of a parameter, ${NAME}.")


class Destinations(Section):
    """Named places to tell."""

    name, thing, returns = "destinations", "destination", True
    hidden = frozenset({"address", "secret"})
    shape = Entry(
        _no_secrets,
        key=Key(80),
        kind=Choice(tuple(sorted(TRANSPORTS))),
        address=Filled(2000),
        secret=optional(Filled(500), ""),
        fallback=optional(Ref("destination")),
        enabled=optional(Flag(), True),
        throttle=optional(Filled(120), ""),
        self_test=optional(Flag(), True),
        expires=optional(Day()),
    )

    def rows(self, policy: Policy) -> dict[str, Destination]:
        return {row.key: row for row in policy.destinations.order_by("pk")}

    def present(self, row: Destination) -> Values:
        return {
            "key": row.key, "kind": row.kind, "address": row.address, "secret": row.secret,
            "fallback": row.fallback.key if row.fallback else None, "enabled": row.enabled,
            "throttle": row.throttle, "self_test": row.self_test,
            "expires": row.expires_at.isoformat() if row.expires_at else None,
        }  # fmt: skip

    def write(self, policy: Policy, row: Destination | None, values: Values) -> Destination:
        row = row or Destination(policy=policy, key=values["key"])
        row.kind, row.address = values["kind"], values["address"]
        row.secret, row.enabled = values["secret"], values["enabled"]
        row.throttle, row.self_test = values["throttle"], values["self_test"]
        row.expires_at = date.fromisoformat(values["expires"]) if values["expires"] else None
        row.save()
        return row

    def connect(self, row: Destination, values: Values) -> None:
        row.fallback = one_named(Destination.objects.filter(policy=row.policy), values["fallback"])
        row.save(update_fields=["fallback"])


def _throttle(values: Values, path: Path, desk: Desk) -> None:
    if values["throttle"] and not names(values["throttle"]):
        try:
            parse_duration(values["throttle"])
        except BadDuration as error:
            desk.problem((*path, "throttle"), str(error))


def _somewhere(values: Values, path: Path, desk: Desk) -> None:
    _throttle(values, path, desk)
    if values["digest"]:
        try:
            digests.hour_of(values["digest"])
        except digests.BadHour as error:
            desk.problem((*path, "digest"), str(error))
    if values["by_level"] and values["default"]:
        desk.problem((*path, "by_level"), "A route by level tells besides the others; it is no default.")
    if values["by_level"] and not names(values["by_level"]):
        for part in values["by_level"].split(","):
            level, _, channel = (word.strip() for word in part.partition(":"))
            if not level or not channel:
                words = f"{part.strip()!r} is no level and channel; write critical:#war-room, commas between several."
                desk.problem((*path, "by_level"), words)
            else:
                desk.references.append(("severity", level, (*path, "by_level")))
    if values["default"] and values["match"]:
        desk.problem((*path, "match"), "A default route takes what no other took; it matches nothing itself.")


LISTED = ("severity", "kind", "service", "hours")


def _written(value: Any) -> str:
    return "|".join(value) if isinstance(value, list) else value


def _whole(values: Values, path: Path, desk: Desk) -> None:
    if (values["most"] is None) != (values["within"] is None):
        desk.problem(path, "`most` and `within` belong together: at most so many first pages to a person in that time.")


class OneOrMore:
    """One value, or a list of several; one alone stays one."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if isinstance(value, list):
            return Many(self.kind, at_least=1).read(value, path, desk)
        return self.kind.read(value, path, desk)


class Pattern(Text):
    """A label's value, or != =~ !~ and a value; after ~ stands an RE2 expression."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        value = super().read(value, path, desk)
        if value is not BAD and value.startswith(("=~", "!~")):
            try:
                regex(value[2:])
            except re2.error as error:
                return desk.problem(path, f"{value[2:]!r} is no RE2 expression: {_told(error)}.")
        return value


def _told(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


class Hours(Key):
    """A calendar of the pack, or ! and one for the hours outside it."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        outside = isinstance(value, str) and value.startswith("!")
        name = super().read(value[1:] if outside else value, path, desk)
        if name is BAD:
            return BAD
        desk.references.append(("calendar", name, path))
        return f"!{name}" if outside else name


class Routes(Section):
    """Which destinations a level or label reaches, asked in order."""

    name = "routes"
    matching = Entry(
        severity=optional(Several(Ref("severity")), []),
        kind=optional(Several(Key(40)), []),
        service=optional(Several(Key(80)), []),
        hours=optional(Several(Hours(40)), []),
        labels=optional(Table(OneOrMore(Pattern(500))), {}),
    )
    shape = Entry(
        _somewhere,
        match=optional(matching, {}),
        to=Several(Ref("destination"), at_least=1),
        carry_on=optional(Flag(), False),
        default=optional(Flag(), False),
        toggle=optional(Ref("parameter"), ""),
        throttle=optional(Filled(120), ""),
        digest=optional(Filled(60), ""),
        by_level=optional(Filled(200), ""),
    )

    def key(self, values: Values) -> str:
        if values["default"]:
            return "default"
        match = values["match"]
        parts = [f"{name}={','.join(match[name])}" for name in LISTED if match.get(name)]
        parts += [f"{name}={_written(value)}" for name, value in sorted(match.get("labels", {}).items())]
        key = " ".join(parts) or "everything"
        return f"{key} by {values['by_level']}" if values.get("by_level") else key

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        values["match"] = {name: value for name, value in values["match"].items() if value}
        values["position"] = position

    def dump(self, records: dict[str, Values]) -> Any:
        ordered = sorted(records.values(), key=lambda values: values["position"])
        return [self.shape.trimmed(values) for values in ordered]

    def rows(self, policy: Policy) -> dict[str, Route]:
        return {self.key(self.present(row)): row for row in policy.routes.order_by("position", "pk")}

    def present(self, row: Route) -> Values:
        match = {**row.match}
        for name in LISTED:
            if name in match:
                match[name] = sorted(match[name]) if isinstance(match[name], list) else [match[name]]
        return {
            "match": {name: value for name, value in match.items() if value},
            "to": sorted(row.destinations.values_list("key", flat=True)),
            "carry_on": row.carry_on,
            "default": row.default,
            "toggle": row.toggle,
            "throttle": row.throttle,
            "digest": row.digest,
            "by_level": row.by_level,
            "position": row.position,
        }

    def write(self, policy: Policy, row: Route | None, values: Values) -> Route:
        row = row or Route(policy=policy)
        row.match, row.position = values["match"], values["position"]
        row.carry_on, row.default, row.toggle = values["carry_on"], values["default"], values["toggle"]
        row.throttle, row.digest, row.by_level = values["throttle"], values["digest"], values["by_level"]
        row.save()
        row.destinations.set(all_named(policy.destinations.all(), values["to"]))
        return row


class Sending(Section):
    """`sending:`, one mapping: how many first pages a person is sent one by one."""

    name = "sending"
    shape = Entry(
        _whole,
        bundle=optional(Length(positive=True)),
        most=optional(Whole(1, 1000)),
        within=optional(Length(positive=True)),
    )

    def key(self, values: Values) -> str:
        return self.name

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        values = self.shape.read(value, path, desk) if value else BAD
        if values is BAD:
            return {}
        desk.places[(self.name, self.name)] = path
        return {self.name: values}

    def dump(self, records: dict[str, Values]) -> Any:
        return next((self.shape.trimmed(values) for values in records.values()), {})

    def rows(self, policy: Policy) -> dict[str, SendingPlan]:
        plan = SendingPlan.objects.filter(policy=policy).first() if policy.pk else None
        return {self.name: plan} if plan else {}

    def present(self, row: SendingPlan) -> Values:
        return {"bundle": length_text(row.bundle_within), "most": row.most, "within": length_text(row.within)}

    def write(self, policy: Policy, row: SendingPlan | None, values: Values) -> SendingPlan:
        row = row or SendingPlan(policy=policy)
        row.bundle_within, row.most = length_of(values["bundle"]), values["most"]
        row.within = length_of(values["within"])
        row.save()
        return row


SECTIONS: list[Section] = [Destinations(), Routes(), Sending()]
