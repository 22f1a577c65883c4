"""The other resources: what each shows, hides and does."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from alerts.models import Liveness, Silence
from sources.models import Heartbeat, Integration
from tests import factories
from tests.api.conftest import Api, problem
from tests.factories import (
    AlertRuleFactory,
    ApiTokenFactory,
    ChangeFactory,
    ChannelFactory,
    ChannelStatusFactory,
    ContactFactory,
    ContactMethodFactory,
    DeliveryFactory,
    HeartbeatFactory,
    IntegrationFactory,
    LayerFactory,
    LivenessFactory,
    LoadedPackFactory,
    ObjectiveFactory,
    OverrideFactory,
    PingFactory,
    SilenceFactory,
    UserFactory,
    WebhookLogFactory,
)

pytestmark = pytest.mark.django_db


def ids(api, path):
    response = api.get(path)
    assert response.status_code == 200, response.content
    return [item["id"] for item in response.json()["items"]]


# alerts and rules


def test_alerts_are_found_and_say_why_they_did_not_act(api, world):
    hidden = LivenessFactory(
        verdict="suppressed", reason="silenced by ada: known", severity_key="warning", alert__name="DiskFull",
        alert__labels={"host": "db-1"}, alert__key="disk",
    )  # fmt: skip
    over = LivenessFactory(ends_at=timezone.now() - timedelta(seconds=1))  # swept or not
    assert set(ids(api, "/alerts?state=firing")) == {world["alerts"], hidden.pk}
    assert ids(api, "/alerts?state=resolved") == [over.pk]
    for query in ("state=suppressed", "severity=WARNING", "key=disk", "text=db-1", "text=diskf"):
        assert ids(api, f"/alerts?{query}") == [hidden.pk]
    assert (
        ids(api, f"/alerts?incident={world['incidents']}") == ids(api, "/alerts?policy=checkout") == [world["alerts"]]
    )
    assert ids(api, f"/alerts?rule={world['rules']}") == [world["alerts"]]
    assert ids(api, f"/alerts?door={hidden.alert.integration.name}") == [hidden.pk]
    told = api.get(f"/alerts/{hidden.pk}").json()
    assert (told["state"], told["verdict"], told["reason"]) == ("firing", "suppressed", "silenced by ada: known")
    assert told["labels"] == {"host": "db-1"}


def test_objectives_tell_how_they_stand_and_stood(api, world):
    number = world["objectives"]
    missed = ObjectiveFactory(state="missed", value=94, good=94, total=100, unit="orders")
    assert ids(api, "/objectives?policy=checkout&enabled=true&state=unknown") == [number]
    assert ids(api, "/objectives?state=missed") == [missed.pk]
    told = api.get(f"/objectives/{number}").json()
    assert told["goal"] == {"at_least": 95} and told["compliance"] == 100 and told["budget_left"] is None
    assert [(day["state"], day["met"]) for day in told["days"]] == [("met", 1)]
    assert api.get(f"/objectives/{missed.pk}").json()["budget_left"] == -20


def test_a_rule_is_switched_off_on_and_checked(api):
    rule = AlertRuleFactory(checked_at=timezone.now(), next_check_at=timezone.now() + timedelta(hours=1))
    path = f"/rules/{rule.pk}"
    assert api.post(f"{path}/disable").json()["enabled"] is False
    assert "switched off" in problem(api.post(f"{path}/check"), 409)["detail"]
    told = api.post(f"{path}/enable").json()
    rule.refresh_from_db()
    assert told["enabled"] and rule.next_check_at <= timezone.now()
    rule.next_check_at = timezone.now() + timedelta(hours=1)
    rule.save()
    assert api.post(f"{path}/check").status_code == 202
    rule.refresh_from_db()
    assert rule.next_check_at <= timezone.now()


def test_rules_show_no_address_of_their_sources(api, world):
    told = api.get(f"/rules/{world['rules']}").json()
    assert told["sources"] == [
        {"variant": "sql", "kind": "sql", "connection": None, "fallback": False, "error": "", "last_seen_at": None}
    ]
    assert ids(api, "/rules?policy=checkout&enabled=true&state=unknown") == [world["rules"]]
    assert ids(api, "/rules?enabled=false") == []


# silences


def wanted(**more):
    ends = timezone.now() + timedelta(hours=1)
    matchers = [{"name": "alertname", "value": "Checkout.*", "is_regex": True}]
    return {"matchers": matchers, "ends_at": ends.isoformat(), "comment": "being repaired", **more}


def test_a_silence_hides_at_once_and_ends_when_told(api, root):
    alert = LivenessFactory(verdict="joined", assign_at=None, starts_at=timezone.now())
    response = api.post("/silences", wanted())
    told = response.json()
    assert response.status_code == 201 and told["state"] == "active" and told["created_by"] == "root"
    assert Liveness.objects.get(pk=alert.pk).verdict == "suppressed"
    assert ids(api, "/silences?state=active") == [told["id"]]
    assert api.post(f"/silences/{told['id']}/expire").json()["state"] == "expired"
    assert Liveness.objects.get(pk=alert.pk).assign_at is not None
    assert ids(api, "/silences?state=expired&text=repaired") == [told["id"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ends_at": "2020-01-01T00:00:00Z"}, "body.ends_at"),
        ({"starts_at": "2099-01-02T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z"}, "body.ends_at"),
        ({"matchers": [{"name": "a", "value": "(", "is_regex": True}]}, "body.matchers"),
        ({"matchers": [{"name": "a", "value": ".*", "is_regex": True}]}, "body.matchers"),
        ({"policy": "nowhere"}, "body.policy"),
    ],
)
def test_a_silence_that_cannot_be_is_refused(api, body, field):
    assert problem(api.post("/silences", wanted(**body)), 409)["errors"][0]["field"] == field
    assert not Silence.objects.exists()


def test_a_silence_to_come_is_pending(api):
    told = api.post("/silences", wanted(starts_at="2099-01-01T00:00:00Z", ends_at="2099-01-02T00:00:00Z")).json()
    assert told["state"] == "pending" and ids(api, "/silences?state=pending") == [told["id"]]
    SilenceFactory(starts_at=timezone.now() - timedelta(hours=1), ends_at=timezone.now())
    assert ids(api, "/silences?state=pending") == [told["id"]]


# people


def test_who_is_on_call_at_any_instant(api, ada, grace, at):
    layer = LayerFactory(schedule__key="primary", first_handoff_at=at, rotation="weeks", members=[ada, grace])
    OverrideFactory(schedule=layer.schedule, contact=grace, starts_at=at, ends_at=at + timedelta(hours=1))
    path = "/schedules/primary/on-call"
    told = api.get(f"{path}?at=2026-11-23T09:00:00Z").json()
    assert ([person["name"] for person in told["people"]], told["source"]) == (["grace"], "override")
    assert told["until"] == "2026-11-23T10:00:00Z"
    told = api.get(f"{path}?at=2026-11-23T10:00:00Z").json()
    assert ([person["name"] for person in told["people"]], told["layers"]) == (["ada"], ["weekly"])
    assert api.get(f"{path}?at=2026-11-01T10:00:00Z").json()["people"] == []
    shifts = api.get("/schedules/primary/shifts?since=2026-11-23T09:00:00Z&until=2026-12-01T00:00:00Z").json()["items"]
    assert [[person["name"] for person in shift["people"]] for shift in shifts] == [["grace"], ["ada"], ["grace"]]
    assert api.get("/schedules/primary/shifts?since=2026-11-23T09:00:00Z&until=2026-11-22T00:00:00Z").json() == {
        "items": []
    }
    problem(api.get("/schedules/nobody/on-call"), 404)
    detail = api.get("/schedules/primary").json()
    assert detail["on_call"]["source"] in ("layer", None) and detail["timezone"] == "UTC"


def test_addresses_are_shown_only_to_who_may_see_them(api, ada):
    user = UserFactory(username="reader")
    user.user_permissions.add(Permission.objects.get(content_type__app_label="oncall", codename="view_schedule"))
    reader = Api(ApiTokenFactory(name="reader", user=user))
    masked = reader.get(f"/contacts/{ada.pk}").json()["methods"][0]["address"]
    assert masked == "a…@example.org"
    assert api.get(f"/contacts/{ada.pk}").json()["methods"][0]["address"] == "ada@example.org"


def test_contacts_of_every_kind(api, ada):
    team = ContactFactory(kind="team", name="shop")
    team.members.add(ada)
    ContactMethodFactory(contact=team, kind="pigeon", address="loft 7")
    told = api.get("/contacts?kind=team").json()["items"]
    assert [contact["name"] for contact in told] == ["shop"] and told[0]["members"][0]["name"] == "ada"
    assert ids(api, "/contacts?active=false") == []


# doors, channels, changes


def test_doors_show_neither_key_nor_secret(api):
    door = IntegrationFactory(key="k-1234567", secret="hush-hush", kind="sentry")
    response = api.get(f"/doors/{door.pk}")
    assert response.json()["signed"] is True
    assert "k-1234567" not in response.content.decode() and "hush" not in response.content.decode()
    assert ids(api, "/doors?kind=sentry") == [door.pk]


def test_the_webhook_log_says_what_became_of_each(api):
    row = WebhookLogFactory(became={"alerts": [1]}, payload='{"token": "•••"}')
    refused = WebhookLogFactory(verdict="refused", status_code=401, reason="The signature is wrong.")
    assert ids(api, "/webhooks?verdict=refused") == [refused.pk]
    told = api.get(f"/webhooks/{row.pk}").json()
    assert told["became"] == {"alerts": [1]} and told["payload"] == '{"token": "•••"}'


def test_channels_and_how_they_were(api, at):
    channel = ChannelFactory(tenant="acme", status="DISCONNECTED")
    ChannelStatusFactory(channel=channel, status="CONNECTED", at=at, until=at + timedelta(hours=1))
    ChannelStatusFactory(channel=channel, status="DISCONNECTED", at=at + timedelta(hours=1))
    ChannelFactory(tenant="other", status="CONNECTED")
    assert ids(api, "/channels?tenant=acme&state=disconnected") == [channel.pk]
    history = api.get(f"/channels/{channel.pk}/history").json()["items"]
    assert [(row["state"], row["until"]) for row in history] == [
        ("DISCONNECTED", None),
        ("CONNECTED", "2026-11-23T10:00:00Z"),
    ]


def test_a_pipeline_records_its_deploy(api, at):
    body = {"summary": "4.2.1", "service": "checkout", "version": "4.2.1", "outcome": "succeeded",
            "links": [{"href": "https://ci.example.org/7", "text": "run"}], "labels": {"branch": "main"},
            "at": "2026-11-23T09:00:00Z"}  # fmt: skip
    response = api.post("/deploys", body)
    assert response.status_code == 201 and response.json()["kind"] == "deploy"
    flag = api.post("/changes", {"summary": "new basket on", "kind": "flag"}).json()
    other = ChangeFactory(service="search")
    assert set(ids(api, "/changes?service=checkout")) == {response.json()["id"], flag["id"]}
    assert ids(api, "/changes?kind=flag") == [flag["id"]]
    assert set(ids(api, "/deploys?until=2026-11-24T00:00:00Z")) == {response.json()["id"], other.pk}
    assert api.get(f"/changes/{flag['id']}").json()["summary"] == "new basket on"


# heartbeats


def test_a_heartbeat_is_made_changed_paused_resumed_and_deleted(api):
    response = api.post("/heartbeats", {"name": "nightly backup", "period": 86400, "grace": 3600, "severity": "P1"})
    made = response.json()
    assert response.status_code == 201 and (made["state"], made["period"], made["slug"]) == (
        "new",
        86400.0,
        "nightly-backup",
    )
    assert made["ping_url"].endswith(f"/ping/{made['id']}")
    path = f"/heartbeats/{made['id']}"
    told = api("PATCH", path, {"schedule": "cron", "expression": "30 3 * * *", "timezone": "Europe/Berlin"}).json()
    assert (told["schedule"], told["expression"], told["grace"]) == ("cron", "30 3 * * *", 3600.0)
    assert api.post(f"{path}/pause").json()["state"] == "paused"
    assert api.post(f"{path}/resume").json()["state"] == "new"
    assert api("DELETE", path).status_code == 204
    assert not Heartbeat.objects.exists() and not Integration.objects.exists()
    problem(api.get(path), 404)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"schedule": "cron", "expression": "every day"}, "body.expression"),
        ({"schedule": "oncalendar", "expression": ""}, "body.expression"),
        ({"schedule": "cron", "expression": "0 3 * * *", "timezone": "Mars/Olympus"}, "body.timezone"),
        ({"name": "taken"}, "body.name"),
    ],
)
def test_a_heartbeat_that_cannot_be_is_refused_by_field(api, body, field):
    HeartbeatFactory(name="taken")
    assert problem(api.post("/heartbeats", {"name": "job", **body}), 409)["errors"][0]["field"] == field
    assert Heartbeat.objects.count() == 1


def test_a_refused_change_changes_nothing(api):
    heartbeat = HeartbeatFactory(name="job")
    problem(api("PATCH", f"/heartbeats/{heartbeat.pk}", {"name": "other", "schedule": "cron", "expression": "x"}), 409)
    assert Heartbeat.objects.get().name == "job"


def test_a_heartbeat_whose_alert_fires_is_not_deleted(api):
    heartbeat = HeartbeatFactory(alerting=True)
    assert "pause it first" in problem(api("DELETE", f"/heartbeats/{heartbeat.pk}"), 409)["detail"]


def test_pings_are_listed(api):
    ping = PingFactory(exit_status=3, kind="fail", body="disk full", duration=timedelta(seconds=1.5))
    told = api.get(f"/heartbeats/{ping.heartbeat.pk}/pings").json()["items"]
    assert [(row["exit_status"], row["body"], row["duration"]) for row in told] == [(3, "disk full", 1.5)]
    assert ids(api, "/heartbeats?state=new") == [str(ping.heartbeat.pk)]


# the record


def test_the_load_in_force_of_each_pack(api, at):
    LoadedPackFactory(key="mailer", version="1", loaded_at=at)
    LoadedPackFactory(key="mailer", version="2", loaded_at=at + timedelta(days=1))
    LoadedPackFactory(key="shop", loaded_at=at)
    told = api.get("/packs").json()["items"]
    assert [(pack["key"], pack["version"]) for pack in told] == [("mailer", "2"), ("shop", "1")]
    assert api.get("/packs/mailer").json()["changes"] == ["created policy mailer"]
    problem(api.get("/packs/none"), 404)


def test_a_pack_is_dumped_as_it_stands(api, at):
    from packs import loader

    loader.load_file(loader.find("mailer"), at=at)
    told = api.get("/packs/mailer/dump").json()
    assert told["key"] == "mailer" and told["yaml"].startswith("pack:\n  key: mailer\n")
    levels = api.get("/policies/mailer").json()["severities"]
    assert [level["key"] for level in levels] == ["critical", "warning"]
    problem(api.get("/packs/none/dump"), 404)


def test_a_review_with_its_answers_and_actions(api, world):
    told = api.get(f"/reviews/{world['reviews']}").json()
    assert told["incident"] == world["incidents"] and told["author"]["name"] == "ada"
    assert [answer["prompt"] for answer in told["answers"]] == ["What caused it?"]
    assert [action["owner"]["name"] for action in told["actions"]] == ["ada"]
    assert ids(api, f"/reviews?state=draft&incident={world['incidents']}") == [world["reviews"]]


def test_a_shift_review_with_its_figures_and_manual_checks(api, world):
    told = api.get(f"/shift-reviews/{world['shift-reviews']}").json()
    assert (told["state"], told["policy"], told["schedule"]) == ("open", "checkout", "primary")
    assert [one["name"] for one in told["people"]] == ["ada"] and told["signed_by"] is None
    [metric] = told["metrics"]
    figures = [(one["label"], one["value"], one["trend"], one["before"]) for one in metric["figures"]]
    assert figures == [("pending", 4.0, "up", "2"), ("sent", 1.0, "", "")]
    assert [(one["toggle"], one["ticked_by"]["name"]) for one in told["manual"]] == [("ALERTS", "ada")]
    assert ids(api, "/shift-reviews?state=open&policy=checkout") == [world["shift-reviews"]]
    assert ids(api, "/shift-reviews?state=missed") == []
    problem(api.get("/shift-reviews/0"), 404)


def test_deliveries_show_no_address(api, world):
    secret = DeliveryFactory(address="https://hooks.example.org/T000/verysecret", hint="hooks.example.org/…cret",
                             thread="incident:7", status="sent", next_attempt_at=None)  # fmt: skip
    response = api.get(f"/deliveries/{secret.pk}")
    assert response.json()["address"] == "hooks.example.org/…cret" and "verysecret" not in response.content.decode()
    assert ids(api, "/deliveries?incident=7") == ids(api, "/deliveries?state=sent") == [secret.pk]
    assert api.get(f"/deliveries/{world['deliveries']}").json()["tries"][0]["outcome"] == "sent"
    code = DeliveryFactory(once="verification:1", subject="Your Opscenter code", text="123456 is the code.")
    assert "123456" not in api.get(f"/deliveries/{code.pk}").content.decode()


def test_tuning_tells_what_rules_were_worth(api, world):
    rule, number = world["rules"], world["threshold-reviews"]
    factories.FiringFactory(rule_id=rule, began_at=timezone.now() - timedelta(days=1), mark="not_actionable")
    factories.FiringFactory(rule_id=rule, began_at=timezone.now() - timedelta(days=1))
    told = api.get(f"/rules/{rule}/tuning").json()
    assert (told["fired"], told["not_actionable"], told["actionable_share"]) == (2, 1, 50)
    problem(api.get(f"/rules/{rule}/tuning?days=0"), 422)
    told = api.get(f"/threshold-reviews/{number}").json()
    assert (told["month"], told["false_share"], told["signed_by"]["name"]) == ("2026-10-01", 25, "ada")
    assert ids(api, "/threshold-reviews?month=2026-10-01&policy=checkout") == [number]
    assert ids(api, "/threshold-reviews?month=2026-09-01") == []
    assert api.get(f"/proposals/{world['proposals']}").json()["new"] == "5m"
    assert ids(api, "/proposals?state=open") == [world["proposals"]] and ids(api, "/proposals?state=applied") == []
    problem(api.get("/proposals/0"), 404)


def test_an_incident_is_rated(api, world):
    place = f"/incidents/{world['incidents']}/rate"
    problem(api.post(place, {"mark": "not_actionable", "reason": "Noise."}), 409)  # no alert of a rule fired in it
    firing = factories.FiringFactory(rule_id=world["rules"], incident_id=world["incidents"])
    problem(api.post(place, {"mark": "not_actionable"}), 409)
    assert api.post(place, {"mark": "not_actionable", "reason": "Noise."}).status_code == 200
    firing.refresh_from_db()
    assert firing.mark == "not_actionable"
