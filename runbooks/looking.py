"""How far runs have come: which steps apply, which are done, what their live items said. Reads only, a few queries for
all the runs of a page."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import prefetch_related_objects

from policies.durations import parse_duration

from . import plan, symptoms, words
from .models import ActionCall, Letter, LiveItem, Remark, Run, Tick


@dataclass
class Look:
    """One run as it stands."""

    run: Run
    steps: tuple[plan.Step, ...]
    facts: words.Facts
    set_names: Mapping[str, bool]
    ticks: dict[str, Tick] = field(default_factory=dict)
    undone: dict[str, list[Tick]] = field(default_factory=lambda: defaultdict(list))
    again: dict[str, list[Tick]] = field(default_factory=lambda: defaultdict(list))
    live: dict[tuple[str, int], LiveItem] = field(default_factory=dict)
    remarks: dict[str, list[Remark]] = field(default_factory=lambda: defaultdict(list))
    calls: dict[str, list[ActionCall]] = field(default_factory=lambda: defaultdict(list))
    letters: dict[str, list[Letter]] = field(default_factory=lambda: defaultdict(list))
    card: list = field(default_factory=list)

    @property
    def leaves(self) -> list[plan.Step]:
        """What is ticked, of what applies now."""
        return [step for step in plan.leaves(self.steps) if self.applies(step)]

    def applies(self, step: plan.Step) -> bool:
        """Whether the step, and the step it is an item of, concerns this run."""
        around = next((one for one in self.steps if step in one.items), None)
        return (around is None or self._holds(around.said["applies"])) and self._holds(step.said["applies"])

    def _holds(self, said: Mapping[str, Any] | None) -> bool:
        if not said:
            return True
        if "no" in said and self._holds(said["no"]):
            return False
        wanted = str(said["is"]) if "is" in said else None
        incident = self.run.incident
        asked = (("param", self._param), ("flag", self._param), ("label", self._label), ("chosen", self._chosen))
        for word, value_of in asked:
            if word in said and not self._same(value_of(said[word]), wanted):
                return False
        if "level" in said and (incident is None or incident.severity.key not in said["level"]):
            return False
        return "symptom" not in said or (incident is not None and said["symptom"] in symptoms.of(incident))

    def _param(self, key: str) -> Any:
        return self.facts.params.get(key)

    def _label(self, name: str) -> str:
        return str(self.run.incident.labels.get(name, "")) if self.run.incident else ""

    def _chosen(self, key: str) -> str:
        return self.ticks[key].choice if key in self.ticks else ""

    @staticmethod
    def _same(value: Any, wanted: str | None) -> bool:
        if wanted is None:
            return bool(value)
        if isinstance(value, bool):
            return wanted.lower() in (("true", "on", "yes") if value else ("false", "off", "no"))
        return str("" if value is None else value) == wanted

    def done(self, step: plan.Step) -> bool:
        """Whether the step, or all of its items that apply, are done."""
        if step.items:
            return all(self.done(item) for item in step.items if self.applies(item))
        return step.key in self.ticks

    def wants(self, step: plan.Step) -> bool:
        """Whether the step is required, applies and is not done."""
        return step.required and self.applies(step) and not self.done(step)

    @property
    def missing(self) -> list[plan.Step]:
        """Required steps that are open."""
        return [step for step in self.leaves if self.wants(step)]

    @property
    def count(self) -> int:
        return len(self.leaves)

    @property
    def count_done(self) -> int:
        return sum(self.done(step) for step in self.leaves)

    @property
    def is_open(self) -> bool:
        return self.run.state == Run.State.OPEN

    @cached_property
    def following(self) -> plan.Step | None:
        """The first step that is not done."""
        return next((step for step in self.leaves if not self.done(step)), None)

    def marked_at(self, key: str) -> datetime | None:
        """When an earlier step was ticked; the run's beginning for "start"."""
        if key == "start":
            return self.run.started_at
        return self.ticks[key].at if key in self.ticks else None

    def watch_ends_at(self, step: plan.Step, deployed_at: datetime | None = None) -> datetime | None:
        """When the step's watch is over; None while what it counts from has not happened."""
        watch = step.said["watch"]
        begin = deployed_at if watch.get("from") == "deploy" else self.marked_at(watch.get("from", "start"))
        return begin + parse_duration(watch["for"]) if begin else None

    def filled(self, text: str) -> str:
        return self.facts.fill(text)


def at_runs(rows: Iterable[Run], *, whole: bool = False, ticks_alone: bool = False) -> dict[int, Look]:
    """These runs as they stand, by number.

    rows    with their runbook, version and incident at hand
    ticks_alone   without what live items said, for who asks what is done
    whole   also what was called, written and remarked, for a page that shows the steps in full
    """
    rows = list(rows)
    numbers = [run.pk for run in rows]
    params: dict[int, tuple[dict, dict, dict]] = {}
    looks = {}
    for run in rows:
        policy, steps = run.runbook.policy, plan.of_version(run.version, run.runbook.kind)
        if policy.pk not in params:
            prefetch_related_objects([policy], "parameters")
            shown = words.public_params(policy)
            linked = words.bases(policy, shown) if whole else {}
            params[policy.pk] = shown, words.set_names(policy), linked
        shown, names, linked = params[policy.pk]
        texts = {**linked, **(words.of_incident(run.incident) if run.incident else {})}
        texts["run.url"] = words.address_of(run)
        looks[run.pk] = Look(run, steps, words.Facts(texts, shown), names)
    for tick in Tick.objects.filter(run__in=numbers).select_related("by", "undone_by").order_by("at", "pk"):
        look = looks[tick.run_id]
        step, _, turn = tick.step.partition("#")
        if tick.undone_at:
            look.undone[step].append(tick)
            continue
        look.ticks[step] = tick
        if turn:
            look.again[step].append(tick)
    for item in [] if ticks_alone else LiveItem.objects.filter(run__in=numbers):
        looks[item.run_id].live[item.step, item.place] = item
    if whole:
        for remark in Remark.objects.filter(run__in=numbers).select_related("by"):
            looks[remark.run_id].remarks[remark.step].append(remark)
        for call in ActionCall.objects.filter(run__in=numbers).select_related("by", "action").order_by("pk"):
            if call.run_id is not None:
                looks[call.run_id].calls[call.step].append(call)
        for letter in Letter.objects.filter(run__in=numbers).select_related("by"):
            looks[letter.run_id].letters[letter.step].append(letter)
    for look in looks.values():
        fields = {f"field.{name}": str(value) if not isinstance(value, list) else ", ".join(value)
                  for tick in look.ticks.values() for name, value in tick.values.items()}  # fmt: skip
        look.facts = words.Facts({**look.facts.texts, **fields}, look.facts.params)
    return looks


def at_run(run: Run) -> Look:
    """One run in full."""
    return at_runs([run], whole=True)[run.pk]
