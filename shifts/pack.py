"""The section of a pack that says what is looked through in every shift: `shift_review:`, one mapping."""

from typing import Any

from alerts import pack_sources
from oncall.models import Schedule
from policies.models import Policy
from policies.sections import Section, Values, length_of, length_text, one_named
from policies.shapes import (
    BAD,
    Anything,
    Choice,
    Desk,
    Entry,
    Flag,
    Key,
    Length,
    Many,
    Path,
    Ref,
    Text,
    optional,
    shown,
)
from sources.models import Connection

from .models import ShiftMetric, ShiftPlan, ShiftSource

KEY = "shift"
KIND = ShiftMetric.Kind
OWN = ("key", "name", "description", "kind", "field", "of", "by", "unit", "empty", "link", "since_rule", "needs_note")
LINKS = ("channels",)


class _Metric(Entry):
    """A figure; its sources are looked at even when something else about it is wrong."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        before = len(desk.problems)
        values = super().read(value, path, desk)
        if not isinstance(value, dict):
            return BAD
        sources = pack_sources.read(value.get("source"), value.get("any_of"), path, desk)
        if len(desk.problems) > before or sources is BAD:
            return BAD
        del values["source"], values["any_of"]
        values["name"] = values["name"] or values["key"]
        values["since_rule"] = values.pop("since") or ""
        return values | {"sources": sources}


def _fits(values: Values, path: Path, desk: Desk) -> None:
    kind = values["kind"]
    if kind == KIND.RATE and not (values["field"] and values["of"]):
        desk.problem(path, "A rate needs `field`, those that count, and `of`, all of them.")
    for name, only in (
        ("of", KIND.RATE),
        ("by", KIND.COUNT),
        ("empty", KIND.VALUE),
        ("link", KIND.COUNT),
        ("since", KIND.STATUS),
    ):
        if values[name] and kind != only:
            desk.problem((*path, name), f"Only a figure of kind {only} has `{name}`, and this is of kind {kind}.")
    if values["link"] and not values["by"]:
        desk.problem((*path, "link"), "A link leads from each group: say by which label it is grouped, `by: tenant`.")


METRIC = _Metric(
    _fits,
    key=Key(80),
    name=optional(Text(160, line=True), ""),
    description=optional(Text(2000), ""),
    kind=optional(Choice(tuple(KIND.values)), "value"),
    field=optional(Text(80, line=True), ""),
    of=optional(Text(80, line=True), ""),
    by=optional(Text(80, line=True), ""),
    unit=optional(Text(40, line=True), ""),
    empty=optional(Text(80, line=True), ""),
    link=optional(Choice(LINKS), ""),
    since=optional(Ref("rule")),
    needs_note=optional(Choice(tuple(ShiftMetric.Note.values)), "never"),
    source=optional(Anything()),
    any_of=optional(Anything()),
)
MANUAL = Entry(toggle=Ref("parameter"), text=Text(2000, empty=False))


class ShiftReviews(Section):
    """The plan of the policy."""

    name = "shift_review"
    shape = Entry(
        name=optional(Text(160, line=True), ""),
        schedule=Ref("schedule"),
        remind_before=optional(Length(positive=True)),
        manual=optional(Many(MANUAL), []),
        metrics=Many(METRIC, at_least=1),
        enabled=optional(Flag(), True),
    )

    def key(self, values: Values) -> str:
        return KEY

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        if not isinstance(value, dict):
            words = f"This should be a set of keys, {{schedule: …, metrics: […]}}, and it is {shown(value)}."
            desk.problem(path, words)
            return {}
        values = self.shape.read(value, path, desk)
        if values is BAD:
            return {}
        for part, name in (("metrics", "key"), ("manual", "toggle")):
            seen: set[str] = set()
            for position, one in enumerate(values[part]):
                if one[name] in seen:
                    desk.problem((*path, part, position), f"{one[name]!r} stands there twice; remove or rename one.")
                seen.add(one[name])
        desk.places[(self.name, KEY)] = path
        return {KEY: values}

    def dump(self, records: dict[str, Values]) -> Any:
        values = self.shape.trimmed(records[KEY])
        values["metrics"] = [_written(one) for one in values["metrics"]]
        return values

    def rows(self, policy: Policy) -> dict[str, ShiftPlan]:
        found = ShiftPlan.objects.filter(policy=policy.pk).select_related("schedule") if policy.pk else None
        row = found.prefetch_related("metrics__sources__connection").first() if found is not None else None
        return {KEY: row} if row else {}

    def present(self, row: ShiftPlan) -> Values:
        return {
            "name": row.name,
            "schedule": row.schedule.key if row.schedule else None,
            "remind_before": length_text(row.remind_before),
            "manual": row.manual,
            "metrics": [
                {**{name: getattr(one, name) for name in OWN}, "sources": pack_sources.present(one.sources.all())}
                for one in row.metrics.all()
            ],
            "enabled": row.enabled,
        }

    def write(self, policy: Policy, row: ShiftPlan | None, values: Values) -> ShiftPlan:
        same = row is not None and self.present(row)["metrics"] == values["metrics"]
        row = row or ShiftPlan(policy=policy)
        row.name, row.manual, row.enabled = values["name"], values["manual"], values["enabled"]
        row.schedule = one_named(Schedule.objects.all(), values["schedule"])
        row.remind_before = length_of(values["remind_before"])
        row.save()
        if not same:
            _write_metrics(row, values["metrics"])
        return row

    def remove(self, row: ShiftPlan) -> str:
        """A plan with a past is switched off, so that its reviews can be read on."""
        if row.reviews.exists():
            row.enabled = False
            row.save(update_fields=["enabled"])
            return "disabled"
        row.delete()
        return "removed"


def _written(values: Values) -> Values:
    """A figure as the file would hold it."""
    said = {**values, "since": values["since_rule"] or None, "source": None, "any_of": None}
    if said["name"] == said["key"]:
        said["name"] = ""
    return METRIC.trimmed(said) | pack_sources.dump(values["sources"])


def _write_metrics(row: ShiftPlan, metrics: list[Values]) -> None:
    """Make the plan's figures these, those that stay keeping their rows."""
    connections = Connection.objects.filter(policy=row.policy)
    row.metrics.exclude(key__in=[one["key"] for one in metrics]).delete()
    for position, one in enumerate(metrics):
        metric, _ = row.metrics.update_or_create(
            key=one["key"], defaults={**{name: one[name] for name in OWN if name != "key"}, "position": position}
        )
        metric.sources.all().delete()
        for place, said in enumerate(one["sources"]):
            connection = one_named(connections, said["connection"])
            ShiftSource.objects.create(metric=metric, position=place, **{**said, "connection": connection})
    row.__dict__.pop("_prefetched_objects_cache", None)  # what was read before is no longer so


SECTIONS: list[Section] = [ShiftReviews()]
