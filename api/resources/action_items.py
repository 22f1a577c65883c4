"""Action items: what shall change after an incident, who does it, and whether it has helped."""

from typing import Any, Literal

from django.db.models import QuerySet
from ninja import Query, Router
from pydantic import Field

from api.access import Request
from api.choosing import one_of
from api.paging import Order, got, page
from api.problems import Problem
from api.routing import read, write
from api.shapes import ByKey, Flag, Id, In, Instant, Number, Out, Page, Text, Words
from incidents.models import Incident
from incidents.seeing import hidden, visible
from oncall.models import EscalationContact
from oncall.people import contact_of
from reviews import actions
from reviews.models import ActionItem

from .figures import Day
from .incidents import PersonOut

router = Router()
READ, WRITE = "reviews:read", "actions:write"
VERIFY = "reviews.verify_actionitem"
State = Literal["open", "done", "verified", "dropped"]
Category = Literal["immediate", "long_term", "monitoring", "process"]
Priority = Literal["urgent", "high", "normal", "low"]
PRIORITIES: dict[int, Priority] = {1: "urgent", 2: "high", 3: "normal", 4: "low"}


class ActionItemOut(Out):
    """What shall change, who does it and until when."""

    id: int
    title: str = Field(examples=["Alert before the disk is full"])
    text: str
    category: Category
    priority: Priority
    state: State
    overdue: bool = Field(description="Open, and its day is past on its owner's calendar.")
    owner: PersonOut | None
    due_on: Day | None
    incident: int | None = Field(description="Number of the incident it follows from.")
    review: int | None = Field(description="Number of its review; none before there is one.")
    created_at: Instant | None
    done_at: Instant | None
    done_by: PersonOut | None
    verified_at: Instant | None
    verified_by: PersonOut | None
    reopened: int = Field(description="How often it did not help.")
    watch_until: Instant | None = Field(description="So long its cause must stay away.")
    rule: str = Field(description="Open again when this rule opens an incident.")
    service: str | None = Field(description="Open again when the service with this key has an incident.")
    factor: str = Field(description="Open again when a review names this contributing factor.")
    ticket: str = Field(description="What the tracker calls its ticket; empty: none.", examples=["OPS-12"])
    url: str = Field(examples=["/actions/7/"])


class ActionItemQuery(ByKey):
    """Which action items."""

    state: State | None = None
    overdue: Flag | None = Field(None, description="Open ones whose day is past, in UTC; false: the others.")
    category: Category | None = None
    owner: Number | None = Field(None, description="Number of the contact.")
    incident: Number | None = Field(None, description="Number of the incident.")


class ActionItemIn(In):
    """A new action item."""

    title: Words = Field(max_length=250)
    incident: Id = Field(description="Number of the incident it follows from.")
    text: Text = Field("", max_length=20_000)
    category: Category = "long_term"
    priority: Priority = "normal"
    owner: Words | None = Field(None, max_length=120, description="Name of a contact.")
    due_on: Day | None = Field(None, description="Else as the policy says for its category.")


class WhyIn(In):
    """Why."""

    why: Text = Field("", max_length=2_000, description="Needed to drop it.")


def _rows(user: Any) -> QuerySet[ActionItem]:
    rows = ActionItem.objects.select_related("owner", "done_by", "verified_by", "service", "ticket", "incident")
    return rows.exclude(incident__in=hidden(user))


def _out(request: Request, item: ActionItem) -> ActionItemOut:
    ticket = getattr(item, "ticket", None)
    same = ("title", "text", "category", "state", "due_on", "created_at", "done_at", "verified_at", "reopened",
            "watch_until", "rule", "factor")  # fmt: skip
    return ActionItemOut(
        id=item.pk, priority=PRIORITIES[item.priority], owner=PersonOut.of(item.owner),
        overdue=item.is_overdue(actions.today(item, at=request.at)), incident=item.incident_id, review=item.review_id,
        done_by=PersonOut.of(item.done_by), verified_by=PersonOut.of(item.verified_by),
        service=item.service.key if item.service else None, ticket=ticket.key if ticket else "",
        url=item.get_absolute_url(), **{name: getattr(item, name) for name in same},
    )  # fmt: skip


@read(router, "/action-items", scope=READ, out=Page[ActionItemOut], id="listActionItems", summary="List action items")
def list_action_items(request: Request, query: Query[ActionItemQuery]) -> Any:
    """The newest first."""
    exact = {"state": query.state, "category": query.category, "owner": query.owner, "incident": query.incident}
    rows = _rows(request.caller.user).filter(**{name: value for name, value in exact.items() if value is not None})
    if query.overdue is not None:
        late = ActionItem.objects.overdue(request.at.date()).values("pk")
        rows = rows.filter(pk__in=late) if query.overdue else rows.exclude(pk__in=late)
    return page(rows, query, Order(), lambda item: _out(request, item))


@read(router, "/action-items/{id}", scope=READ, out=ActionItemOut, id="getActionItem", summary="One action item")
def get_action_item(request: Request, id: Number) -> ActionItemOut:
    """With what is watched for it."""
    return _out(request, got(_rows(request.caller.user), f"action item {id}", pk=id))


@write(
    router,
    "/action-items",
    scope=WRITE,
    out=ActionItemOut,
    status=201,
    id="addActionItem",
    summary="Add an action item",
)
def add_action_item(request: Request, body: ActionItemIn) -> ActionItemOut:
    """It is on the review of its incident, and joins it when that is begun later."""
    incidents = visible(request.caller.user).select_related("policy", "service")
    incident: Incident = one_of(incidents, "incident", "body.incident", pk=body.incident)
    people = EscalationContact.objects.filter(active=True)
    owner = one_of(people, "contact", "body.owner", name=body.owner) if body.owner else None
    item = actions.add(
        title=body.title, incident=incident, text=body.text, category=body.category, owner=owner,
        priority=ActionItem.Priority[body.priority.upper()], due_on=body.due_on, by=contact_of(request.caller.user),
        at=request.at,
    )  # fmt: skip
    return get_action_item(request, item.pk)


def _move(request: Request, number: int, move: Any, why: str) -> ActionItemOut:
    item = got(_rows(request.caller.user), f"action item {number}", pk=number)
    if move in (actions.verify, actions.drop) and not request.caller.has(VERIFY):
        raise Problem("forbidden", f"This needs the right {VERIFY}.")
    move(item, by=contact_of(request.caller.user), at=request.at, why=why)
    return get_action_item(request, number)


@write(router, "/action-items/{id}/done", scope=WRITE, out=ActionItemOut, id="finishActionItem", summary="Done")
def done(request: Request, id: Number, body: WhyIn) -> ActionItemOut:
    """From now on its cause must stay away."""
    return _move(request, id, actions.done, body.why)


@write(router, "/action-items/{id}/verify", scope=WRITE, out=ActionItemOut, id="verifyActionItem", summary="Verified")
def verify(request: Request, id: Number, body: WhyIn) -> ActionItemOut:
    """Somebody has looked: what was done works. Needs the right to verify as well."""
    return _move(request, id, actions.verify, body.why)


@write(router, "/action-items/{id}/reopen", scope=WRITE, out=ActionItemOut, id="reopenActionItem", summary="Open again")
def reopen(request: Request, id: Number, body: WhyIn) -> ActionItemOut:
    """It is not done after all, or wanted again."""
    return _move(request, id, actions.reopen, body.why)


@write(router, "/action-items/{id}/drop", scope=WRITE, out=ActionItemOut, id="dropActionItem", summary="Drop")
def drop(request: Request, id: Number, body: WhyIn) -> ActionItemOut:
    """It will not be done, and why. Needs the right to verify as well."""
    return _move(request, id, actions.drop, body.why)
