"""What was told of a channel becomes its state and its history."""

from datetime import datetime

from django.db import transaction

from .models import Channel, ChannelStatus


@transaction.atomic
def record(tenant: str, key: str, status: str, *, at: datetime, reason: str = "", **facts) -> ChannelStatus | None:
    """Store that the channel of `tenant` is `status` since `at`; return the new history row, None when nothing changed.

    facts   name, kind, identifiers of the channel, kept when given
    A report that is older than the present state is late and changes nothing.
    """
    channel, _ = Channel.objects.select_for_update().get_or_create(tenant=tenant, key=key)
    for name, value in facts.items():
        setattr(channel, name, value)
    current = channel.history.filter(until=None).first()
    changed = current is None or (current.status != status and at >= current.at)
    if changed:
        if current:
            ChannelStatus.objects.filter(pk=current.pk).update(until=at)
        channel.status, channel.changed_at = status, at
    channel.save()
    return channel.history.create(status=status, at=at, reason=reason) if changed else None
