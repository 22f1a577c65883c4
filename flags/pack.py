"""The section `flags` of a pack: which parameters are flags, what they need, and where the application tells them."""

from typing import Any

from policies.models import Policy
from policies.sections import Section, Values
from policies.shapes import Desk, Entry, Filled, Path, Ref, Several, Text, optional

from .models import FeatureFlag


def _one_place(values: Values, path: Path, desk: Desk) -> None:
    if (values["http"] is None) == (values["file"] is None):
        desk.problem(path, "Say one place where the application tells it: `http` or `file`.")


READ = Entry(
    _one_place,
    http=optional(Entry(connection=Ref("connection"), path=optional(Text(500, line=True), ""),
                        json=optional(Text(200, line=True), ""))),
    file=optional(Filled(500)),
)  # fmt: skip


class Flags(Section):
    """Each entry makes a bool parameter of the same name a flag of the register."""

    name, thing = "flags", "flag"
    shape = Entry(
        key=Ref("parameter"),
        label=optional(Text(160, line=True), ""),
        description=optional(Text(), ""),
        requires=optional(Several(Ref("parameter")), []),
        read=optional(READ, {}),
    )

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        values["position"] = position
        if values["read"]:
            values["read"] = _said(values["read"])

    def rows(self, policy: Policy) -> dict[str, FeatureFlag]:
        return {row.key: row for row in policy.flags.select_related("parameter").order_by("position", "pk")}

    def present(self, row: FeatureFlag) -> Values:
        return {
            "key": row.key, "label": row.label, "description": row.description, "requires": sorted(row.requires),
            "read": row.read, "position": row.position,
        }  # fmt: skip

    def write(self, policy: Policy, row: FeatureFlag | None, values: Values) -> FeatureFlag:
        row = row or FeatureFlag(policy=policy, parameter=policy.parameters.get(key=values["key"]))
        if row.read != values["read"]:
            row.read_at, row.read_error = None, ""
            row.parameter.told = row.parameter.told_by = ""
            row.parameter.save(update_fields=["told", "told_by"])
        row.label, row.description, row.requires = values["label"], values["description"], values["requires"]
        row.read, row.position = values["read"], values["position"]
        row.save()
        return row

    def remove(self, row: FeatureFlag) -> str:
        """The application is not asked any more, so what it told last counts no longer."""
        row.parameter.told = row.parameter.told_by = ""
        row.parameter.save(update_fields=["told", "told_by"])
        row.delete()
        return "removed"

    def dump(self, records: dict[str, Values]) -> Any:
        return [self.shape.trimmed(values) for values in records.values()]


def _said(read: Values) -> Values:
    """Only what is said, so that nothing is stored twice in two forms."""
    if read["file"] is not None:
        return {"file": read["file"]}
    return {"http": {name: text for name, text in read["http"].items() if text}}


def check(records: dict[str, dict[str, Values]], base: dict[str, dict[str, Values]], desk: Desk) -> None:
    """Complain of a flag whose parameter is no bool."""
    known = {**base.get("params", {}), **records["params"]}
    for key in records["flags"]:
        kind = known.get(key, {}).get("type", "bool")
        if kind != "bool":
            words = f"{key} is a parameter of type {kind}; a flag is on or off: write `type: bool` in params."
            desk.problem((*desk.places[("flags", key)], "key"), words)


SECTIONS: list[Section] = [Flags()]
