"""Silences: what is muted, for how long and why."""

from datetime import datetime
from typing import Any, Literal, cast

from django.db.models import Q, QuerySet
from ninja import Query, Router
from pydantic import Field

from alerts import silencing, suppression
from alerts.matching import BadMatcher
from alerts.models import Silence
from api.access import Request
from api.choosing import one_of
from api.paging import Order, got, page
from api.problems import Problem
from api.routing import read, write
from api.shapes import ByTimeAndUuid, In, Instant, InstantIn, Out, Page, Text, Uuid, Words
from api.tags import demand_match, rendered
from policies.models import Policy

router = Router()
State = Literal["pending", "active", "expired"]
NEWEST = Order("starts_at", uuid=True)


class MatcherIn(In):
    """What a label must be."""

    name: Words = Field(max_length=200, examples=["alertname"])
    value: Text = Field(max_length=2000, examples=["CheckoutDown"])
    is_regex: bool = Field(False, description="The value is an RE2 expression, anchored at both ends.")
    is_equal: bool = Field(True, description="False: the label must be anything else.")


class MatcherOut(Out):
    """What a label must be."""

    name: str
    value: str
    is_regex: bool
    is_equal: bool


class SilenceOut(Out):
    """Muted by a person, for a time, with a reason."""

    id: str = Field(examples=["2f8d1d3e-7c64-4d0a-9a6e-0b3b5f1c2d4e"])
    state: State
    matchers: list[MatcherOut]
    starts_at: Instant
    ends_at: Instant
    updated_at: Instant
    created_by: str
    comment: str
    policy: str | None = Field(description="Only alerts of this policy; null: all.")

    @classmethod
    def of(cls, silence: Silence, at: datetime) -> "SilenceOut":
        matchers = [
            MatcherOut(
                name=str(one.get("name", "")), value=str(one.get("value", "")), 
                is_regex=bool(one.get("isRegex", False)), is_equal=bool(one.get("isEqual", True)),
            )
            for one in silence.matchers
        ]  # fmt: skip
        return cls(
            id=str(silence.pk), state=cast(State, silence.state_at(at).value), matchers=matchers,
            starts_at=silence.starts_at, ends_at=silence.ends_at, updated_at=silence.updated_at,
            created_by=silence.created_by, comment=silence.comment,
            policy=silence.policy.key if silence.policy else None,
        )  # fmt: skip


class SilenceIn(In):
    """A new silence."""

    matchers: list[MatcherIn] = Field(min_length=1, max_length=50, description="All must hold.")
    ends_at: InstantIn
    starts_at: InstantIn | None = Field(None, description="Now, when left out or passed.")
    comment: Words = Field(max_length=2000, description="Why.", examples=["Known, being repaired."])
    policy: Words | None = Field(None, max_length=80, description="Only alerts of this policy.")


class SilenceQuery(ByTimeAndUuid):
    """Which silences."""

    state: State | None = None
    policy: Text | None = Field(None, description="Key of a policy.")
    text: Text | None = Field(None, description="Part of the comment or its maker's name, in any case.")


def _rows() -> QuerySet[Silence]:
    return Silence.objects.select_related("policy")


@read(router, "/silences", scope="silences:read", out=Page[SilenceOut], id="listSilences", summary="List silences")
def list_silences(request: Request, query: Query[SilenceQuery]) -> Any:
    """The latest start first."""
    at = request.at
    rows = _rows()
    states = {"pending": Q(starts_at__gt=at), "active": Q(starts_at__lte=at, ends_at__gt=at),
              "expired": Q(starts_at__lte=at, ends_at__lte=at)}  # fmt: skip
    if query.state:
        rows = rows.filter(states[query.state])
    if query.policy is not None:
        rows = rows.filter(policy__key=query.policy)
    if query.text is not None:
        rows = rows.filter(Q(comment__icontains=query.text) | Q(created_by__icontains=query.text))
    return page(rows, query, NEWEST, lambda silence: SilenceOut.of(silence, at))


@read(router, "/silences/{id}", scope="silences:read", out=SilenceOut, id="getSilence", summary="One silence")
def get_silence(request: Request, id: Uuid) -> SilenceOut:
    """Also one that has ended."""
    return SilenceOut.of(got(_rows(), f"silence {id}", pk=id), request.at)


@write(
    router, "/silences", scope="silences:write", out=SilenceOut, status=201, id="createSilence",
    summary="Create a silence",
)  # fmt: skip
def create(request: Request, body: SilenceIn) -> SilenceOut:
    """What fires and matches is hidden when this returns. 409 for matchers that cannot be read or would hide
    everything, and for an end that is not after the start."""
    at = request.at
    starts_at = max(body.starts_at or at, at)
    if body.ends_at <= starts_at:
        words = "It must end in the future, and after it starts."
        raise Problem("refused", words, errors=[("body.ends_at", words)])
    policy = one_of(Policy.objects.all(), "policy", "body.policy", key=body.policy) if body.policy else None
    matchers = [
        {"name": one.name, "value": one.value, "isRegex": one.is_regex, "isEqual": one.is_equal}
        for one in body.matchers
    ]
    wanted = silencing.Wanted(
        matchers=matchers, starts_at=starts_at, ends_at=body.ends_at, created_by=request.caller.user.get_username(),
        comment=body.comment, policy=policy,
    )  # fmt: skip
    try:
        silence = silencing.create(wanted, at=at)
    except BadMatcher as refusal:
        raise Problem("refused", str(refusal), errors=[("body.matchers", str(refusal))]) from None
    return SilenceOut.of(silence, at)


@write(
    router, "/silences/{id}/expire", scope="silences:write", out=SilenceOut, id="expireSilence",
    summary="End a silence",
)  # fmt: skip
def expire(request: Request, id: Uuid) -> SilenceOut:
    """Ends it now: what it hid and still fires acts at once. One that has ended already stays as it is."""
    at = request.at
    silence = got(_rows(), f"silence {id}", pk=id)
    if "If-Match" in request.headers:
        demand_match(request, rendered(SilenceOut.of(silence, at)))
    suppression.expire(silence, at=at)
    return SilenceOut.of(_rows().get(pk=id), at)
