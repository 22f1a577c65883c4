"""Opscenter's own state as a source of rules, so that it is watched as everything else is.

    {"of": "deliveries", "window": "15m"}

health       one reading: `status` (ok, degraded, down), `value` how many checks do not hold, `reasons`, and each check
             by its name with _ for spaces, true when it holds
sweeps       one for each kind of due work: `value` the seconds the oldest of it has waited, label `sweep`
deliveries   one: `failed` and `value`, `sent` in the window (15m), `share` of those failed, `waiting` now, `oldest` of
             these in seconds, `error` the last one's reason
rules        one: `value` how many enabled rules have been failing for at least `for` (15m), `names`, `longest` in
             seconds, `error` of the one that fails longest
connections  the same of connections that do not answer: `value`, `names`, `error`
doors        one: `value` how many doors are silent that are used otherwise, `names`

A rule that asks this is not among the rules counted.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Q

from alerts.models import AlertRule
from notifications.models import Delivery
from sources import silence
from sources.models import Connection, Integration
from sources.probes import Asker, BadSpec, Reading
from sources.probes.api_call import length
from sources.probes.base import check_keys

from . import health
from .due import look

LENGTHS = {"deliveries": "window", "rules": "for"}
OF = ("health", "sweeps", "deliveries", "rules", "connections", "doors")
LONG = timedelta(minutes=15)
NAMED = 20


class Self:
    kind = "self"

    def check(self, spec: Mapping[str, Any]) -> None:
        check_keys(spec, required=("of",), allowed=LENGTHS.values())
        if spec["of"] not in OF:
            raise BadSpec("of", f"There is no {spec['of']!r} of ours to ask. Allowed: {', '.join(OF)}.")
        for key in LENGTHS.values():
            if key in spec and LENGTHS.get(spec["of"]) != key:
                raise BadSpec(key, f"This is no key of {spec['of']}.")
            length(spec, key, LONG, zero=key == "for")

    def read(self, spec: Mapping[str, Any], *, at: datetime, asker: Asker) -> list[Reading]:
        self.check(spec)
        match spec["of"]:
            case "health":
                return [_health(at)]
            case "sweeps":
                waited = look().waited(at).items()
                return [Reading({"value": wait.total_seconds()}, {"sweep": name}) for name, wait in waited]
            case "deliveries":
                return [_deliveries(at, length(spec, "window", LONG))]
            case "rules":
                return [_rules(at, length(spec, "for", LONG, zero=True))]
            case "connections":
                return [_connections()]
        return [_doors(at)]


def _health(at: datetime) -> Reading:
    found = health.check(at=at)
    checks = {name.replace(" ", "_"): words == health.OK for name, words in found.checks.items()}
    reasons = " ".join(found.reasons) or None
    return Reading({**checks, "status": found.status, "value": len(found.reasons), "reasons": reasons})


def _deliveries(at: datetime, window: timedelta) -> Reading:
    ended = Delivery.objects.filter(ended_at__gt=at - window, ended_at__lte=at)
    counts = ended.aggregate(
        failed=Count("pk", filter=Q(status=Delivery.Status.FAILED)),
        sent=Count("pk", filter=Q(status=Delivery.Status.SENT)),
    )
    waiting = Delivery.objects.filter(next_attempt_at__isnull=False).aggregate(
        waiting=Count("pk"), first=Min("created_at")
    )
    failed, total = counts["failed"], counts["failed"] + counts["sent"]
    last = ended.filter(status=Delivery.Status.FAILED).order_by("-ended_at").values_list("error", flat=True).first()
    return Reading(
        {
            "value": failed, "failed": failed, "sent": counts["sent"], "share": 100 * failed / total if total else None,
            "waiting": waiting["waiting"], "error": last or None,
            "oldest": (at - waiting["first"]).total_seconds() if waiting["first"] else None,
        }
    )  # fmt: skip


def _rules(at: datetime, failing_for: timedelta) -> Reading:
    """Rules, others than those that ask this, whose source has been failing so long."""
    rules = AlertRule.objects.filter(enabled=True, state=AlertRule.State.ERROR, state_since__lte=at - failing_for)
    found = list(rules.exclude(sources__kind=Self.kind).order_by("state_since", "pk"))
    longest = (at - found[0].state_since).total_seconds() if found and found[0].state_since else None
    error = found[0].verdict if found else None
    return Reading(
        {"value": len(found), "names": _named(rule.key for rule in found), "longest": longest, "error": error}
    )


def _connections() -> Reading:
    found = list(Connection.objects.filter(state=Connection.State.ERROR).order_by("pk"))
    error = found[0].error if found else None
    return Reading({"value": len(found), "names": _named(row.key for row in found), "error": error})


def _doors(at: datetime) -> Reading:
    doors = Integration.objects.filter(enabled=True, last_seen_at__lt=at - silence.SHORTEST).order_by("pk")
    found = [door.name for door in doors if silence.standing(door, at=at).state == "silent"]
    return Reading({"value": len(found), "names": _named(found)})


def _named(names) -> str | None:
    several = list(names)
    more = f" and {len(several) - NAMED} more" if len(several) > NAMED else ""
    return ", ".join(several[:NAMED]) + more or None
