"""When an incident was first acknowledged, through corrections, reopenings and merges: figures and tuning agree."""

import pytest

from alerts import firings
from alerts.models import Firing
from analytics import tuning
from incidents import joining, lifecycle, milestones, response_times
from incidents.models import IllegalMove, Incident
from tests.accounts import account
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    AlertRuleFactory,
    ApiTokenFactory,
    FiringFactory,
    IncidentFactory,
    SeverityFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def incident():
    level = SeverityFactory()
    opening = lifecycle.Opening(policy=level.policy, severity=level, key="checkout", title="Checkout is down")
    return lifecycle.open_incident(opening, at=NINE)


@pytest.fixture
def rule(incident):
    rule = AlertRuleFactory(key="queue", policy=incident.policy, severity=incident.severity)
    FiringFactory(rule=rule, incident=incident, began_at=NINE, ended_at=NINE + MINUTE)
    return rule


@pytest.fixture
def told(client, grace, incident, rule):
    """What everybody who says it says of the time to acknowledge, in minutes; None: there is none."""
    token = ApiTokenFactory(user=account(grace, "Viewer"))

    def told() -> float | None:
        head = {"authorization": f"Bearer ops_{token.name}"}
        query = {"last_day": "2026-11-23", "days": "1"}
        answer = client.get("/api/v1/figures/response", query, headers=head).json()
        mean = answer["total"]["now"]["times"]["acknowledge"]["mean"]
        span = {"since": NINE - HOUR, "until": NINE + 9 * HOUR}
        median = tuning.ack_medians([rule], **span).get(rule.pk)
        one = response_times.length(Incident.objects.get(pk=incident.pk), "acknowledge")
        assert tuning.figures([rule], **span)[rule.pk].acted == (mean is not None)
        assert (median and median.total_seconds()) == (one and one.total_seconds()) == mean
        return mean and mean / 60

    return told


def over_and_again(incident, *, at):
    lifecycle.resolve(incident, at=at)
    lifecycle.reopen(incident, at=at + 10 * MINUTE, reason="again")


def put_right(incident, minutes, *, by, at):
    milestones.correct(incident, "acknowledged", NINE + minutes * MINUTE, by=by, at=at, reason="by phone")


def test_a_correction_outlives_a_reopening(incident, told, ada):
    lifecycle.acknowledge(incident, by=ada, at=NINE + 30 * MINUTE)
    put_right(incident, 20, by=ada, at=NINE + 40 * MINUTE)
    put_right(incident, 5, by=ada, at=NINE + 41 * MINUTE)
    assert told() == 5
    over_and_again(incident, at=NINE + HOUR)
    assert told() == 5
    lifecycle.acknowledge(incident, by=ada, at=NINE + 130 * MINUTE)
    put_right(incident, 125, by=ada, at=NINE + 140 * MINUTE)  # of the second one, which does not count
    over_and_again(incident, at=NINE + 3 * HOUR)
    assert told() == 5


def test_what_was_first_acknowledged_after_a_reopening_is_corrected_too(incident, told, ada):
    over_and_again(incident, at=NINE + HOUR)
    assert told() is None
    lifecycle.acknowledge(incident, by=ada, at=NINE + 130 * MINUTE)
    put_right(incident, 125, by=ada, at=NINE + 140 * MINUTE)
    assert told() == 125
    over_and_again(incident, at=NINE + 3 * HOUR)
    assert told() == 125


def test_what_is_taken_apart_again_keeps_its_first_acknowledgement(incident, told, ada):
    other = IncidentFactory(drill=True)
    lifecycle.acknowledge(incident, by=ada, at=NINE + 5 * MINUTE)
    joining.merge(incident, other, by=ada, at=NINE + 10 * MINUTE)
    incident.refresh_from_db()
    joining.unmerge(incident, by=ada, at=NINE + 20 * MINUTE)
    assert (told(), incident.acknowledged_by, incident.status) == (5, None, "detected")
    lifecycle.acknowledge(incident, by=ada, at=NINE + 30 * MINUTE)
    assert told() == 5
    over_and_again(incident, at=NINE + HOUR)
    assert told() == 5


def test_tuning_follows_a_merge(incident, rule, told, ada):
    other = IncidentFactory(detected_at=NINE - MINUTE)
    joining.merge(incident, other, by=ada, at=NINE + MINUTE)
    span = {"since": NINE - HOUR, "until": NINE + HOUR}
    assert tuning.figures([rule], **span)[rule.pk].acted == 0
    other.refresh_from_db()
    lifecycle.acknowledge(other, by=ada, at=NINE + 2 * MINUTE)
    assert tuning.figures([rule], **span)[rule.pk].acted == 1
    assert tuning.ack_medians([rule], **span) == {rule.pk: 3 * MINUTE}  # the response is that of the other
    firings.mark_incident(other, "not_actionable", by=ada, at=NINE + HOUR, reason="Noise.")
    assert Firing.objects.get().mark == "not_actionable" and other.timeline.filter(kind="rated").count() == 1
    firings.mark_incident(other, "actionable", by=ada, at=NINE + 2 * HOUR, reason="")  # another word on the same
    assert Firing.objects.get().mark == "actionable"


def test_taken_are_no_false_positives_and_what_a_system_acknowledged_too(incident, rule, ada):
    span = {"since": NINE - HOUR, "until": NINE + HOUR}
    lifecycle.acknowledge(incident, by=None, at=NINE + MINUTE, via="Zammad")
    assert tuning.figures([rule], **span)[rule.pk].acted == 1
    lifecycle.mark_false_positive(incident, by=ada, at=NINE + 2 * MINUTE, reason="A test.")
    one = tuning.figures([rule], **span)[rule.pk]
    assert (one.acted, one.false_positives) == (0, 1)
    firings.mark(Firing.objects.all(), "actionable", by=ada, at=NINE + HOUR, reason="")
    one = tuning.figures([rule], **span)[rule.pk]
    assert (one.acted, one.false_positives) == (1, 0)  # a word on the alert counts more


def test_a_word_on_the_alert_stays_when_its_incident_is_rated(incident, rule, ada):
    own = Firing.objects.get()
    FiringFactory(rule=rule, incident=incident, began_at=NINE + MINUTE)
    firings.mark(Firing.objects.filter(pk=own.pk), "actionable", by=ada, at=NINE + HOUR, reason="")
    for word, hours in (("not_actionable", 2), ("false_positive", 3), ("not_actionable", 4)):
        firings.mark_incident(incident, word, by=ada, at=NINE + hours * HOUR, reason="Noise")
        assert list(Firing.objects.order_by("pk").values_list("mark", flat=True)) == ["actionable", word]
    entry = incident.timeline.filter(kind="rated").last()
    assert entry.text == "The alert is not actionable (1 more bears a word of its own), says ada: Noise."
    one = tuning.figures([rule], since=NINE - HOUR, until=NINE + HOUR)[rule.pk]
    assert (one.not_actionable, one.actionable_share) == (1, 50)
    firings.mark(Firing.objects.all(), "actionable", by=ada, at=NINE + 5 * HOUR, reason="")
    with pytest.raises(IllegalMove, match="Somebody has said of each alert"):
        firings.mark_incident(incident, "not_actionable", by=ada, at=NINE + 6 * HOUR, reason="Noise.")
