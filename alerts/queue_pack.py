"""The section `queues` of a pack: which rules' readings show how queues stand."""

from policies.models import Policy
from policies.sections import Section, Values
from policies.shapes import Choice, Desk, Entry, Key, Many, Path, Ref, Text, optional

from .models import QueueCard

PLAIN = ("name", "rules", "queue", "depth", "active", "age", "age_unit", "dead", "position")


class Queues(Section):
    """Cards of queues, in the file's order."""

    name = "queues"
    shape = Entry(
        key=Key(80),
        name=optional(Text(160, line=True), ""),
        rules=Many(Ref("rule"), at_least=1),
        queue=optional(Text(80, line=True, empty=False), "queue"),
        depth=optional(Text(80, line=True, empty=False), "value"),
        active=optional(Text(80, line=True), ""),
        age=optional(Text(80, line=True), ""),
        age_unit=optional(Choice(tuple(QueueCard.Unit.values)), "ms"),
        dead=optional(Text(80, line=True), ""),
    )

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        values["position"] = position

    def rows(self, policy: Policy) -> dict[str, QueueCard]:
        return {row.key: row for row in policy.queue_cards.order_by("position", "pk")}

    def present(self, row: QueueCard) -> Values:
        return {name: getattr(row, name) for name in ("key", *PLAIN)}

    def write(self, policy: Policy, row: QueueCard | None, values: Values) -> QueueCard:
        row = row or QueueCard(policy=policy, key=values["key"])
        for name in PLAIN:
            setattr(row, name, values[name])
        row.save()
        return row


SECTIONS: list[Section] = [Queues()]
