"""The pages of response figures: times and targets, the incidents behind them, who was interrupted, what each says."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.db.models import F
from django.forms import HiddenInput
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone

from incidents import fatigue, seeing
from incidents.models import FatigueLimit, FatigueNote
from incidents.response_times import MEASURES
from oncall import fairness
from policies.models import TargetKind

from . import interruptions, response, sheets
from .periods import Period
from .response import PERCENTILES, Group, Met, Side, Times
from .response_forms import SPANS, PeopleForm, ResponseForm, zones

PER_PAGE = 50
NOTES = 20
view_incidents = permission_required("incidents.view_incident", raise_exception=True)
view_people = permission_required("oncall.view_schedule", raise_exception=True)
PARTS = ("count", "mean_s", *(f"p{number}_s" for number in PERCENTILES), "longest_s")
HEAD = [
    "group", "name", "period", "from", "to", "zone", "incidents", "false_positives",
    *(f"{key}_{part}" for key in MEASURES for part in PARTS),
    *(f"target_{kind}_{part}" for kind in TargetKind.values for part in ("met", "missed", "running")),
]  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A measure of a group: as it is, as it was, and by how many percent it changed (None: nothing to compare)."""

    short: str
    name: str
    now: Times
    before: Times

    @property
    def change(self) -> int | None:
        return change(self.now.mean, self.before.mean)


@dataclass(frozen=True)
class Shown:
    """A person's line, with how close each limit that holds for them is now."""

    line: interruptions.Line
    change: int | None
    limits: list[tuple[FatigueLimit, int]]


def change(now: float | None, before: float | None) -> int | None:
    """By how many percent `now` is more than `before`."""
    return round(100 * (now - before) / before) if now is not None and before else None


@login_required
@view_incidents
def figures(request) -> HttpResponse:
    """Times and targets of a period and of the one before, of everything and by group; or with `format=csv` a file."""
    at = timezone.now()
    form = ResponseForm({**request.GET.dict(), "by": request.GET.get("by", "service")}, at=at)
    context: dict[str, Any] = _about(request, form, at, "response")
    if not form.is_valid():
        return render(request, "figures/response.html", context, status=422)
    found = response.find(form.wish, request.user)
    if request.GET.get("format") == "csv":
        return _csv(found)
    kinds = [kind for kind in TargetKind if kind.value in found.total.now.targets | found.total.before.targets]
    context |= {
        "found": found, "tiles": cells(found.total),
        "groups": [(group, cells(group), _link(request, group.only)) for group in found.groups],
        "heading": response.GROUPINGS[form.wish.by],
        "targets": [
            (kind.label, found.total.now.targets.get(kind, Met()), found.total.before.targets.get(kind, Met()))
            for kind in kinds
        ],
    }  # fmt: skip
    return render(request, "figures/response.html", context)


def cells(group: Group) -> list[Cell]:
    """Each measure of a group, in their order."""
    return [Cell(m.short, m.name, group.now.time(key), group.before.time(key)) for key, m in MEASURES.items()]


@login_required
@view_incidents
def behind(request) -> HttpResponse:
    """The incidents behind the figures, with what was measured of each; the longest of a measure first."""
    at = timezone.now()
    form = ResponseForm(request.GET.dict(), at=at)
    form.fields["by"].widget = HiddenInput()
    context: dict[str, Any] = _about(request, form, at, "response")
    if not form.is_valid():
        return render(request, "figures/behind.html", context, status=422)
    measure = request.GET.get("measure", "")
    rows = response.incidents(form.wish, request.user).select_related("severity", "service")
    if measure in MEASURES:
        rows = rows.filter(**{f"{measure}_s__isnull": False}).order_by(F(f"{measure}_s").desc(), "-pk")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    lines = [(row, [(m, getattr(row, f"{key}_s")) for key, m in MEASURES.items()]) for row in page.object_list]
    context |= {"page": page, "lines": lines, "measures": MEASURES, "measure": measure}
    return render(request, "figures/behind.html", context)


@login_required
@view_people
def people(request) -> HttpResponse:
    """Who was interrupted how often, in which hours of their own life; or with `format=csv` a file."""
    at = timezone.now()
    form = PeopleForm(request.GET.dict(), at=at)
    context: dict[str, Any] = _about(request, form, at, "people")
    if not form.is_valid():
        return render(request, "figures/people.html", context, status=422)
    lines = interruptions.find(form.period, team=form.cleaned_data["team"])
    if request.GET.get("format") == "csv":
        return _people_csv(form.period, lines)
    limits = fatigue.standing([line.person for line in lines], at=at)
    notes = FatigueNote.objects.filter(at__gte=form.period.begin, at__lt=form.period.end)
    context |= {
        "lines": [
            Shown(line, change(line.now.total, line.before.total), limits.get(line.person.pk, [])) for line in lines
        ],
        "most": max([line.now.total for line in lines], default=0),
        "limits": bool(limits), "notes": list(notes.exclude(page__incident__in=seeing.hidden(request.user))[:NOTES]),
    }  # fmt: skip
    return render(request, "figures/people.html", context)


@login_required
@view_incidents
def definitions(request) -> HttpResponse:
    """What each figure says; the words stand beside what is counted."""
    hours = [fairness.DEFINITIONS[key] for key in ("business", "sleep", "off")]
    context = {"measures": MEASURES.values(), "hours": hours, "tab": "definitions", "at": timezone.now()}
    return render(request, "figures/definitions.html", context)


def _about(request, form, at, tab: str) -> dict[str, Any]:
    return {"at": at, "form": form, "tab": tab, "zones": zones(), "spans": SPANS, "query": _kept(request.GET)}


def _kept(query: QueryDict) -> str:
    """What was asked for, as the end of an address of another page of figures."""
    words = query.copy()
    for name in ("format", "page", "measure"):
        words.pop(name, None)
    return words.urlencode()


def _link(request, only: dict[str, str]) -> str:
    """The same for one group alone."""
    words = request.GET.copy()
    for name in ("format", "page", "measure"):
        words.pop(name, None)
    for name, value in only.items():
        words[name] = value
    return words.urlencode()


def _csv(found: response.Found) -> HttpResponse:
    now, before = found.wish.period, found.wish.period.before
    rows = [
        [group.key, group.name, name, days.first, days.last, days.zone.key, *_numbers(side)]
        for group in [*found.groups, found.total]
        for name, days, side in (("now", now, group.now), ("before", before, group.before))
    ]
    return sheets.csv_file(f"response-{now.first}-{now.last}.csv", HEAD, rows)


def _numbers(side: Side) -> list[Any]:
    numbers: list[Any] = [side.incidents, side.false_positives]
    for key in MEASURES:
        one = side.time(key)
        numbers += [one.count, one.mean, *(one.percentiles.get(number) for number in PERCENTILES), one.longest]
    for kind in TargetKind.values:
        target = side.targets.get(kind, Met())
        numbers += [target.met, target.missed, target.running]
    return numbers


def _people_csv(period: Period, lines: list[interruptions.Line]) -> HttpResponse:
    names, sides = ("total", "business", "off", "sleep"), ("now", "before")
    words = ("interruptions", *names[1:])
    head = ["person", "time_zone", "from", "to", "period_zone", *words, *(f"{word}_before" for word in words)]
    rows = [
        [line.person.name, line.person.timezone, period.first, period.last, period.zone.key]
        + [getattr(getattr(line, side), name) for side in sides for name in names]
        for line in lines
    ]
    return sheets.csv_file(f"interruptions-{period.first}-{period.last}.csv", head, rows)
