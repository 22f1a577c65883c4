"""Section of a pack about the status page: what readers know the service by."""

from typing import Any

from policies.models import Policy
from policies.sections import Section, Values
from policies.shapes import Desk, Entry, Path, Several, Slug, Table, Text, optional

from .models import Component


class _Wanted:
    """What a label has to be: one text, or any of several; kept as a list."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        return Several(Text(500, line=True)).read(value, path, desk)


class Components(Section):
    """Components of the status page, in their order."""

    name, thing, strict = "status_page", "component", True
    shape = Entry(
        key=Slug(80),
        name=optional(Text(120, line=True, empty=False)),
        group=optional(Text(120, line=True), ""),
        description=optional(Text(250, line=True), ""),
        services=optional(Several(Slug(80)), []),
        labels=optional(Table(_Wanted()), {}),
    )

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        values["name"] = values["name"] or values["key"].replace("-", " ").replace("_", " ").capitalize()
        values["position"] = position
        owner = Component.objects.filter(key=values["key"]).select_related("policy").first()
        if owner and (owner.policy is None or owner.policy.key not in desk.names.get("own policy", set())):
            whose = f"The policy {owner.policy.key} has" if owner.policy else "The status page has"
            desk.problem((*path, "key"), f"{whose} a component {values['key']!r} already; choose another key.")

    def rows(self, policy: Policy) -> dict[str, Component]:
        return {row.key: row for row in policy.components.order_by("position", "pk")} if policy.pk else {}

    def present(self, row: Component) -> Values:
        names = ("key", "name", "group", "description", "services", "labels", "position")
        return {name: getattr(row, name) for name in names}

    def write(self, policy: Policy, row: Component | None, values: Values) -> Component:
        row = row or Component(policy=policy, key=values["key"])
        for name in ("name", "group", "description", "services", "labels", "position"):
            setattr(row, name, values[name])
        row.save()
        return row


SECTIONS: list[Section] = [Components()]
