"""The alerts that fire, as Alertmanager tells of them; whether they act is judged while reading.

Fifty thousand may fire: labels are decoded to be matched, but they and the annotations leave as they were stored.
Shown are the alerts of doors of kind alertmanager and those of our own rules.
Source: prometheus/alertmanager, api/v2/openapi.yaml, `gettableAlert`, and api/v2/api.go, `getAlertsHandler`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from sources.models import Integration

from ..admission import KIND
from ..fingerprint import fingerprint
from ..models import AlertRule, Liveness
from ..origins import default_policy
from ..store.receiving import RESOLVE_TIMEOUT
from ..suppression import Suppression
from . import receivers
from .receivers import Tree

CHUNK = 2000
COLUMNS = (
    "pk", "starts_at", "ends_at", "last_seen_at", "severity_key", "alert__url", "alert__integration_id",
    "alert__rule_id", "said", "noted",
)  # fmt: skip
_texts = msgspec.json.Decoder(dict[str, str])


@dataclass(frozen=True)
class Wanted:
    """Which alerts are asked for.

    matches            over labels
    receiver           over the names of receivers; None: any
    active …           whether alerts that act, are silenced, are inhibited are to be shown
    """

    matches: Callable[[Mapping[str, str]], bool]
    receiver: Callable[[str], bool] | None = None
    active: bool = True
    silenced: bool = True
    inhibited: bool = True


class Status(msgspec.Struct, rename="camel", gc=False):
    state: str
    silenced_by: list[str]
    inhibited_by: list[str]
    muted_by: list[str] = []


class Reference(msgspec.Struct, gc=False):
    name: str


class Shown(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """An alert as it is told; instants are texts, in milliseconds."""

    annotations: msgspec.Raw
    ends_at: str
    fingerprint: str
    receivers: list[Reference]
    starts_at: str
    status: Status
    updated_at: str
    labels: msgspec.Raw
    generator_url: str = msgspec.field(name="generatorURL", default="")


@dataclass(slots=True)
class Firing:
    """A firing alert that is wanted, with what grouping asks of it."""

    shown: Shown
    labels: dict[str, str]
    ends_at: datetime | None
    branches: tuple[receivers.Branch, ...]
    door: Integration | None
    rule: AlertRule | None


def milliseconds(at: datetime) -> str:
    """The instant (UTC) as Alertmanager writes it."""
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"  # +00:00


def firing(wanted: Wanted, tree: Tree, *, at: datetime) -> Iterator[Firing]:
    """The alerts that fire at `at` and are wanted, in no order."""
    doors = Integration.objects.filter(kind=KIND).in_bulk()
    rules = AlertRule.objects.in_bulk()
    usual, suppression, parents = default_policy(), Suppression(at), Parents(at)
    usual_id = usual.pk if usual else None
    still = milliseconds(at + RESOLVE_TIMEOUT)
    silences = sorted((str(one.pk), one.policy_id, matches) for one, matches in suppression.silences)
    for rows in (_of_doors(doors, at), _of_rules(at)):
        for (
            pk, starts_at, ends_at, seen_at, level, url, door_id, rule_id, said, noted,
        ) in rows.values_list(*COLUMNS).iterator(chunk_size=CHUNK):  # fmt: skip
            labels = _decoded(said)
            if not wanted.matches(labels):
                continue
            rule, door = rules.get(rule_id), doors.get(door_id)
            policy_id = rule.policy_id if rule else (door.policy_id if door and door.policy_id else usual_id)
            silenced_by = [
                id for id, only, matches in silences if (only is None or only == policy_id) and matches(labels)
            ]
            inhibited_by = parents.of(suppression.parents.get(rule_id))
            if suppression.inhibitions.rules and (found := suppression.inhibitions.source_of(pk, labels, policy_id)):
                inhibited_by = inhibited_by or [fingerprint(found[0].labels)]
            if (silenced_by and not wanted.silenced) or (inhibited_by and not wanted.inhibited):
                continue
            if not (silenced_by or inhibited_by or wanted.active):
                continue
            branches = tree.taken(policy_id, level, labels)
            names = receivers.names(branches)
            if wanted.receiver and not any(wanted.receiver(name) for name in names):
                continue
            shown = Shown(
                annotations=msgspec.Raw(noted.encode()),
                ends_at=milliseconds(ends_at) if ends_at else still,
                fingerprint=_fingerprint(said),
                receivers=[Reference(name) for name in names],
                starts_at=milliseconds(starts_at),
                status=Status("suppressed" if silenced_by or inhibited_by else "active", silenced_by, inhibited_by),
                updated_at=milliseconds(seen_at),
                labels=msgspec.Raw(said.encode()),
                generator_url=url,
            )
            yield Firing(shown, labels, ends_at, branches, door, rule)


def listed(wanted: Wanted, *, at: datetime) -> list[Shown]:
    """The wanted alerts by fingerprint. Of several doors that tell of one label set the longer validity counts."""
    found: dict[str, tuple[datetime, Shown]] = {}
    for alert in firing(wanted, Tree(), at=at):
        ends_at, known = alert.ends_at or datetime.max.replace(tzinfo=at.tzinfo), found.get(alert.shown.fingerprint)
        if known is None or known[0] < ends_at:
            found[alert.shown.fingerprint] = (ends_at, alert.shown)
    return [found[number][1] for number in sorted(found)]


def _of_doors(doors: Mapping[int, Integration], at: datetime) -> QuerySet[Liveness]:
    """A door's alert always has an end; its partial index finds those that fire among millions that do not."""
    found = Liveness.objects.filter(check_at__isnull=False, firing=True, ends_at__gt=at)
    return _raw(found.filter(alert__integration__in=list(doors), alert__rule=None))


def _of_rules(at: datetime) -> QuerySet[Liveness]:
    found = Liveness.objects.filter(Q(ends_at=None) | Q(ends_at__gt=at), firing=True, alert__rule__isnull=False)
    return _raw(found)


def _raw(rows: QuerySet[Liveness]) -> QuerySet[Liveness]:
    """With labels (`said`) and annotations (`noted`) as the JSON that is stored."""
    return rows.annotate(said=Cast("alert__labels", TextField()), noted=Cast("alert__annotations", TextField()))


def _decoded(said: str) -> dict[str, str]:
    try:
        return _texts.decode(said)
    except msgspec.ValidationError:  # a rule's own labels may be numbers
        return {name: str(value) for name, value in msgspec.json.decode(said).items()}


@lru_cache(maxsize=65_536)
def _fingerprint(said: str) -> str:
    """Of labels as they are stored; the same are asked for again and again."""
    return fingerprint(_decoded(said))


class Parents:
    """The firing alerts that stand for a firing parent rule."""

    def __init__(self, at: datetime):
        self.at = at
        self._known: dict[int, list[str]] = {}

    def of(self, rule: AlertRule | None) -> list[str]:
        """The fingerprint of the first alert of the rule that hides; nothing when none hides."""
        if rule is None:
            return []
        if rule.pk not in self._known:
            fires = Liveness.objects.filter(Q(ends_at=None) | Q(ends_at__gt=self.at), firing=True, alert__rule=rule)
            labels: Any = fires.order_by("pk").values_list("alert__labels", flat=True).first()
            self._known[rule.pk] = [fingerprint(labels) if labels else rule.key]
        return self._known[rule.pk]
