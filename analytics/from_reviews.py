"""A post-incident review proposes another value for a rule: which it may name, and what becomes of the answer."""

from datetime import datetime

from django.db.models import Case, IntegerField, Value, When, prefetch_related_objects

from alerts.models import AlertRule
from reviews.models import PostIncidentReview
from reviews.proposing import ProposalRefused, Proposed

from . import proposals
from .proposals import BadProposal

MOST_RULES = 80
LONGEST_SHOWN = 80


def choices(review: PostIncidentReview) -> list[tuple[str, str]]:
    """Each setting of the policy's rules with its present value, those first that fired in the incidents."""
    found, rules = [], list(_rules(review)[:MOST_RULES])
    policies = {rule.policy_id: rule.policy for rule in rules}
    prefetch_related_objects(list(policies.values()), "parameters")  # asked once, not for each rule
    for rule in rules:
        rule.policy = policies[rule.policy_id]
        for field, present in proposals.fields_of(rule):
            shown = present if len(present) <= LONGEST_SHOWN else f"{present[:LONGEST_SHOWN]}…"
            found.append((f"{rule.pk}:{field}", f"{rule} · {field} (now {shown or 'not set'})"))
    return found


def propose(setting: str, value: str, *, by, why: str, review: PostIncidentReview, at: datetime) -> Proposed:
    """Put it on the page of tuning; what an earlier text of the review proposed and nobody decided is taken back."""
    number, _, field = setting.partition(":")
    rule = _rules(review).filter(pk=int(number) if number.isdecimal() else 0).first()
    if rule is None:
        raise ProposalRefused("The rule that the answer names is not there any more; choose another.")
    try:
        made = proposals.propose(rule, field, value, by=by, why=why, review=review, at=at)
    except BadProposal as fault:
        raise ProposalRefused(f"The proposed value cannot be used. {fault}") from fault
    others = review.proposals.filter(state=made.State.OPEN).exclude(pk=made.pk)  # type: ignore[attr-defined]
    for old in others:
        proposals.refuse(old, by=by, at=at, note="The review proposes another value.")
    return Proposed(
        f"Proposed: {rule}, {field}: {made.shown_new} instead of {made.shown_old}.", made.get_absolute_url()
    )


def _rules(review: PostIncidentReview):
    incidents = review.incidents
    fired = AlertRule.objects.filter(alerts__liveness__incident__in=[one.pk for one in incidents]).values("pk")
    order = Case(When(pk__in=fired, then=Value(0)), default=Value(1), output_field=IntegerField())
    rows = AlertRule.objects.filter(policy__in={one.policy_id for one in incidents}).select_related("policy")
    return rows.annotate(fired_first=order).order_by("fired_first", "policy", "key")
