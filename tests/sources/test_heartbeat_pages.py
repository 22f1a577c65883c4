"""Heartbeats for people: pages, badge, and the admin's form."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from sources.heartbeats import managing
from sources.models import Heartbeat, Integration, Ping
from tests.factories import HeartbeatFactory, PingFactory, PolicyFactory, UserFactory

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
pytestmark = pytest.mark.django_db


def make(standing: str) -> Heartbeat:
    """A heartbeat that stands so now."""
    now = timezone.now()
    facts = {
        "new": {"state": "new"},
        "up": {"state": "up", "last_ping_at": now},
        "late": {"state": "up", "last_ping_at": now - HOUR - MINUTE},
        "down": {"state": "down", "last_ping_at": now - 3 * HOUR, "trouble": "failed", "trouble_at": now - HOUR},
        "missed": {"state": "up", "last_ping_at": now - 3 * HOUR, "deadline_at": now - HOUR},
        "running": {"state": "up", "last_ping_at": now - MINUTE, "last_start_at": now - MINUTE},
        "paused": {"state": "paused", "last_ping_at": now},
    }[standing]
    return HeartbeatFactory(name=f"the {standing} one", period=HOUR, grace=10 * MINUTE, **facts)


STANDINGS = {"new": "new", "up": "up", "late": "late", "down": "down", "missed": "down", "running": "running",
             "paused": "paused"}  # fmt: skip


@pytest.fixture
def reader(client):
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="view_heartbeat"))
    client.force_login(user)
    return client


def test_the_list_shows_trouble_first(reader):
    for standing in STANDINGS:
        make(standing)
    page = reader.get(reverse("heartbeats")).content.decode()
    names = ["down", "missed", "late", "running", "up", "new", "paused"]
    places = [page.index(f"the {name} one") for name in names]
    assert places == sorted(places)
    for standing in STANDINGS.values():
        assert f"beat-{standing}" in page
    only = reader.get(reverse("heartbeats"), {"show": "trouble"}).content.decode()
    assert "the late one" in only and "the up one" not in only
    assert "the up one" in reader.get(reverse("heartbeats"), {"q": "UP"}).content.decode()


def test_an_empty_list_says_how_to_make_one(reader):
    assert "manage.py integration add heartbeat" in reader.get(reverse("heartbeats")).content.decode()


@pytest.mark.parametrize("standing", STANDINGS)
def test_each_has_a_page(reader, standing):
    beat = make(standing)
    page = reader.get(reverse("heartbeat", args=[beat.pk])).content.decode()
    assert f"beat-{STANDINGS[standing]}" in page
    assert f"/ping/{beat.pk}" in page


def test_its_page_charts_the_runs_and_lists_the_pings(reader):
    beat = make("up")
    for number, kind in enumerate(["success", "fail", "success"], start=1):
        PingFactory(heartbeat=beat, kind=kind, duration=number * MINUTE, exit_status=number, body=f"<b>run {number}")
    page = reader.get(reverse("heartbeat", args=[beat.pk])).content.decode()
    assert page.count("<rect") == 3 and page.count('<rect class="bad"') == 1
    assert "The last 3 runs took 1m to 3m, the middle one 2m." in page
    assert "exit status 2" in page and "after 2m" in page
    assert "&lt;b&gt;run 1" in page


def test_its_page_shows_when_it_is_expected_by_its_expression(reader):
    beat = managing.add(name="x", schedule="cron", expression="30 2 * * *", timezone="Europe/Berlin", at=timezone.now())
    page = reader.get(reverse("heartbeat", args=[beat.pk])).content.decode()
    assert page.count("02:30:00 <small>Europe/Berlin") == 5


def test_only_who_may_sees_and_pauses(reader, client):
    beat = make("up")
    url = reverse("heartbeat-pause", args=[beat.pk])
    assert Client().get(reverse("heartbeats")).status_code == 302
    assert reader.post(url, {"do": "pause"}).status_code == 403
    user = UserFactory()
    user.user_permissions.add(*Permission.objects.filter(codename__in=["view_heartbeat", "change_heartbeat"]))
    client.force_login(user)
    assert client.post(url, {"do": "pause"}, follow=True).status_code == 200
    beat.refresh_from_db()
    assert beat.state == "paused"
    client.post(url, {"do": "resume"})
    beat.refresh_from_db()
    assert beat.state == "new"
    assert client.get(url).status_code == 405


@pytest.mark.parametrize(
    ("standing", "word", "colour"),
    [("up", "up", "success"), ("running", "up", "success"), ("late", "late", "important"), ("down", "down", "critical"),
     ("missed", "down", "critical"), ("new", "new", "inactive"), ("paused", "paused", "inactive")],
)  # fmt: skip
def test_the_badge_needs_no_login(standing, word, colour):
    beat = make(standing)
    anybody = Client()
    svg = anybody.get(f"/badge/{beat.badge}.svg")
    assert svg["Content-Type"] == "image/svg+xml" and f": {word}</title>" in svg.content.decode()
    assert "no-store" in svg["Cache-Control"]
    label = {"schemaVersion": 1, "label": beat.name, "message": word, "color": colour}
    assert anybody.get(f"/badge/{beat.badge}.json").json() == label
    assert anybody.get(f"/badge/{uuid4()}.svg").status_code == 404
    assert anybody.get(f"/badge/{beat.pk}.svg").status_code == 404  # the address to ping is not given away


def test_a_name_cannot_break_the_badge():
    beat = HeartbeatFactory(name="</text><script>alert(1)</script>" + "x" * 80)
    svg = Client().get(f"/badge/{beat.badge}.svg").content.decode()
    assert "<script" not in svg and "…" in svg


class TestAdmin:
    FORM = {
        "name": "Nightly backup", "slug": "", "description": "", "schedule": "period", "period": "5m", "expression": "",
        "timezone": "UTC", "grace": "90s", "severity_key": "", "labels": "{}", "project": "", "success_words": "",
        "failure_words": "", "start_words": "", "policy": "",
    }  # fmt: skip

    def save(self, admin_client, beat: Heartbeat | None = None, **fields):
        name = "admin:sources_heartbeat_change" if beat else "admin:sources_heartbeat_add"
        return admin_client.post(reverse(name, args=[beat.pk] if beat else []), {**self.FORM, **fields})

    def test_it_makes_a_heartbeat_with_its_door(self, admin_client):
        policy = PolicyFactory()
        assert self.save(admin_client, policy=policy.pk).status_code == 302
        beat = Heartbeat.objects.get()
        assert (beat.period, beat.grace, beat.slug) == (5 * MINUTE, timedelta(seconds=90), "nightly-backup")
        assert (beat.integration.kind, beat.integration.key) == ("heartbeat", str(beat.pk))
        assert beat.integration.policy == policy

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"period": "often"}, "is not a length of time"),
            ({"period": ""}, "A period is at least a second"),
            ({"grace": "0"}, "A grace time is at least a second"),
            ({"schedule": "cron", "expression": "30 3 * *"}, "is not a cron expression: Wrong number of fields."),
            ({"schedule": "cron", "expression": ""}, "This needs a cron expression"),
            ({"schedule": "oncalendar", "expression": "never"}, "is not an OnCalendar expression"),
            ({"schedule": "cron", "expression": "* * * * *", "timezone": "Mars"}, "There is no time zone"),
        ],
    )
    def test_a_schedule_that_cannot_be_used_is_refused_at_its_field(self, admin_client, fields, said):
        assert said in self.save(admin_client, **fields).content.decode()
        assert not Heartbeat.objects.exists()

    def test_an_edit_keeps_what_pings_have_written_and_moves_the_deadline(self, admin_client, client):
        self.save(admin_client)
        beat = Heartbeat.objects.get()
        page = admin_client.get(reverse("admin:sources_heartbeat_change", args=[beat.pk])).content.decode()
        assert f"curl -fsS -m 10 --retry 5 http://127.0.0.1:8000/ping/{beat.pk}" in page.replace("&#x27;", "'")
        client.get(f"/ping/{beat.pk}")
        assert self.save(admin_client, beat, name="Backup", slug="nightly-backup", period="1h").status_code == 302
        beat.refresh_from_db()
        assert (beat.name, beat.integration.name, beat.state) == ("Backup", "Backup", "up")
        assert beat.deadline_at == beat.last_ping_at + HOUR + timedelta(seconds=90)

    def test_actions_pause_and_resume(self, admin_client):
        beat = make("up")
        url = reverse("admin:sources_heartbeat_changelist")
        for action, state in [("pause", "paused"), ("resume", "new")]:
            admin_client.post(url, {"action": action, "_selected_action": [str(beat.pk)]})
            beat.refresh_from_db()
            assert beat.state == state

    def test_the_lists_and_the_log_open(self, admin_client):
        beat = make("late")
        PingFactory(heartbeat=beat, body="hello")
        assert "the late one" in admin_client.get(reverse("admin:sources_heartbeat_changelist")).content.decode()
        log = admin_client.get(reverse("admin:sources_ping_changelist"), {"heartbeat__id__exact": str(beat.pk)})
        assert log.status_code == 200
        page = admin_client.get(reverse("admin:sources_heartbeat_change", args=[beat.pk])).content.decode()
        assert "hello" in page
        assert Ping.objects.count() == 1

    def test_a_deleted_one_takes_its_door_along(self, admin_client):
        self.save(admin_client)
        beat = Heartbeat.objects.get()
        admin_client.post(reverse("admin:sources_heartbeat_delete", args=[beat.pk]), {"post": "yes"})
        assert not Heartbeat.objects.exists() and not Integration.objects.exists()

    def test_one_whose_alert_fires_cannot_be_deleted(self, admin_client):
        beat = make("down")
        Heartbeat.objects.update(alerting=True)
        page = admin_client.post(reverse("admin:sources_heartbeat_delete", args=[beat.pk]), {"post": "yes"})
        assert "pause it first" in page.content.decode()
        words = {"action": "delete_selected", "_selected_action": [str(beat.pk)], "post": "yes"}
        admin_client.post(reverse("admin:sources_heartbeat_changelist"), words)
        assert Heartbeat.objects.exists()
