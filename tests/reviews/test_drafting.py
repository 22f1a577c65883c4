"""From a resolved incident to an approved review, and the gate it keeps shut."""

from datetime import timedelta

import pytest

from incidents import gates, lifecycle
from incidents.models import Status
from reviews import drafting, followup
from reviews.models import PostIncidentReview
from tests.factories import HOUR, MINUTE, NINE, ReviewPlanFactory, SeverityFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def level():
    severity = SeverityFactory(key="P0", rank=0, page=False)
    plan = ReviewPlanFactory(
        policy=severity.policy, within=timedelta(days=3),
        questions=[{"section": "Why", "key": "root_cause", "prompt": "What caused it?", "required": True}],
    )  # fmt: skip
    plan.severities.add(severity)
    return severity


@pytest.fixture
def resolved(level, ada):
    opening = lifecycle.Opening(policy=level.policy, severity=level, key="checkout", title="Checkout is down")
    incident = lifecycle.open_incident(opening, at=NINE)
    lifecycle.acknowledge(incident, by=ada, at=NINE + MINUTE)
    lifecycle.resolve(incident, by=ada, at=NINE + HOUR)
    return incident


def test_a_resolved_incident_of_that_level_gets_its_review_drafted_once(resolved, ada):
    for _ in range(2):
        followup.remind_due(at=NINE + HOUR)
    review = PostIncidentReview.objects.get()
    assert review.author == ada
    assert review.due_at == NINE + HOUR + timedelta(days=3)
    assert "Acknowledged by ada" in review.timeline


def test_close_is_refused_until_the_review_is_approved(resolved, ada, grace):
    with pytest.raises(gates.GateShut, match="has not been begun"):
        lifecycle.close(resolved, by=ada, at=NINE + HOUR)
    review = drafting.begin(resolved, at=NINE + HOUR)
    with pytest.raises(gates.GateShut, match="it is draft"):
        lifecycle.close(resolved, by=ada, at=NINE + HOUR)
    drafting.save_answers(review, {"root_cause": "A bad deploy"})
    drafting.submit(review, by=ada, at=NINE + 2 * HOUR)
    with pytest.raises(gates.GateShut, match="it is in review"):
        lifecycle.close(resolved, by=ada, at=NINE + 2 * HOUR)
    drafting.approve(review, by=grace, at=NINE + 3 * HOUR)
    lifecycle.close(resolved, by=ada, at=NINE + 3 * HOUR)
    assert resolved.status == Status.CLOSED


@pytest.mark.req("CARD-15")
def test_a_required_answer_that_is_missing_is_named(resolved, ada):
    review = drafting.begin(resolved, at=NINE + HOUR)
    with pytest.raises(drafting.ReviewRefused, match="What caused it"):
        drafting.submit(review, by=ada, at=NINE + HOUR)
    review.refresh_from_db()
    assert review.status == "draft"


def test_a_submitted_review_is_not_written_on_and_can_be_sent_back(resolved, ada, grace):
    review = drafting.begin(resolved, at=NINE + HOUR)
    drafting.save_answers(review, {"root_cause": "A bad deploy"})
    drafting.submit(review, by=ada, at=NINE + HOUR)
    with pytest.raises(drafting.ReviewRefused, match="send it back"):
        drafting.save_answers(review, {"root_cause": "Something else"})
    drafting.send_back(review, by=grace, at=NINE + HOUR, reason="Which deploy?")
    assert review.status == "draft"


def test_an_overdue_review_is_reminded_of_once_a_day(resolved):
    followup.remind_due(at=NINE + HOUR)
    due = PostIncidentReview.objects.get().due_at
    for hours in (0, 1, 23):
        followup.remind_due(at=due + hours * HOUR)
    assert resolved.timeline.filter(kind="review_overdue").count() == 1


def test_a_level_without_the_demand_closes_without_a_review(level, ada):
    quiet = SeverityFactory(policy=level.policy, key="P3", rank=3, page=False)
    opening = lifecycle.Opening(policy=level.policy, severity=quiet, key="x", title="x")
    incident = lifecycle.open_incident(opening, at=NINE)
    lifecycle.resolve(incident, by=ada, at=NINE)
    followup.remind_due(at=NINE)
    lifecycle.close(incident, by=ada, at=NINE)
    assert not PostIncidentReview.objects.exists()
