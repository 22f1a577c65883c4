"""Checking rules: claims, reading beside the database, states, and what becomes of alerts and incidents."""

import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from datetime import time as clock

import pytest
from django.core.management import CommandError, call_command

from alerts import evaluation, grouping
from alerts.models import Alert, AlertRule, Liveness
from incidents.models import Incident
from notifications import claimant
from policies.models import Parameter
from sources.models import Connection
from tests.factories import NINE, AlertRuleFactory, RuleSourceFactory

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


class Lamps:
    """A small database to watch, and rules over it."""

    def __init__(self, path) -> None:
        self.path = path
        self.set(0)

    def set(self, *out: int, house: str = "north") -> None:
        """So many lamps are out in as many houses: north, then house 1, 2 …"""
        with sqlite3.connect(self.path) as database:
            database.execute("DROP TABLE IF EXISTS lamp")
            database.execute("CREATE TABLE lamp (house text, out integer)")
            names = [house, *(f"house {n}" for n in range(1, len(out)))]
            database.executemany("INSERT INTO lamp VALUES (?, ?)", list(zip(names, out, strict=True)))

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def rule(self, when: str = "value >= 1", spec: dict | None = None, **fields) -> AlertRule:
        condition = {"when": when} | fields.pop("condition", {})
        rule = AlertRuleFactory(condition=condition, severity__key="critical", **fields)
        rule.sources.all().delete()
        connection, _ = Connection.objects.get_or_create(policy=rule.policy, key="lamps", kind="sql", url=self.url)
        spec = {"query": "SELECT sum(out) FROM lamp"} | (spec or {})
        RuleSourceFactory(rule=rule, variant="sql", kind="sql", connection=connection, spec=spec)
        return rule


@pytest.fixture
def lamps(tmp_path):
    return Lamps(tmp_path / "lamps.db")


def check(at, **options):
    report = evaluation.check_due(at=at, **options)
    grouping.assign_due(at=at)
    return report


def again(rule: AlertRule) -> AlertRule:
    return AlertRule.objects.get(pk=rule.pk)


def test_a_rule_fires_goes_on_and_ends_as_one_alert(db, lamps):
    rule = lamps.rule(message="{{ value }} lamps are out", name="Lamps", labels={"area": "coast"})
    check(NINE)
    assert (again(rule).state, Alert.objects.count()) == ("inactive", 0)
    lamps.set(2)
    check(NINE + rule.every)
    alert = Alert.objects.get()
    assert (alert.key, alert.name, alert.rule) == (rule.key, "Lamps", rule)
    assert alert.annotations["summary"] == "2 lamps are out"
    assert alert.labels["area"] == "coast" and alert.labels["severity"] == "critical"
    assert Incident.objects.get().title == "2 lamps are out"
    lamps.set(3)
    check(NINE + 2 * rule.every)
    alert.refresh_from_db()
    assert alert.annotations["summary"] == "3 lamps are out"
    assert (alert.liveness.firing, alert.liveness.times) == (True, 1)
    lamps.set(0)
    check(NINE + 3 * rule.every)
    alert = Alert.objects.get()
    assert not alert.liveness.firing
    assert alert.annotations["summary"] == "3 lamps are out"  # as it was while it fired
    assert "does not hold" in alert.annotations["ended"]
    assert Incident.objects.count() == 1 and again(rule).verdict == "value 0 >= 1 does not hold"


def test_the_rule_shows_its_state_since_when_and_why(db, lamps):
    rule = lamps.rule(every=MINUTE, condition={"for": "2m"})
    lamps.set(1)
    states = []
    for minute in range(4):
        check(NINE + minute * MINUTE)
        now = again(rule)
        states.append((now.state, now.state_since - NINE, now.checked_at - NINE))
    assert states == [
        ("pending", 0 * MINUTE, 0 * MINUTE),
        ("pending", 0 * MINUTE, 1 * MINUTE),
        ("firing", 2 * MINUTE, 2 * MINUTE),
        ("firing", 2 * MINUTE, 3 * MINUTE),
    ]
    assert again(rule).verdict == "value 1 >= 1, for 3m"


@pytest.mark.parametrize(
    ("checks", "count"),
    [
        (["09:00:00", "09:04:00"], 1),
        (["09:00:00", "09:04:59"], 1),
        (["09:00:00", "09:05:00"], 2),
        (["09:00:31", "09:04:40"], 1),
        (["09:00:31", "09:05:02"], 2),  # cron's seconds waver; the grid is the full minute
        (["09:00:00", "09:07:00", "09:09:59"], 2),  # late once, and back on its grid
        (["09:00:00", "09:07:00", "09:10:00"], 3),
        (["09:00:00", "11:59:00", "11:59:30"], 2),  # a night's downtime is one check
        (["09:00:00", "11:59:00", "12:00:00"], 3),
    ],
)
def test_a_rule_is_checked_on_its_grid(db, lamps, checks, count):
    lamps.rule(every=5 * MINUTE)
    instants = [datetime.combine(NINE, clock.fromisoformat(at), UTC) for at in checks]
    assert sum(check(at).checked for at in instants) == count


def test_rules_of_seconds_keep_their_own_grid(db, lamps):
    lamps.rule(every=10 * SECOND)
    at = NINE + timedelta(seconds=3)
    assert [check(at + n * SECOND).checked for n in (0, 9, 10, 19, 20)] == [1, 0, 1, 0, 1]


def test_force_checks_at_once_and_leaves_the_grid(db, lamps):
    rule = lamps.rule(every=5 * MINUTE)
    check(NINE)
    assert check(NINE + MINUTE, force=True).checked == 1
    assert again(rule).next_check_at == NINE + 5 * MINUTE


def test_a_disabled_rule_is_never_checked_and_what_fired_ends(db, lamps):
    rule, other = lamps.rule(), lamps.rule("value > 100")
    lamps.set(1)
    check(NINE)
    AlertRule.objects.filter(pk=rule.pk).update(enabled=False)
    assert check(NINE + HOUR, force=True).checked == 1
    assert not Liveness.objects.get().firing
    assert (again(rule).state, again(rule).verdict) == ("unknown", "The rule was switched off.")
    assert again(other).state == "inactive"
    rule.refresh_from_db()
    rule.enabled = True
    rule.save()
    check(NINE + 2 * HOUR)
    assert Liveness.objects.get().firing and Liveness.objects.get().times == 2


def test_one_alert_for_each_value_it_is_grouped_by(db, lamps):
    spec = {"query": "SELECT house, out FROM lamp", "mode": "rows", "labels": ["house"]}
    rule = lamps.rule("out > 1", spec, condition={"group_by": ["house"]}, message="{{ house }}: {{ out }}")
    lamps.set(2, 1, 3)
    check(NINE)
    assert {alert.key: alert.annotations["summary"] for alert in Alert.objects.all()} == {
        f"{rule.key}:north": "north: 2",
        f"{rule.key}:house 2": "house 2: 3",
    }
    assert {alert.labels["house"] for alert in Alert.objects.all()} == {"north", "house 2"}
    assert Incident.objects.count() == 2
    lamps.set(2)
    check(NINE + rule.every)
    assert [life.alert.key for life in Liveness.objects.filter(firing=True)] == [f"{rule.key}:north"]


def test_a_graver_level_raises_the_incident_and_a_lesser_does_not_lower_it(db, lamps):
    levels = [{"level": "critical", "when": "value > 10"}, {"level": "minor", "when": "value > 5"}]
    rule = lamps.rule(condition={"when": None, "levels": levels})
    rule.policy.severities.create(key="minor", label="Minor", rank=2)
    lamps.set(6)
    check(NINE)
    assert Incident.objects.get().severity.key == "minor"
    lamps.set(11)
    check(NINE + rule.every)
    assert Incident.objects.get().severity.key == "critical"
    assert Liveness.objects.get().severity_key == "critical"
    lamps.set(6)
    check(NINE + 2 * rule.every)
    assert (Incident.objects.get().severity.key, Liveness.objects.get().severity_key) == ("critical", "minor")


# sources that fail


def test_a_source_that_fails_is_a_state_with_an_alert_of_its_own_that_pages_nobody(db, lamps, tmp_path):
    rule = lamps.rule(page=True)
    rule.policy.severities.create(key="note", label="Note", rank=3)
    lamps.set(1)
    check(NINE)
    Connection.objects.update(url=f"sqlite:///{tmp_path}/gone.db")
    check(NINE + rule.every)
    now = again(rule)
    assert now.state == "error" and "gone.db" in now.verdict
    assert now.sources.get().error == now.verdict and Connection.objects.get().state == "error"
    fires = {life.alert.key: life.severity_key for life in Liveness.objects.filter(firing=True)}
    assert fires == {rule.key: "critical", "source:lamps": "note"}  # what fired goes on
    told = Incident.objects.get(key="source:lamps")
    assert (told.pages, told.severity.key) == (False, "note")
    Connection.objects.update(url=lamps.url)
    check(NINE + 2 * rule.every)
    assert again(rule).state == "firing" and again(rule).sources.get().error == ""
    assert [life.alert.key for life in Liveness.objects.filter(firing=True)] == [rule.key]
    assert Connection.objects.get().state == "ok" and Connection.objects.get().last_seen_at == NINE + 2 * rule.every


def test_rules_of_one_lost_connection_share_an_incident(db, lamps, tmp_path):
    first = lamps.rule()
    second = AlertRuleFactory(policy=first.policy, severity=first.severity, condition={"when": "value > 1"})
    second.sources.all().delete()
    RuleSourceFactory(
        rule=second, kind="sql", connection=Connection.objects.get(), spec={"query": "SELECT sum(out) FROM lamp"}
    )
    Connection.objects.update(url=f"sqlite:///{tmp_path}/gone.db")
    check(NINE)
    assert Incident.objects.get().key == "source:lamps"
    assert Incident.objects.get().alerts.count() == 2


def test_a_query_that_is_wrong_is_the_rules_own_fault(db, lamps):
    rule = lamps.rule(spec={"query": "SELECT count(*) FROM lantern"})
    check(NINE)
    assert again(rule).state == "error" and "lantern" in again(rule).verdict
    assert Incident.objects.get().key == f"{rule.key}:error"
    assert Connection.objects.get().state == "ok"  # the database did answer


def test_a_parameter_that_is_not_set_is_an_error_even_where_errors_fire(db, lamps):
    rule = lamps.rule(condition={"on_error": "fire"})
    Connection.objects.update(url="${LAMPS_DSN}")
    Parameter.objects.create(policy=rule.policy, key="LAMPS_DSN", type="secret")
    check(NINE)
    assert again(rule).state == "error" and "LAMPS_DSN is not set" in again(rule).verdict
    Parameter.objects.update(stored="sqlite:///nowhere/lamps.db")
    check(NINE + rule.every)
    assert again(rule).state == "firing" and "nowhere/lamps.db" in again(rule).verdict


def test_a_parameter_of_the_wrong_type_harms_only_the_rules_that_use_it(db, lamps, monkeypatch):
    rule, other = lamps.rule("value > params.LIMIT"), lamps.rule("value > 1")
    other.policy = rule.policy
    other.severity = rule.severity
    other.save()
    Parameter.objects.create(policy=rule.policy, key="LIMIT", type="int", default="1")
    monkeypatch.setenv("LIMIT", "many")
    lamps.set(2)
    check(NINE)
    assert again(rule).verdict == "LIMIT (environment) is 'many', which is no Int."
    assert (again(rule).state, again(other).state) == ("error", "firing")
    monkeypatch.setenv("LIMIT", "2")
    check(NINE + rule.every)
    assert again(rule).state == "inactive"


def test_a_secret_is_not_seen_by_conditions_or_messages(db, lamps):
    rule = lamps.rule("params.TOKEN == 'x'")
    other = lamps.rule(message="{{ params.TOKEN }}!")
    for policy in (rule.policy, other.policy):
        Parameter.objects.create(policy=policy, key="TOKEN", type="secret", stored="5E5AME")
    lamps.set(1)
    check(NINE)
    assert "is a secret" in again(rule).verdict
    assert Alert.objects.get(rule=other).annotations["summary"] == "!"
    assert not any("5E5AME" in str(alert.annotations) + str(alert.labels) for alert in Alert.objects.all())


def test_a_condition_broken_in_the_admin_is_an_error_in_words(db, lamps):
    rule = lamps.rule("value >> 1")
    check(NINE)
    assert again(rule).state == "error"
    assert again(rule).verdict.startswith("The rule's condition cannot be used: when: This is not expected here: >")


def test_a_message_that_cannot_be_filled_still_tells_why(db, lamps):
    lamps.rule(name="Lamps", message="{{ value / 0 }}")
    lamps.set(1)
    check(NINE)
    assert Alert.objects.get().annotations["summary"].startswith("Lamps: value 1 >= 1 (The message cannot be filled")


def test_no_data_leaves_what_fires_and_is_visible(db, lamps):
    rule = lamps.rule()
    lamps.set(1)
    check(NINE)
    with sqlite3.connect(lamps.path) as database:
        database.execute("DELETE FROM lamp")  # sum of nothing is NULL
    check(NINE + rule.every)
    assert again(rule).state == "nodata"
    assert Liveness.objects.get().firing and Alert.objects.count() == 1


# alternatives


def test_alternatives_feed_one_alert_and_a_variant_can_be_chosen(db, lamps):
    rule = lamps.rule()
    RuleSourceFactory(
        rule=rule,
        position=1,
        variant="other",
        kind="sql",
        connection=Connection.objects.get(),
        spec={"query": "SELECT 5"},
    )
    lamps.set(0)
    check(NINE, variant="sql")
    assert again(rule).state == "inactive"
    check(NINE + rule.every)
    assert again(rule).state == "firing" and Alert.objects.count() == 1
    assert check(NINE + 2 * rule.every, variant="loki").checked == 0


def test_a_fallback_is_asked_only_when_the_one_before_it_failed(db, lamps):
    rule = lamps.rule(spec={"query": "SELECT 7 FROM lantern"})
    connection = Connection.objects.get()
    RuleSourceFactory(
        rule=rule,
        position=1,
        variant="sql",
        kind="sql",
        connection=connection,
        fallback=True,
        spec={"query": "SELECT 1"},
    )
    check(NINE)
    first, second = again(rule).sources.all()
    assert again(rule).state == "firing" and "lantern" in first.error and second.last_seen_at == NINE
    with sqlite3.connect(lamps.path) as database:
        database.execute("CREATE TABLE lantern (x)")
        database.execute("INSERT INTO lantern VALUES (0)")
    check(NINE + rule.every)
    first, second = again(rule).sources.all()
    assert (first.error, first.last_seen_at, second.last_seen_at) == ("", NINE + rule.every, NINE)


# hiding


def test_a_child_is_hidden_while_its_parent_fires_even_if_the_parents_source_is_lost(db, lamps, tmp_path):
    parent, child = lamps.rule(name=""), lamps.rule()
    child.policy, child.severity = parent.policy, parent.severity
    child.save()
    child.suppressed_by.add(parent)
    lamps.set(1)
    check(NINE)
    assert Incident.objects.get().key == parent.key
    hidden = Liveness.objects.get(alert__rule=child)
    assert (hidden.verdict, hidden.reason) == ("suppressed", f"hidden by firing {parent.key}")
    source = parent.sources.get()
    source.spec = {"query": "SELECT * FROM lantern"}
    source.save()
    check(NINE + HOUR)
    assert again(parent).state == "error"
    assert Liveness.objects.get(alert__rule=child).verdict == "suppressed"


# a source that hangs


@pytest.mark.django_db(transaction=True)
def test_a_source_that_hangs_delays_no_other(lamps, settings):
    with Slow() as slow:
        rule = lamps.rule()
        hanging = [
            AlertRuleFactory(policy=rule.policy, severity=rule.severity, condition={"when": "ok"}) for _ in range(9)
        ]
        place = Connection.objects.create(policy=rule.policy, key="slow", kind="http", url=slow.url, timeout=3 * SECOND)
        for one in hanging:
            one.sources.all().delete()
            RuleSourceFactory(rule=one, kind="http", connection=place, spec={"path": "/api/health"})
        AlertRule.objects.exclude(pk=rule.pk).update(next_check_at=NINE - MINUTE)  # they come first
        lamps.set(1)
        report = evaluation.check_due(at=NINE, patience=SECOND)
        assert (report.checked, report.waiting) == (1, 9)
        assert again(rule).state == "firing"
        assert evaluation.check_due(at=NINE + SECOND).checked == 0  # claimed: nobody else asks meanwhile
        slow.release.set()
        until = time.monotonic() + 20
        while AlertRule.objects.filter(checked_at=None).exists() and time.monotonic() < until:
            time.sleep(0.1)
        assert {again(one).state for one in hanging} <= {"firing", "error"}
        assert again(hanging[0]).next_check_at > NINE


class Slow:
    """An address whose answers wait until they are released."""

    def __init__(self) -> None:
        from targets.service import Answer, Service

        release = self.release = threading.Event()

        class Waiting(Service):
            def answer(self, request):
                release.wait(10)
                return Answer(200, {"status": "ok"})

        self.service = Waiting()

    def __enter__(self):
        self.service.start()
        return self

    def __exit__(self, *_):
        self.release.set()
        self.service.stop()

    @property
    def url(self) -> str:
        return self.service.url


def test_a_fault_of_ours_in_one_rule_leaves_the_others(db, lamps, caplog):
    rule, other = lamps.rule(), lamps.rule()
    lamps.set(1)
    AlertRule.objects.filter(pk=rule.pk).update(memory={"keys": {"{}": {"levels": {"": {"since": "soon"}}}}})
    report = check(NINE)
    assert (report.checked, report.failed) == (1, 1)
    assert "could not be checked" in caplog.text
    assert (again(rule).state, again(other).state) == ("unknown", "firing")
    assert again(rule).next_check_at == NINE + evaluation.LEASE


# the command


def test_the_command_names_what_there_is_when_asked_for_something_else(db, lamps):
    rule = lamps.rule()
    for option, words in [
        ("--pack=lumps", f"There is no policy 'lumps'; there are: {rule.policy.key}."),
        ("--rule=lumps", f"There is no rule 'lumps'; there are: {rule.key}."),
        ("--variant=lumps", "There is no variant 'lumps'; there are: sql."),
        ("--now=nine", "--now 'nine' is no instant"),
    ]:
        with pytest.raises(CommandError) as refused:
            call_command("run_checks", option)
        assert words in str(refused.value) and refused.value.returncode == 3
    call_command("run_checks", f"--rule={rule.key}", f"--now={NINE.isoformat()}")
    assert again(rule).checked_at == NINE


def ended_process() -> str:
    """How the claims of a process that has ended read."""
    code = "from notifications.claimant import me; print(me())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.django_db
def test_what_a_dead_process_was_checking_is_due_at_once(lamps):
    held, mine = lamps.rule(key="held"), lamps.rule(key="mine")
    AlertRule.objects.filter(pk=held.pk).update(claimed_by=ended_process(), next_check_at=NINE + MINUTE)
    AlertRule.objects.filter(pk=mine.pk).update(claimed_by=claimant.me(), next_check_at=NINE + MINUTE)
    assert evaluation.release_dead(at=NINE + SECOND) == 1
    assert again(held).next_check_at == NINE + SECOND and again(mine).next_check_at == NINE + MINUTE
    assert check(NINE + SECOND).checked == 1
    assert again(held).claimed_by == ""  # checked, so nobody holds it
    assert evaluation.release_dead(at=NINE + SECOND) == 0
