"""Who may read, write and sign a shift review, and what is kept of it."""

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from tests.factories import HOUR, NINE, ContactFactory, ShiftReviewFactory, UserFactory


@pytest.fixture
def review(ada):
    made = ShiftReviewFactory(captured_at=NINE, ends_at=NINE + 8 * HOUR)
    made.people.add(ada)
    made.values.create(
        key="depth", name="Depth", kind="value", state="failed", fault="It is away.", needs_note="missing"
    )
    return made


@pytest.fixture
def login(client):
    def login(name, *groups):
        user = UserFactory(username=name)
        user.groups.set(Group.objects.filter(name__in=groups))
        client.force_login(user)
        return client

    return login


@pytest.mark.parametrize(
    ("groups", "reads", "signs"), [((), 403, 403), (("Viewer",), 200, 403), (("Responder",), 200, 302)]
)
def test_rights(review, login, groups, reads, signs):
    client = login("ada", *groups)
    assert client.get(review.get_absolute_url()).status_code == reads
    assert client.get(reverse("shift-reviews")).status_code == reads
    said = {"deed": "sign", "note:depth": "Looked in the database."}
    assert client.post(review.get_absolute_url(), said).status_code == signs
    assert client.post(reverse("shift-review-again", args=[review.pk])).status_code == signs


def test_nobody_who_is_not_logged_in(review, client):
    assert client.get(review.get_absolute_url()).status_code == 302
    assert client.post(review.get_absolute_url(), {"deed": "sign"}).status_code == 302
    review.refresh_from_db()
    assert review.state == "open"


def test_what_is_written_is_kept_before_it_is_signed(review, login, ada):
    client = login("ada", "Responder")
    assert (
        client.post(
            review.get_absolute_url(), {"note:depth": " Away since 8. ", "text": "Calm.", "deed": "keep"}
        ).status_code
        == 302
    )
    value = review.values.get()
    review.refresh_from_db()
    assert (value.note, value.noted_by, review.note, review.state) == ("Away since 8.", ada, "Calm.", "open")
    page = client.get(review.get_absolute_url()).content.decode()
    assert "Away since 8." in page and "Calm." in page and "It is away." in page


def test_what_was_not_read_wants_a_note(review, login):
    client = login("ada", "Responder")
    refused = client.post(review.get_absolute_url(), {"deed": "sign", "text": "All fine"})
    assert refused.status_code == 409
    assert "“Depth” could not be read: write a note of what you saw instead." in refused.content.decode()
    assert "All fine" in refused.content.decode()
    review.refresh_from_db()
    assert review.state == "open"


def test_somebody_else_signs_only_with_a_reason(review, login):
    client = login("grace", "Responder")
    said = {"deed": "sign", "note:depth": "Seen."}
    refused = client.post(review.get_absolute_url(), said)
    assert refused.status_code == 409
    assert "grace is not on this shift (ada is): write why you sign in their place." in refused.content.decode()
    assert client.post(review.get_absolute_url(), {**said, "instead": "ada is ill"}).status_code == 302
    review.refresh_from_db()
    assert (review.state, str(review.signed_by), review.signed_for) == ("signed", "grace", "ada is ill")
    again = client.post(review.get_absolute_url(), {**said, "instead": "again"})
    assert again.status_code == 409 and "signed by grace already" in again.content.decode()


def test_a_member_of_the_team_on_shift_is_on_shift(review, login, ada, grace):
    team = ContactFactory(name="crew", kind="team")
    team.members.add(grace)
    review.people.set([team])
    assert login("grace", "Responder").post(
        review.get_absolute_url(), {"deed": "sign", "note:depth": "Seen."}
    ).status_code == 302  # fmt: skip
    review.refresh_from_db()
    assert review.signed_for == ""


def test_figures_that_were_not_read_yet_are_waited_for(review, login):
    review.captured_at = None
    review.save()
    refused = login("ada", "Responder").post(review.get_absolute_url(), {"deed": "sign", "note:depth": "x"})
    assert refused.status_code == 409 and "have not been read yet" in refused.content.decode()
