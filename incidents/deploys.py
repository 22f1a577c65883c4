"""The deploys of a service, and whether an incident came so soon after one that taking it back should be thought of."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.db.models.functions import Lower

from policies.durations import BadDuration, parse_duration
from policies.models import Policy, Service
from policies.substitute import MissingParameter, substitute
from sources.addresses import address_values
from sources.models import Change

from .models import Incident, RollbackPlan

LONG, MOST = timedelta(days=90), 50
ROLLBACK = "rollback"
"""Label `type` of the marker of a deploy that was taken back."""


@dataclass(frozen=True)
class Advice:
    """That a rollback should be thought of: the deploy, how long before the incident it was, and what ran before it."""

    deploy: Change
    after: timedelta
    previous: str
    within: timedelta

    @property
    def minutes(self) -> int:
        return int(self.after.total_seconds() // 60)


def names_of(incident: Incident) -> set[str]:
    """How pipelines may call the incident's service, in small letters."""
    return names_of_service(incident.service) | ({str(incident.labels.get("service", "")).lower()} - {""})


def names_of_service(service: Service | None) -> set[str]:
    return {service.key.lower(), service.name.lower()} if service else set()


def of(names: Collection[str]) -> QuerySet[Change]:
    """The deploys of a service called so, rollbacks among them, the latest first."""
    rows = Change.objects.annotate(of=Lower("service")).filter(kind=Change.Kind.DEPLOY, of__in=names)
    return rows.defer("data", "images").order_by("-at", "-pk")


def last(names: Collection[str], *, by: datetime) -> Change | None:
    """The last deploy by that instant."""
    return of(names).filter(at__lte=by).first()


def is_rollback(change: Change) -> bool:
    return change.labels.get("type") == ROLLBACK


def previous_version(names: Collection[str], *, by: datetime) -> str:
    """The commit or version of the deploy before the last one, "" when none is known."""
    found: list[str] = []
    versions = of(names).filter(at__lte=by).exclude(version="").values_list("version", flat=True)
    for version in versions[:20]:
        if version not in found:
            found.append(version)
        if len(found) == 2:
            return found[1]
    return ""


def allowed(plan: RollbackPlan, policy: Policy) -> timedelta | None:
    """The plan's length of time with its parameter filled in; None when that has no usable value."""
    try:
        values = address_values(policy) if "${" in plan.within else {}
        return parse_duration(substitute(plan.within, values))
    except (MissingParameter, BadDuration, ValueError):
        return None


def rollback_advice(incident: Incident) -> Advice | None:
    """That the incident was opened within the policy's time of its service's last deploy; None when it was not.

    A person decides. A deploy that was itself a rollback advises nothing, nor does one that was taken back meanwhile.
    """
    plan = RollbackPlan.objects.filter(policy=incident.policy_id).first()
    if plan is None or (within := allowed(plan, incident.policy)) is None or not (names := names_of(incident)):
        return None
    levels = [level.pk for level in plan.severities.all()]
    if levels and incident.severity_id not in levels:
        return None
    known = list(of(names).filter(at__gte=incident.detected_at - LONG)[:MOST])
    before = [change for change in known if change.at <= incident.detected_at]
    since = [change for change in known if change.at > incident.detected_at]
    if not before or any(is_rollback(change) for change in [before[0], *since]):
        return None
    deploy = before[0]
    if incident.detected_at - deploy.at > within:
        return None
    versions = list(dict.fromkeys(change.version for change in before if change.version))
    previous = next((version for version in versions if version != deploy.version), "")
    return Advice(deploy, incident.detected_at - deploy.at, previous, within)


def mark(
    *, service: str, version: str, kind: str, by, at: datetime, incident: Incident | None = None, url: str = ""
) -> Change:  # fmt: skip
    """Write the marker of a deploy, or of a rollback, and tell it on the incident's timeline."""
    summary = f"rollback to {version}" if kind == ROLLBACK else f"deploy of {version}"
    marker = Change.objects.create(
        kind=Change.Kind.DEPLOY, summary=summary, source=f"by {by or 'Opscenter'}"[:255], service=service[:120],
        version=version[:120], outcome="succeeded", labels={"type": kind}, url=url, at=at, received_at=at,
    )  # fmt: skip
    if incident is not None:
        incident.log("deploy", f"{summary.capitalize()}.", at=at, by=by, data={"change": marker.pk})
    return marker
