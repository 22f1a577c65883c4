"""Objectives as packs write them: loaded, changed, written back, taken away, and refused with line and path."""

import pytest

from analytics.models import Objective
from packs import dumper, loader
from policies.models import Policy
from tests.factories import NINE, ObjectiveDayFactory

pytestmark = pytest.mark.django_db
PACK = """\
pack: {key: shop, version: 1}
severities:
  - {key: high, page: true}
contacts: [{name: desk, kind: role}]
escalations:
  - {key: all, name: All, severities: [high], steps: [{after: 0s, contacts: [desk]}]}
params:
  DB: {type: secret, default: "sqlite:///shop.db"}
connections:
  - {key: db, kind: sql, url: "${DB}"}
objectives:
  - key: good-orders
    name: Orders
    window: 1d
    zone: Europe/Amsterdam
    unit: orders
    good: {source: {events: {stream: shop, outcome: ok, window: "${WINDOW}"}}}
    all:
      any_of:
        - {events: {stream: shop, window: "${WINDOW}"}}
        - variant: events
          fallback: true
          sql: {connection: db, query: "SELECT 1 WHERE '${WINDOW_START}' < '${WINDOW_END}'"}
    at_least: 99.5
  - key: wait
    percentile: 99
    field: seconds
    below: 300s
    met_for: 99
    source: {sql: {connection: db, mode: rows, query: SELECT seconds FROM waits}}
  - key: depth
    bands: [{label: fine, below: 20}, {label: busy, below: 50, counts_as: met}, {label: full}]
    source: {sql: {connection: db, query: SELECT count(*) FROM queue}}
rules:
  - {key: orders-missed, severity: high, source: {objective: {key: good-orders}}, when: missed, runbook: Look.}
"""


def load(text: str, **options) -> loader.Loaded:
    return loader.load(text, name="my.yaml", at=NINE, **options)


def told(old: str, new: str) -> list[str]:
    assert old in PACK
    with pytest.raises(loader.PackRefused) as refused:
        load(PACK.replace(old, new))
    return refused.value.problems


def test_objectives_are_loaded_and_written_back_the_same():
    assert load(PACK).changed_anything
    orders, wait, depth = (Objective.objects.get(key=key) for key in ("good-orders", "wait", "depth"))
    assert (orders.kind, orders.goal, orders.zone) == ("share", {"at_least": 99.5}, "Europe/Amsterdam")
    assert [(one.role, one.kind, one.fallback) for one in orders.sources.all()] == [
        ("good", "events", False), ("all", "events", False), ("all", "sql", True),
    ]  # fmt: skip
    assert orders.sources.first().spec["window"] == "${WINDOW}"
    assert wait.aim.words == "99th percentile below 300s" or wait.aim.words == "99th percentile below 5m"
    assert depth.aim.bands[1].state == "met"
    assert not load(PACK, dry_run=True).changed_anything
    assert not load(dumper.dump("shop"), dry_run=True).changed_anything


def test_a_changed_goal_is_shown_and_what_people_changed_stays():
    load(PACK)
    Objective.objects.filter(key="wait").update(met_for=95)
    Objective.objects.update(measure_at=NINE)
    changes = [str(change) for change in load(PACK.replace("99.5", "99")).changes]
    assert any("objectives good-orders: at_least: 99.5 -> 99" in line for line in changes)
    assert any(line.startswith("kept") and "met_for" in line for line in changes)
    changed, kept = Objective.objects.get(key="good-orders"), Objective.objects.get(key="wait")
    assert changed.measure_at < NINE and kept.measure_at == NINE  # the changed one is measured at once
    load(PACK.replace("SELECT count(*) FROM queue", "SELECT 3"))
    assert Objective.objects.get(key="depth").sources.get().spec == {"query": "SELECT 3"}


def test_an_objective_with_a_past_is_switched_off_when_its_pack_drops_it():
    load(PACK)
    ObjectiveDayFactory(objective=Objective.objects.get(key="depth"))
    start, end = PACK.index("  - key: wait"), PACK.index("rules:")
    load(PACK[:start] + PACK[end:])
    assert not Objective.objects.filter(key="wait").exists()
    assert Objective.objects.get(key="depth").enabled is False
    assert Policy.objects.get(key="shop").objectives.count() == 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("at_least: 99.5", "at_least: 995", "my.yaml:24: objectives.good-orders.at_least: A share of events has"),
        ("at_least: 99.5", "at_leest: 99", "There is no key 'at_leest' here; did you mean at_least?"),
        ("below: 300s", "below: soon", "objectives.wait.below: 'soon' is not a length of time."),
        ("percentile: 99", "percentile: 100", "objectives.wait.percentile: This should be a number above 0"),
        ("below: 300s", "below: 300s\n    bad: {source: {events: {stream: x}}}", "and not both."),
        ("    all:\n", "    alll:\n", "There is no key 'alll' here; did you mean all?"),
        ("below: 50", "below: 5", "objectives.depth.bands[1].below: Bands go upwards"),
        ("counts_as: met", "counts_as: fine", "There is no 'fine' here; allowed: met, missed, warning."),
        ("SELECT count(*) FROM queue", "DELETE FROM queue", "objectives.depth.source.sql.query: This"),
        ("connection: db, mode", "connection: dbb, mode", "There is no connection 'dbb'; did you mean db?"),
        ("zone: Europe/Amsterdam", "zone: Mars/Base", "There is no time zone 'Mars/Base'"),
        ("window: 1d\n", "window: 2d\n", "objectives.good-orders.zone: With a time zone the window"),
        ('outcome: ok, window: "${WINDOW}"', "outcome: ok", "every source names the day"),
        ("unit: orders", 'unit: "${ORDERS}"\n    description: [1]', "good-orders.description: This should be"),
        ("'${WINDOW_START}'", "'${WINDOW_STRAT}'", "There is no parameter 'WINDOW_STRAT'"),
        ("{objective: {key: good-orders}}", "{objective: {key: orders}}", "There is no objective 'orders'; did"),
        ("source: {sql: {connection: db, query: SELECT count(*) FROM queue}}", "source: {objective: {key: wait}}",
         "An objective cannot be measured by another one."),
        ("good: {source:", "good: {sauce:", "objectives.good-orders.good.sauce: There is no key 'sauce' here"),
    ],
)  # fmt: skip
def test_a_faulty_objective_is_refused(old, new, words):
    assert any(words in line for line in told(old, new)), told(old, new)
