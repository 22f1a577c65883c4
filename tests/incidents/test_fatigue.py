"""So many pages are enough for one person: the next one warns, or somebody else is asked."""

from datetime import timedelta

import pytest

from incidents import escalation, fatigue, lifecycle
from incidents.models import FatigueLimit, FatigueNote, Page
from notifications.models import Delivery
from tests.accounts import signed_in
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    EscalationPolicyFactory,
    EscalationStepFactory,
    FatigueLimitFactory,
    PageFactory,
    SeverityFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def level(ada):
    """A level whose plan asks ada first."""
    level = SeverityFactory(policy__key="shop", key="P1", rank=1)
    plan = EscalationPolicyFactory(policy=level.policy)
    EscalationStepFactory(policy=plan).contacts.add(ada)
    return level


def had(person, *minutes_ago, at=NINE, state="reached"):
    for one in minutes_ago:
        PageFactory(contact=person, at=at - one * MINUTE, state=state)


def happens(level, *, at=NINE):
    """An incident opens, and its first step is taken."""
    opening = lifecycle.Opening(policy=level.policy, severity=level, key=f"key {at}", title="Checkout is down")
    incident = lifecycle.open_incident(opening, at=at)
    escalation.climb_due(at=at)
    return incident


def asked(incident) -> list[str]:
    """Whose pages are on their way."""
    pages = incident.page_rows.filter(state=Page.State.TRYING).select_related("contact")
    return sorted(page.contact.name for page in pages)


@pytest.mark.parametrize(("before", "acts"), [(2, False), (3, True)])
def test_the_page_after_the_last_that_is_enough_goes_to_the_back_up(level, ada, grace, before, acts):
    ada.backup = grace
    ada.save()
    FatigueLimitFactory(policy=level.policy, pages=3, act="reroute")
    had(ada, *range(10, 10 + before))
    incident = happens(level)
    assert asked(incident) == (["grace"] if acts else ["ada"])
    if acts:
        page = incident.page_rows.get(contact=ada)
        assert page.state == "unreachable" and "grace was asked instead" in page.reason
        letter = incident.page_rows.get(contact=grace).delivery
        assert "ada had 3 pages within 1d, and 3 are enough; you are asked instead" in letter.text
        note = FatigueNote.objects.get()
        assert (note.page, note.instead, note.pages) == (page, grace, 3)
        assert incident.timeline.filter(kind="fatigue", text__contains="grace is asked instead").exists()
    else:
        assert not FatigueNote.objects.exists()


def test_pages_count_until_the_time_is_over_and_only_those_that_went_out(level, ada, grace):
    ada.backup = grace
    ada.save()
    FatigueLimitFactory(policy=level.policy, pages=1, within=HOUR, act="reroute")
    had(ada, 60)  # an hour ago to the second: not within the last hour any more
    had(ada, 5, state="unreachable")
    had(ada, 6, state="cancelled")
    assert asked(happens(level)) == ["ada"]
    assert asked(happens(level, at=NINE + 59 * MINUTE)) == ["grace"]  # the page of a moment ago counts
    assert asked(happens(level, at=NINE + 60 * MINUTE + timedelta(seconds=1))) == ["ada"]


def test_a_warning_lets_the_page_go_and_tells_once(level, ada, margaret):
    limit = FatigueLimitFactory(policy=level.policy, pages=1)
    limit.tells.add(margaret)
    had(ada, 5)
    first, second = happens(level), happens(level, at=NINE + MINUTE)
    assert asked(first) == asked(second) == ["ada"]
    assert FatigueNote.objects.filter(instead=None).count() == 2
    told = Delivery.objects.filter(to="margaret")
    assert told.count() == 1 and "ada had 1 page within 1d, and 1 is enough" in told.get().subject


def test_whom_the_limit_names_comes_before_the_back_up_and_nobody_who_has_had_enough(level, ada, grace, linus):
    ada.backup = grace
    ada.save()
    limit = FatigueLimitFactory(policy=level.policy, pages=2, act="reroute", to=linus)
    had(ada, 5, 6)
    assert asked(happens(level)) == ["linus"]
    had(linus, 7)
    assert asked(happens(level, at=NINE + MINUTE)) == ["grace"]
    had(grace, 8)
    assert asked(happens(level, at=NINE + 2 * MINUTE)) == ["ada"]  # nobody is left: no page is lost
    assert "the page goes out" in FatigueNote.objects.filter(limit=limit).first().words


def test_who_cannot_be_reached_is_not_asked_instead(level, ada, grace):
    ada.backup = grace
    ada.save()
    FatigueLimitFactory(policy=level.policy, pages=1, act="reroute")
    had(ada, 5)
    grace.methods.update(enabled=False)
    assert asked(happens(level)) == ["ada"]


def test_by_name_as_the_last_and_where_each_must_answer_everybody_is_asked(level, ada, grace, linus):
    ada.backup = grace
    ada.save()
    FatigueLimitFactory(policy=level.policy, pages=1, act="reroute")
    had(ada, 5)
    incident = happens(level)
    lifecycle.page_by_hand(incident, [ada], by=linus, at=NINE + MINUTE)
    assert asked(incident) == ["ada", "grace"]
    plan = level.policy.escalation_policies.get()
    plan.steps.update(asks="all_ack")
    assert asked(happens(level, at=NINE + 2 * MINUTE)) == ["ada"]
    plan.steps.all().delete()
    plan.catch_all = ada
    plan.save()
    last = happens(level, at=NINE + 3 * MINUTE)
    escalation.climb_due(at=NINE + HOUR)
    assert asked(last) == ["ada"]


def test_only_its_levels_and_hours_and_a_persons_own_limit_is_the_only_one(level, ada, grace):
    ada.backup, ada.timezone = grace, "Asia/Jakarta"
    ada.save()
    night = NINE.replace(hour=17)  # midnight there
    had(ada, 10, 20, at=night)
    limit = FatigueLimitFactory(policy=level.policy, pages=2, act="reroute", hours="sleep")
    assert asked(happens(level)) == ["ada"]  # 16:00 there
    assert asked(happens(level, at=night)) == ["grace"]
    limit.severities.add(SeverityFactory(policy=level.policy, key="P2"))
    assert asked(happens(level, at=night + MINUTE)) == ["ada"]
    limit.severities.clear()
    FatigueLimitFactory(policy=None, contact=ada, pages=9, act="reroute")
    assert asked(happens(level, at=night + 2 * MINUTE)) == ["ada"]
    FatigueLimit.objects.filter(contact=ada).update(pages=2, hours="any")
    assert asked(happens(level, at=night + 3 * MINUTE)) == ["grace"]


@pytest.mark.parametrize(("hour", "counts"), [(1, True), (2, False), (9, False), (10, True), (22, True)])
def test_off_hours_are_those_outside_business_hours_of_the_own_clock(level, ada, hour, counts):
    ada.timezone = "Asia/Jakarta"  # seven hours ahead: 09:00 to 17:00 is 02:00 to 10:00 UTC
    ada.save()
    limit = FatigueLimitFactory(policy=level.policy, pages=1, hours="off")
    at = NINE.replace(hour=hour)
    had(ada, 0, at=at)
    assert fatigue.pages_of(ada, limit, at=at) == counts


def test_the_simulator_says_who_would_be_asked_instead(client, level, ada, grace):
    ada.backup = grace
    ada.save()
    FatigueLimitFactory(policy=level.policy, pages=1, act="reroute")
    had(ada, 5)
    page = signed_in(client, grace, "Viewer").get(
        "/incidents/simulator/", {"policy": "shop", "severity": "P1", "at": "2026-11-23T09:00"}
    )
    text = page.content.decode()
    assert "had 1 page within 1d, and 1 is enough" in text and "grace" in text
