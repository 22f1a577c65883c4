"""Rules that depend on another are hidden while it fires, and act when they outlast it."""

from datetime import datetime

import pytest
from django.core.management import call_command

from alerts.models import AlertRule, Liveness
from notifications.models import Delivery
from tests.factories import MINUTE, NINE

pytestmark = pytest.mark.django_db

PACK = """
pack: {key: shop, name: Shop, version: 1, resolve_after: 0s}
severities: [{key: P1}]
params:
  DOWN: {type: bool, default: true}
  SLOW: {type: bool, default: true}
destinations: [{key: chat, kind: slack, address: "http://127.0.0.1:9/x"}]
routes: [{to: chat, default: true}]
rules:
  - {key: db-down, name: DB down, severity: P1, source: {events: {stream: shop, window: 5m}}, when: params.DOWN}
"""
CHILD = (
    "  - {{key: child-{}, severity: P1, source: {{events: {{stream: shop, window: 5m}}}}, when: params.SLOW, "
    "depends_on: db-down}}\n"
)


def check(at: datetime) -> None:
    call_command("run_timers", f"--now={at.isoformat()}")


@pytest.mark.req("DX-137")
def test_six_dependents_of_a_database_are_told_of_only_when_they_outlast_it(tmp_path, monkeypatch):
    path = tmp_path / "shop.yaml"
    path.write_text(PACK + "".join(CHILD.format(number) for number in range(6)))
    call_command("load_pack", str(path))
    assert AlertRule.objects.filter(suppressed_by__key="db-down").count() == 6

    def run(at: datetime) -> None:
        with pytest.raises(SystemExit):
            call_command("run_checks", "--force", f"--now={at.isoformat()}")
        check(at)

    run(NINE)
    assert Delivery.objects.filter(data__event="opened").count() == 1
    hidden = Liveness.objects.filter(verdict="suppressed", reason="hidden by firing DB down")
    assert Liveness.objects.filter(firing=True).count() == 7 and hidden.count() == 6
    monkeypatch.setenv("DOWN", "false")
    run(NINE + MINUTE)
    assert Delivery.objects.filter(data__event="opened").count() == 7
