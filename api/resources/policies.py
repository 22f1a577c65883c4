"""Policies and their levels: what an incident is declared with."""

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from api.paging import Order, got, page
from api.routing import read
from api.shapes import ByKey, Out, Page, Words
from policies.models import Policy

from .incidents import LevelOut

router = Router()
SCOPE = "policies:read"


class PolicyOut(Out):
    """An alert policy."""

    id: int
    key: str = Field(examples=["checkout"])
    name: str
    version: str
    language: str
    timezone: str
    service: str | None
    description: str
    severities: list[LevelOut] = Field(description="Its levels, the most urgent first.")
    classes: list[str] = Field(description="Keys of its classes of alerts.")

    @classmethod
    def of(cls, policy: Policy) -> "PolicyOut":
        same = ("key", "name", "version", "language", "timezone", "description")
        levels = sorted(policy.severities.all(), key=lambda level: level.rank)
        return cls(
            **{name: getattr(policy, name) for name in same}, id=policy.pk,
            service=policy.service.key if policy.service else None,
            severities=[LevelOut.of(level) for level in levels],
            classes=[alert_class.key for alert_class in policy.classes.all()],
        )  # fmt: skip


def _rows() -> Any:
    return Policy.objects.select_related("service").prefetch_related("severities", "classes")


@read(router, "/policies", scope=SCOPE, out=Page[PolicyOut], id="listPolicies", summary="List policies")
def list_policies(request: HttpRequest, query: Query[ByKey]) -> Any:
    """The newest first."""
    return page(_rows(), query, Order(), PolicyOut.of)


@read(router, "/policies/{key}", scope=SCOPE, out=PolicyOut, id="getPolicy", summary="One policy")
def get_policy(request: HttpRequest, key: Words) -> PolicyOut:
    """With its levels and classes."""
    return PolicyOut.of(got(_rows(), f"policy {key}", key=key))
