"""What switches and throttles of routes hold back, told by the messages that went out."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from incidents.models import HeldNotice, Incident
from notifications.models import Delivery
from tests.factories import (
    NINE,
    DestinationFactory,
    IntegrationFactory,
    ParameterFactory,
    PolicyFactory,
    RouteFactory,
    SeverityFactory,
)

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def run_timers(second: float) -> None:
    call_command("run_timers", f"--now={(NINE + second * SECOND).isoformat()}")


@pytest.fixture
def policy():
    policy = PolicyFactory(key="default", resolve_after=timedelta(0))
    SeverityFactory(policy=policy, key="critical", rank=0, page=False)
    SeverityFactory(policy=policy, key="warning", rank=1, page=False)
    return policy


@pytest.fixture
def tell(client, policy, monkeypatch):
    """`tell(at, status, …)`: the app tells of an alert at so many seconds past nine, and the timers run."""
    door = IntegrationFactory(kind="generic", policy=policy)

    def tell(second: float, status="firing", severity="warning", name="DeadLetter", **more):
        at = NINE + second * SECOND
        monkeypatch.setattr(timezone, "now", lambda: at)
        body = {"title": name, "dedup_key": name, "status": status, "severity": severity, **more}
        answer = client.post(f"/api/ingest/{door.key}", body, content_type="application/json")
        assert answer.status_code in (200, 202), answer.content
        run_timers(second)

    return tell


def told(event=None) -> list[Delivery]:
    found = Delivery.objects.order_by("pk")
    return [one for one in found if event is None or one.data["event"] in event]


BEGINNINGS = ("opened", "reopened", "again", "raised")


@pytest.fixture
def throttled(policy):
    ParameterFactory(policy=policy, key="ALERT_THROTTLE_MS", default="120000")
    return RouteFactory(policy=policy, destinations=[DestinationFactory()], throttle="${ALERT_THROTTLE_MS}ms")


@pytest.mark.req("DJ-15")
class TestAtMostOneInAWindow:
    def test_the_next_message_says_how_many_were_suppressed(self, tell, throttled):
        for second in (0, 60, 119):
            tell(second)
            assert len(told(BEGINNINGS)) == 1
            tell(second + 0.5, status="resolved")
        tell(121)
        messages = told(BEGINNINGS)
        assert len(messages) == 2
        assert "2 suppressed since 09:00:00 UTC" in messages[1].text

    def test_what_fires_on_and_is_told_again_is_counted_too(self, tell, throttled):
        for second in (0, 60, 119, 121):
            tell(second)
        messages = told(BEGINNINGS)
        assert [one.data["event"] for one in messages] == ["opened", "again"]
        assert "2 suppressed since 09:00:00 UTC" in messages[1].text

    @pytest.mark.parametrize("between", [True, False])
    def test_a_rise_goes_out_at_once(self, tell, throttled, between):
        tell(0)
        if between:
            tell(20)
        tell(30, severity="critical")
        assert [one.data["event"] for one in told(BEGINNINGS)] == ["opened", "raised"]

    def test_resolves_are_never_held_back(self, tell, throttled):
        tell(0)
        tell(10, status="resolved")
        assert [one.data["event"] for one in told()] == ["opened", "resolved"]

    def test_what_is_still_open_at_the_end_of_the_window_is_told_then(self, tell, throttled):
        tell(0)
        tell(1, status="resolved")
        tell(60)
        assert len(told(["opened"])) == 1
        run_timers(119)
        assert len(told(["opened"])) == 1
        run_timers(120)
        first, second = told(["opened"])
        assert second.data["incident"] == Incident.objects.open().get().pk != first.data["incident"]
        assert HeldNotice.objects.get().outcome == "told"

    def test_the_environment_sets_its_length(self, tell, throttled, monkeypatch):
        monkeypatch.setenv("ALERT_THROTTLE_MS", "5000")
        tell(0)
        tell(4)
        tell(6)
        assert len(told(BEGINNINGS)) == 2

    def test_two_keys_and_two_places_have_windows_of_their_own(self, tell, policy, throttled):
        throttled.destinations.add(DestinationFactory())
        tell(0)
        tell(1, name="Another")
        assert len(told(["opened"])) == 4


@pytest.mark.req("DJ-17")
def test_fifty_dead_letters_of_one_queue_make_one_message_and_are_counted(tell, throttled, policy):
    IntegrationFactory._meta.model.objects.update(group_by=["queue"])
    for number in range(50):
        tell(number * 2.4, name=f"job {number} dead-lettered", labels={"queue": "mail"})
    assert len(told(BEGINNINGS)) == 1
    tell(121, name="job 50 dead-lettered", labels={"queue": "mail"})
    assert "49 suppressed" in told(BEGINNINGS)[1].text


@pytest.mark.req("AP-29")
class TestSwitch:
    @pytest.fixture
    def switch(self, policy):
        switch = ParameterFactory(policy=policy, key="CAMPAIGN_RETRY_ALERT_ON_FAILURE", type="bool", default="true")
        RouteFactory(policy=policy, destinations=[DestinationFactory()], toggle=switch.key)
        return switch

    def test_off_it_mutes_and_says_so_and_on_again_it_tells_with_the_next_tick(self, tell, switch, admin_client):
        admin = f"/admin/policies/parameter/{switch.pk}/change/"
        form = {"policy": switch.policy_id, "key": switch.key, "type": "bool", "default": "true", "origin": "document",
                "description": ""}  # fmt: skip
        assert admin_client.post(admin, {**form, "stored": "false"}).status_code == 302
        tell(0)
        assert not told()
        page = admin_client.get("/alerts/").content.decode()
        assert "muted by toggle CAMPAIGN_RETRY_ALERT_ON_FAILURE, switched by admin at" in page
        run_timers(5)
        assert not told()
        assert admin_client.post(admin, {**form, "stored": "true"}).status_code == 302
        run_timers(6)
        run_timers(60)
        assert [one.data["event"] for one in told()] == ["opened"]
        assert "muted by" not in admin_client.get("/alerts/").content.decode()

    def test_by_default_it_is_on(self, tell, switch):
        tell(0)
        assert len(told()) == 1

    def test_what_ends_while_it_is_off_is_told_of_to_nobody(self, tell, switch, monkeypatch):
        monkeypatch.setenv(switch.key, "false")
        tell(0)
        tell(1, status="resolved")
        monkeypatch.setenv(switch.key, "true")
        run_timers(6)
        assert not told()
        assert HeldNotice.objects.get().outcome == "the incident was over before"
