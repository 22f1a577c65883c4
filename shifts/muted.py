"""Switches that are off and hold alerts back: which, since when and by whom. People watch by hand meanwhile."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from auditlog.models import LogEntry
from django.db.models import Exists, OuterRef

from alerts.models import AlertRule
from notifications.models import Route
from policies.models import Parameter, Policy

from .models import Mute

log = logging.getLogger(__name__)
ENTRIES = 50
"""So many changes of a switch are looked at for when it was last switched off."""


@dataclass(frozen=True)
class Muted:
    """A switch that is off. `since` is None when nobody recorded the change and it was not seen off before."""

    parameter: Parameter
    since: datetime | None
    by: str

    @property
    def key(self) -> str:
        return self.parameter.key

    @property
    def words(self) -> str:
        """By whom, as the end of a sentence."""
        return f", switched by {self.by}" if self.by else f" ({self.parameter.source})"

    def age(self, at: datetime) -> timedelta | None:
        return max(at - self.since, timedelta()) if self.since else None


def toggles(policy: Policy | None = None) -> list[Parameter]:
    """The switches that routes or rules name, of one policy or of all; one query."""
    names = {"policy": OuterRef("policy"), "toggle": OuterRef("key")}
    rows = Parameter.objects.filter(Exists(Route.objects.filter(**names)) | Exists(AlertRule.objects.filter(**names)))
    rows = rows.filter(policy=policy) if policy else rows
    return list(rows.select_related("policy").order_by("policy__key", "key"))


def is_off(toggle: Parameter) -> bool:
    """Whether it mutes. A switch that cannot be read mutes nothing, as where alerts are told."""
    try:
        return toggle.effective is False
    except ValueError as error:
        log.error("The switch %s cannot be read, so it mutes nothing: %s", toggle, error)
        return False


def now(policy: Policy | None = None) -> list[Muted]:
    """Every switch that is off, of one policy or of all. One query, and two more for those that are off."""
    off = [toggle for toggle in toggles(policy) if is_off(toggle)]
    if not off:
        return []
    seen = dict(Mute.objects.filter(parameter__in=off, until=None).values_list("parameter", "since"))
    return [_muted(toggle, seen.get(toggle.pk)) for toggle in off]


def _muted(toggle: Parameter, seen: datetime | None) -> Muted:
    if toggle.source in ("environment", "application"):  # what is stored here says nothing about those
        return Muted(toggle, seen, "")
    entry = switched_off(toggle)
    return Muted(toggle, entry.timestamp, str(entry.actor or "")) if entry else Muted(toggle, seen, "")


def switched_off(toggle: Parameter) -> LogEntry | None:
    """The change by which the switch went off and is off since; None when the audit log does not know of it."""
    found = None
    entries = LogEntry.objects.get_for_object(toggle).select_related("actor").order_by("-timestamp", "-pk")
    for entry in entries[:ENTRIES]:
        if entry.action == LogEntry.Action.CREATE:
            return found or entry
        told = entry.additional_data or {}
        if "after" not in told:
            continue
        if not _reads_off(toggle, told["after"]):
            return found
        found = entry
        if not _reads_off(toggle, told.get("before", "")):
            return found
    return found


def _reads_off(toggle: Parameter, told: str) -> bool:
    """`false (stored)`, as the audit log keeps a value with its origin."""
    try:
        return toggle.typed(told.rpartition(" (")[0], origin="audit log") is False
    except ValueError:
        return False


def note(muted: Iterable[Muted], *, policy: Policy, at: datetime) -> None:
    """Remember which switches of the policy are off since when, for changes that nobody recorded."""
    off = {one.parameter.pk for one in muted}
    standing = Mute.objects.filter(parameter__policy=policy, until=None)
    standing.exclude(parameter__in=off).update(until=at)
    known = set(standing.values_list("parameter", flat=True))
    for one in muted:
        if one.parameter.pk not in known:
            Mute.objects.get_or_create(parameter=one.parameter, until=None, defaults={"since": one.since or at})
