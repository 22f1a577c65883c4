"""The page that says whether a page would reach its person, and what to do where it would not."""

from django.contrib.auth.decorators import login_required, permission_required
from django.shortcuts import render
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
        "open": [one for one in found if one.verdict != readiness.OK],
        "fine": [one for one in found if one.verdict == readiness.OK],
        "failed": sum(one.verdict == readiness.FAIL for one in found),
    }
    return render(request, "oncall/readiness.html", context)
