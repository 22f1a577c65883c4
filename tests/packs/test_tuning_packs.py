"""The section `tuning` of packs, and what a rule says instead of a runbook."""

import pytest
from django.core.management import call_command

from alerts.models import AlertRule
from analytics.models import TuningPlan
from packs.loader import PackRefused
from policies.models import Policy

LAMPS = """
pack: {key: lamps, version: 1}
severities: [{key: dark, label: Dark, rank: 0}]
contacts:
  - {name: Keeper, methods: [{kind: email, address: keeper@example.org}]}
  - {name: Owner, methods: [{kind: email, address: owner@example.org}]}
escalations: [{key: keeper, severities: [dark], steps: [{after: 0m, contacts: [Keeper]}]}]
connections: [{key: house, kind: http, url: "https://lamps.invalid"}]
rules:
  - key: lamp-out
    severity: dark
    source: {json: {connection: house, path: /lamp, each: ""}}
    when: lit == 0
    no_runbook: The keeper sees it anyway.
"""
TUNING = """
tuning: {propose_from: 40, at_least: 3, remind_after: 3d, always_after: 6h, signers: [Owner]}
"""
pytestmark = pytest.mark.django_db


def test_a_plan_is_loaded_shown_in_the_difference_and_taken_away(load, capsys):
    load(LAMPS)
    assert not TuningPlan.objects.exists()
    dry = load(LAMPS + TUNING, dry_run=True)
    assert [(one.action, one.section) for one in dry.changes] == [("created", "tuning")]
    load(LAMPS + TUNING)
    plan = TuningPlan.objects.get()
    assert (plan.propose_from, plan.at_least, plan.remind_after.days, plan.monthly) == (40, 3, 3, True)
    assert [one.name for one in plan.signers.all()] == ["Owner"]
    assert not load(LAMPS + TUNING).changed_anything
    call_command("dump_pack", "lamps")
    out = capsys.readouterr().out
    assert "propose_from: 40" in out and "no_runbook: The keeper sees it anyway." in out
    load(LAMPS)
    assert not TuningPlan.objects.exists()


def test_what_a_person_set_stays(load):
    load(LAMPS + TUNING)
    TuningPlan.objects.update(propose_from=70)
    kept = load(LAMPS + TUNING.replace("at_least: 3", "at_least: 9"))
    assert [(one.action, one.field) for one in kept.changes] == [("kept", "propose_from"), ("changed", "at_least")]
    assert list(TuningPlan.objects.values_list("propose_from", "at_least")) == [(70, 9)]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("tuning: {propose_from: 101}", "tuning.propose_from"),
        ("tuning: {remind_after: soon}", "tuning.remind_after"),
        ("tuning: {signers: [Nobody]}", "tuning.signers"),
        ("tuning: {share: 5}", "tuning.share"),
    ],
)
def test_a_fault_is_told_with_its_place(load, wrong, words):
    with pytest.raises(PackRefused, match=r"my\.yaml:15: " + words.replace(".", r"\.")):
        load(LAMPS + wrong + "\n")
    assert not Policy.objects.exists()


def test_a_rule_has_a_runbook_or_says_why_not_and_not_both(load):
    load(LAMPS)
    assert AlertRule.objects.get().no_runbook == "The keeper sees it anyway."
    with pytest.raises(PackRefused, match=r"rules\.lamp-out\.no_runbook: This rule has a runbook"):
        load(LAMPS.rstrip() + "\n    runbook: Change the bulb.\n")
