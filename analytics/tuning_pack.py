"""The section `tuning` of a pack, one mapping: by what the policy's rules are judged each month, and who signs that."""

from typing import Any

from oncall.models import EscalationContact
from policies.models import Policy
from policies.sections import Section, Values, all_named, length_of, length_text
from policies.shapes import BAD, Desk, Entry, Flag, Length, Path, Ref, Several, Whole, optional

from .models import TuningPlan


class Tuning(Section):
    """Without it the defaults count."""

    name = "tuning"
    shape = Entry(
        monthly=optional(Flag(), True),
        propose_from=optional(Whole(1, 100), 50),
        at_least=optional(Whole(1, 10_000), 5),
        remind_after=optional(Length(positive=True), "7d"),
        always_after=optional(Length(positive=True), "1d"),
        signers=optional(Several(Ref("contact")), []),
    )

    def key(self, values: Values) -> str:
        return self.name

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        values = self.shape.read(value, path, desk)
        if values is BAD:
            return {}
        desk.places[(self.name, self.name)] = path
        return {self.name: values}

    def dump(self, records: dict[str, Values]) -> Any:
        return next((self.shape.trimmed(values) for values in records.values()), {})

    def rows(self, policy: Policy) -> dict[str, TuningPlan]:
        plan = TuningPlan.objects.filter(policy=policy).first() if policy.pk else None
        return {self.name: plan} if plan else {}

    def present(self, row: TuningPlan) -> Values:
        return {
            "monthly": row.monthly, "propose_from": row.propose_from, "at_least": row.at_least,
            "remind_after": length_text(row.remind_after), "always_after": length_text(row.always_after),
            "signers": sorted(person.name for person in row.signers.all()),
        }  # fmt: skip

    def write(self, policy: Policy, row: TuningPlan | None, values: Values) -> TuningPlan:
        row = row or TuningPlan(policy=policy)
        row.monthly, row.propose_from, row.at_least = values["monthly"], values["propose_from"], values["at_least"]
        row.remind_after, row.always_after = length_of(values["remind_after"]), length_of(values["always_after"])
        row.save()
        row.signers.set(all_named(EscalationContact.objects.all(), values["signers"], "name"))
        return row


SECTIONS: list[Section] = [Tuning()]
