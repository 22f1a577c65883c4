"""A run as its page shows it: every step with its texts filled, its buttons and fields, what its live items said."""

import fnmatch
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.urls import NoReverseMatch, reverse

from oncall.models import EscalationContact

from . import actions, deploys, letters, live, looking, plan, runs, trial, ways
from .models import LiveItem, OutgoingAction, Run, Runbook


@dataclass(frozen=True)
class Link:
    text: str
    href: str
    unset: str = ""


@dataclass(frozen=True)
class LiveView:
    place: int
    name: str
    item: LiveItem | None

    @property
    def state(self) -> str:
        return self.item.state if self.item else "asked"


@dataclass(frozen=True)
class FieldView:
    name: str
    label: str
    kind: str
    required: bool
    value: str
    choices: list[str] = field(default_factory=list)
    hint: str = ""


@dataclass(frozen=True)
class Button:
    """Something that goes out on a press of its own; `off` says why it cannot."""

    text: str
    href: str
    off: str = ""


@dataclass
class StepView:
    """One step for the template; `look` is the run it belongs to."""

    look: looking.Look
    step: plan.Step
    shared: "Shared"
    at: datetime
    items: list["StepView"] = field(default_factory=list)

    @property
    def said(self) -> Any:
        return self.step.said

    @property
    def title(self) -> str:
        return self.look.filled(self.step.title)

    @property
    def text(self) -> str:
        return self.look.filled(self.step.said["text"] or "")

    @property
    def warnings(self) -> list[str]:
        return [self.look.filled(text) for text in self.step.said["warning"] or []]

    @property
    def tick(self) -> Any:
        return None if self.step.items else self.look.ticks.get(self.step.key)

    @property
    def done(self) -> bool:
        return self.look.done(self.step)

    @property
    def undone(self) -> list:
        return self.look.undone.get(self.step.key, [])

    @property
    def again(self) -> list:
        return self.look.again.get(self.step.key, [])

    @property
    def open(self) -> bool:
        """Whether it can be ticked now."""
        return self.look.is_open and not self.step.items and (not self.done or bool(self.step.said["again"]))

    @property
    def plain(self) -> bool:
        """Whether one press is all that its tick wants."""
        said = self.step.said
        return not (said["ask"] or said["choose"] or said["proof"] or said["watch"])

    @property
    def calls(self) -> list:
        return self.look.calls.get(self.step.key, [])

    @property
    def letters(self) -> list:
        return self.look.letters.get(self.step.key, [])

    @cached_property
    def live(self) -> list[LiveView]:
        said = self.step.said["live"] or []
        return [
            LiveView(place, live.name_of(item), self.look.live.get((self.step.key, place)))
            for place, item in enumerate(said)
        ]

    @property
    def failed(self) -> bool:
        """Whether something was red at any moment of its watch."""
        return bool(self.step.said["watch"]) and any(one.item and one.item.red_at for one in self.live)

    @property
    def noted(self) -> bool:
        return bool(self.step.said["watch"]) and any(one.item and one.item.noted_at for one in self.live)

    @property
    def state(self) -> str:
        """done, failed, red (a live item is), or open."""
        if self.failed or any(one.state == "red" for one in self.live):
            return "red"
        if self.done:
            return "done"
        return "green" if self.live and all(one.state in ("green", "noted") for one in self.live) else "open"

    @cached_property
    def links(self) -> list[Link]:
        return [self._link(said) for said in self.step.said["links"] or []]

    def _link(self, said: dict) -> Link:
        text = self.look.filled(said["text"])
        if page := said.get("page"):
            query = {name: self.look.filled(value) for name, value in (said.get("query") or {}).items()}
            query |= {"policy": self.look.run.runbook.policy.key, "rule": said.get("rule", "")}
            if made := ways.ADDRESSES.get(page):
                return Link(text, made(query, self.look.run.incident))
            return Link(text, ways.known().address(page, query))
        href, unset = self.look.facts.link(said["href"])
        if unset:
            return Link(text, "", ", ".join(name.removeprefix("connection.") for name in unset))
        return Link(text, href if href.startswith(("http://", "https://", "/")) else "", "" if href else "address")

    @property
    def variables(self) -> list[tuple[str, str]]:
        known = self.look.set_names
        words = {True: "set", False: "not set", None: ""}
        return [(name, words[known.get(name)]) for name in self.step.said["variables"] or []]

    @property
    def values(self) -> list[str]:
        return [f"{name}={value}" for name, value in (self.step.said["values"] or {}).items()]

    @property
    def fields(self) -> list[FieldView]:
        found = []
        for said in self.step.said["ask"] or []:
            value = self.look.filled(said.get("default", ""))
            if self.step.said["propose"] and said["name"] == "commit":
                value = self.proposed or value
            found.append(
                FieldView(said["name"], said.get("label", said["name"].replace("_", " ").capitalize()),
                          said.get("kind", "line"), said.get("required", True), value, said.get("choices", []),
                          said.get("hint", ""))
            )  # fmt: skip
        return found

    @property
    def proposed(self) -> str:
        """The commit of the deploy before the last."""
        return self.shared.previous_commit if self.step.said["propose"] else ""

    @property
    def evidence(self) -> list[tuple[str, bool]]:
        """The labels of files that it wants, and whether each is there."""
        missing = runs.missing_evidence(self.look, self.step)
        return [(label, label not in missing) for label in self.step.said["evidence"] or []]

    @property
    def wants_note(self) -> bool:
        return bool(self.step.said["proof"] or self.step.said["choose"])

    @property
    def runbooks(self) -> list[Runbook]:
        return [self.shared.books[key] for key in self.step.said["runbooks"] or [] if key in self.shared.books]

    @property
    def fails(self) -> Runbook | None:
        watch = self.step.said["watch"]
        return self.shared.books.get(watch["fails"]) if watch and watch.get("fails") else None

    @property
    def contacts(self) -> list[EscalationContact]:
        return [self.shared.contacts[name] for name in self.step.said["contacts"] or [] if name in self.shared.contacts]

    @property
    def buttons(self) -> list[Button]:
        run, key = self.look.run, self.step.key
        found = []
        for name in self.step.said["actions"] or []:
            if action := self.shared.actions.get(name):
                href = reverse("run-action", args=[run.pk, key, name])
                found.append(Button(action.title, href, actions.off_because(action)))
        for place, draft in enumerate(letters.drafts_of(self.step)):
            found.append(self._letter(place, draft))
        return found

    def _letter(self, place: int, draft: dict) -> Button:
        run = self.look.run
        if draft["kind"] == "notice" and draft.get("template") and run.incident:
            try:
                href = reverse("incident-tell", args=[run.incident.pk, draft["template"]])
                return Button(letters.button_of(draft), href)
            except NoReverseMatch:
                return Button(letters.button_of(draft), run.incident.get_absolute_url())
        href = reverse("run-letter", args=[run.pk, self.step.key, place])
        off = "It belongs to an incident." if run.incident is None and draft["kind"] != "mail" else ""
        return Button(letters.button_of(draft), href, off)

    @cached_property
    def watch_ends_at(self) -> datetime | None:
        if not self.step.said["watch"]:
            return None
        return self.look.watch_ends_at(self.step, runs.deployed_at(self.look.run, at=self.at))

    @property
    def watch_left(self) -> str:
        ends = self.watch_ends_at
        return runs.left(ends - self.at) if ends and ends > self.at else ""

    @cached_property
    def alerts(self) -> list:
        return runs.watched_alerts(self.look, self.step, at=self.at) if self.step.said["watch"] else []

    @property
    def trial(self) -> tuple[str, str]:
        """How the last test task went: state and words."""
        return trial.words(self.look.live.get((self.step.key, trial.PLACE)), at=self.at)

    @property
    def affected(self) -> list[tuple[str, list[str]]]:
        """The values of a label over the incident's alerts, in groups; what fits none stands under "other"."""
        said = self.step.said["affected"]
        if not said or self.look.run.incident is None:
            return []
        told = self.shared.labels(said["label"])
        groups = [
            (group["name"], [value for value in told if any(fnmatch.fnmatchcase(value, one) for one in group["like"])])
            for group in said["groups"]
        ]
        placed = {value for _, values in groups for value in values}
        rest = [value for value in told if value not in placed]
        return [*groups, ("other", rest)] if rest else groups


class Shared:
    """What the steps of one run refer to, each read once and only when a step does."""

    def __init__(self, look: looking.Look, at: datetime) -> None:
        self.run, self.at = look.run, at
        self.said = [leaf.said for step in look.steps for leaf in (step, *step.items)]

    def _named(self, word: str) -> set[str]:
        return {name for said in self.said for name in said[word] or []}

    @cached_property
    def books(self) -> dict[str, Runbook]:
        keys = self._named("runbooks") | {
            said["watch"]["fails"] for said in self.said if said["watch"] and said["watch"].get("fails")
        }
        rows = Runbook.objects.filter(policy=self.run.runbook.policy, key__in=keys) if keys else []
        found = {row.key: row for row in rows}
        for row in found.values():
            row.policy = self.run.runbook.policy
        return found

    @cached_property
    def contacts(self) -> dict[str, EscalationContact]:
        names = self._named("contacts")
        return {row.name: row for row in EscalationContact.objects.filter(name__in=names)} if names else {}

    @cached_property
    def actions(self) -> dict[str, OutgoingAction]:
        keys = self._named("actions")
        rows = OutgoingAction.objects.filter(policy=self.run.runbook.policy, key__in=keys) if keys else []
        found = {row.key: row for row in rows}
        for row in found.values():
            row.policy = self.run.runbook.policy
        return found

    @cached_property
    def previous_commit(self) -> str:
        return deploys.previous_commit(self.run, by=self.at)

    def labels(self, name: str) -> list[str]:
        """The values of a label over the alerts of the incident."""
        rows = self.run.incident.alerts.select_related("alert") if self.run.incident else []
        return sorted({str(row.alert.labels[name]) for row in rows if row.alert.labels.get(name)})


@dataclass
class RunView:
    """One run for the template."""

    look: looking.Look
    steps: list[StepView]
    document_link: str = ""

    @property
    def run(self) -> Run:
        return self.look.run


def view(look: looking.Look, *, at: datetime) -> RunView:
    """The run's steps that apply, ready to be shown."""
    shared = Shared(look, at)

    def one(step: plan.Step) -> StepView:
        items = [one(item) for item in step.items if look.applies(item)]
        return StepView(look, step, shared, at, items)

    link, unset = look.facts.link(look.run.version.content.get("link") or "")
    return RunView(look, [one(step) for step in look.steps if look.applies(step)], "" if unset else link)
