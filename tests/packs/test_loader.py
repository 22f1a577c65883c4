"""Loading: wholly, once, and without trampling on what people changed."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from alerts.models import AlertRule
from alerts.pack import overrides, reset_to_pack
from incidents.models import EscalationPolicy
from oncall.models import EscalationContact
from packs.loader import SECTIONS, PackRefused
from packs.models import LoadedPack
from policies.models import Calendar, Parameter, Policy, Severity, TargetPlan
from tests.factories import NINE, AlertFactory

SMALL = """
pack: {key: lamps, version: 1, service: lighthouse}
severities:
  - {key: dark, label: Dark, meaning: The lamp is out., page: true}
  - {key: dim}
params:
  LIMIT: {type: int, default: 50}
  CHAT: {type: secret}
connections:
  - {key: db, kind: sql, url: "sqlite:///${LIMIT}.db"}
contacts:
  - {name: keepers, kind: team}
destinations:
  - {key: chat, kind: slack, address: "${CHAT}"}
routes:
  - {match: {severity: dark}, to: chat}
  - {default: true, to: chat}
targets:
  - {severity: dark, kind: ack, within: 5m}
rules:
  - key: lamp-out
    severity: dark
    every: 60s
    source: {sql: {connection: db, query: SELECT count(*) FROM lamp WHERE lit = 0}}
    when: value > 50
    message: "{{ value }} lamps are out"
    runbook: Light them.
    owners: keepers
"""
BULKY = """  - key: lamp-dim
    severity: dim
    source: {sql: {connection: db, query: SELECT min(light) FROM lamp}}
    when: value < 10
"""


def rows() -> dict[str, int]:
    """How many rows each section's tables hold; what a refused pack must leave as it is."""
    models = [Policy, Severity, Parameter, TargetPlan, AlertRule, EscalationPolicy, EscalationContact, LoadedPack]
    return {model.__name__: model.objects.count() for model in models}


def test_loading_creates_everything_and_loading_again_changes_nothing(load):
    first = load(SMALL)
    assert (first.count("created"), first.count("changed")) == (len(first.changes), 0)
    rule = AlertRule.objects.get(key="lamp-out")
    assert rule.every == timedelta(minutes=1) and rule.condition == {"when": "value > 50"}
    assert rule.severity.rank == 0 and [str(owner) for owner in rule.owners.all()] == ["keepers"]
    assert rule.sources.get().connection.key == "db"
    assert Policy.objects.get(key="lamps").service.key == "lighthouse"
    before = rows()
    again = load(SMALL)
    assert again.changes == []
    assert str(again) == "lamps 1: 0 created, 0 changed, 0 removed"
    assert rows() == before | {"LoadedPack": 2}


@pytest.mark.req("AP-01")
def test_the_whatsapp_policy_has_its_four_levels(load, capsys):
    load("whatsapp-alert-policy")
    levels = Severity.objects.filter(policy__key="whatsapp-alert-policy")
    assert [(level.key, level.label, level.rank) for level in levels] == [
        ("P0", "Critical", 0),
        ("P1", "High", 1),
        ("P2", "Medium", 2),
        ("P3", "Low", 3),
    ]
    call_command("load_pack", "whatsapp-alert-policy")
    assert "0 created, 0 changed" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["default", "mailer", "whatsapp-alert-policy"])
def test_every_pack_of_the_library_loads_and_loads_again_unchanged(load, name):
    assert load(name).changed_anything
    assert load(name).changes == []


def test_a_dry_run_tells_what_would_change_and_changes_nothing(load):
    load(SMALL)
    before = rows()
    changed = load(SMALL.replace("value > 50", "value > 60").replace("every: 60s", "every: 2m") + BULKY, dry_run=True)
    assert [str(change) for change in changed.changes] == [
        "changed  rules lamp-out: every: 1m -> 2m",
        "changed  rules lamp-out: when: value > 50 -> value > 60",
        "created  rules lamp-dim",
    ]
    assert rows() == before
    assert AlertRule.objects.get().condition == {"when": "value > 50"}


def test_the_command_prints_the_difference(load, tmp_path, capsys):
    (tmp_path / "lamps.yaml").write_text(SMALL)
    call_command("load_pack", str(tmp_path / "lamps.yaml"), "--dry-run")
    out = capsys.readouterr().out
    assert "created  rules lamp-out" in out and "dry run: nothing was changed" in out
    assert not Policy.objects.exists()
    with pytest.raises(CommandError, match="There is no pack 'lumps': no such file, and the library has deelrx-crm,"):
        call_command("load_pack", "lumps")


@pytest.mark.req("CARD-13")
def test_a_threshold_changed_here_survives_a_load_and_can_be_reset(load, admin_client):
    load(SMALL)
    rule = AlertRule.objects.get()
    rule.condition = {"when": "value > 80"}
    rule.save()
    loaded = load(SMALL.replace("every: 60s", "every: 2m").replace("value > 50", "value > 55"))
    assert [str(change) for change in loaded.changes] == [
        "changed  rules lamp-out: every: 1m -> 2m",
        "kept     rules lamp-out: when: value > 80 here, the pack says value > 55",
    ]
    rule = AlertRule.objects.get()
    assert rule.condition == {"when": "value > 80"} and rule.every == timedelta(minutes=2)
    assert overrides(rule) == {"when": ("value > 55", "value > 80")}
    page = reverse("admin:alerts_alertrule_change", args=[rule.pk])
    assert "when: value &gt; 55 → value &gt; 80" in admin_client.get(page).content.decode()
    assert reset_to_pack(rule) == ["when"]
    rule = AlertRule.objects.get()
    assert rule.condition == {"when": "value > 55"} and overrides(rule) == {}
    assert load(SMALL.replace("every: 60s", "every: 2m").replace("value > 50", "value > 55")).changes == []


def test_reset_puts_the_packs_word_back_everywhere(load):
    load(SMALL)
    TargetPlan.objects.update(within=timedelta(minutes=9))
    AlertRule.objects.get().delete()
    kept = load(SMALL)
    assert [str(change) for change in kept.changes] == [
        "kept     targets dark acknowledge: within: 9m here, the pack says 5m",
        "kept     rules lamp-out: deleted here, the pack has it",
    ]
    assert str(kept) == "lamps 1: 0 created, 0 changed, 0 removed; 2 kept as changed here"
    reset = load(SMALL, reset=True)
    assert [change.action for change in reset.changes] == ["changed", "created"]
    assert TargetPlan.objects.get().within == timedelta(minutes=5)


def test_a_secret_entered_here_is_kept_and_never_shown(load):
    load(SMALL)
    policy = Policy.objects.get()
    chat = policy.destinations.get()
    chat.address = "https://hooks.example.org/T0P5ECRET"
    chat.save()
    loaded = load(SMALL.replace('"${CHAT}"', '"${CHAT}/v2"'))
    assert [str(change) for change in loaded.changes] == [
        "kept     destinations chat: address: ••• here, the pack says ${CHAT}/v2"
    ]
    assert "T0P5ECRET" not in str(LoadedPack.objects.first().changes)
    assert policy.destinations.get().address == "https://hooks.example.org/T0P5ECRET"


def test_what_the_pack_drops_is_removed_but_a_rule_with_a_past_is_only_switched_off(load):
    load(SMALL + BULKY)
    AlertFactory(rule=AlertRule.objects.get(key="lamp-out"))
    without = SMALL[: SMALL.index("rules:")].replace("  - {match: {severity: dark}, to: chat}\n", "")
    loaded = load(without)
    assert {str(change) for change in loaded.changes if change.action != "changed"} == {
        "disabled rules lamp-out",
        "removed  rules lamp-dim",
        "removed  routes severity=dark",
    }
    rule = AlertRule.objects.get()
    assert not rule.enabled and rule.pack_values == {}
    back = load(SMALL)
    assert AlertRule.objects.get().enabled
    assert back.count("kept") == 0


def test_a_level_in_use_cannot_be_dropped(load):
    load(SMALL + BULKY)
    policy = Policy.objects.get()
    rule = policy.rules.get(key="lamp-out")
    rule.severity = policy.severities.get(key="dim")
    rule.save()
    before = rows()
    text = (SMALL + BULKY).replace("  - {key: dim}\n", "").replace("severity: dim", "severity: dark")
    with pytest.raises(PackRefused, match=r"severities 'dim' cannot be removed, since it is in use \(alert rule\)"):
        load(text)
    assert rows() == before and policy.rules.get(key="lamp-dim").severity.key == "dim"


def test_people_a_pack_names_are_shared_and_what_you_said_of_them_stays(load, ada):
    keepers = EscalationContact.objects.create(name="keepers", kind="team", timezone="Europe/Amsterdam")
    keepers.members.add(ada)
    loaded = load(SMALL)
    assert not [change for change in loaded.changes if change.section == "contacts"]
    keepers.refresh_from_db()
    assert keepers.timezone == "Europe/Amsterdam" and list(keepers.members.all()) == [ada]
    load(SMALL.replace("{name: keepers", "{name: others").replace("owners: keepers", "owners: others"))
    assert EscalationContact.objects.filter(name="keepers").exists()


PHASES = """phases:
  - {phase: 1, within: 0s}
  - {phase: 2, within: 7d}
  - {phase: 3, within: 1 month}
rules:
"""
PHASED = (
    SMALL.replace("rules:\n", PHASES).replace("key: lamp-out", "key: lamp-out\n    phase: 1")
    + BULKY.replace("key: lamp-dim", "key: lamp-dim\n    phase: 2")
    + BULKY.replace("key: lamp-dim", "key: lamp-old\n    phase: 3")
)


def test_rules_of_a_later_phase_are_planned_with_their_day(load):
    def planned():
        return {rule.key: rule.planned_by for rule in AlertRule.objects.filter(enabled=False)}

    january = NINE.replace(year=2027, month=1, day=31)
    load(PHASED, phase=1, at=january)
    days = {key: day.isoformat() for key, day in planned().items()}
    assert days == {"lamp-dim": "2027-02-07", "lamp-old": "2027-02-28"}
    assert load(PHASED, at=january + timedelta(days=3)).changes == []  # the phase and the days stay
    load(PHASED, phase=2, at=january + timedelta(days=4))
    assert {key: day.isoformat() for key, day in planned().items()} == {"lamp-old": "2027-02-28"}
    load(PHASED, phase=3, at=january + timedelta(days=5))
    assert planned() == {}


def test_the_mailers_first_phase_switches_on_the_two_critical_rules(load):
    load("mailer", phase=1)
    assert set(AlertRule.objects.filter(enabled=True).values_list("code", flat=True)) == {"ALERT-002", "ALERT-003"}
    later = AlertRule.objects.filter(enabled=False)
    assert {(rule.code, rule.planned_by.isoformat()) for rule in later} == {
        ("ALERT-001", "2026-11-30"),
        ("ALERT-006", "2026-11-30"),
        ("ALERT-004", "2026-12-23"),
        ("ALERT-005", "2026-12-23"),
        ("ALERT-007", "2026-12-23"),
    }


EXTENSION = """
pack: {key: lamps-at-night, version: 1, extends: lamps}
rules:
  - key: lamp-late
    severity: dark
    source: {sql: {connection: db, query: SELECT max(late) FROM lamp}}
    when: value > params.LIMIT
"""


def test_a_pack_adds_to_the_one_it_extends(load, tmp_path):
    load(SMALL)
    load(EXTENSION)
    policy = Policy.objects.get()
    assert {rule.key for rule in policy.rules.all()} == {"lamp-out", "lamp-late"}
    assert load(SMALL).changes == [] and load(EXTENSION).changes == []
    load(EXTENSION[: EXTENSION.index("rules:")])
    assert [rule.key for rule in policy.rules.all()] == ["lamp-out"]


def test_a_pack_that_is_extended_is_loaded_first_when_it_lies_beside(load, tmp_path):
    (tmp_path / "lamps.yaml").write_text(SMALL)
    (tmp_path / "night.yaml").write_text(EXTENSION)
    call_command("load_pack", str(tmp_path / "night.yaml"))
    assert set(LoadedPack.objects.values_list("key", flat=True)) == {"lamps", "lamps-at-night"}
    with pytest.raises(PackRefused, match="extends 'lanterns', which is neither loaded nor"):
        load(EXTENSION.replace("extends: lamps", "extends: lanterns"))


def test_the_same_rule_twice_is_an_error_not_a_silent_win(load):
    load(SMALL)
    with pytest.raises(PackRefused, match=r"rules.lamp-out: The pack lamps already has 'lamp-out' in rules"):
        load(EXTENSION.replace("lamp-late", "lamp-out"))
    policy = Policy.objects.get()
    AlertRule.objects.create(policy=policy, key="lamp-dim", severity=policy.severities.first(), enabled=False)
    with pytest.raises(PackRefused, match=r"rules.lamp-dim: 'lamp-dim' was made by hand in the admin"):
        load(SMALL + BULKY)


@pytest.mark.parametrize("name", ["default", "mailer", "whatsapp-alert-policy"])
def test_what_is_dumped_loads_to_the_same(load, name, capsys):
    load(name)
    call_command("dump_pack", name)
    dumped = capsys.readouterr().out
    assert load(dumped).changes == []
    assert "ALERT_ON_FAILURE" in dumped or name != "whatsapp-alert-policy"


def test_a_dump_has_local_changes_but_no_secret(load, capsys):
    load(SMALL)
    load(EXTENSION)
    policy = Policy.objects.get()
    policy.destinations.update(enabled=False)
    chat = policy.destinations.get()
    chat.address = "https://hooks.example.org/T0P5ECRET"
    chat.save()
    TargetPlan.objects.update(within=timedelta(minutes=9))
    call_command("dump_pack", "lamps")
    dumped = capsys.readouterr().out
    assert "within: 9m" in dumped and "enabled: false" in dumped
    assert "T0P5ECRET" not in dumped and "lamp-late" not in dumped
    call_command("dump_pack", "lamps-at-night")
    assert "extends: lamps" in (dumped := capsys.readouterr().out) and "lamp-out" not in dumped
    with pytest.raises(CommandError, match="Nothing called 'lumps' is loaded; loaded: lamps"):
        call_command("dump_pack", "lumps")


@pytest.mark.req("CARD-26")
def test_an_invented_pack_with_levels_of_its_own_runs_without_new_code(load, tmp_path):
    import sqlite3

    from alerts import evaluation

    with sqlite3.connect(tmp_path / "lamps.db") as lamps:
        lamps.execute("CREATE TABLE lamp (lit integer)")
        lamps.executemany("INSERT INTO lamp VALUES (?)", [(0,)] * 51)
    text = SMALL.replace("sqlite:///${LIMIT}.db", f"sqlite:///{tmp_path}/lamps.db")
    load(text)
    evaluation.check_due(at=NINE)
    rule = AlertRule.objects.get()
    assert rule.state == "firing", rule.verdict
    assert rule.alerts.get().liveness.severity_key == "dark"
    with pytest.raises(PackRefused, match=r"my.yaml:22: rules.lamp-out.severtiy: There is no key 'severtiy'"):
        load(text.replace("    severity: dark", "    severtiy: dark"))


def test_packs_are_listed(load, capsys):
    load("default")
    load(SMALL)
    call_command("packs")
    lines = capsys.readouterr().out.splitlines()
    assert "default: version 1 loaded 2026-11-23 09:00 UTC" in lines
    assert "lamps: version 1 loaded 2026-11-23 09:00 UTC (not in the library)" in lines
    assert "mailer: not loaded" in lines


def test_lint_finds_what_a_rule_lacks(tmp_path, capsys, db):
    (tmp_path / "lamps.yaml").write_text(SMALL + BULKY)
    call_command("load_pack", str(tmp_path / "lamps.yaml"), "--lint")
    out = capsys.readouterr().out
    assert "lamps.yaml:29: rules.lamp-dim: Nobody owns this rule" in out
    assert "lamps.yaml:29: rules.lamp-dim: This rule has no runbook" in out
    assert "lamp-out" not in out and not Policy.objects.exists()


def test_a_business_calendar_keeps_its_hours(load):
    load("whatsapp-alert-policy")
    calendar = Calendar.objects.get()
    assert calendar.timezone == "Asia/Jakarta" and calendar.hours["fri"] == [["09:00", "17:00"]]
    assert set(calendar.hours) == {"mon", "tue", "wed", "thu", "fri"}


def test_every_section_reads_back_what_it_wrote(load):
    """A row that reads back otherwise than it was written would look like a local change for ever."""
    load("whatsapp-alert-policy")
    policy, said = Policy.objects.get(), LoadedPack.objects.get().said
    for section in SECTIONS:
        for key, row in section.rows(policy).items() if not section.listed else ():
            present = section.present(row)
            assert {name: present[name] for name in said[section.name][key]} == said[section.name][key]


def test_the_example_in_the_docs_loads(load):
    text = (Path(__file__).parents[2] / "docs" / "packs.md").read_text()
    example = text.partition("```yaml\n")[2].partition("```")[0]
    assert load(example).count("created") == 13
    assert load(example).changes == []
