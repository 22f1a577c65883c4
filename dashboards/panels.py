"""A panel as a page shows it: its figure, its rows, its picture, and where to look further."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from incidents.beside import is_safe
from policies.substitute import MissingParameter, substitute
from sources.addresses import address_values, filled
from sources.probes import BadSpec

from . import chart, counted, figures, sampled
from .chart import Chart
from .marks import Mark
from .models import Panel
from .series import Line, Result
from .spans import Span


@dataclass(frozen=True)
class Link:
    """Where to look further; `unset` names the parameter that its address lacks, "" when it can be followed."""

    text: str
    href: str
    unset: str = ""


@dataclass(frozen=True)
class Shown:
    """A panel with all that was found for it."""

    panel: Panel
    span: Span
    result: Result
    unit: str
    chart: Chart | None
    links: list[Link]

    @property
    def field(self) -> str:
        if self.panel.kind in (Panel.Kind.EVENTS, Panel.Kind.DELIVERIES):
            return self.panel.field or figures.usual(self.panel.spec)
        return self.panel.field or self.result.field

    @property
    def value(self) -> str:
        """The figure of the whole time, or what was read last; `no data` when there is none, which is not 0."""
        return figures.told(self.result.value, self.unit)

    @property
    def has_data(self) -> bool:
        return not self.result.is_empty

    @property
    def rows(self) -> list[tuple[Line, str, str, list[str]]]:
        """Name, figure, change and other figures of each line."""
        return [
            (line, figures.told(line.value, self.unit), self._change(line.value, line.before).removeprefix("before "),
             [self._fact(name, line.facts.get(name)) for name in self.panel.also])
            for line in self.result.lines if line.name
        ]  # fmt: skip

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The other figures over everything."""
        return [(name, self._fact(name, self.result.facts.get(name))) for name in self.panel.also]

    @property
    def change(self) -> str:
        return self._change(self.result.value, self.result.before)

    def _fact(self, name: str, value: float | None) -> str:
        return figures.told(value, figures.unit_of(name, "", self.panel.spec))

    def _change(self, value: float | None, before: float | None) -> str:
        """Against the time before: `before 2 %, +4 points`, `before 120 ms, 2.1 times that`."""
        if not self.panel.compare:
            return ""
        if before is None:
            return "nothing before"
        was = f"before {figures.told(before, self.unit)}"
        if value is None:
            return was
        if self.unit == "%":
            return f"{was}, {value - before:+.1f} points"
        return f"{was}, {100 * (value - before) / before:+.0f} %" if before else was

    @property
    def of(self) -> str:
        """What tells its rows apart: of `endpoint|name` the first."""
        by = self.panel.spec.get("by", "")
        names = by if isinstance(by, list) else [by]
        return ", ".join(str(name).partition("|")[0] for name in names)

    @property
    def address(self) -> str:
        return f"{self.panel.get_absolute_url()}?{self.span.query}"


def show(
    panel: Panel, span: Span, *, values: Mapping[str, Any], marks: Sequence[Mark] = (), numbered: bool = False,
    width: int = chart.WIDTH, kept: counted.Fetched | None = None,
) -> Shown:  # fmt: skip
    """Find what the panel has to show over `span`.

    values   the parameters of its policy (see `values_of`)
    kept     what panels of the same page share (see `counted.read`)
    """
    result = read(panel, span, values=values, kept=kept)
    unit = panel.unit or result.unit
    if panel.kind in (Panel.Kind.EVENTS, Panel.Kind.DELIVERIES):
        unit = figures.unit_of(panel.field or figures.usual(panel.spec), panel.unit, panel.spec)
    limits = [(one["value"], one.get("label", "")) for one in panel.limits] or result.limits
    picture = None
    if panel.show == Panel.Show.CURVE or numbered:
        picture = chart.draw(result.lines, span, unit, marks=marks, limits=limits, numbered=numbered, width=width)
    links = [_link(said, span, values) for said in panel.links]
    return Shown(panel, span, result, unit, picture, links)


def read(panel: Panel, span: Span, *, values: Mapping[str, Any], kept: counted.Fetched | None = None) -> Result:
    """The panel's lines and figures; what keeps it from having any stands in `fault`."""
    policy = panel.dashboard.policy
    try:
        match panel.kind:
            case Panel.Kind.RULE:
                return sampled.of_rule(policy, panel.spec.get("rule", ""), panel.field, span)
            case Panel.Kind.OBJECTIVE:
                return sampled.of_objective(policy, panel.spec.get("objective", ""), panel.field, span)
            case Panel.Kind.SOURCE:
                return sampled.of_source(panel, span)
        return counted.read(panel, filled(panel.spec, None, values), span, kept=kept)
    except (MissingParameter, ValueError) as error:  # BadSpec is one
        words = f"This panel cannot be read as it is written: {error}" if isinstance(error, BadSpec) else str(error)
        return Result(fault=words)


def values_of(policy) -> Mapping[str, Any]:
    return address_values(policy)


def link_of(said: Mapping[str, str], span: Span, values: Mapping[str, Any]) -> Link:
    """A link of a pack with its parameters and the time shown filled in."""
    return _link(said, span, values)


def _link(said: Mapping[str, str], span: Span, values: Mapping[str, Any]) -> Link:
    try:
        href = substitute(said["href"], values)
    except (MissingParameter, ValueError) as error:
        return Link(said["text"], "", getattr(error, "name", str(error)))
    for name, text in span.facts.items():
        href = href.replace(f"{{{name}}}", quote(text, safe=""))
    return Link(said["text"], href) if is_safe(href) else Link(said["text"], "", "its address")


def as_json(shown: Shown) -> dict[str, Any]:
    """The panel as data: figures as numbers, null where there is none."""
    result = shown.result

    def points(line: Line) -> list[list[Any]]:
        return [[_text(at), value] for at, value in line.points]

    return {
        "key": shown.panel.key, "title": shown.panel.title, "part": shown.panel.part, "kind": shown.panel.kind,
        "field": shown.field, "unit": shown.unit, "has_data": shown.has_data, "value": result.value,
        "shown": shown.value, "before": result.before, "figures": result.facts, "read_at": _text(result.at),
        "fault": result.fault, "note": result.note,
        "lines": [
            {"name": line.name, "value": line.value, "before": line.before, "figures": line.facts,
             "points": points(line)}
            for line in result.lines
        ],
    }  # fmt: skip


def _text(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None
