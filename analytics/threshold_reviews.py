"""Once a month every rule is looked at: what it did, what it was worth, what is proposed, and what a person decides.

The month is a calendar month in the policy's zone. Reviews are made by a system job on the 1st (opscenter/beat.py); one
that was missed is caught up, and making them twice changes nothing. Who is to sign hears of it at once, and again each
time the plan's reminder is due until it is signed.
"""

import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse

from alerts.models import AlertRule, Firing, Sample
from oncall import people, telling
from oncall.models import EscalationContact
from policies.claims import sweep
from policies.models import Policy

from . import finding, proposals, tuning
from .tuning_models import Proposal, ThresholdReview, TuningPlan

log = logging.getLogger(__name__)
PROPOSED_ON = {tuning.WRONG}


class CannotSign(ValueError):
    """The review cannot be signed so; the text says what is missing."""


def month_of(day: date, zone: ZoneInfo) -> tuple[date, datetime, datetime]:
    """The calendar month of `day` in `zone`: its first day, and its first instant and that of the next one, in UTC."""
    first = day.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    begin, end = (
        datetime(one.year, one.month, 1, tzinfo=zone).astimezone(UTC) for one in (first, following)
    )  # fmt: skip
    return first, begin, end


def month_before(at: datetime, zone: ZoneInfo) -> tuple[date, datetime, datetime]:
    """The last calendar month that was over in `zone` at `at`."""
    return month_of(at.astimezone(zone).date().replace(day=1) - timedelta(days=1), zone)


def make(*, at: datetime, month: date | None = None) -> list[ThresholdReview]:
    """Make the reviews of the month before `at`, or of `month`, that are missing; return those that were made.

    month   any day of it; one that is not over yet at `at` is refused with ValueError
    """
    made = []
    for policy in Policy.objects.filter(rules__isnull=False).distinct().order_by("key"):
        plan, zone = tuning.plan_of(policy), ZoneInfo(policy.timezone)
        first, since, until = month_of(month, zone) if month else month_before(at, zone)
        if until > at:
            raise ValueError(f"{first:%B %Y} is not over yet in {policy.timezone}, the zone of {policy.key}.")
        if plan.monthly:
            fresh = _make(policy, plan, first, since, until, at=at)
            _ask(policy, first, fresh, at=at)
            made += fresh
    return made


def _make(
    policy: Policy, plan: TuningPlan, first: date, since: datetime, until: datetime, *, at: datetime
) -> list[ThresholdReview]:
    known = ThresholdReview.objects.filter(rule__policy=policy, month=first).values("rule")
    fired = Firing.objects.filter(rule__policy=policy, began_at__gte=since, began_at__lt=until).values("rule")
    # one that is checked only since the month was over was not watched in it
    read = Sample.objects.filter(rule=OuterRef("pk"))
    in_time = ~Exists(read) | Exists(read.filter(at__lt=until))
    watched = Q(in_time, enabled=True, checked_at__isnull=False) | Q(pk__in=fired.order_by())
    rules = list(
        policy.rules.filter(watched, proposes=False)
        .exclude(pk__in=known.order_by())
        .select_related("policy", "severity")
    )
    found = tuning.figures(rules, since=since, until=until)
    medians = tuning.ack_medians(rules, since=since, until=until)
    reviews = []
    for rule in rules:
        one = found[rule.pk]
        with transaction.atomic():
            review, fresh = ThresholdReview.objects.get_or_create(
                rule=rule, month=first,
                defaults={
                    "since": since, "until": until, "made_at": at, "fired": one.fired,
                    "false_positives": one.false_positives, "not_actionable": one.not_actionable,
                    "marked": one.marked, "acted": one.acted, "held": one.held, "ack_median": medians.get(rule.pk),
                    "firing_time": one.firing_time, "signs": one.signs, "condition": rule.condition,
                    "remind_at": at + plan.remind_after,
                },
            )  # fmt: skip
        if not fresh:
            continue  # another run was first
        reviews.append(review)
        if PROPOSED_ON & set(one.signs):
            look_for_change(rule, since=since, until=until, at=at, review=review)
    return reviews


def look_for_change(
    rule: AlertRule, *, since: datetime, until: datetime, at: datetime, review: ThresholdReview | None = None
) -> Proposal | None:
    """Propose the change that would have spared most; None when no alert was wrong, or nothing can be done."""
    try:
        found = finding.best(rule, since=since, until=until)
        if found is None:
            return None
        return proposals.propose(
            rule, found.field, found.value, by=None, why=found.why, threshold_review=review, evidence=found.evidence,
            at=at,
        )  # fmt: skip
    except proposals.BadProposal as error:
        log.warning("No change of rule %s could be proposed: %s", rule.key, error)
        return None


def signers(review: ThresholdReview) -> list[EscalationContact]:
    """Who is to sign: whom the plan names, else the rule's owners, else those of its level, else the catch-all."""
    rule, plan = review.rule, tuning.plan_of(review.rule.policy)
    named: Iterable[EscalationContact] = plan.signers.all() if plan.pk else []
    owned = rule.policy.ownerships.filter(Q(severity=rule.severity) | Q(severity=None)).order_by(
        F("severity").desc(nulls_last=True)
    )
    for rows in (named, rule.owners.all(), *(one.contacts.all() for one in owned)):
        found, _ = people.persons(rows)
        if found:
            return found
    return people.catch_all()


@transaction.atomic
def sign(review: ThresholdReview, decision: str, *, by: EscalationContact, at: datetime, note: str = "") -> None:
    """`by` decides; CannotSign when it is signed already, or a change is claimed that nobody applied.

    Dropping switches the rule off, as a proposal that can be reverted.
    """
    now = ThresholdReview.objects.select_for_update(of=("self",)).get(pk=review.pk)
    if now.signed_at is not None:
        raise CannotSign(f"{now.signed_by} has signed it already.")
    if decision not in ThresholdReview.Decision.values:
        raise CannotSign(f"There is no decision {decision!r}; choose one of keep, tune, drop.")
    wasted = now.false_positives + now.not_actionable
    if decision == ThresholdReview.Decision.KEEP and tuning.WRONG in now.signs and not note.strip():
        raise CannotSign(f"{wasted} of {now.fired} alerts were not worth it: say why the rule stays as it is.")
    if decision == ThresholdReview.Decision.TUNE and not _tuned_since(review):
        raise CannotSign("Nothing was changed yet: apply a proposal first, or keep the rule as it is.")
    if decision == ThresholdReview.Decision.DROP:
        _drop(review, by=by, at=at, note=note)
    ThresholdReview.objects.filter(pk=review.pk).update(
        decision=decision, note=note.strip(), signed_by=by, signed_at=at, remind_at=None
    )
    review.refresh_from_db()


def _tuned_since(review: ThresholdReview) -> bool:
    applied = Proposal.objects.filter(rule=review.rule, state=Proposal.State.APPLIED)
    return applied.filter(Q(threshold_review=review) | Q(decided_at__gte=review.until)).exists()


def _drop(review: ThresholdReview, *, by: EscalationContact, at: datetime, note: str) -> None:
    if not note.strip():
        raise CannotSign("Say why the rule is dropped; the next one to look for it will ask.")
    if not review.rule.enabled:
        return
    try:
        change = proposals.propose(review.rule, "enabled", False, by=by, why=note, threshold_review=review, at=at)
        proposals.apply(change, by=by, at=at, note=note)
    except (proposals.BadProposal, proposals.CannotApply) as error:
        raise CannotSign(str(error)) from None


def before(review: ThresholdReview) -> ThresholdReview | None:
    """The review of the month before, whose decision shows its effect in this one."""
    month = (review.month - timedelta(days=1)).replace(day=1)
    return ThresholdReview.objects.filter(rule=review.rule_id, month=month).select_related("signed_by").first()


def _ask(policy: Policy, month: date, reviews: list[ThresholdReview], *, at: datetime) -> None:
    """Tell each signer once how many rules wait for them."""
    waiting: dict[EscalationContact, list[ThresholdReview]] = {}
    for review in reviews:
        for person in signers(review):
            waiting.setdefault(person, []).append(review)
    for person, mine in waiting.items():
        telling.tell(
            [person], subject=f"{policy}: {_rules(len(mine))} of {month:%B %Y} to look at",
            text=_words(mine), path=f"{reverse('threshold-reviews')}?month={month:%Y-%m}&policy={policy.key}",
            once=f"threshold-reviews:{policy.pk}:{month:%Y%m}", at=at,
        )  # fmt: skip


def _rules(count: int) -> str:
    return f"{count} rule{'' if count == 1 else 's'}"


def _words(reviews: list[ThresholdReview]) -> str:
    odd = [one for one in reviews if one.signs]
    odd.sort(key=lambda one: (tuning.WRONG not in one.signs, -one.fired))
    lines = [f"{_rules(len(reviews))} wait for your signature, {len(odd)} of them with something odd."]
    lines += [f"- {one.rule}: {', '.join(one.signs)} ({_figures(one)})" for one in odd[:10]]
    return "\n".join([*lines, *([f"and {len(odd) - 10} more"] if len(odd) > 10 else [])])


def _figures(review: ThresholdReview) -> str:
    if not review.fired:
        return "0 alerts"
    return f"{review.fired} alerts, {review.false_share:g} % false, {review.actionable_share:g} % actionable"


def remind_due(*, at: datetime) -> int:
    """Remind of reviews that nobody has signed for the plan's time, and again each time; return how many."""
    due = ThresholdReview.objects.remind_due(at).select_related("rule__policy", "rule__severity")
    return sweep(due, due="remind_at", at=at, work=_remind)


def _remind(review: ThresholdReview, *, at: datetime) -> None:
    plan, policy = tuning.plan_of(review.rule.policy), review.rule.policy
    waited = (at - review.made_at).days
    telling.tell(
        signers(review), subject=f"Not signed for {waited} days: {policy}, rules of {review.month:%B %Y}",
        text=f"{review.rule} and others of that month wait for a decision: {_figures(review)}.",
        path=f"{reverse('threshold-reviews')}?month={review.month:%Y-%m}&policy={policy.key}&show=unsigned",
        once=f"threshold-remind:{policy.pk}:{review.month:%Y%m}:{at:%Y%m%d}", at=at,
    )  # fmt: skip
    ThresholdReview.objects.filter(pk=review.pk).update(remind_at=at + plan.remind_after, reminded_at=at)
