"""Shift reviews come and go with the shifts: opened at a hand-over, reminded of, and missed when nobody signed."""

import logging
from datetime import datetime, timedelta

from django.urls import reverse

from oncall import people, roster, telling
from oncall.wording import moment
from policies.claims import sweep

from . import bounds, muted
from .models import ManualCheck, ShiftPlan, ShiftReview, ShiftValue

log = logging.getLogger(__name__)
LOOK_AGAIN = timedelta(minutes=1)
"""Hand-overs are met to the second; what an edit of the schedule or of a switch brings is found within this time."""
CATCH_UP = timedelta(days=14)
"""How far back shifts are caught up with that passed while no clock ran."""
MANUAL = "{toggle} is off, so alerts are held back: watch by hand what they would have told."


def look_due(*, at: datetime) -> int:
    """Open the reviews of shifts that have begun and close those that are over; return how many plans were looked at.

    A shift that passed while no clock ran gets its review all the same, as missed and without figures.
    """
    due = ShiftPlan.objects.filter(look_at__lte=at).select_related("policy", "schedule").order_by("look_at", "pk")
    return sweep(due, due="look_at", at=at, work=_look, batch=20)


def _look(plan: ShiftPlan, *, at: datetime) -> None:
    rows = ShiftPlan.objects.filter(pk=plan.pk)
    if plan.schedule is None or not plan.enabled:
        end(plan, at=at)
        rows.update(look_at=None)
        return
    looked_at = plan.looked_at
    if looked_at is not None:
        looked_at = min(at, max(looked_at, at - CATCH_UP))
    definition = roster.define(plan.schedule, since=looked_at or at)
    if looked_at is not None:
        for stretch in bounds.since(definition, after=looked_at, at=at):
            end(plan, at=stretch.start)
            begin(plan, stretch, definition, at=at)
    here = bounds.people_at(definition, at)
    current = plan.reviews.filter(over_at=None).first()
    had = {one.pk for one in current.people.all()} if current else set()
    if had != {one.pk for one in here}:  # the first look at this plan, or the schedule was edited
        end(plan, at=at)
        begin(plan, bounds.Stretch(_started(plan, at) if here else at, here), definition, at=at)
    elif current:
        _keep_end(current, definition, at=at)
    muted_now(plan, at=at)
    change = bounds.next_change(definition, at, until=at + LOOK_AGAIN)
    rows.update(look_at=change or at + LOOK_AGAIN, looked_at=at)


def _started(plan: ShiftPlan, at: datetime) -> datetime:
    """When the shift that lasts began, by the schedule as it is now; `at` where another shift is on record since."""
    assert plan.schedule is not None
    start = bounds.began(roster.define(plan.schedule, since=at - bounds.LONGEST), at)
    return at if plan.reviews.filter(over_at__gt=start).exclude(starts_at=start).exists() else start


def begin(plan: ShiftPlan, stretch: bounds.Stretch, definition: bounds.Definition, *, at: datetime) -> None:
    """Open the review of a shift, its figures to be read at once; a gap has none."""
    if not stretch.people:
        return
    ends_at = bounds.next_change(definition, stretch.start, until=stretch.start + bounds.LONGEST)
    review, made = ShiftReview.objects.get_or_create(
        plan=plan, starts_at=stretch.start,
        defaults={
            "schedule": plan.schedule, "ends_at": ends_at, "capture_at": at,
            "remind_at": _remind_at(plan, ends_at, at=at),
        },
    )  # fmt: skip
    if not made:  # an edit put back what an earlier one had ended
        if review.state == ShiftReview.State.MISSED:
            review.state = ShiftReview.State.OPEN
        review.over_at, review.ends_at = None, ends_at
        review.save(update_fields=["over_at", "ends_at", "state"])
    review.people.set(stretch.people)
    if not made:
        return
    ShiftValue.objects.bulk_create(
        ShiftValue(
            review=review, key=metric.key, name=metric.name, kind=metric.kind, position=metric.position,
            needs_note=metric.needs_note,
        )
        for metric in plan.metrics.all()
    )  # fmt: skip


def _remind_at(plan: ShiftPlan, ends_at: datetime | None, *, at: datetime) -> datetime | None:
    """When its people are reminded; never for a shift that ends sooner than that."""
    if ends_at is None or plan.remind_before is None:
        return None
    remind_at = ends_at - plan.remind_before
    return remind_at if remind_at > at else None


def _keep_end(review: ShiftReview, definition: bounds.Definition, *, at: datetime) -> None:
    """An edit of the schedule may move the end of a shift that lasts."""
    known = review.ends_at
    ends_at = bounds.next_change(definition, at, until=known) if known and known > at else None
    ends_at = ends_at or bounds.next_change(definition, at, until=at + bounds.LONGEST)
    if ends_at != known:
        ShiftReview.objects.filter(pk=review.pk).update(
            ends_at=ends_at, remind_at=_remind_at(review.plan, ends_at, at=at)
        )


def end(plan: ShiftPlan, *, at: datetime) -> None:
    """The shift is over: a review that nobody signed is missed."""
    for review in plan.reviews.filter(over_at=None):
        over_at = max(at, review.starts_at)
        rows = ShiftReview.objects.filter(pk=review.pk)
        rows.update(over_at=over_at, capture_at=None, remind_at=None)
        if rows.filter(state=ShiftReview.State.OPEN).update(state=ShiftReview.State.MISSED):
            log.info("The shift review %s of %s was missed: nobody signed it.", review.pk, plan)


def muted_now(plan: ShiftPlan, *, at: datetime) -> None:
    """Put what must be watched by hand on the open review, and take off what is switched on again."""
    off = muted.now(plan.policy)
    muted.note(off, policy=plan.policy, at=at)
    review = plan.reviews.filter(over_at=None, state=ShiftReview.State.OPEN).first()
    if review:
        refresh(review, off, at=at)


def refresh(review: ShiftReview, off: list[muted.Muted], *, at: datetime) -> list[ManualCheck]:
    """Bring the review's manual checks up to date with the switches that are off; return those that stand."""
    standing = {one.toggle: one for one in review.checks.filter(over_at=None)}
    keys = {one.key for one in off}
    for toggle, check in list(standing.items()):
        if toggle not in keys:
            ManualCheck.objects.filter(pk=check.pk).update(over_at=at)
            del standing[toggle]
    texts = manual_texts(review.plan)
    for one in off:
        since = one.since or at
        known = standing.get(one.key)
        if known and known.ticked_at and one.since and one.since > known.ticked_at:
            # off, ticked, on and off again between two looks: it is to be done anew
            ManualCheck.objects.filter(pk=known.pk).update(over_at=at)
            known = None
        if known is None:
            standing[one.key] = review.checks.create(
                toggle=one.key, text=texts.get(one.key) or MANUAL.format(toggle=one.key), since=since, seen_at=at
            )
    return list(standing.values())


def manual_texts(plan: ShiftPlan) -> dict[str, str]:
    """What the plan says is to be done while a switch is off, by the switch."""
    return {said["toggle"]: said["text"] for said in plan.manual}


def remind_due(*, at: datetime) -> int:
    """Remind the people of shifts that end soon and are not signed; return how many reviews were looked at."""
    due = ShiftReview.objects.filter(remind_at__lte=at).select_related("plan__policy", "plan__schedule")
    return sweep(due.order_by("remind_at", "pk"), due="remind_at", at=at, work=_remind)


def _remind(review: ShiftReview, *, at: datetime) -> None:
    ShiftReview.objects.filter(pk=review.pk).update(remind_at=None)
    if review.state != ShiftReview.State.OPEN or review.over_at or not review.ends_at:
        return
    zone = roster.zone_of(review.plan.schedule) if review.plan.schedule else None
    words = f"Your shift ends at {moment(review.ends_at, zone) if zone else review.ends_at}. Look and sign before."
    _tell(review, f"Not signed yet: {review.plan}", words, once="remind", at=at)


def _tell(review: ShiftReview, subject: str, text: str, *, once: str, at: datetime) -> None:
    persons, _ = people.persons(review.people.all(), at=at)
    path = reverse("shift-review", args=[review.pk])
    telling.tell(persons, subject=subject, text=text, path=path, once=f"shift-{once}:{review.pk}", at=at)
