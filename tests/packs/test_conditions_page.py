"""Every example of the page on conditions loads, and a sixth pack with words of its own runs from door to incident."""

import re
import sqlite3
from pathlib import Path
from textwrap import indent

import pytest

from alerts import evaluation, grouping
from alerts.models import AlertRule, Liveness
from incidents.models import Incident
from packs import lint, loader
from tests.factories import NINE

PAGE = Path(__file__).parents[2] / "docs" / "conditions.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
HEAD = """
pack: {key: examples, version: 1, timezone: Asia/Jakarta}
severities: [{key: high}, {key: low}]
params:
  {LIMIT: {type: int, default: 50}, TELEMETRY: {type: bool, default: true}, SHOP: {type: secret}, APP: {type: text}}
calendars: [{key: office}]
connections: [{key: shop, kind: sql, url: "${SHOP}"}, {key: app, kind: http, url: "${APP}"}]
destinations: [{key: chat, kind: slack, address: "${APP}"}]
routes: [{default: true, to: chat}]
rules:
"""
ORCHARD = """
pack: {key: obstgarten, name: Obstgarten, version: 1, language: nl, timezone: Europe/Berlin, service: kelterei}
severities:
  - {key: sev1, label: Sofort, page: true}
  - {key: sev2, label: Heute}
  - {key: sev3, label: Irgendwann}
params: {KELTER: {type: text}, GRENZE: {type: int, default: 7}}
contacts: [{name: Kellermeister, kind: role}]
owners: [{contacts: Kellermeister}]
escalations: [{key: keller, severities: [sev1], steps: [{after: 0s, contacts: Kellermeister}]}]
destinations: [{key: tafel, kind: json, address: "${KELTER}"}]
routes: [{default: true, to: tafel}]
rules:
  - key: faesser
    name: Fässer zu warm
    every: 30s
    source: {sql: {url: "sqlite:///${KELTER}", query: "SELECT fass, grad FROM fass", mode: rows, labels: [fass]}}
    group_by: fass
    levels:
      - {severity: sev1, when: grad >= 2 * params.GRENZE}
      - {severity: sev3, when: grad >= params.GRENZE}
    message: "Fass {{ fass }}: {{ grad }} Grad"
    runbook: Keller lüften.
"""


@pytest.mark.parametrize("pack", sorted(path.stem for path in loader.LIBRARY.glob("*.yaml")))
def test_the_packs_of_the_library_are_clean_and_looking_at_one_loads_nothing(db, pack):
    assert lint.lint_file(loader.find(pack)) == []
    assert not AlertRule.objects.exists()


def test_every_example_loads(load):
    load(HEAD + "".join(indent(example, "  ") for example in EXAMPLES))
    assert AlertRule.objects.filter(policy__key="examples").count() == len(re.findall(r"(?m)^- ", "".join(EXAMPLES)))


@pytest.mark.parametrize(("grad", "level"), [(6, None), (7, "sev3"), (13, "sev3"), (14, "sev1")])
def test_a_sixth_pack_runs_with_levels_and_words_of_its_own(load, tmp_path, monkeypatch, grad, level):
    path = tmp_path / "kelter.sqlite3"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE fass (fass TEXT, grad INTEGER)")
        database.execute("INSERT INTO fass VALUES ('Eiche', ?), ('Birke', 1)", [grad])
    monkeypatch.setenv("KELTER", str(path))
    load(ORCHARD)
    evaluation.check_due(at=NINE)
    while grouping.assign_due(at=NINE):
        pass
    told = [(life.alert.annotations["summary"], life.severity_key) for life in Liveness.objects.filter(firing=True)]
    assert told == ([(f"Fass Eiche: {grad} Grad", level)] if level else [])
    assert [one.severity.key for one in Incident.objects.all()] == ([level] if level else [])
