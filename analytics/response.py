"""How responders did: times, targets met and how that compares with the days before. One query builder for all of it.

Which incidents: those detected in the period that the reader may see, but drills and those merged into another. What
each length is stands in `incidents.response_times`, and in words on the page of definitions.
Everything is counted by the database, in two statements whatever the number of rows: one of times, one of targets.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import (
    Case,
    CharField,
    DateTimeField,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce

from incidents import seeing
from incidents.models import Incident, Status, TimelineEntry
from incidents.response_times import MEASURES
from oncall.models import EscalationContact
from policies.models import Policy, Service, Severity

from .periods import Period
from .seconds import Seconds

PERCENTILES = (50, 90, 95)
NOW, BEFORE = 0, 1
GROUPINGS = {"": "Everything", "service": "Service", "level": "Level", "team": "Team", "policy": "Policy"}
COLUMNS = {"service": "service_id", "level": "severity_id", "policy": "policy_id"}
ALL, FALSE = "incidents", "false_positives"
NONE = "-"
Owners = Incident.owners.through


@dataclass(frozen=True)
class Wish:
    """What somebody asks for: which days, grouped by what (a key of GROUPINGS), and of which incidents.

    policy, service  their keys; level  its key, in any policy; team  its name; empty: all, NONE: those without
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
    total = _sides(wish, user, "").get("", {})
    whole = Group("", "All of these", total.get(NOW, Side()), total.get(BEFORE, Side()))
    if not wish.by:
        return Found(wish, whole)
    sides = _sides(wish, user, wish.by)
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
    return Found(wish, whole, groups)


def incidents(wish: Wish, user: Any) -> QuerySet[Incident]:
    """The incidents of the period that count, with a column in seconds for each measure, named as it is."""
    return _counted(wish, user, wish.period, wish.period).annotate(**_lengths())


def _counted(wish: Wish, user: Any, first: Period, last: Period) -> QuerySet[Incident]:
    rows = seeing.visible(user).filter(detected_at__gte=first.begin, detected_at__lt=last.end, drill=False)
    rows = rows.exclude(status=Status.MERGED)
    exact = {"policy__key": wish.policy, "service__key": wish.service, "severity__key": wish.level}
    rows = rows.filter(**{name: value for name, value in exact.items() if value and value != NONE})
    if wish.service == NONE:
        rows = rows.filter(service=None)
    if wish.team:
        owned = _team_owners(Q(incident__detected_at__gte=first.begin, incident__detected_at__lt=last.end))
        if wish.team == NONE:
            labelled = Q(labels__has_key="team") & ~Q(labels__team="")
            return rows.exclude(pk__in=owned.values("incident_id")).exclude(labelled)
        rows = rows.filter(Q(pk__in=owned.filter(team=wish.team).values("incident_id")) | Q(labels__team=wish.team))
    return rows


def _lengths() -> dict[str, Any]:
    """The measures as columns: seconds, null where they have not happened or do not count."""
    real = ~Q(status=Status.FALSE_POSITIVE)
    found: dict[str, Any] = {}
    for measure in MEASURES.values():
        end: Any = F(f"{measure.end}_at")
        if measure.end == "acknowledged":
            entries = TimelineEntry.objects.filter(incident=OuterRef("pk"), kind="acknowledged").order_by("at")
            first = Coalesce(Subquery(entries.values("at")[:1]), end)
            end = Case(When(reopened=0, then=end), default=first, output_field=DateTimeField())
        seconds = Seconds(end, F(f"{measure.start}_at"))
        found[f"{measure.key}_s"] = Case(When(real, then=seconds)) if measure.real else seconds
    return found


def _sides(wish: Wish, user: Any, by: str) -> dict[str, dict[int, Side]]:
    """By group, then by NOW and BEFORE."""
    rows = _counted(wish, user, wish.period.before, wish.period).annotate(
        span=Case(When(detected_at__gte=wish.period.begin, then=NOW), default=BEFORE, output_field=IntegerField()),
        empty=Case(When(status=Status.FALSE_POSITIVE, then=1), default=0, output_field=IntegerField()),
        grp=Coalesce(Cast(F(COLUMNS[by]), CharField()), Value("")) if by in COLUMNS else Value(""),
        **_lengths(),
    )
    lengths = [f"{key}_s" for key in MEASURES]
    rows = rows.order_by().values_list("id", "span", "grp", "empty", *lengths)
    teams = _teams(wish) if by == "team" else None
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for group, span, name, count, mean, longest, *percentiles in _run(_times_sql(lengths), rows, teams):
        side = found.setdefault(group, {}).setdefault(span, {"times": {}, "targets": {}})
        if name in (ALL, FALSE):
            side[name] = int(count)
        else:
            by_number = dict(zip(PERCENTILES, map(float, percentiles), strict=True))
            side["times"][name.removesuffix("_s")] = Times(int(count), float(mean), float(longest), by_number)
    for group, span, kind, met, missed, running in _run(TARGETS_SQL, rows, teams):
        side = found.setdefault(group, {}).setdefault(span, {"times": {}, "targets": {}})
        side["targets"][kind] = Met(int(met), int(missed), int(running))
    return {group: {span: Side(**said) for span, said in two.items()} for group, two in found.items()}


def _run(sql: str, rows: QuerySet, teams: QuerySet | None) -> Iterable[Sequence[Any]]:
    """The lines of `sql`, which reads `counted`: `rows`, once for each of their `teams` when they are grouped so."""
    try:
        inner, params = rows.query.sql_with_params()
        team_sql, team_params = teams.query.sql_with_params() if teams is not None else ("", ())
    except EmptyResultSet:
        return []
    names = ["id", "span", "grp", "empty", *(f"{key}_s" for key in MEASURES)]
    counted = f"rows ({', '.join(names)}) AS MATERIALIZED ({inner})"
    if teams is None:
        counted += ", counted AS (SELECT * FROM rows)"
    else:
        others = ", ".join(f"r.{name}" for name in names if name != "grp")
        kept = ", ".join(name for name in names if name != "grp")
        counted += (
            f", teams (incident_id, team) AS ({team_sql})"
            f", counted ({kept}, grp) AS (SELECT {others}, COALESCE(t.team, '') FROM rows r"
            " LEFT JOIN teams t ON t.incident_id = r.id)"
        )
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {counted} {sql}", [*params, *team_params])
        return cursor.fetchall()


def _times_sql(lengths: Sequence[str]) -> str:
    """Count, mean, longest and percentiles by group and period; a percentile lies between its two neighbours in rank.

    With n values in order, counted from 0, percentile p stands at rank (n - 1) * p / 100; between two ranks it moves in
    a straight line: what PostgreSQL calls percentile_cont and spreadsheets PERCENTILE.INC, and SQLite has no word for.
    """
    listed = [
        f"SELECT grp, span, '{one}' AS name, {one} AS value FROM counted WHERE {one} IS NOT NULL" for one in lengths
    ]
    listed += [
        f"SELECT grp, span, '{ALL}', 0.0 FROM counted",
        f"SELECT grp, span, '{FALSE}', 0.0 FROM counted WHERE empty = 1",
    ]
    shares = ", ".join(_percentile(number) for number in PERCENTILES)
    return (
        f", listed AS ({' UNION ALL '.join(listed)}), ranked AS (SELECT grp, span, name, value,"
        " ROW_NUMBER() OVER (PARTITION BY name, span, grp ORDER BY value) - 1 AS place,"
        " COUNT(*) OVER (PARTITION BY name, span, grp) - 1 AS top FROM listed)"
        f" SELECT grp, span, name, COUNT(*), AVG(value), MAX(value), {shares} FROM ranked GROUP BY grp, span, name"
    )


def _percentile(number: int) -> str:
    below = f"(top * {number} / 100)"  # whole numbers: the division leaves the rest out
    part = f"(top * {number} - {below} * 100) / 100.0"
    return (
        f"SUM(CASE WHEN place = {below} THEN value * (1 - {part})"
        f" WHEN place = {below} + 1 THEN value * ({part}) ELSE 0 END)"
    )


TARGETS_SQL = (
    "SELECT c.grp, c.span, t.kind, SUM(CASE WHEN t.state = 'met' THEN 1 ELSE 0 END),"
    " SUM(CASE WHEN t.state = 'breached' THEN 1 ELSE 0 END), SUM(CASE WHEN t.state = 'pending' THEN 1 ELSE 0 END)"
    " FROM counted c JOIN incidents_responsetarget t ON t.incident_id = c.id WHERE t.state <> 'cancelled'"
    " GROUP BY c.grp, c.span, t.kind"
)


def _teams(wish: Wish) -> QuerySet:
    """(incident, team) of each incident of both periods, each pair once; the team it is asked for alone, if any."""
    begin, end = wish.period.before.begin, wish.period.end
    owners = _team_owners(Q(incident__detected_at__gte=begin, incident__detected_at__lt=end))
    labelled = Incident.objects.filter(detected_at__gte=begin, detected_at__lt=end, labels__has_key="team")
    named = labelled.order_by().annotate(team=Cast(KT("labels__team"), CharField())).exclude(team="")
    if wish.team and wish.team != NONE:
        owners, named = owners.filter(team=wish.team), named.filter(team=wish.team)
    return owners.values_list("incident_id", "team").union(named.values_list("pk", "team"))


def _team_owners(which: Q) -> QuerySet:
    """Rows of owners with the `team` behind each: the owner itself when it is one, else those it is a member of."""
    team, person = EscalationContact.Kind.TEAM, F("escalationcontact__member_of__name")
    own = Q(escalationcontact__kind=team)
    member = ~own & Q(escalationcontact__member_of__kind=team)
    name = Case(When(own, then=F("escalationcontact__name")), default=person, output_field=CharField())
    return Owners.objects.filter(which).filter(own | member).annotate(team=name).order_by()


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
