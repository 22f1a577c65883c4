"""From a pack's rule through its routes to the places themselves: what arrives where, and what does not."""

import json
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command

from alerts.models import AlertRule
from incidents import lifecycle
from incidents.models import Incident
from notifications import outbox
from notifications.models import Delivery
from oncall.models import EscalationContact
from policies.models import Policy
from targets.inbox import Received
from targets.misterdj import MisterDJ
from targets.sink import Sink
from tests.factories import ContactFactory, ContactMethodFactory
from tests.packs.conftest import MINUTE
from tests.packs.senders import SECRET, Senders
from tests.packs.test_mister_dj import LIMITS, Stage

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def sink(settings) -> Iterator[Sink]:
    """Chats, PagerDuty and a mail server that Opscenter is set up to use."""
    sink = Sink().start()
    mail = urlsplit(sink.smtp_url)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = mail.hostname, mail.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    yield sink
    sink.stop()


def paths(sink: Sink) -> list[str]:
    return sorted(one.path for one in routed(sink))


# -- WhatsApp Inbox ------------------------------------------------------------------------------------------------


@pytest.mark.req("AP-26")
@pytest.mark.parametrize(("chat", "field"), [("slack", "text"), ("discord", "content")])
def test_a_retry_failure_goes_to_its_own_webhook_and_a_channel_to_the_team(
    sink, monkeypatch, request, whatsapp, chat, field
):
    monkeypatch.setenv("CAMPAIGN_RETRY_ALERT_WEBHOOK_URL", sink.address(chat, "retry"))
    monkeypatch.setenv("WHATSAPP_TEAM_WEBHOOK_URL", sink.address("slack", "team"))
    watch = request.getfixturevalue("watch_whatsapp")
    for _ in range(3):
        watch.go_on(MINUTE)
        whatsapp.job_run("failed")
        watch.check()
    outbox.deliver_due(at=watch.at)
    (post,) = sink.received()
    assert post.path == f"/{chat}/retry" and "Retry worker status failed" in post.json[field]
    whatsapp.channels("acme", disconnected=2)
    watch.go_on(MINUTE)
    watch.check()
    outbox.deliver_due(at=watch.at)
    assert paths(sink) == sorted([f"/{chat}/retry", "/slack/team"])


# -- Mister DJ -----------------------------------------------------------------------------------------------------


@pytest.fixture
def stage(load, monkeypatch, sink):
    """`stage(NAME=value)`: the pack loaded with these in the environment, and a backend with an empty queue."""
    with MisterDJ() as backend:

        def stage(**environment: str) -> Stage:
            told = {"ALERT_WEBHOOK_URLS": sink.address("slack", "alerts"), "MISTER_DJ_BASE_URL": backend.url}
            for name, value in {**LIMITS, **told, **environment}.items():
                monkeypatch.setenv(name, value)
            load("mister-dj")
            stage = Stage(monkeypatch, backend)
            stage.trace()
            return stage

        yield stage


def send(stage: Senders) -> None:
    outbox.run(at=stage.at)


def channels(sink: Sink) -> list[tuple[str, str]]:
    """(path, channel asked for) of every message that a route brought to a chat."""
    return sorted((one.path, one.json.get("channel", "")) for one in routed(sink))


def routed(sink: Sink) -> list[Received]:
    """What came by the routes; a DR plan calls the commander to its war room besides."""
    return [one for one in sink.received() if "@ic-oncall" not in str(one.json)]


@pytest.mark.req("DJ-11")
def test_one_alert_in_four_forms_told_by_their_addresses(stage, sink):
    four = ("slack", "discord", "teams", "json")
    stage = stage(ALERT_WEBHOOK_URLS=", ".join(sink.address(kind, "ops") for kind in four))
    stage.backend.queue(backlog=100)
    stage.look()
    send(stage)
    got = {one.path: one for one in sink.received()}
    assert {path: one.status for path, one in got.items()} == {  # the sink refuses what its schema does not allow
        "/slack/ops": 200, "/discord/ops": 204, "/teams/ops": 202, "/json/ops": 200
    }  # fmt: skip
    words = "queue thresholds exceeded: rentguy warning"
    slack, discord, teams, plain = (got[f"/{kind}/ops"].json for kind in four)
    assert words in slack["text"] and slack["blocks"]
    assert words in discord["content"] and discord["embeds"][0]["fields"]
    (card,) = teams["attachments"]
    assert card["content"]["type"] == "AdaptiveCard" and words in json.dumps(card["content"]["body"])
    assert set(plain) == {"id", "subject", "text", "url", "actions", "data"}
    facts = plain["data"]
    assert (facts["severity"], facts["labels"]["queue"], facts["event"]) == ("warning", "rentguy", "opened")
    assert {"incident", "key", "title", "status", "policy", "service", "detected_at"} <= set(facts)


@pytest.mark.req("DJ-35", "DJ-36")
def test_a_warning_stays_in_the_channel_of_all_and_critical_is_told_in_the_war_room_too(stage, sink):
    stage = stage(ALERT_SEVERITY_ROUTE="critical:#dr-war-room")
    stage.backend.queue(backlog=100)
    stage.look()
    send(stage)
    assert channels(sink) == [("/slack/alerts", "#alerts-queues")]
    stage.backend.queue("sevensa", backlog=500)
    stage.look()
    send(stage)
    assert [channel for _, channel in channels(sink)] == ["#alerts-queues", "#alerts-queues", "#dr-war-room"]


@pytest.mark.req("DJ-35")
def test_without_a_route_by_level_everything_stays_in_the_channel_of_all(stage, sink):
    stage = stage()
    stage.backend.queue(backlog=500)
    stage.look()
    send(stage)
    assert channels(sink) == [("/slack/alerts", "#alerts-queues")]


@pytest.mark.req("DJ-36")
@pytest.mark.parametrize("written", ["{war}#dr-war-room", "{named}"])
def test_the_war_rooms_own_webhook_is_for_critical_alone(stage, sink, written):
    war, named = sink.address("slack", "T0B0X"), sink.address("slack", "dr-war-room")
    own = written.format(war=war, named=named)
    stage = stage(
        ALERT_WEBHOOK_URLS=f"{sink.address('slack', 'alerts')}, {own}, {sink.address('discord', 'ops')}",
        ALERT_SEVERITY_ROUTE="critical:#dr-war-room",
    )
    path = urlsplit(own).path
    stage.backend.queue(backlog=100)
    stage.look()
    send(stage)
    assert [one.path for one in sink.received()].count(path) == 0
    assert len(sink.received()) == 2
    stage.backend.queue("sevensa", backlog=500)
    stage.look()
    send(stage)
    told = channels(sink)
    assert [one for one in told if one[0] == path] == [(path, "#dr-war-room")]
    assert len(told) == 5, "a place whose service lets nobody choose a channel is told once"


@pytest.mark.req("DJ-36")
@pytest.mark.parametrize("text", ["critical", "critical:", ":#dr-war-room", "kritiek:#dr-war-room", "critical #room"])
def test_a_route_by_level_that_cannot_be_read_is_named_by_the_readiness_check_and_spoils_no_other(
    stage, sink, text, capsys
):
    stage = stage(ALERT_SEVERITY_ROUTE=f"{text}, critical:#second")
    with pytest.raises(SystemExit):
        call_command("ops_readiness")
    said = [line for line in capsys.readouterr().out.splitlines() if "ALERT_SEVERITY_ROUTE" in line]
    assert len(said) == 1 and said[0].startswith("FAIL") and repr(text) in said[0]
    stage.backend.queue(backlog=500)
    stage.look()
    send(stage)
    assert [channel for _, channel in channels(sink)] == ["#alerts-queues", "#second"]


@pytest.mark.req("DJ-32")
def test_pagerduty_hears_of_an_incident_its_acknowledgement_and_its_end_by_one_key(stage, sink, ada):
    stage = stage(PAGERDUTY_ROUTING_KEY="R0UT1NGKEYR0UT1NGKEYR0UT1NGKEY12",
                  PAGERDUTY_EVENTS_URL=sink.address("pagerduty", "mr-dj-prod") + "/v2/enqueue")  # fmt: skip
    stage.backend.queue(backlog=500)
    stage.look()
    send(stage)
    incident = Incident.objects.get()
    assert "/slack/alerts" in paths(sink), "the channel of all hears of it as well"
    stage.go_on(30 * SECOND)
    lifecycle.acknowledge(incident, by=ada, at=stage.at)
    send(stage)
    stage.go_on(30 * SECOND)
    lifecycle.resolve(incident, by=ada, at=stage.at, override_reason="The queue was emptied by hand.")
    send(stage)
    events = [one.json for one in sink.received("/pagerduty")]
    assert [one["event_action"] for one in events] == ["trigger", "acknowledge", "resolve"]
    assert len({one["dedup_key"] for one in events}) == 1 and events[0]["dedup_key"].endswith(incident.thread)
    assert all(one.status == 202 for one in sink.received("/pagerduty"))


def test_without_a_key_nothing_goes_to_pagerduty_and_nothing_fails(stage, sink, capsys):
    stage = stage()
    stage.backend.queue(backlog=500)
    stage.look()
    send(stage)
    assert paths(sink) == ["/slack/alerts"]
    assert not Delivery.objects.filter(to="mr-dj-prod").exists()
    call_command("send_test_alert", "--pack", "mister-dj")
    assert "1 of 1 took it" in capsys.readouterr().out


# -- Mailer --------------------------------------------------------------------------------------------------------


@pytest.mark.req("ML-63")
def test_redis_errors_of_the_rate_limiter_are_in_the_channel_and_in_the_mailbox_of_who_is_on_call(
    load, sink, monkeypatch
):
    monkeypatch.setenv("MAILER_ALERT_WEBHOOK_URL", sink.address("slack", "T0B0X"))
    load("mailer", variants=["sentry"])
    mailer = Senders("mailer", monkeypatch)
    mailer.sentry(tags={"error_type": "something_else"})
    mailer.sentry(tags={"error_type": "rate_limiter_backend_error"}, level="warning")
    mailer.check()
    send(mailer)
    assert paths(sink) == []
    mailer.sentry(tags={"error_type": "rate_limiter_backend_error"})
    mailer.check()
    send(mailer)
    assert paths(sink) == ["/slack/T0B0X", "/smtp/oncall@example.com"]
    assert sink.received("/slack")[0].json["channel"] == "#alerts"
    mailer.sentry(tags={"error_type": "throttle_backend_error"})
    mailer.check()
    send(mailer)
    assert paths(sink) == ["/slack/T0B0X", "/slack/T0B0X", "/smtp/oncall@example.com"], "others are told in chat alone"


# -- DeelRx CRM ----------------------------------------------------------------------------------------------------


@pytest.fixture
def deelrx(load, sink, monkeypatch) -> Senders:
    monkeypatch.setenv("DEELRX_TEAM_WEBHOOK_URL", sink.address("slack", "deelrx"))
    monkeypatch.setenv("DEELRX_ENGINEERING_EMAIL", "engineering@example.org")
    monkeypatch.setenv("SENTRY_CLIENT_SECRET", SECRET)
    load("deelrx-crm")
    AlertRule.objects.exclude(key="issue-frequency").update(enabled=False)  # no application to be asked
    return Senders("deelrx-crm", monkeypatch)


@pytest.mark.req("DX-17")
def test_an_issue_seen_often_is_a_mail_to_each_member_of_the_team_engineering(deelrx, sink):
    team = EscalationContact.objects.get(name="engineering")
    for name in ("ada", "grace"):
        member = ContactFactory(name=name)
        ContactMethodFactory(contact=member, kind="slack", address=sink.address("slack", name), position=0)
        ContactMethodFactory(contact=member, kind="email", address=f"{name}@example.org", position=1)
        team.members.add(member)
    ContactMethodFactory(contact=ContactFactory(name="linus"), kind="email", address="linus@example.org")
    for _ in range(10):
        deelrx.sentry(issue="77")
    deelrx.check()
    send(deelrx)
    assert paths(sink) == []
    deelrx.sentry(issue="77")
    deelrx.check()
    send(deelrx)
    assert paths(sink) == ["/smtp/ada@example.org", "/smtp/grace@example.org"]
    assert not Delivery.objects.exclude(status="sent").exists()


def test_a_team_without_members_leaves_it_to_the_teams_mailbox(deelrx, sink):
    for _ in range(11):
        deelrx.sentry(issue="77")
    deelrx.check()
    send(deelrx)
    send(deelrx)
    assert paths(sink) == ["/smtp/engineering@example.org"]
    failed = Delivery.objects.get(to="engineering")
    assert failed.error == "Nobody of engineering has an address by email; put people with one into engineering."
    assert Policy.objects.get(key="deelrx-crm").destinations.filter(key="engineering").exists()
