"""A pack in which a level reaches nobody is refused; one in which it does, by whatever way, is loaded."""

import pytest

from packs import loader
from policies.models import Policy
from tests.factories import NINE

pytestmark = pytest.mark.django_db
HEAD = """\
pack: {key: shop, name: Shop, version: "1"}
severities: [{key: P0, page: true}, {key: P1}]
params:
  ON: {type: bool, default: true}
contacts:
  - {name: Vendor, kind: vendor, methods: [{kind: email, address: vendor@example.org}]}
  - {name: ann, methods: [{kind: email, address: ann@example.org}]}
schedules:
  - {key: rota, name: rota}
destinations:
  - {key: chat, kind: slack, address: "https://hooks.test/T/B/x"}
  - {key: off, kind: slack, address: "https://hooks.test/T/B/y", enabled: false}
  - {key: replaced, kind: slack, address: "https://hooks.test/T/B/y", enabled: false, fallback: chat}
"""


def plan(steps: str, more: str = "") -> str:
    return f"escalations: [{{key: e, severities: [P0, P1]{more}, steps: [{steps}]}}]"


@pytest.mark.parametrize(
    "text",
    [
        "routes: [{default: true, to: chat}]",
        "routes: [{match: {severity: [P0, P1]}, to: chat}]",
        "routes: [{match: {severity: P0}, to: 'off', carry_on: true}, {match: {severity: [P0, P1]}, to: replaced}]",
        "routes: [{match: {labels: {team: pay}}, to: 'off'}, {default: true, to: ['off', chat]}]",
        plan("{contacts: ann}"),
        plan("{contacts: [Vendor, ann]}"),
        plan("{schedule: rota}"),
        plan("{destinations: chat}"),
        plan("{prompt: Look up}", ", catch_all: ann"),
    ],
)
def test_a_way_to_somebody_is_enough(text):
    loader.load(f"{HEAD}{text}\n", name="shop.yaml", at=NINE)
    assert Policy.objects.filter(key="shop").exists()


@pytest.mark.parametrize(
    ("text", "levels", "words"),
    [
        ("", "P0 P1", "no route or escalation takes it"),
        ("routes: [{match: {severity: P0}, to: chat}]", "P1", "no route or escalation takes it"),
        ("routes: [{to: chat, toggle: 'ON'}]", "P0 P1", "no route or escalation takes it"),
        ("routes: [{match: {labels: {team: pay}}, to: chat}]", "P0 P1", "no route or escalation takes it"),
        ("routes: [{by_level: 'P0:#a, P1:#b', to: chat}]", "P0 P1", "no route or escalation takes it"),
        ("routes: [{default: true, to: 'off'}]", "P0 P1", "is switched off and has no fallback"),
        ("routes: [{match: {severity: P0}, to: 'off'}, {default: true, to: chat}]", "P0", "is switched off"),
        ("escalations: [{key: e, steps: [{contacts: ann}]}]", "P1", "no route or escalation takes it"),
        (plan("{contacts: Vendor}"), "P0 P1", "its escalation asks nobody of ours"),
        (plan("{prompt: Look up}"), "P0 P1", "its escalation asks nobody of ours"),
        (plan("{destinations: 'off'}"), "P0 P1", "its escalation asks nobody of ours"),
        (plan("{contacts: ann, match: {labels: {team: pay}}}"), "P0 P1", "its escalation asks nobody of ours"),
    ],
)
def test_a_level_that_reaches_nobody_is_refused_by_name_and_nothing_is_changed(text, levels, words):
    with pytest.raises(loader.PackRefused) as refusal:
        loader.load(f"{HEAD}{text}\n", name="shop.yaml", at=NINE)
    told = refusal.value.problems
    assert [one.partition(" reaches nobody")[0].rpartition(" ")[2] for one in told] == levels.split(), told
    assert all(one.startswith("shop.yaml:2: severities.") and words in one for one in told), told
    assert not Policy.objects.exists()
