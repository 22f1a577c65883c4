"""Alerts that began or ended -> the open incident they join, or a new one; set by set, not alert by alert."""

import logging
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, reduce
from operator import or_

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from incidents import lifecycle, notices, recovery
from incidents.models import OPEN, Escalation, Incident, Status, TimelineEntry
from notifications import routing
from policies.claims import PUSH_ON, Slice, locked
from policies.models import Policy, Severity
from policies.once import a_sweep
from runbooks import guide
from sources.inbound import quiet_time
from sources.models import Integration

from . import firings, flapping, ledger, patience, storms
from .models import Alert, AlertRule, Liveness
from .origins import default_policy
from .suppression import Suppression, Verdict
from .telling import NEVER

log = logging.getLogger(__name__)
BATCH = 2000
DEFAULT_GROUP_BY = ["alertname"]
COLUMNS = (
    "alert_id", "firing", "starts_at", "ends_at", "incident_id", "severity_key", "verdict", "reason",
    "alert__key", "alert__name", "alert__labels", "alert__integration_id", "alert__rule_id", "times",
)  # fmt: skip


JOINED = {"verdict": Liveness.Verdict.JOINED, "reason": "", "silence": None, "assign_at": None}


@dataclass
class Row:
    """What grouping needs of an alert; lighter than two models."""

    alert: int
    firing: bool
    starts_at: datetime
    ends_at: datetime | None
    incident: int | None
    severity_key: str
    verdict: str
    reason: str
    key: str
    name: str
    labels: dict
    integration: int | None
    rule: int | None
    times: int = 1


@dataclass
class Group:
    """Alerts of one scope and key that act now."""

    scope: str
    key: str
    policy: Policy
    rows: list[Row] = field(default_factory=list)

    @cached_property
    def severity(self) -> Severity:
        """The most urgent level among the rows, once they are complete."""
        levels = [self.policy.severity_for(key) for key in {row.severity_key for row in self.rows}]
        return min(levels, key=lambda level: level.rank)

    def raises(self, incident: Incident) -> bool:
        """Whether a level among the rows is more urgent than the incident's."""
        return self.severity.policy_id == incident.policy_id and self.severity.rank < incident.severity.rank

    @property
    def common_labels(self) -> dict:
        """Labels with the same value in every alert."""
        common = dict(self.rows[0].labels)
        for row in self.rows[1:]:
            common = {name: value for name, value in common.items() if row.labels.get(name) == value}
        return common


class Origins:
    """Doors, rules and policies the batch came from, each read once."""

    def __init__(self, rows: list[Row]):
        self.doors = Integration.objects.select_related("policy").in_bulk(
            {r.integration for r in rows if r.integration}
        )
        rules = AlertRule.objects.select_related("policy", "alert_class", "severity")
        self.rules = rules.in_bulk({r.rule for r in rows if r.rule})
        self._default: Policy | None = None

    def policy(self, row: Row) -> Policy:
        if row.rule:
            return self.rules[row.rule].policy
        door = self.doors.get(row.integration)
        if door and door.policy:
            return door.policy
        if self._default is None:
            self._default = default_policy()
            if self._default is None:
                raise Policy.DoesNotExist("No policy is loaded; run `manage.py load_pack default`.")
        return self._default

    def group(self, row: Row) -> tuple[str, str]:
        """Scope and key of the incident the alert belongs to."""
        if row.rule:
            return self.rules[row.rule].scope, row.key or self.rules[row.rule].key
        door = self.doors.get(row.integration)
        scope = f"door:{row.integration}" if row.integration else ""
        if row.key and not (door and door.group_by):
            return scope, row.key
        names = (door and door.group_by) or DEFAULT_GROUP_BY
        return scope, "/".join(row.labels.get(name, "") for name in names) or row.name or "alerts"


def assign_due(*, at: datetime, batch: int = BATCH) -> int:
    """Judge up to `batch` alerts that began, ended or are to be asked again; return how many.

    Joining is quick and opening is not: when many incidents are to be opened, the rest waits for the next call.
    """
    with transaction.atomic(), a_sweep():
        due = locked(Liveness.objects.assign_due(at)).values_list(*COLUMNS)
        return _assign([Row(*values) for values in due[:batch]], at=at)


@transaction.atomic
def assign(alerts: Collection[int], *, at: datetime) -> None:
    """Judge these alerts now, if they wait for it: somebody acts on them. Another sweep that has them is waited for."""
    due = Liveness.objects.assign_due(at).filter(pk__in=alerts).select_for_update(of=("self",))
    _assign([Row(*values) for values in due.values_list(*COLUMNS)], at=at)


def _assign(rows: list[Row], *, at: datetime) -> int:
    left = 0
    if rows:
        left = _begun([row for row in rows if row.firing], at=at)
        _ended([row for row in rows if not row.firing], at=at)
        firings.note(rows, at=at)
    return len(rows) - left


def _begun(rows: list[Row], *, at: datetime) -> int:
    """Let alerts act, or note what suppresses them; return how many are left because the time was up."""
    suppression, origins = Suppression(at), Origins(rows)
    apart = _split_off(rows)
    groups: dict[tuple[str, str], Group] = {}
    suppressed: dict[Verdict, list[Row]] = defaultdict(list)
    released: list[int] = []
    for row in rows:
        policy = origins.policy(row)
        verdict = suppression.verdict(row.labels, policy_id=policy.pk, rule_id=row.rule, alert=row.alert)
        if verdict:
            suppressed[verdict].append(row)
            continue
        scope, key = apart.get(row.incident or 0) or origins.group(row)
        groups.setdefault((scope, key), Group(scope, key[:255], policy)).rows.append(row)
        if row.verdict == Liveness.Verdict.SUPPRESSED:
            released.append(row.alert)
    flapping.begun([(row, origins.policy(row)) for row in rows if row.times > 1], at=at)
    open_now: dict[tuple[str, str], Incident] = {}
    if groups:
        open_now = _open_incidents(list({*groups, *((scope, storms.KEY) for scope, _ in groups)}))
        open_now = _not_too_old(groups, open_now, at=at)
        for verdict, held in patience.hold(groups, open_now, origins, at=at):
            suppressed[verdict] += held
            released = [alert for alert in released if alert not in {row.alert for row in held}]
    ledger.end(released, at=at, outcome="acted")
    counterfactual = ledger.Counterfactual(at)
    for verdict, held in suppressed.items():
        _note_suppressed(held, verdict, origins, counterfactual, at=at)
    if not groups:
        return 0
    groups = _with_storms(groups, open_now, origins, at=at)
    slice, waiting = Slice(), dict(groups)
    for slot in _join_together(groups, open_now, origins, at=at):
        del waiting[slot]
    count = len(waiting)
    for slot, group in list(waiting.items()):
        if slice.over and len(waiting) < count:
            break
        del waiting[slot]
        _act(group, open_now.get(slot), origins, at=at)
    return sum(len(group.rows) for group in waiting.values())


def _with_storms(
    groups: dict[tuple[str, str], Group], open_now: dict[tuple[str, str], Incident], origins: Origins, *, at: datetime
) -> dict[tuple[str, str], Group]:
    """The groups as they may act: what is above a door's ceiling shares the one storm of that door."""
    kept: dict[tuple[str, str], Group] = {}
    stormy: dict[tuple[str, str], Group] = {}
    fresh: dict[Integration, list[tuple[str, str]]] = defaultdict(list)

    def gather(group: Group, rows: list[Row]) -> None:
        storm = stormy.setdefault((group.scope, storms.KEY), Group(group.scope, storms.KEY, group.policy))
        storm.rows += rows

    for slot, group in groups.items():
        door = None if group.rows[0].rule else origins.doors.get(group.rows[0].integration)
        storm = open_now.get((group.scope, storms.KEY))
        if storm is not None and slot not in open_now:  # what has joined the storm stays in it
            gather(group, [row for row in group.rows if row.incident == storm.pk])
            group.rows = [row for row in group.rows if row.incident != storm.pk]
        if not group.rows:
            continue
        kept[slot] = group
        if door is not None and door.ceiling and slot not in open_now:
            fresh[door].append(slot)
    for door, slots in fresh.items():
        slots.sort(key=lambda slot: kept[slot].severity.rank)  # the gravest have incidents of their own
        for slot in slots[storms.room(door, at=at) :]:
            group = kept.pop(slot)
            gather(group, group.rows)
    return {**kept, **{slot: storm for slot, storm in stormy.items() if storm.rows}}


def _join_together(
    groups: dict[tuple[str, str], Group], open_now: dict[tuple[str, str], Incident], origins: Origins, *, at: datetime
) -> list[tuple[str, str]]:
    """Let groups join their open incidents where that changes nothing but the alerts, a statement a step for all of
    them; return which did. The others need more than that, or something went wrong: they go one by one."""
    open_groups = {slot: (open_now[slot], group) for slot, group in groups.items() if slot in open_now}
    ids = [incident.pk for incident, _ in open_groups.values()]
    if len(ids) < 2:
        return []
    hushed = Escalation.objects.filter(
        incident__in=ids, incident__status=Status.DETECTED, incident__pages=True, state=Escalation.State.STOPPED
    ).values_list("incident_id")
    quiet = Incident.objects.filter(pk__in=ids, quiet_until__isnull=False).values_list("pk")
    special = {pk for (pk,) in [*hushed, *quiet]}
    throttling = Throttling()
    plain = {
        slot: (incident, group)
        for slot, (incident, group) in open_groups.items()
        if incident.pk not in special
        and not throttling.of(incident.policy)
        and group.key != storms.KEY
        and not group.raises(incident)
    }
    try:
        with transaction.atomic():
            entries = [_joined_entry(incident, group, at=at) for incident, group in plain.values()]
            TimelineEntry.objects.bulk_create([entry for entry in entries if entry])
            for incident, group in plain.values():
                Liveness.objects.filter(pk__in=[row.alert for row in group.rows]).update(incident=incident, **JOINED)
            _guide({incident.pk: group for incident, group in plain.values()}, origins, at=at)
    except OperationalError:
        raise
    except Exception:
        log.warning("Groups that join together failed together; they go one by one.", exc_info=True)
        return []
    return list(plain)


def _act(group: Group, incident: Incident | None, origins: Origins, *, at: datetime) -> None:
    """Join the open incident or open one; a group that fails is looked at again in a minute and holds up no other."""
    alerts = Liveness.objects.filter(pk__in=[row.alert for row in group.rows])
    try:
        with transaction.atomic():
            if incident is None:
                incident = _reopened(group, at=at) or _open(group, origins, at=at)
            else:
                _join(incident, group, at=at)
            alerts.update(incident=incident, **JOINED)
            _guide({incident.pk: group}, origins, at=at)
            if group.key == storms.KEY:
                storms.count(incident)
    except OperationalError:
        raise  # the database is away or busy: nothing is lost, the next sweep finds the same rows
    except IntegrityError as clash:
        already = Incident.objects.open().filter(scope=group.scope, key=group.key)
        found = already.select_related("severity", "policy").first()
        if found is None or found == incident:
            _put_off(alerts, group, clash, at=at)
        else:  # another sweep opened it this very moment
            _act(group, found, origins, at=at)
    except Exception as trouble:
        _put_off(alerts, group, trouble, at=at)


def _guide(groups: dict[int, Group], origins: Origins, *, at: datetime) -> None:
    """Let the incidents, by number, have the runbooks of the rules that are new in them."""
    fresh = {
        number: {origins.rules[row.rule].key for row in group.rows if row.rule and row.incident != number}
        for number, group in groups.items()
    }
    if rules := {number: keys for number, keys in fresh.items() if keys}:
        guide.joined(rules, at=at)


def _put_off(alerts: QuerySet[Liveness], group: Group, trouble: Exception, *, at: datetime) -> None:
    log.error("The alerts of %r could not be judged; looked at again in a minute.", group.key, exc_info=trouble)
    alerts.update(assign_at=at + PUSH_ON, reason=f"could not be judged: {trouble}"[:250])


def _note_suppressed(
    rows: list[Row], verdict: Verdict, origins: Origins, counterfactual: ledger.Counterfactual, *, at: datetime
) -> None:
    Liveness.objects.filter(pk__in=[row.alert for row in rows]).update(
        verdict=Liveness.Verdict.SUPPRESSED, reason=verdict.reason, silence=verdict.silence,
        assign_at=verdict.ask_again_at,
    )  # fmt: skip
    would_have = {}
    for row in rows:
        rule = origins.rules.get(row.rule) if row.rule else None
        pages = rule.page if rule else None
        if rule and pages is None and rule.alert_class:
            pages = rule.alert_class.page
        would_have[row.alert] = counterfactual.of(origins.policy(row), row.severity_key, row.labels, pages)
    until = verdict.ask_again_at if verdict.kind in ledger.PLANNED else None
    ledger.note(would_have, verdict.kind, verdict.reason, since=at, until=until)


def _not_too_old(
    groups: dict[tuple[str, str], Group], open_now: dict[tuple[str, str], Incident], *, at: datetime
) -> dict[tuple[str, str], Incident]:
    """The open incidents that may be joined. One older than its policy's group window makes way for a new one when an
    alert that was never in it begins: it keeps its alerts, and leaves its key to the new one."""
    kept = {}
    for slot, incident in open_now.items():
        group = groups.get(slot)
        old = incident.detected_at + incident.policy.group_window < at
        if old and group and slot[1] != storms.KEY and all(row.incident != incident.pk for row in group.rows):
            lifecycle.give_way(incident, at=at)
        else:
            kept[slot] = incident
    return kept


def _split_off(rows: list[Row]) -> dict[int, tuple[str, str]]:
    """Scope and key of the open incidents among those of `rows` that a person split off: their alerts stay there."""
    of = {row.incident for row in rows if row.incident}
    split = Incident.objects.open().filter(pk__in=of, split_from__isnull=False) if of else Incident.objects.none()
    return {number: (scope, key) for number, scope, key in split.values_list("pk", "scope", "key")}


def _open_incidents(slots: list[tuple[str, str]]) -> dict[tuple[str, str], Incident]:
    """The open incident of each scope and key; where it was merged into another that is open, that one."""
    found: dict[tuple[str, str], Incident] = {}
    elsewhere: dict[tuple[str, str], int | None] = {}
    rows = Incident.objects.select_related("severity", "policy")
    for start in range(0, len(slots), 200):
        wanted = reduce(or_, (Q(scope=scope, key=key[:255]) for scope, key in slots[start : start + 200]))
        merged = Incident.objects.filter(wanted, status=Status.MERGED, merged_into__status__in=OPEN).order_by("pk")
        elsewhere |= {(scope, key): into for scope, key, into in merged.values_list("scope", "key", "merged_into")}
        found |= {(one.scope, one.key): one for one in rows.open().filter(wanted)}
    if elsewhere:
        others = rows.in_bulk(set(elsewhere.values()))
        found = {slot: others[into] for slot, into in elsewhere.items() if into in others} | found
    return found


def _open(group: Group, origins: Origins, *, at: datetime) -> Incident:
    first = min(group.rows, key=lambda row: row.starts_at)
    alert = Alert.objects.only("annotations", "url").get(pk=first.alert)
    rule = origins.rules.get(first.rule)
    door = origins.doors.get(first.integration)
    if group.key == storms.KEY and door is not None:
        return storms.begin(door, group, at=at)
    title = alert.annotations.get("summary") or alert.annotations.get("title") or first.name or group.key
    opening = lifecycle.Opening(
        policy=group.policy, severity=group.severity, scope=group.scope, key=group.key, title=title.splitlines()[0],
        summary=alert.annotations.get("description", ""), labels=group.common_labels,
        alert_class=rule.alert_class if rule else None, page=_pages(alert, rule),
        owners=tuple(rule.owners.all()) if rule else (), started_at=min(first.starts_at, at),
        resolve_after=quiet_time(door) if door else None, reason=_reason(group, rule, alert),
    )  # fmt: skip
    return lifecycle.open_incident(opening, at=at)


def _reopened(group: Group, *, at: datetime) -> Incident | None:
    """The incident of this key that resolved so lately that it is the same trouble, open again; None: there is none."""
    if not group.policy.reopen_within or group.key == storms.KEY:
        return None
    lately = Incident.objects.filter(
        scope=group.scope, key=group.key, status=Status.RESOLVED, resolved_at__gte=at - group.policy.reopen_within
    )
    incident = lately.select_related("policy", "severity", "service").order_by("-resolved_at", "-pk").first()
    if incident is None:
        return None
    lifecycle.reopen(incident, at=at, reason=f"{_names(group.rows)} fires again")
    if group.raises(incident):
        lifecycle.set_severity(incident, group.severity, at=at, reason="an alert of that level joined")
    return incident


def _pages(alert: Alert, rule: AlertRule | None) -> bool | None:
    """What the alert and then its rule say of paging; None: as class or level say."""
    if alert.annotations.get("page") == NEVER:
        return False
    return rule.page if rule else None


def _reason(group: Group, rule: AlertRule | None, alert: Alert) -> str:
    named = f"rule {rule.code or rule.key}" if rule else f"alert {group.rows[0].name or group.key}"
    others = f" and {len(group.rows) - 1} more" if len(group.rows) > 1 else ""
    facts = alert.annotations.get("reason") or alert.annotations.get("description", "")
    return f"Opened by {named}{others}{': ' + facts if facts else ''}."


def _join(incident: Incident, group: Group, *, at: datetime) -> None:
    recovery.fires_again(incident, at=at)
    if entry := _joined_entry(incident, group, at=at):
        entry.save()
    if rises := group.raises(incident):
        lifecycle.set_severity(incident, group.severity, at=at, reason="an alert of that level joined")
    lifecycle.speak_up(incident, at=at)
    if not rises and Throttling().of(incident.policy):
        notices.tell(incident, notices.AGAIN, at=at, note=f"Fires now: {_names(group.rows)}.")


class Throttling:
    """Which policies have routes with a throttle: they hear of every beginning, once in a while."""

    def __init__(self) -> None:
        self._known: dict[int, bool] = {}

    def of(self, policy: Policy) -> bool:
        if policy.pk not in self._known:
            self._known[policy.pk] = routing.throttles(policy)
        return self._known[policy.pk]


def _names(rows: Collection[Row]) -> str:
    names = sorted({row.name or row.key or f"alert {row.alert}" for row in rows})
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _joined_entry(incident: Incident, group: Group, *, at: datetime) -> TimelineEntry | None:
    """What the timeline says of alerts that join; None when all have been in it before."""
    new = [row for row in group.rows if row.incident != incident.pk]
    if not new:
        return None
    return TimelineEntry(
        incident=incident, kind="alerts_joined", text=f"{len(new)} more: {_names(new)}.", at=at,
        data={"alerts": [row.alert for row in new[:50]]},
    )  # fmt: skip


def _ended(rows: list[Row], *, at: datetime) -> None:
    if not rows:
        return
    Liveness.objects.filter(pk__in=[row.alert for row in rows]).update(assign_at=None)
    held = [row.alert for row in rows if row.verdict == Liveness.Verdict.SUPPRESSED]
    ledger.end(held, at=at, outcome="ended before it acted")
    origins = Origins(rows)
    rows = flapping.ended(rows, lambda row: origins.policy(row), at=at)
    touched = {row.incident for row in rows if row.incident}
    flaps = Q(alert__flap__flapping_since__isnull=False)
    still = Exists(Liveness.objects.filter(Q(firing=True) | flaps, incident=OuterRef("pk")))
    for incident in Incident.objects.open().filter(~still, pk__in=touched).select_related("policy"):
        # one that is told late has ended before others: the last end of all of them counts
        rows_of = Liveness.objects.filter(incident=incident)
        last = rows_of.aggregate(last=Max(Coalesce("ends_at", "last_seen_at")))["last"] or at
        recovery.ended(incident, at=at, since=min(last, at))
