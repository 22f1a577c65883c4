"""Every time an alert of a rule fires is recorded once, and people say what it was worth."""

import pytest
from django.urls import reverse

from alerts import grouping
from alerts.models import Alert, Firing
from incidents.models import Incident
from tests.accounts import signed_in
from tests.factories import MINUTE, NINE, AlertRuleFactory, FiringFactory, IncidentFactory, LivenessFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def rule():
    return AlertRuleFactory(key="queue", severity__key="P1")


@pytest.fixture
def alert(rule):
    return LivenessFactory(
        alert__rule=rule, alert__integration=None, alert__key="queue", alert__labels={"alertname": "queue"}
    )


def swept(alert, *, at=NINE, **fields):
    """The alert as it stands, judged."""
    for name, value in {"assign_at": at, **fields}.items():
        setattr(alert, name, value)
    alert.save()
    grouping.assign_due(at=at)
    alert.refresh_from_db()
    return list(Firing.objects.order_by("began_at"))


def test_an_alert_is_recorded_once_each_time_it_begins(alert):
    (first,) = swept(alert)
    assert (first.began_at, first.ended_at, first.incident) == (NINE, None, Incident.objects.get())
    assert len(swept(alert, at=NINE + MINUTE)) == 1  # asked again: the same time
    (first,) = swept(alert, at=NINE + 2 * MINUTE, firing=False, ends_at=NINE + 2 * MINUTE)
    assert first.ended_at == NINE + 2 * MINUTE
    first, second = swept(alert, at=NINE + 3 * MINUTE, firing=True, starts_at=NINE + 3 * MINUTE, ends_at=None, times=2)
    assert (second.began_at, second.ended_at) == (NINE + 3 * MINUTE, None)
    assert first.incident == second.incident


def test_what_ended_or_began_anew_between_two_looks_is_recorded_too(alert):
    (only,) = swept(alert, firing=False, ends_at=NINE + MINUTE, at=NINE + 2 * MINUTE)
    assert (only.began_at, only.ended_at, only.incident) == (NINE, NINE + MINUTE, None)
    swept(alert, firing=True, starts_at=NINE + 3 * MINUTE, ends_at=None, times=2, at=NINE + 3 * MINUTE)
    rows = swept(alert, starts_at=NINE + 5 * MINUTE, times=3, at=NINE + 5 * MINUTE)
    assert [row.ended_at for row in rows] == [NINE + MINUTE, NINE + 5 * MINUTE, None]


def test_a_source_that_cannot_be_read_is_no_alert_of_the_rule(alert):
    Alert.objects.update(labels={"alertname": "source-error"})
    alert.alert.refresh_from_db()
    assert swept(alert) == []


def test_alerts_of_doors_are_not_recorded(rule):
    assert swept(LivenessFactory(alert__integration__policy=rule.policy)) == []


def test_a_person_says_on_the_alerts_page_what_it_was_worth(client, ada, alert):
    (firing,) = swept(alert)
    signed_in(client, ada, "Responder")
    page = reverse("alert", args=[alert.pk])
    assert "Was it worth a page?" in client.get(page).content.decode()
    place = reverse("alert-mark", args=[alert.pk, firing.pk])

    def say(mark, reason=""):
        told = client.post(place, {"mark": mark, "reason": reason}, follow=True).content.decode()
        firing.refresh_from_db()
        return told

    assert "Say why it was not actionable" in say("not_actionable")
    assert firing.mark == ""
    say("not_actionable", "Nobody can do anything about it.")
    assert (firing.mark, firing.marked_by, firing.mark_reason) == (
        "not_actionable", ada, "Nobody can do anything about it.",
    )  # fmt: skip
    assert "There is no mark" in say("nonsense", "x")
    say("false_positive", "The probe was wrong.")
    assert firing.mark == "false_positive"
    say("")
    assert (firing.mark, firing.marked_by, firing.marked_at) == ("", None, None)
    say("actionable")
    assert firing.mark == "actionable"


def test_only_those_who_respond_may_say_so(client, linus, alert):
    (firing,) = swept(alert)
    signed_in(client, linus, "Viewer")
    assert client.post(reverse("alert-mark", args=[alert.pk, firing.pk]), {"mark": "actionable"}).status_code == 403


def test_one_word_on_the_incident_counts_for_all_its_alerts(client, ada, rule):
    incident = IncidentFactory(policy=rule.policy, severity=rule.severity)
    firings = [FiringFactory(rule=rule, incident=incident) for _ in range(2)]
    signed_in(client, ada, "Responder")
    place = reverse("incident-act", args=[incident.pk, "rate"])
    assert client.post(place, {"mark": "not_actionable"}).status_code == 409
    client.post(place, {"mark": "not_actionable", "reason": "It always does that."})
    assert {row.mark for row in Firing.objects.filter(pk__in=[one.pk for one in firings])} == {"not_actionable"}
    entry = incident.timeline.get(kind="rated")
    assert "2 alerts are not actionable" in entry.text and "It always does that." in entry.text
    incident.refresh_from_db()
    assert incident.is_open
    other = IncidentFactory()
    refused = client.post(reverse("incident-act", args=[other.pk, "rate"]), {"mark": "actionable"})
    assert refused.status_code == 409 and "No alert of a rule of ours" in refused.content.decode()
