"""Alerts whose validity has run out end by themselves: their sender is gone, or never said more than "now"."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from policies.claims import locked
from policies.wake import wake

from .models import Liveness

BATCH = 2000


@transaction.atomic
def expire_due(*, at: datetime, batch: int = BATCH) -> int:
    """Look at up to `batch` firing alerts that are due; return how many.

    A re-send moves an alert's end but not the instant at which this sweep looks, so that it touches no index. An alert
    found alive is therefore looked at again at its end; one whose end has passed ends now.
    """
    due = list(locked(Liveness.objects.expire_due(at)).values_list("pk", flat=True)[:batch])
    rows = Liveness.objects.filter(pk__in=due)
    ended = rows.filter(firing=True, ends_at__lte=at).update(
        firing=False, check_at=None, assign_at=at, stamp=F("stamp") + 1
    )
    rows.filter(Q(ends_at__gt=at) | Q(ends_at=None), firing=True).update(check_at=F("ends_at"))
    rows.filter(firing=False).update(check_at=None)
    if ended:
        wake()
    return len(due)
