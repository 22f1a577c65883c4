"""docs/escalation.md: its pack is loaded as it stands, and what the page says of it is so."""

import json
import re
from pathlib import Path

import pytest
from django.core.management import call_command

from incidents.models import EscalationPolicy
from packs import dumper, loader
from tests.factories import NINE

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).parents[2] / "docs" / "escalation.md"


@pytest.fixture
def pack() -> str:
    text = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), flags=re.S)[0]
    loader.load(text, name="shop.yaml", at=NINE)
    return text


def test_its_pack_is_loaded_once_and_written_back_as_it_was(pack):
    plan = EscalationPolicy.objects.get(key="shop-paging")
    assert [step.asks for step in plan.steps.all()] == ["everybody", "in_turn", "all_ack", *["everybody"] * 3]
    assert not loader.load(pack, name="shop.yaml", at=NINE).changes
    again = dumper.dump("shop")
    assert not loader.load(again, name="shop.yaml", at=NINE).changes


def test_its_chain_is_what_the_simulator_says(pack, capsys):
    call_command("simulate_escalation", "shop-paging", "--at", "2026-11-23T10:00", "--label", "team=payments", "--json")
    found = json.loads(capsys.readouterr().out)
    chain = [
        (
            one["after_seconds"] // 60,
            *([person["name"] for person in one["people"]] or one["places"] or [one["prompt"]]),
        )
        for one in found["steps"][:8]
    ]
    assert chain == [
        (0, "grace"), (5, "ada"), (10, "grace"), (15, "ada"), (20, "ada", "grace"), (20, "oncall-room"),
        (30, "head of shop"), (45, "Call the hosting desk."),
    ]  # fmt: skip
    assert found["at"] == "2026-11-23T09:00:00Z"


def test_at_night_for_a_milder_level_of_another_team_steps_are_skipped(pack, capsys):
    call_command("simulate_escalation", "shop", "--severity", "P2", "--at", "2026-11-22T03:10:00Z", "--json")
    found = json.loads(capsys.readouterr().out)
    reasons = [one["reason"] for one in found["steps"][:8] if one["outcome"] == "skipped"]
    assert reasons == ["Not for the level P2.", "Not in the calendar's hours (office).", "Not for these labels."]
