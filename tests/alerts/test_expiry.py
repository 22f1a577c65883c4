from datetime import timedelta

import pytest

from alerts.expiry import expire_due
from alerts.models import Liveness
from alerts.store import Signal, store
from tests.factories import NINE, IntegrationFactory

MINUTE = timedelta(minutes=1)


@pytest.fixture
def door(db):
    return IntegrationFactory()


def fires(door, *, until, at=NINE):
    return store(door, [Signal({"alertname": "Down"}, starts_at=NINE, ends_at=until)], at=at)


@pytest.mark.parametrize(("after", "firing"), [(4 * MINUTE - timedelta(microseconds=1), True), (4 * MINUTE, False)])
def test_an_alert_ends_when_its_validity_does(door, after, firing):
    fires(door, until=NINE + 4 * MINUTE)
    Liveness.objects.update(assign_at=None)
    assert expire_due(at=NINE + after) == (not firing)
    life = Liveness.objects.get()
    assert life.firing == firing == life.fires_at(NINE + after)
    assert life.assign_at == (None if firing else NINE + after)
    assert life.check_at == (NINE + 4 * MINUTE if firing else None)
    assert life.ends_at == NINE + 4 * MINUTE


def test_one_that_was_sent_again_is_looked_at_again_at_its_new_end(door):
    fires(door, until=NINE + 4 * MINUTE)
    fires(door, until=NINE + 6 * MINUTE, at=NINE + 2 * MINUTE)
    Liveness.objects.update(assign_at=None)
    assert expire_due(at=NINE + 4 * MINUTE) == 1
    life = Liveness.objects.get()
    assert (life.firing, life.check_at, life.assign_at) == (True, NINE + 6 * MINUTE, None)
    assert expire_due(at=NINE + 4 * MINUTE) == 0
    assert expire_due(at=NINE + 6 * MINUTE) == 1
    assert not Liveness.objects.get().firing


def test_it_works_in_batches_oldest_first(door):
    for number in range(5):
        store(door, [Signal({"n": str(number)}, starts_at=NINE, ends_at=NINE + (5 - number) * MINUTE)], at=NINE)
    assert expire_due(at=NINE + 10 * MINUTE, batch=3) == 3
    assert [life.alert.labels["n"] for life in Liveness.objects.filter(firing=True).order_by("pk")] == ["0", "1"]
    assert expire_due(at=NINE + 10 * MINUTE, batch=3) == 2
    assert expire_due(at=NINE + 10 * MINUTE, batch=3) == 0


def test_the_door_notices_that_an_alert_it_remembers_has_expired(door):
    fires(door, until=NINE + MINUTE)
    stamp = Liveness.objects.get().stamp
    expire_due(at=NINE + MINUTE)
    assert Liveness.objects.get().stamp != stamp
    assert fires(door, until=NINE + 9 * MINUTE, at=NINE + 5 * MINUTE).new == 1


def test_one_without_an_end_never_expires(door):
    fires(door, until=None)
    assert expire_due(at=NINE + timedelta(days=365)) == 0
