"""The WhatsApp inbox' production runbook: its pages against the pack, ticked over HTTP; what its steps look at
and send, against the inbox itself."""

import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse

from alerts.models import Liveness
from channels_health.models import Channel
from incidents.models import Incident
from notifications.models import Delivery
from packs import lint, loader
from policies.models import Parameter
from runbooks.models import Run, Runbook
from sources.models import Connection, Heartbeat, Integration
from targets.loki import Loki
from tests.accounts import signed_in
from tests.factories import IntegrationFactory
from tests.packs.responding import Room
from tests.packs.test_response import on_call
from tests.runbooks.showing import check_shown, flat, pack_runbooks, shown_steps, tick_through

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
SAID = pack_runbooks("whatsapp-runbook")
P0_P1, P2 = (step["title"] for step in flat(SAID["communication-template"]))
WORKER = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"
RECONNECT = "/api/channels/acme/line-1/reconnect"
CRON = "Cron run otomatis akan recover."
WATCHES = ["`GET /api/health` returns `ok`/`degraded` not `down`.", "Super Admin alerts 15 menit pertama."]


class Inbox(Room):
    """The inbox at the page's other end."""

    def __init__(self, watch, client) -> None:
        super().__init__(watch, client)
        self.inbox = watch.target


@pytest.fixture
def room(watch_whatsapp, load, client, ada, monkeypatch):
    monkeypatch.setenv("CAMPAIGN_RETRY_TOKEN", watch_whatsapp.target.job_token)
    monkeypatch.setenv("WHATSAPP_WEBHOOK_VERIFY_TOKEN", watch_whatsapp.target.verify_token)
    load("whatsapp-runbook")
    monkeypatch.setattr("django.utils.timezone.now", lambda: watch_whatsapp.at)
    return Inbox(watch_whatsapp, signed_in(client, ada, "Incident Commander"))


@pytest.mark.req("RB-04", "RB-39", "RB-40", "RB-41")
def test_every_runbook_is_shown_as_it_is_written_and_can_be_ticked(room):
    assert lint.lint_file(loader.find("whatsapp-runbook")) == []
    chapters = list(dict.fromkeys(said["chapter"] for said in SAID.values()))
    assert sorted(chapters) == [
        "1) Normal Deployment", "2) Incident Response", "3) Recovery Actions", "4) Rollback",
        "5) Communication Template",
    ]  # fmt: skip
    library = room.client.get(reverse("runbooks")).content.decode()
    places = [library.index(chapter) for chapter in sorted(chapters)]
    assert places == sorted(places)
    assert set(Runbook.objects.values_list("key", flat=True)) == set(SAID)
    for key, said in SAID.items():
        run = room.start(key, room.declare("P1") if key == "communication-template" else None)
        check_shown(room.client, run, said, hidden=[CRON, P2])
        tick_through(room.client, run, said, skip=WATCHES)
    deployment, rollback = (flat(SAID[key]) for key in ("normal-deployment", "rollback"))
    assert deployment[1]["command"] == "npm run db:deploy"
    assert SAID["rollback"]["steps"][2]["title"].startswith("Stop new workers")
    schema = next(step for step in rollback if step.get("key") == "schema")
    assert (schema["command"], schema["warning"]) == (
        "npm run db:deploy", "Hindari rollback migrasi jika belum direncanakan.",
    )  # fmt: skip
    assert "npm run ops:readiness" in [step.get("command") for step in rollback]


@pytest.mark.req("RB-05", "RB-06", "RB-07")
def test_a_deployment_lists_the_variables_and_confirms_app_and_worker(room, monkeypatch):
    monkeypatch.setenv("WHATSAPP_WEBHOOK_SECRET", "very-secret-signature")
    run = room.start("normal-deployment")
    assert set(room.step(run, "variables").variables) >= {
        "CAMPAIGN_RETRY_ALERT_WEBHOOK_URL", "CAMPAIGN_RETRY_ALERT_ON_FAILURE", "RETRY_WORKER_STALE_MINUTES",
        "WEBHOOK_FAILURE_RATE_THRESHOLD_PER_HOUR", "WHATSAPP_WEBHOOK_SECRET", "WHATSAPP_WEBHOOK_VERIFY_TOKEN",
    }  # fmt: skip
    page = room.client.get(run.get_absolute_url()).content.decode()
    assert "very-secret-signature" not in page and room.inbox.verify_token not in page
    assert room.inbox.job_token not in page
    room.inbox.health("down")
    assert "probe failing" in room.ask(run, "app")
    room.inbox.trouble(close=True)
    assert "probe failing" in room.ask(run, "app")
    room.inbox.reset()
    assert "✓" in room.ask(run, "app")

    call_command("integration", "add", "heartbeat", "campaign-retry-worker", "--key", WORKER, "--period", "10m")
    Heartbeat.objects.update(created_at=room.watch.at - HOUR)
    room.go_on(30 * SECOND)
    assert "Done" not in room.step(run, "worker").state
    assert room.client.post(f"/api/heartbeat/{WORKER}").status_code in (200, 202)
    room.go_on(30 * SECOND)
    assert re.search(r"Done 09:01.*confirmed by itself", " ".join(room.step(run, "worker").state.split()))


@pytest.mark.req("RB-11")
def test_after_a_deployment_new_criticals_are_seen(room):
    run = room.start("normal-deployment")
    assert room.tick(run, "deploy", **{"field-commit": "abc123"}).status_code == 302
    room.go_on(MINUTE)
    assert "✓" in room.ask(run, "watch-spikes")
    room.go_on(4 * MINUTE)
    room.inbox.health("down")
    room.watch.check("health-down")
    shown = room.ask(run, "watch-spikes")
    assert "✗" in shown and "1 critical alert " in shown
    links = dict(room.step(run, "watch-spikes").links)
    assert links["/super-admin/alerts"] == f"{room.inbox.url}/super-admin/alerts"
    assert links["/super-admin/webhook-logs"] == f"{room.inbox.url}/super-admin/webhook-logs"


@pytest.mark.req("RB-24")
def test_whoever_is_on_call_is_told_by_hand(room, grace):
    on_call(grace)
    incident = room.declare("P2")
    run = Run.objects.get(incident=incident, runbook__key="immediate-actions")
    before = set(Delivery.objects.values_list("pk", flat=True))
    sent = {"text": "Lock stuck sejak 08:40, tolong bantu.", "nonce": "1"}
    for _ in range(2):  # a nervous thumb
        room.client.post(reverse("run-letter", args=[run.pk, "notify", 0]), sent)
    new = Delivery.objects.exclude(pk__in=before)
    assert [delivery.to for delivery in new] == ["grace"]
    told = room.texts(incident)
    assert "Lock stuck sejak 08:40, tolong bantu." in told and "ada" in told


@pytest.mark.req("RB-25", "RB-30", "RB-33")
@pytest.mark.parametrize(
    ("rule", "pull", "first"),
    [
        ("retry-failed", None, "retry-worker-stuck"),
        ("webhook-failures", ("webhooks", {"failed": 21}), "webhook-spike"),
        ("channels-disconnected", ("channels", {"tenant": "acme", "disconnected": 2}), "channel-disconnected"),
    ],
)
def test_what_fires_brings_its_recovery_first(room, rule, pull, first):
    for _ in range(3 if pull is None else 1):
        if pull:
            getattr(room.inbox, pull[0])(**pull[1])
        else:
            room.inbox.job_run("failed")
        room.watch.check(rule)
        room.watch.go_on(MINUTE)
    incident = Incident.objects.get()
    runs = Run.objects.filter(incident=incident).order_by("rank", "pk").select_related("runbook")
    assert runs[0].runbook.key == first
    assert "immediate-actions" in [run.runbook.key for run in runs]
    page = room.client.get(incident.get_absolute_url()).content.decode()
    assert page.index(SAID[first]["title"]) < page.index(SAID["immediate-actions"]["title"])
    links = dict(shown_steps(room.client.get(runs[0].get_absolute_url()).content.decode())[0].links)
    if first == "webhook-spike":
        assert links == {"Status provider WhatsApp": "https://metastatus.com/whatsapp-business-api"}
    if first == "channel-disconnected":
        known = room.client.get(links["Channel"]).content.decode()
        assert "Tenant acme: 2 channel disconnected" in known and f"{incident.detected_at:%H:%M}" in known
        other = room.client.get(links["Channel"].replace("acme", "borneo")).content.decode()
        assert "channel disconnected" not in other
        door = IntegrationFactory(kind="channels", name="push", key="push")
        push(room.client, door, "DISCONNECTED", tenant="borneo")
        push(room.client, door, "DISCONNECTED")
        shown = room.client.get(links["Channel"]).content.decode()
        assert "line-1" in shown and "borneo" not in shown
        assert f"{room.watch.at:%H:%M}" in shown  # since when


def push(client, door: Integration, status: str, *, tenant: str = "acme", channel: str = "line-1", **ids: str) -> None:
    told = {"tenant": tenant, "channel": channel, "status": status, **ids}
    head = {"Authorization": f"Bearer {door.key}"}
    answer = client.post("/api/channels/status", told, content_type="application/json", headers=head)
    assert answer.status_code == 202, answer.content


@pytest.mark.req("RB-26")
def test_a_scheduled_run_recovers_by_itself_and_a_daemon_is_restarted(room):
    assert room.step(room.start("retry-worker-stuck"), "restart").title.endswith("restart worker daemon/service.")
    Parameter.objects.filter(key="RETRY_WORKER_MODE").update(stored="cron")
    for _ in range(3):
        room.inbox.job_run("failed")
        room.watch.check("retry-failed")
        room.go_on(MINUTE)
    incident = Incident.objects.get()
    run = Run.objects.get(incident=incident, runbook__key="retry-worker-stuck")
    assert shown_steps(room.client.get(run.get_absolute_url()).content.decode(), run)[0].key == "cron"
    room.inbox.job_run("ok")
    room.go_on(30 * SECOND)
    room.watch.check("retry-failed")
    assert "recovered by scheduled run" in room.texts(incident)
    assert not Liveness.objects.filter(firing=True).exists()


@pytest.mark.req("RB-27")
@pytest.mark.parametrize("status", [401, 403])
def test_a_token_is_accepted_or_rejected_and_never_called_down(room, status):
    """The inbox answers: what it refuses is the token, and that is told in so many words."""
    run = room.start("retry-worker-stuck")
    green = room.ask(run, "token")
    assert "✓" in green and "token accepted" in green and "token rejected" not in green
    room.inbox.trouble(path="/api/jobs/campaign-retry", status=status)
    red = room.ask(run, "token")
    assert "✗" in red and "token rejected" in red and "token accepted" not in red
    assert "down" not in red and "probe failing" not in red
    room.inbox.no_trouble()
    assert "token accepted" in room.ask(run, "token")


@pytest.mark.req("RB-27")
def test_a_token_that_the_inbox_does_not_know_is_rejected(room, monkeypatch):
    monkeypatch.setenv("CAMPAIGN_RETRY_TOKEN", "expired-token")
    run = room.start("retry-worker-stuck")
    shown = room.ask(run, "token")
    assert "✗" in shown and "token rejected" in shown
    assert "expired-token" not in room.client.get(run.get_absolute_url()).content.decode()


def _the_log_is_shown_or_linked(room, monkeypatch):
    run = room.start("retry-worker-stuck")
    assert "not set: WHATSAPP_LOKI_URL" in " ".join(room.ask(run, "logs").split())
    monkeypatch.setenv("WHATSAPP_LOGS_URL", "https://logs.example/retry")
    assert room.step(run, "logs").links == [("Logs", "https://logs.example/retry")]
    with Loki() as loki:
        for number in range(25):
            words = "campaign-retry" if number else "something else"
            loki.line(f"{words} run {number}", labels={"app": "whatsapp-inbox"}, at=room.watch.at - number * SECOND)
        Connection.objects.filter(key="inbox-logs").update(url=loki.url)
        shown = room.ask(run, "logs")
    assert [f"run {number}" in shown for number in (0, 1, 20, 21)] == [False, True, True, False]


def _the_handshake_tells_whether_the_verify_token_is_right(room, monkeypatch):
    run = room.start("webhook-spike")
    step = room.step(run, "keys")
    assert step.variables == ["WHATSAPP_WEBHOOK_SECRET", "WHATSAPP_WEBHOOK_VERIFY_TOKEN"]
    shown = room.ask(run, "keys")
    assert "✓" in shown and "echo ok" in shown
    monkeypatch.setenv("WHATSAPP_WEBHOOK_VERIFY_TOKEN", "wrong-token")
    shown = room.ask(run, "keys")
    assert "✗" in shown and "403" in shown
    page = room.client.get(run.get_absolute_url()).content.decode()
    assert "wrong-token" not in page and room.inbox.verify_token not in page


def _the_backlog_shows_the_newest_failed_events(room):
    run = room.start("webhook-spike")
    room.inbox.webhooks(failed=15, ago=10 * MINUTE)
    room.inbox.webhooks(failed=10, processed=3, ago=MINUTE, keep=True)
    assert room.client.post(reverse("run-ask", args=[run.pk, "backlog"])).status_code == 302
    [item] = run.live_items.filter(step="backlog")
    assert item.columns == ["id", "createdAt", "error"] and len(item.rows) == 10
    assert all("08:59" in row[1] and row[2].startswith("Provider timeout") for row in item.rows)
    html = room.client.get(run.get_absolute_url()).content.decode()
    assert all(row[0] in html for row in item.rows)


@pytest.mark.req("RB-34", "RB-35")
def test_a_channel_is_compared_and_reconnected(room, monkeypatch, load):
    door = IntegrationFactory(kind="channels", name="push", key="push", policy=room.watch.policy)
    for channel in ("line-1", "line-2"):
        push(room.client, door, "CONNECTED", channel=channel, phoneNumberId="106", wabaId="208")
        push(room.client, door, "DISCONNECTED", channel=channel, phoneNumberId="107", wabaId="208")
    page = room.client.get(reverse("channel", args=[Channel.objects.get(key="line-1").pk])).content.decode()
    assert "changed, was 106" in page and page.count("changed, was") == 1
    room.inbox.channels("acme", disconnected=2)
    room.watch.check("channels-told-disconnected")
    incident = Incident.objects.get()
    run = Run.objects.get(incident=incident, runbook__key="channel-disconnected")
    items = [
        one for one in shown_steps(room.client.get(run.get_absolute_url()).content.decode()) if one.number[-1] in "abc"
    ]
    assert [one.title for one in items] == ["phone number ID", "token", "WABA ID"]
    for one in items:
        assert room.tick(run, one.key).status_code == 302

    url = reverse("run-action", args=[run.pk, "reconnect", "reconnect-channel"])
    ask = {"tenant": "acme", "channel": "line-1", "confirm": "yes", "nonce": "1"}
    assert "WHATSAPP_RECONNECT_TOKEN" in room.client.get(run.get_absolute_url()).content.decode()  # switched off
    room.client.post(url, ask)
    assert room.inbox.received(RECONNECT) == []
    monkeypatch.setenv("WHATSAPP_RECONNECT_TOKEN", "reconnect-secret")
    monkeypatch.setenv("WHATSAPP_RECONNECT_SOP_URL", "https://wiki.example/sop")
    assert ("SOP integrasi channel", "https://wiki.example/sop") in room.step(run, "reconnect").links
    for _ in range(2):
        room.client.post(url, ask)
    [sent] = room.inbox.received(RECONNECT)
    assert sent.status == 202
    assert sent.headers["X-Opscenter-Signature"].startswith("t=")
    room.watch.go_on(MINUTE)
    push(room.client, door, "CONNECTED", phoneNumberId="106")
    room.watch.check("channels-told-disconnected")
    assert not Liveness.objects.filter(firing=True).exists()


@pytest.mark.req("RB-14")
def test_late_notifications_are_p2_while_the_service_works_and_many_channels_p1(room):
    def levels() -> list[str]:
        for _ in range(2):  # what health hid is seen at the look after it came back
            room.watch.go_on(MINUTE)
            room.watch.check("health-down", "notifications-late", "channels-many")
        return [level for level, _ in room.watch.incidents]

    room.inbox.retries_waiting(50)
    assert levels() == []
    room.inbox.retries_waiting(60)
    room.inbox.health("down")
    assert levels() == ["P0"]
    room.inbox.health("ok")
    assert levels() == ["P0", "P2"]
    for number in range(5):
        assert levels() == ["P0", "P2"]
        room.inbox.channels(f"tenant-{number}", disconnected=1)
    assert levels() == ["P0", "P2", "P1"]
    assert room.watch.incidents[-1][1] == "Banyak channel disconnected: 5 di semua tenant"


@pytest.mark.req("AP-25")
def test_p3_is_taken_in_the_next_business_cycle_and_nothing_else_is_promised(room):
    room.watch.at = room.watch.at.replace(day=27, hour=11)  # Friday 18:00 in Jakarta
    incident = room.declare("P3")
    [target] = incident.targets.all()
    assert (target.kind, f"{target.due_at:%a %H:%M}") == ("acknowledge", "Mon 10:00")  # 17:00 in Jakarta
    page = " ".join(room.client.get(incident.get_absolute_url()).content.decode().split())
    assert "no mitigation target" in page.lower()
    assert [str(owner) for owner in incident.owners.all()] == ["Platform"]


@pytest.mark.req("RB-29", "RB-32", "RB-31")
def test_what_the_recovery_steps_look_at(room, monkeypatch):
    _the_log_is_shown_or_linked(room, monkeypatch)
    _the_backlog_shows_the_newest_failed_events(room)
    _the_handshake_tells_whether_the_verify_token_is_right(room, monkeypatch)
