"""Rules over events: figures, windows that slide, when they are asked, and what a pack may not say."""

from datetime import timedelta

import pytest

from alerts import evaluation, listening
from alerts.models import AlertRule
from packs import loader
from policies.models import Policy
from sources import events
from sources.inbound.base import Happening
from sources.models import Event, Integration
from sources.probes import OWN, Asker
from tests.factories import NINE

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
PACK = """
pack: {key: mail, version: 1}
severities: [{key: high, page: true}, {key: low}]
contacts: [{name: team, kind: team}]
escalations: [{key: mail, severities: [high, low], steps: [{after: 0s, contacts: team}]}]
params: {LIMIT: {type: int, default: 3}}
rules:
"""


def pack(*rules: str) -> str:
    return PACK + "".join(f"  - {rule}\n" for rule in rules)


COUNTS = "{key: failures, severity: high, every: 5m, source: {events: {kind: job, outcome: failed}}, when: count >= 2}"
WEIGHS = (
    "{key: share, severity: low, every: 5m, when: share > 50,"
    " source: {events: {kind: job, of: {outcome: failed}, minimum: 4}}}"
)


@pytest.fixture
def mail(db):
    loader.load(pack(COUNTS, WEIGHS), name="mail.yaml", at=NINE)
    return Policy.objects.get(key="mail")


def told(*said: Happening, at=NINE, door=None) -> None:
    kept = events.keep(door, said, at=at)
    listening.heard({event.stream for event in kept}, at=at)


def job(outcome: str = "failed", **more) -> Happening:
    return Happening(kind="job", outcome=outcome, stream="jobs", **more)


def read(at=NINE, since=None, group=(), **spec):
    return OWN["events"].read(spec, at=at, asker=Asker(since=since, group_by=group))


def one(**spec) -> dict:
    (reading,) = read(**spec)
    return reading.fields


def state(key: str) -> str:
    return AlertRule.objects.get(key=key).state


@pytest.mark.django_db
def test_the_window_is_open_at_its_beginning_and_closed_at_its_end():
    told(*(job(at=NINE - ago) for ago in (5 * MINUTE, 5 * MINUTE - SECOND, SECOND, 0 * SECOND)))
    assert one(window="5m")["count"] == 3
    assert one(window="5m", at=NINE - SECOND)["count"] == 3
    assert one(window="5m", at=NINE + 6 * MINUTE)["count"] == 0


@pytest.mark.django_db
def test_the_figures():
    told(
        job("ok", at=NINE - 40 * SECOND, duration=1.0, labels={"team": "a"}),
        job("failed", at=NINE - 30 * SECOND, duration=2.0, labels={"team": "a"}),
        job("failed", at=NINE - 20 * SECOND, duration=9.0, labels={"team": "b"}, text="it broke", name="sync"),
        Happening(stream="other", outcome="failed"),
    )
    found = one(stream="jobs", of={"outcome": "failed"}, window="2m", distinct="team")
    wanted = {
        "count": 2, "total": 3, "ok": 1, "rate": 1.0, "in_a_row": 2, "age": 20.0, "avg": 5.5, "max": 9.0, "p50": 2.0,
        "p95": 9.0, "distinct": 2, "name": "sync", "text": "it broke",
    }  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted
    assert found["share"] == pytest.approx(200 / 3) and found["last"] == NINE - 20 * SECOND
    assert one(stream="jobs", minimum=4)["share"] is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("filter", "count"),
    [
        ({"stream": "JOBS"}, 3),
        ({"name": "~sy.c"}, 1),
        ({"name": "sy.c"}, 0),
        ({"name": ["sync", "send"]}, 2),
        ({"match": {"team": "a"}}, 2),
        ({"match": {"team": "~[bc]"}}, 1),
        ({"tagged": "vip"}, 1),
        ({"tagged": ["A", "nobody"]}, 2),
        ({"contains": "BROKE"}, 1),
        ({"any": [{"name": "sync"}, {"match": {"team": "b"}}]}, 2),
        ({"not": {"outcome": "ok"}}, 2),
        ({"not": [{"outcome": "ok"}, {"match": {"team": "b"}}]}, 1),
    ],
)
def test_which_events_are_meant(filter, count):
    told(
        job("ok", name="send", labels={"team": "a"}),
        job("failed", name="sync", labels={"team": "a", "vip": "yes"}, text="It broke"),
        job("failed", name="purge", labels={"team": "b"}),
    )
    assert one(**filter)["count"] == count


@pytest.mark.django_db
def test_groups_leave_out_events_that_have_no_such_label():
    told(job(labels={"team": "a"}), job(labels={"team": "b"}), job(name="b"), job())
    assert {r.labels["team"]: r.fields["count"] for r in read(group=("team",))} == {"a": 1, "b": 1}
    assert {r.labels["team"]: r.fields["count"] for r in read(group=("x",), by="team|name")} == {"a": 1, "b": 2}


@pytest.mark.django_db
def test_doors_of_other_policies_are_not_heard(mail):
    theirs = Policy.objects.create(key="theirs")
    for name, policy in (("ours", mail), ("theirs", theirs), ("anybody", None)):
        told(job(), door=Integration.objects.create(kind="generic", name=name, policy=policy))
    found = OWN["events"].read({"kind": "job"}, at=NINE, asker=Asker(policy=mail.pk))
    assert found[0].fields["count"] == 2


@pytest.mark.django_db
def test_an_event_told_more_than_a_week_late_counts_as_of_when_it_was_told():
    told(job(at=NINE - timedelta(days=7)), job(at=NINE - timedelta(days=7, seconds=1)), job(at=NINE + HOUR))
    assert Event.objects.filter(at=NINE).count() == 2
    assert one(window="1m")["count"] == 2


def test_a_rule_is_asked_at_once_and_keeps_its_turns(mail):
    at = NINE + 10 * SECOND
    evaluation.check_due(at=at)
    turn = AlertRule.objects.get(key="failures").next_check_at
    assert turn == NINE + 5 * MINUTE
    told(job(), job(), at=NINE + 90 * SECOND)
    evaluation.check_due(at=NINE + 90 * SECOND)
    assert state("failures") == "firing"
    assert AlertRule.objects.get(key="failures").next_check_at == turn
    for minutes in (5, 10):
        evaluation.check_due(at=NINE + minutes * MINUTE)
        assert AlertRule.objects.get(key="failures").next_check_at == NINE + (minutes + 5) * MINUTE
    assert state("failures") == "inactive"


def test_a_share_waits_until_the_stream_is_quiet_but_no_longer_than_its_turn(mail):
    evaluation.check_due(at=NINE)
    for second in (10, 11, 12):
        told(*(job() for _ in range(2)), at=NINE + second * SECOND)
        evaluation.check_due(at=NINE + second * SECOND)
        assert state("share") == "inactive"
    told(*(job("ok") for _ in range(10)), at=NINE + 13 * SECOND)
    evaluation.check_due(at=NINE + 15 * SECOND)
    assert state("share") == "inactive"  # half of the burst would have been 100 %
    told(*(job() for _ in range(20)), at=NINE + 5 * MINUTE - SECOND)
    evaluation.check_due(at=NINE + 5 * MINUTE)
    assert state("share") == "firing"


def test_an_event_that_comes_while_the_rule_is_read_is_not_forgotten(mail, monkeypatch):
    evaluation.check_due(at=NINE)
    told(job(), at=NINE + SECOND)
    judge = evaluation.judge

    def and_one_more_comes(*args, **kwargs):
        monkeypatch.setattr(evaluation, "judge", judge)
        told(job(), at=NINE + 2 * SECOND)
        return judge(*args, **kwargs)

    monkeypatch.setattr(evaluation, "judge", and_one_more_comes)
    evaluation.check_due(at=NINE + SECOND)
    evaluation.check_due(at=NINE + 2 * SECOND)
    assert state("failures") == "firing"


def test_what_was_full_between_two_checks_is_not_missed(mail):
    evaluation.check_due(at=NINE)
    AlertRule.objects.update(next_check_at=NINE + HOUR)  # nobody looks for an hour
    events.keep(None, [job(at=NINE + 10 * MINUTE), job(at=NINE + 14 * MINUTE)], at=NINE + 15 * MINUTE)
    evaluation.check_due(at=NINE + HOUR)
    assert state("failures") == "firing"
    evaluation.check_due(at=NINE + HOUR + 5 * MINUTE)
    assert state("failures") == "inactive"


def test_far_apart_is_not_full_however_long_nobody_looked(mail):
    evaluation.check_due(at=NINE)
    AlertRule.objects.update(next_check_at=NINE + HOUR)
    events.keep(None, [job(at=NINE + 10 * MINUTE), job(at=NINE + 15 * MINUTE)], at=NINE + 15 * MINUTE)
    evaluation.check_due(at=NINE + HOUR)
    assert state("failures") == "inactive"


def test_a_condition_asks_how_another_rule_stands(db):
    both = "{key: both, severity: high, source: {events: {kind: other}}, when: rules.failures.firing}"
    loader.load(pack(COUNTS, both), name="mail.yaml", at=NINE)
    evaluation.check_due(at=NINE)
    assert state("both") == "inactive"
    told(job(), job(), at=NINE + SECOND)
    evaluation.check_due(at=NINE + SECOND)
    assert (state("failures"), state("both")) == ("firing", "firing")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (COUNTS.replace("kind: job", "knid: job"), "source.events.knid: There is no such key here. Allowed: stream,"),
        (COUNTS.replace("outcome: failed", "window: soon"), "source.events.window: 'soon' is not a length of time."),
        (
            COUNTS.replace("outcome: failed", "window: 100d"),
            "source.events.window: This should be more than nothing and",
        ),
        (COUNTS.replace("outcome: failed", "of: {name: '~('}"), "source.events.of.name: '(' is no pattern that can"),
        (COUNTS.replace("outcome: failed", "any: [{x: 1}]"), "source.events.any[0].x: There is no such key here."),
        (
            COUNTS.replace("outcome: failed", "minimum: 0"),
            "source.events.minimum: This should be a whole number from 1",
        ),
        (COUNTS.replace("outcome: failed", "minimum: '${NONE}'"), "There is no parameter 'NONE'"),
        (COUNTS.replace("outcome: failed", "connection: crm"), "source.events.connection: Sources of kind events are"),
        (COUNTS.replace("count >= 2", "rules.nobody.firing"), "when: There is no rule 'nobody'"),
        (COUNTS.replace("count >= 2", "rules.failures.firing"), "when: A rule cannot ask for its own state."),
    ],
)
def test_a_pack_is_refused_with_the_place_and_what_is_allowed(rule, words):
    with pytest.raises(loader.PackRefused) as refused:
        loader.load(pack(rule), name="mail.yaml", at=NINE)
    assert any(words in problem for problem in refused.value.problems), refused.value.problems


@pytest.mark.django_db
def test_a_minimum_may_be_a_parameter():
    loader.load(pack(WEIGHS.replace("minimum: 4", 'minimum: "${LIMIT}"')), name="mail.yaml", at=NINE)
    told(job(), job(), job())
    evaluation.check_due(at=NINE)
    assert state("share") == "firing"


@pytest.mark.django_db
def test_doors_of_a_pack_are_made_once_and_keep_their_key_and_secret():
    door = 'integrations: [{name: Mail, kind: resend, secret: "${SECRET}", options: {layer: Mail}}]\n'
    text = pack(COUNTS).replace("params: {", "params: {SECRET: {type: secret}, ").replace("rules:", door + "rules:")
    loader.load(text, name="mail.yaml", at=NINE)
    made = Integration.objects.get(name="Mail")
    assert made.policy.key == "mail" and made.secrets == [] and len(made.key) >= 20
    Integration.objects.update(secret="whsec_ours")
    loader.load(text.replace("layer: Mail", "layer: Post"), name="mail.yaml", at=NINE + HOUR, reset=True)
    now = Integration.objects.get(name="Mail")
    assert (now.key, now.secret, now.options) == (made.key, "whsec_ours", {"layer": "Post"})
    loader.load(pack(COUNTS), name="mail.yaml", at=NINE + 2 * HOUR)
    assert Integration.objects.filter(name="Mail").exists()


def test_a_secret_may_come_from_the_environment(db, monkeypatch):
    door = 'integrations: [{name: Mail, kind: resend, secret: "${SECRET}"}]\n'
    text = pack(COUNTS).replace("params: {", "params: {SECRET: {type: secret}, ").replace("rules:", door + "rules:")
    loader.load(text, name="mail.yaml", at=NINE)
    monkeypatch.setenv("SECRET", "whsec_abc")
    assert Integration.objects.get(name="Mail").secrets == ["whsec_abc"]
