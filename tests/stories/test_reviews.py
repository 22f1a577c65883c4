"""The levels that demand a review are not closed without one; the others may have one."""

import pytest

from incidents import gates, lifecycle
from incidents.models import Status
from reviews import drafting
from reviews.models import PostIncidentReview
from tests.factories import ReviewPlanFactory, SeverityFactory, UserFactory


@pytest.fixture
def levels(ops):
    """P0 and P1 demand a review, P2 does not; nobody is paged, which is another story."""
    made = [SeverityFactory(policy=ops.policy, key=f"P{n}", rank=n, page=False) for n in range(3)]
    ReviewPlanFactory(policy=ops.policy).severities.set(made[:2])
    return made


def over(ops, severity: str):
    """An incident of that level that began at 09:00 and has been quiet since 09:15."""
    ops.at("09:00").signal("checkout", "down", severity=severity)
    lifecycle.acknowledge(ops.incident, by=ops.people["ada"], at=ops.now)
    ops.at("09:10").signal("checkout", "up", severity=severity)
    ops.at("09:15").tick()
    assert ops.incident.status == Status.RESOLVED
    return ops.incident


def close(ops, incident):
    incident.refresh_from_db()
    lifecycle.close(incident, by=ops.people["ada"], at=ops.now)


@pytest.mark.req("DX-117")
@pytest.mark.parametrize("severity", ["P0", "P1"])
def test_a_demanded_review_is_drafted_and_keeps_the_incident_from_being_closed(ops, levels, severity):
    incident = over(ops, severity)
    review = PostIncidentReview.objects.get(incident=incident)
    assert review.status == "draft"
    assert "Detected: 2026-11-23 09:00:00 UTC" in review.timeline
    with pytest.raises(gates.GateShut, match="Its review must be approved; it is draft"):
        close(ops, incident)
    with pytest.raises(drafting.ReviewRefused, match="What caused it"):
        drafting.submit(review, by=ops.people["ada"], at=ops.now)
    drafting.save_answers(review, {answer.key: "Known." for answer in review.answers.all()})
    drafting.submit(review, by=ops.people["ada"], at=ops.now)
    with pytest.raises(gates.GateShut, match="it is in review"):
        close(ops, incident)
    drafting.approve(review, by=ops.people["grace"], at=ops.now)
    close(ops, incident)
    assert ops.incident.status == Status.CLOSED


@pytest.mark.req("DX-117")
def test_a_level_that_demands_none_offers_one_and_is_closed_without(ops, levels, client):
    incident = over(ops, "P2")
    assert not PostIncidentReview.objects.exists()
    client.force_login(UserFactory(username="boss", is_superuser=True, is_staff=True))
    assert "Write a review" in client.get(incident.get_absolute_url()).content.decode()
    close(ops, incident)
    assert ops.incident.status == Status.CLOSED
