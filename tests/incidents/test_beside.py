"""Beside an incident stand the changes around its start, and what senders told with its alerts."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse

from incidents import beside, lifecycle
from incidents.models import Incident
from sources.models import Change, Event
from tests.accounts import signed_in
from tests.factories import HOUR, MINUTE, NINE, AlertFactory, IncidentFactory, LivenessFactory, ServiceFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def incident():
    service = ServiceFactory(key="checkout", name="Shop Checkout")
    return IncidentFactory(detected_at=NINE, started_at=NINE - 10 * MINUTE, service=service)


def changed(summary="Checkout 4.2.1", at=NINE, **fields) -> Change:
    return Change.objects.create(summary=summary, at=at, received_at=at, **fields)


def near(incident) -> list[tuple[str, str]]:
    return [(each.change.summary, each.when) for each in beside.changes_near(incident)]


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(0), "at the start"),
        (timedelta(seconds=59), "59 s before the start"),
        (MINUTE, "1 min before the start"),
        (12 * MINUTE + timedelta(seconds=59), "12 min before the start"),
        (2 * HOUR, "2 h before the start"),
        (2 * HOUR + 5 * MINUTE, "2 h 5 min before the start"),
        (DAY, "1 d before the start"),
        (-3 * MINUTE, "3 min after the start"),
    ],
)
def test_when_a_change_was_made_is_told_from_the_start(incident, before, words):
    changed(at=incident.started_at - before)
    assert near(incident) == [("Checkout 4.2.1", words)]


def test_the_window_reaches_from_before_the_start_until_the_end(incident, settings):
    settings.CHANGE_WINDOW = 2 * HOUR
    start = incident.started_at
    for name, at in (("too early", start - 2 * HOUR - MINUTE), ("early", start - 2 * HOUR), ("after", start + HOUR)):
        changed(name, at=at)
    assert [name for name, _ in near(incident)] == ["after", "early"]
    lifecycle.resolve(incident, at=start + HOUR - MINUTE)
    assert [name for name, _ in near(incident)] == ["early"]


def test_changes_of_other_services_are_left_out(incident):
    for service in ("checkout", "Shop checkout", "", "billing"):
        changed(f"of {service}", service=service)
    assert {name for name, _ in near(incident)} == {"of checkout", "of Shop checkout", "of "}
    nobodys = IncidentFactory(detected_at=NINE, labels={"service": "Billing"})
    assert {name for name, _ in near(nobodys)} == {"of ", "of billing"}


def test_only_the_latest_are_shown(incident):
    for number in range(25):
        changed(f"change {number}", at=NINE - number * MINUTE)
    assert [name for name, _ in near(incident)] == [f"change {number}" for number in range(20)]


@pytest.fixture
def viewer(client, linus):
    return signed_in(client, linus, "Viewer")


def test_the_page_shows_changes_with_their_pipeline_and_never_a_script(viewer, incident):
    links = [
        {"href": "https://ci.example.org/7"},
        {"href": "javascript:alert(1)", "text": "Run me"},
        {"href": "https://git.example.org/4.2.1", "text": "Diff"},
    ]
    before = incident.started_at - 12 * MINUTE
    changed(at=before, version="4.2.1", outcome="succeeded", source="ci", url="https://ci.example.org/7", links=links)
    changed("Flag <b>new-cart</b> on", url="javascript:alert(2)", kind="flag")
    page = viewer.get(incident.get_absolute_url()).content.decode()
    assert "12 min before the start" in page and 'href="https://ci.example.org/7"' in page
    assert 'href="https://git.example.org/4.2.1" rel="noreferrer">Diff</a>' in page
    assert "Flag &lt;b&gt;new-cart&lt;/b&gt; on" in page
    assert "javascript:" not in page and "Run me" not in page


def test_an_incident_without_changes_says_nothing_of_them(viewer, incident):
    assert "What changed" not in viewer.get(incident.get_absolute_url()).content.decode()


def test_a_change_told_while_one_looks_comes_by_itself(viewer, incident):
    first = viewer.get(incident.get_absolute_url())
    have = [part.have for part in first.context["parts"].values()]
    address = reverse("incident-live", args=[incident.pk])
    have.append(first.context["timeline"].have)
    assert viewer.get(address, {"have": have}).status_code == 204
    changed()
    live = viewer.get(address, {"have": have}).content.decode()
    assert "part-changes" in live and "Checkout 4.2.1" in live and "part-facts" not in live


def test_what_came_with_an_alert_is_shown_and_its_images_are_not_loaded(viewer, incident):
    annotations = {
        "summary": "Disk is full", "client": "Nagios", "client_url": "https://nagios.example.org/1",
        "links": json.dumps([{"href": "https://example.org/graph", "text": "Graph"}, {"href": "data:text/html,x"}]),
        "images": json.dumps([{"src": "https://example.org/a.png", "alt": "Disk"}, {"src": "https://example.org/b.png"}]),
        "custom_details": json.dumps({"free": "1%", "lines": [1, None], "long": "x" * 600, "html": "<i>"}),
    }  # fmt: skip
    LivenessFactory(alert=AlertFactory(name="Disk is full", annotations=annotations), incident=incident)
    page = viewer.get(incident.get_absolute_url()).content.decode()
    for wanted in (">Nagios</a>", ">Graph</a>", ">Image: Disk</a>", ">Image</a>", "<dt>free</dt><dd>1%</dd>",
                   "[1, null]", "&lt;i&gt;", "x" * 499 + "…"):  # fmt: skip
        assert wanted in page, wanted
    assert "<img" not in page and "data:text" not in page


@pytest.mark.parametrize("odd", ["{", "[7]", '{"a": 1}', "null", '[{"href": ["x"]}]', '[{"href": "https://[x"}]'])
def test_odd_annotations_break_no_page(odd):
    told = beside.brought({"links": odd, "images": odd, "custom_details": odd, "client_url": "x:y"})
    assert told.links == [] and told.images == []


def test_many_changes_and_alerts_cost_no_more_queries(viewer, incident, django_assert_max_num_queries):
    for number in range(30):
        changed(f"change {number}")
        alert = AlertFactory(name=f"a{number}", key=f"k{number}")
        LivenessFactory(alert=alert, incident=incident, starts_at=NINE + number * MINUTE)
    told = {"stream": alert.integration.kind, "subject": alert.key, "at": NINE, "received_at": NINE}
    for _ in range(2):
        Event.objects.create(integration=alert.integration, **told)
    assert "<small>2 events</small>" in viewer.get(incident.get_absolute_url()).content.decode()
    with django_assert_max_num_queries(25):
        viewer.get(incident.get_absolute_url())
    assert Incident.objects.count() == 1
