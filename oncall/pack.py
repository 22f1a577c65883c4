"""Sections of a pack that name people: contacts and schedules. Both belong to the house, not to one policy."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from policies.models import Policy
from policies.sections import Section, Values, all_named, one_named
from policies.shapes import (
    BAD,
    UNSAID,
    Choice,
    Desk,
    Entry,
    Field,
    Filled,
    Flag,
    Key,
    Many,
    Path,
    Ref,
    Several,
    Slug,
    Text,
    Whole,
    Zone,
    instant_text,
    optional,
)

from .definitions import Clock, Moment, Turn
from .models import ContactMethod, EscalationContact, Layer, LayerMember, Ownership, Schedule
from .turns import instant
from .written import first_handoff

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NAME = Key(120, spaces=True)


class Contacts(Section):
    """Persons, teams, roles and vendors by name; a pack says of them only what it names, the roster is yours."""

    name, thing, shared, returns = "contacts", "contact", True, True
    hidden = frozenset({"methods"})
    shape = Entry(
        name=NAME,
        kind=optional(Choice(tuple(EscalationContact.Kind.values)), "person"),
        members=Field(Several(Ref("contact")), UNSAID),
        backup=Field(Ref("contact"), UNSAID),
        timezone=Field(Zone(), UNSAID),
        language=Field(Choice(("en", "id", "ru", "nl")), UNSAID),
        catch_all=Field(Flag(), UNSAID),
        methods=Field(Many(Entry(kind=Key(16), address=Filled(2000))), UNSAID),
    )

    def key(self, values: Values) -> str:
        return values["name"]

    def _still_name(self, entry: Any, desk: Desk) -> None:
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            desk.names.setdefault(self.thing, set()).add(entry["name"])

    def rows(self, policy: Policy) -> dict[str, EscalationContact]:
        return {row.name: row for row in EscalationContact.objects.all()}

    def present(self, row: EscalationContact) -> Values:
        return {
            "name": row.name,
            "kind": row.kind,
            "members": sorted(row.members.values_list("name", flat=True)),
            "backup": row.backup.name if row.backup else None,
            "timezone": row.timezone,
            "language": row.language,
            "catch_all": row.catch_all,
            "methods": [{"kind": method.kind, "address": method.address} for method in row.methods.all()],
        }

    def write(self, policy: Policy, row: EscalationContact | None, values: Values) -> EscalationContact:
        row = row or EscalationContact(name=values["name"])
        for field in ("kind", "timezone", "language", "catch_all"):
            if field in values:
                setattr(row, field, values[field])
        row.save()
        if "methods" in values and values["methods"] != self.present(row)["methods"]:
            row.methods.all().delete()
            for position, method in enumerate(values["methods"]):
                ContactMethod.objects.create(contact=row, position=position, **method)
        return row

    def connect(self, row: EscalationContact, values: Values) -> None:
        if "members" in values:
            row.members.set(all_named(EscalationContact.objects.all(), values["members"], "name"))
        if "backup" in values:
            row.backup = one_named(EscalationContact.objects.all(), values["backup"], "name")
            row.save(update_fields=["backup"])

    def remove(self, row: EscalationContact) -> str:
        return ""


class Hour:
    """A time of day, kept as it is written."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        return BAD if Clock().read(value, path, desk) is BAD else value


class Place:
    """A contact, or a list of those who have one turn together."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if not isinstance(value, list):
            return Ref("contact").read(value, path, desk)
        together = Many(Ref("contact"), at_least=1).read(value, path, desk)
        return together[0] if together is not BAD and len(together) == 1 else together


def _on_the_clock(schedule: Values, path: Path, desk: Desk) -> None:
    """Turn the moments of a schedule's layers into UTC, and how they may be written into how they are kept."""
    zone = ZoneInfo(schedule["timezone"]) if "timezone" in schedule else None
    for position, layer in enumerate(schedule.get("layers", [])):
        here = (*path, "layers", position)
        unit, every = layer["rotation"] if isinstance(layer["rotation"], tuple) else (layer["rotation"], None)
        if every and layer["length"] != 1:
            desk.problem((*here, "length"), "The rotation says how many already; keep `every` or `length`.")
        layer["rotation"], layer["length"] = unit, every or layer["length"]
        layer["first_handoff"] = first_handoff(layer, zone or ZoneInfo("UTC"), here, desk)
        by_start = layer["start"] is not None
        for name in ("start", "handoff"):
            del layer[name]
        for name in ("first_handoff", "from", "until"):
            moment = layer[name]
            if not isinstance(moment, datetime):
                layer[name] = None
            elif moment.tzinfo is None and zone is None:
                text = (
                    "This is local time, and the schedule has no `timezone` here; add it, or an offset such as +01:00."
                )
                desk.problem((*here, "start" if name == "first_handoff" and by_start else name), text)
                layer[name] = None
            else:
                layer[name] = instant_text(instant(moment, zone or ZoneInfo("UTC")))
        if layer["from"] and layer["until"] and layer["until"] <= layer["from"]:
            desk.problem((*here, "until"), "This end is not after `from`.")


class Schedules(Section):
    """Who is on call when: layers of rotations."""

    name, thing, shared, returns = "schedules", "schedule", True, True
    restriction = Entry(
        days=optional(Many(Choice(DAYS), at_least=1), list(DAYS)),
        from_=optional(Hour(), "00:00"),
        to=optional(Hour(), "24:00"),
    )
    layer = Entry(
        name=NAME,
        precedence=optional(Whole(-1000, 1000), 0),
        rotation=optional(Turn(), "weeks"),
        length=optional(Whole(1), 1),
        first_handoff=optional(Moment()),
        start=optional(Moment()),
        handoff=optional(Clock()),
        restrictions=optional(Many(restriction), []),
        members=Many(Place(), at_least=1),
        from_=optional(Moment()),
        until=optional(Moment()),
        shadow=optional(Flag(), False),
        rest=optional(Flag(), False),
    )
    shape = Entry(
        then=_on_the_clock,
        key=Slug(80),
        name=Field(Text(160, line=True), UNSAID),
        timezone=Field(Zone(), UNSAID),
        layers=Field(Many(layer), UNSAID),
    )

    def dump(self, records: dict[str, Values]) -> Any:
        entries = []
        for values in records.values():
            entry = self.shape.trimmed(values)
            if "layers" in entry:
                entry["layers"] = [self.layer.trimmed(layer) for layer in entry["layers"]]
            entries.append(entry)
        return entries

    def rows(self, policy: Policy) -> dict[str, Schedule]:
        return {row.key: row for row in Schedule.objects.all()}

    def present(self, row: Schedule) -> Values:
        return {
            "key": row.key,
            "name": row.name,
            "timezone": row.timezone,
            "layers": [self._layer(layer) for layer in row.layers.order_by("pk")],
        }

    def _layer(self, layer: Layer) -> Values:
        return {
            "name": layer.name,
            "precedence": layer.precedence,
            "rotation": layer.rotation,
            "length": layer.length,
            "first_handoff": instant_text(layer.first_handoff_at) if layer.first_handoff_at else None,
            "restrictions": layer.restrictions,
            "members": _crews(layer),
            "from": instant_text(layer.starts_at) if layer.starts_at else None,
            "until": instant_text(layer.ends_at) if layer.ends_at else None,
            "shadow": layer.shadow,
            "rest": layer.rest,
        }

    def write(self, policy: Policy, row: Schedule | None, values: Values) -> Schedule:
        row = row or Schedule(key=values["key"], name=values["key"])
        row.name, row.timezone = values.get("name", row.name), values.get("timezone", row.timezone)
        row.save()
        if "layers" in values and values["layers"] != [self._layer(layer) for layer in row.layers.order_by("pk")]:
            row.layers.all().delete()
            for said in values["layers"]:
                layer = Layer.objects.create(
                    schedule=row, name=said["name"], precedence=said["precedence"], rotation=said["rotation"],
                    length=said["length"], restrictions=said["restrictions"], shadow=said["shadow"], rest=said["rest"],
                    first_handoff_at=_moment(said["first_handoff"]), starts_at=_moment(said["from"]),
                    ends_at=_moment(said["until"]),
                )  # fmt: skip
                places = [
                    (name, turn if isinstance(crew, list) else None)
                    for turn, crew in enumerate(said["members"])
                    for name in (crew if isinstance(crew, list) else [crew])
                ]
                contacts = all_named(EscalationContact.objects.all(), [name for name, _ in places], "name")
                for position, (contact, (_, turn)) in enumerate(zip(contacts, places, strict=True)):
                    LayerMember.objects.create(layer=layer, contact=contact, position=position, turn=turn)
        return row

    def remove(self, row: Schedule) -> str:
        return ""


def _crews(layer: Layer) -> list[str | list[str]]:
    """The names in hand-off order, those who have one turn together in a list of their own."""
    crews: dict[object, list[str]] = {}
    for place in layer.places.select_related("contact"):
        crews.setdefault(("own", place.pk) if place.turn is None else place.turn, []).append(place.contact.name)
    return [crew[0] if len(crew) == 1 else crew for crew in crews.values()]


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


class Owners(Section):
    """Whose business incidents of a level are."""

    name = "owners"
    shape = Entry(severity=optional(Ref("severity")), contacts=Several(Ref("contact"), at_least=1))

    def key(self, values: Values) -> str:
        return values["severity"] or "every level"

    def rows(self, policy: Policy) -> dict[str, Ownership]:
        return {self.key(self.present(row)): row for row in policy.ownerships.select_related("severity")}

    def present(self, row: Ownership) -> Values:
        return {
            "severity": row.severity.key if row.severity else None,
            "contacts": sorted(row.contacts.values_list("name", flat=True)),
        }

    def write(self, policy: Policy, row: Ownership | None, values: Values) -> Ownership:
        row = row or Ownership(policy=policy)
        row.severity = one_named(policy.severities.all(), values["severity"])
        row.save()
        row.contacts.set(all_named(EscalationContact.objects.all(), values["contacts"], "name"))
        return row


SECTIONS: list[Section] = [Contacts(), Schedules(), Owners()]
