"""The short cuts of the store: runs of neighbours, and inserts that hope there is no conflict."""

import json
from datetime import timedelta

import pytest

from alerts import store
from alerts.models import Alert, Liveness
from sources.inbound import alertmanager
from tests.factories import IntegrationFactory

MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.both


def posts(names, *, starts, ends):
    return alertmanager.decode(
        json.dumps(
            [{"labels": {"n": name}, "startsAt": starts.isoformat(), "endsAt": ends.isoformat()} for name in names]
        ).encode()
    )


@pytest.fixture(params=["autocommit", "in a transaction"])
def door(request):
    """A door; in one of two surroundings, as the store takes other ways in each."""
    request.getfixturevalue("transactional_db" if request.param == "autocommit" else "db")
    store.memory.forget()
    return IntegrationFactory(kind="alertmanager")


def send(door, names, at, *, minutes=5, since=1):
    told = posts(names, starts=at - since * MINUTE, ends=at + minutes * MINUTE)
    return store.receive(door.pk, told, at=at)


def ends():
    return {row.alert.labels["n"]: row.ends_at for row in Liveness.objects.select_related("alert")}


def test_a_batch_that_comes_again_whole_is_moved_whole(door, at):
    names = [f"n{i}" for i in range(20)]
    assert send(door, names, at).new == 20
    again = send(door, names, at + MINUTE, since=2)
    assert (again.new, again.resent) == (0, 20)
    assert set(ends().values()) == {at + 6 * MINUTE}


def test_part_of_a_batch_moves_alone(door, at):
    names = [f"n{i}" for i in range(20)]
    send(door, names, at)
    assert send(door, names[3:9], at + MINUTE, since=2).resent == 6
    moved = {name for name, end in ends().items() if end == at + 6 * MINUTE}
    assert moved == set(names[3:9])


def test_neighbours_of_another_batch_are_not_touched(door, at):
    send(door, ["a", "b", "c"], at)
    send(door, ["d", "e", "f"], at)
    assert send(door, ["a", "b", "c"], at + MINUTE, minutes=-0.5, since=2).resolved == 3
    firing = Liveness.objects.filter(firing=True).select_related("alert")
    assert {row.alert.labels["n"] for row in firing} == {"d", "e", "f"}


def test_one_that_changed_meanwhile_is_not_run_over(door, at):
    """Somebody else ended one of them: told again as firing, it begins anew and the others go on."""
    names = ["a", "b", "c", "d"]
    send(door, names, at)
    one = Liveness.objects.order_by("pk")[1]
    Liveness.objects.filter(pk=one.pk).update(firing=False, ends_at=at, stamp=one.stamp + 1)
    again = send(door, names, at + MINUTE, since=0)
    assert (again.new, again.resent) == (1, 3)
    assert Liveness.objects.filter(firing=True).count() == 4
    assert Liveness.objects.get(pk=one.pk).times == 2


def test_known_alerts_that_nobody_remembers_are_found_and_new_ones_beside_them_stored(door, at):
    send(door, ["a", "b"], at)
    store.memory.forget()  # as after a start
    told = send(door, ["a", "b", "c"], at + MINUTE, since=2)
    assert (told.new, told.resent) == (1, 2)
    assert Alert.objects.count() == 3
    assert send(door, ["d"], at + MINUTE).new == 1
