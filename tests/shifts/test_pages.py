"""Who may read, write and sign a shift review, and what is kept of it."""

import re
from html import unescape

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.urls import reverse

from shifts.models import ShiftReview
from tests.factories import HOUR, NINE, ContactFactory, ParameterFactory, RouteFactory, ShiftReviewFactory, UserFactory


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


HIDDEN = re.compile(r'<input type="hidden" name="(was:[^"]*)" value="([^"]*)">')
AREA = re.compile(r'<textarea id="[^"]*" name="([^"]*)"[^>]*>([^<]*)</textarea>')
BOX = re.compile(r'name="(tick:[^"]*)" checked')


def opened(client, review) -> dict[str, str]:
    """What a browser would send back of the page as it is now."""
    return fields(client.get(review.get_absolute_url()))


def fields(response) -> dict[str, str]:
    page = response.content.decode()
    texts = {name: unescape(text) for name, text in AREA.findall(page)}
    return {**dict(HIDDEN.findall(page)), **texts, **dict.fromkeys(BOX.findall(page), "on")}


@pytest.fixture
def two(review, login):
    """A review with two figures, opened by ada and by grace; (ada's page, grace's page, send as)."""
    review.values.create(key="age", name="Age", kind="value", state="read", shown="3 m")

    def send(name, said, deed="keep"):
        client.force_login(users[name])
        return client.post(review.get_absolute_url(), {**said, "deed": deed})

    client = login("ada", "Responder")
    users = {"ada": get_user_model().objects.get(username="ada")}
    ada = opened(client, review)
    login("grace", "Responder")
    users["grace"] = get_user_model().objects.get(username="grace")
    return ada, opened(client, review), send


def noted(review) -> dict[str, str]:
    review.refresh_from_db()
    return {**{value.key: value.note for value in review.values.all()}, "whole": review.note}


def test_who_opened_the_page_before_does_not_erase_what_another_kept(review, two):
    ada, grace, send = two
    assert send("ada", {**ada, "note:depth": "Away.\r\nSince 8.", "text": "Calm."}).status_code == 302
    assert send("grace", {**grace, "note:age": "As ever."}).status_code == 302
    assert noted(review) == {"depth": "Away.\r\nSince 8.", "age": "As ever.", "whole": "Calm."}
    assert str(review.values.get(key="depth").noted_by) == "ada"


@pytest.mark.parametrize("deed", ["keep", "sign"])
def test_two_who_write_the_same_field_lose_nothing(review, two, deed):
    ada, grace, send = two
    send("ada", {**ada, "note:depth": "Away.", "text": "Calm."})
    hers = {**grace, "note:depth": "It is <b>back</b>.", "text": "Busy.", "note:age": "New."}
    refused = send("grace", {**hers, "instead": "ada sleeps"}, deed)
    page = refused.content.decode()
    assert refused.status_code == 409
    assert "“Depth” was changed by ada since you opened this page." in page
    assert "“The shift as a whole” was changed by somebody else" in page
    assert "<strong>ada wrote meanwhile:</strong><p>Away.</p>" in page and "<p>Calm.</p>" in page
    assert noted(review) == {"depth": "Away.", "age": "", "whole": "Calm."} and review.state == "open"
    again = fields(refused)
    assert (again["note:depth"], again["text"], again["note:age"]) == ("It is <b>back</b>.", "Busy.", "New.")
    assert 'value="ada sleeps"' in page
    assert send("grace", {**again, "note:depth": "Away, then back."}).status_code == 302
    assert noted(review) == {"depth": "Away, then back.", "age": "New.", "whole": "Busy."}


def test_two_who_write_the_same_words_agree(review, two):
    ada, grace, send = two
    send("ada", {**ada, "note:depth": "Away."})
    assert send("grace", {**grace, "note:depth": " Away. "}).status_code == 302
    assert str(review.values.get(key="depth").noted_by) == "ada"


def test_a_note_is_taken_away_by_who_has_seen_it(review, two, client):
    ada, grace, send = two
    send("ada", {**ada, "note:depth": "Away."})
    assert send("grace", {**grace, "note:depth": ""}).status_code == 302  # never saw it: it was empty, and is left so
    assert noted(review)["depth"] == "Away."
    assert send("grace", {**opened(client, review), "note:depth": ""}).status_code == 302
    assert noted(review)["depth"] == ""


def test_a_tick_of_another_stays(review, two, client):
    ParameterFactory(policy=review.plan.policy, key="ALERTS_ON", type="bool", default="false")
    RouteFactory(policy=review.plan.policy, toggle="ALERTS_ON")
    _, _, send = two
    ada = grace = opened(client, review)
    assert ada["was:tick:ALERTS_ON"] == "" and "tick:ALERTS_ON" not in ada
    send("ada", {**ada, "tick:ALERTS_ON": "on"})
    send("grace", {**grace, "note:age": "As ever."})
    check = review.checks.get()
    assert str(check.ticked_by) == "ada"
    later = opened(client, review)
    assert later.pop("tick:ALERTS_ON") == "on"
    send("grace", later)
    check.refresh_from_db()
    assert check.ticked_at is None


@pytest.mark.parametrize(("state", "facts"), [("signed", {"signed_at": NINE}), ("missed", {"over_at": NINE})])
def test_what_was_typed_for_a_review_that_is_over_can_be_copied(review, two, state, facts):
    ada, grace, send = two
    send("ada", {**ada, "text": "Calm."})
    ShiftReview.objects.filter(pk=review.pk).update(state=state, **facts)
    said = {**grace, "note:depth": "It is <b>back</b>.", "note:age": "", "instead": "ada sleeps"}
    refused = send("grace", said, "sign")
    page = refused.content.decode()
    assert refused.status_code == 409 and "It is not kept. Copy it from here." in page
    assert "readonly>It is &lt;b&gt;back&lt;/b&gt;.</textarea>" in page and "readonly>ada sleeps</textarea>" in page
    assert page.count("readonly>") == 2
    assert "readonly" not in send("grace", grace).content.decode()  # nothing typed, nothing lost
    assert noted(review) == {"depth": "", "age": "", "whole": "Calm."}


def test_a_reason_too_long_to_keep_is_refused_and_stays_in_the_form(review, login):
    client, reason = login("grace", "Responder"), "x" * 251
    said = {"deed": "sign", "note:depth": "Seen."}
    refused = client.post(review.get_absolute_url(), {**said, "instead": reason})
    page = refused.content.decode()
    assert refused.status_code == 409
    assert "Why you sign in their place is 251 characters long; write at most 250" in page and reason in page
    assert client.post(review.get_absolute_url(), {**said, "instead": "x" * 250}).status_code == 302
    review.refresh_from_db()
    assert review.signed_for == "x" * 250


def test_a_long_word_breaks_in_a_signed_review(review, login):
    review.values.update(note="y" * 400)
    ShiftReview.objects.filter(pk=review.pk).update(state="signed", signed_at=NINE, note="z" * 400)
    page = login("ada", "Responder").get(review.get_absolute_url()).content.decode()
    assert f'<p class="what">{"y" * 400}' in page and f'<p class="what">{"z" * 400}' in page
