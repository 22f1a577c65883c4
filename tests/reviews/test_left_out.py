"""Reviews that are left out: by whom, before the incident is over, and what becomes of the words of a refused deed."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents import lifecycle
from incidents.models import Incident
from reviews import followup
from reviews.models import PostIncidentReview
from tests.accounts import signed_in
from tests.factories import ReviewAnswerFactory, ReviewFactory, ReviewPlanFactory, SeverityFactory

pytestmark = pytest.mark.django_db
State = PostIncidentReview.Status


@pytest.fixture
def commander(grace):
    return signed_in(Client(), grace, "Incident Commander")


@pytest.fixture
def approver(ada):
    return signed_in(Client(), ada, "Review Approver")


@pytest.fixture
def opened():
    """Open, of a level that demands a review which only an approver may leave out."""
    level = SeverityFactory(key="P1", rank=1, page=False)
    ReviewPlanFactory(policy=level.policy, skip="approver").severities.set([level])
    opening = lifecycle.Opening(policy=level.policy, severity=level, key="checkout", title="Checkout is down")
    return lifecycle.open_incident(opening, at=timezone.now() - timedelta(hours=1))


@pytest.fixture
def draft(opened, grace):
    """Of an incident that is over."""
    lifecycle.resolve(opened, by=grace, at=timezone.now())
    followup.remind_due(at=timezone.now())
    return PostIncidentReview.objects.get(incident=opened)


def plan(incident) -> str:
    return reverse("review-plan", args=[incident.pk])


def words(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def test_an_approver_leaves_a_demanded_review_out_on_its_page_and_writes_nothing(approver, commander, draft, ada):
    address = draft.get_absolute_url()
    page = approver.get(address).content.decode()
    assert 'value="skip"' in page
    assert 'value="save"' not in page
    assert commander.post(address, {"do": "skip", "reason": "Known."}).status_code == 409
    without = approver.post(address, {"do": "skip", "reason": " "})
    assert without.status_code == 409
    assert "Say why no review is needed" in words(without)
    assert approver.post(address, {"do": "save", "summary": "Mine."}).status_code == 403
    assert approver.post(address, {"do": "skip", "reason": "The provider's own drill."}).status_code == 302
    draft.refresh_from_db()
    assert (draft.status, draft.skip_reason, draft.skipped_by) == (State.SKIPPED, "The provider's own drill.", ada)


def test_an_approver_leaves_it_out_while_the_incident_is_open_and_sets_no_date(approver, commander, opened):
    assert plan(opened) in approver.get(opened.get_absolute_url()).content.decode()
    page = approver.get(plan(opened)).content.decode()
    assert 'value="skip"' in page
    assert 'value="meeting"' not in page
    assert approver.post(plan(opened), {"meeting_at": "2030-01-01T10:00"}).status_code == 403
    refused = commander.post(plan(opened), {"do": "skip", "reason": "Known."})
    assert refused.status_code == 409
    assert "only somebody who may approve reviews" in words(refused)
    assert approver.post(plan(opened), {"do": "skip", "reason": ""}).status_code == 409
    assert not PostIncidentReview.objects.exists()
    assert approver.post(plan(opened), {"do": "skip", "reason": "Known."}).status_code == 302
    assert PostIncidentReview.objects.get().status == State.SKIPPED


@pytest.mark.parametrize("group", ["Viewer", "Responder"])
def test_others_leave_nothing_out(linus, draft, opened, group):
    client = signed_in(Client(), linus, group)
    assert 'value="skip"' not in client.get(draft.get_absolute_url()).content.decode()
    refused = client.post(draft.get_absolute_url(), {"do": "skip", "reason": "No."})
    assert refused.status_code == 403
    assert client.get(plan(opened)).status_code == 403
    assert client.post(plan(opened), {"do": "skip", "reason": "No."}).status_code == 403


def test_left_out_while_open_it_stays_left_out_when_the_incident_is_over(approver, commander, opened, grace, caplog):
    assert approver.post(plan(opened), {"do": "skip", "reason": "Known."}).status_code == 302
    assert commander.post(reverse("incident-act", args=[opened.pk, "resolve"])).status_code == 302
    Incident.objects.filter(pk=opened.pk).update(review_at=timezone.now())
    followup.remind_due(at=timezone.now())
    assert not caplog.records
    assert Incident.objects.get(pk=opened.pk).review_at is None
    review = PostIncidentReview.objects.get()
    assert review.status == State.SKIPPED
    begun = commander.post(reverse("review-begin", args=[opened.pk]), follow=True)
    assert begun.redirect_chain == [(review.get_absolute_url(), 302)]
    assert "was left out: Known." in words(begun)
    # taken up after all, it is filled in
    assert commander.post(review.get_absolute_url(), {"do": "take-up"}).status_code == 302
    review.refresh_from_db()
    assert (review.status, bool(review.filled_at), bool(review.timeline)) == (State.DRAFT, True, True)


@pytest.mark.parametrize("moved", [State.DRAFT, State.SKIPPED])
def test_the_reason_of_a_refused_sending_back_stays_on_the_page(approver, grace, moved):
    review = ReviewFactory(author=grace, status=State.SUBMITTED, incident__status="resolved")
    ReviewAnswerFactory(review=review)
    PostIncidentReview.objects.filter(pk=review.pk).update(status=moved, skip_reason="x", skipped_at=timezone.now())
    reason = "Why did no alert <fire>?"
    refused = approver.post(review.get_absolute_url(), {"do": "send-back", "reason": reason})
    assert refused.status_code == 409
    assert "Why did no alert &lt;fire&gt;?</textarea>" in refused.content.decode()
    assert approver.post(review.get_absolute_url(), {"do": "comment", "comment": reason}).status_code == 302
    assert review.comments.get().text == reason


def test_the_reason_of_a_refused_leaving_out_stays_on_the_page(commander, draft):
    page = commander.post(draft.get_absolute_url(), {"do": "skip", "reason": "Known for years."}).content.decode()
    assert 'value="Known for years."' in page
    PostIncidentReview.objects.filter(pk=draft.pk).update(status=State.SUBMITTED)
    page = commander.post(draft.get_absolute_url(), {"do": "skip", "reason": "Known for years."}).content.decode()
    assert "Known for years.</textarea>" in page
