"""What keeps alerts from acting, and what the ledger says of it."""

import json
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from alerts.maintenance_times import in_force, of_length
from alerts.models import Alert, Hold, MaintenanceWindow
from incidents.models import Incident
from notifications.models import Delivery
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    DestinationFactory,
    InhibitionFactory,
    IntegrationFactory,
    MaintenanceWindowFactory,
    PolicyFactory,
    RouteFactory,
    SeverityFactory,
)

pytestmark = pytest.mark.django_db


def run_timers(at: datetime) -> None:
    call_command("run_timers", f"--now={at.isoformat()}")


@pytest.fixture
def policy():
    policy = PolicyFactory(key="default", resolve_after=timedelta(0))
    SeverityFactory(policy=policy, key="critical", rank=0)
    SeverityFactory(policy=policy, key="warning", rank=1, page=False)
    RouteFactory(policy=policy, destinations=[DestinationFactory(key="ops-chat")])
    return policy


@pytest.fixture
def door(policy):
    return IntegrationFactory(kind="generic", policy=policy)


@pytest.fixture
def tell(client, door, monkeypatch):
    """`tell(name, at, …)`: the app tells of an alert, and the timers run."""

    def tell(name: str, at: datetime = NINE, status="firing", severity="warning", **labels) -> Alert:
        monkeypatch.setattr(timezone, "now", lambda: at)
        body = {"title": name, "dedup_key": name, "status": status, "severity": severity,
                "labels": {"alertname": name, **labels}}  # fmt: skip
        answer = client.post(f"/api/ingest/{door.key}", body, content_type="application/json")
        assert answer.status_code in (200, 202), answer.content
        run_timers(at)
        return Alert.objects.get(name=name)

    return tell


def opened() -> int:
    return Delivery.objects.filter(data__event="opened").count()


class TestMaintenance:
    def test_what_fires_in_it_acts_at_its_end_and_the_page_says_why_not_before(self, tell, admin_client):
        MaintenanceWindowFactory(name="db move", matchers=[])
        MaintenanceWindow.objects.update(policy=PolicyFactory())
        MaintenanceWindow.objects.update(matchers=[{"name": "team", "value": "shop"}], policy=None)
        alert = tell("CheckoutDown", NINE + MINUTE, severity="critical", team="shop")
        assert not Incident.objects.exists() and not opened()
        for page in ("/alerts/", f"/alerts/{alert.pk}/"):
            assert "in maintenance: db move until 10:00 UTC" in admin_client.get(page).content.decode()
        assert (
            "would have: paged the catch-all; told ops-chat"
            in admin_client.get(f"/alerts/{alert.pk}/").content.decode()
        )
        run_timers(NINE + HOUR)
        assert opened() == 1
        [hold] = Hold.objects.all()
        assert (hold.kind, hold.outcome, hold.ended_at) == ("maintenance", "acted", NINE + HOUR)

    def test_it_hides_what_fires_already_when_it_begins(self, tell):
        alert = tell("CheckoutDown", NINE - HOUR)
        window = MaintenanceWindowFactory(name="db move", look_at=NINE)
        run_timers(NINE)
        assert alert.liveness.reason == "in maintenance: db move until 10:00 UTC"
        window.refresh_from_db()
        assert window.look_at is None

    @pytest.mark.parametrize(
        ("day", "hours"), [(date(2027, 3, 27), 4), (date(2027, 3, 28), 3), (date(2027, 10, 31), 5)]
    )
    def test_a_night_that_changes_the_clocks_ends_by_the_wall(self, day, hours):
        zone = ZoneInfo("Europe/Amsterdam")
        plan = of_length(date(2026, 1, 1), time(1, 0), 4 * HOUR, zone.key, repeats="daily")
        start, end = in_force(plan, datetime.combine(day, time(4, 30), zone))
        assert (start.astimezone(zone).hour, end.astimezone(zone).hour) == (1, 5)
        assert end - start == hours * HOUR

    @pytest.mark.parametrize(
        ("repeats", "more", "days"),
        [
            ("daily", {"every": 2}, [2, 4, 6]),
            ("weekly", {"weekdays": ("sat", "sun")}, [3, 4, 10]),
            ("weekly", {"weekdays": ("sat",), "every": 2}, [3, 17]),
            ("monthly", {}, [31]),
        ],
    )
    def test_it_recurs(self, repeats, more, days):
        first = date(2026, 8, 31) if repeats == "monthly" else date(2026, 9, 30)
        plan = of_length(first, time(22, 0), HOUR, "UTC", repeats=repeats, **more)
        in_october = [n for n in range(1, 32) if in_force(plan, datetime(2026, 10, n, 22, 30, tzinfo=NINE.tzinfo))]
        assert in_october[: len(days)] == days
        september = in_force(plan, datetime(2026, 9, 30, 22, 30, tzinfo=NINE.tzinfo))
        assert bool(september) == (repeats in ("daily", "monthly"))

    def test_scripts_begin_end_and_list_it(self, tell, capsys):
        now = f"--now={NINE.isoformat()}"
        command = ["ops_maintenance", "start", "deploy", "--for=30m", "--match=team=shop", "--reason=release", now]
        call_command(*command)
        answer = json.loads(capsys.readouterr().out)
        assert (answer["state"], answer["until"]) == ("active", "2026-11-23T09:30:00+00:00")
        with pytest.raises(CommandError, match="runs or comes"):
            call_command(*command)
        tell("CheckoutDown", NINE + MINUTE, team="shop")
        assert not opened()
        capsys.readouterr()
        call_command("ops_maintenance", "end", "deploy", f"--now={(NINE + 2 * MINUTE).isoformat()}")
        assert json.loads(capsys.readouterr().out)["state"] == "over"
        run_timers(NINE + 2 * MINUTE)
        assert opened() == 1
        with pytest.raises(CommandError, match="does not run now"):
            call_command("ops_maintenance", "end", "deploy", f"--now={(NINE + 3 * MINUTE).isoformat()}")
        with pytest.raises(CommandError, match="would hide everything"):
            call_command("ops_maintenance", "start", "all", "--reason=x", now)

    def test_the_form_says_when_it_comes_and_what_it_would_hide(self, tell, admin_client):
        tell("CheckoutDown", severity="critical", team="shop")
        form = {"name": "nightly", "reason": "backup", "matchers": 'team="shop"', "from_day": "2026-11-23",
                "from_time": "23:00", "timezone": "Asia/Jakarta", "lasts": "2:00:00", "repeats": "daily", "every": "1",
                "weekdays": "[]", "created_by": "ada", "enabled": "on"}  # fmt: skip
        words = admin_client.get("/admin/alerts/maintenancewindow/preview/", form).json()["words"]
        assert (
            "Mon 2026-11-23 23:00 to Tue 2026-11-24 01:00 WIB" in words
            and "matches 1 firing alert, 1 critical" in words
        )
        answer = admin_client.post("/admin/alerts/maintenancewindow/add/", form)
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        assert MaintenanceWindow.objects.get().look_at == datetime(2026, 11, 23, 16, tzinfo=NINE.tzinfo)
        answer = admin_client.post("/admin/alerts/maintenancewindow/add/", {**form, "name": "b", "matchers": ""})
        assert "this would hide everything" in answer.content.decode()


class TestInhibition:
    def test_a_source_hides_targets_of_its_cluster_until_it_ends(self, tell, door, client):
        InhibitionFactory(policy=door.policy)
        tell("DbDown", severity="critical", cluster="a")
        hidden, other = tell("Slow", cluster="a"), tell("Slower", cluster="b")
        assert hidden.liveness.reason.startswith("inhibited by DbDown") and other.liveness.incident
        tell("DbDown", NINE + MINUTE, status="resolved", severity="critical", cluster="a")
        run_timers(NINE + MINUTE + timedelta(seconds=5))
        hidden.liveness.refresh_from_db()
        assert hidden.liveness.incident

    def test_two_that_would_hide_each_other_both_speak(self, tell, door):
        matcher = lambda value: [{"name": "alertname", "value": value, "isRegex": False, "isEqual": True}]  # noqa: E731
        InhibitionFactory(source=matcher("A"), target=matcher("B"), equal=[])
        InhibitionFactory(source=matcher("B"), target=matcher("A"), equal=[])
        tell("A")
        tell("B")
        assert opened() == 2


@pytest.mark.req("DX-138")
def test_a_silence_hides_records_and_lets_go_at_its_end(tell, client, admin_client):
    form = {"matchers": 'team="shop"', "comment": "known", "created_by": "ada", "policy": "",
            "starts_at_0": "2026-11-23", "starts_at_1": "09:00", "ends_at_0": "2026-11-23",
            "ends_at_1": "11:00"}  # fmt: skip
    tell("Other")
    answer = admin_client.post("/admin/alerts/silence/add/", form)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    before = opened()
    alert = tell("CheckoutDown", NINE + MINUTE, team="shop")
    run_timers(NINE + 2 * HOUR - timedelta(seconds=1))
    assert opened() == before and alert.liveness.reason == "silenced by ada: known"
    run_timers(NINE + 2 * HOUR)
    assert opened() == before + 1
    assert "silenced by ada: known" in admin_client.get(f"/alerts/{alert.pk}/").content.decode()


@pytest.mark.req("DX-130")
def test_five_endpoints_of_a_service_are_one_incident_and_one_message(tell, door):
    door.group_by = ["service"]
    door.save()
    for number in range(5):
        tell(f"endpoint {number}", NINE + number * 12 * timedelta(seconds=1), service="checkout")
    assert Incident.objects.get().alerts.count() == 5 and opened() == 1


class TestPatience:
    def test_what_recovers_within_the_pause_is_dropped(self, tell, door):
        door.options = {"pause": "2m"}
        door.save()
        tell("Blip")
        blip = tell("Blip", NINE + MINUTE, status="resolved")
        run_timers(NINE + 3 * MINUTE)
        assert not Incident.objects.exists()
        assert blip.holds.get().outcome == "ended before it acted"
        tell("Lasting", NINE + 4 * MINUTE)
        run_timers(NINE + 6 * MINUTE - timedelta(seconds=1))
        assert not opened()
        run_timers(NINE + 6 * MINUTE)
        assert opened() == 1

    def test_a_pause_may_be_for_some_labels_alone(self, tell, door):
        door.options = {"pause": [{"match": 'team="shop"', "for": "2m"}]}
        door.save()
        tell("A", team="shop")
        assert not opened()
        tell("B", team="search")
        assert opened() == 1

    def test_n_in_a_time_open_it(self, tell, door):
        door.options = {"open_after": {"count": 3, "within": "10m"}}
        door.save()
        for minute in (0, 9, 11):
            alert = tell("Retry", NINE + minute * MINUTE)
        assert not Incident.objects.exists() and alert.liveness.reason == "2 of 3 within 10m"
        tell("Retry", NINE + 12 * MINUTE)
        assert Incident.objects.count() == opened() == 1


class TestReopening:
    @pytest.mark.parametrize(("minutes", "incidents"), [(4, 1), (7, 2)])
    def test_soon_after_its_end_it_reopens(self, tell, policy, minutes, incidents):
        policy.reopen_within = 5 * MINUTE
        policy.save()
        tell("Down")
        tell("Down", NINE + MINUTE, status="resolved")
        tell("Down", NINE + (1 + minutes) * MINUTE)
        assert Incident.objects.count() == incidents
        assert Incident.objects.open().get().reopened == 2 - incidents

    def test_beyond_the_group_window_a_new_alert_opens_a_new_incident(self, tell, policy, door):
        door.group_by = ["service"]
        door.save()
        policy.group_window = HOUR
        policy.save()
        tell("A", service="checkout")
        tell("B", NINE + HOUR, service="checkout")
        assert Incident.objects.count() == 1
        tell("C", NINE + HOUR + MINUTE, service="checkout")
        assert Incident.objects.open().count() == 2
        tell("D", NINE + HOUR + 2 * MINUTE, service="checkout")
        assert Incident.objects.count() == 2

    def test_a_flapping_alert_keeps_its_incident_until_it_is_calm(self, tell, policy):
        policy.flap_changes, policy.flap_within = 3, 10 * MINUTE
        policy.save()
        for minute in range(10):
            alert = tell("Flap", NINE + minute * MINUTE, status="resolved" if minute % 2 else "firing")
        last = Incident.objects.latest("pk")
        assert last.is_open and Incident.objects.count() < 4
        assert alert.holds.get(kind="flap").by.startswith("flapping: 4 changes in 10m")
        run_timers(NINE + 19 * MINUTE - timedelta(seconds=1))
        last.refresh_from_db()
        assert last.is_open
        run_timers(NINE + 19 * MINUTE)
        run_timers(NINE + 19 * MINUTE)
        last.refresh_from_db()
        assert not last.is_open and alert.holds.get(kind="flap").outcome == "calm"
