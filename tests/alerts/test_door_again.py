"""The door knows a request that comes again with later ends, and is right whatever has changed meanwhile."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from alerts import store
from alerts.models import Alert, Liveness
from alerts.store.again import receive_again
from tests.factories import IntegrationFactory

MINUTE = timedelta(minutes=1)
NAMES = [f"n{i}" for i in range(8)]


@pytest.fixture
def door(transactional_db):
    store.memory.forget()
    store.batches.forget()
    return IntegrationFactory(kind="alertmanager", key="am-key")


@pytest.fixture
def began():
    return datetime.now(UTC) - MINUTE


def text(at) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def body(began, ends, names=NAMES, **labels) -> bytes:
    """As Prometheus writes it: annotations first, the same end in each."""
    alerts = [
        {
            "annotations": {"summary": f"{name} is down"}, "endsAt": text(ends), "startsAt": text(began),
            "generatorURL": "http://prometheus/graph", "labels": {"alertname": "Down", "n": name} | labels,
        }
        for name in names
    ]  # fmt: skip
    return json.dumps(alerts, separators=(",", ":")).encode()


def post(client, told):
    return client.post("/api/v2/alerts?key=am-key", told, content_type="application/json")


def ends():
    return {row.alert.labels["n"]: row.ends_at for row in Liveness.objects.select_related("alert")}


def knows(door, told) -> bool:
    """Whether the door would take this request as one that comes again."""
    return receive_again(door.pk, told, at=datetime.now(UTC)) is not None


def told_twice(client, began, later):
    for minutes in (4, 5):
        assert post(client, body(began, later(minutes))).status_code == 200


@pytest.fixture
def later(began):
    return lambda minutes: (began + minutes * MINUTE).replace(microsecond=0)


def test_each_time_the_ends_move_and_nothing_else_does(client, door, began, later):
    told_twice(client, began, later)
    assert post(client, body(began, later(6))).status_code == 200
    assert set(ends().values()) == {later(6)}
    assert knows(door, body(began, later(7)))
    assert set(ends().values()) == {later(7)} and Alert.objects.count() == len(NAMES)
    assert set(Liveness.objects.values_list("times", flat=True)) == {1}


def test_the_same_batch_resolved_ends_them_once_and_firing_again_is_a_new_occurrence(client, door, began, later):
    told_twice(client, began, later)
    over = datetime.now(UTC).replace(microsecond=0)
    for _ in range(2):  # Prometheus repeats it for a quarter of an hour
        assert post(client, body(began, over)).status_code == 200
        assert not Liveness.objects.filter(firing=True).exists()
        assert set(ends().values()) == {over}
    again = datetime.now(UTC)
    assert post(client, body(again, again + MINUTE)).status_code == 200
    assert set(Liveness.objects.values_list("firing", "times")) == {(True, 2)}


def test_what_somebody_else_changed_is_read_whole_again(client, door, began, later):
    told_twice(client, began, later)
    one = Liveness.objects.order_by("pk")[3]
    Liveness.objects.filter(pk=one.pk).update(firing=False, ends_at=began, stamp=one.stamp + 1)
    assert post(client, body(began, later(6))).status_code == 200
    assert set(Liveness.objects.values_list("firing", flat=True)) == {True}
    assert set(ends().values()) == {later(6)}
    assert Liveness.objects.get(pk=one.pk).times == 2


def test_a_deleted_alert_comes_back(client, door, began, later):
    told_twice(client, began, later)
    Alert.objects.order_by("pk")[2].delete()
    assert post(client, body(began, later(6))).status_code == 200
    assert len(ends()) == len(NAMES)


@pytest.mark.parametrize("change", ["order", "annotation", "one less", "another end"])
def test_a_batch_that_differs_is_not_taken_for_it(client, door, began, later, change):
    told_twice(client, began, later)
    told = {
        "order": body(began, later(6), names=NAMES[:3] + NAMES[4:5] + NAMES[3:4] + NAMES[5:]),
        "annotation": body(began, later(6)).replace(b"n4 is down", b"n4 is gone"),
        "one less": body(began, later(6), names=NAMES[:-1]),
        "another end": body(began, later(6)).replace(text(later(6)).encode(), text(later(9)).encode(), 1),
    }[change]
    assert not knows(door, told)
    assert post(client, told).status_code == 200
    expected = dict.fromkeys(NAMES, later(6))
    if change == "one less":
        expected[NAMES[-1]] = later(5)
    if change == "another end":
        expected[NAMES[0]] = later(9)
    assert ends() == expected
    assert Alert.objects.filter(annotations__contains="n4 is gone").exists() == (change == "annotation")


def test_a_time_that_is_none_is_refused_as_ever(client, door, began, later):
    told_twice(client, began, later)
    answer = post(client, body(began, later(6)).replace(text(later(6)).encode(), b"2026-13-45T00:00:00.000Z"))
    assert answer.status_code == 400 and "endsAt" in answer.json()["message"]
    assert set(ends().values()) == {later(5)}


def test_a_label_that_holds_the_very_end_is_no_end(client, door, began, later):
    for minutes in (4, 5, 6):
        assert post(client, body(began, later(minutes), until=text(later(4)))).status_code == 200
    assert Alert.objects.count() == len(NAMES)
    assert post(client, body(began, later(7), until=text(later(7)))).status_code == 200
    assert Alert.objects.count() == 2 * len(NAMES)


def test_doors_do_not_take_each_others_batches(client, door, began, later):
    told_twice(client, began, later)
    other = IntegrationFactory(kind="alertmanager", key="other")
    assert receive_again(other.pk, body(began, later(6)), at=datetime.now(UTC)) is None
    assert (
        client.post("/api/v2/alerts?key=other", body(began, later(6)), content_type="application/json").status_code
        == 200
    )
    assert Alert.objects.count() == 2 * len(NAMES)
