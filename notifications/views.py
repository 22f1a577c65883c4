"""Deliveries for people: what was sent where and how it went, what is held back, how places stand, where things go."""

from datetime import datetime, timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from policies.models import Policy

from . import app_notices, digests, hidden, resending, route_test, selftest, standing
from .models import Delivery, Destination, DigestLine, ThrottleWindow

SHOWN = 50
WITHIN = {"1": "Last hour", "24": "Last day", "168": "Last week", "": "Any time"}
see = permission_required("notifications.view_delivery", raise_exception=True)
may_send = permission_required("notifications.add_delivery", raise_exception=True)


@login_required
@see
def delivery_list(request: HttpRequest) -> HttpResponse:
    """The newest 50 that match, never counted; `before` goes on from the last one shown."""
    at, asked = timezone.now(), request.GET
    names = ("state", "to", "place", "thread", "within", "before")
    chosen = {name: asked.get(name, "").strip() for name in names}
    seen = hidden.shown_to(request.user, Delivery.objects.all())
    rows = seen.select_related("destination").defer("address", "secret", "text", "data", "actions")
    found = list(_chosen(rows, chosen, at=at).order_by("-pk")[: SHOWN + 1])
    context = {
        "rows": found[:SHOWN], "more": found[SHOWN - 1].pk if len(found) > SHOWN else None, "at": at, **chosen,
        "states": [*Delivery.Status.choices, ("waiting", "waiting"), ("held", "held back")],
        "spans": WITHIN.items(), "filtered": any(chosen[name] for name in names[:-1]),
    }  # fmt: skip
    return render(request, "deliveries/list.html", context)


def _chosen(rows, chosen: dict[str, str], *, at: datetime):
    state = chosen["state"]
    if state == "waiting":
        rows = rows.waiting()
    elif state == "held":
        rows = rows.waiting().filter(held_until__isnull=False)
    elif state in Delivery.Status.values:
        rows = rows.filter(status=state)
    if to := chosen["to"]:
        rows = rows.filter(Q(to__icontains=to) | Q(hint__icontains=to))
    if place := chosen["place"]:
        rows = rows.filter(destination__key=place)
    if thread := chosen["thread"].lstrip("#"):
        rows = rows.filter(thread=f"incident:{thread}" if thread.isdecimal() else thread)
    if chosen["within"] and chosen["within"] in WITHIN:
        rows = rows.filter(created_at__gte=at - timedelta(hours=int(chosen["within"])))
    if chosen["before"].isdecimal():
        rows = rows.filter(pk__lt=int(chosen["before"][:18]))
    return rows


@login_required
@see
def delivery(request: HttpRequest, pk: int) -> HttpResponse:
    """One message: every try with its answer and how long it took, what its provider told, what stood in for it."""
    rows = Delivery.objects.select_related("destination", "instead_of", "again_of", "sent_with")
    row = get_object_or_404(hidden.shown_to(request.user, rows.defer("address", "secret")), pk=pk)
    may = request.user.has_perm("notifications.add_delivery")
    context = {
        "row": row, "at": timezone.now(), "tries": row.tries.order_by("pk"),
        "receipts": row.receipts.order_by("at", "pk"),
        "fallbacks": row.fallbacks.defer("address", "secret").order_by("pk"),
        "again": row.sent_again.defer("address", "secret").order_by("pk"),
        "bundled": row.bundled.defer("address", "secret").order_by("pk"),
        "health": standing.of(row), "may_send": may, "why_not": resending.why_not(row) if may else "",
        "incident": row.thread.partition(":")[2] if row.thread.startswith("incident:") else "",
    }  # fmt: skip
    return render(request, "deliveries/delivery.html", context)


@login_required
@may_send
@require_POST
def send_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Send the same words to the same address once more, as a new delivery."""
    old = get_object_or_404(hidden.shown_to(request.user, Delivery.objects.all()), pk=pk)
    try:
        new = resending.send_again(old, by=request.user.get_username(), at=timezone.now())
    except resending.CannotSend as refusal:
        messages.error(request, str(refusal))
        return redirect("delivery", pk)
    messages.success(request, f"It is under way again, as delivery {new.pk}; the old one stays on record.")
    return redirect("delivery", new.pk)


@login_required
@see
def held_back(request: HttpRequest) -> HttpResponse:
    """What throttles, bundles and circuits hold back now, and what waits for a digest."""
    at = timezone.now()
    waiting = hidden.shown_to(request.user, Delivery.objects.waiting().filter(held_until__isnull=False))
    waiting = waiting.defer("address", "secret", "text", "data")
    windows = ThrottleWindow.objects.filter(ends_at__gt=at).select_related("destination")
    lines = DigestLine.objects.filter(due_at__isnull=False).select_related("destination").order_by("due_at", "at")
    context = {
        "at": at, "waiting": waiting.order_by("held_until", "pk")[:SHOWN],
        "windows": windows.order_by("-held", "ends_at")[:SHOWN], "lines": lines[:SHOWN],
    }  # fmt: skip
    return render(request, "deliveries/held.html", context)


@login_required
@see
def places(request: HttpRequest) -> HttpResponse:
    """Every destination: its circuit, its last test, how many messages arrived and failed, and when its token ends."""
    at = timezone.now()
    may = request.user.has_perm("notifications.add_delivery")
    context = {"at": at, "places": standing.places(at=at), "addresses": standing.troubled(at=at), "may_send": may}
    return render(request, "deliveries/places.html", context)


@login_required
@may_send
@require_POST
def test_place(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a test message to one destination now."""
    destination = get_object_or_404(Destination.objects.select_related("policy"), pk=pk)
    if why := selftest.why_not(destination, asked_for=True):
        messages.error(request, f"{destination} is not tested: {why}.")
    else:
        sent = selftest.test(destination, at=timezone.now())
        messages.success(request, f"{len(sent)} test messages to {destination} are under way."
                         if len(sent) > 1 else f"A test message to {destination} is under way.")  # fmt: skip
    return redirect("deliveries-places")


@login_required
@see
def route_tester(request: HttpRequest) -> HttpResponse:
    """Where would this go? Asks the routes with what is typed in, and sends nothing."""
    at, asked = timezone.now(), request.GET
    policies = list(Policy.objects.annotate(n=Count("routes")).order_by("key"))
    context = {
        "at": at,
        "policies": policies,
        "asked": asked,
        "labels": asked.get("labels", ""),
        "answer": None,
        "error": "",
    }
    if asked.get("severity") or asked.get("policy"):
        try:
            question = route_test.question(
                policy=asked.get("policy", ""), severity=asked.get("severity", ""), kind=asked.get("kind", ""),
                service=asked.get("service", ""), labels=asked.get("labels", "").splitlines(),
                at=asked.get("at", ""), now=at,
            )  # fmt: skip
            context["answer"] = route_test.answer(question)
        except route_test.BadQuestion as refusal:
            context["error"] = str(refusal)
    return render(request, "deliveries/routes.html", context)


@login_required
@require_POST
def notice_seen(request: HttpRequest, pk: int) -> HttpResponse:
    """The user has seen a notice; it is not shown again."""
    app_notices.seen(request.user.pk or 0, pk, at=timezone.now())
    back = request.META.get("HTTP_REFERER", "")
    own = request.build_absolute_uri("/")
    return redirect(back if back.startswith(own) else reverse("incidents"))


@csrf_exempt
def not_useful(request: HttpRequest, token: str) -> HttpResponse:
    """The link beside a line of a digest: GET shows it, since mail programs open links; POST takes the word."""
    at = timezone.now()
    line = digests.line_of(token, at=at)
    if line is None:
        return render(request, "deliveries/not_useful.html", {"line": None}, status=404)
    if request.method == "POST":
        digests.mark_not_useful(line, at=at, by=request.user.get_username())
    return render(request, "deliveries/not_useful.html", {"line": line, "at": at})
