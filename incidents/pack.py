"""Sections of a pack about what incidents do: the gates before a move, and who is asked in which order."""

from typing import Any

from oncall.models import EscalationContact, Schedule
from policies.models import GatePlan, Policy
from policies.sections import Section, Values, all_named, length_of, length_text, one_named
from policies.shapes import (
    BAD,
    Choice,
    Desk,
    Entry,
    Filled,
    Length,
    Many,
    Path,
    Ref,
    Several,
    Slug,
    Table,
    Text,
    Whole,
    allowed,
    optional,
)

from .gates import CHECKS, TIMED
from .models import EscalationPolicy, EscalationStep, Status
from .models.escalation import Asks, Condition, Hours, OnRise, Since
from .room_pack import Impact, Roles
from .update_pack import Comms

GUARDED = (Status.ACKNOWLEDGED, Status.MITIGATED, Status.RESOLVED, Status.CLOSED)


class _Requirement:
    """The name of a check that some room has registered, or one with a length of time: `{quiet: 10m}`."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in TIMED:
            word, length = next(iter(value.items()))
            length = Length(positive=True).read(length, (*path, word), desk)
            return BAD if length is BAD else f"{word} {length}"
        if isinstance(value, str) and value.partition(" ")[0] in TIMED and " " in value:
            return value  # as an export writes it
        if not isinstance(value, str) or value not in CHECKS:
            return desk.problem(path, f"There is no check {value!r}{allowed(value, CHECKS)}")
        return value


class Gates(Section):
    """What must hold before an incident may reach a status."""

    name = "gates"
    shape = Entry(
        to=Choice(tuple(str(status) for status in GUARDED)),
        severities=optional(Several(Ref("severity")), []),
        role=optional(Text(40, line=True), ""),
        require=optional(Several(_Requirement()), []),
    )

    def key(self, values: Values) -> str:
        levels = f" of {', '.join(values['severities'])}" if values["severities"] else ""
        return f"to {values['to']}{levels}"

    def rows(self, policy: Policy) -> dict[str, GatePlan]:
        return {self.key(self.present(row)): row for row in policy.gates.all()}

    def present(self, row: GatePlan) -> Values:
        levels = sorted(row.severities.values_list("key", flat=True))
        return {"to": row.to, "severities": levels, "role": row.role, "require": sorted(row.require)}

    def write(self, policy: Policy, row: GatePlan | None, values: Values) -> GatePlan:
        row = row or GatePlan(policy=policy)
        row.to, row.role, row.require = values["to"], values["role"], values["require"]
        row.save()
        row.severities.set(all_named(policy.severities.all(), values["severities"]))
        return row


def _whole_step(values: Values, path: Path, desk: Desk) -> None:
    if not any(values[name] for name in ("schedule", "contacts", "destinations", "prompt")):
        desk.problem(path, "This step asks nobody; name a schedule, contacts, destinations or a prompt.")
    if bool(values["hours"]) != bool(values["calendar"]):
        desk.problem(path, "The hours of a step need both: `hours` (inside, outside) and `calendar`.")
    if bool(values["repeat"]) != bool(values["repeat_every"]):
        desk.problem(path, "A step that repeats needs both: `repeat` (how often) and `repeat_every` (a length).")
    if values["asks"] != "everybody" and not (values["schedule"] or values["contacts"]):
        desk.problem((*path, "asks"), f"Nobody is named of whom {values['asks']} could be asked; name contacts.")


class Escalations(Section):
    """Who is asked in which order; the first that takes the incident's level counts."""

    name, thing = "escalations", "escalation"
    step = Entry(
        _whole_step,
        after=optional(Length(), "0s"),
        since=optional(Choice(tuple(Since.values)), "start"),
        if_=optional(Choice(tuple(Condition.values)), "unacked"),
        at_least=optional(Ref("severity")),
        hours=optional(Choice(tuple(Hours.values)), ""),
        calendar=optional(Ref("calendar")),
        match=optional(
            Entry(
                severity=optional(Several(Ref("severity")), []),
                labels=optional(Table(Text(500)), {}),
                rules=optional(Several(Ref("rule")), []),
            ),
            {},
        ),
        repeat=optional(Whole(0, 100), 0),
        repeat_every=optional(Length(positive=True)),
        asks=optional(Choice(tuple(Asks.values)), "everybody"),
        schedule=optional(Ref("schedule")),
        contacts=optional(Several(Ref("contact")), []),
        destinations=optional(Several(Ref("destination")), []),
        prompt=optional(Filled(250), ""),
    )
    shape = Entry(
        key=Slug(80),
        name=optional(Text(160, line=True)),
        severities=optional(Several(Ref("severity")), []),
        repeat=optional(Whole(0, 100), 0),
        repeat_after=optional(Length(positive=True)),
        catch_all=optional(Ref("contact")),
        ack_timeout=optional(Length(positive=True)),
        on_rise=optional(Choice(tuple(OnRise.values)), "unacked"),
        steps=Many(step, at_least=1),
    )

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        values["name"] = values["name"] or values["key"]
        values["position"] = position
        for step in values["steps"]:
            step["match"] = {name: value for name, value in step["match"].items() if value}
        owner = EscalationPolicy.objects.filter(key=values["key"]).select_related("policy").first()
        if owner and owner.policy and owner.policy.key not in desk.names.get("own policy", set()):
            desk.problem(
                (*path, "key"),
                f"The policy {owner.policy.key} has an escalation {values['key']!r}; choose another key.",
            )

    def dump(self, records: dict[str, Values]) -> Any:
        entries = [self.shape.trimmed(values) for values in records.values()]
        for entry in entries:
            entry["steps"] = [self.step.trimmed(step) for step in entry["steps"]]
        return entries

    def rows(self, policy: Policy) -> dict[str, EscalationPolicy]:
        return {row.key: row for row in policy.escalation_policies.order_by("position", "pk")}

    def present(self, row: EscalationPolicy) -> Values:
        return {
            "key": row.key,
            "name": row.name,
            "severities": sorted(row.severities.values_list("key", flat=True)),
            "repeat": row.repeat,
            "repeat_after": length_text(row.repeat_after),
            "catch_all": row.catch_all.name if row.catch_all else None,
            "ack_timeout": length_text(row.ack_timeout),
            "on_rise": row.on_rise,
            "steps": [
                self._step(step)
                for step in row.steps.select_related("schedule", "at_least", "calendar").order_by("position", "pk")
            ],
            "position": row.position,
        }

    def _step(self, step: EscalationStep) -> Values:
        return {
            "after": length_text(step.after),
            "since": step.since,
            "if": step.condition,
            "at_least": step.at_least.key if step.at_least else None,
            "hours": step.hours,
            "calendar": step.calendar.key if step.calendar else None,
            "match": {name: value for name, value in step.match.items() if value},
            "repeat": step.repeat,
            "repeat_every": length_text(step.repeat_every),
            "asks": step.asks,
            "schedule": step.schedule.key if step.schedule else None,
            "contacts": sorted(step.contacts.values_list("name", flat=True)),
            "destinations": sorted(step.destinations.values_list("key", flat=True)),
            "prompt": step.prompt,
        }

    def write(self, policy: Policy, row: EscalationPolicy | None, values: Values) -> EscalationPolicy:
        row = row or EscalationPolicy(policy=policy, key=values["key"])
        row.name, row.position, row.repeat = values["name"], values["position"], values["repeat"]
        row.repeat_after = length_of(values["repeat_after"])
        row.ack_timeout, row.on_rise = length_of(values["ack_timeout"]), values["on_rise"]
        row.catch_all = one_named(EscalationContact.objects.all(), values["catch_all"], "name")
        row.save()
        row.severities.set(all_named(policy.severities.all(), values["severities"]))
        if values["steps"] != self.present(row)["steps"]:
            row.steps.all().delete()
            for position, said in enumerate(values["steps"]):
                step = EscalationStep.objects.create(
                    policy=row, position=position, after=length_of(said["after"]), since=said["since"],
                    condition=said["if"], at_least=one_named(policy.severities.all(), said["at_least"]),
                    hours=said["hours"], calendar=one_named(policy.calendars.all(), said["calendar"]),
                    match=said["match"], repeat=said["repeat"], repeat_every=length_of(said["repeat_every"]),
                    asks=said["asks"], schedule=one_named(Schedule.objects.all(), said["schedule"]),
                    prompt=said["prompt"],
                )  # fmt: skip
                step.contacts.set(all_named(EscalationContact.objects.all(), said["contacts"], "name"))
                step.destinations.set(all_named(policy.destinations.all(), said["destinations"]))
        return row


SECTIONS: list[Section] = [Gates(), Escalations(), Roles(), Impact(), Comms()]
