"""Rules that cannot work together are refused when their pack is loaded: circles of state, levels out of order."""

import pytest
from django.core.management import CommandError, call_command

from alerts.models import AlertRule
from packs import loader

HEAD = """pack: {key: pairs, version: 1}
severities: [{key: warning}, {key: critical, rank: 9}]
params: {WARN: {type: int, default: 100}, CRIT: {type: int, default: 500}}
destinations: [{key: chat, kind: slack, address: "http://chat.invalid"}]
routes: [{default: true, to: chat}]
rules:
"""
SOURCE = "every: 1m, source: {sql: {url: 'sqlite:////x', query: SELECT 1}}"


def told(rules: str) -> list[str]:
    with pytest.raises(loader.PackRefused) as refused:
        loader.load(HEAD + rules, name="my.yaml", at=None)
    assert not AlertRule.objects.exists()
    return refused.value.problems


def ask(key: str, when: str, more: str = "") -> str:
    return f'  - {{key: {key}, severity: warning, when: "{when}"{more}, {SOURCE}}}\n'


def test_two_rules_that_ask_for_each_other(db):
    faults = told(ask("a", "rules.b.firing") + ask("b", "!rules['a'].firing") + ask("c", "rules.a.firing"))
    words = "These rules ask for each other's state, and neither could be judged: "
    assert faults == [f"my.yaml:7: rules.a.when: {words}a -> b -> a.", f"my.yaml:8: rules.b.when: {words}b -> a -> b."]


def test_a_longer_circle_through_only_if_and_levels(db):
    levels = "{key: b, levels: [{severity: critical, when: rules.c.firing}], " + SOURCE + "}"
    faults = told(ask("a", "value > 1", ", only_if: rules.b.firing") + f"  - {levels}\n" + ask("c", "rules.a.firing"))
    assert [fault.split(": ")[1] for fault in faults] == ["rules.a.only_if", "rules.b.levels", "rules.c.when"]


def test_a_rule_that_asks_for_its_own_state_is_told_once(db):
    assert told(ask("a", "rules.a.firing")) == ["my.yaml:7: rules.a.when: A rule cannot ask for its own state."]


LEVELS = """  - key: backlog
    every: 1m
    source: {sql: {url: "sqlite:////x", query: SELECT 1}}
    levels:
      - {severity: warning, when: value >= params.CRIT}
      - {severity: critical, when: value >= params.WARN}
"""


@pytest.mark.parametrize(
    ("warn", "crit", "fits"),
    [("499", "500", True), ("500", "500", False), ("501", "500", False), ("501", "", True)],
)
def test_thresholds_are_compared_as_they_are_now(db, monkeypatch, warn, crit, fits):
    # `warning` ranks before `critical` here: the graver level is the one with params.CRIT
    monkeypatch.setenv("WARN", warn)
    monkeypatch.setenv("PAIRS__CRIT", crit)
    pack = LEVELS if crit else LEVELS.replace("params.CRIT", "params.NONE")
    head = HEAD.replace("params: {", "params: {NONE: {type: int}, ")
    if fits:
        loader.load(head + pack, name="my.yaml", at=loader.timezone.now())
        assert AlertRule.objects.get().key == "backlog"
        return
    with pytest.raises(loader.PackRefused) as refused:
        loader.load(head + pack, name="my.yaml", at=None)
    assert refused.value.problems == [
        "my.yaml:12: rules.backlog.levels[1].when: This level would never be told, for the graver one asks "
        f"for no more: warning is value >= 500 and critical value >= {warn}."
    ]


def test_the_mister_dj_pack_with_its_thresholds_the_wrong_way_round(db, monkeypatch):
    monkeypatch.setenv("ALERT_QUEUE_WARNING_BACKLOG", "500")
    monkeypatch.setenv("ALERT_QUEUE_CRITICAL_BACKLOG", "500")
    with pytest.raises(CommandError, match=r"mister-dj.yaml:\d+: rules.queue-backlog.levels\[1\].when: This"):
        call_command("load_pack", "mister-dj")
    monkeypatch.setenv("ALERT_QUEUE_CRITICAL_BACKLOG", "501")
    call_command("load_pack", "mister-dj")


def test_signs_that_differ_are_something_to_look_at(db, tmp_path, capsys):
    path = tmp_path / "my.yaml"
    path.write_text(HEAD + LEVELS.replace("value >= params.WARN", "value > 90"))
    call_command("load_pack", str(path), "--lint")
    assert "rules.backlog: The level warning compares value by >= and critical by >." in capsys.readouterr().out
