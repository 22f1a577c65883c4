"""Alerts: what fires or fired, where it went, and why it did not act."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal, cast

from django.db.models import Q, QuerySet
from ninja import Query, Router
from pydantic import Field

from alerts.models import Liveness
from api.access import Request
from api.paging import Order, got, page
from api.routing import read
from api.shapes import ByKey, Instant, InstantIn, Number, Out, Page, Text
from incidents import seeing

router = Router()
SCOPE = "alerts:read"
Verdict = Literal["new", "joined", "suppressed"]


class AlertOut(Out):
    """An alert: one for each identity, however often it fires."""

    id: int
    name: str = Field(examples=["CheckoutDown"])
    state: Literal["firing", "resolved"]
    severity: str = Field(description="The level it asked for.", examples=["critical"])
    labels: dict[str, Any]
    annotations: dict[str, Any]
    key: str = Field(description="The sender's own deduplication key, if it has one.")
    door: str | None = Field(description="Name of the integration it came through.")
    rule: int | None = Field(description="Number of the rule that raised it.")
    starts_at: Instant
    ends_at: Instant | None = Field(description="Valid until; null: until told otherwise.")
    last_seen_at: Instant
    verdict: Verdict = Field(description="`new`: not judged yet.")
    reason: str = Field(description="Why it did not act, in words.", examples=["silenced by ada: being repaired"])
    silence: str | None = Field(description="The silence that hides it.")
    incident: int | None = Field(description="The incident it joined; null as well when you may not see it.")
    times: int = Field(description="How often it has begun to fire.")
    url: str = Field(description="Where its sender shows it.")

    @classmethod
    def of(cls, row: Liveness, at: datetime, hidden: Collection[int]) -> "AlertOut":
        """hidden   the numbers of the incidents that the caller may not see"""
        alert, verdict = row.alert, cast(Verdict, row.verdict)
        return cls(
            id=alert.pk, name=str(alert), state="firing" if row.fires_at(at) else "resolved",
            severity=row.severity_key, labels=alert.labels, annotations=alert.annotations, key=alert.key,
            door=alert.integration.name if alert.integration else None, rule=alert.rule_id, starts_at=row.starts_at,
            ends_at=row.ends_at, last_seen_at=row.last_seen_at, verdict=verdict, reason=row.reason,
            silence=str(row.silence_id) if row.silence_id else None,
            incident=None if row.incident_id in hidden else row.incident_id, times=row.times, url=alert.url,
        )  # fmt: skip


class AlertQuery(ByKey):
    """Which alerts."""

    state: Literal["firing", "suppressed", "resolved"] | None = Field(
        None, description="`suppressed`: fires, and a silence or a firing parent hides it."
    )
    severity: Text | None = Field(None, description="The level it asked for, in any case.")
    door: Text | None = Field(None, description="Name of an integration.")
    rule: Number | None = Field(None, description="Number of a rule.")
    policy: Text | None = Field(None, description="Key of the policy of its rule or door.")
    incident: Number | None = Field(None, description="Number of an incident.")
    key: Text | None = Field(None, description="Exactly this deduplication key.")
    since: InstantIn | None = Field(None, description="Began to fire then or later.")
    until: InstantIn | None = Field(None, description="Began to fire before.")
    text: Text | None = Field(None, description="Part of the name or of the labels, in any case.")


def _rows() -> QuerySet[Liveness]:
    return Liveness.objects.select_related("alert__integration")


@read(router, "/alerts", scope=SCOPE, out=Page[AlertOut], id="listAlerts", summary="List alerts")
def list_alerts(request: Request, query: Query[AlertQuery]) -> Any:
    """The newest identity first; an alert that fires again keeps its place."""
    at, hidden = request.at, seeing.hidden(request.caller.user)
    rows, fires = _rows(), Q(firing=True) & (Q(ends_at=None) | Q(ends_at__gt=at))
    if query.state == "resolved":
        rows = rows.exclude(fires)
    elif query.state:
        rows = rows.filter(fires)
    if query.state == "suppressed":
        rows = rows.filter(verdict=Liveness.Verdict.SUPPRESSED)
    if query.policy is not None:
        rows = rows.filter(Q(alert__rule__policy__key=query.policy) | Q(alert__integration__policy__key=query.policy))
    if query.text is not None:
        rows = rows.filter(Q(alert__name__icontains=query.text) | Q(alert__labels__icontains=query.text))
    exact = {"severity_key__iexact": query.severity, "alert__integration__name": query.door, "alert__rule": query.rule,
             "incident": query.incident, "alert__key": query.key, "starts_at__gte": query.since,
             "starts_at__lt": query.until}  # fmt: skip
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    if query.incident in hidden:
        rows = rows.none()
    return page(rows, query, Order(), lambda row: AlertOut.of(row, at, hidden))


@read(router, "/alerts/{id}", scope=SCOPE, out=AlertOut, id="getAlert", summary="One alert")
def get_alert(request: Request, id: Number) -> AlertOut:
    """With its verdict: joined an incident, or suppressed and why."""
    return AlertOut.of(got(_rows(), f"alert {id}", pk=id), request.at, seeing.hidden(request.caller.user))
