"""Sweeps: in slices, one bad row alone, nothing twice."""

from datetime import timedelta

import pytest

from incidents.models import Turn
from policies import claims
from tests.factories import MINUTE, NINE, EscalationFactory, TurnFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def turns():
    run = EscalationFactory()
    return [TurnFactory(escalation=run, position=position) for position in range(5)]


def take(turn, *, at):
    Turn.objects.filter(pk=turn.pk).update(due_at=None, taken_at=at, outcome="paged")


def sweep(work=take, at=NINE, **options):
    return claims.sweep(Turn.objects.due(at), due="due_at", at=at, work=work, **options)


def test_a_row_is_worked_once(turns):
    assert sweep() == 5
    assert sweep() == 0


def test_a_sweep_stops_when_its_time_is_up_and_the_next_goes_on(turns, monkeypatch):
    monkeypatch.setattr(claims, "SLICE", 0.0)
    assert [sweep() for _ in range(6)] == [1, 1, 1, 1, 1, 0]


def test_a_bad_row_is_rolled_back_alone_and_pushed_on(turns, caplog):
    def work(turn, *, at):
        take(turn, at=at)
        if turn.position == 2:
            raise ValueError("this one is bad")

    assert sweep(work) == 4
    [left] = Turn.objects.exclude(due_at=None)
    assert left.position == 2 and left.due_at == NINE + MINUTE and left.outcome == "waiting"
    assert "this one is bad" in caplog.text


def test_a_lease_hides_the_row_until_it_ends(turns):
    length = timedelta(minutes=2)
    assert len(claims.lease(Turn.objects.due(NINE), due="due_at", at=NINE, length=length, batch=3)) == 3
    assert Turn.objects.due(NINE).count() == 2
    assert Turn.objects.due(NINE + length).count() == 5
