"""Messages that somebody may not read because of what they are about; rooms above say which."""

from collections.abc import Callable, Collection
from typing import Any

from django.db.models import QuerySet

from .models import Delivery

HIDDEN: list[Callable[[Any], Collection[str]]] = []
"""Called with a user: the threads whose messages they may not see."""


def shown_to(user: Any, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """`rows` without the messages that `user` may not see."""
    threads = [thread for tell in HIDDEN for thread in tell(user)]
    return rows.exclude(thread__in=threads) if threads else rows
