"""How responders did: times, targets met and how that compares with the days before. One query builder for all of it.

Which incidents: those detected in the period that the reader may see, but drills and those merged into another. What
each length is stands in `incidents.response_times`, and in words on the page of definitions.
Two statements whatever the number of rows: one reads the times, which are put in order here, as neither SQLite nor a
sort for each measure and group is quick at percentiles; the other has the targets counted by the database.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import fsum
from typing import Any

from django.db.models import (
    Case,
    CharField,
    F,
    IntegerField,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from incidents import seeing
from incidents.models import Incident, Status
from incidents.response_times import MEASURES, first_acknowledgement
from policies.models import Policy, Service, Severity

from . import kept, response_sql, response_teams
from .periods import Period
from .seconds import Seconds

PERCENTILES = (50, 90, 95)
NOW, BEFORE = 0, 1
GROUPINGS = {"": "Everything", "service": "Service", "level": "Level", "team": "Team", "policy": "Policy"}
COLUMNS = {"service": "service_id", "level": "severity_id", "policy": "policy_id"}
NONE = "-"


@dataclass(frozen=True)
class Wish:
    """What somebody asks for: which days, grouped by what (a key of GROUPINGS), and of which incidents.

    policy, service  their keys; level  its key, in any policy; team  its name; empty: all
    Of service and team, NONE: those without. Every incident has a policy and a level.
    """

    period: Period
    by: str = ""
    policy: str = ""
    service: str = ""
    level: str = ""
    team: str = ""


@dataclass(frozen=True)
class Times:
    """One measure over `count` incidents, in seconds; percentiles by their number."""

    count: int = 0
    mean: float | None = None
    longest: float | None = None
    percentiles: dict[int, float] = field(default_factory=dict)

    @property
    def median(self) -> float | None:
        return self.percentiles.get(50)


@dataclass(frozen=True)
class Met:
    """Response targets: met in time, missed (also those met late), and still running."""

    met: int = 0
    missed: int = 0
    running: int = 0

    @property
    def share(self) -> float | None:
        """Percent of those that are settled; None: none is."""
        return 100 * self.met / (self.met + self.missed) if self.met + self.missed else None

    def __add__(self, other: "Met") -> "Met":
        return Met(self.met + other.met, self.missed + other.missed, self.running + other.running)


@dataclass(frozen=True)
class Side:
    """One group in one period."""

    incidents: int = 0
    false_positives: int = 0
    times: dict[str, Times] = field(default_factory=dict)
    targets: dict[str, Met] = field(default_factory=dict)

    def time(self, measure: str) -> Times:
        return self.times.get(measure, Times())

    @property
    def all_targets(self) -> Met:
        return sum(self.targets.values(), Met())


@dataclass(frozen=True)
class Group:
    """One line: what it is, as it is now and as it was in the period before; `only` are the words of its own Wish."""

    key: str
    name: str
    now: Side
    before: Side
    only: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """Everything together, and the groups: levels by rank, others by their number of incidents, the most first."""

    wish: Wish
    total: Group
    groups: list[Group] = field(default_factory=list)


def find(wish: Wish, user: Any) -> Found:
    """The figures that `user` may see, of the period and of the one before."""
    return kept.answer(("response", user.pk, wish), lambda: _find(wish, user))


def _find(wish: Wish, user: Any) -> tuple[Found, int]:
    with response_sql.reading():
        found = _sides(wish, user)
    total = found.get(None, {})
    read = sum(side.incidents for side in total.values())
    sides = {key: two for key, two in found.items() if key is not None}
    whole = Group("", "All of these", total.get(NOW, Side()), total.get(BEFORE, Side()))
    if not wish.by:
        return Found(wish, whole), read
    names = _names(wish.by, sides)
    groups = []
    for key, two in sides.items():
        name, only = names[key]
        groups.append(Group(only[wish.by], name, two.get(NOW, Side()), two.get(BEFORE, Side()), only))
    places = {name: place for place, (name, _) in enumerate(names.values())}
    if wish.by == "level":
        groups.sort(key=lambda group: places[group.name])
    else:
        groups.sort(key=lambda group: (-group.now.incidents, -group.before.incidents, group.name))
    return Found(wish, whole, groups), read


def incidents(wish: Wish, user: Any) -> QuerySet[Incident]:
    """The incidents of the period that count, with a column in seconds for each measure, named as it is."""
    return _counted(wish, user, wish.period, wish.period).annotate(**_lengths())


def _counted(wish: Wish, user: Any, first: Period, last: Period) -> QuerySet[Incident]:
    rows = seeing.visible(user).filter(detected_at__gte=first.begin, detected_at__lt=last.end, drill=False)
    rows = rows.exclude(status=Status.MERGED)
    exact = {"policy__key": wish.policy, "service__key": wish.service, "severity__key": wish.level}
    if wish.service == NONE:
        del exact["service__key"]
        rows = rows.filter(service=None)
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if wish.team:
        known = response_teams.names_above()
        groups = [pk for pk, names in known.items() if wish.team in names or wish.team == NONE]
        span = Q(incident__detected_at__gte=first.begin, incident__detected_at__lt=last.end)
        owned = Q(pk__in=response_teams.owners(span, groups).values("incident_id"))
        if wish.team == NONE:
            return rows.exclude(owned).exclude(Q(labels__has_key="team") & ~Q(labels__team=""))
        rows = rows.filter(owned | Q(labels__team=wish.team))
    return rows


def _lengths() -> dict[str, Any]:
    """The measures as columns: seconds, null where they have not happened or do not count."""
    real = ~Q(status=Status.FALSE_POSITIVE)
    found: dict[str, Any] = {}
    for measure in MEASURES.values():
        end: Any = first_acknowledgement() if measure.end == "acknowledged" else F(f"{measure.end}_at")
        seconds = Seconds(end, F(f"{measure.start}_at"))
        found[f"{measure.key}_s"] = Case(When(real, then=seconds)) if measure.real else seconds
    return found


@dataclass
class Heap:
    """What is known of the incidents of one group in one period; lengths in seconds by measure, not yet in order."""

    incidents: int = 0
    false_positives: int = 0
    lengths: dict[str, list[float]] = field(default_factory=lambda: {measure: [] for measure in MEASURES})
    targets: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def side(self) -> Side:
        times = {measure: _times(values) for measure, values in self.lengths.items() if values}
        met = {kind: Met(one["met"], one["breached"], one["pending"]) for kind, one in self.targets.items()}
        return Side(self.incidents, self.false_positives, times, met)


def _sides(wish: Wish, user: Any) -> dict[str | None, dict[int, Side]]:
    """By group (None: everything), then by NOW and BEFORE."""
    heaps: dict[tuple[str | None, int], Heap] = defaultdict(Heap)
    groups = _groups(wish)
    column = F("pk") if wish.by == "team" else F(COLUMNS[wish.by]) if wish.by else Value(0)
    span = Case(When(detected_at__gte=wish.period.begin, then=NOW), default=BEFORE, output_field=IntegerField())
    rows = _counted(wish, user, wish.period.before, wish.period).annotate(grp=column, span=span).order_by()
    timed = rows.annotate(**_lengths()).values_list("grp", "span", "status", *(f"{measure}_s" for measure in MEASURES))
    for grp, period, status, *lengths in response_sql.lines(timed):
        for key in groups(grp):
            heap = heaps[key, period]
            heap.incidents += 1
            heap.false_positives += status == Status.FALSE_POSITIVE
            for values, length in zip(heap.lengths.values(), lengths, strict=True):
                if length is not None:
                    values.append(length)
    for grp, period, kind, state, count in response_sql.targets(rows.values_list("pk", "grp", "span")):
        for key in groups(grp):
            heaps[key, period].targets[kind][state] += count
    found: dict[str | None, dict[int, Side]] = defaultdict(dict)
    for (key, period), heap in heaps.items():
        found[key][period] = heap.side
    return found


def _groups(wish: Wish) -> Callable[[Any], Sequence[str | None]]:
    """To which groups an incident belongs: everything, and those of its team or of its value of the column."""
    if wish.by == "team":
        of_teams = {pk: (None, *sorted(names)) for pk, names in _teams(wish).items()}
        return lambda pk: of_teams.get(pk, (None, ""))
    return cache(lambda value: (None, str(value or ""))) if wish.by else lambda value: (None,)


def _times(values: list[float]) -> Times:
    """With n values in order, counted from 0, percentile p stands at rank (n - 1) * p / 100; between two a line."""
    values.sort()
    last, by_number = len(values) - 1, {}
    for number in PERCENTILES:
        below, part = divmod(last * number, 100)
        above = values[min(below + 1, last)]
        by_number[number] = values[below] + (above - values[below]) * part / 100
    return Times(len(values), fsum(values) / len(values), values[-1], by_number)


def _teams(wish: Wish) -> dict[int, set[str]]:
    """The teams of each incident of both periods that has any; the team it is asked for alone, if any."""
    begin, end = wish.period.before.begin, wish.period.end
    found: dict[int, set[str]] = defaultdict(set)
    known = response_teams.names_above()
    if wish.team and wish.team != NONE:
        known = {pk: {wish.team} for pk, names in known.items() if wish.team in names}
    owners = response_teams.owners(Q(incident__detected_at__gte=begin, incident__detected_at__lt=end), known)
    for pk, group in response_sql.lines(owners.values_list("incident_id", "group")):
        found[pk] |= known[group]
    labelled = Incident.objects.filter(detected_at__gte=begin, detected_at__lt=end, labels__has_key="team")
    named = labelled.order_by().annotate(team=Cast(KT("labels__team"), CharField())).filter(team__gt="")
    if wish.team and wish.team != NONE:
        named = named.filter(team=wish.team)
    for pk, team in response_sql.lines(named.values_list("pk", "team")):
        found[pk].add(team)
    return found


def _names(by: str, sides: dict[str, Any]) -> dict[str, tuple[str, dict[str, str]]]:
    """What each group is called, and the words of a Wish for it alone."""
    if by == "team":
        return {key: (key or "No team", {"team": key or NONE}) for key in sides}
    numbers = [int(key) for key in sides if key]
    named: dict[str, tuple[str, dict[str, str]]] = {"": ("No service", {"service": NONE})}
    if by == "level":
        levels = list(Severity.objects.filter(pk__in=numbers).select_related("policy").order_by("rank", "policy__name"))
        one = len({level.policy_id for level in levels}) == 1
        for level in levels:
            name = str(level) if one else f"{level} · {level.policy}"
            named[str(level.pk)] = name, {"level": level.key, "policy": level.policy.key}
    else:
        model: Any = Service if by == "service" else Policy
        named |= {str(row.pk): (row.name, {by: row.key}) for row in model.objects.filter(pk__in=numbers)}
    return named
