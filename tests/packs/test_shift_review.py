"""The figures that every shift of the WhatsApp inbox looks through: read at the hand-over, noted, signed or missed."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.urls import reverse

from shifts.models import ShiftReview
from tests.factories import HOUR, MINUTE, NINE, ChannelFactory, LayerFactory, LayerMemberFactory, UserFactory

PACK = "whatsapp-alert-policy"
pytestmark = pytest.mark.usefixtures("pack_of_module")
DAY = timedelta(days=1)
TOGGLE = "CAMPAIGN_RETRY_ALERT_ON_FAILURE"


def timers(at) -> None:
    call_command("run_timers", now=at)


def responder(contact, client, *groups):
    """Log the contact in, with these groups and no other right."""
    user = UserFactory(username=contact.name)
    user.groups.set(Group.objects.filter(name__in=groups or ["Responder"]))
    contact.user = user
    contact.save()
    client.force_login(user)
    return user


def page_of(client, review) -> str:
    return client.get(review.get_absolute_url()).content.decode()


def part(page: str, key: str) -> str:
    """The part of the page about one metric, as words."""
    section = re.search(rf'id="metric-{key}".*?</section>', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", section[0].partition(">")[2]).split())


@pytest.fixture
def shifts(watch_whatsapp, ada, grace):
    """Ada's shift until NINE, then Grace's for a day, and so on; the first look was an hour before."""
    schedule = watch_whatsapp.policy.shift_plan.schedule
    layer = LayerFactory(schedule=schedule, rotation="days", length=1, first_handoff_at=NINE - DAY)
    for position, contact in enumerate((ada, grace)):
        LayerMemberFactory(layer=layer, contact=contact, position=position)
    return watch_whatsapp


def test_a_shift_review_is_opened_at_the_hand_over_and_not_a_second_before(shifts, grace):
    timers(NINE - HOUR)
    timers(NINE - timedelta(seconds=1))
    assert not ShiftReview.objects.filter(people=grace).exists()
    timers(NINE)
    timers(NINE)
    [review] = ShiftReview.objects.filter(people=grace)
    assert (review.starts_at, review.ends_at, review.over_at) == (NINE, NINE + DAY, None)


@pytest.mark.req("AP-33")
def test_a_shift_is_reviewed_signed_or_missed(shifts, whatsapp, ada, grace, client):
    timers(NINE - HOUR)
    timers(NINE)
    review = ShiftReview.objects.get(people=grace)
    assert [value.state for value in review.values.all()] == ["read"] * 5
    assert all(value.shown for value in review.values.all())
    user = responder(grace, client)
    notes = {f"note:{value.key}": f"seen {value.key}" for value in review.values.all()}
    assert client.post(review.get_absolute_url(), {**notes, "deed": "sign"}).status_code == 302
    review.refresh_from_db()
    assert (review.state, review.signed_by, review.signed_user) == ("signed", grace, user)
    assert review.signed_at is not None
    assert [value.note for value in review.values.all()] == list(notes.values())
    page = page_of(client, review)
    assert "Signed by <strong>grace</strong>" in page and "seen health" in page
    # the shift of ada before was not signed, and the next one is hers again
    timers(NINE + DAY - timedelta(seconds=1))
    timers(NINE + DAY)
    missed = ShiftReview.objects.filter(state="missed")
    assert [list(one.people.all()) for one in missed] == [[ada]]
    timers(NINE + 2 * DAY)
    assert ShiftReview.objects.filter(state="missed", people=ada).count() == 2
    listed = client.get(reverse("shift-reviews"), {"show": "missed"}).content.decode()
    assert listed.count('status detected">Missed') == 2 and "grace" not in listed.partition('class="cards"')[2]
    assert client.post(missed[0].get_absolute_url(), {"deed": "sign"}).status_code == 409


@pytest.mark.req("AP-34")
@pytest.mark.parametrize(
    ("failed", "processed", "shown"),
    [
        (6, 24, "20.0 % (6/30)"),
        (0, 30, "0.0 % (0/30)"),
        (0, 0, "none (0/0)"),
    ],
)
def test_the_failure_rate_of_webhooks_in_an_hour(shifts, whatsapp, grace, client, failed, processed, shown):
    whatsapp.webhooks(failed=failed, processed=processed, ago=60 * MINUTE - timedelta(seconds=1))
    whatsapp.webhooks(failed=50, processed=50, ago=61 * MINUTE, keep=True)  # too old to count
    timers(NINE)
    responder(grace, client)
    told = part(page_of(client, ShiftReview.objects.get(over_at=None)), "webhook-failure-rate")
    assert told.split(" Note")[0].endswith(shown)


@pytest.mark.req("AP-35")
@pytest.mark.parametrize(("before", "now", "trend"), [(2, 4, "up"), (4, 2, "down"), (4, 4, "same"), (None, 4, "")])
def test_failures_in_a_row_have_a_trend_against_the_last_shift(shifts, whatsapp, grace, client, before, now, trend):
    if before is not None:
        whatsapp.failures(before)
        timers(NINE - HOUR)
    whatsapp.failures(now)
    timers(NINE)
    responder(grace, client)
    told = part(page_of(client, ShiftReview.objects.get(over_at=None)), "consecutive-failures")
    assert f"campaign-retry-worker {now}" in told
    words = {word for word in ("up", "down", "same", "new") if f" {word} " in f" {told} "}
    assert words == ({trend} if trend else set())
    if trend:
        assert f"was {before}" in told


@pytest.mark.req("AP-36")
def test_disconnected_channels_are_counted_and_lead_to_their_tenants(shifts, whatsapp, grace, client):
    whatsapp.channels("acme", disconnected=2, connected=1)
    whatsapp.channels("globex", disconnected=1)
    whatsapp.channels("initech", disconnected=0)
    timers(NINE)
    responder(grace, client)
    page = page_of(client, ShiftReview.objects.get(over_at=None))
    assert "3 in 2 tenants" in part(page, "channels-disconnected")
    assert '<a href="/channels/?tenant=acme">acme</a>' in page
    assert '<a href="/channels/?tenant=globex">globex</a>' in page
    assert "tenant=initech" not in page
    assert client.get("/channels/?tenant=acme").status_code == 200


def test_channels_are_counted_when_they_are_told_instead(shifts, whatsapp, grace, client, monkeypatch):
    monkeypatch.delenv("WHATSAPP_DATABASE_URL")
    told = [("acme", "a", "DISCONNECTED"), ("acme", "b", "DISCONNECTED"), ("globex", "c", "disconnected"),
            ("globex", "d", "CONNECTED")]  # fmt: skip
    for tenant, key, status in told:
        ChannelFactory(tenant=tenant, key=key, status=status)
    timers(NINE)
    responder(grace, client)
    page = page_of(client, ShiftReview.objects.get(over_at=None))
    assert "3 in 2 tenants" in part(page, "channels-disconnected")
    assert "Not read" in part(page, "queue-depth")


@pytest.mark.req("AP-37")
def test_the_queue_is_shown_by_status(shifts, whatsapp, grace, client):
    whatsapp.recipients(pending=12, sent=80, failed=3)
    timers(NINE)
    responder(grace, client)
    told = part(page_of(client, ShiftReview.objects.get(over_at=None)), "queue-depth")
    assert "pending 12" in told and "sent 80" in told and "failed 3" in told


@pytest.mark.req("AP-38")
def test_the_health_is_shown_with_since_when(shifts, whatsapp, grace, client):
    shifts.check("health-degraded")
    whatsapp.health("degraded")
    shifts.go_on(MINUTE)
    shifts.check("health-degraded")
    shifts.go_on(MINUTE)
    shifts.check("health-degraded")
    timers(NINE + 5 * MINUTE)
    responder(grace, client)
    told = part(page_of(client, ShiftReview.objects.get(over_at=None)), "health")
    assert "degraded" in told and "Since 23 Nov 09:01:00 UTC" in told


@pytest.mark.req("AP-38")
def test_health_that_was_not_seen_otherwise_is_so_at_least_since_then(shifts, whatsapp, grace, client):
    whatsapp.health("down")
    timers(NINE)
    responder(grace, client)
    told = part(page_of(client, ShiftReview.objects.get(over_at=None)), "health")
    assert " down " in f" {told} " and "At least since 23 Nov 09:00:00 UTC" in told


def test_a_health_endpoint_that_does_not_answer_is_unreachable(shifts, whatsapp, grace, client):
    whatsapp.trouble(close=True)
    timers(NINE)
    responder(grace, client)
    assert "unreachable" in part(page_of(client, ShiftReview.objects.get(over_at=None)), "health")


@pytest.mark.req("AP-30")
def test_while_a_switch_is_off_people_watch_by_hand(shifts, whatsapp, grace, client, admin_client, time_machine):
    toggle = shifts.policy.parameters.get(key=TOGGLE)
    time_machine.move_to(NINE - 3 * HOUR, tick=False)
    change = reverse("admin:policies_parameter_change", args=[toggle.pk])
    assert "is off</strong>" not in admin_client.get("/admin/").content.decode()
    form = {"policy": toggle.policy_id, "key": TOGGLE, "type": "bool", "default": "true", "stored": "false",
            "origin": "document", "description": toggle.description}  # fmt: skip
    assert admin_client.post(change, form).status_code == 302
    time_machine.move_to(NINE, tick=False)
    timers(NINE)
    user = responder(grace, client)
    for address, reader in (("/admin/", admin_client), (reverse("incidents"), client)):
        banner = reader.get(address).content.decode().partition("muted-banner")[2].partition("</p>")[0]
        assert f"{TOGGLE} is off" in banner and ">3h</time>" in banner and "switched by admin" in banner
    review = ShiftReview.objects.get(over_at=None)
    check = review.checks.get()
    page = page_of(client, review)
    assert "Manual monitoring" in page and "gunakan manual monitoring" in page and TOGGLE in page
    refused = client.post(review.get_absolute_url(), {"deed": "sign"})
    assert refused.status_code == 409
    assert f"{TOGGLE} is off: tick that you watch by hand." in refused.content.decode()
    review.refresh_from_db()
    assert (review.state, review.signed_at) == ("open", None)
    assert client.post(review.get_absolute_url(), {"deed": "sign", f"tick:{TOGGLE}": "on"}).status_code == 302
    review.refresh_from_db()
    check.refresh_from_db()
    assert (review.state, review.signed_user, check.ticked_by) == ("signed", user, grace)


def test_nothing_is_watched_by_hand_while_all_switches_are_on(shifts, whatsapp, grace, client):
    timers(NINE)
    responder(grace, client)
    review = ShiftReview.objects.get(over_at=None)
    assert "Manual monitoring" not in page_of(client, review)
    assert "muted-banner" not in client.get(reverse("incidents")).content.decode()
    assert client.post(review.get_absolute_url(), {"deed": "sign"}).status_code == 302


def test_a_switch_of_the_environment_is_as_old_as_it_was_first_seen(shifts, whatsapp, grace, client, monkeypatch,
                                                                   time_machine):  # fmt: skip
    monkeypatch.setenv(TOGGLE, "false")
    timers(NINE)
    time_machine.move_to(NINE + 2 * HOUR, tick=False)
    timers(NINE + 2 * HOUR)
    responder(grace, client)
    banner = client.get(reverse("incidents")).content.decode().partition("muted-banner")[2].partition("</p>")[0]
    assert f"{TOGGLE} is off" in banner and ">2h</time>" in banner and "(environment)" in banner
    monkeypatch.setenv(TOGGLE, "true")
    assert "muted-banner" not in client.get(reverse("incidents")).content.decode()
    timers(NINE + 3 * HOUR)
    review = ShiftReview.objects.get(over_at=None)
    assert review.checks.get().over_at == NINE + 3 * HOUR
    assert client.post(review.get_absolute_url(), {"deed": "sign"}).status_code == 302
