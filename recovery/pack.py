"""The section of a pack about disasters: what prompts, who decides, where people meet, whom to ring."""

from typing import Any

from policies.models import Policy
from policies.sections import Section, Values, length_of, length_text
from policies.shapes import (
    BAD,
    Choice,
    Desk,
    Entry,
    Filled,
    Flag,
    Key,
    Length,
    Many,
    Path,
    Ref,
    Several,
    Slug,
    Table,
    Text,
    Whole,
    optional,
)

from .bridge import LINKS
from .models import RecoveryPlan

WORDS = Text(500)
CONTACTS, PLACES, LEVELS = Many(Ref("contact")), Many(Ref("destination")), Several(Ref("severity"))


class LengthOrParameter:
    """A length of time, or `${NAME}`: a parameter that holds one."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if isinstance(value, str) and "${" in value:
            return Filled(80).read(value, path, desk)
        return Length(positive=True).read(value, path, desk)


def _one_kind(values: Values, path: Path, desk: Desk) -> None:
    kinds = [name for name in ("active", "threatens", "distinct", "rule") if values[name]]
    if len(kinds) != 1:
        desk.problem(path, "A condition says one thing: active, threatens, distinct or rule.")
        return
    kind = kinds[0]
    needed = {"threatens": ("lead",), "distinct": ("gte",), "rule": ("during",)}.get(kind, ())
    for name in needed:
        if not values[name]:
            desk.problem((*path, name), f"A condition with `{kind}` needs `{name}`, which is missing.")
    if kind != "rule" and not values["severity"]:
        desk.problem((*path, "severity"), f"A condition with `{kind}` needs the level it is for: severity.")
    levels = "-".join(values["during"] or values["severity"])
    # not the words: who only rewrites them does not want to be asked again
    values["key"] = f"{kind}-{values[kind]}-{levels}"[:120]


class Dr(Section):
    """`dr:`, one mapping: the disaster plan of the policy."""

    name = "dr"
    hidden = frozenset({"voice"})
    condition = Entry(
        _one_kind,
        severity=optional(LEVELS, []),
        active=optional(Length(positive=True)),
        threatens=optional(LengthOrParameter()),
        lead=optional(LengthOrParameter()),
        distinct=optional(Key(120)),
        gte=optional(Whole(2, 1000)),
        rule=optional(Ref("rule")),
        during=optional(LEVELS, []),
        text=optional(WORDS, ""),
        prompt=optional(Choice(("activate", "bridge")), "activate"),
    )
    activate = Entry(by=optional(Several(Text(40, line=True)), ["commander"]), automatic=optional(Flag(), False))
    tell = Entry(contacts=optional(CONTACTS, []), destinations=optional(PLACES, []))
    informed = Entry(
        severity=LEVELS,
        destinations=optional(PLACES, []),
        contacts=optional(CONTACTS, []),
        tell=optional(CONTACTS, []),
    )
    bridge = Entry(
        name=optional(Text(120, line=True), "the bridge"),
        webhook=optional(Filled(2000), ""),
        links=optional(Table(Text(60, line=True, empty=False), names=Slug(40)), dict(LINKS)),
    )
    checklist = Entry(
        title=optional(Text(120, line=True), "Activation"),
        document=optional(Text(250, line=True), ""),
        link=optional(Filled(1000), ""),
        role=optional(Text(40, line=True), "commander"),
        items=optional(Many(Text(300, line=True, empty=False)), []),
    )
    shape = Entry(
        name=optional(Text(120, line=True, empty=False), "DR plan"),
        standby=optional(LEVELS, []),
        prompt_when=optional(Many(condition), []),
        activate=optional(activate, {"by": ["commander"], "automatic": False}),
        tell=optional(tell, {"contacts": [], "destinations": []}),
        inform=optional(Many(informed), []),
        bridge=optional(bridge, {"name": "the bridge", "webhook": "", "links": dict(LINKS)}),
        call_tree=optional(CONTACTS, []),
        voice=optional(Filled(2000), ""),
        cadence_max=optional(Length(positive=True)),
        checklist=optional(checklist, {}),
    )

    def key(self, values: Values) -> str:
        return "dr"

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        values = self.shape.read(value, path, desk)
        if values is BAD:
            return {}
        seen: set[str] = set()
        for position, condition in enumerate(values["prompt_when"]):
            if condition["key"] in seen:
                where = (*path, "prompt_when", position)
                desk.problem(where, "This condition stands there twice; remove one.")
            seen.add(condition["key"])
        desk.places[(self.name, "dr")] = path
        return {"dr": values}

    def dump(self, records: dict[str, Values]) -> Any:
        values = self.shape.trimmed(records["dr"])
        parts = {"activate": self.activate, "tell": self.tell, "bridge": self.bridge, "checklist": self.checklist}
        for name, shape in parts.items():
            if name in values:
                values[name] = shape.trimmed(values[name])
        for name, each in (("prompt_when", self.condition), ("inform", self.informed)):
            if name in values:
                values[name] = [each.trimmed(one) for one in values[name]]
        return values

    def rows(self, policy: Policy) -> dict[str, RecoveryPlan]:
        row = RecoveryPlan.objects.filter(policy=policy.pk).first() if policy.pk else None
        return {"dr": row} if row else {}

    def present(self, row: RecoveryPlan) -> Values:
        return {
            "name": row.name, "standby": row.standby, "prompt_when": row.prompts,
            "activate": {"by": row.roles, "automatic": row.automatic},
            "tell": {"contacts": row.tell_contacts, "destinations": row.tell_destinations},
            "inform": row.inform,
            "bridge": {"name": row.bridge_name, "webhook": row.bridge_webhook, "links": row.bridge_links},
            "call_tree": row.call_tree, "voice": row.voice, "cadence_max": length_text(row.cadence_max),
            "checklist": row.checklist,
        }  # fmt: skip

    def write(self, policy: Policy, row: RecoveryPlan | None, values: Values) -> RecoveryPlan:
        row = row or RecoveryPlan(policy=policy)
        row.name, row.standby, row.prompts = values["name"], values["standby"], values["prompt_when"]
        row.roles, row.automatic = values["activate"]["by"], values["activate"]["automatic"]
        row.tell_contacts, row.tell_destinations = values["tell"]["contacts"], values["tell"]["destinations"]
        row.inform, row.call_tree, row.voice = values["inform"], values["call_tree"], values["voice"]
        bridge = values["bridge"]
        row.bridge_name, row.bridge_webhook, row.bridge_links = bridge["name"], bridge["webhook"], bridge["links"]
        row.cadence_max, row.checklist = length_of(values["cadence_max"]), values["checklist"]
        row.save()
        return row


SECTIONS: list[Section] = [Dr()]
