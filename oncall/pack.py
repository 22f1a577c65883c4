"""Sections of a pack that name people: contacts and schedules. Both belong to the house, not to one policy."""

from typing import Any

from policies.models import Policy
from policies.sections import Section, Values, all_named, one_named
from policies.shapes import (
    UNSAID,
    Choice,
    Desk,
    Entry,
    Field,
    Filled,
    Flag,
    Instant,
    Key,
    Many,
    Ref,
    Several,
    Slug,
    Text,
    Whole,
    Zone,
    instant_text,
    optional,
)

from .models import ContactMethod, EscalationContact, Layer, LayerMember, Ownership, Schedule

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


class Schedules(Section):
    """Who is on call when: layers of rotations."""

    name, thing, shared, returns = "schedules", "schedule", True, True
    restriction = Entry(
        days=optional(Many(Choice(DAYS)), list(DAYS)),
        from_=Text(5, line=True),
        to=Text(5, line=True),
    )
    layer = Entry(
        name=NAME,
        precedence=optional(Whole(-1000, 1000), 0),
        rotation=optional(Choice(tuple(Layer.Rotation.values)), "weeks"),
        length=optional(Whole(1), 1),
        first_handoff=Instant(),
        restrictions=optional(Many(restriction), []),
        members=Many(Ref("contact"), at_least=1),
    )
    shape = Entry(
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
            "members": [place.contact.name for place in layer.places.select_related("contact")],
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
                    length=said["length"], restrictions=said["restrictions"],
                    first_handoff_at=said["first_handoff"].replace("Z", "+00:00"),
                )  # fmt: skip
                for position, contact in enumerate(all_named(EscalationContact.objects.all(), said["members"], "name")):
                    LayerMember.objects.create(layer=layer, contact=contact, position=position)
        return row

    def remove(self, row: Schedule) -> str:
        return ""


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
