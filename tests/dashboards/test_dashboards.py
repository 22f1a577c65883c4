"""Dashboards of any pack: what is wrong with one is told, what is read is kept, what others know is not shown."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from dashboards import sampling, spans
from dashboards.models import Dashboard, Panel, PanelSample
from incidents import lifecycle
from notifications import outbox
from packs import loader
from policies.models import Policy
from tests.accounts import signed_in
from tests.factories import (
    NINE,
    ApiTokenFactory,
    ChangeFactory,
    DashboardFactory,
    DestinationFactory,
    IncidentFactory,
    PanelFactory,
    PanelSourceFactory,
    PolicyFactory,
    ServiceFactory,
    UserFactory,
)

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PACK = """
pack: {key: shop, name: Shop, version: 1, service: shop}
severities: [{key: P1, label: High}]
destinations: [{key: team, kind: slack, address: "https://chat.example.org/x"}]
routes: [{to: team, default: true}]
params: {PROMETHEUS: {type: text}, GRAFANA: {type: text, default: "https://grafana.example.org"}}
rules: [{key: stock, severity: P1, source: {http: {url: "https://shop.example.org", json: n}}, when: value < 1}]
dashboards:
  - key: main
    name: Main
    panels: [PANELS]
"""
GOOD = """{key: orders, title: Orders, events: {kind: order, of: {outcome: failed}}, compare: true,
    links: [{text: Grafana, href: "${GRAFANA}/d/1?from={from_ms}&to={to_ms}"}]},
  {key: stock, title: Stock, rule: stock},
  {key: hits, title: Hits, source: {prometheus: {url: "${PROMETHEUS}", query: hits}}, every: 30s, on_incident: true}"""


def load(panels: str, **options) -> loader.Loaded:
    return loader.load(PACK.replace("PANELS", panels), name="shop.yaml", at=NINE, **options)


@pytest.mark.parametrize(
    ("panel", "words"),
    [
        ("{key: a, title: A}", "says where its figures come from, once"),
        ("{key: a, title: A, rule: stock, events: {kind: x}}", "says where its figures come from, once"),
        ("{key: a, title: A, rule: stok}", "There is no rule 'stok'; did you mean stock?"),
        ("{key: a, title: A, objective: none}", "There is no objective 'none'"),
        ("{key: a, title: A, events: {kind: x, window: 5m}}", "panels.a.events.window: Leave 'window' out"),
        ("{key: a, title: A, events: {kynd: x}}", "There is no such key here"),
        ("{key: a, title: A, deliveries: {kynd: x}}", "panels.a.deliveries.kynd"),
        ("{key: a, title: A, events: {kind: x}, field: speed}", "There is no figure 'speed' here; allowed: count"),
        ("{key: a, title: A, rule: stock, compare: true}", "Only panels of events and deliveries"),
        ("{key: a, title: A, events: {kind: x}}, {key: a, title: B, rule: stock}", "There are two panels 'a'"),
        ("{key: a, title: A, events: {kind: x}, links: [{text: S, href: '${NOPE}'}]}", "There is no parameter 'NOPE'"),
        ("", "needs 1 or more members"),
    ],
)
def test_what_is_wrong_with_a_panel_is_told_with_its_place(db, panel, words):
    with pytest.raises(loader.PackRefused) as refused:
        load(panel)
    assert words in str(refused.value) and "shop.yaml:" in str(refused.value)
    assert not Dashboard.objects.exists()


def test_a_dashboard_is_loaded_changed_and_taken_away_with_its_pack(db):
    assert load(GOOD).changed_anything
    hits = Panel.objects.get(key="hits")
    assert hits.sample_at and hits.every == timedelta(seconds=30) and hits.sources.get().kind == "prometheus"
    assert not load(GOOD).changed_anything, "loaded twice changes nothing"
    load(GOOD.replace("Orders", "All orders").replace("query: hits", "query: misses"))
    assert list(Panel.objects.values_list("title", flat=True)) == ["All orders", "Stock", "Hits"]
    assert hits.sources.get().spec["query"] == "misses"
    loader.load(PACK.partition("dashboards:")[0], name="shop.yaml", at=NINE)
    assert not Dashboard.objects.exists() and not Panel.objects.exists()


def test_the_pages_need_the_right_and_tell_a_time_that_cannot_be_shown(db, grace, monkeypatch):
    load(GOOD)
    monkeypatch.setattr("django.utils.timezone.now", lambda: NINE)
    client, page = signed_in(Client(), grace, "Viewer"), reverse("dashboard", args=["shop", "main"])
    assert client.get(reverse("dashboards")).status_code == client.get(page).status_code == 200
    assert Client().get(page).status_code == 302
    nobody = Client()
    nobody.force_login(UserFactory())
    assert nobody.get(page).status_code == nobody.get(reverse("dashboards")).status_code == 403
    assert client.get(reverse("panel", args=["shop", "main", "none"])).status_code == 404
    for query in ("range=forever", "from=soon", "from=2026-11-23T10:00Z&to=2026-11-23T09:00Z", "range=900d"):
        told = client.get(f"{page}?{query}")
        assert told.status_code == 200 and b'role="alert"' in told.content, query
    day = client.get(f"{page}?from=1763856000000&to=1763942400").content.decode()
    assert "d/1?from=1763856000000&amp;to=1763942400000" in day, "links of the pack keep the time"


@pytest.mark.parametrize(
    ("given", "length", "end"),
    [
        ({}, HOUR, NINE),
        ({"range": "6h"}, 6 * HOUR, NINE),
        ({"from": "now-2h"}, 2 * HOUR, NINE),
        ({"from": "now-2h", "to": "now-1h"}, HOUR, NINE - HOUR),
        ({"to": "2026-11-23T08:00:00+00:00"}, HOUR, NINE - HOUR),
        ({"from": "2026-11-23T08:30:00 00:00"}, 30 * MINUTE, NINE),
    ],
)
def test_the_time_shown(given, length, end):
    span = spans.read(given, HOUR, at=NINE)
    assert (span.length, span.end) == (length, end)


def test_a_source_is_read_in_its_turn_and_what_stays_the_same_shares_a_row(db, tmp_path):
    import sqlite3

    path = tmp_path / "shop.sqlite3"
    with sqlite3.connect(path) as shop:
        shop.execute("CREATE TABLE stock (n INTEGER)")
        shop.execute("INSERT INTO stock VALUES (7)")
    panel = PanelFactory(kind="source", every=MINUTE)
    PanelSourceFactory(panel=panel, spec={"url": f"sqlite:///{path}", "query": "SELECT n FROM stock"})
    for minute in (0, 1, 2):
        assert sampling.sample_due(at=NINE + minute * MINUTE) == 1
    [row] = PanelSample.objects.all()
    assert (row.times, row.value, row.until) == (3, 7.0, NINE + 2 * MINUTE)
    path.unlink()
    assert sampling.sample_due(at=NINE + 3 * MINUTE) == 1
    panel.refresh_from_db()
    assert panel.error and panel.sample_at == NINE + 4 * MINUTE and not panel.claimed_by
    assert "error" in json.loads(PanelSample.objects.order_by("-pk")[0].data)
    Panel.objects.update(claimed_by="elsewhere:1:1", sample_at=NINE + HOUR)
    assert sampling.release_dead(at=NINE) == 0, "whether a process of another machine lives is not known here"


def test_messages_that_went_another_way_count_once(db, grace, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NINE + MINUTE)
    place = DestinationFactory(policy=PolicyFactory(key="shop"))
    rows = [outbox.queue(destination=place, kind="json", address="https://x.example.org", purpose="notice", subject="s",
                         text=str(n), at=NINE) for n in range(4)]  # fmt: skip
    type(rows[0]).objects.filter(pk=rows[3].pk).update(instead_of=rows[0])
    board = DashboardFactory(policy=place.policy, key="main")
    PanelFactory(dashboard=board, kind="deliveries", key="ways", spec={"of": {"tagged": "fallback"}}, also=["total"])
    other = DashboardFactory(key="main")
    PanelFactory(dashboard=other, kind="deliveries", key="ways", spec={"of": {"tagged": "fallback"}})
    client = signed_in(Client(), grace, "Viewer")
    [panel] = client.get(f"{board.get_absolute_url()}?format=json").json()["panels"]
    assert panel["figures"] == {"total": 3.0} and round(panel["value"], 1) == 33.3
    assert panel["lines"][0]["points"][-1][0] == "2026-11-23T09:01:00Z"
    [nothing] = client.get(f"{other.get_absolute_url()}?format=json").json()["panels"]
    assert nothing["shown"] == "no data", "messages of another policy are no figure of this one"


def test_grafana_reads_annotations_and_figures_with_a_token(db, ada, monkeypatch):
    incident = IncidentFactory(detected_at=NINE, title="Checkout is down")
    Policy.objects.update(service=ServiceFactory(key="shop"))
    secret = IncidentFactory(policy=incident.policy, detected_at=NINE, private=True)
    lifecycle.acknowledge(incident, by=ada, at=NINE + 5 * MINUTE)
    ChangeFactory(summary="deploy", version="4.2.0", service="shop", at=NINE - MINUTE)
    monkeypatch.setattr("django.utils.timezone.now", lambda: NINE + 10 * MINUTE)
    viewer = signed_in(Client(), ada, "Viewer")
    ApiTokenFactory(
        name="grafana", user_id=viewer.session["_auth_user_id"], scopes=["incidents:read", "dashboards:read"]
    )
    head = {"Authorization": "Bearer ops_grafana"}

    def ask(path: str, **query: object):
        return Client().get(f"/api/v1/{path}", query, headers=head)

    ms = int(NINE.timestamp() * 1000)
    told = ask("annotations", **{"from": ms - 3_600_000, "to": ms + 600_000, "policy": incident.policy.key}).json()
    assert [(mark["kind"], mark["time"] - ms) for mark in told] == [("deploy", -60_000), ("incident", 0)]
    assert told[1]["url"] == f"http://testserver{incident.get_absolute_url()}" and "Checkout is down" in told[1]["text"]
    one = ask("annotations", incident=incident.pk).json()
    page = viewer.get(reverse("incident-annotations", args=[incident.pk])).json()
    assert [mark["id"] for mark in one] == [mark["id"] for mark in page]
    assert [mark["time"] - ms for mark in ask("annotations", incident=incident.pk, kind="acknowledge").json()] == [
        300_000
    ]
    assert ask("annotations", incident=secret.pk).status_code == 404
    assert ask("annotations", **{"from": 0, "to": 1000}).json() == []
    panel = PanelFactory(dashboard__policy=incident.policy)
    [listed] = ask("dashboards").json()["items"]
    figures = ask(f"dashboards/{listed['id']}", **{"from": ms - 1000}).json()
    assert [(one["key"], one["value"], one["shown"]) for one in figures["panels"]] == [(panel.key, None, "no data")]
