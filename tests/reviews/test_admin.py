"""Reviews in the admin: found and read there, changed as long as they are drafts."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from reviews.models import PostIncidentReview
from tests.factories import (
    ContributingFactorFactory,
    JoinedIncidentFactory,
    ReviewAnswerFactory,
    ReviewCommentFactory,
    ReviewFactory,
    ReviewVersionFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def chief(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def review(grace, at):
    review = ReviewFactory(
        author=grace, status="published", summary="It was down.", public_title="Checkout", public_text="It was down.",
        public_at=at, public_key="abcdefgh",
    )  # fmt: skip
    ReviewAnswerFactory(review=review, text="A full disk.")
    return review


def address(row, page: str = "change") -> str:
    return reverse(f"admin:reviews_{row._meta.model_name}_{page}", args=[row.pk])


def test_a_super_admin_reads_a_review_and_goes_to_its_page_to_change_it(chief, review):
    before = PostIncidentReview.objects.values().get()
    page = chief.get(address(review)).content.decode()
    assert review.get_absolute_url() in page
    assert "A full disk." in page
    for name in ("summary", "timeline", "due_at_0", "incident", "public_title", "public_text", "answers-0-text"):
        assert f'name="{name}"' not in page
    typed = {"summary": "Nothing was.", "public_title": "Fine", "public_text": "All is well.", "due_at_0": "2030-01-01"}
    assert chief.post(address(review), typed).status_code == 403
    assert PostIncidentReview.objects.values().get() == before
    assert chief.get(f"/admin/reviews/postincidentreview/?status=published&q={review.incident_id}").status_code == 200


def test_a_draft_is_put_right_but_not_its_deadline_nor_what_everybody_reads(chief, review):
    PostIncidentReview.objects.update(status="draft")
    page = chief.get(address(review)).content.decode()
    for name in ("summary", "timeline", "answers-0-text"):
        assert f'name="{name}"' in page
    for name in ("due_at_0", "incident", "public_title", "public_text"):
        assert f'name="{name}"' not in page
    assert chief.get("/admin/reviews/postincidentreview/add/").status_code == 200


@pytest.mark.parametrize("factory", [ReviewAnswerFactory, ContributingFactorFactory, ReviewCommentFactory])
def test_what_a_review_says_is_not_changed_beside_it(chief, review, factory):
    row = factory(review=review, **({"key": "whys"} if factory is ReviewAnswerFactory else {}))
    before = type(row).objects.filter(pk=row.pk).values().get()
    assert chief.get(address(row)).status_code == 200
    assert chief.post(address(row), {"text": "Other words."}).status_code == 403
    assert type(row).objects.filter(pk=row.pk).values().get() == before


def test_no_part_of_a_kept_review_is_deleted_and_a_whole_one_without_versions_is_after_a_question(chief, review):
    answer = review.answers.get()
    assert "Are you sure" in chief.get(address(review, "delete")).content.decode()
    version = ReviewVersionFactory(review=review)
    assert chief.post(address(answer, "delete"), {"post": "yes"}).status_code == 403
    assert chief.post(address(review, "delete"), {"post": "yes"}).status_code == 403
    version.delete()
    assert chief.post(address(review, "delete"), {"post": "yes"}).status_code == 302
    assert not PostIncidentReview.objects.exists()


def test_staff_who_do_not_see_a_private_incident_do_not_see_its_review(client, review):
    reader = UserFactory(is_staff=True)
    reader.user_permissions.set(
        Permission.objects.filter(codename__in=["view_postincidentreview", "view_reviewanswer"])
    )
    client.force_login(reader)
    joined = JoinedIncidentFactory(review=review)
    assert client.get(address(review)).status_code == 200
    type(joined.incident).objects.filter(pk=joined.incident_id).update(private=True)
    assert client.get(address(review)).status_code == 302
    assert client.get(address(review.answers.get())).status_code == 302
