"""The public version: drafted without names, addresses and secrets, read by anybody once somebody has published it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents.models import Incident
from reviews import drafting, redacting
from reviews.models import PostIncidentReview
from tests.accounts import signed_in
from tests.factories import JoinedIncidentFactory, ReviewAnswerFactory, ReviewFactory


@pytest.fixture
def approved(grace, ada):
    at = timezone.now() - timedelta(days=1)
    review = ReviewFactory(
        author=grace, status="approved", summary="Payments failed; Ada restarted 10.0.3.7.",
        incident__title="Checkout is down", incident__status="closed",
        incident__resolved_at=at, incident__detected_at=at - timedelta(days=1),
    )  # fmt: skip
    ReviewAnswerFactory(review=review, key="impact", prompt="Who was hurt?", text="Everybody, says grace.", public=True)
    ReviewAnswerFactory(review=review, key="cause", prompt="The cause?", text="The password was hunter2.", position=1)
    return review


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("See https://grafana.internal/d/1?token=abc.", "See [removed]"),
        ("Write to ada@example.org now", "Write to [removed] now"),
        ("10.0.3.7:5432 and 1.2.3 stay apart", "[removed] and 1.2.3 stay apart"),
        ("fe80::1 answered at 17:14:06", "[removed] answered at 17:14:06"),
        ("redis.prod.internal was full", "[removed] was full"),
        ("call +31-20-555-0100 then", "call [removed] then"),
        ("Bearer abcdef123456", "[removed]"),
        ("sk_live_0123456789abcdef", "[removed]"),
        ("password: hunter2", "password[removed]"),
        ("told @ic-oncall", "told [removed]"),
        ("Ada and Adam", "an engineer and Adam"),
        ("representations and reconfigurations stay", "representations and reconfigurations stay"),
    ],
)
def test_what_is_not_for_everybody_is_taken_out(text, redacted):
    assert redacting.redact(text, ["ada"]) == redacted


@pytest.mark.django_db
def test_the_draft_holds_what_is_meant_for_everybody_and_no_more(approved, ada):
    title, text = redacting.draft(approved, at=timezone.now())
    assert title == "Checkout is down"
    assert "Payments failed; an engineer restarted [removed]." in text
    assert "## Who was hurt?\n\nEverybody, says an engineer." in text
    assert "- Lasted: 1 d" in text
    assert "hunter2" not in text
    assert "The cause?" not in text


@pytest.mark.django_db
def test_it_is_published_by_a_commander_read_by_anybody_and_withdrawn(approved, grace, ada, linus, client):
    commander = signed_in(Client(), grace, "Incident Commander")
    address = reverse("review-public", args=[approved.pk])
    assert signed_in(Client(), linus, "Responder").get(address).status_code == 403
    drafted = commander.get(address).context["form"].initial
    leaking = {"title": "Checkout", "text": "Ask ada@example.org <script>alert(1)</script>", "do": "show"}
    refused = commander.post(address, leaking)
    assert refused.status_code == 409
    assert "ada@example.org" in " ".join(map(str, refused.context["messages"]))
    assert commander.post(address, {**drafted, "do": "show"}).status_code == 302
    approved.refresh_from_db()
    public = reverse("postmortem", args=[approved.public_key])
    page = client.get(public)
    assert page.status_code == 200
    assert b"Everybody, says an engineer." in page.content
    assert b"hunter2" not in page.content
    # a mended text counts at once, and no text becomes markup
    changed = {"title": "Checkout", "text": "It is <script>alert(1)</script> [over](javascript:x).", "do": "save"}
    assert commander.post(address, changed).status_code == 302
    body = client.get(public).content.decode()
    assert "&lt;script&gt;" in body
    assert 'href="javascript' not in body
    assert commander.post(address, {**leaking, "do": "save"}).status_code == 409  # a leak is not slipped in later
    assert "ada@example.org" not in client.get(public).content.decode()
    assert commander.post(address, {"do": "withdraw"}).status_code == 302
    assert client.get(public).status_code == 404


@pytest.mark.django_db
def test_a_draft_and_a_private_incident_are_never_public(approved, grace):
    commander = signed_in(Client(), grace, "Incident Commander")
    address, said = reverse("review-public", args=[approved.pk]), {"title": "A", "text": "B", "do": "show"}
    PostIncidentReview.objects.filter(pk=approved.pk).update(status="draft")
    assert commander.post(address, said).status_code == 409
    PostIncidentReview.objects.filter(pk=approved.pk).update(status="approved")
    Incident.objects.filter(pk=approved.incident_id).update(private=True)
    approved.incident.readers.add(grace)
    assert commander.post(address, said).status_code == 409
    assert not PostIncidentReview.objects.exclude(public_at=None).exists()


def published(review, commander) -> str:
    """Publish it on its page; the address that anybody reads."""
    said = {"title": "Checkout", "text": "It was down, it is up.", "do": "show"}
    assert commander.post(reverse("review-public", args=[review.pk]), said).status_code == 302
    review.refresh_from_db()
    return reverse("postmortem", args=[review.public_key])


@pytest.mark.django_db
@pytest.mark.parametrize("which", ["its own", "a joined one"])
def test_what_becomes_private_is_public_no_more_until_a_person_publishes_it_anew(approved, grace, client, which):
    commander = signed_in(Client(), grace, "Incident Commander")
    joined = JoinedIncidentFactory(review=approved, incident__status="closed").incident
    incident = approved.incident if which == "its own" else joined
    public, address = published(approved, commander), reverse("review-public", args=[approved.pk])
    assert client.get(public).status_code == 200
    act = reverse("incident-act", args=[incident.pk, "private"])
    assert commander.post(act, {"private": "on", "readers": [grace.pk]}).status_code == 302
    assert client.get(public).status_code == 404
    assert commander.get(public).status_code == 404  # neither for those who may see the incident
    approved.refresh_from_db()
    assert approved.public_at is None
    assert (
        "is withdrawn: an incident in it is private now" in approved.incident.timeline.filter(kind="review").last().text
    )
    assert public not in commander.get(address).content.decode()
    again = {"title": "Checkout", "text": "It is up.", "do": "show"}
    assert commander.post(address, again).status_code == 409
    # no longer private, it waits for somebody to publish it
    assert commander.post(act, {"readers": []}).status_code == 302
    assert client.get(public).status_code == 404
    assert commander.post(address, again).status_code == 302
    assert "It is up." in client.get(public).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("hidden", ["private", "joined", "draft"])
def test_the_public_address_asks_each_time(approved, grace, client, hidden):
    """Whatever way the incident became private: nobody reads what is about it."""
    public = published(approved, signed_in(Client(), grace, "Incident Commander"))
    if hidden == "private":
        Incident.objects.filter(pk=approved.incident_id).update(private=True)
    elif hidden == "joined":
        JoinedIncidentFactory(review=approved, incident__private=True)
    else:
        PostIncidentReview.objects.filter(pk=approved.pk).update(status="draft")
    assert client.get(public).status_code == 404


@pytest.mark.django_db
def test_drafting_anew_changes_nothing_until_it_is_saved(approved, grace, client):
    commander, address = signed_in(Client(), grace, "Incident Commander"), reverse("review-public", args=[approved.pk])
    public = published(approved, commander)
    fresh = commander.post(address, {"do": "draft"})
    assert fresh.status_code == 200
    assert "Everybody, says an engineer." in fresh.context["form"]["text"].value()
    assert "not saved" in " ".join(map(str, fresh.context["messages"]))
    assert "As everybody would see it" in fresh.content.decode()
    assert "It was down, it is up." in client.get(public).content.decode()
    saved = {**fresh.context["form"].initial, "do": "save"}
    assert commander.post(address, saved).status_code == 302
    assert "Everybody, says an engineer." in client.get(public).content.decode()


@pytest.mark.django_db
def test_a_leak_is_refused_also_when_it_was_published_since_the_page_was_read(approved, grace, ada):
    stale = PostIncidentReview.objects.get(pk=approved.pk)
    published(approved, signed_in(Client(), grace, "Incident Commander"))
    with pytest.raises(drafting.ReviewRefused, match="Nothing was changed"):
        redacting.write(stale, title="Checkout", text="Ask ada@example.org.")


@pytest.mark.django_db
def test_the_public_address_breaks_on_a_small_screen(approved, grace):
    commander = signed_in(Client(), grace, "Incident Commander")
    published(approved, commander)
    page = commander.get(reverse("review-public", args=[approved.pk])).content.decode()
    assert '<p class="facts what">Anybody reads it at' in page  # `what` lets a long word break
