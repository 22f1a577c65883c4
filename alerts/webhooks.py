"""The webhook log: what senders told us, what we said, what became of it, and taking it again."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.db.models import Q
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from policies.fields import SecretUnreadable
from sources import privacy
from sources.intake import whole
from sources.models import Change, Event, Integration, WebhookLog

from . import replaying, since_deploy
from .models import Alert, Liveness

SHOWN = 50
MOST_AT_ONCE = 100
LINKED = 20
"""So many alerts, events or changes of one request are listed; the rest is counted."""
WITHIN = {"1": "Last hour", "24": "Last day", "168": "Last week", "": "Any time"}
view_permission = permission_required("sources.view_webhooklog", raise_exception=True)
replay_permission = permission_required("sources.replay_webhooklog", raise_exception=True)


@login_required
@view_permission
def webhook_list(request):
    """The newest 50 that match, never counted; `before` goes on from the last one shown."""
    at, asked = timezone.now(), request.GET
    rows = WebhookLog.objects.select_related("integration")
    rows = rows.defer("raw", "integration__secret", "integration__old_secret")
    chosen = {name: asked.get(name, "").strip() for name in ("door", "verdict", "within", "q", "before")}
    if asked.get("status") == "failed":  # as runbooks call it
        chosen["verdict"] = WebhookLog.Verdict.REFUSED.value
    if chosen["door"] == "none":
        rows = rows.filter(integration=None)
    elif chosen["door"].isdecimal():
        rows = rows.filter(integration=int(chosen["door"][:18]))
    if chosen["verdict"] == "replay":
        rows = rows.exclude(replay_of=None)
    elif chosen["verdict"] in WebhookLog.Verdict.values:
        rows = rows.filter(verdict=chosen["verdict"])
    if chosen["within"] and chosen["within"] in WITHIN:
        rows = rows.filter(at__gte=at - timedelta(hours=int(chosen["within"])))
    if text := chosen["q"]:
        rows = rows.filter(
            Q(payload__icontains=text) | Q(reason__icontains=text) | Q(delivery_id=text) | Q(sender__startswith=text)
        )
    since = None
    if asked.get("since") == "deploy":
        since = since_deploy.look(asked.get("service", "").strip(), at=at)
        rows = (
            rows.filter(pk__in=since_deploy.webhooks_since(since.deploy, since.service).values("pk"))
            if since.deploy
            else rows.none()
        )
    if chosen["before"].isdecimal():
        rows = rows.filter(pk__lt=int(chosen["before"][:18]))
    found = list(rows.order_by("-pk")[: SHOWN + 1])
    persons = request.user.has_perm(privacy.SEE)
    context = {
        "rows": [
            (row, row.payload if persons else privacy.without_persons(row.payload), counted(row))
            for row in found[:SHOWN]
        ],
        "more": found[SHOWN - 1].pk if len(found) > SHOWN else None, "at": at, **chosen,
        "doors": Integration.objects.only("pk", "name"), "verdicts": WebhookLog.Verdict.choices,
        "spans": WITHIN.items(), "filtered": any([since, *map(chosen.get, ("door", "verdict", "within", "q"))]),
        "since": since, "service": asked.get("service", ""),
    }  # fmt: skip
    return render(request, "alerts/webhooks.html", context)


@login_required
@view_permission
def webhook(request, pk: int):
    """One request: as it came, without secrets, and what became of it."""
    rows = WebhookLog.objects.defer("raw", "replay_of__raw").select_related("integration", "replay_of")
    row = get_object_or_404(rows, pk=pk)
    may_replay = request.user.has_perm("sources.replay_webhooklog")
    persons = request.user.has_perm(privacy.SEE)
    context = {
        "row": row, "payload": shown(row, persons=persons), "at": timezone.now(), "persons": persons,
        "became": what_became(row), "replays": row.replays.defer("raw").order_by("-pk")[:SHOWN],
        "may_replay": may_replay, "why_not": replaying.why_not(row) if may_replay else "", "words": in_words(row),
        "headers": sorted(row.headers.items()) if isinstance(row.headers, dict) else [],
    }  # fmt: skip
    return render(request, "alerts/webhook.html", context)


@login_required
@replay_permission
@require_POST
def replay(request, pk: int):
    """Take one request again and show what it became."""
    row = get_object_or_404(WebhookLog, pk=pk)
    try:
        new = replaying.take_again(row, by=request.user.get_username(), at=timezone.now())
    except replaying.CannotReplay as refusal:
        messages.error(request, str(refusal))
        return redirect("webhook", pk)
    if new.verdict == WebhookLog.Verdict.ACCEPTED:
        messages.success(request, f"Taken again: {in_words(new)}.")
    else:
        messages.error(request, f"It was refused again: {new.reason}")
    return redirect("webhook", new.pk)


@login_required
@replay_permission
@require_POST
def replay_many(request):
    """Take the chosen requests again, the oldest first."""
    chosen = [int(pk) for pk in request.POST.getlist("row") if pk.isdecimal() and len(pk) < 19][:MOST_AT_ONCE]
    told, tell = replay_rows(WebhookLog.objects.filter(pk__in=chosen), by=request.user.get_username())
    tell(request, told if chosen else "Choose the requests to take again.")
    back = request.POST.get("back", "")
    return redirect(reverse("webhooks") + (f"?{back}" if back else ""))


def replay_rows(rows, *, by: str) -> tuple[str, Any]:
    """Take these again, the oldest first; what came of it in words, and the kind of message that fits."""
    at, taken, refused, reasons = timezone.now(), 0, 0, []
    for row in rows.order_by("pk")[:MOST_AT_ONCE]:
        try:
            new = replaying.take_again(row, by=by, at=at)
        except replaying.CannotReplay as refusal:
            reasons.append(f"#{row.pk}: {refusal}")
            continue
        if new.verdict == WebhookLog.Verdict.ACCEPTED:
            taken += 1
        else:
            refused += 1
            reasons.append(f"#{row.pk}: {new.reason}")
    told = [f"{taken} taken again" if taken else "", f"{refused} refused again" if refused else ""]
    told.append(f"{len(reasons) - refused} cannot be taken again" if len(reasons) > refused else "")
    words = ", ".join(part for part in told if part) + "."
    return " ".join([words, *reasons[:3]]), messages.warning if reasons else messages.success


def shown(row: WebhookLog, *, persons: bool) -> str:
    """The payload as people read it: whole where the body was kept, indented where it is JSON, without secrets."""
    try:
        raw = (row.replay_of or row).raw
    except SecretUnreadable:
        raw = ""
    return whole(raw or row.payload, persons=persons)


def in_words(row: WebhookLog) -> str:
    """`2 alerts, 1 event`, or why it became nothing."""
    return counted(row) or row.reason or "nothing came of it"


def counted(row: WebhookLog) -> str:
    """`2 alerts, 1 event`; empty when it became nothing."""
    singular = {"alerts": "alert", "events": "event", "changes": "change", "channels": "channel state"}
    parts = [
        f"{len(ids)} {what if len(ids) != 1 and what != 'channels' else singular.get(what, what)}"
        for what, ids in row.became.items() if isinstance(ids, list)
    ]  # fmt: skip
    return ", ".join(parts)


def what_became(row: WebhookLog) -> list[dict[str, Any]]:
    """The alerts with their incidents, the events and the changes it became, with links where there are pages."""
    found = []
    ids = row.became.get("alerts") or []
    lives = Liveness.objects.filter(pk__in=ids[:LINKED]).select_related("alert", "incident")
    for live in lives:
        name, incident = live.alert.name, live.incident
        url = (
            incident.get_absolute_url() if incident else f"{reverse('alerts')}?{urlencode({'show': 'all', 'q': name})}"
        )
        waits = "not judged yet" if live.verdict == Liveness.Verdict.NEW else "no incident"
        where = f"in #{incident.pk} {incident.title}" if incident else live.reason or waits
        found.append({"what": "Alert", "name": str(live.alert), "url": url, "where": where, "firing": live.firing})
    gone = len(set(ids)) - Alert.objects.filter(pk__in=ids).count()
    for model, what, name in ((Event, "Event", "events"), (Change, "Change", "changes")):
        kept = row.became.get(name) or []
        for one in model.objects.filter(pk__in=kept[:LINKED]).order_by("pk"):
            words = " ".join(filter(None, (one.outcome, getattr(one, "level", ""), getattr(one, "service", ""))))
            found.append({"what": what, "name": str(one), "url": "", "where": words, "at": one.at})
        if len(kept) > LINKED:
            found.append({"what": what, "name": f"and {len(kept) - LINKED} more", "url": "", "where": ""})
    if len(ids) > LINKED:
        found.append({"what": "Alert", "name": f"and {len(ids) - LINKED} more", "url": "", "where": ""})
    elif gone:
        found.append({"what": "Alert", "name": f"{gone} that are no longer kept", "url": "", "where": ""})
    for told in row.became.get("channels") or []:
        found.append({"what": "Channel state", "name": f"history row {told}", "url": "", "where": ""})
    return found
