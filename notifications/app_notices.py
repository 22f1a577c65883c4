"""Notices on the pages of a user, for what could not be sent or need not be."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth import get_user_model
from django.db import models

from .models import AppNotice


def tell(users: Iterable[models.Model], text: str, *, cause: str, at: datetime, url: str = "") -> None:
    """Show `text` to each of `users` until seen; a second call with the same cause changes nothing."""
    AppNotice.objects.bulk_create(
        [AppNotice(user_id=pk, text=text, url=url, cause=cause[:120], at=at) for pk in {user.pk for user in users}],
        ignore_conflicts=True,
    )


def admins() -> models.QuerySet:
    """Who looks after Opscenter itself."""
    return get_user_model().objects.filter(is_active=True, is_superuser=True)


def seen(user: int, pk: int, *, at: datetime) -> None:
    AppNotice.objects.filter(user_id=user, pk=pk, seen_at=None).update(seen_at=at)
