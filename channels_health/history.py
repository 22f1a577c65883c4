"""What was told of a channel becomes its state and its history."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from .models import Channel, ChannelStatus


@transaction.atomic
def record(tenant: str, key: str, status: str, *, at: datetime, reason: str = "", **facts) -> ChannelStatus | None:
    """Store that the channel of `tenant` is `status` since `at`; return the new history row, None when nothing changed.

    facts   name, kind, identifiers of the channel, kept when given; an identifier that is not as known is flagged
    A report that is older than the present state is late and changes nothing.
    """
    channel, _ = Channel.objects.select_for_update().get_or_create(tenant=tenant, key=key)
    compare(channel, facts.pop("identifiers", {}), at=at)
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


def compare(channel: Channel, told: Mapping[str, str], *, at: datetime) -> None:
    """Take the ids that were told into the channel (not saved); one that was another before is flagged since `at`.

    The flag keeps the id that was known first, and goes when that one is told again.
    """
    flags = dict(channel.changed_identifiers)
    for name, value in told.items():
        known = channel.identifiers.get(name)
        first = flags[name]["was"] if name in flags else known
        if first is None or first == value:
            flags.pop(name, None)
        elif value != known:
            flags[name] = {"was": first, "at": at.isoformat()}
    channel.identifiers = {**channel.identifiers, **told}
    channel.changed_identifiers = flags


def accept_identifiers(channel: Channel) -> None:
    """A person has looked: the ids are right as they are now."""
    channel.changed_identifiers = {}
    channel.save(update_fields=["changed_identifiers"])
