"""The section `readiness` of a pack: what must hold before a service counts as ready."""

from typing import Any

from policies.models import Policy
from policies.sections import Section, Values
from policies.shapes import Choice, Desk, Entry, Key, Many, Path, Ref, Several, Text, optional

from .models import ReadinessItem

PLAIN = ("text", "commands", "needs", "rules", "levels", "shows", "requires", "drill", "position")
DRILL = Entry(
    counts=optional(Ref("rule"), ""),
    field=optional(Text(80, line=True, empty=False), "value"),
    probe=optional(Ref("rule"), ""),
)


def _one_way(values: Values, path: Path, desk: Desk) -> None:
    live = bool(values["rules"] or values["requires"])
    if live and (values["drill"] or values["needs"] != "nothing"):
        desk.problem(path, "An item with `rules` or `requires` is looked at live; it has neither `needs` nor `drill`.")
    if values["shows"] and not values["rules"]:
        desk.problem((*path, "shows"), "Only an item with `rules` has a reading to show.")
    if values["levels"] and not values["rules"]:
        desk.problem((*path, "levels"), "Only an item with `rules` has levels.")


class Readiness(Section):
    """The items of the checklist, in the file's order."""

    name = "readiness"
    shape = Entry(
        _one_way,
        key=Key(80),
        text=Text(2000, empty=False),
        command=optional(Many(Text(2000, empty=False)), []),
        needs=optional(Choice(tuple(ReadinessItem.Needs.values)), "nothing"),
        rules=optional(Several(Ref("rule")), []),
        levels=optional(Several(Ref("severity")), []),
        shows=optional(Text(80, line=True), ""),
        requires=optional(Several(Ref("parameter")), []),
        drill=optional(DRILL, {}),
    )

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        values["position"] = position
        values["drill"] = {name: text for name, text in values["drill"].items() if text}

    def rows(self, policy: Policy) -> dict[str, ReadinessItem]:
        return {row.key: row for row in policy.readiness_items.order_by("position", "pk")}

    def present(self, row: ReadinessItem) -> Values:
        values = {name: getattr(row, name) for name in ("key", *PLAIN)}
        return {**values, "command": values.pop("commands")}

    def write(self, policy: Policy, row: ReadinessItem | None, values: Values) -> ReadinessItem:
        row = row or ReadinessItem(policy=policy, key=values["key"])
        for name in PLAIN:
            setattr(row, name, values["command" if name == "commands" else name])
        row.save()
        return row

    def dump(self, records: dict[str, Values]) -> Any:
        return [self.shape.trimmed(values) for values in records.values()]


SECTIONS: list[Section] = [Readiness()]
