"""Around the text of a review: who is asked and reminded, what is left out, comments, several incidents, versions."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents import lifecycle
from incidents.models import Incident
from notifications.models import Delivery
from reviews import drafting, followup, people, versions
from reviews.models import PostIncidentReview
from tests.accounts import signed_in
from tests.factories import ContactMethodFactory, ReviewPlanFactory, SeverityFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def commander(grace):
    return signed_in(Client(), grace, "Incident Commander")


@pytest.fixture
def approver(ada):
    return signed_in(Client(), ada, "Review Approver")


@pytest.fixture
def plan():
    level = SeverityFactory(key="P1", rank=1, page=False)
    plan = ReviewPlanFactory(
        policy=level.policy, within=3 * DAY, reviewers=["ada"],
        questions=[{"key": "root_cause", "prompt": "What caused it?", "required": True, "fill": "cause"}],
    )  # fmt: skip
    plan.severities.set([level])
    return plan


def over(plan, grace, key: str = "checkout", *, cause: str = "", days: int = 0) -> Incident:
    at = timezone.now() - timedelta(hours=3) - days * DAY
    opening = lifecycle.Opening(
        policy=plan.policy, severity=plan.severities.get(), key=key, title=f"{key} is down", labels={"type": key}
    )
    incident = lifecycle.open_incident(opening, at=at)
    lifecycle.acknowledge(incident, by=grace, at=at)
    if cause:
        lifecycle.edit(incident, by=grace, at=at, cause=cause)
    lifecycle.resolve(incident, by=grace, at=at + timedelta(hours=1))
    followup.remind_due(at=at + timedelta(hours=1))
    return incident


def do(client, review, deed: str, **data):
    return client.post(review.get_absolute_url(), {"do": deed, **data})


def said(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def test_a_demanded_review_is_left_out_with_a_reason_by_whom_the_policy_lets(commander, approver, plan, grace, ada):
    incident = over(plan, grace)
    review = incident.review
    refused = do(commander, review, "skip", reason="A known drill of the provider.")
    assert refused.status_code == 409
    assert "only somebody who may approve reviews" in said(refused)
    plan.skip = "anybody"
    plan.save()
    assert "Say why no review is needed" in said(do(commander, review, "skip", reason=" "))
    assert do(commander, review, "skip", reason="The provider's own drill.").status_code == 302
    review.refresh_from_db()
    assert (review.status, review.skip_reason, review.skipped_by) == ("skipped", "The provider's own drill.", grace)
    assert "The provider&#x27;s own drill." in commander.get(incident.get_absolute_url()).content.decode()
    assert commander.post(reverse("incident-act", args=[incident.pk, "close"])).status_code == 302
    assert not PostIncidentReview.objects.overdue(timezone.now() + 9 * DAY).exists()
    assert do(commander, review, "take-up").status_code == 302
    review.refresh_from_db()
    assert (review.status, review.skip_reason) == ("draft", "")


def test_whose_turn_it_is_is_reminded_and_missed_deadlines_are_listed(commander, plan, grace, ada):
    for person in (grace, ada):
        ContactMethodFactory(contact=person, address=f"{person.name}@example.org")
    review = over(plan, grace, cause="A bad deploy.").review
    due = review.due_at

    def told(at) -> list[str]:
        before = set(Delivery.objects.values_list("pk", flat=True))
        followup.remind_due(at=at)
        return sorted(Delivery.objects.exclude(pk__in=before).values_list("to", flat=True))

    assert told(due - DAY - timedelta(seconds=1)) == []
    assert told(due - DAY) == ["grace"]
    assert told(due - timedelta(seconds=1)) == []
    drafting.submit(review, by=grace, at=due - timedelta(hours=1))  # now it waits for its reviewer
    assert Delivery.objects.filter(to="ada", subject__startswith="Please review").exists()
    assert list(PostIncidentReview.objects.violations(due - timedelta(seconds=1))) == []
    assert told(due) == ["ada"]
    assert told(due + timedelta(hours=1)) == []
    assert told(due + DAY) == ["ada"]
    review.refresh_from_db()
    drafting.approve(review, by=ada, at=due + 2 * DAY)
    assert told(due + 9 * DAY) == []
    in_time = over(plan, grace, "mail", cause="A full disk.").review
    drafting.submit(in_time, by=grace, at=in_time.due_at)
    drafting.approve(in_time, by=ada, at=in_time.due_at)
    assert list(commander.get("/reviews/late/").context["page"]) == [review]
    rows = commander.get("/reviews/late/?as=csv").content.decode().splitlines()
    assert len(rows) == 2
    assert rows[1].endswith(",48.0")


def test_what_is_overdue_now_is_found(commander, plan, grace):
    late = over(plan, grace, days=4).review
    over(plan, grace, "mail")
    assert list(commander.get("/reviews/?show=overdue").context["page"]) == [late]
    assert commander.get("/reviews/late/").context["page"].object_list == [late]


def test_comments_reach_the_author_and_are_dealt_with(approver, commander, plan, grace, ada):
    ContactMethodFactory(contact=grace, address="grace@example.org")
    review = over(plan, grace).review
    assert "Write a comment first" in said(do(approver, review, "comment", comment=" "))
    do(approver, review, "comment", comment="Which deploy?", about="root_cause")
    remark = review.comments.get()
    assert (remark.by, remark.answer.key) == (ada, "root_cause")
    assert Delivery.objects.filter(to="grace", text__contains="Which deploy?").exists()
    assert "Which deploy?" in commander.get(review.get_absolute_url()).content.decode()
    do(commander, review, "settle", remark=remark.pk)
    remark.refresh_from_db()
    assert remark.settled_by == grace


def test_as_many_people_as_the_policy_wants_approve(approver, margaret, commander, plan, grace, ada):
    plan.approvals = 2
    plan.save()
    incident = over(plan, grace, cause="A bad deploy.")
    review = incident.review
    do(commander, review, "people", author=grace.pk, reviewers=[ada.pk, margaret.pk])
    do(commander, review, "submit", **{"answer-root_cause": "A bad deploy.", "seen": digest_of(commander, review)})
    for _ in range(2):  # one person counts once
        assert do(approver, review, "approve").status_code == 302
    review.refresh_from_db()
    assert review.status == "submitted"
    do(signed_in(Client(), margaret, "Review Approver"), review, "approve")
    review.refresh_from_db()
    assert review.status == "approved"
    verdicts = dict(review.reviewers.values_list("contact__name", "verdict"))
    assert verdicts == {"ada": "approved", "margaret": "approved"}


def digest_of(client, review) -> str:
    return client.get(review.get_absolute_url()).context["form"]["seen"].value()


def test_several_incidents_are_reviewed_together(commander, approver, plan, grace, ada):
    first, second = over(plan, grace, cause="A bad deploy."), over(plan, grace, "refunds", cause="A full disk.")
    review = first.review
    assert do(commander, review, "join", incident="999").status_code == 409
    assert do(commander, review, "join", incident=f"#{second.pk}").status_code == 302
    assert review.incidents == [first, second]
    assert not PostIncidentReview.objects.filter(incident=second).exists()  # nobody had written on its draft
    review.refresh_from_db()
    assert review.answers.get().text == "A bad deploy.\nA full disk."
    assert f"### #{second.pk} refunds is down" in review.timeline
    page = commander.get(second.get_absolute_url()).content.decode()
    assert f'together with <a href="{first.get_absolute_url()}">' in page
    close = reverse("incident-act", args=[second.pk, "close"])
    assert commander.post(close).status_code == 409
    drafting.submit(review, by=grace, at=timezone.now())
    drafting.approve(review, by=ada, at=timezone.now())
    assert commander.post(close).status_code == 302
    third = over(plan, grace, "mail")
    assert "only a draft takes in another" in said(do(commander, review, "join", incident=third.pk))
    drafting.save_answers(third.review, {"root_cause": "Ours."}, by=grace, at=timezone.now())
    lonely = over(plan, grace, "search")
    assert "a review of its own" in said(do(commander, lonely.review, "join", incident=third.pk))


def test_an_incident_that_is_let_go_is_reviewed_on_its_own(commander, plan, grace):
    first, second = over(plan, grace), over(plan, grace, "refunds")
    people.join(first.review, second, by=grace, at=timezone.now())
    assert do(commander, first.review, "part", incident=second.pk).status_code == 302
    followup.remind_due(at=timezone.now())
    assert PostIncidentReview.objects.get(incident=second).status == "draft"


def test_a_private_incident_hides_the_review_it_is_in(commander, margaret, plan, grace):
    first, second = over(plan, grace), over(plan, grace, "refunds")
    people.join(first.review, second, by=grace, at=timezone.now())
    viewer = signed_in(Client(), margaret, "Viewer")
    assert viewer.get(first.review.get_absolute_url()).status_code == 200
    Incident.objects.filter(pk=second.pk).update(private=True)
    assert viewer.get(first.review.get_absolute_url()).status_code == 404
    assert list(viewer.get("/reviews/").context["page"]) == []


def test_reading_again_keeps_what_people_wrote(commander, plan, grace):
    incident = over(plan, grace)
    review, at = incident.review, timezone.now()
    Incident.objects.filter(pk=incident.pk).update(cause="A bad deploy.")
    do(commander, review, "fill")
    assert review.answers.get().text == "A bad deploy."
    drafting.save_answers(review, {"root_cause": "A bad deploy of ours."}, timeline="Ours.", by=grace, at=at)
    Incident.objects.filter(pk=incident.pk).update(cause="Something else.")
    do(commander, review, "fill")
    review.refresh_from_db()
    assert review.answers.get().text == "A bad deploy of ours."
    assert review.timeline == "Ours."


def test_versions_show_what_changed_between_two(commander, plan, grace):
    review, at = over(plan, grace).review, timezone.now()
    drafting.save_answers(review, {"root_cause": "A bad deploy.\nAt noon."}, by=grace, at=at)
    drafting.save_answers(review, {"root_cause": "A bad deploy.\nAt one."}, by=grace, at=at)
    drafting.save_answers(review, {"root_cause": "A bad deploy.\nAt one."}, by=grace, at=at)  # says nothing new
    assert list(review.versions.values_list("number", "why")) == [(3, "saved"), (2, "saved"), (1, "drafted")]
    parts = commander.get(reverse("review-versions", args=[review.pk])).context["parts"]
    assert [(part.heading, [(line.sign, line.text) for line in part.lines]) for part in parts] == [
        ("What caused it?", [(" ", "A bad deploy."), ("-", "At noon."), ("+", "At one.")])
    ]
    first, last = review.versions.get(number=1), review.versions.get(number=3)
    assert [line.sign for line in versions.changes(first, last)[0].lines] == ["+", "+"]
    page = commander.get(reverse("review-versions", args=[review.pk]) + "?from=1&to=2").content.decode()
    assert '<ins><span class="sr">added: </span>At noon.</ins>' in page


def test_an_overdue_review_stands_on_the_dashboard(admin_client, plan, grace):
    late = over(plan, grace, days=4).review
    over(plan, grace, "mail")
    page = admin_client.get("/admin/")
    assert list(page.context["late_reviews"]) == [late]
    assert late.get_absolute_url() in page.content.decode()


def test_an_incident_that_is_over_twice_gives_its_draft_a_new_deadline(plan, grace):
    incident = over(plan, grace)
    before, at = incident.review.due_at, timezone.now()
    lifecycle.reopen(incident, by=grace, at=at, reason="It is back.")
    with pytest.raises(drafting.ReviewRefused, match="still open"):
        drafting.submit(incident.review, by=grace, at=at)
    lifecycle.resolve(incident, by=grace, at=at + timedelta(hours=5))
    followup.remind_due(at=at + timedelta(hours=5))
    review = PostIncidentReview.objects.get(incident=incident)
    assert review.due_at == at + timedelta(hours=5) + 3 * DAY > before
    assert "Reopened by grace" in review.timeline


@pytest.mark.parametrize("when", ["9999-12-31T23:59", "2200-01-01T10:00"])
def test_a_meeting_that_nobody_plans_for_is_refused_where_it_was_typed(commander, plan, grace, when):
    incident = over(plan, grace)
    review = PostIncidentReview.of(incident)
    said = {"meeting_at": when, "meeting_place": "Room 4"}
    planned = commander.post(reverse("review-plan", args=[incident.pk]), {"do": "meeting", **said})
    page = planned.content.decode()
    assert planned.status_code == 409 and "“Date of the post-mortem” must lie between" in page
    assert f'value="{when}"' in page and 'value="Room 4"' in page
    refused = do(commander, review, "meeting", **said)
    assert refused.status_code == 409 and "“Date of the post-mortem” must lie between" in refused.content.decode()
    review.refresh_from_db()
    assert review.meeting_at is None


def test_a_meeting_stored_at_the_end_of_time_is_given_to_calendars(commander, plan, grace):
    review = PostIncidentReview.of(over(plan, grace))
    PostIncidentReview.objects.filter(pk=review.pk).update(meeting_at=datetime(9999, 12, 31, 23, 59, tzinfo=UTC))
    given = commander.get(reverse("review-calendar", args=[review.pk]))
    assert given.status_code == 200 and b"DTSTART:99991231T235900Z" in given.content and b"DTEND" not in given.content
