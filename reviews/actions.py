"""Action items: made for an incident or its review, done, verified, dropped; each change is on the item's record."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from django.db import transaction
from django.db.models import Q

from incidents.models import IllegalMove, Incident
from oncall.models import EscalationContact
from oncall.personal import zone_of
from policies.durations import parse_duration
from policies.models import Policy
from policies.wake import wake
from runbooks.models import Run

from .action_models import ActionItem, ActionPlan

State = ActionItem.State
WATCH_FOR = timedelta(days=90)
REMIND_BEFORE, REMIND_EVERY = timedelta(days=1), timedelta(days=7)
REMINDED_AT = 9
"""The hour of the owner's own clock at which reminders go out."""
FARTHEST = timedelta(days=3653)
"""So far from today may be what people plan: ten years. Reminders and calendars reckon beyond it on either side."""
TWICE = timedelta(seconds=10)
"""The same item of the same person within this time is a button that was pressed twice."""
WATCHED = ("rule", "factor", "service")
EDITED = ("title", "text", "category", "priority", "owner", "due_on", "rule", "factor", "service")
NAMES = {"due_on": "due", "text": "details"}
UNTIL = "Until"
"""What the day on which an item is due is called on the pages."""
CHANGED: list = []
"""Called with an item, the word for what happened and the entry; what keeps items elsewhere registers itself."""


class ActionRefused(IllegalMove):
    """An action item cannot be changed so; the text says why and what to do."""


@transaction.atomic
def add(
    *, title: str, incident: Incident | None = None, review: Any = None, category: str = ActionItem.Category.LONG_TERM,
    owner: EscalationContact | None = None, due_on: date | None = None, priority: int = ActionItem.Priority.NORMAL,
    text: str = "", by: EscalationContact | None, at: datetime, run: Run | None = None, step: str = "",
) -> ActionItem:  # fmt: skip
    """Make an action item of an incident, of a review, or of both.

    review   None: that of the incident, when it has one; else the item joins it when it is begun
    due_on   None: as the policy says for its category, counted from `at`; ActionRefused when it is far off
    by   who adds the very same item twice within TWICE gets the first one
    run, step   of the runbook that wants it; a second item for the same step is not made, the first is returned
    """
    if incident is None and review is not None:
        incident = review.incident
    if incident is None and run is None:
        raise ActionRefused("An action item follows from an incident or a review; name one of them.")
    if not title.strip():
        raise ActionRefused("Say what is to be done.")
    if run is not None and (found := ActionItem.objects.filter(run=run, step=step).first()):
        return found
    if run is None and due_on and (fault := far_off(UNTIL, due_on, at=at)):
        raise ActionRefused(fault)
    policy = incident.policy_id if incident else run.runbook.policy_id if run else None
    plan = plan_of(policy)
    if due_on is None and (length := (plan.due if plan else {}).get(category)):
        due_on = (at + parse_duration(length)).astimezone(zone(owner)).date()
    watch = (plan.watch if plan else None) or WATCHED
    rule = str(incident.labels.get("alertname") or "")[:250] if incident else ""
    service = incident.service if incident else run.service if run else None
    if review is None and incident is not None:
        review = review_of(incident)
    said: dict[str, Any] = {
        "incident": incident, "review": review, "title": title.strip()[:250], "text": text.strip(),
        "category": category, "priority": priority, "owner": owner, "due_on": due_on, "created_by": by, "run": run,
        "step": step,
    }  # fmt: skip
    if run is None and by is not None and (twin := _twin(said, at=at)):
        return twin
    item = ActionItem(
        **said, created_at=at, rule=rule if "rule" in watch else "", service=service if "service" in watch else None
    )
    item.remind_at = remind_at(item, plan, at=at)
    item.save()
    who = f" for {owner}" if owner else ""
    if incident:
        incident.log("action", f"Action item{who}: {item.title}", at=at, by=by, data={"action": item.pk})
    note(item, "added", f"Added by {by or 'a runbook'}{who}.", at=at, by=by)
    wake()
    return item


def _twin(said: dict[str, Any], *, at: datetime) -> ActionItem | None:
    """The same item, added a moment ago; whoever adds one to the incident meanwhile waits."""
    Incident.objects.select_for_update(of=("self",)).get(pk=said["incident"].pk)
    return ActionItem.objects.filter(**said, created_at__range=(at - TWICE, at + TWICE)).order_by("pk").first()


def far_off(what: str, day: date, *, at: datetime) -> str:
    """Why nobody plans for this day, in words that name the field; empty when it is near enough.

    what   the field as its page calls it
    """
    today = at.date()
    if abs(day - today) <= FARTHEST:
        return ""
    return f"“{what}” must lie between {today - FARTHEST} and {today + FARTHEST}; {day} is too far off."


def review_of(incident: Incident) -> Any:
    """The review that the incident's items belong to; None before there is one."""
    from .models import PostIncidentReview

    return PostIncidentReview.of(incident)


def take_in(review: Any, *incidents: Incident) -> int:
    """Let the items of these incidents (none named: of the review's own) join the review; return how many did."""
    of = [incident.pk for incident in incidents] or [review.incident_id]
    return ActionItem.objects.filter(incident__in=of, review=None).update(review=review)


def plan_of(policy: Policy | int | None) -> ActionPlan | None:
    """How the policy follows its items up; None: as the defaults say."""
    return ActionPlan.objects.filter(policy=policy).first() if policy else None


def plan_for(item: ActionItem) -> ActionPlan | None:
    return plan_of(item.policy)


@transaction.atomic
def done(item: ActionItem, *, by: EscalationContact | None, at: datetime, why: str = "", via: str = "") -> None:
    """It is done; from now on its cause must stay away.

    via  what told so, when it was no person here; it is not told of that itself
    """
    plan = plan_for(item)
    until = at + ((plan and plan.watch_for) or WATCH_FOR)
    _move(item, State.DONE, done_at=at, done_by=by, watch_until=until, remind_at=None, verified_at=None,
          verified_by=None)  # fmt: skip
    note(item, "done", f"Done{f', says {by}' if by else ''}{f': {why}' if why else ''}.", at=at, by=by, data=_via(via))


@transaction.atomic
def verify(item: ActionItem, *, by: EscalationContact, at: datetime, why: str = "") -> None:
    """Somebody has looked: what was done works."""
    _move(item, State.VERIFIED, verified_at=at, verified_by=by)
    note(item, "verified", f"Verified by {by}{f': {why.strip()}' if why.strip() else ''}.", at=at, by=by)


@transaction.atomic
def reopen(item: ActionItem, *, by: EscalationContact | None, at: datetime, why: str = "", via: str = "") -> None:
    """It is not done after all, or is wanted again."""
    open_again(item, at=at)
    words = f"Opened again{f' by {by}' if by else ''}{f': {why.strip()}' if why.strip() else ''}."
    note(item, "reopened", words, at=at, by=by, data=_via(via))


def _via(via: str) -> dict[str, str]:
    return {"via": via} if via else {}


@transaction.atomic
def drop(item: ActionItem, *, by: EscalationContact, at: datetime, why: str) -> None:
    """It will not be done; the reason stays with it."""
    if not why.strip():
        raise ActionRefused("Say why it will not be done.")
    _move(item, State.DROPPED, remind_at=None, watch_until=None)
    note(item, "dropped", f"Dropped by {by}: {why.strip()}", at=at, by=by)


def open_again(item: ActionItem, *, at: datetime, **facts: Any) -> None:
    plan = plan_for(item)
    _move(
        item, State.OPEN, done_at=None, done_by=None, verified_at=None, verified_by=None, watch_until=None, reminded=0,
        remind_at=remind_at(item, plan, at=at), **facts,
    )  # fmt: skip


@transaction.atomic
def edit(item: ActionItem, *, by: EscalationContact | None, at: datetime, **facts: Any) -> list[str]:
    """Store new facts (names of EDITED); return what changed, in words."""
    before = ActionItem.objects.select_for_update(of=("self",)).select_related("owner", "service").get(pk=item.pk)
    changes = {name: value for name, value in facts.items() if name in EDITED and getattr(before, name) != value}
    if not changes:
        return []
    if "title" in changes and not changes["title"].strip():
        raise ActionRefused("Say what is to be done.")
    if (day := changes.get("due_on")) and (fault := far_off(UNTIL, day, at=at)):
        raise ActionRefused(fault)
    told = [f"{NAMES.get(name, name)}: {_shown(before, name)} → {_shown(item, name, value)}"
            for name, value in changes.items()]  # fmt: skip
    for name, value in changes.items():
        setattr(item, name, value)
    again = {}
    if {"due_on", "owner"} & changes.keys():
        item.reminded = 0
        item.remind_at = remind_at(item, plan_for(item), at=at)
        again = {"reminded": 0, "remind_at": item.remind_at}
    ActionItem.objects.filter(pk=item.pk).update(**changes, **again)
    note(item, "edited", f"{'; '.join(told)}.", at=at, by=by)
    wake()
    return told


def _shown(item: ActionItem, name: str, value: Any = ...) -> str:
    value = getattr(item, name) if value is ... else value
    if name == "category":
        return ActionItem.Category(value).label
    if name == "priority":
        return ActionItem.Priority(value).label
    return str(value) if value not in (None, "") else "none"


@transaction.atomic
def comment(item: ActionItem, text: str, *, by: EscalationContact, at: datetime) -> None:
    if not text.strip():
        raise ActionRefused("Write something first.")
    note(item, "comment", text.strip(), at=at, by=by)


def note(item: ActionItem, kind: str, text: str, *, at: datetime, by: EscalationContact | None, **more: Any) -> Any:
    """Add to the item's record, and tell whoever keeps the item elsewhere."""
    entry = item.entries.create(kind=kind, text=text, at=at, by=by, **more)
    for listener in CHANGED:
        listener(item, kind, entry)
    return entry


def _move(item: ActionItem, to: str, **facts: Any) -> None:
    """Move to `to`; of two people who do so at once one is refused."""
    rows = ActionItem.objects.filter(pk=item.pk, state=item.state)
    if to not in ActionItem.MOVES[State(item.state)] or not rows.update(state=to, **facts):
        item.refresh_from_db(fields=["state"])
        raise ActionRefused(
            f"“{item}” is {item.get_state_display().lower()} and cannot become {State(to).label.lower()}."
        )
    item.refresh_from_db(fields=["state", *facts])


def remind_at(item: ActionItem, plan: ActionPlan | None, *, at: datetime) -> datetime | None:
    """When the owner is reminded next, after `at`: before the day it is due, on the day after it, then now and then."""
    if item.state != State.OPEN or item.due_on is None:
        return None
    before = (plan and plan.remind_before) or REMIND_BEFORE
    every = (plan and plan.remind_every) or REMIND_EVERY
    late = _morning(item, item.due_on + timedelta(days=1))
    first = _morning(item, item.due_on) - before
    if at < first:
        return first
    if at < late:
        return late
    return late + every * ((at - late) // every + 1)


def _morning(item: ActionItem, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, REMINDED_AT, tzinfo=zone(item.owner))


def zone(owner: EscalationContact | None) -> tzinfo:
    return zone_of(owner) if owner else UTC


def today(item: ActionItem, *, at: datetime) -> date:
    """The calendar day at `at` where the owner is; UTC while nobody has it."""
    return at.astimezone(zone(item.owner)).date()


def unverified(incident: Incident) -> list[ActionItem]:
    """Items of the incident, or of the review it shares, that nobody has verified yet."""
    return list(ActionItem.objects.unsettled().filter(Q(incident=incident) | Q(review__incident=incident)))
