"""The section `fatigue` of a pack: how many pages in a while are enough for one person, and what the next one does."""

from oncall.models import EscalationContact
from policies.models import Policy
from policies.sections import Section, Values, all_named, length_of, length_text, one_named
from policies.shapes import Choice, Desk, Entry, Flag, Length, Path, Ref, Several, Slug, Whole, optional

from .models import FatigueLimit


def _whole(values: Values, path: Path, desk: Desk) -> None:
    if values["to"] and values["then"] != "reroute":
        desk.problem((*path, "to"), "A limit that only warns asks nobody else; say `then: reroute`, or leave out `to`.")


class Fatigue(Section):
    """Limits of pages for one person."""

    name = "fatigue"
    shape = Entry(
        _whole,
        key=Slug(80),
        pages=Whole(1, 1000),
        within=optional(Length(positive=True), "1d"),
        hours=optional(Choice(tuple(FatigueLimit.Hours.values)), "any"),
        then_=optional(Choice(tuple(FatigueLimit.Act.values)), "warn"),
        contact=optional(Ref("contact")),
        to=optional(Ref("contact")),
        severities=optional(Several(Ref("severity")), []),
        tells=optional(Several(Ref("contact")), []),
        enabled=optional(Flag(), True),
    )

    def rows(self, policy: Policy) -> dict[str, FatigueLimit]:
        if not policy.pk:
            return {}
        return {row.key: row for row in policy.fatigue_limits.select_related("contact", "to").order_by("key")}

    def present(self, row: FatigueLimit) -> Values:
        return {
            "key": row.key,
            "pages": row.pages,
            "within": length_text(row.within),
            "hours": row.hours,
            "then": row.act,
            "contact": row.contact.name if row.contact else None,
            "to": row.to.name if row.to else None,
            "severities": sorted(row.severities.values_list("key", flat=True)),
            "tells": sorted(row.tells.values_list("name", flat=True)),
            "enabled": row.enabled,
        }

    def write(self, policy: Policy, row: FatigueLimit | None, values: Values) -> FatigueLimit:
        row = row or FatigueLimit(policy=policy, key=values["key"])
        people = EscalationContact.objects.all()
        row.pages, row.within, row.hours = values["pages"], length_of(values["within"]), values["hours"]
        row.act, row.enabled = values["then"], values["enabled"]
        row.contact = one_named(people, values["contact"], "name")
        row.to = one_named(people, values["to"], "name")
        row.save()
        row.severities.set(all_named(policy.severities.all(), values["severities"]))
        row.tells.set(all_named(people, values["tells"], "name"))
        return row
