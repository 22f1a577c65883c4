"""The alerts page: newest first, where each went and why it did not act."""

from datetime import timedelta

import pytest
from django.utils import timezone

from alerts import pages
from tests.accounts import signed_in
from tests.factories import (
    AlertFactory,
    AlertRuleFactory,
    IncidentFactory,
    LivenessFactory,
    SilenceFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def viewer(client, linus):
    return signed_in(client, linus, "Viewer")


def live(name, ago, **kwargs):
    now = timezone.now()
    labels = {"alertname": name, **kwargs.pop("labels", {})}
    alert = AlertFactory(name=name, labels=labels, **kwargs.pop("alert", {}))
    return LivenessFactory(alert=alert, starts_at=now - ago, last_seen_at=now, assign_at=None, **kwargs)


def names(client, **query) -> list[str]:
    return [row.alert.name for row, *_ in client.get("/alerts/", query).context["rows"]]


@pytest.fixture
def some(db):
    now = timezone.now()
    live("Old", 3 * HOUR, verdict="joined", incident=IncidentFactory(title="Checkout is down"))
    live("New", 1 * HOUR, severity_key="P1", labels={"tenant": "acme"})
    live("Muted", 2 * HOUR, verdict="suppressed", reason="silenced by ada: moving house")
    live("Ended", 4 * HOUR, firing=False, ends_at=now - HOUR)
    live("Run out", 5 * HOUR, ends_at=now - HOUR)  # its end has passed, the sweep has not come by yet


@pytest.mark.req("RB-20")
def test_firing_alerts_stand_newest_first(viewer, some):
    assert names(viewer) == ["New", "Muted", "Old"]


def test_each_says_where_it_went_or_why_not(viewer, some):
    text = viewer.get("/alerts/").content.decode()
    assert "Checkout is down" in text
    assert "silenced by ada: moving house" in text
    assert "not judged yet" in text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"show": "suppressed"}, ["Muted"]),
        ({"show": "ended"}, ["Ended", "Run out"]),
        ({"show": "all"}, ["New", "Muted", "Old", "Ended", "Run out"]),
        ({"show": "nonsense"}, ["New", "Muted", "Old"]),
        ({"q": "acme"}, ["New"]),
        ({"q": "p1"}, ["New"]),
        ({"q": "OLD"}, ["Old"]),
        ({"q": "<script>"}, []),
    ],
)
def test_filters(viewer, some, query, expected):
    assert names(viewer, **query) == expected


def test_a_rule_without_an_answer_is_named(viewer):
    AlertRuleFactory(name="Queue rises", state="error", verdict="The connection mailer refused.")
    AlertRuleFactory(name="Switched off", state="error", enabled=False)
    text = viewer.get("/alerts/").content.decode()
    assert "The connection mailer refused." in text
    assert "Switched off" not in text


def test_a_long_list_is_cut_and_says_so(viewer, monkeypatch):
    monkeypatch.setattr(pages, "SHOWN", 3)
    for number in range(4):
        live(f"alert {number}", number * HOUR)
    response = viewer.get("/alerts/")
    assert len(response.context["rows"]) == 3
    assert "The latest 3 are shown" in response.content.decode()


def test_the_page_takes_as_many_queries_for_fifty_as_for_two(viewer, django_assert_max_num_queries):
    def queries() -> int:
        with django_assert_max_num_queries(30) as captured:
            viewer.get("/alerts/")
        return len(captured)

    for number in range(2):
        live(f"alert {number}", HOUR, incident=IncidentFactory())
    few = queries()
    for number in range(48):
        live(f"alert {number}", HOUR, incident=IncidentFactory())
    assert queries() == few


def test_from_an_alert_its_silence_is_one_step_away(client, viewer):
    live("Loud", HOUR, labels={"a.b": 'x"y'})
    assert b"matchers=" not in viewer.get("/alerts/").content
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    [(_, _, address, *_)] = client.get("/alerts/").context["rows"]
    form = client.get(address).content.decode()
    assert "alertname=&quot;Loud&quot;\n&quot;a.b&quot;=&quot;x\\&quot;y&quot;" in form


def test_a_silenced_alert_says_until_when(client):
    silence = SilenceFactory(ends_at=timezone.now() + HOUR, starts_at=timezone.now() - HOUR)
    live("Muted", HOUR, verdict="suppressed", reason="silenced by ada: moving house", silence=silence)
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    assert f"/admin/alerts/silence/{silence.pk}/change/" in client.get("/alerts/").content.decode()


def test_without_the_right_it_is_refused(client):
    assert client.get("/alerts/").url == "/login/?next=/alerts/"
    client.force_login(UserFactory())
    assert client.get("/alerts/").status_code == 403


def test_a_link_that_is_no_web_address_is_not_made_one(viewer):
    incident = IncidentFactory()
    live("Bad", HOUR, incident=incident, alert={"url": "javascript:alert(1)"})
    assert b"javascript:" not in viewer.get(incident.get_absolute_url()).content
