"""The section of a pack that describes dashboards and their panels."""

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
    Filled,
    Flag,
    Length,
    Many,
    Path,
    Ref,
    Slug,
    Text,
    optional,
    shown,
)
from sources.models import Connection

from . import figures
from .models import Dashboard, Panel, PanelSource

LINE = Text(160, line=True, empty=False)
WAYS = ("events", "deliveries", "rule", "objective", "source", "any_of")
WINDOWS = ("window", "baseline", "same", "unclaimed")
SAID = (
    "key", "title", "part", "about", "field", "also", "unit", "show", "compare", "limits", "links", "on_incident",
)  # fmt: skip
LINK = Entry(text=LINE, href=Filled(2000))
FAR_BACK = length_of("90d")


class _Number:
    """A number, kept as it is written."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return desk.problem(path, f"This should be a number, and it is {shown(value)}.")
        return value


class _PanelEntry(Entry):
    """A panel; where its figures come from is looked at even when something else about it is wrong."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        before = len(desk.problems)
        values = super().read(value, path, desk)
        if not isinstance(value, dict):
            return BAD
        ways = [name for name in WAYS if value.get(name) is not None]
        if len(ways) != 1:
            return desk.problem(path, f"A panel says where its figures come from, once: {', '.join(WAYS)}.")
        said = self._way(ways[0], value, path, desk)
        if len(desk.problems) > before or said is BAD:
            return BAD
        self._field(values, said, path, desk)
        for name in WAYS:
            del values[name]
        return BAD if len(desk.problems) > before else values | said

    def _way(self, way: str, value: dict, path: Path, desk: Desk) -> Any:
        if way in ("source", "any_of"):
            read = pack_sources.read(value.get("source"), value.get("any_of"), path, desk)
            return BAD if read is BAD else {"kind": "source", "spec": {}, "sources": read}
        if way in ("rule", "objective"):
            key = Ref(way).read(value[way], (*path, way), desk)
            return BAD if key is BAD else {"kind": way, "spec": {way: key}, "sources": []}
        spec = value[way]
        if isinstance(spec, dict):
            for name in WINDOWS:
                if name in spec:
                    words = f"Leave {name!r} out: a panel looks at the time that its dashboard shows."
                    return desk.problem((*path, way, name), words)
        started = len(desk.problems)
        read = pack_sources.read_one({"events": spec}, path, desk)
        if way != "events":  # deliveries are read as events are; what is wrong stands where it was written
            for place, problem in enumerate(desk.problems[started:], started):
                where = tuple(
                    way if step == "events" and n == len(path) else step for n, step in enumerate(problem.path)
                )
                desk.problems[place] = type(problem)(where, problem.text)
        return BAD if read is BAD else {"kind": way, "spec": read["spec"], "sources": []}

    def _field(self, values: Values, said: Values, path: Path, desk: Desk) -> None:
        if said["kind"] not in ("events", "deliveries"):
            if values["compare"]:
                desk.problem(
                    (*path, "compare"), "Only panels of events and deliveries are told against the time before."
                )
            return
        for place, name in [((*path, "field"), values["field"]), *(((*path, "also"), one) for one in values["also"])]:
            if name and name not in figures.OF_EVENTS:
                desk.problem(place, f"There is no figure {name!r} here; allowed: {', '.join(figures.OF_EVENTS)}.")


PANEL = _PanelEntry(
    key=Slug(80),
    title=LINE,
    part=optional(Text(160, line=True), ""),
    about=optional(Text(2000), ""),
    field=optional(Text(80, line=True, empty=False), ""),
    also=optional(Many(Text(80, line=True, empty=False)), []),
    unit=optional(Text(40, line=True), ""),
    show=optional(Choice(tuple(Panel.Show.values)), "curve"),
    compare=optional(Flag(), False),
    limits=optional(Many(Entry(value=_Number(), label=optional(Text(60, line=True), ""))), []),
    links=optional(Many(LINK), []),
    on_incident=optional(Flag(), False),
    every=optional(Length(positive=True), "1m"),
    events=optional(Anything()),
    deliveries=optional(Anything()),
    rule=optional(Anything()),
    objective=optional(Anything()),
    source=optional(Anything()),
    any_of=optional(Anything()),
)


class Dashboards(Section):
    """`dashboards:`, a list of pages with their panels."""

    name, thing, strict = "dashboards", "dashboard", True
    shape = Entry(
        key=Slug(80),
        name=LINE,
        about=optional(Text(4000), ""),
        range=optional(Length(positive=True), "1d"),
        links=optional(Many(LINK), []),
        panels=Many(PANEL, at_least=1),
    )

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        if length_of(values["range"]) > FAR_BACK:
            desk.problem((*path, "range"), "A dashboard looks back 90 days at most.")
        panels = desk.names.setdefault("panel", set())
        seen: set[str] = set()
        for place, panel in enumerate(values["panels"]):
            if panel["key"] in seen:
                desk.problem((*path, "panels", place, "key"), f"There are two panels {panel['key']!r}; rename one.")
            seen.add(panel["key"])
            panels.add(f"{values['key']}/{panel['key']}")

    def settle(self, records: dict[str, Values], everything: dict[str, dict[str, Values]], load: Load) -> None:
        """Of the sources of a panel those of the chosen variants stay, if there are any of them."""
        for values in records.values():
            for panel in values["panels"]:
                chosen = [one for one in panel["sources"] if one["variant"] in load.variants]
                panel["sources"] = chosen or panel["sources"]

    def dump(self, records: dict[str, Values]) -> Any:
        return [self.shape.trimmed({**one, "panels": [_written(p) for p in one["panels"]]}) for one in records.values()]

    def rows(self, policy: Policy) -> Mapping[str, Dashboard]:
        rows = policy.dashboards.order_by("position", "pk") if policy.pk else Dashboard.objects.none()  # type: ignore[attr-defined]
        return {row.key: row for row in rows.prefetch_related("panels__sources__connection")}

    def present(self, row: Dashboard) -> Values:
        return {
            "key": row.key, "name": row.name, "about": row.about, "range": length_text(row.range), "links": row.links,
            "panels": [_present(panel) for panel in row.panels.all()],  # type: ignore[attr-defined]
        }  # fmt: skip

    def write(self, policy: Policy, row: Dashboard | None, values: Values) -> Dashboard:
        row = row or Dashboard(policy=policy, key=values["key"], position=policy.dashboards.count())  # type: ignore[attr-defined]
        row.name, row.about, row.links = values["name"], values["about"], values["links"]
        row.range = length_of(values["range"])
        row.save()
        panels = {panel.key: panel for panel in row.panels.all()}  # type: ignore[attr-defined]
        for position, said in enumerate(values["panels"]):
            _write(row, panels.pop(said["key"], None), said, position)
        for gone in panels.values():
            gone.delete()
        row.__dict__.pop("_prefetched_objects_cache", None)  # what was read before is no longer so
        return row


def _written(values: Values) -> Values:
    """A panel as a person would write it."""
    entry = PANEL.trimmed(values)
    match values["kind"]:
        case "source":
            return entry | pack_sources.dump(values["sources"])
        case "rule" | "objective" as way:
            return entry | {way: values["spec"][way]}
        case way:
            return entry | {way: values["spec"]}


def _present(panel: Panel) -> Values:
    said = {name: getattr(panel, name) for name in SAID}
    return said | {
        "every": length_text(panel.every), "kind": panel.kind, "spec": panel.spec,
        "sources": pack_sources.present(panel.sources.all()),  # type: ignore[attr-defined]
    }  # fmt: skip


def _write(dashboard: Dashboard, row: Panel | None, values: Values, position: int) -> None:
    row = row or Panel(dashboard=dashboard, key=values["key"])
    for name in SAID:
        setattr(row, name, values[name])
    row.kind, row.spec, row.position = values["kind"], values["spec"], position
    row.every = length_of(values["every"])
    asked = pack_sources.present(row.sources.all()) if row.pk else []  # type: ignore[attr-defined]
    if asked != values["sources"]:
        row.sample_at = None  # at once
    row.save()
    if asked != values["sources"]:
        row.sources.all().delete()  # type: ignore[attr-defined]
        connections = Connection.objects.filter(policy=dashboard.policy)
        for place, said in enumerate(values["sources"]):
            connection = one_named(connections, said["connection"])
            PanelSource.objects.create(panel=row, position=place, **{**said, "connection": connection})
        row.__dict__.pop("_prefetched_objects_cache", None)


SECTIONS: list[Section] = [Dashboards()]
