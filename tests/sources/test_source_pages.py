"""The pages that say what receives, what is silent, and what senders forget to tell."""

import http.server
import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from alerts.models import AlertRule
from opscenter import maintenance
from packs import loader
from sources.models import Connection, Event, Integration, WebhookLog
from tests.accounts import account, signed_in
from tests.factories import NINE, IntegrationFactory
from tests.packs.senders import Senders

DAY = timedelta(days=1)


@pytest.fixture
def senders(db, monkeypatch):
    loader.load_file(loader.find("deelrx-crm"), at=NINE)
    return Senders("deelrx-crm", monkeypatch)


@pytest.fixture
def ready():
    """An application that is ready, whatever it is asked."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def cards(page: str) -> dict[str, str]:
    """The cards of the sources page as text, by name."""
    found = {}
    for card in page.split('<li class="card')[1:]:
        name = card.partition("<strong>")[2].partition("</strong>")[0]
        found[name] = card.partition("</li>")[0]
    return found


@pytest.mark.req("DX-01")
def test_each_layer_of_a_pack_is_seen_to_receive(senders, ready, client, ada, monkeypatch):
    signed_in(client, ada, "Viewer")
    before = cards(client.get(reverse("sources")).content.decode())
    assert all("Never" in before[name] for name in ("DeelRx Sentry", "DeelRx Knock", "DeelRx Resend", "DeelRx Inngest"))
    monkeypatch.setenv("DEELRX_BASE_URL", ready)
    senders.sentry()
    senders.knock("delivered", "m1")
    senders.resend("delivered", "m2")
    senders.job("sync")
    assert senders.post("knock", {}, **{"X-Knock-Signature": "t=1,s=x"}).status_code == 401
    senders.check()
    after = cards(client.get(reverse("sources")).content.decode())
    for name, layer in {
        "DeelRx Sentry": "Application errors and performance issues",
        "DeelRx Knock": "Notification delivery failures",
        "DeelRx Resend": "Notification delivery failures",
        "DeelRx Inngest": "Background job failures and retries",
        "app": "Asked by 8 rules",
    }.items():
        assert "Receiving" in after[name] and layer in after[name] and "09:00:0" in after[name], name
    assert "1 event in 24 h" in after["DeelRx Sentry"] and "1 refused" in after["DeelRx Knock"]
    assert "Never" in after["DeelRx Stripe"]
    senders.go_on(DAY + timedelta(seconds=3))
    client.force_login(ada.user)
    assert "Silent" in cards(client.get(reverse("sources")).content.decode())["DeelRx Knock"]


def test_a_place_that_cannot_be_asked_fails_and_says_why(senders, client, ada):
    Connection.objects.filter(key="app").update(state="error", error="No connection to 127.0.0.1:9.")
    page = signed_in(client, ada, "Viewer").get(reverse("sources"), {"show": "failing"}).content.decode()
    assert list(cards(page)) == ["app"] and "No connection to 127.0.0.1:9." in page


def test_the_pages_want_a_right(client, ada):
    assert client.get(reverse("sources")).status_code == 302
    client.force_login(account(ada))
    assert [client.get(reverse(name)).status_code for name in ("sources", "data-quality")] == [403, 403]


WHOLE = {
    "user": {"id": "7", "email": "lovelace@example.net", "role": "admin"},
    "request": {"url": "https://crm.example/api/orders?token=s3cret&page=2", "method": "POST"},
    "transaction": "/api/orders",
    "contexts": {
        "request": {"parameters": {"page": "2", "api_key": "s3cret"}},
        "business": {"teamId": "t1", "operation": "order", "featureFlags": "new"},
        "technical": {"queries": ["SELECT 1"], "externalCalls": ["GET https://api.example"]},
    },
}


@pytest.mark.req("DX-18")
def test_missing_context_is_named_and_counted_and_people_are_masked(senders, client, ada, grace):
    senders.sentry(**{**WHOLE, "user": {"id": "7", "email": "lovelace@example.net"}})
    assert Event.objects.get().missing == ["user.role"]
    page = signed_in(client, ada, "Viewer").get(reverse("data-quality")).content.decode()
    assert "1 of 1 events lack something" in page and "<code>user.role</code></span><span>1 missing" in page
    assert "lovelace@example.net" not in page and "•••@example.net" in page
    assert "lovelace@example.net" in signed_in(client, grace, "Responder").get(reverse("data-quality")).content.decode()


@pytest.mark.req("DX-18")
def test_the_admin_masks_people_too(senders, client, ada):
    senders.sentry(**WHOLE)
    user = account(ada)
    user.is_staff = True
    user.save()
    user.user_permissions.add(Permission.objects.get(codename="view_event"))
    client.force_login(user)
    url = reverse("admin:sources_event_change", args=[Event.objects.get().pk])
    assert "lovelace@example.net" not in client.get(url).content.decode()
    user.user_permissions.add(Permission.objects.get(codename="see_persons_event"))
    assert "lovelace@example.net" in client.get(url).content.decode()


@pytest.mark.req("DX-19")
def test_secrets_among_parameters_are_not_kept(senders):
    senders.sentry(**WHOLE)
    event = Event.objects.get()
    assert event.missing == [] and "s3cret" not in str(event.data) + str(event.labels)


@pytest.mark.req("DX-21")
def test_an_event_without_technical_context_lacks_two_parts(senders):
    contexts = {name: told for name, told in WHOLE["contexts"].items() if name != "technical"}
    senders.sentry(**{**WHOLE, "contexts": contexts})
    assert Event.objects.get().missing == ["technical.queries", "technical.externalCalls"]


@pytest.mark.req("DX-19", "DX-20")
def test_the_incident_shows_whom_it_meets_and_where(senders, client, ada):
    AlertRule.objects.filter(key__in=["readiness", "database-test"]).update(enabled=False)
    for team in ("t1", "t2"):
        business = {"teamId": team, "operation": "order"}
        senders.sentry(**{**WHOLE, "contexts": {"business": business}}, tags={"system": "auth"})
    senders.check()
    incident = senders.incident("authentication")
    page = signed_in(client, ada, "Viewer").get(incident.get_absolute_url()).content.decode()
    panel = page.partition('id="impact-h"')[2].partition("</section>")[0]
    assert "teamId <small>2" in panel and "t1" in panel and "t2" in panel
    assert "/api/orders" in panel and "POST" in panel and "lovelace@example.net" not in page


def test_old_events_are_removed(senders, settings):
    settings.KEEP_EVENTS_DAYS = 3
    senders.sentry()
    assert maintenance.prune(at=senders.at + 3 * DAY)["events"] == 0
    assert maintenance.prune(at=senders.at + 3 * DAY + timedelta(seconds=1))["events"] == 1


def test_a_door_that_fell_silent_says_how_it_was_used_before(client, ada, db):
    door, now = IntegrationFactory(name="shop"), timezone.now()
    last = now - timedelta(days=30)
    rows = [
        WebhookLog(integration=door, at=last - n * timedelta(hours=4.8), verdict="accepted", status_code=202)
        for n in range(20)
    ]
    WebhookLog.objects.bulk_create(rows)
    Integration.objects.filter(pk=door.pk).update(last_seen_at=last)
    page = signed_in(client, ada, "Viewer").get(reverse("sources")).content.decode()
    assert "silent for 30d; 5 a day before" in cards(page)["shop"]
