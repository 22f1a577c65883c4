"""Section of a pack about what people are told: templates of updates with their fields, audiences and approvals."""

from typing import Any

from notifications import own_words
from oncall.models import EscalationContact
from policies.models import Policy
from policies.sections import Section, Values, all_named, length_of, length_text
from policies.shapes import Choice, Desk, Entry, Flag, Length, Many, Path, Ref, Several, Slug, Table, Text, optional

from .models import UpdateTemplate
from .update_templates import HAPPENED, OWN

KNOWN = ("status", "start", "impact", "cause", "eta", "estimate", "summary", *sorted(OWN))
STATES = ("operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance")


def _whole(values: Values, path: Path, desk: Desk) -> None:
    """What several fields say together."""
    values["match"] = {name: value for name, value in (values["match"] or {}).items() if value}
    somewhere = values["to"] or values["contacts"] or values["publish"]
    if values["routes"] is None:
        values["routes"] = not somewhere
    if not somewhere and not values["routes"]:
        desk.problem(path, "This update reaches nobody; say to, contacts, routes or publish.")
    if values["component_status"] and not values["publish"]:
        desk.problem((*path, "component_status"), "Only what is published says how components are; add publish: true.")
    if values["approvers"] and not values["approval"]:
        desk.problem((*path, "approvers"), "Nobody need approve it; say how long that may take: approval: 15m.")
    if not (values["text"] or values["fields"] or values["publish"] or somewhere):
        desk.problem(path, "This update says nothing; give it text or fields.")
    for part in ("subject", "text"):
        _fillable(values[part], values["fields"], (*path, part), desk)


def _fillable(template: str, fields: list[str], path: Path, desk: Desk) -> None:
    if not template:
        return
    names = dict.fromkeys([*KNOWN, *fields], "text")
    try:
        own_words.render(template, names)
    except own_words.BadWording as fault:
        desk.problem(path, f"{fault} It may use {', '.join(names)}.")


class Comms(Section):
    """Templates of updates, in the order in which they are offered."""

    name, thing = "comms", "update template"
    shape = Entry(
        _whole,
        key=Slug(40),
        name=optional(Text(120, line=True, empty=False)),
        match=optional(
            Entry(
                severity=optional(Several(Ref("severity")), []),
                labels=optional(Table(Text(500)), {}),
                rules=optional(Several(Ref("rule")), []),
            ),
            {},
        ),
        on=optional(Choice(tuple(HAPPENED)), ""),
        audience=optional(Text(80, line=True), ""),
        to=optional(Several(Ref("destination")), []),
        contacts=optional(Several(Ref("contact")), []),
        routes=optional(Flag()),
        publish=optional(Flag(), False),
        component_status=optional(Choice(STATES), ""),
        subject=optional(Text(250, line=True), ""),
        text=optional(Text(own_words.LONGEST_TEMPLATE), ""),
        fields=optional(Many(Text(40, line=True, empty=False)), []),
        by=optional(Several(Text(40, line=True, empty=False)), []),
        approval=optional(Length(positive=True)),
        approvers=optional(Several(Text(40, line=True, empty=False)), []),
        closing=optional(Flag(), False),
        required=optional(Flag(), False),
        counts=optional(Flag(), True),
    )

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        values["name"] = values["name"] or values["key"].replace("-", " ").replace("_", " ").capitalize()
        values["position"] = position

    def dump(self, records: dict[str, Values]) -> Any:
        return [self.shape.trimmed(values) for values in records.values()]

    def rows(self, policy: Policy) -> dict[str, UpdateTemplate]:
        return {row.key: row for row in policy.update_templates.order_by("position", "pk")}

    def present(self, row: UpdateTemplate) -> Values:
        return {
            "key": row.key,
            "name": row.name,
            "match": {name: value for name, value in row.match.items() if value},
            "on": row.on,
            "audience": row.audience,
            "to": sorted(row.destinations.values_list("key", flat=True)),
            "contacts": sorted(row.contacts.values_list("name", flat=True)),
            "routes": row.routes,
            "publish": row.publish,
            "component_status": row.component_status,
            "subject": row.subject,
            "text": row.text,
            "fields": row.fields,
            "by": row.roles,
            "approval": length_text(row.approval),
            "approvers": row.approvers,
            "closing": row.closing,
            "required": row.required,
            "counts": row.counts,
            "position": row.position,
        }

    def write(self, policy: Policy, row: UpdateTemplate | None, values: Values) -> UpdateTemplate:
        row = row or UpdateTemplate(policy=policy, key=values["key"])
        for name in (
            "name", "position", "match", "on", "audience", "routes", "publish", "component_status", "subject", "text",
            "fields", "approvers", "closing", "required", "counts",
        ):  # fmt: skip
            setattr(row, name, values[name])
        row.roles, row.approval = values["by"], length_of(values["approval"])
        row.save()
        row.destinations.set(all_named(policy.destinations.all(), values["to"]))
        row.contacts.set(all_named(EscalationContact.objects.all(), values["contacts"], "name"))
        return row
