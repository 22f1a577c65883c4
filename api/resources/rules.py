"""Alert rules: what is asked, what it came to, switched on and off."""

from typing import Any, Literal

from django.db.models import Prefetch, Q, QuerySet
from ninja import Query, Router
from pydantic import Field

from alerts.models import AlertRule, RuleSource
from api.access import Request
from api.paging import Order, got, page
from api.problems import Problem
from api.routing import read, write
from api.shapes import ByKey, Flag, Instant, Number, Out, Page, Seconds, Text
from api.tags import demand_match, rendered
from policies.wake import wake

from .incidents import LevelOut

router = Router()
State = Literal["unknown", "inactive", "pending", "firing", "error", "nodata"]


class SourceOut(Out):
    """One way to ask for a rule's facts."""

    variant: str = Field(examples=["sql"])
    kind: str = Field(examples=["sql"])
    connection: str | None = Field(description="Key of the connection it asks.")
    fallback: bool = Field(description="Only asked when the one before it failed.")
    error: str = Field(description="What its source answered, when it could not be read.")
    last_seen_at: Instant | None

    @classmethod
    def of(cls, source: RuleSource) -> "SourceOut":
        return cls(
            variant=source.variant, kind=source.kind, connection=source.connection.key if source.connection else None,
            fallback=source.fallback, error=source.error, last_seen_at=source.last_seen_at,
        )  # fmt: skip


class RuleOut(Out):
    """An alert rule and how it stands."""

    id: int
    policy: str = Field(description="Key of its policy.")
    key: str = Field(examples=["queue-depth"])
    code: str = Field(description="The document's own number.", examples=["ALERT-002"])
    name: str
    severity: LevelOut
    alert_class: str | None
    component: str
    enabled: bool
    state: State
    state_since: Instant | None
    verdict: str = Field(description="The last verdict in words.")
    checked_at: Instant | None
    next_check_at: Instant | None
    every: Seconds = Field(description="Seconds between two checks.")
    condition: dict[str, Any] = Field(examples=[{"when": "value >= 1", "for": "10m"}])
    labels: dict[str, Any]
    phase: int | None = Field(description="Roll-out phase.")
    sources: list[SourceOut]

    @classmethod
    def of(cls, rule: AlertRule) -> "RuleOut":
        same = ("key", "code", "name", "component", "enabled", "state", "state_since", "verdict", "checked_at",
                "next_check_at", "every", "condition", "labels", "phase")  # fmt: skip
        return cls(
            **{name: getattr(rule, name) for name in same},
            id=rule.pk, policy=rule.policy.key, severity=LevelOut.of(rule.severity),
            alert_class=rule.alert_class.key if rule.alert_class else None,
            sources=[SourceOut.of(source) for source in rule.sources.all()],
        )  # fmt: skip


class RuleQuery(ByKey):
    """Which rules."""

    policy: Text | None = Field(None, description="Key of a policy.")
    state: State | None = None
    enabled: Flag | None = None
    text: Text | None = Field(None, description="Part of name, key or code, in any case.")


def _rows() -> QuerySet[AlertRule]:
    sources = RuleSource.objects.select_related("connection").defer("connection__url")
    return AlertRule.objects.select_related("policy", "severity", "alert_class").prefetch_related(
        Prefetch("sources", sources)
    )


@read(router, "/rules", scope="rules:read", out=Page[RuleOut], id="listRules", summary="List rules")
def list_rules(request: Request, query: Query[RuleQuery]) -> Any:
    """The newest first."""
    rows = _rows()
    exact = {"policy__key": query.policy, "state": query.state, "enabled": query.enabled}
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    if query.text is not None:
        rows = rows.filter(Q(name__icontains=query.text) | Q(key__icontains=query.text) | Q(code__icontains=query.text))
    return page(rows, query, Order(), RuleOut.of)


@read(router, "/rules/{id}", scope="rules:read", out=RuleOut, id="getRule", summary="One rule")
def get_rule(request: Request, id: Number) -> RuleOut:
    """With its sources and the last verdict."""
    return RuleOut.of(got(_rows(), f"rule {id}", pk=id))


def _change(request: Request, number: int, **facts: Any) -> RuleOut:
    rule = got(AlertRule.objects.select_for_update(), f"rule {number}", pk=number)
    if "If-Match" in request.headers:
        demand_match(request, rendered(RuleOut.of(_rows().get(pk=number))))
    for name, value in facts.items():
        setattr(rule, name, value)
    rule.save(update_fields=[*facts])
    wake()
    return RuleOut.of(_rows().get(pk=number))


@write(router, "/rules/{id}/enable", scope="rules:write", out=RuleOut, id="enableRule", summary="Switch a rule on")
def enable(request: Request, id: Number) -> RuleOut:
    """It is checked at once."""
    return _change(request, id, enabled=True, next_check_at=request.at)


@write(router, "/rules/{id}/disable", scope="rules:write", out=RuleOut, id="disableRule", summary="Switch a rule off")
def disable(request: Request, id: Number) -> RuleOut:
    """What it raised resolves."""
    return _change(request, id, enabled=False)


@write(
    router, "/rules/{id}/check", scope="rules:write", out=RuleOut, status=202, id="checkRule", summary="Check a rule"
)
def check(request: Request, id: Number) -> RuleOut:
    """Has the rule checked in a moment; read it again to see `checked_at` move. 409 when it is switched off."""
    rule = got(AlertRule.objects.all(), f"rule {id}", pk=id)
    if not rule.enabled:
        raise Problem("refused", f"The rule {rule} is switched off; switch it on and it is checked at once.")
    return _change(request, id, next_check_at=request.at)
