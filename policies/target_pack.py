"""Sections of a pack about time and money: how long each response may take, and what an incident costs."""

from decimal import Decimal, InvalidOperation
from typing import Any

from .models import Anchor, CalendarTerm, Pause, Policy, TargetKind, TargetPlan, Who
from .sections import Section, Values, length_of, length_text, one_named
from .shapes import BAD, Choice, Desk, Entry, Length, Path, Ref, Several, Text, optional, shown

ROLES = ("commander", "communications", "first responder")
"""The roles an incident has when its policy names none."""
ANYBODY = "anybody"


class _Within:
    """A length of time, or a term of the calendar."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if value in CalendarTerm.values:
            return value
        if isinstance(value, str) and value and not value[0].isdigit():
            return desk.problem(
                path, f"There is no term {value!r}; allowed: a length such as 5m, {', '.join(CalendarTerm.values)}."
            )
        return Length().read(value, path, desk)


class _Who:
    """Whose response counts: a word for a group of people, or the key of a role."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        value = Text(40, line=True, empty=False).read(value, path, desk)
        if value is BAD or value == ANYBODY or value in Who.values:
            return value
        desk.names.setdefault("role", set()).update(ROLES, [ANYBODY, *filter(None, Who.values)])
        desk.references.append(("role", value, path))
        return value


def _one_scope(values: Values, path: Path, desk: Desk) -> None:
    if values["severity"] and values["class"]:
        desk.problem(path, "A target is for a severity or for a class, not for both; write two entries.")
    if values["kind"] == TargetKind.APPOINT and not values["role"]:
        desk.problem(path, "Which role is to be appointed? Add `role`, for example role: commander.")
    if values["pause_while"] and values["within"] in CalendarTerm.values:
        desk.problem((*path, "pause_while"), f"{values['within']} is a day of the calendar and cannot pause.")


class Targets(Section):
    """How long each kind of response may take, for a level, a class or all."""

    name = "targets"
    shape = Entry(
        _one_scope,
        severity=optional(Ref("severity")),
        class_=optional(Ref("class")),
        kind=Choice(tuple(TargetKind.values), {"ack": "acknowledge"}),
        within=_Within(),
        calendar=optional(Ref("calendar")),
        anchor=optional(Choice(tuple(Anchor.values)), "detected"),
        role=optional(Text(40, line=True), ""),
        who=optional(_Who(), ANYBODY),
        pause_while=optional(Several(Choice(tuple(Pause.values))), []),
        warn_before=optional(Length(positive=True)),
    )

    def key(self, values: Values) -> str:
        scope = values["severity"] or (f"class {values['class']}" if values["class"] else "every level")
        return f"{scope} {values['kind']}" + (f" by {values['role']}" if values["role"] else "")

    def rows(self, policy: Policy) -> dict[str, TargetPlan]:
        rows = policy.target_plans.select_related("severity", "alert_class", "calendar").order_by("pk")
        return {self.key(self.present(row)): row for row in rows}

    def present(self, row: TargetPlan) -> Values:
        return {
            "severity": row.severity.key if row.severity else None,
            "class": row.alert_class.key if row.alert_class else None,
            "kind": row.kind,
            "within": row.term or length_text(row.within),
            "calendar": row.calendar.key if row.calendar else None,
            "anchor": row.anchor,
            "role": row.role,
            "who": row.who or ANYBODY,
            "pause_while": sorted(row.pauses),
            "warn_before": length_text(row.warn_before),
        }

    def write(self, policy: Policy, row: TargetPlan | None, values: Values) -> TargetPlan:
        row = row or TargetPlan(policy=policy)
        row.severity = one_named(policy.severities.all(), values["severity"])
        row.alert_class = one_named(policy.classes.all(), values["class"])
        is_term = values["within"] in CalendarTerm.values
        row.term = values["within"] if is_term else ""
        row.within = None if is_term else length_of(values["within"])
        row.calendar = one_named(policy.calendars.all(), values["calendar"])
        row.kind, row.anchor, row.role = values["kind"], values["anchor"], values["role"]
        row.who = "" if values["who"] == ANYBODY else values["who"]
        row.pauses, row.warn_before = values["pause_while"], length_of(values["warn_before"])
        row.save()
        return row


class _Amount:
    """Money: a number, not negative, kept as text with two decimals."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        try:
            amount = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount < 0 or amount >= 10**10:
            return desk.problem(path, f"{shown(value)} is no amount; allowed: a number such as 80 or 12.50.")
        return f"{amount:.2f}"


class Cost(Section):
    """`cost:`, one mapping: what an hour of a responder and a minute of affected customers cost."""

    name = "cost"
    shape = Entry(
        currency=Text(3, line=True, empty=False),
        responder_hour=optional(_Amount(), "0.00"),
        impact_minute=optional(_Amount(), "0.00"),
    )

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        values = self.shape.read(value, path, desk)
        return {} if values is BAD else {"cost": values}

    def key(self, values: Values) -> str:
        return "cost"

    def dump(self, records: dict[str, Values]) -> Any:
        return self.shape.trimmed(records["cost"])

    def rows(self, policy: Policy) -> dict[str, Policy]:
        return {"cost": policy} if policy.pk and policy.cost_currency else {}

    def present(self, row: Policy) -> Values:
        return {
            "currency": row.cost_currency, "responder_hour": f"{row.cost_responder_hour:.2f}",
            "impact_minute": f"{row.cost_impact_minute:.2f}",
        }  # fmt: skip

    def write(self, policy: Policy, row: Policy | None, values: Values) -> Policy:
        policy.cost_currency = values["currency"]
        policy.cost_responder_hour = Decimal(values["responder_hour"])
        policy.cost_impact_minute = Decimal(values["impact_minute"])
        policy.save(update_fields=["cost_currency", "cost_responder_hour", "cost_impact_minute"])
        return policy

    def remove(self, row: Policy) -> str:
        row.cost_currency, row.cost_responder_hour, row.cost_impact_minute = "", Decimal(0), Decimal(0)
        row.save(update_fields=["cost_currency", "cost_responder_hour", "cost_impact_minute"])
        return "removed"
