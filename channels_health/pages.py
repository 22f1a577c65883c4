"""The channels page: per tenant how each line is and since when, its outages of the last days, and their incidents."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from .history import accept_identifiers
from .models import Channel, ChannelStatus
from .outages import HEALTHY, Outage, Stand, outages, total, works

DAYS, PER_PAGE, HISTORY = 30, 100, 100
MAY = "incidents.view_incident"
SHOWS = {"": "All", "down": "Not working", "up": "Working"}
INCIDENTS: list[Callable[[str], list]] = []
"""What tells of a tenant its incidents, the latest first; rooms above register theirs."""
FIRING: list[Callable[[str], list[tuple[str, datetime]]]] = []
"""What tells of a tenant what fires, in words, and since when."""


@dataclass(frozen=True)
class Line:
    """A channel as the page shows it: its outages of the last days, how long they were together, and the share up."""

    channel: Channel
    works: bool
    outages: list[Outage]
    down: timedelta

    @property
    def up(self) -> str:
        """Share of the time in which it worked, cut off so that no outage ever reads 100."""
        share = 1 - self.down / timedelta(days=DAYS)
        return f"{int(share * 1000) / 10:g} %"


@login_required
@permission_required(MAY, raise_exception=True)
def channel_list(request):
    """Tenants with a channel that does not work first."""
    at = timezone.now()
    show, tenant = request.GET.get("show", ""), request.GET.get("tenant", "").strip()
    rows = Channel.objects.all()
    fine = Q(status="") | Q(status__iregex=f"^({'|'.join(sorted(HEALTHY))})$")
    totals = {"all": rows.count(), "down": rows.exclude(fine).count()}
    totals["tenants_down"] = rows.exclude(fine).values("tenant").distinct().count()
    if tenant:
        rows = rows.filter(tenant=tenant)
    rows = rows.exclude(fine) if show == "down" else rows.filter(fine) if show == "up" else rows
    if text := request.GET.get("q", "").strip():
        rows = rows.filter(Q(tenant__icontains=text) | Q(name__icontains=text) | Q(key__icontains=text))
    down = set(Channel.objects.exclude(fine).values_list("pk", flat=True))
    order = sorted(rows.values_list("pk", "tenant", "key"), key=lambda row: (row[0] not in down, row[1], row[2]))
    page = Paginator([pk for pk, *_ in order], PER_PAGE).get_page(request.GET.get("page"))
    channels = Channel.objects.in_bulk(list(page))
    lines = _lines([channels[pk] for pk in page if pk in channels], at=at)
    tenants: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        tenants[line.channel.tenant].append(line)
    context = {
        "page": page, "tenants": list(tenants.items()), "totals": totals, "show": show,
        "shows": SHOWS.items(), "tenant": tenant, "q": text, "days": DAYS, "at": at,
        "incidents": _incidents(tenant) if tenant else [], "firing": _firing(tenant) if tenant else [],
    }  # fmt: skip
    return render(request, "channels/list.html", context)


@login_required
@permission_required(MAY, raise_exception=True)
def channel(request, pk: int):
    """One channel: every state it was in, and its outages."""
    at = timezone.now()
    found = get_object_or_404(Channel, pk=pk)
    [line] = _lines([found], at=at)
    ids = [(name, value, found.changed_identifiers.get(name)) for name, value in found.identifiers.items()]
    context = {
        "line": line, "channel": found, "identifiers": ids, "at": at, "days": DAYS,
        "history": found.history.all()[:HISTORY], "outages": [(one, one.length(at)) for one in line.outages],
        "incidents": _incidents(found.tenant), "firing": _firing(found.tenant),
    }  # fmt: skip
    return render(request, "channels/channel.html", context)


@login_required
@permission_required("incidents.respond_incident", raise_exception=True)
@require_POST
def accept(request, pk: int):
    """Ids that were flagged as changed are right."""
    accept_identifiers(get_object_or_404(Channel, pk=pk))
    return redirect("channel", pk)


def _lines(channels: list[Channel], *, at) -> list[Line]:
    """With the outages of the last days, read together."""
    since = at - timedelta(days=DAYS)
    recent = Q(until=None) | Q(until__gt=since)
    history: dict[int, list[Stand]] = defaultdict(list)
    for row in ChannelStatus.objects.filter(recent, channel__in=channels).order_by("at", "pk"):
        history[row.channel_id].append(Stand(row.status, row.at, row.until, row.reason))
    lines = []
    for one in channels:
        found = outages(history[one.pk], since=since)
        lines.append(Line(one, works(one.status), found, total(found, since=since, at=at)))
    return lines


def _firing(tenant: str) -> list[tuple[str, datetime]]:
    return [one for tell in FIRING for one in tell(tenant)]


def _incidents(tenant: str) -> list:
    return [incident for tell in INCIDENTS for incident in tell(tenant)]
