"""Sections of a pack about the people of an incident and whom it hurts: its roles, and what follows from its impact."""

from typing import Any

from oncall.models import EscalationContact, Schedule
from policies.models import Policy
from policies.sections import Section, Values, all_named, length_of, length_text, one_named
from policies.shapes import (
    BAD,
    Choice,
    Desk,
    Entry,
    Filled,
    Key,
    Length,
    Many,
    Path,
    Ref,
    Several,
    Text,
    optional,
)

from .models import ImpactPrompt, RolePlan


class Roles(Section):
    """Which roles an incident has, in this order, who usually takes them and what they have to do."""

    name, thing = "roles", "role"
    shape = Entry(
        key=Key(40, spaces=True),
        label=optional(Text(80, line=True), ""),
        description=optional(Text(), ""),
        severities=optional(Several(Ref("severity")), []),
        contacts=optional(Several(Ref("contact")), []),
        schedule=optional(Ref("schedule")),
        assign=optional(Choice(tuple(RolePlan.Assign.values)), "ask"),
        backup=optional(Several(Ref("contact")), []),
        tasks=optional(Many(Text(250, line=True, empty=False)), []),
    )

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        values["position"] = position
        if values["key"] != values["key"].lower():
            desk.problem((*path, "key"), f"Write the role in small letters: {values['key'].lower()}.")
        if values["assign"] == "on_call" and not (values["contacts"] or values["schedule"]):
            desk.problem((*path, "assign"), "Nobody is named who could be given this role; add schedule or contacts.")

    def rows(self, policy: Policy) -> dict[str, RolePlan]:
        return {row.key: row for row in policy.role_plans.select_related("schedule").order_by("position", "pk")}

    def present(self, row: RolePlan) -> Values:
        return {
            "key": row.key,
            "label": row.label,
            "description": row.description,
            "severities": sorted(row.severities.values_list("key", flat=True)),
            "contacts": sorted(row.contacts.values_list("name", flat=True)),
            "schedule": row.schedule.key if row.schedule else None,
            "assign": row.assign,
            "backup": sorted(row.backups.values_list("name", flat=True)),
            "tasks": row.tasks,
            "position": row.position,
        }

    def write(self, policy: Policy, row: RolePlan | None, values: Values) -> RolePlan:
        row = row or RolePlan(policy=policy, key=values["key"])
        row.label, row.description, row.position = values["label"], values["description"], values["position"]
        row.schedule = one_named(Schedule.objects.all(), values["schedule"])
        row.assign, row.tasks = values["assign"], values["tasks"]
        row.save()
        row.severities.set(all_named(policy.severities.all(), values["severities"]))
        row.contacts.set(all_named(EscalationContact.objects.all(), values["contacts"], "name"))
        row.backups.set(all_named(EscalationContact.objects.all(), values["backup"], "name"))
        return row


def _whole_prompt(values: Values, path: Path, desk: Desk) -> None:
    if values["when"] == "lasts" and not values["after"]:
        desk.problem((*path, "after"), "After how long? Add `after`, for example after: 30m.")
    if not (values["role"] or values["contacts"] or values["tells"]):
        desk.problem(path, "This prompt reaches nobody; name a role, contacts or tells.")


class Impact(Section):
    """`impact:`, one mapping: how wide harm can be, and whom it brings in when it lasts or widens."""

    name = "impact"
    prompt = Entry(
        _whole_prompt,
        when=optional(Choice(tuple(ImpactPrompt.When.values)), "lasts"),
        after=optional(Length()),
        severities=optional(Several(Ref("severity")), []),
        role=optional(Text(40, line=True), ""),
        contacts=optional(Several(Ref("contact")), []),
        tells=optional(Several(Ref("contact")), []),
        text=optional(Filled(250), ""),
    )
    shape = Entry(
        scopes=optional(Many(Text(80, line=True, empty=False)), []),
        prompts=optional(Many(prompt), []),
    )

    def key(self, values: Values) -> str:
        return "impact"

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        values = self.shape.read(value, path, desk)
        return {} if values is BAD else {"impact": values}

    def dump(self, records: dict[str, Values]) -> Any:
        values = self.shape.trimmed(records["impact"])
        if "prompts" in values:
            values["prompts"] = [self.prompt.trimmed(prompt) for prompt in values["prompts"]]
        return values

    def rows(self, policy: Policy) -> dict[str, Policy]:
        if not policy.pk or not (policy.impact_scopes or policy.impact_prompts.exists()):
            return {}
        return {"impact": policy}

    def present(self, row: Policy) -> Values:
        return {"scopes": row.impact_scopes, "prompts": [self._prompt(p) for p in row.impact_prompts.all()]}

    def _prompt(self, row: ImpactPrompt) -> Values:
        return {
            "when": row.when,
            "after": length_text(row.after) if row.after else None,
            "severities": sorted(row.severities.values_list("key", flat=True)),
            "role": row.role,
            "contacts": sorted(row.contacts.values_list("name", flat=True)),
            "tells": sorted(row.tells.values_list("name", flat=True)),
            "text": row.text,
        }

    def write(self, policy: Policy, row: Policy | None, values: Values) -> Policy:
        policy.impact_scopes = values["scopes"]
        policy.save(update_fields=["impact_scopes"])
        if values["prompts"] == self.present(policy)["prompts"]:
            return policy
        policy.impact_prompts.filter(position__gte=len(values["prompts"])).delete()
        for position, said in enumerate(values["prompts"]):  # the rows stay, for incidents whose clock runs on them
            prompt, _ = ImpactPrompt.objects.get_or_create(policy=policy, position=position)
            prompt.when, prompt.role, prompt.text = said["when"], said["role"], said["text"]
            prompt.after = length_of(said["after"] or "0s")
            prompt.save()
            prompt.severities.set(all_named(policy.severities.all(), said["severities"]))
            prompt.contacts.set(all_named(EscalationContact.objects.all(), said["contacts"], "name"))
            prompt.tells.set(all_named(EscalationContact.objects.all(), said["tells"], "name"))
        return policy

    def remove(self, row: Policy) -> str:
        row.impact_scopes = []
        row.save(update_fields=["impact_scopes"])
        row.impact_prompts.all().delete()
        return "removed"
