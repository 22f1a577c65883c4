"""The review pages: a commander files a review from start to end and gets no further into the house than that."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents import lifecycle
from incidents.models import Incident, Status
from packs.models import LoadedPack
from policies.models import Policy
from reviews.models import PostIncidentReview
from tests.accounts import signed_in
from tests.factories import (
    ActionItemFactory,
    IntegrationFactory,
    LoadedPackFactory,
    ParameterFactory,
    ReviewAnswerFactory,
    ReviewFactory,
    ReviewPlanFactory,
    SeverityFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
State = PostIncidentReview.Status


@pytest.fixture
def commander(grace):
    return signed_in(Client(), grace, "Incident Commander")


@pytest.fixture
def approver(ada):
    return signed_in(Client(), ada, "Review Approver")


@pytest.fixture
def viewer(linus):
    return signed_in(Client(), linus, "Viewer")


@pytest.fixture
def incident(grace):
    """Resolved, of a level that demands a review before it is closed."""
    level = SeverityFactory(key="P1", rank=1)
    ReviewPlanFactory(policy=level.policy).severities.set([level])
    at = timezone.now() - timedelta(hours=2)
    opening = lifecycle.Opening(policy=level.policy, severity=level, key="checkout", title="Checkout is down")
    opened = lifecycle.open_incident(opening, at=at)
    lifecycle.acknowledge(opened, by=grace, at=at)
    lifecycle.resolve(opened, by=grace, at=at + timedelta(hours=1))
    return opened


@pytest.fixture
def draft(grace):
    review = ReviewFactory(author=grace, incident__status="resolved")
    ReviewAnswerFactory(review=review, key="root_cause", text="")
    ReviewAnswerFactory(review=review, key="went_well", required=False, position=1)
    return review


def url(review):
    return reverse("review", args=[review.pk])


def sent(client, review, do, **texts):
    """POST the form as the page shows it, with `texts` typed over."""
    form = client.get(url(review)).context["form"]
    data = {name: form[name].value() or "" for name in form.fields}
    return client.post(url(review), {**data, **texts, "do": do})


def words(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def stored(review) -> tuple:
    fresh = PostIncidentReview.objects.get(pk=review.pk)
    texts = tuple(fresh.answers.order_by("pk").values_list("text", flat=True))
    return fresh.status, fresh.summary, fresh.timeline, texts, fresh.actions.count()


@pytest.mark.req("CARD-23")
def test_a_commander_files_a_review_from_start_to_end(commander, approver, incident, grace, ada):
    begun = commander.post(reverse("review-begin", args=[incident.pk]))
    review = PostIncidentReview.objects.get(incident=incident)
    assert begun.url == url(review)
    page = commander.get(url(review)).content.decode()
    assert "Acknowledged by grace." in page  # the timeline is drafted in
    early = sent(commander, review, "submit")
    assert early.status_code == 409
    assert "Answer these before you submit" in words(early)
    answers = {f"answer-{answer.key}": f"About {answer.key}." for answer in review.answers.all()}
    item = {"action_title": "Watch the disk", "action_owner": ada.pk, "action_due": "2030-01-31"}
    assert sent(commander, review, "save", **answers, **item).status_code == 302
    assert sent(commander, review, "submit").status_code == 302
    assert commander.post(url(review), {"do": "approve"}).status_code == 403
    assert commander.post(reverse("incident-act", args=[incident.pk, "close"])).status_code == 409
    assert approver.post(url(review), {"do": "approve"}).status_code == 302
    review.refresh_from_db()
    assert (review.status, review.author, review.approver) == (State.APPROVED, grace, ada)
    assert review.actions.get().owner == ada
    assert commander.post(reverse("incident-act", args=[incident.pk, "close"])).status_code == 302
    assert Incident.objects.get(pk=incident.pk).status == Status.CLOSED
    assert not grace.user.is_staff
    assert not grace.user.is_superuser


@pytest.mark.req("CARD-23")
@pytest.mark.parametrize(
    "address",
    [
        "/admin/packs/loadedpack/",
        "/admin/policies/parameter/",
        "/admin/sources/integration/",
        "/admin/oncall/contactmethod/",
        "/admin/auth/user/",
    ],
)
def test_a_commander_is_refused_packs_secrets_and_the_rest_of_the_admin(commander, address):
    LoadedPackFactory(), ParameterFactory(), IntegrationFactory()
    assert commander.get(address).status_code == 403


@pytest.mark.req("CARD-23")
@pytest.mark.parametrize(
    "address",
    [
        "/admin/policies/parameter/",
        "/admin/sources/connection/",
        "/admin/api/apitoken/",
        "/admin/packs/loadedpack/",
        "/api/v1/packs",
        "/api/v1/packs/shop",
        "/api/v1/packs/shop/dump",
    ],
)
def test_a_commander_with_access_to_the_admin_is_still_refused_secrets_and_packs(commander, grace, address):
    grace.user.is_staff = True
    grace.user.save()
    assert commander.get(address).status_code == 403


@pytest.mark.req("CARD-23")
@pytest.mark.parametrize("address", ["add/", "{}/change/", "{}/delete/"])
def test_a_commander_with_access_to_the_admin_can_neither_load_nor_change_a_pack(commander, grace, address):
    grace.user.is_staff = True
    grace.user.save()
    pack = LoadedPackFactory()

    def stored() -> list[list]:
        return [list(model.objects.order_by("pk").values()) for model in (LoadedPack, Policy)]

    before = stored()
    text = "pack: {key: mine, name: Mine, version: 2}"
    told = {"key": "mine", "version": "2", "digest": "1" * 64, "text": text, "phase": "", "post": "yes"}
    answer = commander.post(f"/admin/packs/loadedpack/{address.format(pack.pk)}", told)
    assert answer.status_code == 403
    assert stored() == before


@pytest.mark.parametrize("address", ["/reviews/", "/reviews/{}/"])
def test_a_stranger_is_sent_to_the_login(client, draft, address):
    assert client.get(address.format(draft.pk)).url.startswith("/login/?next=/reviews/")


@pytest.mark.parametrize("address", ["/reviews/", "/reviews/{}/"])
def test_without_the_right_a_page_is_refused(client, draft, address):
    client.force_login(UserFactory())
    assert client.get(address.format(draft.pk)).status_code == 403


@pytest.mark.parametrize("do", ["save", "submit", "approve", "send-back", "item", "nonsense"])
def test_who_may_only_look_cannot_write(viewer, draft, do):
    before = stored(draft)
    assert b"<textarea" not in viewer.get(url(draft)).content
    assert viewer.post(url(draft), {"do": do, "summary": "x", "item": 1}).status_code == 403
    assert stored(draft) == before


def test_who_may_only_look_cannot_begin_one(viewer, incident):
    assert viewer.post(reverse("review-begin", args=[incident.pk])).status_code == 403
    assert not PostIncidentReview.objects.exists()


def test_an_open_incident_is_not_reviewed_yet(commander, grace):
    level = SeverityFactory()
    opening = lifecycle.Opening(policy=level.policy, severity=level, key="mail", title="Mail is late")
    opened = lifecycle.open_incident(opening, at=timezone.now())
    response = commander.post(reverse("review-begin", args=[opened.pk]), follow=True)
    assert "resolve it first" in words(response)
    assert not PostIncidentReview.objects.exists()


def test_a_draft_that_somebody_else_saved_meanwhile_is_not_overwritten(commander, approver, margaret, draft):
    other = signed_in(Client(), margaret, "Incident Commander")
    seen = commander.get(url(draft)).context["form"]["seen"].value()
    assert sent(other, draft, "save", **{"answer-root_cause": "A full disk."}).status_code == 302
    before = stored(draft)
    late = commander.post(
        url(draft), {"do": "save", "seen": seen, "summary": "", "timeline": "", "answer-root_cause": "A slow network."}
    )
    assert late.status_code == 409
    assert "Somebody else has saved this draft" in words(late)
    assert "A slow network." in late.content.decode()
    assert stored(draft) == before
    # having been told, the writer may keep theirs
    again = {"do": "save", "seen": late.context["form"]["seen"].value(), "answer-root_cause": "A slow network."}
    assert commander.post(url(draft), again).status_code == 302
    assert draft.answers.get(key="root_cause").text == "A slow network."


def test_saving_twice_what_a_browser_sends_back_is_no_conflict(commander, draft):
    PostIncidentReview.objects.filter(pk=draft.pk).update(summary="one\ntwo", timeline="- a\n- b\n")
    assert sent(commander, draft, "save", summary="one\r\ntwo", timeline="- a\r\n- b").status_code == 302
    assert sent(commander, draft, "save").status_code == 302


def test_a_submitted_review_cannot_be_written_on_and_what_was_typed_is_shown(commander, draft):
    PostIncidentReview.objects.filter(pk=draft.pk).update(status=State.SUBMITTED)
    before = stored(draft)
    response = commander.post(url(draft), {"do": "save", "answer-root_cause": "Half an hour of thought."})
    assert response.status_code == 409
    assert "send it back to draft" in words(response)
    assert "Half an hour of thought." in response.content.decode()
    assert stored(draft) == before


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        ({"action_title": "Watch it", "action_due": "soon"}, "Write the date as 2026-12-31."),
        ({"action_due": "2030-01-31"}, "Say what is to be done."),
        ({"action_title": "Watch it", "action_owner": "99999"}, "Select a valid choice."),
        ({"action_title": "x" * 251}, "at most 250 characters"),
    ],
)
def test_an_action_item_that_is_not_right_saves_nothing(commander, draft, item, complaint):
    before = stored(draft)
    response = sent(commander, draft, "save", **{"answer-root_cause": "A full disk."}, **item)
    assert response.status_code == 422
    assert complaint in response.content.decode()
    assert "A full disk." in response.content.decode()
    assert stored(draft) == before


def test_an_action_item_is_ticked_and_unticked(commander, draft):
    PostIncidentReview.objects.filter(pk=draft.pk).update(status=State.APPROVED)
    item = ActionItemFactory(review=draft)
    assert reverse("action-do", args=[item.pk, "done"]) in commander.get(url(draft)).content.decode()
    commander.post(reverse("action-do", args=[item.pk, "done"]), {"next": url(draft)})
    item.refresh_from_db()
    assert item.done_at
    assert reverse("action-do", args=[item.pk, "reopen"]) in commander.get(url(draft)).content.decode()


def test_sending_back_needs_words(approver, draft):
    PostIncidentReview.objects.filter(pk=draft.pk).update(status=State.SUBMITTED)
    response = approver.post(url(draft), {"do": "send-back", "reason": " "})
    assert response.status_code == 409
    assert "Say what is missing" in words(response)
    assert approver.post(url(draft), {"do": "send-back", "reason": "Why did no alert fire?"}).status_code == 302
    assert PostIncidentReview.objects.get(pk=draft.pk).status == State.DRAFT
    assert "Why did no alert fire?" in draft.incident.timeline.get(kind="review").text


def test_a_draft_cannot_be_approved(approver, draft):
    before = stored(draft)
    response = approver.post(url(draft), {"do": "approve"})
    assert response.status_code == 409
    assert "is draft and cannot become approved" in words(response)
    assert stored(draft) == before


def test_the_list_is_filtered_by_status(viewer, draft):
    approved = ReviewFactory(status=State.APPROVED)
    assert set(viewer.get("/reviews/").context["page"]) == {draft, approved}
    assert list(viewer.get("/reviews/?status=approved").context["page"]) == [approved]
    assert viewer.get("/reviews/?status=nonsense&page=x").status_code == 200


def test_the_list_takes_as_many_queries_for_fifty_as_for_two(viewer, django_assert_max_num_queries):
    def queries():
        with django_assert_max_num_queries(50) as captured:
            viewer.get("/reviews/")
        return len(captured)

    ReviewFactory.create_batch(2)
    few = queries()
    ReviewFactory.create_batch(30)
    assert queries() == few
