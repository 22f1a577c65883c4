"""The page that says whether a page would reach its person, and what to do where it would not."""

from dataclasses import replace

from django.contrib.auth.decorators import login_required, permission_required
from django.shortcuts import render
from django.urls import resolve
from django.utils import timezone
from django.views.decorators.cache import never_cache

from . import readiness

ORDER = {readiness.FAIL: 0, readiness.WARN: 1, readiness.OK: 2}


@login_required
@permission_required("oncall.view_schedule", raise_exception=True)
@never_cache
def page(request):
    at = timezone.now()
    found = sorted(readiness.findings(at=at), key=lambda one: ORDER[one.verdict])
    context = {
        "at": at,
        "open": [_for(request.user, one) for one in found if one.verdict != readiness.OK],
        "fine": [one for one in found if one.verdict == readiness.OK],
        "failed": sum(one.verdict == readiness.FAIL for one in found),
    }
    return render(request, "oncall/readiness.html", context)


def _for(user, finding: readiness.Finding) -> readiness.Finding:
    """The finding as `user` is shown it: without the way to an admin page that would be refused."""
    place = resolve(finding.url) if finding.url else None
    if place is None or place.app_name != "admin" or not place.url_name:
        return finding
    app, model, _ = place.url_name.rsplit("_", 2)
    allowed = user.is_staff and any(user.has_perm(f"{app}.{right}_{model}") for right in ("view", "change"))
    return finding if allowed else replace(finding, url="")
