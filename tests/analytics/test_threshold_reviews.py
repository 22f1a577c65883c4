"""The monthly review of every rule: made on the first, signed by a person, reminded of, its effect seen a month on."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from analytics import threshold_reviews
from analytics.models import Proposal, ThresholdReview
from notifications.models import Delivery
from opscenter import beat
from tests.accounts import signed_in
from tests.factories import (
    MINUTE,
    AlertFactory,
    AlertRuleFactory,
    FiringFactory,
    IncidentFactory,
    ProposalFactory,
    SampleFactory,
    ThresholdReviewFactory,
    TuningPlanFactory,
)

DAY = timedelta(days=1)
OCTOBER, NOVEMBER = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def rule(ada):
    rule = AlertRuleFactory(
        key="queue", name="Queue", severity__policy__key="mail", severity__key="P1", checked_at=NOVEMBER
    )
    rule.owners.add(ada)
    return rule


def fire(rule, at, *, wrong=False, ack=None):
    status = {"status": "false_positive", "resolved_at": at + MINUTE} if wrong else {}
    status |= {"acknowledged_at": at + ack} if ack else {}
    incident = IncidentFactory(policy=rule.policy, severity=rule.severity, detected_at=at, **status)
    return FiringFactory(
        rule=rule, alert=AlertFactory(rule=rule), began_at=at, ended_at=at + 2 * MINUTE, incident=incident
    )


def fire_in_october(rule, count, wrong):
    for n in range(count):
        fire(rule, OCTOBER + n * DAY, wrong=n < wrong, ack=None if n < wrong else (n + 1) * MINUTE)


@pytest.mark.req("DX-132")
def test_october_is_reviewed_on_the_first_of_november_and_reminded_of_after_seven_days(rule, client, ada):
    """By schedule; 20 alerts, 5 of them false, are 25 %; unsigned for 7 days its owner is reminded; a person signs."""
    fire_in_october(rule, 20, 5)
    fire(rule, NOVEMBER)  # the next month
    fire(rule, OCTOBER - MINUTE, wrong=True)  # the one before
    AlertRuleFactory(policy=rule.policy, severity=rule.severity, key="calm", checked_at=NOVEMBER)
    beat.register()
    PeriodicTask.objects.exclude(name="threshold reviews").delete()
    PeriodicTask.objects.update(date_changed=OCTOBER + 10 * DAY)
    with time_machine.travel(NOVEMBER - MINUTE, tick=False):
        assert beat.run_due(at=NOVEMBER - MINUTE) == []
    with time_machine.travel(NOVEMBER, tick=False):
        assert beat.run_due(at=NOVEMBER) == ["threshold reviews"]
    with time_machine.travel(NOVEMBER + DAY / 2, tick=False):  # once more, for zones that lag behind
        assert beat.run_due(at=NOVEMBER + DAY / 2) == ["threshold reviews"]
    review = ThresholdReview.objects.get(rule=rule)
    assert (review.month, review.made_at) == (date(2026, 10, 1), NOVEMBER)
    assert (review.fired, review.false_positives, review.false_share, review.actionable_share) == (20, 5, 25, 75)
    assert review.ack_median == 13 * MINUTE  # of the 15 that were taken, after 6 to 20 minutes
    assert ThresholdReview.objects.get(rule__key="calm").signs == ["never fired"]

    signed_in(client, ada, "Incident Commander")
    shown = client.get(review.get_absolute_url()).content.decode()
    assert "<dd>25 % <small>5 of 20</small></dd>" in shown and "To be signed by ada." in shown
    assert "Median time to ack</dt><dd>13m" in shown
    told = Delivery.objects.get(to="ada")
    assert "2 rules" in told.text or "1 rule" in told.text

    call_command("run_timers", "--only", "analytics.threshold_reviews.remind_due", now=NOVEMBER + 7 * DAY - MINUTE)
    assert Delivery.objects.filter(to="ada").count() == 1
    call_command("run_timers", "--only", "analytics.threshold_reviews.remind_due", now=NOVEMBER + 7 * DAY)
    reminder = Delivery.objects.filter(to="ada").latest("pk")
    assert reminder.pk != told.pk and "Not signed for 7 days" in reminder.subject

    with time_machine.travel(NOVEMBER + 8 * DAY, tick=False):
        client.post(reverse("threshold-review-sign", args=[review.pk]), {"decision": "keep", "note": "Fine."})
    review.refresh_from_db()
    assert (review.decision, review.signed_by, review.signed_at) == ("keep", ada, NOVEMBER + 8 * DAY)
    assert not ThresholdReview.objects.remind_due(NOVEMBER + 400 * DAY).filter(pk=review.pk).exists()


def test_the_month_is_that_of_the_policys_zone():
    jakarta, honolulu = ZoneInfo("Asia/Jakarta"), ZoneInfo("Pacific/Honolulu")
    first, since, until = threshold_reviews.month_before(NOVEMBER, jakarta)
    assert (first, since, until) == (date(2026, 10, 1), OCTOBER - 7 * timedelta(hours=1), NOVEMBER - timedelta(hours=7))
    assert threshold_reviews.month_before(NOVEMBER, honolulu)[0] == date(2026, 9, 1)
    assert threshold_reviews.month_before(NOVEMBER + DAY / 2, honolulu)[0] == date(2026, 10, 1)
    first, since, until = threshold_reviews.month_before(NOVEMBER, ZoneInfo("Europe/Amsterdam"))
    assert until - since == 31 * DAY + timedelta(hours=1)  # the clocks were put back
    assert threshold_reviews.month_before(datetime(2027, 1, 1, tzinfo=UTC), UTC)[0] == date(2026, 12, 1)


def test_a_rule_that_is_mostly_wrong_gets_a_proposal(rule):
    fire_in_october(rule, 10, 6)
    [review] = threshold_reviews.make(at=NOVEMBER)
    assert review.signs == ["mostly not worth it"]
    assert review.proposals.get().by is None
    assert threshold_reviews.make(at=NOVEMBER + MINUTE) == []
    assert Proposal.objects.count() == 1


def test_below_the_plans_share_nothing_is_proposed(rule):
    fire_in_october(rule, 10, 6)
    TuningPlanFactory(policy=rule.policy, propose_from=61)
    [review] = threshold_reviews.make(at=NOVEMBER)
    assert review.signs == [] and not review.proposals.exists()


def test_a_policy_may_do_without(rule):
    TuningPlanFactory(policy=rule.policy, monthly=False)
    assert threshold_reviews.make(at=NOVEMBER) == []


def test_rules_that_nobody_watched_are_left_out(rule):
    AlertRuleFactory(policy=rule.policy, severity=rule.severity, key="off", enabled=False, checked_at=NOVEMBER)
    AlertRuleFactory(policy=rule.policy, severity=rule.severity, key="never-checked")
    was_on = AlertRuleFactory(policy=rule.policy, severity=rule.severity, key="was-on", enabled=False)
    fire(was_on, OCTOBER)
    assert {one.rule.key for one in threshold_reviews.make(at=NOVEMBER)} == {"queue", "was-on"}


def test_a_rule_that_is_watched_since_the_month_was_over_is_no_rule_that_never_fired(rule):
    late = AlertRuleFactory(policy=rule.policy, severity=rule.severity, key="late", checked_at=NOVEMBER + DAY)
    SampleFactory(rule=late, at=NOVEMBER + 60 * MINUTE)
    SampleFactory(rule=rule, at=OCTOBER)
    SampleFactory(rule=rule, at=NOVEMBER + 60 * MINUTE)
    assert [one.rule for one in threshold_reviews.make(at=NOVEMBER + DAY)] == [rule]


def test_who_signs(rule, ada, grace):
    review = ThresholdReviewFactory(rule=rule)
    assert threshold_reviews.signers(review) == [ada]
    TuningPlanFactory(policy=rule.policy).signers.add(grace)
    assert threshold_reviews.signers(review) == [grace]


@pytest.fixture
def commander(client, grace):
    return signed_in(client, grace, "Incident Commander")


def sign(client, review, decision, note=""):
    with time_machine.travel(NOVEMBER + DAY, tick=False):
        answer = client.post(
            reverse("threshold-review-sign", args=[review.pk]), {"decision": decision, "note": note}, follow=True
        )
    review.refresh_from_db()
    return answer.status_code, answer.content.decode()


def test_a_decision_needs_what_it_claims(rule, commander, grace):
    review = ThresholdReviewFactory(
        rule=rule, fired=10, false_positives=6, signs=["mostly not worth it"], remind_at=NOVEMBER + DAY
    )
    assert sign(commander, review, "keep")[0] == 409
    status, shown = sign(commander, review, "tune", "Done.")
    assert status == 409 and "apply a proposal first" in shown and "Done." in shown
    assert sign(commander, review, "drop")[0] == 409
    assert sign(commander, review, "perhaps")[0] == 409
    assert review.signed_at is None
    made = ProposalFactory(rule=rule, threshold_review=review, old=None)
    commander.post(reverse("proposal-apply", args=[made.pk]))
    assert sign(commander, review, "tune", "Waits now.")[0] == 200
    assert (review.decision, review.signed_by, review.remind_at) == ("tune", grace, None)
    status, shown = sign(commander, review, "keep", "No.")
    assert status == 409 and "grace has signed it already" in shown


def test_dropping_a_rule_switches_it_off_and_can_be_reverted(rule, commander):
    review = ThresholdReviewFactory(rule=rule, signs=["never fired"])
    assert sign(commander, review, "drop", "What it watched is gone.")[0] == 200
    rule.refresh_from_db()
    assert not rule.enabled
    made = Proposal.objects.get()
    assert (made.state, made.shown_old, made.shown_new) == ("applied", "on", "off")
    commander.post(reverse("proposal-revert", args=[made.pk]))
    rule.refresh_from_db()
    assert rule.enabled


def test_only_those_with_the_right_sign(rule, client, linus):
    review = ThresholdReviewFactory(rule=rule)
    assert sign(signed_in(client, linus, "Responder"), review, "keep")[0] == 403


def test_the_effect_of_a_decision_is_seen_a_month_on(rule, commander, grace):
    before = ThresholdReviewFactory(
        rule=rule, fired=10, false_positives=6, decision="tune", note="Waits 5 minutes.", signed_by=grace,
        signed_at=NOVEMBER,
    )  # fmt: skip
    after = ThresholdReviewFactory(rule=rule, month=date(2026, 11, 1), fired=5, false_positives=1)
    shown = commander.get(after.get_absolute_url()).content.decode()
    assert "October: tuned, says grace (Waits 5 minutes.)." in shown
    assert "<td>60 %</td><td>20 %</td>" in shown
    assert "Its effect in November" in commander.get(before.get_absolute_url()).content.decode()


def test_the_list_is_of_a_month_and_filtered(rule, commander, grace):
    other = AlertRuleFactory(policy=rule.policy, severity=rule.severity, key="calm", name="Calm one")
    ThresholdReviewFactory(rule=rule, signs=["flapping"], fired=3)
    ThresholdReviewFactory(rule=other, signed_by=grace, signed_at=NOVEMBER, decision="keep")
    ThresholdReviewFactory(rule=other, month=date(2026, 9, 1))

    def listed(**query):
        return commander.get(reverse("threshold-reviews"), query).content.decode()

    assert "2 rules, 1 to sign." in listed() and "October 2026" in listed()
    assert "Calm one" not in listed(show="unsigned") and "Queue" in listed(show="odd")
    assert "Calm one" in listed(show="signed") and "1 rule, 1 to sign." in listed(month="2026-09")
    assert "No review matches." in listed(policy="chat")


def test_the_command_makes_the_reviews_of_any_month_that_is_over(rule, capsys):
    fire_in_october(rule, 4, 1)
    call_command("threshold_reviews", "--month", "2026-10", "--now", "2026-12-05T00:00:00Z")
    told = capsys.readouterr().out
    assert "mail/queue 2026-10: 4 alerts, 25 % false, 75 % actionable" in told
    assert "1 threshold review made." in told
    for arguments, words in [
        (("--month", "2026-12", "--now", "2026-12-05T00:00:00Z"), "December 2026 is not over yet in UTC"),
        (("--month", "October"), "is no month"),
        (("--now", "2026-12-05"), "is no instant"),
    ]:
        with pytest.raises(CommandError, match=words):
            call_command("threshold_reviews", *arguments)
