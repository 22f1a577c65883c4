"""Which reviews somebody may see."""

from typing import Any

from django.db.models import Q

from incidents import seeing

from .models import PostIncidentReview, ReviewQuerySet


def rows_for(user: Any) -> ReviewQuerySet:
    """The reviews that `user` may see: none that is about a private incident hidden from them."""
    hidden = seeing.hidden(user)
    rows = PostIncidentReview.objects.all()
    return rows.exclude(Q(incident__in=hidden) | Q(joined__incident__in=hidden)) if hidden else rows
