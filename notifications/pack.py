"""Sections of a pack that say where messages go: destinations and the routes that choose them."""

from typing import Any

from policies.durations import BadDuration, parse_duration
from policies.models import Policy
from policies.pack import PASSWORD_IN_URL
from policies.sections import Section, Values, all_named, one_named
from policies.shapes import (
    Choice,
    Desk,
    Entry,
    Filled,
    Flag,
    Key,
    Path,
    Ref,
    Several,
    Table,
    Text,
    optional,
)
from policies.substitute import names

from .models import Destination, Route
from .transports import TRANSPORTS


def _no_secrets(values: Values, path: Path, desk: Desk) -> None:
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
    )

    def rows(self, policy: Policy) -> dict[str, Destination]:
        return {row.key: row for row in policy.destinations.order_by("pk")}

    def present(self, row: Destination) -> Values:
        return {
            "key": row.key, "kind": row.kind, "address": row.address, "secret": row.secret,
            "fallback": row.fallback.key if row.fallback else None, "enabled": row.enabled,
        }  # fmt: skip

    def write(self, policy: Policy, row: Destination | None, values: Values) -> Destination:
        row = row or Destination(policy=policy, key=values["key"])
        row.kind, row.address = values["kind"], values["address"]
        row.secret, row.enabled = values["secret"], values["enabled"]
        row.save()
        return row

    def connect(self, row: Destination, values: Values) -> None:
        row.fallback = one_named(Destination.objects.filter(policy=row.policy), values["fallback"])
        row.save(update_fields=["fallback"])


def _somewhere(values: Values, path: Path, desk: Desk) -> None:
    if values["throttle"] and not names(values["throttle"]):
        try:
            parse_duration(values["throttle"])
        except BadDuration as error:
            desk.problem((*path, "throttle"), str(error))
    if values["default"] and values["match"]:
        desk.problem((*path, "match"), "A default route takes what no other took; it matches nothing itself.")


class Routes(Section):
    """Which destinations a level or label reaches, asked in order."""

    name = "routes"
    matching = Entry(
        severity=optional(Several(Ref("severity")), []),
        labels=optional(Table(Text(500)), {}),
    )
    shape = Entry(
        _somewhere,
        match=optional(matching, {}),
        to=Several(Ref("destination"), at_least=1),
        carry_on=optional(Flag(), False),
        default=optional(Flag(), False),
        toggle=optional(Ref("parameter"), ""),
        throttle=optional(Filled(120), ""),
    )

    def key(self, values: Values) -> str:
        if values["default"]:
            return "default"
        match = values["match"]
        parts = [f"severity={','.join(match['severity'])}"] if match.get("severity") else []
        parts += [f"{name}={value}" for name, value in sorted(match.get("labels", {}).items())]
        return " ".join(parts) or "everything"

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
        if "severity" in match:
            match["severity"] = sorted(match["severity"])
        return {
            "match": {name: value for name, value in match.items() if value},
            "to": sorted(row.destinations.values_list("key", flat=True)),
            "carry_on": row.carry_on,
            "default": row.default,
            "toggle": row.toggle,
            "throttle": row.throttle,
            "position": row.position,
        }

    def write(self, policy: Policy, row: Route | None, values: Values) -> Route:
        row = row or Route(policy=policy)
        row.match, row.position = values["match"], values["position"]
        row.carry_on, row.default, row.toggle = values["carry_on"], values["default"], values["toggle"]
        row.throttle = values["throttle"]
        row.save()
        row.destinations.set(all_named(policy.destinations.all(), values["to"]))
        return row


SECTIONS: list[Section] = [Destinations(), Routes()]
