"""Sections of a pack that say what to do: runbooks, checklists, and the calls a person may send out."""

from typing import Any

from policies.models import Policy, Service
from policies.sections import Section, Values
from policies.shapes import Desk, Entry, Path, Slug, Text, Whole, allowed, optional

from . import plan
from .models import OutgoingAction, Runbook, RunbookVersion
from .shapes import ACTION, BINDING, LINE, Steps, Worded

TOO_MANY = 200


class Runbooks(Section):
    """Steps that people go through; a changed one is a new version, and runs keep theirs."""

    name, thing, kind = "runbooks", "runbook", Runbook.Kind.RUNBOOK
    shape = Entry(
        key=Slug(80),
        title=LINE,
        book=optional(Text(160, line=True), ""),
        chapter=optional(Text(160, line=True), ""),
        text=optional(Worded()),
        document=optional(Text(200, line=True)),
        link=optional(Worded(line=True, longest=2000)),
        service=optional(Slug(80)),
        order=optional(Whole(0, 99), 50),
        for_=optional(BINDING),
        steps=Steps(),
    )

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        others = set(desk.names.get("runbook own", set()))
        records = super().read(value, path, desk)
        for key in records:
            if key in others:
                desk.problem(desk.places[(self.name, key)], f"A runbook is called {key!r} already; choose another key.")
        desk.names.setdefault("runbook own", set()).update(records)
        return records

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        values["position"] = position
        steps = plan.steps_of(values, self.kind)
        leaves = plan.leaves(steps)
        if len(leaves) > TOO_MANY:
            desk.problem((*path, "steps"), f"There are {len(leaves)} steps; {TOO_MANY} are allowed.")
        keys: set[str] = set()
        every = [one for step in steps for one in (step, *step.items)]
        for step in every:
            if step.key in keys:
                desk.problem((*path, "steps"), f"Two steps have the key {step.key!r}; change one.")
            keys.add(step.key)
        fields = {field["name"] for step in every for field in step.said["ask"] or []}
        for step in every:
            self._check_step(step, keys, fields, (*path, "steps"), desk)

    def _check_step(self, step: plan.Step, keys: set[str], fields: set[str], path: Path, desk: Desk) -> None:
        asked: list[str] = []
        for item in step.said["live"] or []:
            asked += [item["after"]] if item.get("after") else []
        watch = step.said["watch"]
        asked += [watch["from"]] if watch and watch.get("from", "start") not in ("start", "deploy") else []
        asked += [step.said["applies"]["chosen"]] if (step.said["applies"] or {}).get("chosen") else []
        for key in asked:
            if key not in keys:
                desk.problem(path, f"The step {step.number} names a step {key!r}{allowed(key, keys)}")
        for word, name in (("deploy", "commit"), ("silence", "field"), ("lift", "field")):
            said = step.said[word]
            if said and said[name] not in fields:
                desk.problem(path, f"The step {step.number} takes {word} from a field {said[name]!r}"
                                   f"{allowed(said[name], fields)}")  # fmt: skip

    def dump(self, records: dict[str, Values]) -> Any:
        return [self.shape.trimmed(values) for values in records.values()]

    def rows(self, policy: Policy) -> dict[str, Runbook]:
        found = Runbook.objects.filter(policy=policy, kind=self.kind, offered=True) if policy.pk else ()
        return {row.key: row for row in found}

    def present(self, row: Runbook) -> Values:
        return {**self.shape.defaults(), **row.content, "position": row.position}

    def write(self, policy: Policy, row: Runbook | None, values: Values) -> Runbook:
        row = row or Runbook.objects.filter(policy=policy, key=values["key"]).first()
        row = row or Runbook(policy=policy, key=values["key"])
        content = {name: value for name, value in values.items() if name != "position"}
        row.kind, row.title, row.book, row.chapter = self.kind, values["title"], values["book"], values["chapter"]
        row.service = policy.service
        if values["service"]:
            row.service, _ = Service.objects.get_or_create(key=values["service"], defaults={"name": values["service"]})
        row.position, row.content, row.offered = values["position"], content, True
        row.binding = {**values["for"], "order": values["order"]} if values["for"] else {}
        row.save()
        last = row.versions.order_by("-number").first()
        if last is None or last.content != content:
            row.current = RunbookVersion.objects.create(
                runbook=row,
                number=last.number + 1 if last else 1,
                content=content,
                guards=any(step.before for step in plan.leaves(plan.steps_of(content, self.kind))),
            )
            row.save(update_fields=["current"])
        elif row.current_id != last.pk:
            row.current = last
            row.save(update_fields=["current"])
        return row

    def remove(self, row: Runbook) -> str:
        """One that was gone through stays for its runs, and is offered no more."""
        if row.runs.exists():
            Runbook.objects.filter(pk=row.pk).update(offered=False)
            return "disabled"
        return super().remove(row)


class Checklists(Runbooks):
    """Runbooks whose steps are required unless said otherwise."""

    name, kind = "checklists", Runbook.Kind.CHECKLIST


class Actions(Section):
    """Outgoing calls that a person confirms."""

    name, thing = "actions", "action"
    shape = ACTION

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        values["position"] = position

    def rows(self, policy: Policy) -> dict[str, OutgoingAction]:
        return {row.key: row for row in OutgoingAction.objects.filter(policy=policy)} if policy.pk else {}

    def present(self, row: OutgoingAction) -> Values:
        return {**self.shape.defaults(), **row.content, "position": row.position}

    def write(self, policy: Policy, row: OutgoingAction | None, values: Values) -> OutgoingAction:
        row = row or OutgoingAction(policy=policy, key=values["key"])
        row.title, row.position = values["title"], values["position"]
        row.content = {name: value for name, value in values.items() if name != "position"}
        row.save()
        return row


SECTIONS: list[Section] = [Runbooks(), Checklists(), Actions()]
