"""`action_items:` of a pack: how long items have, when owners are reminded, and what shows that one did not work."""

from typing import Any

from policies.models import Policy
from policies.sections import Section, Values, length_of, length_text
from policies.shapes import BAD, Choice, Desk, Entry, Length, Path, Several, Table, optional

from .action_models import ActionItem, ActionPlan
from .actions import WATCHED

LENGTHS = ("remind_before", "remind_every", "watch_for")


class ActionItems(Section):
    """One mapping; what it does not say is as the defaults have it."""

    name = "action_items"
    shape = Entry(
        due=optional(Table(Length(positive=True), Choice(tuple(ActionItem.Category.values))), {}),
        remind_before=optional(Length(positive=True)),
        remind_every=optional(Length(positive=True)),
        watch=optional(Several(Choice(WATCHED)), []),
        watch_for=optional(Length(positive=True)),
    )

    def key(self, values: Values) -> str:
        return self.name

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        values = self.shape.read(value, path, desk)
        return {} if values is BAD else {self.name: values}

    def dump(self, records: dict[str, Values]) -> Any:
        return self.shape.trimmed(records[self.name])

    def rows(self, policy: Policy) -> dict[str, ActionPlan]:
        row = ActionPlan.objects.filter(policy=policy).first()
        return {self.name: row} if row else {}

    def present(self, row: ActionPlan) -> Values:
        lengths = {name: length_text(getattr(row, name)) for name in LENGTHS}
        return {"due": row.due, "watch": sorted(row.watch), **lengths}

    def write(self, policy: Policy, row: ActionPlan | None, values: Values) -> ActionPlan:
        row = row or ActionPlan(policy=policy)
        row.due, row.watch = values["due"], values["watch"]
        for name in LENGTHS:
            setattr(row, name, length_of(values[name]))
        row.save()
        return row


SECTIONS: list[Section] = [ActionItems()]
