"""The dashboards of the DeelRx pack, told over HTTP as its senders tell and read over HTTP as people read."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from alerts import evaluation
from alerts.models import AlertRule
from dashboards import sampling
from dashboards.models import Panel
from targets.deelrx import DeelRx
from tests.factories import NINE, UserFactory
from tests.packs.senders import Senders
from tests.packs.test_deelrx_target import Stage

PACK = "deelrx-crm"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def viewer() -> Client:
    from django.contrib.auth.models import Group

    user = UserFactory()
    user.groups.add(Group.objects.get(name="Viewer"))
    client = Client()
    client.force_login(user)
    return client


class Board:
    """A dashboard of the policy as a viewer sees it."""

    def __init__(self, key: str) -> None:
        self.client, self.url = viewer(), reverse("dashboard", args=[PACK, key])

    def panels(self, **query: str) -> dict[str, dict]:
        found = self.client.get(self.url, {**query, "format": "json"}).json()
        return {panel["key"]: panel for panel in found["panels"]}

    def page(self, **query: str) -> str:
        page = self.client.get(self.url, query)
        assert page.status_code == 200
        return page.content.decode()

    def html(self, panel: str, **query: str) -> str:
        """The part of the page that shows this panel."""
        return part(self.page(**query), panel)


def part(page: str, panel: str) -> str:
    return page.partition(f'id="panel-{panel}"')[2].partition("</section>")[0]


def rows(panel: dict) -> dict[str, float | None]:
    return {line["name"]: line["value"] for line in panel["lines"]}


@pytest.fixture
def deelrx(pack_of_module, db, monkeypatch):
    monkeypatch.setenv("DEELRX_BASE_URL", "http://127.0.0.1:9")
    return Senders(PACK, monkeypatch)


@pytest.fixture
def stage(pack_of_module, db, monkeypatch):
    with DeelRx() as crm:
        monkeypatch.setenv("DEELRX_BASE_URL", crm.url)
        AlertRule.objects.filter(key="database-test").update(enabled=False)
        yield Stage(monkeypatch, crm)


@pytest.mark.req("DX-26")
def test_how_often_the_fallback_is_used(deelrx):
    """Of 40 notifications 34 went by Knock and 6 by Resend; each is one, however many events tell of it."""
    board = Board("notifications")
    assert "no data" in board.html("fallback")
    first = [{"kind": "notification", "subject": f"n{number}"} for number in range(34)]
    deelrx.events(*({**one, "outcome": outcome} for one in first for outcome in ("queued", "delivered")))
    deelrx.go_on(2 * HOUR)
    fell_back = {"notification_id": "", "fallback": "true"}
    for number in range(34, 40):
        deelrx.events({"kind": "notification", "subject": f"n{number}", "outcome": "failed"})
        deelrx.resend("delivered", f"e{number}", notification_id=f"n{number}")
        deelrx.events({"kind": "notification", "subject": f"n{number}", "outcome": "delivered",
                       "labels": {**fell_back, "notification_id": f"n{number}"}})  # fmt: skip
    deelrx.go_on(MINUTE)

    panel = board.panels()["fallback"]
    assert (panel["value"], panel["shown"]) == (15.0, "15 %")
    assert panel["figures"] == {"count": 6.0, "total": 40.0}
    html = board.html("fallback")
    assert "15 %" in html and "<circle" in html
    assert html.count('class="limit-label"') == 1, "the rule's limit of 20 % is drawn, as it is near"
    series = [value for _, value in panel["lines"][0]["points"]]
    assert [value for value in series if value] == [100.0], "the six came within one slice of the series"
    assert 0.0 in series, "and before them none of those that were told of fell back"
    last_hour = board.panels(range="1h")["fallback"]
    assert (last_hour["value"], last_hour["before"]) == (100.0, None)
    assert board.panels(**{"from": "now-3h", "to": "now-1h"})["fallback"]["shown"] == "0 %"


@pytest.mark.req("DX-33")
def test_the_step_that_monitors_the_fallback_leads_to_its_panel(deelrx):
    from incidents import lifecycle
    from incidents.models import Incident
    from runbooks.models import Run

    for number in range(11):
        deelrx.knock("undelivered", f"k{number}")
    deelrx.check()
    incident = Incident.objects.get(alerts__alert__key="delivery-failures")
    run = Run.objects.get(incident=incident, runbook__key="knock-degradation")
    for number in range(24):
        deelrx.resend("delivered", f"r{number}")
    deelrx.resend("failed", "r24")
    deelrx.go_on(5 * MINUTE)
    client = viewer()

    def link() -> str:
        page = client.get(run.get_absolute_url()).content.decode()
        found = page.partition("/dashboards/deelrx-crm/notifications/fallback-success/")
        return (found[1] + found[2].partition('"')[0]).replace("&amp;", "&")

    assert "from=2026-11-23T08%3A50" in link() and link().endswith("to=now"), "from shortly before it until now"
    page = client.get(link())
    assert page.status_code == 200 and "96 %" in page.content.decode()
    lifecycle.resolve(incident, by=None, at=deelrx.at)
    deelrx.go_on(24 * HOUR)
    assert "to=2026-11-23T09%3A15" in link(), "once it is over, until shortly after it"
    assert "96 %" in client.get(link()).content.decode()
    elsewhere = client.get(link().replace("2026-11-23", "2026-11-22")).content.decode()
    assert "no data" in elsewhere and "96 %" not in elsewhere


@pytest.mark.req("DX-114")
def test_the_sentry_dashboard(stage):
    board = Board("sentry")
    assert all(panel["value"] is None and panel["shown"] == "no data" for panel in board.panels().values())
    stage.crm.requests("/api/orders", ok=97, failed=3, seconds=0.2, release="2026.11.1")
    stage.crm.requests("/api/teams", ok=99, failed=1, seconds=0.2, release="2026.11.1")
    stage.go_on(30 * HOUR)
    stage.crm.requests("/api/orders", ok=90, failed=10, seconds=0.6, release="2026.11.2")
    stage.crm.requests("/api/teams", ok=98, failed=2, seconds=0.5, release="2026.11.2")
    for user in ("7", "8", "8", "9"):
        stage.crm.sentry(issue="4", title="TypeError", user=user, release="2026.11.2")
    stage.go_on(MINUTE)

    panels = board.panels(range="2d")
    # (d) both releases, each with its own share
    assert rows(panels["releases"]) == {"2026.11.2": 6.0, "2026.11.1": 2.0}
    html = board.html("releases", range="2d")
    assert "6 %" in html and "2 %" in html and "2026.11.2" in html
    # (a) by endpoint
    assert rows(panels["errors-by-endpoint"]) == {"/api/orders": 6.5, "/api/teams": 1.5}
    assert panels["errors-by-endpoint"]["lines"][0]["figures"] == {"count": 13.0, "total": 200.0}
    # (b) the trend: now against the time before
    day = board.panels(range="1d")
    assert (day["performance"]["value"], day["performance"]["before"]) == (0.6, 0.2)
    assert "0.6 s" in board.html("performance", range="1d") and "before 0.2 s, +200 %" in board.html("performance")
    # (c) people, not events
    assert day["users"]["value"] == 3.0 and day["users"]["figures"] == {"count": 16.0}
    assert rows(day["users-by-issue"]) == {"TypeError": 3.0}
    # the deep link keeps the time that is shown
    html = board.html("performance", **{"from": "2026-11-23T00:00:00Z", "to": "2026-11-24T00:00:00Z"})
    kept = "start=2026-11-23T00%3A00%3A00Z&amp;end=2026-11-24T00%3A00%3A00Z"
    assert f'href="https://sentry.io/performance/?{kept}"' in html


PANELS = {  # the document's three boards: what each must show, whatever the pack says
    "sentry": {
        "errors-by-endpoint", "error-rate", "issues", "performance", "performance-by-endpoint", "users",
        "users-by-issue", "releases", "errors-by-release",
    },
    "application": {
        "response-times", "queries", "query-time", "job-success", "job-success-by-name", "backlog", "feature-gates",
        "feature-gate-errors",
    },
    "infrastructure": {"memory", "cpu", "event-loop", "pools", "external", "external-calls", "cache"},
}  # fmt: skip


@pytest.mark.req("DX-115", "DX-116")
def test_each_panel_shows_values_after_the_demo_feed_and_no_data_before(stage):
    boards = {key: Board(key) for key in PANELS}
    for name, board in boards.items():
        panels = board.panels()
        assert set(panels) == PANELS[name]
        for key, panel in panels.items():
            assert panel["value"] is None and panel["shown"] == "no data" and panel["has_data"] is False, key
        assert board.page().count(">no data<") == len(PANELS[name])
    stage.crm.hour()
    stage.crm.happened("query", "SELECT teams", 5, 0.1)
    evaluation.check_due(at=stage.at, rules=stage.policy.rules.all(), force=True)
    assert sampling.sample_due(at=stage.at) == Panel.objects.filter(kind="source").count() == 3
    assert sampling.sample_due(at=stage.at) == 0, "read once in its turn"
    stage.go_on(MINUTE)
    evaluation.check_due(at=stage.at, rules=stage.policy.rules.all(), force=True)
    sampling.sample_due(at=stage.at)
    shown = {}
    for name, board in boards.items():
        page, panels = board.page(), board.panels()
        assert set(panels) == PANELS[name]
        for key, panel in panels.items():
            assert panel["value"] is not None and panel["has_data"] and not panel["fault"], key
            assert panel["shown"] in part(page, key) and "no data" not in part(page, key), key
        shown |= {key: panel["shown"] for key, panel in panels.items()}
    assert shown["response-times"] == "0.4 s" and shown["job-success"] == "90 %" and shown["feature-gates"] == "30"
    assert (shown["queries"], shown["query-time"]) == ("0.06 s", "0.02 s"), "as told, and as measured"
    application = boards["application"].panels()
    assert rows(application["queries"]) == pytest.approx({"SELECT teams": 0.1, "SELECT orders": 0.05})
    assert rows(application["query-time"]) == {"app-1": 0.02}
    assert shown["feature-gate-errors"] == "0 %", "there was something to tell, and none of it failed"
    assert (shown["memory"], shown["cpu"], shown["event-loop"]) == ("45 %", "20 %", "0.01 s")
    assert (shown["pools"], shown["external"], shown["cache"]) == ("20 %", "0.2 s", "95 %")
    infrastructure = boards["infrastructure"].panels()
    assert rows(infrastructure["external"]) == {"stripe": 0.2, "knock": 0.1}
    assert len(infrastructure["pools"]["lines"][0]["points"]) == 2

    stage.crm.trouble("/metrics", status=503)
    stage.go_on(MINUTE)
    sampling.sample_due(at=stage.at)
    panel = boards["infrastructure"].panels()["cache"]
    assert panel["lines"][0]["points"][-1][1] is None and "503" in panel["fault"], "a gap, and not 0"
    assert "503" in boards["infrastructure"].html("cache")


@pytest.mark.req("DX-116")
def test_what_prometheus_knows_is_asked_of_it_first(stage, monkeypatch):
    from targets.prometheus import Prometheus

    with Prometheus() as prometheus:
        monkeypatch.setenv("DEELRX_PROMETHEUS_URL", prometheus.url)
        prometheus.sample("cache_hit_percent", 71.5, labels={"instance": "app-1"}, at=NINE)
        prometheus.hold_clock(NINE)
        sampling.sample_due(at=stage.at)
    assert Board("infrastructure").panels()["cache"]["shown"] == "71.5 %"
