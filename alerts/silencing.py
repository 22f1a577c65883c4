"""Silences made, changed and ended, and what they do to alerts that fire already; for those to come see suppression.py.

The rules by which a silence keeps its identity are Alertmanager's: history is never rewritten.
Source: prometheus/alertmanager, silence/silence.go, `Set`, `canUpdate` and `expire`.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from incidents import lifecycle
from incidents.models import Incident
from policies.claims import sweep
from policies.models import Policy
from policies.wake import wake

from . import ledger, suppression
from .matching import all_of, check_silence
from .models import Hold, Liveness, Silence
from .origins import default_policy

CHUNK = 1000  # alerts in one statement
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Wanted:
    """A silence as somebody wants it. starts_at None: now."""

    matchers: Sequence[Mapping[str, Any]]
    ends_at: datetime
    starts_at: datetime | None = None
    created_by: str = ""
    comment: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    policy: Policy | None = None


def normal(matchers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The matchers as they are stored, so that equal ones compare equal."""
    return [
        {
            "name": one["name"],
            "value": one.get("value", ""),
            "isRegex": bool(one.get("isRegex", False)),
            "isEqual": bool(one.get("isEqual", True)),
        }
        for one in matchers
    ]


@transaction.atomic
def create(wanted: Wanted, *, at: datetime) -> Silence:
    """Make a silence; what fires and matches is hidden when this returns. BadMatcher when it would hide everything.

    A start that has passed becomes `at`.
    """
    check_silence(wanted.matchers)
    silence = Silence(
        matchers=normal(wanted.matchers), starts_at=max(wanted.starts_at or at, at), ends_at=wanted.ends_at,
        created_by=wanted.created_by, comment=wanted.comment, annotations=dict(wanted.annotations),
        policy=wanted.policy,
    )  # fmt: skip
    settle(silence, at=at)
    return silence


@transaction.atomic
def change(silence: Silence, wanted: Wanted, *, at: datetime) -> Silence:
    """Change a silence, or end it and make another where a change would rewrite history; return the one that stands.

    It stays the same one only if its matchers do, in their order, and if an active one keeps its start (to the second:
    senders return the milliseconds they were told), or a pending one starts later still.
    """
    check_silence(wanted.matchers)
    stored = Silence.objects.select_for_update().get(pk=silence.pk)
    if not _may_change(stored, wanted, at=at):
        suppression.expire(stored, at=at)
        return create(wanted, at=at)
    # the start comes back in milliseconds or whole seconds: the one that is stored is the more exact
    if stored.state_at(at) == Silence.State.PENDING:
        stored.starts_at = wanted.starts_at or at
    stored.ends_at, stored.created_by, stored.comment = wanted.ends_at, wanted.created_by, wanted.comment
    stored.annotations = dict(wanted.annotations)
    settle(stored, at=at)
    return stored


def _may_change(stored: Silence, wanted: Wanted, *, at: datetime) -> bool:
    if normal(stored.matchers) != normal(wanted.matchers):
        return False
    starts_at = wanted.starts_at or at
    match stored.state_at(at):
        case Silence.State.ACTIVE:
            return starts_at.replace(microsecond=0) == stored.starts_at.replace(microsecond=0) and wanted.ends_at >= at
        case Silence.State.PENDING:
            return starts_at >= at
    return False


def settle(silence: Silence, *, at: datetime) -> None:
    """Store a silence that is new or was changed; what it hid is asked again, and what it hides is hidden at once.

    Who tells of an alert at this very moment may not see the silence yet: `hold_due` looks once more.
    """
    state = silence.state_at(at)
    silence.updated_at = at
    silence.take_hold_at = None if state == Silence.State.EXPIRED else max(silence.starts_at, at)
    silence.save()
    suppression.ask_again(silence, at=at)
    if state == Silence.State.ACTIVE:
        hold(silence, at=at)
    wake()


def hold_due(*, at: datetime) -> int:
    """Let silences that have begun take hold of what fires already; return how many."""
    return sweep(Silence.objects.hold_due(at), due="take_hold_at", at=at, work=_take_hold)


def _take_hold(silence: Silence, *, at: datetime) -> None:
    Silence.objects.filter(pk=silence.pk).update(take_hold_at=None)
    if silence.state_at(at) == Silence.State.ACTIVE:
        hold(silence, at=at)


def hold(silence: Silence, *, at: datetime) -> int:
    """Hide what fires, acts and matches; an incident in which nothing acts any more pages nobody. Return how many."""
    only = None if silence.policy_id is None else {silence.policy_id}
    return hide(
        silence.matchers, only, at=at, reason=suppression.reason_of(silence), until=silence.ends_at,
        kind=Hold.Kind.SILENCE, silence=silence,
    )  # fmt: skip


@transaction.atomic
def hide(
    matchers: Sequence[Mapping[str, Any]], policies: Collection[int] | None, *, at: datetime, reason: str,
    until: datetime, kind: Hold.Kind, silence: Silence | None = None,
) -> int:  # fmt: skip
    """Hide what fires, acts and matches until then, and note it in the ledger; return how many.

    policies  whose alerts; None: all
    """
    hidden = 0
    touched: set[int] = set()
    acting = Liveness.objects.filter(verdict=Liveness.Verdict.JOINED)
    found = [alert for alert, _ in _matched(matchers, policies, acting, at=at)]
    for start in range(0, len(found), CHUNK):
        rows = acting.filter(pk__in=found[start : start + CHUNK], firing=True)
        told = dict(rows.values_list("pk", "incident_id"))
        touched.update(incident for incident in told.values() if incident)
        hidden += rows.update(verdict=Liveness.Verdict.SUPPRESSED, reason=reason, silence=silence, assign_at=until)
        ledger.note(dict.fromkeys(told, "told before; nobody more"), kind, reason, since=at, until=until)
    for incident in Incident.objects.open().filter(pk__in=touched).select_related("policy", "severity"):
        if not incident.alerts.filter(firing=True).exclude(verdict=Liveness.Verdict.SUPPRESSED).exists():
            lifecycle.hush(incident, at=at, reason=reason)
    return hidden


@dataclass(frozen=True)
class Preview:
    """What matchers would hide now: how many firing alerts, and how many of them of the gravest levels, by level."""

    alerts: int
    gravest: dict[str, int]

    def __str__(self) -> str:
        if not self.alerts:
            return "matches no firing alert"
        grave = ", ".join(f"{count} {level}" for level, count in self.gravest.items())
        return f"matches {self.alerts} firing alert{'s' if self.alerts > 1 else ''}{f', {grave}' if grave else ''}"


def preview(matchers: Sequence[Mapping[str, Any]], policy: Policy | Collection[int] | None, *, at: datetime) -> Preview:
    """What a silence with these matchers would hide at `at`; BadMatcher when they cannot be read.

    policy  whose alerts: one, several by their numbers, or all (None)
    """
    if isinstance(policy, Policy):
        policy = [policy.pk]
    only = None if policy is None else set(policy)
    levels: Counter[tuple[int | None, str]] = Counter(
        (policy_id, level) for _, (policy_id, level) in
        _matched(matchers, only, Liveness.objects.all(), at=at)
    )  # fmt: skip
    policies = Policy.objects.in_bulk({policy_id for policy_id, _ in levels if policy_id})
    gravest: Counter[str] = Counter()
    for (policy_id, level), count in levels.items():
        of = policies.get(policy_id) if policy_id else None
        if of and of.levels and of.severity_for(level) == of.levels[0]:
            gravest[of.levels[0].key] += count
    return Preview(levels.total(), dict(gravest.most_common()))


def _matched(
    matchers: Sequence[Mapping[str, Any]], policies: Collection[int] | None, rows: Any, *, at: datetime
) -> Iterator[tuple[int, tuple[int | None, str]]]:
    """The firing alerts among `rows` that match: their number, with their policy's and their level."""
    matches, usual = all_of(matchers), default_policy()
    fires = rows.filter(Q(ends_at=None) | Q(ends_at__gt=at), firing=True)
    columns = ("pk", "severity_key", "alert__labels", "alert__rule__policy_id", "alert__integration__policy_id")
    for alert, level, labels, of_rule, of_door in fires.values_list(*columns).iterator(chunk_size=2000):
        policy = of_rule or of_door or (usual.pk if usual else None)
        if (policies is None or policy in policies) and matches(labels):
            yield alert, (policy, level)
