"""What a pack says of triage, flags, queues and readiness is written back as it was read."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from packs import loader
from tests.checkup.test_readiness import PACK as READINESS
from tests.incidents.test_triage import PACK as TRIAGE

QUEUES = """queues:
  - {key: queues, name: Queues, rules: [backlog], age: age, age_unit: s, dead: dead}
rollback: {within: 15m, severities: [critical]}
"""


@pytest.mark.django_db
@pytest.mark.parametrize(("key", "text"), [("inbox", TRIAGE), ("dj", READINESS + QUEUES)])
def test_a_dumped_pack_loads_to_the_same(key, text):
    loader.load(text, name="first.yaml", at=timezone.now())
    out = StringIO()
    call_command("dump_pack", key, stdout=out)
    again = loader.load(out.getvalue(), name="dumped.yaml", at=timezone.now())
    assert [str(change) for change in again.changes] == []
    for word in ("triage", "components", "incident_fields") if key == "inbox" else ("flags", "queues", "readiness"):
        assert f"\n{word}:" in out.getvalue()
