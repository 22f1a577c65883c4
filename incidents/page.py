"""What the incident page shows, in parts: while one looks, a part is sent again only when what it says has changed.

So nothing on the page moves without a reason, and an incident that stays as it is costs its viewers next to nothing.
No part may contain the present time; the browser counts the clocks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2s

from django.db.models import Count, Prefetch, Q, Window, prefetch_related_objects
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from notifications.models import Delivery
from oncall.models import EscalationContact

from . import beside, gates, impact, presence, roles, targets
from .models import OPEN, Incident, ResponseTarget, Status, TimelineEntry

PARTS = ("head", "actions", "clocks", "people", "tasks", "facts", "impact", "changes", "alerts", "sent", "pins")
IMPACTS: list[Callable[[list], list]] = []
"""What tells of the alerts of an incident whom they meet: labels with their values; rooms above register theirs."""
CARDS: list["Card"] = []
"""Parts that rooms above put on the page, in their order; they register theirs at start-up."""
LISTED = 20
TIMELINE_SHOWN = 200
MOVED = (
    "detected", "acknowledged", "mitigated", "resolved", "closed", "reopened", "false_positive", "merged", "severity",
    "escalated", "override", "unmerged", "split", "milestone", "on_hold", "off_hold",
)  # fmt: skip
SHOW = {"all": "Everything", "people": "By people", "moves": "Moves"}
NEXT = {
    Status.DETECTED: [Status.MITIGATED, Status.RESOLVED],
    Status.ACKNOWLEDGED: [Status.MITIGATED, Status.RESOLVED],
    Status.MITIGATED: [Status.RESOLVED],
    Status.RESOLVED: [Status.CLOSED],
}
"""The moves a person makes that a gate may keep shut."""


@dataclass(frozen=True)
class Card:
    """A part of a room above; one that renders to nothing takes no place.

    template   gets what every part may use, and what `given` adds to that
    top        stands above everything but the head
    first      stands in the main column, before what else can be done
    there      it is asked for only when one of these is there (names of `presence.ASKED`); empty: always
    """

    name: str
    template: str
    given: Callable[[dict], dict]
    there: tuple[str, ...] = ()
    top: bool = False
    first: bool = False

    def render(self, request, given: dict) -> str:
        if self.there and presence.ASKED.keys() >= set(self.there) and not given["has"].intersection(self.there):
            return ""
        return SafeString(render_to_string(self.template, {**given, **self.given(given)}, request).strip())


@dataclass(frozen=True)
class Part:
    """A piece of the page; `digest` changes with what it says."""

    name: str
    html: str

    @property
    def digest(self) -> str:
        return blake2s(self.html.encode(), digest_size=8).hexdigest()

    @property
    def have(self) -> str:
        return f"{self.name}:{self.digest}"


@dataclass(frozen=True)
class Shut:
    """A gate that is shut: the move it guards and what it waits for."""

    to: str
    missing: list[str]

    @property
    def action(self) -> str:
        return {Status.MITIGATED: "mitigate", Status.RESOLVED: "resolve", Status.CLOSED: "close"}[Status(self.to)]

    @property
    def label(self) -> str:
        return str(Status(self.to).label).lower()


def contact_for(user) -> EscalationContact | None:
    """Who `user` is, without making a contact for somebody who only looks."""
    return EscalationContact.objects.filter(user=user).first()


def context(incident: Incident, user) -> dict:
    """What every part may use; at most 25 queries together with the timeline, however long the incident is."""
    run, me = incident.escalations.select_related("policy").order_by("-pk").first(), contact_for(user)
    has = presence.of(incident)
    held = incident.roles.filter(until=None).select_related("contact")
    prefetch_related_objects([incident], Prefetch("roles", held, to_attr="held_roles"))
    pages = list(incident.page_rows.select_related("contact", "method", "asked_by").order_by("-pk")[:LISTED])
    responds = user.has_perm("incidents.respond_incident")
    alerts = _alerts(incident)
    clocks = _clocks(incident)
    return {
        **_room(incident, has, clocks),
        "incident": incident,
        "is_open": incident.status in OPEN,
        "responds": responds,
        "overrides": responds and user.has_perm("incidents.override_gate"),
        "clocks": clocks,
        "owners": incident.owners.all(),
        "has": has,
        "roles": incident.held_roles,
        "run": run,
        "turns": run.turns.order_by("position") if run else [],
        "pages": pages,
        "wanted": [page for page in pages if me and page.contact_id == me.pk and page.waits_for_answer],
        "sent": _counted(Delivery.objects.filter(thread=incident.thread).order_by("-pk"), status="failed"),
        "alerts": alerts,
        "changes": beside.changes_near(incident),
        "change_window": beside.window(),
        "impact": [met for told in IMPACTS for met in told(alerts)],
        "shut": shut_gates(incident, by=me, has=has) if responds else [],
        "review": None if incident.status in OPEN else getattr(incident, "review", None),
        "reads_reviews": user.has_perm("reviews.view_postincidentreview"),
        "writes_reviews": user.has_perm("reviews.add_postincidentreview"),
    }


def _room(incident: Incident, has: frozenset[str], clocks: list[ResponseTarget]) -> dict:
    """Roles, tasks, impact, pins and parts of the incident; a query for each that is there."""
    wanted = roles.wanted(incident) if "role_plans" in has else roles.usual_ones()
    parts = (
        Incident.objects.filter(Q(merged_into=incident) | Q(split_from=incident)) if {"parts", "split"} & has else []
    )
    incident.__dict__["roles_wanted"] = wanted
    incident.__dict__["joined"] = [part.pk for part in parts if part.merged_into_id == incident.pk]
    stretches = list(incident.impact_stretches.all()) if "impact" in has else []
    held = {row.role: row for row in incident.held_roles}
    return {
        "role_rows": [(role.label, held.get(role.key), role.key) for role in wanted],
        "other_roles": [row for key, row in held.items() if key not in {role.key for role in wanted}],
        "tasks": list(incident.tasks.select_related("done_by", "contact")) if "tasks" in has else [],
        "stretches": stretches,
        "running": next((one for one in stretches if one.end_at is None), None),
        "affected_since": _as_if_since(stretches),
        "affected_for": sum(((one.end_at or one.start_at) - one.start_at for one in stretches), timedelta(0)),
        "asks": impact.unanswered(incident) if "asks" in has else [],
        "absent": targets.absent(incident, clocks) if "level_targets" in has and incident.is_open else [],
        "pins": list(incident.timeline.filter(starred=True).select_related("by")) if "pins" in has else [],
        "joined": [part for part in parts if part.merged_into_id == incident.pk],
        "split_off": [part for part in parts if part.split_from_id == incident.pk],
    }


def _as_if_since(stretches: list) -> datetime | None:
    """From when people would have been affected without a break to come to the sum; None while nobody is."""
    running = next((one for one in stretches if one.end_at is None), None)
    if running is None:
        return None
    before = sum((one.end_at - one.start_at for one in stretches if one.end_at), timedelta(0))
    return running.start_at - before


def _alerts(incident: Incident) -> list:
    """The latest alerts, those that fire first; each with what its sender `brought` along and how often it was told."""
    brought = incident.alerts.select_related("alert__integration", "alert__rule__policy")
    rows = _counted(brought.order_by("-firing", "-starts_at"), firing=True)
    times = beside.told_times([row.alert for row in rows])
    for row in rows:
        row.brought, row.told_times = beside.brought(row.alert.annotations), times.get(row.alert.pk, 0)
    return rows


def _counted(rows, **some) -> list:
    """The first rows, each with `total` (of all rows) and `some` (of those that match)."""
    counts = {"total": Window(Count("pk")), "some": Window(Count("pk", filter=Q(**some)))}
    return list(rows.annotate(**counts)[:LISTED])


def _clocks(incident: Incident) -> list[ResponseTarget]:
    """Missed and still owed first, then running, waiting, and what is settled."""

    def urgency(target: ResponseTarget) -> tuple:
        owed = target.met_at is None
        order = [target.state == "breached" and owed, target.state == "pending" and target.due_at is not None, owed]
        return (*(not first for first in order), target.due_at or incident.detected_at, target.pk)

    return sorted(incident.targets.exclude(state=ResponseTarget.State.CANCELLED), key=urgency)


def shut_gates(incident: Incident, *, by: EscalationContact | None, has: frozenset[str] | None = None) -> list[Shut]:
    """The gates in front of the incident that are shut for `by`; `has`: what is there, if known."""
    if has is None or "gates" in has:
        prefetch_related_objects([incident.policy], "gates__severities")  # asked once for all moves
    asked = ((to, gates.missing(incident, to, by=by, has=has)) for to in NEXT.get(Status(incident.status), []))
    return [Shut(to, sentences) for to, sentences in asked if sentences]


def parts(request, given: dict) -> list[Part]:
    """Every part of the page, rendered; the cards of rooms above come last."""
    own = [Part(name, render_to_string(f"incidents/parts/{name}.html", given, request)) for name in PARTS]
    return own + [Part(card.name, card.render(request, given)) for card in CARDS]


@dataclass(frozen=True)
class Timeline:
    """Entries to show, newest first; `last` and `total` tell the next look what this one has seen."""

    entries: list[TimelineEntry]
    last: int
    total: int

    @property
    def have(self) -> str:
        return f"timeline:{self.last}:{self.total}"

    @property
    def is_cut(self) -> bool:
        return self.total > len(self.entries)


def timeline(incident: Incident, show: str, *, whole: bool = False) -> Timeline:
    """The latest entries of a kind (`SHOW`), or all of them."""
    rows = _shown(incident, show)
    entries = list(_newest_first(rows) if whole else _newest_first(rows)[:TIMELINE_SHOWN])
    last = max((entry.pk for entry in entries), default=0)
    return Timeline(entries, last, rows.filter(pk__lte=last).count())


def fresh(incident: Incident, show: str, *, last: int, total: int) -> Timeline | None:
    """Entries added since a look that ended at `last` and knew `total`; None when it must be read anew.

    The timeline only grows, so what came since has a higher number; only a transaction that took its number early and
    was committed late slips in between, which the count shows.
    """
    rows = _shown(incident, show)
    added = list(_newest_first(rows.filter(pk__gt=last)))
    if rows.filter(pk__lte=last).count() != total:
        return None
    return Timeline(added, max((entry.pk for entry in added), default=last), total + len(added))


def _shown(incident: Incident, show: str):
    joined = incident.__dict__.get("joined")  # what was merged into it tells its story here too
    rows = TimelineEntry.objects.filter(incident__in=[incident.pk, *joined]) if joined else incident.timeline.all()
    if show == "people":
        return rows.exclude(by=None)
    return rows.filter(kind__in=MOVED) if show == "moves" else rows


def _newest_first(rows):
    return rows.select_related("by", "corrects").order_by("-at", "-pk")


def last_move(incident: Incident) -> str:
    """The last move in words, for somebody whose own came too late."""
    entry = incident.timeline.filter(kind__in=MOVED).order_by("-at", "-pk").first()
    return f"{entry.text} ({entry.at:%H:%M:%S} UTC)" if entry else ""
