"""The section of a pack that says what a service promises: its objectives."""

from collections.abc import Mapping
from typing import Any

from alerts import pack_sources
from policies.models import Policy
from policies.sections import Load, Section, Values, length_of, length_text, one_named
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
    Text,
    Zone,
    allowed,
    optional,
    shown,
)
from sources.models import Connection

from . import standing
from .goals import ALL, GOOD, VALUE, VERDICTS, BadGoal, Goal, Limit
from .goals import BAD as BAD_EVENTS
from .models import Objective, ObjectiveSource
from .slo import WINDOW_NAMES

GOAL = ("at_least", "above", "below", "at_most", "percentile", "field", "bands")
OWN = ("name", "description", "unit", "zone", "met_for", "enabled")
SHARES = (GOOD, BAD_EVENTS, ALL)
SAMPLE = {"WINDOW": "1d", "WINDOW_START": "2026-01-05T00:00:00+00:00", "WINDOW_END": "2026-01-06T00:00:00+00:00"}
"""Stands for the window while a pack is checked."""


class _Edge:
    """A number or a length of time, kept as it is written."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        try:
            Limit.parse(value, "")
        except BadGoal as error:
            return desk.problem(path, error.sentence)
        return value


class _Percent:
    """A number from 0 to 100."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
            return desk.problem(path, f"This should be a number from 0 to 100, and it is {shown(value)}.")
        return value


class _ObjectiveEntry(Entry):
    """An objective; its sources and its goal are looked at even when something else about it is wrong."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        before = len(desk.problems)
        values = super().read(value, path, desk)
        if not isinstance(value, dict):
            return BAD
        sources = _read_sources(value, path, desk)
        if sources is not BAD:
            _check_windows(value, sources, path, desk)
        if len(desk.problems) > before:
            return BAD
        kind = "bands" if value.get("bands") is not None else "value" if VALUE in _roles(sources) else "share"
        goal = {name: values[name] for name in GOAL if values[name] is not None}
        try:
            Goal.parse(kind, goal)
        except BadGoal as error:
            steps = tuple(int(step) if step.isdigit() else step for step in error.path.split(".") if step)
            return desk.problem((*path, *steps), error.sentence)
        for name in ("source", "any_of", *SHARES):
            del values[name]
        return values | {"kind": kind, "sources": sources}


def _read_sources(value: dict, path: Path, desk: Desk) -> Any:
    """The sources as records, each with what it says; BAD after telling the desk what is wrong."""
    told = [role for role in SHARES if value.get(role) is not None]
    has_value = value.get("source") is not None or value.get("any_of") is not None
    if not told:
        return _of_role(VALUE, value, path, desk)
    if has_value or value.get("bands") is not None:
        words = f"An objective is a share of events ({', '.join(SHARES)}) or a value (source, any_of), and not both."
        return desk.problem((*path, told[0]), words)
    if len(told) != 2:
        return desk.problem(
            path, f"A share of events needs two of {', '.join(SHARES)}, and this has {', '.join(told)}."
        )
    found = []
    for role in told:
        if not isinstance(value[role], dict):
            words = f"This should be {{source: {{…}}}} or {{any_of: […]}}, and it is {shown(value[role])}."
            found.append(desk.problem((*path, role), words))
            continue
        for name in value[role]:
            if name not in ("source", "any_of"):
                desk.problem((*path, role, name), f"There is no key {name!r} here{allowed(name, ('source', 'any_of'))}")
        found.append(_of_role(role, value[role], (*path, role), desk))
    return BAD if BAD in found else [source for sources in found for source in sources]


def _of_role(role: str, value: dict, path: Path, desk: Desk) -> Any:
    """Read as a rule's sources are, with a window of a day where they name it, and kept as they are written."""
    one, several = value.get("source"), value.get("any_of")
    read = pack_sources.read(_with_window(one), _with_window(several), path, desk)
    if read is BAD:
        return BAD
    written: list[Any] = [one] if one is not None else several or []
    for source, entry in zip(read, written, strict=True):
        if source["kind"] == standing.KIND:
            return desk.problem(path, "An objective cannot be measured by another one.")
        source["spec"] = {name: said for name, said in entry[source["kind"]].items() if name != "connection"}
    return [{"role": role, **source} for source in read]


def _with_window(value: Any) -> Any:
    """`value` with `${WINDOW}` and the like filled in; other parameters stay."""
    if isinstance(value, str):
        for name in WINDOW_NAMES:
            value = value.replace(f"${{{name}}}", SAMPLE[name])
        return value
    if isinstance(value, dict):
        return {name: _with_window(member) for name, member in value.items()}
    return [_with_window(member) for member in value] if isinstance(value, list) else value


def _check_windows(value: dict, sources: list[Values], path: Path, desk: Desk) -> None:
    """A calendar day is known to its sources by name only; what asks about the last 24 hours would answer for those."""
    if value.get("zone") is None:
        return
    if length_text(length_of("1d")) != _length(value.get("window")):
        desk.problem((*path, "zone"), "With a time zone the window is a calendar day there: give `window: 1d`.")
    elif any(not _names_window(source["spec"]) for source in sources):
        words = "With a time zone every source names the day: ${WINDOW_START} and ${WINDOW_END}, or ${WINDOW}."
        desk.problem((*path, "zone"), words)


def _length(said: Any) -> Any:
    return Length().read(said, (), Desk())


def _names_window(spec: Any) -> bool:
    return spec != _with_window(spec)


def _roles(sources: list[Values]) -> set[str]:
    return {source["role"] for source in sources}


class Objectives(Section):
    """What is promised, how it is measured, and how often."""

    name, thing, strict = "objectives", "objective", True
    shape = _ObjectiveEntry(
        key=Key(80),
        name=optional(Text(160, line=True), ""),
        description=optional(Text(4000), ""),
        unit=optional(Text(40, line=True), ""),
        window=optional(Length(positive=True)),
        zone=optional(Zone(), ""),
        every=optional(Length(positive=True), "5m"),
        good=optional(Anything()),
        bad=optional(Anything()),
        all=optional(Anything()),
        source=optional(Anything()),
        any_of=optional(Anything()),
        at_least=optional(_Edge()),
        above=optional(_Edge()),
        below=optional(_Edge()),
        at_most=optional(_Edge()),
        percentile=optional(_Percent()),
        field=optional(Text(80, line=True, empty=False)),
        bands=optional(
            Many(
                Entry(
                    label=Text(40, line=True, empty=False),
                    below=optional(_Edge()),
                    counts_as=optional(Choice(tuple(VERDICTS.values()))),
                )
            )
        ),
        met_for=optional(_Percent()),
        enabled=optional(Flag(), True),
    )

    def settle(self, records: dict[str, Values], everything: dict[str, dict[str, Values]], load: Load) -> None:
        """Of the sources those of the chosen variants stay; an objective that lacks one then is off."""
        for values in records.values():
            chosen = [one for one in values["sources"] if not load.variants or one["variant"] in load.variants]
            if _roles(chosen) == _roles(values["sources"]):
                values["sources"] = chosen
            else:
                values["enabled"] = False

    def dump(self, records: dict[str, Values]) -> Any:
        entries = []
        for values in records.values():
            entry = self.shape.trimmed(values)
            for role in sorted(_roles(values["sources"]), key=[GOOD, BAD_EVENTS, ALL, VALUE].index):
                written = pack_sources.dump([one for one in values["sources"] if one["role"] == role])
                entry |= written if role == VALUE else {role: written}
            entries.append(entry)
        return entries

    def rows(self, policy: Policy) -> Mapping[str, Objective]:
        found = policy.objectives.select_related("policy").order_by("pk") if policy.pk else Objective.objects.none()
        return {row.key: row for row in found.prefetch_related("sources__connection")}

    def present(self, row: Objective) -> Values:
        rows = list(row.sources.all())
        said = pack_sources.present(rows)
        bands = row.goal.get("bands")
        return {
            "key": row.key,
            **{name: getattr(row, name) for name in OWN},
            "window": length_text(row.window),
            "every": length_text(row.every),
            **{name: row.goal.get(name) for name in GOAL},
            "bands": bands and [{"label": "", "below": None, "counts_as": None} | band for band in bands],
            "kind": row.kind,
            "sources": [{"role": one.role, **values} for one, values in zip(rows, said, strict=True)],
        }

    def write(self, policy: Policy, row: Objective | None, values: Values) -> Objective:
        row = row or Objective(policy=policy, key=values["key"], enabled=False)
        goal = {name: values[name] for name in GOAL if values[name] is not None}
        if (values["enabled"] and not row.enabled) or goal != row.goal:
            row.measure_at = None  # at once
        for name in OWN:
            setattr(row, name, values[name])
        row.kind, row.goal = values["kind"], goal
        row.window, row.every = length_of(values["window"]), length_of(values["every"])
        row.save()
        if pack_sources.present(row.sources.all()) != [_without_role(one) for one in values["sources"]] or {
            one.role for one in row.sources.all()
        } != _roles(values["sources"]):
            _write_sources(row, values["sources"])
        return row

    def remove(self, row: Objective) -> str:
        """An objective with a past is switched off, so that its history can be read on."""
        if row.days.exists():
            row.enabled = False
            row.save(update_fields=["enabled"])
            return "disabled"
        row.delete()
        return "removed"


def _without_role(values: Values) -> Values:
    return {name: value for name, value in values.items() if name != "role"}


def _write_sources(row: Objective, sources: list[Values]) -> None:
    connections = Connection.objects.filter(policy=row.policy)
    row.sources.all().delete()
    for place, said in enumerate(sources):
        connection = one_named(connections, said["connection"])
        ObjectiveSource.objects.create(objective=row, position=place, **{**said, "connection": connection})
    row.__dict__.pop("_prefetched_objects_cache", None)  # what was read before is no longer so


def check_rules(records: Mapping[str, dict[str, Values]], desk: Desk) -> None:
    """Have the objectives that rules ask for looked up."""
    for key, rule in records["rules"].items():
        for source in rule["sources"]:
            if source["kind"] == standing.KIND:
                desk.references.append(("objective", source["spec"]["key"], desk.places[("rules", key)]))


OBJECTIVES = Objectives()
SECTIONS: list[Section] = [OBJECTIVES]
