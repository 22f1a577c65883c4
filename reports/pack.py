"""The section of a pack about reports: kinds of documents with a title and named parts, all templates in Markdown."""

from typing import Any

from oncall.models import EscalationContact
from policies.models import Policy
from policies.sections import Section, Values, all_named
from policies.shapes import Choice, Desk, Entry, Filled, Many, Path, Ref, Several, Slug, Text, Zone, optional

from . import engine
from .engine import LONGEST_TEMPLATE
from .languages import LANGUAGES
from .models import ReportPart, ReportTemplate
from .sample import values as sample

WHEN = ("resolved", "closed", "approved")


def _whole(values: Values, path: Path, desk: Desk) -> None:
    """Every template is filled once, with an incident that holds everything, and once with one that holds nothing."""
    _fillable(values["title"], (*path, "title"), desk)
    keys: set[str] = set()
    for place, part in enumerate(values["parts"]):
        where = (*path, "parts", place)
        if part["key"] in keys:
            desk.problem((*where, "key"), f"There are two parts {part['key']!r}; remove or rename one.")
        keys.add(part["key"])
        _fillable(part["text"], (*where, "text"), desk)
    if (values["contacts"] or values["to"]) and not values["store_on"]:
        desk.problem(path, "It is sent when a version is stored by itself; say when: store_on: [closed].")


def _fillable(template: str, path: Path, desk: Desk) -> None:
    try:
        for full in (True, False):
            engine.check(template, sample(full=full))
    except engine.BadTemplate as fault:
        desk.problem(path, str(fault))


class ReportsSection(Section):
    """`reports:`, a list in the order in which they are offered."""

    name, thing = "reports", "report"
    shape = Entry(
        _whole,
        key=Slug(40),
        name=optional(Text(120, line=True, empty=False)),
        language=optional(Choice(LANGUAGES), ""),
        timezone=optional(Zone(), ""),
        title=Text(250, line=True, empty=False),
        parts=Many(
            Entry(key=Slug(40), title=optional(Text(120, line=True), ""), text=Text(LONGEST_TEMPLATE, empty=False))
        ),
        place=optional(Entry(name=Text(120, line=True, empty=False), url=optional(Filled(500), "")), None),
        store_on=optional(Several(Choice(WHEN)), []),
        contacts=optional(Several(Ref("contact")), []),
        to=optional(Several(Ref("destination")), []),
    )

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        values["name"] = values["name"] or values["key"].replace("-", " ").replace("_", " ").capitalize()
        values["position"] = position
        if not values["parts"]:
            desk.problem((*path, "parts"), "A report needs at least one part.")

    def dump(self, records: dict[str, Values]) -> Any:
        return [self.shape.trimmed(values) for values in records.values()]

    def rows(self, policy: Policy) -> dict[str, ReportTemplate]:
        rows = policy.report_templates.prefetch_related("parts").order_by("position", "pk")
        return {row.key: row for row in rows}

    def present(self, row: ReportTemplate) -> Values:
        return {
            "key": row.key, "name": row.name, "language": row.language, "timezone": row.timezone, "title": row.title,
            "parts": [{"key": part.key, "title": part.title, "text": part.text} for part in row.parts.all()],
            "place": {"name": row.place_name, "url": row.place_url} if row.place_name else None,
            "store_on": row.store_on,
            "contacts": sorted(row.contacts.values_list("name", flat=True)),
            "to": sorted(row.destinations.values_list("key", flat=True)),
            "position": row.position,
        }  # fmt: skip

    def write(self, policy: Policy, row: ReportTemplate | None, values: Values) -> ReportTemplate:
        row = row or ReportTemplate(policy=policy, key=values["key"])
        for name in ("name", "position", "language", "timezone", "title", "store_on"):
            setattr(row, name, values[name])
        place = values["place"] or {"name": "", "url": ""}
        row.place_name, row.place_url = place["name"], place["url"]
        row.save()
        row.parts.all().delete()
        for position, part in enumerate(values["parts"]):
            ReportPart.objects.create(template=row, position=position, **part)
        row.contacts.set(all_named(EscalationContact.objects.all(), values["contacts"], "name"))
        row.destinations.set(all_named(policy.destinations.all(), values["to"]))
        return row


SECTIONS: list[Section] = [ReportsSection()]
