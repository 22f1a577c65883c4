"""The store, on whichever database runs: the same tests for PostgreSQL's statements and their plain twin."""

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.fingerprint import fingerprint
from alerts.models import Alert, Liveness
from alerts.store import Signal, memory, receive, store
from alerts.store.memory import Memory, remembered
from policies import statements
from sources.inbound import alertmanager
from tests.factories import NINE, AlertRuleFactory, IntegrationFactory

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DOWN = {"alertname": "CheckoutDown", "severity": "critical"}


@pytest.fixture(autouse=True)
def nothing_remembered():
    memory.forget()


@pytest.fixture
def door(db):
    return IntegrationFactory(kind="alertmanager")


def posted(labels=DOWN, *, starts: datetime | None = None, ends: datetime | None = None, **more) -> dict:
    times = {"startsAt": starts and starts.isoformat(), "endsAt": ends and ends.isoformat()}
    return {"labels": labels, **{name: time for name, time in times.items() if time}, **more}


def post(door, *alerts: dict, at: datetime):
    return receive(door.pk, alertmanager.decode(json.dumps(alerts).encode()), at=at)


def only() -> Liveness:
    return Liveness.objects.select_related("alert").get()


def test_a_new_alert_is_two_rows_that_grouping_and_expiry_will_look_at(door):
    stored = post(door, posted(starts=NINE - MINUTE, ends=NINE + 4 * MINUTE, annotations={"summary": "Down"},
                               generatorURL="http://prometheus/graph"), at=NINE)  # fmt: skip
    assert (stored.new, stored.resent, stored.resolved) == (1, 0, 0)
    life = only()
    alert = life.alert
    assert (alert.integration, alert.rule, alert.name, alert.labels) == (door, None, "CheckoutDown", DOWN)
    assert (alert.annotations, alert.url, alert.key) == ({"summary": "Down"}, "http://prometheus/graph", "")
    assert len(alert.identity) == 16
    assert (life.firing, life.starts_at, life.ends_at) == (True, NINE - MINUTE, NINE + 4 * MINUTE)
    assert (life.last_seen_at, life.assign_at, life.check_at) == (NINE, NINE, NINE + 4 * MINUTE)
    assert (life.verdict, life.severity_key, life.times, life.timeout_end) == ("new", "critical", 1, False)


@pytest.mark.parametrize("forget", [False, True], ids=["remembered", "forgotten"])
def test_a_resend_moves_the_end_and_nothing_that_is_indexed(door, forget):
    post(door, posted(starts=NINE, ends=NINE + 4 * MINUTE), at=NINE)
    Liveness.objects.update(assign_at=None)
    if forget:
        memory.forget()
    stored = post(door, posted(starts=NINE, ends=NINE + 5 * MINUTE), at=NINE + MINUTE)
    assert (stored.new, stored.resent, stored.resolved) == (0, 1, 0)
    life = only()
    assert (life.ends_at, life.last_seen_at) == (NINE + 5 * MINUTE, NINE + MINUTE)
    assert (life.assign_at, life.check_at, life.starts_at, life.times) == (None, NINE + 4 * MINUTE, NINE, 1)


@pytest.mark.parametrize("forget", [False, True], ids=["remembered", "forgotten"])
def test_a_resolve_ends_the_alert_and_calls_grouping(door, forget):
    post(door, posted(starts=NINE, ends=NINE + 4 * MINUTE), at=NINE)
    Liveness.objects.update(assign_at=None)
    for again in range(3):
        if forget:
            memory.forget()
        at = NINE + (2 + again) * MINUTE
        stored = post(door, posted(starts=NINE, ends=NINE + MINUTE), at=at)
        assert (stored.new, stored.resent, stored.resolved) == (0, 0, 0 if again else 1)
    life = only()
    assert (life.firing, life.starts_at, life.ends_at, life.check_at) == (False, NINE, NINE + MINUTE, None)
    assert life.assign_at == NINE + 2 * MINUTE  # once, although Prometheus repeats a resolve for 15 minutes


def test_the_end_of_an_unknown_alert_is_taken_silently(door):
    stored = post(door, posted(starts=NINE - HOUR, ends=NINE - MINUTE), at=NINE)
    assert stored == type(stored)()
    assert not Alert.objects.exists()


@pytest.mark.parametrize("forget", [False, True], ids=["remembered", "forgotten"])
def test_firing_again_after_a_resolve_is_a_new_occurrence_of_the_same_alert(door, forget):
    post(door, posted(starts=NINE, ends=NINE + 4 * MINUTE), at=NINE)
    post(door, posted(starts=NINE, ends=NINE + MINUTE), at=NINE + MINUTE)
    if forget:
        memory.forget()
    at = NINE + HOUR
    stored = post(door, posted(starts=at, ends=at + 4 * MINUTE), at=at)
    assert (stored.new, Alert.objects.count()) == (1, 1)
    life = only()
    assert (life.firing, life.starts_at, life.times) == (True, at, 2)
    assert (life.assign_at, life.check_at) == (at, at + 4 * MINUTE)


def test_a_resend_after_the_end_has_passed_unseen_fires_again(door):
    post(door, posted(starts=NINE, ends=NINE + MINUTE), at=NINE)
    stored = post(door, posted(starts=NINE, ends=NINE + HOUR), at=NINE + 2 * MINUTE)
    assert (stored.new, only().times, only().assign_at) == (1, 2, NINE + 2 * MINUTE)


def test_without_an_end_an_alert_is_valid_for_five_minutes(door):
    post(door, posted(), at=NINE)
    assert (only().starts_at, only().ends_at, only().timeout_end) == (NINE, NINE + 5 * MINUTE, True)
    post(door, posted(), at=NINE + MINUTE)
    assert (only().starts_at, only().ends_at, only().timeout_end) == (NINE, NINE + 6 * MINUTE, True)


def test_gos_zero_time_means_not_given(door):
    zero = "0001-01-01T00:00:00Z"
    post(door, {"labels": DOWN, "startsAt": zero, "endsAt": zero}, at=NINE)
    assert (only().starts_at, only().ends_at, only().timeout_end) == (NINE, NINE + 5 * MINUTE, True)


def test_only_an_end_given_is_the_start_too(door):
    post(door, posted(ends=NINE + MINUTE), at=NINE)
    assert (only().starts_at, only().ends_at, only().timeout_end) == (NINE + MINUTE, NINE + MINUTE, False)


def test_a_stated_end_survives_an_earlier_one_and_a_timeout_does_not(door):
    post(door, posted(starts=NINE, ends=NINE + HOUR), at=NINE)
    post(door, posted(starts=NINE, ends=NINE + 10 * MINUTE), at=NINE + MINUTE)
    assert only().ends_at == NINE + HOUR
    other = {"alertname": "Other"}
    post(door, posted(other), at=NINE)
    post(door, posted(other, starts=NINE, ends=NINE + 2 * MINUTE), at=NINE + MINUTE)
    life = Liveness.objects.get(alert__name="Other")
    assert (life.ends_at, life.timeout_end) == (NINE + 2 * MINUTE, False)
    assert life.check_at == NINE + 2 * MINUTE  # the sweep would come too late otherwise


def test_the_earliest_start_wins(door):
    post(door, posted(starts=NINE, ends=NINE + HOUR), at=NINE)
    post(door, posted(starts=NINE - HOUR, ends=NINE + 30 * MINUTE), at=NINE + MINUTE)
    assert only().starts_at == NINE - HOUR
    post(door, posted(starts=NINE + MINUTE, ends=NINE + 30 * MINUTE), at=NINE + 2 * MINUTE)
    assert (only().starts_at, only().times) == (NINE - HOUR, 1)


def test_a_resolve_from_before_the_start_ends_it_all_the_same(door):
    post(door, posted(starts=NINE, ends=NINE + HOUR), at=NINE)
    stored = post(door, posted(starts=NINE - HOUR, ends=NINE - MINUTE), at=NINE + MINUTE)
    assert stored.resolved == 1
    assert (only().firing, only().ends_at) == (False, NINE - MINUTE)


@pytest.mark.parametrize("forget", [False, True], ids=["remembered", "forgotten"])
def test_annotations_and_address_are_the_newcomers(door, forget):
    post(door, posted(annotations={"value": "37"}), at=NINE)
    Liveness.objects.update(assign_at=None)
    if forget:
        memory.forget()
    post(door, posted(annotations={"value": "38"}, generatorURL="/graph"), at=NINE + MINUTE)
    assert (only().alert.annotations, only().alert.url) == ({"value": "38"}, "/graph")
    assert (only().assign_at, only().times) == (None, 1)


def test_identity_is_the_set_of_labels_that_have_a_value(door):
    raw = b'[{"labels": {"b": "2", "a": "1"}}, {"labels":{"a":"1","b":"2","c":"","d":null}}]'
    stored = receive(door.pk, alertmanager.decode(raw), at=NINE)
    assert (stored.new, stored.resent) == (1, 1)
    assert only().alert.labels == {"a": "1", "b": "2"}
    post(IntegrationFactory(), posted({"a": "1", "b": "2"}), at=NINE)
    assert Alert.objects.count() == 2  # another door's alert is another alert


def test_a_senders_own_key_is_the_identity_and_its_labels_may_change(door):
    first = store(door, [Signal({"host": "a"}, key="disk", name="Disk", severity_key="low")], at=NINE)
    second = store(door, [Signal({"host": "b"}, key="disk", name="Disk!", severity_key="high")], at=NINE + MINUTE)
    assert first.ids == second.ids == (only().pk,)
    alert = only().alert
    assert (alert.key, alert.name, alert.labels, only().severity_key) == ("disk", "Disk!", {"host": "b"}, "high")


def test_without_a_timeout_an_alert_lasts_until_it_is_told_otherwise(db):
    rule = AlertRuleFactory()
    store(None, [Signal({"tenant": "acme"}, key="stuck")], at=NINE, rule=rule)
    assert (only().ends_at, only().check_at, only().alert.rule) == (None, None, rule)
    again = store(None, [Signal({"tenant": "acme"}, key="stuck")], at=NINE + HOUR, rule=rule)
    assert (again.resent, only().starts_at, only().last_seen_at, only().times) == (1, NINE, NINE + HOUR, 1)
    over = store(
        None, [Signal({"tenant": "acme"}, key="stuck", ends_at=NINE + 2 * HOUR)], at=NINE + 2 * HOUR, rule=rule
    )
    assert (over.resolved, only().firing, only().starts_at, only().ends_at) == (1, False, NINE, NINE + 2 * HOUR)


def test_severity_comes_from_the_first_of_its_labels(door):
    for number, labels in enumerate(
        [{"severity": "a", "level": "b"}, {"level": "b", "priority": "c"}, {"priority": "c"}, {}]
    ):
        store(door, [Signal({"n": str(number), **labels})], at=NINE)
    assert list(Liveness.objects.order_by("pk").values_list("severity_key", flat=True)) == ["a", "b", "c", ""]


def test_of_several_tellings_in_a_batch_each_sees_what_the_former_left(door):
    over, again = posted(starts=NINE, ends=NINE + MINUTE), posted(starts=NINE + 2 * MINUTE, ends=NINE + HOUR)
    at = NINE + 3 * MINUTE
    post(door, posted(starts=NINE, ends=NINE + HOUR), at=NINE)
    stored = post(door, over, again, over, again, at=at)
    assert (stored.resolved, stored.new) == (2, 2)
    assert (only().firing, only().times, only().starts_at) == (True, 3, NINE + 2 * MINUTE)
    fresh = {"alertname": "Fresh"}
    over, again = (alert | {"labels": fresh} for alert in (over, again))
    assert post(door, over, again, over, at=at).new == 1
    assert not Liveness.objects.get(alert__name="Fresh").firing


def test_texts_that_postgresql_cannot_hold_or_that_are_too_long_are_cut(door):
    labels, annotations = {"alertname": "x\0" + "y" * 300, "severity": "z" * 50}, {"a": "b\0c"}
    for number, tell in enumerate((post, store)):
        labels["n"] = str(number)
        told = posted(labels, annotations=annotations) if tell is post else [Signal(labels, annotations)]
        tell(door, told, at=NINE)
        life = Liveness.objects.select_related("alert").latest("pk")
        assert (life.alert.name, life.severity_key) == ("x\ufffd" + "y" * 248, "z" * 40)
        assert life.alert.labels["alertname"] == "x\ufffd" + "y" * 300
        assert life.alert.annotations == {"a": "b\ufffdc"}


def test_many_alerts_are_one_batch(door):
    alerts = [posted({"alertname": "Many", "n": str(n)}, starts=NINE, ends=NINE + HOUR) for n in range(1500)]
    assert post(door, *alerts, at=NINE).new == 1500
    assert post(door, *alerts, at=NINE + MINUTE).resent == 1500
    memory.forget()
    assert post(door, *reversed(alerts), at=NINE + 2 * MINUTE).resent == 1500
    assert Liveness.objects.filter(last_seen_at=NINE + 2 * MINUTE).count() == 1500


class TestTheMemoryMayBeWrong:
    """Whatever it remembers, the rows say what is true."""

    @pytest.fixture
    def remembering(self, door):
        post(door, posted(starts=NINE, ends=NINE + HOUR), at=NINE)
        Liveness.objects.update(assign_at=None)
        return door

    def test_the_alert_is_gone(self, remembering):
        Liveness.objects.all().delete()
        Alert.objects.all().delete()
        assert post(remembering, posted(starts=NINE, ends=NINE + HOUR), at=NINE + MINUTE).new == 1
        assert only().firing

    def test_another_process_has_ended_it(self, remembering):
        mine = dict(memory.young)
        memory.forget()
        post(remembering, posted(starts=NINE, ends=NINE + MINUTE), at=NINE + MINUTE)
        memory.young = mine
        again = post(remembering, posted(starts=NINE, ends=NINE + HOUR), at=NINE + 2 * MINUTE)
        assert (again.new, only().times, only().assign_at) == (1, 2, NINE + 2 * MINUTE)

    def test_another_process_has_written_other_annotations(self, remembering):
        mine = dict(memory.young)
        memory.forget()
        post(remembering, posted(starts=NINE, ends=NINE + HOUR, annotations={"value": "2"}), at=NINE + MINUTE)
        memory.young = mine
        post(remembering, posted(starts=NINE, ends=NINE + HOUR), at=NINE + 2 * MINUTE)
        assert only().alert.annotations == {}

    def test_it_remembers_an_end_that_is_none_any_more(self, remembering):
        over = posted(starts=NINE, ends=NINE + MINUTE)
        post(remembering, over, at=NINE + MINUTE)
        mine = dict(memory.young)
        memory.forget()
        post(remembering, posted(starts=NINE + 2 * MINUTE, ends=NINE + HOUR), at=NINE + 2 * MINUTE)
        memory.young = mine
        assert post(remembering, over, at=NINE + 3 * MINUTE).resolved == 1
        assert not only().firing

    def test_only_some_of_a_batch_are_as_remembered(self, remembering):
        others = [posted({"n": str(n)}, starts=NINE, ends=NINE + HOUR) for n in range(5)]
        post(remembering, *others, at=NINE)
        Liveness.objects.filter(alert__labels__contains='"3"').update(stamp=1, firing=False, ends_at=NINE)
        stored = post(remembering, *others, at=NINE + MINUTE)
        assert (stored.new, stored.resent) == (1, 4)
        assert Liveness.objects.filter(firing=True, last_seen_at=NINE + MINUTE).count() == 5


def test_the_memory_is_bounded_and_keeps_what_is_asked_for():
    small = Memory(entries=10)
    entry = remembered(1, 2, True, 3, None, b"", None)
    small.keep(b"wanted", entry)
    for number in range(50):
        small.keep(b"%d" % number, entry)
        assert small.get(b"wanted") is entry
        assert len(small.young) + len(small.old) <= 12
    heavy = Memory(size=10_000)
    for number in range(50):
        heavy.keep(b"%d" % number, remembered(1, 2, True, 3, None, b"x" * 1000, None))
    assert len(heavy.young) + len(heavy.old) < 10


def test_a_fault_keeps_out_its_own_alert_only(door):
    stored = post(
        door,
        posted({"alertname": ""}), posted(), posted({"": "x"}), posted({"a": "b"}, annotations={"": "x"}),
        posted({"a": "c"}, starts=NINE, ends=NINE - MINUTE), at=NINE,
    )  # fmt: skip
    assert stored.new == 1
    assert dict(stored.faults) == {
        0: "at least one label with a value is needed",
        2: "a label or annotation has an empty name",
        3: "a label or annotation has an empty name",
        4: "it ends before it starts",
    }


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (b'{"labels": {"a": 1}}', alertmanager.Malformed, "labels of alert 1"),
        (b'{"labels": ["a"]}', alertmanager.Malformed, "labels of alert 1"),
        (b'{"labels": {"a": "b"}, "annotations": {"c": {}}}', alertmanager.Malformed, "annotations of alert 1"),
        (b'{"labels": {"a": "\\ud800"}}', alertmanager.Malformed, "not JSON"),
        (b'{"labels": {"a": "b"}, "startsAt": "yesterday"}', alertmanager.Malformed, "startsAt of alert 1"),
        (b'{"labels": {"a": "b"}, "endsAt": "2026-13-01T00:00:00Z"}', alertmanager.Malformed, "endsAt of alert 1"),
        (b'{"labels": {"a": "b"}, "endsAt": "9999-12-31T23:59:59-12:00"}', alertmanager.Malformed, "too far"),
        (b'{"labels": {"a": "b"}, "endsAt": 12}', alertmanager.Malformed, "endsAt"),
        (b"null", alertmanager.Malformed, "null"),
        (b"7", alertmanager.Malformed, "int"),
        (b'{"labels": null}', alertmanager.WrongShape, "Alert 1 has no labels"),
        (b'{"annotations": {}}', alertmanager.WrongShape, "Alert 1 has no labels"),
        (b'{"labels": {"a": "b"}, "generatorURL": "no uri"}', alertmanager.WrongShape, "generatorURL of alert 1"),
    ],
)
def test_a_wrong_shape_refuses_the_whole_batch(door, wrong, error, words):
    body = b'[{"labels": {"alertname": "Fine"}}, ' + wrong + b"]"
    with pytest.raises(error, match=words):
        receive(door.pk, alertmanager.decode(body), at=NINE)
    assert not Alert.objects.exists()


def test_an_alert_of_a_door_that_was_just_removed_is_kept(door):
    number = door.pk
    door.delete()
    assert receive(number, alertmanager.decode(b'[{"labels": {"a": "b"}}]'), at=NINE).new == 1
    assert only().alert.integration_id is None


def test_fingerprints_are_alertmanagers():
    # as Debian's Alertmanager 0.25 answered for these label sets
    assert fingerprint({}) == "cbf29ce484222325"
    assert fingerprint({"alertname": "Überlast", "z": "ÿ"}) == "2bab4cbcac2233f4"
    assert fingerprint({"alertname": "InstanceDown", "severity": "critical"}) == "767cb822c691ad83"
    assert fingerprint({"severity": "critical", "alertname": "InstanceDown", "empty": ""}) == "767cb822c691ad83"


class Model:
    """Alertmanager's provider in a few lines, after prometheus/alertmanager, provider/mem and types.Alert.Merge."""

    def __init__(self):
        self.alerts = {}

    def put(self, name, starts, ends, now):
        timeout = ends is None
        starts = (now if ends is None else ends) if starts is None else starts
        ends = now + 300 if ends is None else ends
        if ends < starts:
            return
        old = self.alerts.get(name)
        if old is None:
            if ends > now:
                self.alerts[name] = (starts, ends, timeout)
            return
        old_starts, old_ends, old_timeout = old
        if old_starts < ends < old_ends or old_starts < starts < old_ends:
            starts = min(starts, old_starts)
            if ends <= now:
                if old_ends <= now and old_ends > ends:
                    ends = old_ends
            elif old_ends > ends and not old_timeout:
                ends = old_ends
        self.alerts[name] = (starts, ends, timeout)


STEPS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.one_of(st.none(), st.integers(-20, 5)),  # minutes from now
        st.one_of(st.none(), st.integers(-15, 30)),
        st.integers(0, 9),  # minutes that pass before it
        st.sampled_from(["", "", "forget", "batch"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_sequence_of_posts_ends_as_in_alertmanager(door, steps):
    memory.forget()
    Liveness.objects.all().delete()
    Alert.objects.all().delete()
    model, now, waiting = Model(), 0, []
    for name, starts, ends, pause, how in steps:
        if not waiting:
            now += pause * 60
        starts, ends = (None if time is None else now + time * 60 for time in (starts, ends))
        model.put(name, starts, ends, now)
        instants = (None if time is None else NINE + time * SECOND for time in (starts, ends))
        waiting.append(posted({"alertname": name}, **dict(zip(("starts", "ends"), instants, strict=True))))
        if how == "batch":
            continue
        if how == "forget":
            memory.forget()
        post(door, *waiting, at=NINE + now * SECOND)
        waiting = []
    post(door, *waiting, at=NINE + now * SECOND)
    stored = {life.alert.name: life for life in Liveness.objects.select_related("alert")}
    for name, (starts, ends, timeout) in model.alerts.items():
        life = stored.pop(name)
        assert life.fires_at(NINE + now * SECOND) == (ends > now)
        assert (life.starts_at, life.ends_at) == (NINE + starts * SECOND, NINE + ends * SECOND)
        if ends > now:
            assert life.timeout_end == timeout
    assert not stored


@pytest.mark.django_db(transaction=True)
def test_senders_that_tell_the_same_at_once_neither_deadlock_nor_double():
    door = IntegrationFactory(kind="alertmanager")
    start, told = threading.Barrier(4), []

    def send(seed):
        alerts = [posted({"alertname": "Same", "n": str(n)}, starts=NINE, ends=NINE + HOUR) for n in range(60)]
        random.Random(seed).shuffle(alerts)
        start.wait(30)
        try:
            for batch in range(0, 60, 15):
                told.append(post(door, *alerts[batch : batch + 15], at=NINE))
            over = [alert | {"endsAt": NINE.isoformat()} for alert in alerts[:20]]
            told.append(post(door, *over, *alerts[20:], at=NINE + MINUTE))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(send, seed) for seed in range(4)]:
            done.result(timeout=60)
    assert Alert.objects.count() == Liveness.objects.count() == 60
    firing = Liveness.objects.filter(firing=True).count()
    assert sum(one.new for one in told) - sum(one.resolved for one in told) == firing
    assert sum(Liveness.objects.values_list("times", flat=True)) == sum(one.new for one in told)


@pytest.mark.django_db
def test_behind_a_pool_of_connections_nothing_is_prepared(door):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no pool in front of it")
    before = dict(connection.settings_dict)
    connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")
        test_a_resolve_ends_the_alert_and_calls_grouping(door, forget=False)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'alerts_%%'", [])
            assert cursor.fetchone() == (0,)
    finally:
        connection.settings_dict.clear()
        connection.settings_dict.update(before)
        statements._thread.__dict__.clear()  # what was deallocated here is to be prepared anew
