"""The page on which people take the address of a calendar, and the calendar that a program reads there."""

from hashlib import blake2s

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpResponse, HttpResponseNotModified
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from . import links
from .models import Schedule
from .people import contact_of


@login_required
@permission_required("oncall.view_schedule", raise_exception=True)
def calendars(request):
    """The user's links; a new one is shown once."""
    at, made = timezone.now(), ""
    if request.method == "POST" and request.POST.get("deed") == "revoke":
        mine = {link.pk: link for link in links.of_user(request.user)}
        link = mine.get(int(request.POST.get("link", "0"))) if request.POST.get("link", "").isdecimal() else None
        if link and links.revoke(link, at=at):
            messages.success(request, f"The {link} opens nothing any more.")
        else:
            messages.warning(request, "This link is not one of yours, or is revoked already.")
        return redirect("calendar-links")
    if request.method == "POST":
        key, note = request.POST.get("schedule", ""), request.POST.get("note", "").strip()
        schedule = get_object_or_404(Schedule, key=key) if key else None
        contact = None if schedule else contact_of(request.user)
        _, token = links.make(schedule=schedule, contact=contact, by=request.user, at=at, note=note)
        made = f"{settings.BASE_URL}{reverse('calendar-feed', args=[token])}"
    context = {"links": links.of_user(request.user), "schedules": Schedule.objects.order_by("name"), "made": made}
    return render(request, "oncall/calendars.html", context)


@require_safe
@cache_control(private=True, max_age=300)
def feed(request, token: str):
    """The calendar behind a link; whoever has the address may read it, so it says no more than names and times."""
    at = timezone.now()
    try:
        link = links.recognise(token, at=at)
    except links.Unknown:
        return HttpResponse("There is no such calendar.\n", status=404, content_type="text/plain; charset=utf-8")
    text = links.text(link, at=at).encode()
    etag = f'"{blake2s(text, digest_size=12).hexdigest()}"'
    if etag in request.headers.get("If-None-Match", ""):
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
        response["Content-Disposition"] = 'inline; filename="on-call.ics"'
    response["ETag"] = etag
    return response
