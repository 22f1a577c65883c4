"""Sections of a pack for declaring and judging: components, types, fields, symptoms; when to think of a rollback."""

from typing import Any

from policies.models import Policy
from policies.sections import Section, Values, all_named, one_named
from policies.shapes import BAD, Choice, Desk, Entry, Filled, Flag, Key, Many, Path, Ref, Several, Text, optional

from .models import IncidentComponent, IncidentField, IncidentType, RollbackPlan, Symptom


class _Ordered(Section):
    """Entries that keep the file's order."""

    model: Any
    plain: tuple[str, ...] = ()

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        values["position"] = position

    def rows(self, policy: Policy) -> dict[str, Any]:
        return {row.key: row for row in self.model.objects.filter(policy=policy).order_by("position", "pk")}

    def present(self, row: Any) -> Values:
        return {name: getattr(row, name) for name in ("key", *self.plain, "position")}

    def write(self, policy: Policy, row: Any, values: Values) -> Any:
        row = row or self.model(policy=policy, key=values["key"])
        for name in (*self.plain, "position"):
            setattr(row, name, values[name])
        self.fill(policy, row, values)
        row.save()
        return row

    def fill(self, policy: Policy, row: Any, values: Values) -> None:
        """Set what is no plain column."""


class Components(_Ordered):
    """Parts of the service; the declare form offers them and the list filters by them."""

    name, thing, model = "components", "component", IncidentComponent
    plain = ("label",)
    shape = Entry(key=Key(80, spaces=True), label=optional(Text(120, line=True), ""))


class Types(_Ordered):
    """Kinds of incident."""

    name, thing, model = "incident_types", "incident type", IncidentType
    plain = ("label", "description", "component")
    shape = Entry(
        key=Key(80),
        label=optional(Text(120, line=True), ""),
        description=optional(Text(), ""),
        severity=optional(Ref("severity")),
        component=optional(Ref("component"), ""),
    )

    def present(self, row: IncidentType) -> Values:
        return {**super().present(row), "severity": row.severity.key if row.severity else None}

    def fill(self, policy: Policy, row: IncidentType, values: Values) -> None:
        row.severity = one_named(policy.severities.all(), values["severity"])


def _choices_fit(values: Values, path: Path, desk: Desk) -> None:
    if (values["kind"] == "choice") != bool(values["choices"]):
        words = (
            "A field of kind choice needs `choices`." if values["kind"] == "choice" else "Only a choice has choices."
        )
        desk.problem((*path, "choices") if values["choices"] else path, words)


class Fields(_Ordered):
    """What else is asked of whoever declares."""

    name, model = "incident_fields", IncidentField
    plain = ("label", "kind", "choices", "required", "types", "help")
    shape = Entry(
        _choices_fit,
        key=Key(80),
        label=optional(Text(160, line=True), ""),
        kind=optional(Choice(tuple(IncidentField.Kind.values)), "text"),
        choices=optional(Many(Text(120, line=True, empty=False)), []),
        required=optional(Flag(), False),
        types=optional(Several(Ref("incident type")), []),
        help=optional(Text(250, line=True), ""),
    )


class Symptoms(_Ordered):
    """The symptom table: what is seen -> level and playbook."""

    name, thing, model = "triage", "symptom", Symptom
    plain = ("label", "description", "component", "type", "playbook", "rules")
    shape = Entry(
        key=Key(80),
        label=Text(250, line=True, empty=False),
        description=optional(Text(), ""),
        severity=optional(Ref("severity")),
        component=optional(Ref("component"), ""),
        type=optional(Ref("incident type"), ""),
        playbook=optional(Ref("runbook"), ""),
        rules=optional(Several(Ref("rule")), []),
    )

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        super().complete(values, position, path, desk)
        if values["severity"] is None and not values["rules"]:
            desk.problem(path, "This symptom proposes no level: name its `severity`, or `rules` that fire at one.")

    def present(self, row: Symptom) -> Values:
        return {**super().present(row), "severity": row.severity.key if row.severity else None}

    def fill(self, policy: Policy, row: Symptom, values: Values) -> None:
        row.severity = one_named(policy.severities.all(), values["severity"])


class Rollback(Section):
    """`rollback:`, one mapping: how soon after a deploy an incident makes one think of taking it back."""

    name = "rollback"
    shape = Entry(within=Filled(80), severities=optional(Several(Ref("severity")), []))

    def key(self, values: Values) -> str:
        return "rollback"

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        from policies.durations import BadDuration, parse_duration

        values = self.shape.read(value, path, desk)
        if values is BAD:
            return {}
        if "${" not in values["within"]:
            try:
                parse_duration(values["within"])
            except BadDuration as error:
                desk.problem((*path, "within"), str(error))
                return {}
        return {"rollback": values}

    def dump(self, records: dict[str, Values]) -> Any:
        return self.shape.trimmed(records["rollback"])

    def rows(self, policy: Policy) -> dict[str, RollbackPlan]:
        row = RollbackPlan.objects.filter(policy=policy).first() if policy.pk else None
        return {"rollback": row} if row else {}

    def present(self, row: RollbackPlan) -> Values:
        return {"within": row.within, "severities": sorted(row.severities.values_list("key", flat=True))}

    def write(self, policy: Policy, row: RollbackPlan | None, values: Values) -> RollbackPlan:
        row = row or RollbackPlan(policy=policy)
        row.within = values["within"]
        row.save()
        row.severities.set(all_named(policy.severities.all(), values["severities"]))
        return row


SECTIONS: list[Section] = [Components(), Types(), Fields(), Symptoms(), Rollback()]
