"""How a person is paged who has rules of the own, or quiet hours."""

from datetime import time, timedelta

import pytest

from incidents import lifecycle, notices
from incidents.models import Call, Page
from notifications.models import Delivery
from opscenter import clock
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    ContactMethodFactory,
    EscalationPolicyFactory,
    EscalationStepFactory,
    PersonalRuleFactory,
    SeverityFactory,
)

pytestmark = pytest.mark.django_db
NIGHT = {"quiet_from": time(22), "quiet_until": time(7)}


@pytest.fixture
def level():
    return SeverityFactory(key="P1")


@pytest.fixture
def three(ada):
    """ada: e-mail at once, chat after 2 minutes, signed JSON after 5; and two lines that stand for a provider."""
    email = ada.methods.get()
    chat = ContactMethodFactory(contact=ada, position=1, kind="slack", address="https://chat.example.org/ada")
    post = ContactMethodFactory(contact=ada, position=2, kind="json", address="https://page.example.org/ada")
    for method, minutes in ((email, 0), (chat, 2), (post, 5)):
        PersonalRuleFactory(contact=ada, method=method, after=minutes * MINUTE)
    return email, chat, post


def opened(level, *people, at=NINE, then=()):
    plan = EscalationPolicyFactory(policy=level.policy)
    EscalationStepFactory(policy=plan, contacts=people, after=timedelta(0))
    for position, person in enumerate(then, 1):
        EscalationStepFactory(policy=plan, position=position, contacts=[person], after=10 * MINUTE)
    return lifecycle.open_incident(
        lifecycle.Opening(policy=level.policy, severity=level, key=level.key, title="Down"), at=at
    )  # fmt: skip


def tick(at, outcome="sent", **more):
    """A pass of the clock, and what the providers say of what is under way."""
    clock.run(clock.TIMERS, at=at)
    waiting = Delivery.objects.filter(next_attempt_at__lte=at)
    waiting.update(status=outcome, next_attempt_at=None, ended_at=at, **more)
    clock.run(clock.TIMERS, at=at)


def asked(person):
    rows = Delivery.objects.filter(purpose="page", recipient=f"contact:{person.pk}").order_by("pk")
    return list(rows.values_list("kind", flat=True))


def test_by_the_persons_own_rules_one_after_the_other_each_once(ada, level, three):
    opened(level, ada)
    tick(NINE)
    assert asked(ada) == ["email"]
    tick(NINE + 2 * MINUTE - timedelta(seconds=1))
    assert asked(ada) == ["email"]
    tick(NINE + 2 * MINUTE)
    tick(NINE + 3 * MINUTE)
    assert asked(ada) == ["email", "slack"]
    tick(NINE + 5 * MINUTE)
    tick(NINE + 9 * MINUTE)
    assert asked(ada) == ["email", "slack", "json"]
    assert Page.objects.get().state == Page.State.REACHED
    assert set(Call.objects.values_list("state", flat=True)) == {"reached"}


def test_whoever_acknowledges_ends_the_rules(ada, grace, level, three):
    incident = opened(level, ada)
    tick(NINE)
    lifecycle.acknowledge(incident, by=grace, at=NINE + MINUTE)
    tick(NINE + 5 * MINUTE)
    assert asked(ada) == ["email"]
    assert [call.reason for call in Call.objects.filter(state="skipped")] == ["grace acknowledged"] * 2


def test_what_fails_brings_the_next_rule_at_once_then_what_no_rule_names(ada, grace, level, three):
    post = three[2]
    post.rules.all().delete()
    opened(level, ada, then=[grace])
    tick(NINE, "failed", error="No.")
    assert asked(ada) == ["email", "slack"]
    tick(NINE + MINUTE, "failed", error="No.")
    assert asked(ada) == ["email", "slack", "json"]
    assert asked(grace) == []
    tick(NINE + MINUTE, "failed", error="No.")
    assert asked(ada) == ["email", "slack", "json"]
    assert asked(grace) == ["email"], "nobody is reached, so the next step comes at once"


def test_two_at_once_are_one_page_and_one_that_works_is_enough(ada, grace, level, three):
    _, chat, post = three
    chat.rules.update(after=timedelta(0))
    post.rules.all().delete()
    opened(level, ada, then=[grace])
    clock.run(clock.TIMERS, at=NINE)
    assert asked(ada) == ["email", "slack"]
    Delivery.objects.filter(kind="email").update(status="failed", next_attempt_at=None, ended_at=NINE, error="No.")
    Delivery.objects.filter(kind="slack").update(status="sent", next_attempt_at=None, ended_at=NINE)
    clock.run(clock.TIMERS, at=NINE)
    assert Page.objects.get().state == Page.State.REACHED
    assert asked(grace) == []
    assert asked(ada) == ["email", "slack"]


def test_after_an_outage_one_message_by_a_method_does_for_all_its_rules(ada, level):
    email = ada.methods.get()
    for minutes in (1, 5, 9):
        PersonalRuleFactory(contact=ada, method=email, after=minutes * MINUTE)
    opened(level, ada)
    clock.run(clock.TIMERS, at=NINE)
    assert asked(ada) == [], "the person wants to be left alone for a minute"
    tick(NINE + HOUR)
    assert asked(ada) == ["email"]


def test_an_edit_of_the_rules_does_not_reach_a_page_under_way_but_a_method_switched_off_does(ada, level, three):
    _, chat, post = three
    opened(level, ada)
    tick(NINE)
    chat.rules.all().delete()
    post.enabled = False
    post.save()
    tick(NINE + 6 * MINUTE)
    assert asked(ada) == ["email", "slack"]
    assert Call.objects.get(state="skipped").reason == "The method was switched off."


def test_pages_get_through_quiet_hours(ada, level):
    type(ada).objects.filter(pk=ada.pk).update(**NIGHT)
    night = NINE.replace(hour=23)
    opened(level, ada, at=night)
    tick(night)
    assert asked(ada) == ["email"]


@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_level_that_may_not_wake_asks_others_and_waits_for_the_morning(ada, grace, level, acknowledged):
    type(ada).objects.filter(pk=ada.pk).update(**NIGHT, quiet_levels=["p0"], timezone="Europe/Amsterdam")
    night = NINE.replace(hour=23)  # midnight in Amsterdam
    incident = opened(level, ada, at=night, then=[grace])
    tick(night)
    assert (asked(ada), asked(grace)) == ([], ["email"])
    assert "quiet hours until 06:00 UTC, which P1 does not break" in incident.timeline.get(kind="unreachable").text
    if acknowledged:
        lifecycle.acknowledge(incident, by=grace, at=night + MINUTE)
    morning = night + 7 * HOUR
    tick(morning - timedelta(seconds=1))
    assert asked(ada) == []
    tick(morning)
    assert asked(ada) == ([] if acknowledged else ["email"])
    # she is interrupted in the morning, not when the step came
    assert Page.objects.get(contact=ada).at == (night if acknowledged else morning)


def test_the_named_level_and_the_last_one_left_wake_all_the_same(ada, level):
    type(ada).objects.filter(pk=ada.pk).update(**NIGHT, quiet_levels=["P1"])
    night = NINE.replace(hour=23)
    opened(level, ada, at=night)
    tick(night)
    assert asked(ada) == ["email"]
    type(ada).objects.filter(pk=ada.pk).update(quiet_levels=["P0"], catch_all=True)
    Delivery.objects.all().delete()
    other = SeverityFactory(key="P2")
    opened(other, ada, at=night)
    tick(night)
    assert asked(ada) == ["email"], "asked as the catch-all, since nobody else is left"


@pytest.mark.parametrize("pages", [True, False])
def test_what_can_wait_waits_for_the_end_of_the_quiet_hours_by_the_method_for_it(ada, pages):
    type(ada).objects.filter(pk=ada.pk).update(**NIGHT)
    level = SeverityFactory(page=pages)
    chat = ContactMethodFactory(contact=ada, position=1, kind="slack", address="https://chat.example.org/ada")
    PersonalRuleFactory(contact=ada, urgency="low", method=chat)
    night = NINE.replace(hour=23)
    incident = opened(level, at=night)
    incident.owners.add(ada)
    notices.tell_owners(incident, at=night)
    told = Delivery.objects.get(recipient=f"contact:{ada.pk}")
    assert told.kind == ("email" if pages else "slack")
    assert told.next_attempt_at == (night if pages else night + 8 * HOUR)
